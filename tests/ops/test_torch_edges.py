"""Edges where the libraries once differed: values, dtypes and shapes of results, and types of errors."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import lucid
import lucid.nn.functional as lucid_functional

pytestmark = pytest.mark.parity
torch = pytest.importorskip("torch")

Call = Callable[[Any, Any], Any]
BYTES = np.random.default_rng(5).integers(0, 256, (2, 3, 9, 11)).astype(np.uint8)


def values(t: Any, *numbers: float, dtype: str = "float32") -> Any:
    return t.tensor(np.asarray(numbers).astype(dtype))


CALLS: list[Call] = [
    # the Hurwitz zeta function below zero
    lambda t, F: t.special.zeta(values(t, 2, 2, 3, 7, 12, 2.5), values(t, -0.5, -1.0, -2.5, -3.7, -0.2, -0.5)),
    lambda t, F: t.special.zeta(values(t, 2, 3, 5, dtype="float64"), values(t, -99.25, -1e-3, -4.5, dtype="float64")),
    lambda t, F: t.special.zeta(values(t, 3, 1, 0.5, 4), values(t, 0.3, 2, 2, 0)),
    # images in bytes, whose weights are integers
    *[
        lambda t, F, mode=mode, corners=corners, size=size: F.interpolate(
            t.from_numpy(BYTES), size, mode=mode, align_corners=corners
        )
        for mode in ("bilinear", "bicubic") for corners in (False, True) for size in ((5, 7), (13, 20), (9, 4))
    ],
    *[
        lambda t, F, mode=mode: F.interpolate(t.from_numpy(BYTES), scale_factor=0.4, mode=mode, antialias=True)
        for mode in ("bilinear", "bicubic")
    ],
    # padding by the end that was cropped last
    lambda t, F: F.pad(t.arange(12.0).reshape(1, 3, 4), (-4, 5), mode="replicate"),
    lambda t, F: F.pad(t.arange(12.0).reshape(1, 3, 4), (-2, 3), mode="replicate"),
    lambda t, F: F.pad(t.arange(24.0).reshape(1, 2, 3, 4), (6, -4, 1, 1), mode="replicate"),
    # covariances with weights
    lambda t, F: t.cov(values(t, 1, 2, 4, dtype="float16"), aweights=values(t, 1, 2, 3)),
    # what is empty, or has no dimensions
    lambda t, F: t.zeros(0, 3).chunk(2),
    lambda t, F: t.zeros(3, 0).chunk(3, 1),
    lambda t, F: t.zeros(3, 0).chunk(2),
    lambda t, F: t.roll(t.zeros(0), (1, 2), (0, 1)),
    lambda t, F: F.multi_margin_loss(t.tensor(0.5), t.tensor(0)),
    lambda t, F: F.multilabel_margin_loss(t.tensor(0.5), t.tensor(0)),
    # arguments and dtypes that were refused, or taken for others
    lambda t, F: t.max(t.arange(6.0).reshape(2, 3), t.tensor(1), True),
    lambda t, F: t.min(t.arange(6.0).reshape(2, 3), t.tensor(0)),
    lambda t, F: t.arange(end=3),
    lambda t, F: t.arange(end=3, dtype=t.float32),
    lambda t, F: t.arange(3, out=t.empty(0, dtype=t.int32)),
    lambda t, F: t.range(0, 2, out=t.empty(0, dtype=t.int64)),
    lambda t, F: F.unfold(t.tensor([[[[True, False], [False, True]]]]), 2, padding=1),
    lambda t, F: values(t, 1, 2, 4).__rdiv__(3),
    lambda t, F: t.threshold(values(t, 1, 2), 1.5, 0.0, out=t.empty(2)),
]  # fmt: skip


def flat(y: Any) -> list[Any]:
    return [part for v in y for part in flat(v)] if isinstance(y, (tuple, list)) else [y]


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.filterwarnings("ignore")
def test_same_result(call: Call) -> None:
    own, theirs = flat(call(lucid, lucid_functional)), flat(call(torch, torch.nn.functional))
    assert len(own) == len(theirs)
    for y, e in zip(own, theirs):
        assert str(y.dtype).removeprefix("lucid.") == str(e.dtype).removeprefix("torch.")
        rtol = 2e-7 if e.dtype == torch.float32 else 1e-12 if e.dtype == torch.float64 else 0
        np.testing.assert_allclose(y.numpy(), e.numpy(), rtol, rtol, strict=True)


@pytest.mark.parametrize("tensor_output", [True, False])
def test_statistics_of_a_group_norm_have_gradients(tensor_output: bool) -> None:
    data = np.random.default_rng(0).normal(size=(2, 4, 3))
    found = []
    for t in (lucid, torch):
        x = t.tensor(data, requires_grad=True)
        y, mean, reciprocal = t.native_group_norm(x, None, None, 2, 4, 3, 2, 0.1)
        total = (mean * 2).sum() + (reciprocal * 3).sum() + (y.sum() if tensor_output else 0)
        found.append(t.autograd.grad(total, x)[0].numpy())
    np.testing.assert_allclose(*found, 1e-12, 1e-12)


def test_products_of_no_complex_numbers_have_a_history() -> None:
    for t in (lucid, torch):
        x = t.zeros(0, dtype=t.complex64, requires_grad=True)
        y = t.prod(x)
        assert y.requires_grad and y.item() == 1
        y.abs().backward()
        assert x.grad.shape == (0,)


# Each of the errors is of PyTorch's type.
ERRORS: list[Call] = [
    lambda t, F: t.ones(0).max(),
    lambda t, F: t.ones(0, 3).max(0),
    lambda t, F: t.ones(5, 0).amax(),
    lambda t, F: t.ones(5, 0).aminmax(),
    lambda t, F: t.gather(t.ones(2, 2), 1, t.tensor([[3]])),
    lambda t, F: t.ones(2, 3).narrow(1, 4, 0),
    lambda t, F: t.ones(2, 3).narrow(1, 2, 4),
    lambda t, F: t.ones(2) & t.ones(2),
    lambda t, F: ~t.ones(2),
    lambda t, F: t.bitwise_not(t.ones(2)),
    lambda t, F: t.stack([]),
    lambda t, F: t.vstack([]),
    lambda t, F: t.hstack([]),
    lambda t, F: t.tensor(1.0).unbind(),
    lambda t, F: t.tensor(1.0).chunk(2),
    lambda t, F: t.ones(3, 2).index_add(0, t.tensor([0, 1]), t.ones(2)),
    lambda t, F: t.isclose(t.ones(2), t.ones(2), rtol=-0.1),
    lambda t, F: t.allclose(t.ones(2), t.ones(2), atol=-0.1),
    lambda t, F: t.ones(2).masked_fill(t.tensor(True), 1j),
    lambda t, F: t.zeros(2, out=t.ones(2, dtype=t.float64), dtype=t.float32),
    lambda t, F: t.arange(3, out=t.ones(3), dtype=t.float64),
    lambda t, F: t.full((2,), -256, dtype=t.uint8),
    lambda t, F: F.max_pool2d(t.ones(1, 1, 4, 4), 2, padding=-1),
    lambda t, F: F.avg_pool2d(t.ones(1, 1, 4, 4), 2, padding=2),
    lambda t, F: F.avg_pool2d(t.ones(1, 1, 4, 4), 2, divisor_override=0),
    lambda t, F: F.max_pool1d(t.ones(1, 1, 4), 0),
    lambda t, F: F.adaptive_avg_pool1d(t.ones(1, 1, 4), -1),
    lambda t, F: F.conv2d(t.ones(1, 1, 4, 4), t.ones(1, 1, 2, 2), stride=-1),
    lambda t, F: F.conv2d(t.ones(1, 1, 4, 4), t.ones(1, 1, 2, 2), groups=-1),
    lambda t, F: F.conv2d(t.ones(1, 1, 4, 4), t.ones(1, 1, 2, 2), stride=2, padding="same"),
    lambda t, F: F.prelu(t.ones(2, 3), t.ones(2)),
    lambda t, F: F.gelu(t.ones(2), approximate="other"),
    lambda t, F: F.huber_loss(t.ones(2), t.ones(2), delta=0.0),
    lambda t, F: F.rrelu(t.ones(2), 0.3, 0.1),
    lambda t, F: t.arange(),
]  # fmt: skip


@pytest.mark.parametrize("call", ERRORS)
def test_same_type_of_error(call: Call) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(Exception) as theirs:
            call(torch, torch.nn.functional)
        with pytest.raises(theirs.type, match=r"^[a-z_0-9]+(: |\(\) )\S"):
            call(lucid, lucid_functional)
