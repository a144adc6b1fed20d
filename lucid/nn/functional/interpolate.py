"""Resizing sequences, planes and volumes."""

from __future__ import annotations

import functools
import operator
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from lucid._functions.pool import AdaptiveAvgPool2d
from lucid._functions.resample import Table, resample
from lucid._functions.shape import reshape
from lucid.autograd._mode import mode as autograd
from lucid.nn.functional import _filters
from lucid.nn.functional._common import check_tensors

if TYPE_CHECKING:
    from lucid._tensor import Tensor

__all__ = ["interpolate", "upsample", "upsample_bilinear", "upsample_nearest"]

MODES = {
    "nearest": (3, 4, 5), "nearest-exact": (3, 4, 5), "area": (3, 4, 5), "linear": (3,), "bilinear": (4,),
    "bicubic": (4,), "trilinear": (5,), "lanczos": (4,),
}  # fmt: skip
"""The modes, and the numbers of dimensions each takes."""
WITHOUT_CORNERS = ("nearest", "nearest-exact", "area")


def _per_dimension(argument: str, value: Any, spatial: int, shape: tuple[int, ...]) -> list[Any]:
    if not isinstance(value, (tuple, list)):
        return [value] * spatial
    if len(value) != spatial:
        raise ValueError(
            f"interpolate: expected {argument} to be a number or to have {spatial} entries, one for each spatial "
            f"dimension, got {value} (input {shape})"
        )
    return list(value)


def _output_size(
    shape: tuple[int, ...], size: Any, scale_factor: Any, recompute: bool | None
) -> tuple[list[int], list[float | None]]:
    """Sizes of the result, and the factors that positions are computed with (None: from the sizes)."""
    spatial = len(shape) - 2
    if (size is None) == (scale_factor is None):
        raise ValueError("interpolate: expected exactly one of size and scale_factor")
    if size is not None:
        if recompute:
            raise ValueError("interpolate: recompute_scale_factor has no meaning with size; use scale_factor")
        try:
            wanted = [operator.index(n) for n in _per_dimension("size", size, spatial, shape)]
        except TypeError:
            raise TypeError(f"interpolate: expected size to be an int or a tuple of ints, got {size!r}") from None
        factors: list[float | None] = [None] * spatial
    else:
        given = [float(f) for f in _per_dimension("scale_factor", scale_factor, spatial, shape)]
        if not all(0 < f < float("inf") for f in given):
            raise ValueError(f"interpolate: expected scale_factor to be positive and finite, got {scale_factor}")
        wanted = [int(n * f) for n, f in zip(shape[2:], given)]
        factors = [None] * spatial if recompute else [*given]
    if min(wanted) < 1 or min(shape[1:]) < 1:
        raise RuntimeError(f"interpolate: input and output sizes should be positive, got {shape[2:]} and {wanted}")
    return wanted, factors


def _table(
    mode: str, n: int, size: int, factor: float | None, corners: bool, antialias: bool, double: bool
) -> Table | None:
    """The matrix for one dimension; None where it would be the identity."""
    if antialias:
        return _filters.smoothed(n, size, factor, corners, mode)
    if mode in ("nearest", "nearest-exact"):
        return _filters.nearest(n, size, factor, mode == "nearest-exact", double)
    if mode == "bicubic":
        return _filters.cubic(n, size, factor, corners)
    return None if n == size else _filters.linear(n, size, factor, corners)


@functools.lru_cache(maxsize=256)
def _tables(
    mode: str, sizes: tuple[int, ...], wanted: tuple[int, ...], factors: tuple[float | None, ...], corners: bool,
    antialias: bool, double: bool,
) -> list[tuple[Table, int]]:  # fmt: skip
    """The matrices, and the spatial dimensions they are for, in the order in which they are applied.

    What shrinks comes first, from the front; what grows comes last, from the back, where memory is gathered element by
    element.
    """
    ratios = [m / n for m, n in zip(wanted, sizes)]
    order = sorted(range(len(wanted)), key=lambda d: (ratios[d], -d if ratios[d] > 1 else d))
    found = [(_table(mode, sizes[d], wanted[d], factors[d], corners, antialias, double), d) for d in order]
    return [(matrix, d) for matrix, d in found if matrix is not None]


def _area(x: Tensor, wanted: list[int]) -> Tensor:
    """Means over windows that cover the input evenly: those over planes, then those over what lies before them."""
    shape = x._data.shape
    height, width = (1, *shape[2:])[-2:]
    planes = reshape(x, (shape[0], -1 if x._data.size else shape[1], height, width))
    y = AdaptiveAvgPool2d.apply(planes, (1, *wanted)[-2:])
    if len(wanted) < 3:
        return reshape(y, (*shape[:2], *wanted))
    depths = reshape(y, (*shape[:3], wanted[1] * wanted[2]))
    return reshape(AdaptiveAvgPool2d.apply(depths, (wanted[0], wanted[1] * wanted[2])), (*shape[:2], *wanted))


