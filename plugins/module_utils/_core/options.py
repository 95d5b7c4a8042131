# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Option groups that modules share; each has its doc fragment in plugins/doc_fragments/."""

from __future__ import annotations

import copy
from typing import Any

from ansible.module_utils.basic import env_fallback
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

Spec = dict[str, dict[str, Any]]


def validator(spec: Spec, **constraints: Any) -> ArgumentSpecValidator:
    """Ansible's validation, on a copy: it fills a default mapping in place, for every later task too."""
    return ArgumentSpecValidator(copy.deepcopy(spec), **constraints)


def _env(*names: str) -> tuple[Any, list[str]]:
    return (env_fallback, list(names))


AUTH: Spec = {
    "access_key_id": {
        "fallback": _env("ALIBABA_CLOUD_ACCESS_KEY_ID", "ALICLOUD_ACCESS_KEY", "ALIBABACLOUD_ACCESS_KEY_ID"),
    },
    "access_key_secret": {
        "no_log": True,
        "fallback": _env("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "ALICLOUD_SECRET_KEY", "ALIBABACLOUD_ACCESS_KEY_SECRET"),
    },
    "security_token": {
        "no_log": True,
        "fallback": _env("ALIBABA_CLOUD_SECURITY_TOKEN", "ALICLOUD_SECURITY_TOKEN", "ALIBABACLOUD_SECURITY_TOKEN"),
    },
    "region": {"fallback": _env("ALIBABA_CLOUD_REGION", "ALICLOUD_REGION")},
    "request_timeout": {"type": "int", "default": 60},
}
"""Alibaba Cloud: who calls, and where."""

CS: Spec = {**AUTH, "cs_endpoint": {"fallback": _env("ALIBABA_CLOUD_ENDPOINT_CS", "CS_ENDPOINT")}}

OSS: Spec = {**AUTH, "oss_endpoint": {"fallback": _env("ALIBABA_CLOUD_ENDPOINT_OSS", "OSS_ENDPOINT")}}

KUBE: Spec = {
    "kubeconfig": {"type": "path", "fallback": _env("K8S_AUTH_KUBECONFIG", "KUBECONFIG")},
    "context": {"fallback": _env("K8S_AUTH_CONTEXT")},
    "request_timeout": {"type": "int", "default": 60},
}
"""Kubernetes: which cluster."""


def wait(timeout_s: int) -> Spec:
    """The pair every waiting module has. `timeout_s` is the default deadline."""
    return {"wait": {"type": "bool", "default": True}, "wait_timeout": {"type": "int", "default": timeout_s}}
