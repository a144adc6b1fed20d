"""Padding layers: `lucid.nn.functional.pad` with a fixed mode."""

from __future__ import annotations

from lucid._tensor import Tensor
from lucid.nn import functional as F
from lucid.nn.functional._arguments import Sizes, sizes
from lucid.nn.modules.module import Module

__all__ = [
    "CircularPad1d", "CircularPad2d", "CircularPad3d", "ConstantPad1d", "ConstantPad2d", "ConstantPad3d",
    "ReflectionPad1d", "ReflectionPad2d", "ReflectionPad3d", "ReplicationPad1d", "ReplicationPad2d",
    "ReplicationPad3d", "ZeroPad1d", "ZeroPad2d", "ZeroPad3d",
]  # fmt: skip


class _Pad(Module):
    """What all padding layers share: two amounts for each of ``spatial`` dimensions, the last dimension first."""

    spatial: int
    mode: str

    def __init__(self, padding: Sizes) -> None:
        super().__init__()
        self.padding = sizes(type(self).__name__, "padding", padding, 2 * self.spatial)

    def forward(self, input: Tensor) -> Tensor:
        return F.pad(input, self.padding, self.mode)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class _ConstantPad(_Pad):
    mode = "constant"

    def __init__(self, padding: Sizes, value: float) -> None:
        super().__init__(padding)
        self.value = value

    def forward(self, input: Tensor) -> Tensor:
        return F.pad(input, self.padding, self.mode, self.value)

    def extra_repr(self) -> str:
        return f"padding={self.padding}, value={self.value}"


class _ZeroPad(_ConstantPad):
    def __init__(self, padding: Sizes) -> None:
        super().__init__(padding, 0.0)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class ConstantPad1d(_ConstantPad):
    """A constant added at both ends of the last dimension.

    Args:
        padding: one int for all ends, or (left, right); negative amounts crop.
        value: what is added.

    Shape: any with at least that many dimensions; each padded size grows by its two amounts.

    Raises:
        ValueError: ``padding`` is neither an int nor 2 of them.
        RuntimeError: the input has too few dimensions.

    Example:
        >>> import lucid
        >>> print(lucid.nn.ConstantPad1d((2, 0), value=2.5)(lucid.tensor([[1.0, 2.0, 3.0]])))
        [[2.5, 2.5, 1.0, 2.0, 3.0]]
    """

    spatial = 1


class ConstantPad2d(_ConstantPad):
    """A constant added at both ends of the last two dimensions.

    Args:
        padding: one int for all ends, or (left, right, top, bottom); negative amounts crop.
        value: what is added.

    Shape: any with at least that many dimensions; each padded size grows by its two amounts.

    Raises:
        ValueError: ``padding`` is neither an int nor 4 of them.
        RuntimeError: the input has too few dimensions.

    Example:
        >>> import lucid
        >>> lucid.nn.ConstantPad2d(1, value=2.5)(lucid.ones(1, 2, 3)).shape
        lucid.Size([1, 4, 5])
    """

    spatial = 2


class ConstantPad3d(_ConstantPad):
    """A constant added at both ends of the last three dimensions.

    Args:
        padding: one int for all ends, or (left, right, top, bottom, front, back); negative amounts crop.
        value: what is added.

    Shape: any with at least that many dimensions; each padded size grows by its two amounts.

    Raises:
        ValueError: ``padding`` is neither an int nor 6 of them.
        RuntimeError: the input has too few dimensions.

    Example:
        >>> import lucid
        >>> lucid.nn.ConstantPad3d(1, value=2.5)(lucid.ones(1, 2, 3, 4)).shape
        lucid.Size([1, 4, 5, 6])
    """

    spatial = 3


