"""Largest and smallest elements, and where they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from lucid import _ops
from lucid._functions._arguments import check_tensors, integer
from lucid._functions._common import cast, normalize_dim, normalize_dims
from lucid._functions._errors import PlaceError
from lucid._functions.binary import maximum, minimum
from lucid._functions.reduce import Dim, ValuesIndices, keep, sum
from lucid._functions.shape import reshape, unsqueeze
from lucid.autograd._node import Node, TensorBase, compute, wrap

if TYPE_CHECKING:
    from lucid._tensor import Tensor


class Extremum(Node):
    """Largest or smallest value over dims; the gradient is shared evenly among ties, as in PyTorch's amax."""

    __slots__ = ("dims",)

    def forward(self, x: Tensor, largest: bool, dims: tuple[int, ...], keepdim: bool) -> np.ndarray:
        self.dims, self.saved = dims, (x,)
        if x._data.dtype.kind == "f":
            y = (_ops.amax if largest else _ops.amin)(x._data, dims, keepdim)
        else:
            y = np.asarray((np.max if largest else np.min)(x._data, axis=dims, keepdims=keepdim))
        return self.save_result(y)

    def backward(self, dy: Tensor) -> Tensor:
        (x,), y = self.unpack(), self.unpack_result()
        shape = x._data.shape
        hit = cast(x.detach() == keep(y.detach(), shape, self.dims), x.dtype)
        return hit * keep(dy, shape, self.dims) / sum(hit, self.dims, True)


def _check_nonempty(name: str, x: Tensor, dims: tuple[int, ...]) -> None:
    if 0 in [x._data.shape[d] for d in dims]:
        raise PlaceError(f"{name}: cannot reduce over a dimension of size 0 (shape {x._data.shape}): no identity")


def amax(x: Tensor, dim: Dim = None, keepdim: bool = False, *, out: Tensor | None = None) -> Tensor:
    """Largest value over ``dim``; NaN if there is one. Ties share the gradient evenly.

    Args:
        x: any shape, not complex.
        dim: dimension or dimensions; None means all.
        keepdim: keep them with size 1.
        out: tensor that receives the result.

    Raises:
        IndexError: ``dim`` is out of range, or has no elements.

    Example:
        >>> import lucid
        >>> print(lucid.amax(lucid.tensor([[1.0, 3.0], [5.0, 2.0]]), 1))
        [3.0, 5.0]
    """
    dims = normalize_dims("amax", dim, x)
    _check_nonempty("amax", x, dims)
    return Extremum.apply(x, True, dims, keepdim)


def amin(x: Tensor, dim: Dim = None, keepdim: bool = False, *, out: Tensor | None = None) -> Tensor:
    """Smallest value over ``dim``; NaN if there is one. Ties share the gradient evenly.

    Args:
        x: any shape, not complex.
        dim: dimension or dimensions; None means all.
        keepdim: keep them with size 1.
        out: tensor that receives the result.

    Raises:
        IndexError: ``dim`` is out of range, or has no elements.

    Example:
        >>> import lucid
        >>> print(lucid.amin(lucid.tensor([[1.0, 3.0], [5.0, 2.0]]), 1))
        [1.0, 2.0]
    """
    dims = normalize_dims("amin", dim, x)
    _check_nonempty("amin", x, dims)
    return Extremum.apply(x, False, dims, keepdim)


class SelectExtremum(Node):
    """Largest or smallest value along one dimension, with its index; the gradient goes to that element."""

    __slots__ = ("dim", "indices", "shape")

    def forward(self, x: Tensor, largest: bool, dim: int, keepdim: bool) -> tuple[np.ndarray, np.ndarray]:
        data = x._data
        self.shape, self.dim = data.shape, dim
        if data.dtype.kind == "f":
            values, indices = (_ops.max_with_indices if largest else _ops.min_with_indices)(data, dim)
        else:
            indices = np.asarray((np.argmax if largest else np.argmin)(data, axis=dim))
            values = np.squeeze(np.take_along_axis(data, np.expand_dims(indices, dim), dim), dim)
        self.indices = np.expand_dims(indices, dim)
        return (np.expand_dims(values, dim), self.indices) if keepdim else (np.asarray(values), indices)

    def backward(self, dy: Tensor, _: Tensor | None) -> Tensor:
        from lucid._functions.gather import gather_backward

        return gather_backward(keep(dy, self.shape, (self.dim,)), self.shape, self.dim, self.indices)


def _select(name: str, x: Tensor, largest: bool, dim: int, keepdim: bool) -> ValuesIndices:
    d = normalize_dim(name, dim, x)
    if x._data.ndim == 0:
        return ValuesIndices(x.clone(), wrap(np.zeros((), np.int64)))
    _check_nonempty(name, x, (d,))
    return ValuesIndices(*SelectExtremum.apply(x, largest, d, keepdim))


