"""Collecting rows of many callers into batches."""

from __future__ import annotations

import threading
import time
from concurrent.futures import CancelledError, Future
from typing import Any

import numpy as np
import pytest
from serve.nets import images, small

from lucid.serve import Batcher, BusyError, ClosedError, open_model


class Recorder:
    """Doubles its input; notes the batches it was given, and waits for `go` before each."""

    def __init__(self, hold: bool = False) -> None:
        self.batches: list[list[float]] = []
        self.go = threading.Event()
        self.begun = threading.Event()
        if not hold:
            self.go.set()

    def __call__(self, arrays: list[np.ndarray]) -> list[np.ndarray]:
        self.begun.set()
        assert self.go.wait(30)
        self.batches.append(arrays[0][:, 0].tolist())
        if (arrays[0] < 0).any():
            raise ValueError("negative")
        return [arrays[0] * 2]


def row(*values: float) -> list[np.ndarray]:
    return [np.array(values, np.float32)[:, None]]


def held(recorder: Recorder, batcher: Batcher) -> Future[Any]:
    """A first job that keeps the thread busy, so that what comes after it waits together."""
    first = batcher.submit(row(100))
    assert recorder.begun.wait(30)
    return first


def test_rows_that_wait_run_together_and_each_caller_gets_its_own() -> None:
    recorder = Recorder(hold=True)
    with Batcher(recorder, max_batch=4, max_delay=0) as batcher:
        held(recorder, batcher)
        futures = [batcher.submit(row(*range(10 * i, 10 * i + i))) for i in range(1, 4)]
        recorder.go.set()
        assert [f.result(30)[0][:, 0].tolist() for f in futures] == [[20], [40, 42], [60, 62, 64]]
    assert recorder.batches == [[100], [10, 20, 21, 30], [31, 32]]


def test_a_size_is_filled_up_where_none_is_small_enough() -> None:
    recorder = Recorder()
    with Batcher(recorder, max_batch=8, max_delay=0, sizes=[4, 16]) as batcher:
        assert batcher.sizes == [4]
        assert batcher.submit(row(1, 2)).result(30)[0][:, 0].tolist() == [2, 4]
    assert recorder.batches == [[1, 2, 2, 2]]


def test_a_row_waits_for_others_no_longer_than_the_delay() -> None:
    recorder = Recorder()
    with Batcher(recorder, max_batch=64, max_delay=0.05) as batcher:
        began = time.monotonic()
        batcher.submit(row(1)).result(30)
        assert time.monotonic() - began >= 0.05
    with Batcher(recorder, max_batch=2, max_delay=1e6) as batcher:
        first = batcher.submit(row(1))
        batcher.submit(row(2))
        first.result(30)  # a full batch does not wait
        third = batcher.submit(row(3))
        batcher.hurry()
        third.result(30)


def test_an_error_reaches_no_one_but_its_cause() -> None:
    recorder = Recorder(hold=True)
    with Batcher(recorder, max_batch=4, max_delay=0) as batcher:
        held(recorder, batcher)
        futures = [batcher.submit(row(v)) for v in (1, -1, 2)]
        recorder.go.set()
        assert futures[0].result(30)[0].item() == 2
        with pytest.raises(ValueError, match="^negative$"):
            futures[1].result(30)
        assert futures[2].result(30)[0].item() == 4
        assert batcher.submit(row(3)).result(30)[0].item() == 6


def test_rows_of_other_shapes_wait_for_a_batch_of_their_own() -> None:
    recorder = Recorder(hold=True)
    with Batcher(recorder, max_batch=4, max_delay=0) as batcher:
        held(recorder, batcher)
        narrow = [batcher.submit(row(v)) for v in (1, 2)]
        wide = [batcher.submit([np.full((1, 2), v, np.float32)]) for v in (3, 4)]
        recorder.go.set()
        assert [f.result(30)[0].shape for f in (*narrow, *wide)] == [(1, 1), (1, 1), (1, 2), (1, 2)]
    assert recorder.batches == [[100], [1, 2], [3, 4]]


