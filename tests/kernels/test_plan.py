"""Plans: several steps, many callers, refusals."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from kernels.blocked import normal
from kernels.common import at_threads

BYTES = 1 * 2 * 8 * 8 * 16 * 4  # of the images below


def two_layers(ops: Any) -> Any:
    """Two 3x3 convolutions of 32 channels with a residual, through the arena."""
    plan = ops.Plan(2 * BYTES)
    x, y = plan.input(0, BYTES), plan.output(0, BYTES)
    hidden = plan.arena(0, BYTES)
    size = {"n": 1, "c": 32, "h": 8, "w": 8, "padding": ((1, 1), (1, 1))}
    plan.conv2d(x, hidden, ops.pack_conv2d(normal((32, 32, 3, 3), 1)), activation="silu", **size)
    plan.conv2d(hidden, y, ops.pack_conv2d(normal((32, 32, 3, 3), 2)), -1, x, **size)
    return plan


def result(plan: Any, x: np.ndarray) -> np.ndarray:
    y = np.empty_like(x)
    plan.run((x,), (y,))
    return y


def test_threads_change_no_bit(ops: Any) -> None:
    plan, x = two_layers(ops), normal((1, 2, 8, 8, 16))
    y = at_threads(ops, lambda: result(plan, x))
    assert np.isfinite(y).all()
    np.testing.assert_array_equal(result(two_layers(ops), x), y)


def test_many_callers_at_once(ops: Any) -> None:
    plan = two_layers(ops)
    inputs = [normal((1, 2, 8, 8, 16), i) for i in range(8)]
    expected = [result(plan, x) for x in inputs]
    ops.set_grain_scale(0)
    ops.set_num_threads(2)
    with ThreadPoolExecutor(8) as pool:
        for _ in range(5):
            for y, other in zip(pool.map(lambda x: result(plan, x), inputs), expected, strict=True):
                np.testing.assert_array_equal(y, other)


def test_profile(ops: Any) -> None:
    plan, x = two_layers(ops), normal((1, 2, 8, 8, 16))
    y = np.empty_like(x)
    assert plan.times() == []
    seconds = plan.profile((x,), (y,))
    assert len(seconds) == len(plan.steps_added()) == 2
    assert all(0 <= value < 1 for value in seconds)
    assert plan.times() == seconds
    np.testing.assert_array_equal(y, result(plan, x))


def test_constants_are_read_at_every_run(ops: Any) -> None:
    weight = np.eye(16, dtype=np.float32)
    plan = ops.Plan(0)
    x, y = plan.input(0, 64), plan.output(0, 64)
    packed = ops.pack_linear(weight)
    plan.linear(x, y, packed, rows=1)
    a = normal((1, 16))
    np.testing.assert_array_equal(result(plan, a), a)
    np.multiply(packed.data, 2, out=packed.data)
    np.testing.assert_array_equal(result(plan, a), 2 * a)


def test_refusals(ops: Any) -> None:
    plan = two_layers(ops)
    x = normal((1, 2, 8, 8, 16))
    with pytest.raises(ValueError, match=r"Plan.run: expected 1 inputs, got 0"):
        plan.run((), (x,))
    with pytest.raises(
        ValueError, match=r"inputs\[0\] must be contiguous and of 8192 bytes, got float32 \(1, 2, 8, 8, 8\)"
    ):
        plan.run((x[..., :8],), (x,))
    frozen = x.copy()
    frozen.flags.writeable = False
    with pytest.raises(ValueError, match=r"Plan.run: outputs\[0\] is read-only"):
        plan.run((x,), (frozen,))
    result(plan, x)
    packed = ops.pack_linear(normal((16, 16)))
    with pytest.raises(ValueError, match=r"Plan.linear: the plan has run, it takes no more steps"):
        plan.linear(0, 1, packed, rows=1)
    plan = ops.Plan(128)
    with pytest.raises(ValueError, match="128 bytes at 64 do not fit an arena of 128 bytes"):
        plan.arena(64, 128)
    a, b = plan.arena(0, 64), plan.input(0, 64)
    with pytest.raises(ValueError, match=r"Plan.linear: x needs 192 bytes, buffer 0 has 64"):
        plan.linear(a, b, packed, rows=3)
    with pytest.raises(ValueError, match=r"Plan.linear: the output overlaps what the step reads"):
        plan.linear(a, a, packed, rows=1)
    with pytest.raises(ValueError, match=r"Plan.linear: y is buffer 7, of 2"):
        plan.linear(a, 7, packed, rows=1)
    with pytest.raises(ValueError, match=r"Plan.linear: bias must be a constant"):
        plan.linear(a, b, packed, a, rows=1)
    with pytest.raises(ValueError, match=r"Plan.linear: unknown activation 'relu9'"):
        plan.linear(a, b, packed, rows=1, activation="relu9")
    with pytest.raises(ValueError, match=r"Plan.linear: activation 'silu' takes no parameters \(1.0,\)"):
        plan.linear(a, b, packed, rows=1, activation="silu", parameters=(1.0,))
    with pytest.raises(ValueError, match=r"Plan.conv2d: the weight is packed for linear"):
        plan.conv2d(a, b, packed, n=1, c=16, h=1, w=1)


def grouped(ops: Any, samples: int, tasks: int) -> Any:
    """As ``two_layers`` for several samples, in a group of so many tasks, or of none."""
    n, each = samples // max(tasks, 1), samples * BYTES // max(tasks, 1)
    plan = ops.Plan(0 if tasks else samples * BYTES)
    x, y = plan.input(0, samples * BYTES), plan.output(0, samples * BYTES)
    if tasks:
        plan.begin_group(tasks, each)
        x, y, hidden = plan.part(x), plan.part(y), plan.private(0, each)
    else:
        hidden = plan.arena(0, each)
    size = {"n": n, "c": 32, "h": 8, "w": 8, "padding": ((1, 1), (1, 1))}
    plan.conv2d(x, hidden, ops.pack_conv2d(normal((32, 32, 3, 3), 1)), activation="silu", **size)
    plan.conv2d(hidden, y, ops.pack_conv2d(normal((32, 32, 3, 3), 2)), -1, x, **size)
    if tasks:
        plan.end_group()
    return plan


@pytest.mark.parametrize("tasks", [1, 3, 6])
def test_a_group_changes_no_bit(ops: Any, tasks: int) -> None:
    x = normal((6, 2, 8, 8, 16))
    x[4, 0, 3, 3, 5] = np.inf
    expected = result(grouped(ops, 6, 0), x)
    plan = grouped(ops, 6, tasks)
    np.testing.assert_array_equal(at_threads(ops, lambda: result(plan, x)), expected)
    assert np.isfinite(expected[:4]).all() and not np.isfinite(expected[4]).all()
    np.testing.assert_array_equal(result(plan, x[::-1].copy()), expected[::-1])


def test_profile_of_a_group(ops: Any) -> None:
    plan, x = grouped(ops, 6, 3), normal((6, 2, 8, 8, 16))
    y = np.empty_like(x)
    seconds = plan.profile((x,), (y,))
    assert len(seconds) == len(plan.steps_added()) == 2
    assert all(0 < value < 1 for value in seconds)
    np.testing.assert_array_equal(y, result(plan, x))


def test_refusals_of_groups(ops: Any) -> None:
    plan = ops.Plan(0)
    x, y = plan.input(0, 192), plan.output(0, 192)
    packed = ops.pack_linear(normal((16, 16)))
    with pytest.raises(ValueError, match=r"Plan.part: expected a buffer from before the group, in a group, got 0"):
        plan.part(x)
    with pytest.raises(ValueError, match=r"Plan.end_group: expected a group with at least one step"):
        plan.end_group()
    with pytest.raises(ValueError, match=r"Plan.begin_group: expected at least one task and no group within another"):
        plan.begin_group(0)
    plan.begin_group(3, 64)
    with pytest.raises(ValueError, match=r"Plan.begin_group: .* no group within another, got 3"):
        plan.begin_group(3)
    with pytest.raises(ValueError, match=r"Plan.private: 64 bytes at 64 do not fit the group's memory"):
        plan.private(64, 64)
    with pytest.raises(ValueError, match=r"Plan.part: expected a buffer from before the group, in a group, got 7"):
        plan.part(7)
    part = plan.part(x)
    with pytest.raises(ValueError, match=r"Plan.linear: the output overlaps what the step reads"):
        plan.linear(part, plan.part(x), packed, rows=1)
    with pytest.raises(ValueError, match=r"Plan.linear: x needs 192 bytes, buffer \d has 64"):
        plan.linear(part, plan.part(y), packed, rows=3)
    plan.linear(part, plan.part(y), packed, rows=1)
    with pytest.raises(ValueError, match=r"Plan.run: a group has no end"):
        plan.run((normal((3, 16)),), (normal((3, 16)),))
    plan.end_group()
    a, b = normal((3, 16)), normal((3, 16))
    plan.run((a,), (b,))
    assert np.isfinite(b).all()
    plan = ops.Plan(0)
    plan.input(0, 192)
    plan.begin_group(5)
    with pytest.raises(ValueError, match=r"Plan.part: 192 bytes are no 5 equal parts"):
        plan.part(0)
