"""As much of AWX's API as awx.awx and awxkit speak to: lists that can be filtered, objects with related lists.

It knows which fields name other objects, and refuses what is not there: a role cannot link what it did not make. Fields
that AWX does not take are dropped, as AWX does.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

API = "/api/v2/"
LINKS = {
    "organization": "organizations",
    "project": "projects",
    "source_project": "projects",
    "inventory": "inventories",
    "execution_environment": "execution_environments",
    "default_environment": "execution_environments",
    "workflow_job_template": "workflow_job_templates",
    "credential_type": "credential_types",
}
REFERENCES = {*LINKS, "unified_job_template"}
TYPES = {"inventories": "inventory"}
NODES = "workflow_job_template_nodes"
NAMED = {"name", "description"}
JOB = {"inventory", "limit", "execution_environment", "extra_vars"}
FIELDS = {
    "organizations": NAMED,
    "credentials": {*NAMED, "organization", "credential_type", "inputs"},
    "credential_types": {*NAMED, "kind", "inputs", "injectors"},
    "execution_environments": {*NAMED, "organization", "image", "pull", "credential"},
    "projects": {
        *(*NAMED, "organization", "default_environment", "credential"),
        *("scm_type", "scm_url", "scm_branch", "scm_update_on_launch"),
    },
    "inventories": {*NAMED, "organization", "kind", "variables"},
    "inventory_sources": {
        *(*NAMED, "inventory", "source", "source_project", "source_path"),
        *("overwrite", "overwrite_vars", "update_on_launch"),
    },
    "job_templates": {
        *(*NAMED, *JOB, "project", "playbook", "job_type", "survey_enabled"),
        *("ask_limit_on_launch", "ask_variables_on_launch"),
    },
    "workflow_job_templates": {*NAMED, *JOB, "organization", "survey_enabled"},
    NODES: {"identifier", "workflow_job_template", "unified_job_template", "limit", "inventory"},
    "workflow_approval_templates": {*NAMED, "timeout"},
}
"""What a client may write of each kind; an organization of a job template is its project's."""
RELATED = {
    "job_templates": ("survey_spec", "credentials", "labels"),
    "workflow_job_templates": ("survey_spec", "labels", "workflow_nodes"),
    NODES: ("credentials", "success_nodes", "failure_nodes", "always_nodes", "labels", "create_approval_template"),
    "organizations": ("galaxy_credentials", "instance_groups"),
    "inventories": ("instance_groups", "input_inventories"),
    "projects": ("notification_templates_started",),
}
ROOT = {
    kind: f"{API}{'inventories' if kind == 'inventory' else kind}/"
    for kind in (
        *(FIELDS.keys() - {"inventories", "workflow_approval_templates"}),
        *("inventory", "users", "teams", "notification_templates", "applications", "schedules", "labels", "hosts"),
        *("groups", "unified_job_templates", "system_job_templates", "instance_groups"),
    )
}


