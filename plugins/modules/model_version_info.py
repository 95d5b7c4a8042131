#!/usr/bin/python
# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
---
module: model_version_info
short_description: Tell the versions of a model and what became of them
version_added: 1.0.0
description:
  - Tells of each version what it was trained on, who approved it, and where it serves; and of each environment what
    serves there, since when, by whose decision.
  - Reads records only, neither a cluster nor a registry. M(mlops.ack.tfserving_info) looks at a cluster.
author: mlops.ack contributors (@mlops-ack)
options:
  name:
    description: Name of the model.
    type: str
    required: true
  version:
    description: Only this version.
    type: int
  environment:
    description: Only what serves in this environment, and the versions that ever did.
    type: str
  signing_key:
    description: Proves the approvals of gates whose policy asks for signatures; see M(mlops.ack.gate).
    type: str
extends_documentation_fragment:
  - mlops.ack.alibaba
  - mlops.ack.alibaba.oss
  - mlops.ack.store
  - mlops.ack.attributes.info
seealso:
  - module: mlops.ack.model_version
  - module: mlops.ack.tfserving_info
"""

EXAMPLES = r"""
- name: What serves in production
  mlops.ack.model_version_info:
    name: digits
    environment: prod
    store: {bucket: ml-example}
    region: cn-hangzhou
  register: found

- name: Show it
  ansible.builtin.debug:
    var: found.environments.prod
"""

RETURN = r"""
versions:
  description:
    - The versions by rising number; none where the model is not known.
    - Each is the record of RV(mlops.ack.model_version#module:model_version) with what became of it.
    - C(state) is C(candidate), C(approved) by a gate, C(serving) somewhere now, or C(retired), which means no longer.
  returned: success
  type: list
  elements: dict
  sample:
    - name: digits
      version: 1
      reference: digits-v1
      state: serving
      model_digest: "sha256:0a..."
      run_id: digits-3f2a9c11d0b4
      dataset: {name: digits, digest: "sha256:5f..."}
      metrics: {accuracy: 0.97}
      serves: [{environment: prod, serving: digits, since: "2026-11-22T18:40:00Z", traffic_percentage: 90}]
      served: [dev, prod]
      approvals: [{environment: prod, name: evaluate-model, approvers: [alice], reason: 0.97 on holdout}]
environments:
  description: What serves now, by environment; one entry for each serving, with its predictors and their origin.
  returned: success
  type: dict
  sample:
    prod:
      - serving: digits
        release: 3
        since: "2026-11-22T18:40:00Z"
        by: alice
        decision: {status: approved, approvers: [alice]}
        before: {digits-v1: 100}
        predictors:
          - name: stable
            model_version: digits-v1
            traffic_percentage: 90
            since: "2026-11-20T09:00:00Z"
            run_id: digits-3f2a9c11d0b4
            dataset: {name: digits, digest: "sha256:5f...", count: 2, size: 263211}
            training_image: registry.example.com/tensorflow/training@sha256:4e...
            trained_by: carol
            model_digest: "sha256:0a..."
            metrics: {accuracy: 0.97}
"""

from ansible_collections.mlops.ack.plugins.module_utils._core.context import Context
from ansible_collections.mlops.ack.plugins.module_utils._core.module import Module, Params
from ansible_collections.mlops.ack.plugins.module_utils._core.options import OSS
from ansible_collections.mlops.ack.plugins.module_utils._core.resource import Outcome
from ansible_collections.mlops.ack.plugins.module_utils._gate.overview import overview
from ansible_collections.mlops.ack.plugins.module_utils._oss.store import STORE, open_store
from ansible_collections.mlops.ack.plugins.module_utils._registry.lineage import (
    releases_of,
    serving,
    stories,
    versions_of,
)


def run(params: Params, context: Context) -> Outcome:
    store, wanted = open_store(params, context), params["environment"]
    versions, releases = versions_of(store, params["name"]), releases_of(store, params["name"])
    told = stories(versions, releases, list(overview(store, store.now(), key=params["signing_key"])))
    return Outcome(
        False,
        {
            "versions": [
                each
                for each in told
                if params["version"] in (None, each["version"]) and (wanted is None or wanted in each["served"])
            ],
            "environments": {
                name: serving(found, versions) for name, found in releases.items() if wanted in (None, name)
            },
        },
    )


MODULE = Module(
    {
        **OSS,
        **STORE,
        "name": {"type": "str", "required": True},
        "version": {"type": "int"},
        "environment": {"type": "str"},
        "signing_key": {"type": "str", "no_log": True},
    },
    run,
)


def main() -> None:
    MODULE.main()


if __name__ == "__main__":
    main()
