#!/usr/bin/python
# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
---
module: observability
short_description: Metrics, alerts, a dashboard and logs of a serving or a training job, by traits
version_added: 1.1.0
description:
  - Lets Prometheus (ARMS) read the pods' metrics, brings alert rules and a dashboard for them, and lets Simple Log
    Service take their output.
  - Waits until a sample and a line of the log have really arrived, and says clearly where they have not.
  - Nothing is written where nothing differs; what a trait that is no longer named had made is taken away.
  - The addons themselves are installed by M(mlops.ack.ack_addon), or by the role P(mlops.ack.observability#role).
author: mlops.ack contributors (@mlops-ack)
options:
  name:
    description: Name of the tfserving or of the TFJob.
    type: str
    required: true
  namespace:
    description: Its namespace.
    type: str
    required: true
  kind:
    description: What it is.
    type: str
    choices: [tfserving, tfjob]
    default: tfserving
  state:
    description: V(absent) takes away what any trait of it made.
    type: str
    choices: [present, absent]
    default: present
  declared:
    description: Percentage of the traffic by predictor, drawn beside what is observed.
    type: dict
  limits:
    description: Beyond these an alert fires.
    type: dict
    suboptions:
      error_rate:
        description: Share of failed requests, from 0 to 1; 0.05 when unset.
        type: float
      p99_ms:
        description: Milliseconds within which 99 of 100 requests are answered; 500 when unset.
        type: float
      queue_ms:
        description: Milliseconds that a request waits for its batch; 100 when unset.
        type: float
  wait_timeout:
    description: Seconds after which the run ends, and within which something has to arrive.
    type: int
    default: 180
extends_documentation_fragment:
  - mlops.ack.observed
  - mlops.ack.kubernetes
  - mlops.ack.alibaba
  - mlops.ack.wait
  - mlops.ack.attributes
"""

EXAMPLES = r"""
- name: Metrics, alerts, dashboard and logs in two lines
  mlops.ack.observability:
    name: digits
    namespace: serving
    region: cn-hangzhou
    traits:
      - {type: arms-metrics}
      - {type: arms-logging, project: k8s-log-c1234567890abcdef}
    declared: {stable: 90, canary: 10}
    prometheus: {url: "https://cn-hangzhou.arms.example.com/api/v1/prometheus/abc"}

- name: Only the logs of a training job
  mlops.ack.observability:
    kind: tfjob
    name: digits-baseline
    namespace: mlops
    region: cn-hangzhou
    traits:
      - {type: arms-logging, project: ml-logs, logstore: training, ttl: 90}

- name: Observe it no more
  mlops.ack.observability:
    name: digits
    namespace: serving
    state: absent
"""

RETURN = r"""
observability:
  description:
    - What was made, and what arrived; null when it is absent.
    - C(arrived) is null in check mode and without O(wait), and its parts are where nobody could be asked.
  returned: success
  type: dict
  sample:
    name: digits
    namespace: serving
    objects: [PodMonitor/serving/tfserving-digits, PrometheusRule/serving/tfserving-digits]
    environment: []
    dashboard: {tfserving-digits.json: "{...}"}
    arrived:
      metrics: {targets: 2, job: serving/tfserving-digits}
      logs: {time: "2026-11-22T10:00:00Z", pod: digits-stable-5d0c3f1e-abcde, text: "listening"}
failure:
  description: Why it failed, for programs.
  returned: failure
  type: dict
  sample: {code: NoSample, message: "...", resource: "", request_id: "", hint: "...", retryable: true}
"""

from ansible_collections.mlops.ack.plugins.module_utils._core.context import Context
from ansible_collections.mlops.ack.plugins.module_utils._core.module import Module, Params
from ansible_collections.mlops.ack.plugins.module_utils._core.options import AUTH, KUBE, Spec, wait
from ansible_collections.mlops.ack.plugins.module_utils._core.resource import Outcome, reconcile
from ansible_collections.mlops.ack.plugins.module_utils._core.wait import Deadline
from ansible_collections.mlops.ack.plugins.module_utils._kube.client import connect
from ansible_collections.mlops.ack.plugins.module_utils._observe.options import OBSERVED, prometheus, sls
from ansible_collections.mlops.ack.plugins.module_utils._observe.resource import Observability
from ansible_collections.mlops.ack.plugins.module_utils._observe.shape import wish

OPTIONS: Spec = {
    "name": {"type": "str", "required": True},
    "namespace": {"type": "str", "required": True},
    "kind": {"type": "str", "choices": ["tfserving", "tfjob"], "default": "tfserving"},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "declared": {"type": "dict"},
    "limits": {
        "type": "dict",
        "options": {name: {"type": "float"} for name in ("error_rate", "p99_ms", "queue_ms")},
    },
    **OBSERVED,
}


def run(params: Params, context: Context) -> Outcome:
    wanted = wish({**params, "traits": None if params["state"] == "absent" else params["traits"]})
    deadline = Deadline(params["wait_timeout"], context.clock)
    resource = Observability(
        connect(params, context).within(deadline),
        wanted,
        context,
        server=prometheus(params),
        sls=sls(params, context) if wanted.logging else None,
        deadline=deadline if params["wait"] else None,
        timeout_s=params["request_timeout"],
    )
    return reconcile(resource, None if params["state"] == "absent" else {}, context)


MODULE = Module({**AUTH, **KUBE, **wait(180), **OPTIONS}, run)


def main() -> None:
    MODULE.main()


if __name__ == "__main__":
    main()
