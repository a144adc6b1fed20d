"""Fourier transforms of the array API standard."""

from __future__ import annotations

from typing import Any

import lucid
from lucid._tensor import Tensor
from lucid.array_api._checked import checked
from lucid.array_api._docs import document

__all__ = [
    "fft", "fftfreq", "fftn", "fftshift", "hfft", "ifft", "ifftn", "ifftshift", "ihfft", "irfft", "irfftn", "rfft",
    "rfftfreq", "rfftn",
]  # fmt: skip


def _one(name: str) -> Any:
    def call(x: Tensor, /, *, n: int | None = None, axis: int = -1, norm: str = "backward") -> Tensor:
        return getattr(lucid.fft, name)(x, n, axis, norm)

    call.__name__, call.__doc__ = name, f"`lucid.fft.{name}` along an axis."
    return call


def _several(name: str) -> Any:
    def call(x: Tensor, /, *, s: Any = None, axes: Any = None, norm: str = "backward") -> Tensor:
        return getattr(lucid.fft, name)(x, s, axes, norm)

    call.__name__, call.__doc__ = name, f"`lucid.fft.{name}` along axes."
    return call


fft, ifft, rfft, irfft, hfft, ihfft = map(_one, ["fft", "ifft", "rfft", "irfft", "hfft", "ihfft"])
fftn, ifftn, rfftn, irfftn = map(_several, ["fftn", "ifftn", "rfftn", "irfftn"])


def fftfreq(n: int, /, *, d: float = 1.0, dtype: Any = None, device: Any = None) -> Tensor:
    """The frequencies of `fft`."""
    return lucid.fft.fftfreq(n, d, dtype=dtype, device=device)


def rfftfreq(n: int, /, *, d: float = 1.0, dtype: Any = None, device: Any = None) -> Tensor:
    """The frequencies of `rfft`."""
    return lucid.fft.rfftfreq(n, d, dtype=dtype, device=device)


def fftshift(x: Tensor, /, *, axes: Any = None) -> Tensor:
    """Frequency zero in the middle."""
    return lucid.fft.fftshift(x, axes)


def ifftshift(x: Tensor, /, *, axes: Any = None) -> Tensor:
    """The inverse of `fftshift`."""
    return lucid.fft.ifftshift(x, axes)


document(__all__, globals())
globals().update(checked(__all__, globals()))
