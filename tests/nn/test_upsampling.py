"""Resizing: options against PyTorch, exactness, modules, refusals."""

from __future__ import annotations

import functools
import itertools
from typing import Any

import numpy as np
import pytest
from nn.parity import compare, draw, torch

import lucid
import lucid.nn.functional as F
from lucid import nn


@pytest.mark.parity
@pytest.mark.parametrize("mode,shape", [
    ("nearest", (2, 3, 7)), ("nearest-exact", (2, 3, 7, 5)), ("nearest", (1, 2, 4, 5, 3)), ("area", (2, 3, 7)), ("area", (2, 3, 7, 5)),
    ("area", (1, 2, 4, 5, 3)), ("linear", (2, 3, 7)), ("bilinear", (2, 3, 7, 5)), ("bicubic", (2, 3, 7, 5)), ("trilinear", (1, 2, 4, 5, 3)),
])  # fmt: skip
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_matches_pytorch(mode: str, shape: tuple[int, ...], dtype: str) -> None:
    spatial = len(shape) - 2
    options: list[dict[str, Any]] = [
        dict(size=3), dict(size=11), dict(size=1), dict(size=(9, 2, 6)[:spatial]), dict(size=shape[2:]), dict(scale_factor=2),
        dict(scale_factor=0.5), dict(scale_factor=1.3, recompute_scale_factor=True), dict(scale_factor=(2.5, 0.7, 1.9)[:spatial]),
    ]  # fmt: skip
    corners = (None,) if mode in ("nearest", "nearest-exact", "area") else (None, False, True)
    smooth = (False, True) if mode in ("bilinear", "bicubic") else (False,)
    for o, align_corners, antialias in itertools.product(options, corners, smooth):
        p = dict(o, mode=mode, align_corners=align_corners, antialias=antialias)
        ours, theirs = functools.partial(F.interpolate, **p), functools.partial(torch().nn.functional.interpolate, **p)
        compare(ours, theirs, draw(*shape, dtype=dtype), dtype=dtype)


@pytest.mark.parity
@pytest.mark.parametrize("mode", ["nearest", "nearest-exact"])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_nearest_rounds_as_pytorch_does(mode: str, dtype: str) -> None:
    t = torch()
    x = np.arange(200, dtype=dtype).reshape(1, 1, -1)
    rng = np.random.default_rng(0)
    for _ in range(1000):
        n, m, factor = int(rng.integers(1, 200)), int(rng.integers(1, 400)), float(rng.uniform(1, 4))
        for p in ({"size": m}, {"scale_factor": factor}):
            mine = F.interpolate(lucid.tensor(x[..., :n]), mode=mode, **p)
            theirs = t.nn.functional.interpolate(t.tensor(x[..., :n]), mode=mode, **p)
            np.testing.assert_array_equal(mine.numpy(), theirs.numpy(), f"{n} {p}")


@pytest.mark.parametrize("dtype", [lucid.uint8, lucid.int64, lucid.bool_])
def test_nearest_takes_any_dtype(dtype: Any) -> None:
    y = F.interpolate(lucid.tensor([[[0, 1]]]).to(dtype), scale_factor=2)
    assert y.dtype is dtype and y.long().tolist() == [[[0, 0, 1, 1]]]


def test_the_same_size_is_a_copy() -> None:
    x = lucid.randn(1, 2, 3, 4)
    for p in ({"mode": "nearest"}, {"mode": "bilinear"}, {"mode": "bicubic"}, {"mode": "bilinear", "antialias": True}):
        y = F.interpolate(x, size=(3, 4), **p)
        assert lucid.equal(y, x) and y.data_ptr() != x.data_ptr()


def test_modules() -> None:
    x = lucid.randn(2, 3, 4, 5)
    assert lucid.equal(nn.Upsample(scale_factor=(2, 3))(x), F.interpolate(x, scale_factor=(2.0, 3.0)))
    assert lucid.equal(nn.UpsamplingNearest2d(size=7)(x), F.interpolate(x, 7))
    assert lucid.equal(
        nn.UpsamplingBilinear2d(scale_factor=2)(x),
        F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=True),
    )
    assert repr(nn.Upsample(scale_factor=2, mode="bicubic")) == "Upsample(scale_factor=2.0, mode='bicubic')"
    assert repr(nn.UpsamplingNearest2d(size=(3, 4))) == "UpsamplingNearest2d(size=(3, 4), mode='nearest')"


def test_deprecated_names_warn() -> None:
    x = lucid.randn(1, 1, 2, 2)
    for f in (F.upsample, F.upsample_nearest, F.upsample_bilinear):
        with pytest.warns(UserWarning, match=f"{f.__name__} is deprecated; use interpolate"):
            f(x, scale_factor=2)


REFUSED = [
    (dict(), ValueError, "expected exactly one of size and scale_factor"),
    (dict(size=2, scale_factor=2), ValueError, "expected exactly one of size and scale_factor"),
    (dict(size=2, recompute_scale_factor=True), ValueError, "recompute_scale_factor has no meaning with size"),
    (dict(size=(2, 2, 2)), ValueError, r"expected size to be a number or to have 2 entries, one for each spatial dimension, got \(2, 2, 2\)"),
    (dict(size=1.5), TypeError, "expected size to be an int or a tuple of ints, got 1.5"),
    (dict(size=0), RuntimeError, r"input and output sizes should be positive, got \(3, 4\) and \[0, 0\]"),
    (dict(scale_factor=-1), ValueError, "expected scale_factor to be positive and finite, got -1"),
    (dict(size=2, mode="linear"), NotImplementedError, r"mode 'linear' needs 3-d input, got shape \(1, 2, 3, 4\)"),
    (dict(size=2, mode="best"), NotImplementedError, "mode must be one of nearest, nearest-exact, area, linear, .*, got 'best'"),
    (dict(size=2, align_corners=True), ValueError, "align_corners has no meaning for mode 'nearest'"),
    (dict(size=2, antialias=True), ValueError, "antialias needs mode bilinear, bicubic or lanczos, got 'nearest'"),
    (dict(size=2, mode="lanczos"), ValueError, "mode 'lanczos' needs antialias=True and no align_corners"),
]  # fmt: skip


@pytest.mark.parametrize("options,kind,message", REFUSED)
def test_refusals(options: dict[str, Any], kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match="interpolate: " + message):
        F.interpolate(lucid.ones(1, 2, 3, 4), **options)


def test_integers_are_refused_where_means_are_taken() -> None:
    with pytest.raises(TypeError, match="interpolate: mode 'bilinear' needs a floating-point tensor, got lucid.int64"):
        F.interpolate(lucid.ones(1, 1, 2, 2).long(), size=3, mode="bilinear")
    with pytest.raises(ValueError, match="Upsample: expected exactly one of size and scale_factor"):
        nn.Upsample()(lucid.ones(1, 1, 2))
