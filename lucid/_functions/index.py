"""Indexing: slices are views, everything else gathers; assignment scatters; masks."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np

from lucid import _ops
from lucid._functions._arguments import ShapeError, check_tensors
from lucid._functions._common import (
    as_values,
    broadcast_shapes,
    cast,
    check_writable,
    mutate,
    sum_to,
)
from lucid._functions._places import Along, added, picked, put
from lucid.autograd._mode import mode
from lucid.autograd._node import Node, TensorBase, View, bump, wrap

if TYPE_CHECKING:
    from lucid._tensor import Tensor

Index = Any


def to_numpy_index(index: Index) -> tuple[Any, bool]:
    """``index`` for NumPy, and whether it is basic (a view).

    Raises:
        ValueError: a negative step, which PyTorch refuses as well.
        TypeError: an index that is neither integer, slice, ellipsis, None, nor integer or bool array.
    """
    if type(index) is int:
        return (index,), True
    basic = True
    parts: list[Any] = []
    for part in index if isinstance(index, tuple) else (index,):
        if isinstance(part, slice):
            if part.step is not None and part.step < 0:
                raise ValueError("getitem: step must be greater than zero")
            bounds = part.start, part.stop, part.step
            plain = all(s is None or type(s) is int for s in bounds)
            parts.append(part if plain else slice(*[None if s is None else int(s) for s in bounds]))
        elif part is None or part is Ellipsis or (isinstance(part, int) and not isinstance(part, bool)):
            parts.append(part)
        else:
            array = part._data if isinstance(part, TensorBase) else np.asarray(part)
            if array.size == 0 and not isinstance(part, (TensorBase, np.ndarray)):
                array = array.astype(np.int64)
            if array.dtype == np.uint8 and isinstance(part, TensorBase):
                array = array.astype(bool)
            if array.dtype.kind not in "iub":
                raise TypeError(f"getitem: tensors used as indices must be integer or bool, got {array.dtype}")
            if array.ndim == 0 and array.dtype.kind != "b":
                parts.append(int(array))
            else:
                basic = False
                parts.append(array)
    return tuple(parts), basic


def part_of(x: np.ndarray, index: tuple[Any, ...]) -> np.ndarray:
    """x[index], a view also where that is one element."""
    y = x[index]
    return y if isinstance(y, np.ndarray) else x[(*index, ...)]


class Slice(View):
    """x[index] for integers, slices, None and the ellipsis."""

    __slots__ = ("index", "shape")
    direct = staticmethod(part_of)

    def forward(self, x: Tensor, index: Index) -> np.ndarray:
        self.index, self.shape = index, x._data.shape
        return part_of(x._data, index)

    def backward(self, dy: Tensor) -> Tensor:
        return Unslice.apply(dy, self.shape, self.index)

    def add_to(self, dx: np.ndarray, dy: np.ndarray) -> None:
        part = part_of(dx, self.index)
        if part.flags.c_contiguous:
            _ops.add(part, dy, part)
        else:
            np.add(part, dy, part)


class Unslice(Node):
    """Zeros of ``shape`` with ``y`` at ``index``: the adjoint of a slice."""

    __slots__ = ("index",)

    def forward(self, y: Tensor, shape: tuple[int, ...], index: Index) -> np.ndarray:
        self.index = index
        x = _ops.zeros(shape, y._data.dtype)
        x[index] = y._data
        return x

    def backward(self, dx: Tensor) -> Tensor:
        return Slice.apply(dx, self.index)


def _is_mask_of(part: Any, x: Any) -> bool:
    """A mask that `_ops.take_where` takes; one that does not fit is NumPy's to refuse."""
    return (
        isinstance(part, np.ndarray)
        and part.dtype == bool
        and part.ndim > 0
        and isinstance(x, np.ndarray)
        and x.shape[: part.ndim] == part.shape
        and x.dtype.kind in "biufc"
    )


class Gather(Node):
    """x[index] with integer or bool arrays in the index: a copy."""

    __slots__ = ("index", "shape")

    def forward(self, x: Tensor, index: Index) -> np.ndarray:
        self.index, self.shape = index, x._data.shape
        if type(index) is tuple and len(index) == 1 and _is_mask_of(index[0], x._data):
            return _ops.take_where(x._data, index[0])
        return picked(x._data, index)

    def backward(self, dy: Tensor) -> Tensor:
        return ScatterAdd.apply(dy, self.shape, self.index)


