# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The options of tfserving, in both spellings."""

from __future__ import annotations

from .._core.options import Spec
from .._kube.placement import PLACEMENT

AUTO_SCALE: Spec = {
    "min_replicas": {"type": "int", "default": 1, "aliases": ["minReplicas"]},
    "max_replicas": {"type": "int", "required": True, "aliases": ["maxReplicas"]},
    "metrics": {"type": "list", "elements": "dict"},
}

BATCHING: Spec = {
    "batch_size": {"type": "int", "required": True, "aliases": ["batchSize"]},
    "timeout_micros": {"type": "int", "default": 1000, "aliases": ["timeoutMicros"]},
    "num_batch_threads": {"type": "int", "aliases": ["numBatchThreads"]},
    "max_enqueued_batches": {"type": "int", "aliases": ["maxEnqueuedBatches"]},
    "allowed_batch_sizes": {"type": "list", "elements": "int", "aliases": ["allowedBatchSizes"]},
}

PREDICTOR: Spec = {
    "name": {"type": "str", "required": True},
    "model_version": {"type": "raw", "required": True, "aliases": ["modelVersion"]},
    "replicas": {"type": "int"},
    "traffic_percentage": {"type": "int", "aliases": ["trafficPercentage"]},
    "auto_scale": {"type": "dict", "options": AUTO_SCALE, "aliases": ["autoScale"]},
    "batching": {"type": "dict", "options": BATCHING},
    "resources": {"type": "dict"},
    **PLACEMENT,
    "template": {"type": "dict"},
}

ROUTE: Spec = {
    "type": {"type": "str", "choices": ["gateway_api", "istio", "alb"], "default": "gateway_api"},
    "gateway": {
        "type": "dict",
        "options": {"name": {"type": "str", "required": True}, "namespace": {"type": "str"}},
    },
    "hostnames": {"type": "list", "elements": "str"},
    "path": {"type": "str", "default": "/"},
}

VERIFY: Spec = {
    "requests": {"type": "int", "default": 0},
    "endpoint": {"type": "str"},
    "host": {"type": "str"},
    "tolerance": {"type": "float", "default": 3},
    "always": {"type": "bool", "default": False},
}

ANALYSIS: Spec = {
    "interval": {"type": "str", "default": "10s"},
    "count": {"type": "int", "default": 3},
    "failure_limit": {"type": "int", "default": 0},
    "min_requests": {"type": "int", "default": 1},
    "success_condition": {"type": "str"},
    "failure_condition": {"type": "str"},
    "prometheus": {
        "type": "dict",
        "options": {
            "url": {"type": "str", "required": True},
            "queries": {"type": "dict", "required": True},
            "headers": {"type": "dict", "no_log": True},
        },
    },
}

STEP: Spec = {
    "weight": {"type": "int", "required": True},
    "pause": {"type": "str"},
    "analysis": {"type": "dict", "options": ANALYSIS},
}

SERVING: Spec = {
    "name": {"type": "str", "required": True},
    "namespace": {"type": "str", "required": True},
    "environment": {"type": "str", "required": True},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "image": {"type": "str"},
    "registry_secret": {"type": "str", "no_log": False},  # the name of a Secret
    "predictors": {"type": "list", "elements": "dict", "options": PREDICTOR},
    "route": {"type": "dict", "options": ROUTE},
    "verify": {"type": "dict", "options": VERIFY},
    "golden": {"type": "bool", "default": True},
    "steps": {"type": "list", "elements": "dict", "options": STEP},
    "retry": {"type": "bool", "default": False},
    "decision": {"type": "dict"},
    "reason": {"type": "str"},
    "released_by": {"type": "str"},
}
