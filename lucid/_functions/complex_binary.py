"""Complex forms of elementwise functions of two operands, through NumPy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from lucid import _dtype
from lucid._functions import binary
from lucid._functions._common import as_tensor, cast, operands
from lucid._functions.choice import where
from lucid._functions.complex import as_complex
from lucid._functions.complex import conj as conjugate
from lucid._functions.elementwise import quiet
from lucid.autograd._node import wrap


class Mul(binary.Mul):
    __slots__ = ()
    integer = staticmethod(quiet(np.multiply))

    def forward(self, x: Any, y: Any) -> np.ndarray:
        self.shapes, self.saved = (x._data.shape, y._data.shape), (x, y)
        return type(self).integer(x._data, y._data)

    def dx(self, x: Any, y: Any, dz: Any) -> Any:
        return dz * conjugate(y)

    def dy(self, x: Any, y: Any, dz: Any) -> Any:
        return dz * conjugate(x)


class Div(Mul):
    __slots__ = ()
    integer = staticmethod(quiet(np.true_divide))

    def dx(self, x: Any, y: Any, dz: Any) -> Any:
        return dz / conjugate(y)

    def dy(self, x: Any, y: Any, dz: Any) -> Any:
        return -dz * conjugate(x / (y * y))


class Pow(Mul):
    __slots__ = ()
    integer = staticmethod(quiet(np.power))

    def dx(self, x: Any, y: Any, dz: Any) -> Any:
        return where(wrap(np.asarray(y._data == 0)), as_complex("pow", dz * 0), dz * conjugate(y * x ** (y - 1)))

    def dy(self, x: Any, y: Any, dz: Any) -> Any:
        zero = wrap(np.asarray((x._data == 0) & (y._data.real >= 0)))
        return where(zero, as_complex("pow", dz * 0), dz * conjugate(x**y * x.log()))


class Add(binary.Add):
    """x + alpha * y for complex numbers alpha as well."""

    __slots__ = ()

    def forward(self, x: Any, y: Any, alpha: Any = 1) -> np.ndarray:
        self.shapes, self.alpha = (x._data.shape, y._data.shape), alpha
        with np.errstate(all="ignore"):
            return np.asarray(x._data + (y._data if alpha == 1 else y._data * y._data.dtype.type(alpha)))

    def backward(self, dz: Any) -> tuple[Any, Any]:
        dx, dy = super().backward(dz)
        if dy is not None and isinstance(self.alpha, complex):
            dy = dy / self.alpha * self.alpha.conjugate()
        return dx, dy


def both(name: str, x: Any, y: Any) -> tuple[Any, Any]:
    """Operands of their common, complex dtype."""
    x, y = operands(name, x, y)
    d = _dtype.to_complex(x.dtype)
    return cast(x, d), cast(y, d)


def add(function: Any, x: Any, y: Any, *, alpha: Any = 1) -> Any:
    return Add.apply(*both("add", x, y), alpha)


def sub(function: Any, x: Any, y: Any, *, alpha: Any = 1) -> Any:
    return Add.apply(*both("sub", x, y), -alpha)


def rsub(function: Any, x: Any, y: Any, *, alpha: Any = 1) -> Any:
    return sub(function, y, x, alpha=alpha)


def mul(function: Any, x: Any, y: Any) -> Any:
    return Mul.apply(*both("mul", x, y))


def div(function: Any, x: Any, y: Any, *, rounding_mode: str | None = None) -> Any:
    if rounding_mode is not None:
        raise TypeError("div: rounding_mode is not implemented for complex numbers")
    return Div.apply(*both("div", x, y))


def rdiv(function: Any, x: Any, y: Any) -> Any:
    return div(function, y, x)


def pow(function: Any, x: Any, exponent: Any) -> Any:
    return Pow.apply(*both("pow", x, exponent))


def rpow(function: Any, x: Any, y: Any) -> Any:
    return pow(function, y, x)


def isclose(
    function: Any, x: Any, y: Any, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False
) -> Any:  # fmt: skip
    x, y = both("isclose", x, y)
    with np.errstate(all="ignore"):
        return wrap(np.asarray(np.isclose(x._data, y._data, rtol, atol, equal_nan)))


def allclose(function: Any, *args: Any, **kwargs: Any) -> bool:
    return bool(isclose(function, *args, **kwargs)._data.all())


def float_power(function: Any, x: Any, exponent: Any) -> Any:
    x, y = (cast(as_tensor(v, "float_power"), _dtype.complex128) for v in (x, exponent))
    return pow(function, x, y)


FORMS: dict[str, Callable[..., Any]] = {
    "float_power": float_power,
    "add": add, "sub": sub, "rsub": rsub, "mul": mul, "div": div, "rdiv": rdiv, "pow": pow, "rpow": rpow,
    "isclose": isclose, "allclose": allclose,
}  # fmt: skip

__all__ = ["FORMS", "Mul", "both"]
