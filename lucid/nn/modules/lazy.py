"""Modules that find out the size of their input from the first input they are called on."""

from __future__ import annotations

from typing import Any

import numpy as np

from lucid._tensor import Tensor
from lucid.nn.functional._arguments import Sizes
from lucid.nn.modules._errors import name_module, wrong_argument
from lucid.nn.modules.conv import Conv1d, Conv2d, Conv3d, ConvBase
from lucid.nn.modules.conv_transpose import ConvTranspose1d, ConvTranspose2d, ConvTranspose3d
from lucid.nn.modules.linear import Linear
from lucid.nn.modules.module import Module
from lucid.nn.parameter import UninitializedBuffer, UninitializedParameter, is_lazy

__all__ = [
    "LazyConv1d", "LazyConv2d", "LazyConv3d",
    "LazyConvTranspose1d", "LazyConvTranspose2d", "LazyConvTranspose3d", "LazyLinear", "LazyModuleMixin",
]  # fmt: skip


class LazyModuleMixin(Module):
    """Base of modules with parameters whose shapes the first input decides; then their class is ``cls_to_become``.

    Subclasses define ``initialize_parameters(*args)``, which materialises the parameters and buffers that are not yet.
    Loading a state dict gives them their shapes as well.

    Raises:
        NotImplementedError: called without ``initialize_parameters``.
        RuntimeError: ``initialize_parameters`` left something without a shape.

    Example:
        >>> import lucid
        >>> layer = lucid.nn.LazyLinear(3)
        >>> isinstance(layer, lucid.nn.LazyModuleMixin), layer.has_uninitialized_params()
        (True, True)
    """

    cls_to_become: type[Module] | None = None

    def has_uninitialized_params(self) -> bool:
        """Whether a parameter or buffer has no shape yet."""
        return any(map(is_lazy, [*self._parameters.values(), *self._buffers.values()]))

    def initialize_parameters(self, *args: Any, **kwargs: Any) -> None:
        """Materialise what has no shape yet.

        Args:
            args, kwargs: the arguments of ``forward``.

        Raises:
            NotImplementedError: the subclass does not define it.
        """
        raise NotImplementedError(f"initialize_parameters is not implemented for {type(self).__name__}")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        try:
            self.initialize_parameters(*args, **kwargs)
            if self.has_uninitialized_params():
                raise RuntimeError("initialize_parameters left parameters without a shape")
        except (ValueError, RuntimeError, IndexError, TypeError) as error:
            name_module(error, self)
            raise
        except AttributeError as error:
            wrong = wrong_argument(error, args, kwargs)
            if wrong is None:
                raise
            name_module(wrong, self)
            raise wrong from None
        if self.cls_to_become is None:
            return super().__call__(*args, **kwargs)
        self.__class__ = self.cls_to_become  # type: ignore[assignment]
        return self(*args, **kwargs)

    def _upgrade_state(self, state: dict[str, Any], prefix: str, version: int | None) -> None:
        super()._upgrade_state(state, prefix, version)
        for name, t in [*self._parameters.items(), *self._buffers.items()]:
            source = state.get(prefix + name)
            known = hasattr(source, "__array__") and not is_lazy(source)
            if known and isinstance(t, (UninitializedParameter, UninitializedBuffer)):
                t.materialize(np.shape(source))  # type: ignore[arg-type]


class _LazyAffine(LazyModuleMixin):
    """A weight and a bias that wait for the input."""

    def reset_parameters(self) -> None:
        """Draw the parameters anew, once they have shapes."""
        if not self.has_uninitialized_params() and not self._is_placeholder():
            super().reset_parameters()  # type: ignore[misc]

    def _is_placeholder(self) -> bool:
        weight = self._parameters.get("weight")
        return weight is not None and not weight._data.size

    def _wait(self, bias: bool, device: Any, dtype: Any) -> None:
        self._parameters["weight"] = UninitializedParameter(device=device, dtype=dtype)
        if bias:
            self._parameters["bias"] = UninitializedParameter(device=device, dtype=dtype)


