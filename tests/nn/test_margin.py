"""Losses with margins, likelihoods and distances: modules beside PyTorch's, what the records do not show, refusals."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from nn.parity import TOLERANCE, close, draw, torch

import lucid
import lucid.nn.functional as F
from lucid import Tensor, nn
from lucid.autograd import gradcheck, gradgradcheck

SIGN = np.where(np.arange(4) % 2, -1, 1)
LISTS = np.array([[3, 0, -1, 1, 2], [-1, 0, 1, 2, 3], [0, 1, 2, 3, 4], [2, 2, -1, -1, -1]])
ROWS = [draw(4, 5, seed=k) for k in range(3)]
CASES: list[tuple[str, dict[str, Any], list[np.ndarray]]] = [
    ("MarginRankingLoss", {"margin": 0.3}, [ROWS[0][:, 0], ROWS[1][:, 0], SIGN.astype(float)]),
    ("HingeEmbeddingLoss", {"margin": 0.3}, [ROWS[0][:, 0], SIGN]),
    ("SoftMarginLoss", {}, [ROWS[0][:, 0], SIGN]),
    ("CosineEmbeddingLoss", {"margin": -0.3}, [ROWS[0], ROWS[1], SIGN]),
    ("MultiLabelMarginLoss", {}, [ROWS[0], LISTS]),
    ("MultiMarginLoss", {"p": 2, "margin": 0.5, "weight": np.array([0.5, 1, 2, 3, 0.1])}, [ROWS[0], np.array([0, 4, 2, 2])]),
    ("MultiLabelSoftMarginLoss", {"weight": np.array([0.5, 1, 2, 3, 0.1])}, [ROWS[0], (LISTS > 1).astype(float)]),
    ("TripletMarginLoss", {"margin": 0.5, "p": 3.0, "swap": True}, ROWS),
    ("TripletMarginLoss", {"p": 1.0}, ROWS),
    ("TripletMarginWithDistanceLoss", {"margin": 0.5, "swap": True}, ROWS),
    ("PoissonNLLLoss", {"full": True}, [ROWS[0], np.abs(ROWS[1]) * 3]),
    ("PoissonNLLLoss", {"log_input": False, "eps": 1e-4}, [np.abs(ROWS[0]), np.abs(ROWS[1]) * 3]),
    ("GaussianNLLLoss", {"full": True, "eps": 0.5}, [*ROWS[:2], np.abs(ROWS[2])]),
    ("GaussianNLLLoss", {}, [*ROWS[:2], np.abs(ROWS[2])[:, 0]]),
    ("CosineSimilarity", {"dim": 0, "eps": 2.5}, ROWS[:2]),
    ("PairwiseDistance", {"p": 1.5, "eps": 0.1, "keepdim": True}, ROWS[:2]),
]  # fmt: skip


@pytest.mark.parity
@pytest.mark.parametrize("name,options,arrays", CASES, ids=[f"{n}-{i}" for i, (n, _, _) in enumerate(CASES)])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_modules_match_pytorch(name: str, options: dict[str, Any], arrays: list[np.ndarray], dtype: str) -> None:
    t = torch()
    for reduction in ("none", "mean", "sum") if "Loss" in name else (None,):
        made = []
        for package, wrap in ((lucid, lucid.tensor), (t, t.tensor)):
            p = {k: wrap(v.astype(dtype)) if isinstance(v, np.ndarray) else v for k, v in options.items()}
            module = getattr(package.nn, name)(**p, **({} if reduction is None else {"reduction": reduction}))
            xs = [wrap(a.astype(dtype) if a.dtype.kind == "f" else a) for a in arrays]
            for x in xs[: 1 if name.startswith(("Multi", "Poisson")) else 3]:
                if x.is_floating_point():
                    x.requires_grad_()
            y = module(*xs)
            (y * y).sum().backward()
            made.append((repr(module), y, [x.grad for x in xs], list(module.state_dict())))
        (text, y, grads, keys), (their_text, their_y, their_grads, their_keys) = made
        assert (text, keys) == (their_text, their_keys)
        close(y, their_y, "value", dtype)
        for g, h in zip(grads, their_grads, strict=True):
            assert (g is None) == (h is None)
            if g is not None:
                np.testing.assert_allclose(g.numpy(), h.numpy(), **TOLERANCE[dtype])


def test_cosine_of_zero_and_tiny_vectors() -> None:
    x = lucid.zeros(2, 3, dtype=lucid.float64, requires_grad=True)
    y = F.cosine_similarity(x, lucid.ones(2, 3, dtype=lucid.float64))
    y.sum().backward()
    assert y.tolist() == [0, 0] and x.grad is not None and np.isfinite(x.grad.numpy()).all()


@pytest.mark.parity
@pytest.mark.parametrize("p", [0.0, 0.5, 1.0, 1.5, 2.0, 3.0, float("inf")])
def test_pdist_of_equal_rows(p: float) -> None:
    a = np.array([[1.0, 2.0, 3.5], [1.0, 2.0, 3.5], [0.0, 2.0, 1.0], [4.0, 4.0, 4.5]])
    x, their_x = lucid.tensor(a, requires_grad=True), torch().tensor(a, requires_grad=True)
    y, their_y = F.pdist(x, p), torch().nn.functional.pdist(their_x, p)
    close(y, their_y, "value")
    if p:
        y.sum().backward()
        their_y.sum().backward()
        close(x.grad, their_x.grad, "gradient")


def test_pdist_of_few_rows() -> None:
    for rows in (0, 1):
        x = lucid.ones(rows, 3, requires_grad=True)
        y = F.pdist(x)
        assert y.shape == (0,) and lucid.autograd.grad(y.sum(), x)[0].tolist() == [[0, 0, 0]] * rows
    assert F.pdist(lucid.ones(3, 0)).tolist() == [0, 0, 0]


def test_the_bound_of_the_variance_takes_no_part_in_the_gradient() -> None:
    v = lucid.full((3,), 1e-9, dtype=lucid.float64, requires_grad=True)
    F.gaussian_nll_loss(lucid.ones(3).double(), lucid.zeros(3).double(), v, eps=0.5, reduction="sum").backward()
    assert v.grad is not None
    np.testing.assert_allclose(v.grad.numpy(), 0.5 * (1 / 0.5 - 1 / 0.25), rtol=1e-12)
    y = F.gaussian_nll_loss(lucid.ones(3), lucid.zeros(3), 2.0)
    assert y.item() == pytest.approx(0.5 * (np.log(2) + 0.5), rel=1e-6)


@pytest.mark.parametrize("loss", [
    lambda a, b: F.cosine_embedding_loss(a, b, lucid.tensor(SIGN), margin=-1), lambda a, b: F.triplet_margin_loss(a, b, a * 0.5 + 1, margin=9, swap=True),
    lambda a, b: F.multilabel_margin_loss(a * b, lucid.tensor(LISTS)), lambda a, b: F.pdist(a + b, 1.5), lambda a, b: F.multi_margin_loss(a * b, lucid.tensor([0, 4, 2, 2]), p=2),
])  # fmt: skip
def test_second_derivatives(loss: Callable[[Tensor, Tensor], Tensor]) -> None:
    inputs = [lucid.tensor(r, requires_grad=True) for r in ROWS[:2]]
    assert gradcheck(loss, inputs) and gradgradcheck(loss, inputs)


def test_deprecated_reductions() -> None:
    with pytest.warns(
        UserWarning, match="MarginRankingLoss: size_average and reduce are deprecated; use reduction='sum'"
    ):
        assert nn.MarginRankingLoss(size_average=False).reduction == "sum"


x45, y4 = lucid.ones(4, 5), lucid.ones(4).long()
REFUSED: list[tuple[Callable[[], Any], type[Exception], str]] = [
    (lambda: F.margin_ranking_loss(x45, x45, lucid.ones(4)), RuntimeError, r"margin_ranking_loss: expected as many dimensions everywhere, got input1 \(4, 5\), input2 \(4, 5\), target \(4,\)"),
    (lambda: F.margin_ranking_loss(x45, lucid.ones(4, 3), x45), ValueError, r"margin_ranking_loss: shapes \(4, 5\) and \(4, 3\) do not broadcast"),
    (lambda: F.hinge_embedding_loss(x45.long(), x45), TypeError, "hinge_embedding_loss: expected a floating-point tensor, got lucid.int64"),
    (lambda: F.soft_margin_loss(x45, x45, reduction="max"), ValueError, "soft_margin_loss: reduction must be one of 'none', 'mean', 'sum', got 'max'"),
    (lambda: F.cosine_embedding_loss(x45, x45, x45), RuntimeError, r"cosine_embedding_loss: expected inputs \(N, D\) with target \(N,\), or \(D,\) with a 0-d target"),
    (lambda: F.multilabel_margin_loss(x45, y4), ValueError, r"multilabel_margin_loss: expected target of shape \(4, 5\) like the input, got \(4,\)"),
    (lambda: F.multilabel_margin_loss(x45, (x45 * 5).long()), IndexError, "multilabel_margin_loss: target 5 is out of range for 5 classes"),
    (lambda: F.multi_margin_loss(x45, y4, p=3), ValueError, "multi_margin_loss: p must be 1 or 2, got 3"),
    (lambda: F.multi_margin_loss(x45, y4 * 5), IndexError, "multi_margin_loss: target 5 is out of range for 5 classes"),
    (lambda: F.multi_margin_loss(x45, y4.float()), TypeError, "multi_margin_loss: expected int64 classes, got lucid.float32"),
    (lambda: F.multi_margin_loss(x45, y4[:3]), ValueError, r"multi_margin_loss: expected target of shape \(4,\), got \(3,\) \(input \(4, 5\)\)"),
    (lambda: F.multi_margin_loss(x45, y4, weight=lucid.ones(4)), ValueError, r"multi_margin_loss: expected weight of shape \(5,\), one per class, got \(4,\)"),
    (lambda: nn.MultiMarginLoss(p=3), ValueError, "MultiMarginLoss: p must be 1 or 2, got 3"),
    (lambda: nn.TripletMarginLoss(margin=0), ValueError, "TripletMarginLoss: margin must be greater than 0, got 0"),
    (lambda: F.triplet_margin_loss(x45, x45, lucid.ones(5)), RuntimeError, "triplet_margin_loss: expected anchor, positive and negative with as many dimensions"),
    (lambda: F.multilabel_soft_margin_loss(x45, lucid.ones(3, 4, 5)), ValueError, r"multilabel_soft_margin_loss: expected target that broadcasts to \(4, 5\)"),
    (lambda: F.gaussian_nll_loss(x45, x45, -x45), ValueError, "gaussian_nll_loss: expected a variance that is not negative, got -1.0"),
    (lambda: F.gaussian_nll_loss(x45, x45, lucid.ones(3)), ValueError, r"gaussian_nll_loss: expected var of shape \(4, 5\), \(4,\) or with one 1, got \(3,\)"),
    (lambda: F.poisson_nll_loss(x45, lucid.ones(3)), ValueError, r"poisson_nll_loss: shapes \(4, 5\) and \(3,\) do not broadcast"),
    (lambda: F.pdist(lucid.ones(3)), RuntimeError, r"pdist: expected a matrix \(N, D\), got shape \(3,\)"),
    (lambda: F.pdist(x45, -1), RuntimeError, "pdist: expected p not to be negative, got -1"),
    (lambda: F.cosine_similarity(x45, x45, dim=2), IndexError, "cosine_similarity: Dimension out of range"),
]  # fmt: skip


@pytest.mark.parametrize("call,kind,message", REFUSED)
def test_refusals(call: Callable[[], Any], kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        call()
