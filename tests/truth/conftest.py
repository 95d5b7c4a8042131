"""The sandbox and real runs of ansible-playbook, as the integration tests have them."""

from __future__ import annotations

from tests.integration.conftest import addon, namespace, observing, run_tasks, sandbox

__all__ = ["addon", "namespace", "observing", "run_tasks", "sandbox"]
