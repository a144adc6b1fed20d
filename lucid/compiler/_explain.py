"""What a plan consists of, as a table with measured times."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from lucid.compiler._execute import Program
from lucid.compiler._recipe import TEMPORARY
from lucid.compiler._segment import Emitted, Segment

RUNS = 5
"""Runs, the fastest of which is shown."""


PRODUCTS = {"low_conv2d", "low_depthwise", "low_stem", "low_linear", "low_global_pool"}
"""Steps of few bits that are named after what they read."""


class Row(NamedTuple):
    """A step: its name, the traced operations it does, its result, layout, the dtype it multiplies or writes, bytes it
    touches, operations, seconds."""

    step: str
    does: str
    shape: tuple[int, ...]
    layout: str
    dtype: str
    nbytes: int
    flops: float
    seconds: float


def profile(program: Program, inputs: Sequence[np.ndarray]) -> list[Row]:
    """One run, step by step."""
    values: list[Any] = program.values.copy()
    values[: len(inputs)] = inputs
    rows: list[Row] = []
    for run, sources, targets, _, op in program.steps:
        arrays = [values[i] for i in sources]
        start = time.perf_counter()
        if isinstance(run, Segment):
            results, seconds = run.profile(*arrays)
            rows += [_row(run, i, t) for i, t in enumerate(seconds)]
        else:
            y = run(*arrays)
            took = time.perf_counter() - start
            results = y if isinstance(y, tuple) else (y,)
            results = results[: len(targets)]
            assert op is not None
            nbytes = sum(a.nbytes for a in (*arrays, *results))
            rows.append(
                Row(
                    "call",
                    " + ".join(op.covers) or op.kind,
                    results[0].shape,
                    "plain",
                    str(results[0].dtype),
                    nbytes,
                    0.0,
                    took,
                )
            )
        for i, part in zip(targets, results):
            values[i] = part
    return rows


def _row(segment: Segment, i: int, seconds: float) -> Row:
    step = segment.recipe.steps[i]
    nbytes = sum(b.nbytes for b in dict.fromkeys(step.used()))
    nbytes += segment.recipe.packed[step.packed].data.nbytes if step.packed >= 0 else 0
    return Row(step.method, " + ".join(step.covers), step.shape, step.layout, _dtype(step), nbytes, step.flops, seconds)


def _dtype(step: Emitted) -> str:
    """Of a product's operands; of what a conversion writes."""
    form = step.options.get("form" if step.method in PRODUCTS else "y_form")
    return "float32" if form is None else str(form[0])


def table(program: Program, inputs: Sequence[np.ndarray]) -> str:
    """The steps of ``program``, one per line, and their sums."""
    # each step at its best: what else the machine does reaches other steps in other runs
    rows = [min(row, key=lambda row: row.seconds) for row in zip(*(profile(program, inputs) for _ in range(RUNS)))]
    total = sum(row.seconds for row in rows) or 1e-30
    lines = [("step", "result", "layout", "dtype", "KB", "MFLOP", "GFLOP/s", "us", "%", "does")]
    for row in rows:
        rate = f"{row.flops / row.seconds / 1e9:.0f}" if row.flops and row.seconds else ""
        lines.append(
            (row.step, "x".join(map(str, row.shape)) or "-", row.layout, row.dtype, f"{row.nbytes / 1e3:.0f}",
             f"{row.flops / 1e6:.1f}" if row.flops else "", rate, f"{row.seconds * 1e6:.0f}",
             f"{row.seconds / total:.0%}"[:-1], row.does)
        )  # fmt: skip
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    left = (0, 1, 2, 3, 9)
    text = [
        "  ".join(
            cell.ljust(w) if i in left else cell.rjust(w) for i, (cell, w) in enumerate(zip(line, widths))
        ).rstrip()
        for line in lines
    ]
    text.append(_sums(program, rows))
    return "\n".join(text)


def _sums(program: Program, rows: list[Row]) -> str:
    segments = [step.run for step in program.steps if isinstance(step.run, Segment)]
    arena = sum(s.plan.arena_bytes for s in segments)
    temporary = sum(b.nbytes for s in segments for b in s.recipe.buffers if b.kind == TEMPORARY)
    packed = sum(p.data.nbytes for s in segments for p in s.recipe.packed)
    calls = sum(row.step == "call" for row in rows)
    groups = [g for s in segments for g in s.groups]
    grouped = ""
    if groups:
        each = " or ".join(map(str, sorted({g.samples for g in groups})))
        grouped = (
            f"; {sum(g.end - g.first for g in groups)} of the steps in {len(groups)} groups, {each} of the samples at "
            f"a time, {max(g.nbytes for g in groups) / 1e6:.2f} MB a thread"
        )
    flops, seconds = sum(row.flops for row in rows), sum(row.seconds for row in rows)
    return (
        f"{len(rows)} steps in {len(segments)} compiled segments, {calls} of them calls; {flops / 1e6:.0f} MFLOP, "
        f"{seconds * 1e6:.0f} us; arena {arena / 1e6:.2f} MB for {temporary / 1e6:.2f} MB of intermediate results; "
        f"packed weights {packed / 1e6:.2f} MB{grouped}"
    )
