"""lucid.utils.benchmark: what is measured, not how long it takes."""

from __future__ import annotations

import itertools

import pytest

import lucid
from lucid.utils.benchmark import Measurement, Timer


def clock() -> Timer:
    """A timer whose clock ticks once a second whenever it is read."""
    ticks = itertools.count()
    return Timer("pass", timer=lambda: float(next(ticks)), label="a", description="b")


def test_measurements() -> None:
    m = Measurement(10, [1.0, 2.0, 6.0], "a", "b")
    assert m.times == pytest.approx([0.1, 0.2, 0.6]) and m.median == pytest.approx(0.2)
    assert m.mean == pytest.approx(0.3) and m.iqr == pytest.approx(0.25) and m.title == "a: b"
    assert repr(m) == "<Measurement a: b: median 200.00 ms, iqr 250.00 ms, 3 runs of 10, 1 thread(s)>"
    merged = Measurement.merge([m, Measurement(10, [3.0], "a", "b"), Measurement(1, [1.0])])
    assert [x.raw_times for x in merged] == [[1.0, 2.0, 6.0, 3.0], [1.0]]


def test_runs() -> None:
    one = clock().timeit(5)
    assert one.raw_times == [1.0] and one.number_per_run == 5 and one.title == "a"
    seen: list[tuple[int, float]] = []
    many = clock().blocked_autorange(lambda n, t: seen.append((n, t)), min_run_time=3.0)
    assert sum(many.raw_times) >= 3 and seen == [(many.number_per_run, 1.0)] * len(many.raw_times)


def test_threads_are_set_meanwhile() -> None:
    before, seen = lucid.get_num_threads(), []
    Timer(lambda: seen.append(lucid.get_num_threads()), num_threads=2).timeit(1)
    assert seen[-1] == 2 and lucid.get_num_threads() == before
    with pytest.raises(ZeroDivisionError):
        Timer("1 / 0", num_threads=2).timeit(1)
    assert lucid.get_num_threads() == before
    with pytest.raises(ValueError, match="Timer: num_threads must be at least 1, got 0"):
        Timer(num_threads=0)


def test_the_package_knows_it() -> None:
    x = lucid.ones(3)
    assert lucid.utils.benchmark.Timer("x + x", globals={"x": x}).timeit(3).number_per_run == 3


def test_broken_statements() -> None:
    for code, message in (
        ("x +", "invalid syntax"),
        ("y = 1\nreturn 3", "'return' outside function"),
        ("f(", "never closed"),
    ):
        line = code.count("\n") + 1
        with pytest.raises(SyntaxError, match=rf"^Timer: stmt is no Python code, line {line}: .*{message}"):
            Timer(code)
        with pytest.raises(SyntaxError, match=rf"^Timer: setup is no Python code, line {line}: "):
            Timer("pass", code)
    with pytest.raises(ValueError, match=r"^Timer: stmt must be code or a function, got int$"):
        Timer(3)  # type: ignore[arg-type]
    with pytest.raises(NameError, match="name 'xx' is not defined"):
        Timer("xx").timeit(1)
    indented = Timer("""
        y = x
        y += 1
    """, globals={"x": 1})  # fmt: skip
    assert indented.timeit(2).number_per_run == 2
