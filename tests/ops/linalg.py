"""Records of linear algebra. References are NumPy's in float64; inputs are made regular by the calls themselves."""

from __future__ import annotations

from typing import Any

import numpy as np
from ops.record import Record, inf, sample

import lucid
from lucid import Tensor, linalg

WHY = "errors of a decomposition are relative to the norm of the matrix, times its condition number"
SQUARE = (sample((3, 3)), sample((2, 3, 3)), sample((1, 1)))
SHAPES = (sample((3, 3)), sample((4, 2)), sample((2, 4)), sample((2, 3, 2)))


def spread(x: Any) -> Any:
    """x with a dominant diagonal: regular, with singular values apart. For arrays, tensors and PyTorch's alike."""
    n = min(x.shape[-2:])
    eye = np.zeros(x.shape[-2:])
    eye[range(n), range(n)] = np.arange(1, n + 1) * 4.0
    if isinstance(x, np.ndarray):
        return np.asarray(x, np.float64) + eye
    if isinstance(x, Tensor):
        return x + lucid.tensor(eye, dtype=x.dtype)
    import torch

    return x + torch.tensor(eye, dtype=x.dtype)


def symmetric(x: Any) -> Any:
    y = spread(x)
    return (y + (np.swapaxes(y, -1, -2) if isinstance(y, np.ndarray) else y.mT)) / 2 + 0


def algebra(
    name: str, reference: Any, *cases: Any, prepare: Any = spread, pick: Any = lambda y: y, **options: Any
) -> Record:
    """f of prepared matrices; ``pick`` makes results comparable whose signs are free."""
    function, own = getattr(linalg, name, getattr(lucid, name, None)), "linalg." + options.pop("title", name)
    options = {
        "ulp": (64, 64), "scale": lambda *xs, **p: np.full((), 8.0), "why": WHY, "grad_floor": None, "grad_ulp": 400, "integer": "", "covers": (function,),
        "torch": lambda torch, x, *rest, **p: pick(getattr(torch.linalg, name, getattr(torch, name, None))(prepare(x), *rest, **p)), **options,
    }  # fmt: skip
    return Record(own, lambda x, *rest, **p: pick(function(prepare(x), *rest, **p)), lambda x, *rest, **p: reference(prepare(x), *[np.asarray(r, np.float64) if r.dtype.kind == "f" else r for r in rest], **p),
                  cases=cases, elementwise=False, **options)  # fmt: skip


def squares(y: Any) -> Any:
    """Of factors whose columns' signs are free."""
    return tuple(a * a for a in y)


def lu_parts(x: Any) -> Any:
    """P, L, U by elimination without blocks."""
    out = []
    for a in x.reshape(-1, *x.shape[-2:]):
        a, m, n = a.copy(), *x.shape[-2:]
        order, k = np.arange(m), min(m, n)
        lower = np.zeros((m, k))
        for j in range(k):
            at = j + np.argmax(np.abs(a[j:, j]))
            a[[j, at]], order[[j, at]], lower[[j, at]] = a[[at, j]], order[[at, j]], lower[[at, j]]
            lower[j, j] = 1
            lower[j + 1 :, j] = a[j + 1 :, j] / a[j, j]
            a[j + 1 :] -= lower[j + 1 :, j, None] * a[j]
        out.append((np.eye(m)[order].T, lower, np.triu(a[:k])))
    return tuple(np.stack(parts).reshape(*x.shape[:-2], *parts[0].shape) for parts in zip(*out))


def matrix_norm(x: Any, ord: Any = "fro", dim: Any = (-2, -1), keepdim: bool = False) -> Any:
    return np.linalg.norm(x, ord, dim, keepdim)


def exponential(x: Any) -> Any:
    """The series, at a hundredth of the matrix, squared."""
    y = term = np.broadcast_to(np.eye(x.shape[-1], dtype=np.longdouble), x.shape)
    small = x.astype(np.longdouble) / 1024
    for k in range(1, 30):
        term = term @ small / k
        y = y + term
    for _ in range(10):
        y = y @ y
    return y


def identity(x: Any) -> Any:
    return np.asarray(x, np.float64) if isinstance(x, np.ndarray) else x


def broad(reference: Any) -> Any:
    return lambda *a, **p: np.asarray(reference(*a, **p))


