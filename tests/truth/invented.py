"""What a prediction cannot know, as data: the one place where it is excused, and RETURN of each module must say so.

Everything else of a result must be in the check as it is in the run.
"""

from __future__ import annotations

INVENTED: dict[str, dict[str, tuple[str, ...]]] = {
    "ack_cluster": {
        "new": (
            "cluster.cluster_id",
            "cluster.state",
            "cluster.size",
            "cluster.created",
            "cluster.security_group_id",
            "cluster.api_server_endpoint",
            "cluster.api_server_intranet_endpoint",
            "cluster.rrsa_oidc_arn",
            "cluster.cluster_spec",
            "cluster.profile",
            "cluster.version",
            "cluster.pod_cidr",
            "cluster.service_cidr",
            "cluster.node_cidr_mask",
            "cluster.proxy_mode",
            "cluster.endpoint_public_access",
            "cluster.deletion_protection",
            "cluster.enable_rrsa",
            "cluster.maintenance_window",
            "cluster.tags",
        ),
        "rrsa": ("cluster.rrsa_oidc_arn",),
        "log": ("cluster.control_plane_log.project", "cluster.control_plane_log.ttl_days"),
        "addon": ("cluster.addons.*.version", "cluster.addons.*.config"),
    },
    "ack_node_pool": {
        "new": (
            "node_pool.node_pool_id",
            "node_pool.state",
            "node_pool.nodes",
            "node_pool.auto_scaling",
            "node_pool.data_disks",
            "node_pool.image_type",
            "node_pool.key_pair",
            "node_pool.management",
            "node_pool.spot_price_limits",
            "node_pool.spot_strategy",
            "node_pool.system_disk_category",
            "node_pool.system_disk_size",
            "node_pool.taints",
        ),
        "size": ("node_pool.nodes",),
    },
    "ack_addon": {"new": ("addon.state", "addon.version", "addon.config")},
    "ack_attach_script": {"new": ("attach_script.fetched",)},
    "ack_kubeconfig": {"new": ("kubeconfig.expiration",)},
    "helm_release": {"time": ("release.updated",)},
    "k8s_manifest": {
        "object": ("objects[].resource.metadata.resourceVersion",),
        "new": ("objects[].resource.metadata.uid", "objects[].resource.metadata.creationTimestamp"),
        "status": ("objects[].resource.status",),
        "controllers": ("objects[].resource.metadata.annotations",),
    },
    "service_account_kubeconfig": {"new": ("kubeconfig.expiration",)},
    "tfjob": {
        "new": ("job.created",),
        "to come": (
            "job.image_id",
            "job.started",
            "job.finished",
            "job.seconds",
            "job.conditions",
            "job.pods",
            "job.replicas.*.active",
            "job.replicas.*.succeeded",
            "job.replicas.*.failed",
        ),
    },
    "training_run": {"new": ("run.output", "run.model", "run.evaluation")},
    "tfserving": {
        "release": ("serving.release",),
        "split": ("serving.split", "serving.predictors[].observed_percentage"),
    },
    "tfserving_rollback": {"release": ("serving.release",)},
}
"""module -> occasion -> paths of the result that only the service can choose: null or empty in the check."""

LATER = ("objects[].resource.metadata.annotations",)
"""Those that are not even there in the check, because a controller adds them."""

TIMES: dict[str, tuple[str, ...]] = {
    "gate": ("gate.decided", "gate.decisions[].created", "diff.after.decisions.*.created"),
    "gate_decision": ("gate.decided", "gate.decisions[].created", "diff.after.decisions.*.created"),
    "model_version": ("model_version.created",),
    "training_attempt": ("attempts[].started", "attempts[].left", "failure.details.attempts[].left"),
}
"""module -> paths that tell when the task ran: in the check, when that ran."""

EACH_RUN = (
    "*.metadata.uid",
    "*.metadata.resourceVersion",
    "job.conditions",
    "job.seconds",
    "run.conditions",
    "serving.split.*",
    "serving.predictors[].observed_percentage",
)
"""Paths at which two runs of the same differ, in whichever way they run: what was counted, and how long it took."""

BY_WAY: dict[str, tuple[str, ...]] = {
    "gate": ("msg", "failure.hint", "failure.message", "failure.details.decide_command"),
}
"""module -> paths that differ between the ways of running on purpose: only the fast one knows the inventory, which
stands in the command that it shows.
"""
