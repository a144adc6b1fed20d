"""Elementwise arithmetic, comparisons and mathematics: one function per operation, its gradient beside it."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from lucid import _ops
from lucid._functions._common import Operand, as_tensor, floating, operands, sum_to, write_out
from lucid.autograd._node import Node, TensorBase, wrap

if TYPE_CHECKING:
    from lucid._tensor import Tensor

Binary = Callable[..., "Tensor"]


def _numeric(kernel: Callable[..., np.ndarray], integer: Callable[..., Any], x: Tensor, y: Tensor) -> np.ndarray:
    """The compiled kernel for floats, NumPy's loop for integers and bool."""
    a, b = x._data, y._data
    return kernel(a, b) if a.dtype.kind == "f" else np.asarray(integer(a, b))


class Arithmetic(Node):
    """A binary operation; subclasses give the kernels and the two partial gradients before unbroadcasting."""

    __slots__ = ("shapes",)
    kernel: Callable[..., np.ndarray]
    integer: Callable[..., Any]

    def forward(self, x: Tensor, y: Tensor) -> np.ndarray:
        self.shapes = (x._data.shape, y._data.shape)
        self.saved = (x, y)
        return _numeric(type(self).kernel, type(self).integer, x, y)

    def dx(self, x: Tensor, y: Tensor, dz: Tensor) -> Tensor:
        raise NotImplementedError

    def dy(self, x: Tensor, y: Tensor, dz: Tensor) -> Tensor:
        raise NotImplementedError

    def backward(self, dz: Tensor) -> tuple[Tensor | None, Tensor | None]:
        x, y = self.unpack()
        return (
            sum_to(self.dx(x, y, dz), self.shapes[0]) if self.edges[0] is not None else None,
            sum_to(self.dy(x, y, dz), self.shapes[1]) if self.edges[1] is not None else None,
        )


class Add(Arithmetic):
    """x + alpha * y."""

    __slots__ = ("alpha",)

    def forward(self, x: Tensor, y: Tensor, alpha: float = 1) -> np.ndarray:
        self.shapes = (x._data.shape, y._data.shape)
        self.alpha = alpha
        if alpha == 1:
            return _numeric(_ops.add, np.add, x, y)
        if alpha == -1:
            return _numeric(_ops.sub, np.subtract, x, y)
        if x._data.dtype.kind == "f":
            return _ops.add_scaled(x._data, y._data, alpha)
        return np.asarray(x._data + y._data.dtype.type(alpha) * y._data)

    def backward(self, dz: Tensor) -> tuple[Tensor | None, Tensor | None]:
        dx = sum_to(dz, self.shapes[0]) if self.edges[0] is not None else None
        dy = None
        if self.edges[1] is not None:
            dy = sum_to(dz, self.shapes[1])
            if self.alpha != 1:
                dy = dy * self.alpha
        return dx, dy


class Mul(Arithmetic):
    __slots__ = ()
    kernel, integer = staticmethod(_ops.mul), staticmethod(np.multiply)

    def dx(self, x: Tensor, y: Tensor, dz: Tensor) -> Tensor:
        return dz * y

    def dy(self, x: Tensor, y: Tensor, dz: Tensor) -> Tensor:
        return dz * x


class Div(Arithmetic):
    __slots__ = ()
    kernel, integer = staticmethod(_ops.div), staticmethod(np.true_divide)

    def dx(self, x: Tensor, y: Tensor, dz: Tensor) -> Tensor:
        return dz / y

    def dy(self, x: Tensor, y: Tensor, dz: Tensor) -> Tensor:
        return -dz * x / (y * y)


class Pow(Arithmetic):
    __slots__ = ()
    kernel, integer = staticmethod(_ops.pow), staticmethod(np.power)

    def dx(self, x: Tensor, y: Tensor, dz: Tensor) -> Tensor:
        # y == 0 has derivative 0 even where x ** (y - 1) is infinite
        return where(y == 0, 0.0, dz * y * pow(x, y - 1))

    def dy(self, x: Tensor, y: Tensor, dz: Tensor) -> Tensor:
        return where((x == 0) & (y >= 0), 0.0, dz * pow(x, y) * log(x))


