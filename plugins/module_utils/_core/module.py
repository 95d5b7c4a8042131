# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The doors: how a module's one function is reached, as a forked module and in the controller's own process."""

from __future__ import annotations

import errno
import re
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from .context import Context
from .failure import Failure
from .options import Spec, validator
from .resource import Outcome
from .secrets import Secrets
from .spelling import nearest

Params = Mapping[str, Any]


@dataclass(frozen=True)
class Module:
    """A module's contract and its one function.

    `constraints` are AnsibleModule's own: mutually_exclusive, required_if, required_together, required_one_of,
    required_by.
    """

    spec: Spec
    function: Callable[[Params, Context], Outcome]
    constraints: dict[str, Any] = field(default_factory=dict)

    def main(self) -> None:
        """The door of a forked module."""
        module = _Module(argument_spec=self.spec, supports_check_mode=True, **self.constraints)
        context = Context(check=module.check_mode, secrets=Secrets(module.no_log_values))
        result = self._result(module.params, context)
        if result.pop("failed", False):
            module.fail_json(**result)
        for warning in result.pop("warnings", []):
            module.warn(warning)
        module.exit_json(**result)

    def in_process(self, arguments: Mapping[str, Any], context: Context) -> dict[str, Any]:
        """The door of the action plugin: same validation, same result, no fork."""
        checked = validator(self.spec, **self.constraints).validate(dict(arguments))
        context.secrets = Secrets(checked._no_log_values)
        if checked.error_messages:
            message = "; ".join(_explain(text) for text in checked.error_messages)
            refused: dict[str, Any] = {"failed": True, "msg": message, "failure": _invalid(message)}
            return context.secrets.scrub(refused)  # type: ignore[no-any-return]
        return self._result(checked.validated_parameters, context)

    def _result(self, params: Params, context: Context) -> dict[str, Any]:
        say = context.progress
        context.progress = lambda text: say(context.secrets.scrub(text))
        try:
            with _files():
                outcome = self.function(params, context)
        except Failure as failure:
            result = {"failed": True, "msg": str(failure), "failure": failure.as_dict()}
            if "values" in failure.details:
                result.update(failure.details.pop("values"))
        except Exception as error:  # the door's duty: a structured failure, never a traceback
            frame = traceback.extract_tb(error.__traceback__)[-1]
            place = f"{frame.filename.rpartition('plugins/')[2]}:{frame.lineno}"
            unknown = Failure(
                "InternalError",
                f"{type(error).__name__} at {place}: {error}",
                hint="This is a defect of the collection; please report it with this line.",
            )
            result = {"failed": True, "msg": str(unknown), "failure": unknown.as_dict()}
        else:
            result = {"changed": outcome.changed, **outcome.values}
            if outcome.diff is not None:
                result["diff"] = outcome.diff
            if outcome.warnings:
                result["warnings"] = list(outcome.warnings)
        return context.secrets.scrub(result)  # type: ignore[no-any-return]


@contextmanager
def _files() -> Iterator[None]:
    """A file that cannot be read or written is the user's to mend, wherever it is met."""
    try:
        yield
    except OSError as error:
        if error.filename is None and error.errno != errno.ENOSPC:
            raise
        raise Failure(
            "FileError",
            f"{error.filename or 'A file'}: {error.strerror}.",
            resource=f"file/{error.filename or ''}",
            hint="Check the path, its permissions and the free space on the machine where the task runs.",
        ) from error


class _Module(AnsibleModule):  # type: ignore[misc]
    """AnsibleModule whose refusal of options is structured, and names the nearest spelling."""

    def fail_json(self, msg: str, **kwargs: Any) -> None:
        if "failure" not in kwargs:
            msg = _explain(msg)
            kwargs["failure"] = _invalid(msg)
        super().fail_json(msg=msg, **kwargs)

    def _return_formatted(self, kwargs: dict[str, Any]) -> None:
        """Without the options, which Ansible would show at -vvv: a manifest or a chart's values are no secret options,
        and may hold secrets. The other door does not show them either.
        """
        super()._return_formatted({"invocation": {}, **kwargs})


def _invalid(message: str) -> dict[str, Any]:
    return Failure("InvalidOption", message).as_dict()


_UNKNOWN = re.compile(r"(?:^|: )([^:]+)\. Supported parameters include: (.*?)\.?$")
_CHOICE = re.compile(r"value of \S+ must be one(?: or more)? of: (.*), got: (\S+)")


def _explain(message: str) -> str:
    """Ansible's refusal of an unknown option or choice, with the nearest valid spelling."""
    if unknown := _UNKNOWN.search(message):
        found, allowed = unknown[1].split(", "), re.split(r"[, ()]+", unknown[2])
        message = message if ":" in message[: unknown.start(1)] else f"Unsupported parameters: {message}"
    elif choice := _CHOICE.search(message):
        found, allowed = [choice[2]], choice[1].split(", ")
    else:
        return message
    meant = [f"Did you mean '{near}'?" for word in found if (near := nearest(word.rpartition(".")[2], allowed))]
    return " ".join([message.rstrip(".") + ".", *meant])
