"""The loader's side of worker processes: starting them, handing out tasks, noticing deaths, ending them."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing import connection
from multiprocessing.util import Finalize
from typing import TYPE_CHECKING, Any

from lucid.utils.data._channel import POLL, Channel, Frames, decode, encode, open_pair
from lucid.utils.data._iterator import LoaderIterator
from lucid.utils.data._worker import BATCH, END, ERROR, Order, Parcel, run

if TYPE_CHECKING:
    from lucid.utils.data.dataloader import DataLoader

UNREADABLE = "unreadable"  # instead of a reply's kind: it arrived, but does not unpickle here
PATIENCE = 1.0  # seconds in which workers may end by themselves when their loader is done with them


@dataclass(eq=False)
class Worker:
    """A worker process and what it owes.

    Attributes:
        tasks: sent but not yet answered.
        exhausted: its copy of an iterable dataset has ended in this epoch.
    """

    id: int
    process: Any
    channel: Channel
    tasks: int = 0
    exhausted: bool = False

    def death(self) -> RuntimeError:
        """The error to raise when this worker is found dead."""
        self.process.join(POLL)
        code = self.process.exitcode
        how = f"exited unexpectedly with exit code {code}; its own words, if any, are on stderr"
        if code is None:
            how = "closed its connection"
        elif code == -9:  # SIGKILL
            how = "was killed by SIGKILL (exit code -9); the kernel also does this when memory runs out"
        elif code < 0:
            how = f"was killed by {_signal_name(-code)} (exit code {code})"
        return RuntimeError(f"DataLoader worker {self.id} (pid {self.process.pid}) {how}")


def _start_worker(context: Any, order: Order) -> Worker:
    channel, worker_end = open_pair()
    try:
        process = context.Process(
            target=run, args=(worker_end, order), name=f"DataLoader worker {order.id}", daemon=True
        )
        process.start()
    except BaseException:
        channel.close()
        raise
    finally:
        worker_end.close()
    return Worker(order.id, process, channel)


@contextlib.contextmanager
def _ctrl_c_later(method: str) -> Iterator[None]:
    """Hold Ctrl-C back until a worker is started and known, and in the worker until it can ignore it."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    from multiprocessing import forkserver, resource_tracker  # not on every platform

    # Helper processes of multiprocessing outlive the block; they must not inherit what it does.
    if method == "spawn":
        resource_tracker.ensure_running()
    elif method == "forkserver":
        forkserver.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