class Maximum(Arithmetic):
    """The gradient goes to the larger operand and is halved at ties, as in PyTorch."""

    __slots__ = ()
    kernel, integer = staticmethod(_ops.maximum), staticmethod(np.maximum)

    def dx(self, x: Tensor, y: Tensor, dz: Tensor) -> Tensor:
        return where(x == y, dz / 2, where(x > y, dz, 0.0))

    def dy(self, x: Tensor, y: Tensor, dz: Tensor) -> Tensor:
        return where(x == y, dz / 2, where(x < y, dz, 0.0))


class Minimum(Arithmetic):
    """The gradient goes to the smaller operand and is halved at ties, as in PyTorch."""

    __slots__ = ()
    kernel, integer = staticmethod(_ops.minimum), staticmethod(np.minimum)

    def dx(self, x: Tensor, y: Tensor, dz: Tensor) -> Tensor:
        return where(x == y, dz / 2, where(x < y, dz, 0.0))

    def dy(self, x: Tensor, y: Tensor, dz: Tensor) -> Tensor:
        return where(x == y, dz / 2, where(x > y, dz, 0.0))


class Atan2(Arithmetic):
    __slots__ = ()
    kernel, integer = staticmethod(_ops.atan2), staticmethod(np.arctan2)

    def dx(self, x: Tensor, y: Tensor, dz: Tensor) -> Tensor:
        return dz * y / (x * x + y * y)

    def dy(self, x: Tensor, y: Tensor, dz: Tensor) -> Tensor:
        return -dz * x / (x * x + y * y)


class Remainder(Arithmetic):
    __slots__ = ()
    kernel, integer = staticmethod(_ops.remainder), staticmethod(np.remainder)

    def dx(self, x: Tensor, y: Tensor, dz: Tensor) -> Tensor:
        return dz

    def dy(self, x: Tensor, y: Tensor, dz: Tensor) -> Tensor:
        return -dz * floor(x / y)


def add(x: Operand, y: Operand, *, alpha: float = 1, out: Tensor | None = None) -> Tensor:
    """x + alpha * y, broadcast.

    Args:
        x, y: tensors or numbers; shapes broadcast, dtypes promote.
        alpha: factor of ``y``.
        out: tensor that receives the result.

    Example:
        >>> import lucid
        >>> print(lucid.add(lucid.tensor([1.0, 2.0]), lucid.tensor([3.0, 4.0]), alpha=10))
        [31.0, 42.0]
    """
    x, y = operands("add", x, y)
    return write_out("add", Add.apply(x, y) if alpha == 1 else Add.apply(x, y, alpha), out)


def sub(x: Operand, y: Operand, *, alpha: float = 1, out: Tensor | None = None) -> Tensor:
    """x - alpha * y, broadcast."""
    x, y = operands("sub", x, y)
    if x._data.dtype.kind == "b":
        raise RuntimeError("sub: subtraction of two bool tensors is not supported; use ^ or logical_xor()")
    return write_out("sub", Add.apply(x, y, -alpha), out)


def rsub(x: Operand, y: Operand, *, alpha: float = 1) -> Tensor:
    """y - alpha * x."""
    return sub(y, x, alpha=alpha)


def mul(x: Operand, y: Operand, *, out: Tensor | None = None) -> Tensor:
    """x * y, broadcast."""
    x, y = operands("mul", x, y)
    return write_out("mul", Mul.apply(x, y), out)


def div(x: Operand, y: Operand, *, rounding_mode: str | None = None, out: Tensor | None = None) -> Tensor:
    """x / y, broadcast; integers give the default floating-point type.

    Args:
        x, y: tensors or numbers.
        rounding_mode: None, ``"trunc"`` (towards zero) or ``"floor"``.
        out: tensor that receives the result.

    Raises:
        ValueError: another rounding mode.
    """
    if rounding_mode == "floor":
        return write_out("div", floor_divide(x, y), out)
    x, y = operands("div", x, y)
    if rounding_mode == "trunc":
        if x._data.dtype.kind == "f":
            return write_out("div", trunc(Div.apply(x, y)), out)
        q, r = np.divmod(x._data, y._data)
        return write_out("div", wrap(np.asarray(q + ((r != 0) & (q < 0)))), out)
    if rounding_mode is not None:
        raise ValueError(f"div: rounding_mode must be None, 'trunc' or 'floor', got {rounding_mode!r}")
    return write_out("div", Div.apply(floating(x), floating(y)), out)


