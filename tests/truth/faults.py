"""Faults, as data: what goes wrong where, what must come out, and what the next run does.

A row is one run of a module against a service that misbehaves. `outcome` is `done` or a failure's code. Afterwards
the service is well again and the same task runs twice: it ends well, and then has nothing left to do. `then` says
whether the first of the two still had to write. Nothing may take longer than its deadline and two seconds.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal, NamedTuple

from .cluster_changes import predictor
from .page import table

DONE = "done"
FOR_EVER = None
DEADLINE_S = 5
"""wait_timeout of a row whose module has one, request_timeout of the others."""


class Fault(NamedTuple):
    """`call`: what is hit, an action of a cloud API or `METHOD path` (a regular expression) of Kubernetes. `times`:
    how often, FOR_EVER until it is mended. `retryable`: what a failure says of itself.
    """

    kind: str
    service: Literal["ACK", "OSS", "Kubernetes"]
    call: str
    on: Literal["read", "write", "task"]
    module: str
    outcome: str
    then: Literal["writes", "nothing to do", "fails"]
    times: int | None = 2
    options: dict[str, Any] = {}
    before: tuple[tuple[str, dict[str, Any]], ...] = ()

    finally_: str = DONE
    """What the next runs come to: a failure that stays is told again."""
    spared: int = 0
    """How many calls pass before."""
    share: int = 1
    """How many request timeouts the run may take: a transfer of files is given ten."""
    within_s: int = DEADLINE_S
    """Its wait_timeout: what starts a pod needs more."""
    grace_s: int = 0
    """What putting things right may take beside: nobody waits for a job any more, and it must not go on."""

    @property
    def limits(self) -> dict[str, int]:
        """The options that end the run in time. What hangs is only tried again where a request may take less."""
        if "wait_timeout" not in self.options:
            return {"request_timeout": max(1, DEADLINE_S // self.share)}
        return {"wait_timeout": self.within_s, **({"request_timeout": 2} if self.times is not FOR_EVER else {})}

    @property
    def deadline_s(self) -> int:
        """Seconds after which it must be over."""
        return (self.limits.get("wait_timeout") or self.limits["request_timeout"] * self.share) + self.grace_s

    @property
    def name(self) -> str:
        often = "for ever" if self.times is FOR_EVER else f"{self.times}x"
        return f"{self.service} {self.call}: {self.kind} {often}, {self.module}"


NET = {"vpc_id": "vpc-1", "vswitch_ids": ["vsw-1"], "wait_timeout": 60}
CLUSTER = {"name": "{name}", **NET}
THERE = ("ack_cluster", CLUSTER)
TAGS = {"name": "{name}", "tags": {"a": "b"}, "wait_timeout": 60}
GUARD = {"name": "{name}", "deletion_protection": True, "wait_timeout": 60}
POOL = {
    "cluster_name": "{name}",
    "name": "pool",
    "instance_types": ["ecs.g7.xlarge"],
    "vswitch_ids": ["vsw-1"],
    "desired_size": 1,
    "wait_timeout": 60,
}
ADDON = {"cluster_name": "{name}", "name": "ack-arena", "wait_timeout": 60}
CONFIG_FILE = {"cluster_name": "{name}", "dest": "{folder}/kubeconfig"}

PASSING = ("throttle", "http500", "http503", "reset", "half")
TOLD = {
    "throttle": "Throttling.User",
    "http500": "InternalError",
    "http503": "ServiceUnavailable",
    "reset": "Unreachable",
    "half": "Unreachable",
    "hang": "Unreachable",
}
"""What ACK's faults are told as; OSS has its own word for throttling."""


def ack(
    kind: str, call: str, on: Any, module: str, outcome: str, then: Any, times: int | None = 2, **more: Any
) -> Fault:
    return Fault(kind, "ACK", call, on, module, outcome, then, times, **more)


def oss(
    kind: str, call: str, on: Any, module: str, outcome: str, then: Any, times: int | None = 2, **more: Any
) -> Fault:
    return Fault(kind, "OSS", call, on, module, outcome, then, times, **more)