ORDERS = [dict(ord=o) for o in ("fro", "nuc", inf, -inf, 1, -1, 2, -2)]
SIZES = dict(scale=lambda x: np.full((), 1e3))
RECORDS = [
    algebra("inv", np.linalg.inv, *SQUARE),
    algebra("inverse", np.linalg.inv, *SQUARE, title="inverse", covers=(lucid.inverse,)),
    algebra("inv_ex", lambda x: (np.linalg.inv(x), np.zeros(x.shape[:-2], np.int32)), *SQUARE, pick=tuple),
    algebra("solve", lambda a, b: np.linalg.solve(a, b[..., None])[..., 0] if b.ndim == 1 else np.linalg.solve(a, b), sample((3, 3), (3, 2)), sample((3, 3), (3,)), sample((2, 3, 3), (3, 2)), sample((3, 3), (2, 3, 2))),
    Record("solve from the right", lambda a, b: linalg.solve(spread(a), b, left=False), lambda a, b: np.swapaxes(np.linalg.solve(np.swapaxes(spread(a), -1, -2), np.swapaxes(b.astype(float), -1, -2)), -1, -2),
           cases=(sample((3, 3), (2, 3)), sample((2, 3, 3), (2, 4, 3))), covers=(linalg.solve,), elementwise=False, ulp=(64, 64), scale=lambda *a: np.full((), 8.0), why=WHY, grad_floor=None, grad_ulp=400, integer="",
           torch=lambda torch, a, b: torch.linalg.solve(spread(a), b, left=False)),
    algebra("solve_ex", lambda a, b: (np.linalg.solve(a, b), np.zeros(a.shape[:-2], np.int32)), sample((3, 3), (3, 2)), pick=tuple),
    algebra("det", broad(np.linalg.det), *SQUARE, **SIZES, twice=True),
    algebra("slogdet", lambda x: tuple(map(np.asarray, np.linalg.slogdet(x))), *SQUARE, pick=tuple),
    algebra("logdet", lambda x: np.asarray(np.linalg.slogdet(x)[1]), sample((3, 3)), sample((2, 3, 3)), prepare=spread),
    algebra("cholesky", np.linalg.cholesky, *SQUARE, prepare=symmetric),
    algebra("cholesky", lambda x, upper: np.swapaxes(np.linalg.cholesky(x), -1, -2), sample((3, 3), upper=True), prepare=symmetric, title="cholesky, upper"),
    algebra("cholesky_ex", lambda x: (np.linalg.cholesky(x), np.zeros(x.shape[:-2], np.int32)), *SQUARE, prepare=symmetric, pick=tuple),
    Record("cholesky_solve", lambda b, x: lucid.cholesky_solve(b, linalg.cholesky(symmetric(x))), lambda b, x: np.linalg.solve(symmetric(x), b.astype(float)), cases=(sample((3, 2), (3, 3)), sample((2, 3, 2), (2, 3, 3))),
           covers=(lucid.cholesky_solve,), elementwise=False, ulp=(64, 64), scale=lambda *a: np.full((), 8.0), why=WHY, grad_floor=None, grad_ulp=400, integer="",
           torch=lambda torch, b, x: torch.cholesky_solve(b, torch.linalg.cholesky(symmetric(x)))),
    algebra("cholesky_inverse", lambda x: np.linalg.inv(x @ np.swapaxes(x, -1, -2)), sample((3, 3)), prepare=lambda x: np.tril(spread(x)) if isinstance(x, np.ndarray) else spread(x).tril()),
    algebra("solve_triangular", lambda a, b, upper, unitriangular=False, left=True: triangular(a, b, upper, unitriangular, left), *(sample((3, 3), (3, 2), upper=u, unitriangular=t) for u in (False, True) for t in (False, True)),
            sample((3, 3), (2, 3), upper=True, left=False), sample((2, 3, 3), (3, 2), upper=False), large=(sample((70, 70), (70, 3), upper=True),)),
    algebra("lu", lu_parts, *SHAPES, sample((40, 40)), pick=tuple, prepare=lambda x: shuffled(x)),
    algebra("lu_factor", lambda x: compact(x), *SHAPES, pick=tuple, prepare=lambda x: shuffled(x)),
    Record("lu_solve", lambda a, b: linalg.lu_solve(*linalg.lu_factor(shuffled(a)), b), lambda a, b: np.linalg.solve(shuffled(a), b.astype(float)), cases=(sample((3, 3), (3, 2)), sample((2, 3, 3), (2, 3, 2))), covers=(linalg.lu_solve,),
           elementwise=False, ulp=(64, 64), scale=lambda *a: np.full((), 8.0), why=WHY, grad_floor=None, grad_ulp=400, integer="", torch=lambda torch, a, b: torch.linalg.lu_solve(*torch.linalg.lu_factor(shuffled(a)), b)),
    algebra("qr", lambda x: squares(np.linalg.qr(x)), *SHAPES, pick=squares, scale=lambda x: np.full((), 200.0)),
    algebra("svd", lambda x, full_matrices: squares(np.linalg.svd(x, full_matrices)), *(sample(c.operands[0], full_matrices=False) for c in SHAPES), pick=squares, scale=lambda x, full_matrices: np.full((), 200.0)),
    algebra("svdvals", lambda x: np.linalg.svd(x, compute_uv=False), *SHAPES),
    algebra("eigh", lambda x: squares(np.linalg.eigh(x)), *SQUARE, prepare=symmetric, pick=squares, scale=lambda x: np.full((), 200.0)),
    algebra("eigvalsh", lambda x: np.linalg.eigvalsh(x), *SQUARE, prepare=symmetric),
    algebra("pinv", np.linalg.pinv, *SHAPES),
    algebra("pinverse", np.linalg.pinv, *SHAPES, title="pinverse", covers=(lucid.pinverse,)),
    algebra("pinv", lambda x, hermitian: np.linalg.pinv(x), sample((3, 3), hermitian=True), prepare=symmetric, title="pinv of symmetric matrices"),
    algebra("matrix_rank", lambda x: np.asarray(np.linalg.matrix_rank(x)), *SHAPES, differentiable=False, torch=lambda torch, x: torch.linalg.matrix_rank(spread(x.detach()))),
    Record("lstsq", lambda a, b: tuple(linalg.lstsq(spread(a), b, driver="gelsd"))[:2], lambda a, b: (np.linalg.pinv(spread(a)) @ b.astype(float), residuals(spread(a), b.astype(float))), covers=(linalg.lstsq,),
           cases=(sample((4, 2), (4, 3)), sample((2, 4), (2, 3)), sample((3, 3), (3, 2))), elementwise=False, ulp=(64, 64), scale=lambda *a: np.full((), 32.0), why=WHY, grad_floor=None, grad_ulp=800, integer="",
           torch=lambda torch, a, b: (torch.linalg.lstsq(spread(a), b, driver="gelsd")[0], residuals_of(torch, spread(a), b))),
    algebra("cond", broad(lambda x, p=None: np.linalg.cond(x, p)), *(sample((3, 3), p=p) for p in (None, 2, -2, 1, -1, inf, -inf, "fro")), sample((4, 2)), scale=lambda x, p=None: np.full((), 100.0),
            torch=lambda torch, x, p=None: conditioned(torch, spread(x), p)),
    algebra("matrix_norm", broad(matrix_norm), *(sample((3, 4), **o) for o in ORDERS), sample((2, 3, 3), ord=2, keepdim=True), sample((2, 3, 4), ord=1, dim=(0, 2)), sample((2, 3, 4), ord="nuc", dim=(-1, 0), keepdim=True), prepare=identity),
    algebra("norm", broad(lambda x, ord=None, dim=None, keepdim=False: np.linalg.norm(x, ord, dim, keepdim) if ord is not None or dim is not None else np.linalg.norm(x.reshape(-1))), sample((2, 3, 4)), sample((3, 4), ord=2), sample((3, 4), ord="nuc"), sample((5,), ord=3), sample((2, 3, 4), dim=1, ord=1),
            sample((2, 3, 4), dim=(0, 1), ord=inf), sample((3, 4), dim=0, keepdim=True), prepare=identity),
    algebra("matrix_power", lambda x, n: np.linalg.matrix_power(x, n), *(sample((3, 3), n=n) for n in (-2, -1, 1, 2, 5)), sample((2, 2, 2), n=3), prepare=lambda x: spread(x) / 4, scale=lambda x, n: np.full((), 500.0)),
    algebra("matrix_power", lambda x, n: np.linalg.matrix_power(x, n), sample((2, 3, 3), n=0), title="matrix_power of 0", differentiable=False, torch=lambda torch, x, n: torch.linalg.matrix_power(x.detach(), n)),
    algebra("matrix_exp", exponential, *SQUARE, sample((0, 0)), prepare=identity, scale=lambda x: np.abs(exponential(identity(x))).max(initial=1) + 0, span=((-2, 2),)),
    Record("multi_dot", lambda *xs: linalg.multi_dot(xs), lambda *xs: np.linalg.multi_dot(xs), cases=(sample((2, 5), (5, 3), (3, 4)), sample((2, 3), (3, 2)), sample((3,), (3, 4), (4, 2), (2,)), sample((4, 2), (2, 3), (3,))),
           covers=(linalg.multi_dot,), elementwise=False, ulp=(8, 8), scale=lambda *xs: np.linalg.multi_dot([np.abs(x) for x in xs]), why="sums may cancel", grad_floor=None, grad_ulp=32, integer="", torch=lambda torch, *xs: torch.linalg.multi_dot(xs)),
    Record("tensorsolve", lambda a, b: linalg.tensorsolve(box(a), b), lambda a, b: np.linalg.tensorsolve(box(a), b.astype(float)), cases=(sample((2, 3, 6), (2, 3)), sample((2, 2, 4), (2, 2))), covers=(linalg.tensorsolve,), elementwise=False, ulp=(256, 256),
           scale=lambda *a: np.full((), 8.0), why=WHY, grad_floor=None, grad_ulp=400, integer="", torch=lambda torch, a, b: torch.linalg.tensorsolve(box(a), b)),
    Record("tensorinv", lambda a: linalg.tensorinv(box(a)), lambda a: np.linalg.tensorinv(box(a)), cases=(sample((2, 3, 6)), sample((2, 2, 2, 2))), covers=(linalg.tensorinv,), elementwise=False, ulp=(256, 256), scale=lambda *a: np.full((), 8.0), why=WHY,
           grad_floor=None, grad_ulp=400, integer="", torch=lambda torch, a: torch.linalg.tensorinv(box(a))),
    algebra("vecdot", lambda x, y, dim=-1: np.sum(x * y, dim), sample((3, 4), (3, 4)), sample((3, 4), (4,)), sample((3, 4), (3, 4), dim=0), prepare=identity),
    algebra("cross", lambda x, y, dim=-1: np.cross(x, y, axis=dim), sample((2, 3), (2, 3)), sample((3, 2), (3, 2), dim=0), prepare=identity),
    algebra("diagonal", lambda x, offset=0, dim1=-2, dim2=-1: np.diagonal(x, offset, dim1, dim2), sample((2, 3, 4)), sample((2, 3, 4), offset=1, dim1=0), prepare=identity),
    algebra("vander", lambda x, N=None: x[..., None] ** np.arange(x.shape[-1] if N is None else N), sample((3,)), sample((2, 3), N=4), prepare=identity),
]  # fmt: skip


