"""Initial values whose spread depends on how many numbers a layer adds up."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from lucid.nn.init._common import check, is_empty
from lucid.nn.init._random import normal_, uniform_

if TYPE_CHECKING:
    from lucid._random import Generator
    from lucid._tensor import Tensor


_LINEAR = ("linear", "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d")


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """The factor by which weights before a nonlinearity should be larger to keep the variance of activations.

    1 for linear maps, convolutions and "sigmoid"; 5/3 for "tanh"; sqrt(2) for "relu"; sqrt(2 / (1 + slope^2)) for
    "leaky_relu"; 3/4 for "selu".

    Args:
        nonlinearity: name of the function in `lucid.nn.functional`.
        param: negative slope of "leaky_relu"; 0.01 unless given.

    Raises:
        ValueError: another name, or a slope that is not a number.

    Example:
        >>> import lucid
        >>> round(lucid.nn.init.calculate_gain("leaky_relu", 0.2), 4)
        1.3868

    Source: He et al., "Delving Deep into Rectifiers", 2015.
    """
    if nonlinearity in _LINEAR or nonlinearity == "sigmoid":
        return 1.0
    if nonlinearity == "tanh":
        return 5.0 / 3
    if nonlinearity == "relu":
        return math.sqrt(2.0)
    if nonlinearity == "selu":
        return 3.0 / 4
    if nonlinearity == "leaky_relu":
        slope = 0.01 if param is None else param
        if isinstance(slope, bool) or not isinstance(slope, (int, float)):
            raise ValueError(f"calculate_gain: negative_slope must be a number, got {slope!r}")
        return math.sqrt(2.0 / (1 + slope**2))
    raise ValueError(f"calculate_gain: unsupported nonlinearity {nonlinearity!r}")


def fans(name: str, tensor: Tensor) -> tuple[int, int]:
    """How many inputs each output sums over, and how many outputs each input goes to."""
    check(name, tensor)
    shape = tensor._data.shape
    if len(shape) < 2:
        raise ValueError(f"{name}: fan in and fan out need at least two dimensions, got shape {shape}")
    window = math.prod(shape[2:])
    return shape[1] * window, shape[0] * window


def xavier_uniform_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Overwrite with uniform numbers within gain * sqrt(6 / (fan_in + fan_out)).

    Args:
        tensor: shape (out, in, ...), at least two dimensions, floating point.
        gain: see `calculate_gain`.
        generator: source of randomness; the default one unless given.

    Raises:
        TypeError: ``tensor`` is not a floating-point tensor.
        ValueError: fewer than two dimensions.

    Example:
        >>> import lucid
        >>> w = lucid.nn.init.xavier_uniform_(lucid.empty(2, 4))
        >>> bool(w.abs().max() <= 1)
        True

    Source: Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural networks", 2010.
    """
    fan_in, fan_out = fans("xavier_uniform_", tensor)
    bound = gain * math.sqrt(6.0 / max(fan_in + fan_out, 1))
    return uniform_(tensor, -bound, bound, generator)


def xavier_normal_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Overwrite with normal numbers of standard deviation gain * sqrt(2 / (fan_in + fan_out)).

    Args:
        tensor: shape (out, in, ...), at least two dimensions, floating point.
        gain: see `calculate_gain`.
        generator: source of randomness; the default one unless given.

    Raises:
        TypeError: ``tensor`` is not a floating-point tensor.
        ValueError: fewer than two dimensions.

    Example:
        >>> import lucid
        >>> lucid.nn.init.xavier_normal_(lucid.empty(3, 5)).shape
        lucid.Size([3, 5])

    Source: Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural networks", 2010.
    """
    fan_in, fan_out = fans("xavier_normal_", tensor)
    return normal_(tensor, 0.0, gain * math.sqrt(2.0 / max(fan_in + fan_out, 1)), generator)


def _kaiming_std(name: str, tensor: Tensor, a: float, mode: str, nonlinearity: str) -> float:
    if mode not in ("fan_in", "fan_out"):
        raise ValueError(f"{name}: mode must be 'fan_in' or 'fan_out', got {mode!r}")
    fan = fans(name, tensor)[mode == "fan_out"]
    return calculate_gain(nonlinearity, a) / math.sqrt(fan)


def kaiming_uniform_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Tensor:
    """Overwrite with uniform numbers within gain * sqrt(3 / fan).

    Args:
        tensor: shape (out, in, ...), at least two dimensions, floating point.
        a: negative slope of the "leaky_relu" that follows.
        mode: "fan_in" keeps the variance in the forward pass, "fan_out" in the backward pass.
        nonlinearity: decides the gain, see `calculate_gain`.
        generator: source of randomness; the default one unless given.

    Raises:
        TypeError: ``tensor`` is not a floating-point tensor.
        ValueError: fewer than two dimensions, or another mode or nonlinearity.

    Example:
        >>> import lucid
        >>> w = lucid.nn.init.kaiming_uniform_(lucid.empty(2, 6))
        >>> bool(w.abs().max() <= 1)
        True

    Source: He et al., "Delving Deep into Rectifiers", 2015.
    """
    check("kaiming_uniform_", tensor)
    if is_empty(tensor):
        return tensor
    bound = math.sqrt(3.0) * _kaiming_std("kaiming_uniform_", tensor, a, mode, nonlinearity)
    return uniform_(tensor, -bound, bound, generator)


def kaiming_normal_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Tensor:
    """Overwrite with normal numbers of standard deviation gain / sqrt(fan).

    Args:
        tensor: shape (out, in, ...), at least two dimensions, floating point.
        a: negative slope of the "leaky_relu" that follows.
        mode: "fan_in" keeps the variance in the forward pass, "fan_out" in the backward pass.
        nonlinearity: decides the gain, see `calculate_gain`.
        generator: source of randomness; the default one unless given.

    Raises:
        TypeError: ``tensor`` is not a floating-point tensor.
        ValueError: fewer than two dimensions, or another mode or nonlinearity.

    Example:
        >>> import lucid
        >>> lucid.nn.init.kaiming_normal_(lucid.empty(3, 5)).shape
        lucid.Size([3, 5])

    Source: He et al., "Delving Deep into Rectifiers", 2015.
    """
    check("kaiming_normal_", tensor)
    if is_empty(tensor):
        return tensor
    return normal_(tensor, 0.0, _kaiming_std("kaiming_normal_", tensor, a, mode, nonlinearity), generator)
