"""The child's side of a loader with worker processes.

Three threads: the main one reads batches; ``_Inbox`` receives tasks and watches that the loader's process is alive;
``_Outbox`` sends results, so that reading the next batch does not wait for the loader to fetch the last one.
"""

from __future__ import annotations

import os
import pickle
import queue
import random
import signal
import socket
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing import connection, parent_process
from multiprocessing.reduction import ForkingPickler
from typing import Any

import numpy as np

import lucid
from lucid.utils.data._channel import POLL, Channel, Frames, close_loader_ends, decode, encode
from lucid.utils.data._fetch import EndOfData, Recipe

GRACE = 2.0  # seconds a worker may go on reading a batch after its loader is gone

BATCH, END, ERROR, STALE = "batch", "end", "error", "stale"  # kinds of replies; every task gets exactly one


@dataclass(frozen=True)
class WorkerInfo:
    """What `get_worker_info` returns in a worker.

    Attributes:
        id: number of this worker, from 0.
        num_workers: how many workers the loader has.
        seed: what this worker's random generators were seeded with; differs between workers.
        dataset: this process's copy of the dataset.
    """

    id: int
    num_workers: int
    seed: int
    dataset: Any


_info: WorkerInfo | None = None


def get_worker_info() -> WorkerInfo | None:
    """Which worker process of a `DataLoader` this is; None in every other process.

    Example:
        >>> from lucid.utils.data import get_worker_info
        >>> get_worker_info() is None
        True
    """
    return _info


class Parcel:
    """Arguments for a worker that arrive pickled and are unpickled by the worker's own code.

    Their errors can then be reported like any other: pickling says which argument failed, and unpickling happens
    where the worker can already answer. All arguments share one pickle, so a ``collate_fn`` that is a method of the
    dataset still belongs to the same object in the worker. A forked worker gets the objects themselves.
    """

    def __init__(self, **parts: Any) -> None:
        self._parts = parts
        self._pickled: bytes | None = None

    def __getstate__(self) -> dict[str, Any]:
        try:
            return {"_parts": {}, "_pickled": bytes(ForkingPickler.dumps(self._parts))}
        except Exception as error:
            raise TypeError(
                f"DataLoader: {self._culprit()} cannot be pickled for a worker process "
                f"({type(error).__name__}: {error}); define it at the top level of a module, or use "
                "multiprocessing_context='fork' where there is one"
            ) from error

    def _culprit(self) -> str:
        for name, part in self._parts.items():
            try:
                ForkingPickler.dumps(part)
            except Exception:
                return name
        return " or ".join(self._parts)

    def open(self) -> dict[str, Any]:
        parts: dict[str, Any] = self._parts if self._pickled is None else pickle.loads(self._pickled)
        return parts


@dataclass(frozen=True)
class Order:
    """Everything a worker is started with."""

    parcel: Parcel  # dataset, collate_fn, worker_init_fn
    batched: bool
    drop_last: bool
    id: int
    num_workers: int
    base_seed: int
    loader_pid: int
    direct_child: bool  # started by the loader's process itself, not by a fork server


@dataclass(frozen=True)
class RemoteError:
    """An exception on its way to the loader: pickled where possible, and as text."""

    pickled: bytes | None
    summary: str
    text: str

    @classmethod
    def of(cls, error: Exception) -> RemoteError:
        """Describe ``error``; an exception that does not survive pickling travels as text only."""
        pickled: bytes | None
        try:
            pickled = pickle.dumps(error)
            if type(pickle.loads(pickled)) is not type(error):
                pickled = None
        except Exception:
            pickled = None
        text = "".join(traceback.format_exception(error))
        return cls(pickled, "".join(traceback.format_exception_only(error)).strip(), text)

    def restore(self, worker_id: int, pid: int | None) -> Exception:
        """The exception to raise in the loader, with the worker's traceback as a note."""
        error: Exception | None = None
        if self.pickled is not None:
            try:
                error = pickle.loads(self.pickled)
            except Exception:
                error = None
        if error is None:
            error = RuntimeError(f"DataLoader worker {worker_id}: {self.summary}")
        error.add_note(f"Raised in DataLoader worker {worker_id} (pid {pid}), where the traceback was:\n{self.text}")
        return error


