"""Every way to start ansible without a person: none approves, none hangs. And the two ways with one."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pexpect
import pytest
import yaml

from tests.conftest import REPO

from .conftest import PLAYBOOK, ansible_environment
from .pages import agrees

PASSED = "the gate let go"
TASK = {
    "mlops.ack.gate": {
        "name": "evaluate-model",
        "environment": "prod",
        "subject": {"model_digest": "sha256:aa"},
        "evidence": {"accuracy": 0.97},
        "timeout": "{{ thinking_time | default('10m') }}",
        "decision": "{{ decision | default(omit) }}",
        "reason": "{{ decision | default(omit) }}",
        "store": {"path": "{{ playbook_dir }}/store"},
    }
}


ENVIRONMENT = ansible_environment(
    ANSIBLE_CALLBACK_RESULT_FORMAT="json",
    ANSIBLE_CALLBACK_PLUGINS=str(REPO / "tests/integration/callbacks"),
    ANSIBLE_CALLBACKS_ENABLED="crash",
    PATH=f"{PLAYBOOK.parent}:{os.environ['PATH']}",
)

Seen = dict[str, tuple[str, str, str]]
"""how it was started -> (the gate, whether the play went on, seconds at the gate)"""


class Play:
    """A playbook with one gate, and what it left in its store."""

    def __init__(self, folder: Path) -> None:
        self.folder, self._events = folder, folder / "events.jsonl"
        self.environment = {**ENVIRONMENT, "CRASH_EVENTS": str(self._events)}
        tasks = [TASK, {"ansible.builtin.debug": {"msg": PASSED}}]
        variables = {"ansible_python_interpreter": sys.executable}
        play = {"hosts": "all", "connection": "local", "gather_facts": False, "vars": variables, "tasks": tasks}
        (folder / "gate.yml").write_text(yaml.safe_dump([play]))

    def command(self, *more: str, hosts: str = "one,") -> list[str]:
        return [str(PLAYBOOK), "-i", hosts, str(self.folder / "gate.yml"), *more]

    def run(self, *more: str, hosts: str = "one,", **how: Any) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*more, hosts=hosts),
            env=self.environment,
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=180,
            check=False,
            **how,
        )

    def spawn(self, *more: str, hosts: str = "one,") -> pexpect.spawn:
        command = self.command(*more, hosts=hosts)
        # a terminal as wide as its longest line, so that nothing is broken where a test looks for it
        return pexpect.spawn(
            command[0],
            command[1:],
            env=self.environment,
            cwd=self.folder,
            encoding="utf-8",
            timeout=180,
            dimensions=(50, 400),
        )

    @property
    def gate_s(self) -> float:
        """How long the last run was at its gate. Ansible's own start is not in it."""
        events = [json.loads(line) for line in self._events.read_text().splitlines()]
        return float(next(each["seconds"] for each in reversed(events) if each["task"].startswith("mlops.ack.gate")))

    @property
    def decisions(self) -> list[Path]:
        return sorted((self.folder / "store").glob("gates/*/*/*/*.json"))


@pytest.fixture
def play(tmp_path: Path) -> Play:
    return Play(tmp_path)


@pytest.fixture(scope="module")
def seen() -> Seen:
    """What each way to start came to, for the page."""
    return {}


@pytest.fixture(scope="module")
def at_once_s(tmp_path_factory: pytest.TempPathFactory) -> float:
    """Two seconds; on a machine that is busy with something else three times what a play with an open gate takes."""
    play = Play(tmp_path_factory.mktemp("start"))
    play.run("-e", "decision=approve", stdin=subprocess.DEVNULL)
    began = time.monotonic()
    assert play.run(stdin=subprocess.DEVNULL).returncode == 0
    return max(2.0, 3 * (time.monotonic() - began))


def ended(terminal: pexpect.spawn) -> tuple[int, str]:
    """(exit code, what it said) of a terminal session that ends by itself."""
    output = terminal.before or ""
    while True:
        found = terminal.expect([pexpect.EOF, r"\n"])
        output += (terminal.before or "") + "\n"
        if found == 0:
            break
    terminal.close()
    return (terminal.exitstatus if terminal.exitstatus is not None else -1), output


def refused(play: Play, code: int, output: str, status: str = "pending") -> None:
    assert code == 2, output
    assert PASSED not in output
    assert f'"gate_status": "{status}"' in output
    assert "mlops.ack.decide" in output
    assert play.decisions == []


def ends(seen: Seen, how: str, play: Play, output: str) -> None:
    """Puts down what the page says of this way to start."""
    (status,) = set(re.findall(r'"gate_status": "(\w+)"', output))
    seen[how] = (status, "yes" if PASSED in output else "no", f"{play.gate_s:.1f}")


# -- nobody there ------------------------------------------------------------------------------------------------------


