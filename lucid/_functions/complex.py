"""Complex tensors from real ones, and their parts: what joins the gradients of real and of complex numbers.

The gradient of a real loss by z = x + iy is dL/dx + i dL/dy, PyTorch's convention: for a holomorphic f it is
dL/df * conj(f'(z)), and a step against it descends.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from lucid import _dtype
from lucid._functions._arguments import check_tensors
from lucid._functions._common import cast, check_broadcast, expand, floating
from lucid.autograd._node import Node, View, wrap

if TYPE_CHECKING:
    from lucid._tensor import Tensor

__all__ = [
    "angle", "complex", "conj", "conj_physical", "imag", "polar", "real", "resolve_conj", "resolve_neg",
    "view_as_complex", "view_as_real",
]  # fmt: skip


def is_complex(x: Tensor) -> bool:
    return x._data.dtype.kind == "c"


class Complex(Node):
    """re + i im, of two tensors of one shape and dtype."""

    __slots__ = ()

    def forward(self, re: Tensor, im: Tensor) -> np.ndarray:
        y = np.empty(re._data.shape, _dtype.to_complex(re.dtype).numpy)
        y.real, y.imag = re._data, im._data
        return y

    def backward(self, dy: Tensor) -> tuple[Tensor, Tensor]:
        return Real.apply(dy), Imag.apply(dy)


class Real(View):
    __slots__ = ()

    def forward(self, x: Tensor) -> np.ndarray:
        return x._data.real

    def backward(self, dy: Tensor) -> Tensor:
        return Complex.apply(dy, zeros_of(dy))


class Imag(View):
    __slots__ = ()

    def forward(self, x: Tensor) -> np.ndarray:
        return x._data.imag

    def backward(self, dy: Tensor) -> Tensor:
        return Complex.apply(zeros_of(dy), dy)


class AsReal(View):
    """A last dimension of 2: the real and the imaginary part."""

    __slots__ = ()

    def forward(self, x: Tensor) -> np.ndarray:
        data = x._data
        strides = (*data.strides, data.itemsize // 2)
        return np.lib.stride_tricks.as_strided(data.real, (*data.shape, 2), strides, writeable=data.flags.writeable)

    def backward(self, dy: Tensor) -> Tensor:
        return Complex.apply(dy[..., 0], dy[..., 1])


class AsComplex(View):
    """The last dimension, of size 2, as one complex number."""

    __slots__ = ()

    def forward(self, x: Tensor) -> np.ndarray:
        return x._data.view(_dtype.to_complex(x.dtype).numpy)[..., 0]

    def backward(self, dy: Tensor) -> Tensor:
        return AsReal.apply(dy)


class Conj(Node):
    __slots__ = ()

    def forward(self, x: Tensor) -> np.ndarray:
        return np.asarray(np.conj(x._data))

    def backward(self, dy: Tensor) -> Tensor:
        return Conj.apply(dy)


class Angle(Node):
    """The gradient is that of atan2(y, x), and 0 at z = 0."""

    __slots__ = ()

    def forward(self, x: Tensor) -> np.ndarray:
        self.saved = (x,)
        return np.asarray(np.angle(x._data))

    def backward(self, dy: Tensor) -> Tensor:
        (x,) = self.unpack()
        re, im = Real.apply(x), Imag.apply(x)
        zero = wrap(np.asarray(x._data == 0))
        scale = dy / (re * re + im * im).masked_fill(zero, 1.0)
        return Complex.apply((-im * scale), (re * scale).masked_fill(zero, 0.0))


def zeros_of(x: Tensor) -> Tensor:
    return wrap(np.zeros(x._data.shape, x._data.dtype))


def complex(real: Tensor, imag: Tensor, *, out: Tensor | None = None) -> Tensor:
    """real + i imag.

    Args:
        real, imag: float32 or float64, of the same dtype; shapes broadcast.
        out: tensor that receives the result.

    Raises:
        RuntimeError: the dtypes differ, or are not float32 or float64.

    Example:
        >>> import lucid
        >>> print(lucid.complex(lucid.tensor([1.0, 2.0]), lucid.tensor([0.0, -3.0])))
        [1.0+0.0j, 2.0-3.0j]
    """
    check_tensors("complex", real, imag)
    if real.dtype is not imag.dtype or real.dtype not in (_dtype.float32, _dtype.float64):
        raise RuntimeError(
            f"complex: expected two tensors of float32 or of float64, got {real.dtype.name} and {imag.dtype.name}"
        )
    check_broadcast("complex", real._data.shape, imag._data.shape)
    shape = np.broadcast_shapes(real._data.shape, imag._data.shape)
    return Complex.apply(expand(real, shape), expand(imag, shape))


def polar(abs: Tensor, angle: Tensor, *, out: Tensor | None = None) -> Tensor:
    """abs * (cos(angle) + i sin(angle)).

    Args:
        abs: the magnitude, float32 or float64.
        angle: the phase in radians, of the same dtype; shapes broadcast.
        out: tensor that receives the result.

    Raises:
        RuntimeError: the dtypes differ, or are not float32 or float64.

    Example:
        >>> import lucid
        >>> print(lucid.polar(lucid.tensor([2.0]), lucid.tensor([0.0])))
        [2.0+0.0j]
    """
    check_tensors("polar", abs, angle)
    if abs.dtype is not angle.dtype or abs.dtype not in (_dtype.float32, _dtype.float64):
        raise RuntimeError(
            f"polar: expected two tensors of float32 or of float64, got {abs.dtype.name} and {angle.dtype.name}"
        )
    return complex(abs * angle.cos(), abs * angle.sin())


def real(x: Tensor) -> Tensor:
    """The real part, a view of ``x``; a real tensor itself.

    Args:
        x: any shape and dtype.

    Example:
        >>> import lucid
        >>> print(lucid.real(lucid.tensor([1 + 2j])))
        [1.0]
    """
    check_tensors("real", x)
    return Real.apply(x) if is_complex(x) else x


def imag(x: Tensor) -> Tensor:
    """The imaginary part, a view of ``x``.

    Args:
        x: complex, any shape.

    Raises:
        RuntimeError: ``x`` is not complex.

    Example:
        >>> import lucid
        >>> print(lucid.imag(lucid.tensor([1 + 2j])))
        [2.0]
    """
    check_tensors("imag", x)
    if not is_complex(x):
        raise RuntimeError(f"imag: not implemented for tensors with non-complex dtypes, got {x.dtype}")
    return Imag.apply(x)


def conj(x: Tensor) -> Tensor:
    """re - i im, computed at once; a real tensor itself.

    Args:
        x: any shape and dtype.

    Example:
        >>> import lucid
        >>> print(lucid.conj(lucid.tensor([1 + 2j])))
        [1.0-2.0j]
    """
    check_tensors("conj", x)
    return Conj.apply(x) if is_complex(x) else x


def conj_physical(x: Tensor, *, out: Tensor | None = None) -> Tensor:
    """`conj`.

    Args:
        x: any shape and dtype.
        out: tensor that receives the result.

    Example:
        >>> import lucid
        >>> print(lucid.conj_physical(lucid.tensor([1 + 2j])))
        [1.0-2.0j]
    """
    return conj(x)


def resolve_conj(x: Tensor) -> Tensor:
    """``x`` itself: conjugates are computed at once.

    Args:
        x: any shape and dtype.

    Example:
        >>> import lucid
        >>> print(lucid.resolve_conj(lucid.tensor([1 + 2j]).conj()))
        [1.0-2.0j]
    """
    check_tensors("resolve_conj", x)
    return x


def resolve_neg(x: Tensor) -> Tensor:
    """``x`` itself: negatives are computed at once.

    Args:
        x: any shape and dtype.

    Example:
        >>> import lucid
        >>> print(lucid.resolve_neg(-lucid.ones(2)))
        [-1.0, -1.0]
    """
    check_tensors("resolve_neg", x)
    return x


def angle(x: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The phase in radians, in [-pi, pi]: atan2(im, re); of real numbers 0, pi below zero, NaN for NaN.

    Args:
        x: any shape and dtype.
        out: tensor that receives the result.

    Example:
        >>> import lucid
        >>> print(lucid.angle(lucid.tensor([-1.0, 2.0])))
        [3.1415927, 0.0]
    """
    check_tensors("angle", x)
    if is_complex(x):
        return Angle.apply(x)
    x = floating(x)
    y = ((x < 0).to(x.dtype) * math.pi).masked_fill(x.isnan(), math.nan)
    if x.requires_grad:
        from lucid._functions.index import constant_of

        y = constant_of(x, y)
    return y


