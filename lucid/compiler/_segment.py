"""A run of operations as one compiled plan: buffers, steps, and the call that does them all."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from lucid import _ops
from lucid.compiler._memory import Span, arrange

INPUT, OUTPUT, CONSTANT, TEMPORARY = "input", "output", "constant", "temporary"


@dataclass(eq=False)
class Buffer:
    """Memory that steps read and write.

    Attributes:
        kind: INPUT, OUTPUT, CONSTANT or TEMPORARY.
        nbytes: its size.
        at: number of the input or output; of the array, for constants.
    """

    kind: str
    nbytes: int
    at: int = -1


@dataclass(eq=False)
class Emitted:
    """One step: a method of the plan, the buffers it takes by position, and its options.

    A buffer may be None (left out) or a tuple (Buffer, numbers ...), as attention's operands are; ``packed`` is the
    number of packed weights, which come after the second buffer. The rest is for `explain`: ``covers``, which traced
    operations it does, ``flops``, how many operations of arithmetic, and shape and layout of the result.
    """

    method: str
    buffers: list[Any]
    options: dict[str, Any]
    packed: int = -1
    covers: list[str] = field(default_factory=list)
    flops: float = 0.0
    shape: tuple[int, ...] = ()
    layout: str = "plain"

    def used(self) -> list[Buffer]:
        """The buffers themselves."""
        found = [b[0] if isinstance(b, tuple) else b for b in self.buffers]
        return [b for b in found if b is not None]


@dataclass(eq=False)
class Recipe:
    """All there is to a segment."""

    buffers: list[Buffer]
    steps: list[Emitted]
    constants: list[np.ndarray]
    packed: list[Any]
    shapes: list[tuple[int, ...]]

    def spans(self) -> dict[Buffer, Span]:
        """How long each temporary buffer is needed."""
        found: dict[Buffer, Span] = {}
        for i, step in enumerate(self.steps):
            for b in step.used():
                if b.kind == TEMPORARY:
                    found[b] = Span(b.nbytes, found[b].first if b in found else i, i)
        return found


class Segment:
    """A recipe made ready: call it with contiguous float32 arrays."""

    def __init__(self, recipe: Recipe) -> None:
        self.recipe = recipe
        spans = recipe.spans()
        offsets, self.arena = arrange(list(spans.values()))
        self.plan = _ops.Plan(self.arena)
        numbers: dict[Buffer, int] = {}
        for b, offset in zip(spans, offsets):
            numbers[b] = self.plan.arena(offset, b.nbytes)
        for b in recipe.buffers:
            if b.kind == INPUT:
                numbers[b] = self.plan.input(b.at, b.nbytes)
            elif b.kind == OUTPUT:
                numbers[b] = self.plan.output(b.at, b.nbytes)
            elif b.kind == CONSTANT:
                numbers[b] = self.plan.constant(recipe.constants[b.at])
        # A step may start with one of its own, such as a copy with borders: rows of the table by steps of the plan.
        self.rows: list[int] = []
        for i, step in enumerate(recipe.steps):
            args = [_number(b, numbers) for b in step.buffers]
            if step.packed >= 0:
                args.insert(2, recipe.packed[step.packed])
            last = getattr(self.plan, step.method)(*args, **step.options)
            self.rows += [i] * (last + 1 - len(self.rows))

    def __call__(self, *arrays: np.ndarray) -> tuple[np.ndarray, ...]:
        inputs, outputs = self._bind(arrays)
        self.plan.run(inputs, outputs)
        return outputs

    def profile(self, *arrays: np.ndarray) -> tuple[tuple[np.ndarray, ...], list[float]]:
        """The results, and the seconds of every step of the recipe."""
        inputs, outputs = self._bind(arrays)
        seconds = [0.0] * len(self.recipe.steps)
        for i, t in zip(self.rows, self.plan.profile(inputs, outputs)):
            seconds[i] += t
        return outputs, seconds

    def _bind(self, arrays: tuple[np.ndarray, ...]) -> tuple[tuple[np.ndarray, ...], tuple[np.ndarray, ...]]:
        inputs = tuple([a if a.flags.carray else np.ascontiguousarray(a) for a in arrays])
        return inputs, tuple([_ops.allocate(shape, np.dtype(np.float32)) for shape in self.recipe.shapes])


def _number(b: Any, numbers: dict[Buffer, int]) -> Any:
    if b is None:
        return -1
    return (numbers[b[0]], *b[1:]) if isinstance(b, tuple) else numbers[b]