def _either(name: str, x: Tensor, dim: Any, keepdim: bool, other: Any) -> Any:
    """The three forms of `max` and `min`."""
    largest = name == "max"
    other = dim if other is None else other
    if other is None:
        return (amax if largest else amin)(x)
    operand = isinstance(other, TensorBase) and not keepdim  # which two operands do not know
    place = other if operand or isinstance(other, int) else integer(other)
    if not isinstance(place, int):
        return (maximum if largest else minimum)(x, other)
    return _select(name, x, largest, place, keepdim)


def max(x: Tensor, dim: Any = None, keepdim: bool = False, *, other: Tensor | None = None, out: Any = None) -> Any:
    """The largest element, or (values, indices) along ``dim``, or the elementwise maximum with another tensor.

    Args:
        x: any shape, not complex.
        dim: dimension, or the tensor to compare with; None means all dimensions.
        keepdim: keep the dimension with size 1.
        other: the tensor to compare with, by name.
        out: tensor that receives the result; a pair of them for a dimension.

    Raises:
        IndexError: ``dim`` is out of range, or has no elements.

    Example:
        >>> import lucid
        >>> print(lucid.max(lucid.tensor([1.0, 3.0, 2.0])))
        3.0
        >>> lucid.max(lucid.tensor([[1.0, 3.0], [5.0, 2.0]]), 1).indices.tolist()
        [1, 0]
    """
    return _either("max", x, dim, keepdim, other)


def min(x: Tensor, dim: Any = None, keepdim: bool = False, *, other: Tensor | None = None, out: Any = None) -> Any:
    """The smallest element, or (values, indices) along ``dim``, or the elementwise minimum with another tensor.

    Args:
        x: any shape, not complex.
        dim: dimension, or the tensor to compare with; None means all dimensions.
        keepdim: keep the dimension with size 1.
        other: the tensor to compare with, by name.
        out: tensor that receives the result; a pair of them for a dimension.

    Raises:
        IndexError: ``dim`` is out of range, or has no elements.

    Example:
        >>> import lucid
        >>> print(lucid.min(lucid.tensor([1.0, 3.0, 2.0])))
        1.0
        >>> lucid.min(lucid.tensor([[1.0, 3.0], [5.0, 2.0]]), 1).indices.tolist()
        [0, 1]
    """
    return _either("min", x, dim, keepdim, other)


def _arg(name: str, x: Tensor, dim: int | None, keepdim: bool) -> Tensor:
    data = x._data
    if dim is not None:
        dim = normalize_dim(name, dim, data.ndim)
    if data.size == 0 or data.ndim == 0:
        _check_nonempty(name, x, tuple(range(data.ndim)) if dim is None else (dim,) if data.ndim else ())
        if data.ndim == 0:
            return wrap(np.zeros((), np.int64))
    axis = None if dim is None else dim
    y = compute(getattr(_ops if data.dtype.kind == "f" else np, name), x, axis)
    if keepdim:
        y = reshape(y, (1,) * data.ndim) if dim is None else unsqueeze(y, dim)
    return y


def argmax(x: Tensor, dim: int | None = None, keepdim: bool = False, *, out: Tensor | None = None) -> Tensor:
    """Index of the first largest element along ``dim``, or in the flattened tensor; NaN counts as largest.

    Args:
        x: any shape, not complex.
        dim: dimension; None means the flattened tensor.
        keepdim: keep it with size 1.
        out: tensor that receives the result.

    Raises:
        IndexError: ``dim`` is out of range, or has no elements.

    Example:
        >>> import lucid
        >>> print(lucid.argmax(lucid.tensor([[1.0, 3.0], [5.0, 2.0]]), 1))
        [1, 0]
    """
    check_tensors("argmax", x)
    return _arg("argmax", x, dim, keepdim)


def argmin(x: Tensor, dim: int | None = None, keepdim: bool = False, *, out: Tensor | None = None) -> Tensor:
    """Index of the first smallest element along ``dim``, or in the flattened tensor; NaN counts as smallest.

    Args:
        x: any shape, not complex.
        dim: dimension; None means the flattened tensor.
        keepdim: keep it with size 1.
        out: tensor that receives the result.

    Raises:
        IndexError: ``dim`` is out of range, or has no elements.

    Example:
        >>> import lucid
        >>> print(lucid.argmin(lucid.tensor([[1.0, 3.0], [5.0, 2.0]]), 1))
        [0, 1]
    """
    check_tensors("argmin", x)
    return _arg("argmin", x, dim, keepdim)


__all__ = [
    "amax", "amin", "argmax", "argmin", "max", "min",
]  # fmt: skip
