"""Linear algebra of complex matrices: the forms of its functions, made of the operations in `complex_factors`."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from lucid import _dtype
from lucid._functions import complex_factors as nodes
from lucid._functions._common import cast, normalize_dim
from lucid._functions.complex import Complex, Conj, Imag, Real
from lucid._functions.index import constant_of
from lucid._functions.least_squares import LeastSquares
from lucid._functions.solve import InverseInfo, LinAlgError, ResultInfo, Slogdet
from lucid._functions.spectral import Eigen, QRParts, SVDParts
from lucid.autograd._node import wrap

FORMS: dict[str, Callable[..., Any]] = {}
adjoint = nodes.adjoint


def square(name: str, *tensors: Any) -> None:
    for x in tensors:
        if x._data.ndim < 2 or x._data.shape[-1] != x._data.shape[-2]:
            raise RuntimeError(f"{name}: A must be batches of square matrices, got shape {x._data.shape}")


def matrices(name: str, *tensors: Any) -> list[Any]:
    """The tensors in their common complex dtype."""
    for x in tensors:
        if x._data.ndim < 2:
            raise RuntimeError(f"{name}: expected matrices of shape (..., m, n), got shape {x._data.shape}")
    d = _dtype.to_complex(_dtype.result_type(*tensors))
    return [cast(x, d) for x in tensors]


def is_former(function: Any) -> bool:
    """Whether ``function`` is the one of PyTorch's top level, whose arguments differ from `lucid.linalg`'s."""
    return function.__module__ == "lucid._surface.algebra"


def inv(function: Any, x: Any) -> Any:
    square("inv", x)
    return nodes.Inverse.apply(x)


def inv_ex(function: Any, x: Any, *, check_errors: bool = False) -> Any:
    square("inv_ex", x)
    return InverseInfo(nodes.Inverse.apply(x), wrap(np.zeros(x._data.shape[:-2], np.int32)))


def det(function: Any, x: Any) -> Any:
    square("det", x)
    return nodes.Det.apply(x)


def slogdet(function: Any, x: Any, **_: Any) -> Any:
    square("slogdet", x)
    return Slogdet(*nodes.SignLogDet.apply(x))


def logdet(function: Any, x: Any) -> Any:
    sign, size = slogdet(function, x)
    return sign.log() + size


def solve(function: Any, a: Any, b: Any, *, left: bool = True) -> Any:
    square("solve", a)
    vector = b._data.ndim == 1 or (b._data.ndim == a._data.ndim - 1 and b._data.shape == a._data.shape[:-1])
    a, b = matrices("solve", a, b.unsqueeze(-1) if vector else b)
    if left:
        x = nodes.Solve.apply(a, b)
    else:
        x = nodes.Solve.apply(a.transpose(-2, -1), b.transpose(-2, -1)).transpose(-2, -1)
    return x.squeeze(-1) if vector else x


def solve_ex(function: Any, a: Any, b: Any, *, left: bool = True, check_errors: bool = False) -> Any:
    return ResultInfo(solve(function, a, b, left=left), wrap(np.zeros(a._data.shape[:-2], np.int32)))


def solve_triangular(
    function: Any, a: Any, b: Any, *, upper: bool, left: bool = True, unitriangular: bool = False
) -> Any:  # fmt: skip
    square("solve_triangular", a)
    a, b = matrices("solve_triangular", a, b)
    part = a.triu(int(unitriangular)) if upper else a.tril(-int(unitriangular))
    if unitriangular:
        part = part + wrap(np.eye(a._data.shape[-1], dtype=a._data.dtype))
    return solve(function, part, b, left=left)


def triangular_solve(
    function: Any, b: Any, A: Any, upper: bool = True, transpose: bool = False, unitriangular: bool = False
) -> Any:
    from lucid._surface.algebra import TriangularSolve

    a = A.transpose(-2, -1) if transpose else A
    x = solve_triangular(function, a, b, upper=upper != transpose, unitriangular=unitriangular)
    return TriangularSolve(x, A.clone())


def cholesky(function: Any, x: Any, upper: bool = False) -> Any:
    square("cholesky", x)
    low = nodes.Cholesky.apply(adjoint(x) if upper else x)
    return adjoint(low) if upper else low


def cholesky_solve(function: Any, b: Any, factor: Any, upper: bool = False) -> Any:
    low = adjoint(factor.triu()) if upper else factor.tril()
    first = solve_triangular(function, low, b, upper=False)
    return solve_triangular(function, adjoint(low), first, upper=True)


def cholesky_inverse(function: Any, factor: Any, upper: bool = False) -> Any:
    eye = wrap(np.broadcast_to(np.eye(factor._data.shape[-1], dtype=factor._data.dtype), factor._data.shape).copy())
    return cholesky_solve(function, eye, factor, upper)


def qr(function: Any, x: Any, mode: Any = "reduced", *, some: Any = None) -> Any:
    if is_former(function):
        from lucid._surface.algebra import QR

        given = mode if some is None else some
        return QR(*qr(svdvals, x, "reduced" if given in (True, "reduced") else "complete"))
    (x,) = matrices("qr", x)
    m, n = x._data.shape[-2:]
    if mode not in ("reduced", "complete", "r"):
        raise ValueError(f"qr: mode must be 'reduced', 'complete' or 'r', got {mode!r}")
    if mode == "complete" and m > n:
        if nodes.mode.enabled and x.requires_grad:
            raise RuntimeError(
                f"qr: the QR decomposition is not differentiable for mode='complete' with {m} rows > {n}"
            )
        return QRParts(*[wrap(y) for y in np.linalg.qr(x._data, "complete")])
    if mode == "r":
        return QRParts(wrap(np.empty(0, x._data.dtype)), wrap(np.asarray(np.linalg.qr(x._data, "r"))))
    if m >= n:
        return QRParts(*nodes.QR.apply(x, False))
    q, r = nodes.QR.apply(x[..., :m], False)  # the other columns in the basis of these
    from lucid._functions.join import cat

    return QRParts(q, cat([r, adjoint(q) @ x[..., m:]], -1))


def svd(
    function: Any, x: Any, full_matrices: Any = True, compute_uv: bool = True, *, some: Any = None, **_: Any
) -> Any:
    if is_former(function):
        from lucid._surface.algebra import SVD

        u, s, vh = svd(svdvals, x, not (full_matrices if some is None else some))
        if not compute_uv:
            u, vh = u.detach() * 0, vh.detach() * 0
        return SVD(u, s, adjoint(vh))
    (x,) = matrices("svd", x)
    m, n = x._data.shape[-2:]
    u, s, vh = nodes.SVD.apply(x, False)
    if full_matrices and m != n:
        from lucid._functions.join import cat

        k, (left, _, right) = min(m, n), nodes.run("svd", np.linalg.svd, x._data, True)
        u = cat([u, wrap(left[..., k:])], -1) if m > k else u
        vh = cat([vh, wrap(right[..., k:, :])], -2) if n > k else vh
    return SVDParts(u, s, vh)


def svdvals(function: Any, x: Any, **_: Any) -> Any:
    (x,) = matrices("svdvals", x)
    return nodes.SVD.apply(x, False)[1]


def eigh(function: Any, x: Any, UPLO: Any = "L") -> Any:
    square("eigh", x)
    if UPLO not in ("L", "U"):
        raise ValueError(f"eigh: expected UPLO argument to be 'L' or 'U', but got {UPLO!r}")
    return Eigen(*nodes.Eigh.apply(x, False, UPLO))


def eigvalsh(function: Any, x: Any, UPLO: Any = "L") -> Any:
    return eigh(function, x, UPLO)[0]


def _tolerances(x: Any, atol: Any, rtol: Any) -> tuple[Any, Any]:
    """Both as numbers or arrays that broadcast with the singular values."""
    found = [v if v is None or isinstance(v, (int, float)) else v._data[..., None] for v in (atol, rtol)]
    if found[1] is None:
        found[1] = 0.0 if found[0] is not None and np.any(found[0]) else (
            max(x._data.shape[-2:]) * float(np.finfo(x._data.dtype).eps)
        )  # fmt: skip
    return 0.0 if found[0] is None else found[0], found[1]


def pinv(
    function: Any, x: Any, rcond: Any = None, *, atol: Any = None, rtol: Any = None, hermitian: bool = False,
    out: Any = None,
) -> Any:  # fmt: skip
    (x,) = matrices("pinv", x)
    limits = _tolerances(x, atol, rcond if rtol is None else rtol)
    return nodes.PseudoInverse.apply(x, *limits, hermitian)


def pinverse(function: Any, input: Any, rcond: float = 1e-15) -> Any:
    return pinv(function, input, rtol=rcond)


def lstsq(function: Any, a: Any, b: Any, rcond: Any = None, *, driver: str | None = None) -> Any:
    vector = b._data.ndim == a._data.ndim - 1
    a, b = matrices("lstsq", a, b.unsqueeze(-1) if vector else b)
    m, n = a._data.shape[-2:]
    x = pinv(function, a, rtol=rcond) @ b
    values = np.linalg.svd(a._data, compute_uv=False)
    limit = (np.finfo(values.dtype).eps * max(m, n) if rcond is None else rcond) * values.max(
        -1, keepdims=True, initial=0
    )
    rank = np.asarray(np.count_nonzero(values > limit, -1), np.int64)
    rest = x.real.flatten()[:0]  # of nothing, but recorded like the others
    if m > n and driver not in (None, "gelsy") and (rank == n).all():
        rest = ((a @ x - b).abs() ** 2).sum(-2)
    return LeastSquares(
        x.squeeze(-1) if vector else x,
        rest,
        wrap(np.empty(0, np.int64) if driver == "gels" else rank),
        wrap(values if driver in ("gelsd", "gelss") else np.empty(0, values.dtype)),
    )


def matrix_power(function: Any, x: Any, n: int) -> Any:
    square("matrix_power", x)
    base = nodes.Inverse.apply(x) if n < 0 else x
    y = wrap(np.broadcast_to(np.eye(x._data.shape[-1], dtype=x._data.dtype), x._data.shape).copy())
    y = constant_of(x, y) if x.requires_grad and not n else y
    n = abs(n)
    while n:
        y = y @ base if n & 1 else y
        base, n = (base @ base if n > 1 else base), n >> 1
    return y


def matrix_exp(function: Any, x: Any) -> Any:
    """Of the real matrix [[Re, -Im], [Im, Re]], whose products are those of the complex one."""
    from lucid._functions.join import cat
    from lucid._functions.linalg import MatrixExp

    square("matrix_exp", x)
    n, re, im = x._data.shape[-1], Real.apply(x), Imag.apply(x)
    y = MatrixExp.apply(cat([cat([re, -im], -1), cat([im, re], -1)], -2))
    return Complex.apply(y[..., :n, :n], y[..., n:, :n])


def matrix_norm(
    function: Any, x: Any, ord: Any = "fro", dim: Any = (-2, -1), keepdim: bool = False, *, dtype: Any = None,
    out: Any = None,
) -> Any:  # fmt: skip
    if dtype is not None and dtype.is_complex:
        x = cast(x, dtype)
    if ord not in ("nuc", 2, -2):
        return function(x.abs(), ord, dim, keepdim)
    first, second = (normalize_dim("matrix_norm", d, x) for d in dim)
    if ord == 2 and not min(x._data.shape[first], x._data.shape[second]):
        return x.abs().sum((first, second), keepdim)  # the largest of none: 0
    s = svdvals(function, x.movedim((first, second), (-2, -1)))
    y = s.sum(-1) if ord == "nuc" else s.amax(-1) if ord == 2 else s.amin(-1)
    if keepdim:
        for d in sorted((first, second)):
            y = y.unsqueeze(d)
    return y


def norm(function: Any, x: Any, ord: Any = None, dim: Any = None, keepdim: bool = False, **options: Any) -> Any:
    """`lucid.linalg.norm` and, with ``p`` for ``ord``, `lucid.norm`."""
    if options.get("dtype") is not None and options["dtype"].is_complex:
        x = cast(x, options.pop("dtype"))
    ord = options.pop("p", ord)
    named = function.__module__ == "lucid._functions.linalg"
    pair = isinstance(dim, (tuple, list)) and len(dim) == 2
    if ord == "nuc" or (named and ord in (2, -2) and (pair or (dim is None and x._data.ndim == 2))):
        from lucid._functions.linalg import matrix_norm as real_norm

        return matrix_norm(real_norm, x, ord, (-2, -1) if dim is None else dim, keepdim)
    if not named and ord is None:
        ord = "fro"
    return function(x.abs(), ord, dim, keepdim, **options)


def cond(function: Any, x: Any, p: Any = None) -> Any:
    if p in (None, 2, -2):
        s = svdvals(function, x)
        y = s[..., 0] / s[..., -1]
        return y.reciprocal() if p == -2 else y
    from lucid._functions.linalg import matrix_norm as real_norm

    square("cond", x)
    return matrix_norm(real_norm, x, p) * matrix_norm(real_norm, nodes.Inverse.apply(x), p)


def matrix_rank(
    function: Any, x: Any, tol: Any = None, hermitian: bool = False, *, atol: Any = None, rtol: Any = None,
    out: Any = None,
) -> Any:  # fmt: skip
    (x,) = matrices("matrix_rank", x)
    data = x._data
    s = np.abs(np.linalg.eigvalsh(data)) if hermitian else np.linalg.svd(data, compute_uv=False)
    least, share = _tolerances(x, tol if atol is None else atol, 0.0 if rtol is None and tol is not None else rtol)
    limit = np.maximum(least, share * s.max(-1, keepdims=True, initial=0))
    return wrap(np.asarray(np.count_nonzero(s > limit, -1), np.int64))


def vecdot(function: Any, x: Any, y: Any, *, dim: int = -1) -> Any:
    return (Conj.apply(x) * y).sum(dim)


def tensorinv(function: Any, x: Any, ind: int = 2) -> Any:
    rows, columns = x._data.shape[:ind], x._data.shape[ind:]
    n = math.prod(columns)
    if math.prod(rows) != n:
        raise RuntimeError(f"tensorinv: the parts {rows} and {columns} must have equally many elements")
    return nodes.Inverse.apply(x.reshape(n, n)).reshape(*columns, *rows)


def tensorsolve(function: Any, a: Any, b: Any, dims: Any = None) -> Any:
    from lucid._functions.linalg import square_system

    a, b, shape = square_system(a, b, dims)
    return solve(function, a, b).reshape(shape)


FORMS.update({
    "inv": inv, "inv_ex": inv_ex, "det": det, "slogdet": slogdet, "logdet": logdet, "solve": solve, "solve_ex":
    solve_ex, "solve_triangular": solve_triangular, "triangular_solve": triangular_solve, "cholesky": cholesky,
    "cholesky_solve": cholesky_solve, "cholesky_inverse": cholesky_inverse, "qr": qr, "svd": svd, "svdvals":
    svdvals, "eigh": eigh, "eigvalsh": eigvalsh, "pinv": pinv, "pinverse": pinverse, "lstsq": lstsq, "matrix_power":
    matrix_power, "matrix_exp": matrix_exp, "matrix_norm": matrix_norm, "norm": norm, "cond": cond, "matrix_rank":
    matrix_rank, "vecdot": vecdot, "tensorinv": tensorinv, "tensorsolve": tensorsolve,
})  # fmt: skip

__all__ = ["FORMS", "LinAlgError", "square"]
