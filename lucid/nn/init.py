"""Initial values of parameters. Every function overwrites the tensor it is given, unrecorded, and returns it."""

from __future__ import annotations

import functools
import math
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from lucid import _dtype
from lucid._functions._arguments import check_tensors
from lucid._functions.sampling import rand, randn, randperm
from lucid.autograd._mode import no_grad
from lucid.autograd._node import wrap
from lucid.nn._quantile import normal_distribution, normal_quantile

if TYPE_CHECKING:
    from lucid._random import Generator
    from lucid._tensor import Tensor

__all__ = [
    "calculate_gain", "constant_", "dirac_", "eye_", "kaiming_normal_", "kaiming_uniform_", "normal_", "ones_",
    "orthogonal_", "sparse_", "trunc_normal_", "uniform_", "xavier_normal_", "xavier_uniform_", "zeros_",
]  # fmt: skip

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


_thread = threading.local()  # idle: whether draws leave what they are given as it is


@contextmanager
def _without_draws() -> Iterator[None]:
    """Let the random initialisers of this thread do nothing: for modules whose weights are loaded next."""
    before, _thread.idle = getattr(_thread, "idle", False), True
    try:
        yield
    finally:
        _thread.idle = before


def _check(name: str, tensor: Tensor) -> None:
    """Refuse what random numbers do not fit into."""
    check_tensors(name, tensor)
    if not (tensor.is_floating_point() or tensor.is_complex()):
        raise TypeError(f"{name}: expected a floating-point tensor, got {tensor.dtype} of shape {tensor._data.shape}")


def _assign(tensor: Tensor, values: np.ndarray) -> Tensor:
    with no_grad():
        return tensor.copy_(wrap(values.astype(tensor._data.dtype, copy=False)))


