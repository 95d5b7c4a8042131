# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What loading an action brings into Ansible's parent process, in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.conftest import COLLECTIONS

SHARED = (  # Ansible adds a number to the names of its own files
    "ansible.plugins.filter.core",
    "ansible.plugins.test.core",
    "ansible_collections.mlops.ack.plugins.filter.run_id",
)
LOAD = """
import json, sys
from ansible import context
from ansible.plugins.loader import init_plugin_loader
init_plugin_loader([sys.argv[1]])
context.CLIARGS = json.loads(sys.argv[2])
from ansible_collections.mlops.ack.plugins.plugin_utils._in_process import load
before = set(sys.modules)
load("mlops.ack.gate_info")
print(json.dumps(sorted(set(sys.modules) - before)))
"""


@pytest.mark.parametrize(("arguments", "expected"), [({"args": ["site.yml"]}, SHARED), ({}, ())], ids=["run", "import"])
def test_a_run_shares_its_filters_and_tests_with_all_workers(
    arguments: dict[str, list[str]], expected: tuple[str, ...]
) -> None:
    command = [sys.executable, "-c", LOAD, str(COLLECTIONS), json.dumps(arguments)]
    loaded = json.loads(subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout)
    assert tuple(name for name in SHARED if any(each.startswith(name) for each in loaded)) == expected
