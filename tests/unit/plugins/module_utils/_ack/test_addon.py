from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.mlops.ack.plugins.module_utils._ack.addon import Addon, order, report
from ansible_collections.mlops.ack.plugins.module_utils._ack.waits import Waiter
from ansible_collections.mlops.ack.plugins.module_utils._core.context import Context
from ansible_collections.mlops.ack.plugins.module_utils._core.failure import Failure
from ansible_collections.mlops.ack.plugins.module_utils._core.resource import Outcome, reconcile
from ansible_collections.mlops.ack.plugins.module_utils._core.wait import Deadline
from ansible_collections.mlops.ack.plugins.modules.ack_addon import MODULE, desired

from .fake import RUNNING, FakeAck

OLD = {"name": "log", "version": "1.0", "state": "active", "config": '{"b": 2, "a": {"x": 1}}'}
FIXED = {"name": "dns", "version": "1.0", "state": "active", "config": ""}


def run(fake: FakeAck, *, check: bool = False, **options: Any) -> Outcome:
    params = {name: spec.get("default") for name, spec in MODULE.spec.items()}
    params |= {"cluster_name": "prod", "name": "log", **options}
    context = Context(check=check, sleep=lambda seconds: None)
    addon = Addon(fake, "c1", params, Waiter(fake, Deadline(5), context))
    return reconcile(addon, desired(params), context)


def having(*installed: dict[str, Any], **options: Any) -> FakeAck:
    fake = FakeAck(RUNNING, **options)
    fake.addons = {each["name"]: dict(each) for each in installed}
    return fake


@pytest.mark.parametrize(
    ("installed", "options", "writes"),
    [
        pytest.param([], {}, [[{"name": "log"}]], id="install what ACK chooses"),
        pytest.param([], {"version": "latest"}, [[{"name": "log", "version": "2.0"}]], id="install the newest"),
        pytest.param(
            [],
            {"version": "1.0", "config": {"a": "1"}},
            [[{"name": "log", "version": "1.0", "config": '{"a": "1"}'}]],
            id="install an older one with a config",
        ),
        pytest.param([OLD], {}, [], id="any version will do"),
        pytest.param([OLD], {"version": "1.0", "config": {"a": {"x": 1}}}, [], id="a config is compared as data"),
        pytest.param(
            [OLD],
            {"config": {"a": {"x": 3}}},
            [{"config": '{"a": {"x": 3}, "b": 2}'}],
            id="one key differs, the others are kept",
        ),
        pytest.param(
            [OLD],
            {"version": "latest"},
            [[{"component_name": "log", "version": "1.0", "next_version": "2.0"}]],
            id="upgrade, and the config is not sent",
        ),
        pytest.param(
            [OLD],
            {"version": "2.0", "config": {"b": 3}},
            [
                [
                    {
                        "component_name": "log",
                        "version": "1.0",
                        "next_version": "2.0",
                        "config": '{"a": {"x": 1}, "b": 3}',
                    }
                ]
            ],
            id="upgrade and configure in one call",
        ),
        pytest.param([OLD], {"state": "absent"}, [[{"name": "log"}]], id="remove"),
        pytest.param(
            [OLD],
            {"state": "absent", "cleanup_cloud_resources": False},
            [[{"name": "log", "cleanup_cloud_resources": False}]],
            id="remove, and say what becomes of its resources",
        ),
        pytest.param([], {"state": "absent"}, [], id="already gone"),
    ],
)
def test_check_mode_writes_nothing_and_a_third_run_is_free(
    installed: list[dict[str, Any]], options: dict[str, Any], writes: list[Any]
) -> None:
    fake = having(*installed)
    predicted = run(fake, check=True, **options)
    assert fake.writes == []
    done = run(fake, **options)
    assert [body for _action, body in fake.writes] == writes
    assert (predicted.changed, predicted.diff) == (done.changed, done.diff)
    assert set(predicted.values["addon"] or {}) == set(done.values["addon"] or {})
    fake.writes.clear()
    again = run(fake, **options)
    assert (again.changed, fake.writes) == (False, [])


