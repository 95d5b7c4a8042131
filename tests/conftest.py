"""Makes the checkout importable as the collection it is: ansible_collections.mlops.ack."""

from __future__ import annotations

import os
import sys
from pathlib import Path

REPO = Path(__file__).resolve().parents[1]
CACHE = Path(
    os.environ.get("MLOPS_ACK_CACHE") or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "mlops-ack"
)
COLLECTIONS = Path(os.environ.get("MLOPS_ACK_COLLECTIONS") or CACHE / "collections")

_link = COLLECTIONS / "ansible_collections/mlops/ack"
if not _link.exists() or _link.resolve() != REPO:
    _link.parent.mkdir(parents=True, exist_ok=True)
    _link.unlink(missing_ok=True)
    _link.symlink_to(REPO)

for _path in (COLLECTIONS, REPO / "roles/sandbox/files"):
    if str(_path) not in sys.path:
        sys.path.insert(0, str(_path))

for _name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
    os.environ.pop(_name, None)  # the CS SDK sends even loopback calls through them
os.environ["ALIBABA_CLOUD_ECS_METADATA_DISABLED"] = "true"
