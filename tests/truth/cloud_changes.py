"""Every kind of change of the modules that need no cluster of Kubernetes: ACK, OSS, folders, gates, designs.

The rows of one module build on each other, top to bottom. Names of a play (`work`, `simulator_faults`) stand in braces.
"""

from __future__ import annotations

from typing import Any

from .change import Change

NET = {"vpc_id": "vpc-1", "vswitch_ids": ["vsw-2", "vsw-1"]}
WAITS = {"wait_timeout": 120}


def cluster(what: str, *, invents: tuple[str, ...] = (), **options: Any) -> Change:
    return Change("ack_cluster", what, {"name": "one", **WAITS, **options}, invents=invents)


CLUSTERS = [
    cluster("create", **NET, version="1.34", tags={"team": "ml"}, endpoint_public_access=True, invents=("new",)),
    cluster("change tags", tags={"team": "ml", "stage": "prod"}),
    cluster("remove tags", tags={}),
    cluster("protect from deletion", deletion_protection=True),
    cluster("enable RRSA", enable_rrsa=True, invents=("rrsa",)),
    cluster("set the maintenance window", maintenance_window={"enable": True, "maintenance_time": "03:00:00Z"}),
    cluster("enlarge the control plane", cluster_spec="ack.pro.xlarge"),
    cluster("change the vSwitches", vswitch_ids=["vsw-1", "vsw-3"]),
    cluster("send the control plane's logs", control_plane_log={"components": ["kcm", "scheduler"]}, invents=("log",)),
    cluster("keep the control plane's logs for longer", control_plane_log={"components": ["kcm"], "ttl_days": 60}),
    cluster("end the control plane's logs", control_plane_log={"components": []}),
    cluster("install an addon", addons=[{"name": "ack-arena", "version": "0.15.3", "config": {"a": "1"}}]),
    cluster("install whatever version ACK has", addons=[{"name": "ack-ai-installer"}], invents=("addon",)),
    cluster("change an addon", addons=[{"name": "ack-arena", "version": "0.15.5", "config": {"b": "2"}}]),
    cluster("change two concerns", tags={"a": "b"}, deletion_protection=False),
    cluster("upgrade", version="1.35"),
    Change(
        "ack_cluster",
        "rename",
        {"cluster_id": "{{ one.clusters[0].cluster_id }}", "name": "first", **WAITS},
        before=({"mlops.ack.ack_cluster_info": {"name": "one"}, "register": "one"},),
    ),
    cluster("delete", name="first", state="absent"),
    cluster("refuse a version", name="two", **NET, version="1.20"),
    cluster("create a protected one", name="two", **NET, deletion_protection=True, invents=("new",)),
    cluster("refuse to delete a protected one", name="two", state="absent"),
    cluster("delete a protected one", name="two", state="absent", deletion_protection=False),
    cluster("create one of profile Serverless", name="ask", profile="Serverless", **NET, invents=("new",)),
    cluster(
        "create one with addons and logs",
        name="full",
        **NET,
        addons=[{"name": "flannel"}, {"name": "ack-arena", "config": {"a": "1"}}],
        control_plane_log={"components": ["kcm"]},
        invents=("new", "log", "addon"),
    ),
    cluster("create one of profile Edge", name="edge", profile="Edge", **NET, invents=("new",)),
]

A_CLUSTER = {"mlops.ack.ack_cluster": {"name": "pools", **NET, **WAITS, "wait_timeout": 300}}
AUTO = {"enable": True, "min_instances": 1, "max_instances": 4}
SHAPE = {"instance_types": ["ecs.g7.xlarge"], "vswitch_ids": ["vsw-1"]}


def pool(what: str, *, before: tuple[Any, ...] = (), invents: tuple[str, ...] = (), **options: Any) -> Change:
    wish = {"cluster_name": "pools", "name": "pool", **WAITS, **options}
    return Change("ack_node_pool", what, wish, before, invents)


POOLS = [
    pool("create", **SHAPE, desired_size=1, labels={"a": "1"}, before=(A_CLUSTER,), invents=("new",)),
    pool("scale out", desired_size=3, invents=("size",)),
    pool("scale in", desired_size=2, invents=("size",)),
    pool("change labels", labels={"b": "2"}),
    pool("set taints", taints=[{"key": "gpu", "value": "", "effect": "NoSchedule"}]),
    pool("change instance types", instance_types=["ecs.g7.xlarge", "ecs.g8.xlarge"]),
    pool("scale by itself", auto_scaling=AUTO, invents=("size",)),
    pool("scale no longer by itself", auto_scaling={"enable": False}, desired_size=2, invents=("size",)),
    pool("manage", management={"enable": True, "auto_repair": True, "auto_upgrade": True}),
    pool("buy spot instances", spot_price_limits={"ecs.g7.xlarge": 4.5}, instance_types=["ecs.g7.xlarge"]),
    pool("share GPUs", type="gpushare", gpu_share_mode="core_mem"),
    pool("delete", state="absent"),
]

