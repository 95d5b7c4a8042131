#!/usr/bin/python
# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
---
module: k8s_manifest
short_description: Bring Kubernetes objects to the state of their manifests
version_added: 1.0.0
description:
  - Applies manifests by server-side apply under the field manager V(mlops.ack), in the order in which they need each
    other, and waits until they are ready.
  - Reads first. An object that is as its manifest says is not written; where only the server can tell, it is asked by a
    dry run, so that check mode, diff and run say the same.
  - A field that was applied by this module and is no longer in the manifest is removed from the object.
  - C(spec.replicas) is left alone where a HorizontalPodAutoscaler has set it.
author: mlops.ack contributors (@mlops-ack)
options:
  definition:
    description:
      - The manifests. A mapping, a list of mappings, or YAML text with one or more documents.
      - With O(state=absent) only C(apiVersion), C(kind) and C(metadata) count.
    type: raw
    aliases: [resource_definition]
  src:
    description: Files with manifests, or folders whose C(.yaml), C(.yml) and C(.json) files hold them.
    type: list
    elements: path
  namespace:
    description: Namespace of manifests that name none. V(default) when unset.
    type: str
  state:
    description: Whether the objects should be there.
    type: str
    choices: [present, absent]
    default: present
  owner:
    description:
      - A name for this set of objects. Labels each with C(app.kubernetes.io/managed-by=mlops.ack) and
        C(mlops.ack/owner=<owner>), by which O(prune) finds them again.
    type: str
  prune:
    description:
      - Delete what carries the labels of O(owner) and is not in the manifests, in their namespaces and O(namespace).
      - Never deletes PersistentVolumeClaims, Namespaces and what belongs to the whole cluster.
    type: bool
    default: false
  wait_conditions:
    description:
      - When objects of a kind are ready, for kinds that this module does not know, or in place of what it knows.
      - All the V(success) conditions of a kind are needed; any V(failure) condition ends the wait.
    type: list
    elements: dict
    suboptions:
      api_version:
        description: C(apiVersion) of the kind.
        type: str
        required: true
      kind:
        description: The kind.
        type: str
        required: true
      success:
        description: Condition types and the status each needs; C(Ready) needs V(True), for example.
        type: dict
        required: true
      failure:
        description: Condition types and the status that means failure.
        type: dict
        default: {}
  wait_timeout:
    description: Seconds until the wait ends in a failure.
    type: int
    default: 300
extends_documentation_fragment:
  - mlops.ack.kubernetes
  - mlops.ack.wait
  - mlops.ack.attributes
notes:
  - An unknown kind is never waited for in silence. It fails, before anything is written, unless O(wait_conditions)
    names it or O(wait=false).
  - While it waits for workloads it looks at their pods and ends as soon as they cannot start (image not found, crash
    loop, out of memory, no node fits).
"""

EXAMPLES = r"""
- name: A namespace and a volume in it
  mlops.ack.k8s_manifest:
    definition:
      - apiVersion: v1
        kind: Namespace
        metadata: {name: training}
      - apiVersion: v1
        kind: ConfigMap
        metadata: {name: settings, namespace: training}
        data: {epochs: "8"}

- name: Everything of a folder; what left the folder leaves the cluster
  mlops.ack.k8s_manifest:
    src: [manifests/]
    namespace: training
    owner: training-base
    prune: true

- name: From a template
  mlops.ack.k8s_manifest:
    definition: "{{ lookup('ansible.builtin.template', 'quota.yml.j2') }}"

- name: A kind of one's own
  mlops.ack.k8s_manifest:
    src: [certificate.yml]
    wait_conditions:
      - api_version: cert-manager.io/v1
        kind: Certificate
        success: {Ready: "True"}
"""

RETURN = r"""
objects:
  description:
    - The objects in the order in which they were handled; pruned ones last.
    - C(action) is V(create), V(update), V(delete) or V(none). C(resource) is the object (in check mode as the server
      predicts it, or the manifest where its namespace or kind does not exist yet); null when it is absent.
    - In check mode C(resourceVersion) and C(status) of an object that is written are null, of a new one C(uid) and
      C(creationTimestamp) too. C(annotations) are without those that controllers will write.
    - Values of Secrets are masked.
  returned: success
  type: list
  elements: dict
  sample:
    - api_version: v1
      kind: ConfigMap
      namespace: training
      name: settings
      action: create
      resource: {apiVersion: v1, kind: ConfigMap, metadata: {name: settings, namespace: training}, data: {epochs: "8"}}
failure:
  description:
    - Why it failed, for programs. C(details.done) and C(details.not_done) name what was written and what was not.
  returned: failure
  type: dict
  sample: {code: ImageNotFound, message: "...", resource: Deployment/training/web, hint: "...", details: {pod: web-1}}
"""

from ansible_collections.mlops.ack.plugins.module_utils._core.context import Context
from ansible_collections.mlops.ack.plugins.module_utils._core.module import Module, Params
from ansible_collections.mlops.ack.plugins.module_utils._core.options import KUBE, wait
from ansible_collections.mlops.ack.plugins.module_utils._core.resource import Outcome, reconcile
from ansible_collections.mlops.ack.plugins.module_utils._kube.client import connect
from ansible_collections.mlops.ack.plugins.module_utils._kube.objects import Objects, Wishes, parse, read
from ansible_collections.mlops.ack.plugins.module_utils._kube.waits import by_conditions


def wishes(params: Params) -> Wishes:
    return Wishes(
        present=params["state"] == "present",
        namespace=params["namespace"],
        owner=params["owner"] or "",
        prune=params["prune"],
        wait=params["wait"],
        wait_timeout_s=params["wait_timeout"],
        rules={
            (rule["api_version"], rule["kind"]): by_conditions(rule["success"], rule["failure"])
            for rule in params["wait_conditions"] or []
        },
    )


def run(params: Params, context: Context) -> Outcome:
    manifests = read(params["src"]) if params["src"] else parse(params["definition"])
    outcome = reconcile(Objects(connect(params, context), manifests, wishes(params), context), {}, context)
    outcome.values = outcome.values["objects"]
    return outcome


MODULE = Module(
    {
        **KUBE,
        **wait(300),
        "definition": {"type": "raw", "aliases": ["resource_definition"]},
        "src": {"type": "list", "elements": "path"},
        "namespace": {"type": "str"},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "owner": {"type": "str"},
        "prune": {"type": "bool", "default": False},
        "wait_conditions": {
            "type": "list",
            "elements": "dict",
            "options": {
                "api_version": {"type": "str", "required": True},
                "kind": {"type": "str", "required": True},
                "success": {"type": "dict", "required": True},
                "failure": {"type": "dict", "default": {}},
            },
        },
    },
    run,
    {
        "mutually_exclusive": [("definition", "src")],
        "required_one_of": [("definition", "src")],
        "required_if": [("prune", True, ("owner",))],
    },
)


def main() -> None:
    MODULE.main()


if __name__ == "__main__":
    main()
