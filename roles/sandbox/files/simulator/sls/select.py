# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which containers' output a project's logstore holds: what a collection resource, or a container's variables, select.

Pure. Source: Simple Log Service documentation, "ClusterAliyunPipelineConfig parameters", "Collect container logs by
environment variables" (2026-11).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

Object = Mapping[str, Any]

STDOUT_INPUTS = ("input_container_stdio", "service_docker_stdout")
PREFIX = "aliyun_logs_"


class Source(NamedTuple):
    """One container whose standard output is collected."""

    namespace: str
    pod: str
    container: str


def logstores(configs: Sequence[Object], pods: Sequence[Object], project: str, default_project: str) -> set[str]:
    """Names of the logstores that somebody made in a project."""
    found = {store["name"] for config in _of(configs, project) for store in config["spec"].get("logstores") or ()}
    found |= {store for config in _of(configs, project) for store in _flushed(config)}
    for _source, env in _containers(pods):
        found |= {store for store, target in _by_variables(env, default_project) if target == project}
    return found


def sources(
    configs: Sequence[Object], pods: Sequence[Object], project: str, logstore: str, default_project: str
) -> list[Source]:
    """The containers whose output goes to a logstore."""
    chosen: dict[Source, None] = {}
    for config in _of(configs, project):
        if logstore in _flushed(config):
            for pod in pods:
                for source in _collected(config, pod):
                    chosen[source] = None
    for source, env in _containers(pods):
        if (logstore, project) in _by_variables(env, default_project):
            chosen[source] = None
    return sorted(chosen)


def _of(configs: Sequence[Object], project: str) -> Iterator[Object]:
    return (config for config in configs if config["spec"]["project"]["name"] == project)


def _flushed(config: Object) -> list[str]:
    flushers = config["spec"]["config"]["flushers"]
    return [str(each["Logstore"]) for each in flushers if each.get("Type") == "flusher_sls" and each.get("Logstore")]


def _collected(config: Object, pod: Object) -> Iterator[Source]:
    metadata = pod["metadata"]
    labels: Mapping[str, str] = metadata.get("labels") or {}
    for entry in config["spec"]["config"]["inputs"]:
        if entry.get("Type") not in STDOUT_INPUTS:
            continue
        wanted = entry.get("ContainerFilters") or entry
        if not _matches(wanted.get("K8sNamespaceRegex"), metadata["namespace"]):
            continue
        if not _matches(wanted.get("K8sPodRegex"), metadata["name"]):
            continue
        if not all(_matches(rule, labels.get(key)) for key, rule in (wanted.get("IncludeK8sLabel") or {}).items()):
            continue
        for container in pod["spec"]["containers"]:
            if _matches(wanted.get("K8sContainerRegex"), container["name"]):
                yield Source(metadata["namespace"], metadata["name"], container["name"])


def _matches(rule: str | None, found: str | None) -> bool:
    """A rule beginning with ^ is an expression, any other a value. None takes everything, an empty one what is set."""
    if rule is None:
        return True
    if found is None:
        return False
    return rule == "" or (re.search(rule, found) is not None if rule.startswith("^") else rule == found)


def _containers(pods: Sequence[Object]) -> Iterator[tuple[Source, dict[str, str]]]:
    for pod in pods:
        for container in pod["spec"]["containers"]:
            env = {each["name"]: str(each.get("value", "")) for each in container.get("env") or ()}
            yield Source(pod["metadata"]["namespace"], pod["metadata"]["name"], container["name"]), env


def _by_variables(env: Mapping[str, str], default_project: str) -> list[tuple[str, str]]:
    """(logstore, project) of `aliyun_logs_<name>=stdout`, with `_project` and `_logstore` beside it."""
    found = []
    for name, value in env.items():
        key = name.removeprefix(PREFIX)
        if name.startswith(PREFIX) and value == "stdout":
            found.append((env.get(f"{name}_logstore", key), env.get(f"{name}_project", default_project)))
    return found
