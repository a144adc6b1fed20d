"""Discrete Fourier transforms, by NumPy's pocketfft in the precision of the operand.

Three linear operations and their adjoints make all of them, and all gradients: complex to complex along some
dimensions, real to the half of a Hermitian spectrum along one, and back.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from lucid import _dtype
from lucid._functions._arguments import check_tensors, integer, normalize_dim
from lucid._functions._common import cast, floating
from lucid._functions.complex import as_complex, conj, is_complex
from lucid.autograd._node import Node, wrap

if TYPE_CHECKING:
    from lucid._tensor import Tensor

Sizes = Sequence[int] | None

ADJOINT = {"backward": "forward", "forward": "backward", "ortho": "ortho"}
"""The norm under which the opposite transform is the adjoint."""


class Fit(Node):
    """Cut at the end of a dimension, or filled with zeros there, to ``n`` elements."""

    __slots__ = ("dim", "n")

    def forward(self, x: Tensor, n: int, dim: int) -> np.ndarray:
        data = x._data
        self.dim, self.n = dim, data.shape[dim]
        kept = (slice(None),) * dim + (slice(min(n, self.n)),)
        y = np.zeros((*data.shape[:dim], n, *data.shape[dim + 1 :]), data.dtype)
        y[kept] = data[kept]
        return y

    def backward(self, dy: Tensor) -> Tensor:
        return Fit.apply(dy, self.n, self.dim)


def fit(x: Tensor, n: int, dim: int) -> Tensor:
    return x if x._data.shape[dim] == n else Fit.apply(x, n, dim)


class Transform(Node):
    """Complex to complex along ``dims``."""

    __slots__ = ("dims", "inverse", "norm")

    def forward(self, x: Tensor, dims: tuple[int, ...], inverse: bool, norm: str) -> np.ndarray:
        self.dims, self.inverse, self.norm = dims, inverse, norm
        function: Any = np.fft.ifftn if inverse else np.fft.fftn
        return function(x._data, axes=dims, norm=norm).astype(x._data.dtype, copy=False)

    def backward(self, dy: Tensor) -> Tensor:
        return Transform.apply(dy, self.dims, not self.inverse, ADJOINT[self.norm])


class ToHalf(Node):
    """The first n // 2 + 1 elements of the transform of real numbers along ``dim``; the rest are their conjugates."""

    __slots__ = ("dim", "n", "norm")

    def forward(self, x: Tensor, dim: int, norm: str) -> np.ndarray:
        self.dim, self.norm, self.n = dim, norm, x._data.shape[dim]
        y = np.fft.rfft(x._data, axis=dim, norm=norm)  # type: ignore[arg-type]
        return y.astype(_dtype.to_complex(x.dtype).numpy, copy=False)

    def backward(self, dy: Tensor) -> Tensor:
        return FromHalf.apply(dy * inner_weights(dy, self.n, self.dim, 0.5), self.n, self.dim, ADJOINT[self.norm])


class FromHalf(Node):
    """The ``n`` real numbers whose spectrum starts with x along ``dim``."""

    __slots__ = ("dim", "n", "norm")

    def forward(self, x: Tensor, n: int, dim: int, norm: str) -> np.ndarray:
        self.dim, self.norm, self.n = dim, norm, n
        y = np.fft.irfft(x._data, n, axis=dim, norm=norm)  # type: ignore[arg-type]
        return y.astype(_dtype.to_real(x.dtype).numpy, copy=False)

    def backward(self, dy: Tensor) -> Tensor:
        y = ToHalf.apply(dy, self.dim, ADJOINT[self.norm])
        return y * inner_weights(y, self.n, self.dim, 2.0)


