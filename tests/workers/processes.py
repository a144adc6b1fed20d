"""Loaders with worker processes, and whether those processes are alive."""

import multiprocessing
import os
import sys
import time
from pathlib import Path

import pytest

from lucid.utils.data import DataLoader

HERE = str(Path(__file__).parents[1])
if HERE not in sys.path:
    sys.path.insert(0, HERE)  # worker processes inherit it

METHODS = multiprocessing.get_all_start_methods()

MARKS = [
    pytest.mark.skipif(os.name != "posix", reason="signals and process states are checked the POSIX way"),
    pytest.mark.filterwarnings("ignore:DataLoader. num_workers=.* is more than:UserWarning"),
    pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning"),
]


def running(pid):
    """Whether a process exists and is not a zombie."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        return state not in "ZX"
    except FileNotFoundError:
        if Path("/proc/self/stat").exists():
            return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def wait_gone(pids):
    while any(running(pid) for pid in pids):
        time.sleep(0.02)  # the hard limit ends this


def loader(dataset, method, **options):
    options = {"batch_size": 2, "num_workers": 2, **options}
    return DataLoader(dataset, multiprocessing_context=method, **options)
