# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Charts, values and helm's words: the parts of a release that need no cluster."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path

import pytest

from ansible_collections.mlops.ack.plugins.module_utils._core.context import Context
from ansible_collections.mlops.ack.plugins.module_utils._core.failure import Failure
from ansible_collections.mlops.ack.plugins.module_utils._core.wait import Deadline
from ansible_collections.mlops.ack.plugins.module_utils._helm.chart import Chart, parse, read_local
from ansible_collections.mlops.ack.plugins.module_utils._helm.command import Helm, Login, PrivateFile, translate
from ansible_collections.mlops.ack.plugins.module_utils._helm.values import gather, masked, merge, secrets_of


def test_values_merge_as_helm_merges_them(tmp_path: Path) -> None:
    (tmp_path / "a.yml").write_text("image: {tag: 1, pull: Always}\nlist: [1, 2]\n")
    (tmp_path / "b.yml").write_text("image: {tag: 2}\nlist: [3]\n")
    (tmp_path / "empty.yml").write_text("")
    files = [str(tmp_path / name) for name in ("a.yml", "b.yml", "empty.yml")]
    assert gather(files, {"image": {"pull": None}}) == {"image": {"tag": 2, "pull": None}, "list": [3]}
    assert merge({"a": {"b": 1}}, {"a": 2}) == {"a": 2}
    assert gather([], None) == {}


@pytest.mark.parametrize("text", ["- a list", "a: ["])
def test_a_bad_values_file_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "bad.yml").write_text(text)
    with pytest.raises(Failure, match=r"bad\.yml") as refused:
        gather([str(tmp_path / "bad.yml")], {})
    assert refused.value.code == "InvalidValues"


def test_what_sounds_secret_is_masked() -> None:
    values = {
        "auth": {"password": "p1", "passwordFile": "/f", "user": "u"},
        "apiKey": "k",
        "token": {"value": "t", "secretName": "n"},
        "existingSecret": "mine",
        "imagePullSecrets": [{"name": "pull"}],
        "secrets": [{"a": "s", "b": 1}],
        "replicas": 2,
    }
    assert dict(secrets_of(values)) == {"auth.password": "p1", "apiKey": "k", "token.value": "t", "secrets[0].a": "s"}
    shown = masked(values)
    assert shown["auth"] == {"password": "********", "passwordFile": "/f", "user": "u"}
    assert shown["secrets"] == [{"a": "********", "b": 1}] and shown["imagePullSecrets"] == [{"name": "pull"}]
    assert shown["token"] == {"value": "********", "secretName": "n"} and shown["replicas"] == 2


@pytest.mark.parametrize(
    ("chart", "name", "words"),
    [
        pytest.param(
            Chart("web", "1.0.0", "https://x"), "web", ["web", "--repo", "https://x", "--version", "1.0.0"], id="repo"
        ),
        pytest.param(
            Chart("oci://r:5000/c/web", "1.0.0", plain_http=True),
            "web",
            ["oci://r:5000/c/web", "--version", "1.0.0", "--plain-http"],
            id="oci",
        ),
        pytest.param(Chart("oci://r/c/web@sha256:00"), "web", ["oci://r/c/web@sha256:00"], id="oci by digest"),
        pytest.param(Chart("stable/web", plain_http=True), "web", ["stable/web"], id="a known repository"),
        pytest.param(Chart("https://x/web-1.2.3-rc.1.tgz"), "web", ["https://x/web-1.2.3-rc.1.tgz"], id="a package"),
        pytest.param(Chart("./web", "1.0.0"), "web", [str(Path("web").absolute())], id="a folder has its own version"),
    ],
)
def test_where_a_chart_is(chart: Chart, name: str, words: list[str]) -> None:
    assert (chart.name, chart.arguments) == (name, words)


def test_only_a_full_version_is_exact() -> None:
    versions = ["1.2.3", "v1.2.3", "1.2.3-rc.1", "^1.2", "1.x", ">=1", "1.2", ""]
    assert [version for version in versions if Chart("x", version).is_exact] == ["1.2.3", "v1.2.3", "1.2.3-rc.1"]


def test_a_folder_and_its_package_have_one_digest(tmp_path: Path) -> None:
    folder = tmp_path / "web"
    (folder / "templates").mkdir(parents=True)
    (folder / "Chart.yaml").write_text("name: web\nversion: 1.0.0\nappVersion: 2\n")
    (folder / "templates/a.yaml").write_text("a: 1\n")
    (folder / ".git").mkdir()
    with tarfile.open(tmp_path / "web-1.0.0.tgz", "w:gz") as package:
        package.add(folder, "web")
    one = read_local(Chart(str(folder)))
    assert one[:3] == ("web", "1.0.0", "2") and one == read_local(Chart(str(tmp_path / "web-1.0.0.tgz")))
    (folder / "templates/a.yaml").write_text("a: 2\n")
    assert read_local(Chart(str(folder))).digest != one.digest
    with pytest.raises(Failure, match=r"version 1\.0\.0, wanted is 2\.0\.0"):
        read_local(Chart(str(folder), "2.0.0"))
    (folder / "Chart.yaml").unlink()
    for path, code in ((folder, "InvalidChart"), (tmp_path / "none", "ChartNotFound")):
        with pytest.raises(Failure) as refused:
            read_local(Chart(str(path)))
        assert refused.value.code == code
    with pytest.raises(Failure, match="no name and version"):
        parse("just text")