class Awx:
    """`objects[type][id]`, and every write as (method, path)."""

    def __init__(self) -> None:
        self.objects: dict[str, dict[int, dict[str, Any]]] = {"organizations": {}}
        self.writes: list[tuple[str, str]] = []
        self.url = ""
        self._last = 0
        self.make("organizations", {"name": "Default"})

    def make(self, kind: str, fields: dict[str, Any]) -> dict[str, Any]:
        written = self._written(kind, fields)
        if kind == "job_templates":
            written["organization"] = self.objects["projects"][int(written["project"])]["organization"]
        self._last += 1
        own = f"{API}{kind}/{self._last}/"
        links = {field: f"{API}{LINKS[field]}/{written[field]}/" for field in LINKS if written.get(field)}
        made = {
            **written,
            **({"kind": written.get("kind") or ""} if kind == "inventories" else {}),
            "id": self._last,
            "type": TYPES.get(kind, kind.removesuffix("s")),
            "url": own,
            "managed": False,
            "summary_fields": {},
            "scm_revision": "",
            "status": "successful",
            "related": {**{name: f"{own}{name}/" for name in RELATED.get(kind, ())}, **links},
        }
        self.objects.setdefault(kind, {})[self._last] = made
        return made

    def _written(self, kind: str, fields: dict[str, Any]) -> dict[str, Any]:
        """What AWX takes of these. Raises KeyError where one refers to what is not there."""
        for field, target in LINKS.items():
            if fields.get(field) and int(fields[field]) not in self.objects.get(target, {}):
                raise KeyError(f"{field} {fields[field]}")
        return {field: value for field, value in fields.items() if field in FIELDS[kind]}

    def named(self, kind: str, name: str) -> dict[str, Any]:
        return next(each for each in self.objects[kind].values() if each.get("name", each.get("identifier")) == name)

    def answer(self, method: str, path: str, query: dict[str, str], body: dict[str, Any]) -> tuple[int, Any]:
        if method == "OPTIONS":
            return 200, self._options(path)
        if method != "GET":
            self.writes.append((method, path))
        if path == "/api/":
            return 200, {"current_version": API, "available_versions": {"v2": API}}
        parts = path.removeprefix(API).strip("/").split("/")
        match parts:
            case ["config"]:
                return 200, {"version": "24.6.1", "license_info": {}}
            case ["ping"]:
                return 200, {}
            case [""]:
                return 200, ROOT
            case [kind]:
                return self._of_kind(method, kind, query, body)
            case [kind, number]:
                return self._of_object(method, kind, self.objects.get(kind, {}).get(int(number)), body)
            case ["workflow_job_templates", number, "workflow_nodes"]:
                workflow = {"workflow_job_template": number}
                return self._of_kind(
                    method, NODES, {**query, **workflow}, {**body, "workflow_job_template": int(number)}
                )
            case [kind, number, relation]:
                return self._of_relation(method, self.objects[kind][int(number)], relation, body)
        return 404, {"detail": "Not found."}

    def _of_kind(self, method: str, kind: str, query: dict[str, str], body: dict[str, Any]) -> tuple[int, Any]:
        if method == "POST":
            return 201, self.make(kind, body)
        wanted = {key: value for key, value in query.items() if key not in ("page_size", "order_by", "all_pages")}
        known = {"unified_job_templates": self._templates()}
        every = known.get(kind, self.objects.get(kind, {})).values()
        found = [each for each in every if all(_matches(each, key, value) for key, value in wanted.items())]
        return 200, {"count": len(found), "results": found, "next": None}

    def _templates(self) -> dict[int, dict[str, Any]]:
        kinds = ("job_templates", "projects", "workflow_job_templates", "workflow_approval_templates")
        return {number: each for kind in kinds for number, each in self.objects.get(kind, {}).items()}

    def _options(self, path: str) -> dict[str, Any]:
        """Which fields a list takes; awxkit writes no others."""
        kind = path.strip("/").rpartition("/")[2]
        fields = FIELDS.get(NODES if kind == "workflow_nodes" else kind, set())
        posted = {field: {"type": "id" if field in REFERENCES else "string", "required": False} for field in fields}
        return {"actions": {"POST": posted}, "search_fields": ["name"]}

    def _of_object(self, method: str, kind: str, found: dict[str, Any] | None, body: dict[str, Any]) -> tuple[int, Any]:
        if found is None:
            return 404, {"detail": "Not found."}
        if method in ("PATCH", "PUT"):
            found.update(self._written(kind, body))
        return 200, found

    def _of_relation(self, method: str, found: dict[str, Any], relation: str, body: dict[str, Any]) -> tuple[int, Any]:
        if relation == "create_approval_template":
            made = self.make("workflow_approval_templates", body)
            found["unified_job_template"] = made["id"]
            found["related"]["unified_job_template"] = made["url"]
            return 201, made
        if relation == "survey_spec":
            if method == "POST":
                found["survey_spec"] = body
            return 200, found.get("survey_spec", {})
        if relation not in found.get("related", [relation]):
            return 404, {"detail": "Not found."}
        linked = found.setdefault(f"_{relation}", [])
        if method == "POST":
            if body.get("disassociate"):
                linked.remove(body["id"])
            else:
                linked.append(body["id"])
            return 204, None
        everything = {number: each for kind in self.objects.values() for number, each in kind.items()}
        results = [everything[number] for number in linked]
        return 200, {"count": len(results), "results": results, "next": None}


def _matches(found: dict[str, Any], key: str, value: str) -> bool:
    if key.startswith("or__"):
        return True
    field = re.sub(r"__(exact|iexact)$", "", key)
    return str(found.get(field)) == value


@contextmanager
def serving(awx: Awx) -> Iterator[Awx]:
    class Handler(BaseHTTPRequestHandler):
        def handle_any(self) -> None:
            url = urlsplit(self.path)
            text = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            try:
                code, found = awx.answer(
                    self.command, url.path, dict(parse_qsl(url.query)), json.loads(text) if text else {}
                )
            except KeyError as error:
                code, found = 400, {"detail": f"no such object: {error}"}
            data = b"" if found is None else json.dumps(found).encode()
            self.send_response(code)
            self.send_header("Content-Type", "application/json")
            self.send_header("Allow", "GET, POST, PUT, PATCH, OPTIONS")
            self.send_header("X-API-Product-Name", "AWX")
            self.send_header("X-API-Product-Version", "24.6.1")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = handle_any

        def log_message(self, *_words: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    awx.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield awx
    finally:
        server.shutdown()
