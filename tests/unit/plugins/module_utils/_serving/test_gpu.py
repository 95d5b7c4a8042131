"""TensorFlow Serving's share of a GPU, by a real shell."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from ansible_collections.mlops.ack.plugins.module_utils._serving.gpu import on_shared_gpu

from .builders import by_kind, one, revision


@pytest.mark.parametrize(
    ("given", "seen_mib", "flag"),
    [
        pytest.param({}, "", "", id="no device plugin: as without a GPU"),
        pytest.param({"CONTAINER": "8", "DEV": "24"}, "", "0.233", id="8 of 24 GiB, 30 % of it for CUDA itself"),
        pytest.param({"CONTAINER": "8", "DEV": "24"}, "8192", "0.700", id="an isolated part is all that it sees"),
        pytest.param({"CONTAINER": "8", "DEV": "24"}, "24576", "0.233", id="a part that is not isolated"),
        pytest.param({"CONTAINER": "24", "DEV": "24"}, "", "0.700", id="the whole card"),
    ],
)
def test_the_fraction_comes_from_what_the_pod_got(
    given: dict[str, str], seen_mib: str, flag: str, tmp_path: Path
) -> None:
    if seen_mib:
        smi = tmp_path / "nvidia-smi"
        smi.write_text(f"#!/bin/sh\necho {seen_mib}\necho 1\n")
        smi.chmod(0o755)
    environment = {f"ALIYUN_COM_GPU_MEM_{name}": value for name, value in given.items()}
    command = [*on_shared_gpu(["echo"]), "--port=8500", "--with space"]
    done = subprocess.run(
        command,
        env={"PATH": f"{tmp_path}:/usr/bin:/bin", **environment},
        capture_output=True,
        text=True,
        timeout=20,
        check=True,
    )
    expected = "--port=8500 --with space" + (f" --per_process_gpu_memory_fraction={flag}" if flag else "")
    assert done.stdout.strip() == expected


def test_a_predictor_on_a_shared_gpu_asks_for_its_part_and_starts_through_the_shell() -> None:
    container = by_kind(revision(one("a", 1, gpu_memory=8)))["Deployment"]["spec"]["template"]["spec"]["containers"][0]
    assert container["resources"]["limits"] == {"aliyun.com/gpu-mem": "8"}
    assert container["resources"]["requests"] == {"cpu": "100m", "memory": "512Mi"}
    assert container["command"][:2] == ["/bin/sh", "-c"]
    assert container["command"][-1] == "tensorflow_model_server"
