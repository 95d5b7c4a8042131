# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Tasks: they run by themselves, are polled, survive a restart, and can be paused, resumed and canceled."""

from __future__ import annotations

import asyncio
import inspect
import secrets
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..errors import ServiceError
from ..store import Document, Records
from .work import TaskFailed, Work

if TYPE_CHECKING:
    from .service import Call, Service

MOST_EVENTS = 60
LIVE = ("running", "paused")


class Tasks:
    """Task records: {task: the API's object, work, arguments, fault, settled}."""

    def __init__(self, service: Service, records: Records, works: Mapping[str, Work]) -> None:
        self._service, self._records, self._works = service, records, works
        self._runners: dict[str, asyncio.Task[None]] = {}

    def start(self, call: Call, work_name: str, cluster_id: str, target_id: str, arguments: Document) -> Document:
        """Begin a task for this call. The answer holds what every task-starting operation says about it."""
        work, clock = self._works[work_name], self._service.clock
        fault = self._service.task_fault(call)
        number = 1 + max((record["number"] for record in self._records), default=0)
        task: Document = {
            "task_id": "T-" + secrets.token_hex(12),
            "cluster_id": cluster_id,
            "task_type": work.task_type,
            "state": "running",
            "created": clock.china(),
            "updated": clock.china(),
            "current_stage": "",
            "stages": [_stage() for _step in work.steps],
            "events": [],
            "target": {"id": target_id, "type": work.target},
            "parameters": {},
            "task_result": [{"data": target_id, "status": "initial"}],
        }
        record = {
            "task": task,
            "number": number,
            "work": work_name,
            "arguments": arguments,
            "fault": fault and {"kind": fault.kind, "code": fault.code},
            "settled": False,
        }
        self._records.put(task["task_id"], record)
        self._run_soon(record)
        return {"cluster_id": cluster_id, "request_id": call.request_id, "task_id": task["task_id"]}

    def resume_all(self) -> None:
        """After a restart: go on with what was interrupted."""
        for record in self._records:
            if not record["settled"] and record["task"]["state"] in (*LIVE, "success"):
                self._run_soon(record)

    def stop_all(self) -> None:
        for runner in self._runners.values():
            runner.cancel()

    def get(self, task_id: str) -> Document:
        record = self._records.get(task_id)
        if record is None:
            raise ServiceError(404, "ErrorTaskNotFound", f"task {task_id} not found")
        return record

    def of_cluster(self, cluster_id: str | None) -> list[Document]:
        """The records of one cluster's tasks (None: all), newest first."""
        found = [r for r in self._records if cluster_id in (None, r["task"]["cluster_id"])]
        return sorted(found, key=lambda record: -int(record["number"]))

    def busy(self, cluster_id: str, apart_from: Document) -> bool:
        return any(
            not record["settled"] and record["task"]["state"] in (*LIVE, "success")
            for record in self.of_cluster(cluster_id)
            if record["task"]["task_id"] != apart_from["task"]["task_id"]
        )

    def can_cancel(self, record: Document) -> bool:
        return self._works[record["work"]].can_cancel

    def note(self, record: Document, action: str, message: str, level: str = "info") -> None:
        """Add an event to the task; the oldest fall out."""
        event = {
            "action": action,
            "level": level,
            "message": message,
            "reason": action,
            "source": "cs",
            "timestamp": self._service.clock.china(),
        }
        record["task"]["events"] = [*record["task"]["events"], event][-MOST_EVENTS:]
        self._save(record)

    def cancel(self, record: Document, reason: str) -> None:
        """End a live task as canceled and undo what its kind undoes."""
        runner = self._runners.pop(record["task"]["task_id"], None)
        if runner is not None:
            runner.cancel()
        self._end(record, "canceled", TaskFailed("TaskCanceled", reason))

    def _run_soon(self, record: Document) -> None:
        task_id = record["task"]["task_id"]
        runner = asyncio.get_running_loop().create_task(self._run(record))
        self._runners[task_id] = runner
        runner.add_done_callback(lambda _: self._runners.pop(task_id, None))

    async def _run(self, record: Document) -> None:
        service, work = self._service, self._works[record["work"]]
        if record["task"]["state"] != "success":
            try:
                for step, stage in zip(work.steps, record["task"]["stages"], strict=True):
                    if stage["state"] != "success":
                        await self._run_step(record, step.name, stage, step.run, last=step is work.steps[-1])
            except TaskFailed as failed:
                self._end(record, "fail", failed)
                return
            result = {**record["task"]["task_result"][0], "status": "success"}
            record["task"].update(state="success", task_result=[result])
            self._save(record)
        await service.clock.stage()
        work.settle(service, record)
        record["settled"] = True
        self._records.put(record["task"]["task_id"], record)

    async def _run_step(self, record: Document, name: str, stage: Document, run: Any, *, last: bool) -> None:
        fault = record["fault"] or {"kind": "", "code": None}
        stage.update(state="running", start_time=self._service.clock.china())
        record["task"]["current_stage"] = name
        self.note(record, name, f"{name} started")
        await self._service.clock.stage()
        while record["task"]["state"] == "paused" or (last and fault["kind"] == "task_forever"):
            await asyncio.sleep(0.05)
        if last and fault["kind"] == "task_fail":
            raise TaskFailed(fault["code"] or "OperationFailed", f"{name} failed")
        if fault["kind"] != "success_but_unchanged":
            waiting = run(self._service, record)
            if inspect.isawaitable(waiting):
                await waiting
        stage.update(state="success", end_time=self._service.clock.china())
        self._save(record)

    def _end(self, record: Document, state: str, failed: TaskFailed) -> None:
        task = record["task"]
        for stage in task["stages"]:
            if stage["state"] == "running":
                stage.update(state=state, end_time=self._service.clock.china(), message=failed.message)
        task.update(state=state, error={"code": failed.code, "message": failed.message})
        task["task_result"] = [{**task["task_result"][0], "status": "failed"}]
        record["settled"] = True
        self._works[record["work"]].fail(self._service, record)
        self.note(record, task["current_stage"] or "start", failed.message, "error")

    def _save(self, record: Document) -> None:
        record["task"]["updated"] = self._service.clock.china()
        self._records.put(record["task"]["task_id"], record)