ADDONS = [
    Change(
        "ack_addon",
        "install",
        {"cluster_name": "pools", "name": "loongcollector", "version": "3.1.2", "config": {"a": "1"}, **WAITS},
        before=(A_CLUSTER,),
        invents=("new",),
    ),
    Change("ack_addon", "install the newest", {"cluster_name": "pools", "name": "ack-arena"}, invents=("new",)),
    Change("ack_addon", "configure", {"cluster_name": "pools", "name": "loongcollector", "config": {"b": "2"}}),
    Change("ack_addon", "upgrade", {"cluster_name": "pools", "name": "loongcollector", "version": "latest"}),
    Change("ack_addon", "remove", {"cluster_name": "pools", "name": "loongcollector", "state": "absent"}),
    Change("ack_addon", "refuse a name", {"cluster_name": "pools", "name": "loongcolector"}),
]

KUBECONFIG = {"cluster_name": "pools", "dest": "{{ work }}/kubeconfig"}
KUBECONFIGS = [
    Change("ack_kubeconfig", "fetch", KUBECONFIG, (A_CLUSTER,), ("new",)),
    Change(
        "ack_kubeconfig",
        "renew",
        {**KUBECONFIG, "private": True},
        invents=("new",),
    ),
    Change("ack_kubeconfig", "revoke", {**KUBECONFIG, "state": "absent"}),
]


AN_EDGE = {"mlops.ack.ack_cluster": {"name": "edges", "profile": "Edge", **NET, "wait_timeout": 300}}
A_SITE = {"mlops.ack.ack_node_pool": {"cluster_name": "edges", "name": "plant", "type": "edge", "wait_timeout": 300}}
OF_SITE = {"cluster_name": "edges", "dest": "{{ work }}/attach.sh"}
SCRIPTS = [
    Change("ack_attach_script", "fetch", {**OF_SITE, "node_pool": "plant"}, (AN_EDGE, A_SITE), ("new",)),
    Change("ack_attach_script", "fetch another", {**OF_SITE, "node_pool": "plant", "arch": "arm64"}, (), ("new",)),
    Change("ack_attach_script", "delete", {**OF_SITE, "state": "absent"}),
    Change("ack_attach_script", "refuse a pool", {**OF_SITE, "node_pool": "plnt"}),
]


def bucket(what: str, before: tuple[Any, ...] = (), **options: Any) -> Change:
    return Change("oss_bucket", what, {"name": "t-bucket", **options}, before)


A_BUCKET = {"mlops.ack.oss_bucket": {"name": "t-files"}}
BUCKETS = [
    bucket("create", acl="private", tags={"team": "ml"}, storage_class="IA"),
    bucket("change tags", tags={"team": "other"}),
    bucket("remove tags", tags={}),
    bucket("keep versions", versioning=True),
    bucket("keep versions no longer", versioning=False),
    bucket("encrypt", encryption={"algorithm": "AES256"}),
    bucket("encrypt by a key", encryption={"algorithm": "KMS", "kms_key_id": "9468da86-3509-4f8d-a61e-6eab1eac0000"}),
    bucket("encrypt no longer", encryption={"algorithm": "none"}),
    bucket("set rules", lifecycle=[{"id": "runs", "prefix": "runs/", "expire_days": 30}]),
    bucket("remove rules", lifecycle=[]),
    bucket("open to all", acl="public-read", block_public_access=False),
    bucket("close", acl="private", block_public_access=True),
    bucket("refuse another storage class", storage_class="Standard"),
    bucket("delete", state="absent"),
    Change("oss_bucket", "refuse to delete a full one", {"name": "t-files", "state": "absent"}),
    Change("oss_bucket", "delete a full one", {"name": "t-files", "state": "absent", "delete_objects": True}),
]


def file(path: str, text: str) -> dict[str, Any]:
    return {"ansible.builtin.copy": {"dest": f"{{{{ work }}}}/{path}", "content": text, "mode": "0644"}}


