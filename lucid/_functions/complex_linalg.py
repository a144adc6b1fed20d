"""Decompositions and solvers of complex matrices, by LAPACK through NumPy; without gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from lucid import _dtype
from lucid._functions._common import cast, write_out
from lucid._functions.complex import Conj
from lucid._functions.complex_math import refuse_gradient
from lucid._functions.solve import LinAlgError
from lucid.autograd._node import wrap

FORMS: dict[str, Callable[..., Any]] = {}


def square(name: str, *tensors: Any) -> None:
    for x in tensors:
        if x._data.ndim < 2 or x._data.shape[-1] != x._data.shape[-2]:
            raise RuntimeError(f"{name}: A must be batches of square matrices, got shape {x._data.shape}")


def lapack(name: str, function: Callable[..., Any], *tensors: Any, **options: Any) -> Any:
    """``function`` of arrays of one complex dtype, with its results as tensors of that dtype or its real one."""
    refuse_gradient(name, *tensors)
    d = _dtype.to_complex(_dtype.result_type(*tensors))
    try:
        y = function(*[cast(x, d)._data for x in tensors], **options)
    except np.linalg.LinAlgError as error:
        raise LinAlgError(f"linalg.{name}: {error}") from None
    return tuple(map(tensor, y)) if isinstance(y, tuple) else tensor(y)


def tensor(y: Any) -> Any:
    return wrap(np.asarray(y))


def _of_one(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    def form(_: Any, x: Any, *, out: Any = None) -> Any:
        square(name, x)
        return write_out(name, lapack(name, function, x), out)

    return form


def slogdet(function: Any, x: Any) -> Any:
    from lucid._functions.solve import Slogdet

    square("slogdet", x)
    return Slogdet(*lapack("slogdet", lambda a: tuple(np.linalg.slogdet(a)), x))


def solve(function: Any, a: Any, b: Any, *, left: bool = True, out: Any = None) -> Any:
    square("solve", a)
    vector = b._data.ndim == 1 or (b._data.ndim == a._data.ndim - 1 and b._data.shape == a._data.shape[:-1])

    def run(p: np.ndarray, q: np.ndarray) -> np.ndarray:
        q = q[..., None] if vector else q
        y = np.linalg.solve(p, q) if left else np.linalg.solve(p.swapaxes(-1, -2), q.swapaxes(-1, -2)).swapaxes(-1, -2)
        return y[..., 0] if vector else y

    return write_out("solve", lapack("solve", run, a, b), out)


def cholesky(function: Any, x: Any, *, upper: bool = False, out: Any = None) -> Any:
    square("cholesky", x)
    return write_out("cholesky", lapack("cholesky", lambda a: np.linalg.cholesky(a, upper=upper), x), out)


def qr(function: Any, x: Any, mode: Any = "reduced") -> Any:
    from lucid._functions.spectral import QRParts

    if mode == "r":
        r = lapack("qr", lambda a: np.linalg.qr(a, "r"), x)
        return QRParts(wrap(np.empty(0, x._data.dtype)), r)
    return QRParts(*lapack("qr", lambda a: tuple(np.linalg.qr(a, mode)), x))


def svd(function: Any, x: Any, full_matrices: bool = True, **_: Any) -> Any:
    from lucid._functions.spectral import SVDParts

    return SVDParts(*lapack("svd", lambda a: tuple(np.linalg.svd(a, full_matrices)), x))


def svdvals(function: Any, x: Any, **_: Any) -> Any:
    return lapack("svdvals", lambda a: np.linalg.svd(a, compute_uv=False), x)


def eigh(function: Any, x: Any, UPLO: Any = "L") -> Any:
    from lucid._functions.spectral import Eigen

    square("eigh", x)
    return Eigen(*lapack("eigh", lambda a: tuple(np.linalg.eigh(a, UPLO)), x))


def eigvalsh(function: Any, x: Any, UPLO: Any = "L") -> Any:
    square("eigvalsh", x)
    return lapack("eigvalsh", lambda a: np.linalg.eigvalsh(a, UPLO), x)


def pinv(function: Any, x: Any, *, atol: Any = None, rtol: Any = None, hermitian: bool = False, out: Any = None) -> Any:
    u, s, vh = svd(function, x, False)
    rest = [None if v is None else float(v) for v in (atol, rtol)]
    if rest[1] is None:
        rest[1] = max(x._data.shape[-2:]) * float(np.finfo(x._data.dtype).eps) if not rest[0] else 0.0
    small = s._data <= np.maximum(rest[0] or 0.0, rest[1] * s._data.max(-1, keepdims=True, initial=0))
    inverse = np.where(small, 0, 1 / np.where(small, 1, s._data)).astype(s._data.dtype)
    return write_out("pinv", (Conj.apply(vh).mT * wrap(inverse[..., None, :])) @ Conj.apply(u).mT, out)


def matrix_power(function: Any, x: Any, n: int, *, out: Any = None) -> Any:
    square("matrix_power", x)
    return write_out("matrix_power", lapack("matrix_power", lambda a: np.linalg.matrix_power(a, n), x), out)


def matrix_norm(function: Any, x: Any, ord: Any = "fro", dim: Any = (-2, -1), keepdim: bool = False, **_: Any) -> Any:
    if ord in ("nuc", 2, -2):
        return lapack("matrix_norm", lambda a: np.linalg.norm(a, ord, tuple(dim), keepdim), x)
    return function(x.abs(), ord, dim, keepdim)


def matrix_rank(function: Any, x: Any, *args: Any, **options: Any) -> Any:
    s = svdvals(function, x)
    limit = s._data.max(-1, keepdims=True, initial=0) * max(x._data.shape[-2:]) * np.finfo(s._data.dtype).eps
    if args or any(v is not None for v in options.values()):
        raise TypeError("matrix_rank: tolerances are not implemented for complex numbers")
    return wrap(np.asarray(np.count_nonzero(s._data > limit, -1), np.int64))


FORMS.update({
    "inv": _of_one("inv", np.linalg.inv), "det": _of_one("det", np.linalg.det), "slogdet": slogdet, "solve": solve,
    "cholesky": cholesky, "qr": qr, "svd": svd, "svdvals": svdvals, "eigh": eigh, "eigvalsh": eigvalsh, "pinv": pinv,
    "matrix_power": matrix_power, "matrix_norm": matrix_norm, "matrix_rank": matrix_rank,
})  # fmt: skip