def interpolate(
    input: Tensor,
    size: Any = None,
    scale_factor: Any = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Tensor:
    """``input`` resized along its spatial dimensions.

    Output element i lies at input position (i + 1/2) * s - 1/2 with s = 1 / scale_factor (or input size / output
    size), and with ``align_corners`` at i * (input size - 1) / (output size - 1). The modes read there:

        nearest           the element floor(i * s)
        nearest-exact     the element floor((i + 1/2) * s)
        linear, bilinear, trilinear    2 neighbours in each dimension
        bicubic           4 neighbours in each dimension, with Keys' cubic for a = -0.75
        area              the mean of all elements that the output element covers

    With ``antialias`` the window of bilinear, bicubic (a = -0.5) or lanczos (a = 3) is stretched to the distance
    of output elements where that is larger than 1, and its weights are scaled to add up to 1.

    Args:
        input: shape (N, C, L), (N, C, H, W) or (N, C, D, H, W); floating point, or any dtype for the nearest modes.
        size: output size, one int or one for each spatial dimension.
        scale_factor: instead of ``size``: output size = floor(input size * scale_factor).
        mode: "nearest", "nearest-exact", "area", "linear" (3-d input), "bilinear", "bicubic", "lanczos" (4-d input,
            antialias only) or "trilinear" (5-d input).
        align_corners: see above; False unless given, and not for the modes nearest, nearest-exact and area.
        recompute_scale_factor: compute s from the sizes although ``scale_factor`` is given.
        antialias: see above; for modes bilinear, bicubic and lanczos.

    Returns:
        Shape (N, C, *output size).

    Raises:
        NotImplementedError: the mode is unknown, or does not take inputs of that many dimensions.
        RuntimeError: an input or output size of 0.
        TypeError: integers with a mode that computes, or a size that is not an int.
        ValueError: options that exclude each other, or have the wrong number of entries.

    Example:
        >>> import lucid, lucid.nn.functional as F
        >>> print(F.interpolate(lucid.tensor([[[0.0, 4.0]]]), scale_factor=2, mode="linear"))
        [[[0.0, 1.0, 3.0, 4.0]]]

    Source: Keys, Cubic convolution interpolation for digital image processing, 1981.
    """
    check_tensors("interpolate", input)
    shape = input._data.shape
    if mode not in MODES or len(shape) not in MODES[mode]:
        wanted_dims = " or ".join(f"{d}-d" for d in MODES.get(mode, ()))
        raise NotImplementedError(
            f"interpolate: mode {mode!r} needs {wanted_dims} input, got shape {shape}" if wanted_dims
            else f"interpolate: mode must be one of {', '.join(MODES)}, got {mode!r}"
        )  # fmt: skip
    if mode in WITHOUT_CORNERS and align_corners is not None:
        raise ValueError(f"interpolate: align_corners has no meaning for mode {mode!r}; leave it out")
    if antialias and mode not in _filters.WINDOWS:
        raise ValueError(f"interpolate: antialias needs mode bilinear, bicubic or lanczos, got {mode!r}")
    if mode == "lanczos" and (not antialias or align_corners):
        raise ValueError("interpolate: mode 'lanczos' needs antialias=True and no align_corners")
    if input._data.dtype == np.uint8 and mode in ("bilinear", "bicubic"):  # images
        return _of_bytes(input, size, scale_factor, mode, align_corners, recompute_scale_factor, antialias)
    if input._data.dtype.kind != "f" and not mode.startswith("nearest"):
        raise TypeError(f"interpolate: mode {mode!r} needs a floating-point tensor, got {input.dtype}")
    wanted, factors = _output_size(shape, size, scale_factor, recompute_scale_factor)
    if mode == "area":
        return _area(input, wanted)
    y, double = input, input._data.dtype != np.float32
    tables = _tables.__wrapped__ if autograd.trace else _tables  # sizes of traces may be unknown
    for matrix, d in tables(mode, tuple(shape[2:]), (*wanted,), (*factors,), bool(align_corners), antialias, double):
        y = resample(y, matrix, d + 2)
    return y.clone() if y is input else y


def upsample(
    input: Tensor, size: Any = None, scale_factor: Any = None, mode: str = "nearest", align_corners: bool | None = None
) -> Tensor:
    """Deprecated name of `interpolate`; it warns.

    Args:
        input: shape (N, C, L), (N, C, H, W) or (N, C, D, H, W); floating point, or any dtype for "nearest".
        size: output size, one int or one for each spatial dimension.
        scale_factor: instead of ``size``: output size = floor(input size * scale_factor).
        mode: of `interpolate`.
        align_corners: let the outermost elements of input and output coincide; False unless given.

    Returns:
        Shape (N, C, *output size).

    Raises:
        NotImplementedError: the mode is unknown, or does not take inputs of that many dimensions.
        RuntimeError: an input or output size of 0.
        TypeError: integers with a mode that computes, or a size that is not an int.
        ValueError: not exactly one of ``size`` and ``scale_factor`` is given, or with the wrong number of entries.

    Example:
        >>> import lucid
        >>> import warnings
        >>> with warnings.catch_warnings():
        ...     warnings.simplefilter("ignore")
        ...     print(lucid.nn.functional.upsample(lucid.tensor([[[1.0, 2.0]]]), scale_factor=2))
        ...
        [[[1.0, 1.0, 2.0, 2.0]]]
    """
    warnings.warn("upsample is deprecated; use interpolate instead", stacklevel=2)
    return interpolate(input, size, scale_factor, mode, align_corners)


def upsample_nearest(input: Tensor, size: Any = None, scale_factor: Any = None) -> Tensor:
    """Deprecated name of `interpolate` with mode "nearest"; it warns.

    Args:
        input: shape (N, C, L), (N, C, H, W) or (N, C, D, H, W), any dtype.
        size: output size, one int or one for each spatial dimension.
        scale_factor: instead of ``size``: output size = floor(input size * scale_factor).

    Returns:
        Shape (N, C, *output size).

    Raises:
        NotImplementedError: the input has fewer than three or more than five dimensions.
        RuntimeError: an input or output size of 0.
        TypeError: a size is not an int.
        ValueError: not exactly one of ``size`` and ``scale_factor`` is given, or with the wrong number of entries.

    Example:
        >>> import lucid
        >>> import warnings
        >>> with warnings.catch_warnings():
        ...     warnings.simplefilter("ignore")
        ...     print(lucid.nn.functional.upsample_nearest(lucid.tensor([[[1.0, 2.0]]]), scale_factor=2))
        ...
        [[[1.0, 1.0, 2.0, 2.0]]]
    """
    warnings.warn("upsample_nearest is deprecated; use interpolate instead", stacklevel=2)
    return interpolate(input, size, scale_factor, "nearest")


def upsample_bilinear(input: Tensor, size: Any = None, scale_factor: Any = None) -> Tensor:
    """Deprecated name of `interpolate` with mode "bilinear" and align_corners=True; it warns.

    Args:
        input: shape (N, C, H, W), floating point.
        size: output size, one int or (height, width).
        scale_factor: instead of ``size``: output size = floor(input size * scale_factor).

    Returns:
        Shape (N, C, *output size).

    Raises:
        NotImplementedError: the input does not have four dimensions.
        RuntimeError: an input or output size of 0.
        TypeError: ``input`` is not floating point, or a size not an int.
        ValueError: not exactly one of ``size`` and ``scale_factor`` is given, or with the wrong number of entries.

    Example:
        >>> import lucid
        >>> import warnings
        >>> with warnings.catch_warnings():
        ...     warnings.simplefilter("ignore")
        ...     print(lucid.nn.functional.upsample_bilinear(lucid.tensor([[[[0.0, 1.0]]]]), size=(1, 3)))
        ...
        [[[[0.0, 0.5, 1.0]]]]
    """
    warnings.warn("upsample_bilinear is deprecated; use interpolate with align_corners=True instead", stacklevel=2)
    return interpolate(input, size, scale_factor, "bilinear", align_corners=True)


def _of_bytes(
    x: Tensor, size: Any, scale_factor: Any, mode: str, align_corners: bool | None, recompute: Any, antialias: bool
) -> Tensor:
    """Along the rows, then along the columns, rounded to bytes after each, halves up."""
    shape = x._data.shape
    wanted, factors = _output_size(shape, size, scale_factor, recompute)
    y = x.double() if antialias else x.float()  # exact; windows of few weights have sums below 2^24
    for d in (1, 0):
        matrix = _table(mode, shape[d + 2], wanted[d], factors[d], bool(align_corners), antialias, True)
        if matrix is not None:
            fixed, bits = _filters.fixed_point(matrix)
            y = (resample(y, fixed, d + 2) * 0.5**bits + 0.5).floor().clamp(0, 255)
    return y.to(x.dtype)
