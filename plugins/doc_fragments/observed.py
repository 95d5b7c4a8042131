# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Traits, and where what they observe can be asked for."""

from __future__ import annotations


class ModuleDocFragment:
    """Extended as C(mlops.ack.observed)."""

    DOCUMENTATION = r"""
options:
  traits:
    description: What is observed. Each type once.
    type: list
    elements: dict
    suboptions:
      type:
        description:
          - V(arms-metrics) makes a PodMonitor that ARMS discovers, a PrometheusRule and a dashboard in a ConfigMap.
          - V(arms-logging) makes a ClusterAliyunPipelineConfig. Where the cluster knows none, C(environment) in
            the result of M(mlops.ack.observability) has the variables by which containers ask for the same.
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
  prometheus:
    description: Where samples can be asked for. Nobody asks when it is unset.
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
      - Nobody asks for logs where neither this nor O(region) is set.
    type: str
"""
