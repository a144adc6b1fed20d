"""Records of normalisation."""

from __future__ import annotations

from typing import Any

import numpy as np
from ops.record import Record, case, example, sample

import lucid
import lucid.nn.functional as F


def standardized(x: Any, axes: Any, eps: float) -> Any:
    return (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + eps)


def per_channel(y: Any, weight: Any, bias: Any) -> Any:
    shape = (-1,) + (1,) * (y.ndim - 2)
    y = y if weight is None else y * weight.reshape(shape)
    return y if bias is None else y + bias.reshape(shape)


def batch_norm(x: Any, weight: Any = None, bias: Any = None, eps: float = 1e-5) -> Any:
    return per_channel(standardized(x, (0, *range(2, x.ndim)), eps), weight, bias)


def batch_norm_apply(x: Any, mean: Any, var: Any, weight: Any = None, bias: Any = None, eps: float = 1e-5) -> Any:
    shape = (-1,) + (1,) * (x.ndim - 2)
    return per_channel((x - mean.reshape(shape)) / np.sqrt(var.reshape(shape) + eps), weight, bias)


def running(x: Any, momentum: float = 0.1) -> Any:
    """The running statistics, from 0 and 1, after one batch."""
    axes, count = (0, *range(2, x.ndim)), x.size // x.shape[1]
    return momentum * x.mean(axes), (1 - momentum) + momentum * x.var(axes) * count / (count - 1)


def moved(x: Any, momentum: float = 0.1) -> Any:
    mean, var = lucid.zeros(x.shape[1], dtype=x.dtype), lucid.ones(x.shape[1], dtype=x.dtype)
    F.batch_norm(x, mean, var, training=True, momentum=momentum)
    return mean, var


def layer_norm(x: Any, weight: Any = None, bias: Any = None, normalized_shape: Any = (), eps: float = 1e-5) -> Any:
    y = standardized(x, tuple(range(-len(normalized_shape), 0)), eps)
    y = y if weight is None else y * weight
    return y if bias is None else y + bias


def group_norm(x: Any, weight: Any = None, bias: Any = None, num_groups: int = 1, eps: float = 1e-5) -> Any:
    groups = x.reshape(x.shape[0], num_groups, -1)
    return per_channel(standardized(groups, -1, eps).reshape(x.shape), weight, bias)


def rms_norm(x: Any, weight: Any = None, normalized_shape: Any = (), eps: float | None = None) -> Any:
    # lucid's own default is the epsilon of its dtype; the reference is computed in a wider one
    axes = tuple(range(-len(normalized_shape), 0))
    y = x / np.sqrt((x * x).mean(axes, keepdims=True) + (eps or 0))
    return y if weight is None else y * weight


def instance_norm(x: Any, weight: Any = None, bias: Any = None, eps: float = 1e-5) -> Any:
    return per_channel(standardized(x, tuple(range(2, x.ndim)), eps), weight, bias)


def normalize(x: Any, p: float = 2.0, dim: int = 1, eps: float = 1e-12) -> Any:
    length = (
        np.sum(np.abs(x) ** p, axis=dim, keepdims=True) ** (1 / x.dtype.type(p))
        if p != np.inf
        else np.max(np.abs(x), axis=dim, keepdims=True)
    )
    return x / np.maximum(length, eps)


def centered(reference: Any) -> Any:
    """Differences from the mean are as inexact as the largest element; so is what is added to them."""
    return lambda *args, **p: np.max(np.abs(reference(*args, **p)), initial=1) + 3


OPTIONS: dict[str, Any] = dict(
    elementwise=False, ulp=(8, 8), why="x - mean may cancel", grad_ulp=64, grad_floor=None, integer=""
)
FULL: dict[str, Any] = dict(span=((-3, 3), (0.5, 2), (-1, 1)))