def no_input(play: Play) -> tuple[int, str]:
    """`< /dev/null`"""
    done = play.run(stdin=subprocess.DEVNULL)
    return done.returncode, done.stdout


def closed_input(play: Play) -> tuple[int, str]:
    """standard input closed"""
    done = play.run(preexec_fn=lambda: os.close(0))
    return done.returncode, done.stdout


def piped_yes(play: Play) -> tuple[int, str]:
    r"""`yes approve \|`"""
    with subprocess.Popen(["yes", "approve"], stdout=subprocess.PIPE) as yes:
        done = play.run(stdin=yes.stdout)
        yes.kill()
    return done.returncode, done.stdout


def no_terminal_at_all(play: Play) -> tuple[int, str]:
    """a session without a terminal (cron, CI)"""
    done = play.run(stdin=subprocess.DEVNULL, start_new_session=True)
    return done.returncode, done.stdout


def background(play: Play) -> tuple[int, str]:
    """in the background of a terminal (`&`)"""
    command = " ".join(play.command())
    terminal = pexpect.spawn(
        "/bin/bash",
        ["-c", f"set -m; {command} & wait $!"],
        env=play.environment,
        cwd=play.folder,
        encoding="utf-8",
        timeout=180,
        dimensions=(50, 400),
    )
    return ended(terminal)


def terminal_of_awx(play: Play) -> tuple[int, str]:
    """AWX: a terminal, and `awx_job_id`"""
    return ended(play.spawn("-e", json.dumps({"awx_job_id": 7, "awx_user_name": "alice"})))


def terminal_of_tower(play: Play) -> tuple[int, str]:
    """Tower: a terminal, and `tower_job_id`"""
    return ended(play.spawn("-e", json.dumps({"tower_job_id": 7})))


def check_mode_at_a_terminal(play: Play) -> tuple[int, str]:
    """`--check` at a terminal"""
    return ended(play.spawn("--check"))


def forked_at_a_terminal(play: Play) -> tuple[int, str]:
    """a module of its own process, at a terminal"""
    return ended(play.spawn("-e", json.dumps({"mlops_ack_in_process": False})))


def ten_hosts(play: Play) -> tuple[int, str]:
    """ten hosts, no terminal"""
    done = play.run(hosts=",".join(f"host{n}" for n in range(10)), stdin=subprocess.DEVNULL)
    assert done.stdout.count("failed=1") == 10
    return done.returncode, done.stdout


@pytest.mark.parametrize(
    "launch",
    [
        no_input,
        closed_input,
        piped_yes,
        no_terminal_at_all,
        background,
        terminal_of_awx,
        terminal_of_tower,
        check_mode_at_a_terminal,
        forked_at_a_terminal,
        ten_hosts,
    ],
)
def test_where_it_cannot_ask_it_stops_at_once(
    play: Play, at_once_s: float, seen: Seen, launch: Callable[[Play], tuple[int, str]]
) -> None:
    code, output = launch(play)
    refused(play, code, output)
    ends(seen, launch.__doc__ or "", play, output)
    assert play.gate_s < at_once_s


def test_ansible_runner_has_a_terminal_and_nobody_at_it(play: Play, at_once_s: float, seen: Seen) -> None:
    program = (
        "import ansible_runner, sys; done = ansible_runner.run("
        "private_data_dir=sys.argv[1], playbook=sys.argv[2], inventory='one ansible_connection=local', quiet=True); "
        "print(done.rc); print(done.stdout.read())"
    )
    (play.folder / "runner").mkdir()
    done = subprocess.run(
        [sys.executable, "-c", program, str(play.folder / "runner"), str(play.folder / "gate.yml")],
        env=play.environment,
        cwd=play.folder,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    code, _line, output = done.stdout.partition("\n")
    refused(play, int(code), output)
    ends(seen, "ansible-runner", play, output)
    assert play.gate_s < at_once_s


# -- a terminal --------------------------------------------------------------------------------------------------------


def test_a_terminal_with_nobody_at_it_refuses_in_time(play: Play, at_once_s: float, seen: Seen) -> None:
    code, output = ended(play.spawn("-e", "thinking_time=2s"))
    refused(play, code, output, "timed_out")
    ends(seen, "a terminal, nobody there for `timeout: 2s`", play, output)
    assert 2 <= play.gate_s < 2 + at_once_s


def test_three_hosts_at_a_terminal_with_nobody_refuse_in_the_time_of_one(play: Play, at_once_s: float) -> None:
    code, output = ended(play.spawn("-e", "thinking_time=2s", hosts="one,two,three"))
    refused(play, code, output, "timed_out")
    assert output.count("Type approve") == 1
    assert 2 <= play.gate_s < 2 + at_once_s


def test_a_word_without_enter_is_no_answer(play: Play, seen: Seen) -> None:
    terminal = play.spawn("-e", "thinking_time=2s")
    asked(terminal, "Type approve")
    terminal.send("approve")
    code, output = ended(terminal)
    refused(play, code, output, "timed_out")
    ends(seen, "a terminal, `approve` without Enter, `timeout: 2s`", play, output)


def test_ctrl_c_leaves_the_gate_as_it_is(play: Play, seen: Seen) -> None:
    terminal = play.spawn()
    asked(terminal, "Type approve")
    terminal.send("\x03")
    code, output = ended(terminal)
    refused(play, code, output)
    ends(seen, "a terminal, Ctrl-C at the prompt", play, output)


def test_one_ctrl_c_is_enough_for_all_hosts(play: Play) -> None:
    terminal = play.spawn(hosts="one,two,three")
    asked(terminal, "Type approve")
    terminal.send("\x03")
    code, output = ended(terminal)
    refused(play, code, output)
    assert output.count('"gate_status": "pending"') == 3


def test_end_of_input_at_the_prompt_is_no_answer(play: Play, seen: Seen) -> None:
    terminal = play.spawn("-e", "thinking_time=2s")
    asked(terminal, "Type approve")
    terminal.send("\x04")
    code, output = ended(terminal)
    refused(play, code, output, "timed_out")
    ends(seen, "a terminal, Ctrl-D at the prompt, `timeout: 2s`", play, output)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL, signal.SIGHUP])
