# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Errors as clients of TensorFlow Serving know them: one code, one message, and the HTTP status that goes with it."""

from __future__ import annotations

from enum import Enum


class Code(Enum):
    """The codes of gRPC that can occur here, with the HTTP status that the REST interface answers."""

    OK = 200
    INVALID_ARGUMENT = 400
    NOT_FOUND = 404
    UNKNOWN = 500
    UNAVAILABLE = 503


class ServingError(Exception):
    def __init__(self, code: Code, message: str) -> None:
        super().__init__(message)
        self.code = code


class StartError(Exception):
    """The server cannot start as it was told to."""
