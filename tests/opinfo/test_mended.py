"""What PyTorch's samples have found, kept without PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import lucid
import lucid.nn.functional as F


@pytest.mark.parametrize("dtype", [lucid.float64, lucid.complex128])
def test_results_that_do_not_change_require_grad(dtype: lucid.dtype) -> None:
    a = lucid.ones(3, 3, dtype=dtype, requires_grad=True)
    solved = lucid.linalg.lstsq(a, lucid.ones(3, 2, dtype=dtype))
    assert solved.residuals.shape == (0,) and solved.residuals.requires_grad and not solved.rank.requires_grad
    solved.residuals.real.sum().backward()
    assert a.grad.abs().sum() == 0
    empty = lucid.zeros(2, 0, dtype=dtype, requires_grad=True)
    assert lucid.linalg.householder_product(empty, lucid.zeros(0, dtype=dtype)).requires_grad


def test_draws_have_a_gradient_of_zero() -> None:
    p = lucid.full((4,), 0.5, requires_grad=True)
    lucid.bernoulli(p).sum().backward()
    assert p.grad.tolist() == [0.0] * 4


def test_complex_numbers_are_drawn_in_both_parts() -> None:
    z = lucid.zeros(20000, dtype=lucid.complex64)
    assert z.normal_(0.0, 2.0) is z
    assert abs(z.abs().square().mean().item() - 4) < 0.2  # the variance of z, 2 of each part
    assert abs(z.normal_(std=2.0).real.square().mean().item() - 2) < 0.1
    z.uniform_(2, 3)
    assert ((z.real >= 2) & (z.real < 3) & (z.imag >= 2) & (z.imag < 3)).all()


REFUSED: list[tuple[Callable[[], Any], type[Exception], str]] = [
    (lambda: lucid.ones(2).masked_fill(lucid.tensor(True), lucid.ones(1)), RuntimeError, "masked_fill: expected a number or a 0-d"),
    (lambda: lucid.zeros(2, layout="torch.sparse_coo"), NotImplementedError, "zeros: expected layout to be lucid.strided"),
    (lambda: lucid.signal.windows.hann(3, layout="torch.sparse_coo"), ValueError, "hann: expected layout to be lucid.strided"),
    (lambda: lucid.linspace(0, 3, 1.0), TypeError, "linspace: number of steps must be an integer, got 1.0"),
    (lambda: lucid.linspace(0, 3, -1), RuntimeError, "linspace: number of steps must not be negative, got -1"),
    (lambda: lucid.hypot(lucid.tensor([1]), 2), TypeError, "hypot: not implemented for lucid.int64"),
    (lambda: F.adaptive_avg_pool2d(lucid.ones(2, 2), 2), ValueError, "adaptive_avg_pool2d: expected a 3-d"),
    (lambda: F.adaptive_max_pool3d(lucid.ones(1, 2, 3, 4), ()), RuntimeError, "adaptive_max_pool3d: output_size must be"),
    (lambda: F.multi_margin_loss(lucid.ones(5, 4), lucid.ones(5)), RuntimeError, "multi_margin_loss: expected int64"),
    (lambda: F.embedding_bag(lucid.tensor([[0]]), lucid.ones(2, 2), sparse=True), ValueError, "embedding_bag: sparse=True is not"),
    (lambda: lucid.nn.utils.clip_grad_norm_([], "a"), ValueError, "clip_grad_norm_: max_norm must be a number, got 'a'"),
    (lambda: lucid.nn.utils.clip_grad_norm_([], 1.0, None), TypeError, "clip_grad_norm_: norm_type must be a number, got None"),
    (lambda: lucid.nn.utils.clip_grad_value_([], "a"), ValueError, "clip_grad_value_: clip_value must be a number, got 'a'"),
]  # fmt: skip


@pytest.mark.parametrize("call,kind,message", REFUSED)
def test_refusals(call: Callable[[], Any], kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=f"^{message}"):
        call()