def test_a_run_that_is_killed_at_the_prompt_leaves_no_process_and_no_approval(play: Play, number: int) -> None:
    terminal = play.spawn(hosts="one,two")
    asked(terminal, "Type approve")
    workers = children(terminal.pid)
    assert workers
    os.kill(terminal.pid, number)
    deadline = time.monotonic() + 3
    while any(is_running(each) for each in workers) and time.monotonic() < deadline:
        time.sleep(0.1)
    terminal.close(force=True)
    assert [each for each in workers if is_running(each)] == []
    assert play.decisions == []


@pytest.mark.parametrize("hosts", ["one,", "one,two,three"], ids=["one host", "three hosts"])
def test_a_person_approves_once_for_all_hosts(play: Play, hosts: str) -> None:
    terminal = play.spawn(hosts=hosts)
    answer(terminal, "Type approve", "aprove")
    answer(terminal, "Type approve", "approve")
    answer(terminal, "Why do you approve", "0.97 on holdout")
    code, output = ended(terminal)
    assert code == 0, output
    assert output.count(PASSED) == hosts.rstrip(",").count(",") + 1
    record = json.loads(play.decisions[0].read_text())
    assert len(play.decisions) == 1
    assert (record["decision"], record["source"], record["reason"]) == ("approve", "terminal", "0.97 on holdout")


def test_a_person_rejects_for_all_hosts(play: Play) -> None:
    terminal = play.spawn(hosts="one,two,three")
    answer(terminal, "Type approve", "reject")
    answer(terminal, "Why do you reject", "Digit 8 is read as 3")
    code, output = ended(terminal)
    assert (code, PASSED in output) == (2, False)
    assert output.count('"gate_status": "rejected"') == 3
    assert len(play.decisions) == 1


def test_the_printed_command_decides_and_the_same_play_goes_on(play: Play) -> None:
    first = play.run(stdin=subprocess.DEVNULL)
    line = next(each for each in first.stdout.splitlines() if each.startswith("Decide (approve or reject): "))
    command = line.partition("): ")[2].strip().replace('"..."', '"0.97 on holdout"')
    store = json.dumps({"mlops_store": {"path": str(play.folder / "store")}, "ansible_connection": "local"})
    done = subprocess.run(
        f"{command} -e '{store}'",
        shell=True,
        env=play.environment,
        cwd=play.folder,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "reserved name" not in done.stderr
    assert json.loads(play.decisions[0].read_text())["reason"] == "0.97 on holdout"
    assert play.run(stdin=subprocess.DEVNULL).returncode == 0


def test_the_page_says_what_was_seen(seen: Seen) -> None:
    head = ("started with", "gate", "the play went on", "seconds at the gate")
    assert agrees("gate.md", "Without a person", head, seen, 3) == []


def asked(terminal: pexpect.spawn, question: str) -> None:
    terminal.expect(question)
    terminal.expect("\n")
    time.sleep(0.3)  # ansible throws away what was typed before it listens


def answer(terminal: pexpect.spawn, question: str, text: str) -> None:
    asked(terminal, question)
    terminal.send(f"{text}\r")


def children(pid: int) -> list[int]:
    return list(_below(pid))


def _below(pid: int) -> Iterator[int]:
    for each in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = each.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == pid:
            yield int(each.parent.name)


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in ("Z", "X")
    except OSError:
        return False
