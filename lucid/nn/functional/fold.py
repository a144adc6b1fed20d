"""Windows of planes as columns of a matrix, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lucid._functions._arguments import check_tensors
from lucid._functions.fold import Fold, Unfold, Windows
from lucid._functions.shape import reshape
from lucid.nn.functional._arguments import Sizes, at_least, sizes
from lucid.nn.functional._common import check_floating

if TYPE_CHECKING:
    from lucid._tensor import Tensor

__all__ = ["fold", "unfold"]


def _windows(name: str, size: Any, kernel_size: Any, dilation: Any, padding: Any, stride: Any) -> Windows:
    pairs = [
        at_least(name, argument, sizes(name, argument, value, 2), least)
        for argument, value, least in (
            ("output_size" if name == "fold" else "input size", size, 1), ("kernel_size", kernel_size, 1),
            ("dilation", dilation, 1), ("padding", padding, 0), ("stride", stride, 1),
        )
    ]  # fmt: skip
    windows = Windows(*pairs)  # type: ignore[arg-type]
    if min(windows.positions) < 1:
        raise RuntimeError(
            f"{name}: a window of {windows.kernel} with dilation {windows.dilation} does not fit into a plane of "
            f"{windows.size} with padding {windows.padding}"
        )
    return windows


def unfold(input: Tensor, kernel_size: Sizes, dilation: Sizes = 1, padding: Sizes = 0, stride: Sizes = 1) -> Tensor:
    """Every position of a window over planes, as a column.

        y[n, (c * kh + i) * kw + j, l] = x[n, c, i * dilation + top(l), j * dilation + left(l)], 0 in the padding

    Args:
        input: shape (N, C, H, W) or (C, H, W), floating point or bool.
        kernel_size: height kh and width kw of the window.
        dilation: distance between the elements of a window.
        padding: zeros added on all sides.
        stride: steps between positions, which are numbered row by row.

    Returns:
        Shape (N, C * kh * kw, positions), or without N.

    Raises:
        RuntimeError: another number of dimensions, or a window that does not fit.
        TypeError: ``input`` holds integers or is no tensor.
        ValueError: an option is out of range.

    Example:
        >>> import lucid, lucid.nn.functional as F
        >>> F.unfold(lucid.arange(6.0).reshape(1, 2, 3), (2, 2)).tolist()
        [[0.0, 1.0], [1.0, 2.0], [3.0, 4.0], [4.0, 5.0]]

    Source: Chellapilla et al., High performance convolutional neural networks for document processing, 2006.
    """
    check_tensors("unfold", input)
    if input._data.dtype == bool:  # which PyTorch takes beside floating-point numbers
        return unfold(input.float(), kernel_size, dilation, padding, stride).bool()
    check_floating("unfold", input)
    shape = input._data.shape
    if len(shape) not in (3, 4):
        raise RuntimeError(f"unfold: expected input of shape (N, C, H, W) or (C, H, W), got {shape}")
    windows = _windows("unfold", shape[-2:], kernel_size, dilation, padding, stride)
    y = Unfold.apply(input if len(shape) == 4 else reshape(input, (1, *shape)), windows)
    return y if len(shape) == 4 else reshape(y, y._data.shape[1:])


def fold(
    input: Tensor, output_size: Sizes, kernel_size: Sizes, dilation: Sizes = 1, padding: Sizes = 0, stride: Sizes = 1
) -> Tensor:
    """Columns laid back as windows over planes, overlaps added: the adjoint of `unfold`.

    Args:
        input: shape (N, C * kh * kw, positions), or without N, floating point.
        output_size: height and width of the planes.
        kernel_size: height kh and width kw of the window.
        dilation: distance between the elements of a window.
        padding: what is cut off on all sides.
        stride: steps between positions, which are numbered row by row.

    Returns:
        Shape (N, C, *output_size), or without N.

    Raises:
        RuntimeError: another number of dimensions, columns or positions than the window has on such planes.
        TypeError: ``input`` is not a floating-point tensor.
        ValueError: an option is out of range.

    Example:
        >>> import lucid, lucid.nn.functional as F
        >>> F.fold(lucid.ones(4, 2), (2, 3), (2, 2)).tolist()
        [[[1.0, 2.0, 1.0], [1.0, 2.0, 1.0]]]
    """
    check_tensors("fold", input)
    check_floating("fold", input)
    shape = input._data.shape
    if len(shape) not in (2, 3):
        raise RuntimeError(f"fold: expected input of shape (N, C * kernel, positions) or without N, got {shape}")
    windows = _windows("fold", output_size, kernel_size, dilation, padding, stride)
    area, positions = windows.kernel[0] * windows.kernel[1], windows.positions[0] * windows.positions[1]
    if shape[-2] % area:
        raise RuntimeError(f"fold: expected dimension -2 divisible by {area}, the window's elements, got {shape}")
    if shape[-1] != positions:
        rows, columns = windows.positions
        raise RuntimeError(
            f"fold: expected {rows} * {columns} = {positions} positions along the last dimension, got {shape[-1]} "
            f"(input {shape})"
        )
    y = Fold.apply(input if len(shape) == 3 else reshape(input, (1, *shape)), windows)
    return y if len(shape) == 3 else reshape(y, y._data.shape[1:])
