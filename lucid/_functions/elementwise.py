"""Elementwise functions that NumPy computes: remainders, extremes that skip NaN, bits of floats, logarithms of sums."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from lucid import _dtype
from lucid._functions._arguments import check_tensors
from lucid._functions._common import Operand, as_tensor, cast, floating, operands, write_out
from lucid._functions._special_math import sin_pi
from lucid._functions._unary import Unary
from lucid._functions.activation import sigmoid
from lucid._functions.binary import Arithmetic, mul, pow, where
from lucid._functions.compare import isfinite, isnan
from lucid._functions.pointwise import cos, exp2, log, sign, sin, trunc
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
        name = function.__name__

        class Evaluated(Unary):
            __slots__ = ()

            def backward(self, dy: Tensor) -> Tensor | None:
                x = self.unpack()[0] if "x" in saves else None
                y = self.unpack_result() if "y" in saves else None
                return None if derivative is None else derivative(x, y, dy)

        Evaluated.kernel, Evaluated.saves = staticmethod(quiet(kernel)), saves
        Evaluated.__name__ = Evaluated.__qualname__ = name.capitalize()

        @functools.wraps(function)
        def call(x: Operand, *, out: Tensor | None = None) -> Tensor:
            return write_out(name, Evaluated.apply(floating(as_tensor(x, name))), out)

        call.operation = Evaluated  # type: ignore[attr-defined]
        return call

    return decorate


def needs_floats(name: str, *tensors: Tensor) -> None:
    for x in tensors:
        if x._data.dtype.kind != "f":
            raise RuntimeError(f"{name}: not implemented for {x.dtype}")


# Of one operand


def frac(x: Tensor, *, out: Tensor | None = None) -> Tensor:
    """x - trunc(x), with the sign of x; NaN for infinities.

        y = x - trunc(x),    dy/dx = 1

    Args:
        x: any shape.

    Raises:
        RuntimeError: ``x`` holds integers.

    Example:
        >>> import lucid
        >>> print(lucid.frac(lucid.tensor([1.25, -1.25], dtype=lucid.float64)))
        [0.25, -0.25]
    """
    x = as_tensor(x, "frac")
    needs_floats("frac", x)
    return write_out("frac", x - trunc(x), out)


def deg2rad(x: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Degrees in radians: x * pi / 180.

        y = x * pi / 180

    Args:
        x: any shape.

    Example:
        >>> import lucid
        >>> print(lucid.deg2rad(lucid.tensor([180.0, 90.0], dtype=lucid.float64)))
        [3.14159265, 1.57079633]
    """
    return write_out("deg2rad", floating(as_tensor(x, "deg2rad")) * (math.pi / 180), out)


