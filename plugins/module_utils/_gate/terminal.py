# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Asking a person at the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from .._core.context import Context, Prompter
from .._core.wait import Deadline
from .subject import Binding
from .words import page, printable

TRIES = 3


class Answer(NamedTuple):
    """decision None: there is none, and `why` says whether nobody answered in time or a person left it open."""

    decision: Literal["approve", "reject"] | None
    reason: str = ""
    why: Literal["", "timed_out", "left_open"] = ""


def ask(
    prompter: Prompter,
    binding: Binding,
    subject: Mapping[str, Any],
    evidence: Mapping[str, Any],
    submitted_by: str | None,
    approver: str,
    deadline: Deadline,
    context: Context,
) -> Answer:
    """Show the evidence, ask for the decision, then for the reason. The whole words are asked for: no key that somebody
    presses on the way decides about production. Three answers that are none leave the gate as it is.
    """
    text = f"\nThe {binding} asks for a decision.\n\n{page(binding, subject, evidence, submitted_by)}\n"
    prompter.show(str(context.secrets.scrub(text)))
    question = (
        f"You are {approver}. Type approve or reject, then Enter (Ctrl-C leaves it open; {_left(deadline)} left):"
    )
    verdict = _until(prompter, question, deadline, lambda word: word.lower() in ("approve", "reject"))
    if isinstance(verdict, Answer):
        return verdict
    reason = _until(prompter, f"Why do you {verdict.lower()}? Type the reason, then Enter:", deadline, bool)
    if isinstance(reason, Answer):
        return reason
    return Answer("approve" if verdict.lower() == "approve" else "reject", reason)


def _until(prompter: Prompter, question: str, deadline: Deadline, accepts: Any) -> str | Answer:
    for _try in range(TRIES):
        if deadline.is_over:
            return Answer(None, why="timed_out")
        reply = prompter.ask(question, deadline.remaining)
        if reply.is_late or deadline.is_over:
            return Answer(None, why="timed_out")
        if reply.text is None:
            return Answer(None, why="left_open")
        if accepts(reply.text):
            return reply.text
        prompter.show(f"'{printable(reply.text)}' is no answer.")
    return Answer(None, why="left_open")


def _left(deadline: Deadline) -> str:
    minutes, seconds = divmod(round(deadline.remaining), 60)
    return f"{minutes} min {seconds:02} s" if minutes else f"{seconds} s"
