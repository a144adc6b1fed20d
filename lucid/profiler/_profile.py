"""Recording a profile."""

from __future__ import annotations

import enum
import functools
import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

from lucid._functions._naming import listed
from lucid.autograd import _watching
from lucid.autograd._node import TensorBase, View
from lucid.autograd._site import find_site, snake
from lucid.profiler._average import EventList, FunctionEvent, nest


class ProfilerActivity(enum.Enum):
    """What to profile; lucid runs on CPUs.

    Example:
        >>> import lucid
        >>> from lucid.profiler import ProfilerActivity, profile
        >>> with profile(activities=[ProfilerActivity.CPU]) as p:
        ...     y = lucid.exp(lucid.ones(3))
        >>> p.key_averages()[0].key
        'exp'
    """

    CPU = 0


class ProfilerAction(enum.Enum):
    """What a profile does in a step.

    Example:
        >>> from lucid.profiler import schedule
        >>> steps = schedule(wait=1, warmup=1, active=2, repeat=1)
        >>> [steps(k).name for k in range(5)]
        ['NONE', 'WARMUP', 'RECORD', 'RECORD_AND_SAVE', 'NONE']
    """

    NONE = 0
    WARMUP = 1
    RECORD = 2
    RECORD_AND_SAVE = 3


_recording: list[_Recorder] = []  # of all threads: record_function looks here first


class _Recorder(_watching.Observer):
    def __init__(self, shapes: bool, memory: bool, stack: bool) -> None:
        self.shapes, self.memory, self.stack = shapes, memory, stack
        self.events: list[FunctionEvent] = []
        self.thread = threading.get_ident()

    def before(self, operation: Any, args: tuple[Any, ...]) -> int:
        return time.perf_counter_ns()

    def after(self, operation: Any, args: tuple[Any, ...], results: tuple[Any, ...], note: int) -> None:
        e = FunctionEvent(snake(operation), note, time.perf_counter_ns())
        if self.memory and not (isinstance(operation, type) and issubclass(operation, View)):
            e.cpu_memory_usage = sum(t._data.nbytes for t in results)
        if self.shapes:
            e.input_shapes = [list(a._data.shape) for a in args if isinstance(a, TensorBase)]
        if self.stack:
            e.stack = tuple(f"{file}({line}): {name}" for file, line, name in find_site(operation).frames)
        self.events.append(e)

    def before_backward(self, node: Any, grads: list[Any]) -> Any:
        shapes = [list(g._data.shape) for g in grads if g is not None] if self.shapes else []
        return shapes, time.perf_counter_ns()

    def after_backward(self, node: Any, result: Any, note: Any) -> None:
        e = FunctionEvent(node.name, note[1], time.perf_counter_ns(), input_shapes=note[0])
        if self.memory:
            found = result if isinstance(result, tuple) else (result,)
            e.cpu_memory_usage = sum(g._data.nbytes for g in found if isinstance(g, TensorBase))
        self.events.append(e)


class record_function:
    """A span with a name of its own in a profile, as a context or a decorator; without a profile it does nothing.

    Args:
        name: of the span.
        args: accepted for PyTorch's sake.

    Example:
        >>> import lucid
        >>> from lucid.profiler import profile, record_function
        >>> with profile() as p, record_function("both"):
        ...     y = lucid.exp(lucid.ones(3)).sum()
        >>> sorted(e.key for e in p.events())
        ['both', 'exp', 'sum']
    """

    def __init__(self, name: str, args: str | None = None) -> None:
        self.name = name

    def __enter__(self) -> record_function:
        self._start = time.perf_counter_ns() if _recording else 0
        return self

    def __exit__(self, *exc: object) -> None:
        end = time.perf_counter_ns() if _recording else 0
        for recorder in _recording:
            if self._start and recorder.thread == threading.get_ident():
                recorder.events.append(FunctionEvent(self.name, self._start, end, user=True))

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            with record_function(self.name):
                return function(*args, **kwargs)

        return wrapped


@listed
def schedule(
    *, wait: int, warmup: int, active: int, repeat: int = 0, skip_first: int = 0
) -> Callable[[int], ProfilerAction]:
    """Which steps a profile records: after ``skip_first`` steps, cycles of ``wait``, ``warmup`` and ``active`` steps.

    Args:
        wait, warmup: steps that are not recorded.
        active: steps that are; the trace is ready after the last.
        repeat: number of cycles, 0 for no end.
        skip_first: steps before the first cycle.

    Returns:
        step -> `ProfilerAction`, for the argument ``schedule`` of `profile`.

    Raises:
        ValueError: a negative number, or no active step.

    Example:
        >>> from lucid.profiler import schedule
        >>> steps = schedule(wait=0, warmup=1, active=1)
        >>> [steps(k).name for k in range(4)]
        ['WARMUP', 'RECORD_AND_SAVE', 'WARMUP', 'RECORD_AND_SAVE']
    """
    if min(wait, warmup, repeat, skip_first) < 0 or active < 1:
        raise ValueError("schedule: expected wait, warmup, repeat, skip_first >= 0 and active >= 1, got "
                         f"{wait}, {warmup}, {repeat}, {skip_first} and {active}")  # fmt: skip

    def action(step: int) -> ProfilerAction:
        if step < skip_first:
            return ProfilerAction.NONE
        cycle, at = divmod(step - skip_first, wait + warmup + active)
        if (repeat and cycle >= repeat) or at < wait:
            return ProfilerAction.NONE
        if at < wait + warmup:
            return ProfilerAction.WARMUP
        return ProfilerAction.RECORD_AND_SAVE if at == wait + warmup + active - 1 else ProfilerAction.RECORD

    return action