def test_a_full_queue_refuses_and_goes_on() -> None:
    recorder = Recorder(hold=True)
    with Batcher(recorder, max_batch=4, max_delay=0, queue=3) as batcher:
        held(recorder, batcher)
        kept = batcher.submit(row(1, 2))
        with pytest.raises(BusyError, match="^2 rows wait already, of 3 that may$"):
            batcher.submit(row(3, 4))
        assert batcher.waiting == 2
        recorder.go.set()
        assert kept.result(30)[0][:, 0].tolist() == [2, 4]
        assert batcher.submit(row(3, 4)).result(30)[0][:, 0].tolist() == [6, 8]


def test_closing_runs_what_waits_and_refuses_the_rest() -> None:
    recorder = Recorder(hold=True)
    batcher = Batcher(recorder, max_batch=2, max_delay=1e6)
    futures = [batcher.submit(row(v)) for v in range(5)]
    assert not batcher.close(0.01)
    with pytest.raises(ClosedError, match="^the server is stopping$"):
        batcher.submit(row(9))
    recorder.go.set()
    assert batcher.close(30)
    assert [f.result(0)[0].item() for f in futures] == [0, 2, 4, 6, 8]
    assert not batcher.alive


def test_rows_whose_caller_left_are_not_run() -> None:
    recorder = Recorder(hold=True)
    with Batcher(recorder, max_batch=4, max_delay=0) as batcher:
        held(recorder, batcher)
        futures = [batcher.submit(row(v)) for v in (1, 2)]
        assert futures[0].cancel()
        recorder.go.set()
        assert futures[1].result(30)[0].item() == 4
        with pytest.raises(CancelledError):
            futures[0].result(30)
    assert [v for batch in recorder.batches for v in batch].count(1) == 0


def test_results_without_a_batch_are_refused() -> None:
    with Batcher(lambda arrays: [arrays[0].sum()], max_delay=0) as batcher:
        future = batcher.submit(row(1, 2))
        with pytest.raises(RuntimeError, match=r"^the model gives shape \(\) for a batch of 2: the batch must be the"):
            future.result(30)


@pytest.mark.parametrize("arrays", [[], [np.float32(1)], [np.zeros((0, 3))], [np.zeros((2, 3)), np.zeros((1, 3))]])
def test_what_cannot_be_queued(arrays: Any) -> None:
    with (
        Batcher(Recorder()) as batcher,
        pytest.raises(ValueError, match="^submit: expected arrays with the same number"),
    ):
        batcher.submit(arrays)


def test_numbers_out_of_range() -> None:
    with pytest.raises(
        ValueError, match="^Batcher: expected max_batch and queue from 1 and max_delay from 0, got 0, 256"
    ):
        Batcher(Recorder(), max_batch=0)
    with pytest.raises(ValueError, match="^the model runs batches of 4, 8, and the largest that is allowed is 2$"):
        Batcher(Recorder(), max_batch=2, sizes=[4, 8])


def test_no_row_is_lost_or_answered_twice_and_each_has_the_bits_it_has_alone() -> None:
    model = open_model(small(), shape=(3, 16, 16))
    x = images(200)
    alone = [model([x[i : i + 1]])[0] for i in range(200)]
    answers: dict[int, list[np.ndarray]] = {}
    lock = threading.Lock()
    with Batcher(model, max_batch=16, max_delay=0.002, queue=10000) as batcher:

        def ask(start: int) -> None:
            draw = np.random.default_rng(start)
            at = start
            while at < start + 25:
                rows = min(int(draw.integers(1, 5)), start + 25 - at)
                (y,) = batcher.submit([x[at : at + rows]]).result(60)
                with lock:
                    for i in range(rows):
                        answers.setdefault(at + i, []).append(y[i : i + 1])
                at += rows

        threads = [threading.Thread(target=ask, args=(25 * i,)) for i in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(answers) == list(range(200))
    assert all(len(found) == 1 for found in answers.values())
    assert all(found[0].tobytes() == alone[i].tobytes() for i, found in answers.items())
