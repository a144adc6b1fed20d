"""Frequencies of a discrete Fourier transform, and shifts of the zero frequency to the middle."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from lucid import _dtype
from lucid._functions._arguments import check_tensors, integer, normalize_dim
from lucid._functions._common import check_options
from lucid._functions.join import roll
from lucid._printing import shown
from lucid.autograd._node import wrap

if TYPE_CHECKING:
    from lucid._tensor import Tensor


def _frequencies(
    name: str, n: Any, d: float, dtype: Any, device: Any, requires_grad: bool, half: bool
) -> Any:  # fmt: skip
    check_options(name, {"device": device})
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
        RuntimeError: another device.

    Example:
        >>> import lucid
        >>> print(lucid.fft.fftfreq(4))
        [0.0, 0.25, -0.5, -0.25]
    """
    return _frequencies("fftfreq", n, d, dtype, device, requires_grad, False)


def rfftfreq(n: int, d: float = 1.0, *, dtype: Any = None, device: Any = None, requires_grad: bool = False,
             out: Tensor | None = None) -> Tensor:  # fmt: skip
    """The frequencies of `rfft`, in cycles per unit: [0, 1, ..., n // 2] / (n d).

    Args:
        n, d, dtype, device, requires_grad, out: as of `fftfreq`.

    Raises:
        TypeError: ``n`` is not a positive integer, ``d`` no number, or ``dtype`` not floating point.
        RuntimeError: another device.

    Example:
        >>> import lucid
        >>> print(lucid.fft.rfftfreq(4))
        [0.0, 0.25, 0.5]
    """
    return _frequencies("rfftfreq", n, d, dtype, device, requires_grad, True)


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