def inner_weights(x: Tensor, n: int, dim: int, weight: float) -> Tensor:
    """``weight`` for the elements of half a spectrum that stand for their conjugates too, 1 for the others."""
    half = np.full(n // 2 + 1, weight, _dtype.to_real(x.dtype).numpy)
    half[0] = 1
    if n % 2 == 0:
        half[-1] = 1
    return wrap(half.reshape(-1, *[1] * (x._data.ndim - 1 - dim)))


# Arguments


def operand(name: str, x: Any, real: bool = False) -> Any:
    """``x`` in floating point, real or complex as the transform needs."""
    check_tensors(name, x)
    x = floating(x)
    if x.dtype.is_half:
        x = cast(x, _dtype.float32)
    if real and is_complex(x):
        raise RuntimeError(f"{name}: expects a real input tensor, but got {x.dtype}")
    return x if real else as_complex(name, x)


def norm_of(name: str, norm: Any) -> str:
    if norm is None:
        return "backward"
    if norm not in ("forward", "backward", "ortho"):
        raise RuntimeError(f'{name}: invalid normalization mode: "{norm}"; expected "forward", "backward" or "ortho"')
    return str(norm)


def one(name: str, x: Any, n: Any, dim: Any) -> tuple[int, int]:
    """The dimension and the number of elements to transform."""
    if not x._data.ndim:
        raise IndexError(f"{name}: dimension specified as {dim} but tensor has no dimensions")
    d = int(normalize_dim(name, dim, x))
    n = x._data.shape[d] if n is None else integer(n)
    if isinstance(n, bool) or not isinstance(n, (int, np.integer)):
        raise TypeError(f"{name}: expected n to be an integer, got {type(n).__name__}")
    return d, check_size(name, int(n))


def check_size(name: str, n: int) -> int:
    if n < 1:
        raise RuntimeError(f"{name}: invalid number of data points ({n}) specified")
    return n


# One dimension


def fft(
    x: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None, *, out: Tensor | None = None
) -> Tensor:
    """The discrete Fourier transform: y[k] = sum_j x[j] exp(-2 pi i j k / n).

    Args:
        x: real or complex, any shape.
        n: cut or fill with zeros to this length before.
        dim: the dimension to transform.
        norm: "backward" (no factor), "ortho" (1 / sqrt(n)) or "forward" (1 / n).
        out: tensor that receives the result.

    Returns:
        complex64, or complex128 for float64 and complex128.

    Raises:
        RuntimeError: ``n`` is less than 1, or an unknown ``norm``.
        IndexError: ``dim`` is out of range.

    Example:
        >>> import lucid
        >>> print(lucid.fft.fft(lucid.tensor([1.0, 0.0, -1.0, 0.0])))
        [0.0+0.0j, 2.0+0.0j, 0.0+0.0j, 2.0+0.0j]

    Source: Cooley and Tukey, An algorithm for the machine calculation of complex Fourier series, 1965.
    """
    x = operand("fft", x)
    d, n = one("fft", x, n, dim)
    return Transform.apply(fit(x, n, d), (d,), False, norm_of("fft", norm))


def ifft(
    x: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None, *, out: Tensor | None = None
) -> Tensor:
    """The inverse of `fft`: y[j] = sum_k x[k] exp(2 pi i j k / n) / n; ``norm="forward"`` leaves out the factor.

    Args:
        x, n, dim, norm, out: as of `fft`.

    Raises:
        RuntimeError: ``n`` is less than 1, or an unknown ``norm``.
        IndexError: ``dim`` is out of range.

    Example:
        >>> import lucid
        >>> print(lucid.fft.ifft(lucid.tensor([4.0, 0.0, 0.0, 0.0])).real)
        [1.0, 1.0, 1.0, 1.0]
    """
    x = operand("ifft", x)
    d, n = one("ifft", x, n, dim)
    return Transform.apply(fit(x, n, d), (d,), True, norm_of("ifft", norm))


def rfft(
    x: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None, *, out: Tensor | None = None
) -> Tensor:
    """The first n // 2 + 1 elements of `fft` of real numbers; the others are their conjugates.

    Args:
        x: real, any shape.
        n, dim, norm: as of `fft`.
        out: complex tensor that receives the result.

    Raises:
        RuntimeError: ``x`` is complex, ``n`` less than 1, or an unknown ``norm``.

    Example:
        >>> import lucid
        >>> print(lucid.fft.rfft(lucid.tensor([1.0, 0.0, -1.0, 0.0])))
        [0.0+0.0j, 2.0+0.0j, 0.0+0.0j]
    """
    x = operand("rfft", x, True)
    d, n = one("rfft", x, n, dim)
    return ToHalf.apply(fit(x, n, d), d, norm_of("rfft", norm))


def irfft(
    x: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None, *, out: Tensor | None = None
) -> Tensor:
    """The inverse of `rfft`: ``n`` real numbers, 2 (m - 1) of m elements unless given.

    Args:
        x: half of a Hermitian spectrum, any shape; the imaginary parts of its ends do not count.
        n: number of results.
        dim, norm: as of `ifft`.
        out: real tensor that receives the result.

    Raises:
        RuntimeError: ``n`` is less than 1, or an unknown ``norm``.
        IndexError: ``dim`` is out of range.

    Example:
        >>> import lucid
        >>> x = lucid.tensor([1.0, 2.0, 3.0])
        >>> print(lucid.fft.irfft(lucid.fft.rfft(x), n=3))
        [1.0, 2.0, 3.0]
    """
    return _irfft("irfft", operand("irfft", x), n, dim, norm_of("irfft", norm))


def _irfft(name: str, x: Any, n: Any, dim: Any, norm: str) -> Any:
    d, own = one(name, x, None, dim)
    d, n = one(name, x, 2 * (own - 1) if n is None else n, dim)
    return FromHalf.apply(fit(x, n // 2 + 1, d), n, d, norm)


def hfft(
    x: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None, *, out: Tensor | None = None
) -> Tensor:
    """`fft` of a Hermitian signal given by its first half: ``n`` real numbers, 2 (m - 1) of m elements unless given.

    Args:
        x: the first half, any shape.
        n: number of results.
        dim, norm: as of `fft`.
        out: real tensor that receives the result.

    Raises:
        RuntimeError: ``n`` is less than 1, or an unknown ``norm``.
        IndexError: ``dim`` is out of range.

    Example:
        >>> import lucid
        >>> print(lucid.fft.hfft(lucid.ones(3)))
        [4.0, 0.0, 0.0, 0.0]
    """
    x = conj(operand("hfft", x))
    return _irfft("hfft", x, n, dim, ADJOINT[norm_of("hfft", norm)])


def ihfft(
    x: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None, *, out: Tensor | None = None
) -> Tensor:
    """The inverse of `hfft`: the first n // 2 + 1 elements of `ifft` of real numbers.

    Args:
        x: real, any shape.
        n, dim, norm: as of `ifft`.
        out: complex tensor that receives the result.

    Raises:
        RuntimeError: ``x`` is complex, ``n`` less than 1, or an unknown ``norm``.

    Example:
        >>> import lucid
        >>> print(lucid.fft.ihfft(lucid.tensor([4.0, 0.0, 0.0, 0.0])).real)
        [1.0, 1.0, 1.0]
    """
    x = operand("ihfft", x, True)
    d, n = one("ihfft", x, n, dim)
    return conj(ToHalf.apply(fit(x, n, d), d, ADJOINT[norm_of("ihfft", norm)]))


# Several dimensions


# Frequencies
