#!/usr/bin/python
# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
---
module: helm_release_info
short_description: Read helm releases
version_added: 1.0.0
description:
  - Returns the releases of a namespace or of the cluster, in whatever state they are, from helm's own records. Needs no
    helm program.
author: mlops.ack contributors (@mlops-ack)
options:
  name:
    description: Only the release of this name, with its history.
    type: str
  namespace:
    description: Namespace to look in; all when unset.
    type: str
extends_documentation_fragment:
  - mlops.ack.kubernetes
  - mlops.ack.attributes.info
"""

EXAMPLES = r"""
- name: Which chart is installed?
  mlops.ack.helm_release_info:
    name: training-operator
    namespace: kubeflow
"""

RETURN = r"""
releases:
  description:
    - The newest revision of each release. Secrets in values are masked.
    - C(history) has every kept revision, oldest first, when O(name) is set; else it is empty.
  returned: success
  type: list
  elements: dict
  sample:
    - name: training-operator
      namespace: kubeflow
      status: deployed
      revision: 1
      chart: training-operator
      chart_version: 1.9.3
      app_version: v1.9.3
      values: {replicaCount: 1}
      updated: "2026-11-22T10:00:00Z"
      history:
        - revision: 1
          status: deployed
          chart_version: 1.9.3
          updated: "2026-11-22T10:00:00Z"
          description: Install complete
failure:
  description: Why it failed, for programs.
  returned: failure
  type: dict
  sample: {code: Unreachable, message: "...", resource: "", hint: "..."}
"""

from ansible_collections.mlops.ack.plugins.module_utils._core.context import Context
from ansible_collections.mlops.ack.plugins.module_utils._core.module import Module, Params
from ansible_collections.mlops.ack.plugins.module_utils._core.options import KUBE
from ansible_collections.mlops.ack.plugins.module_utils._core.resource import Outcome
from ansible_collections.mlops.ack.plugins.module_utils._helm.info import releases
from ansible_collections.mlops.ack.plugins.module_utils._kube.client import connect


def run(params: Params, context: Context) -> Outcome:
    return Outcome(False, {"releases": releases(connect(params, context), params["namespace"], params["name"] or "")})


MODULE = Module({**KUBE, "name": {"type": "str"}, "namespace": {"type": "str"}}, run)


def main() -> None:
    MODULE.main()


if __name__ == "__main__":
    main()
