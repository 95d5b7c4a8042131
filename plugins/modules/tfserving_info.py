#!/usr/bin/python
# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
---
module: tfserving_info
short_description: Tell what serves, with which share of the traffic
version_added: 1.0.0
description:
  - Reads predictors, replicas and declared shares from the cluster, and counts the observed shares on request.
  - Shows every deployed revision, also one whose release did not come to its end and that has no traffic.
author: mlops.ack contributors (@mlops-ack)
options:
  name:
    description: Name of the tfserving; all of the namespace when unset.
    type: str
  namespace:
    description: Namespace to look into.
    type: str
    required: true
  environment:
    description:
      - Tell the history of this environment, too, from the records in O(store). Needs O(name) and O(store).
    type: str
  store:
    description: Where records lie; see O(environment).
    type: dict
    suboptions:
      bucket:
        description: The bucket.
        type: str
      prefix:
        description: Records lie below it.
        type: str
        default: mlops
      path:
        description: A folder instead of a bucket.
        type: path
  probe:
    description: Count the split by requests for the model's state, sent from where the module runs.
    type: dict
    suboptions:
      requests:
        description: Number of requests.
        type: int
        default: 100
      endpoint:
        description: Address of the gateway, for example V(http://203.0.113.7). The Gateway's own address when unset.
        type: str
      host:
        description: The Host header; the route's first host name when unset.
        type: str
      timeout:
        description: Seconds after which counting ends.
        type: int
        default: 120
extends_documentation_fragment:
  - mlops.ack.kubernetes
  - mlops.ack.alibaba
  - mlops.ack.alibaba.oss
  - mlops.ack.attributes.info
"""

EXAMPLES = r"""
- name: What serves, and what clients really get
  mlops.ack.tfserving_info:
    name: digits
    namespace: serving
    probe: {requests: 1000, endpoint: "http://203.0.113.7"}
  register: found

- name: What served since when, by whom, and what was brought back, and why
  mlops.ack.tfserving_info:
    name: digits
    namespace: serving
    environment: prod
    store: {bucket: ml-example}
    region: cn-hangzhou
"""

RETURN = r"""
servings:
  description: The tfservings found, by name; C(split) and C(observed_percentage) are null without O(probe).
  returned: success
  type: list
  elements: dict
  sample:
    - name: digits
      namespace: serving
      url: http://203.0.113.7/v1/models/digits:predict
      hostnames: [digits.example.com]
      predictors:
        - name: stable
          model_version: digits-v1
          image: registry.example.com/digits@sha256:0c3e...
          model_digest: sha256:51fd...
          serving_image: tensorflow/serving:2.19.1
          revision: 5d0c3f1e
          replicas: 1
          ready_replicas: 1
          traffic_percentage: 90
          observed_percentage: 90.4
          auto_scale: {min_replicas: 1, max_replicas: 10}
          state: ready
      under_way: null
      split:
        requests: 1000
        failed: 0
        observed: {stable: 90.4, canary: 9.6}
        latency_ms: {p50: 1.1, p90: 2.3, p99: 4.8}
releases:
  description: With O(environment), what has served, newest first. C(restores) is the release that a rollback went to.
  returned: success
  type: list
  elements: dict
  sample:
    - n: 3
      time: "2026-11-22T18:40:00Z"
      by: alice
      reason: Nines are read as fours
      approved_by: []
      replaces: 2
      restores: 1
      predictors:
        - {name: stable, model_version: digits-v1, model_digest: "sha256:51fd...", traffic_percentage: 100}
attempts:
  description: With O(environment), the releases that were brought back, newest first, from which step, and why.
  returned: success
  type: list
  elements: dict
  sample:
    - n: 1
      time: "2026-11-22T18:20:00Z"
      by: alice
      reason: "The analysis at step 10 % failed: ..."
      code: AnalysisFailed
      step: 10
      serves_on: 2
      approved_by: [bob]
      predictors: []
failure:
  description: Why it failed, for programs.
  returned: failure
  type: dict
  sample: {code: Unreachable, message: "...", resource: "", request_id: "", hint: "...", retryable: true}
"""

from ansible_collections.mlops.ack.plugins.module_utils._core.context import Context
from ansible_collections.mlops.ack.plugins.module_utils._core.module import Module, Params
from ansible_collections.mlops.ack.plugins.module_utils._core.options import KUBE, OSS, Spec
from ansible_collections.mlops.ack.plugins.module_utils._core.resource import Outcome
from ansible_collections.mlops.ack.plugins.module_utils._kube.client import connect
from ansible_collections.mlops.ack.plugins.module_utils._oss.store import STORE
from ansible_collections.mlops.ack.plugins.module_utils._serving.info import describe, history, servings

PROBE: Spec = {
    "requests": {"type": "int", "default": 100},
    "endpoint": {"type": "str"},
    "host": {"type": "str"},
    "timeout": {"type": "int", "default": 120},
}


def run(params: Params, context: Context) -> Outcome:
    client = connect(params, context)
    found = servings(client, params["namespace"], params["name"])
    told = history(client, params, context) if params["environment"] else {"releases": [], "attempts": []}
    seen = [describe(client, live, params["probe"] or {}, context) for live in found]
    return Outcome(False, {"servings": seen, **told})


MODULE = Module(
    {
        **OSS,
        **KUBE,
        "store": {**STORE["store"], "required": False},
        "environment": {"type": "str"},
        "name": {"type": "str"},
        "namespace": {"type": "str", "required": True},
        "probe": {"type": "dict", "options": PROBE},
    },
    run,
    {"required_by": {"environment": ["name", "store"]}},
)


def main() -> None:
    MODULE.main()


if __name__ == "__main__":
    main()
