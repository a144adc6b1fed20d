"""What every test relies on: a fresh seed, the thread count and global switches put back."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import lucid

# Helpers are imported as `ops.record`, so that the tests run against an installed wheel as well as the checkout.
sys.path.insert(0, str(Path(__file__).parent))

# Run in the background of a shell, tests and the programs they start would ignore interrupts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def _isolated() -> Iterator[None]:
    threads, dtype = lucid.get_num_threads(), lucid.get_default_dtype()
    lucid.manual_seed(0)
    yield
    lucid.set_num_threads(threads)
    lucid.set_default_dtype(dtype)
    recording = lucid.is_grad_enabled()
    lucid.set_grad_enabled(True)
    assert recording, "the test left recording switched off"
