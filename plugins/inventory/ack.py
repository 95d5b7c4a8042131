# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Inventory: the clusters of an account as hosts."""

from __future__ import annotations

DOCUMENTATION = r"""
name: ack
short_description: ACK clusters as hosts
version_added: 1.1.0
author: mlops.ack contributors (@mlops-ack)
description:
  - Every ACK cluster of the regions is a host, named as the cluster is, and no SSH connection is ever made to it.
  - Tasks for a host run on the controller, in the Python that Ansible runs in.
  - Hosts are in groups by region, profile, state and tag. Names of groups have C(_) for what Ansible does not allow.
  - What is known of a cluster is in the host's variables, each with the prefix C(ack_). Kubeconfigs are never read.
  - The file's name ends in C(ack.yml) or C(ack.yaml).
extends_documentation_fragment:
  - constructed
  - inventory_cache
requirements:
  - python >= 3.11
  - alibabacloud-cs20151215 >= 6.0
options:
  plugin:
    description: The name of this plugin.
    type: str
    required: true
    choices: [mlops.ack.ack]
  regions:
    description: Regions that are asked, for example V(cn-hangzhou).
    type: list
    elements: str
    required: true
    env:
      - name: ALIBABA_CLOUD_REGION
      - name: ALICLOUD_REGION
  access_key_id:
    description: Id of the access key. Without it the SDK's own chain is used (environment, profile, OIDC, ECS role).
    type: str
    env:
      - name: ALIBABA_CLOUD_ACCESS_KEY_ID
      - name: ALICLOUD_ACCESS_KEY
      - name: ALIBABACLOUD_ACCESS_KEY_ID
  access_key_secret:
    description: Secret of the access key. Better in the environment, in a vault, or in a lookup than in the file.
    type: str
    env:
      - name: ALIBABA_CLOUD_ACCESS_KEY_SECRET
      - name: ALICLOUD_SECRET_KEY
      - name: ALIBABACLOUD_ACCESS_KEY_SECRET
  security_token:
    description: Token of temporary (STS) credentials.
    type: str
    env:
      - name: ALIBABA_CLOUD_SECURITY_TOKEN
      - name: ALICLOUD_SECURITY_TOKEN
      - name: ALIBABACLOUD_SECURITY_TOKEN
  cs_endpoint:
    description: Address of the ACK API, C(host:port) or C(http://host:port). Chosen by the region when unset.
    type: str
    env:
      - name: ALIBABA_CLOUD_ENDPOINT_CS
      - name: CS_ENDPOINT
  request_timeout:
    description: Seconds one request may take, connecting and reading together.
    type: int
    default: 60
  filters:
    description:
      - Only clusters that fit all of these. Of a list one has to fit.
      - C(name) has patterns such as V(ml-*); C(cluster_spec), C(profile), C(state) and C(vpc_id) have values.
      - C(tags) is a mapping, in which an empty value means any value of the tag.
    type: dict
    default: {}
"""

EXAMPLES = r"""
# ml.ack.yml: ansible-inventory -i ml.ack.yml --graph
plugin: mlops.ack.ack
regions: [cn-hangzhou, cn-beijing]
filters:
  name: ["ml-*"]
  state: running
  tags: {team: ml}

---
# Hosts for the playbooks of this collection: the tag env is the environment, prod also trains.
plugin: mlops.ack.ack
regions: [cn-hangzhou]
compose:
  mlops_environment: ack_tags.env
  mlops_kubeconfig: "'~/.kube/mlops-' ~ ack_name"
groups:
  training: ack_tags.env == 'prod'
keyed_groups:
  - key: ack_tags.env          # groups dev and prod
    separator: ""
cache: true
cache_plugin: ansible.builtin.jsonfile
cache_connection: ~/.cache/mlops-ack-inventory
cache_timeout: 600
"""

import hashlib
import json
import sys
from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any

from ansible.errors import AnsibleParserError
from ansible.plugins.inventory import BaseInventoryPlugin, Cacheable, Constructable

from ansible_collections.mlops.ack.plugins.module_utils._ack import locate, shape
from ansible_collections.mlops.ack.plugins.module_utils._ack.client import connect
from ansible_collections.mlops.ack.plugins.module_utils._core.context import Context
from ansible_collections.mlops.ack.plugins.module_utils._core.failure import Failure
from ansible_collections.mlops.ack.plugins.module_utils._core.secrets import Secrets
from ansible_collections.mlops.ack.plugins.module_utils._core.spelling import refuse

Cluster = dict[str, Any]

SECRETS = ("access_key_secret", "security_token")
TEMPLATED = ("access_key_id", *SECRETS, "cs_endpoint")
FILTERS = ("cluster_spec", "name", "profile", "state", "tags", "vpc_id")


