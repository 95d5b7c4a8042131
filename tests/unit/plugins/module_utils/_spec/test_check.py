"""Whole documents: what is told of them, what a correction does to them, what becomes of them."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pytest
import yaml

from ansible_collections.mlops.ack.plugins.module_utils._spec import check
from ansible_collections.mlops.ack.plugins.module_utils._spec.finding import Finding
from ansible_collections.mlops.ack.plugins.module_utils._spec.lint import Ack
from ansible_collections.mlops.ack.plugins.module_utils._spec.load import Source, parse
from tests.conftest import REPO

FIXTURES = REPO / "tests/unit/fixtures/design"
PAGE = re.findall(r"```yaml\n(.*?)```", (REPO / "docs/design-files.md").read_text(), re.S)


def fixtures() -> list[Source]:
    return [parse(f"{name}.yaml", (FIXTURES / f"{name}.yaml").read_text()) for name in ("initializer", "application")]


def page(*pairs: tuple[str, str]) -> list[Source]:
    """The design of the documentation, with replacements."""
    texts = list(PAGE)
    for old, new in pairs:
        assert any(old in text for text in texts), old
        texts = [text.replace(old, new) for text in texts]
    return [parse(f"{number}.yaml", text) for number, text in enumerate(texts)]


def rules(findings: Sequence[Finding]) -> list[str]:
    return [finding.rule for finding in findings]


def line_of(file: str, words: str, occurrence: int = 1) -> int:
    lines = (FIXTURES / f"{file}.yaml").read_text().splitlines()
    return [number for number, line in enumerate(lines, 1) if words in line][occurrence - 1]


def test_the_first_design_is_told_every_slip_at_once_with_its_place() -> None:
    found = {(each.place.file[:4], each.place.line, each.rule) for each in check.judge(fixtures()).findings}
    expected = {
        ("init", line_of("initializer", "prd-cluster"), "reference"),
        ("init", line_of("initializer", "v1.20"), "version"),
        ("init", line_of("initializer", "v1.20", 2), "version"),
        ("init", line_of("initializer", "repo-url"), "placeholder"),
        ("init", line_of("initializer", "create-nmespace"), "unknown-key"),
        ("init", line_of("initializer", "workflows"), "workflow-list"),
        ("init", line_of("initializer", "component: prod-cluster", 2), "step-name"),
        ("init", line_of("initializer", "prooperties"), "unknown-key"),
        ("appl", line_of("application", "kind"), "missing"),
        ("appl", line_of("application", "imageRepo: example"), "image-repo"),
        ("appl", line_of("application", "predictors"), "missing"),
        ("appl", line_of("application", "90%"), "wrong-type"),
        ("appl", line_of("application", "90%"), "traffic"),
        ("appl", line_of("application", "1.11.0"), "serving-image"),
        ("appl", line_of("application", "1.11.1"), "serving-image"),
        ("appl", line_of("application", "predictors", 2), "missing"),
        ("appl", line_of("application", "bucket-url"), "placeholder"),
        ("appl", line_of("application", "modelName: digits-v2"), "model-name"),
        ("appl", line_of("application", "imageRepo: registry"), "image-repo"),
    }
    assert found == expected


def test_a_correction_changes_the_words_in_question_and_nothing_else() -> None:
    given = fixtures()
    corrected = check.correct(given)
    text = corrected[0].text
    assert text.count("#") == given[0].text.count("#")
    assert "create-namespace: true   # the operator's own" in text
    data = yaml.safe_load(text)["spec"]["appTemplate"]["spec"]
    assert data["components"][0]["name"] == "prod-cluster"
    applied = [step["properties"]["component"] for step in data["workflow"]["steps"]]
    assert applied == ["prod-cluster", "dev-cluster", "training-operator", "bucket"]
    saved = yaml.safe_load(corrected[1].text)["spec"]["workflow"]["steps"][2]["properties"]["modelVersion"]
    assert (saved["modelName"], saved["version"]) == ("digits", 2)


def test_what_could_be_meant_in_several_ways_is_left_and_told() -> None:
    left = check.judge(check.correct(fixtures())).findings
    assert sorted({finding.rule for finding in left}) == [
        "image-repo",
        "placeholder",
        "serving-image",
        "traffic",
        "version",
    ]
    assert not any(finding.edits for finding in left)


def test_windows_line_ends_survive() -> None:
    given = parse("a.yaml", (FIXTURES / "initializer.yaml").read_text().replace("\n", "\r\n"))
    text = check.correct([given])[0].text
    kept = [line for line in given.text.split("\r\n") if "cluster" not in line and "workflows" not in line]
    assert "workflow:" in text
    assert all(line.strip() in text for line in kept if "nmespace" not in line and "prooperties" not in line)


def test_the_page_holds_no_error_and_no_warning() -> None:
    judged = check.judge(page())
    assert [str(finding) for finding in judged.findings] == []
    assert judged.variables is not None


def test_variables_of_the_page() -> None:
    variables = check.judge(page()).variables
    assert variables is not None
    prod, dev = variables["environments"]["prod"], variables["environments"]["dev"]
    assert prod["cluster_init_cluster"] == {"profile": "Default", "version": "v1.35"}
    assert dev["cluster_init_cluster"]["profile"] == "Serverless"
    assert "cluster_init_releases" not in dev
    assert prod["cluster_init_releases"][0]["chart"] == "oci://registry.example.com/charts/training-operator"
    assert [job["modelVersion"]["version"] for job in prod["training_jobs"]] == [1, 2]
    assert prod["training_jobs"][0]["dataset"] == {
        "name": "digits",
        "s3": {"bucket": "example-mlops", "prefix": "raw/digits"},
    }
    assert (prod["serving_gate"], prod["rehearsed_in"], prod["training_gate"]) == (
        "evaluate-serving",
        "dev",
        "evaluate-model",
    )
    assert "serving_gate" not in dev
    assert prod["serving_traits"] == [{"type": "arms-metrics"}, {"type": "arms-logging"}]
    assert "serving_traits" not in dev
    assert variables["saved_jobs"] == ["digits-baseline", "digits-wide"]
    assert variables["serving_environments"] == ["dev", "prod"]
    assert variables["gates"]["evaluate-model"] == {"message": "Is it better than what serves today?"}


CASES = [
    pytest.param(("env: dev}", "env: prod}"), "step-name", "env: dev}", id="an environment that the step does not say"),
    pytest.param(
        ("component: digits-dev,", "component: digits-prod,"), "step-name", "component: digits-dev,", id="twin"
    ),
    pytest.param(
        ("component: digits-wide\n", "component: digits-wid\n"), "reference", "component: digits-wide\n", id="reference"
    ),
    pytest.param(("type: suspend", "type: suspnd"), "unknown-value", "type: suspend", id="type of a step"),
    pytest.param(("resource: ASK", "resource: ask"), "unknown-value", "resource: ASK", id="case of a value"),
    pytest.param(("provider: alibaba", "provider: alibba"), "unknown-value", "provider: alibaba", id="value"),
    pytest.param(
        ("trafficPercentage: 90", "trafficPercentge: 90"), "unknown-key", "trafficPercentage: 90", id="deep word"
    ),
    pytest.param(("        framework: TFServing\n", ""), "missing", "framework: TFServing\n", id="framework"),
    pytest.param(
        ("apiVersion: core.oam.dev/v1beta1\n", ""), "missing", "apiVersion: core.oam.dev/v1beta1\n", id="version"
    ),
    pytest.param(
        ("{modelName: digits, version: 2}", "{modelName: digits-v2}"),
        "model-name",
        "{modelName: digits, version: 2}",
        id="flow",
    ),
]


@pytest.mark.parametrize(("pair", "rule", "mended"), CASES)
def test_one_slip_is_told_and_mended(pair: tuple[str, str], rule: str, mended: str) -> None:
    broken = page(pair)
    assert rule in rules(check.judge(broken).findings)
    corrected = check.correct(broken)
    assert any(mended in source.text for source in corrected)
    assert check.judge(corrected).variables is not None


TOLD = [
    pytest.param(("trafficPercentage: 10", "trafficPercentage: 20"), "traffic", "sum to 110", id="sum"),
    pytest.param(
        ("modelVersion: digits-v1", "modelVersion: digits"), "model-version", "<model>-v<number>", id="no number"
    ),
    pytest.param(
        ("modelVersion: digits-v1", "modelVersion: digts-v1"), "model-version", "digits-v1", id="another model"
    ),
    pytest.param(("version: v1.35", "version: 1.3x"), "version", "allowed are forms", id="no version"),
    pytest.param(("registry.example.com/example/digits\n", "example/digits\n"), "image-repo", "host", id="no registry"),
    pytest.param(
        ("bucket: example-mlops, prefix", "bucket: bucket-url, prefix"), "placeholder", "example-mlops", id="bucket"
    ),
    pytest.param(
        ("repo: oci://registry.example.com/charts", "repo: <your repository>"), "placeholder", "filled in", id="repo"
    ),
    pytest.param(("bucket: example-mlops\n", 'bucket: "{{ bucket }}"\n'), "placeholder", "template", id="template"),
    pytest.param(("type: suspend\n", "type: suspend\n        if: always\n"), "unsupported", "no meaning", id="if"),
    pytest.param(("env: prod}", "env: production}"), "environment", "dev, prod", id="environment"),
    pytest.param(("name: save-wide", "name: save-baseline"), "duplicate-name", "there already", id="twice"),
    pytest.param(("modelName: digits, version: 2", "modelName: digits"), "model", "is not said", id="which job"),
    pytest.param(
        ("minReplicas: 1, maxReplicas: 10", "minReplicas: 5, maxReplicas: 2"), "options", "maximum", id="scaling"
    ),
    pytest.param(("name: tensorflow\n", "name: tensor\n"), "options", "tensorflow", id="container"),
    pytest.param(
        ("- name: evaluate-serving\n", "- name: evaluate-serving\n        timeout: soon\n"),
        "timeout",
        "30m",
        id="timeout",
    ),
    pytest.param(("replicas: 2", "replicas: two"), "wrong-type", "whole number", id="kind"),
    pytest.param(("name: digits-platform", "name: a\n  name: b"), "duplicate-key", "given twice", id="key twice"),
    pytest.param(("      workflow:", "     workflow:"), "syntax", "no YAML", id="yaml"),
]


@pytest.mark.parametrize(("pair", "rule", "said"), TOLD)
def test_what_only_a_person_can_mend_is_told(pair: tuple[str, str], rule: str, said: str) -> None:
    judged = check.judge(page(pair))
    found = [finding for finding in judged.findings if finding.rule == rule]
    assert found
    assert said in f"{found[0].message} {found[0].hint}"
    assert judged.variables is None
    assert not any(finding.edits for finding in found)


def test_a_word_may_be_written_in_three_ways() -> None:
    plain = check.judge(page()).variables
    for spelling in ("traffic_percentage", "traffic-percentage"):
        assert check.judge(page(("trafficPercentage", spelling))).variables == plain


def test_steps_in_an_order_that_cannot_work() -> None:
    text = PAGE[1]
    train, save = text.index("      - name: train-wide"), text.index("      - name: save-wide")
    end = text.index("      - name: serve-model-in-dev")
    moved = text[:train] + text[save:end] + text[train:save] + text[end:]
    found = check.judge([parse("a.yaml", PAGE[0]), parse("b.yaml", moved)]).findings
    assert "before it is trained" in next(finding.message for finding in found if finding.rule == "order")


def test_a_gate_that_holds_nothing_back_and_one_that_is_missing() -> None:
    gate = PAGE[1][PAGE[1].index("      - name: evaluate-model") : PAGE[1].index("      - name: save-baseline")]
    moved = PAGE[1].replace(gate, "").replace("      - name: train-wide", gate + "      - name: train-wide")
    said = [finding.message for finding in check.judge([parse("a.yaml", PAGE[0]), parse("b.yaml", moved)]).findings]
    assert any("holds nothing back" in message for message in said)
    assert any("No gate stands before 'save-baseline'" in message for message in said)


OFFERED = [
    {"version": "1.35.2-aliyun.1", "creatable": True, "upgradable_versions": []},
    {"version": "1.33.1-aliyun.1", "creatable": False, "upgradable_versions": ["1.34.4-aliyun.1"]},
]


def test_versions_are_held_to_what_ack_offers() -> None:
    ack = Ack(OFFERED, {}, {})
    assert check.judge(page(), ack).variables is not None
    found = check.judge(page(("version: v1.35", "version: v1.33")), ack).findings
    assert rules(found) == ["version", "version"]
    assert "1.35.2-aliyun.1" in found[0].message


def test_a_cluster_that_exists_may_keep_an_old_version() -> None:
    ack = Ack(OFFERED, {"ml-prod": "1.33.1-aliyun.1", "dev-cluster": "1.33.1-aliyun.1"}, {"prod": "ml-prod"})
    assert check.judge(page(("version: v1.35", "version: v1.33")), ack).variables is not None


def test_a_version_keeps_its_zero_without_quotes() -> None:
    found = check.judge(page(("version: v1.35", "version: 1.30"))).findings
    assert "version is '1.30'" in found[0].message


def test_one_application_alone_needs_no_initializer() -> None:
    variables = check.judge([parse("b.yaml", PAGE[1])]).variables
    assert variables is not None
    assert not variables["initialises"]
    assert "cluster_init_cluster" not in variables["environments"]["prod"]


def test_anchors_and_merges_are_read() -> None:
    text = PAGE[1].replace(
        "modelVersion: {modelName: digits, version: 1}", "modelVersion: &saved {modelName: digits, version: 1}"
    )
    text = text.replace("modelVersion: {modelName: digits, version: 2}", "modelVersion: {<<: *saved, version: 2}")
    judged = check.judge([parse("b.yaml", text)])
    assert judged.variables is not None
    assert judged.variables["saved_jobs"] == ["digits-baseline", "digits-wide"]
