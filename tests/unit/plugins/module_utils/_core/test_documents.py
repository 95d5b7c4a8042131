"""YAML is read the same everywhere, and its absence is said."""

from __future__ import annotations

import json
import sys

import pytest

from ansible_collections.mlops.ack.plugins.module_utils._core.documents import current_context, document, documents
from ansible_collections.mlops.ack.plugins.module_utils._core.failure import Failure


def test_every_document_of_a_stream_is_read() -> None:
    assert documents("a: 1\n---\n- 2\n") == [{"a": 1}, [2]]
    assert document(b"a: 1") == {"a": 1}
    assert document("") is None


def test_text_that_ansible_has_tagged_is_text() -> None:
    class Tagged(str):
        """What a template gives where the module runs in Ansible's own process."""

        __slots__ = ()

    assert documents(Tagged("a: é")) == [{"a": "é"}]


@pytest.mark.parametrize("text", ["a: [", "a: b: c", "!!python/object:os.system {}"])
def test_what_is_no_yaml_is_a_value_error_with_the_place(text: str) -> None:
    with pytest.raises(ValueError, match=r"line \d, column \d"):
        documents(text)


def test_two_documents_are_not_one() -> None:
    with pytest.raises(ValueError, match="2 are there"):
        document("a: 1\n---\nb: 2\n")


def test_a_python_without_the_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "yaml", None)
    with pytest.raises(Failure, match="no PyYAML") as missing:
        documents("a: 1")
    assert missing.value.code == "MissingLibrary"
    assert sys.executable in missing.value.message


def test_a_kubeconfig_says_which_cluster_and_user_are_meant() -> None:
    entry = {"clusters": [{"name": "c", "cluster": {"server": "s"}}], "users": [{"name": "u", "user": {"token": "t"}}]}
    config = {"current-context": "x", "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}], **entry}
    assert current_context(json.dumps(config)) == ({"server": "s"}, {"token": "t"})


@pytest.mark.parametrize("config", ["", "[]", "current-context: x", "{current-context: x, contexts: [{name: y}]}"])
def test_a_kubeconfig_without_a_current_context_is_a_value_error(config: str) -> None:
    with pytest.raises(ValueError, match="no current context"):
        current_context(config)