@pytest.mark.parametrize(
    ("stderr", "code"),
    [
        # As helm 3.19 says it.
        ('Error: path "./x" not found', "ChartNotFound"),
        (
            'Error: chart "web" matching 9.9.9 not found in r index. (try helm repo update): no chart version found',
            "ChartNotFound",
        ),
        (
            'Error: GET "http://r/v2/c/tags/list": response status code 404: name unknown: repository name not known',
            "ChartNotFound",
        ),
        (
            'Error: looks like "http://127.0.0.1:9" is not a valid chart repository or '
            "cannot be reached: dial tcp 127.0.0.1:9: connect: connection refused",
            "ChartUnreachable",
        ),
        (
            'Error: failed to do request: Head "https://r": http: server gave HTTP response to HTTPS client',
            "ChartUnreachable",
        ),
        ('Error: Kubernetes cluster unreachable: Get "https://x": dial tcp: connection refused', "Unreachable"),
        ("Error: UPGRADE FAILED: another operation (install/upgrade/rollback) is in progress", "ReleasePending"),
        (
            "Error: values don't meet the specifications of the schema(s) in the following chart(s):\nweb: x",
            "InvalidValues",
        ),
        (
            'Error: Unable to continue with install: ConfigMap "x" in namespace "t" exists and cannot be '
            "imported into the current release: invalid ownership metadata",
            "OwnedElsewhere",
        ),
        ('Error: create: failed to create: namespaces "t" not found', "NamespaceMissing"),
        ("Error: response status code 401: unauthorized: authentication required", "ChartForbidden"),
        (
            'Error: failed to perform "FetchReference" on source: GET "http://r/v2/c/manifests/1.0.0": '
            "basic credential not found",
            "ChartForbidden",
        ),
        ("Error: UPGRADE FAILED: pre-upgrade hooks failed: timed out waiting for the condition", "WaitTimeout"),
        ('Error: secrets is forbidden: User "x" cannot list resource "secrets"', "Forbidden"),
        ('Error: template: web/templates/a.yaml:1:3: executing "a" at <.Values.x.y>: nil pointer', "InvalidChart"),
        ("Error: something new", "HelmFailed"),
        ("", "HelmFailed"),
    ],
)
def test_helms_words_become_a_failure(stderr: str, code: str) -> None:
    failure = translate("upgrade of release t/web", stderr)
    assert failure.code == code and "upgrade of release t/web failed: " in str(failure)
    assert failure.hint or code == "HelmFailed"


# -- the program -------------------------------------------------------------------------------------------------------


def program(tmp_path: Path, text: str) -> str:
    path = tmp_path / "helm"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


def test_words_reach_the_program_as_they_are(tmp_path: Path) -> None:
    helm = Helm(program(tmp_path, 'printf "%s|" "$@"'), "/kube config", "ctx", Context())
    told = helm.run(["show", "chart", "a b; rm"], Deadline(10), what="reading")
    assert told == "show|chart|a b; rm|--kubeconfig|/kube config|--kube-context|ctx|"


def test_a_folder_of_the_charts_name_is_no_chart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "greeter").mkdir()
    monkeypatch.chdir(tmp_path)
    helm = Helm(program(tmp_path, "ls"), "config", None, Context())
    assert helm.run([], Deadline(10), what="looking") == ""


def test_a_password_reaches_the_program_in_a_file_of_its_owner_that_goes_with_it(tmp_path: Path) -> None:
    show = 'echo "$HELM_REGISTRY_CONFIG"; stat -c %a "$HELM_REGISTRY_CONFIG"; cat "$HELM_REGISTRY_CONFIG"; echo "/$@"'
    helm = Helm(program(tmp_path, show), None, None, Context(), Login("r:5000", "robot", "pass-word"))
    path, mode, config = helm.run(["show"], Deadline(10), what="reading").splitlines()
    config, _slash, words = config.rpartition("/")
    assert (mode, words) == ("600", "show")
    assert json.loads(config) == {"auths": {"r:5000": {"auth": "cm9ib3Q6cGFzcy13b3Jk"}}}
    assert not Path(path).exists()


def test_a_program_that_hangs_is_stopped_at_the_deadline(tmp_path: Path) -> None:
    helm = Helm(program(tmp_path, "trap '' TERM; sleep 60 & wait; sleep 60"), None, None, Context())
    deadline = Deadline(0.3)
    with pytest.raises(Failure) as stopped:
        helm.run(["upgrade"], deadline, what="upgrade")
    assert stopped.value.code == "WaitTimeout"


def test_a_failing_and_a_missing_program(tmp_path: Path) -> None:
    with pytest.raises(Failure, match="x failed: no such thing"):
        Helm(program(tmp_path, "echo Error: no such thing >&2; exit 1"), None, None, Context()).run(
            [], Deadline(10), what="x"
        )
    with pytest.raises(Failure) as missing:
        Helm(str(tmp_path / "none"), None, None, Context()).run([], Deadline(10), what="x")
    assert missing.value.code == "MissingProgram"


def test_values_lie_in_a_file_of_their_owner_and_then_nowhere() -> None:
    with PrivateFile("{}") as path:
        assert Path(path).stat().st_mode & 0o777 == 0o600 and Path(path).read_text() == "{}"
    assert not Path(path).exists()
