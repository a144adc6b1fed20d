"""Modules of the activation functions made of straight lines. The functions they call document limits and errors."""

from __future__ import annotations

import warnings
from typing import Any

from lucid._functions.creation import empty
from lucid._tensor import Tensor
from lucid.autograd._mode import no_grad
from lucid.nn import functional as F
from lucid.nn.functional.piecewise import check_hard
from lucid.nn.modules._inplace import Inplace
from lucid.nn.modules.module import Module
from lucid.nn.parameter import Parameter


class ReLU(Inplace):
    """The positive part.

        y = max(x, 0)

    Args:
        inplace: overwrite the input.

    Shape: any, and the same for the result; floating point, or integers, which stay integers.

    Raises:
        RuntimeError: in place on a leaf that requires grad.
        TypeError: the input is not a tensor of numbers, or ``inplace`` not a bool.

    Example:
        >>> import lucid
        >>> print(lucid.nn.ReLU()(lucid.tensor([-1.0, 0.0, 2.0])))
        [0.0, 0.0, 2.0]

    Source: Nair and Hinton, Rectified linear units improve restricted Boltzmann machines, ICML 2010.
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.relu(input, self.inplace)


class LeakyReLU(Inplace):
    """ReLU with a small slope below zero.

        y = x if x > 0 else negative_slope * x

    Args:
        negative_slope: slope below zero.
        inplace: overwrite the input.

    Shape: any, and the same for the result; floating point.

    Raises:
        RuntimeError: in place on a leaf that requires grad.
        TypeError: the input is not a floating-point tensor, or ``inplace`` not a bool.

    Example:
        >>> import lucid
        >>> print(lucid.nn.LeakyReLU(0.25)(lucid.tensor([-1.0, 2.0])))
        [-0.25, 2.0]

    Source: Maas et al., Rectifier nonlinearities improve neural network acoustic models, ICML 2013.
    """

    def __init__(self, negative_slope: float = 0.01, inplace: bool = False) -> None:
        super().__init__(inplace)
        self.negative_slope = negative_slope

    def forward(self, input: Tensor) -> Tensor:
        return F.leaky_relu(input, self.negative_slope, self.inplace)

    def extra_repr(self) -> str:
        return self.settings(f"negative_slope={self.negative_slope}")


class PReLU(Module):
    """Leaky ReLU whose slope is learned.

        y = max(x, 0) + weight * min(x, 0)

    Args:
        num_parameters: 1, or the number of channels for a slope each.
        init: initial slope.
        device: "cpu".
        dtype: type of the slopes; the default type unless given.

    Attributes:
        weight: shape (num_parameters,): the slopes, ``init`` at first.

    Shape: (N, C, ...), or any with a single slope, and the same for the result; floating point.

    Raises:
        TypeError: the input is not a floating-point tensor, or not of the slopes' dtype.
        ValueError: the channels are not as many as the slopes.

    Example:
        >>> import lucid
        >>> print(lucid.nn.PReLU()(lucid.tensor([-2.0, 3.0])))
        Tensor([-0.5, 3.0], grad=None)

    Source: He et al., Delving deep into rectifiers, arXiv:1502.01852.
    """

    weight: Parameter

    def __init__(self, num_parameters: int = 1, init: float = 0.25, device: Any = None, dtype: Any = None) -> None:
        super().__init__()
        self.num_parameters, self.init = num_parameters, init
        self.weight = Parameter(empty(num_parameters, dtype=dtype, device=device))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Set every slope to the initial one."""
        with no_grad():
            self.weight.fill_(self.init)

    def forward(self, input: Tensor) -> Tensor:
        return F.prelu(input, self.weight)

    def extra_repr(self) -> str:
        return f"num_parameters={self.num_parameters}"


class Threshold(Inplace):
    """x above a threshold, a constant elsewhere.

        y = x if x > threshold else value

    Args:
        threshold: the threshold.
        value: result at and below it.
        inplace: overwrite the input.

    Shape: any, and the same for the result; floating point.

    Raises:
        RuntimeError: in place on a leaf that requires grad.
        TypeError: the input is not a floating-point tensor, or ``inplace`` not a bool.

    Example:
        >>> import lucid
        >>> print(lucid.nn.Threshold(0.25, 20.0)(lucid.tensor([0.125, 0.5])))
        [20.0, 0.5]

    Source: the general form of the rectifier in Nair and Hinton, ICML 2010.
    """

    def __init__(self, threshold: float, value: float, inplace: bool = False) -> None:
        super().__init__(inplace)
        self.threshold, self.value = threshold, value

    def forward(self, input: Tensor) -> Tensor:
        return F.threshold(input, self.threshold, self.value, self.inplace)

    def extra_repr(self) -> str:
        return self.settings(f"threshold={self.threshold}, value={self.value}")


