# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The page a person looks at before deciding on a model: one file, no script, nothing loaded from anywhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from dataset import BRIGHTEST
from evaluation import Wrong

SIDE = 8
STYLE = Path(__file__).with_name("page.css")


def render(metrics: Mapping[str, Any], wrong: Sequence[Wrong]) -> str:
    """The whole page, from what `metrics.json` holds and the images that were misread."""
    right, size = metrics["holdout_size"] - len(wrong), metrics["holdout_size"]
    parts = [
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        '<meta name="color-scheme" content="light dark">',
        f"<title>Evaluation: {metrics['accuracy']:.2%} of the held-out digits read</title>",
        f"<style>{STYLE.read_text()}</style></head><body><main>",
        "<header><h1>Evaluation</h1>",
        "<p>Measured on images that training never saw, with the model as it was saved.</p></header>",
        '<section class="headline">',
        _figure(f"{metrics['accuracy']:.2%}", "accuracy", f"{right} of {size} images read rightly", "first"),
        _figure(str(len(wrong)), "misread", "every one of them is shown below"),
        _figure(f"{metrics['loss']:.4f}", "loss", "mean negative log likelihood"),
        _figure(f"{metrics['seconds']:.0f} s", "training", _training(metrics)),
        "</section>",
        "<section><h2>Per digit</h2>",
        _digits_table(metrics["per_class"]),
        "</section>",
        "<section><h2>Confusion matrix</h2><p>Rows are what the image shows, columns what the model read.</p>",
        _matrix(metrics["confusion_matrix"]),
        "</section>",
        f"<section><h2>Misread digits</h2>{_gallery(wrong)}</section>",
        f"<section><h2>Settings</h2>{_settings(metrics)}</section>",
        "</main></body></html>\n",
    ]
    return "\n".join(parts)


def _figure(value: str, name: str, remark: str, kind: str = "") -> str:
    return (
        f'<div class="figure {kind}"><b>{escape(value)}</b><span>{escape(name)}</span>'
        f"<small>{escape(remark)}</small></div>"
    )


def _training(metrics: Mapping[str, Any]) -> str:
    return f"{_count(metrics['epochs'], 'epoch')}, {_count(metrics['workers'], 'worker')}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _digits_table(rows: Sequence[Mapping[str, Any]]) -> str:
    body = "".join(
        f'<tr><th scope="row">{row["digit"]}</th><td>{row["support"]}</td><td>{row["support"] - row["right"]}</td>'
        f"<td>{_bar(row['recall'])}</td><td>{_bar(row['precision'])}</td><td>{row['f1']:.3f}</td></tr>"
        for row in rows
    )
    return (
        '<div class="scroll"><table class="digits"><thead><tr><th scope="col">Digit</th><th scope="col">Images</th>'
        '<th scope="col">Misread</th><th scope="col">Recall</th><th scope="col">Precision</th>'
        f'<th scope="col">F1</th></tr></thead><tbody>{body}</tbody></table></div>'
    )


def _bar(share: float) -> str:
    return f'<span class="bar"><i style="width:{share * 100:.1f}%"></i></span> {share:.1%}'


def _matrix(matrix: Sequence[Sequence[int]]) -> str:
    head = "".join(f'<th scope="col">{digit}</th>' for digit in range(len(matrix)))
    body = "".join(
        f'<tr><th scope="row">{true}</th>' + "".join(_cell(true, read, row) for read in range(len(row))) + "</tr>"
        for true, row in enumerate(matrix)
    )
    return (
        '<div class="scroll"><table class="matrix"><thead><tr><th scope="col"><span class="corner">shown \\ read</span>'
        f"</th>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _cell(true: int, read: int, row: Sequence[int]) -> str:
    """Colour says the share of the row; a single mistake must still be seen, so mistakes start at a visible tint."""
    count = row[read]
    if not count:
        return '<td class="none">·</td>'
    share = count / sum(row)
    kind, strength = ("right", 0.15 + 0.55 * share) if true == read else ("wrong", min(0.9, 0.3 + 2 * share))
    title = f"{count} of {sum(row)} images of a {true} read as {read}"
    return f'<td class="{kind}" style="--strength:{strength * 100:.0f}%" title="{title}">{count}</td>'


def _gallery(wrong: Sequence[Wrong]) -> str:
    if not wrong:
        return "<p>None: every image of the holdout was read rightly.</p>"
    cards = "".join(
        f"<figure>{_drawing(image)}<figcaption>read <b>{image.read}</b>, is <b>{image.label}</b>"
        f"<small>{image.confidence:.0%} sure · image {image.row + 1}</small></figcaption></figure>"
        for image in wrong
    )
    return f'<p>The most confident mistakes come first.</p><div class="gallery">{cards}</div>'


def _drawing(image: Wrong) -> str:
    squares = "".join(
        f'<rect x="{place % SIDE}" y="{place // SIDE}" width="1.02" height="1.02" fill-opacity="{ink:.2f}"/>'
        for place, ink in enumerate(image.image / BRIGHTEST)
        if ink
    )
    label = f"A handwritten {image.label} that was read as {image.read}"
    return f'<svg viewBox="0 0 {SIDE} {SIDE}" role="img" aria-label="{label}">{squares}</svg>'


def _settings(metrics: Mapping[str, Any]) -> str:
    values = {**metrics["hyper_parameters"], "workers": metrics["workers"], "TensorFlow": metrics["tensorflow"]}
    pairs = "".join(
        f"<div><dt>{escape(name.replace('_', ' '))}</dt><dd>{escape(str(value))}</dd></div>"
        for name, value in values.items()
    )
    return f"<dl>{pairs}</dl>"