@pytest.mark.parametrize(
    ("installed", "options", "code", "words"),
    [
        pytest.param([], {"name": "lgo"}, "UnknownAddon", "Did you mean 'log'?", id="misspelt"),
        pytest.param([], {"version": "9.9"}, "VersionNotOffered", "On offer is 2.0.", id="a version that is not there"),
        pytest.param([OLD], {"version": "0.9"}, "VersionNotOffered", "On offer are 1.0, 2.0.", id="an older one"),
        pytest.param(
            [OLD], {"version": "3.0"}, "VersionNotOffered", "needs a cluster of version 1.99", id="a newer cluster's"
        ),
        pytest.param(
            [FIXED], {"name": "dns", "state": "absent"}, "AddonActionRefused", "ACK allows Install", id="stays"
        ),
        pytest.param(
            [{**FIXED, "name": "core"}], {"name": "core", "state": "absent"}, "AddonActionRefused", "", id="managed"
        ),
    ],
)
def test_what_cannot_be_is_refused_before_any_write(
    installed: list[dict[str, Any]], options: dict[str, Any], code: str, words: str
) -> None:
    fake = having(*installed)
    with pytest.raises(Failure) as told:
        run(fake, check=True, **options)
    assert told.value.code == code
    assert words in str(told.value)
    assert fake.writes == []


def test_a_misspelt_name_that_should_be_absent_is_a_warning() -> None:
    [warning] = run(having(), name="lgo", state="absent").warnings
    assert warning.endswith("Did you mean 'log'?")


def test_a_config_that_the_service_refuses_after_accepting_it_fails_with_its_reason() -> None:
    fake = having(OLD)
    fake.addon_failure = "quota of the project is used up"
    with pytest.raises(Failure, match="quota of the project is used up") as told:
        run(fake, config={"b": 3})
    assert told.value.code == "TaskFailed"


def test_the_failure_of_an_earlier_change_does_not_fail_this_one() -> None:
    fake = having(OLD)
    fake.addon_tasks["log"] = {"status": "fail", "message": "an old story", "created": "yesterday"}
    assert run(fake, config={"b": 3}).values["addon"]["config"] == {"a": {"x": 1}, "b": 3}


@pytest.mark.parametrize("options", [{"config": {"b": 3}}, {"version": "2.0"}], ids=["config", "version"])
def test_a_service_that_says_success_and_changed_nothing_is_a_failure(options: dict[str, Any]) -> None:
    with pytest.raises(Failure) as told:
        run(having(OLD, deaf=True), **options)
    assert told.value.code == "NotApplied"


def test_an_upgrade_may_bring_settings_that_nobody_asked_for() -> None:
    class Renewing(FakeAck):
        def call(self, action: str, what: str, **options: Any) -> Any:
            answer = super().call(action, what, **options)
            if action == "UpgradeClusterAddons":
                self.addons["log"]["config"] = '{"b": 2, "new": true}'
            return answer

    fake = Renewing(RUNNING)
    fake.addons = {"log": dict(OLD)}
    assert run(fake, version="latest", config={"b": 2}).values["addon"]["config"] == {"b": 2, "new": True}


def test_one_that_is_being_removed_is_waited_for_and_then_installed_anew() -> None:
    class Leaving(FakeAck):
        looks = 0

        def call(self, action: str, what: str, **options: Any) -> Any:
            self.looks += action == "GetClusterAddonInstance"
            if self.looks == 3:
                self.addons.clear()
            return super().call(action, what, **options)

    fake = Leaving(RUNNING)
    fake.addons = {"log": {**OLD, "state": "deleting"}}
    assert run(fake, version="2.0").values["addon"]["version"] == "2.0"
    assert [action for action, _body in fake.writes] == ["InstallClusterAddons"]


def test_what_another_run_began_is_waited_for_and_not_sent_again() -> None:
    class Upgrading(FakeAck):
        looks = 0

        def call(self, action: str, what: str, **options: Any) -> Any:
            self.looks += action == "GetClusterAddonInstance"
            if self.looks == 3:
                self.addons["log"] |= {"state": "active", "version": "2.0"}
            return super().call(action, what, **options)

    fake = Upgrading(RUNNING)
    fake.addons = {"log": {**OLD, "state": "upgrading"}}
    assert run(fake, version="2.0").values["addon"]["version"] == "2.0"
    assert fake.writes == []


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        ("1.9.0", "1.10.0"),
        ("v1.11.5-aliyun.1", "v1.12.1-aliyun.1"),
        ("v0.3.9.15", "v0.3.9.17"),
        ("1.2", "1.2.1"),
    ],
)
def test_versions_are_ordered_by_their_numbers(older: str, newer: str) -> None:
    assert order(older) < order(newer)


def test_a_report_tells_config_and_what_is_newer() -> None:
    [found] = report(having(OLD, FIXED), "c1", "log")
    assert (found["config"], found["latest"], found["can_upgrade"]) == ({"a": {"x": 1}, "b": 2}, "2.0", True)
    assert [each["name"] for each in report(having(OLD, FIXED), "c1", None)] == ["dns", "log"]
    assert report(having(), "c1", None) == []
