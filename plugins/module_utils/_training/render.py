# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""From the user's words to a TFJob manifest, held to the rules that the operator has, or should have.

Source: kubeflow training-operator 1.9 (API types, defaults and webhook), kubedl `training/v1alpha1` (2026-11).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from .._core.failure import Failure
from .._core.spelling import nearest, refuse
from .._kube.overlay import overlay
from .._kube.placement import PLACEMENT, Placement, placed_template, placement_in, refuse_both, resource_policy
from .volume import source


def _camel(word: str) -> str:
    head, *tail = word.split("_")
    return head + "".join(part.title() for part in tail)


CONTAINER = "tensorflow"
REPLICA_TYPES = ("Chief", "Evaluator", "Master", "PS", "Worker")
SCHEDULING = ("minAvailable", "minResources", "priorityClass", "queue", "scheduleTimeoutSeconds")
RESTART_POLICIES = ("Always", "ExitCode", "Never", "OnFailure")
RUN_LABEL = "mlops.ack/run-id"
ROLE_LABEL = "training.kubeflow.org/replica-type"  # set by the operator on each pod
REPLICA_FIELDS = frozenset({"replicas", "template", "restartPolicy", *(_camel(name) for name in PLACEMENT)})
PARAMETERS = "mlops.ack/parameters"  # annotation: what the environment was made of, for the record of the run
LABELS = {"app.kubernetes.io/managed-by": "mlops.ack"}

VOLUME = "mlops-data"
DATASET_DIR, OUTPUT_DIR, CHECKPOINT_DIR = "/mnt/dataset", "/mnt/output", "/mnt/checkpoint"
RESERVED = ("CHECKPOINT_DIR", "DATASET_DIR", "OUTPUT_DIR", "RUN_ID", "TF_CONFIG")

_NAME = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
_RUN_ID = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
LONGEST = 63  # of a DNS label: every pod gets a Service of its name

Object = dict[str, Any]


class Dialect(NamedTuple):
    """How the cluster's operator spells a TFJob. nested: policies below `spec.runPolicy`, else inline in `spec`."""

    api_version: str
    nested: bool
    can_suspend: bool


class Wish(NamedTuple):
    """A training job in the user's words. run_policy: camelCase keys, only what was set."""

    name: str
    namespace: str
    run_id: str
    replicas: Mapping[str, Any]
    run_policy: Mapping[str, Any]
    success_policy: str | None = None
    volume: Mapping[str, Any] | None = None
    dataset_path: str | None = None
    output_path: str | None = None
    parameters: Mapping[str, Any] | None = None
    by_policy: bool = False  # the cluster knows ResourcePolicy
    checkpoint_path: str | None = None
    labels: Mapping[str, str] | None = None
    annotations: Mapping[str, str] | None = None

    @property
    def is_queued(self) -> bool:
        """Whether somebody else starts it: a queue, or a person."""
        return bool(self.run_policy.get("suspend"))


def manifest(wish: Wish, dialect: Dialect, *, suspended: bool = False) -> Object:
    """The TFJob. Raises Failure `InvalidOption` that names the field, what was found and what is allowed."""
    replicas = replica_specs(wish)
    _check_names(wish, replicas)
    policy: Object = {"cleanPodPolicy": "Running", **{k: v for k, v in wish.run_policy.items() if k != "suspend"}}
    if suspended:
        policy["suspend"] = True
    if wish.is_queued and not dialect.can_suspend:
        raise _invalid("run_policy.suspend", True, f"is not known to the operator of {dialect.api_version}")
    spec: Object = {"runPolicy": policy} if dialect.nested else {**policy}
    if wish.success_policy is not None:
        spec["successPolicy"] = wish.success_policy
    spec["tfReplicaSpecs"] = replicas
    metadata: Object = {
        "name": wish.name,
        "namespace": wish.namespace,
        "labels": {**(wish.labels or {}), **LABELS, RUN_LABEL: wish.run_id},
        "annotations": {**(wish.annotations or {}), PARAMETERS: json.dumps(variables(wish.parameters), sort_keys=True)},
    }
    return {"apiVersion": dialect.api_version, "kind": "TFJob", "metadata": metadata, "spec": spec}


def policies(wish: Wish) -> list[Object]:
    """A ResourcePolicy for each replica type that bursts, where the cluster knows them."""
    found = []
    for kind, placed in placements(wish).items():
        if placed.burst and wish.by_policy:
            metadata = {
                "name": f"{wish.name}-{kind.lower()}",
                "namespace": wish.namespace,
                "labels": {**LABELS, RUN_LABEL: wish.run_id},
            }
            found.append(resource_policy(placed.burst, metadata, {RUN_LABEL: wish.run_id, ROLE_LABEL: kind.lower()}))
    return found


