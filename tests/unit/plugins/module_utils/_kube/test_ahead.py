"""What keeps images on the nodes of a site."""

from __future__ import annotations

import pytest

from ansible_collections.mlops.ack.plugins.module_utils._core.failure import Failure
from ansible_collections.mlops.ack.plugins.module_utils._kube.ahead import model_images, pull_ahead

VERSIONS = [{"reference": f"digits-v{n}", "image": f"models/digits@sha256:{n}"} for n in (1, 2)]


def test_each_image_is_held_once_by_a_container_that_sleeps() -> None:
    pod = pull_ahead("plant-7", ["b:1", "a:1", "b:1"], "serving")["spec"]["template"]["spec"]
    assert [each["image"] for each in pod["containers"]] == ["a:1", "b:1"]
    assert {each["command"][0] for each in pod["containers"]} == {"sleep"}
    assert len({each["name"] for each in pod["containers"]}) == 2
    assert pod["nodeSelector"] == {"mlops.ack/site": "plant-7"}
    assert pod["tolerations"] == [{"operator": "Exists"}], "also where the node is tainted"
    assert "imagePullSecrets" not in pod


def test_it_is_named_after_the_site_as_kubernetes_wants_names() -> None:
    made = pull_ahead("Plant_7", ["a"], "serving", "registry")
    assert made["metadata"]["name"] == "pull-ahead-plant-7"
    assert made["spec"]["template"]["spec"]["imagePullSecrets"] == [{"name": "registry"}]


def test_a_container_keeps_its_name_when_another_image_comes() -> None:
    def names(*images: str) -> dict[str, str]:
        containers = pull_ahead("s", images, "n")["spec"]["template"]["spec"]["containers"]
        return {each["image"]: each["name"] for each in containers}

    assert names("b")["b"] == names("a", "b")["b"]


def test_the_images_of_versions_are_those_of_their_records() -> None:
    assert model_images(["digits-v2"], VERSIONS) == ["models/digits@sha256:2"]


def test_a_version_that_nobody_saved_is_told_with_those_there_are() -> None:
    with pytest.raises(Failure, match="Versions: digits-v1, digits-v2") as refused:
        model_images(["digit-v1"], VERSIONS)
    assert refused.value.code == "NotFound" and "digits-v1" in refused.value.hint
