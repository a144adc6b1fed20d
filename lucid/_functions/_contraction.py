"""How a sum of products over named dimensions is computed: what its equation says, which operands are multiplied first,
and how those of each product are arranged. Shapes only; `einsum` does it.
"""

from __future__ import annotations

import functools
import math
from typing import Any, NamedTuple

import numpy as np

Labels = tuple[int, ...]
"""The name of every dimension of an operand: code points of letters, negative numbers for those of an ellipsis."""


@functools.lru_cache(512)
def read(equation: str, shapes: tuple[tuple[int, ...], ...]) -> tuple[list[Labels], Labels]:
    """The labels of every operand and of the output, checked; remembered, since a program has few equations."""
    inputs, output = _parse(equation, shapes)
    _check_sizes(equation, inputs, shapes)
    return inputs, output


def _parse(equation: str, shapes: tuple[tuple[int, ...], ...]) -> tuple[list[Labels], Labels]:
    text = equation.replace(" ", "")
    left, arrow, right = text.partition("->")
    parts = left.split(",")
    for c in left.replace("...", "").replace(",", "") + right.replace("...", ""):
        if not (c.isascii() and c.isalpha()):
            raise RuntimeError(f"einsum: invalid subscript {c!r} in equation '{equation}': only letters are allowed")
    if len(parts) != len(shapes):
        raise RuntimeError(f"einsum: equation '{equation}' has {len(parts)} operands, but {len(shapes)} were given")
    spans = []
    for k, (part, shape) in enumerate(zip(parts, shapes)):
        span = len(shape) - len(part.replace("...", ""))
        if part.count("...") > 1 or span < 0 or (span and "..." not in part):
            raise RuntimeError(
                f"einsum: the subscripts '{part}' of operand {k} do not fit its {len(shape)} dimensions {shape}"
            )
        spans.append(span)
    widest = max(spans)
    inputs = [_labels(part, span) for part, span in zip(parts, spans)]
    if arrow:
        output = _labels(right, widest if any("..." in part for part in parts) else 0)
    else:
        letters = left.replace("...", "").replace(",", "")
        output = _labels("..." + "".join(sorted({c for c in letters if letters.count(c) == 1})), widest)
    known = {label for labels in inputs for label in labels}
    for label in output:
        if label not in known or output.count(label) > 1:
            what = "appears more than once" if label in known else "does not appear for any input operand"
            raise RuntimeError(f"einsum: output subscript {chr(abs(label))!r} of '{equation}' {what}")
    return inputs, output


def _labels(part: str, span: int) -> Labels:
    """Dimensions of an ellipsis count from its end, so that those of all operands line up to broadcast."""
    before, dots, after = part.partition("...")
    return (*map(ord, before), *(range(-span, 0) if dots else ()), *map(ord, after))


def _check_sizes(equation: str, inputs: list[Labels], shapes: tuple[tuple[int, ...], ...]) -> None:
    sizes: dict[int, int] = {}
    for k, (labels, shape) in enumerate(zip(inputs, shapes)):
        for label in labels:
            own = {n for c, n in zip(labels, shape) if c == label}
            if len(own) > 1:
                both = " and ".join(map(str, sorted(own)))
                raise RuntimeError(
                    f"einsum: subscript {chr(label)!r} is repeated for sizes {both} of one operand, which do not match "
                    f"(shape {shape})"
                )
        for label, n in zip(labels, shape):
            if sizes.setdefault(label, n) not in (n, 1) and n != 1:
                raise RuntimeError(
                    f"einsum: operand {k} has size {n} for subscript {chr(abs(label)) if label > 0 else '...'!r} of "
                    f"'{equation}', which does not broadcast with size {sizes[label]} before"
                )
            sizes[label] = n if sizes[label] == 1 else sizes[label]


