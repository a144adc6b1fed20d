"""Discrete Fourier transforms over several dimensions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lucid._functions._arguments import integer, normalize_dim
from lucid._functions.complex import conj
from lucid._functions.fourier import ADJOINT, FromHalf, Sizes, ToHalf, Transform, check_size, fit, norm_of, one, operand

if TYPE_CHECKING:
    from lucid._tensor import Tensor


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
    return _all("fftn", x, s, dim, norm, False)


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
    return _all("ifftn", x, s, dim, norm, True)


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
    return _to_half("rfftn", x, s, dim, norm_of("rfftn", norm), False)


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
    return _from_half("irfftn", x, s, dim, norm_of("irfftn", norm), True)


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
    return _from_half("hfftn", x, s, dim, norm_of("hfftn", norm), False)


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
    return _to_half("ihfftn", x, s, dim, norm_of("ihfftn", norm), True)


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
    return _all("fft2", x, s, dim, norm, False)


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
    return _all("ifft2", x, s, dim, norm, True)


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
    return _to_half("rfft2", x, s, dim, norm_of("rfft2", norm), False)


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
    return _from_half("irfft2", x, s, dim, norm_of("irfft2", norm), True)


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
    return _from_half("hfft2", x, s, dim, norm_of("hfft2", norm), False)


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
    return _to_half("ihfft2", x, s, dim, norm_of("ihfft2", norm), True)