def placements(wish: Wish) -> dict[str, Placement]:
    """Where the pods of each replica type may run, by the operator's spelling of the type."""
    return {
        (kind := _replica_type(word)): placement_in(given, f"tf_replica_specs.{kind}")
        for word, given in wish.replicas.items()
        if isinstance(given, Mapping)
    }


def replica_specs(wish: Wish) -> dict[str, Object]:
    """`tfReplicaSpecs` with the operator's spelling, and volume and environment in every `tensorflow` container."""
    if not wish.replicas:
        raise Failure(
            "InvalidOption",
            "tf_replica_specs is empty; a job needs at least one replica type.",
            hint=f"Allowed are {', '.join(REPLICA_TYPES)}.",
            details={"field": "tf_replica_specs"},
        )
    found: dict[str, Object] = {}
    for word, given in wish.replicas.items():
        kind = _replica_type(word)
        if kind in found:
            raise _invalid("tf_replica_specs", word, f"has {kind} twice")
        found[kind] = _replica(f"tf_replica_specs.{kind}", given, wish)
    if "Chief" in found and "Master" in found:
        raise _invalid("tf_replica_specs", "Chief and Master", "has both; a job has one of them")
    for kind in found.keys() & {"Chief", "Master"}:
        if found[kind]["replicas"] != 1:
            raise _invalid(f"tf_replica_specs.{kind}.replicas", found[kind]["replicas"], "allows 1 only")
    return found


def run_policy(given: Mapping[str, Any] | None) -> dict[str, Any]:
    """The option `run_policy` with the API's camelCase keys, without what was not set."""
    policy = {_camel(key): value for key, value in (given or {}).items() if value is not None and value is not False}
    if "schedulingPolicy" in policy:
        policy["schedulingPolicy"] = {_scheduling(key): value for key, value in policy["schedulingPolicy"].items()}
    return policy


def _scheduling(word: str) -> str:
    """The API drops a word of a gang that it does not know, and the job then waits for nobody."""
    if _camel(str(word)) not in SCHEDULING:
        raise refuse("run_policy.scheduling_policy", word, SCHEDULING)
    return _camel(str(word))


def variables(parameters: Mapping[str, Any] | None) -> dict[str, str]:
    """Parameters as environment variables: text as it is, numbers and truth as JSON writes them, the rest as JSON."""
    found = {}
    for key, value in (parameters or {}).items():
        if not _VARIABLE.fullmatch(str(key)) or key in RESERVED:
            why = "is set by this module" if key in RESERVED else "is no name of an environment variable"
            raise _invalid("parameters", key, why)
        found[str(key)] = value if isinstance(value, str) else json.dumps(value, sort_keys=True)
    return found


def pod_names(wish: Wish) -> list[str]:
    """The pods that the operator will make: `<job>-<type>-<index>`."""
    return [
        f"{wish.name}-{kind.lower()}-{index}"
        for kind, spec in replica_specs(wish).items()
        for index in range(spec["replicas"])
    ]


def image(replicas: Mapping[str, Any]) -> str:
    """The image of the container that trains: of the chief, else of the first type."""
    kind = next((kind for kind in ("Chief", "Master", "Worker") if kind in replicas), next(iter(replicas)))
    containers = replicas[kind]["template"]["spec"]["containers"]
    return str(next(each["image"] for each in containers if each["name"] == CONTAINER))


def _replica_type(word: str) -> str:
    by_fold = {kind.lower(): kind for kind in REPLICA_TYPES}
    if str(word).lower() not in by_fold:
        raise refuse("tf_replica_specs", word, REPLICA_TYPES)
    return by_fold[str(word).lower()]


def _replica(field: str, given: Any, wish: Wish) -> Object:
    if not isinstance(given, Mapping):
        raise _invalid(field, given, "needs a mapping with replicas and template")
    spec = {_camel(str(key)): value for key, value in given.items()}
    for key in sorted(spec.keys() - REPLICA_FIELDS):
        raise refuse(field, key, REPLICA_FIELDS)
    replicas = spec.get("replicas", 1)
    if isinstance(replicas, bool) or not str(replicas).isdigit() or int(replicas) < 1:
        raise _invalid(f"{field}.replicas", replicas, "needs a whole number above 0")
    placed = placement_in(given, field)
    # A spot instance that is taken back ends its pod with 143: the operator starts another, and others still fail.
    restart = spec.get("restartPolicy", "ExitCode" if placed.spot else "Never")
    if restart not in RESTART_POLICIES:
        raise refuse(f"{field}.restartPolicy", restart, RESTART_POLICIES)
    if placed.spot and restart == "Never":
        raise _invalid(f"{field}.restartPolicy", restart, "would end the job when a spot instance is taken back")
    template = spec.get("template")
    if not isinstance(template, Mapping) or not isinstance(template.get("spec"), Mapping):
        raise _invalid(f"{field}.template", template, "needs a pod template with a spec")
    return {
        "replicas": int(replicas),
        "restartPolicy": restart,
        "template": _template(f"{field}.template", template, wish, placed),
    }


