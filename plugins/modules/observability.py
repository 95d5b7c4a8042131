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
  traits:
    description: What is observed. Each type once.
    type: list
    elements: dict
    suboptions:
      type:
        description:
          - V(arms-metrics) makes a PodMonitor that ARMS discovers, a PrometheusRule and a dashboard in a ConfigMap.
          - V(arms-logging) makes a ClusterAliyunPipelineConfig. Where the cluster knows none, C(environment) in
            RV(observability) has the variables by which containers ask for the same.
        type: str
        required: true
      port:
        description: With V(arms-metrics), name of the port that gives metrics; V(http) of a tfserving when unset.
        type: str
      path:
        description: Path of the metrics; TensorFlow Serving's own, and V(/metrics) of a job, when unset.
        type: str
      project:
        description: With V(arms-logging), the project; O(project) when unset.
        type: str
      logstore:
        description: The logstore; C(<namespace>-<name>) when unset.
        type: str
      ttl:
        description: Days for which logs are kept; 30 when unset.
        type: int
      predictors:
        description: Names of the predictors that are meant; all of the tfserving when unset.
        type: list
        elements: str
  project:
    description:
      - The project for V(arms-logging) that names none. A cluster's own is C(k8s-log-<cluster id>).
    type: str
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
  prometheus:
    description: Where samples can be asked for. Whether they arrive is not checked when it is unset.
    type: dict
    suboptions:
      url:
        description: Address of the HTTP API; ARMS shows it in the console.
        type: str
        required: true
      headers:
        description: Headers of each request, for example C(Authorization).
        type: dict
  sls_endpoint:
    description:
      - Address of Simple Log Service; C(https://<region>.log.aliyuncs.com) when unset.
      - Whether logs arrive is not checked where neither this nor O(region) is set.
    type: str
  wait_timeout:
    description: Seconds within which something has to arrive.
    type: int
    default: 180
extends_documentation_fragment:
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

from ansible_collections.mlops.ack.plugins.module_utils._core import prometheus
from ansible_collections.mlops.ack.plugins.module_utils._core.context import Context
from ansible_collections.mlops.ack.plugins.module_utils._core.credentials import credentials
from ansible_collections.mlops.ack.plugins.module_utils._core.module import Module, Params
from ansible_collections.mlops.ack.plugins.module_utils._core.options import AUTH, KUBE, Spec, wait
from ansible_collections.mlops.ack.plugins.module_utils._core.resource import Outcome, reconcile
from ansible_collections.mlops.ack.plugins.module_utils._core.wait import Deadline
from ansible_collections.mlops.ack.plugins.module_utils._kube.client import connect
from ansible_collections.mlops.ack.plugins.module_utils._observe.arrival import Prometheus
from ansible_collections.mlops.ack.plugins.module_utils._observe.resource import Observability
from ansible_collections.mlops.ack.plugins.module_utils._observe.shape import wish
from ansible_collections.mlops.ack.plugins.module_utils._observe.sls import Sls

TRAIT: Spec = {
    "type": {"type": "str", "required": True},
    "port": {"type": "str"},
    "path": {"type": "str"},
    "project": {"type": "str"},
    "logstore": {"type": "str"},
    "ttl": {"type": "int"},
    "predictors": {"type": "list", "elements": "str"},
}

OPTIONS: Spec = {
    "name": {"type": "str", "required": True},
    "namespace": {"type": "str", "required": True},
    "kind": {"type": "str", "choices": ["tfserving", "tfjob"], "default": "tfserving"},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "traits": {"type": "list", "elements": "dict", "options": TRAIT},
    "project": {"type": "str"},
    "declared": {"type": "dict"},
    "limits": {
        "type": "dict",
        "options": {name: {"type": "float"} for name in ("error_rate", "p99_ms", "queue_ms")},
    },
    "prometheus": {
        "type": "dict",
        "options": {"url": {"type": "str", "required": True}, "headers": {"type": "dict", "no_log": True}},
    },
    "sls_endpoint": {"type": "str"},
}


def run(params: Params, context: Context) -> Outcome:
    wanted = wish({**params, "traits": None if params["state"] == "absent" else params["traits"]})
    given = params["prometheus"]
    resource = Observability(
        connect(params, context),
        wanted,
        context,
        server=Prometheus(prometheus.address(given["url"], "prometheus"), given["headers"] or {}) if given else None,
        sls=_sls(params, context) if wanted.logging else None,
        deadline=Deadline(params["wait_timeout"], context.clock) if params["wait"] else None,
        timeout_s=params["request_timeout"],
    )
    return reconcile(resource, None if params["state"] == "absent" else {}, context)


def _sls(params: Params, context: Context) -> Sls | None:
    endpoint = params["sls_endpoint"] or (params["region"] and f"https://{params['region']}.log.aliyuncs.com")
    return Sls(endpoint, credentials(params, context), params["request_timeout"]) if endpoint else None


MODULE = Module({**AUTH, **KUBE, **wait(180), **OPTIONS}, run)


def main() -> None:
    MODULE.main()


if __name__ == "__main__":
    main()
