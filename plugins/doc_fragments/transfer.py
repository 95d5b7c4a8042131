# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The option group of the modules that move files between OSS and a volume."""

from __future__ import annotations


class ModuleDocFragment:
    """Extended as C(mlops.ack.transfer); a module documents its own O(image)."""

    DOCUMENTATION = r"""
options:
  namespace:
    description: Namespace of the jobs that move the files; that of the training job, when the volume is a claim.
    type: str
    required: true
  volume:
    description:
      - Volume of the training job, as a Kubernetes volume source.
      - "For example C({persistentVolumeClaim: {claimName: training}})."
    type: dict
    required: true
  node_selector:
    description: Labels of the nodes on which the files may be moved.
    type: dict
  tolerations:
    description: Tolerations of the pods that move the files.
    type: list
    elements: dict
  pod_oss_endpoint:
    description:
      - Address at which pods reach OSS, with its scheme.
      - O(oss_endpoint) when unset. In a VPC, C(https://oss-<region>-internal.aliyuncs.com) costs no traffic.
    type: str
notes:
  - Pods get no credentials. They get signed URLs in a Secret that is deleted with the job, also when it fails.
"""
