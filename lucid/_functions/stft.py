"""Short-time Fourier transforms: spectra of overlapping, windowed frames, and the signal back from them."""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from lucid import _dtype
from lucid._functions._arguments import check_tensors, integer
from lucid._functions.complex import is_complex, view_as_real
from lucid._functions.fourier import Fit, FromHalf, ToHalf, Transform
from lucid.autograd._node import wrap

if TYPE_CHECKING:
    from lucid._tensor import Tensor

__all__ = ["istft", "stft"]


def _window(name: str, window: Any, win_length: int, n_fft: int, like: Tensor) -> Any:
    """The window in the middle of ``n_fft`` places; ones unless given."""
    if window is None:
        window = wrap(np.ones(win_length, _dtype.to_real(like.dtype).numpy))
    check_tensors(name, window)
    if window._data.shape != (win_length,):
        raise RuntimeError(f"{name}: expected a 1D window tensor of size equal to win_length={win_length}, "
                           f"but got window with size {window._data.shape}")  # fmt: skip
    left = (n_fft - win_length) // 2
    if win_length == n_fft:
        return window
    wide = Fit.apply(window, n_fft, 0)
    return wide.roll(left)


def _lengths(name: str, n_fft: Any, hop_length: Any, win_length: Any) -> tuple[int, int]:
    n_fft, hop_length, win_length = integer(n_fft), integer(hop_length), integer(win_length)
    for label, value in (("n_fft", n_fft), ("hop_length", hop_length), ("win_length", win_length)):
        if not (value is None and label != "n_fft") and (isinstance(value, bool) or not isinstance(value, int)):
            raise TypeError(f"{name}: expected {label} to be an integer, got {type(value).__name__}")
    hop, win = (n_fft // 4 if hop_length is None else hop_length), (n_fft if win_length is None else win_length)
    if n_fft < 1:
        raise RuntimeError(f"{name}: expected n_fft > 0, but got n_fft={n_fft}")
    if hop < 1:
        raise RuntimeError(f"{name}: expected hop_length > 0, but got hop_length={hop}")
    if not 0 < win <= n_fft:
        raise RuntimeError(f"{name}: expected 0 < win_length <= n_fft, but got win_length={win}")
    return hop, win


def stft(
    input: Tensor,
    n_fft: int,
    hop_length: int | None = None,
    win_length: int | None = None,
    window: Tensor | None = None,
    center: bool = True,
    pad_mode: str = "reflect",
    normalized: bool = False,
    onesided: bool | None = None,
    return_complex: bool | None = None,
) -> Tensor:
    """Spectra of overlapping frames: y[f, t] = sum_k window[k] x[t hop + k] exp(-2 pi i f k / n_fft).

    Args:
        input: the signal, shape (time,) or (batch, time), real or complex.
        n_fft: samples per frame.
        hop_length: samples between the starts of frames; n_fft // 4 unless given.
        win_length: length of the window, which stands in the middle of the frame; n_fft unless given.
        window: shape (win_length,); ones unless given.
        center: pad by n_fft // 2 at both ends, so that frame t is centred at t * hop_length.
        pad_mode: of `lucid.nn.functional.pad`.
        normalized: divide by sqrt(n_fft).
        onesided: only the n_fft // 2 + 1 frequencies from 0 up; True unless the signal or the window is complex.
        return_complex: True for a complex result; False for real and imaginary parts in a last dimension of 2.
            Must be given for real signals and windows.

    Returns:
        shape (frequencies, frames), with the batch before it.

    Raises:
        RuntimeError: lengths that do not fit, ``return_complex`` missing, ``onesided`` with complex numbers.

    Example:
        >>> import lucid
        >>> lucid.stft(lucid.ones(16), 8, window=lucid.hann_window(8), return_complex=True).shape
        lucid.Size([5, 9])

    Source: Allen, Short term spectral analysis, synthesis, and modification by discrete Fourier transform, 1977.
    """
    check_tensors("stft", input)
    if input._data.ndim not in (1, 2) or input.dtype.rank < 2:
        raise RuntimeError(f"stft: expected a 1D or 2D tensor of floating point or complex values, "
                           f"got {input.dtype} of shape {input._data.shape}")  # fmt: skip
    hop, win = _lengths("stft", n_fft, hop_length, win_length)
    window = _window("stft", window, win, n_fft, input)
    mixed = is_complex(input) or is_complex(window)
    if return_complex is None and not mixed:
        raise RuntimeError("stft: requires the return_complex parameter be given for real inputs")
    onesided = not mixed if onesided is None else onesided
    if onesided and mixed:
        raise RuntimeError("stft: cannot have onesided output if window or input is complex")
    x = input.unsqueeze(0) if input._data.ndim == 1 else input
    if center:
        from lucid.nn.functional import pad

        x = pad(x.unsqueeze(1), (n_fft // 2, n_fft // 2), mode=pad_mode).squeeze(1)
    if x._data.shape[1] < n_fft:
        raise RuntimeError(f"stft: expected n_fft <= length of the signal, got n_fft={n_fft} and {x._data.shape[1]}")
    frames = x.unfold(1, n_fft, hop) * window
    norm = "ortho" if normalized else "backward"
    if onesided:
        y = ToHalf.apply(frames, 2, norm)
    else:
        y = Transform.apply(frames if mixed else frames.to(_dtype.to_complex(frames.dtype)), (2,), False, norm)
    y = y.transpose(1, 2)
    y = y.squeeze(0) if input._data.ndim == 1 else y
    return y if return_complex or return_complex is None else view_as_real(y)


def istft(
    input: Tensor,
    n_fft: int,
    hop_length: int | None = None,
    win_length: int | None = None,
    window: Tensor | None = None,
    center: bool = True,
    normalized: bool = False,
    onesided: bool | None = None,
    length: int | None = None,
    return_complex: bool = False,
) -> Tensor:
    """The signal whose frames have the given spectra: the inverse of `stft`, by weighted overlap and add.

    Each sample is the sum over its frames of window * frame, divided by the sum of window^2.

    Args:
        input: complex, shape (frequencies, frames) or (batch, frequencies, frames).
        n_fft, hop_length, win_length, window, center, normalized, onesided: as they were given to `stft`.
        length: samples of the result; otherwise all that the frames cover, without the padding.
        return_complex: the signal is complex; then ``onesided`` must not be True.

    Raises:
        RuntimeError: lengths that do not fit, or a window that is zero where no other frame covers the signal.

    Example:
        >>> import lucid
        >>> x, w = lucid.arange(16.0), lucid.hann_window(8)
        >>> y = lucid.istft(lucid.stft(x, 8, window=w, return_complex=True), 8, window=w)
        >>> bool(lucid.allclose(x, y, atol=1e-5))
        True

    Source: Griffin and Lim, Signal estimation from modified short-time Fourier transform, 1984.
    """
    check_tensors("istft", input)
    if not is_complex(input) or input._data.ndim not in (2, 3) or not input._data.size:
        raise RuntimeError(f"istft: expected a complex tensor of 2 or 3 dimensions with elements, "
                           f"got {input.dtype} of shape {input._data.shape}")  # fmt: skip
    hop, win = _lengths("istft", n_fft, hop_length, win_length)
    x = input.unsqueeze(0) if input._data.ndim == 2 else input
    _, frequencies, count = x._data.shape
    onesided = frequencies != n_fft if onesided is None else onesided
    if frequencies != (n_fft // 2 + 1 if onesided else n_fft):
        raise RuntimeError(f"istft: expected {n_fft // 2 + 1 if onesided else n_fft} frequencies of n_fft={n_fft} with "
                           f"onesided={onesided}, got {frequencies}")  # fmt: skip
    if return_complex and onesided:
        raise RuntimeError("istft: cannot have onesided input and a complex result")
    window = _window("istft", window, win, n_fft, input)
    if is_complex(window) and not return_complex:
        raise RuntimeError("istft: complex windows are incompatible with return_complex=False")
    norm = "ortho" if normalized else "backward"
    frames = x.transpose(1, 2)
    if return_complex:
        frames = Transform.apply(frames, (2,), True, norm)
    else:  # the other half of all frequencies of a real signal says nothing more
        frames = FromHalf.apply(frames[:, :, : n_fft // 2 + 1], n_fft, 2, norm)
    span = n_fft + hop * (count - 1)
    places = (np.arange(count)[:, None] * hop + np.arange(n_fft)).reshape(-1)

    def overlapped(values: Any) -> Any:
        zeros = wrap(np.zeros((values._data.shape[0], span), values._data.dtype))
        return zeros.index_add(1, wrap(places), values.reshape(values._data.shape[0], -1))

    y = overlapped(frames * window)
    weight = overlapped((window * window).expand(1, count, n_fft))
    start = n_fft // 2 if center else 0
    end = start + length if length is not None else span - (n_fft // 2 if center else 0)
    y, weight = y[:, start:end], weight[:, start:end]
    low = float(np.abs(weight._data).min(initial=math.inf))
    if not low > 1e-11:
        raise RuntimeError(f"istft: the windows of overlapping frames sum to {low} somewhere; expected more than 1e-11")
    y = y / weight
    if end > span:
        warnings.warn("istft: the length of signal is shorter than the length parameter; padded with zeros in the tail",
                      UserWarning, stacklevel=2)  # fmt: skip
        y = Fit.apply(y, end - start, 1)
    return y.squeeze(0) if input._data.ndim == 2 else y
