"""Every kind of change of the modules that need a cluster of Kubernetes, a registry or a training operator.

The rows of one module build on each other, top to bottom. Names of the play stand in braces: `namespace`, `work` (a
folder that is watched), `images`, `registry`, `helm`, `prometheus`.
"""

from __future__ import annotations

from typing import Any

from tests.integration.test_tfserving import SERVER

from .change import Change

WAITS = {"wait_timeout": 240}


def config(name: str, **data: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}


def deployment(name: str, **spec: Any) -> dict[str, Any]:
    container = {"name": "main", "image": "{{ images.busybox }}", "command": ["sleep", "3600"]}
    pod = {"containers": [container], "terminationGracePeriodSeconds": 0}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": {"labels": {"app": name}}, "spec": pod},
            **spec,
        },
    }


SECRET = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "stringData": {"key": "hunter2-hunter2"}}


def objects(what: str, *definition: Any, invents: tuple[str, ...] = (), **options: Any) -> Change:
    wish = {"namespace": "{{ namespace }}", "definition": list(definition), **options}
    return Change("k8s_manifest", what, wish, invents=invents)


OBJECTS = [
    objects("create", config("one", a="1"), config("two", a="1"), owner="set", invents=("object", "new")),
    objects("create what has a status", deployment("web"), invents=("object", "new", "status", "controllers"), **WAITS),
    objects("update", config("one", a="2"), invents=("object",)),
    objects("update a workload", deployment("web", revisionHistoryLimit=3), invents=("object", "status"), **WAITS),
    objects("prune", config("one", a="2"), owner="set", prune=True, invents=("object",)),
    objects("keep a secret", SECRET, invents=("object", "new")),
    objects("refuse what is no object", {"kind": "ConfigMap"}),
    objects("refuse what the server refuses", config("bad", **{"not valid!": "x"})),
    objects("delete", config("one"), deployment("web"), state="absent"),
    objects("delete what is not there", config("one"), state="absent"),
]

CONFIG = """
apiVersion: v1
kind: ConfigMap
metadata: {name: "{{ '{{' }} .Release.Name {{ '}}' }}-data"}
data: {greeting: "{{ '{{' }} .Values.greeting {{ '}}' }}"}
"""


def chart(version: str) -> tuple[dict[str, Any], ...]:
    about = f"{{apiVersion: v2, name: greeter, version: {version}, appVersion: '9'}}\n"
    files = {"Chart.yaml": about, "values.yaml": "greeting: hello\n", "templates/config.yaml": CONFIG}
    return (
        {"ansible.builtin.file": {"path": "{{ work }}/greeter/templates", "state": "directory", "mode": "0755"}},
        *(
            {"ansible.builtin.copy": {"dest": f"{{{{ work }}}}/greeter/{path}", "content": text, "mode": "0644"}}
            for path, text in files.items()
        ),
    )


def release(what: str, *, before: tuple[Any, ...] = (), invents: tuple[str, ...] = ("time",), **options: Any) -> Change:
    place = {"name": "greeter", "namespace": "{{ namespace }}", "helm_binary": "{{ helm }}", **WAITS}
    if not ({"state", "revision", "chart"} & set(options)):
        place["chart"] = "{{ work }}/greeter"
    return Change("helm_release", what, {**place, **options}, before, invents)


RELEASES = [
    release("install", before=chart("1.0.0"), values={"greeting": "hi", "auth": {"password": "hunter2-hunter2"}}),
    release("change values", values={"greeting": "servus"}),
    release("change the chart", before=chart("1.1.0")),
    release("go back", revision=1),
    release("remove values", values={}),
    release("refuse a chart", chart="/no/such/chart", invents=()),
    release("uninstall", state="absent", invents=()),
    release("uninstall what is not there", state="absent", invents=()),
]

ACCOUNT = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "team"}}
AN_ACCOUNT = {"mlops.ack.k8s_manifest": {"namespace": "{{ namespace }}", "definition": [ACCOUNT]}}
OF_ACCOUNT = {"namespace": "{{ namespace }}", "service_account": "team", "dest": "{{ work }}/team.kubeconfig"}
ACCOUNTS = [
    Change("service_account_kubeconfig", "fetch", OF_ACCOUNT, (AN_ACCOUNT,), ("new",)),
    Change("service_account_kubeconfig", "renew", {**OF_ACCOUNT, "server": "https://198.18.0.11:6443/"}, (), ("new",)),
    Change("service_account_kubeconfig", "remove", {**OF_ACCOUNT, "state": "absent"}),
    Change("service_account_kubeconfig", "refuse an account", {**OF_ACCOUNT, "service_account": "nobody"}),
]

VERSION = {
    "store": {"path": "{{ work }}/store"},
    "name": "digits",
    "run_id": "r1",
    "image_repo": "{{ registry }}/models/digits",
    "base_image": "{{ registry }}/base:1",
    "registry": {"insecure": True},
}
LOST_IMAGE = {
    "ansible.builtin.file": {
        "path": "{{ work }}/registry/docker/registry/v2/repositories/models/digits/_manifests",
        "state": "absent",
    }
}
VERSIONS = [
    Change("model_version", "save", VERSION),
    Change("model_version", "save another", {**VERSION, "run_id": "r2"}),
    Change("model_version", "push what was lost", VERSION, (LOST_IMAGE,)),
    Change("model_version", "refuse a run", {**VERSION, "run_id": "r3"}),
]

