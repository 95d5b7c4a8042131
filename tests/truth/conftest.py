"""The sandbox and real runs of ansible-playbook, as the integration tests have them."""

from __future__ import annotations

from tests.integration.conftest import namespace, run_tasks, sandbox

__all__ = ["namespace", "run_tasks", "sandbox"]
