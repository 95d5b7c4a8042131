#!/usr/bin/python
# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
---
module: observability_info
short_description: Tell what traits measure of a serving now
version_added: 1.1.0
description:
  - Asks Prometheus for requests, failures, latencies, the wait for a batch and the shares of each predictor over the
    last five minutes, and Simple Log Service for the newest line of the last hour.
  - What nobody measured is null, never zero, and C(absent) says why. A service that cannot be asked is no failure of
    this module.
author: mlops.ack contributors (@mlops-ack)
options:
  name:
    description: Name of the tfserving.
    type: str
    required: true
  namespace:
    description: Its namespace.
    type: str
    required: true
extends_documentation_fragment:
  - mlops.ack.observed
  - mlops.ack.alibaba
  - mlops.ack.attributes.info
"""

EXAMPLES = r"""
- name: How it goes
  mlops.ack.observability_info:
    name: digits
    namespace: serving
    region: cn-hangzhou
    traits:
      - {type: arms-metrics}
      - {type: arms-logging, project: k8s-log-c1234567890abcdef}
    prometheus: {url: "https://cn-hangzhou.arms.example.com/api/v1/prometheus/abc"}
  register: seen
"""

RETURN = r"""
observed:
  description:
    - What was measured. C(predictors) is null where Prometheus could not be asked, C(logs) where Simple Log Service
      could not; C(absent) says why.
    - C(error_rate) is from 0 to 1, percentages from 0 to 100, C(up) the number of pods that give metrics.
  returned: success
  type: dict
  sample:
    name: digits
    namespace: serving
    predictors:
      baseline:
        up: 2
        requests_per_second: 41.7
        error_rate: 0
        p50_ms: 1.2
        p99_ms: 6.8
        queue_ms: 0.4
        observed_percentage: 90.2
        declared_percentage: 90
    logs:
      arrive: true
      project: k8s-log-c1234567890abcdef
      logstore: serving-digits
      newest: {time: "2026-11-22T10:00:00Z", pod: digits-baseline-5d0c3f1e-abcde, text: "listening"}
    absent: {}
failure:
  description: Why it failed, for programs.
  returned: failure
  type: dict
  sample: {code: InvalidOption, message: "...", resource: "", request_id: "", hint: "...", retryable: false}
"""

from ansible_collections.mlops.ack.plugins.module_utils._core.context import Context
from ansible_collections.mlops.ack.plugins.module_utils._core.module import Module, Params
from ansible_collections.mlops.ack.plugins.module_utils._core.options import AUTH
from ansible_collections.mlops.ack.plugins.module_utils._core.resource import Outcome
from ansible_collections.mlops.ack.plugins.module_utils._observe.measured import measured
from ansible_collections.mlops.ack.plugins.module_utils._observe.options import OBSERVED, prometheus, sls
from ansible_collections.mlops.ack.plugins.module_utils._observe.shape import wish


def run(params: Params, context: Context) -> Outcome:
    wanted = wish({**params, "kind": "tfserving", "declared": {}, "limits": {}})
    service = sls(params, context) if wanted.logging else None
    return Outcome(False, {"observed": measured(wanted, prometheus(params), service, params["request_timeout"])})


MODULE = Module(
    {
        **AUTH,
        **OBSERVED,
        "name": {"type": "str", "required": True},
        "namespace": {"type": "str", "required": True},
    },
    run,
)


def main() -> None:
    MODULE.main()


if __name__ == "__main__":
    main()