def triangular(a: Any, b: Any, upper: bool, unit: bool, left: bool) -> Any:
    t = np.triu(a) if upper else np.tril(a)
    if unit:
        t = t - np.eye(a.shape[-1]) * np.diagonal(t, axis1=-2, axis2=-1)[..., None, :] + np.eye(a.shape[-1])
    return (
        np.linalg.solve(t, b)
        if left
        else np.swapaxes(np.linalg.solve(np.swapaxes(t, -1, -2), np.swapaxes(b, -1, -2)), -1, -2)
    )


def shuffled(x: Any) -> Any:
    """Rows upside down, so that exchanges are needed."""
    y = spread(x)
    return y[..., ::-1, :] if isinstance(y, np.ndarray) else y.flip(-2)


def compact(x: Any) -> Any:
    p, lower, upper = lu_parts(x)
    m, n = x.shape[-2:]
    k = min(m, n)
    both = np.zeros(x.shape)
    both[..., :, :k] += np.tril(lower, -1)
    both[..., :k, :] += upper
    pivots = np.zeros((*x.shape[:-2], k), np.int32)
    for at in np.ndindex(x.shape[:-2]):
        order, wanted = list(range(m)), np.argmax(p[at], 0)
        for j in range(k):
            i = order.index(wanted[j])
            order[j], order[i] = order[i], order[j]
            pivots[(*at, j)] = i + 1
    return both, pivots