def rad2deg(x: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Radians in degrees: x * 180 / pi.

        y = x * 180 / pi

    Args:
        x: any shape.

    Example:
        >>> import lucid
        >>> print(lucid.rad2deg(lucid.tensor([3.141592653589793, 0.0], dtype=lucid.float64)))
        [180.0, 0.0]
    """
    return write_out("rad2deg", floating(as_tensor(x, "rad2deg")) * (180 / math.pi), out)


def sgn(x: Tensor, *, out: Tensor | None = None) -> Tensor:
    """`sign`; of complex numbers z / |z|, and 0 at 0."""
    return sign(x, out=out)


def positive(x: Tensor) -> Tensor:
    """``x`` itself.

        y = x,    dy/dx = 1

    Args:
        x: any shape.

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
        x: any shape.

    Example:
        >>> import lucid
        >>> print(lucid.signbit(lucid.tensor([1.0, -0.0], dtype=lucid.float64)))
        [False, True]
    """
    data = as_tensor(x, "signbit")._data
    return write_out("signbit", wrap(np.asarray(np.signbit(data) if data.dtype.kind == "f" else data < 0)), out)


def isposinf(x: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Whether each element is +inf.

    Args:
        x: any shape.

    Example:
        >>> import lucid
        >>> print(lucid.isposinf(lucid.tensor([1.0, float('inf')], dtype=lucid.float64)))
        [False, True]
    """
    return write_out("isposinf", wrap(np.asarray(as_tensor(x, "isposinf")._data == math.inf)), out)


def isneginf(x: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Whether each element is -inf.

    Args:
        x: any shape.

    Example:
        >>> import lucid
        >>> print(lucid.isneginf(lucid.tensor([1.0, float('-inf')], dtype=lucid.float64)))
        [False, True]
    """
    return write_out("isneginf", wrap(np.asarray(as_tensor(x, "isneginf")._data == -math.inf)), out)


def isreal(x: Tensor) -> Tensor:
    """Whether the imaginary part is 0: True everywhere unless ``x`` is complex.

    Args:
        x: any shape.

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
        return write_out("nan_to_num", x.clone(), out)
    limit = float(np.finfo(x._data.dtype).max)
    high, low = limit if posinf is None else posinf, -limit if neginf is None else neginf
    y = where(isnan(x), 0.0 if nan is None else nan, where(isposinf(x), high, where(isneginf(x), low, x)))
    return write_out("nan_to_num", y, out)


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
def sinc(x: Tensor) -> Any:
    """sin(pi x) / (pi x), and 1 at 0.

        y = sin(pi * x) / (pi * x)

    Args:
        x: any shape.

    Example:
        >>> import lucid
        >>> print(lucid.sinc(lucid.tensor([0.0, 0.5], dtype=lucid.float64)))
        [1.0, 0.63661977]
    """


# Of two operands


class Fmod(Arithmetic):
    __slots__ = ()
    kernel, integer = staticmethod(quiet(np.fmod)), staticmethod(np.fmod)

    def dx(self, x: Tensor, y: Tensor, dz: Tensor) -> Tensor:
        return dz

    def dy(self, x: Tensor, y: Tensor, dz: Tensor) -> Tensor:
        return -dz * trunc(x / y)


class Fmax(Arithmetic):
    """The gradient goes to the operand that is the result, at ties to the first."""

    __slots__ = ()
    kernel, integer = staticmethod(quiet(np.fmax)), staticmethod(np.fmax)

    def first(self, x: Tensor, y: Tensor) -> Tensor:
        return (x >= y) | isnan(y)

    def dx(self, x: Tensor, y: Tensor, dz: Tensor) -> Tensor:
        return where(self.first(x, y), dz, 0.0)

    def dy(self, x: Tensor, y: Tensor, dz: Tensor) -> Tensor:
        return where(self.first(x, y), 0.0, dz)


class Fmin(Fmax):
    __slots__ = ()
    kernel, integer = staticmethod(quiet(np.fmin)), staticmethod(np.fmin)

    def first(self, x: Tensor, y: Tensor) -> Tensor:
        return (x <= y) | isnan(y)


class Hypot(Arithmetic):
    __slots__ = ()
    kernel, integer = staticmethod(quiet(np.hypot)), staticmethod(np.hypot)

    def dx(self, x: Tensor, y: Tensor, dz: Tensor) -> Tensor:
        return dz * (x / hypot(x, y))

    def dy(self, x: Tensor, y: Tensor, dz: Tensor) -> Tensor:
        return dz * (y / hypot(x, y))


class LogAddExp(Arithmetic):
    """dz/dx = sigmoid(x - y); half each where both are the same infinity."""

    __slots__ = ()
    kernel, integer = staticmethod(quiet(np.logaddexp)), staticmethod(np.logaddexp)
    base = 1.0

    def dx(self, x: Tensor, y: Tensor, dz: Tensor) -> Tensor:
        difference = where(x.detach() == y.detach(), where(isfinite(x), x - y, 0.0), x - y)
        return dz * sigmoid(difference * self.base)

    def dy(self, x: Tensor, y: Tensor, dz: Tensor) -> Tensor:
        return self.dx(y, x, dz)


class LogAddExp2(LogAddExp):
    __slots__ = ()
    kernel, integer = staticmethod(quiet(np.logaddexp2)), staticmethod(np.logaddexp2)
    base = math.log(2)


class CopySign(Arithmetic):
    __slots__ = ()
    kernel, integer = staticmethod(quiet(np.copysign)), staticmethod(np.copysign)

    def dx(self, x: Tensor, y: Tensor, dz: Tensor) -> Tensor:
        same = wrap(np.asarray(np.signbit(x._data) == np.signbit(y._data)))
        return where(x == 0, 0.0, where(same, dz, -dz))

    def dy(self, x: Tensor, y: Tensor, dz: Tensor) -> Tensor:
        return dz * 0


def _log_of_small(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.where((x == 0) & (y == y), x.dtype.type(0), x * np.log(y))


class XLogY(Arithmetic):
    __slots__ = ()
    kernel, integer = staticmethod(quiet(_log_of_small)), staticmethod(_log_of_small)

    def dx(self, x: Tensor, y: Tensor, dz: Tensor) -> Tensor:
        return dz * where((x == 0) & (y <= 0), 0.0, log(where((x == 0) & (y <= 0), 1.0, y)))

    def dy(self, x: Tensor, y: Tensor, dz: Tensor) -> Tensor:
        return dz * (x / y)


def fmod(x: Operand, y: Operand, *, out: Tensor | None = None) -> Tensor:
    """x - trunc(x / y) * y, with the sign of ``x``, as C's fmod.

        x - y * trunc(x / y)

    Args:
        x, y: tensors or numbers, broadcast together and promoted to one dtype.
        out: tensor that receives the result.

    Raises:
        RuntimeError: an integer division by zero, or bools.

    Example:
        >>> import lucid
        >>> print(lucid.fmod(lucid.tensor([5.5, -5.5]), lucid.tensor([2.0, 2.0])))
        [1.5, -1.5]
    """
    x, y = operands("fmod", x, y)
    if x._data.dtype.kind == "b":
        raise RuntimeError("fmod: not implemented for lucid.bool")
    if x._data.dtype.kind != "f" and np.any(y._data == 0):
        raise RuntimeError("fmod: ZeroDivisionError: integer division by zero")
    return write_out("fmod", Fmod.apply(x, y), out)


def fmax(x: Tensor, y: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The larger of ``x`` and ``y``, elementwise; of a number and NaN the number.

    Args:
        x, y: tensors or numbers, broadcast together and promoted to one dtype.
        out: tensor that receives the result.

    Example:
        >>> import lucid
        >>> print(lucid.fmax(lucid.tensor([1.0, float('nan')]), lucid.tensor([2.0, 3.0])))
        [2.0, 3.0]
    """
    return write_out("fmax", Fmax.apply(*operands("fmax", x, y)), out)


def fmin(x: Tensor, y: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The smaller of ``x`` and ``y``, elementwise; of a number and NaN the number.

    Args:
        x, y: tensors or numbers, broadcast together and promoted to one dtype.
        out: tensor that receives the result.

    Example:
        >>> import lucid
        >>> print(lucid.fmin(lucid.tensor([1.0, float('nan')]), lucid.tensor([2.0, 3.0])))
        [1.0, 3.0]
    """
    return write_out("fmin", Fmin.apply(*operands("fmin", x, y)), out)


def hypot(x: Tensor, y: Tensor, *, out: Tensor | None = None) -> Tensor:
    """sqrt(x^2 + y^2), without overflow on the way.

        sqrt(x^2 + y^2)

    Args:
        x, y: tensors or numbers, broadcast together and promoted to one dtype.
        out: tensor that receives the result.

    Example:
        >>> import lucid
        >>> print(lucid.hypot(lucid.tensor([3.0, 5.0]), lucid.tensor([4.0, 12.0])))
        [5.0, 13.0]
    """
    x, y = operands("hypot", x, y)
    needs_floats("hypot", x)
    return write_out("hypot", Hypot.apply(x, y), out)


def logaddexp(x: Tensor, y: Tensor, *, out: Tensor | None = None) -> Tensor:
    """log(exp(x) + exp(y)), without overflow on the way.

        ln(e^x + e^y)

    Args:
        x, y: tensors or numbers, broadcast together and promoted to one dtype.
        out: tensor that receives the result.

    Example:
        >>> import lucid
        >>> x = lucid.tensor([0.0, 1000.0], dtype=lucid.float64)
        >>> print(lucid.logaddexp(x, x))
        [0.69314718, 1000.69314718]
    """
    x, y = operands("logaddexp", x, y)
    needs_floats("logaddexp", x)
    return write_out("logaddexp", LogAddExp.apply(x, y), out)


def logaddexp2(x: Tensor, y: Tensor, *, out: Tensor | None = None) -> Tensor:
    """log2(2^x + 2^y), without overflow on the way.

        ln(2^x + 2^y) / ln(2)

    Args:
        x, y: tensors or numbers, broadcast together and promoted to one dtype.
        out: tensor that receives the result.

    Example:
        >>> import lucid
        >>> x = lucid.tensor([0.0, 1000.0], dtype=lucid.float64)
        >>> print(lucid.logaddexp2(x, x))
        [1.0, 1001.0]
    """
    x, y = operands("logaddexp2", x, y)
    needs_floats("logaddexp2", x)
    return write_out("logaddexp2", LogAddExp2.apply(x, y), out)


def heaviside(x: Tensor, values: Tensor, *, out: Tensor | None = None) -> Tensor:
    """0 below zero, 1 above, ``values`` at zero; NaN for NaN. No gradient.

        0 where x < 0, y where x = 0, 1 where x > 0

    Args:
        x, y: tensors or numbers, broadcast together and promoted to one dtype.
        out: tensor that receives the result.

    Raises:
        RuntimeError: the dtypes differ.

    Example:
        >>> import lucid
        >>> print(lucid.heaviside(lucid.tensor([-1.0, 0.0, 1.0]), lucid.tensor([0.5, 0.5, 0.5])))
        [0.0, 0.5, 1.0]
    """
    check_tensors("heaviside", x, values)
    if x._data.dtype != values._data.dtype:
        raise RuntimeError(f"heaviside: expected operands of one dtype, got {x.dtype} and {values.dtype}")
    x, values = operands("heaviside", x, values)
    a = x._data
    step = np.where(a == 0, values._data, np.where(a != a, a, (a > 0).astype(a.dtype)))
    return write_out("heaviside", wrap(np.asarray(step, a.dtype)), out)


def copysign(x: Tensor, y: Operand, *, out: Tensor | None = None) -> Tensor:
    """|x| with the sign of ``y``, that of -0 included.

        |x| with the sign of y

    Args:
        x, y: tensors or numbers, broadcast together and promoted to one dtype.
        out: tensor that receives the result.

    Example:
        >>> import lucid
        >>> print(lucid.copysign(lucid.tensor([3.0, 5.0]), lucid.tensor([-1.0, 1.0])))
        [-3.0, 5.0]
    """
    x, y = operands("copysign", x, y)
    return write_out("copysign", CopySign.apply(floating(x), floating(y)), out)


def nextafter(x: Tensor, y: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The floating-point number next to ``x`` towards ``y``. No gradient.

    Args:
        x, y: tensors or numbers, broadcast together and promoted to one dtype.
        out: tensor that receives the result.

    Example:
        >>> import lucid
        >>> print(lucid.nextafter(lucid.tensor([1.0, 0.0]), lucid.tensor([1.0, 0.0])))
        [1.0, 0.0]
    """
    x, y = operands("nextafter", x, y)
    needs_floats("nextafter", x)
    return write_out("nextafter", wrap(quiet(np.nextafter)(x._data, y._data)), out)


def ldexp(x: Tensor, exponent: Tensor, *, out: Tensor | None = None) -> Tensor:
    """x * 2^exponent.

        x * 2^y

    Args:
        x, y: tensors or numbers, broadcast together and promoted to one dtype.
        out: tensor that receives the result.

    Example:
        >>> import lucid
        >>> print(lucid.ldexp(lucid.tensor([1.5, 3.0]), lucid.tensor([2, -1])))
        [6.0, 1.5]
    """
    return write_out("ldexp", mul(x, exp2(exponent)), out)


def xlogy(x: Operand, y: Operand, *, out: Tensor | None = None) -> Tensor:
    """x * log(y), and 0 where x is 0 and y is not NaN.

        x * ln(y), and 0 where x is 0 and y is not NaN

    Args:
        x, y: tensors or numbers, broadcast together and promoted to one dtype.
        out: tensor that receives the result.

    Example:
        >>> import lucid
        >>> print(lucid.xlogy(lucid.tensor([0.0, 2.0]), lucid.tensor([0.0, 1.0])))
        [0.0, 0.0]
    """
    x, y = operands("xlogy", x, y)
    return write_out("xlogy", XLogY.apply(floating(x), floating(y)), out)


def float_power(x: Operand, exponent: Operand, *, out: Tensor | None = None) -> Tensor:
    """x raised to ``exponent``, in float64.

        x^y

    Args:
        x, y: tensors or numbers, broadcast together and promoted to one dtype.
        out: tensor that receives the result.

    Example:
        >>> import lucid
        >>> print(lucid.float_power(lucid.tensor([2, 9]), lucid.tensor([3.0, 0.5])))
        [8.0, 3.0]
    """
    a, b = (cast(as_tensor(t, "float_power"), _dtype.float64) for t in (x, exponent))
    return write_out("float_power", pow(a, b), out)


def gcd(x: Tensor, y: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The greatest common divisor of integers; gcd(0, 0) is 0.

    Args:
        x, y: tensors or numbers, broadcast together and promoted to one dtype.
        out: tensor that receives the result.

    Example:
        >>> import lucid
        >>> print(lucid.gcd(lucid.tensor([12, 18]), lucid.tensor([8, 27])))
        [4, 9]
    """
    return _of_integers("gcd", np.gcd, x, y, out)


def lcm(x: Tensor, y: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The least common multiple of integers; 0 where one is 0.

    Args:
        x, y: tensors or numbers, broadcast together and promoted to one dtype.
        out: tensor that receives the result.

    Example:
        >>> import lucid
        >>> print(lucid.lcm(lucid.tensor([4, 6]), lucid.tensor([6, 8])))
        [12, 24]
    """
    return _of_integers("lcm", np.lcm, x, y, out)


def bitwise_left_shift(x: Operand, y: Operand, *, out: Tensor | None = None) -> Tensor:
    """x * 2^y of integers, without the bits that leave the dtype.

        x * 2^y

    Args:
        x, y: tensors or numbers, broadcast together and promoted to one dtype.
        out: tensor that receives the result.

    Example:
        >>> import lucid
        >>> print(lucid.bitwise_left_shift(lucid.tensor([1, 3]), lucid.tensor([2, 1])))
        [4, 6]
    """
    return _of_integers("bitwise_left_shift", np.left_shift, x, y, out)


def bitwise_right_shift(x: Operand, y: Operand, *, out: Tensor | None = None) -> Tensor:
    """floor(x / 2^y) of integers.

        floor(x / 2^y)

    Args:
        x, y: tensors or numbers, broadcast together and promoted to one dtype.
        out: tensor that receives the result.

    Example:
        >>> import lucid
        >>> print(lucid.bitwise_right_shift(lucid.tensor([8, 3]), lucid.tensor([2, 1])))
        [2, 1]
    """
    return _of_integers("bitwise_right_shift", np.right_shift, x, y, out)


def _of_integers(name: str, function: Callable[..., Any], x: Operand, y: Operand, out: Tensor | None) -> Tensor:
    x, y = operands(name, x, y)
    if x._data.dtype.kind not in "iu":
        raise RuntimeError(f"{name}: not implemented for {x.dtype}")
    return write_out(name, wrap(np.asarray(function(x._data, y._data))), out)


fix = trunc

__all__ = [
    "bitwise_left_shift", "bitwise_right_shift", "copysign", "deg2rad", "fix", "float_power", "fmax", "fmin", "fmod",
    "frac", "gcd", "heaviside", "hypot", "isneginf", "isposinf", "isreal", "lcm", "ldexp", "logaddexp", "logaddexp2",
    "nan_to_num", "nextafter", "positive", "rad2deg", "sgn", "signbit", "sinc", "xlogy",
]  # fmt: skip