class LazyLinear(_LazyAffine, Linear):
    """`Linear` whose ``in_features`` is the size of the last dimension of the first input.

    Args:
        out_features: size of the last dimension of the output.
        bias: whether to add a bias.
        device: "cpu".
        dtype: type of the parameters; the default type unless given.

    Shape: (..., in_features) to (..., out_features).

    Raises:
        RuntimeError: the input is 0-d, or has another dtype than ``dtype``.

    Example:
        >>> import lucid
        >>> layer = lucid.nn.LazyLinear(2)
        >>> layer(lucid.ones(5, 3)).shape
        lucid.Size([5, 2])
        >>> layer
        Linear(in_features=3, out_features=2, bias=True)
    """

    cls_to_become = Linear

    def __init__(self, out_features: int, bias: bool = True, device: Any = None, dtype: Any = None) -> None:
        Linear.__init__(self, 0, 0, False)
        self._wait(bias, device, dtype)
        self.out_features = out_features

    def initialize_parameters(self, input: Tensor) -> None:
        """Take ``in_features`` from the input, unless a state dict gave it.

        Args:
            input: (..., in_features).
        """
        if not input._data.ndim:
            raise RuntimeError("expected an input of at least one dimension, got shape ()")
        new, self.in_features = self.has_uninitialized_params(), input._data.shape[-1]
        if isinstance(self.weight, UninitializedParameter):
            self.weight.materialize((self.out_features, self.in_features))
        if isinstance(self.bias, UninitializedParameter):
            self.bias.materialize((self.out_features,))
        if new:
            self.reset_parameters()