ACK = [
    # A read is tried again.
    *(ack(k, "DescribeClustersV1", "read", "ack_cluster", DONE, "nothing to do", options=CLUSTER) for k in PASSING),
    *(
        ack(k, "DescribeClustersV1", "read", "ack_cluster", code, "writes", FOR_EVER, options=CLUSTER)
        for k, code in TOLD.items()
    ),
    *(ack(k, "DescribeClusterDetail", "read", "ack_cluster", DONE, "nothing to do", options=CLUSTER) for k in PASSING),
    ack("hang", "DescribeClusterDetail", "read", "ack_cluster", DONE, "nothing to do", 1, options=CLUSTER),
    # A creation is sent once more only where it was refused; where its answer was lost, what was made is looked for.
    ack("throttle", "CreateCluster", "write", "ack_cluster", DONE, "nothing to do", options=CLUSTER),
    ack("half", "CreateCluster", "write", "ack_cluster", DONE, "nothing to do", 1, options=CLUSTER),
    *(
        ack(k, "CreateCluster", "write", "ack_cluster", TOLD[k], "writes", 1, options=CLUSTER)
        for k in ("http500", "http503", "reset", "hang")
    ),
    *(
        ack(k, "CreateClusterNodePool", "write", "ack_node_pool", outcome, then, 1, options=POOL, before=(THERE,))
        for k, outcome, then in (
            ("throttle", DONE, "nothing to do"),
            ("half", DONE, "nothing to do"),
            ("http500", "InternalError", "writes"),
            ("reset", "Unreachable", "writes"),
        )
    ),
    # A change that may be sent twice is.
    *(
        ack(k, "ModifyClusterTags", "write", "ack_cluster", DONE, "nothing to do", options=TAGS, before=(THERE,))
        for k in PASSING
    ),
    *(
        ack(k, "ModifyCluster", "write", "ack_cluster", DONE, "nothing to do", options=GUARD, before=(THERE,))
        for k in ("throttle", "http500", "reset")
    ),
    ack(
        "half",
        "InstallClusterAddons",
        "write",
        "ack_addon",
        "Unreachable",
        "nothing to do",
        1,
        options=ADDON,
        before=(THERE,),
    ),
    ack(
        "http500",
        "InstallClusterAddons",
        "write",
        "ack_addon",
        "InternalError",
        "writes",
        1,
        options=ADDON,
        before=(THERE,),
    ),
    *(
        ack(
            k,
            "DescribeClusterUserKubeconfig",
            "read",
            "ack_kubeconfig",
            DONE,
            "nothing to do",
            options=CONFIG_FILE,
            before=(THERE,),
        )
        for k in ("throttle", "http503", "reset", "half")
    ),
    # Tasks.
    ack(
        "task_fail",
        "CreateCluster",
        "task",
        "ack_cluster",
        "TaskFailed",
        "fails",
        1,
        options=CLUSTER,
        finally_="ClusterFailed",
    ),
    ack("task_fail", "ModifyCluster", "task", "ack_cluster", "TaskFailed", "writes", 1, options=GUARD, before=(THERE,)),
    ack(
        "task_forever",
        "ModifyCluster",
        "task",
        "ack_cluster",
        "WaitTimeout",
        "fails",
        1,
        options=GUARD,
        before=(THERE,),
        finally_="WaitTimeout",
    ),
    ack(
        "success_but_unchanged",
        "ModifyCluster",
        "task",
        "ack_cluster",
        "NotApplied",
        "writes",
        1,
        options=GUARD,
        before=(THERE,),
    ),
    ack(
        "stock_shortage",
        "CreateClusterNodePool",
        "task",
        "ack_node_pool",
        "TooFewNodes",
        "fails",
        1,
        options=POOL,
        before=(THERE,),
        finally_="TooFewNodes",
    ),
]

BUCKET = {"name": "{bucket}"}
MADE = ("oss_bucket", BUCKET)
TAGGED = {"name": "{bucket}", "tags": {"a": "b"}}
UP = {"bucket": "{bucket}", "path": "{folder}/files"}
DOWN = {"bucket": "{bucket}", "path": "{folder}/down", "direction": "download"}
OSS_TOLD = {**TOLD, "throttle": "QpsLimitExceeded"}
DECIDE = {
    "name": "evaluate-model",
    "environment": "prod",
    "subject": {"model_digest": "sha256:aa"},
    "decision": "approve",
    "reason": "0.97",
    "approver": "alice",
    "store": {"bucket": "{bucket}"},
}

