"""Records of the losses."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from ops import references as ref
from ops.record import Case, Record, case, example, inf
from ops.softmax import log_softmax

import lucid.nn.functional as F

REDUCTIONS = ("none", "mean", "sum")
WHY = "terms may cancel in the logarithm and in the sum; measured at their magnitudes"


def reduced(loss: Any, reduction: str, weight: Any = None) -> Any:
    if reduction == "none":
        return loss
    return np.sum(loss) if reduction == "sum" else np.sum(loss) / (loss.size if weight is None else np.sum(weight))


def regression(name: str, formula: Callable[..., Any], **options: Any) -> Record:
    """Of a function of the difference d, with ``options`` crossed with the reductions."""
    keys = [{}, *({k: v} for k, vs in options.items() for v in vs)]

    def reference(x: Any, y: Any, reduction: str = "mean", **p: Any) -> Any:
        return reduced(formula(x - y, **p), reduction)

    cases = [case(s, s, reduction=r, **p) for p in keys for r in REDUCTIONS for s in ((3, 4), (65,), ())] + [
        case((0, 3), (0, 3), reduction="sum")
    ]
    return Record(name, getattr(F, name), reference, cases=(*cases, case((1000,), (1000,))), large=(case((70_001,), (70_001,)),), elementwise=False, ulp=(8, 8),
                  scale=lambda x, y, reduction="mean", **p: reduced(formula(np.abs(x) + np.abs(y), **p), reduction), why=WHY, grad_ulp=16,
                  grad_floor=None, integer="")  # fmt: skip


def weighted(name: str, formula: Callable[..., Any], over_weights: bool = True) -> Record:
    """The mean is over the sum of the weights, or (huber_loss, as in PyTorch) over the number of elements."""
    call = getattr(F, name)
    return Record(f"{name} with weights", lambda x, y, w, **p: call(x, y, weight=w, **p),
                  lambda x, y, w, reduction="mean": reduced(w * formula(x - y), reduction, w if over_weights else None),
                  cases=tuple(case((2, 4), (2, 4), (2, 4), reduction=r) for r in REDUCTIONS), span=((-3, 3), (-3, 3), (0.5, 2)), covers=(call,), ulp=(8, 8),
                  scale=lambda x, y, w, reduction="mean": reduced(w * formula(np.abs(x) + np.abs(y)), reduction, w if over_weights else None), why=WHY, elementwise=False,
                  grad_ulp=16, grad_floor=None, integer="",
                  torch=lambda torch, x, y, w, **p: getattr(torch.nn.functional, name)(x, y, weight=w, **p))  # fmt: skip


def smooth(d: Any, beta: float = 1.0) -> Any:
    return np.abs(d) if beta == 0 else np.where(np.abs(d) < beta, d * d / (2 * beta), np.abs(d) - beta / 2)


def huber(d: Any, delta: float = 1.0) -> Any:
    return np.where(np.abs(d) < delta, d * d / 2, delta * (np.abs(d) - delta / 2))


def class_loss(
    logp: Any,
    target: Any,
    weight: Any = None,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Any:
    """Of log-probabilities, with indices or probabilities as the target."""
    axis = min(1, logp.ndim - 1)
    classes = logp.shape[axis]
    weight = np.ones(classes, logp.dtype) if weight is None else weight
    factors = weight.reshape((-1,) + (1,) * (logp.ndim - 1 - axis))
    uniform = -np.sum(factors * logp, axis=axis) * label_smoothing / classes
    if target.dtype.kind == "f":
        loss = (1 - label_smoothing) * -np.sum(factors * target * logp, axis=axis) + uniform
        return reduced(loss, reduction)
    valid = target != ignore_index
    at = np.expand_dims(np.where(valid, target, 0), axis)
    picked = np.take_along_axis(np.broadcast_to(factors, logp.shape), at, axis)
    loss = valid * ((1 - label_smoothing) * -np.squeeze(picked * np.take_along_axis(logp, at, axis), axis) + uniform)
    if reduction != "mean":
        return reduced(loss, reduction)
    return np.sum(loss) / np.sum(np.squeeze(picked, axis) * valid)


def cross_entropy(x: Any, target: Any, weight: Any = None, **p: Any) -> Any:
    return class_loss(log_softmax(x, min(1, x.ndim - 1)), target, weight, **p)


def cross_entropy_scale(x: Any, target: Any, weight: Any = None, **p: Any) -> Any:
    """The loss if every logarithm were as large as the terms it is the difference of."""
    return class_loss(-np.ones_like(x) * (2 * np.max(np.abs(x), initial=1) + 3), target, weight, **p)


T = np.array([2, 0, 1, 2])
PLANE = np.array([[[0, 1], [2, 0]], [[1, 1], [0, 2]]])
IGNORED = np.array([2, -100, 1, -100])
CLASSES = (*(case((4, 3), T, reduction=r) for r in REDUCTIONS), *(case((4, 3), IGNORED, (3,), reduction=r) for r in REDUCTIONS),
           case((4, 3), np.array([2, 0, 1, 0]), ignore_index=0), case((3,), np.array(1)), case((2, 3, 2, 2), PLANE), case((2, 3, 2, 2), PLANE, (3,), reduction="none"),
           case((1000, 65), np.arange(1000) % 65), case((0, 3), np.zeros(0, np.int64), reduction="sum"), case((2, 4097), np.array([0, 4096])))  # fmt: skip
SMOOTHED = (*(case((4, 3), T, label_smoothing=0.1, reduction=r) for r in REDUCTIONS), *(case((4, 3), IGNORED, (3,), label_smoothing=0.3, reduction=r) for r in REDUCTIONS),
            case((2, 3, 2, 2), PLANE, label_smoothing=0.2))  # fmt: skip
SPAN = dict(span=((-3, 3), (0.5, 2)))
CLASS_OPTIONS: dict[str, Any] = dict(
    elementwise=False, ulp=(16, 16), why=WHY, grad_ulp=64, grad_floor=None, integer="", fixed=(2,), **SPAN
)
BATCHES = (case((2000, 40), np.arange(2000) % 40), case((50, 30, 40), np.arange(2000).reshape(50, 40) % 30))


def probabilities(shape: tuple[int, ...]) -> Any:
    """A distribution along dimension 1 (or 0)."""
    p = np.random.default_rng(3).uniform(0.1, 1, shape)
    return p / p.sum(min(1, len(shape) - 1), keepdims=True)


def bce(p: Any, y: Any, w: Any = 1.0, reduction: str = "mean") -> Any:
    with np.errstate(divide="ignore"):
        return reduced(-w * (y * np.maximum(np.log(p), -100) + (1 - y) * np.maximum(np.log1p(-p), -100)), reduction)


def bce_with_logits(x: Any, y: Any, weight: Any = 1.0, pos_weight: Any = 1.0, reduction: str = "mean") -> Any:
    return reduced(weight * (pos_weight * y * ref.softplus(-x) + (1 - y) * ref.softplus(x)), reduction)


def kl_div(x: Any, t: Any, reduction: str = "mean", log_target: bool = False) -> Any:
    loss = np.exp(t) * (t - x) if log_target else np.where(t == 0, 0, t * np.log(np.where(t == 0, 1, t))) - t * x
    return np.sum(loss) / x.shape[0] if reduction == "batchmean" else reduced(loss, reduction)


def kl_scale(x: Any, t: Any, reduction: str = "mean", log_target: bool = False) -> Any:
    loss = (np.exp(t) if log_target else t) * (
        np.abs(t if log_target else np.log(np.where(t == 0, 1, t))) + np.abs(x)
    ) + 1
    return np.sum(loss) / x.shape[0] if reduction == "batchmean" else reduced(loss, reduction)


def quiet_kl_div(x: Any, t: Any, **p: Any) -> Any:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "kl_div: reduction='mean'", UserWarning)
        return F.kl_div(x, t, **p)


def same(shapes: tuple[Any, ...], n: int, **options: Any) -> tuple[Case, ...]:
    return tuple(case(*(s,) * n, reduction=r, **options) for r in REDUCTIONS for s in shapes)


RECORDS = [
    regression("mse_loss", lambda d: d * d),
    regression("l1_loss", np.abs),
    regression("smooth_l1_loss", smooth, beta=(0.5, 0.0)),
    regression("huber_loss", huber, delta=(0.5, 2.0)),
    weighted("mse_loss", lambda d: d * d), weighted("l1_loss", np.abs), weighted("huber_loss", huber, over_weights=False),
    Record("l1_loss at its kink", lambda x, y: F.l1_loss(x, y, reduction="none"), lambda x, y: np.abs(x - y), cases=(case((3,), (3,)),), covers=(F.l1_loss,),
           elementwise=False, integer="", torch="", examples=(example([1.0, 2], [1.0, 0], value=([0, 2],), grad=([0, 1], [0, -1])),)),
    Record("nll_loss", F.nll_loss, class_loss, cases=CLASSES, large=BATCHES[:1], scale=lambda x, *a, **p: class_loss(-np.abs(x), *a, **p), **CLASS_OPTIONS,
           torch=lambda torch, *a, **p: torch.nn.functional.nll_loss(*a, **p)),
    Record("cross_entropy", F.cross_entropy, cross_entropy, cases=CLASSES + SMOOTHED, large=BATCHES, scale=cross_entropy_scale,
           examples=(example([[1000.0, 0]], [0], value=0, grad=[[0, 0]]), example([[0.0, 0]], [1], value=np.log(2), grad=[[0.5, -0.5]]),
                     example([[-inf, 0.0]], [1], value=0, grad=[[0, 0]]), example([[0.0, 0], [1, 1]], [0, -100], value=np.log(2), grad=[[-0.5, 0.5], [0, 0]]),
                     example([[0.0, 0]], [-100], value=float("nan"))), **CLASS_OPTIONS),
    Record("cross_entropy of probabilities", F.cross_entropy, cross_entropy, scale=lambda x, *a, **p: cross_entropy_scale(x, *a, **p), torch="cross_entropy",
           cases=(*(case((4, 3), probabilities((4, 3)), reduction=r) for r in REDUCTIONS), case((4, 3), probabilities((4, 3)), (3,), label_smoothing=0.2),
                  case((2, 3, 2), probabilities((2, 3, 2)), (3,)), case((3,), probabilities((3,)))), **CLASS_OPTIONS),
    Record("binary_cross_entropy", F.binary_cross_entropy, bce, cases=same(((3, 4), (65,), ()), 2) + same(((3, 4),), 3), span=((0.05, 0.95), (0.05, 0.95), (0.5, 2)),
           elementwise=False, ulp=(8, 8), scale=lambda p, y, w=1.0, reduction="mean": bce(p, y, w, reduction) + 3, why=WHY, grad_ulp=64, grad_floor=None, integer="",
           fixed=(2,), examples=(example([0.0, 1], [0.0, 1], value=([0, 0],), reduction="none"), example([0.0, 1], [1.0, 0], value=([100, 100],), reduction="none"))),
    Record("binary_cross_entropy_with_logits", F.binary_cross_entropy_with_logits, bce_with_logits, cases=same(((3, 4), (65,), ()), 2) + same(((3, 4),), 3),
           span=((-5, 5), (0, 1), (0.5, 2)), elementwise=False, ulp=(8, 8), why=WHY, grad_ulp=64, grad_floor=None, integer="", fixed=(2,),
           scale=lambda x, y, weight=1.0, reduction="mean": bce_with_logits(x, y, weight, 1.0, reduction),
           examples=(example([100.0, -100], [1.0, 0], value=([0, 0],), reduction="none", grad=([0, 0], [-100, 100])),
                     example([-100.0, 100], [1.0, 0], value=([100, 100],), reduction="none", grad=([-1, 1], [100, -100])))),
    Record("binary_cross_entropy_with_logits and pos_weight", lambda x, y, v, **p: F.binary_cross_entropy_with_logits(x, y, pos_weight=v, **p),
           lambda x, y, v, reduction="mean": bce_with_logits(x, y, 1.0, v, reduction), cases=(case((3, 4), (3, 4), (4,)), case((3, 4), (3, 4), (), reduction="none")),
           span=((-5, 5), (0, 1), (0.5, 2)), elementwise=False, ulp=(8, 8), grad_ulp=64, grad_floor=None, why=WHY, integer="", torch="",
           covers=(F.binary_cross_entropy_with_logits,)),
    Record("kl_div", quiet_kl_div, kl_div, cases=same(((3, 4), (65,)), 2) + (case((3, 4), (3, 4), reduction="batchmean"), case((3, 4), (3, 4), reduction="sum", log_target=True)),
           span=((-3, -0.1), (0.1, 0.9)), elementwise=False, ulp=(8, 8), scale=kl_scale, why=WHY, grad_ulp=64, grad_floor=None, integer="", covers=(F.kl_div,),
           examples=(example([-1.0, -2], [0.0, 1], value=2, reduction="sum"),)),
]  # fmt: skip