def view_as_real(x: Tensor) -> Tensor:
    """A view of shape (..., 2): the last dimension holds the real and the imaginary part.

    Args:
        x: complex, any shape.

    Raises:
        RuntimeError: ``x`` is not complex.

    Example:
        >>> import lucid
        >>> print(lucid.view_as_real(lucid.tensor([1 + 2j])))
        [[1.0, 2.0]]
    """
    check_tensors("view_as_real", x)
    if not is_complex(x):
        raise RuntimeError(f"view_as_real: only supported for complex tensors, got {x.dtype}")
    return AsReal.apply(x)


def view_as_complex(x: Tensor) -> Tensor:
    """A view whose elements are the pairs along the last dimension of ``x``.

    Args:
        x: float32 or float64, shape (..., 2), the last dimension contiguous and the other strides even.

    Raises:
        RuntimeError: another dtype, shape or memory layout.

    Example:
        >>> import lucid
        >>> print(lucid.view_as_complex(lucid.tensor([[1.0, 2.0]])))
        [1.0+2.0j]
    """
    check_tensors("view_as_complex", x)
    if x.dtype not in (_dtype.float32, _dtype.float64):
        raise RuntimeError(f"view_as_complex: only supported for float32 and float64 tensors, got {x.dtype}")
    if not x._data.ndim or x._data.shape[-1] != 2:
        raise RuntimeError(f"view_as_complex: tensor must have a last dimension of size 2, got {x._data.shape}")
    size = x._data.itemsize
    if x._data.strides[-1] != size or any(s % (2 * size) for s in x._data.strides[:-1]):
        raise RuntimeError("view_as_complex: the last dimension must be contiguous and the other strides even")
    return AsComplex.apply(x)


def as_complex(name: str, x: Any) -> Tensor:
    """``x`` as a complex tensor."""
    check_tensors(name, x)
    x = floating(x)
    return x if is_complex(x) else cast(x, _dtype.to_complex(x.dtype))