OSS = [
    *(oss(k, "GetBucketInfo", "read", "oss_bucket", DONE, "nothing to do", options=BUCKET) for k in PASSING),
    *(
        oss(
            k,
            "GetBucketInfo",
            "read",
            "oss_bucket",
            code,
            "nothing to do" if k == "half" else "writes",  # half a refusal is one: it was made, and not read back
            FOR_EVER,
            options=BUCKET,
        )
        for k, code in OSS_TOLD.items()
    ),
    *(oss(k, "PutBucketTags", "write", "oss_bucket", DONE, "nothing to do", options=TAGGED) for k in PASSING),
    *(oss(k, "PutBucket", "write", "oss_bucket", DONE, "nothing to do", options=BUCKET) for k in PASSING),
    *(oss(k, "PutObject", "write", "oss_sync", DONE, "nothing to do", options=UP, before=(MADE,)) for k in PASSING),
    *(
        oss(k, "GetObject", "read", "oss_sync", DONE, "nothing to do", options=DOWN, before=(MADE, ("oss_sync", UP)))
        for k in PASSING
    ),
    *(
        oss(k, "PutObject", "write", "oss_sync", code, "writes", FOR_EVER, options=UP, before=(MADE,))
        for k, code in OSS_TOLD.items()
        if k not in ("half", "hang")
    ),
    oss(
        "hang",
        "PutObject",
        "write",
        "oss_sync",
        "Unreachable",
        "writes",
        FOR_EVER,
        options=UP,
        before=(MADE,),
        share=10,
    ),
    *(
        oss(k, "PutObject", "write", "gate_decision", DONE, "nothing to do", options=DECIDE, before=(MADE,))
        for k in ("http500", "reset", "half")
    ),
]

CLOUD = [*ACK, *OSS]


PLACE = {"namespace": "{namespace}"}
CONFIG = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "one"}, "data": {"a": "{name}"}}
APPLY = {**PLACE, "definition": [CONFIG], "wait_timeout": 60}
POD = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "{name}"},
    "spec": {
        "terminationGracePeriodSeconds": 0,
        "containers": [{"name": "main", "image": "{busybox}", "command": ["sleep", "3600"]}],
    },
}
RUNS = {**PLACE, "definition": [POD], "wait_timeout": 60}
DELETE = {**PLACE, "definition": [CONFIG], "state": "absent", "wait_timeout": 60}
RELEASE = {**PLACE, "name": "{name}", "chart": "{folder}/chart", "helm_binary": "{helm}", "wait_timeout": 60}
ACCOUNT = {**PLACE, "service_account": "default", "dest": "{folder}/kubeconfig"}
TRAINER = {"name": "tensorflow", "image": "{busybox}", "command": ["true"]}
JOB = {
    **PLACE,
    "name": "{name}",
    "state": "suspended",
    "tf_replica_specs": {"Worker": {"replicas": 1, "template": {"spec": {"containers": [TRAINER]}}}},
    "wait_timeout": 60,
}
TRAIN = {
    **JOB,
    "state": "present",
    "tf_replica_specs": {
        "Worker": {"replicas": 1, "template": {"spec": {"containers": [{**TRAINER, "command": ["sleep", "18"]}]}}}
    },
}
VOLUME = {"hostPath": {"path": "{volume}", "type": "DirectoryOrCreate"}}
LOAD = {
    **PLACE,
    "name": "digits",
    "s3": {"bucket": "{bucket}", "prefix": "data"},
    "store": {"bucket": "{bucket}"},
    "volume": VOLUME,
    "image": "{training}",
    "wait_timeout": 60,
}
OBSERVE = {
    **PLACE,
    "name": "{name}",
    "traits": [{"type": "arms-metrics"}],
    "wait": False,
    "wait_timeout": 60,
}


def serve(hostname: str, *, number: int = 1) -> dict[str, Any]:
    return {
        **PLACE,
        "name": "{name}",
        "environment": "test",
        "store": {"path": "{folder}/store"},
        "image": "{serving}",
        "predictors": [predictor("stable", number, 100)],
        "route": {"gateway": {"name": "contour", "namespace": "projectcontour"}, "hostnames": [hostname]},
        "verify": {"requests": 0},
        "wait_timeout": 60,
    }


SERVES = (("tfserving", serve("{name}.test")),)
MOVED = serve("{name}.moved.test")
KUBE_TOLD = {
    "throttle": "Throttled",
    "http500": "ServerError",
    "http503": "ServerError",
    "reset": "Unreachable",
    "half": "Unreachable",
    "hang": "Unreachable",
}


def kube(
    kind: str, call: str, on: Any, module: str, outcome: str, then: Any, times: int | None = 2, **more: Any
) -> Fault:
    return Fault(kind, "Kubernetes", call, on, module, outcome, then, times, **more)


