# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Filter: what exists and how it goes, as one page of HTML that needs nothing else."""

from __future__ import annotations

DOCUMENTATION = r"""
name: status_page
short_description: What exists and how it goes, as a page
version_added: 1.1.0
author: mlops.ack contributors (@mlops-ack)
description:
  - Draws the document that the playbook C(mlops.ack.status) writes, in one file without anything from elsewhere.
  - The page reads itself again each half minute, so that it shows what the playbook wrote last.
options:
  _input:
    description: The document that P(mlops.ack.status_document#filter) makes.
    type: dict
    required: true
  written:
    description: When it was looked at, as the page says it.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Draw the page
  ansible.builtin.copy:
    dest: build/status.html
    content: "{{ lookup('ansible.builtin.file', 'build/status.json') | from_json | mlops.ack.status_page('today') }}"
    mode: "0644"
"""

RETURN = r"""
_value:
  description: The page. What nobody measured is called absent.
  type: str
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from html import escape
from typing import Any

STYLE = """
:root { color-scheme: light dark; --ink: #1c2430; --soft: #66707f; --line: #e2e6ec; --card: #fff; --ground: #f5f7fa;
  --own: #2563c9; --mark: #d9480f; --good: #1a7f4b; --bad: #c0362c; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6eaf0; --soft: #98a2b3; --line: #2c3442; --card: #1a202a;
  --ground: #12161d; --own: #6ea0f5; --mark: #ff9457; --good: #56c48c; --bad: #f07a70; } }
* { box-sizing: border-box; }
body { margin: 0; padding: 2rem clamp(1rem, 4vw, 3rem); background: var(--ground); color: var(--ink);
  font: 15px/1.5 system-ui, "Noto Sans", sans-serif; }
header { display: flex; flex-wrap: wrap; gap: .25rem 1rem; align-items: baseline; margin-bottom: 1.5rem; }
h1 { font-size: 1.5rem; margin: 0; } h2 { font-size: 1.05rem; margin: 2rem 0 .6rem; }
h3 { font-size: 1.05rem; margin: 0; }
.soft { color: var(--soft); }
section { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 1.1rem 1.3rem;
  margin-bottom: 1rem; overflow-x: auto; }
.top { display: flex; flex-wrap: wrap; gap: .3rem .8rem; align-items: baseline; margin-bottom: .8rem; }
.tag { border: 1px solid var(--line); border-radius: 99px; padding: 0 .6rem; font-size: .85rem; color: var(--soft); }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th { text-align: left; font-weight: 500; color: var(--soft); font-size: .82rem; padding: .3rem 1rem .3rem 0;
  border-bottom: 1px solid var(--line); white-space: nowrap; vertical-align: bottom; }
td { padding: .45rem 1rem .45rem 0; border-bottom: 1px solid var(--line); white-space: nowrap; }
tr:last-child td { border-bottom: 0; } .number { text-align: right; }
.absent { color: var(--soft); font-style: italic; } .good { color: var(--good); } .bad { color: var(--bad); }
.share { display: inline-block; position: relative; width: 9rem; height: .8rem; background: var(--ground);
  border: 1px solid var(--line); border-radius: 4px; vertical-align: -.1rem; margin-right: .6rem; }
.share i { position: absolute; inset: 0 auto 0 0; background: var(--own); border-radius: 3px; }
.share b { position: absolute; top: -.25rem; bottom: -.25rem; width: 2px; background: var(--mark); }
p { margin: .7rem 0 0; } code { font-family: ui-monospace, monospace; font-size: .88em; }
"""

ABSENT = '<span class="absent">absent</span>'


class Html(str):
    """Text that is HTML already; every other text is escaped."""


def status_page(status: Mapping[str, Any], written: str) -> str:
    parts = [*(_serving(each) for each in status["serving"]), *_tables(status)]
    if not status["serving"]:
        parts.insert(0, "<section>Nothing serves.</section>")
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><meta http-equiv="refresh" content="30">'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><title>Status</title>'
        f"<style>{STYLE}</style></head>\n<body><header><h1>Status</h1>"
        f'<span class="soft">as of {escape(written)}</span></header>\n' + "\n".join(parts) + "\n</body></html>\n"
    )


def _serving(served: Mapping[str, Any]) -> str:
    observed = served.get("observed")
    numbers = (observed or {}).get("predictors") or {}
    head = ["predictor", "model version", "ready", *HEAD]
    rows = [_predictor(each, numbers.get(each["name"]) or {}) for each in served["predictors"]]
    said = [_logs(observed["logs"])] if observed and observed["logs"] else []
    why = (observed or {"absent": {"metrics and logs": "it has no traits"}})["absent"]
    said += [Html(f"{escape(part.capitalize())} are absent: {escape(text.rstrip('.'))}.") for part, text in why.items()]
    notes = "".join(f'<p class="soft">{_cell(each)}</p>' for each in said)
    where = f'<span class="soft"><code>{escape(served["url"])}</code></span>' if served.get("url") else ""
    return (
        f'<section><div class="top"><h3>{escape(served["name"])}</h3><span class="tag">{escape(served["environment"])}'
        f"</span>{where}</div>{_table(head, rows, NUMBERS)}{notes}</section>"
    )


HEAD = ("requests/s", "failed", "p50", "p99", "batch wait", "give metrics", "observed of declared share")
NUMBERS = frozenset({2, 3, 4, 5, 6, 7, 8})


def _predictor(predictor: Mapping[str, Any], numbers: Mapping[str, Any]) -> list[Any]:
    up, rate = numbers.get("up"), numbers.get("error_rate")
    is_ready = predictor["ready_replicas"] == predictor["replicas"]
    ready = f"{predictor['ready_replicas']} of {predictor['replicas']}"
    return [
        predictor["name"],
        predictor["model_version"],
        Html(f'<span class="{"good" if is_ready else "bad"}">{ready}</span>'),
        _number(numbers.get("requests_per_second"), "{:.2f}"),
        Html(ABSENT) if rate is None else Html(f'<span class="{"bad" if rate else "good"}">{rate:.2%}</span>'),
        *(_number(numbers.get(name), "{:.1f} ms") for name in ("p50_ms", "p99_ms", "queue_ms")),
        _number(up, "{:g}"),
        _share(predictor, numbers.get("observed_percentage")),
    ]


def _number(value: float | None, form: str) -> Html:
    return Html(ABSENT) if value is None else Html(escape(form.format(value)))


def _share(predictor: Mapping[str, Any], measured: float | None) -> Html:
    """What was measured over five minutes, else counted by requests of our own, drawn beside what is declared."""
    declared, counted = predictor["traffic_percentage"], predictor.get("observed_percentage")
    found = counted if measured is None else measured
    filled = f'<i style="width:{_within(found)}%"></i>' if found is not None else ""
    mark = f'<b style="left:{_within(declared)}%"></b>' if declared is not None else ""
    told = ABSENT if found is None else f"{found:.1f} %" + (" (counted)" if measured is None else "")
    wanted = ABSENT if declared is None else f"{declared:g} %"
    return Html(f'<span class="share">{filled}{mark}</span>{told} <span class="soft">of {wanted}</span>')


def _within(percentage: float) -> str:
    return f"{min(100.0, max(0.0, percentage)):.1f}"


def _logs(logs: Mapping[str, Any]) -> Html:
    place = f"<code>{escape(logs['project'])}/{escape(logs['logstore'])}</code>"
    if not logs["arrive"]:
        return Html(f'<span class="bad">No line arrived in {place} within the last hour.</span>')
    newest = logs["newest"]
    return Html(
        f'<span class="good">Logs arrive</span> in {place}; the newest is of {escape(str(newest["time"])[:19])}, '
        f"from {escape(str(newest['pod']))}: <code>{escape(str(newest['text'])[:120])}</code>"
    )


def _tables(status: Mapping[str, Any]) -> Iterable[str]:
    clusters = [(c["environment"], c["name"], c["state"], c["version"], c["profile"]) for c in status["clusters"]]
    models = [
        (m["reference"], m["state"], m["metrics"].get("accuracy"), m["run_id"], m["created"]) for m in status["models"]
    ]
    gates = [
        (g["environment"], g["name"], g["status"], ", ".join(g["approvers"]), g["decided"] or g["requested"])
        for g in status.get("gates", [])
    ]
    for title, head, rows in (
        ("Clusters", ("environment", "cluster", "state", "version", "profile"), clusters),
        ("Model versions", ("model version", "state", "accuracy", "training run", "saved"), models),
        ("Gates", ("environment", "gate", "status", "by", "since"), gates),
    ):
        if rows:
            yield f"<h2>{title}</h2><section>{_table(head, rows)}</section>"


def _table(head: Sequence[str], rows: Iterable[Sequence[Any]], numbers: frozenset[int] = frozenset()) -> str:
    marks = [' class="number"' if column in numbers else "" for column in range(len(head))]
    top = "".join(f"<th{mark}>{escape(word)}</th>" for mark, word in zip(marks, head, strict=True))
    body = "".join(
        "<tr>" + "".join(f"<td{mark}>{_cell(cell)}</td>" for mark, cell in zip(marks, row, strict=True)) + "</tr>"
        for row in rows
    )
    return f"<table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"


def _cell(value: Any) -> str:
    if isinstance(value, Html):
        return str(value)
    if value is None or value == "":
        return '<span class="soft">-</span>'
    return escape(f"{value:.4g}" if isinstance(value, float) else str(value))


class FilterModule:
    """Ansible's entry."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"status_page": status_page}