def folder(path: str) -> dict[str, Any]:
    return {"ansible.builtin.file": {"path": f"{{{{ work }}}}/{path}", "state": "directory", "mode": "0755"}}


def gone(path: str) -> dict[str, Any]:
    return {"ansible.builtin.file": {"path": f"{{{{ work }}}}/{path}", "state": "absent"}}


UP = {"bucket": "t-files", "prefix": "in", "path": "{{ work }}/up"}
DOWN = {"bucket": "t-files", "prefix": "in", "path": "{{ work }}/down", "direction": "download"}
SYNCS = [
    Change("oss_sync", "upload", UP, (A_BUCKET, folder("up/deep"), file("up/a", "1"), file("up/deep/b", "2"))),
    Change("oss_sync", "upload what differs", UP, (file("up/a", "11"),)),
    Change("oss_sync", "leave what is extra", UP, (gone("up/deep"),)),
    Change("oss_sync", "delete what is extra", {**UP, "delete_extra": True}),
    Change("oss_sync", "download", DOWN),
    Change("oss_sync", "download what differs", DOWN, (file("down/a", "other"),)),
    Change("oss_sync", "delete extra files", {**DOWN, "delete_extra": True}, (file("down/extra", "other"),)),
    Change("oss_sync", "refuse an empty source", {**DOWN, "prefix": "nothing"}),
]

STORE = {"store": {"path": "{{ work }}/store"}}
OF_GATE = {"name": "evaluate-model", "environment": "prod", **STORE}
GATE = {**OF_GATE, "subject": {"model_digest": "sha256:aa"}, "evidence": {"accuracy": 0.97}}
BY_RULE = {**GATE, "environment": "dev", "policy": {"rule": "accuracy >= 0.95"}}
WORD = {**OF_GATE, "subject": {"model_digest": "sha256:aa"}, "reason": "0.97 on holdout", "approver": "alice"}
GATES = [
    Change("gate", "ask", {**GATE, "policy": {"approvers": ["alice", "bob"]}}),
    Change("gate_decision", "approve", {**WORD, "decision": "approve"}),
    Change("gate", "pass", {**GATE, "policy": {"approvers": ["alice", "bob"]}}),
    Change("gate_decision", "take back", {**WORD, "decision": "revoke", "reason": "Leaked"}),
    Change("gate_decision", "reject", {**WORD, "decision": "reject"}),
    Change("gate", "refuse what was rejected", {**GATE, "policy": {"approvers": ["alice", "bob"]}}),
    Change("gate_decision", "refuse who may not", {**WORD, "decision": "approve", "approver": "mallory"}),
    Change("gate", "decide by the task", {**GATE, "decision": "approve", "reason": "Good", "approver": "alice"}),
    Change("gate", "decide by rule", BY_RULE),
    Change("gate", "refuse by rule", {**BY_RULE, "subject": {"a": "b"}, "evidence": {"accuracy": 0.5}}),
    Change("gate", "refuse a rule", {**BY_RULE, "policy": {"rule": "acuracy >= 0.95"}}),
]

ATTEMPT = {"run_id": "r1", "environments": ["hangzhou", "shanghai"], **STORE}
STUCK = {"environment": "hangzhou", "failure": {"code": "Unschedulable", "message": "no room"}}
ATTEMPTS = [
    Change("training_attempt", "begin", ATTEMPT),
    Change("training_attempt", "go on elsewhere", {**ATTEMPT, "left": STUCK}),
    Change(
        "training_attempt", "refuse to leave for that", {**ATTEMPT, "left": {**STUCK, "failure": {"code": "JobFailed"}}}
    ),
    Change("training_attempt", "find nothing else", {**ATTEMPT, "left": {**STUCK, "environment": "shanghai"}}),
]

DESIGN = {"src": ["{{ work }}/design.yaml"], "fixed": "{{ work }}/fixed"}
DESIGNS = [
    Change("design", "write a corrected copy", DESIGN, (file("design.yaml", "{{ design }}"),)),
    Change("design", "write it again", DESIGN, (file("design.yaml", "{{ design }}# and a comment\n"),)),
    Change("design", "refuse", {"src": ["{{ work }}/broken.yaml"]}, (file("broken.yaml", "kind: [\n"),)),
]

CHANGES = [*CLUSTERS, *POOLS, *ADDONS, *KUBECONFIGS, *SCRIPTS, *SYNCS, *BUCKETS, *GATES, *ATTEMPTS, *DESIGNS]
