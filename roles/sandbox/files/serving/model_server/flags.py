# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The command line: TensorFlow Serving's flags, those of them that this server has."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

from .errors import StartError


@dataclass(frozen=True, slots=True)
class Flags:
    """Defaults are TensorFlow Serving's: without rest_api_port there is no REST interface."""

    port: int = 8500  # gRPC: accepted, not served
    rest_api_port: int = 0
    model_name: str = "default"
    model_base_path: str = ""
    enable_batching: bool = False
    batching_parameters_file: str = ""
    monitoring_config_file: str = ""
    file_system_poll_wait_seconds: int = 1
    per_process_gpu_memory_fraction: float = 0.0  # accepted; there is no GPU to take it from


KINDS = {field.name: field.type for field in fields(Flags)}  # names of types: annotations are not evaluated


def parse(arguments: Sequence[str]) -> Flags:
    """`--flag=value`, `--flag value`, and `--flag` alone for a boolean. Raises StartError."""
    values: dict[str, int | float | str | bool] = {}
    words = iter(arguments)
    for word in words:
        name, has_value, text = word.removeprefix("--").partition("=")
        if not word.startswith("--") or name not in KINDS:
            near = difflib.get_close_matches(name, KINDS, n=1)
            raise StartError(f"unknown argument: {word}" + (f"; did you mean --{near[0]}?" if near else ""))
        if not has_value and KINDS[name] == "bool":
            text = "true"
        elif not has_value and (text := next(words, "")) == "":
            raise StartError(f"--{name} needs a value")
        values[name] = _typed(name, text)
    flags = Flags(**values)  # type: ignore[arg-type]  # _typed made each what its field says
    _check(flags)
    return flags


def _typed(name: str, text: str) -> int | float | str | bool:
    if KINDS[name] == "float":
        try:
            return float(text)
        except ValueError:
            raise StartError(f"--{name} is {text!r}; expected a number") from None
    if KINDS[name] == "int":
        if not text.lstrip("-").isdigit():
            raise StartError(f"--{name} is {text!r}; expected a whole number")
        return int(text)
    if KINDS[name] == "bool":
        if text not in ("true", "false", "1", "0"):
            raise StartError(f"--{name} is {text!r}; expected true or false")
        return text in ("true", "1")
    return text


def _check(flags: Flags) -> None:
    if not flags.model_base_path:
        raise StartError("--model_base_path is missing: the folder that holds the numbered versions of the model")
    if not flags.rest_api_port:
        raise StartError("--rest_api_port is missing: REST is the only interface that this server has")
    if flags.batching_parameters_file and not flags.enable_batching:
        raise StartError("--batching_parameters_file was given without --enable_batching")
    for name in ("batching_parameters_file", "monitoring_config_file"):
        if (path := getattr(flags, name)) and not Path(path).is_file():
            raise StartError(f"--{name}: there is no file {path}")
