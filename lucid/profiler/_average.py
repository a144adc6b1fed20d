"""Events of a profile, their averages and the table of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from lucid.utils.summary import quantity


@dataclass(eq=False)
class FunctionEvent:
    """One operation, or with `EventList.key_averages` all of one kind.

    Attributes:
        key: name of the operation; a backward ends in "Backward".
        start, end: nanoseconds of the clock, of a single event.
        cpu_time_total, self_cpu_time_total: microseconds with and without the operations inside.
        count: calls.
        cpu_memory_usage: bytes of the results; views have none.
        input_shapes: shapes of the tensors, where they were recorded.
        stack: callers outside lucid, the innermost first, where they were recorded.
        user: made by `record_function`.

    Example:
        >>> from lucid.profiler import FunctionEvent
        >>> FunctionEvent("exp", count=2, cpu_time_total=6.0).cpu_time
        3.0
    """

    key: str
    start: int = 0
    end: int = 0
    cpu_time_total: float = 0.0
    self_cpu_time_total: float = 0.0
    count: int = 1
    cpu_memory_usage: int = 0
    input_shapes: list[Any] = field(default_factory=list)
    stack: tuple[str, ...] = ()
    user: bool = False

    @property
    def name(self) -> str:
        return self.key

    @property
    def cpu_time(self) -> float:
        """Microseconds of a call, on average."""
        return self.cpu_time_total / self.count


def microseconds(t: float) -> str:
    """A time for people."""
    return f"{t / 1e6:.3f} s" if t >= 1e6 else f"{t / 1e3:.3f} ms" if t >= 1e3 else f"{t:.3f} us"


_KEYS = ("cpu_time_total", "self_cpu_time_total", "cpu_time", "count", "cpu_memory_usage", "key")


class EventList(list[FunctionEvent]):
    """Events in the order of their starts, or averages in the order they were first met.

    Args:
        iterable: events; none unless given.

    Example:
        >>> import lucid
        >>> from lucid.profiler import profile
        >>> with profile() as p:
        ...     y = lucid.exp(lucid.ones(3)).sum()
        >>> [(e.key, e.count) for e in p.key_averages()]
        [('exp', 1), ('sum', 1)]
    """

    @property
    def self_cpu_time_total(self) -> float:
        """Microseconds of all operations; what is inside others counts once."""
        return sum(e.self_cpu_time_total for e in self)

    def key_averages(self, group_by_input_shape: bool = False, group_by_stack_n: int = 0) -> EventList:
        """One entry for all events of a name.

        Args:
            group_by_input_shape: one for each list of input shapes.
            group_by_stack_n: one for each list of this many innermost callers.
        """
        found: dict[Any, FunctionEvent] = {}
        for e in self:
            shapes, stack = str(e.input_shapes) if group_by_input_shape else "", e.stack[:group_by_stack_n]
            total = found.get((e.key, shapes, stack, e.user))
            if total is None:
                total = FunctionEvent(e.key, count=0, stack=stack, user=e.user)
                total.input_shapes = e.input_shapes if group_by_input_shape else []
                found[e.key, shapes, stack, e.user] = total
            total.count += e.count
            total.cpu_time_total += e.cpu_time_total
            total.self_cpu_time_total += e.self_cpu_time_total
            total.cpu_memory_usage += e.cpu_memory_usage
        return EventList(found.values())

    def total_average(self) -> FunctionEvent:
        """Everything as one entry."""
        return FunctionEvent("Total", count=len(self), cpu_time_total=self.self_cpu_time_total,
                             self_cpu_time_total=self.self_cpu_time_total,
                             cpu_memory_usage=sum(e.cpu_memory_usage for e in self))  # fmt: skip

    def table(
        self,
        sort_by: str | None = None,
        row_limit: int = 100,
        max_name_column_width: int = 55,
        header: str | None = None,
    ) -> str:
        """The entries as text.

        Args:
            sort_by: "cpu_time_total", "self_cpu_time_total", "cpu_time", "count", "cpu_memory_usage" or "key"; the
                largest first.
            row_limit: rows at most; -1 for all.
            max_name_column_width: longer names are cut.
            header: a line above.

        Raises:
            ValueError: another ``sort_by``.
        """
        events: Iterable[FunctionEvent] = self
        if sort_by is not None:
            if sort_by not in _KEYS:
                raise ValueError(f"table: sort_by must be one of {', '.join(_KEYS)}, got {sort_by!r}")
            events = sorted(self, key=lambda e: getattr(e, sort_by), reverse=sort_by != "key")
        events = list(events)
        shown = events if row_limit < 0 else events[:row_limit]
        whole = self.self_cpu_time_total or 1.0
        with_memory, with_shapes = any(e.cpu_memory_usage for e in self), any(e.input_shapes for e in self)
        head = ["Name", "Self CPU %", "Self CPU", "CPU total %", "CPU total", "CPU time avg", "# of Calls"]
        rows = [head + ["CPU Mem"] * with_memory + ["Input Shapes"] * with_shapes]
        for e in shown:
            name = e.key if len(e.key) <= max_name_column_width else e.key[: max_name_column_width - 3] + "..."
            row = [name, f"{100 * e.self_cpu_time_total / whole:.2f}%", microseconds(e.self_cpu_time_total),
                   f"{100 * e.cpu_time_total / whole:.2f}%", microseconds(e.cpu_time_total), microseconds(e.cpu_time),
                   str(e.count)]  # fmt: skip
            row += [quantity(e.cpu_memory_usage)] * with_memory + [str(e.input_shapes)] * with_shapes
            rows.append(row)
        widths = [max(len(r[i]) for r in rows) for i in range(len(rows[0]))]
        line = "  ".join("-" * w for w in widths)
        text = ["  ".join([r[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(r[1:], widths[1:]))]) for r in rows]
        lines = [*([header] if header else []), line, text[0], line, *text[1:], line]
        return "\n".join([*lines, f"Self CPU time total: {microseconds(self.self_cpu_time_total)}"])

    def __str__(self) -> str:
        return self.table()


def nest(events: list[FunctionEvent]) -> EventList:
    """Events of one thread in the order of their starts, with their total and self times."""
    ordered = sorted(events, key=lambda e: (e.start, -e.end))
    open_events: list[FunctionEvent] = []
    for e in ordered:
        e.cpu_time_total = e.self_cpu_time_total = (e.end - e.start) / 1000
        while open_events and open_events[-1].end <= e.start:
            open_events.pop()
        if open_events:
            open_events[-1].self_cpu_time_total -= e.cpu_time_total
        open_events.append(e)
    return EventList(ordered)
