"""Elementwise functions that NumPy computes: signs, angles, bits of floats."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from lucid._functions._arguments import check_tensors
from lucid._functions._common import Operand, as_tensor, floating
from lucid._functions._errors import KindError
from lucid._functions._special_math import sin_pi
from lucid._functions.choice import where
from lucid._functions.compare import eq, isnan
from lucid._functions.pointwise import operation_of, sign, trunc
from lucid._functions.trigonometric import cos, sin
from lucid.autograd._node import wrap

if TYPE_CHECKING:
    from lucid._tensor import Tensor


def quiet(function: Callable[..., Any]) -> Callable[..., np.ndarray]:
    """``function`` without NumPy's remarks on infinities and NaN, and with arrays where NumPy gives scalars."""

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> np.ndarray:
        with np.errstate(all="ignore"):
            return np.asarray(function(*args, **kwargs))

    return call


def evaluated(
    kernel: Callable[..., Any], derivative: Callable[[Any, Any, Any], Any] | None, saves: str = "x"
) -> Callable[[Any], Any]:
    """Make the decorated, empty function run a NumPy kernel: `pointwise.differentiable` for what is not compiled.

    Args:
        kernel: array -> array of the same floating-point dtype.
        derivative: (x, y, dy) -> dx from differentiable functions; None for a zero gradient.
        saves: which of ``x`` and ``y`` the derivative reads.
    """

    def decorate(function: Callable[..., Any]) -> Callable[..., Tensor]:
        name, operation = function.__name__, operation_of(function, quiet(kernel), derivative, saves)

        @functools.wraps(function)
        def call(x: Operand, *, out: Tensor | None = None) -> Tensor:
            return operation.apply(floating(as_tensor(x, name)))

        call.operation = operation  # type: ignore[attr-defined]
        return call

    return decorate


def needs_floats(name: str, *tensors: Tensor) -> None:
    for x in tensors:
        if x._data.dtype.kind != "f":
            raise KindError(f"{name}: not implemented for {x.dtype}")


def frac(x: Tensor, *, out: Tensor | None = None) -> Tensor:
    """x - trunc(x), with the sign of x; NaN for infinities.

        y = x - trunc(x),    dy/dx = 1

    Args:
        x: floating point, any shape.
        out: tensor that receives the result.

    Raises:
        RuntimeError: ``x`` holds integers.

    Example:
        >>> import lucid
        >>> print(lucid.frac(lucid.tensor([1.25, -1.25], dtype=lucid.float64)))
        [0.25, -0.25]
    """
    x = as_tensor(x, "frac")
    needs_floats("frac", x)
    return x - trunc(x)


