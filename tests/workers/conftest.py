"""Every test of worker processes runs under a hard limit, by every start method, and leaves no process behind."""

import gc
import multiprocessing
import signal

import pytest
from workers.processes import METHODS

LIMIT = 90  # seconds


@pytest.fixture(autouse=True)
def hard_limit():
    def too_long(*_):
        raise TimeoutError(f"test took more than {LIMIT} seconds")

    before = signal.signal(signal.SIGALRM, too_long)
    signal.alarm(LIMIT)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture(autouse=True)
def no_workers_left():
    yield
    gc.collect()
    assert multiprocessing.active_children() == []


@pytest.fixture(params=METHODS)
def method(request):
    return request.param