class Hardtanh(Inplace):
    """x clipped to an interval.

        y = min(max(x, min_val), max_val)

    Args:
        min_val, max_val: ends of the interval.
        inplace: overwrite the input.
        min_value, max_value: deprecated names of min_val and max_val.

    Shape: any, and the same for the result; floating point.

    Raises:
        RuntimeError: in place on a leaf that requires grad.
        TypeError: the input is not a floating-point tensor, or ``inplace`` not a bool.
        ValueError: ``max_val`` is not above ``min_val``.

    Example:
        >>> import lucid
        >>> print(lucid.nn.Hardtanh()(lucid.tensor([-2.0, 0.5, 2.0])))
        [-1.0, 0.5, 1.0]

    Source: Collobert, Large scale machine learning, thesis, Universite Paris VI, 2004.
    """

    def __init__(
        self,
        min_val: float = -1.0,
        max_val: float = 1.0,
        inplace: bool = False,
        min_value: float | None = None,
        max_value: float | None = None,
    ) -> None:
        super().__init__(inplace)
        for old, new, value in (("min_value", "min_val", min_value), ("max_value", "max_val", max_value)):
            if value is not None:
                warnings.warn(f"Hardtanh: {old} is deprecated; use {new}", FutureWarning, stacklevel=2)
        self.min_val = min_val if min_value is None else min_value
        self.max_val = max_val if max_value is None else max_value
        if not self.min_val < self.max_val:
            raise ValueError(f"Hardtanh: max_val must be larger than min_val, got {self.min_val} and {self.max_val}")

    def forward(self, input: Tensor) -> Tensor:
        return F.hardtanh(input, self.min_val, self.max_val, self.inplace)

    def extra_repr(self) -> str:
        return self.settings(f"min_val={self.min_val}, max_val={self.max_val}")


class ReLU6(Hardtanh):
    """ReLU capped at 6.

        y = min(max(x, 0), 6)

    Args:
        inplace: overwrite the input.

    Shape: any, and the same for the result; floating point.

    Raises:
        RuntimeError: in place on a leaf that requires grad.
        TypeError: the input is not a floating-point tensor, or ``inplace`` not a bool.

    Example:
        >>> import lucid
        >>> print(lucid.nn.ReLU6()(lucid.tensor([-1.0, 3.0, 8.0])))
        [0.0, 3.0, 6.0]

    Source: Krizhevsky, Convolutional deep belief networks on CIFAR-10, 2010.
    """

    def __init__(self, inplace: bool = False) -> None:
        super().__init__(0.0, 6.0, inplace)

    def forward(self, input: Tensor) -> Tensor:
        return F.relu6(input, self.inplace)

    def extra_repr(self) -> str:
        return self.settings("")


class Hardsigmoid(Inplace):
    """A sigmoid made of three lines; `HardSigmoid` is another name of this class.

        y = min(max(slope * x + offset, 0), 1)

    Args:
        inplace: overwrite the input.
        slope: slope of the hard sigmoid between its kinks, positive.
        offset: value of the hard sigmoid at 0.

    Shape: any, and the same for the result; floating point.

    Raises:
        RuntimeError: in place on a leaf that requires grad.
        TypeError: the input is not a floating-point tensor, or ``inplace`` not a bool.
        ValueError: the slope is not positive, or one of the two is not finite.

    Example:
        >>> import lucid
        >>> print(lucid.nn.Hardsigmoid()(lucid.tensor([-4.0, 1.5, 4.0])))
        [0.0, 0.75, 1.0]

    Source: Courbariaux et al., BinaryConnect, arXiv:1511.00363; ONNX HardSigmoid with alpha = slope, beta = offset.
    """

    def __init__(self, inplace: bool = False, *, slope: float = 1 / 6, offset: float = 0.5) -> None:
        super().__init__(inplace)
        check_hard("Hardsigmoid", slope, offset)
        self.slope, self.offset = slope, offset

    def forward(self, input: Tensor) -> Tensor:
        return F.hardsigmoid(input, self.inplace, slope=self.slope, offset=self.offset)

    def extra_repr(self) -> str:
        changed = (self.slope, self.offset) != (1 / 6, 0.5)
        return self.settings(f"slope={self.slope:.6g}, offset={self.offset:.6g}" if changed else "")


HardSigmoid = Hardsigmoid


class Hardswish(Inplace):
    """x times its hard sigmoid; `HardSwish` is another name of this class.

        y = x * min(max(slope * x + offset, 0), 1)

    Args:
        inplace: overwrite the input.
        slope: slope of the hard sigmoid between its kinks, positive.
        offset: value of the hard sigmoid at 0.

    Shape: any, and the same for the result; floating point.

    Raises:
        RuntimeError: in place on a leaf that requires grad.
        TypeError: the input is not a floating-point tensor, or ``inplace`` not a bool.
        ValueError: the slope is not positive, or one of the two is not finite.

    Example:
        >>> import lucid
        >>> print(lucid.nn.Hardswish()(lucid.tensor([-4.0, 1.5, 4.0])))
        [-0.0, 1.125, 4.0]

    Source: Howard et al., Searching for MobileNetV3, arXiv:1905.02244.
    """

    def __init__(self, inplace: bool = False, *, slope: float = 1 / 6, offset: float = 0.5) -> None:
        super().__init__(inplace)
        check_hard("Hardswish", slope, offset)
        self.slope, self.offset = slope, offset

    def forward(self, input: Tensor) -> Tensor:
        return F.hardswish(input, self.inplace, slope=self.slope, offset=self.offset)

    def extra_repr(self) -> str:
        changed = (self.slope, self.offset) != (1 / 6, 0.5)
        return self.settings(f"slope={self.slope:.6g}, offset={self.offset:.6g}" if changed else "")


HardSwish = Hardswish


__all__ = [
    "HardSigmoid", "HardSwish", "Hardsigmoid", "Hardswish", "Hardtanh", "LeakyReLU", "PReLU", "ReLU", "ReLU6",
    "Threshold",
]  # fmt: skip
