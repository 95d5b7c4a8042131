# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""TensorFlow Serving on a part of a GPU: it takes all memory that it sees, unless it is told a fraction."""

from __future__ import annotations

from collections.abc import Sequence

# Per mille of the asked-for memory that TensorFlow may take; the rest is for CUDA itself.
# Source: gpushare-scheduler-extender, user guide (2026-11).
TENSORFLOW_SHARE = 700

# The device plugin says how much of which card the container got; nvidia-smi says how much of it the container sees,
# which is the part alone where the mode isolates memory.
_SCRIPT = f"""\
if [ -n "$ALIYUN_COM_GPU_MEM_CONTAINER" ]; then
  seen=$(nvidia-smi --query-gpu=memory.total --format=csv,noheader,nounits 2>/dev/null | head -n 1)
  share=$((ALIYUN_COM_GPU_MEM_CONTAINER * 1024 * {TENSORFLOW_SHARE} / ${{seen:-$((ALIYUN_COM_GPU_MEM_DEV * 1024))}}))
  [ "$share" -gt {TENSORFLOW_SHARE} ] && share={TENSORFLOW_SHARE}
  set -- "$@" "--per_process_gpu_memory_fraction=$(printf '0.%03d' "$share")"
fi
exec "$0" "$@"
"""


def on_shared_gpu(command: Sequence[str]) -> list[str]:
    """The same program, told which fraction of the GPU memory it may take."""
    return ["/bin/sh", "-c", _SCRIPT, *command]
