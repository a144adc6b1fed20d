"""Windows: weights that fade towards both ends of a piece of a signal."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import lucid
from lucid._convert import as_device
from lucid._functions._naming import listed
from lucid._printing import shown
from lucid._tensor import Tensor

__all__ = [
    "bartlett", "blackman", "cosine", "exponential", "gaussian", "general_cosine", "general_hamming", "hamming", "hann",
    "kaiser", "nuttall",
]  # fmt: skip


def _check(name: str, M: int, dtype: Any, layout: Any, device: Any) -> None:
    if not isinstance(M, int):
        raise TypeError(f"{name}: expected M to be an integer, got {shown(M)}")
    if M < 0:
        raise ValueError(f"{name}: M must not be negative, got {M}")
    if dtype is not None and dtype not in (lucid.float32, lucid.float64):
        raise ValueError(f"{name}: expected dtype to be float32 or float64, got {shown(dtype)}")
    if layout is not None and str(layout).rpartition(".")[2] != "strided":
        raise ValueError(f"{name}: expected layout to be lucid.strided, got {layout}")
    if device is not None:
        as_device(device)


def _places(M: int, sym: bool) -> tuple[Tensor, float]:
    """n = 0, ..., M - 1 in float64, and the length N of the symmetric window they lie on."""
    return lucid.arange(M, dtype=lucid.float64), float(max(M if sym else M + 1, 1))


def _finish(w: Tensor, M: int, dtype: Any, requires_grad: bool) -> Tensor:
    """Computed in float64, rounded once; a single weight is 1."""
    w = lucid.ones_like(w) if M == 1 else w
    return w.to(dtype or lucid.get_default_dtype()).requires_grad_(requires_grad)


@listed
def exponential(
    M: int, *, center: float | None = None, tau: float = 1.0, sym: bool = True, dtype: Any = None, layout: Any = None,
    device: Any = None, requires_grad: bool = False,
) -> Tensor:  # fmt: skip
    """w[n] = exp(-|n - c| / tau).

    Args:
        M: number of weights.
        center: c; the middle of the window unless given, which ``sym`` forbids.
        tau: decay, in samples.
        sym: symmetric, with N = M, for designing filters; otherwise periodic, with N = M + 1, for spectra.
        dtype: float32 or float64; the default type unless given.
        layout: lucid.strided, or None.
        device: "cpu".
        requires_grad: record operations on the result.

    Raises:
        ValueError: ``M`` is negative, ``tau`` is not positive, or a center of a symmetric window.

    Example:
        >>> import lucid
        >>> print(lucid.signal.windows.exponential(3, tau=1.0))
        [0.36787945, 1.0, 0.36787945]

    Source: Harris, On the use of windows for harmonic analysis with the discrete Fourier transform, 1978.
    """
    _check("exponential", M, dtype, layout, device)
    if tau <= 0:
        raise ValueError(f"exponential: tau must be positive, got {tau}")
    if sym and center is not None:
        raise ValueError(f"exponential: center must be None for a symmetric window, got {center}")
    n, length = _places(M, sym)
    middle = (length - 1) / 2 if center is None else center
    return _finish(lucid.exp(-(n - middle).abs() / tau), M, dtype, requires_grad)


@listed
def cosine(
    M: int, *, sym: bool = True, dtype: Any = None, layout: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """w[n] = sin(pi (n + 1/2) / N); arguments as for `exponential`.

    Args:
        M, sym, dtype, layout, device, requires_grad: as of `exponential`.

    Raises:
        ValueError: ``M`` is negative.

    Example:
        >>> import lucid
        >>> print(lucid.signal.windows.cosine(3).round(decimals=4))
        [0.5, 1.0, 0.5]

    Source: Harris, On the use of windows for harmonic analysis with the discrete Fourier transform, 1978.
    """
    _check("cosine", M, dtype, layout, device)
    n, length = _places(M, sym)
    return _finish(lucid.sin((n + 0.5) * (math.pi / length)), M, dtype, requires_grad)


@listed
def gaussian(
    M: int, *, std: float = 1.0, sym: bool = True, dtype: Any = None, layout: Any = None, device: Any = None,
    requires_grad: bool = False,
) -> Tensor:  # fmt: skip
    """w[n] = exp(-((n - (N - 1) / 2) / std)^2 / 2); the other arguments as for `exponential`.

    Args:
        std: standard deviation, in samples.
        M, sym, dtype, layout, device, requires_grad: as of `exponential`.

    Raises:
        ValueError: ``M`` is negative or ``std`` not positive.

    Example:
        >>> import lucid
        >>> print(lucid.signal.windows.gaussian(3))
        [0.60653067, 1.0, 0.60653067]

    Source: Harris, On the use of windows for harmonic analysis with the discrete Fourier transform, 1978.
    """
    _check("gaussian", M, dtype, layout, device)
    if std <= 0:
        raise ValueError(f"gaussian: std must be positive, got {std}")
    n, length = _places(M, sym)
    return _finish(lucid.exp(((n - (length - 1) / 2) / std).square() * -0.5), M, dtype, requires_grad)


@listed
def kaiser(
    M: int, *, beta: float = 12.0, sym: bool = True, dtype: Any = None, layout: Any = None, device: Any = None,
    requires_grad: bool = False,
) -> Tensor:  # fmt: skip
    """w[n] = I0(beta sqrt(1 - (2 n / (N - 1) - 1)^2)) / I0(beta); the other arguments as for `exponential`.

    Args:
        beta: shape of the window; 0 gives equal weights.
        M, sym, dtype, layout, device, requires_grad: as of `exponential`.

    Raises:
        ValueError: ``M`` or ``beta`` is negative.

    Example:
        >>> import lucid
        >>> print(lucid.signal.windows.kaiser(3, beta=0.0))
        [1.0, 1.0, 1.0]

    Source: Harris, On the use of windows for harmonic analysis with the discrete Fourier transform, 1978.
    """
    _check("kaiser", M, dtype, layout, device)
    if beta < 0:
        raise ValueError(f"kaiser: beta must not be negative, got {beta}")
    n, length = _places(M, sym)
    x = n * (2 / max(length - 1, 1)) - 1
    i0 = lucid.special.i0
    w = i0(beta * (1 - x * x).clamp(min=0).sqrt()) / i0(lucid.tensor(beta, dtype=lucid.float64))
    return _finish(w, M, dtype, requires_grad)


@listed
def general_cosine(
    M: int, *, a: Iterable[float], sym: bool = True, dtype: Any = None, layout: Any = None, device: Any = None,
    requires_grad: bool = False,
) -> Tensor:  # fmt: skip
    """w[n] = sum over k of (-1)^k a[k] cos(2 pi k n / (N - 1)); the other arguments as for `exponential`.

    Args:
        a: the weights of the cosines, a list.
        M, sym, dtype, layout, device, requires_grad: as of `exponential`.

    Raises:
        ValueError: ``M`` is negative, or ``a`` is empty.
        TypeError: ``a`` is not a sequence.

    Example:
        >>> import lucid
        >>> print(lucid.signal.windows.general_cosine(3, a=[0.5, 0.5]))
        [0.0, 1.0, 0.0]

    Source: Harris, On the use of windows for harmonic analysis with the discrete Fourier transform, 1978.
    """
    return _cosines("general_cosine", M, a, sym, dtype, layout, device, requires_grad)


def _cosines(name: str, M: int, a: Any, sym: bool, dtype: Any, layout: Any, device: Any, requires_grad: bool) -> Tensor:
    _check(name, M, dtype, layout, device)
    if not isinstance(a, Iterable):
        raise TypeError(f"{name}: expected a to be a sequence, got {type(a).__name__}")
    weights = list(a)
    if not weights:
        raise ValueError(f"{name}: a must not be empty")
    n, length = _places(M, sym)
    step = 2 * math.pi / max(length - 1, 1)
    w = lucid.zeros(M, dtype=lucid.float64)
    for k, weight in enumerate(weights):
        w = w + (-1) ** k * weight * lucid.cos(n * (k * step))
    return _finish(w, M, dtype, requires_grad)


@listed
def general_hamming(
    M: int, *, alpha: float = 0.54, sym: bool = True, dtype: Any = None, layout: Any = None, device: Any = None,
    requires_grad: bool = False,
) -> Tensor:  # fmt: skip
    """w[n] = alpha - (1 - alpha) cos(2 pi n / (N - 1)); the other arguments as for `exponential`.

    Args:
        alpha: the constant weight.
        M, sym, dtype, layout, device, requires_grad: as of `exponential`.

    Raises:
        ValueError: ``M`` is negative.

    Example:
        >>> import lucid
        >>> print(lucid.signal.windows.general_hamming(3, alpha=0.5))
        [0.0, 1.0, 0.0]

    Source: Harris, On the use of windows for harmonic analysis with the discrete Fourier transform, 1978.
    """
    return _cosines("general_hamming", M, [alpha, 1 - alpha], sym, dtype, layout, device, requires_grad)


@listed
def hamming(
    M: int, *, sym: bool = True, dtype: Any = None, layout: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """w[n] = 0.54 - 0.46 cos(2 pi n / (N - 1)); arguments as for `exponential`.

    Args:
        M, sym, dtype, layout, device, requires_grad: as of `exponential`.

    Raises:
        ValueError: ``M`` is negative.

    Example:
        >>> import lucid
        >>> print(lucid.signal.windows.hamming(3))
        [0.08, 1.0, 0.08]

    Source: Harris, On the use of windows for harmonic analysis with the discrete Fourier transform, 1978.
    """
    return _cosines("hamming", M, [0.54, 0.46], sym, dtype, layout, device, requires_grad)


@listed
def hann(
    M: int, *, sym: bool = True, dtype: Any = None, layout: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """w[n] = (1 - cos(2 pi n / (N - 1))) / 2; arguments as for `exponential`.

    Args:
        M, sym, dtype, layout, device, requires_grad: as of `exponential`.

    Raises:
        ValueError: ``M`` is negative.

    Example:
        >>> import lucid
        >>> print(lucid.signal.windows.hann(3))
        [0.0, 1.0, 0.0]

    Source: Harris, On the use of windows for harmonic analysis with the discrete Fourier transform, 1978.
    """
    return _cosines("hann", M, [0.5, 0.5], sym, dtype, layout, device, requires_grad)


@listed
def blackman(
    M: int, *, sym: bool = True, dtype: Any = None, layout: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """w[n] = 0.42 - 0.5 cos(2 pi n / (N - 1)) + 0.08 cos(4 pi n / (N - 1)); arguments as for `exponential`.

    Args:
        M, sym, dtype, layout, device, requires_grad: as of `exponential`.

    Raises:
        ValueError: ``M`` is negative.

    Example:
        >>> import lucid
        >>> lucid.signal.windows.blackman(5)[2].item()
        1.0

    Source: Harris, On the use of windows for harmonic analysis with the discrete Fourier transform, 1978.
    """
    return _cosines("blackman", M, [0.42, 0.5, 0.08], sym, dtype, layout, device, requires_grad)


@listed
def bartlett(
    M: int, *, sym: bool = True, dtype: Any = None, layout: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """w[n] = 1 - |2 n / (N - 1) - 1|; arguments as for `exponential`.

    Args:
        M, sym, dtype, layout, device, requires_grad: as of `exponential`.

    Raises:
        ValueError: ``M`` is negative.

    Example:
        >>> import lucid
        >>> print(lucid.signal.windows.bartlett(5))
        [0.0, 0.5, 1.0, 0.5, 0.0]

    Source: Harris, On the use of windows for harmonic analysis with the discrete Fourier transform, 1978.
    """
    _check("bartlett", M, dtype, layout, device)
    n, length = _places(M, sym)
    return _finish(1 - (n * (2 / max(length - 1, 1)) - 1).abs(), M, dtype, requires_grad)


@listed
def nuttall(
    M: int, *, sym: bool = True, dtype: Any = None, layout: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """`general_cosine` with the weights 0.3635819, 0.4891775, 0.1365995 and 0.0106411; arguments as for `exponential`.

    Args:
        M, sym, dtype, layout, device, requires_grad: as of `exponential`.

    Raises:
        ValueError: ``M`` is negative.

    Example:
        >>> import lucid
        >>> print(lucid.signal.windows.nuttall(5)[2].item())
        1.0

    Source: Nuttall, Some windows with very good sidelobe behavior, 1981.
    """
    weights = [0.3635819, 0.4891775, 0.1365995, 0.0106411]
    return _cosines("nuttall", M, weights, sym, dtype, layout, device, requires_grad)
