"""Pooling: values from the definition, errors, gradients, PyTorch."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
from nn.parity import compare, draw, torch

import lucid
import lucid.nn.functional as F
from lucid import nn
from lucid.autograd import gradcheck, gradgradcheck

INF, NAN = math.inf, math.nan


def test_max_pool_takes_the_first_of_equal_maxima() -> None:
    y, i = F.max_pool2d(lucid.ones(1, 1, 4, 4), 2, return_indices=True)
    assert y.tolist() == [[[[1.0, 1.0], [1.0, 1.0]]]]
    assert i.dtype is lucid.int64 and i.tolist() == [[[[0, 2], [8, 10]]]]


def test_max_pool_pads_with_minus_infinity() -> None:
    y, i = F.max_pool1d(lucid.tensor([[-3.0, -INF, -INF, -INF]]), 2, padding=1, return_indices=True)
    assert y.tolist() == [[-3.0, -INF, -INF]]
    assert i.tolist() == [[0, 1, 3]]


def test_max_pool_keeps_nan() -> None:
    y = F.max_pool1d(lucid.tensor([[1.0, NAN, 2.0, 3.0]]), 2).numpy()
    assert np.isnan(y[0, 0]) and y[0, 1] == 3.0


def test_max_pool_gradient_goes_to_the_maximum_of_every_window() -> None:
    x = lucid.tensor([[1.0, 5.0, 2.0]], requires_grad=True)
    F.max_pool1d(x, 2, stride=1).sum().backward()
    assert x.grad is not None and x.grad.tolist() == [[0.0, 2.0, 0.0]]


def test_max_pool_indices_have_no_gradient() -> None:
    _, i = F.max_pool2d(lucid.ones(1, 4, 4, requires_grad=True), 2, return_indices=True)
    assert not i.requires_grad


def test_ceil_mode_drops_windows_that_begin_beyond_the_input() -> None:
    x = lucid.arange(5.0).reshape(1, 5)
    assert F.max_pool1d(x, 2, ceil_mode=True).tolist() == [[1.0, 3.0, 4.0]]
    assert F.max_pool1d(x, 2).tolist() == [[1.0, 3.0]]
    assert F.max_pool1d(x[:, :1], 1, stride=3, ceil_mode=True).tolist() == [[0.0]]


def test_avg_pool_counts_padding_or_not() -> None:
    x = lucid.tensor([[2.0, 4.0, 6.0]])
    assert F.avg_pool1d(x, 2, padding=1).tolist() == [[1.0, 5.0]]
    assert F.avg_pool1d(x, 2, padding=1, count_include_pad=False).tolist() == [[2.0, 5.0]]
    y = F.avg_pool2d(x.reshape(1, 1, 3), (1, 2), padding=(0, 1), divisor_override=4)
    assert y.tolist() == [[[0.5, 2.5]]]


def test_adaptive_windows_overlap_where_sizes_do_not_divide() -> None:
    x = lucid.tensor([[1.0, 2.0, 4.0, 8.0, 16.0]])
    expected = [[(1 + 2) / 2, (2 + 4 + 8) / 3, (8 + 16) / 2]]
    np.testing.assert_allclose(F.adaptive_avg_pool1d(x, 3).numpy(), expected, rtol=1e-6)


def test_adaptive_pool_sizes() -> None:
    x = lucid.ones(2, 3, 5, 7)
    assert F.adaptive_avg_pool2d(x, (None, 3)).shape == (2, 3, 5, 3)
    assert F.adaptive_avg_pool2d(x, 2).shape == (2, 3, 2, 2)
    assert F.adaptive_avg_pool2d(x[0], (10, 1)).shape == (3, 10, 1)


@pytest.mark.parametrize(
    "pool", [nn.MaxPool2d(2), nn.AvgPool2d(2), nn.AdaptiveAvgPool2d(2)], ids=lambda m: type(m).__name__
)
def test_empty_batch(pool: nn.Module) -> None:
    x = lucid.zeros(0, 3, 4, 4, requires_grad=True)
    y = pool(x)
    assert y.shape == (0, 3, 2, 2)
    y.sum().backward()
    assert x.grad is not None and x.grad.shape == x.shape


@pytest.mark.parametrize("one_d", [False, True])
def test_unbatched(one_d: bool) -> None:
    x = lucid.tensor(draw(3, 6) if one_d else draw(3, 6, 7))
    names = ("max_pool", "avg_pool", "adaptive_avg_pool")
    for f in (getattr(F, name + ("1d" if one_d else "2d")) for name in names):
        assert lucid.equal(f(x, 2), f(x.unsqueeze(0), 2).squeeze(0))


def test_gradients_of_both_orders() -> None:
    x = lucid.tensor(draw(2, 2, 5, 6), requires_grad=True)
    functions: list[Any] = [
        lambda x: F.max_pool2d(x, (2, 3), (1, 2), (1, 1), (2, 1), True),
        lambda x: F.avg_pool2d(x, 3, 2, 1, True, False),
        lambda x: F.adaptive_avg_pool2d(x, (3, 4)),
    ]
    for f in functions:
        assert gradcheck(f, (x,))
        assert gradgradcheck(lambda x, f=f: f(x) ** 2, (x,))


@pytest.mark.parametrize(
    "call, error, message",
    [
        (lambda: F.max_pool2d(lucid.ones(2, 1, 1, 1), 2), RuntimeError,
         r"max_pool2d: the window spans 2 elements, more than the padded input has \(input \(2, 1, 1, 1\), padding 0\)"),
        (lambda: F.max_pool2d(lucid.ones(1, 5, 5), 2, padding=2), ValueError,
         r"max_pool2d: padding 2 is more than half of the window \(kernel_size 2, dilation 1\)"),
        (lambda: F.max_pool2d(lucid.ones(5, 5), 2), RuntimeError,
         r"max_pool2d: expected a 3-d \(unbatched\) or 4-d \(batched\) input, got shape \(5, 5\)"),
        (lambda: F.max_pool1d(lucid.ones(5), 2), RuntimeError,
         r"max_pool1d: expected a 2-d \(unbatched\) or 3-d \(batched\) input, got shape \(5,\)"),
        (lambda: F.max_pool2d(lucid.ones(1, 5, 5).bool(), 2), RuntimeError,
         "max_pool2d: expected float32 or float64 input, got lucid.bool"),
        (lambda: F.max_pool2d(lucid.full((1, 5, 5), 2**53 + 1), 2), RuntimeError,
         r"max_pool2d: expected integers of magnitude up to 2\^53, got lucid.int64 beyond"),
        (lambda: F.avg_pool2d(lucid.ones(1, 5, 5), 0), ValueError, "avg_pool2d: kernel_size must be positive, got 0"),
        (lambda: F.avg_pool2d(lucid.ones(1, 5, 5), 2, (1, 0)), ValueError,
         r"avg_pool2d: stride must be positive, got \(1, 0\)"),
        (lambda: F.avg_pool2d(lucid.ones(1, 5, 5), 2, divisor_override=0), ValueError,
         "avg_pool2d: divisor_override must not be zero"),
        (lambda: F.avg_pool1d(lucid.ones(1, 5), (2, 2)), ValueError,
         r"avg_pool1d: kernel_size must be an int or a tuple of 1 ints, got \(2, 2\)"),
        (lambda: F.adaptive_avg_pool2d(lucid.ones(1, 5, 5), (1, 2, 3)), ValueError,
         r"adaptive_avg_pool2d: output_size must be an int or a tuple of 2 ints, got \(1, 2, 3\)"),
        (lambda: F.adaptive_avg_pool1d(lucid.ones(1, 5), -1), ValueError,
         "adaptive_avg_pool1d: output_size must be positive, got -1"),
        (lambda: F.adaptive_avg_pool1d(lucid.ones(1, 0), 2), RuntimeError,
         "adaptive_avg_pool1d: expected non-empty spatial dimensions"),
        (lambda: nn.MaxPool2d(2, padding=3), ValueError, "MaxPool2d: padding 3 is more than half of the window"),
        (lambda: nn.MaxPool1d(0), ValueError, "MaxPool1d: kernel_size must be positive, got 0"),
        (lambda: nn.AvgPool2d(2, divisor_override=0), ValueError, "AvgPool2d: divisor_override must not be zero"),
        (lambda: nn.Sequential(nn.AvgPool2d(3))(lucid.ones(1, 2, 2)), RuntimeError,
         "AvgPool2d '0': the window spans 3 elements"),
    ],
)  # fmt: skip
def test_errors(call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match="^" + message):
        call()


def test_repr() -> None:
    assert repr(nn.MaxPool2d(3)) == "MaxPool2d(kernel_size=3, stride=3, padding=0, dilation=1, ceil_mode=False)"
    assert repr(nn.AvgPool1d(3)) == "AvgPool1d(kernel_size=(3,), stride=(3,), padding=(0,))"
    assert repr(nn.AvgPool2d((3, 2), 1)) == "AvgPool2d(kernel_size=(3, 2), stride=1, padding=0)"
    assert repr(nn.AdaptiveAvgPool2d((1, None))) == "AdaptiveAvgPool2d(output_size=(1, None))"


def with_ties(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(-3, 3, shape).astype(np.float64)


@pytest.mark.parity
@pytest.mark.parametrize(
    "kernel, stride, padding, dilation, ceil_mode",
    list(itertools.product((2, 3, (3, 2)), (None, 1, (2, 3)), (0, 1), (1, 2), (False, True))),
)
def test_max_pool2d_parity(kernel: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool) -> None:
    t = torch()
    options = (kernel, stride, padding, dilation, False, ceil_mode)
    for x in (draw(2, 3, 8, 9), with_ties(1, 2, 7, 6), draw(3, 6, 7)):
        compare(nn.MaxPool2d(*options), t.nn.MaxPool2d(*options), x)
        _, i = nn.MaxPool2d(kernel, stride, padding, dilation, True, ceil_mode)(lucid.tensor(x))
        _, j = t.nn.MaxPool2d(kernel, stride, padding, dilation, True, ceil_mode)(t.tensor(x))
        np.testing.assert_array_equal(i.numpy(), j.numpy())


@pytest.mark.parity
@pytest.mark.parametrize(
    "kernel, stride, padding, ceil_mode, include, divisor",
    list(itertools.product((2, (3, 2)), (None, 1, (2, 3)), (0, 1), (False, True), (False, True), (None, 5))),
)
def test_avg_pool2d_parity(
    kernel: Any, stride: Any, padding: Any, ceil_mode: bool, include: bool, divisor: int | None
) -> None:
    options = (kernel, stride, padding, ceil_mode, include, divisor)
    compare(nn.AvgPool2d(*options), torch().nn.AvgPool2d(*options), draw(2, 3, 8, 9))


@pytest.mark.parity
@pytest.mark.parametrize(
    "kernel, stride, padding, ceil_mode", list(itertools.product((2, 3), (None, 1, 4), (0, 1), (False, True)))
)
def test_pool1d_parity(kernel: int, stride: int | None, padding: int, ceil_mode: bool) -> None:
    t = torch()
    compare(
        nn.MaxPool1d(kernel, stride, padding, 2, ceil_mode=ceil_mode),
        t.nn.MaxPool1d(kernel, stride, padding, 2, ceil_mode=ceil_mode),
        draw(2, 3, 11),
    )
    for include in (False, True):
        options = (kernel, stride, padding, ceil_mode, include)
        compare(nn.AvgPool1d(*options), t.nn.AvgPool1d(*options), draw(2, 3, 11))


@pytest.mark.parity
@pytest.mark.parametrize("size", [1, 2, 3, 7, 9, (3, None), (None, 4)])
def test_adaptive_avg_pool_parity(size: Any) -> None:
    t = torch()
    compare(nn.AdaptiveAvgPool2d(size), t.nn.AdaptiveAvgPool2d(size), draw(2, 3, 7, 8))
    if isinstance(size, int):
        compare(nn.AdaptiveAvgPool1d(size), t.nn.AdaptiveAvgPool1d(size), draw(2, 3, 8))


@pytest.mark.parity
@pytest.mark.parametrize("shape", [(1, 1, 1, 1), (1, 1, 2, 3), (2, 17, 33, 31)])
def test_global_average_parity_float32(shape: tuple[int, ...]) -> None:
    compare(nn.AdaptiveAvgPool2d(1), torch().nn.AdaptiveAvgPool2d(1), draw(*shape, dtype="float32"), dtype="float32")
