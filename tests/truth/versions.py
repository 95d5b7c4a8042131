"""Records of model versions that serve without a model: what a test of serving needs of a store."""

from __future__ import annotations

import json
from pathlib import Path


def save(store: Path, image: str) -> None:
    """digits-v1 and digits-v2."""
    for number in (1, 2):
        record = {
            "schema": "mlops.ack/version/v1",
            "name": "digits",
            "version": number,
            "image": image,
            "model_digest": f"sha256:{number:064x}",
            "golden": {
                "request": {"instances": [{"image": [0.0]}]},
                "expected": {"predictions": [{"digit": number}]},
                "tolerance": 0.001,
            },
        }
        place = store / f"models/digits/versions/{number}/version.json"
        place.parent.mkdir(parents=True)
        place.write_text(json.dumps(record))
