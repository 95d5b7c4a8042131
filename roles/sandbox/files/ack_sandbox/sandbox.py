# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The sandbox as a whole: `up` makes everything that is missing, `down` leaves nothing running."""

from __future__ import annotations

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from . import addons, chart, images, network, packages, preflight, services
from .addons import optional
from .cluster import Cluster, all_clusters
from .gobuild import Builder
from .process import SandboxError, locked, write_file
from .progress import Progress
from .settings import Settings

# What the sandbox and `make` put into the state folder, as patterns; `clean` removes nothing else.
OWN_STATE = ("clusters", "host", "lock", "sandbox.json", "collections-*")


def build(settings: Settings, report: Progress) -> Path:
    """Debian packages, binaries and images, whatever of it is not in the cache. Returns the folder of the binaries.

    The Go build keeps the processor busy, packages and the large images mostly network and disk: they run side by side.
    """
    with ThreadPoolExecutor(max_workers=1) as beside:
        prepared = beside.submit(_prepare, settings, report)
        binaries = Builder(settings, report).binaries()
        prepared.result()
    images.build_binaries(settings, binaries, report)
    return binaries


def _prepare(settings: Settings, report: Progress) -> None:
    packages.install(report)
    images.build_base(settings, report)


def up(settings: Settings, report: Progress) -> dict[str, Any]:
    """Bring everything up that is not. Returns {"changed", "sandbox_file"}."""
    preflight.require(settings)
    binaries = build(settings, report)
    with _lock(settings, report):
        changed = network.create_bridge(settings)
        changed = services.start(settings, report) or changed
        written = _describe(settings, binaries, report)
        changed = changed or written
    wanted = [cluster for cluster in all_clusters(settings, report) if cluster.wanted]
    with ThreadPoolExecutor() as together:
        changed = any(list(together.map(Cluster.up, wanted))) or changed
    report("the sandbox is up" if changed else "the sandbox is up; nothing had to be done")
    return {"changed": changed, "sandbox_file": str(settings.sandbox_file)}


def _describe(settings: Settings, binaries: Path, report: Progress) -> bool:
    """Push images and charts, and write sandbox.json. Returns whether that changed anything."""
    content = {
        **services.credentials(settings),
        "region": settings.region,
        "cs_endpoint": settings.cs_endpoint,
        "sls_endpoint": f"http://{settings.sls_endpoint}",
        "oss_endpoint": f"http://{settings.oss_bridge}",
        "registry": settings.registry,
        "images": images.push_all(settings, report),
        "charts": chart.push_all(settings, binaries, report),
        "gateway": {"name": addons.GATEWAY, "namespace": addons.GATEWAY_NAMESPACE, "class": addons.GATEWAY_CLASS},
        "prometheus": {
            name: f"http://{cluster.node_ip}:{optional.PROMETHEUS_PORT}" for name, cluster in settings.clusters.items()
        },
        "bin": str(binaries),
    }
    return write_file(settings.sandbox_file, json.dumps(content, indent=2) + "\n", mode=0o600)


def down(settings: Settings, report: Progress) -> dict[str, Any]:
    """End everything, in whatever state it is; data stays. The next `up` starts the same clusters again."""
    with _lock(settings, report):
        # The services first: the simulator would start clusters again.
        changed = services.stop(settings)
        for cluster in all_clusters(settings, report):
            stopped = cluster.stop()
            changed = changed or stopped
        removed = network.remove_bridge(settings)
    report("the sandbox is down" if changed or removed else "the sandbox was down already")
    return {"changed": changed or removed}


def clean(settings: Settings, report: Progress) -> dict[str, Any]:
    """`down`, and forget all it held. The cache stays."""
    changed = bool(down(settings, report)["changed"])
    for path in [path for pattern in OWN_STATE for path in settings.state.glob(pattern)]:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
        changed = True
    if settings.state.is_dir():
        if left := sorted(path.name for path in settings.state.iterdir()):
            report(f"left in {settings.state}, because the sandbox did not put it there: {', '.join(left)}")
        else:
            settings.state.rmdir()
    return {"changed": changed}


def status(settings: Settings) -> dict[str, Any]:
    """`state` is up, down or partial; then services, clusters and the bridge."""
    bridge = network.bridge_exists(settings)
    found_services = services.status(settings)
    clusters = {cluster.name: cluster.status() for cluster in all_clusters(settings, Progress())}
    serving = [service["state"] == "running" and bool(service["listening"]) for service in found_services.values()]
    alive = bridge or any(serving) or any(cluster["daemons"] for cluster in clusters.values())
    well = bridge and all(serving) and not any(cluster["problems"] for cluster in clusters.values())
    return {
        "state": "up" if well else "partial" if alive else "down",
        "bridge": bridge,
        "services": found_services,
        "clusters": clusters,
        "sandbox_file": str(settings.sandbox_file) if settings.sandbox_file.exists() else None,
    }


def log_file(settings: Settings, name: str) -> Path:
    """The log of `registry`, `simulator`, or `CLUSTER/DAEMON`. Raises SandboxError with the names there are."""
    folders = {"": settings.host_state / "log"}
    folders |= {f"{cluster}/": settings.cluster_state(cluster) / "log" for cluster in settings.clusters}
    known = {prefix + path.stem: path for prefix, folder in folders.items() for path in sorted(folder.glob("*.log"))}
    if name not in known:
        raise SandboxError(f"No log is called {name!r}. Logs: {', '.join(known) or 'none yet'}.")
    return known[name]


def _lock(settings: Settings, report: Progress) -> Any:
    return locked(settings.state / "lock" / "sandbox", lambda: report("another command works on the sandbox; waiting"))
