# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Starting, stopping and describing one cluster: a single node in namespaces and control groups of its own."""

from __future__ import annotations

import datetime
import json
import shutil
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from . import addons, cgroups, network, pki, services, supervisor, virtual_node
from .addons import Manifests
from .addons.optional import ADDONS, Addon
from .api import Api, node_is_ready, pod_is_ready, pod_trouble, workload_is_ready
from .node import Node
from .process import CLEAN_ENVIRONMENT, SandboxError, differs, last_lines, locked, run, wait_until, write_file
from .progress import Progress
from .settings import ClusterAddresses, Settings

READY_TIMEOUT_S = 120.0
DNS_TIMEOUT_S = 120.0
ADDON_TIMEOUT_S = 180.0
SERVER_SIDE = ("--server-side", "--force-conflicts", "--field-manager=ack-sandbox")
# A daemon that had to be started this often within one `up` will not come up by itself.
MAX_STARTS = 5
# A kubelet that is well reports each 10 s (nodeStatusUpdateFrequency).
STALE = datetime.timedelta(seconds=45)


def addresses(settings: Settings, name: str) -> ClusterAddresses:
    """Raises SandboxError with the names there are."""
    if name not in settings.clusters:
        raise SandboxError(f"No cluster is called {name!r}. Clusters: {', '.join(settings.clusters)}.")
    return settings.clusters[name]


