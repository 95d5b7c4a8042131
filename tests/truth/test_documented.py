"""What the tables of this folder promise about themselves: they are complete, and the documentation says the same."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from tests.conftest import REPO

from . import cloud_changes, cluster_changes
from .invented import INVENTED, TIMES

MODULES = sorted(path.stem for path in (REPO / "plugins/modules").glob("*.py") if not path.stem.endswith("_info"))
CHANGES = [*cloud_changes.CHANGES, *cluster_changes.CHANGES]


def returned(module: str) -> dict[str, Any]:
    text = (REPO / f"plugins/modules/{module}.py").read_text()
    found: dict[str, Any] = yaml.safe_load(text.split('RETURN = r"""')[1].split('"""')[0])
    return found


@pytest.mark.parametrize("module", MODULES)
def test_every_module_that_changes_something_is_in_the_table(module: str) -> None:
    assert [change for change in CHANGES if change.module == module]


def test_no_row_is_there_twice() -> None:
    names = [change.name for change in CHANGES]
    assert sorted(names) == sorted(set(names))


@pytest.mark.parametrize("module", sorted({*INVENTED, *TIMES}))
def test_what_a_prediction_cannot_know_is_documented(module: str) -> None:
    invented = {path for paths in INVENTED.get(module, {}).values() for path in paths}
    for path in invented | {path for path in TIMES.get(module, ()) if not path.startswith(("diff.", "failure."))}:
        value, _dot, _rest = path.partition(".")
        description = returned(module)[value.removesuffix("[]")]["description"]
        told = " ".join(each for each in description if "check mode" in each)
        assert f"C({path.rpartition('.')[2]})" in told, f"RETURN of {module} does not say what {path} is in check mode"
