# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A gate inside of another module's run: people only, asked about what that module names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from .._core.context import Context
from .._core.failure import Failure
from .._core.options import Spec
from .._oss.records import history
from .._oss.store import Store
from .gate import Asked, status
from .passing import pass_gate
from .policy import POLICY, Policy
from .subject import bind

_PEOPLE = {name: option for name, option in POLICY["policy"]["options"].items() if name != "rule"}

WITHIN: Spec = {
    "gate": {
        "type": "dict",
        "default": {},
        "options": {
            "name": {"type": "str", "default": "release-step"},
            "policy": {"type": "dict", "default": {}, "options": _PEOPLE},
            "signing_key": POLICY["signing_key"],
            "submitted_by": {"type": "str"},
            "approver": {"type": "str"},
            "awx_approved_by": {"type": "str"},
            "timeout": {"type": "str", "default": "10m"},
            "resume_command": {"type": "str"},
        },
    }
}
"""The option `gate` of a module that asks on its way. It takes no rule: what numbers can say was said before."""


APPROVAL: Spec = {
    "approval": {
        "type": "dict",
        "options": {
            "gate": {"type": "str", "required": True},
            **POLICY,
            "submitted_by": {"type": "str"},
        },
    }
}
"""The option `approval` of a module that does only what a gate has approved before."""


def approve(
    params: Mapping[str, Any], subject: Mapping[str, Any], store: Store, now: Callable[[], datetime]
) -> dict[str, Any] | None:
    """The gate's state about the subject, from records alone; None where no approval is asked for.

    Raises Failure `NotApproved`.
    """
    wanted = params["approval"]
    if not wanted:
        return None
    binding = bind(params["environment"], wanted["gate"], subject)
    policy = Policy.of(wanted["policy"])
    asked = Asked(binding, subject, {}, policy, wanted["submitted_by"], key=wanted["signing_key"])
    found = status(history(store, binding.decisions), asked, now())
    if found["status"] != "approved":
        why = f" ({'; '.join(found['ignored'])})" if found["ignored"] else ""
        about = ", ".join(f"{name}: {value}" for name, value in subject.items())
        raise Failure(
            "NotApproved",
            f"The {binding} has not approved this ({about}): it is {found['status']}{why}.",
            resource=f"gate/{binding.environment}/{binding.gate}",
            hint="Ask the gate for exactly this first (mlops.ack.gate); what was approved is bound to these digests.",
            details={"subject": dict(subject), "gate": found},
        )
    return found


class Gatekeeper:
    """`params`: the module's own, with `gate` and `environment`. The module holds its lock while it asks: the gate's
    record takes none.
    """

    def __init__(self, params: Mapping[str, Any], context: Context, store: Store, now: Callable[[], datetime]) -> None:
        self._gate, self._environment = params["gate"], params["environment"]
        self._context, self._store, self._now = replace(context, lock=None), store, now

    def is_approved(self, subject: Mapping[str, Any]) -> bool:
        """Whether people have approved the subject. Asks and writes nothing. Raises Failure `GateRejected`."""
        try:
            self._pass(subject, {}, replace(self._context, check=True, prompter=None), {"awx_approved_by": None})
        except Failure as failure:
            if failure.code in ("GatePending", "GateExpired"):
                return False
            raise
        return True

    def ask(self, subject: Mapping[str, Any], evidence: Mapping[str, Any]) -> None:
        """Raises what `pass_gate` does where the answer is not yes."""
        self._pass(subject, evidence, self._context, {})

    def _pass(
        self, subject: Mapping[str, Any], evidence: Mapping[str, Any], context: Context, more: Mapping[str, Any]
    ) -> None:
        asked = {
            **self._gate,
            "environment": self._environment,
            "subject": subject,
            "evidence": evidence,
            "decision": None,
            "reason": None,
            "subject_digest": None,
            **more,
        }
        pass_gate(asked, context, self._store, self._now)
