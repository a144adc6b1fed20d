"""Records of the losses with margins, and of the likelihoods."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from ops.loss import REDUCTIONS, reduced
from ops.record import Record, case, example
from ops.similarity import norm

import lucid.nn.functional as F


def signs(*shape: int) -> Any:
    return np.where(np.arange(int(np.prod(shape))) % 3 == 1, -1, 1).reshape(shape)


def loss(
    name: str, formula: Callable[..., Any], operands: Any, params: Any = ({},), *examples: Any, **options: Any
) -> Record:
    def reference(*xs: Any, reduction: str = "mean", **p: Any) -> Any:
        return reduced(formula(*xs, **p), reduction)

    def size(*xs: Any, reduction: str = "mean", **p: Any) -> Any:
        own = formula(*xs, **p)
        return np.broadcast_to(
            np.asarray((np.abs(own).sum() if reduction == "sum" else np.abs(own).max(initial=0)) + 10),
            np.shape(reference(*xs, reduction=reduction, **p)),
        )

    cases = tuple(case(*o, reduction=r, **p) for p in params for o in operands for r in REDUCTIONS)
    return Record(name, getattr(F, name), reference, cases=cases, examples=examples, **{"elementwise": False, "ulp": (8, 8), "scale": size, "grad_ulp": 32,
                  "grad_floor": None, "integer": "", "why": "terms may cancel in the differences and the sum", **options})  # fmt: skip


def soft(x: Any, y: Any) -> Any:
    return np.logaddexp(0, -y * x)


def cosine_embedding(a: Any, b: Any, y: Any, margin: float = 0.0) -> Any:
    c = np.sum(a * b, -1) / np.sqrt((np.sum(a * a, -1) + 1e-12) * (np.sum(b * b, -1) + 1e-12))
    return np.where(y == 1, 1 - c, np.maximum(c - margin, 0))


def multilabel(x: Any, t: Any) -> Any:
    if x.ndim == 1:
        return multilabel(x[None], t[None])[0]
    found = np.zeros(len(x), x.dtype)
    for n in range(len(x)):
        right = list(t[n][: list(t[n]).index(-1)]) if -1 in t[n] else list(t[n])
        found[n] = (
            sum(max(0, 1 - (x[n, r] - x[n, w])) for r in right for w in range(x.shape[1]) if w not in right)
            / x.shape[1]
        )
    return found


def multi(x: Any, t: Any, p: int = 1, margin: float = 1.0) -> Any:
    if x.ndim == 1:
        return multi(x[None], t.reshape(1), p, margin).reshape(t.shape)
    return np.array(
        [
            sum(max(0, margin - x[n, c] + x[n, k]) ** p for k in range(x.shape[1]) if k != c) / x.shape[1]
            for n, c in enumerate(t)
        ],
        x.dtype,
    )


def multilabel_soft(x: Any, y: Any, weight: Any = 1.0) -> Any:
    return np.mean(weight * (y * np.logaddexp(0, -x) + (1 - y) * np.logaddexp(0, x)), -1)


def triplet(a: Any, p: Any, n: Any, margin: float = 1.0, order: float = 2.0, swap: bool = False) -> Any:
    near, far = norm(a - p + 1e-6, order), norm(a - n + 1e-6, order)
    return np.maximum(near - (np.minimum(far, norm(p - n + 1e-6, order)) if swap else far) + margin, 0)


def poisson(x: Any, t: Any, log_input: bool = True, full: bool = False, eps: float = 1e-8) -> Any:
    y = np.exp(x) - t * x if log_input else x - t * np.log(x + eps)
    many = np.where(t > 1, t, 2)
    return (
        y
        + np.where(t > 1, many * np.log(many) - many + np.log(2 * x.dtype.type("3.14159265358979323846") * many) / 2, 0)
        if full
        else y
    )


def gaussian(x: Any, t: Any, var: Any, full: bool = False, eps: float = 1e-6) -> Any:
    v = np.maximum(var[..., None] if var.ndim < x.ndim else var, eps)
    return (np.log(v) + (x - t) ** 2 / v + (np.log(2 * x.dtype.type("3.14159265358979323846")) if full else 0)) / 2


LISTS = np.array([[3, 0, -1, 1, 2], [-1, 0, 1, 2, 3], [0, 1, 2, 3, 4], [2, 2, -1, -1, -1]])
CLASSES = np.array([0, 4, 2, 2])
MARGINS = ({}, dict(margin=0.5))

RECORDS = [
    loss("margin_ranking_loss", lambda a, b, y, margin=0: np.maximum(0, -y * (a - b) + margin), (((3, 4), (3, 4), signs(3, 4)), ((65,), (65,), signs(65)), ((0, 2), (0, 2), signs(0, 2))), MARGINS),
    loss("hinge_embedding_loss", lambda x, y, margin=1.0: np.where(y == 1, x, np.maximum(0, margin - x)), (((3, 4), signs(3, 4)), ((65,), signs(65))), MARGINS,
         example([0.5, 0.25, 2.0], [1, -1, 0], value=(3.25 / 3,), grad=([1 / 3, -1 / 3, 1 / 3],))),
    loss("soft_margin_loss", soft, (((3, 4), signs(3, 4)), ((65,), signs(65)), ((), signs())), ({},),
         example([0.0, -1000.0], [1, 1], value=([(np.log(2) + 1000) / 2],), grad=([-0.25, -0.5],))),
    loss("cosine_embedding_loss", cosine_embedding, (((4, 3), (4, 3), signs(4)), ((1, 3), (4, 3), signs(4)), ((3,), (3,), signs())), MARGINS),
    loss("multilabel_margin_loss", multilabel, (((4, 5), LISTS), ((5,), LISTS[0]), ((5,), LISTS[1])), ({},),
         example([0.0, 0.5, 1.0, 1.0], [3, 0, -1, 1], value=(1.25,), grad=([-0.5, 0.5, 0.5, -0.5],))),
    loss("multi_margin_loss", multi, (((4, 5), CLASSES), ((5,), np.array(2)), ((5,), np.array([2]))), ({}, dict(p=2), dict(margin=0.5))),
    loss("multilabel_soft_margin_loss", multilabel_soft, (((4, 5), np.array(LISTS > 1, float)), ((5,), np.array(LISTS[0] > 0, float)), ((2, 3, 5), np.ones((2, 3, 5)))), fixed=(1,)),
    Record("multilabel_soft_margin_loss with weights", lambda x, y, w: F.multilabel_soft_margin_loss(x, y, w), lambda x, y, w: np.mean(multilabel_soft(x, y, w)),
           cases=(case((4, 5), np.array(LISTS > 1, float), (5,)),), span=((-3, 3), (0, 1), (0.5, 2)), fixed=(1,), elementwise=False, ulp=(8, 8), grad_ulp=16, grad_floor=None, integer="",
           scale=lambda *_: 1.0, why="a mean", covers=(F.multilabel_soft_margin_loss,), torch=lambda torch, x, y, w: torch.nn.functional.multilabel_soft_margin_loss(x, y, w)),
    Record("multi_margin_loss with weights", lambda x, t, w: F.multi_margin_loss(x, t, weight=w), lambda x, t, w: np.mean(multi(x, t) * w[t]),
           cases=(case((4, 5), CLASSES, (5,)),), span=((-3, 3), (0, 1), (0.5, 2)), fixed=(2,), elementwise=False, ulp=(8, 8), grad_ulp=16, grad_floor=None, integer="",
           scale=lambda *_: 4.0, why="a mean of differences", covers=(F.multi_margin_loss,), torch=lambda torch, x, t, w: torch.nn.functional.multi_margin_loss(x, t, weight=w)),
    loss("triplet_margin_loss", lambda a, p, n, margin=1.0, swap=False: triplet(a, p, n, margin, swap=swap), (((4, 3),) * 3, ((3,),) * 3, ((2, 4, 3),) * 3), ({}, dict(margin=0.5, swap=True))),
    Record("triplet_margin_loss of order 1", lambda a, p, n: F.triplet_margin_loss(a, p, n, p=1.0), lambda a, p, n: np.mean(triplet(a, p, n, order=1)), cases=(case((3, 3), (3, 3), (3, 3)),),
           elementwise=False, ulp=(8, 8), grad_ulp=16, grad_floor=None, integer="", scale=lambda *_: 10.0, why="a mean of differences", covers=(F.triplet_margin_loss,),
           torch=lambda torch, a, p, n: torch.nn.functional.triplet_margin_loss(a, p, n, p=1.0)),
    loss("triplet_margin_with_distance_loss", lambda a, p, n, margin=1.0, swap=False: triplet(a, p, n, margin, swap=swap), (((4, 3),) * 3, ((3,),) * 3), ({}, dict(margin=0.5, swap=True))),
    loss("poisson_nll_loss", poisson, (((3, 4), (3, 4)), ((65,), (65,)), ((), ())), ({}, dict(full=True), dict(log_input=False), dict(log_input=False, full=True)), span=((0.1, 3), (0, 4)), kinks=(1.0,),
         scale=lambda x, t, reduction="mean", **p: np.abs(x).sum() * 10 + 20 * t.size if reduction == "sum" else 30.0),
    loss("gaussian_nll_loss", gaussian, (((3, 4),) * 3, ((3, 4), (3, 4), (3,)), ((3, 4), (3, 4), (3, 1)), ((65,),) * 3), ({}, dict(full=True), dict(eps=0.05)), span=((-3, 3), (-3, 3), (0.1, 2)),          scale=lambda x, *_, reduction="mean", **p: 500.0 * (x.size if reduction == "sum" else 1)),
]  # fmt: skip