class InventoryModule(BaseInventoryPlugin, Constructable, Cacheable):  # type: ignore[misc]
    NAME = "mlops.ack.ack"

    def verify_file(self, path: str) -> bool:
        return bool(super().verify_file(path)) and path.endswith(("ack.yml", "ack.yaml"))

    def parse(self, inventory: Any, loader: Any, path: str, cache: bool = True) -> None:
        super().parse(inventory, loader, path, cache)
        self._read_config_data(path)
        try:
            wanted = fitting(self._clusters(path, cache), self.get_option("filters"))
        except Failure as failure:
            raise AnsibleParserError(self._say(path, failure)) from failure
        for name, cluster in named(wanted).items():
            self._add(name, cluster)

    def _say(self, path: str, failure: Failure) -> str:
        request = f" (request {failure.request_id})" if failure.request_id else ""
        text = f"{path}: {failure.code}: {failure}{request}"
        return str(Secrets(self._option(name) for name in SECRETS).scrub(text))

    def _option(self, name: str) -> Any:
        value = self.get_option(name)
        return self.templar.template(value) if isinstance(value, str) else value

    # -- reading -------------------------------------------------------------------------------------------------------

    def _clusters(self, path: str, use_cache: bool) -> list[Cluster]:
        """From the cache, where it holds them; filters are applied later, so that they can change."""
        asked = [self.get_option("regions"), *(self._option(name) for name in ("cs_endpoint", "access_key_id"))]
        digest = hashlib.sha256(json.dumps(asked).encode()).hexdigest()[:12]
        key = f"{self.get_cache_key(path)}_{digest}"
        if use_cache and self.get_option("cache"):
            try:
                return list(self._cache[key])
            except KeyError:
                pass
        clusters = [cluster for region in self.get_option("regions") for cluster in self._read(region)]
        if self.get_option("cache"):
            self._cache[key] = clusters
        return clusters

    def _read(self, region: str) -> list[Cluster]:
        params = {name: self._option(name) for name in TEMPLATED}
        params |= {"region": region, "request_timeout": self.get_option("request_timeout")}
        transport = connect(params, Context(secrets=Secrets(params[name] for name in SECRETS)))
        return [shape.cluster(each) for each in locate.listed(transport, region)]

    # -- hosts and groups ----------------------------------------------------------------------------------------------

    def _add(self, name: str, cluster: Cluster) -> None:
        variables = {f"ack_{field}": value for field, value in cluster.items()}
        self.inventory.add_host(name)
        self.inventory.set_variable(name, "ansible_connection", "local")
        self.inventory.set_variable(name, "ansible_python_interpreter", sys.executable)
        for variable, value in variables.items():
            self.inventory.set_variable(name, variable, value)
        for group in groups(cluster):
            safe = self.inventory.add_group(self._sanitize_group_name(group))
            self.inventory.add_child(safe, name)
        strict = self.get_option("strict")
        self._set_composite_vars(self.get_option("compose"), variables, name, strict=strict)
        self._add_host_to_composed_groups(self.get_option("groups"), variables, name, strict=strict)
        self._add_host_to_keyed_groups(self.get_option("keyed_groups"), variables, name, strict=strict)


def fitting(clusters: list[Cluster], filters: Mapping[str, Any]) -> list[Cluster]:
    """The clusters that fit all filters. Raises Failure `InvalidOption` for a filter that is none."""
    for field in filters:
        if field not in FILTERS:
            raise refuse("filters", field, FILTERS)
    tags = filters.get("tags") or {}
    if not isinstance(tags, Mapping):
        raise Failure(
            "InvalidOption",
            f"filters.tags is {json.dumps(tags)}; it needs a mapping.",
            hint="For example {team: ml}; an empty value means any.",
            details={"field": "filters.tags", "found": tags},
        )
    return [each for each in clusters if _fits(each, filters) and _has_tags(each["tags"], tags)]


def _fits(cluster: Cluster, filters: Mapping[str, Any]) -> bool:
    for field, wanted in filters.items():
        if field == "tags":
            continue
        allowed = [str(each) for each in (wanted if isinstance(wanted, list) else [wanted])]
        found = str(cluster[field])
        if not any(fnmatchcase(found, each) if field == "name" else found == each for each in allowed):
            return False
    return True


def _has_tags(tags: Mapping[str, str], wanted: Mapping[str, Any]) -> bool:
    for key, value in wanted.items():
        allowed = [str(each) for each in (value if isinstance(value, list) else [value])]
        if key not in tags or (value not in ("", None) and tags[key] not in allowed):
            return False
    return True


def named(clusters: list[Cluster]) -> dict[str, Cluster]:
    """The clusters by host name: the cluster's, with a part of its id where several share it (ACK allows that)."""
    names = [each["name"] for each in clusters]
    return {
        name if names.count(name) == 1 else f"{name}-{each['cluster_id'][:8]}": each
        for name, each in sorted(zip(names, clusters, strict=True), key=lambda pair: (pair[0], pair[1]["cluster_id"]))
    }


def groups(cluster: Cluster) -> list[str]:
    found = [f"{field}_{cluster[field]}".lower() for field in ("region", "profile", "state") if cluster[field]]
    return found + [f"tag_{key}_{value}" if value else f"tag_{key}" for key, value in sorted(cluster["tags"].items())]
