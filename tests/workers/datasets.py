"""Datasets and functions for the tests of workers, in a module that worker processes can import."""

import os
import random
import signal
import time

import numpy as np

import lucid
from lucid.utils.data import Dataset, IterableDataset, get_worker_info


class Numbers(Dataset):
    """Sample i is i."""

    def __init__(self, n=20):
        self.n = n

    def __len__(self):
        return self.n

    def __getitem__(self, i):
        if not 0 <= i < self.n:
            raise IndexError(i)
        return i


class Slow(Numbers):
    """Worker 0 is slower than the others."""

    def __getitem__(self, i):
        if get_worker_info().id == 0:
            time.sleep(0.02)
        return i


class Doing(Numbers):
    """Calls ``action()`` at sample ``at``."""

    def __init__(self, action, at=7, n=20):
        super().__init__(n)
        self.action, self.at = action, at

    def __getitem__(self, i):
        if i == self.at:
            self.action()
        return i


def exit_7():
    os._exit(7)


def sys_exit_3():
    raise SystemExit(3)


def kill_self():
    os.kill(os.getpid(), signal.SIGKILL)


def stop_self():
    os.kill(os.getpid(), signal.SIGSTOP)


def sleep_long():
    time.sleep(1000)


class Grumble(Exception):
    def __init__(self, what, code):
        super().__init__(what, code)
        self.what, self.code = what, code


class Unpicklable(Exception):
    """Pickles, but cannot be made again from its one argument."""

    def __init__(self, a, b):
        super().__init__(f"{a} and {b}")


def grumble():
    raise Grumble("no coffee", 418)


def raise_unpicklable():
    raise Unpicklable("this", "that")


def raise_stop_iteration():
    raise StopIteration


class BadArrival(Numbers):
    """Cannot be unpickled."""

    def __setstate__(self, state):
        raise OSError("lost on the way")


class Draws(Numbers):
    """What the random generators say, and who is asking."""

    def __getitem__(self, i):
        info = get_worker_info()
        return {
            "id": info.id,
            "workers": info.num_workers,
            "seed": info.seed - info.id,
            "own_copy": info.dataset is self,
            "lucid": int(lucid.randint(2**60, ()).item()),
            "random": random.getrandbits(60),
            "numpy": int(np.random.randint(2**60)),
            "threads": lucid.get_num_threads(),
            "pid": os.getpid(),
        }


class Images(Numbers):
    """Large samples."""

    def __getitem__(self, i):
        return np.full((512, 512), i, np.float32), np.full(3, -i)


class Products(Numbers):
    """Uses lucid's kernels in the worker."""

    def __getitem__(self, i):
        x = lucid.ones(300, 300) * i
        return (x @ x)[0, 0]


class Stream(IterableDataset):
    """Worker w of n yields w, w + n, ... below ``lengths[w]`` samples, or without workers everything."""

    def __init__(self, n=10):
        self.n = n

    def __iter__(self):
        info = get_worker_info()
        first, step = (info.id, info.num_workers) if info else (0, 1)
        return iter(range(first, self.n, step))


class Uneven(IterableDataset):
    """Worker 0 has 1 sample, worker 1 has 7, worker 2 has 4."""

    def __iter__(self):
        worker = get_worker_info().id
        return iter([worker * 100 + i for i in range((1, 7, 4)[worker])])


class Forgetful(Stream):
    """Every worker yields everything."""

    def __iter__(self):
        return iter(range(self.n))

    def __len__(self):
        return self.n


class BrokenStream(IterableDataset):
    def __iter__(self):
        yield 1
        raise Grumble("dry", 1)


class ReusedBuffer(Numbers):
    """A dataset whose collate function writes every batch into the same array."""

    def __init__(self, n):
        super().__init__(n)
        self.buffer = np.zeros(200_000)

    def collate(self, samples):
        self.buffer[:] = samples[0]
        return lucid.from_numpy(self.buffer)


class HandlerSpy(Numbers):
    """Which signal handlers a worker has."""

    def __getitem__(self, i):
        term, ctrl_c = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
        return [term is signal.SIG_DFL, ctrl_c is signal.SIG_IGN]


def refuse(worker_id):
    raise Grumble("not today", worker_id)


def shift_dataset(worker_id):
    get_worker_info().dataset.n = 100 + worker_id


class Length(Numbers):
    def __getitem__(self, i):
        return self.n


def as_generator(samples):
    return (s for s in samples)


def as_list(samples):
    return samples


class BadArrivalBatch:
    """A batch that pickles and does not unpickle."""

    def __reduce__(self):
        return grumble, ()


def bad_arrival_collate(samples):
    return BadArrivalBatch() if 4 in samples else samples
