"""Running steps one after the other: the part of a plan that has no compiled form."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from lucid.autograd._node import Node, wrap
from lucid.compiler._graph import Call, Op, Slot
from lucid.compiler._whole import Whole

Arrays = Sequence[np.ndarray]


class Step(NamedTuple):
    """One step: ``run(*arrays)`` gives an array or a tuple of them; places are indices into the values of a run.

    ``op`` is the operation of a call, None for a segment of compiled steps.
    """

    run: Callable[..., Any]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    frees: tuple[int, ...]
    op: Op | None = None


def replay(call: Call) -> Callable[..., Any]:
    """The traced operation as a function of its inputs' arrays."""
    operation, template = call
    if isinstance(operation, Whole):
        return lambda *arrays: _arrays(operation(*[_fill(a, arrays, True) for a in template]))
    unary = isinstance(operation, type) and issubclass(operation, Node) and hasattr(operation, "kernel")
    if unary and not hasattr(operation, "integer"):
        return lambda *arrays: operation.kernel(*[_fill(a, arrays, False) for a in template])
    if isinstance(operation, type) and issubclass(operation, Node):
        return lambda *arrays: operation().forward(*[_fill(a, arrays, True) for a in template])
    return lambda *arrays: np.asarray(operation(*[_fill(a, arrays, False) for a in template]))


def _arrays(y: Any) -> Any:
    return tuple([t._data for t in y]) if isinstance(y, tuple) else y._data


def fill(a: Any, arrays: Sequence[Any]) -> Any:
    """``a`` with arrays in the place of its `Slot` s."""
    return _fill(a, arrays, False)


def _fill(a: Any, arrays: Arrays, tensors: bool) -> Any:
    """``a`` with arrays, or tensors, in the place of its `Slot` s."""
    if isinstance(a, Slot):
        return wrap(arrays[a.at]) if a.tensor and tensors else arrays[a.at]
    if isinstance(a, (tuple, list)):
        parts = [_fill(p, arrays, tensors) for p in a]
        return type(a)(*parts) if hasattr(a, "_fields") else type(a)(parts)
    return a


class Program:
    """Steps over a list of values, the first of which are the inputs.

    Args:
        values: one place per value: the arrays of constants, None for the others.
        steps: in order.
        outputs: places of the results, and whether each must be copied because it may share memory.
    """

    def __init__(self, values: list[np.ndarray | None], steps: list[Step], outputs: list[tuple[int, bool]]) -> None:
        self.values, self.steps, self.outputs = values, steps, outputs

    def run(self, inputs: Arrays) -> list[np.ndarray]:
        """The results for ``inputs``."""
        values: list[Any] = self.values.copy()
        values[: len(inputs)] = inputs
        for run, sources, targets, frees, _ in self.steps:
            y = run(*[values[i] for i in sources])
            if len(targets) == 1:
                values[targets[0]] = y[0] if isinstance(y, tuple) else y
            else:
                for i, part in zip(targets, y):
                    values[i] = part
            for i in frees:
                values[i] = None
        return [values[i].copy() if copied else values[i] for i, copied in self.outputs]
