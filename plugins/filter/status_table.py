# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Filter: what exists, as a page of text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

DOCUMENTATION = r"""
name: status_table
short_description: What exists, as tables of text
version_added: 1.0.0
author: mlops.ack contributors (@mlops-ack)
description:
  - Draws the document that the playbook C(mlops.ack.status) writes.
options:
  _input:
    description: The document that P(mlops.ack.status_document#filter) makes.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Print the status
  ansible.builtin.debug:
    msg: "{{ lookup('ansible.builtin.file', 'build/status.json') | from_json | mlops.ack.status_table }}"
"""

RETURN = r"""
_value:
  description:
    - The text; a table for each of clusters, model versions, predictors, what traits measure, what serves on record,
      and gates. What nobody measured is called absent.
  type: str
"""

Row = Sequence[Any]


def table(head: Row, rows: Iterable[Row]) -> str:
    """Text in columns as wide as their widest cell, two blanks apart."""
    cells = [[_text(cell) for cell in row] for row in (head, *rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(head))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells]
    lines.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join(lines)


def _text(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.4g}"
    text = str(value)
    return text[:19] if text.startswith("sha256:") else text


def _percent(value: Any) -> str:
    return "-" if value is None else f"{float(value):g} %"


def status_table(status: Mapping[str, Any]) -> str:
    clusters = [
        (
            c["environment"],
            c["name"],
            c["state"],
            c["version"],
            c["profile"],
            ", ".join(c.get("node_pools", [])) or None,
        )
        for c in status["clusters"]
    ]
    versions = [
        (
            f"{v['name']}-v{v['version']}",
            v["state"],
            v["metrics"].get("accuracy"),
            v["model_digest"],
            v["image"].rpartition("@")[2],
            v["run_id"],
        )
        for v in status["models"]
    ]
    predictors = [
        (
            s["environment"],
            f"{s['name']}/{p['name']}",
            p["model_version"],
            f"{p['ready_replicas']}/{p['replicas']}",
            _scale(p.get("auto_scale")),
            _percent(p["traffic_percentage"]),
            _percent(p["observed_percentage"]),
        )
        for s in status["serving"]
        for p in s["predictors"]
    ]
    parts = [
        table(("environment", "cluster", "state", "version", "profile", "node pools"), clusters),
        table(("model version", "state", "accuracy", "model digest", "image digest", "training run"), versions),
        table(("environment", "predictor", "model version", "ready", "scales", "declared", "observed"), predictors),
    ]
    measured = [
        (s["environment"], f"{s['name']}/{p['name']}", *_measured(s["observed"], p["name"]))
        for s in status["serving"]
        for p in s["predictors"]
        if s.get("observed")
    ]
    if measured:
        drawn = table(("environment", "predictor", *MEASURED, "logs"), measured)
        parts.append("\n".join((drawn, *_why(status["serving"]))))
    releases = [
        (
            r["environment"],
            f"{r['serving']}/{p['name']}",
            p["model_version"],
            _percent(p["traffic_percentage"]),
            _percent(r["before"].get(p["model_version"])),
            p["since"],
            ", ".join((r.get("decision") or {}).get("approvers") or []) or None,
            p.get("trained_by"),
            p.get("run_id"),
            _dataset(p.get("dataset")),
        )
        for r in status.get("releases", [])
        for p in r["predictors"]
    ]
    if releases:
        head = (
            "environment",
            "serves",
            "model version",
            "share",
            "before",
            "since",
            "approved by",
            "trained by",
            "run",
            "dataset",
        )
        parts.append(table(head, releases))
    gates = [
        (
            g["environment"],
            g["name"],
            g["status"],
            f"{g['approvals']}/{g['min_approvals']}",
            ", ".join(g["approvers"]) or None,
            g["decided"] or g["requested"],
            g["expires"],
            g["subject_digest"],
        )
        for g in status.get("gates", [])
    ]
    if gates:
        columns = ("environment", "gate", "status", "approvals", "by", "since", "expires", "subject")
        parts.append(table(columns, gates))
    parts += [_counted(served) for served in status["serving"] if served.get("split")]
    pages = [f"  {m['reference']}  {m['report']}" for m in status["models"] if m.get("report")]
    if pages:
        parts.append("\n".join(("Evaluation pages:", *pages)))
    asks = [f"  {_curl(served)}" for served in status["serving"] if served.get("request_file")]
    if asks:
        parts.append("\n".join(("Ask a model:", *asks)))
    return "\n\n".join(parts)


MEASURED = ("up", "requests/s", "failed", "p50 ms", "p99 ms", "batch wait ms", "declared", "observed (5 min)")


def _measured(observed: Mapping[str, Any], predictor: str) -> list[str]:
    """The cells of MEASURED, and of the logs."""
    numbers = (observed["predictors"] or {}).get(predictor) or {}
    error_rate = numbers.get("error_rate")
    cells = [
        *(numbers.get(name) for name in ("up", "requests_per_second")),
        None if error_rate is None else f"{error_rate:.2%}",
        *(numbers.get(name) for name in ("p50_ms", "p99_ms", "queue_ms")),
        *(_share(numbers.get(f"{name}_percentage")) for name in ("declared", "observed")),
        logs_word(observed["logs"]),
    ]
    return [ABSENT if cell is None else _text(cell) for cell in cells]


ABSENT = "absent"


def _share(value: float | None) -> str | None:
    return None if value is None else f"{value:.4g} %"


def logs_word(logs: Mapping[str, Any] | None) -> str | None:
    if logs is None:
        return None
    return f"newest {logs['newest']['time'][:19]}" if logs["arrive"] else "none within an hour"


def _why(serving: Iterable[Mapping[str, Any]]) -> list[str]:
    return [
        f"{s['environment']} {s['name']}: {part} are absent; {why}"
        for s in serving
        for part, why in ((s.get("observed") or {}).get("absent") or {}).items()
    ]


def _dataset(dataset: Mapping[str, Any] | None) -> str | None:
    return f"{dataset['name']} {_text(dataset['digest'])}" if dataset else None


def _counted(served: Mapping[str, Any]) -> str:
    split = served["split"]
    return (
        f"{served['environment']}: {split['requests']} requests counted, {split['failed']} failed, "
        f"median {split['latency_ms']['p50']} ms, 99 % within {split['latency_ms']['p99']} ms"
    )


def _curl(served: Mapping[str, Any]) -> str:
    """A line that works as pasted."""
    host = f"-H 'Host: {served['hostnames'][0]}' " if served.get("hostnames") else ""
    return f"curl -s {host}-d @{served['request_file']} {served['url']}"


def _scale(auto_scale: Mapping[str, Any] | None) -> str | None:
    return f"{auto_scale['min_replicas']}-{auto_scale['max_replicas']}" if auto_scale else None


class FilterModule:
    def filters(self) -> dict[str, Any]:
        return {"status_table": status_table}