def _stage() -> Document:
    return {"state": "initial", "start_time": "", "end_time": "", "message": "", "outputs": {}}


def describe(service: Service, call: Call) -> Document:
    task: Document = service.tasks.get(call.ids["task_id"])["task"]
    return task


def of_cluster(service: Service, call: Call) -> Document:
    service.cluster(call)
    fields = ("task_id", "task_type", "state", "created", "updated", "error")
    found = [record["task"] for record in service.tasks.of_cluster(call.ids["cluster_id"])]
    shown = [{name: task[name] for name in fields if name in task} for task in found]
    page, info = call.page(shown, default_size=50)
    return {"requestId": call.request_id, "tasks": page, "page_info": info, "next_token": ""}


def pause(service: Service, call: Call) -> None:
    record = _controllable(service, call, "running")
    record["task"]["state"] = "paused"
    service.tasks.note(record, "pause", "task paused")


def resume(service: Service, call: Call) -> None:
    record = _controllable(service, call, "paused")
    record["task"]["state"] = "running"
    service.tasks.note(record, "resume", "task resumed")


def cancel(service: Service, call: Call) -> None:
    service.tasks.cancel(_controllable(service, call, *LIVE), "canceled by the user")


def _controllable(service: Service, call: Call, *states: str) -> Document:
    record = service.tasks.get(call.ids["task_id"])
    if not service.tasks.can_cancel(record):
        task_type = record["task"]["task_type"]
        raise ServiceError(400, "TaskOperationNotSupported", f"{call.action} is not supported by {task_type} tasks")
    if record["task"]["state"] not in states:
        raise ServiceError(400, "ErrPauseTask", f"task state is {record['task']['state']}; needs {' or '.join(states)}")
    return record
