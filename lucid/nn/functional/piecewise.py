"""Activation functions made of straight lines, element by element."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from lucid._functions import activation as ops
from lucid._functions import shrink
from lucid._functions._common import mutate
from lucid._functions._errors import OptionError
from lucid._functions.choice import where
from lucid._functions.ternary import clamp
from lucid.autograd._node import TensorBase
from lucid.nn.functional._common import check_floating, check_tensors, run

if TYPE_CHECKING:
    from lucid._tensor import Tensor


def relu(input: Tensor, inplace: bool = False) -> Tensor:
    """The positive part.

        y = max(x, 0),    dy/dx = 1 if x > 0 else 0

    Args:
        input: any shape; floating point, or integers, which stay integers.
        inplace: overwrite ``input`` and return it.

    Returns:
        Same shape and dtype. -inf gives 0, inf gives inf, NaN gives NaN.

    Raises:
        TypeError: ``input`` is not a tensor of numbers.
        RuntimeError: in place on a leaf that requires grad.

    Example:
        >>> import lucid, lucid.nn.functional as F
        >>> print(F.relu(lucid.tensor([-1.0, 0.0, 2.0])))
        [0.0, 0.0, 2.0]

    Source: Nair and Hinton, Rectified linear units improve restricted Boltzmann machines, ICML 2010.
    """
    if isinstance(input, TensorBase) and input._data.dtype.kind in "iu":
        return mutate("relu", input, ops.relu) if inplace else ops.relu(input)
    return run("relu", ops.ReLU, input, inplace)


def _clipped(name: str, x: Tensor, low: float, high: float, inplace: bool) -> Tensor:
    """`hardtanh` of floating-point numbers, or of integers between truncated limits."""
    check_tensors(name, x)
    if x._data.dtype.kind not in "iu":
        return run(name, ops.HardTanh, x, inplace, low, high)
    limits = int(low), int(high)
    if x._data.dtype.kind == "u" and limits[0] < 0:
        raise RuntimeError(f"{name}: limits must not be negative for {x.dtype}, got {low}")
    return mutate(name, x, clamp, *limits) if inplace else clamp(x, *limits)


def relu6(input: Tensor, inplace: bool = False) -> Tensor:
    """ReLU capped at 6.

        y = min(max(x, 0), 6),    dy/dx = 1 if 0 < x < 6 else 0

    Args:
        input: floating point, any shape.
        inplace: overwrite ``input`` and return it.

    Returns:
        Same shape and dtype. -inf gives 0, inf gives 6, NaN gives NaN.

    Raises:
        TypeError: ``input`` is not a floating-point tensor.
        RuntimeError: in place on a leaf that requires grad.

    Example:
        >>> import lucid, lucid.nn.functional as F
        >>> print(F.relu6(lucid.tensor([-1.0, 3.0, 8.0])))
        [0.0, 3.0, 6.0]

    Source: Krizhevsky, Convolutional deep belief networks on CIFAR-10, 2010.
    """
    return _clipped("relu6", input, 0.0, 6.0, inplace)


def leaky_relu(input: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    """ReLU with a small slope below zero.

        y = x if x > 0 else negative_slope * x,    dy/dx = 1 if x > 0 else negative_slope

    Args:
        input: floating point, any shape.
        negative_slope: slope below zero.
        inplace: overwrite ``input`` and return it.

    Returns:
        Same shape and dtype. -inf gives -inf for a positive slope, inf gives inf, NaN gives NaN.

    Raises:
        TypeError: ``input`` is not a floating-point tensor.
        RuntimeError: in place on a leaf that requires grad.

    Example:
        >>> import lucid, lucid.nn.functional as F
        >>> print(F.leaky_relu(lucid.tensor([-1.0, 2.0]), 0.25))
        [-0.25, 2.0]

    Source: Maas et al., Rectifier nonlinearities improve neural network acoustic models, ICML 2013.
    """
    return run("leaky_relu", ops.LeakyReLU, input, inplace, negative_slope)


def prelu(input: Tensor, weight: Tensor) -> Tensor:
    """Leaky ReLU whose slope is learned.

        y = max(x, 0) + weight * min(x, 0)

    Args:
        input: floating point, (N, C, ...), or any shape with a single slope.
        weight: same dtype; 0-d or (1,) for one slope, (C,) for one per channel: dimension 1, or 0 of a 1-d input.

    Returns:
        Same shape and dtype. -inf gives -inf for a positive slope, inf gives inf, NaN gives NaN.

    Raises:
        TypeError: an argument is not a floating-point tensor, or the dtypes differ.
        ValueError: the weight has another shape.

    Example:
        >>> import lucid, lucid.nn.functional as F
        >>> print(F.prelu(lucid.tensor([[-2.0, -2.0]]), lucid.tensor([0.25, 0.5])))
        [[-0.5, -1.0]]

    Source: He et al., Delving deep into rectifiers, arXiv:1502.01852.
    """
    check_floating("prelu", input)
    check_floating("prelu", weight)
    shape, slopes = input._data.shape, weight._data.size
    if weight._data.dtype != input._data.dtype:
        raise TypeError(f"prelu: expected a weight of dtype {input.dtype}, got {weight.dtype}")
    if weight._data.ndim > 1:
        raise OptionError(f"prelu: expected weight to be 0-d or 1-d, got shape {weight._data.shape}")
    if slopes == 1:
        weight = weight.reshape(())
    else:
        channels = shape[min(1, len(shape) - 1)] if shape else 1
        if slopes != channels:
            raise OptionError(f"prelu: expected 1 or {channels} slopes, got {slopes} (input {shape})")
        weight = weight.reshape((slopes, *(1 for _ in shape[2:])))
    return ops.prelu(input, weight)


def threshold(input: Tensor, threshold: float, value: float, inplace: bool = False) -> Tensor:
    """x above a threshold, a constant elsewhere.

        y = x if x > threshold else value,    dy/dx = 1 if x > threshold else 0

    Args:
        input: floating point, any shape.
        threshold: the threshold.
        value: result at and below it.
        inplace: overwrite ``input`` and return it.

    Returns:
        Same shape and dtype. -inf gives value, inf gives inf, NaN gives NaN.

    Raises:
        TypeError: ``input`` is not a floating-point tensor.
        RuntimeError: in place on a leaf that requires grad.

    Example:
        >>> import lucid, lucid.nn.functional as F
        >>> print(F.threshold(lucid.tensor([0.125, 0.5]), 0.25, 20.0))
        [20.0, 0.5]

    Source: the general form of the rectifier in Nair and Hinton, ICML 2010.
    """
    check_tensors("threshold", input)
    if input._data.dtype.kind == "f":
        return run("threshold", shrink.Threshold, input, inplace, threshold, value)
    if input._data.dtype.kind in "iu":
        threshold, value = int(threshold), int(value)

    def apply(x: Tensor) -> Any:
        return where(x <= threshold, value, x)

    return mutate("threshold", input, apply) if inplace else apply(input)


def hardtanh(input: Tensor, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> Tensor:
    """x clipped to an interval.

        y = min(max(x, min_val), max_val),    dy/dx = 1 if min_val < x < max_val else 0

    Args:
        input: floating point, any shape.
        min_val, max_val: ends of the interval.
        inplace: overwrite ``input`` and return it.

    Returns:
        Same shape and dtype. -inf gives min_val, inf gives max_val, NaN gives NaN.

    Raises:
        TypeError: ``input`` is not a floating-point tensor.
        ValueError: min_val is above max_val.
        RuntimeError: in place on a leaf that requires grad.

    Example:
        >>> import lucid, lucid.nn.functional as F
        >>> print(F.hardtanh(lucid.tensor([-2.0, 0.5, 2.0])))
        [-1.0, 0.5, 1.0]

    Source: Collobert, Large scale machine learning, thesis, Universite Paris VI, 2004.
    """
    if min_val > max_val:
        raise ValueError(f"hardtanh: min_val cannot be greater than max_val, got {min_val} and {max_val}")
    return _clipped("hardtanh", input, min_val, max_val, inplace)


def check_hard(name: str, slope: float, offset: float) -> None:
    """Refuse a slope or offset for which the kinks are not where the kernel expects them."""
    if not (0 < slope < math.inf and math.isfinite(offset)):
        raise ValueError(f"{name}: expected a finite slope > 0 and a finite offset, got slope={slope}, offset={offset}")


def hardsigmoid(input: Tensor, inplace: bool = False, *, slope: float = 1 / 6, offset: float = 0.5) -> Tensor:
    """A sigmoid made of three lines.

        y = min(max(slope * x + offset, 0), 1),    dy/dx = slope if 0 < y < 1 else 0

    Args:
        input: floating point, any shape.
        inplace: overwrite ``input`` and return it.
        slope: slope between the kinks, positive.
        offset: value at 0.

    Returns:
        Same shape and dtype. -inf gives 0, inf gives 1, NaN gives NaN.

    Raises:
        TypeError: ``input`` is not a floating-point tensor.
        ValueError: the slope is not positive, or one of the two is not finite.
        RuntimeError: in place on a leaf that requires grad.

    Example:
        >>> import lucid, lucid.nn.functional as F
        >>> print(F.hardsigmoid(lucid.tensor([-4.0, 1.5, 4.0])))
        [0.0, 0.75, 1.0]

    Source: Courbariaux et al., BinaryConnect, arXiv:1511.00363; ONNX HardSigmoid with alpha = slope, beta = offset.
    """
    check_hard("hardsigmoid", slope, offset)
    return run("hardsigmoid", ops.HardSigmoid, input, inplace, slope, offset)


def hardswish(input: Tensor, inplace: bool = False, *, slope: float = 1 / 6, offset: float = 0.5) -> Tensor:
    """x times its hard sigmoid.

        y = x * min(max(slope * x + offset, 0), 1)
        dy/dx = 0 up to the lower kink, 2 * slope * x + offset between the kinks, 1 from the upper kink

    Args:
        input: floating point, any shape.
        inplace: overwrite ``input`` and return it.
        slope: slope of the hard sigmoid, positive.
        offset: its value at 0.

    Returns:
        Same shape and dtype. -inf gives -0, inf gives inf, NaN gives NaN.

    Raises:
        TypeError: ``input`` is not a floating-point tensor.
        ValueError: the slope is not positive, or one of the two is not finite.
        RuntimeError: in place on a leaf that requires grad.

    Example:
        >>> import lucid, lucid.nn.functional as F
        >>> print(F.hardswish(lucid.tensor([-4.0, 1.5, 4.0])))
        [-0.0, 1.125, 4.0]

    Source: Howard et al., Searching for MobileNetV3, arXiv:1905.02244.
    """
    check_hard("hardswish", slope, offset)
    return run("hardswish", ops.HardSwish, input, inplace, slope, offset)


__all__ = ["hardsigmoid", "hardswish", "hardtanh", "leaky_relu", "prelu", "relu", "relu6", "threshold"]
