"""Dynamic batching: rows that wait are run together, as many as the model has a plan for."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any

import numpy as np

Arrays = list[np.ndarray]


class BusyError(RuntimeError):
    """The queue has no room for a request.

    Example:
        >>> from lucid.serve import BusyError
        >>> issubclass(BusyError, RuntimeError)
        True
    """


class ClosedError(RuntimeError):
    """The batcher takes no more requests.

    Example:
        >>> import numpy as np
        >>> from lucid.serve import Batcher, ClosedError
        >>> batcher = Batcher(lambda arrays: arrays)
        >>> closed = batcher.close()
        >>> try:
        ...     batcher.submit([np.ones((1, 3))])
        ... except ClosedError:
        ...     print("closed")
        closed
    """


class _Job:
    """Rows of one request; they may be run in several batches."""

    __slots__ = ("arrays", "future", "parts", "rows", "since", "taken")

    def __init__(self, arrays: Arrays, rows: int) -> None:
        self.arrays, self.rows = arrays, rows
        self.future: Future[Arrays] = Future()
        self.parts: list[Arrays] = []
        self.taken = 0
        self.since = time.monotonic()


_Piece = tuple[_Job, int, int]
"""A job and the rows of it that are in a batch."""


class Batcher:
    """Runs a function of batches for many callers, who each have a few rows.

    One thread runs the function. It takes rows of equal shape in the order of arrival: the most for which there is a
    size, at once if that is the largest size, else when the oldest row has waited for ``max_delay``. A function whose
    rows do not depend on one another, which is what models of lucid are to the last bit, gives every caller what it
    would give the caller alone. If a batch of several callers fails, each caller's rows are run alone, so that an error
    reaches no one but its cause.

    Args:
        run: takes a list of arrays whose first dimension is the batch, returns such a list.
        max_batch: rows of the largest batch.
        max_delay: seconds that a row may wait for others to come.
        queue: rows that may wait.
        sizes: batch sizes that ``run`` takes; by default powers of two, and ``max_batch``. Where all of them are
            larger than what waits, the smallest is filled up with copies of the last row.
        observe: called with (rows, seconds) after every run.

    Raises:
        ValueError: a number is out of range, or no size is at most ``max_batch``.

    Example:
        >>> import numpy as np
        >>> from lucid.serve import Batcher
        >>> with Batcher(lambda arrays: [arrays[0] * 2], max_delay=0.001) as batcher:
        ...     batcher.submit([np.ones((1, 3))]).result()
        [array([[2., 2., 2.]])]
    """

    def __init__(
        self, run: Callable[[Arrays], Sequence[np.ndarray]], *, max_batch: int = 16, max_delay: float = 0.005,
        queue: int = 256, sizes: Sequence[int] | None = None, observe: Callable[[int, float], None] | None = None,
    ) -> None:  # fmt: skip
        if max_batch < 1 or max_delay < 0 or queue < 1:
            raise ValueError(f"Batcher: expected max_batch and queue from 1 and max_delay from 0, got {max_batch}, "
                             f"{queue} and {max_delay}")  # fmt: skip
        self.sizes = batch_sizes(max_batch, sizes)
        self.max_delay, self.queue = max_delay, queue
        self._run, self._observe = run, observe
        self._changed = threading.Condition()
        self._waiting: dict[Any, deque[_Job]] = {}
        self._count: dict[Any, int] = {}
        self._rows = 0
        self._closed = False
        self._thread = threading.Thread(target=self._work, name="lucid-batcher", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """Rows that wait."""
        return self._rows

    @property
    def alive(self) -> bool:
        """Whether the thread runs."""
        return self._thread.is_alive()

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._closed

    def submit(self, arrays: Arrays) -> Future[Arrays]:
        """Queue the rows of one caller; the future gives the results for them, in order.

        Cancelling the future takes rows that have not begun out of the queue's turn.

        Args:
            arrays: one per input of the function, all with the same first dimension.

        Raises:
            ValueError: there are no rows, or their numbers differ.
            BusyError: the queue has no room for them all.
            ClosedError: the batcher was closed.
        """
        rows = len(arrays[0]) if arrays and arrays[0].ndim else 0
        if not rows or any(a.ndim == 0 or len(a) != rows for a in arrays):
            raise ValueError("submit: expected arrays with the same number of rows, one or more")
        key = tuple([(a.shape[1:], a.dtype.char) for a in arrays])
        job = _Job(arrays, rows)
        with self._changed:
            if self._closed:
                raise ClosedError("the server is stopping")
            if self._rows + rows > self.queue:
                raise BusyError(f"{self._rows} rows wait already, of {self.queue} that may")
            self._waiting.setdefault(key, deque()).append(job)
            self._count[key] = self._count.get(key, 0) + rows
            self._rows += rows
            self._changed.notify()
        return job.future

    def hurry(self) -> None:
        """Let rows wait for others no longer; those that wait are run at once."""
        with self._changed:
            self.max_delay = 0.0
            self._changed.notify()

    def close(self, timeout: float | None = None) -> bool:
        """Refuse new rows, run those that wait, and end the thread.

        Args:
            timeout: seconds to wait for that; None for as long as it takes.

        Returns:
            Whether everything was run.
        """
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def __enter__(self) -> Batcher:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # The thread

    def _work(self) -> None:
        while (batch := self._take()) is not None:
            pieces, size = batch
            if pieces:
                self._answer(pieces, size)

    def _take(self) -> tuple[list[_Piece], int] | None:
        """The next batch, as soon as it is due; None when there will be no more."""
        with self._changed:
            while True:
                if self._waiting:
                    key = min(self._waiting, key=lambda k: self._waiting[k][0].since)
                    left = self._waiting[key][0].since + self.max_delay - time.monotonic()
                    if self._count[key] >= self.sizes[-1] or left <= 0 or self._closed:
                        return self._cut(key)
                    self._changed.wait(left)
                elif self._closed:
                    return None
                else:
                    self._changed.wait()

    def _cut(self, key: Any) -> tuple[list[_Piece], int]:
        """Rows of one key for one batch, out of the queue, and the size to run them in."""
        size = next((s for s in reversed(self.sizes) if s <= self._count[key]), self.sizes[0])
        pieces: list[_Piece] = []
        jobs, room = self._waiting[key], size
        while jobs and room:
            job = jobs[0]
            if not job.taken and not job.future.set_running_or_notify_cancel():
                take = job.rows
            else:
                take = min(room, job.rows - job.taken)
                pieces.append((job, job.taken, job.taken + take))
                room -= take
            job.taken += take
            self._count[key] -= take
            self._rows -= take
            if job.taken == job.rows:
                jobs.popleft()
        if not jobs:
            del self._waiting[key], self._count[key]
        return pieces, size

    def _answer(self, pieces: list[_Piece], size: int) -> None:
        try:
            results = self._call(pieces, size)
        except Exception as error:
            if len(pieces) > 1:
                for piece in pieces:
                    rows = piece[2] - piece[1]
                    self._answer([piece], next((s for s in self.sizes if s >= rows), size))
            elif not pieces[0][0].future.done():  # another part of the job has failed before
                pieces[0][0].future.set_exception(error)
            return
        at = 0
        for job, start, stop in pieces:
            job.parts.append([y[at : at + stop - start] for y in results])
            at += stop - start
            if stop == job.rows and not job.future.done():
                job.future.set_result(_joined(job.parts))

    def _call(self, pieces: list[_Piece], size: int) -> Arrays:
        parts = [[a[start:stop] for a in job.arrays] for job, start, stop in pieces]
        rows = sum(stop - start for _, start, stop in pieces)
        if rows < size:
            parts.append([np.repeat(a[-1:], size - rows, 0) for a in parts[-1]])
        began = time.perf_counter()
        results = list(self._run(_joined(parts)))
        if self._observe is not None:
            self._observe(rows, time.perf_counter() - began)
        for y in results:
            if y.ndim == 0 or len(y) != size:
                raise RuntimeError(f"the model gives shape {y.shape} for a batch of {size}: the batch must be the "
                                   "first dimension of results")  # fmt: skip
        return results


def batch_sizes(max_batch: int, sizes: Sequence[int] | None = None) -> list[int]:
    """The sizes of batches to run: those of ``sizes`` that are at most ``max_batch``, or powers of two and that."""
    if sizes is None:
        return sorted({*[1 << k for k in range(max_batch.bit_length()) if 1 << k <= max_batch], max_batch})
    found = sorted({s for s in sizes if s <= max_batch})
    if not found:
        raise ValueError(f"the model runs batches of {', '.join(map(str, sorted(sizes)))}, and the largest that is "
                         f"allowed is {max_batch}")  # fmt: skip
    return found


def _joined(parts: list[Arrays]) -> Arrays:
    return parts[0] if len(parts) == 1 else [np.concatenate(part) for part in zip(*parts)]
