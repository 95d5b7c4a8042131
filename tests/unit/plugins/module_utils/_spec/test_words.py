"""The vocabulary agrees with the modules whose options it lets through."""

from __future__ import annotations

import pytest

from ansible_collections.mlops.ack.plugins.module_utils._core.options import CS, KUBE, OSS, wait
from ansible_collections.mlops.ack.plugins.module_utils._spec import words
from ansible_collections.mlops.ack.plugins.modules import ack_cluster, ack_node_pool, helm_release, oss_bucket

KINDS = {"str": "text", "int": "whole", "bool": "flag", "list": "list", "dict": "map"}


@pytest.mark.parametrize(
    ("module", "fields", "elsewhere"),
    [
        (ack_cluster, words.CLUSTER_OPTIONS, {"cluster_id", "delete_options", "lock", "profile", "state"}),
        (ack_node_pool, words.POOL.fields, {"cluster_id", "cluster_name", "lock", "state"}),
        (oss_bucket, words.BUCKET_OPTIONS, {"delete_objects", "name", "state"}),
    ],
)
def test_every_option_of_the_module_may_be_said(module, fields, elsewhere):
    spec = {name: option for name, option in module.MODULE.spec.items() if name not in {*CS, *OSS, *wait(1)}}
    assert set(spec) - elsewhere <= set(fields)
    for name, field in fields.items():
        assert field.type == KINDS[spec[name].get("type", "str")], name


def test_what_a_chart_may_say_are_options_of_the_release():
    spec = {name for name in helm_release.MODULE.spec if name not in KUBE}
    assert set(words.RELEASE_OPTIONS) <= spec


def test_every_word_can_be_told_from_the_others_of_its_place():
    for shape in (*words.PROPERTIES.values(), *words.STEP_PROPERTIES.values(), words.COMPONENT, words.STEP):
        folded = [word.replace("-", "").replace("_", "").lower() for word in shape.fields]
        assert len(set(folded)) == len(folded)
