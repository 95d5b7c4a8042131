# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The command line: `python -m ack_sandbox COMMAND`. Progress goes to stderr, results to stdout.

Exit codes: 0 done, 1 failed, 2 the machine or the command line is not fit, 130 interrupted.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from . import digits, preflight, sandbox
from .addons.optional import ADDONS
from .cluster import Cluster
from .process import SandboxError, last_lines
from .progress import Progress
from .settings import Settings


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog="python -m ack_sandbox", description="Real Kubernetes and a simulated cloud.")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def add(name: str, text: str) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=text, description=text)
        command.add_argument("--json", action="store_true", help="print the result as JSON")
        return command

    add("preflight", "say what the machine lacks, change nothing")
    add("build", "build binaries and images into the cache")
    add("up", "start everything that does not run")
    add("down", "end everything; data stays")
    add("clean", "down, and remove all data; the cache stays")
    add("status", "show what runs")
    logs = add("logs", "print the end of a log")
    logs.add_argument("name", help="registry, simulator or CLUSTER/DAEMON, such as prod/kubelet")
    logs.add_argument("--lines", type=int, default=50, help="how many (default: 50)")
    data = add("digits", "write the handwritten digits as CSV files")
    data.add_argument("destination", type=Path)
    cluster = add("cluster", "start, stop or show one cluster, or give it an addon")
    cluster.add_argument("action", choices=["up", "down", "status", "install", "remove", "halt", "resume", "join"])
    cluster.add_argument("name", choices=list(Settings.from_environment().clusters))
    cluster.add_argument("--addon", choices=list(ADDONS), help="with install and remove: which")
    cluster.add_argument("--daemon", default="kube-apiserver", help="with halt and resume: which (kube-apiserver)")
    cluster.add_argument("--label", action="append", default=[], help="with join: a label of the node, KEY=VALUE")
    cluster.add_argument("--purge", action="store_true", help="with down: forget all the cluster held")
    return top


def execute(options: argparse.Namespace, settings: Settings, report: Progress) -> Any:
    """Run the command and return what to print."""
    match options.command:
        case "preflight":
            preflight.require(settings)
            return {"changed": False, "problems": []}
        case "build":
            return {"bin": str(sandbox.build(settings, report))}
        case "up":
            return sandbox.up(settings, report)
        case "down":
            return sandbox.down(settings, report)
        case "clean":
            return sandbox.clean(settings, report)
        case "status":
            return sandbox.status(settings)
        case "logs":
            return {"lines": last_lines(sandbox.log_file(settings, options.name), options.lines, limit_bytes=1 << 22)}
        case "digits":
            return {"changed": digits.write_digits(options.destination, settings.cache, report)}
    cluster = Cluster(settings, options.name, report)
    match options.action:
        case "up":
            return {"changed": cluster.up(), "kubeconfig": str(settings.kubeconfig(options.name))}
        case "down":
            return {"changed": cluster.down(purge=options.purge)}
        case "install":
            return {"changed": cluster.install(options.addon)}
        case "remove":
            return {"changed": cluster.remove(options.addon)}
        case "join":
            return {"changed": cluster.join(options.label)}
        case "halt" | "resume":
            return {"changed": cluster.hold(options.daemon, stopped=options.action == "halt")}
    return cluster.status()


def show(command: str, result: Any) -> str:
    """The result for a person, who has read on the way what changed."""
    if "changed" in result:
        return ""
    if command == "logs":
        return "\n".join(result["lines"])
    if command == "status":
        return "\n".join(status_table(result))
    return "\n".join(f"{key}: {value}" for key, value in result.items() if value not in ({}, []))


def status_table(status: dict[str, Any]) -> list[str]:
    rows = [("WHAT", "STATE", "WHERE")]
    for name, service in status["services"].items():
        rows.append((name, service["state"], ", ".join(service["listening"])))
    for name, cluster in status["clusters"].items():
        rows.append((f"cluster {name}", cluster["state"], cluster["kubeconfig"] if cluster["daemons"] else ""))
        rows += [(f"  {workload}", state, "") for workload, state in cluster["workloads"].items()]
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    lines = [f"{row[0]:<{widths[0]}}  {row[1]:<{widths[1]}}  {row[2]}".rstrip() for row in rows]
    problems = [f"{name}: {text}" for name, cluster in status["clusters"].items() for text in cluster["problems"]]
    return [f"The sandbox is {status['state']}.", "", *lines, *([""] if problems else []), *problems]


def main(argv: Sequence[str] | None = None) -> int:
    options = parser().parse_args(argv)
    try:
        result = execute(options, Settings.from_environment(), Progress())
    except preflight.PreflightError as error:
        print(error, file=sys.stderr)
        return 2
    except SandboxError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted; the same command continues where this one ended", file=sys.stderr)
        return 130
    if text := json.dumps(result, indent=2) if options.json else show(options.command, result):
        print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