def uniform_(tensor: Tensor, a: float = 0.0, b: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Overwrite with uniform random numbers in [a, b).

    Args:
        tensor: floating point, any shape.
        a: smallest value.
        b: upper bound, not reached.
        generator: source of randomness; the default one unless given.

    Raises:
        TypeError: ``tensor`` is not a floating-point tensor.

    Example:
        >>> import lucid
        >>> w = lucid.nn.init.uniform_(lucid.empty(100), -1, 1)
        >>> bool(w.abs().max() <= 1)
        True
    """
    _check("uniform_", tensor)
    if getattr(_thread, "idle", False):
        return tensor
    with no_grad():
        return tensor.uniform_(a, b, generator=generator)


def normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Overwrite with normal random numbers.

    Args:
        tensor: floating point, any shape.
        mean: mean of the distribution.
        std: its standard deviation, not negative.
        generator: source of randomness; the default one unless given.

    Raises:
        TypeError: ``tensor`` is not a floating-point tensor.
        ValueError: ``std`` is negative.

    Example:
        >>> import lucid
        >>> lucid.nn.init.normal_(lucid.empty(3, 5), std=0.02).shape
        lucid.Size([3, 5])
    """
    _check("normal_", tensor)
    if std < 0:
        raise ValueError(f"normal_: std must not be negative, got {std}")
    if getattr(_thread, "idle", False):
        return tensor
    with no_grad():
        return tensor.normal_(mean, std, generator=generator)


def constant_(tensor: Tensor, val: float) -> Tensor:
    """Overwrite with the number ``val``.

    Args:
        tensor: any shape and dtype.
        val: the number.

    Raises:
        TypeError: ``tensor`` is not a tensor, or ``val`` not a number.

    Example:
        >>> import lucid
        >>> print(lucid.nn.init.constant_(lucid.empty(2), 0.5))
        [0.5, 0.5]
    """
    return _fill("constant_", tensor, val)


def _fill(name: str, tensor: Tensor, val: float) -> Tensor:
    check_tensors(name, tensor)
    with no_grad():
        return tensor.fill_(val)


def ones_(tensor: Tensor) -> Tensor:
    """Overwrite with 1.

    Args:
        tensor: any shape and dtype.

    Raises:
        TypeError: ``tensor`` is not a tensor.

    Example:
        >>> import lucid
        >>> print(lucid.nn.init.ones_(lucid.empty(2)))
        [1.0, 1.0]
    """
    return _fill("ones_", tensor, 1.0)


def zeros_(tensor: Tensor) -> Tensor:
    """Overwrite with 0.

    Args:
        tensor: any shape and dtype.

    Raises:
        TypeError: ``tensor`` is not a tensor.

    Example:
        >>> import lucid
        >>> print(lucid.nn.init.zeros_(lucid.empty(2)))
        [0.0, 0.0]
    """
    return _fill("zeros_", tensor, 0.0)


def _check_dims(name: str, tensor: Tensor, allowed: tuple[int, ...]) -> tuple[int, ...]:
    check_tensors(name, tensor)
    shape = tensor._data.shape
    if len(shape) not in allowed:
        raise ValueError(f"{name}: expected {' or '.join(map(str, allowed))} dimensions, got shape {shape}")
    return shape


def eye_(tensor: Tensor) -> Tensor:
    """Overwrite a matrix with ones on the diagonal and zeros elsewhere.

    Args:
        tensor: shape (rows, columns), any dtype.

    Raises:
        TypeError: ``tensor`` is not a tensor.
        ValueError: it does not have two dimensions.

    Example:
        >>> import lucid
        >>> print(lucid.nn.init.eye_(lucid.empty(2, 2)))
        [[1.0, 0.0],
         [0.0, 1.0]]
    """
    rows, columns = _check_dims("eye_", tensor, (2,))
    return _assign(tensor, np.eye(rows, columns))


def dirac_(tensor: Tensor, groups: int = 1) -> Tensor:
    """Overwrite a convolution weight so that, with padding "same", each group passes its first channels through.

    Args:
        tensor: shape (out_channels, in_channels / groups, ...) with one to three kernel sizes, any dtype.
        groups: groups of the convolution.

    Raises:
        TypeError: ``tensor`` is not a tensor.
        ValueError: another number of dimensions, or output channels not divisible by ``groups``.

    Example:
        >>> import lucid
        >>> print(lucid.nn.init.dirac_(lucid.empty(2, 2, 1)).squeeze())
        [[1.0, 0.0],
         [0.0, 1.0]]
    """
    shape = _check_dims("dirac_", tensor, (3, 4, 5))
    if groups < 1 or shape[0] % groups:
        raise ValueError(f"dirac_: {shape[0]} output channels must be divisible by groups {groups}")
    per_group = shape[0] // groups
    values = np.zeros(shape)
    middle = tuple([k // 2 for k in shape[2:]])
    for group in range(groups):
        for channel in range(min(per_group, shape[1])):
            values[(group * per_group + channel, channel, *middle)] = 1
    return _assign(tensor, values)


def _fans(name: str, tensor: Tensor) -> tuple[int, int]:
    """How many inputs each output sums over, and how many outputs each input goes to."""
    _check(name, tensor)
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
    fan_in, fan_out = _fans("xavier_uniform_", tensor)
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
    fan_in, fan_out = _fans("xavier_normal_", tensor)
    return normal_(tensor, 0.0, gain * math.sqrt(2.0 / max(fan_in + fan_out, 1)), generator)


def _kaiming_std(name: str, tensor: Tensor, a: float, mode: str, nonlinearity: str) -> float:
    if mode not in ("fan_in", "fan_out"):
        raise ValueError(f"{name}: mode must be 'fan_in' or 'fan_out', got {mode!r}")
    fan = _fans(name, tensor)[mode == "fan_out"]
    return calculate_gain(nonlinearity, a) / math.sqrt(fan)


def _is_empty(tensor: Tensor) -> bool:
    if tensor._data.size == 0:
        warnings.warn(f"no elements to initialize in shape {tensor._data.shape}", UserWarning, stacklevel=3)
    return tensor._data.size == 0


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
    _check("kaiming_uniform_", tensor)
    if _is_empty(tensor):
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
    _check("kaiming_normal_", tensor)
    if _is_empty(tensor):
        return tensor
    return normal_(tensor, 0.0, _kaiming_std("kaiming_normal_", tensor, a, mode, nonlinearity), generator)


def reset_affine(weight: Tensor, bias: Tensor | None) -> None:
    """What linear layers and convolutions start with: everything uniform within 1 / sqrt(fan_in)."""
    kaiming_uniform_(weight, a=math.sqrt(5))
    if bias is not None:
        fan_in, _ = _fans("reset_affine", weight)
        bound = 1 / math.sqrt(fan_in) if fan_in else 0.0
        uniform_(bias, -bound, bound)


def trunc_normal_(
    tensor: Tensor,
    mean: float = 0.0,
    std: float = 1.0,
    a: float = -2.0,
    b: float = 2.0,
    generator: Generator | None = None,
) -> Tensor:
    """Overwrite with numbers from the normal distribution restricted to [a, b].

    Args:
        tensor: floating point, any shape.
        mean: mean of the distribution before the restriction.
        std: its standard deviation, positive.
        a: smallest value.
        b: largest value.
        generator: source of randomness; the default one unless given.

    Raises:
        TypeError: ``tensor`` is not a floating-point tensor.
        ValueError: ``std`` is not positive or ``a`` is not below ``b``.

    Example:
        >>> import lucid
        >>> w = lucid.nn.init.trunc_normal_(lucid.empty(100), a=-1, b=1)
        >>> bool(w.abs().max() <= 1)
        True

    Source: Wichura, Algorithm AS 241: the percentage points of the normal distribution, 1988 (its inverse).
    """
    _check("trunc_normal_", tensor)
    if not std > 0:
        raise ValueError(f"trunc_normal_: std must be positive, got {std}")
    if not a < b:
        raise ValueError(f"trunc_normal_: a must be below b, got a={a}, b={b}")
    if getattr(_thread, "idle", False):
        return tensor
    low, high = (a - mean) / std, (b - mean) / std
    flipped = low > 0  # the lower tail is where probabilities have their full precision
    if flipped:
        low, high = -high, -low
    p_low, p_high = normal_distribution(low), normal_distribution(high)
    p = p_low + rand(tensor._data.shape, generator=generator, dtype=_dtype.float64)._data * (p_high - p_low)
    x = normal_quantile(np.clip(p, np.finfo(np.float64).tiny, 1 - 2.0**-53))
    return _assign(tensor, np.clip((-x if flipped else x) * std + mean, a, b))


def orthogonal_(tensor: Tensor, gain: float = 1, generator: Generator | None = None) -> Tensor:
    """Overwrite with a random matrix with orthonormal rows (or columns, if there are more rows), times ``gain``.

    Args:
        tensor: at least two dimensions, of which all but the first count as one; floating point.
        gain: factor.
        generator: source of randomness; the default one unless given.

    Raises:
        TypeError: ``tensor`` is not a floating-point tensor.
        ValueError: fewer than two dimensions.

    Example:
        >>> import lucid
        >>> w = lucid.nn.init.orthogonal_(lucid.empty(2, 4))
        >>> lucid.allclose(w @ w.T, lucid.eye(2), atol=1e-6)
        True

    Source: Saxe, McClelland and Ganguli, "Exact solutions to the nonlinear dynamics of learning", 2013.
    """
    _check("orthogonal_", tensor)
    shape = tensor._data.shape
    if len(shape) < 2:
        raise ValueError(f"orthogonal_: expected at least two dimensions, got shape {shape}")
    if _is_empty(tensor):
        return tensor
    rows, columns = shape[0], math.prod(shape[1:])
    drawn = randn(max(rows, columns), min(rows, columns), generator=generator, dtype=_dtype.float64)._data
    q, r = np.linalg.qr(drawn)
    q = q * np.where(np.diagonal(r) < 0, -1.0, 1.0)  # makes the distribution uniform over orthogonal matrices
    return _assign(tensor, ((q.T if rows < columns else q) * gain).reshape(shape))


def sparse_(tensor: Tensor, sparsity: float, std: float = 0.01, generator: Generator | None = None) -> Tensor:
    """Overwrite a matrix with normal numbers, and a share of each column with zeros.

    Args:
        tensor: a matrix, floating point.
        sparsity: share of zeros in each column, in [0, 1]; their number is rounded up.
        std: standard deviation of the others.
        generator: source of randomness; the default one unless given.

    Raises:
        TypeError: ``tensor`` is not a floating-point tensor.
        ValueError: not a matrix, or ``sparsity`` out of range.

    Example:
        >>> import lucid
        >>> print((lucid.nn.init.sparse_(lucid.empty(4, 2), 0.5) == 0).sum(0))
        [2, 2]

    Source: Martens, "Deep learning via Hessian-free optimization", 2010.
    """
    _check("sparse_", tensor)
    rows, columns = _check_dims("sparse_", tensor, (2,))
    if not 0 <= sparsity <= 1:
        raise ValueError(f"sparse_: sparsity must be between 0 and 1, got {sparsity}")
    values = randn(rows, columns, generator=generator, dtype=_dtype.float64)._data * std
    for column in range(columns):
        values[randperm(rows, generator=generator)._data[: math.ceil(sparsity * rows)], column] = 0
    return _assign(tensor, values)


def _former(name: str) -> Callable[..., Tensor]:
    """The function by its former name, without the underscore; it warns."""
    function = globals()[name + "_"]

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Tensor:
        warnings.warn(f"`nn.init.{name}` is now deprecated in favor of `nn.init.{name}_`.", FutureWarning, stacklevel=2)
        return function(*args, **kwargs)

    call.__name__ = call.__qualname__ = name
    return call


def __getattr__(name: str) -> Any:
    if not name.startswith("_") and name + "_" in __all__:
        return _former(name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
