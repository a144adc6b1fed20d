"""A run of operations as one compiled plan: the call that does them all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from lucid import _ops
from lucid.compiler._groups import Group, find_groups, options_of
from lucid.compiler._memory import Span, arrange
from lucid.compiler._recipe import CONSTANT, INPUT, OUTPUT, TEMPORARY, Buffer, Emitted, Recipe

Numbers = dict[Buffer, int]


class Segment:
    """A recipe made ready: call it with contiguous float32 arrays."""

    def __init__(self, recipe: Recipe) -> None:
        self.recipe = recipe
        self.groups = find_groups(recipe, _ops.get_num_threads())
        whole, within = spans(recipe, self.groups)
        offsets, self.arena = arrange(list(whole.values()))
        self.plan = _ops.Plan(self.arena)
        numbers: Numbers = {}
        for b, offset in zip(whole, offsets):
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
        first = 0
        for group, own in zip(self.groups, within):
            self._add(first, group.first, numbers)
            self._add_group(group, own, numbers)
            first = group.end
        self._add(first, len(recipe.steps), numbers)

    def _add(
        self, first: int, end: int, numbers: Numbers, options: Callable[[Emitted], dict[str, Any]] | None = None
    ) -> None:
        """Steps ``first`` to ``end`` of the recipe become steps of the plan."""
        for i in range(first, end):
            step = self.recipe.steps[i]
            args = [_number(b, numbers) for b in step.buffers]
            if step.packed >= 0:
                args.insert(2, self.recipe.packed[step.packed])
            last = getattr(self.plan, step.method)(*args, **(options(step) if options else step.options))
            self.rows += [i] * (last + 1 - len(self.rows))

    def _add_group(self, group: Group, own: dict[Buffer, Span], numbers: Numbers) -> None:
        """The same for those of a group, on the parts of the buffers that one task has."""
        offsets, group.nbytes = arrange(list(own.values()))
        self.plan.begin_group(group.tasks, group.nbytes)
        inside = {b: self.plan.private(offset, span.size) for (b, span), offset in zip(own.items(), offsets)}
        for step in self.recipe.steps[group.first : group.end]:
            for b in step.used():
                if b not in inside:
                    inside[b] = numbers[b] if b.kind == CONSTANT else self.plan.part(numbers[b])
        self._add(group.first, group.end, inside, lambda step: options_of(step, group))
        self.plan.end_group()

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


def spans(recipe: Recipe, groups: list[Group]) -> tuple[dict[Buffer, Span], list[dict[Buffer, Span]]]:
    """How long each temporary buffer is needed, and those that lie within one group with the bytes of a task.

    To others a group is one step: a task may write what another one has not read yet.
    """
    found: dict[Buffer, Span] = {}
    for i, step in enumerate(recipe.steps):
        for b in step.used():
            if b.kind == TEMPORARY:
                found[b] = Span(b.nbytes, found[b].first if b in found else i, i)
    within: list[dict[Buffer, Span]] = []
    for group in groups:
        own = {b: s for b, s in found.items() if group.first <= s.first and s.last < group.end}
        within.append({b: Span(s.size // group.tasks, s.first, s.last) for b, s in own.items()})
        found = {b: s for b, s in found.items() if b not in own}
    first = {i: group.first for group in groups for i in range(group.first, group.end)}
    last = {i: group.end - 1 for group in groups for i in range(group.first, group.end)}
    whole = {b: Span(s.size, first.get(s.first, s.first), last.get(s.last, s.last)) for b, s in found.items()}
    return whole, within


def _number(b: Any, numbers: dict[Buffer, int]) -> Any:
    if b is None:
        return -1
    return (numbers[b[0]], *b[1:]) if isinstance(b, tuple) else numbers[b]
