#!/usr/bin/python
# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
---
module: tfserving
short_description: Serve model versions with TensorFlow Serving behind one split route
version_added: 1.0.0
description:
  - Keeps named predictors, each of them one registered model version, and one route that sends each its share of the
    traffic.
  - A release goes in this order. New predictors start without traffic, have to report their version as AVAILABLE and to
    answer its golden request; then the weights are moved, and counted where O(verify.requests) says so; then what has
    no traffic any more is taken away. Whatever fails, the weights stay, or become again, what they were.
  - Every content of a predictor (model, image, options) is a Deployment and a Service of its own, so that a changed
    predictor is proven before it replaces the present one. Only replicas, autoscaling and disruption budget change in
    place.
  - Nothing is written where nothing differs. What serves is kept as a release record in the store, appended when it
    changes.
  - The kubeconfig's user needs C(get) and C(create) on C(services/proxy) to ask new predictors before they get traffic.
author: mlops.ack contributors (@mlops-ack)
options:
  name:
    description: Name of the tfserving, and of its route. A DNS label.
    type: str
    required: true
  namespace:
    description: Namespace of everything it makes. It has to exist.
    type: str
    required: true
  environment:
    description: Name of the environment in the release record, for example V(prod).
    type: str
    required: true
  state:
    description:
      - V(absent) takes the route away first, then everything else that carries the ownership label.
    type: str
    choices: [present, absent]
    default: present
  image:
    description:
      - The image of TensorFlow Serving, 2.x; with 1.11 and older, which cannot tell a model's state, only the golden
        request is asked.
      - May be left out where the O(predictors[].template) of each predictor names one for its container C(tensorflow).
    type: str
  registry_secret:
    description: Name of a Secret in the namespace that may pull the images.
    type: str
  predictors:
    description: The predictors. All of them serve versions of one model.
    type: list
    elements: dict
    suboptions:
      name:
        description: Name of the predictor; the gateway puts it into the answer's header C(x-mlops-predictor).
        type: str
        required: true
      model_version:
        description:
          - C(<model>-v<number>), or a mapping with C(model_name) (or C(modelName)) and C(version).
          - Its record has to be in the O(store); its image is used by digest.
        type: raw
        required: true
        aliases: [modelVersion]
      replicas:
        description:
          - Number of pods; 1, or with O(predictors[].auto_scale) its minimum, when unset.
          - With O(predictors[].auto_scale) only what a new predictor begins with.
        type: int
      traffic_percentage:
        description:
          - Share of the traffic, a whole number from 0 to 100. All of them sum to 100.
          - One predictor may leave it out and gets the remainder. With 0 it runs, and nobody asks it.
        type: int
        aliases: [trafficPercentage]
      auto_scale:
        description: Lets a HorizontalPodAutoscaler own the number of pods.
        type: dict
        aliases: [autoScale]
        suboptions:
          min_replicas:
            description: Fewest pods.
            type: int
            default: 1
            aliases: [minReplicas]
          max_replicas:
            description: Most pods.
            type: int
            required: true
            aliases: [maxReplicas]
          metrics:
            description: Metrics of C(autoscaling/v2) as its API writes them; 80 % of the requested CPU when unset.
            type: list
            elements: dict
      batching:
        description: Lets TensorFlow Serving put requests together. A change starts new pods.
        type: dict
        suboptions:
          batch_size:
            description: Most rows in a batch. A single request with more rows is refused.
            type: int
            required: true
            aliases: [batchSize]
          timeout_micros:
            description: How long a batch waits for more, in microseconds.
            type: int
            default: 1000
            aliases: [timeoutMicros]
          num_batch_threads:
            description: Batches that run at once; TensorFlow Serving's own default when unset.
            type: int
            aliases: [numBatchThreads]
          max_enqueued_batches:
            description: Batches that may wait; more are refused. TensorFlow Serving's own default when unset.
            type: int
            aliases: [maxEnqueuedBatches]
          allowed_batch_sizes:
            description:
              - Sizes to which batches are padded; increasing, the last one is O(predictors[].batching.batch_size).
            type: list
            elements: int
            aliases: [allowedBatchSizes]
      resources:
        description: Requests and limits of the server; a request of 100m CPU and 512Mi memory when unset.
        type: dict
      gpu_memory:
        description:
          - GiB of a shared GPU's memory for each pod (C(aliyun.com/gpu-mem)). It has to fit one card.
          - The node needs a mode of GPU sharing (label C(ack.node.gpu.schedule), see M(mlops.ack.ack_node_pool)), which
            is checked before anything is applied. TensorFlow Serving is told its fraction of the card.
        type: int
        aliases: [gpuMemory]
      gpu_core_percentage:
        description: Percentage of the card's cores; needs O(predictors[].gpu_memory) and nodes of the mode C(core_mem).
        type: int
        aliases: [gpuCorePercentage]
      gpu_count:
        description:
          - Whole cards (C(nvidia.com/gpu)); with O(predictors[].gpu_memory) the cards that it is spread over.
        type: int
        aliases: [gpuCount]
      burst:
        description:
          - Lets pods run serverless, on the virtual node, when the nodes are full. They leave first (best effort).
          - Written as a ResourcePolicy where the cluster knows it, else as toleration and preferred affinity.
        type: dict
        suboptions:
          to:
            description: Where to. V(acs) needs ResourcePolicy.
            type: str
            choices: [eci, acs]
            default: eci
          keep_local:
            description: At most so many pods on nodes; as many as they hold when unset. Needs ResourcePolicy.
            type: int
            aliases: [keepLocal]
          node_pool:
            description: Id of the node pool that is filled first.
            type: str
            aliases: [nodePool]
          instance_types:
            description: Up to five instance types of serverless pods; needed with O(predictors[].gpu_count).
            type: list
            elements: str
            aliases: [instanceTypes]
          compute_class:
            description: ACS's compute class; V(general-purpose) when unset.
            type: str
            aliases: [computeClass]
          compute_qos:
            description: ACS's quality of service.
            type: str
            choices: [default, best-effort]
            aliases: [computeQos]
      spot:
        description: Serverless pods on spot instances, which may be taken back at any time.
        type: dict
        suboptions:
          strategy:
            description: How the price is found.
            type: str
            choices: [SpotAsPriceGo, SpotWithPriceLimit]
            default: SpotAsPriceGo
          price_limit:
            description: The highest price per hour, with V(SpotWithPriceLimit) only.
            type: float
            aliases: [priceLimit]
      template:
        description:
          - A partial PodTemplateSpec laid over the rendered one. Containers, volumes and variables are merged by name,
            arguments by flag. The server's container is C(tensorflow), the one that copies the model is C(model).
        type: dict
  route:
    description: How clients reach the predictors.
    type: dict
    suboptions:
      type:
        description:
          - V(gateway_api) writes an HTTPRoute, V(istio) a VirtualService, V(alb) Ingresses for ALB (at most two
            predictors, and no counting).
        type: str
        choices: [gateway_api, istio, alb]
        default: gateway_api
      gateway:
        description: The Gateway (of the Gateway API, or Istio's). Needed unless O(route.type=alb).
        type: dict
        suboptions:
          name:
            description: Its name.
            type: str
            required: true
          namespace:
            description: Its namespace; O(namespace) when unset.
            type: str
      hostnames:
        description: Host names it answers to; all when unset.
        type: list
        elements: str
      path:
        description: Prefix that clients put before TensorFlow Serving's paths (C(/v1/models/...)); taken off again.
        type: str
        default: /
  verify:
    description: How the split is counted after the weights were moved.
    type: dict
    suboptions:
      requests:
        description: Number of requests sent through the gateway from where the module runs. With 0 none are.
        type: int
        default: 0
      endpoint:
        description: Address of the gateway, for example V(http://203.0.113.7). The Gateway's own address when unset.
        type: str
      host:
        description: The Host header; the first of O(route.hostnames) when unset.
        type: str
      tolerance:
        description:
          - Percentage points by which an observed share may differ. Of 1000 requests, 3 points are seldom exceeded by
            chance; a count that is off is repeated once.
        type: float
        default: 3
      always:
        description: Count in every run, not only when the weights were moved.
        type: bool
        default: false
  golden:
    description: Ask each new predictor the golden request of its version's record.
    type: bool
    default: true
  decision:
    description: The decision that released this, kept in the release record as given; for example a gate's result.
    type: dict
  released_by:
    description: Who releases, for the record; the AWX user or the user of this machine when unset.
    type: str
  wait_timeout:
    description: Seconds after which waiting ends.
    type: int
    default: 900
extends_documentation_fragment:
  - mlops.ack.kubernetes
  - mlops.ack.alibaba
  - mlops.ack.alibaba.oss
  - mlops.ack.store
  - mlops.ack.wait
  - mlops.ack.lock
  - mlops.ack.attributes
"""

EXAMPLES = r"""
- name: Nine of ten requests to the proven version, one to the new
  mlops.ack.tfserving:
    name: digits
    namespace: serving
    environment: prod
    image: tensorflow/serving:2.19.1
    store: {bucket: ml-example}
    region: cn-hangzhou
    predictors:
      - name: stable
        model_version: digits-v1
        traffic_percentage: 90
        auto_scale: {min_replicas: 1, max_replicas: 10}
        batching: {batch_size: 32}
      - name: canary
        model_version: digits-v2
        traffic_percentage: 10
        batching: {batch_size: 64, timeout_micros: 2000}
    route:
      gateway: {name: public, namespace: gateways}
      hostnames: [digits.example.com]
    verify: {requests: 1000}

- name: The same in the words of the design document
  mlops.ack.tfserving:
    name: digits
    namespace: serving
    environment: prod
    image: tensorflow/serving:2.19.1
    store: {bucket: ml-example}
    region: cn-hangzhou
    predictors:
      - name: stable
        modelVersion: {modelName: digits, version: 1}
        replicas: 3
        trafficPercentage: 90
        autoScale: {minReplicas: 1, maxReplicas: 10}
        batching: {batchSize: 32}
      - name: canary
        modelVersion: {modelName: digits, version: 2}
        trafficPercentage: 10
    route:
      gateway: {name: public, namespace: gateways}

- name: Serve it no more
  mlops.ack.tfserving:
    name: digits
    namespace: serving
    environment: prod
    store: {bucket: ml-example}
    region: cn-hangzhou
    state: absent
"""

RETURN = r"""
serving:
  description:
    - What serves after the run, in check mode what would; null when it is absent.
    - C(split) and C(observed_percentage) are null in runs that did not count.
  returned: success
  type: dict
  sample:
    name: digits
    namespace: serving
    environment: prod
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
    rendered_digest: sha256:77ab...
    split:
      requests: 1000
      failed: 0
      observed: {stable: 90.4, canary: 9.6}
      latency_ms: {p50: 4.1, p90: 6.3, p99: 9.8}
    release: 3
failure:
  description: Why it failed, for programs.
  returned: failure
  type: dict
  sample: {code: InvalidTraffic, message: "...", resource: "", request_id: "", hint: "...", retryable: false}
"""

from ansible_collections.mlops.ack.plugins.module_utils._core.context import Context
from ansible_collections.mlops.ack.plugins.module_utils._core.module import Module, Params
from ansible_collections.mlops.ack.plugins.module_utils._core.options import KUBE, OSS, wait
from ansible_collections.mlops.ack.plugins.module_utils._core.resource import Outcome
from ansible_collections.mlops.ack.plugins.module_utils._oss.lock import LOCK, use_lock
from ansible_collections.mlops.ack.plugins.module_utils._oss.store import STORE
from ansible_collections.mlops.ack.plugins.module_utils._serving.options import SERVING
from ansible_collections.mlops.ack.plugins.module_utils._serving.run import serve


def run(params: Params, context: Context) -> Outcome:
    use_lock(params, context)
    return serve(params, context)


MODULE = Module(
    {**OSS, **KUBE, **STORE, **LOCK, **wait(900), **SERVING},
    run,
    {"required_if": [("state", "present", ("predictors",))]},
)


def main() -> None:
    MODULE.main()


if __name__ == "__main__":
    main()
