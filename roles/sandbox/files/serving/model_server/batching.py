# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Joins requests that come close together into one run of the model, by TensorFlow Serving's batching parameters."""

from __future__ import annotations

import asyncio
import os
import time
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from . import textproto
from .errors import Code, ServingError, StartError
from .metrics import Metrics

Tensors = dict[str, npt.NDArray[Any]]
# TensorFlow Serving has these too; a file that asks for one must not be half obeyed.
NOT_HERE = ("enable_large_batch_splitting", "max_execution_batch_size", "pad_variable_length_inputs")


@dataclass(frozen=True, slots=True)
class Parameters:
    """Sizes count rows, not requests. Defaults are TensorFlow Serving's."""

    max_batch_size: int = 1000
    batch_timeout_micros: int = 0
    max_enqueued_batches: int = 10
    num_batch_threads: int = field(default_factory=lambda: os.cpu_count() or 1)
    thread_pool_name: str = "batch_threads"
    allowed_batch_sizes: tuple[int, ...] = ()

    def padded(self, rows: int) -> int:
        """The size that a batch of so many rows is run with."""
        return next((size for size in self.allowed_batch_sizes if size >= rows), rows)


def read_parameters(file: str) -> Parameters:
    """From a text proto file; without one, the defaults. Raises StartError."""
    if not file:
        return Parameters()
    message = textproto.parse(Path(file).read_text(), file)
    known = [field.name for field in fields(Parameters)]
    for name in message:
        if name in NOT_HERE:
            raise StartError(f"{file}: {name} is TensorFlow Serving's, but this server does not have it")
        if name not in known:
            raise StartError(f"{file}: unknown field {name}; expected one of {', '.join(known)}")
    values = {name: _wrapped(file, name, found) for name, found in message.items() if name != "allowed_batch_sizes"}
    sizes = tuple(message.get("allowed_batch_sizes", ()))
    parameters = Parameters(**values, allowed_batch_sizes=sizes)
    _check(file, parameters)
    return parameters


def _wrapped(file: str, name: str, found: list[Any]) -> Any:
    """The value of `name { value: … }`: optional fields are messages, so that 0 differs from absent."""
    value = found[-1].get("value", [None])[-1] if isinstance(found[-1], dict) else None
    expected = str if name == "thread_pool_name" else int
    if not isinstance(value, expected) or isinstance(value, bool):
        example = '"name"' if expected is str else "1"
        raise StartError(f"{file}: {name} must be written as {name} {{ value: {example} }}")
    return value


def _check(file: str, parameters: Parameters) -> None:
    for name in ("max_batch_size", "max_enqueued_batches", "num_batch_threads"):
        if (value := getattr(parameters, name)) < 1:
            raise StartError(f"{file}: {name} is {value}; it must be at least 1")
    if parameters.batch_timeout_micros < 0:
        raise StartError(f"{file}: batch_timeout_micros is {parameters.batch_timeout_micros}; it must not be negative")
    sizes = parameters.allowed_batch_sizes
    if any(not isinstance(size, int) for size in sizes) or list(sizes) != sorted(set(sizes)):
        raise StartError(f"{file}: allowed_batch_sizes are {list(sizes)}; they must increase")
    if sizes and sizes[-1] != parameters.max_batch_size:
        raise StartError(
            f"{file}: the last of allowed_batch_sizes is {sizes[-1]}; it must equal max_batch_size, which is"
            f" {parameters.max_batch_size}"
        )


@dataclass(slots=True)
class _Task:
    inputs: Tensors
    rows: int
    outputs: asyncio.Future[Tensors]
    since_s: float


@dataclass(slots=True, eq=False)
class _Batch:
    signature: str
    tasks: list[_Task] = field(default_factory=list)
    rows: int = 0
    is_closed: bool = False