def _template(field: str, template: Mapping[str, Any], wish: Wish, placed: Placement) -> Object:
    """The user's template with our environment, volume, mounts and limits in its `tensorflow` container."""
    spec = dict(template["spec"])
    containers = spec.get("containers")
    if not isinstance(containers, list) or not containers:
        raise _invalid(f"{field}.spec.containers", containers, "needs at least one container")
    for number, container in enumerate(containers):
        for key in ("name", "image"):
            if not isinstance(container, Mapping) or not container.get(key):
                raise _invalid(f"{field}.spec.containers[{number}]", container, f"has no {key}")
    names = [container["name"] for container in containers]
    if CONTAINER not in names:
        meant = nearest(CONTAINER, names)
        raise Failure(
            "InvalidOption",
            f"{field}.spec.containers has {', '.join(names)}, but none is named {CONTAINER}.",
            hint=f"Rename '{meant or names[0]}'; the operator gives TF_CONFIG to {CONTAINER} only.",
            details={"field": f"{field}.spec.containers", "found": names, "allowed": [CONTAINER]},
        )
    spec["containers"] = [
        _equip(f"{field}.spec.containers", each, wish) if each["name"] == CONTAINER else each for each in containers
    ]
    if wish.volume:
        spec["volumes"] = [*(spec.get("volumes") or []), {"name": VOLUME, **source(wish.volume)}]
    equipped: Object = overlay({**template, "spec": spec}, placed_template(placed, CONTAINER, by_policy=wish.by_policy))
    refuse_both(_limits(equipped), field)
    if wish.by_policy and placed.burst:
        equipped = overlay(equipped, {"metadata": {"labels": {RUN_LABEL: wish.run_id}}})
    return equipped


def _limits(template: Mapping[str, Any]) -> set[str]:
    containers = template["spec"]["containers"]
    return {name for each in containers for name in (each.get("resources") or {}).get("limits") or {}}


FIELDS = {"DATASET_DIR": "dataset_path", "OUTPUT_DIR": "output_path", "CHECKPOINT_DIR": "checkpoint.path"}
"""The option by which a folder is mounted, by the variable that names its place."""


def _equip(field: str, container: Mapping[str, Any], wish: Wish) -> Object:
    environment = variables(wish.parameters)
    mounts: list[Object] = []
    for path, place, variable, is_read_only in (
        (wish.dataset_path, DATASET_DIR, "DATASET_DIR", True),
        (wish.output_path, OUTPUT_DIR, "OUTPUT_DIR", False),
        (wish.checkpoint_path, CHECKPOINT_DIR, "CHECKPOINT_DIR", False),
    ):
        if wish.volume and path:
            if path.startswith("/") or ".." in path.split("/"):
                raise _invalid(FIELDS[variable], path, "needs a path relative to the volume")
            environment[variable] = place
            mounts.append({"name": VOLUME, "mountPath": place, "subPath": path, "readOnly": is_read_only})
    environment["RUN_ID"] = wish.run_id
    own = {each.get("name") for each in container.get("env") or []}
    if twice := sorted(own & environment.keys()):
        raise _invalid(f"{field}.env", ", ".join(twice), "is given by parameters or by this module too; keep one")
    equipped = {
        **container,
        "env": [*(container.get("env") or []), *({"name": k, "value": v} for k, v in sorted(environment.items()))],
    }
    if mounts:
        equipped["volumeMounts"] = [*(container.get("volumeMounts") or []), *mounts]
    return equipped


def _check_names(wish: Wish, replicas: Mapping[str, Object]) -> None:
    longest = max(len(f"{wish.name}-{kind.lower()}-{spec['replicas'] - 1}") for kind, spec in replicas.items())
    if not _NAME.fullmatch(wish.name):
        raise _invalid("name", wish.name, "needs lower-case letters, digits and '-', with a letter first")
    if longest > LONGEST:
        most = len(wish.name) - (longest - LONGEST)
        raise _invalid("name", wish.name, f"is too long: its pods' names would pass {LONGEST}; {most} is the most")
    if not _RUN_ID.fullmatch(wish.run_id):
        raise _invalid("run_id", wish.run_id, "needs up to 63 letters, digits, '-', '_' and '.'")


def _invalid(field: str, found: object, why: str) -> Failure:
    shown = json.dumps(found, default=str)
    return Failure("InvalidOption", f"{field} is {shown[:200]}: it {why}.", details={"field": field, "found": found})