def rdiv(x: Operand, y: Operand) -> Tensor:
    """y / x."""
    return div(y, x)


def floor_divide(x: Operand, y: Operand, *, out: Tensor | None = None) -> Tensor:
    """floor(x / y); its gradient is zero."""
    x, y = operands("floor_divide", x, y)
    if x._data.dtype.kind != "f" and np.any(y._data == 0):
        raise RuntimeError("floor_divide: ZeroDivisionError: integer division by zero")
    return write_out("floor_divide", wrap(np.asarray(np.floor_divide(x._data, y._data))), out)


def rfloor_divide(x: Operand, y: Operand) -> Tensor:
    return floor_divide(y, x)


def remainder(x: Operand, y: Operand, *, out: Tensor | None = None) -> Tensor:
    """x - floor(x / y) * y, with the sign of ``y``, as Python's ``%``."""
    x, y = operands("remainder", x, y)
    return write_out("remainder", Remainder.apply(x, y), out)


def rremainder(x: Operand, y: Operand) -> Tensor:
    return remainder(y, x)


def pow(x: Operand, y: Operand, *, out: Tensor | None = None) -> Tensor:
    """x raised to the power y, elementwise and broadcast.

    Raises:
        RuntimeError: an integer tensor to a negative integer power.
    """
    x, y = operands("pow", x, y)
    if x._data.dtype.kind in "iu" and y._data.dtype.kind == "i" and np.any(y._data < 0):
        raise RuntimeError("pow: Integers to negative integer powers are not allowed.")
    return write_out("pow", Pow.apply(x, y), out)


def rpow(x: Operand, y: Operand) -> Tensor:
    """y ** x."""
    return pow(y, x)