class WorkerIterator(LoaderIterator):
    """Reads batches in worker processes.

    Tasks go to the workers in turn and each worker answers its own in order, so the order of batches follows from
    the order of tasks alone: the next batch is the next answer of the worker at the head of `_order`. Any failure of
    the machinery (a death, a timeout, Ctrl-C in the middle of a message) ends all workers; an exception raised by
    the dataset is an answer like any other, and iteration may go on after it.
    """

    def __init__(self, loader: DataLoader[Any]) -> None:
        self._timeout = loader.timeout
        self._in_order = loader.in_order
        self._persistent = loader.persistent_workers
        self._prefetch = loader.prefetch_factor or 0
        self._epoch = 0
        self._pid = os.getpid()
        self._order: deque[tuple[Worker, int]] = deque()
        self._turn = 0
        self._failure = ""
        self.workers: list[Worker] = []
        # Runs when the iterator is garbage, or at exit before multiprocessing joins its children, in this process only.
        self._end = Finalize(self, end_workers, args=(self.workers,), exitpriority=100)
        try:
            super().__init__(loader)
        except BaseException:
            self._end()
            raise

    def _begin(self, loader: DataLoader[Any]) -> None:
        """Start a pass over the data, with new workers the first time and the same ones after that."""
        self._check_usable()
        super()._begin(loader)
        self._epoch += 1
        self._turn = 0
        if not self.workers:
            with self._all_or_nothing():
                self._start(loader)
        for worker in self.workers:
            worker.exhausted = False
        for _ in range(self._prefetch * len(self.workers)):
            self._hand_out()

    def _start(self, loader: DataLoader[Any]) -> None:
        context: Any = loader.multiprocessing_context or multiprocessing.get_context()
        method = context.get_start_method()
        parcel = Parcel(dataset=loader.dataset, collate_fn=loader.collate_fn, worker_init_fn=loader.worker_init_fn)
        for i in range(loader.num_workers):
            order = Order(
                parcel,
                self.recipe.batched,
                self.recipe.drop_last,
                i,
                loader.num_workers,
                self._base_seed,
                self._pid,
                direct_child=method != "forkserver",
            )
            with _ctrl_c_later(method):
                self.workers.append(_start_worker(context, order))

    # Handing out tasks

    def _hand_out(self) -> None:
        """Send the next index to the worker whose turn it is, if there is one of each."""
        worker = self._next_worker()
        if worker is None:
            return
        try:
            index = next(self._indices)
        except StopIteration:
            return
        task, deadline = encode((self._epoch, index)), self._deadline()
        with self._all_or_nothing():
            try:
                worker.channel.send(task, lambda: self._check(worker, deadline))
            except EOFError:
                raise worker.death() from None
            worker.tasks += 1
            self._order.append((worker, self._epoch))

    def _next_worker(self) -> Worker | None:
        count = len(self.workers)
        turns = [self.workers[(self._turn + i) % count] for i in range(count)]
        ready = [worker for worker in turns if not worker.exhausted]
        if not ready:
            return None
        worker = ready[0] if self._in_order else min(ready, key=lambda worker: worker.tasks)
        self._turn = (worker.id + 1) % count
        return worker

    # Collecting batches

    def _next(self) -> Any:
        self._check_usable()
        while self._order:
            worker, epoch, frames = self._answer()
            if epoch != self._epoch:
                continue  # left over from a pass that was abandoned
            try:
                kind, payload = decode(frames)
            except Exception as error:
                error.add_note(f"Raised while unpickling a batch from DataLoader worker {worker.id}")
                kind, payload = UNREADABLE, error
            worker.exhausted |= kind == END
            self._hand_out()
            if kind == ERROR:
                raise payload.restore(worker.id, worker.process.pid)
            if kind == UNREADABLE:
                raise payload
            if kind == BATCH:
                return payload
        if not self._persistent:
            self._end()
        raise StopIteration

    def _answer(self) -> tuple[Worker, int, Frames]:
        """The next answer: of the worker at the head of the order, or when order does not matter, of any worker."""
        deadline = self._deadline()
        with self._all_or_nothing():
            candidates = [self._order[0][0]] if self._in_order else [w for w in self.workers if w.tasks]
            worker = self._wait(candidates, deadline)
            try:
                frames = worker.channel.receive(lambda: self._check(worker, deadline))
            except EOFError:
                raise worker.death() from None
            worker.tasks -= 1
            entry = next(entry for entry in self._order if entry[0] is worker)
            self._order.remove(entry)
            return worker, entry[1], frames

    def _wait(self, candidates: list[Worker], deadline: float | None) -> Worker:
        """Wait until one of ``candidates`` answers; a death of any worker ends the wait."""
        answers = {worker.channel.socket: worker for worker in candidates}
        deaths = {worker.process.sentinel: worker for worker in self.workers}
        while True:
            left = POLL if deadline is None else min(POLL, max(0.0, deadline - time.monotonic()))
            ready: list[Any] = connection.wait([*answers, *deaths], left)
            for source in ready:
                if source in answers:
                    return answers[source]
            for source in ready:
                raise deaths[source].death()
            self._check(candidates[0], deadline)

    # Failures

    def _deadline(self) -> float | None:
        return time.monotonic() + self._timeout if self._timeout > 0 else None

    def _check(self, waiting_for: Worker, deadline: float | None) -> None:
        for worker in self.workers:
            if worker.process.exitcode is not None:
                raise worker.death()
        if deadline is not None and time.monotonic() >= deadline:
            raise RuntimeError(f"DataLoader timed out after {self._timeout} s waiting for worker {waiting_for.id}")

    @contextlib.contextmanager
    def _all_or_nothing(self) -> Iterator[None]:
        """End all workers when what is inside does not complete: half a message makes a connection useless."""
        try:
            yield
        except BaseException as error:
            self._failure = f"{type(error).__name__}: {error}"
            self._end()
            raise

    def _check_usable(self) -> None:
        if self._pid != os.getpid():
            raise RuntimeError("DataLoader: an iterator with worker processes belongs to the process that started it")
        if self._failure:
            raise RuntimeError(f"DataLoader: this iterator ended with {self._failure}; start another with iter(loader)")

    @property
    def reusable(self) -> bool:
        """Whether the workers can serve another pass."""
        return not self._failure and self._end.still_active() and self._pid == os.getpid()

    def restart(self, loader: DataLoader[Any]) -> None:
        """Begin another pass with the same workers, abandoning what is left of the last one."""
        self._begin(loader)


def end_workers(workers: list[Worker]) -> None:
    """End worker processes: by closing their connections, then, for any that are busy or stuck, by force."""
    for worker in workers:
        worker.channel.close()
    deadline = time.monotonic() + PATIENCE
    for worker in workers:
        worker.process.join(max(0.0, deadline - time.monotonic()))
    for end in ("terminate", "kill"):
        left = [worker for worker in workers if worker.process.is_alive()]
        for worker in left:
            getattr(worker.process, end)()
        for worker in left:
            worker.process.join(PATIENCE)
