#!/usr/bin/python
# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
---
module: k8s_info
short_description: Read Kubernetes objects
version_added: 1.0.0
description:
  - Returns one object, or all objects of a kind that match.
author: mlops.ack contributors (@mlops-ack)
options:
  api_version:
    description: C(apiVersion) of the kind.
    type: str
    default: v1
  kind:
    description: The kind, for example V(Pod).
    type: str
    required: true
  name:
    description: Name of the one object.
    type: str
  namespace:
    description:
      - Where to look; all namespaces when unset. With O(name), V(default) when unset.
    type: str
  label_selector:
    description: A selector, for example V(app=web,tier!=test).
    type: str
    default: ""
  field_selector:
    description: A selector over fields, for example V(status.phase=Running).
    type: str
    default: ""
extends_documentation_fragment:
  - mlops.ack.kubernetes
  - mlops.ack.attributes.info
"""

EXAMPLES = r"""
- name: The pods of a training job
  mlops.ack.k8s_info:
    kind: Pod
    namespace: training
    label_selector: training.kubeflow.org/job-name=digits

- name: One job
  mlops.ack.k8s_info:
    api_version: kubeflow.org/v1
    kind: TFJob
    namespace: training
    name: digits
"""

RETURN = r"""
resources:
  description:
    - The objects; empty where there are none, or where the cluster does not know the kind's group.
    - Without managedFields. Values of Secrets are masked.
  returned: success
  type: list
  elements: dict
  sample: [{apiVersion: v1, kind: Pod, metadata: {name: digits-worker-0, namespace: training}}]
failure:
  description: Why it failed, for programs.
  returned: failure
  type: dict
  sample: {code: UnknownKind, message: "...", resource: Widget/example.org/v1, hint: "..."}
"""

from ansible_collections.mlops.ack.plugins.module_utils._core.context import Context
from ansible_collections.mlops.ack.plugins.module_utils._core.module import Module, Params
from ansible_collections.mlops.ack.plugins.module_utils._core.options import KUBE
from ansible_collections.mlops.ack.plugins.module_utils._core.resource import Outcome
from ansible_collections.mlops.ack.plugins.module_utils._kube.client import connect
from ansible_collections.mlops.ack.plugins.module_utils._kube.kinds import Ref
from ansible_collections.mlops.ack.plugins.module_utils._kube.shape import visible


def run(params: Params, context: Context) -> Outcome:
    client = connect(params, context)
    kind = client.kind(params["api_version"], params["kind"])
    if params["name"]:
        one = client.get(Ref(kind, (params["namespace"] or "default") if kind.namespaced else None, params["name"]))
        found = [one] if one else []
    else:
        found = client.list(kind, params["namespace"], labels=params["label_selector"], fields=params["field_selector"])
    return Outcome(False, {"resources": [visible(item) for item in found]})


MODULE = Module(
    {
        **KUBE,
        "api_version": {"type": "str", "default": "v1"},
        "kind": {"type": "str", "required": True},
        "name": {"type": "str"},
        "namespace": {"type": "str"},
        "label_selector": {"type": "str", "default": ""},
        "field_selector": {"type": "str", "default": ""},
    },
    run,
    {"mutually_exclusive": [("name", "label_selector"), ("name", "field_selector")]},
)


def main() -> None:
    MODULE.main()


if __name__ == "__main__":
    main()