def run(worker_end: socket.socket, order: Order) -> None:
    """Main function of a worker process: answer tasks until the loader closes the connection."""
    close_loader_ends()
    _reset_signals()
    channel = Channel(worker_end)
    inbox, outbox = _Inbox(channel, order), _Outbox(channel)
    try:
        recipe = _set_up(order)
    except Exception as error:
        failure = encode((ERROR, RemoteError.of(error)))
        while inbox.take() is not None:
            outbox.put(failure)
        return
    fetch: Any = None
    opened = 0  # the epoch that `fetch` is for; they count from 1
    while (task := inbox.take()) is not None:
        epoch, index = task
        if epoch != inbox.epoch:
            outbox.put(encode((STALE, None)))
            continue
        try:
            if epoch != opened:
                fetch, opened = recipe.open(), epoch
            # A batch may refer to memory that the dataset or collate_fn writes to again before it is sent.
            reply = encode((BATCH, fetch(index)), copy=not recipe.makes_new_memory)
        except EndOfData:
            reply = encode((END, None))
        except Exception as error:
            reply = encode((ERROR, RemoteError.of(error)))
        outbox.put(reply)


def _reset_signals() -> None:
    # Ctrl-C reaches the whole process group; the loader handles it and ends its workers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})  # held back since before this process started
    # Handlers inherited by fork belong to the loader's process: they might save a checkpoint, or write to the
    # wakeup pipe of its event loop.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.set_wakeup_fd(-1)


def _set_up(order: Order) -> Recipe:
    global _info
    lucid.set_num_threads(1)
    seed = order.base_seed + order.id
    lucid.manual_seed(seed)
    random.seed(seed)
    # Python and NumPy both use the Mersenne Twister; hashing the seed keeps their streams apart.
    np.random.seed(np.random.SeedSequence(seed).generate_state(4))
    parts = order.parcel.open()
    _info = WorkerInfo(order.id, order.num_workers, seed, parts["dataset"])
    if parts["worker_init_fn"] is not None:
        parts["worker_init_fn"](order.id)
    return Recipe(parts["dataset"], parts["collate_fn"], order.batched, order.drop_last)


class _Inbox:
    """Receives tasks ``(epoch, index)``; `epoch` is that of the newest one, ahead of what was taken."""

    def __init__(self, channel: Channel, order: Order) -> None:
        self.epoch = 0
        self._channel = channel
        self._tasks: queue.SimpleQueue[Any] = queue.SimpleQueue()
        parent = parent_process()
        self._parent_end = parent.sentinel if parent is not None else None
        self._parent_pid = order.loader_pid if order.direct_child else os.getppid()
        _start(self._receive)

    def take(self) -> Any:
        """The next task, or None when there will be no more."""
        return self._tasks.get()

    def _receive(self) -> None:
        try:
            while True:
                self._wait()
                task = decode(self._channel.receive(self._check_parent))
                self.epoch = task[0]
                self._tasks.put(task)
        except EOFError:
            self._tasks.put(None)
        # Idle workers are gone by now. One that is still reading, or stuck, must not outlive its loader for long.
        time.sleep(GRACE)
        os._exit(1)

    def _wait(self) -> None:
        sources: list[Any] = [self._channel.socket]
        if self._parent_end is not None:
            sources.append(self._parent_end)
        while True:
            ready = connection.wait(sources, POLL)
            if self._channel.socket in ready:
                return
            if ready:
                raise EOFError("the loader's process ended")
            self._check_parent()

    def _check_parent(self) -> None:
        if os.name == "posix" and os.getppid() != self._parent_pid:
            raise EOFError("the loader's process ended")


class _Outbox:
    """Sends replies in the order they were put."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._replies: queue.SimpleQueue[Frames] = queue.SimpleQueue()
        _start(self._send)

    def put(self, reply: Frames) -> None:
        self._replies.put(reply)

    def _send(self) -> None:
        while True:
            try:
                self._channel.send(self._replies.get(), lambda: None)
            except EOFError:
                return  # the inbox sees the same and ends the process


def _start(work: Callable[[], None]) -> None:
    def guarded() -> None:
        try:
            work()
        except BaseException:
            # Without this thread the loader would wait for ever; a dead worker it notices.
            traceback.print_exc()
            os._exit(1)

    threading.Thread(target=guarded, daemon=True).start()
