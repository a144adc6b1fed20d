"""Watching operations: what profiles, counts, drawings and searches for NaN are told of while they look.

Every operation asks one flag before it runs, `mode.trace`. While a thread is watched the flag is -1 and its operations
come through `Watching`; while ``lucid.compile`` traces, they go to the trace instead. Otherwise nothing is called.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from lucid.autograd import _engine
from lucid.autograd._node import Node, compute, mode, set_tracer

threads = threading.local()  # tracer: what the operations of the thread are handed to


class Dispatch:
    """Hands what `lucid.autograd._node` meets to the tracer of the calling thread."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):  # asked by tools that look at modules
            raise AttributeError(name)
        tracer = getattr(threads, "tracer", None)
        if tracer is None:
            from lucid.compiler._errors import TraceError  # only its tensors outlive a trace

            raise TraceError("compile: a tensor of a trace is used after the trace has ended")
        return getattr(tracer, name)


dispatch = Dispatch()
set_tracer(dispatch)


class Observer:
    """Is told of the operations of a thread; what ``before`` methods return comes back to ``after`` methods."""

    def before(self, operation: Any, args: tuple[Any, ...]) -> Any:
        """``operation``, a Node class or a function of arrays, is going to run."""

    def after(self, operation: Any, args: tuple[Any, ...], results: tuple[Any, ...], note: Any) -> None:
        """It gave ``results``."""

    def made(self, node: Any) -> None:
        """A function of a user's was recorded as ``node``; the operations within it were told of one by one."""

    def before_backward(self, node: Any, grads: list[Any]) -> Any:
        """The gradients of the outputs of ``node`` are known."""

    def after_backward(self, node: Any, result: Any, note: Any) -> None:
        """``result`` are the gradients of its inputs."""

    def failed_backward(self, node: Any, error: BaseException) -> None:
        """Its backward raised."""


class Watching:
    """The observers of one thread, in the place of a trace."""

    number = -1  # of no trace
    root = failure = None
    readable: frozenset[int] = frozenset()

    def __init__(self) -> None:
        self.observers: list[Observer] = []
        self.backward_depth = 0

    def operation(self, operation: Any, args: tuple[Any, ...]) -> Any:
        """Run ``operation`` between its observers."""
        mode.trace = 0
        try:
            observers = list(self.observers)
            notes = [o.before(operation, args) for o in observers]
            node = isinstance(operation, type) and issubclass(operation, Node)
            y = operation.apply(*args) if node else compute(operation, *args)
            results = y if isinstance(y, tuple) else (y,)
            for o, note in zip(reversed(observers), reversed(notes)):
                o.after(operation, args, results, note)
        finally:
            mode.trace = self.number
        return y

    def made(self, node: Any) -> None:
        for o in self.observers:
            o.made(node)

    def backward(self, node: Any, grads: list[Any]) -> Any:
        """Run the backward of ``node`` between its observers."""
        observers = list(self.observers)
        notes = [o.before_backward(node, grads) for o in observers]
        self.backward_depth += 1
        try:
            result = _engine.run_backward(node, grads)
        except Exception as error:
            for o in observers:
                o.failed_backward(node, error)
            raise
        finally:
            self.backward_depth -= 1
        for o, note in zip(reversed(observers), reversed(notes)):
            o.after_backward(node, result, note)
        return result

    # What a trace would refuse is no concern of those who only look.

    def check_write(self, name: str, x: Any) -> None: ...

    def refuse_write(self, name: str, x: Any) -> None: ...

    def draw(self, generator: Any, seed: int, offset: int, count: int) -> tuple[int, int]:
        return seed, offset

    def rebind(self, name: str, x: Any, y: Any) -> bool:
        return False

    def wrap(self, data: Any) -> Any:
        raise TypeError(f"expected a NumPy array, got {type(data).__name__}")


_watched = 0  # threads, under the GIL


def _backward(node: Any, grads: list[Any]) -> Any:
    watching = getattr(threads, "tracer", None)
    return watching.backward(node, grads) if isinstance(watching, Watching) else _engine.run_backward(node, grads)


def add(observer: Observer) -> None:
    """Tell ``observer`` of the operations of this thread from now on.

    Raises:
        RuntimeError: the thread is tracing for ``lucid.compile``.
    """
    global _watched
    watching = getattr(threads, "tracer", None)
    if watching is None:
        watching = threads.tracer = Watching()
        mode.trace = Watching.number
        _watched += 1
        _engine.set_observer(_backward)
    elif not isinstance(watching, Watching):
        raise RuntimeError(f"{type(observer).__name__.lower()}: cannot start while lucid.compile traces")
    watching.observers.append(observer)


def remove(observer: Observer) -> None:
    """Stop telling ``observer``."""
    global _watched
    watching = getattr(threads, "tracer", None)
    if not isinstance(watching, Watching) or observer not in watching.observers:
        return
    watching.observers.remove(observer)
    if not watching.observers:
        threads.tracer = None
        mode.trace = 0
        _watched -= 1
        if not _watched:
            _engine.set_observer(None)


@contextmanager
def watched_by(observer: Observer) -> Iterator[None]:
    """Tell ``observer`` of the operations inside the context."""
    add(observer)
    try:
        yield
    finally:
        remove(observer)


def in_backward() -> bool:
    """Whether the operation that an observer is told of is part of a backward pass."""
    return threads.tracer.backward_depth > 0