class ZeroPad1d(_ZeroPad):
    """Zeros added at both ends of the last dimension.

    Args:
        padding: one int for all ends, or (left, right); negative amounts crop.

    Shape: any with at least that many dimensions; each padded size grows by its two amounts.

    Raises:
        ValueError: ``padding`` is neither an int nor 2 of them.
        RuntimeError: the input has too few dimensions.

    Example:
        >>> import lucid
        >>> print(lucid.nn.ZeroPad1d((2, 0))(lucid.tensor([[1.0, 2.0, 3.0]])))
        [[0.0, 0.0, 1.0, 2.0, 3.0]]
    """

    spatial = 1


class ZeroPad2d(_ZeroPad):
    """Zeros added at both ends of the last two dimensions.

    Args:
        padding: one int for all ends, or (left, right, top, bottom); negative amounts crop.

    Shape: any with at least that many dimensions; each padded size grows by its two amounts.

    Raises:
        ValueError: ``padding`` is neither an int nor 4 of them.
        RuntimeError: the input has too few dimensions.

    Example:
        >>> import lucid
        >>> lucid.nn.ZeroPad2d(1)(lucid.ones(1, 2, 3)).shape
        lucid.Size([1, 4, 5])
    """

    spatial = 2


class ZeroPad3d(_ZeroPad):
    """Zeros added at both ends of the last three dimensions.

    Args:
        padding: one int for all ends, or (left, right, top, bottom, front, back); negative amounts crop.

    Shape: any with at least that many dimensions; each padded size grows by its two amounts.

    Raises:
        ValueError: ``padding`` is neither an int nor 6 of them.
        RuntimeError: the input has too few dimensions.

    Example:
        >>> import lucid
        >>> lucid.nn.ZeroPad3d(1)(lucid.ones(1, 2, 3, 4)).shape
        lucid.Size([1, 4, 5, 6])
    """

    spatial = 3


class ReflectionPad1d(_Pad):
    """Elements mirrored at both ends of the last dimension, without repeating the border.

    Args:
        padding: one int for all ends, or (left, right),
            below the size of the dimension; negative amounts crop.

    Shape: (N, C, L) or (C, L); each padded size grows by its two amounts.

    Raises:
        ValueError: ``padding`` is neither an int nor 2 of them.
        RuntimeError: the input is smaller than the padding allows.

    Example:
        >>> import lucid
        >>> print(lucid.nn.ReflectionPad1d((2, 0))(lucid.tensor([[1.0, 2.0, 3.0]])))
        [[3.0, 2.0, 1.0, 2.0, 3.0]]
    """

    spatial = 1
    mode = "reflect"


class ReflectionPad2d(_Pad):
    """Elements mirrored at both ends of the last two dimensions, without repeating the border.

    Args:
        padding: one int for all ends, or (left, right, top, bottom),
            below the size of the dimension; negative amounts crop.

    Shape: (N, C, H, W) or (C, H, W); each padded size grows by its two amounts.

    Raises:
        ValueError: ``padding`` is neither an int nor 4 of them.
        RuntimeError: the input is smaller than the padding allows.

    Example:
        >>> import lucid
        >>> lucid.nn.ReflectionPad2d(1)(lucid.ones(1, 2, 3)).shape
        lucid.Size([1, 4, 5])
    """

    spatial = 2
    mode = "reflect"


class ReflectionPad3d(_Pad):
    """Elements mirrored at both ends of the last three dimensions, without repeating the border.

    Args:
        padding: one int for all ends, or (left, right, top, bottom, front, back),
            below the size of the dimension; negative amounts crop.

    Shape: (N, C, D, H, W) or (C, D, H, W); each padded size grows by its two amounts.

    Raises:
        ValueError: ``padding`` is neither an int nor 6 of them.
        RuntimeError: the input is smaller than the padding allows.

    Example:
        >>> import lucid
        >>> lucid.nn.ReflectionPad3d(1)(lucid.ones(1, 2, 3, 4)).shape
        lucid.Size([1, 4, 5, 6])
    """

    spatial = 3
    mode = "reflect"


