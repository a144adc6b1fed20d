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
from lucid._functions._common import cast, floating, write_out
from lucid._functions.complex import as_complex, conj, is_complex
from lucid._functions.join import roll
from lucid._printing import shown
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


def several(name: str, x: Any, s: Any, dim: Any, half: bool = False) -> tuple[tuple[int, ...], list[int]]:
    """The dimensions to transform and their sizes; with ``half`` the last size is that of the real side."""
    s, dim = ((v,) if isinstance(v, int) else v if v is None else tuple(v) for v in map(integer, (s, dim)))
    ndim = x._data.ndim
    if dim is None:
        count = ndim if s is None else len(s)
        if count > ndim:
            raise RuntimeError(f"{name}: got shape with {count} values but input tensor only has {ndim} dimensions")
        dims = tuple(range(ndim - count, ndim))
    else:
        dims = tuple(int(normalize_dim(name, d, x)) for d in dim) if ndim or not dim else one(name, x, None, dim[0])
        if len(set(dims)) != len(dims):
            raise RuntimeError(f"{name}: FFT dims must be unique, got {dim}")
        if s is not None and len(s) != len(dims):
            raise RuntimeError(f"{name}: when given, dim and shape arguments must have the same length")
    sizes = [x._data.shape[d] for d in dims]
    if half and sizes:
        sizes[-1] = 2 * (sizes[-1] - 1)
    if s is not None:
        sizes = [own if n == -1 else int(n) for n, own in zip(s, sizes)]
    return dims, [check_size(name, n) for n in sizes]


def _some(name: str, dims: tuple[int, ...]) -> None:
    if not dims:
        raise RuntimeError(f"{name}: must transform at least one axis")


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
    return write_out("fft", Transform.apply(fit(x, n, d), (d,), False, norm_of("fft", norm)), out)


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
    return write_out("ifft", Transform.apply(fit(x, n, d), (d,), True, norm_of("ifft", norm)), out)


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
    return write_out("rfft", ToHalf.apply(fit(x, n, d), d, norm_of("rfft", norm)), out)


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
    return write_out("irfft", _irfft("irfft", operand("irfft", x), n, dim, norm_of("irfft", norm)), out)


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
    return write_out("hfft", _irfft("hfft", x, n, dim, ADJOINT[norm_of("hfft", norm)]), out)


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
    return write_out("ihfft", conj(ToHalf.apply(fit(x, n, d), d, ADJOINT[norm_of("ihfft", norm)])), out)


# Several dimensions


def _all(name: str, x: Any, s: Any, dim: Any, norm: Any, inverse: bool) -> Any:
    x = operand(name, x)
    dims, sizes = several(name, x, s, dim)
    norm = norm_of(name, norm)
    for d, n in zip(dims, sizes):
        x = fit(x, n, d)
    return Transform.apply(x, dims, inverse, norm) if dims else x


def _to_half(name: str, x: Any, s: Any, dim: Any, norm: str, inverse: bool) -> Any:
    """Real to half a spectrum along the last of the dimensions, then complex along the others."""
    x = operand(name, x, True)
    dims, sizes = several(name, x, s, dim)
    _some(name, dims)
    for d, n in zip(dims, sizes):
        x = fit(x, n, d)
    y = ToHalf.apply(x, dims[-1], ADJOINT[norm] if inverse else norm)
    y = conj(y) if inverse else y
    return Transform.apply(y, dims[:-1], inverse, norm) if dims[:-1] else y