class Cluster:
    """One of the sandbox's clusters. `up` and `down` may be called in any state and any number of times."""

    def __init__(self, settings: Settings, name: str, report: Progress) -> None:
        self._settings, self._report = settings, report
        self.addresses = addresses(settings, name)
        self.name = name
        self._folder = settings.cluster_state(name)

    @property
    def wanted(self) -> bool:
        """Whether the sandbox's own `up` starts it again: yes since its last `up`, no since its last `down`."""
        return self._wanted.exists()

    @property
    def _wanted(self) -> Path:
        return self._folder / "wanted"

    def up(self) -> bool:
        """Start it, or repair what is there, and wait for its node and DNS. Returns whether anything had to be done."""
        sandbox = self._sandbox()
        with self._lock():
            write_file(self._wanted, "")
            node = self._node(sandbox)
            fresh = not (self._is_running(node) and self._is_written(node))
            if fresh:
                # Stopped before anything is written: if we are killed meanwhile, the next call starts it.
                self._stop()
                node = replace(node, python=supervisor.python())
                self._write(node)
                self._start(node)
            self._wait_for_node(node)
            manifests = addons.manifests(self._settings, self.addresses, node.binaries, sandbox["images"])
            stamp = self._folder / "addons.sha256"
            applied = fresh or differs(stamp, manifests.digest)
            if applied:
                # Also after a restart without a change: they may have been lost with the machine's last second.
                self._apply(node, manifests)
                write_file(stamp, manifests.digest)
        return applied

    def install(self, addon: str) -> bool:
        """Bring an addon's workloads into the running cluster and wait until they are ready."""
        node = self._running()
        wanted = self._addon(node, addon)
        with self._lock(), self._report.during(lambda: f"{self.name}: installing {addon}"):
            if wanted.programs:
                self._start_programs(node, addon, wanted)
            apply = [*self._kubectl(node), "apply", *SERVER_SIDE]
            if definitions := [f"--filename={folder}" for folder in wanted.definitions]:
                run([*apply, *definitions], timeout_s=120)
            if wanted.documents:
                run([*apply, "-f", "-"], text_in=wanted.documents, timeout_s=120)
            api = Api(self.addresses.node_ip, node.pki)
            if wanted.node:
                wait_until(
                    lambda: node_is_ready(api.get(f"/api/v1/nodes/{wanted.node}") or {}, self._heartbeat_after()),
                    timeout_s=ADDON_TIMEOUT_S,
                    failure=lambda: self._told(f"{wanted.node} was not ready", [p.name for p in wanted.programs]),
                )
            for pods in wanted.pods:
                wait_until(
                    lambda pods=pods: any(pod_is_ready(pod, self._started()) for pod in api.items(pods)),  # type: ignore[misc]
                    timeout_s=ADDON_TIMEOUT_S,
                    failure=lambda pods=pods: self._pods_trouble(api, addon, pods),  # type: ignore[misc]
                )
        self._report(f"{self.name}: {addon} is installed")
        return True

    def remove(self, addon: str) -> bool:
        """Take away what `install` brought, but for its definitions: what others made of them stays."""
        node = self._running()
        wanted = self._addon(node, addon)
        with self._lock():
            if wanted.documents:
                delete = [*self._kubectl(node), "delete", "--ignore-not-found", "--wait=false", "-f", "-"]
                run(delete, text_in=wanted.documents, timeout_s=120)
            if wanted.node:
                self._drain(node, wanted.node)
            if wanted.programs:
                (node.addons / f"{addon}.conf").unlink(missing_ok=True)
                supervisor.update(node.control_socket)
            if wanted.node:
                cgroups.kill(f"{self.addresses.node_name}/{virtual_node.GROUP}")
                run([*self._kubectl(node), "delete", "node", wanted.node, "--ignore-not-found"], timeout_s=120)
        self._report(f"{self.name}: {addon} is removed")
        return True

    def _start_programs(self, node: Node, addon: str, wanted: Addon) -> None:
        for certificate in wanted.certificates:
            pki.add(self.addresses, node.pki, certificate)
        conf, content = node.addons / f"{addon}.conf", supervisor.groups(node.folder, wanted.programs)
        changed = [write_file(path, text) for path, text in wanted.files.items()]
        if any(changed) or differs(conf, content):
            conf.unlink(missing_ok=True)
            supervisor.update(node.control_socket)
            write_file(conf, content)
        supervisor.update(node.control_socket)

    def _drain(self, node: Node, name: str) -> None:
        """Take the pods away while their kubelet can still end them."""
        kubectl = self._kubectl(node)
        if Api(self.addresses.node_ip, node.pki).get(f"/api/v1/nodes/{name}"):
            run([*kubectl, "cordon", name], timeout_s=60)
            pods = ["delete", "pods", "--all-namespaces", f"--field-selector=spec.nodeName={name}", "--grace-period=1"]
            run([*kubectl, *pods, "--timeout=90s"], timeout_s=120)

    def join(self, labels: Sequence[str]) -> bool:
        """Give the node labels, each KEY=VALUE: those of the node pool that it joins."""
        run([*self._kubectl(self._running()), "label", "node", self.addresses.node_name, "--overwrite", *labels])
        self._report(f"{self.name}: {self.addresses.node_name} has {', '.join(labels)}")
        return True

    def hold(self, daemon: str, *, stopped: bool) -> bool:
        """Stop one daemon and leave it so, or start it again. Returns whether it was otherwise before."""
        node = self._running()
        states = supervisor.states(node.control_socket) or {}
        if daemon not in states:
            raise SandboxError(f"No daemon is called {daemon!r}. Daemons: {', '.join(sorted(states))}.")
        changed = supervisor.hold(node.control_socket, daemon, stopped=stopped)
        self._report(f"{self.name}: {daemon} {'is stopped' if stopped else 'runs'}")
        return changed

    def _running(self) -> Node:
        node = self._node(self._sandbox())
        if not self._is_running(node):
            raise SandboxError(f"Cluster {self.name} does not run.", f"python -m ack_sandbox cluster up {self.name}")
        return node

    def _addon(self, node: Node, name: str) -> Addon:
        if name not in ADDONS:
            raise SandboxError(f"No addon is called {name!r}. Addons: {', '.join(ADDONS)}.")
        return ADDONS[name](node, self._report)

    def _pods_trouble(self, api: Api, addon: str, path: str) -> str:
        pods = api.items(path)
        troubles = [f"{pod['metadata']['name']}: {trouble}" for pod in pods if (trouble := pod_trouble(pod))]
        told = "; ".join(troubles) or f"{len(pods)} pods, none of them ready"
        return f"Cluster {self.name}: {addon} was not ready within {ADDON_TIMEOUT_S:g} s: {told}."

    def down(self, *, purge: bool = False) -> bool:
        """Stop it and leave nothing running; `purge` also forgets all it held. Returns whether there was anything."""
        with self._lock():
            found = self._stop()
            self._wanted.unlink(missing_ok=True)
            if purge and self._folder.exists():
                shutil.rmtree(self._folder)
                found = True
        return found

    def stop(self) -> bool:
        """As `down`, but the sandbox's next `up` starts it again."""
        with self._lock():
            return self._stop()

    def status(self) -> dict[str, Any]:
        """`state` (absent, stopped, starting, ready, broken), its daemons and workloads, and what is wrong."""
        node_name = self.addresses.node_name
        result: dict[str, Any] = {
            "name": self.name,
            "state": "absent",
            "api": self.addresses.api_url,
            "kubeconfig": str(self._settings.kubeconfig(self.name)),
            "daemons": {},
            "workloads": {},
            "problems": [],
        }
        if not cgroups.processes(node_name):
            result["state"] = "stopped" if self._folder.exists() else "absent"
            if self.wanted:
                result["problems"].append("it should run: `up` starts it again")
            return result
        states = supervisor.states(self._folder / "control.sock") or {}
        result["daemons"] = {name: info["statename"] for name, info in states.items()}
        sick = [name for name, info in states.items() if info["statename"] != "RUNNING"]
        api = Api(self.addresses.node_ip, self._folder / "pki")
        ready = node_is_ready(api.get(f"/api/v1/nodes/{node_name}") or {}, self._heartbeat_after())
        if not states:
            result["problems"].append("its supervisor does not answer")
        result["problems"] += [f"{name} is {states[name]['statename']}" for name in sick]
        if not ready:
            result["problems"].append("its node is not ready")
        for name, path in addons.WORKLOADS.items():
            found = api.get(path)
            result["workloads"][name] = "ready" if found and workload_is_ready(found) else "not ready"
        result["state"] = "ready" if ready and not sick else "broken" if not states else "starting"
        return result

    def _lock(self) -> Any:
        path = self._settings.state / "lock" / self.name
        return locked(path, lambda: self._report(f"{self.name}: another command works on it; waiting"))

    def _sandbox(self) -> dict[str, Any]:
        """The content of sandbox.json. Raises SandboxError where images could not be pulled."""
        path = self._settings.sandbox_file
        if not path.exists() or not services.listening(self._settings.registry):
            raise SandboxError("The sandbox is not up: its registry does not answer.", "Run `make sandbox-up` first.")
        found: dict[str, Any] = json.loads(path.read_text())
        return found

    def _node(self, sandbox: Mapping[str, Any]) -> Node:
        """The node with the interpreter it runs with: being asked by another one is no reason to start again."""
        used = self._folder / "python"
        python = used.read_text() if used.exists() else supervisor.python()
        return Node(self._settings, self.addresses, Path(sandbox["bin"]), sandbox["images"]["pause"], python)

    def _is_written(self, node: Node) -> bool:
        """Whether certificates and configuration are those that the daemons should run with."""
        files = node.files()
        return pki.is_current(self.addresses, node.pki) and not any(differs(path, files[path]) for path in files)

    def _write(self, node: Node) -> None:
        if not pki.is_current(self.addresses, node.pki):
            pki.make(self.addresses, node.pki)
        for folder in node.folders():
            folder.mkdir(parents=True, exist_ok=True)
        for path, text in node.files().items():
            write_file(path, text)
        write_file(self._folder / "python", node.python)
        kubeconfig = (node.pki / "admin.kubeconfig").read_text()
        write_file(self._settings.kubeconfig(self.name), kubeconfig, mode=0o600)

    def _is_running(self, node: Node) -> bool:
        return (
            network.namespace_exists(self.addresses)
            and bool(cgroups.processes(self.addresses.node_name))
            and supervisor.states(node.control_socket) is not None
        )

    def _start(self, node: Node) -> None:
        self._report(f"{self.name}: starting the node {self.addresses.node_name} ({self.addresses.node_ip})")
        network.create_namespace(self._settings, self.addresses)
        cgroups.create(self.addresses.node_name, virtual_node.GROUP)
        members = cgroups.create(self.addresses.node_name, "sys")
        with (node.logs / "init.log").open("w") as log:
            subprocess.Popen(
                launch_command(node, members),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**CLEAN_ENVIRONMENT, **self._settings.python_environment},
                cwd="/",
                start_new_session=True,
            )

    def _started(self) -> datetime.datetime:
        """When the node was started: what the API says of before then is history."""
        return datetime.datetime.fromtimestamp((self._folder / "log" / "init.log").stat().st_mtime, datetime.UTC)

    def _heartbeat_after(self) -> datetime.datetime:
        return max(self._started(), datetime.datetime.now(datetime.UTC) - STALE)

    def _stop(self) -> bool:
        name = self.addresses.node_name
        found = bool(cgroups.kill(name))
        cgroups.remove(name)
        return network.remove_namespace(self.addresses) or found

    def _wait_for_node(self, node: Node) -> None:
        start = time.monotonic()
        api = Api(self.addresses.node_ip, node.pki)
        path = f"/api/v1/nodes/{self.addresses.node_name}"
        pids: dict[str, set[int]] = {}

        def ready() -> bool:
            return node_is_ready(api.get(path) or {}, self._heartbeat_after())

        def broken() -> str:
            if time.monotonic() - start > 3 and not cgroups.processes(self.addresses.node_name):
                return self._told("the node's first process ended", ["init", "supervisord"])
            for name, info in (supervisor.states(node.control_socket) or {}).items():
                pids.setdefault(name, set()).add(info["pid"])
                if len(pids[name] - {0}) >= MAX_STARTS or info["statename"] == "FATAL":
                    return self._told(f"{name} does not stay up (state {info['statename']})", [name])
            return ""

        def failure() -> str:
            states = supervisor.states(node.control_socket) or {}
            sick = [name for name, info in states.items() if info["statename"] != "RUNNING"]
            what = f"the node was not ready within {READY_TIMEOUT_S:g} s"
            return self._told(what, sick or ["kubelet", "kube-apiserver"])

        waiting = f"{self.name}: waiting for the node {self.addresses.node_name}"
        with self._report.during(lambda: f"{waiting} ({time.monotonic() - start:.0f} s of {READY_TIMEOUT_S:g})"):
            wait_until(ready, timeout_s=READY_TIMEOUT_S, failure=failure, broken=broken)
        if (seconds := time.monotonic() - start) > 1:
            self._report(f"{self.name}: node ready after {seconds:.1f} s")

    def _told(self, what: str, logs: Iterable[str]) -> str:
        lines = [f"Cluster {self.name}: {what}."]
        for name in logs:
            path = self._folder / "log" / f"{name}.log"
            lines += [f"Last lines of {path}:", *(f"  {line}" for line in last_lines(path) or ["(empty)"])]
        return "\n".join(lines)

    def _apply(self, node: Node, manifests: Manifests) -> None:
        """Install everything and wait for the DNS; the gateway may get ready later."""
        start = time.monotonic()
        apply = [*self._kubectl(node), "apply", *SERVER_SIDE]
        definitions = [f"--filename={folder}" for folder in manifests.definitions]
        api = Api(self.addresses.node_ip, node.pki)
        with self._report.during(lambda: f"{self.name}: installing DNS and the gateway"):
            run([*apply, *definitions, "-f", "-"], text_in=manifests.first, timeout_s=120)
            run([*apply, "-f", "-"], text_in=manifests.then, timeout_s=120)
            wait_until(
                lambda: any(pod_is_ready(pod, self._started()) for pod in api.items(addons.COREDNS_PODS)),
                timeout_s=DNS_TIMEOUT_S,
                failure=lambda: self._dns_trouble(api),
            )
        self._report(f"{self.name}: DNS ready, gateway installed, after {time.monotonic() - start:.1f} s")

    def _kubectl(self, node: Node) -> list[str]:
        return [str(node.binaries / "kubectl"), f"--kubeconfig={self._settings.kubeconfig(self.name)}"]

    def _dns_trouble(self, api: Api) -> str:
        pods = api.items(addons.COREDNS_PODS)
        troubles = [f"{pod['metadata']['name']}: {trouble}" for pod in pods if (trouble := pod_trouble(pod))]
        told = "; ".join(troubles) or f"{len(pods)} pods, none of them ready"
        return f"Cluster {self.name}: CoreDNS was not ready within {DNS_TIMEOUT_S:g} s: {told}."


def launch_command(node: Node, members: Iterable[Path]) -> list[str]:
    """argv that joins the node's control groups, then its namespaces, and becomes its first process.

    Not `ip netns exec`: it mounts a new /sys, which would hide the control groups. When `unshare` dies, however it
    dies, the kernel kills PID 1 of the node and with it everything in it.
    """
    name = node.cluster.node_name
    init = [node.python, "-m", "ack_sandbox.node_init", str(node.folder), name, str(node.supervisor_config)]
    unshare = ["unshare", "--mount", "--propagation", "private", "--uts", "--ipc", "--pid", "--fork", "--kill-child"]
    enter = ["nsenter", f"--net={network.NETNS / name}", *unshare, "--mount-proc", *init]
    return cgroups.enter_command(members, enter)


def all_clusters(settings: Settings, report: Progress) -> list[Cluster]:
    return [Cluster(settings, name, report) for name in settings.clusters]
