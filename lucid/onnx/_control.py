"""Operators that run graphs: as Python does in eager calls; compiled, where all calls take the same path."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import lucid
from lucid import Tensor
from lucid.onnx._registry import operator

ANY = 1 << 30


@operator("If", results=ANY)
def if_(condition: Tensor, *, then_branch: Any, else_branch: Any) -> tuple[Any, ...]:
    return then_branch() if bool(condition.item()) else else_branch()


@operator("Loop", results=ANY)
def loop(times: Tensor | None, condition: Tensor | None, *carried: Any, body: Any, outputs: int) -> tuple[Any, ...]:
    most = None if times is None else int(times.item())
    states, rows, k = list(carried), [[] for _ in range(outputs - len(carried))], 0  # type: ignore[var-annotated]
    going = condition is None or bool(condition.item())
    while going and (most is None or k < most):
        flag, *rest = body(lucid.tensor(k), lucid.tensor(True), *states)
        going = bool(flag.item())
        states = rest[: len(states)]
        for row, x in zip(rows, rest[len(states) :]):
            row.append(x)
        k += 1
    return (*states, *[lucid.stack(row) if row else lucid.zeros(0) for row in rows])


def _directions(given: Sequence[int] | None, count: int) -> Sequence[int]:
    return [0] * count if given is None else given


@operator("Scan", results=ANY)
def scan(
    *inputs: Tensor, body: Any, num_scan_inputs: int, outputs: int, scan_input_axes: Sequence[int] | None = None,
    scan_input_directions: Sequence[int] | None = None, scan_output_axes: Sequence[int] | None = None,
    scan_output_directions: Sequence[int] | None = None,
) -> tuple[Tensor, ...]:  # fmt: skip
    count = len(inputs) - num_scan_inputs
    states: list[Any] = list(inputs[:count])
    axes = _directions(scan_input_axes, num_scan_inputs)
    backwards = _directions(scan_input_directions, num_scan_inputs)
    sequences = [lucid.unbind(x, axis) for x, axis in zip(inputs[count:], axes)]
    sequences = [s[::-1] if back else s for s, back in zip(sequences, backwards)]
    rows: list[list[Tensor]] = [[] for _ in range(outputs - count)]
    for slices in zip(*sequences):
        found = body(*states, *slices)
        states = list(found[:count])
        for row, x in zip(rows, found[count:]):
            row.append(x)
    back = _directions(scan_output_directions, len(rows))
    at = _directions(scan_output_axes, len(rows))
    return (*states, *[lucid.stack(row[::-1] if b else row, axis) for row, b, axis in zip(rows, back, at)])
