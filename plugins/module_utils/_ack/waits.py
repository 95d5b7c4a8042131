# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Waiting for tasks, clusters, node pools and addons: which states end a wait, and what a failure tells.

Sources: CS OpenAPI (DescribeTaskInfo, DescribeClusterDetail, DescribeClusterNodePoolDetail), the waits of
terraform-provider-alicloud; read 2026-11-22. An unknown state keeps waiting.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from .._core.context import Context
from .._core.failure import Failure
from .._core.retry import call as retry
from .._core.wait import Deadline, Seen, Wait, until
from .client import Transport

Wire = Mapping[str, Any]
T = TypeVar("T")

CLUSTER_ABSENT = "ErrorClusterNotFound"
POOL_ABSENT = "ErrorNodePoolNotFound"
ADDON_ABSENT = "AddonNotFound"
GONE = "gone"
"""Our own word for what the service no longer knows."""

TASK = Wait(frozenset({"success"}), frozenset({"fail", "failed", "canceled", "error"}))
RUNNING = Wait(frozenset({"running"}), frozenset({"failed", "deleting", "deleted", "delete_failed", GONE}))
DELETED = Wait(frozenset({GONE, "deleted"}), frozenset({"delete_failed"}))
DELETABLE = Wait(
    frozenset({"running", "failed", "delete_failed", "inactive", "unavailable", "waiting", "disconnected"}),
    frozenset({"deleting", "deleted", GONE}),
)
"""At rest, in a good state or in a bad one."""
POOL_READY = Wait(frozenset({"ready"}), frozenset({"failed", "short", "deleting", GONE}))
"""`ready` and `short` are our own words: active with enough, or with nodes that will never be healthy."""
POOL_IDLE = Wait(frozenset({"active", "failed"}), frozenset({"deleting", GONE}))
POOL_DELETED = Wait(frozenset({GONE}), frozenset({"delete_failed"}))
ADDON_ACTIVE = Wait(frozenset({"active"}), frozenset({"failed", "deleting", GONE}))
ADDON_IDLE = Wait(frozenset({"active", "failed"}), frozenset({"deleting", GONE}))
ADDON_REMOVED = Wait(frozenset({GONE}), frozenset({"failed"}))

LAST_EVENTS = 5


class Waiter:
    """Waits inside one deadline that a whole run shares."""

    def __init__(self, transport: Transport, deadline: Deadline, context: Context) -> None:
        self.deadline, self._transport, self._context = deadline, transport, context

    def task(self, answer: Any, what: str) -> None:
        """Until the task that an answer began has ended well. An answer without a task needs no waiting.

        Raises Failure `TaskFailed` with the task's own error and its last events.
        """
        task_id = (answer or {}).get("task_id")
        if task_id:
            self.until(TASK, lambda: _seen_task(self.read_task(task_id)), what, lambda seen: task_failure(seen, what))

    def read_task(self, task_id: str) -> Wire:
        found: Wire = self._transport.call(
            "DescribeTaskInfo", f"read task {task_id}", ids={"task": task_id}, deadline=self.deadline
        )
        return found

    def until(
        self,
        wait: Wait,
        look: Callable[[], Seen],
        what: str,
        explain: Callable[[Seen], Failure] | None = None,
    ) -> Seen:
        return until(wait, look, self.deadline, self._context, what=what, explain=explain)

    def again(self, attempt: Callable[[], T]) -> T:
        """Try what may be refused for now, until the deadline."""
        return retry(attempt, self.deadline, self._context, tries=1000)

    def last_failure(self, cluster_id: str, what: str) -> Failure | None:
        """The failure of the cluster's newest failed task, when there is one."""
        try:
            found = self._transport.call(
                "DescribeClusterTasks",
                f"read the tasks of {what}",
                ids={"cluster": cluster_id},
                query={"page_size": 50},
            )
        except Failure:  # explaining must not hide what is to be explained
            return None
        for task in found.get("tasks") or []:
            if task.get("state") in TASK.failure:
                return task_failure(_seen_task(self.read_task(task["task_id"])), what)
        return None


def _seen_task(task: Wire) -> Seen:
    stages = task.get("stages") or []
    done = sum(stage.get("state") == "success" for stage in stages)
    stage = task.get("current_stage") or ""
    text = f"{stage} ({done} of {len(stages)} stages done)" if stages else stage
    return Seen(str(task.get("state") or "running"), text, task)


def task_failure(seen: Seen, what: str) -> Failure:
    """What a failed task says: its error's code and message, its stage, its last events."""
    task: Wire = seen.value
    error = task.get("error") or {}
    events = [str(event.get("message") or event.get("reason")) for event in task.get("events") or []][-LAST_EVENTS:]
    stage = task.get("current_stage")
    reason = str(error.get("message") or f"the task ended as {seen.state}").rstrip(".")
    return Failure(
        "TaskFailed",
        f"{what} failed{f' in stage {stage}' if stage else ''}: {reason}.",
        resource=f"task/{task.get('task_id')}",
        hint=f"Last events: {'; '.join(events)}." if events else "",
        details={
            "task_id": task.get("task_id"),
            "task_code": error.get("code"),
            "state": seen.state,
            "stage": stage,
            "events": events,
        },
    )