def _from_half(name: str, x: Any, s: Any, dim: Any, norm: str, inverse: bool) -> Any:
    """Complex along all dimensions but the last, then half a spectrum to real numbers."""
    x = operand(name, x)
    dims, sizes = several(name, x, s, dim, True)
    _some(name, dims)
    for d, n in zip(dims[:-1], sizes[:-1]):
        x = fit(x, n, d)
    x = Transform.apply(x, dims[:-1], inverse, norm) if dims[:-1] else x
    x = x if inverse else conj(x)
    return FromHalf.apply(fit(x, sizes[-1] // 2 + 1, dims[-1]), sizes[-1], dims[-1], norm if inverse else ADJOINT[norm])


def fftn(
    x: Tensor, s: Sizes = None, dim: Sizes = None, norm: str | None = None, *, out: Tensor | None = None
) -> Tensor:
    """`fft` along several dimensions.

    Args:
        x: real or complex.
        s: sizes to cut or fill with zeros to; -1 leaves a dimension as it is.
        dim: the dimensions; the last ``len(s)``, or all, unless given.
        norm: as in `fft`, with n the product of the sizes.
        out: tensor that receives the result.

    Raises:
        RuntimeError: dimensions repeat, ``s`` does not fit them, or an unknown ``norm``.

    Example:
        >>> import lucid
        >>> print(lucid.fft.fftn(lucid.ones(2, 2)).real)
        [[4.0, 0.0],
         [0.0, 0.0]]

    Source: Cooley and Tukey, An algorithm for the machine calculation of complex Fourier series, 1965.
    """
    return write_out("fftn", _all("fftn", x, s, dim, norm, False), out)


def ifftn(
    x: Tensor, s: Sizes = None, dim: Sizes = None, norm: str | None = None, *, out: Tensor | None = None
) -> Tensor:
    """The inverse of `fftn`.

    Args:
        x, s, dim, norm, out: as of `fftn`.

    Example:
        >>> import lucid
        >>> print(lucid.fft.ifftn(lucid.tensor([[4.0, 0.0]])).real)
        [[2.0, 2.0]]
    """
    return write_out("ifftn", _all("ifftn", x, s, dim, norm, True), out)


def rfftn(
    x: Tensor, s: Sizes = None, dim: Sizes = None, norm: str | None = None, *, out: Tensor | None = None
) -> Tensor:
    """`fftn` of real numbers, only the first half along the last of the dimensions.

    Args:
        x: real.
        s, dim, norm, out: as of `fftn`.

    Raises:
        RuntimeError: ``x`` is complex, or as of `fftn`.

    Example:
        >>> import lucid
        >>> print(lucid.fft.rfftn(lucid.ones(2, 3)).real)
        [[6.0, 0.0],
         [0.0, 0.0]]
    """
    return write_out("rfftn", _to_half("rfftn", x, s, dim, norm_of("rfftn", norm), False), out)


def irfftn(
    x: Tensor, s: Sizes = None, dim: Sizes = None, norm: str | None = None, *, out: Tensor | None = None
) -> Tensor:
    """The inverse of `rfftn`; the last of the sizes is that of the result, 2 (m - 1) of m elements unless given.

    Args:
        x: half of a Hermitian spectrum.
        s: sizes of the result; -1 leaves a dimension as it is.
        dim, norm, out: as of `ifftn`.

    Example:
        >>> import lucid
        >>> print(lucid.fft.irfftn(lucid.tensor([[6.0, 0.0]]), s=(1, 3)))
        [[2.0, 2.0, 2.0]]
    """
    return write_out("irfftn", _from_half("irfftn", x, s, dim, norm_of("irfftn", norm), True), out)


def hfftn(
    x: Tensor, s: Sizes = None, dim: Sizes = None, norm: str | None = None, *, out: Tensor | None = None
) -> Tensor:
    """`fftn` of a signal that is Hermitian along the last of the dimensions, given by its first half: real numbers.

    Args:
        x: the first half.
        s: sizes of the result; -1 leaves a dimension as it is.
        dim, norm, out: as of `fftn`.

    Example:
        >>> import lucid
        >>> print(lucid.fft.hfftn(lucid.ones(2, 2)))
        [[4.0, 0.0],
         [0.0, 0.0]]
    """
    return write_out("hfftn", _from_half("hfftn", x, s, dim, norm_of("hfftn", norm), False), out)


def ihfftn(
    x: Tensor, s: Sizes = None, dim: Sizes = None, norm: str | None = None, *, out: Tensor | None = None
) -> Tensor:
    """The inverse of `hfftn`.

    Args:
        x: real.
        s, dim, norm, out: as of `ifftn`.

    Example:
        >>> import lucid
        >>> print(lucid.fft.ihfftn(lucid.tensor([[4.0, 0.0]])).real)
        [[2.0, 2.0]]
    """
    return write_out("ihfftn", _to_half("ihfftn", x, s, dim, norm_of("ihfftn", norm), True), out)


def fft2(
    x: Tensor, s: Sizes = None, dim: Sizes = (-2, -1), norm: str | None = None, *, out: Tensor | None = None
) -> Tensor:
    """`fftn` along two dimensions, the last ones unless given.

    Args:
        x, s, dim, norm, out: as of `fftn`.

    Example:
        >>> import lucid
        >>> print(lucid.fft.fft2(lucid.ones(2, 2)).real)
        [[4.0, 0.0],
         [0.0, 0.0]]
    """
    return write_out("fft2", _all("fft2", x, s, dim, norm, False), out)


def ifft2(
    x: Tensor, s: Sizes = None, dim: Sizes = (-2, -1), norm: str | None = None, *, out: Tensor | None = None
) -> Tensor:
    """The inverse of `fft2`.

    Args:
        x, s, dim, norm, out: as of `ifftn`.

    Example:
        >>> import lucid
        >>> print(lucid.fft.ifft2(lucid.tensor([[4.0, 0.0]])).real)
        [[2.0, 2.0]]
    """
    return write_out("ifft2", _all("ifft2", x, s, dim, norm, True), out)


def rfft2(
    x: Tensor, s: Sizes = None, dim: Sizes = (-2, -1), norm: str | None = None, *, out: Tensor | None = None
) -> Tensor:
    """`rfftn` along two dimensions, the last ones unless given.

    Args:
        x, s, dim, norm, out: as of `rfftn`.

    Example:
        >>> import lucid
        >>> print(lucid.fft.rfft2(lucid.ones(2, 3)).real)
        [[6.0, 0.0],
         [0.0, 0.0]]
    """
    return write_out("rfft2", _to_half("rfft2", x, s, dim, norm_of("rfft2", norm), False), out)


def irfft2(
    x: Tensor, s: Sizes = None, dim: Sizes = (-2, -1), norm: str | None = None, *, out: Tensor | None = None
) -> Tensor:
    """The inverse of `rfft2`.

    Args:
        x, s, dim, norm, out: as of `irfftn`.

    Example:
        >>> import lucid
        >>> print(lucid.fft.irfft2(lucid.tensor([[6.0, 0.0]]), s=(1, 3)))
        [[2.0, 2.0, 2.0]]
    """
    return write_out("irfft2", _from_half("irfft2", x, s, dim, norm_of("irfft2", norm), True), out)


def hfft2(
    x: Tensor, s: Sizes = None, dim: Sizes = (-2, -1), norm: str | None = None, *, out: Tensor | None = None
) -> Tensor:
    """`hfftn` along two dimensions, the last ones unless given.

    Args:
        x, s, dim, norm, out: as of `hfftn`.

    Example:
        >>> import lucid
        >>> print(lucid.fft.hfft2(lucid.ones(2, 2)))
        [[4.0, 0.0],
         [0.0, 0.0]]
    """
    return write_out("hfft2", _from_half("hfft2", x, s, dim, norm_of("hfft2", norm), False), out)


def ihfft2(
    x: Tensor, s: Sizes = None, dim: Sizes = (-2, -1), norm: str | None = None, *, out: Tensor | None = None
) -> Tensor:
    """The inverse of `hfft2`.

    Args:
        x, s, dim, norm, out: as of `ihfftn`.

    Example:
        >>> import lucid
        >>> print(lucid.fft.ihfft2(lucid.tensor([[4.0, 0.0]])).real)
        [[2.0, 2.0]]
    """
    return write_out("ihfft2", _to_half("ihfft2", x, s, dim, norm_of("ihfft2", norm), True), out)


# Frequencies


def _frequencies(name: str, n: Any, d: float, dtype: Any, requires_grad: bool, half: bool) -> Any:
    if isinstance(n, bool) or not isinstance(n, (int, np.integer)) or n < 1:
        raise TypeError(f"{name}: expected n to be a positive integer, got {shown(n)}")
    kind = _dtype.get_default_dtype() if dtype is None else _dtype.as_dtype(dtype)
    if not isinstance(d, (int, float)) or not kind.is_floating_point:
        raise TypeError(f"{name}: expected d to be a number and dtype a floating-point one, got {shown(d)} and {kind}")
    y = wrap((np.fft.rfftfreq if half else np.fft.fftfreq)(int(n), d).astype(kind.numpy))
    y.requires_grad = requires_grad
    return y


def fftfreq(n: int, d: float = 1.0, *, dtype: Any = None, device: Any = None, requires_grad: bool = False,
            out: Tensor | None = None) -> Tensor:  # fmt: skip
    """The frequencies of `fft`, in cycles per unit: [0, 1, ..., (n - 1) // 2, -(n // 2), ..., -1] / (n d).

    Args:
        n: number of samples.
        d: distance of two samples.
        dtype: floating point, the default type unless given.
        device: "cpu".
        requires_grad: record operations on it.
        out: tensor that receives the result.

    Raises:
        TypeError: ``n`` is not a positive integer, ``d`` no number, or ``dtype`` not floating point.

    Example:
        >>> import lucid
        >>> print(lucid.fft.fftfreq(4))
        [0.0, 0.25, -0.5, -0.25]
    """
    return write_out("fftfreq", _frequencies("fftfreq", n, d, dtype, requires_grad, False), out)


def rfftfreq(n: int, d: float = 1.0, *, dtype: Any = None, device: Any = None, requires_grad: bool = False,
             out: Tensor | None = None) -> Tensor:  # fmt: skip
    """The frequencies of `rfft`, in cycles per unit: [0, 1, ..., n // 2] / (n d).

    Args:
        n, d, dtype, device, requires_grad, out: as of `fftfreq`.

    Raises:
        TypeError: ``n`` is not a positive integer, ``d`` no number, or ``dtype`` not floating point.

    Example:
        >>> import lucid
        >>> print(lucid.fft.rfftfreq(4))
        [0.0, 0.25, 0.5]
    """
    return write_out("rfftfreq", _frequencies("rfftfreq", n, d, dtype, requires_grad, True), out)


def _shift(name: str, x: Any, dim: Any, inverse: bool) -> Any:
    check_tensors(name, x)
    dim = integer(dim)
    dims = range(x._data.ndim) if dim is None else (dim,) if isinstance(dim, int) else tuple(dim)
    own = [int(normalize_dim(name, d, x)) for d in dims]
    sizes = [x._data.shape[d] for d in own]
    return roll(x, tuple((n + 1) // 2 if inverse else n // 2 for n in sizes), tuple(own)) if own else x


def fftshift(x: Tensor, dim: int | Sequence[int] | None = None) -> Tensor:
    """``x`` rolled so that frequency 0 stands in the middle, along ``dim`` or all dimensions.

    Args:
        x: any shape and dtype.
        dim: dimension or dimensions; None means all.

    Raises:
        IndexError: ``dim`` is out of range.

    Example:
        >>> import lucid
        >>> print(lucid.fft.fftshift(lucid.fft.fftfreq(4)))
        [-0.5, -0.25, 0.0, 0.25]
    """
    return _shift("fftshift", x, dim, False)


def ifftshift(x: Tensor, dim: int | Sequence[int] | None = None) -> Tensor:
    """The inverse of `fftshift`.

    Args:
        x, dim: as of `fftshift`.

    Example:
        >>> import lucid
        >>> print(lucid.fft.ifftshift(lucid.tensor([-0.5, -0.25, 0.0, 0.25])))
        [0.0, 0.25, -0.5, -0.25]
    """
    return _shift("ifftshift", x, dim, True)
