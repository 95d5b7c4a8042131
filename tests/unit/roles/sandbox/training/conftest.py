"""Makes the training program importable as its image has it."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[5] / "roles/sandbox/files/training"))
