"""Packed weights: linear products, saving, refusals."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from kernels.blocked import normal, run
from kernels.common import at_threads


def product(ops: Any, x: np.ndarray, w: np.ndarray, bias: np.ndarray | None = None, **options: Any) -> np.ndarray:
    packed = ops.pack_linear(w)

    def add(plan: Any, b: list[int], y: int) -> None:
        plan.linear(b[0], y, packed, plan.constant(bias) if bias is not None else -1, rows=len(x), **options)

    return run(ops, [x], (len(x), len(w)), add)


@pytest.mark.parametrize("size", [(1, 1, 1), (1, 1024, 1000), (3, 70, 33), (8, 500, 16), (9, 48, 17), (65, 200, 130)])
def test_linear(ops: Any, size: tuple[int, int, int]) -> None:
    rows, k, columns = size
    x, w, bias = normal((rows, k)), normal((columns, k), 1), normal((columns,), 2)
    y = at_threads(ops, lambda: product(ops, x, w, bias))
    expected = x.astype(np.float64) @ w.T.astype(np.float64) + bias
    np.testing.assert_allclose(y, expected, rtol=1e-5, atol=1.2e-6 * k**0.5)


def test_rows_beside_a_row_change_no_bit(ops: Any) -> None:
    x, w = normal((200, 300)), normal((50, 300), 1)
    y = product(ops, x, w)
    for lo, hi in [(0, 1), (5, 7), (3, 20), (10, 75), (199, 200)]:
        np.testing.assert_array_equal(product(ops, np.ascontiguousarray(x[lo:hi]), w), y[lo:hi])


@pytest.mark.parametrize("rows", [1, 30])
def test_epilogue(ops: Any, rows: int) -> None:
    x, w, residual = normal((rows, 40)), normal((37, 40), 1), normal((rows, 37), 2)
    packed = ops.pack_linear(w)

    def add(plan: Any, b: list[int], y: int) -> None:
        plan.linear(b[0], y, packed, -1, b[1], rows=rows, activation="gelu")

    np.testing.assert_array_equal(run(ops, [x, residual], (rows, 37), add), ops.gelu(product(ops, x, w) + residual))


@pytest.mark.parametrize(
    ("shape", "groups", "kind"),
    [
        ((20, 24, 3, 3), 1, "dense"),
        ((20, 3, 3, 3), 1, "stem"),
        ((20, 1, 3, 3), 20, "depthwise"),
        ((32, 16, 1, 1), 2, "grouped"),
    ],
)
def test_packed_weights_come_back(ops: Any, shape: tuple[int, ...], groups: int, kind: str) -> None:
    packed = ops.pack_conv2d(normal(shape), groups)
    assert packed.kind == kind
    assert packed.shape == shape
    again = ops.Packed.load(packed.data, packed.meta)
    assert again.data is packed.data
    assert again.meta == packed.meta


def test_every_level_packs_alike() -> None:
    import importlib

    from kernels.common import LEVELS

    weight = normal((20, 33, 3, 3))
    modules = [importlib.import_module(f"lucid._{level}._ops" if level else "lucid._ops") for level in LEVELS]
    first, *others = [module.pack_conv2d(weight).data for module in modules]
    for other in others:
        np.testing.assert_array_equal(other, first)


def test_refusals(ops: Any) -> None:
    with pytest.raises(ValueError, match="expected groups of a multiple of 16 channels on both sides"):
        ops.pack_conv2d(normal((8, 3, 3, 3)), 2)
    small = ops.pack_conv2d(normal((32, 4, 3, 3)), 8)
    assert (small.kind, small.meta["groups"]) == ("small", 8)
    for shape, groups in (([32, 4, 3, 3], 4), ([64, 4, 3, 3], 8), ([32, 16, 3, 3], 2), ([32, 4, 3, 3], 1)):
        with pytest.raises(ValueError, match="expected groups of 2, 4 or 8 channels on both sides"):
            ops.Packed.load(small.data, {"kind": "small", "shape": shape, "groups": groups})
    with pytest.raises(ValueError, match="does not fit 3 groups"):
        ops.pack_conv2d(normal((8, 4, 3, 3)), 3)
    with pytest.raises(
        TypeError, match=r"pack_linear: expected a float32 weight of 2 dimensions, got float64 \(2, 2\)"
    ):
        ops.pack_linear(np.ones((2, 2)))
    packed = ops.pack_linear(normal((20, 5)))
    with pytest.raises(
        ValueError, match=r"expected contiguous float32 \(160,\) for linear \(20, 5\), got float32 \(3,\)"
    ):
        ops.Packed.load(np.zeros(3, np.float32), packed.meta)
    with pytest.raises(ValueError, match="expected dense, grouped, stem"):
        ops.Packed.load(packed.data, {"kind": "round", "shape": [20, 5], "groups": 1})
