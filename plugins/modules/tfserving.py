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
      site:
        description:
          - The edge site where its pods run, the value of the label C(mlops.ack/site) of the site's node pool.
          - They stay there when the site cannot be reached from the control plane.
        type: str
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
  steps:
    description:
      - How the traffic goes to what is new, where something serves already. Without steps it goes at once.
      - New are the predictors with another content than what serves; where there is none, those whose share grows. The
        others keep their proportions until the last step is passed; then the declared percentages are set.
      - At each step first the O(steps[].analysis), then a person or a time (O(steps[].pause)) lets it go on. A no sets
        the weights from before the release back at once, is recorded, and fails the task.
      - Which steps are left follows from the route's weights, so that any later run, from any machine, goes on. Steps
        beyond the declared share are left out.
    type: list
    elements: dict
    suboptions:
      weight:
        description: Percent of the traffic for what is new, from 1 to 100, each above the last.
        type: int
        required: true
      pause:
        description:
          - V(person) ends the run with C(GatePending) until somebody approves this step of this release, see O(gate);
            the next run goes on.
          - A length of time, such as V(30s) or V(10m), is waited for.
        type: str
      analysis:
        description:
          - Measures under traffic. What cannot be decided (no data, no answer, neither condition holds) is never taken
            for success, but asked of a person.
          - Conditions are written as the rule of M(mlops.ack.gate). They know C(new.), C(old.) and
            C(predictor.<name>.) (with C(_) for C(-)) C(requests), C(errors), C(error_rate), C(mean_ms), C(p50_ms),
            C(p90_ms), C(p99_ms) and C(restarts) of the last interval, from TensorFlow Serving's own metrics of each
            pod, and C(prometheus.<name>).
          - TensorFlow Serving's metrics are read through the API server; the kubeconfig's user needs C(list) on C(pods)
            and C(get) on C(pods/proxy).
        type: dict
        suboptions:
          interval:
            description: Time between two measurements.
            type: str
            default: 10s
          count:
            description: Number of measurements.
            type: int
            default: 3
          failure_limit:
            description: How many measurements may fail; one more ends the release at once.
            type: int
            default: 0
          min_requests:
            description: Requests to what is new in an interval, below which its metrics decide nothing.
            type: int
            default: 1
          success_condition:
            description: Holds for a good measurement. Alone, a measurement for which it does not hold has failed.
            type: str
          failure_condition:
            description: Holds for a failed measurement. Alone, a measurement for which it does not hold is good.
            type: str
          prometheus:
            description: Numbers from a Prometheus.
            type: dict
            suboptions:
              url:
                description: Its address, before C(/api/v1/query), as the machine that runs the task reaches it.
                type: str
                required: true
              queries:
                description:
                  - Queries by the name that conditions use. Each has to give one number.
                  - C($new) and C($old) in a query become the Services of that side, separated by C(|).
                type: dict
                required: true
              headers:
                description: Headers to send, for example an C(Authorization).
                type: dict
  gate:
    description: Who is asked where a step waits for a person, or its analysis decides nothing.
    type: dict
    default: {}
    suboptions:
      name:
        description: Name of the gate, under which decisions are recorded (M(mlops.ack.gate_decision)).
        type: str
        default: release-step
      policy:
        description: Who decides.
        type: dict
        default: {}
        suboptions:
          approvers:
            description: The people whose word counts. Anyone who gives a name, when unset.
            type: list
            elements: str
          min_approvals:
            description: How many different approvers must approve.
            type: int
            default: 1
          forbid_self_approval:
            description: Whether the approval of the person in O(gate.submitted_by) does not count.
            type: bool
            default: false
          expires_in:
            description: How long an approval counts, for example V(12h). For ever, when unset.
            type: str
          signed:
            description: Whether only decisions count that are signed with O(gate.signing_key).
            type: bool
            default: false
      signing_key:
        description: Secret that signs decisions and proves them; the same for everybody who decides.
        type: str
      submitted_by:
        description: Who wants this released.
        type: str
      approver:
        description: Who decides at the terminal; the login name when unset.
        type: str
      awx_approved_by:
        description: Who approved the AWX workflow's node before this job.
        type: str
      timeout:
        description: How long a person at the terminal may think.
        type: str
        default: 10m
      resume_command:
        description: What a person types to go on after the decision; shown where the release waits.
        type: str
  approval:
    description:
      - Serve only what this gate has approved for O(environment), of the digests and shares that are served. Read from
        the recorded decisions; nobody is asked.
      - The subject of the decision is what the filter P(mlops.ack.release_subject#filter) makes of O(predictors), with
        C(release), the C(rendered_digest) that check mode returns.
      - Where nothing is to be done nothing needs an approval. Decisions expire; what serves by one does not.
    type: dict
    suboptions:
      gate:
        description: Name of the gate.
        type: str
        required: true
      policy:
        description: Whose decision counts, as in M(mlops.ack.gate).
        type: dict
        default: {}
        suboptions:
          approvers:
            description: The people whose word counts. Anyone who gives a name, when unset.
            type: list
            elements: str
          min_approvals:
            description: How many different approvers must have approved.
            type: int
            default: 1
          forbid_self_approval:
            description: Whether the approval of the person in O(approval.submitted_by) does not count.
            type: bool
            default: false
          expires_in:
            description: How long an approval counts. For ever, when unset.
            type: str
          rule:
            description: The rule whose recorded decision counts where no person has decided.
            type: str
          signed:
            description: Whether only decisions count that are signed with O(approval.signing_key).
            type: bool
            default: false
      signing_key:
        description: Secret that proves decisions.
        type: str
      submitted_by:
        description: Who wants this released.
        type: str
  retry:
    description:
      - Release also what was brought back before. Without it, the very release that failed its analysis, that a person
        rejected, or that was rolled back, fails with C(ReleaseRolledBack), so that no scheduled run repeats it.
    type: bool
    default: false
  reason:
    description: Why this is released, for the record.
    type: str
  decision:
    description: The decision that released this, kept in the release record as given; for example a gate's result.
    type: dict
  released_by:
    description: Who releases, for the record; the AWX user or the user of this machine when unset.
    type: str
  wait_timeout:
    description:
      - Seconds after which the release ends. What O(steps) hold comes on top.
      - Where the previous weights have to be brought back then, that may take 10 seconds more.
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

- name: A new version in steps, each under the eyes of its own numbers, the last one of a person
  mlops.ack.tfserving:
    name: digits
    namespace: serving
    environment: prod
    image: tensorflow/serving:2.19.1
    store: {bucket: ml-example}
    region: cn-hangzhou
    predictors:
      - name: stable
        model_version: digits-v2
    route:
      gateway: {name: public, namespace: gateways}
    steps:
      - weight: 10
        analysis: &healthy
          interval: 30s
          count: 10
          failure_limit: 1
          min_requests: 100
          success_condition: new.error_rate <= 0.01 and new.p99_ms <= 1.5 * old.p99_ms
          failure_condition: new.error_rate > 0.05 or new.restarts > 0
      - {weight: 25, pause: 10m}
      - {weight: 50, analysis: *healthy}
      - {weight: 90, pause: person}
    gate:
      policy: {approvers: [alice, bob]}
    reason: Knows the new handwriting

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
    - C(split) and C(observed_percentage) are null in runs that did not count, and so in check mode.
    - In check mode C(release) is null where the run will record a new one.
    - Where a step waits for a person, in check mode too, what serves at that step; C(under_way) is then the rendered
      digest of the release that waits.
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
    under_way: null
    rendered_digest: sha256:77ab...
    split:
      requests: 1000
      failed: 0
      observed: {stable: 90.4, canary: 9.6}
      latency_ms: {p50: 4.1, p90: 6.3, p99: 9.8}
    release: 3
gate_status:
  description: What people said, where a step asked them and they did not approve.
  returned: failure at a step
  type: str
  sample: pending
gate:
  description: The gate's state as M(mlops.ack.gate) returns it.
  returned: failure at a step
  type: dict
failure:
  description:
    - Why it failed, for programs. C(details.measurements) are an analysis' numbers, C(details.attempt) the number of
      the record of a release that was brought back.
  returned: failure
  type: dict
  sample: {code: InvalidTraffic, message: "...", resource: "", request_id: "", hint: "...", retryable: false}
"""

from ansible_collections.mlops.ack.plugins.module_utils._core.context import Context
from ansible_collections.mlops.ack.plugins.module_utils._core.module import Module, Params
from ansible_collections.mlops.ack.plugins.module_utils._core.options import KUBE, OSS, wait
from ansible_collections.mlops.ack.plugins.module_utils._core.resource import Outcome
from ansible_collections.mlops.ack.plugins.module_utils._gate.within import APPROVAL, WITHIN, Gatekeeper, approve
from ansible_collections.mlops.ack.plugins.module_utils._oss.lock import LOCK, use_lock
from ansible_collections.mlops.ack.plugins.module_utils._oss.store import STORE, open_store
from ansible_collections.mlops.ack.plugins.module_utils._serving.options import SERVING
from ansible_collections.mlops.ack.plugins.module_utils._serving.run import serve


def run(params: Params, context: Context) -> Outcome:
    use_lock(params, context)
    store = open_store(params, context)
    gate = Gatekeeper(params, context, store, store.now)
    return serve(params, context, store, gate, lambda subject: approve(params, subject, store, store.now))


MODULE = Module(
    {**OSS, **KUBE, **STORE, **LOCK, **wait(900), **SERVING, **WITHIN, **APPROVAL},
    run,
    {"required_if": [("state", "present", ("predictors",))]},
)


def main() -> None:
    MODULE.main()


if __name__ == "__main__":
    main()
