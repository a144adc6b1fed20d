"""Grids, stacks and splits: more views and copies that rearrange elements."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from lucid import _dtype
from lucid._functions._arguments import check_tensors
from lucid._functions._common import as_tensor, cast, expand, normalize_dim, normalize_dims
from lucid._functions.index import getitem
from lucid._functions.join import cat, hstack, stack
from lucid._functions.repeat import flip
from lucid._functions.shape import ravel, reshape, transpose
from lucid.autograd._node import TensorBase, wrap

if TYPE_CHECKING:
    from lucid._tensor import Tensor


def _listed(tensors: tuple[Any, ...]) -> list[Any]:
    """The tensors of ``f(a, b)`` or ``f([a, b])``."""
    return list(tensors[0]) if len(tensors) == 1 and not isinstance(tensors[0], TensorBase) else list(tensors)


def meshgrid(*tensors: Any, indexing: str | None = None) -> tuple[Tensor, ...]:
    """Coordinates of a grid: result k is vector k repeated along the dimensions of all others, as a view.

    Args:
        tensors: vectors or numbers of one dtype, one by one or in a list.
        indexing: ``"ij"`` (the default: dimension k belongs to vector k) or ``"xy"`` (the first two exchanged).

    Raises:
        RuntimeError: no tensors, other shapes or dtypes, or another ``indexing``.

    Example:
        >>> import lucid
        >>> i, j = lucid.meshgrid(lucid.tensor([1, 2]), lucid.tensor([3, 4, 5]), indexing="ij")
        >>> i.tolist(), j.tolist()
        ([[1, 1, 1], [2, 2, 2]], [[3, 4, 5], [3, 4, 5]])
    """
    items = _listed(tensors)
    if not items:
        raise RuntimeError("meshgrid: expects a non-empty list of Tensors")
    if indexing not in (None, "ij", "xy"):
        raise RuntimeError(f'meshgrid: indexing must be one of "xy" or "ij", but received: {indexing}')
    for x in items:
        if x._data.ndim > 1:
            raise RuntimeError(f"meshgrid: expected 0-d or 1-d tensors, got shape {x._data.shape}")
        if x._data.dtype != items[0]._data.dtype:
            raise RuntimeError(f"meshgrid: expects all tensors to have one dtype, got {items[0].dtype} and {x.dtype}")
    shape = tuple([x._data.size for x in items])
    grids = []
    for k, x in enumerate(items):
        own = tuple([-1 if d == k else 1 for d in range(len(items))])
        grids.append(expand(reshape(x, own), shape))
    if indexing == "xy" and len(grids) > 1:
        grids = [transpose(g, 0, 1) for g in grids]
    return tuple(grids)


def cartesian_prod(*tensors: Tensor) -> Tensor:
    """Every choice of one element from each vector, as rows in lexicographic order; a lone vector as it is.

    Args:
        tensors: vectors of one dtype.

    Raises:
        RuntimeError: an operand is not a vector.

    Example:
        >>> import lucid
        >>> print(lucid.cartesian_prod(lucid.tensor([1, 2]), lucid.tensor([3, 4])))
        [[1, 3],
         [1, 4],
         [2, 3],
         [2, 4]]
    """
    for x in tensors:
        if x._data.ndim != 1:
            raise RuntimeError(f"cartesian_prod: expected 1-d tensors, got shape {x._data.shape}")
    if len(tensors) == 1:
        return tensors[0]
    return stack([ravel(g) for g in meshgrid(*tensors)], 1)


def combinations(x: Tensor, r: int = 2, with_replacement: bool = False) -> Tensor:
    """Every choice of ``r`` elements of the vector ``x`` in their order, as rows.

    Args:
        x: shape (n,).
        r: elements per choice.
        with_replacement: an element may be chosen again.

    Raises:
        RuntimeError: ``x`` is not a vector, or ``r`` is negative.

    Example:
        >>> import lucid
        >>> print(lucid.combinations(lucid.tensor([1, 2, 3])))
        [[1, 2],
         [1, 3],
         [2, 3]]
    """
    check_tensors("combinations", x)
    if x._data.ndim != 1:
        raise RuntimeError(f"combinations: expected a 1-d tensor, got shape {x._data.shape}")
    if r < 0:
        raise RuntimeError(f"combinations: expected a non-negative number, got {r}")
    if not r:
        return wrap(np.empty(0, x._data.dtype))
    choose = itertools.combinations_with_replacement if with_replacement else itertools.combinations
    flat = itertools.chain.from_iterable(choose(range(x._data.size), r))
    return getitem(x, wrap(np.fromiter(flat, np.int64).reshape(-1, r)))


def block_diag(*tensors: Any) -> Tensor:
    """A matrix of zeros with the given matrices along its diagonal; vectors are rows, numbers 1 x 1 matrices.

    Args:
        tensors: numbers, vectors and matrices; dtypes promote.

    Raises:
        RuntimeError: an operand has more than two dimensions.

    Example:
        >>> import lucid
        >>> print(lucid.block_diag(lucid.tensor([[1]]), lucid.tensor([[2, 3]])))
        [[1, 0, 0],
         [0, 2, 3]]
    """
    items = [as_tensor(x, "block_diag") for x in tensors] or [wrap(np.empty((1, 0), np.float32))]
    dtype = _dtype.result_type(*items)
    rows, width, before = [], 0, 0
    for k, x in enumerate(items):
        if x._data.ndim > 2:
            raise RuntimeError(f"block_diag: input {k} has {x._data.ndim} dimensions, expected at most two")
        items[k] = x = cast(reshape(x, (1, -1)) if x._data.ndim < 2 else x, dtype)
        width += x._data.shape[1]
    for x in items:
        n, m = x._data.shape
        left, right = (np.zeros((n, size), x._data.dtype) for size in (before, width - before - m))
        rows.append(cat([wrap(left), x, wrap(right)], 1))
        before += m
    return cat(rows, 0)


def _raised(name: str, x: Any, ndim: int) -> Tensor:
    x = as_tensor(x, name)
    shape = x._data.shape
    if len(shape) >= ndim:
        return x
    if ndim == 3 and len(shape) == 2:
        return reshape(x, (*shape, 1))
    return reshape(x, {1: (1,), 2: (1, -1), 3: (1, -1, 1)}[ndim])


def _raise_each(name: str, tensors: tuple[Any, ...], ndim: int) -> Any:
    if len(tensors) == 1 and isinstance(tensors[0], TensorBase):
        return _raised(name, tensors[0], ndim)
    return tuple([_raised(name, x, ndim) for x in _listed(tensors)])


def atleast_1d(*tensors: Any) -> Any:
    """Numbers as vectors of one element; everything else as it is. Several tensors give a tuple.

    Args:
        tensors: tensors, or one sequence of them; any shapes and dtypes.

    Example:
        >>> import lucid
        >>> lucid.atleast_1d(lucid.tensor(1.0)).shape
        lucid.Size([1])
    """
    return _raise_each("atleast_1d", tensors, 1)


def atleast_2d(*tensors: Any) -> Any:
    """Numbers and vectors as matrices of one row. Several tensors give a tuple.

    Args:
        tensors: tensors, or one sequence of them; any shapes and dtypes.

    Example:
        >>> import lucid
        >>> lucid.atleast_2d(lucid.tensor(1.0)).shape
        lucid.Size([1, 1])
    """
    return _raise_each("atleast_2d", tensors, 2)


def atleast_3d(*tensors: Any) -> Any:
    """Shape (n,) as (1, n, 1) and (n, m) as (n, m, 1). Several tensors give a tuple.

    Args:
        tensors: tensors, or one sequence of them; any shapes and dtypes.

    Example:
        >>> import lucid
        >>> lucid.atleast_3d(lucid.tensor(1.0)).shape
        lucid.Size([1, 1, 1])
    """
    return _raise_each("atleast_3d", tensors, 3)


def dstack(tensors: Sequence[Tensor], *, out: Tensor | None = None) -> Tensor:
    """Joined along the third dimension, after `atleast_3d`.

    Args:
        tensors: sizes agree but for that of dimension 2; dtypes promote.
        out: tensor that receives the result.

    Raises:
        RuntimeError: another size differs.

    Example:
        >>> import lucid
        >>> lucid.dstack([lucid.zeros(2, 3), lucid.zeros(2, 3)]).shape
        lucid.Size([2, 3, 2])
    """
    return cat([atleast_3d(x) for x in tensors], 2)


def column_stack(tensors: Sequence[Tensor], *, out: Tensor | None = None) -> Tensor:
    """Joined along dimension 1, numbers and vectors as columns.

    Args:
        tensors: any number of dimensions; sizes agree but for that of dimension 1, dtypes promote.
        out: tensor that receives the result.

    Raises:
        RuntimeError: another size differs.

    Example:
        >>> import lucid
        >>> print(lucid.column_stack([lucid.tensor([1, 2]), lucid.tensor([3, 4])]))
        [[1, 3],
         [2, 4]]
    """
    check_tensors("column_stack", *tensors)
    return hstack([reshape(x, (-1, 1)) if x._data.ndim < 2 else x for x in tensors])


def fliplr(x: Tensor) -> Tensor:
    """A copy with the columns in reverse order (dimension 1).

    Args:
        x: at least two dimensions.

    Raises:
        RuntimeError: ``x`` has fewer dimensions.

    Example:
        >>> import lucid
        >>> print(lucid.fliplr(lucid.tensor([[1, 2], [3, 4]])))
        [[2, 1],
         [4, 3]]
    """
    check_tensors("fliplr", x)
    if x._data.ndim < 2:
        raise RuntimeError(f"fliplr: input must be >= 2-d, got shape {x._data.shape}")
    return flip(x, (1,))


def flipud(x: Tensor) -> Tensor:
    """A copy with the rows in reverse order (dimension 0).

    Args:
        x: at least one dimension.

    Raises:
        RuntimeError: ``x`` has no dimensions.

    Example:
        >>> import lucid
        >>> print(lucid.flipud(lucid.tensor([[1, 2], [3, 4]])))
        [[3, 4],
         [1, 2]]
    """
    check_tensors("flipud", x)
    if not x._data.ndim:
        raise RuntimeError("flipud: input must be >= 1-d, got a 0-d tensor")
    return flip(x, (0,))


def rot90(x: Tensor, k: int = 1, dims: Sequence[int] = (0, 1)) -> Tensor:
    """A copy turned by ``k`` right angles in the plane of two dimensions, from the first towards the second.

    Args:
        x: at least two dimensions.
        k: number of quarter turns; negative ones turn the other way.
        dims: the plane.

    Raises:
        RuntimeError: ``dims`` are not two different dimensions.

    Example:
        >>> import lucid
        >>> print(lucid.rot90(lucid.tensor([[1, 2], [3, 4]])))
        [[2, 4],
         [1, 3]]
    """
    check_tensors("rot90", x)
    if len(dims) != 2 or x._data.ndim < 2:
        raise RuntimeError(f"rot90: expected two dims of a tensor with at least two, got {dims} of {x._data.shape}")
    a, b = normalize_dims("rot90", tuple(dims), x)
    turns = k % 4
    if turns == 0:
        return x.clone()
    if turns == 2:
        return flip(x, (a, b))
    return transpose(flip(x, (b,)), a, b).contiguous() if turns == 1 else flip(transpose(x, a, b), (b,))


def repeat_interleave(x: Any, repeats: Any = None, dim: int | None = None, *, output_size: int | None = None) -> Tensor:
    """Every element (or slice along ``dim``) repeated in place.

    Args:
        x: any shape, flattened if ``dim`` is None. Alone, it is ``repeats``, and the result repeats 0, 1, 2 ...
        repeats: how often: a number for all, or an integer tensor with one for each.
        dim: dimension to repeat along.
        output_size: checked against the size of the result.

    Raises:
        RuntimeError: negative or non-integer repeats, or not as many as there are slices.

    Example:
        >>> import lucid
        >>> print(lucid.repeat_interleave(lucid.tensor([7, 8]), lucid.tensor([1, 3])))
        [7, 8, 8, 8]
    """
    check_tensors("repeat_interleave", x)
    if repeats is None:
        if x._data.ndim != 1:
            raise RuntimeError(f"repeat_interleave: repeats must be 1-d, got shape {x._data.shape}")
        return repeat_interleave(wrap(np.arange(x._data.size)), x, 0, output_size=output_size)
    if dim is None:
        x, dim = ravel(x), 0
    d = normalize_dim("repeat_interleave", dim, x)
    x = x if x._data.ndim else reshape(x, 1)
    counts = repeats._data if isinstance(repeats, TensorBase) else np.asarray(repeats)
    extent = x._data.shape[d]
    if counts.dtype.kind != "i" or counts.ndim > 1 or counts.size not in (1, extent):
        raise RuntimeError(
            f"repeat_interleave: repeats must be integers, one or as many as dimension {d} of {x._data.shape} has "
            f"slices, got {counts.dtype} of shape {counts.shape}"
        )
    if counts.size and counts.min() < 0:
        raise RuntimeError("repeat_interleave: repeats can not be negative")
    index = np.repeat(np.arange(extent), counts.reshape(-1))
    if output_size is not None and output_size != index.size:
        raise RuntimeError(f"repeat_interleave: output_size is {output_size}, but the repeats add up to {index.size}")
    return getitem(x, (slice(None),) * d + (wrap(index),))


def adjoint(x: Tensor) -> Tensor:
    """The last two dimensions exchanged, as a view.

    Args:
        x: shape (..., n, m); complex numbers are conjugated.

    Raises:
        RuntimeError: ``x`` has fewer than two dimensions.

    Example:
        >>> import lucid
        >>> print(lucid.adjoint(lucid.tensor([[1, 2], [3, 4]])))
        [[1, 3],
         [2, 4]]
    """
    check_tensors("adjoint", x)
    if x._data.ndim < 2:
        raise RuntimeError(f"adjoint: expected at least two dimensions, got shape {x._data.shape}")
    return transpose(x, -2, -1)


def vander(x: Tensor, N: int | None = None, increasing: bool = False) -> Tensor:
    """The matrix of powers of the vector ``x``: columns x^(N-1), ..., x, 1, or in increasing order.

    Args:
        x: shape (n,); integers and bools become int64.
        N: number of columns; n unless given.
        increasing: powers from left to right grow.

    Raises:
        RuntimeError: ``x`` is not a vector, or ``N`` is negative.

    Example:
        >>> import lucid
        >>> print(lucid.vander(lucid.tensor([1.0, 2.0]), 3))
        [[1.0, 1.0, 1.0],
         [4.0, 2.0, 1.0]]
    """
    check_tensors("vander", x)
    if x._data.ndim != 1:
        raise RuntimeError(f"vander: x must be a one-dimensional tensor, got shape {x._data.shape}")
    n = x._data.size if N is None else N
    if n < 0:
        raise RuntimeError(f"vander: N must be non-negative, got {n}")
    x = cast(x, _dtype.int64) if x._data.dtype.kind != "f" else x
    powers = wrap(np.arange(n) if increasing else np.arange(n)[::-1].copy())
    return reshape(x, (-1, 1)) ** cast(powers, x.dtype)


__all__ = [
    "adjoint", "atleast_1d", "atleast_2d", "atleast_3d", "block_diag", "cartesian_prod", "column_stack",
    "combinations", "dstack", "fliplr", "flipud", "meshgrid", "repeat_interleave", "rot90",
    "vander",
]  # fmt: skip