class ScatterAdd(Node):
    """Zeros of ``shape`` with ``y`` added at ``index``, repeated places summed in order: the adjoint of a gather."""

    __slots__ = ("index",)

    def forward(self, y: Tensor, shape: tuple[int, ...], index: Index) -> np.ndarray:
        self.index = index
        if type(index) is tuple and all(not isinstance(p, np.ndarray) or p.dtype.kind == "b" for p in index):
            x = _ops.zeros(shape, y._data.dtype)
            x[index] = y._data  # a mask names no place twice
            return x
        return added(y._data, shape, index)

    def backward(self, dx: Tensor) -> Tensor:
        return Gather.apply(dx, self.index)


class AddAt(Node):
    """``x``, floating-point, plus zeros with ``y`` added at ``index``."""

    __slots__ = ("index",)

    def forward(self, x: Tensor, y: Tensor, index: Index) -> np.ndarray:
        self.index = index
        return added(y._data, x._data.shape, index, x._data)

    def backward(self, dz: Tensor) -> tuple[Tensor | None, Tensor | None]:
        return dz, None if self.edges[1] is None else Gather.apply(dz, self.index)


def add_at(x: Tensor, y: Tensor, index: Index) -> Tensor:
    """``x`` plus zeros of its shape with ``y`` added at ``index``."""
    if mode.trace or x._data.dtype.char not in "fd":
        return x + ScatterAdd.apply(y, x._data.shape, index)
    return AddAt.apply(x, y, index)


def getitem(x: Tensor, index: Index) -> Tensor:
    """x[index] by NumPy's rules: a view for slices and integers, a copy for integer or bool arrays.

    Raises:
        IndexError: out of range, or too many indices.
        ValueError: a negative step.
    """
    parts, basic = to_numpy_index(index)
    try:
        return Slice.apply(x, parts) if basic else Gather.apply(x, parts)
    except IndexError as error:
        raise refusal("getitem", error, x._data.shape) from None


def refusal(
    name: str, error: IndexError | ValueError, shape: tuple[int, ...], more: str = ""
) -> IndexError | ValueError:
    """NumPy's words on an index, or on what is to be written there, in those of tensors."""
    text = re.sub(
        r"boolean index did not match indexed array along axis (\d+); size of axis is (\d+) but size of corresponding "
        r"boolean axis is (\d+)",
        r"the mask has size \3 in dimension \1, the tensor \2",
        str(error),
    )
    text = re.sub(r"shape mismatch: indexing arrays could not be broadcast together with shapes (.*\S)\s*",
                  r"the shapes of the indices, \1, do not broadcast", text)  # fmt: skip
    text = re.sub(
        r".*could not broadcast input array from shape (\(.*?\)) into shape (\(.*?\)).*|"
        r".*value array of shape (.*) could not be broadcast to indexing result of shape (.*)",
        lambda m: f"a value of shape {m[1] or m[3]} does not broadcast to {m[2] or m[4]}",
        text,
    )
    text = re.sub(r".*assign(?:ment)? .*?(\d+) input values? to the (\d+) output values?.*",
                  r"\1 values for \2 elements of the mask", text)  # fmt: skip
    text = text.replace("setting an array element with a sequence.", "one element is assigned more than one value")
    text = re.sub(r"\baxis\b", "dimension", text).replace("array", "tensor")
    kind = ShapeError if "does not broadcast" in text else type(error)
    return kind(f"{name}: {text} (shape {shape}{more})")


class SetItem(Node):
    """x with x[index] = value, as a new array."""

    __slots__ = ("index", "shape")

    def forward(self, x: Tensor, value: Tensor, index: Index) -> np.ndarray:
        self.index, self.shape = index, value._data.shape
        y = _ops.copied(x._data)
        put(y, index, value._data)
        return y

    def backward(self, dy: Tensor) -> tuple[Tensor | None, Tensor | None]:
        dx = dvalue = None
        if self.edges[0] is not None:
            dx = SetItem.apply(dy, wrap(np.zeros((), dy._data.dtype)), self.index)
        if self.edges[1] is not None:
            part = Gather.apply(dy, self.index) if type(self.index) is Along else getitem(dy, self.index)
            extra = len(self.shape) - part._data.ndim
            dvalue = sum_to(part, self.shape[max(extra, 0) :]).reshape(self.shape)
        return dx, dvalue