class Batcher:
    """One queue of batches for one version of a model; runs at most `num_batch_threads` of them at a time."""

    def __init__(self, run: Callable[[str, Tensors], Tensors], parameters: Parameters, metrics: Metrics) -> None:
        self._run, self._parameters, self._metrics = run, parameters, metrics
        self._threads = ThreadPoolExecutor(parameters.num_batch_threads, parameters.thread_pool_name)
        self._waiting: deque[_Batch] = deque()
        self._running: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None

    async def submit(self, signature: str, inputs: Tensors, rows: int) -> Tensors:
        """The outputs for these rows. Raises ServingError when they are too many, or too many batches wait."""
        limit = self._parameters.max_batch_size
        if rows > limit:
            raise ServingError(
                Code.INVALID_ARGUMENT, f"Task size {rows} is larger than maximum input batch size {limit}"
            )
        task = _Task(inputs, rows, asyncio.get_running_loop().create_future(), time.monotonic())
        batch = self._open_batch(signature, rows)
        batch.tasks.append(task)
        batch.rows += rows
        batch.is_closed = batch.rows == limit
        self._metrics.input_batch_size.add(rows, self._parameters.thread_pool_name)
        self._dispatch()
        return await task.outputs

    async def drain(self) -> None:
        """Run what waits, then let the threads go."""
        for batch in self._waiting:
            batch.is_closed = True
        while self._waiting or self._running:
            self._dispatch()
            await asyncio.wait(self._running)
        self._threads.shutdown()

    def _open_batch(self, signature: str, rows: int) -> _Batch:
        for batch in self._waiting:
            if batch.signature == signature and not batch.is_closed:
                if batch.rows + rows <= self._parameters.max_batch_size:
                    return batch
                batch.is_closed = True
        if len(self._waiting) >= self._parameters.max_enqueued_batches:
            raise ServingError(
                Code.UNAVAILABLE,
                "The batch scheduling queue to which this task was submitted is full; currently"
                f" {len(self._waiting)} batches are enqueued, max_enqueued_batches is"
                f" {self._parameters.max_enqueued_batches}",
            )
        self._waiting.append(batch := _Batch(signature))
        return batch

    def _dispatch(self) -> None:
        """Start every batch that is full or has waited long enough, while there is a thread for it."""
        if self._timer:
            self._timer.cancel()
            self._timer = None
        for batch in list(self._waiting):
            if len(self._running) >= self._parameters.num_batch_threads:
                return  # the end of a running batch dispatches again
            left_s = self._parameters.batch_timeout_micros / 1e6 - (time.monotonic() - batch.tasks[0].since_s)
            if batch.is_closed or left_s <= 0:
                self._start(batch)
            elif self._timer is None:  # the oldest open batch is due first
                self._timer = asyncio.get_running_loop().call_later(left_s, self._dispatch)

    def _start(self, batch: _Batch) -> None:
        self._waiting.remove(batch)
        running = asyncio.get_running_loop().create_task(self._run_batch(batch))
        self._running.add(running)
        running.add_done_callback(self._ended)

    def _ended(self, running: asyncio.Task[None]) -> None:
        self._running.discard(running)
        self._dispatch()

    async def _run_batch(self, batch: _Batch) -> None:
        pool, size = self._parameters.thread_pool_name, self._parameters.padded(batch.rows)
        for task in batch.tasks:
            self._metrics.queuing_latency.add((time.monotonic() - task.since_s) * 1e6, pool)
        self._metrics.processed_batch_size.add(size, pool)
        self._metrics.padding_size.add(size - batch.rows, pool)
        self._metrics.wrapped_run_count.add()
        merged = merge([task.inputs for task in batch.tasks], size - batch.rows)
        try:
            outputs = await asyncio.get_running_loop().run_in_executor(
                self._threads, self._run, batch.signature, merged
            )
        except Exception as error:  # every request of the batch gets it
            for task in batch.tasks:
                if not task.outputs.done():
                    task.outputs.set_exception(error)
            return
        start = 0
        for task in batch.tasks:
            if not task.outputs.done():  # a client that went away has cancelled its own
                task.outputs.set_result({name: rows[start : start + task.rows] for name, rows in outputs.items()})
            start += task.rows


def merge(parts: list[Tensors], padding: int) -> Tensors:
    """Put the rows of all parts beneath each other, and the first row again as often as `padding` says."""
    return {
        name: np.concatenate([*(part[name] for part in parts), np.repeat(parts[0][name][:1], padding, axis=0)])
        for name in parts[0]
    }


def rows_of(inputs: Mapping[str, npt.NDArray[Any]]) -> int:
    """How many rows a request has. Raises ServingError where its inputs do not agree."""
    sizes = {name: len(value) if value.ndim else 0 for name, value in inputs.items()}
    if len(set(sizes.values())) != 1 or 0 in sizes.values():
        raise ServingError(Code.INVALID_ARGUMENT, f"Batching needs inputs with one number of rows; found {sizes}")
    return next(iter(sizes.values()))
