"""As much of AWX's API as the modules of awx.awx speak to: lists that can be filtered, objects with related lists.

It knows which fields name other objects, and refuses what is not there: a role cannot link what it did not make.
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
TYPES = {"inventories": "inventory", "workflow_job_template_nodes": "workflow_job_template_node"}
NODES = "workflow_job_template_nodes"


class Awx:
    """`objects[type][id]`, and every write as (method, path)."""

    def __init__(self) -> None:
        self.objects: dict[str, dict[int, dict[str, Any]]] = {"organizations": {}}
        self.writes: list[tuple[str, str]] = []
        self.url = ""
        self._last = 0
        self.make("organizations", {"name": "Default"})

    def make(self, kind: str, fields: dict[str, Any]) -> dict[str, Any]:
        for field, target in LINKS.items():
            if fields.get(field) and int(fields[field]) not in self.objects.get(target, {}):
                raise KeyError(f"{field} {fields[field]}")
        self._last += 1
        own = f"{API}{kind}/{self._last}/"
        related = ("survey_spec", "credentials", "success_nodes", "failure_nodes", "always_nodes", "labels")
        made = {
            **fields,
            "id": self._last,
            "type": TYPES.get(kind, kind.removesuffix("s")),
            "url": own,
            "summary_fields": {},
            "scm_revision": "",
            "status": "successful",
            "related": {name: f"{own}{name}/" for name in (*related, "create_approval_template")},
        }
        self.objects.setdefault(kind, {})[self._last] = made
        return made

    def named(self, kind: str, name: str) -> dict[str, Any]:
        return next(each for each in self.objects[kind].values() if each.get("name", each.get("identifier")) == name)

    def answer(self, method: str, path: str, query: dict[str, str], body: dict[str, Any]) -> tuple[int, Any]:
        if method != "GET":
            self.writes.append((method, path))
        parts = path.removeprefix(API).strip("/").split("/")
        match parts:
            case ["config"]:
                return 200, {"version": "24.6.1", "license_info": {}}
            case ["ping"] | [""]:
                return 200, {}
            case [kind]:
                return self._of_kind(method, kind, query, body)
            case [kind, number]:
                return self._of_object(method, self.objects.get(kind, {}).get(int(number)), body)
            case [kind, number, relation]:
                return self._of_relation(method, self.objects[kind][int(number)], relation, body)
        return 404, {"detail": "Not found."}

    def _of_kind(self, method: str, kind: str, query: dict[str, str], body: dict[str, Any]) -> tuple[int, Any]:
        if method == "POST":
            return 201, self.make(kind, body)
        wanted = {key: value for key, value in query.items() if key not in ("page_size", "order_by")}
        known = {"unified_job_templates": self._templates()}
        every = known.get(kind, self.objects.get(kind, {})).values()
        found = [each for each in every if all(_matches(each, key, value) for key, value in wanted.items())]
        return 200, {"count": len(found), "results": found, "next": None}

    def _templates(self) -> dict[int, dict[str, Any]]:
        kinds = ("job_templates", "projects", "workflow_job_templates", "workflow_approval_templates")
        return {number: each for kind in kinds for number, each in self.objects.get(kind, {}).items()}

    def _of_object(self, method: str, found: dict[str, Any] | None, body: dict[str, Any]) -> tuple[int, Any]:
        if found is None:
            return 404, {"detail": "Not found."}
        if method == "PATCH":
            found.update(body)
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
            self.send_header("X-API-Product-Name", "AWX")
            self.send_header("X-API-Product-Version", "24.6.1")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PATCH = do_DELETE = do_OPTIONS = handle_any

        def log_message(self, *_words: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    awx.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield awx
    finally:
        server.shutdown()