def constant_of(x: Tensor, y: Tensor) -> Tensor:
    """``y``, which does not change with ``x``, of its shape: the gradient of ``x`` is zero."""
    return SetItem.apply(x, y, (Ellipsis,))


def setitem(x: Tensor, index: Index, value: Any) -> None:
    """x[index] = value, in place; gradients flow to ``value`` and to the rest of ``x``."""
    overwrite("setitem", x, index, value)


def overwrite(name: str, x: Tensor, index: Index, value: Any) -> None:
    """`setitem` for the method ``name``."""
    parts, _ = to_numpy_index(index)
    value = cast(value if isinstance(value, TensorBase) else wrap(as_values(name, value, x.dtype)), x.dtype)  # type: ignore[arg-type]
    try:
        if mode.trace or (mode.enabled and (x._requires_grad or value._requires_grad or x._base is not None)):
            mutate(name, x, lambda old: SetItem.apply(old, value, parts))
        else:
            check_writable(name, x)
            x._data[parts] = value._data
            bump(x)
    except (IndexError, ValueError) as error:
        raise refusal(name, error, x._data.shape, f", value {value._data.shape}") from None


def masked_select(x: Tensor, mask: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The elements where ``mask`` holds, in one dimension; shapes broadcast.

    Args:
        x: any shape and dtype.
        mask: bool.
        out: tensor that receives the result.

    Raises:
        RuntimeError: ``mask`` is not bool.
        ValueError: the shapes do not broadcast.

    Example:
        >>> import lucid
        >>> print(lucid.masked_select(lucid.tensor([1.0, 2.0]), lucid.tensor([True, False])))
        [1.0]
    """
    check_tensors("masked_select", x, mask)
    if mask._data.dtype.kind != "b":
        raise RuntimeError(f"masked_select: expected a bool mask, got {mask.dtype}")
    shape = broadcast_shapes("masked_select", x._data.shape, mask._data.shape)
    return getitem(x.expand(shape), mask.expand(shape))


def masked_fill(x: Tensor, mask: Tensor, value: Any) -> Tensor:
    """``x`` with ``value`` where ``mask`` holds; shapes broadcast.

    Args:
        x: any shape and dtype.
        mask: bool.
        value: a number or a 0-d tensor, converted to the dtype of ``x``.

    Raises:
        RuntimeError: ``mask`` is not bool, or ``value`` has dimensions, or is complex and ``x`` is not.
        ValueError: the shapes do not broadcast.

    Example:
        >>> import lucid
        >>> print(lucid.masked_fill(lucid.tensor([1.0, 2.0]), lucid.tensor([True, False]), 0.0))
        [0.0, 2.0]
    """
    check_tensors("masked_fill", x, mask)
    from lucid._functions.choice import where

    if mask._data.dtype.kind != "b":
        raise RuntimeError(f"masked_fill: only supports boolean masks, but got mask with dtype {mask.dtype}")
    fill: Any = value if isinstance(value, TensorBase) else wrap(np.asarray(value))
    if fill._data.ndim:
        raise RuntimeError(f"masked_fill: expected a number or a 0-d tensor, got a value of shape {fill._data.shape}")
    if fill._data.dtype.kind == "c" and not x.dtype.is_complex:
        raise RuntimeError(f"masked_fill: value of {fill.dtype} cannot be converted to {x.dtype} without overflow")
    if fill is not value:
        fill = wrap(fill._data.astype(x._data.dtype))
    return where(mask, cast(fill, x.dtype), x)


def nonzero(x: Tensor, *, as_tuple: bool = False, out: Tensor | None = None) -> Any:
    """Indices of nonzero elements: an int64 matrix with a row each, or a tuple of vectors.

    Args:
        x: any shape and dtype.
        as_tuple: a vector per dimension instead of a matrix.
        out: tensor that receives the result.

    Example:
        >>> import lucid
        >>> print(lucid.nonzero(lucid.tensor([0, 5, 6])))
        [[1],
         [2]]
    """
    check_tensors("nonzero", x)
    found: Any
    if x._data.ndim and isinstance(x._data, np.ndarray):
        found = _ops.nonzero(x._data if x._data.dtype == bool else x._data != 0, as_tuple)
        return tuple(wrap(i) for i in found) if as_tuple else wrap(found)
    found = np.nonzero(np.atleast_1d(x._data) if x._data.ndim == 0 else x._data)
    return tuple(wrap(i) for i in found) if as_tuple else wrap(np.zeros((len(found[0]), 0), np.int64))