def tensorboard_trace_handler(
    dir_name: str, worker_name: str | None = None, use_gzip: bool = False
) -> Callable[[profile], None]:
    """For ``on_trace_ready``: writes every trace to ``dir_name/worker.time.pt.trace.json``.

    Args:
        dir_name: made if it is not there.
        worker_name: host name and process number unless given.
        use_gzip: not supported.

    Raises:
        RuntimeError: ``use_gzip``.

    Example:
        >>> import lucid, os, tempfile
        >>> from lucid.profiler import profile, tensorboard_trace_handler
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     with profile(on_trace_ready=tensorboard_trace_handler(folder, "me")):
        ...         y = lucid.exp(lucid.ones(3))
        ...     print([name.startswith("me.") for name in os.listdir(folder)])
        [True]
    """
    if use_gzip:
        raise RuntimeError("tensorboard_trace_handler: use_gzip=True is not supported: traces are written as JSON")

    def handle(p: profile) -> None:
        os.makedirs(dir_name, exist_ok=True)
        worker = worker_name or f"{socket.gethostname()}_{os.getpid()}"
        p.export_chrome_trace(os.path.join(dir_name, f"{worker}.{time.time_ns()}.pt.trace.json"))

    return handle


class profile:
    """A context that records the operations of its thread, forward and backward: calls, times, shapes, memory.

    Outside of profiles nothing is measured, at no cost. A profiled operation takes a few microseconds more. What
    ``lucid.compile`` made runs as a whole and has no entries: put it in a `record_function`.

    Args:
        activities: accepted; there is but ``ProfilerActivity.CPU``.
        schedule: a function of the number of the step, see `schedule`; everything is recorded unless given.
        on_trace_ready: called with the profile when a recording has ended.
        record_shapes: keep the shapes of inputs.
        profile_memory: keep the bytes of results.
        with_stack: keep the callers.

    Raises:
        TypeError: an activity is none of `ProfilerActivity`.

    Example:
        >>> import lucid
        >>> from lucid.profiler import profile
        >>> x = lucid.ones(3, requires_grad=True)
        >>> with profile(record_shapes=True) as p:
        ...     x.exp().sum().backward()
        >>> [e.key for e in p.key_averages() if e.key.endswith("Backward")]
        ['SumBackward', 'ExpBackward']
    """

    def __init__(
        self,
        *,
        activities: Iterable[ProfilerActivity] | None = None,
        schedule: Callable[[int], ProfilerAction] | None = None,
        on_trace_ready: Callable[[profile], Any] | None = None,
        record_shapes: bool = False,
        profile_memory: bool = False,
        with_stack: bool = False,
    ) -> None:
        for a in activities or ():
            if not isinstance(a, ProfilerActivity):
                raise TypeError(f"profile: expected ProfilerActivity.CPU in activities, got {a!r}")
        self._schedule, self._ready = schedule, on_trace_ready
        self._options = (record_shapes, profile_memory, with_stack)
        self._recorder: _Recorder | None = None
        self._events = EventList()
        self.step_num = 0

    def _action(self) -> ProfilerAction:
        return ProfilerAction.RECORD if self._schedule is None else self._schedule(self.step_num)

    def start(self) -> None:
        """Begin; entering the context does so."""
        if self._action() in (ProfilerAction.RECORD, ProfilerAction.RECORD_AND_SAVE):
            self._begin()

    def stop(self) -> None:
        """End; leaving the context does so."""
        if self._recorder is not None:
            self._end()

    def step(self) -> None:
        """The next step of the schedule begins."""
        save = self._action() is ProfilerAction.RECORD_AND_SAVE
        if save and self._recorder is not None:
            self._end()
        self.step_num += 1
        records = self._action() in (ProfilerAction.RECORD, ProfilerAction.RECORD_AND_SAVE)
        if records and self._recorder is None:
            self._begin()

    def _begin(self) -> None:
        self._recorder = _Recorder(*self._options)
        _watching.add(self._recorder)
        _recording.append(self._recorder)

    def _end(self) -> None:
        recorder, self._recorder = self._recorder, None
        assert recorder is not None
        _watching.remove(recorder)
        _recording.remove(recorder)
        self._events = nest(recorder.events)
        if self._ready is not None:
            self._ready(self)

    def __enter__(self) -> profile:
        self.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def events(self) -> EventList:
        """The operations of the last recording that has ended."""
        return self._events

    def key_averages(self, group_by_input_shape: bool = False, group_by_stack_n: int = 0) -> EventList:
        """The same by name; see `EventList.key_averages`.

        Args:
            group_by_input_shape, group_by_stack_n: as there.
        """
        return self._events.key_averages(group_by_input_shape, group_by_stack_n)

    def export_chrome_trace(self, path: str) -> None:
        """Write the recording for chrome://tracing and Perfetto.

        Args:
            path: of the JSON file.
        """
        first = min((e.start for e in self._events), default=0)
        entries = [
            {"name": e.key, "cat": "user_annotation" if e.user else "cpu_op", "ph": "X", "pid": os.getpid(), "tid": 0,
             "ts": (e.start - first) / 1000, "dur": (e.end - e.start) / 1000,
             "args": {"Input Dims": e.input_shapes, "Bytes": e.cpu_memory_usage, "Call stack": list(e.stack)}}
            for e in self._events
        ]  # fmt: skip
        with open(path, "w", encoding="utf-8") as file:
            json.dump({"schemaVersion": 1, "displayTimeUnit": "ms", "traceEvents": entries}, file)