RECORDS = [
    Record("batch_norm", lambda x, w=None, b=None, eps=1e-5: F.batch_norm(x, None, None, w, b, True, 0.1, eps), batch_norm,
           cases=(case((3, 2, 2), (2,), (2,)), case((3, 2)), case((4, 3, 5, 6), (3,), (3,)), case((4, 3, 5, 6)), case((4, 3, 65), (3,)),
                  case((64, 33), (33,), (33,)), case((2, 3, 4), (3,), (3,), eps=0.1), case((1, 2, 1000), (2,), (2,)), case((5, 1, 3, 2, 2))),
           large=(case((8, 40, 20, 20), (40,), (40,)), case((500, 200), (200,), (200,))), scale=centered(batch_norm), covers=(F.batch_norm,),
           torch=lambda torch, x, w=None, b=None, eps=1e-5: torch.nn.functional.batch_norm(x, None, None, w, b, True, 0.1, eps),
           examples=(example([[1.0], [3.0]], value=([[-1], [1]],), eps=0.0, grad=[[0], [0]]),), **OPTIONS, **FULL),
    Record("batch_norm in evaluation", lambda x, m, v, w=None, b=None, eps=1e-5: F.batch_norm(x, m, v, w, b, False, 0.1, eps), batch_norm_apply,
           cases=(case((3, 2, 2), (2,), (2,), (2,), (2,)), case((3, 2), (2,), (2,)), case((4, 3, 5, 6), (3,), (3,), (3,), (3,)),
                  case((0, 3, 2), (3,), (3,)), case((1, 33, 65), (33,), (33,), (33,)), case((2, 3, 4), (3,), (3,), eps=0.1)),
           large=(case((8, 40, 20, 20), (40,), (40,), (40,), (40,)),), span=((-3, 3), (-1, 1), (0.5, 2), (0.5, 2), (-1, 1)), fixed=(1, 2),
           batch=(0,), scale=centered(batch_norm_apply), covers=(F.batch_norm,),
           torch=lambda torch, x, m, v, w=None, b=None, eps=1e-5: torch.nn.functional.batch_norm(x, m, v, w, b, False, 0.1, eps), **OPTIONS),
    Record("running statistics", moved, running, cases=(case((3, 2, 2)), case((3, 2, 2), momentum=0.5), case((64, 33))), covers=(F.batch_norm,),
           differentiable=False, torch="", scale=lambda x, momentum=0.1: 4.0, **{**OPTIONS, "why": "the mean may cancel"}),
    Record("layer_norm", lambda x, w=None, b=None, **p: F.layer_norm(x, p.pop("normalized_shape"), w, b, **p), layer_norm, batch=(0,),
           cases=(*(case((3, 4), *wb, normalized_shape=(4,)) for wb in ((), ((4,),), ((4,), (4,)))), case((2, 3, 4), (3, 4), (3, 4), normalized_shape=(3, 4)),
                  case((2, 3, 4), (4,), (4,), normalized_shape=(4,), eps=0.1), *(case((2, n), (n,), (n,), normalized_shape=(n,)) for n in (3, 63, 64, 65, 1000, 4097)),
                  case((0, 4), normalized_shape=(4,)), sample((5,), (5,), (5,), normalized_shape=(5,))),
           large=(case((301, 256), (256,), (256,), normalized_shape=(256,)),), scale=centered(layer_norm), covers=(F.layer_norm,),
           torch=lambda torch, x, w=None, b=None, **p: torch.nn.functional.layer_norm(x, p.pop("normalized_shape"), w, b, **p),
           examples=(example([[1.0, 3.0]], value=([[-1, 1]],), normalized_shape=(2,), eps=0.0, grad=[[0, 0]]),), **OPTIONS, **FULL),
    Record("group_norm", lambda x, w=None, b=None, **p: F.group_norm(x, p.pop("num_groups"), w, b, **p), group_norm, batch=(0,),
           cases=(case((2, 4, 3), (4,), (4,), num_groups=2), case((2, 6), num_groups=2), case((2, 4, 3, 3), (4,), (4,), num_groups=1),
                  case((2, 4, 3, 3), (4,), (4,), num_groups=4, eps=0.1), case((2, 6, 65), (6,), num_groups=3)),
           scale=centered(group_norm), covers=(F.group_norm,),
           torch=lambda torch, x, w=None, b=None, **p: torch.nn.functional.group_norm(x, p.pop("num_groups"), w, b, **p), **OPTIONS, **FULL),
    Record("instance_norm", lambda x, w=None, b=None, **p: F.instance_norm(x, None, None, w, b, **p), instance_norm, batch=(0,),
           cases=(case((2, 3, 4), (3,), (3,)), case((2, 3, 4)), case((2, 3, 3, 3), (3,), (3,), eps=0.1), case((1, 2, 65), (2,)), case((2, 2, 3, 2, 2))),
           scale=centered(instance_norm), covers=(F.instance_norm,),
           torch=lambda torch, x, w=None, b=None, **p: torch.nn.functional.instance_norm(x, None, None, w, b, **p), **OPTIONS, **FULL),
    Record("rms_norm", lambda x, w=None, **p: F.rms_norm(x, p.pop("normalized_shape"), w, **p), rms_norm, batch=(0,),
           cases=(case((3, 4), normalized_shape=(4,), eps=1e-5), case((3, 4), (4,), normalized_shape=(4,), eps=0.1), case((3, 4), (4,), normalized_shape=(4,)),
                  case((2, 3, 4), (3, 4), normalized_shape=(3, 4), eps=1e-5), *(case((2, n), (n,), normalized_shape=(n,), eps=1e-5) for n in (3, 63, 64, 65, 1000)),
                  case((0, 4), normalized_shape=(4,), eps=1e-5)),
           large=(case((301, 256), (256,), normalized_shape=(256,), eps=1e-5),), scale=centered(rms_norm), covers=(F.rms_norm,),
           torch=lambda torch, x, w=None, **p: torch.nn.functional.rms_norm(x, p.pop("normalized_shape"), w, **p), **OPTIONS, **FULL),
    Record("normalize", F.normalize, normalize, cases=(case((2, 3)), case((2, 3), p=1.0), case((2, 3), p=3.0, dim=0), case((2, 65), dim=-1), case((2, 3, 4), dim=1),
                                                       case((2, 3), p=float("inf"))), span=((0.3, 3),), batch=(),
           examples=(example([[3.0, 4.0]], value=([[0.6, 0.8]],)), example([[0.0, 0.0]], value=([[0, 0]],))), **OPTIONS),
]  # fmt: skip
