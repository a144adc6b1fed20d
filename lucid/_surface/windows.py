"""Windows of signal processing by the names of PyTorch's top level; others are in `lucid.signal.windows`."""

from __future__ import annotations

from typing import Any

import numpy as np

from lucid import _dtype
from lucid._convert import as_device
from lucid._functions._common import check_options
from lucid._tensor import Tensor
from lucid.autograd._node import wrap


def _float_type(name: str, dtype: Any) -> np.dtype[Any]:
    d = _dtype.get_default_dtype() if dtype is None else _dtype.as_dtype(dtype)
    if not d.is_floating_point:
        raise RuntimeError(f"{name}: expects floating point dtypes, got {d}")
    return d.numpy


def _window(
    name: str, length: int, periodic: bool, dtype: Any, device: Any, requires_grad: bool, formula: Any
) -> Tensor:
    """``formula`` of (0, 1, ... length - 1) and the last point; ``periodic`` drops the last of one point more."""
    if device is not None:
        as_device(device)
    kind = _float_type(name, dtype)
    if not isinstance(length, (int, np.integer)) or isinstance(length, bool):
        raise TypeError(f"{name}: window_length must be an int, got {type(length).__name__}")
    if length < 0:
        raise RuntimeError(f"{name}: window_length must not be negative, got {length}")
    points = length + 1 if periodic else length
    y = np.ones(length) if length <= 1 else formula(np.arange(points), points - 1)[:length]
    return wrap(y.astype(kind)).requires_grad_(requires_grad)


def hann_window(
    window_length: int, periodic: bool = True, *, dtype: Any = None, device: Any = None, requires_grad: bool = False,
    **_: Any,
) -> Tensor:  # fmt: skip
    """w[n] = sin^2(pi n / (N - 1)).

    Args:
        window_length: number of elements.
        periodic: N is one more, as for a spectrum; else N is the length, and the window symmetric.
        dtype: floating-point type; the default type unless given.
        device: "cpu".
        requires_grad: record operations on it.

    Raises:
        RuntimeError: the length is negative.

    Example:
        >>> import lucid
        >>> print(lucid.hann_window(4))
        [0.0, 0.5, 1.0, 0.5]

    Source: Harris, On the use of windows for harmonic analysis with the discrete Fourier transform, 1978.
    """
    check_options("hann_window", _)
    return _window(
        "hann_window", window_length, periodic, dtype, device, requires_grad,
        lambda n, last: 0.5 - 0.5 * np.cos(2 * np.pi * n / last),
    )  # fmt: skip


def hamming_window(
    window_length: int, periodic: bool = True, alpha: float = 0.54, beta: float = 0.46, *, dtype: Any = None,
    device: Any = None, requires_grad: bool = False, **_: Any,
) -> Tensor:  # fmt: skip
    """w[n] = alpha - beta cos(2 pi n / (N - 1)); the other arguments are those of `hann_window`.

    Args:
        alpha, beta: weights of the constant and of the cosine.
        window_length, periodic, dtype, device, requires_grad: as of `hann_window`.

    Raises:
        RuntimeError: the length is negative.

    Example:
        >>> import lucid
        >>> print(lucid.hamming_window(3, periodic=False))
        [0.08, 1.0, 0.08]

    Source: Harris, On the use of windows for harmonic analysis with the discrete Fourier transform, 1978.
    """
    check_options("hamming_window", _)
    return _window("hamming_window", window_length, periodic, dtype, device, requires_grad,
                   lambda n, last: alpha - beta * np.cos(2 * np.pi * n / last))  # fmt: skip


def blackman_window(
    window_length: int, periodic: bool = True, *, dtype: Any = None, device: Any = None, requires_grad: bool = False,
    **_: Any,
) -> Tensor:  # fmt: skip
    """w[n] = 0.42 - 0.5 cos(2 pi n / (N - 1)) + 0.08 cos(4 pi n / (N - 1)); arguments: see `hann_window`.

    Args:
        window_length, periodic, dtype, device, requires_grad: as of `hann_window`.

    Raises:
        RuntimeError: the length is negative.

    Example:
        >>> import lucid
        >>> print(lucid.blackman_window(3, periodic=False).abs() > 0.5)
        [False, True, False]

    Source: Harris, On the use of windows for harmonic analysis with the discrete Fourier transform, 1978.
    """
    check_options("blackman_window", _)
    return _window("blackman_window", window_length, periodic, dtype, device, requires_grad,
                   lambda n, m: 0.42 - 0.5 * np.cos(2 * np.pi * n / m) + 0.08 * np.cos(4 * np.pi * n / m))  # fmt: skip


def bartlett_window(
    window_length: int, periodic: bool = True, *, dtype: Any = None, device: Any = None, requires_grad: bool = False,
    **_: Any,
) -> Tensor:  # fmt: skip
    """w[n] = 1 - |2 n / (N - 1) - 1|; the arguments are those of `hann_window`.

    Args:
        window_length, periodic, dtype, device, requires_grad: as of `hann_window`.

    Raises:
        RuntimeError: the length is negative.

    Example:
        >>> import lucid
        >>> print(lucid.bartlett_window(5, periodic=False))
        [0.0, 0.5, 1.0, 0.5, 0.0]

    Source: Harris, On the use of windows for harmonic analysis with the discrete Fourier transform, 1978.
    """
    check_options("bartlett_window", _)
    return _window("bartlett_window", window_length, periodic, dtype, device, requires_grad,
                   lambda n, last: 1 - np.abs(2 * n / last - 1))  # fmt: skip


def kaiser_window(
    window_length: int, periodic: bool = True, beta: float = 12.0, *, dtype: Any = None, device: Any = None,
    requires_grad: bool = False, **_: Any,
) -> Tensor:  # fmt: skip
    """w[n] = I0(beta sqrt(1 - (2 n / (N - 1) - 1)^2)) / I0(beta); the other arguments are those of `hann_window`.

    Args:
        beta: shape of the window; 0 gives equal weights.
        window_length, periodic, dtype, device, requires_grad: as of `hann_window`.

    Raises:
        RuntimeError: the length is negative.

    Example:
        >>> import lucid
        >>> print(lucid.kaiser_window(3, periodic=False, beta=0.0))
        [1.0, 1.0, 1.0]

    Source: Harris, On the use of windows for harmonic analysis with the discrete Fourier transform, 1978.
    """
    check_options("kaiser_window", _)
    return _window("kaiser_window", window_length, periodic, dtype, device, requires_grad,
                   lambda n, last: np.i0(beta * np.sqrt(1 - (2 * n / last - 1) ** 2)) / np.i0(beta))  # fmt: skip


__all__ = ["bartlett_window", "blackman_window", "hamming_window", "hann_window", "kaiser_window"]
