# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Who calls Alibaba Cloud: the options, else the SDK's own chain."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from .context import Context
from .failure import Failure
from .preflight import need


class Credentials(NamedTuple):
    access_key_id: str
    access_key_secret: str
    security_token: str = ""


def credentials(params: Mapping[str, Any], context: Context) -> Callable[[], Credentials]:
    """A function that gives the present credentials; what it gives is scrubbed from every output.

    Raises Failure `MissingOption` for half a key pair, `MissingCredentials` where no source has any.
    Source: alibabacloud-credentials, default provider chain.
    """
    key_id, secret, token = params["access_key_id"], params["access_key_secret"], params["security_token"]
    if bool(key_id) != bool(secret):
        found, lacking = ("access_key_id", "access_key_secret") if key_id else ("access_key_secret", "access_key_id")
        raise Failure("MissingOption", f"{found} is set, {lacking} is not.", hint="Set both, or neither.")
    if key_id:
        fixed = Credentials(key_id, secret, token or "")
        return lambda: fixed
    return _chain(context)


def _chain(context: Context) -> Callable[[], Credentials]:
    os.environ.setdefault("ALIBABA_CLOUD_ECS_METADATA_DISABLED", "true")  # asked for by ALIBABA_CLOUD_ECS_METADATA only
    if os.environ.get("ALIBABA_CLOUD_ECS_METADATA"):
        os.environ["ALIBABA_CLOUD_ECS_METADATA_DISABLED"] = "false"
    try:
        from alibabacloud_credentials.client import Client
    except ImportError as error:
        need("alibabacloud-credentials", str(error))
        raise
    try:
        client = Client()
        client.get_credential()
    except Exception as error:  # CredentialException and what providers let through
        raise Failure(
            "MissingCredentials",
            f"No Alibaba Cloud credentials were found: {error}.",
            hint="Set access_key_id and access_key_secret, or ALIBABA_CLOUD_ACCESS_KEY_ID and _SECRET.",
        ) from error

    def now() -> Credentials:
        found: Any = client.get_credential()
        context.secrets.add(found.access_key_secret)
        context.secrets.add(found.security_token)
        return Credentials(found.access_key_id, found.access_key_secret, found.security_token or "")

    return now