READ, WRITE = "GET .*/configmaps/one", "PATCH .*/configmaps/one.*force=true$"
KUBERNETES = [
    # A read is tried again.
    *(kube(k, READ, "read", "k8s_manifest", DONE, "nothing to do", options=APPLY) for k in PASSING),
    *(kube(k, READ, "read", "k8s_manifest", code, "writes", FOR_EVER, options=APPLY) for k, code in KUBE_TOLD.items()),
    # A server-side apply is the same however often it is sent.
    *(kube(k, WRITE, "write", "k8s_manifest", DONE, "nothing to do", options=APPLY) for k in PASSING),
    *(
        kube(
            k,
            WRITE,
            "write",
            "k8s_manifest",
            KUBE_TOLD[k],
            "nothing to do" if k == "half" else "writes",
            FOR_EVER,
            options=APPLY,
        )
        for k in KUBE_TOLD
    ),
    *(
        kube(
            k,
            "DELETE .*/configmaps/one",
            "write",
            "k8s_manifest",
            DONE,
            "nothing to do",
            options=DELETE,
            before=(("k8s_manifest", APPLY),),
        )
        for k in PASSING
    ),
    # While it waits.
    *(
        kube(k, "GET .*/pods/", "read", "k8s_manifest", DONE, "nothing to do", 3, options=RUNS)
        for k in ("throttle", "http503", "reset")
    ),
    *(
        kube(
            k, "GET .*/pods/", "read", "k8s_manifest", "WaitTimeout", "nothing to do", FOR_EVER, options=RUNS, spared=1
        )
        for k in ("http503", "hang")
    ),
    # What is not the same when it is sent twice is not, and told.
    kube(
        "throttle",
        "POST .*/serviceaccounts/default/token",
        "write",
        "service_account_kubeconfig",
        DONE,
        "nothing to do",
        options=ACCOUNT,
    ),
    *(
        kube(
            k,
            "POST .*/serviceaccounts/default/token",
            "write",
            "service_account_kubeconfig",
            KUBE_TOLD[k],
            "writes",
            1,
            options=ACCOUNT,
        )
        for k in ("http500", "http503", "reset", "half", "hang")
    ),
    *(
        kube(k, "(POST|PATCH) .*/tfjobs", "write", "tfjob", DONE, "nothing to do", options=JOB)
        for k in ("throttle", "http500", "reset", "half")
    ),
    kube(
        "hang",
        "GET .*/tfjobs/",
        "read",
        "tfjob",
        "WaitTimeout",
        "nothing to do",
        FOR_EVER,
        options=TRAIN,
        spared=3,
        grace_s=10,
    ),
    # A transfer's Job goes with its end, also with one that nobody could see.
    *(
        kube(k, "GET .*/jobs/", "read", "dataset", DONE, "nothing to do", 3, options=LOAD, within_s=60)
        for k in ("throttle", "http503", "reset")
    ),
    kube("hang", "GET .*/jobs/", "read", "dataset", "Unreachable", "writes", FOR_EVER, options=LOAD, spared=2),
    # A release moves its route only to what has been seen to serve.
    *(
        kube(k, "GET .*/httproutes", "read", "tfserving", DONE, "nothing to do", options=MOVED, before=SERVES)
        for k in ("http500", "reset", "half")
    ),
    *(
        kube(k, "PATCH .*/httproutes", "write", "tfserving", DONE, "nothing to do", options=MOVED, before=SERVES)
        for k in ("throttle", "http503", "half")
    ),
    kube(
        "hang",
        "PATCH .*/httproutes.*force=true$",
        "write",
        "tfserving",
        "Unreachable",
        "writes",
        FOR_EVER,
        options=MOVED,
        before=SERVES,
    ),
    kube(
        "hang",
        "GET .*/deployments/",
        "read",
        "tfserving",
        "WaitTimeout",
        "writes",
        FOR_EVER,
        options=serve("{name}.test", number=2),
        before=SERVES,
        spared=3,
    ),
    *(
        kube(k, "PATCH .*/podmonitors", "write", "observability", DONE, "nothing to do", options=OBSERVE)
        for k in ("http500", "reset", "half")
    ),
    kube(
        "hang",
        "PATCH .*/podmonitors.*force=true$",
        "write",
        "observability",
        "Unreachable",
        "writes",
        FOR_EVER,
        options=OBSERVE,
    ),
    # helm writes by itself; its records are read by us.
    *(kube(k, "GET .*/secrets", "read", "helm_release", DONE, "nothing to do", options=RELEASE) for k in PASSING),
    *(
        kube(k, "POST .*/secrets", "write", "helm_release", "HelmFailed", "writes", 1, options=RELEASE)
        for k in ("http500", "reset")
    ),
]


def draw(faults: Iterable[Fault]) -> str:
    """The page's table, of rows that came out as they should."""
    rows = []
    for fault in faults:
        often = "for ever" if fault.times is FOR_EVER else str(fault.times)
        what = DONE if fault.outcome == DONE else f"`{fault.outcome}`"
        place = (f"`{fault.module}`", f"{fault.service} `{fault.call}`", fault.on)
        rows.append((*place, f"`{fault.kind}`", often, what, fault.then))
    return table(("module", "call", "on a", "fault", "times", "comes out", "the next run"), rows)
