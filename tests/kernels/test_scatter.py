"""Input gradients of strided convolutions: one product whose taps' rows are added up."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest

from lucid import _ops


class Layer(NamedTuple):
    samples: int
    rows: int  # channels of dy
    channels: int  # channels of dx
    image: tuple[int, int]
    kernel: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[tuple[int, int], tuple[int, int]] = ((0, 0), (0, 0))
    dilation: tuple[int, int] = (1, 1)
    groups: int = 1

    @property
    def size(self) -> tuple[int, int]:
        spans = ((k - 1) * d + 1 for k, d in zip(self.kernel, self.dilation, strict=True))
        sizes = zip(self.image, spans, self.padding, self.stride, strict=True)
        height, width = ((n + sum(p) - k) // s + 1 for n, k, p, s in sizes)
        return height, width


LAYERS = [
    Layer(3, 16, 9, (14, 14), (4, 4), (2, 2), ((1, 1), (1, 1))),  # the transposed layers of generators
    Layer(2, 12, 5, (15, 17), (3, 3), (2, 2), ((1, 1), (1, 1))),  # odd widths
    Layer(2, 8, 3, (131, 150), (7, 7), (2, 2), ((3, 3), (3, 3))),  # bands of rows
    Layer(1, 200, 4, (61, 129), (5, 3), (2, 1), ((2, 2), (1, 1))),  # bands, two blocks of k
    Layer(2, 16, 3, (20, 21), (3, 3), (1, 1), ((1, 1), (1, 1))),  # few channels
    Layer(5, 24, 12, (9, 10), (3, 2), (3, 2), ((0, 1), (2, 0)), groups=3),
    Layer(2, 9, 4, (13, 16), (3, 3), (2, 3), ((2, 2), (3, 3)), (2, 2)),
    Layer(2, 8, 2, (12, 11), (2, 2), (3, 4)),  # pixels that no tap reaches
    Layer(2, 10, 1, (1, 305), (1, 10), (1, 5)),
]
# Large enough for fewer multiplications (winograd_transposed.pxi).
TRANSPOSED = [
    Layer(5, 96, 48, (28, 28), (4, 4), (2, 2), ((1, 1), (1, 1))),  # several samples of a few tiles
    Layer(2, 101, 33, (27, 30), (4, 4), (2, 2), ((0, 2), (3, 1))),  # rows, columns and channels that fill nothing
    Layer(1, 96, 34, (28, 29), (4, 4), (2, 2), ((3, 3), (3, 3))),
    Layer(2, 97, 32, (41, 44), (3, 3), (2, 2), ((1, 1), (1, 1))),
    Layer(2, 192, 64, (38, 40), (3, 3), (2, 2), ((0, 1), (2, 0)), groups=2),
    Layer(1, 700, 32, (60, 90), (4, 4), (2, 2), ((1, 1), (1, 1))),  # bands of rows
    Layer(2, 700, 32, (95, 71), (3, 3), (2, 2), ((0, 0), (1, 2))),
]
LAYERS += TRANSPOSED


def operands(layer: Layer, dtype: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    generator = np.random.default_rng(0)
    dy = generator.standard_normal((layer.samples, layer.rows, *layer.size)).astype(dtype)
    w = generator.standard_normal((layer.rows, layer.channels // layer.groups, *layer.kernel)).astype(dtype)
    return dy, w, generator.standard_normal(layer.channels).astype(dtype)


def expected(layer: Layer, dy: np.ndarray, w: np.ndarray, bias: np.ndarray) -> np.ndarray:
    (top, bottom), (left, right) = layer.padding
    (height, width), (h, v) = layer.image, layer.size
    (sy, sx), (ey, ex) = layer.stride, layer.dilation
    dx = np.zeros((layer.samples, layer.channels, height + top + bottom, width + left + right))
    outs, ins = layer.rows // layer.groups, layer.channels // layer.groups
    for g in range(layer.groups):
        for i in range(layer.kernel[0]):
            for j in range(layer.kernel[1]):
                piece = np.einsum("oc,nohw->nchw", w[g * outs : (g + 1) * outs, :, i, j].astype(float),
                                  dy[:, g * outs : (g + 1) * outs].astype(float))  # fmt: skip
                rows, columns = slice(i * ey, i * ey + sy * h, sy), slice(j * ex, j * ex + sx * v, sx)
                dx[:, g * ins : (g + 1) * ins, rows, columns] += piece
    return dx[:, :, top : top + height, left : left + width] + bias[:, None, None]


def gradient(layer: Layer, dy: np.ndarray, w: np.ndarray, bias: np.ndarray) -> np.ndarray:
    shape = (len(dy), layer.channels, *layer.image)
    return _ops.conv2d_input_grad(dy, w, shape, layer.stride, layer.padding, layer.dilation, layer.groups, bias)


def takes_fewer(layer: Layer, dy: np.ndarray, w: np.ndarray, bias: np.ndarray) -> bool:
    """Whether the bits are not those of the direct sums."""
    found = gradient(layer, dy, w, bias)
    _ops.set_winograd(False)
    try:
        return gradient(layer, dy, w, bias).tobytes() != found.tobytes()
    finally:
        _ops.set_winograd(True)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("layer", LAYERS, ids=str)
def test_values(layer: Layer, dtype: str) -> None:
    dy, w, bias = operands(layer, dtype)
    y = expected(layer, dy, w, bias)
    tolerance = 2e-5 if dtype == "float32" else 1e-12
    assert dtype == "float64" or layer not in TRANSPOSED or takes_fewer(layer, dy, w, bias)
    np.testing.assert_allclose(gradient(layer, dy, w, bias), y, rtol=tolerance, atol=tolerance * np.abs(y).max())


@pytest.mark.parametrize("layer", LAYERS, ids=str)
def test_bits_depend_on_neither_threads_nor_batch(layer: Layer) -> None:
    dy, w, bias = operands(layer, "float32")
    threads = _ops.get_num_threads()
    try:
        _ops.set_grain_scale(0)
        _ops.set_num_threads(1)
        once = gradient(layer, dy, w, bias)
        for n in (2, 3, 8):
            _ops.set_num_threads(n)
            assert gradient(layer, dy, w, bias).tobytes() == once.tobytes()
        for i in range(layer.samples):
            assert gradient(layer, dy[i : i + 1], w, bias)[0].tobytes() == once[i].tobytes()
    finally:
        _ops.set_grain_scale(1)
        _ops.set_num_threads(threads)


def test_not_finite_values_reach_what_they_touch_alone() -> None:
    layer = LAYERS[0]
    dy, w, bias = operands(layer, "float32")
    clean = gradient(layer, dy, w, bias)
    dy[1, 3, 5, 2] = np.nan
    dx = gradient(layer, dy, w, bias)
    touched = np.zeros(dx.shape, bool)
    touched[1, :, 9:13, 3:7] = True
    assert np.isnan(dx[touched]).all()
    assert dx[~touched].tobytes() == clean[~touched].tobytes()


@pytest.mark.parametrize("value", [np.nan, np.inf, 3e38])
def test_not_finite_values_in_fewer_multiplications(value: float) -> None:
    """Its sample alone is computed by direct sums, which an infinity leaves as it should."""
    layer = TRANSPOSED[0]
    dy, w, bias = operands(layer, "float32")
    clean = gradient(layer, dy, w, bias)
    dy[1, 3, 5, 2] = value
    dx = gradient(layer, dy, w, bias)
    _ops.set_winograd(False)
    try:
        direct = gradient(layer, dy, w, bias)
    finally:
        _ops.set_winograd(True)
    assert not np.isfinite(dx[1]).all()
    assert dx[1].tobytes() == direct[1].tobytes()
    for i in (0, 2, 3, 4):
        assert dx[i].tobytes() == clean[i].tobytes()
