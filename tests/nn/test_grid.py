"""grid_sample and affine_grid: PyTorch's values on larger inputs, exactness, refusals."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from nn.parity import compare, draw, torch

import lucid
import lucid.nn.functional as F


@pytest.mark.parity
@pytest.mark.parametrize("mode", ["bilinear", "nearest", "bicubic"])
@pytest.mark.parametrize("padding_mode", ["zeros", "border", "reflection"])
@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_matches_pytorch(mode: str, padding_mode: str, align_corners: bool, dtype: str) -> None:
    p: dict[str, Any] = dict(mode=mode, padding_mode=padding_mode, align_corners=align_corners)
    if mode == "bicubic" and dtype == "float32":
        pytest.skip("cubics lose too much of the positions to compare gradients")
    for shape, points in (((2, 3, 7, 9), (2, 20, 11, 2)), ((2, 2, 4, 5, 6), (2, 5, 6, 7, 3))):
        if mode == "bicubic" and len(shape) == 5:
            continue
        x, grid = draw(*shape, dtype=dtype), np.random.default_rng(1).uniform(-2.5, 2.5, points).astype(dtype)
        ours, theirs = functools.partial(F.grid_sample, **p), functools.partial(torch().nn.functional.grid_sample, **p)
        if mode == "nearest":  # nothing flows to the grid
            ours, theirs = (
                functools.partial(ours, grid=lucid.tensor(grid)),
                functools.partial(theirs, grid=torch().tensor(grid)),
            )
            compare(ours, theirs, x, dtype=dtype)
        else:
            compare(ours, theirs, x, grid, dtype=dtype)


@pytest.mark.parametrize("mode", ["bilinear", "nearest", "bicubic"])
def test_the_identity_map_gives_the_input(mode: str) -> None:
    x = lucid.randn(2, 3, 5, 4, dtype=lucid.float64)
    theta = lucid.eye(2, 3, dtype=lucid.float64).expand(2, 2, 3)
    for corners in (False, True):
        y = F.grid_sample(x, F.affine_grid(theta, x.shape, align_corners=corners), mode=mode, align_corners=corners)
        np.testing.assert_allclose(y.numpy(), x.numpy(), atol=1e-13)


def test_nan_and_infinite_points() -> None:
    x = lucid.ones(1, 1, 2, 2)
    grid = lucid.tensor([[[[math.nan, 0.0], [math.inf, 0.0], [0.0, -math.inf]]]])
    for mode in ("bilinear", "nearest"):
        zeros, border = (
            F.grid_sample(x, grid, mode=mode, padding_mode=p).flatten().tolist() for p in ("zeros", "border")
        )
        assert math.isnan(zeros[0]) and zeros[1:] == [0, 0]
        assert math.isnan(border[0]) and border[1:] == [1, 1]


def test_infinities_stay_where_they_are_read() -> None:
    x = lucid.tensor([[[[1.0, 2.0, math.inf]]]])
    y = F.grid_sample(x, lucid.tensor([[[[0.0, 0.0], [0.5, 0.0], [-1.0, 0.0]]]]), align_corners=True)
    assert y.flatten().tolist() == [2, math.inf, 1]


x22, theta = lucid.ones(1, 1, 2, 2), lucid.ones(1, 2, 3)
REFUSED: list[tuple[Callable[[], Any], type[Exception], str]] = [
    (lambda: F.grid_sample(x22, lucid.ones(1, 2, 2, 3)), ValueError, r"grid_sample: expected input \(N, C, H, W\) with grid \(N, H', W', 2\), .*, got \(1, 1, 2, 2\) and \(1, 2, 2, 3\)"),
    (lambda: F.grid_sample(x22, lucid.ones(2, 2, 2, 2)), ValueError, "grid_sample: expected input"),
    (lambda: F.grid_sample(x22, lucid.ones(1, 2, 2, 2).double()), TypeError, "grid_sample: expected grid of dtype lucid.float32 like the input, got lucid.float64"),
    (lambda: F.grid_sample(x22, lucid.ones(1, 2, 2, 2), mode="linear"), ValueError, "grid_sample: mode must be 'bilinear', 'nearest' or 'bicubic', got 'linear'"),
    (lambda: F.grid_sample(x22, lucid.ones(1, 2, 2, 2), padding_mode="wrap"), ValueError, "grid_sample: padding_mode must be 'zeros', 'border' or 'reflection', got 'wrap'"),
    (lambda: F.grid_sample(lucid.ones(1, 1, 2, 2, 2), lucid.ones(1, 1, 1, 1, 3), mode="bicubic"), ValueError, "grid_sample: mode 'bicubic' is for planes"),
    (lambda: F.grid_sample(lucid.ones(1, 1, 0, 2), lucid.ones(1, 2, 2, 2)), ValueError, "grid_sample: expected input with non-empty planes"),
    (lambda: F.affine_grid(theta, (1, 1, 2)), ValueError, r"affine_grid: expected size \(N, C, H, W\) or \(N, C, D, H, W\), got \(1, 1, 2\)"),
    (lambda: F.affine_grid(theta, (2, 1, 2, 2)), ValueError, r"affine_grid: expected theta of shape \(2, 2, 3\) for size \(2, 1, 2, 2\), got \(1, 2, 3\)"),
    (lambda: F.affine_grid(theta, (1, 1, 0, 2)), ValueError, r"affine_grid: expected positive sizes, got \(1, 1, 0, 2\)"),
]  # fmt: skip


@pytest.mark.parametrize("call,kind,message", REFUSED)
def test_refusals(call: Callable[[], Any], kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        call()


def test_gradients_of_points_on_elements() -> None:
    """The neighbour on the far side, of weight 0, counts for the slope; compiled or composed."""
    x = lucid.tensor([[[[1.0, 3.0, 7.0]]]], dtype=lucid.float64)
    for shape in ((1, 1, 1, 3), (1, 1, 1, 1, 3)):
        grid = lucid.zeros(1, *(1,) * (len(shape) - 2), len(shape) - 2, dtype=lucid.float64, requires_grad=True)
        F.grid_sample(x.reshape(*shape), grid, align_corners=True).sum().backward()
        assert grid.grad is not None and grid.grad.flatten()[0].item() == 4


@pytest.mark.parametrize("padding_mode", ["zeros", "border", "reflection"])
def test_gradients_differentiate_again(padding_mode: str) -> None:
    """The input and the points that depend on it: both ways into the gradient, and back out of it."""
    x = lucid.randn(2, 2, 3, 4, dtype=lucid.float64, requires_grad=True)
    theta = lucid.tensor([[[0.8, 0.1, 0.03], [-0.2, 0.7, 0.05]]], dtype=lucid.float64, requires_grad=True)

    def read(x: lucid.Tensor, theta: lucid.Tensor) -> lucid.Tensor:
        grid = F.affine_grid((theta * (1 + 0.1 * x.mean())).expand(2, 2, 3), (2, 2, 3, 3), align_corners=False)
        return F.grid_sample(x, grid, padding_mode=padding_mode, align_corners=False)

    assert lucid.autograd.gradcheck(read, (x, theta))
    assert lucid.autograd.gradgradcheck(read, (x, theta))
    nearest = F.grid_sample(x, lucid.zeros(2, 1, 1, 2, dtype=lucid.float64, requires_grad=True), mode="nearest")
    (dx,) = lucid.autograd.grad(nearest.sum(), x, create_graph=True)
    assert dx.sum().item() == 4 and not F.grid_sample(x.detach(), lucid.zeros(
        2, 1, 1, 2, dtype=lucid.float64, requires_grad=True), mode="nearest").requires_grad  # fmt: skip