class ReplicationPad1d(_Pad):
    """The border repeated at both ends of the last dimension.

    Args:
        padding: one int for all ends, or (left, right); negative amounts crop.

    Shape: (N, C, L) or (C, L); each padded size grows by its two amounts.

    Raises:
        ValueError: ``padding`` is neither an int nor 2 of them.
        RuntimeError: the input has too few dimensions.

    Example:
        >>> import lucid
        >>> print(lucid.nn.ReplicationPad1d((2, 0))(lucid.tensor([[1.0, 2.0, 3.0]])))
        [[1.0, 1.0, 1.0, 2.0, 3.0]]
    """

    spatial = 1
    mode = "replicate"


class ReplicationPad2d(_Pad):
    """The border repeated at both ends of the last two dimensions.

    Args:
        padding: one int for all ends, or (left, right, top, bottom); negative amounts crop.

    Shape: (N, C, H, W) or (C, H, W); each padded size grows by its two amounts.

    Raises:
        ValueError: ``padding`` is neither an int nor 4 of them.
        RuntimeError: the input has too few dimensions.

    Example:
        >>> import lucid
        >>> lucid.nn.ReplicationPad2d(1)(lucid.ones(1, 2, 3)).shape
        lucid.Size([1, 4, 5])
    """

    spatial = 2
    mode = "replicate"


class ReplicationPad3d(_Pad):
    """The border repeated at both ends of the last three dimensions.

    Args:
        padding: one int for all ends, or (left, right, top, bottom, front, back); negative amounts crop.

    Shape: (N, C, D, H, W) or (C, D, H, W); each padded size grows by its two amounts.

    Raises:
        ValueError: ``padding`` is neither an int nor 6 of them.
        RuntimeError: the input has too few dimensions.

    Example:
        >>> import lucid
        >>> lucid.nn.ReplicationPad3d(1)(lucid.ones(1, 2, 3, 4)).shape
        lucid.Size([1, 4, 5, 6])
    """

    spatial = 3
    mode = "replicate"


class CircularPad1d(_Pad):
    """Elements of the other end added at both ends of the last dimension.

    Args:
        padding: one int for all ends, or (left, right),
            at most the size of the dimension; negative amounts crop.

    Shape: (N, C, L) or (C, L); each padded size grows by its two amounts.

    Raises:
        ValueError: ``padding`` is neither an int nor 2 of them.
        RuntimeError: the input is smaller than the padding allows.

    Example:
        >>> import lucid
        >>> print(lucid.nn.CircularPad1d((2, 0))(lucid.tensor([[1.0, 2.0, 3.0]])))
        [[2.0, 3.0, 1.0, 2.0, 3.0]]
    """

    spatial = 1
    mode = "circular"


class CircularPad2d(_Pad):
    """Elements of the other end added at both ends of the last two dimensions.

    Args:
        padding: one int for all ends, or (left, right, top, bottom),
            at most the size of the dimension; negative amounts crop.

    Shape: (N, C, H, W) or (C, H, W); each padded size grows by its two amounts.

    Raises:
        ValueError: ``padding`` is neither an int nor 4 of them.
        RuntimeError: the input is smaller than the padding allows.

    Example:
        >>> import lucid
        >>> lucid.nn.CircularPad2d(1)(lucid.ones(1, 2, 3)).shape
        lucid.Size([1, 4, 5])
    """

    spatial = 2
    mode = "circular"


class CircularPad3d(_Pad):
    """Elements of the other end added at both ends of the last three dimensions.

    Args:
        padding: one int for all ends, or (left, right, top, bottom, front, back),
            at most the size of the dimension; negative amounts crop.

    Shape: (N, C, D, H, W) or (C, D, H, W); each padded size grows by its two amounts.

    Raises:
        ValueError: ``padding`` is neither an int nor 6 of them.
        RuntimeError: the input is smaller than the padding allows.

    Example:
        >>> import lucid
        >>> lucid.nn.CircularPad3d(1)(lucid.ones(1, 2, 3, 4)).shape
        lucid.Size([1, 4, 5, 6])
    """

    spatial = 3
    mode = "circular"