@functools.lru_cache(512)
def order(terms: tuple[tuple[tuple[int, ...], Labels], ...], output: Labels) -> list[tuple[int, int]]:
    """Which terms, of these shapes, to multiply, step by step; the product goes to the end of the list."""
    if len(terms) <= 2:
        return [(0, 1)][: len(terms) - 1]
    lists: list[Any] = []
    names = {label: k for k, label in enumerate(dict.fromkeys([label for _, labels in terms for label in labels]))}
    for shape, labels in terms:
        lists += [np.broadcast_to(np.float32(0), shape), [names[label] for label in labels]]
    path = np.einsum_path(*lists, [names[label] for label in output], optimize="greedy")[0][1:]
    steps: list[tuple[int, int]] = []
    count = len(terms)
    for step in path:  # what the search leaves for one last step of several operands goes pair by pair
        here = sorted(step)
        while len(here) > 1:
            a, b = here[0], here[1]
            steps.append((a, b))
            count -= 1
            here = sorted([i - (i > a) - (i > b) for i in here[2:]] + ([count - 1] if len(here) > 2 else []))
    return steps


class Side(NamedTuple):
    """What is done to an operand before a product."""

    squeezed: tuple[int, ...]  # dimensions dropped, one after the other
    summed: tuple[int, ...]  # dimensions summed over
    order: tuple[int, ...] | None  # of the rest
    shape: tuple[int, ...] | None


def _unwanted(sizes: dict[int, int], wanted: set[int]) -> tuple[tuple[int, ...], dict[int, int]]:
    """The dimensions to sum over before, since nobody wants their labels, and the sizes of the others."""
    kept = {c: n for c, n in sizes.items() if c in wanted}
    return tuple([d for d, c in enumerate(sizes) if c not in wanted]), kept


@functools.lru_cache(512)
def pair_plan(
    a: Labels, shape_a: tuple[int, ...], b: Labels, shape_b: tuple[int, ...], wanted: frozenset[int]
) -> tuple[Side, Side, tuple[int, ...] | None, bool, Labels]:
    """Both sides, the shape of the product where its own is another, whether it is one of matrices, and its labels."""
    nx, ny = dict(zip(a, shape_a)), dict(zip(b, shape_b))
    # A size of 1 that meets a larger one is the other's business alone.
    narrow_x = [c for c in a if c in ny and nx[c] == 1 != ny[c]]
    narrow_y = [c for c in a if c in ny and ny[c] == 1 != nx[c]]
    dropped_x, dropped_y = _dropped(a, narrow_x), _dropped(b, narrow_y)
    nx = {c: n for c, n in nx.items() if c not in narrow_x}
    ny = {c: n for c, n in ny.items() if c not in narrow_y}
    summed_x, nx = _unwanted(nx, {*wanted, *ny})
    summed_y, ny = _unwanted(ny, {*wanted, *nx})
    batch = tuple([c for c in nx if c in ny and c in wanted])
    summed = tuple([c for c in nx if c in ny and c not in wanted])
    only_a, only_b = tuple([c for c in nx if c not in ny]), tuple([c for c in ny if c not in nx])
    many, depth = tuple([nx[c] for c in batch]), tuple([nx[c] for c in summed])
    rows, columns = tuple([nx[c] for c in only_a]), tuple([ny[c] for c in only_b])
    if summed:
        lead, k = (math.prod(many),) if batch else (), math.prod(depth)
        to_x, to_y = (*lead, math.prod(rows), k), (*lead, k, math.prod(columns))
    else:
        to_x, to_y = (*many, *rows, *[1] * len(columns)), (*many, *[1] * len(rows), *columns)
    x = Side(dropped_x, summed_x, *_arrangement(nx, (*batch, *only_a, *summed), to_x))
    y = Side(dropped_y, summed_y, *_arrangement(ny, (*batch, *summed, *only_b), to_y))
    shape = (*many, *rows, *columns)
    given = (*to_x[:-1], to_y[-1]) if summed else shape
    return x, y, None if shape == given else shape, bool(summed), (*batch, *only_a, *only_b)


def _dropped(labels: Labels, narrow: list[int]) -> tuple[int, ...]:
    """Where ``narrow`` labels are, each after those before it are gone."""
    left, places = [*labels], []
    for c in narrow:
        places.append(left.index(c))
        left.remove(c)
    return tuple(places)


def _arrangement(
    sizes: dict[int, int], labels: Labels, shape: tuple[int, ...]
) -> tuple[tuple[int, ...] | None, tuple[int, ...] | None]:
    """The order that brings dimensions to ``labels``, and the shape they then take; None where they are so already."""
    places = [*sizes]
    order = tuple([places.index(c) for c in labels])
    return (
        None if order == tuple(range(len(order))) else order,
        None if shape == tuple([sizes[c] for c in labels]) else shape,
    )