WORKER = (
    "import json, os, pathlib\n"
    "out = pathlib.Path(os.environ['OUTPUT_DIR'])\n"
    "(out / 'model/1').mkdir(parents=True, exist_ok=True)\n"
    "(out / 'model/1/saved_model.pb').write_bytes(b'graph')\n"
    "(out / 'metrics.json').write_text(json.dumps({'accuracy': 0.97}))\n"
)
VOLUME = {"hostPath": {"path": "/var/lib/mlops-tests/{{ namespace }}", "type": "DirectoryOrCreate"}}
TRANSFER = {
    "namespace": "{{ namespace }}",
    "volume": VOLUME,
    "image": "{{ images.training }}",
    "store": {"bucket": "{{ bucket }}"},
    **WAITS,
}


def job(
    what: str, *, invents: tuple[str, ...] = (), name: str = "one", program: str = WORKER, **options: Any
) -> Change:
    container = {"name": "tensorflow", "image": "{{ images.training }}", "command": ["python3", "-c", program]}
    pod = {"terminationGracePeriodSeconds": 1, "containers": [container]}
    wish = {
        "name": name,
        "namespace": "{{ namespace }}",
        "tf_replica_specs": {"Worker": {"replicas": 1, "restartPolicy": "Never", "template": {"spec": pod}}},
        "volume": VOLUME,
        "output_path": f"runs/{name}/output",
        "store": {"bucket": "{{ bucket }}"},
        **WAITS,
        **options,
    }
    return Change("tfjob", what, wish, (), invents)


RUN = {
    **TRANSFER,
    "run_id": "one",
    "model_name": "digits",
    "job": "{{ trained.jobs[0] }}",
    "dataset": {"name": "digits", "digest": "sha256:" + "a" * 64},
    "output_path": "runs/one/output",
}
TRAINING = [
    Change("dataset", "load", {**TRANSFER, "name": "digits", "s3": {"bucket": "{{ bucket }}", "prefix": "data"}}),
    Change(
        "dataset", "refuse what is empty", {**TRANSFER, "name": "no", "s3": {"bucket": "{{ bucket }}", "prefix": "no"}}
    ),
    job("train", invents=("new", "to come")),
    job("refuse another job of the name", program="pass"),
    job("make a suspended one", name="two", state="suspended", invents=("new", "to come")),
    job("resume", name="two", invents=("to come",)),
    job("delete", name="two", state="absent"),
    Change(
        "training_run",
        "collect",
        RUN,
        (
            {
                "mlops.ack.tfjob_info": {"namespace": "{{ namespace }}", "name": "one"},
                "register": "trained",
            },
        ),
        ("new",),
    ),
    Change(
        "training_run_info",
        "fetch",
        {"run_id": "one", "fetch": "{{ work }}/seen", "store": {"bucket": "{{ bucket }}"}},
    ),
]


def predictor(name: str, number: int, share: int, **more: Any) -> dict[str, Any]:
    server = {
        "name": "tensorflow",
        "command": ["python3.11", "-c", SERVER],
        "env": [{"name": "NUMBER", "value": f"{number}"}],
    }
    template = {"spec": {"containers": [server], "initContainers": [{"name": "model", "command": ["true"]}]}}
    return {
        "name": name,
        "model_version": f"digits-v{number}",
        "traffic_percentage": share,
        "template": template,
        **more,
    }


OF_SERVING = {
    "name": "digits",
    "namespace": "{{ namespace }}",
    "environment": "test",
    "store": {"path": "{{ work }}/serving-store"},
    **WAITS,
}


def serving(what: str, *predictors: dict[str, Any], invents: tuple[str, ...] = (), **options: Any) -> Change:
    route = {"gateway": {"name": "contour", "namespace": "projectcontour"}, "hostnames": ["{{ namespace }}.test"]}
    wish = {**OF_SERVING, "image": "{{ images.serving }}", "predictors": list(predictors), "route": route, **options}
    return Change("tfserving", what, wish, (), invents)


SERVINGS = [
    serving("release", predictor("stable", 1, 100), invents=("release",)),
    serving("add one at a share", predictor("stable", 1, 90), predictor("canary", 2, 10), invents=("release",)),
    serving(
        "change shares, and count them",
        predictor("stable", 1, 50),
        predictor("canary", 2, 50),
        verify={"requests": 200, "endpoint": "http://198.18.0.11", "tolerance": 20},
        invents=("release", "split"),
    ),
    serving("scale", predictor("stable", 1, 50, replicas=2), predictor("canary", 2, 50), invents=("release",)),
    serving("serve another version", predictor("stable", 2, 100), invents=("release",)),
    serving("batch", predictor("stable", 2, 100, batching={"batch_size": 8}), invents=("release",)),
    serving(
        "scale by itself",
        predictor("stable", 2, 100, batching={"batch_size": 8}, auto_scale={"min_replicas": 1, "max_replicas": 2}),
        invents=("release",),
    ),
    serving("refuse shares", predictor("stable", 1, 90), predictor("canary", 2, 9)),
    serving("refuse a version", predictor("stable", 9, 100)),
    Change(
        "tfserving_rollback",
        "go back to a release",
        {**OF_SERVING, "release": "1", "reason": "Why not"},
        (),
        ("release",),
    ),
    Change("tfserving_rollback", "refuse a release", {**OF_SERVING, "release": "99", "reason": "Why not"}),
]

METRICS = {
    "name": "digits",
    "namespace": "{{ namespace }}",
    "traits": [{"type": "arms-metrics"}],
    "wait": False,
}
OBSERVED = [
    Change("observability", "observe", METRICS),
    Change("observability", "change the limits", {**METRICS, "limits": {"p99_ms": 250}}),
    Change("observability", "observe no more", {"name": "digits", "namespace": "{{ namespace }}", "state": "absent"}),
]

GONE = [Change("tfserving", "remove", {**OF_SERVING, "state": "absent"})]

CHANGES = [*OBJECTS, *RELEASES, *ACCOUNTS, *VERSIONS, *TRAINING, *SERVINGS, *OBSERVED, *GONE]