class _LazyConvBase(_LazyAffine, ConvBase):
    def initialize_parameters(self, input: Tensor, *args: Any, **kwargs: Any) -> None:
        """Take ``in_channels`` from the input, unless a state dict gave it.

        Args:
            input: (N, in_channels, ...) or (in_channels, ...).
            args, kwargs: further arguments of ``forward``; not looked at.
        """
        shape = input._data.shape
        if len(shape) not in (self.spatial + 1, self.spatial + 2):
            raise RuntimeError(
                f"expected a {self.spatial + 1}-d (unbatched) or {self.spatial + 2}-d (batched) "
                f"input, got shape {shape}"
            )
        new, channels = self.has_uninitialized_params(), shape[-self.spatial - 1]
        if channels % self.groups:
            raise ValueError(f"in_channels {channels} must be divisible by groups {self.groups}")
        self.in_channels = channels
        outer, inner = (channels, self.out_channels) if self.transposed else (self.out_channels, channels)
        if isinstance(self.weight, UninitializedParameter):
            self.weight.materialize((outer, inner // self.groups, *self.kernel_size))
        if isinstance(self.bias, UninitializedParameter):
            self.bias.materialize((self.out_channels,))
        if new:
            self.reset_parameters()

    def _wait_for(self, out_channels: int, bias: bool, device: Any, dtype: Any) -> None:
        if out_channels % self.groups:
            raise ValueError(f"out_channels {out_channels} must be divisible by groups {self.groups}")
        self._wait(bias, device, dtype)
        self.out_channels = out_channels


class _LazyConv(_LazyConvBase):
    def __init__(
        self, out_channels: int, kernel_size: Sizes, stride: Sizes = 1, padding: str | Sizes = 0, dilation: Sizes = 1,
        groups: int = 1, bias: bool = True, padding_mode: str = "zeros", device: Any = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        Module.__init__(self)
        self._set(0, 0, kernel_size, stride, padding, dilation, groups, False, padding_mode, device, dtype)
        self._wait_for(out_channels, bias, device, dtype)


class LazyConv1d(_LazyConv, Conv1d):
    """`Conv1d` whose ``in_channels`` is that of the first input.

    Args:
        out_channels, kernel_size, stride, padding, dilation, groups, bias, padding_mode, device, dtype: as in `Conv1d`.

    Shape: as for `Conv1d`.

    Raises:
        RuntimeError: the input has another number of dimensions, or another dtype than ``dtype``.
        TypeError: a size is not made of ints.
        ValueError: an option is out of range, or the channels are not divisible by ``groups``.

    Example:
        >>> import lucid
        >>> lucid.nn.LazyConv1d(6, 3)(lucid.ones(2, 4, 10)).shape
        lucid.Size([2, 6, 8])
    """

    cls_to_become = Conv1d


class LazyConv2d(_LazyConv, Conv2d):
    """`Conv2d` whose ``in_channels`` is that of the first input.

    Args:
        out_channels, kernel_size, stride, padding, dilation, groups, bias, padding_mode, device, dtype: as in `Conv2d`.

    Shape: as for `Conv2d`.

    Raises:
        RuntimeError: the input has another number of dimensions, or another dtype than ``dtype``.
        TypeError: a size is not made of ints.
        ValueError: an option is out of range, or the channels are not divisible by ``groups``.

    Example:
        >>> import lucid
        >>> lucid.nn.LazyConv2d(6, 3)(lucid.ones(2, 4, 5, 5)).shape
        lucid.Size([2, 6, 3, 3])
    """

    cls_to_become = Conv2d


class LazyConv3d(_LazyConv, Conv3d):
    """`Conv3d` whose ``in_channels`` is that of the first input.

    Args:
        out_channels, kernel_size, stride, padding, dilation, groups, bias, padding_mode, device, dtype: as in `Conv3d`.

    Shape: as for `Conv3d`.

    Raises:
        RuntimeError: the input has another number of dimensions, or another dtype than ``dtype``.
        TypeError: a size is not made of ints.
        ValueError: an option is out of range, or the channels are not divisible by ``groups``.

    Example:
        >>> import lucid
        >>> lucid.nn.LazyConv3d(6, 3)(lucid.ones(2, 4, 3, 5, 5)).shape
        lucid.Size([2, 6, 1, 3, 3])
    """

    cls_to_become = Conv3d


class _LazyConvTranspose(_LazyConvBase):
    def __init__(
        self, out_channels: int, kernel_size: Sizes, stride: Sizes = 1, padding: Sizes = 0, output_padding: Sizes = 0,
        groups: int = 1, bias: bool = True, dilation: Sizes = 1, padding_mode: str = "zeros", device: Any = None,
        dtype: Any = None,
    ) -> None:  # fmt: skip
        self._full_init(
            0, 0, kernel_size, stride, padding, output_padding, groups, False, dilation, padding_mode, device, dtype
        )
        self._wait_for(out_channels, bias, device, dtype)

    def _full_init(self, *args: Any) -> None:
        assert self.cls_to_become is not None
        self.cls_to_become.__init__(self, *args)


class LazyConvTranspose1d(_LazyConvTranspose, ConvTranspose1d):
    """`ConvTranspose1d` whose ``in_channels`` is that of the first input.

    Args:
        out_channels, kernel_size, stride, padding, output_padding, groups: as in `ConvTranspose1d`.
        bias, dilation, padding_mode, device, dtype: likewise.

    Shape: as for `ConvTranspose1d`.

    Raises:
        RuntimeError: the input has another number of dimensions, or another dtype than ``dtype``.
        TypeError: a size is not made of ints.
        ValueError: an option is out of range, or the channels are not divisible by ``groups``.

    Example:
        >>> import lucid
        >>> lucid.nn.LazyConvTranspose1d(6, 3)(lucid.ones(2, 4, 10)).shape
        lucid.Size([2, 6, 12])
    """

    cls_to_become = ConvTranspose1d


class LazyConvTranspose2d(_LazyConvTranspose, ConvTranspose2d):
    """`ConvTranspose2d` whose ``in_channels`` is that of the first input.

    Args:
        out_channels, kernel_size, stride, padding, output_padding, groups: as in `ConvTranspose2d`.
        bias, dilation, padding_mode, device, dtype: likewise.

    Shape: as for `ConvTranspose2d`.

    Raises:
        RuntimeError: the input has another number of dimensions, or another dtype than ``dtype``.
        TypeError: a size is not made of ints.
        ValueError: an option is out of range, or the channels are not divisible by ``groups``.

    Example:
        >>> import lucid
        >>> lucid.nn.LazyConvTranspose2d(6, 3)(lucid.ones(2, 4, 5, 5)).shape
        lucid.Size([2, 6, 7, 7])
    """

    cls_to_become = ConvTranspose2d


class LazyConvTranspose3d(_LazyConvTranspose, ConvTranspose3d):
    """`ConvTranspose3d` whose ``in_channels`` is that of the first input.

    Args:
        out_channels, kernel_size, stride, padding, output_padding, groups: as in `ConvTranspose3d`.
        bias, dilation, padding_mode, device, dtype: likewise.

    Shape: as for `ConvTranspose3d`.

    Raises:
        RuntimeError: the input has another number of dimensions, or another dtype than ``dtype``.
        TypeError: a size is not made of ints.
        ValueError: an option is out of range, or the channels are not divisible by ``groups``.

    Example:
        >>> import lucid
        >>> lucid.nn.LazyConvTranspose3d(6, 3)(lucid.ones(2, 4, 3, 5, 5)).shape
        lucid.Size([2, 6, 5, 7, 7])
    """

    cls_to_become = ConvTranspose3d
