#!/usr/bin/python
# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
---
module: helm_release
short_description: Manage a helm release
version_added: 1.0.0
description:
  - Installs, upgrades, repairs and uninstalls a release of a helm chart.
  - Reads helm's own records in the cluster. A release whose chart and values are as wished is not written, and its
    registry is not asked.
  - Waits until the workloads of the release are ready, and ends as soon as they cannot become so.
author: mlops.ack contributors (@mlops-ack)
options:
  name:
    description: Name of the release.
    type: str
    required: true
  namespace:
    description: Namespace of the release.
    type: str
    default: default
  create_namespace:
    description: Create the namespace where it is missing.
    type: bool
    default: false
  chart:
    description:
      - A folder or package (C(.tgz)) on the machine that runs the module, C(oci://host/path/name), or the name of a
        chart in O(repo_url).
      - A local chart is compared by the digest of its files, any other by name and version.
      - This or O(revision) is required unless O(state=absent).
    type: str
  version:
    description:
      - Version of the chart, or a range such as V(^1.2). A range is looked up at each run.
      - Unset, the newest is installed, and what is installed then keeps its version.
    type: str
  repo_url:
    description: Address of the chart repository that O(chart) is in.
    type: str
  plain_http:
    description: The registry of an C(oci://) chart speaks HTTP.
    type: bool
    default: false
  registry_username:
    description:
      - Who asks the registry of an C(oci://) chart. Unset, helm uses what C(helm registry login) has stored.
    type: str
  registry_password:
    description: The password or token. Reaches helm in a file that only its owner can read, there while helm runs.
    type: str
  revision:
    description:
      - Go back to this revision, with its chart and its values; in place of O(chart) and O(values).
      - Changes nothing where the release is already as it was then. helm writes it down as a new revision.
      - RV(mlops.ack.helm_release_info#module:releases) lists the revisions that helm keeps.
    type: int
  values:
    description:
      - Values of the release, over those of O(values_files). A null removes a default of the chart.
      - Unset, and without O(values_files), the values of the installed release stay. An empty mapping removes them.
      - Texts under keys that sound secret (password, token, secret, ...) are masked in results and messages.
    type: dict
  values_files:
    description: Files with values; later ones win over earlier ones.
    type: list
    elements: path
  state:
    description: Whether the release should be there.
    type: str
    choices: [present, absent]
    default: present
  atomic:
    description: When the change fails or its workloads do not become ready, go back to the revision before it, or
      uninstall where there is none.
    type: bool
    default: false
  recover:
    description:
      - What to do with a release whose last operation failed or was interrupted.
      - V(upgrade) upgrades over a failed one, and refuses one on which an operation is still recorded as running.
      - V(rollback) goes back to the last complete revision first; V(reinstall) uninstalls first, and so does
        V(rollback) where no revision was ever complete. Both take no notice of an operation recorded as running, once
        it has had 20 seconds to end.
      - V(none) refuses both.
    type: str
    choices: [none, upgrade, rollback, reinstall]
    default: upgrade
  skip_crds:
    description: Do not install what is in the chart's C(crds) folder.
    type: bool
    default: false
  history_max:
    description: How many revisions helm keeps.
    type: int
    default: 10
  helm_binary:
    description: The helm program, 3.8 or newer; a name on the path, or a path.
    type: str
    default: helm
  wait_timeout:
    description: Seconds until helm and the wait end in a failure.
    type: int
    default: 300
extends_documentation_fragment:
  - mlops.ack.kubernetes
  - mlops.ack.wait
  - mlops.ack.lock
  - mlops.ack.attributes
requirements:
  - helm >= 3.8, for changes
notes:
  - Values reach helm in a file that only its owner can read, never on a command line.
  - helm's records must be in Secrets, which is its default (E(HELM_DRIVER)).
"""

EXAMPLES = r"""
- name: The training operator, from an OCI registry
  mlops.ack.helm_release:
    name: training-operator
    namespace: kubeflow
    create_namespace: true
    chart: oci://registry.example.com/charts/training-operator
    version: 1.9.3
    values:
      replicaCount: 1
    atomic: true

- name: A chart of a repository
  mlops.ack.helm_release:
    name: metrics
    namespace: kube-system
    chart: metrics-server
    repo_url: https://charts.example.com
    values_files: [values/metrics.yml]

- name: A chart of a private registry
  mlops.ack.helm_release:
    name: scorer
    chart: oci://registry.example.com/private/scorer
    version: 2.1.0
    registry_username: robot
    registry_password: "{{ lookup('ansible.builtin.env', 'REGISTRY_TOKEN') }}"

- name: Back to what it was
  mlops.ack.helm_release:
    name: scorer
    revision: 3

- name: Gone
  mlops.ack.helm_release:
    name: metrics
    namespace: kube-system
    state: absent
"""

RETURN = r"""
release:
  description:
    - The release after the run; null when it is absent.
    - In check mode C(updated) is null, because only a run knows it.
  returned: success
  type: dict
  sample:
    name: training-operator
    namespace: kubeflow
    status: deployed
    revision: 1
    chart: training-operator
    chart_version: 1.9.3
    app_version: v1.9.3
    values: {replicaCount: 1}
    updated: "2026-11-22T10:00:00Z"
failure:
  description: Why it failed, for programs. C(details.undone) says what O(atomic) did.
  returned: failure
  type: dict
  sample: {code: ChartNotFound, message: "...", resource: release/kubeflow/training-operator, hint: "...", details: {}}
"""

from ansible_collections.mlops.ack.plugins.module_utils._core.context import Context
from ansible_collections.mlops.ack.plugins.module_utils._core.failure import Failure
from ansible_collections.mlops.ack.plugins.module_utils._core.module import Module, Params
from ansible_collections.mlops.ack.plugins.module_utils._core.options import KUBE, wait
from ansible_collections.mlops.ack.plugins.module_utils._core.resource import Outcome, reconcile
from ansible_collections.mlops.ack.plugins.module_utils._helm.chart import Chart
from ansible_collections.mlops.ack.plugins.module_utils._helm.command import Helm, Login
from ansible_collections.mlops.ack.plugins.module_utils._helm.release import Release, Wishes
from ansible_collections.mlops.ack.plugins.module_utils._helm.values import gather
from ansible_collections.mlops.ack.plugins.module_utils._kube.client import connect
from ansible_collections.mlops.ack.plugins.module_utils._oss.lock import LOCK, use_lock


def wishes(params: Params) -> Wishes:
    has_values = params["values"] is not None or params["values_files"] is not None
    chart = params["chart"]
    return Wishes(
        name=params["name"],
        namespace=params["namespace"],
        present=params["state"] == "present",
        chart=Chart(chart, params["version"] or "", params["repo_url"] or "", params["plain_http"]) if chart else None,
        values=gather(params["values_files"] or [], params["values"]) if has_values else None,
        create_namespace=params["create_namespace"],
        wait=params["wait"],
        wait_timeout_s=params["wait_timeout"],
        atomic=params["atomic"],
        recover=params["recover"],
        history_max=params["history_max"],
        skip_crds=params["skip_crds"],
        revision=params["revision"] or 0,
    )


def login(params: Params) -> Login | None:
    username, chart = params["registry_username"], params["chart"] or ""
    if username is None:
        return None
    if not chart.startswith("oci://"):
        raise Failure(
            "InvalidOption",
            f"registry_username is set, and chart is '{chart}'.",
            hint="It is for a chart in a registry: oci://host/path/name.",
        )
    return Login(chart.removeprefix("oci://").partition("/")[0], username, params["registry_password"])


def run(params: Params, context: Context) -> Outcome:
    use_lock(params, context)
    helm = Helm(params["helm_binary"], params["kubeconfig"], params["context"], context, login(params))
    return reconcile(Release(connect(params, context), helm, wishes(params), context), {}, context)


MODULE = Module(
    {
        **KUBE,
        **wait(300),
        **LOCK,
        "name": {"type": "str", "required": True},
        "namespace": {"type": "str", "default": "default"},
        "create_namespace": {"type": "bool", "default": False},
        "chart": {"type": "str"},
        "version": {"type": "str"},
        "repo_url": {"type": "str"},
        "plain_http": {"type": "bool", "default": False},
        "registry_username": {"type": "str"},
        "registry_password": {"type": "str", "no_log": True},
        "revision": {"type": "int"},
        "values": {"type": "dict"},
        "values_files": {"type": "list", "elements": "path"},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "atomic": {"type": "bool", "default": False},
        "recover": {"type": "str", "choices": ["none", "upgrade", "rollback", "reinstall"], "default": "upgrade"},
        "skip_crds": {"type": "bool", "default": False},
        "history_max": {"type": "int", "default": 10},
        "helm_binary": {"type": "str", "default": "helm"},
    },
    run,
    {
        "required_if": [("state", "present", ("chart", "revision"), True)],
        "required_together": [("registry_username", "registry_password")],
        "mutually_exclusive": [
            ("revision", other) for other in ("chart", "version", "repo_url", "values", "values_files")
        ],
    },
)


def main() -> None:
    MODULE.main()


if __name__ == "__main__":
    main()