def maximum(x: Tensor, y: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The larger of ``x`` and ``y``, elementwise; NaN if either is NaN."""
    x, y = operands("maximum", x, y)
    return write_out("maximum", Maximum.apply(x, y), out)


def minimum(x: Tensor, y: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The smaller of ``x`` and ``y``, elementwise; NaN if either is NaN."""
    x, y = operands("minimum", x, y)
    return write_out("minimum", Minimum.apply(x, y), out)


def atan2(x: Tensor, y: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The angle in radians, in [-pi, pi], of the point (y, x)."""
    x, y = operands("atan2", x, y)
    return write_out("atan2", Atan2.apply(floating(x), floating(y)), out)


# Comparisons and logic


def _comparison(name: str, kernel: Callable[..., np.ndarray], other: Callable[..., Any], symbol: str) -> Binary:
    def compare(x: Operand, y: Operand, *, out: Tensor | None = None) -> Tensor:
        x, y = operands(name, x, y)
        return write_out(name, wrap(_numeric(kernel, other, x, y)), out)

    compare.__name__ = compare.__qualname__ = name
    compare.__doc__ = f"x {symbol} y, elementwise and broadcast, as a bool tensor; false where either is NaN."
    return compare


eq = _comparison("eq", _ops.eq, np.equal, "==")
ne = _comparison("ne", _ops.ne, np.not_equal, "!=")
lt = _comparison("lt", _ops.lt, np.less, "<")
le = _comparison("le", _ops.le, np.less_equal, "<=")
gt = _comparison("gt", _ops.gt, np.greater, ">")
ge = _comparison("ge", _ops.ge, np.greater_equal, ">=")
ne.__doc__ = "x != y, elementwise and broadcast, as a bool tensor; true where either is NaN."


def equal_operator(x: Tensor, y: Any) -> Any:
    """x == y for operands, otherwise Python's fallback (identity)."""
    return eq(x, y) if isinstance(y, (TensorBase, bool, int, float, np.generic, np.ndarray)) else NotImplemented


def unequal_operator(x: Tensor, y: Any) -> Any:
    """x != y for operands, otherwise Python's fallback (identity)."""
    return ne(x, y) if isinstance(y, (TensorBase, bool, int, float, np.generic, np.ndarray)) else NotImplemented


def _logical(name: str, function: Callable[..., Any], text: str, bitwise: bool) -> Binary:
    def logic(x: Operand, y: Operand, *, out: Tensor | None = None) -> Tensor:
        x, y = operands(name, x, y)
        if bitwise and x._data.dtype.kind == "f":
            raise RuntimeError(f"{name}: not implemented for {x.dtype}")
        return write_out(name, wrap(np.asarray(function(x._data, y._data))), out)

    logic.__name__ = logic.__qualname__ = name
    logic.__doc__ = f"{text}, elementwise and broadcast."
    return logic


logical_and = _logical("logical_and", np.logical_and, "Whether both are nonzero", False)
logical_or = _logical("logical_or", np.logical_or, "Whether either is nonzero", False)
logical_xor = _logical("logical_xor", np.logical_xor, "Whether exactly one is nonzero", False)
bitwise_and = _logical("bitwise_and", np.bitwise_and, "x & y of integers or bools", True)
bitwise_or = _logical("bitwise_or", np.bitwise_or, "x | y of integers or bools", True)
bitwise_xor = _logical("bitwise_xor", np.bitwise_xor, "x ^ y of integers or bools", True)


def logical_not(x: Tensor) -> Tensor:
    """Whether each element is zero."""
    return wrap(np.asarray(np.logical_not(x._data)))


def bitwise_not(x: Tensor) -> Tensor:
    """~x of integers, the complement of bools."""
    if x._data.dtype.kind == "f":
        raise RuntimeError(f"bitwise_not: not implemented for {x.dtype}")
    return wrap(np.asarray(np.invert(x._data)))


def isnan(x: Tensor) -> Tensor:
    """Whether each element is NaN."""
    return wrap(np.asarray(np.isnan(x._data)))


def isinf(x: Tensor) -> Tensor:
    """Whether each element is infinite."""
    return wrap(np.asarray(np.isinf(x._data)))


def isfinite(x: Tensor) -> Tensor:
    """Whether each element is neither infinite nor NaN."""
    return wrap(np.asarray(np.isfinite(x._data)))


def isclose(x: Tensor, y: Tensor, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False) -> Tensor:
    """Whether |x - y| <= atol + rtol * |y|, elementwise."""
    return wrap(np.asarray(np.isclose(x._data, y._data, rtol, atol, equal_nan)))


def allclose(x: Tensor, y: Tensor, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False) -> bool:
    """Whether |x - y| <= atol + rtol * |y| everywhere."""
    return bool(np.allclose(x._data, y._data, rtol, atol, equal_nan))


def equal(x: Tensor, y: Tensor) -> bool:
    """Whether shapes and all elements are the same; NaN differs from NaN."""
    return bool(np.array_equal(x._data, y._data))


class Where(Node):
    """condition ? x : y."""

    __slots__ = ("condition", "shapes")

    def forward(self, x: Tensor, y: Tensor, condition: Tensor) -> np.ndarray:
        self.condition, self.shapes = condition, (x._data.shape, y._data.shape)
        if x._data.dtype.kind == "f":
            return _ops.where(condition._data, x._data, y._data)
        return np.where(condition._data, x._data, y._data)

    def backward(self, dz: Tensor) -> tuple[Tensor | None, Tensor | None]:
        dx = dy = None
        if self.edges[0] is not None:
            dx = sum_to(where(self.condition, dz, 0.0), self.shapes[0])
        if self.edges[1] is not None:
            dy = sum_to(where(self.condition, 0.0, dz), self.shapes[1])
        return dx, dy


def where(condition: Tensor, x: Operand | None = None, y: Operand | None = None, *, out: Tensor | None = None) -> Any:
    """``x`` where the condition holds, ``y`` elsewhere, broadcast together.

    Args:
        condition: bool tensor.
        x, y: tensors or numbers. Without them the result is ``nonzero(condition, as_tuple=True)``.
        out: tensor that receives the result.

    Raises:
        TypeError: the condition is not bool.
    """
    if x is None and y is None:
        return tuple(wrap(i) for i in np.nonzero(condition._data))
    if condition._data.dtype.kind != "b":
        raise TypeError(f"where: expected condition to be a boolean tensor, but got a tensor with dtype {condition.dtype}")
    if not isinstance(x, TensorBase) and not isinstance(y, TensorBase):
        x = as_tensor(x)
    x, y = operands("where", x, y)
    return write_out("where", Where.apply(x, y, condition), out)


class Clamp(Node):
    """min(max(x, low), high); the gradient is 1 on the closed interval."""

    __slots__ = ("high", "low")

    def forward(self, x: Tensor, low: float | None, high: float | None) -> np.ndarray:
        self.saved, self.low, self.high = (x,), low, high
        if x._data.dtype.kind == "f":
            return _ops.clamp(x._data, -math.inf if low is None else low, math.inf if high is None else high)
        return np.asarray(np.clip(x._data, low, high))

    def backward(self, dy: Tensor) -> Tensor:
        (x,) = self.unpack()
        low = -math.inf if self.low is None else self.low
        high = math.inf if self.high is None else self.high
        return where((x >= low) & (x <= high), dy, 0.0)


def clamp(x: Tensor, min: Operand = None, max: Operand = None, *, out: Tensor | None = None) -> Tensor:
    """min(max(x, min), max); bounds are numbers or tensors, NaN stays NaN.

    Raises:
        ValueError: neither bound is given.
    """
    if min is None and max is None:
        raise ValueError("clamp: at least one of min or max must be given")
    if isinstance(min, TensorBase) or isinstance(max, TensorBase):
        y = x if min is None else maximum(x, as_tensor(min))
        return write_out("clamp", y if max is None else minimum(y, as_tensor(max)), out)
    if x._data.dtype.kind != "f" and (isinstance(min, float) or isinstance(max, float)):
        x = floating(x)
    return write_out("clamp", Clamp.apply(x, min, max), out)


# Functions of one argument


def _unary(derivative: Callable[[Any, Any, Any], Any] | None, saves: str = "x", integer: bool = False) -> Callable[[Any], Any]:
    """Make the decorated, empty function run the kernel of its name.

    Args:
        derivative: (x, y, dy) -> dx from differentiable functions; None for a zero gradient.
        saves: which of ``x`` and ``y`` the derivative reads.
        integer: integers stay integers, by NumPy's function of that name, instead of becoming floats.
    """

    def decorate(function: Callable[..., Any]) -> Callable[..., Tensor]:
        name = function.__name__
        kernel, on_integers = getattr(_ops, name), getattr(np, {"neg": "negative"}.get(name, name), None)

        class Unary(Node):
            __slots__ = ()

            def forward(self, x: Tensor) -> np.ndarray:
                if integer and x._data.dtype.kind != "f":
                    return np.asarray(on_integers(x._data))  # type: ignore[misc]
                y: np.ndarray = kernel(x._data)
                if "x" in saves:
                    self.saved = (x,)
                return self.save_result(y) if "y" in saves else y

            def backward(self, dy: Tensor) -> Tensor | None:
                x = self.unpack()[0] if "x" in saves else None
                y = self.unpack_result() if "y" in saves else None
                return None if derivative is None else derivative(x, y, dy)

        Unary.__name__ = Unary.__qualname__ = name.capitalize()

        @functools.wraps(function)
        def call(x: Operand, *, out: Tensor | None = None) -> Tensor:
            x = as_tensor(x)
            if not integer:
                x = floating(x)
            return write_out(name, Unary.apply(x), out)

        return call

    return decorate


@_unary(lambda x, y, dy: -dy, saves="", integer=True)
def neg(x: Tensor) -> Any:
    """-x."""


@_unary(lambda x, y, dy: dy * sign(x), integer=True)
def abs(x: Tensor) -> Any:
    """|x|; the gradient at 0 is 0."""


@_unary(None, saves="", integer=True)
def sign(x: Tensor) -> Any:
    """-1, 0 or 1; NaN for NaN."""


@_unary(None, saves="", integer=True)
def floor(x: Tensor) -> Any:
    """The largest integer not above x; gradient 0."""


@_unary(None, saves="", integer=True)
def ceil(x: Tensor) -> Any:
    """The smallest integer not below x; gradient 0."""


@_unary(None, saves="", integer=True)
def round(x: Tensor) -> Any:
    """The nearest integer, halves to even; gradient 0."""


@_unary(None, saves="", integer=True)
def trunc(x: Tensor) -> Any:
    """x without its fraction; gradient 0."""


@_unary(lambda x, y, dy: -dy * y * y, saves="y")
def reciprocal(x: Tensor) -> Any:
    """1 / x."""


@_unary(lambda x, y, dy: dy / (2 * y), saves="y")
def sqrt(x: Tensor) -> Any:
    """The square root; NaN below zero."""


@_unary(lambda x, y, dy: dy * y / x * -0.5, saves="xy")
def rsqrt(x: Tensor) -> Any:
    """1 / sqrt(x)."""


@_unary(lambda x, y, dy: dy * (2 * x), integer=True)
def square(x: Tensor) -> Any:
    """x * x."""


@_unary(lambda x, y, dy: dy * y, saves="y")
def exp(x: Tensor) -> Any:
    """e to the power x."""


@_unary(lambda x, y, dy: dy * y * math.log(2), saves="y")
def exp2(x: Tensor) -> Any:
    """2 to the power x."""


@_unary(lambda x, y, dy: dy * (y + 1), saves="y")
def expm1(x: Tensor) -> Any:
    """exp(x) - 1, accurate near 0."""


@_unary(lambda x, y, dy: dy / x)
def log(x: Tensor) -> Any:
    """The natural logarithm; -inf at 0, NaN below."""


@_unary(lambda x, y, dy: dy / (x * math.log(2)))
def log2(x: Tensor) -> Any:
    """The logarithm to base 2."""


@_unary(lambda x, y, dy: dy / (x * math.log(10)))
def log10(x: Tensor) -> Any:
    """The logarithm to base 10."""


@_unary(lambda x, y, dy: dy / (1 + x))
def log1p(x: Tensor) -> Any:
    """log(1 + x), accurate near 0."""


@_unary(lambda x, y, dy: dy * cos(x))
def sin(x: Tensor) -> Any:
    """The sine of x in radians."""


@_unary(lambda x, y, dy: -dy * sin(x))
def cos(x: Tensor) -> Any:
    """The cosine of x in radians."""


@_unary(lambda x, y, dy: dy * (1 + y * y), saves="y")
def tan(x: Tensor) -> Any:
    """The tangent of x in radians."""


@_unary(lambda x, y, dy: dy * rsqrt(1 - x * x))
def asin(x: Tensor) -> Any:
    """The inverse sine, in [-pi/2, pi/2]; NaN outside [-1, 1]."""


@_unary(lambda x, y, dy: -dy * rsqrt(1 - x * x))
def acos(x: Tensor) -> Any:
    """The inverse cosine, in [0, pi]; NaN outside [-1, 1]."""


@_unary(lambda x, y, dy: dy / (1 + x * x))
def atan(x: Tensor) -> Any:
    """The inverse tangent, in [-pi/2, pi/2]."""


@_unary(lambda x, y, dy: dy * cosh(x))
def sinh(x: Tensor) -> Any:
    """The hyperbolic sine."""


@_unary(lambda x, y, dy: dy * sinh(x))
def cosh(x: Tensor) -> Any:
    """The hyperbolic cosine."""


@_unary(lambda x, y, dy: dy * rsqrt(x * x + 1))
def asinh(x: Tensor) -> Any:
    """The inverse hyperbolic sine."""


@_unary(lambda x, y, dy: dy * rsqrt(x * x - 1))
def acosh(x: Tensor) -> Any:
    """The inverse hyperbolic cosine; NaN below 1."""


@_unary(lambda x, y, dy: dy / (1 - x * x))
def atanh(x: Tensor) -> Any:
    """The inverse hyperbolic tangent; infinite at -1 and 1, NaN beyond."""


@_unary(lambda x, y, dy: dy * (2 / math.sqrt(math.pi)) * exp(-x * x))
def erf(x: Tensor) -> Any:
    """The error function 2/sqrt(pi) * integral of exp(-t^2) from 0 to x."""


@_unary(lambda x, y, dy: dy * (-2 / math.sqrt(math.pi)) * exp(-x * x))
def erfc(x: Tensor) -> Any:
    """1 - erf(x), accurate for large x."""


multiply, subtract, divide, true_divide, power, negative, absolute, clip = mul, sub, div, div, pow, neg, abs, clamp
arcsin, arccos, arctan = asin, acos, atan


def cube(x: Tensor) -> Tensor:
    """x * x * x."""
    return pow(x, 3)


def lerp(x: Tensor, end: Tensor, weight: Operand) -> Tensor:
    """x + weight * (end - x)."""
    return x + weight * (end - x)


def addcmul(x: Tensor, a: Tensor, b: Tensor, *, value: float = 1) -> Tensor:
    """x + value * a * b."""
    return add(x, a * b, alpha=value)


def addcdiv(x: Tensor, a: Tensor, b: Tensor, *, value: float = 1) -> Tensor:
    """x + value * a / b."""
    return add(x, a / b, alpha=value)
