"""Discrete Fourier transforms, differentiable, with PyTorch's arguments."""

from lucid._functions._precision import guard as _guard
from lucid._functions.fourier import fft, hfft, ifft, ihfft, irfft, rfft
from lucid._functions.fourier_axes import (
    fft2,
    fftn,
    hfft2,
    hfftn,
    ifft2,
    ifftn,
    ihfft2,
    ihfftn,
    irfft2,
    irfftn,
    rfft2,
    rfftn,
)
from lucid._functions.frequency import fftfreq, fftshift, ifftshift, rfftfreq

__all__ = [
    "fft", "fft2", "fftfreq", "fftn", "fftshift", "hfft", "hfft2", "hfftn", "ifft", "ifft2", "ifftn", "ifftshift",
    "ihfft", "ihfft2", "ihfftn", "irfft", "irfft2", "irfftn", "rfft", "rfft2", "rfftfreq", "rfftn",
]  # fmt: skip

_guard(globals())