def deg2rad(x: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Degrees in radians: x * pi / 180.

        y = x * pi / 180

    Args:
        x: degrees, any shape; integers and bools become the default floating-point type.
        out: tensor that receives the result.

    Example:
        >>> import lucid
        >>> print(lucid.deg2rad(lucid.tensor([180.0, 90.0], dtype=lucid.float64)))
        [3.14159265, 1.57079633]
    """
    return floating(as_tensor(x, "deg2rad")) * (math.pi / 180)


def rad2deg(x: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Radians in degrees: x * 180 / pi.

        y = x * 180 / pi

    Args:
        x: radians, any shape; integers and bools become the default floating-point type.
        out: tensor that receives the result.

    Example:
        >>> import lucid
        >>> print(lucid.rad2deg(lucid.tensor([3.141592653589793, 0.0], dtype=lucid.float64)))
        [180.0, 0.0]
    """
    return floating(as_tensor(x, "rad2deg")) * (180 / math.pi)


def sgn(x: Tensor, *, out: Tensor | None = None) -> Tensor:
    """`sign`; of complex numbers z / |z|, and 0 at 0.

    Args:
        x: any shape and dtype.
        out: tensor that receives the result.

    Example:
        >>> import lucid
        >>> print(lucid.sgn(lucid.tensor([3 + 4j, 0j])))
        [0.6+0.8j, 0.0+0.0j]
    """
    return sign(x)


def positive(x: Tensor) -> Tensor:
    """``x`` itself.

        y = x,    dy/dx = 1

    Args:
        x: any shape and dtype but bool.

    Raises:
        RuntimeError: ``x`` is bool.

    Example:
        >>> import lucid
        >>> print(lucid.positive(lucid.tensor([1.0, -2.0], dtype=lucid.float64)))
        [1.0, -2.0]
    """
    check_tensors("positive", x)
    if x._data.dtype.kind == "b":
        raise RuntimeError("positive: the + operator, on a bool tensor is not supported")
    return x


def signbit(x: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Whether the sign bit is set: also for -0.

    Args:
        x: any shape and dtype but complex.
        out: bool tensor that receives the result.

    Example:
        >>> import lucid
        >>> print(lucid.signbit(lucid.tensor([1.0, -0.0], dtype=lucid.float64)))
        [False, True]
    """
    data = as_tensor(x, "signbit")._data
    return wrap(np.asarray(np.signbit(data) if data.dtype.kind == "f" else data < 0))


def isposinf(x: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Whether each element is +inf.

    Args:
        x: any shape and dtype but complex.
        out: bool tensor that receives the result.

    Example:
        >>> import lucid
        >>> print(lucid.isposinf(lucid.tensor([1.0, float('inf')], dtype=lucid.float64)))
        [False, True]
    """
    return eq(as_tensor(x, "isposinf"), math.inf)


def isneginf(x: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Whether each element is -inf.

    Args:
        x: any shape and dtype but complex.
        out: bool tensor that receives the result.

    Example:
        >>> import lucid
        >>> print(lucid.isneginf(lucid.tensor([1.0, float('-inf')], dtype=lucid.float64)))
        [False, True]
    """
    return eq(as_tensor(x, "isneginf"), -math.inf)


def isreal(x: Tensor) -> Tensor:
    """Whether the imaginary part is 0: True everywhere unless ``x`` is complex.

    Args:
        x: any shape and dtype.

    Example:
        >>> import lucid
        >>> print(lucid.isreal(lucid.tensor([1.0, -2.0], dtype=lucid.float64)))
        [True, True]
    """
    check_tensors("isreal", x)
    return wrap(np.ones(x._data.shape, bool))


def nan_to_num(
    x: Tensor,
    nan: float | None = 0.0,
    posinf: float | None = None,
    neginf: float | None = None,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """``x`` with numbers in place of NaN and the infinities; the gradient is 0 there.

    Args:
        x: any shape.
        nan: for NaN.
        posinf, neginf: for +inf and -inf; the largest and the least finite number unless given.
        out: tensor that receives the result.

    Example:
        >>> import lucid
        >>> print(lucid.nan_to_num(lucid.tensor([1.0, float("nan"), float("inf")]), nan=0.5, posinf=9.0))
        [1.0, 0.5, 9.0]
    """
    x = as_tensor(x, "nan_to_num")
    if x._data.dtype.kind != "f":
        return x.clone()
    limit = float(np.finfo(x._data.dtype).max)
    high, low = limit if posinf is None else posinf, -limit if neginf is None else neginf
    return where(isnan(x), 0.0 if nan is None else nan, where(isposinf(x), high, where(isneginf(x), low, x)))


def _sinc(x: np.ndarray) -> np.ndarray:
    wide = x.astype(np.float64)
    return np.where(wide == 0, 1.0, sin_pi(wide) / (np.pi * wide)).astype(x.dtype)


def _sinc_slope(x: Tensor, y: Tensor, dy: Tensor) -> Tensor:
    zero = x.detach() == 0
    safe = where(zero, 1.0, x)
    turn = safe - 2 * (safe.detach() / 2).round()
    z = math.pi * math.pi * safe * safe
    near = z.detach() < 0.25  # (cos - sinc) / x cancels there
    series = z * (1 / 30 - z * (1 / 840 - z * (1 / 45360 - z * (1 / 3991680 - z * (1 / 518918400)))))
    small = -(math.pi**2) * x * (1 / 3 - where(near, series, 0.0))
    far = (cos(math.pi * turn) - sin(math.pi * turn) / (math.pi * safe)) / safe
    return dy * where(near | zero, small, far)


@evaluated(_sinc, _sinc_slope, "xy")
def sinc(x: Tensor, *, out: Tensor | None = None) -> Any:
    """sin(pi x) / (pi x), and 1 at 0.

        y = sin(pi * x) / (pi * x)

    Args:
        x: any shape; integers and bools become the default floating-point type.
        out: tensor that receives the result.

    Example:
        >>> import lucid
        >>> print(lucid.sinc(lucid.tensor([0.0, 0.5], dtype=lucid.float64)))
        [1.0, 0.63661977]
    """


fix = trunc

__all__ = [
    "deg2rad", "fix", "frac", "isneginf", "isposinf", "isreal", "nan_to_num", "positive", "rad2deg", "sgn", "signbit",
    "sinc",
]  # fmt: skip
