# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How well a model reads the holdout: numbers only, no TensorFlow."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from dataset import CLASSES, Digits

GOLDEN_TOLERANCE = 1e-3


class Wrong(NamedTuple):
    """One image that was misread. `row` is its place in the holdout, from 0."""

    row: int
    image: npt.NDArray[np.float32]
    label: int
    read: int
    confidence: float


def measure(holdout: Digits, probabilities: npt.NDArray[np.float32]) -> dict[str, Any]:
    """Accuracy and loss (mean negative log likelihood, natural logarithm), per digit and as a confusion matrix.

    `confusion_matrix[true][read]` counts images. A share with nothing to divide by (a digit never read) is 0.
    """
    read = probabilities.argmax(axis=1)
    matrix = np.zeros((CLASSES, CLASSES), dtype=int)
    np.add.at(matrix, (holdout.labels, read), 1)
    chosen = probabilities[np.arange(len(read)), holdout.labels].astype(np.float64)
    return {
        "accuracy": round(float(np.trace(matrix) / len(read)), 6),
        "loss": round(float(-np.log(np.maximum(chosen, 1e-12)).mean()), 6),
        "holdout_size": len(read),
        "per_class": [_of_digit(digit, matrix) for digit in range(CLASSES)],
        "confusion_matrix": matrix.tolist(),
    }


def misread(holdout: Digits, probabilities: npt.NDArray[np.float32]) -> list[Wrong]:
    """The wrongly read images, the most confident mistakes first."""
    read = probabilities.argmax(axis=1)
    wrong = [
        Wrong(int(row), holdout.images[row], int(holdout.labels[row]), int(read[row]), float(probabilities[row].max()))
        for row in np.flatnonzero(read != holdout.labels)
    ]
    return sorted(wrong, key=lambda image: (-image.confidence, image.row))


def golden(holdout: Digits, probabilities: npt.NDArray[np.float32]) -> dict[str, Any]:
    """A request and the answer a server of this model must give: the first image that was read rightly.

    The request is in TensorFlow Serving's row format; `tolerance` is absolute and meant for every float.
    """
    read = probabilities.argmax(axis=1)
    right = np.flatnonzero(read == holdout.labels)
    row = int(right[0]) if len(right) else 0
    prediction = {"digit": int(read[row]), "probabilities": [float(value) for value in probabilities[row]]}
    return {
        "request": {"instances": [[float(pixel) for pixel in holdout.images[row]]]},
        "expected": {"predictions": [prediction]},
        "tolerance": GOLDEN_TOLERANCE,
    }


def _of_digit(digit: int, matrix: npt.NDArray[Any]) -> dict[str, Any]:
    right, support, read = int(matrix[digit, digit]), int(matrix[digit].sum()), int(matrix[:, digit].sum())
    recall, precision = _share(right, support), _share(right, read)
    return {
        "digit": digit,
        "support": support,
        "right": right,
        "recall": round(recall, 6),
        "precision": round(precision, 6),
        "f1": round(_share(2 * precision * recall, precision + recall), 6),
    }


def _share(part: float, whole: float) -> float:
    return part / whole if whole else 0.0
