"""How long statements take: `Timer` and `Measurement` with the names of ``torch.utils.benchmark``."""

from __future__ import annotations

import textwrap
import timeit
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from lucid._threads import get_num_threads, set_num_threads

__all__ = ["Measurement", "Timer"]

UNITS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "us"), (1e-9, "ns"))


@dataclass
class Measurement:
    """Times of runs of a statement.

    Args:
        number_per_run: how often each run executed the statement.
        raw_times: seconds of each run.
        label, sub_label, description: what was measured.
        num_threads: threads lucid used.

    Example:
        >>> from lucid.utils.benchmark import Measurement
        >>> Measurement(10, [1.0, 3.0]).median
        0.2
    """

    number_per_run: int
    raw_times: list[float] = field(default_factory=list)
    label: str | None = None
    sub_label: str | None = None
    description: str | None = None
    num_threads: int = 1

    @property
    def times(self) -> list[float]:
        """Seconds of one execution, for each run."""
        return [t / self.number_per_run for t in self.raw_times]

    @property
    def median(self) -> float:
        """The median of `times`."""
        return float(np.median(self.times))

    @property
    def mean(self) -> float:
        """The mean of `times`."""
        return float(np.mean(self.times))

    @property
    def iqr(self) -> float:
        """The distance of the quartiles of `times`."""
        return float(np.subtract(*np.quantile(self.times, (0.75, 0.25))))

    @property
    def title(self) -> str:
        """Label and sub-label."""
        return ": ".join(part for part in (self.label, self.sub_label) if part) or "measurement"

    def __repr__(self) -> str:
        size, unit = next(((s, u) for s, u in UNITS if self.median >= s), UNITS[-1])
        runs = f"{len(self.raw_times)} runs of {self.number_per_run}, {self.num_threads} thread(s)"
        what = f"{self.title} ({self.description})" if self.description else self.title
        return f"<Measurement {what}: median {self.median / size:.2f} {unit}, iqr {self.iqr / size:.2f} {unit}, {runs}>"

    @staticmethod
    def merge(measurements: Iterable[Measurement]) -> list[Measurement]:
        """The runs of measurements of the same thing in one each.

        Args:
            measurements: those to merge, in any order.

        Returns:
            One for each combination of labels, threads and executions per run.

        Example:
            >>> from lucid.utils.benchmark import Measurement
            >>> Measurement.merge([Measurement(1, [1.0]), Measurement(1, [2.0])])[0].raw_times
            [1.0, 2.0]
        """
        found: dict[tuple[Any, ...], Measurement] = {}
        for m in measurements:
            key = (m.label, m.sub_label, m.description, m.num_threads, m.number_per_run)
            if key not in found:
                found[key] = Measurement(
                    m.number_per_run, [], m.label, m.sub_label, m.description, m.num_threads
                )  # fmt: skip
            found[key].raw_times += m.raw_times
        return list(found.values())


def _code(what: str, code: Any) -> Any:
    """Code without its indentation, or a function; what is wrong is said here, since `timeit` would point into a source
    that it makes around the code."""
    if not isinstance(code, str):
        if not callable(code):
            raise ValueError(f"Timer: {what} must be code or a function, got {type(code).__name__}")
        return code
    code = textwrap.dedent(code).strip("\n")
    try:
        compile(code, what, "exec")
    except SyntaxError as error:
        raise SyntaxError(f"Timer: {what} is no Python code, line {error.lineno}: {error.msg}") from None
    return code


class Timer:
    """Measures a statement after warming it up, with a number of threads that is set for that time.

    Args:
        stmt: Python code, or a function without arguments.
        setup: code, or a function, executed once before every run.
        timer: a clock in seconds.
        globals: names the code may use.
        label, sub_label, description: kept in the `Measurement`.
        num_threads: threads lucid may use meanwhile.

    Raises:
        SyntaxError: ``stmt`` or ``setup`` is no Python code.
        ValueError: they are neither code nor a function, or ``num_threads`` is below 1.

    Example:
        >>> import lucid
        >>> from lucid.utils.benchmark import Timer
        >>> Timer("x + x", globals={"x": lucid.ones(3)}).timeit(10).number_per_run
        10
    """

    def __init__(
        self,
        stmt: str | Callable[[], Any] = "pass",
        setup: str | Callable[[], Any] = "pass",
        timer: Callable[[], float] = timeit.default_timer,
        globals: dict[str, Any] | None = None,
        label: str | None = None,
        sub_label: str | None = None,
        description: str | None = None,
        num_threads: int = 1,
    ) -> None:
        if num_threads < 1:
            raise ValueError(f"Timer: num_threads must be at least 1, got {num_threads}")
        stmt, setup = _code("stmt", stmt), _code("setup", setup)
        self._timer = timeit.Timer(stmt, setup, timer, globals)
        self._stmt = stmt if isinstance(stmt, str) else getattr(stmt, "__name__", repr(stmt))
        self.label, self.sub_label, self.description, self.num_threads = label, sub_label, description, num_threads

    def _measured(self, number: int, runs: Callable[[list[float]], bool]) -> Measurement:
        """Runs of ``number`` executions for as long as ``runs`` of their times holds."""
        before = get_num_threads()
        set_num_threads(self.num_threads)
        times: list[float] = []
        try:
            while runs(times):
                times.append(self._timer.timeit(number))
        finally:
            set_num_threads(before)
        return Measurement(
            number, times, self.label or self._stmt, self.sub_label, self.description, self.num_threads
        )  # fmt: skip

    def timeit(self, number: int = 1_000_000) -> Measurement:
        """One run, after one that warms up.

        Args:
            number: executions.

        Example:
            >>> from lucid.utils.benchmark import Timer
            >>> len(Timer().timeit(100).raw_times)
            1
        """
        self._timer.timeit(max(number // 100, 2))
        return self._measured(number, lambda times: not times)

    def blocked_autorange(self, callback: Callable[[int, float], Any] | None = None, min_run_time: float = 0.2) -> Any:
        """Runs of so many executions that the clock does not count, for ``min_run_time`` together.

        Args:
            callback: called with the executions and the seconds of every run.
            min_run_time: seconds.

        Returns:
            The `Measurement`.

        Example:
            >>> from lucid.utils.benchmark import Timer
            >>> Timer().blocked_autorange(min_run_time=0.001).median > 0
            True
        """
        number = 1
        while (took := self._timer.timeit(number)) < min_run_time / 1000 or number == 1:
            if took >= min_run_time:
                break
            number *= 10

        def more(times: list[float]) -> bool:
            if callback is not None and times:
                callback(number, times[-1])
            return sum(times) < min_run_time

        return self._measured(number, more)

    adaptive_autorange = blocked_autorange
