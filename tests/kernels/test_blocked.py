"""Convolution of blocked images against the definition, and the promise that bits never change."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from kernels.blocked import Pad, convolve, normal, run, to_blocked, to_plain
from kernels.common import at_threads


class Layer:
    """A convolution with its operands, run as a plan of one step."""

    def __init__(
        self, n: int, c: int, h: int, w: int, rows: int, kernel: tuple[int, int], stride: tuple[int, int] = (1, 1),
        padding: Pad = ((0, 0), (0, 0)), dilation: tuple[int, int] = (1, 1), groups: int = 1,
    ) -> None:  # fmt: skip
        self.x, self.w, self.bias = normal((n, c, h, w)), normal((rows, c // groups, *kernel), 1), normal((rows,), 2)
        self.geometry = (stride, padding, dilation)
        self.groups = groups

    def definition(self) -> np.ndarray:
        return convolve(self.x, self.w, *self.geometry, self.groups) + self.bias[:, None, None]

    def blocked(
        self,
        ops: Any,
        residual: np.ndarray | None = None,
        scale: np.ndarray | None = None,
        bias: bool = True,
        **options: Any,
    ) -> np.ndarray:
        stride, padding, dilation = self.geometry
        packed = ops.pack_conv2d(self.w, self.groups)
        n, c, h, w = self.x.shape
        shape = convolve(self.x[:, :, :, :], self.w, *self.geometry, self.groups).shape
        arrays = [self.x if packed.kind == "stem" else to_blocked(self.x)]
        arrays += [to_blocked(residual)] if residual is not None else []
        arrays += [scale] if scale is not None else []

        def add(plan: Any, x: list[int], y: int) -> None:
            plan.conv2d(
                x[0], y, packed, plan.constant(self.bias) if bias else -1, x[1] if residual is not None else -1,
                x[-1] if scale is not None else -1, n=n, c=c, h=h, w=w, stride=stride, padding=padding,
                dilation=dilation, **options,
            )  # fmt: skip

        y = run(ops, arrays, (n, -(-shape[1] // 16), *shape[2:], 16), add)
        return to_plain(y, shape[1])


def close(y: np.ndarray, expected: np.ndarray, terms: int) -> None:
    """Within the error bound of a sum of ``terms`` products of normal numbers."""
    assert y.shape == expected.shape
    np.testing.assert_allclose(y, expected, rtol=1e-5, atol=3e-7 * terms**0.5 * 4)


SAME = ((1, 1), (1, 1))
LAYERS = {
    "1x1": Layer(2, 24, 9, 7, 40, (1, 1)),
    "1x1 one pixel": Layer(3, 72, 1, 1, 20, (1, 1)),
    "1x1 stride": Layer(1, 32, 15, 15, 48, (1, 1), (2, 2)),
    "1x1 padded": Layer(1, 20, 4, 5, 33, (1, 1), padding=SAME),
    "1x1 deep": Layer(2, 500, 7, 7, 70, (1, 1)),
    "3x3": Layer(2, 33, 11, 17, 47, (3, 3), padding=SAME),
    "3x3 wide": Layer(1, 16, 5, 61, 16, (3, 3), padding=SAME),
    "3x3 stride": Layer(2, 40, 13, 14, 32, (3, 3), (2, 2), SAME),
    "3x3 stride 3": Layer(1, 18, 20, 23, 16, (3, 3), (3, 3), SAME),
    "3x3 one column": Layer(1, 16, 3, 1, 16, (3, 3), padding=SAME),
    "3x3 valid": Layer(1, 16, 8, 9, 16, (3, 3)),
    "3x3 dilated": Layer(1, 32, 12, 13, 17, (3, 3), padding=((2, 2), (2, 2)), dilation=(2, 2)),
    "5x5": Layer(2, 20, 9, 10, 31, (5, 5), padding=((2, 2), (2, 2))),
    "5x5 stride": Layer(1, 20, 11, 12, 16, (5, 5), (2, 2), ((2, 2), (2, 2))),
    "1x7": Layer(1, 17, 4, 12, 16, (1, 7), padding=((0, 0), (3, 3))),
    "7x1": Layer(1, 17, 12, 4, 16, (7, 1), padding=((3, 3), (0, 0))),
    "uneven": Layer(1, 21, 9, 11, 18, (2, 4), (1, 2), ((1, 0), (3, 2)), (2, 1)),
    "winograd": Layer(2, 40, 17, 19, 33, (3, 3), padding=SAME),
    "winograd valid": Layer(1, 64, 14, 15, 48, (3, 3), padding=((0, 1), (2, 0))),
    "groups": Layer(2, 96, 7, 6, 48, (3, 3), padding=SAME, groups=3),
    "stem": Layer(2, 3, 23, 29, 20, (3, 3), (2, 2), SAME),
    "stem 7x7": Layer(1, 3, 40, 46, 33, (7, 7), (2, 2), ((3, 3), (3, 3))),
    "stem patches": Layer(2, 3, 32, 48, 40, (16, 16), (16, 16)),
    "stem dilated": Layer(1, 2, 17, 18, 16, (3, 3), (1, 2), ((2, 1), (0, 3)), (2, 3)),
    "stem one": Layer(3, 1, 28, 28, 6, (5, 5)),
    "depthwise": Layer(2, 40, 15, 31, 40, (3, 3), padding=SAME, groups=40),
    "depthwise stride": Layer(2, 16, 16, 33, 16, (3, 3), (2, 2), SAME, groups=16),
    "depthwise 5x5": Layer(1, 33, 7, 7, 33, (5, 5), padding=((2, 2), (2, 2)), groups=33),
    "depthwise 5x5 stride": Layer(1, 33, 14, 14, 33, (5, 5), (2, 2), ((1, 2), (1, 2)), groups=33),
    "depthwise 7x7": Layer(2, 24, 9, 17, 24, (7, 7), padding=((3, 3), (3, 3)), groups=24),
    "depthwise 7x7 stride": Layer(2, 24, 9, 17, 24, (7, 7), (2, 2), ((3, 3), (3, 3)), groups=24),
    "depthwise dilated": Layer(1, 17, 9, 12, 17, (3, 3), padding=((2, 2), (2, 2)), dilation=(2, 2), groups=17),
    "depthwise odd": Layer(1, 16, 9, 12, 16, (4, 2), (1, 3), ((1, 2), (1, 0)), groups=16),
}


@pytest.mark.parametrize("name", LAYERS)
def test_values_and_threads(ops: Any, name: str) -> None:
    layer = LAYERS[name]
    y = at_threads(ops, lambda: layer.blocked(ops))
    close(y, layer.definition(), layer.w[0].size)


@pytest.mark.parametrize("name", ["1x1", "1x1 one pixel", "3x3", "winograd", "5x5", "stem", "depthwise", "groups"])
def test_position_in_the_batch_changes_no_bit(ops: Any, name: str) -> None:
    layer = LAYERS[name]
    alone = layer.blocked(ops)
    first = layer.x
    for before in (1, 2, 15):
        other = normal((before, *first.shape[1:]), 9)
        layer.x = np.concatenate([other, first])
        np.testing.assert_array_equal(layer.blocked(ops)[before:], alone)
    layer.x = first


@pytest.mark.parametrize("name", ["3x3", "1x1 one pixel", "stem", "depthwise", "depthwise 5x5", "winograd"])
@pytest.mark.parametrize("first", [False, True])
def test_residual(ops: Any, name: str, first: bool) -> None:
    layer = LAYERS[name]
    expected = layer.definition()
    residual = normal(expected.shape, 5)
    y = layer.blocked(ops, residual, activation="relu", activation_first=first)
    expected = np.maximum(expected, 0) + residual if first else np.maximum(expected + residual, 0)
    close(y, expected, layer.w[0].size)
    y = layer.blocked(ops, residual, activation="gelu", activation_first=first)
    plain = layer.blocked(ops)
    np.testing.assert_array_equal(y, ops.gelu(plain) + residual if first else ops.gelu(plain + residual))
    y = layer.blocked(ops, residual, activation="silu", activation_first=first)
    np.testing.assert_allclose(y, ops.silu(plain) + residual if first else ops.silu(plain + residual), 4e-7, 1e-6)


ACTIVATIONS = ["relu", "silu", "mish", "gelu", "gelu_tanh", "sigmoid", "tanh", "leaky_relu", "hardswish", "hardsigmoid"]


@pytest.mark.parametrize("name", ["1x1", "1x1 one pixel", "stem", "depthwise", "winograd"])
@pytest.mark.parametrize("activation", [*ACTIVATIONS, "elu", "selu", "hardtanh", "relu6"])
def test_activations_are_the_eager_ones(ops: Any, name: str, activation: str) -> None:
    layer = LAYERS[name]
    x = layer.blocked(ops)
    eager = ops.hardtanh(x, 0, 6) if activation == "relu6" else getattr(ops, activation)(x)
    y = layer.blocked(ops, activation=activation)
    if activation in ("silu", "sigmoid"):  # a formula of their own with AVX-512
        np.testing.assert_allclose(y, eager, rtol=4e-7)
    else:
        np.testing.assert_array_equal(y, eager)


@pytest.mark.parametrize("activation", ["silu", "sigmoid"])
def test_activations_with_a_formula_of_their_own(ops: Any, activation: str) -> None:
    x = np.concatenate([np.linspace(-130, 130, 99991, dtype=np.float32), normal((9,), 1)])
    plan = ops.Plan(0)
    plan.activation(plan.input(0, x.nbytes), plan.output(0, x.nbytes), size=x.size, activation=activation)

    def run(x: np.ndarray) -> np.ndarray:
        y = np.empty_like(x)
        plan.run((x,), (y,))
        return y

    wide = x.astype(np.float64)
    sigmoid = np.exp(np.minimum(wide, 0)) / (1 + np.exp(-np.abs(wide)))
    np.testing.assert_allclose(run(x), sigmoid if activation == "sigmoid" else wide * sigmoid, rtol=3e-7, atol=1e-37)
    x[:8] = 0, -0.0, np.inf, -np.inf, np.nan, 1e38, -1e38, 1e-44
    y = run(x)[:8]
    expected = (
        [0.5, 0.5, 1, 0, np.nan, 1, 0, 0.5] if activation == "sigmoid" else [0, -0.0, np.inf, -0.0, np.nan, 1e38, -0.0]
    )
    np.testing.assert_array_equal(y[: len(expected)], np.float32(expected))
    if activation == "silu":
        np.testing.assert_array_equal(np.signbit(y[:4]), [False, True, False, True])


def test_parameters_of_activations(ops: Any) -> None:
    layer = LAYERS["1x1"]
    x = layer.blocked(ops)
    y = layer.blocked(ops, activation="leaky_relu", parameters=(0.3,))
    np.testing.assert_array_equal(y, ops.leaky_relu(x, 0.3))
    y = layer.blocked(ops, activation="hardtanh", parameters=(-0.5, 2.0))
    np.testing.assert_array_equal(y, ops.hardtanh(x, -0.5, 2.0))
    y = layer.blocked(ops, activation="elu", parameters=(2.0,))
    np.testing.assert_array_equal(y, ops.elu(x, 2.0))


@pytest.mark.parametrize("name", ["1x1", "1x1 one pixel", "1x1 deep", "3x3", "5x5", "groups"])
def test_scale(ops: Any, name: str) -> None:
    layer = LAYERS[name]
    n, c = layer.x.shape[:2]
    scale = normal((n, 16 * -(-c // 16)), 7)
    y = at_threads(ops, lambda: layer.blocked(ops, scale=scale))
    x = layer.x
    layer.x = x * scale[:, :c, None, None]
    close(y, layer.definition(), layer.w[0].size)
    layer.x = x


@pytest.mark.parametrize("name", ["1x1", "3x3", "3x3 stride", "stem", "depthwise", "winograd"])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_not_finite_numbers_reach_what_reads_them(ops: Any, name: str, value: float) -> None:
    layer = LAYERS[name]
    x = layer.x.copy()
    layer.x[0, 0, 4, 3] = value
    expected = layer.definition()
    y = layer.blocked(ops)
    layer.x = x
    np.testing.assert_array_equal(np.isnan(y), np.isnan(expected))
    np.testing.assert_array_equal(y == np.inf, expected == np.inf)
    np.testing.assert_array_equal(y == -np.inf, expected == -np.inf)


def test_channels_beyond_the_last_stay_zero(ops: Any) -> None:
    x, w = to_blocked(normal((1, 20, 6, 6))), normal((20, 20, 3, 3))
    packed = ops.pack_conv2d(w)
    y = run(
        ops, [x], (1, 2, 6, 6, 16), lambda plan, b, y: plan.conv2d(b[0], y, packed, n=1, c=20, h=6, w=6, padding=SAME)
    )
    assert not y[:, 1, :, :, 4:].any()


def test_no_bias(ops: Any) -> None:
    layer = LAYERS["3x3"]
    close(layer.blocked(ops, bias=False), layer.definition() - layer.bias[:, None, None], layer.w[0].size)


def test_winograd_is_as_accurate_as_the_direct_sum(ops: Any) -> None:
    layer = LAYERS["winograd"]
    expected = layer.definition()
    fast = layer.blocked(ops)
    ops.set_winograd(False)
    direct = layer.blocked(ops)
    ops.set_winograd(True)
    assert (fast != direct).any()
    errors = [np.sqrt(np.mean((y - expected) ** 2)) for y in (fast, direct)]
    assert errors[0] <= 1.5 * errors[1]


def test_a_sample_that_is_not_finite_changes_no_other(ops: Any) -> None:
    layer = LAYERS["winograd"]
    x, alone = layer.x, layer.blocked(ops)
    layer.x = x.copy()
    layer.x[1, 3, 5, 5] = np.inf
    y = at_threads(ops, lambda: layer.blocked(ops))
    layer.x = x
    np.testing.assert_array_equal(y[0], alone[0])
    assert np.isfinite(y[1]).sum() == y[1].size - 9 * len(y[1])
