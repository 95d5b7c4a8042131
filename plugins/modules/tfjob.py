#!/usr/bin/python
# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
---
module: tfjob
short_description: Run a TensorFlow training job on Kubernetes
version_added: 1.0.0
description:
  - Makes a TFJob, follows it with live progress, and ends at the first fact that decides. Failure wins over success.
  - A failure names the pod that failed first, why, its exit code and its last lines. An image that does not exist,
    a pod that finds no node, a container killed for its memory or a crash loop end the wait at once or after a grace.
  - Speaks both dialects of the resource, of the Kubeflow operator (C(kubeflow.org/v1)) and of KubeDL
    (C(training.kubedl.io/v1alpha1)); which one the cluster has is read from its definition.
  - A job is never changed into another. What has succeeded is not run again.
author: mlops.ack contributors (@mlops-ack)
options:
  name:
    description:
      - Name of the job. Lower-case letters, digits and C(-), a letter first; its pods' names must fit 63 characters.
      - The filter P(mlops.ack.run_id#filter) makes one from what goes into the training.
    type: str
    required: true
  namespace:
    description: Namespace of the job. It must exist.
    type: str
    required: true
  state:
    description: V(suspended) keeps the job without its pods, so that it costs nothing; V(present) resumes it.
    type: str
    choices: [present, suspended, absent]
    default: present
  run_id:
    description: Name of the run in the store and in the job's labels; O(name) when unset.
    type: str
  tf_replica_specs:
    description:
      - Replica types, each with C(replicas), C(template) and C(restartPolicy).
      - Types are V(Chief) or V(Master), V(Worker), V(PS) and V(Evaluator).
      - Every template has a container named C(tensorflow). Required unless O(state=absent).
      - Beside them C(gpuMemory) (GiB of a shared GPU), C(gpuCorePercentage), C(gpuCount), C(burst), C(spot) and
        C(site), as M(mlops.ack.tfserving) describes them.
      - With C(spot) the C(restartPolicy) is V(ExitCode) when unset, so that the job outlives an instance that is taken
        back; C(Never) is refused.
      - What is asked for is checked against the cluster's nodes before the job is made.
    type: dict
    aliases: [tfReplicaSpecs]
  run_policy:
    description: Rules for the whole job.
    type: dict
    aliases: [runPolicy]
    suboptions:
      clean_pod_policy:
        description:
          - Which pods go when the job has ended.
          - V(Running) when unset, so that parameter servers do not go on costing and logs stay.
        type: str
        choices: [All, Running, None]
        aliases: [cleanPodPolicy]
      backoff_limit:
        description:
          - How often failed pods may be restarted.
          - Some operators delete all pods when the limit is passed; what was seen of their logs is kept anyway.
        type: int
        aliases: [backoffLimit]
      active_deadline_seconds:
        description: Seconds the job may run. Operators do not enforce it reliably; O(wait_timeout) does.
        type: int
        aliases: [activeDeadlineSeconds]
      ttl_seconds_after_finished:
        description: Seconds after which a job that ended is deleted. It is kept when unset.
        type: int
        aliases: [ttlSecondsAfterFinished]
      suspend:
        description:
          - Leave the start to a queue (Kueue, ACK's kube-queue) or a person. The job is made suspended, waited for, and
            never resumed by this module. What the queue reads may be in O(labels) and O(annotations).
        type: bool
        default: false
      scheduling_policy:
        description:
          - Gang scheduling, where the operator was started with a gang scheduler.
          - C(minAvailable), C(minResources), C(priorityClass), C(queue) and C(scheduleTimeoutSeconds).
        type: dict
        aliases: [schedulingPolicy]
  labels:
    description: Labels of the job, for example C(kueue.x-k8s.io/queue-name).
    type: dict
  annotations:
    description: Annotations of the job.
    type: dict
  success_policy:
    description: V(AllWorkers) succeeds when every worker has; the operator's default is worker 0 alone.
    type: str
    choices: ['', AllWorkers]
    aliases: [successPolicy]
  volume:
    description:
      - "A Kubernetes volume source, for example C({persistentVolumeClaim: {claimName: training}})."
      - Its folders are mounted into the container C(tensorflow) of every replica.
    type: dict
  dataset_path:
    description:
      - Folder of the volume that is mounted read-only at C(/mnt/dataset); its place is in E(DATASET_DIR).
      - RV(mlops.ack.dataset#module:dataset.path) is one.
    type: str
  output_path:
    description: Folder of the volume that is mounted at C(/mnt/output); its place is in E(OUTPUT_DIR).
    type: str
  checkpoint:
    description:
      - A folder of O(volume) that is mounted at C(/mnt/checkpoint); its place is in E(CHECKPOINT_DIR).
      - The program writes its checkpoints there, each whole (under a name that begins with a dot, then renamed), and
        goes on from the newest it finds.
      - While the job runs, and when it is given up, what is there is kept in O(store), under
        C(runs/<run_id>/checkpoints/). A new job whose folder is empty gets the last one of the run first, also in
        another cluster.
    type: dict
    suboptions:
      path:
        description: The folder.
        type: str
        required: true
      every:
        description: Seconds between two checkpoints that are kept.
        type: int
        default: 300
      image:
        description: Image of the jobs that move them, any with C(python3) (3.7 or later); the training's when unset.
        type: str
      pod_oss_endpoint:
        description: Address at which pods reach OSS, with its scheme; O(oss_endpoint) when unset.
        type: str
  parameters:
    description:
      - Environment variables of the container C(tensorflow) of every replica.
      - Text as it is, anything else as JSON. E(RUN_ID) is set as well.
    type: dict
  store:
    description:
      - Where the logs of all pods are kept, under C(runs/<run_id>/logs/).
      - Set either O(store.bucket) or O(store.path).
    type: dict
    suboptions:
      bucket:
        description: Name of an OSS bucket. It must be there; M(mlops.ack.oss_bucket) makes one.
        type: str
      prefix:
        description: What every key in the bucket begins with. Not used with O(store.path).
        type: str
        default: mlops
      path:
        description: A folder on the machine where the task runs, where there is no bucket.
        type: path
  wait_timeout:
    description: Seconds the job may take.
    type: int
    default: 3600
  unschedulable_timeout:
    description: Seconds a pod may find no node. Give an autoscaler the time it needs.
    type: int
    default: 300
  unreachable_timeout:
    description: Seconds for which the cluster may not answer while the job is waited for.
    type: int
    default: 120
  on_timeout:
    description:
      - What happens to a job that has not ended when the wait has, by O(wait_timeout) or because a pod cannot run.
      - V(suspend) removes its pods and keeps it, and the next run resumes it. KubeDL cannot; there it is deleted.
    type: str
    choices: [suspend, delete, keep]
    default: suspend
  retry_failed:
    description: Delete a job of this name that has failed, and run it again. Otherwise its failure is told again.
    type: bool
    default: false
extends_documentation_fragment:
  - mlops.ack.alibaba
  - mlops.ack.alibaba.oss
  - mlops.ack.kubernetes
  - mlops.ack.wait
  - mlops.ack.lock
  - mlops.ack.attributes
notes:
  - In check mode, what only the cluster can tell of a job that has not ended is null or empty in RV(job).
"""

EXAMPLES = r"""
- name: Train on three workers
  mlops.ack.tfjob:
    name: digits-3f9a0c11d2e4
    namespace: training
    tf_replica_specs:
      Worker:
        replicas: 3
        template:
          spec:
            containers:
              - name: tensorflow
                image: registry.example.com/tensorflow/training:2.20
                resources: {requests: {cpu: "2", memory: 4Gi}, limits: {memory: 4Gi}}
    success_policy: AllWorkers
    volume: {persistentVolumeClaim: {claimName: training}}
    dataset_path: datasets/digits/5d1a6f0b3a1e
    output_path: runs/digits-3f9a0c11d2e4/output
    parameters: {EPOCHS: 8, LEARNING_RATE: 0.1}
    store: {bucket: ml-example}
    wait_timeout: 3600
  register: training

- name: Keep the job, pay for nothing
  mlops.ack.tfjob:
    name: digits-3f9a0c11d2e4
    namespace: training
    state: suspended
    tfReplicaSpecs: "{{ training_replica_specs }}"
"""

RETURN = r"""
job:
  description:
    - The job; null when it is absent.
    - In check mode C(created) of a new job is null; C(image_id), C(started), C(finished), C(seconds), the C(active),
      C(succeeded) and C(failed) of C(replicas) are null, C(conditions) and C(pods) empty, of any job that has not
      ended.
  returned: success
  type: dict
  contains:
    name: {description: Its name., type: str, returned: always, sample: digits-3f9a0c11d2e4}
    namespace: {description: Its namespace., type: str, returned: always, sample: training}
    run_id: {description: The run it belongs to., type: str, returned: always, sample: digits-3f9a0c11d2e4}
    state:
      description:
        - C(created), C(queuing), C(running), C(restarting), C(suspended), C(succeeded) or C(failed); C(new) until the
          operator has seen it.
      type: str
      returned: always
      sample: succeeded
    parameters:
      description: What O(parameters) became, as text.
      type: dict
      returned: always
      sample: {EPOCHS: "8", LEARNING_RATE: "0.1"}
    image: {description: The image that trains., type: str, returned: always, sample: "example.com/training:2.20"}
    image_id:
      description: The image as the node ran it, with its digest.
      type: str
      returned: always
      sample: "registry.example.com/training@sha256:0a1b2c"
    created: {description: When it was made., type: str, returned: always, sample: "2026-11-22T10:00:00Z"}
    started: {description: When it started., type: str, returned: always, sample: "2026-11-22T10:00:01Z"}
    finished: {description: When it ended., type: str, returned: always, sample: "2026-11-22T10:00:23Z"}
    seconds: {description: From start to end., type: int, returned: always, sample: 22}
    conditions:
      description: What the operator says, in its own order, which means nothing.
      type: list
      elements: dict
      returned: always
      sample:
        - type: Succeeded
          status: "True"
          reason: TFJobSucceeded
          message: "..."
          last_transition_time: "2026-11-22T10:00:23Z"
    replicas:
      description: How many pods of each type are wanted, active, succeeded and failed.
      type: dict
      returned: always
      sample: {Worker: {replicas: 3, active: 0, succeeded: 3, failed: 0}}
    pods:
      description: Its pods, also those that were seen and are gone.
      type: list
      elements: dict
      returned: always
      sample:
        - name: digits-3f9a0c11d2e4-worker-0
          type: worker
          index: 0
          phase: Succeeded
          node: node-1
          exit_code: 0
          reason: Completed
          image_id: registry.example.com/training@sha256:0a1b2c
    log_keys:
      description: Keys of the logs in the store.
      type: list
      elements: str
      returned: always
      sample: [runs/digits-3f9a0c11d2e4/logs/digits-3f9a0c11d2e4-worker-0.log]
failure:
  description:
    - Why it failed, for programs. For a failing pod, C(details) has C(reason), C(pod), C(container), C(exit_code),
      C(log) and C(events); C(details.job) is the job as it was.
  returned: failure
  type: dict
  sample:
    code: ContainerFailed
    message: "TFJob/training/digits failed. ContainerFailed: pod digits-worker-1, container tensorflow: exited with 1."
    resource: TFJob/training/digits
    hint: Its last lines say why.
    retryable: false
    details: {reason: ContainerFailed, pod: digits-worker-1, exit_code: 1, log: ["ValueError: ..."], events: []}
"""

from ansible_collections.mlops.ack.plugins.module_utils._core.context import Context
from ansible_collections.mlops.ack.plugins.module_utils._core.failure import Failure
from ansible_collections.mlops.ack.plugins.module_utils._core.module import Module, Params
from ansible_collections.mlops.ack.plugins.module_utils._core.options import KUBE, OSS, Spec, wait
from ansible_collections.mlops.ack.plugins.module_utils._core.resource import Outcome, State, reconcile
from ansible_collections.mlops.ack.plugins.module_utils._core.wait import Deadline
from ansible_collections.mlops.ack.plugins.module_utils._kube.client import KubeClient, connect
from ansible_collections.mlops.ack.plugins.module_utils._kube.placement import RESOURCE_POLICY
from ansible_collections.mlops.ack.plugins.module_utils._oss.lock import LOCK, use_lock
from ansible_collections.mlops.ack.plugins.module_utils._oss.store import STORE, open_store
from ansible_collections.mlops.ack.plugins.module_utils._training.checkpoint import checkpoints
from ansible_collections.mlops.ack.plugins.module_utils._training.render import Wish, run_policy
from ansible_collections.mlops.ack.plugins.module_utils._training.tfjob import Patience, TrainingJob


def wish(params: Params, client: KubeClient) -> Wish:
    bursts = any("burst" in spec for spec in (params["tf_replica_specs"] or {}).values() if isinstance(spec, dict))
    return Wish(
        params["name"],
        params["namespace"],
        params["run_id"] or params["name"],
        params["tf_replica_specs"] or {},
        run_policy(params["run_policy"]),
        params["success_policy"],
        params["volume"],
        params["dataset_path"],
        params["output_path"],
        params["parameters"],
        bursts and client.serves(RESOURCE_POLICY),
        (params["checkpoint"] or {}).get("path"),
        params["labels"],
        params["annotations"],
    )


def desired(params: Params) -> State:
    return None if params["state"] == "absent" else {"state": params["state"]}


def run(params: Params, context: Context) -> Outcome:
    use_lock(params, context)
    deadline = Deadline(params["wait_timeout"], context.clock)
    limits = (params["unschedulable_timeout"], params["on_timeout"], params["unreachable_timeout"])
    patience = Patience(deadline, params["wait"], *limits)
    store = open_store(params, context) if params["store"] else None
    client = connect(params, context).within(deadline, keeps_trying=False)
    wanted = wish(params, client)
    kept = checkpoints(params, client, store, wanted, context)
    retry = params["retry_failed"]
    job = TrainingJob(client, wanted, patience, context, store=store, retry_failed=retry, checkpoints=kept)
    try:
        return reconcile(job, desired(params), context)
    except Failure as failure:
        if failure.code == "MissingOperator" and params["state"] == "absent":
            return Outcome(False, {"job": None}, {"before": {}, "after": {}})
        raise


RUN_POLICY: Spec = {
    "clean_pod_policy": {"type": "str", "choices": ["All", "Running", "None"], "aliases": ["cleanPodPolicy"]},
    "backoff_limit": {"type": "int", "aliases": ["backoffLimit"]},
    "active_deadline_seconds": {"type": "int", "aliases": ["activeDeadlineSeconds"]},
    "ttl_seconds_after_finished": {"type": "int", "aliases": ["ttlSecondsAfterFinished"]},
    "suspend": {"type": "bool", "default": False},
    "scheduling_policy": {"type": "dict", "aliases": ["schedulingPolicy"]},
}

MODULE = Module(
    {
        **KUBE,
        **OSS,
        **wait(3600),
        **LOCK,
        "store": {**STORE["store"], "required": False},
        "name": {"type": "str", "required": True},
        "namespace": {"type": "str", "required": True},
        "state": {"type": "str", "choices": ["present", "suspended", "absent"], "default": "present"},
        "run_id": {"type": "str"},
        "tf_replica_specs": {"type": "dict", "aliases": ["tfReplicaSpecs"]},
        "run_policy": {"type": "dict", "aliases": ["runPolicy"], "options": RUN_POLICY},
        "labels": {"type": "dict"},
        "annotations": {"type": "dict"},
        "success_policy": {"type": "str", "choices": ["", "AllWorkers"], "aliases": ["successPolicy"]},
        "volume": {"type": "dict"},
        "dataset_path": {"type": "str"},
        "output_path": {"type": "str"},
        "parameters": {"type": "dict"},
        "checkpoint": {
            "type": "dict",
            "options": {
                "path": {"type": "str", "required": True},
                "every": {"type": "int", "default": 300},
                "image": {"type": "str"},
                "pod_oss_endpoint": {"type": "str"},
            },
        },
        "unschedulable_timeout": {"type": "int", "default": 300},
        "unreachable_timeout": {"type": "int", "default": 120},
        "on_timeout": {"type": "str", "choices": ["suspend", "delete", "keep"], "default": "suspend"},
        "retry_failed": {"type": "bool", "default": False},
    },
    run,
    {
        "required_if": [
            ["state", "present", ["tf_replica_specs"]],
            ["state", "suspended", ["tf_replica_specs"]],
        ],
        "required_by": {"dataset_path": ["volume"], "output_path": ["volume"], "checkpoint": ["volume", "store"]},
    },
)


def main() -> None:
    MODULE.main()


if __name__ == "__main__":
    main()
