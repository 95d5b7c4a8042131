# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Filter: what the role awx makes, as a document that AWX imports."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

DOCUMENTATION = r"""
name: awx_assets
short_description: AWX's job templates and workflow as a document to import
version_added: 1.1.0
author: mlops.ack contributors (@mlops-ack)
description:
  - Says the same as the role P(mlops.ack.awx#role) in the format of C(awx export), which C(awx import) and the module
    C(awx.awx.import) read. Things refer to each other by natural keys.
  - Organization and credentials are referred to, and must be there; the rest is made by the import.
options:
  _input:
    description:
      - C(organization), C(prefix), C(project), C(inventory), C(execution_environment), C(credential_types),
        C(credentials), C(job_templates), C(question) and C(workflow), each as the role's variable.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Look at what would be imported
  ansible.builtin.debug:
    msg: "{{ awx_settings | mlops.ack.awx_assets | to_nice_yaml(indent=2) }}"
"""

RETURN = r"""
_value:
  description: Lists of assets by C(credential_types), C(execution_environments), C(projects), C(inventory),
    C(inventory_sources), C(job_templates) and C(workflow_job_templates).
  type: dict
"""

Key = dict[str, Any]
"""What names a thing in AWX wherever it is imported: its type, name and owner."""


def awx_assets(settings: Mapping[str, Any]) -> dict[str, list[dict[str, Any]]]:
    organization: Key = {"type": "organization", "name": settings["organization"]}

    def owned(kind: str, name: str) -> Key:
        return {"type": kind, "organization": organization, "name": name}

    project = owned("project", settings["project"]["name"])
    inventory = owned("inventory", settings["inventory"]["name"])
    image: Key = {"type": "execution_environment", "name": settings["execution_environment"]["name"]}
    source_path = settings["inventory"]["source_path"]
    job_templates = {
        each["name"]: owned("job_template", f"{settings['prefix']}-{each['name']}")
        for each in settings["job_templates"]
    }
    assets = {
        "credential_types": [
            {**each, "kind": "cloud", "natural_key": _credential_type(each["name"], "cloud")}
            for each in settings["credential_types"]
        ],
        "execution_environments": [
            {**settings["execution_environment"], "organization": organization, "natural_key": image}
        ],
        "projects": [
            {
                **settings["project"],
                "organization": organization,
                "scm_type": "git",
                "scm_update_on_launch": True,
                "default_environment": image,
                "natural_key": project,
            }
        ],
        "inventory": [{"name": inventory["name"], "organization": organization, "natural_key": inventory}],
        "inventory_sources": [
            {
                "name": source_path,
                "inventory": inventory,
                "source": "scm",
                "source_project": project,
                "source_path": source_path,
                "overwrite": True,
                "overwrite_vars": True,
                "update_on_launch": True,
                "natural_key": {"type": "inventory_source", "name": source_path, "inventory": inventory},
            }
        ],
        "job_templates": [
            {
                "name": job_templates[each["name"]]["name"],
                "description": each["description"],
                "job_type": "run",
                "project": project,
                "inventory": inventory,
                "execution_environment": image,
                "playbook": f"playbooks/{each.get('playbook', each['name'])}.yml",
                "limit": each.get("limit", ""),
                "ask_limit_on_launch": each.get("ask_limit_on_launch", False),
                "ask_variables_on_launch": False,
                "survey_enabled": "survey" in each,
                "related": _of_job_template(each, settings, owned),
                "natural_key": job_templates[each["name"]],
            }
            for each in settings["job_templates"]
        ],
    }
    workflow = owned("workflow_job_template", settings["workflow"]["name"])
    assets["workflow_job_templates"] = [
        {
            "name": workflow["name"],
            "description": settings["workflow"]["description"],
            "organization": organization,
            "related": {
                "workflow_nodes": [_node(each, workflow, job_templates) for each in settings["workflow"]["nodes"]]
            },
            "natural_key": workflow,
        }
    ]
    return assets


def _credential_type(name: str, kind: str) -> Key:
    return {"type": "credential_type", "name": name, "kind": kind}


def _of_job_template(
    each: Mapping[str, Any], settings: Mapping[str, Any], owned: Callable[[str, str], Key]
) -> dict[str, Any]:
    credentials: Sequence[Mapping[str, str]] = each.get("credentials", settings["credentials"])
    related: dict[str, Any] = {
        "credentials": [
            {
                **owned("credential", used["name"]),
                "credential_type": _credential_type(used["type"], used.get("kind", "cloud")),
            }
            for used in credentials
        ]
    }
    if "survey" in each:
        questions = [{**settings["question"], **question} for question in each["survey"]]
        related["survey_spec"] = {"name": "", "description": "", "spec": questions}
    return related


def _node(each: Mapping[str, Any], workflow: Key, job_templates: Mapping[str, Key]) -> dict[str, Any]:
    def named(identifier: str) -> Key:
        return {"type": "workflow_job_template_node", "workflow_job_template": workflow, "identifier": identifier}

    related: dict[str, Any] = {
        "success_nodes": [named(after) for after in each.get("success", [])],
        "failure_nodes": [named(after) for after in each.get("failure", [])],
    }
    node = {"identifier": each["identifier"], "workflow_job_template": workflow, "related": related}
    if "template" in each:
        node["unified_job_template"] = job_templates[each["template"]]
    else:
        related["create_approval_template"] = {
            "name": each["identifier"],
            "description": "The page is in the output of the job before",
            "timeout": each["approval"],
        }
    return {**node, "natural_key": named(each["identifier"])}


class FilterModule:
    """Ansible's entry."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"awx_assets": awx_assets}
