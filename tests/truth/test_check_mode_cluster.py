"""Check mode predicts what the run does, for every kind of change that needs a cluster of Kubernetes."""

from __future__ import annotations

import contextlib
import shutil
import uuid
from pathlib import Path
from typing import Any

import oss2
import pytest

from ansible_collections.mlops.ack.plugins.module_utils._core.context import Context
from ansible_collections.mlops.ack.plugins.module_utils._oss.store import open_store
from tests.integration.registry import finished_run, own_registry
from tests.integration.simulated import running
from tests.integration.site import bucket_of

from . import versions
from .audit import own_user
from .change import Change, Views, play
from .cluster_changes import CHANGES
from .held import draw, hold, hold_excuses, hold_forked
from .page import put

pytestmark = pytest.mark.sandbox

MODELS = {"r1": {"1/saved_model.pb": b"graph" * 1000}, "r2": {"1/saved_model.pb": b"other" * 1000}}


def played(sandbox: dict[str, Any], folder: Path, *, in_process: bool) -> Views:
    """In a namespace and with a simulator, a registry and a user of its own."""
    namespace = f"t-truth-{uuid.uuid4().hex[:6]}"
    work, cloud_folder = folder / "work", folder / "simulator"
    work.mkdir()
    cloud_folder.mkdir()
    host = sandbox["oss_endpoint"].removeprefix("http://").partition(":")[0]
    with contextlib.ExitStack() as stack:
        user = stack.enter_context(own_user(sandbox, namespace, folder))
        cloud = stack.enter_context(running(cloud_folder, host))
        registry = stack.enter_context(own_registry(work / "registry", folder / "registry.yml"))
        stack.callback(
            shutil.rmtree,
            Path(sandbox["state"]) / "clusters/prod/varlib/mlops-tests" / namespace,
            ignore_errors=True,
        )
        fill(work, bucket_of(cloud.oss), sandbox)
        return play(
            CHANGES,
            work,
            defaults={"oss": cloud.oss, "kube": {"kubeconfig": str(user.kubeconfig)}},
            variables={
                "namespace": namespace,
                "bucket": "ml-sandbox",
                "registry": registry,
                "images": sandbox["images"],
                "helm": str(Path(sandbox["bin"]) / "helm"),
            },
            log=cloud_folder / "state/requests.jsonl",
            audit=user.writes,
            in_process=in_process,
            timeout_s=1800,
        )


def fill(work: Path, bucket: oss2.Bucket, sandbox: dict[str, Any]) -> None:
    """Runs to make versions of, versions to serve, and data to train on."""
    for run_id, model in MODELS.items():
        finished_run(open_store({"store": {"path": str(work / "store")}}, Context()), run_id, model)
    versions.save(work / "serving-store", sandbox["images"]["busybox"])
    bucket.create_bucket("private")
    bucket.put_object("data/train/part-00.csv", b"0,1,2\n" * 500)


@pytest.fixture(scope="module")
def views(sandbox: dict[str, Any], observing: None, tmp_path_factory: pytest.TempPathFactory) -> Views:
    found = played(sandbox, tmp_path_factory.mktemp("fast"), in_process=True)
    put("check-mode", "cluster", draw(CHANGES, found))
    return found


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.name)
def test_what_is_predicted_is_what_is_done(views: Views, change: Change) -> None:
    hold(change, views[change.name])


def test_what_is_excused_is_really_invented(views: Views) -> None:
    hold_excuses(CHANGES, views)


@pytest.mark.long
def test_forked_modules_come_to_the_same(sandbox: dict[str, Any], views: Views, tmp_path: Path) -> None:
    forked = played(sandbox, tmp_path, in_process=False)
    hold_forked(CHANGES, views, forked)