def conditioned(torch: Any, x: Any, p: Any) -> Any:
    """PyTorch's own gradient fails for these norms: it overwrites what it needs."""
    if p in (None, 2, -2):
        return torch.linalg.cond(x, p)
    return torch.linalg.matrix_norm(x, p) * torch.linalg.matrix_norm(torch.linalg.inv(x), p)


def residuals(a: Any, b: Any) -> Any:
    m, n = a.shape[-2:]
    return np.sum((a @ (np.linalg.pinv(a) @ b) - b) ** 2, -2) if m > n else np.empty(0)


def residuals_of(torch: Any, a: Any, b: Any) -> Any:
    m, n = a.shape[-2:]
    return ((a @ torch.linalg.lstsq(a, b, driver="gelsd")[0] - b) ** 2).sum(-2) if m > n else a.flatten()[:0]


def box(a: Any) -> Any:
    n = int(np.prod(tuple(a.shape[:2])))
    eye = np.arange(1, n + 1) * 4.0 * np.eye(n)
    if isinstance(a, np.ndarray):
        return np.asarray(a, np.float64) + eye.reshape(a.shape)
    if isinstance(a, Tensor):
        return a + lucid.tensor(eye.reshape(tuple(a.shape)), dtype=a.dtype)
    import torch

    return a + torch.tensor(eye.reshape(tuple(a.shape)), dtype=a.dtype)
