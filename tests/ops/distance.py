"""Records of distances, vector norms and the cross product."""

from __future__ import annotations

from typing import Any

import numpy as np
from ops.record import Record, case, example, inf, sample

import lucid

ORDERS = (0, 0.5, 1, 1.5, 2, 3, inf, -inf, -2)


def vector_norm(x: Any, ord: float = 2, dim: Any = None, keepdim: bool = False) -> Any:
    a = np.abs(x)
    if ord in (inf, -inf):
        return (np.max if ord > 0 else np.min)(a, dim, keepdims=keepdim)
    if ord == 0:
        return np.sum(x != 0, axis=dim, keepdims=keepdim).astype(x.dtype)
    return np.sum(a**ord, axis=dim, keepdims=keepdim) ** (np.asarray(1, x.dtype) / np.asarray(ord, x.dtype))


def cdist(a: Any, b: Any, p: float = 2, compute_mode: str = "") -> Any:
    d = a[..., :, None, :] - b[..., None, :, :]
    return vector_norm(d, p, -1) if d.shape[-1] else np.zeros(d.shape[:-1], d.dtype)


def near(a: Any, b: Any, p: float = 2, compute_mode: str = "") -> Any:
    """What |a|^2 + |b|^2 - 2 a.b rounds at, as an error of its root."""
    return (np.sum(a * a, -1)[..., None] + np.sum(b * b, -1)[..., None, :]) / cdist(a, b)


RECORDS = [
    Record("vector_norm", lucid.linalg.vector_norm, vector_norm, elementwise=False, kinks=(0,), integer="!vector_norm: expected a floating-point tensor",
           cases=(*(sample((3, 4), ord=o, dim=d, keepdim=k) for o in ORDERS for d, k in ((None, False), (0, True), (-1, False), ((0, 1), True))), sample((0,)),
                  sample((2, 0), ord=1, dim=1), sample((2, 3, 2), dim=(0, -1)), sample(())),
           ulp=(8, 8), grad_ulp=24, torch=lambda torch, x, **p: torch.linalg.vector_norm(x, **p),
           examples=(example([3.0, -4], value=5, grad=[0.6, -0.8]), example([0.0, 0], value=0, grad=[0, 0]),
                     example([0.0, 0], value=0, ord=3, grad=[0, 0]), example([2.0, -2, 1], value=2, ord=inf, grad=[0.5, -0.5, 0]))),
    Record("cdist", lucid.cdist, cdist, elementwise=False, kinks=(0,), integer="!cdist: only supports floating-point dtypes",
           cases=(*(sample((3, 4), (5, 4), p=float(o)) for o in (0, 0.5, 1, 1.5, 2, 3, inf)), sample((2, 3, 2), (4, 2)), sample((2, 1, 3, 2), (3, 2, 2)),
                  sample((0, 2), (3, 2)), sample((2, 0), (3, 0)), sample((3, 2), (4, 2), compute_mode="donot_use_mm_for_euclid_dist")),
           ulp=(8, 8), grad_floor=None, grad_ulp=24, why="gradients are sums over all rows, which may cancel",
           examples=(example([[0.0, 0], [3, 4]], [[0.0, 0]], value=([[0], [5]],), grad=([[0, 0], [0.6, 0.8]], [[-0.6, -0.8]])),)),
    Record("cdist by a product", lucid.cdist, cdist, elementwise=False, torch="cdist", cases=(sample((3, 4), (5, 4), compute_mode="use_mm_for_euclid_dist"),
           sample((2, 3, 2), (2, 4, 2), compute_mode="use_mm_for_euclid_dist")), large=(sample((70, 16), (60, 16)),), ulp=(4, 4), scale=near,
           why="squares cancel between near points", grad_floor=None, grad_ulp=100, integer=""),
    Record("dist", lucid.dist, lambda x, y, p=2: np.asarray(vector_norm(x - y, p)), elementwise=False, kinks=(0,), integer="!dist: expected floating-point tensors",
           cases=(*(sample((3, 4), (3, 4), p=o) for o in ORDERS[1:]), sample((3, 4), (4,)), sample((2,), ())), ulp=(8, 8), grad_floor=None, grad_ulp=24,
           why="gradients of a broadcast operand are sums, which may cancel"),
    Record("cross", lucid.cross, lambda x, y, dim=None: cross(x, y, dim), elementwise=False, integer="same", scale=lambda x, y, dim=None: sizes(x, y, dim),
           why="differences of products cancel", grad_floor=None,
           cases=(case((4, 3), (4, 3), dim=1), case((4, 3), (1, 3), dim=-1), case((3, 4), (3, 4), dim=0), case((2, 3, 3), (2, 3, 3)), case((3,), (3,)), case((0, 3), (0, 3), dim=1)),
           examples=(example([1.0, 0, 0], [0.0, 1, 0], value=([0, 0, 1],)),)),
]  # fmt: skip


def cross(x: Any, y: Any, dim: int | None) -> Any:
    d = np.broadcast_shapes(x.shape, y.shape).index(3) if dim is None else dim
    return np.cross(x, y, axis=d)


def sizes(x: Any, y: Any, dim: int | None) -> Any:
    shape = np.broadcast_shapes(x.shape, y.shape)
    d = shape.index(3) if dim is None else dim
    return np.broadcast_to(np.sqrt(np.sum(x * x, d, keepdims=True) * np.sum(y * y, d, keepdims=True)), shape)
