"""Views and copies that rearrange elements: no arithmetic happens here."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from lucid import _dtype, _ops
from lucid._functions._arguments import as_shape, check_tensors, infer_shape
from lucid._functions._common import check_rank, normalize_dim, normalize_dims
from lucid._functions._unary import Reshape
from lucid._functions._unary import reshape as _reshape
from lucid.autograd._node import Node, View, wrap

if TYPE_CHECKING:
    from lucid._tensor import Tensor

Shape = tuple[int, ...]


def reshape(x: Tensor, *sizes: Any, shape: Any = None) -> Tensor:
    """The same elements in another shape, sharing memory where the layout allows.

    Args:
        x: any shape.
        sizes: new sizes; one may be -1 and is inferred.
        shape: the same as one sequence.

    Raises:
        RuntimeError: the number of elements differs.

    Example:
        >>> import lucid
        >>> print(lucid.reshape(lucid.arange(4), (2, 2)))
        [[0, 1],
         [2, 3]]
    """
    return _reshape("reshape", x, sizes if shape is None else (shape,), True)


def view(x: Tensor, *shape: Any, size: Any = None, dtype: Any = None) -> Tensor:
    """`reshape` that never copies; with a dtype of the same size, the same bits as that dtype.

    Args:
        shape: sizes, as numbers or one sequence, one of which may be -1; or a dtype.
        size, dtype: the same by name.

    Raises:
        RuntimeError: the layout would need a copy.

    Example:
        >>> import lucid
        >>> x = lucid.arange(4)
        >>> x.view(2, -1).shape, x.view(lucid.float64).dtype
        (lucid.Size([2, 2]), lucid.float64)
    """
    if size is not None or dtype is not None:
        shape = (size if dtype is None else dtype,)
    if len(shape) == 1 and isinstance(shape[0], _dtype.dtype):
        y = x._data.view(shape[0].numpy)
        if not y.flags.aligned:
            raise RuntimeError(
                f"view: the storage offset must be divisible by {y.itemsize} bytes to view as {shape[0]}"
            )
        return wrap(y)
    return _reshape("view", x, shape, False)


def view_as(x: Tensor, other: Tensor) -> Tensor:
    """``x`` viewed in the shape of ``other``.

    Args:
        other: tensor whose shape is taken.

    Example:
        >>> import lucid
        >>> lucid.arange(4).view_as(lucid.zeros(2, 2)).shape
        lucid.Size([2, 2])
    """
    return view(x, other._data.shape)


def reshape_as(x: Tensor, other: Tensor) -> Tensor:
    """``x`` reshaped to the shape of ``other``.

    Args:
        other: tensor whose shape is taken.

    Example:
        >>> import lucid
        >>> lucid.arange(4).reshape_as(lucid.zeros(2, 2)).shape
        lucid.Size([2, 2])
    """
    return reshape(x, other._data.shape)


def flatten(x: Tensor, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """Dimensions ``start_dim`` to ``end_dim`` merged into one.

    Args:
        x: any shape; a number becomes a vector.
        start_dim, end_dim: first and last dimension to merge.

    Raises:
        RuntimeError: ``start_dim`` comes after ``end_dim``.

    Example:
        >>> import lucid
        >>> lucid.flatten(lucid.zeros(2, 3, 4), 1).shape
        lucid.Size([2, 12])
    """
    check_tensors("flatten", x)
    shape = x._data.shape
    start, end = (normalize_dim("flatten", d, len(shape) or 1) for d in (start_dim, end_dim))
    if not shape:
        return reshape(x, 1)
    if start > end:
        raise RuntimeError("flatten: start_dim cannot come after end_dim")
    return x if start == end else reshape(x, (*shape[:start], math.prod(shape[start : end + 1]), *shape[end + 1 :]))


def unflatten(x: Tensor, dim: int, sizes: Sequence[int]) -> Tensor:
    """Dimension ``dim`` split into ``sizes``, one of which may be -1.

    Args:
        x: at least one dimension.
        dim: the dimension.
        sizes: their product is the dimension's size.

    Raises:
        RuntimeError: it is not.

    Example:
        >>> import lucid
        >>> lucid.unflatten(lucid.zeros(2, 12), 1, (3, 4)).shape
        lucid.Size([2, 3, 4])
    """
    check_tensors("unflatten", x)
    check_rank("unflatten", x)
    d = normalize_dim("unflatten", dim, x)
    shape = x._data.shape
    return reshape(x, (*shape[:d], *infer_shape("unflatten", tuple(sizes), shape[d]), *shape[d + 1 :]))


def ravel(x: Tensor) -> Tensor:
    """All elements in one dimension.

    Args:
        x: any shape; contiguous memory is not copied.

    Example:
        >>> import lucid
        >>> print(lucid.ravel(lucid.tensor([[1, 2], [3, 4]])))
        [1, 2, 3, 4]
    """
    return reshape(x, -1)


def squeeze(x: Tensor, dim: int | tuple[int, ...] | None = None) -> Tensor:
    """Without dimensions of size 1 (those in ``dim``, or all).

    Args:
        x: any shape.
        dim: dimension or dimensions; others of size 1 stay.

    Raises:
        IndexError: ``dim`` is out of range.

    Example:
        >>> import lucid
        >>> lucid.squeeze(lucid.zeros(1, 3, 1)).shape
        lucid.Size([3])
    """
    check_tensors("squeeze", x)
    shape = x._data.shape
    if isinstance(dim, (tuple, list)) and not dim:
        return Reshape.apply(x, shape)
    dims = range(len(shape)) if dim is None else normalize_dims("squeeze", dim, len(shape))
    return Reshape.apply(x, tuple([n for d, n in enumerate(shape) if not (d in dims and n == 1)]))


def unsqueeze(x: Tensor, dim: int) -> Tensor:
    """With a new dimension of size 1 at ``dim``.

    Args:
        x: any shape.
        dim: in [-n - 1, n] for n dimensions.

    Raises:
        IndexError: ``dim`` is out of range.

    Example:
        >>> import lucid
        >>> lucid.unsqueeze(lucid.zeros(3), 0).shape
        lucid.Size([1, 3])
    """
    check_tensors("unsqueeze", x)
    d = normalize_dim("unsqueeze", dim, x._data.ndim + 1)
    shape = x._data.shape
    return Unsqueeze.apply(x, d) if not x._data.flags.c_contiguous else Reshape.apply(x, (*shape[:d], 1, *shape[d:]))


def unsqueezed(x: np.ndarray, dim: int) -> np.ndarray:
    """``x`` with a dimension of size 1 at ``dim``."""
    return x[(slice(None),) * dim + (None,)]


class Unsqueeze(View):
    __slots__ = ("dim",)
    direct = staticmethod(unsqueezed)

    def forward(self, x: Tensor, dim: int) -> np.ndarray:
        self.dim = dim
        return unsqueezed(x._data, dim)

    def backward(self, dy: Tensor) -> Tensor:
        return squeeze(dy, self.dim)


class Permute(View):
    __slots__ = ("dims",)
    direct = staticmethod(np.ndarray.transpose)

    def forward(self, x: Tensor, dims: tuple[int, ...]) -> np.ndarray:
        self.dims = dims
        return x._data.transpose(dims)

    def backward(self, dy: Tensor) -> Tensor:
        inverse = sorted(range(len(self.dims)), key=self.dims.__getitem__)
        return Permute.apply(dy, tuple(inverse))


def permute(x: Tensor, *order: Any, dims: Any = None) -> Tensor:
    """Dimensions in another order, given one by one or as the sequence ``dims``, as a view.

    Args:
        x: any shape.
        order: all dimensions, as numbers or one sequence.
        dims: the sequence by name.

    Raises:
        RuntimeError: it is not a permutation of all dimensions.

    Example:
        >>> import lucid
        >>> lucid.permute(lucid.zeros(2, 3, 4), (2, 0, 1)).shape
        lucid.Size([4, 2, 3])
    """
    check_tensors("permute", x)
    order = as_shape(order if dims is None else (dims,))
    if len(order) != x._data.ndim:
        raise RuntimeError(f"permute: got {len(order)} dims {order} for a tensor of {x._data.ndim} dimensions")
    return Permute.apply(x, normalize_dims("permute", order, x))


def transpose(x: Tensor, dim0: int, dim1: int) -> Tensor:
    """Two dimensions exchanged, as a view.

    Args:
        x: any shape.
        dim0, dim1: the dimensions.

    Raises:
        IndexError: a dimension is out of range.

    Example:
        >>> import lucid
        >>> lucid.transpose(lucid.zeros(2, 3, 4), 0, 2).shape
        lucid.Size([4, 3, 2])
    """
    check_tensors("transpose", x)
    ndim = x._data.ndim
    a, b = normalize_dim("transpose", dim0, ndim), normalize_dim("transpose", dim1, ndim)
    order = list(range(ndim))
    if ndim:
        order[a], order[b] = b, a
    return Permute.apply(x, tuple(order))


def t(x: Tensor) -> Tensor:
    """The transpose of a tensor of at most two dimensions.

    Args:
        x: shape (n, m), (n,) or ().

    Raises:
        RuntimeError: ``x`` has more dimensions.

    Example:
        >>> import lucid
        >>> print(lucid.t(lucid.tensor([[1, 2], [3, 4]])))
        [[1, 3],
         [2, 4]]
    """
    check_tensors("t", x)
    if x._data.ndim > 2:
        raise RuntimeError(f"t: expects a tensor with <= 2 dimensions, but it is {x._data.ndim}D")
    return transpose(x, 0, 1) if x._data.ndim == 2 else x


def movedim(x: Tensor, source: int | tuple[int, ...], destination: int | tuple[int, ...]) -> Tensor:
    """Dimensions ``source`` moved to ``destination``, the others in their order.

    Args:
        x: any shape.
        source, destination: dimension or dimensions, and where each goes.

    Raises:
        RuntimeError: their numbers differ, or a dimension is given twice.
        IndexError: a dimension is out of range.

    Example:
        >>> import lucid
        >>> lucid.movedim(lucid.zeros(2, 3, 4), 0, -1).shape
        lucid.Size([3, 4, 2])
    """
    check_tensors("movedim", x)
    ndim = x._data.ndim
    src, dst = normalize_dims("movedim", source, ndim), normalize_dims("movedim", destination, ndim)
    if len(src) != len(dst):
        raise RuntimeError(f"movedim: {len(src)} source dims but {len(dst)} destination dims")
    order = [d for d in range(ndim) if d not in src]
    for d, s in sorted(zip(dst, src)):
        order.insert(d, s)
    return Permute.apply(x, tuple(order))


class Clone(Node):
    __slots__ = ()

    def forward(self, x: Tensor) -> np.ndarray:
        return _ops.copied(x._data)

    def backward(self, dy: Tensor) -> Tensor:
        return dy


def clone(x: Tensor, *, memory_format: Any = None) -> Tensor:
    """A copy in memory of its own; gradients flow through.

    Args:
        x: any shape and dtype.
        memory_format: without effect: the copy is contiguous.

    Example:
        >>> import lucid
        >>> x = lucid.ones(2)
        >>> y = lucid.clone(x).zero_()
        >>> print(x)
        [1.0, 1.0]
    """
    check_tensors("clone", x)
    return Clone.apply(x)


def contiguous(x: Tensor, memory_format: Any = None) -> Tensor:
    """``x`` itself if it is contiguous, else a contiguous copy.

    Args:
        memory_format: without effect: memory is in the order of the dimensions.

    Example:
        >>> import lucid
        >>> x = lucid.zeros(2, 3).t()
        >>> x.is_contiguous(), x.contiguous().is_contiguous()
        (False, True)
    """
    return x if x._data.flags.c_contiguous else Clone.apply(x)


swapaxes, swapdims, moveaxis = transpose, transpose, movedim

__all__ = [
    "clone", "flatten", "moveaxis", "movedim", "permute", "ravel", "reshape", "squeeze", "swapaxes", "swapdims", "t",
    "transpose", "unflatten", "unsqueeze",
]  # fmt: skip
