"""Looking up rows of a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lucid._functions._arguments import check_tensors
from lucid._functions.embedding import Embedding, check_range, class_range, one_hot_rows
from lucid.autograd._mode import no_grad
from lucid.autograd._node import wrap

if TYPE_CHECKING:
    from lucid._tensor import Tensor

__all__ = ["embedding", "one_hot"]


def embedding(
    input: Tensor,
    weight: Tensor,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Tensor:
    """y[...] = weight[input[...]].

    Args:
        input: row numbers, int64 or int32, any shape.
        weight: table of shape (rows, columns).
        padding_idx: this row gets no gradient.
        max_norm: rows that are looked up and longer than this are first scaled to it, in place.
        norm_type: order of that norm.
        scale_grad_by_freq: divide the gradient of a row by how often it is looked up.
        sparse: not supported.

    Returns:
        Shape (*input.shape, columns).

    Raises:
        IndexError: a row number is out of range.
        RuntimeError: the index is not of integers, or the table not a floating-point matrix.
        ValueError: ``padding_idx`` is out of range, or an option that is not supported.

    Example:
        >>> import lucid, lucid.nn.functional as F
        >>> F.embedding(lucid.tensor([1, 0]), lucid.tensor([[1.0, 2.0], [3.0, 4.0]])).tolist()
        [[3.0, 4.0], [1.0, 2.0]]
    """
    check_tensors("embedding", input, weight)
    index, table = input._data, weight._data
    if sparse:
        raise ValueError("embedding: sparse=True is not supported")
    if index.dtype.kind != "i" or index.dtype.itemsize < 4:
        raise RuntimeError(f"embedding: expected an int64 or int32 index, got {input.dtype}")
    if table.ndim != 2 or table.dtype.kind != "f":
        raise RuntimeError(f"embedding: expected a floating-point matrix, got {weight.dtype} of shape {table.shape}")
    rows = table.shape[0]
    if padding_idx is not None and not -rows <= padding_idx < rows:
        raise ValueError(f"embedding: padding_idx {padding_idx} is out of range for {rows} rows")
    if max_norm is not None:
        check_range(index, table)
        _shorten(weight, np.unique(index), max_norm, norm_type)
    y = Embedding.apply(weight, index, -1 if padding_idx is None else padding_idx % rows)
    return by_frequency(y, index) if scale_grad_by_freq else y


def by_frequency(y: Tensor, index: np.ndarray) -> Tensor:
    """``y``, the rows ``index`` of a table, with the gradient of each divided by how often it occurs."""
    share = 1 / np.bincount(index.reshape(-1), minlength=1)[index]
    return y.detach() + (y - y.detach()) * wrap(np.asarray(share, y._data.dtype)[..., None])


def _shorten(weight: Tensor, rows: np.ndarray, max_norm: float, order: float) -> None:
    """Scale ``rows`` of ``weight`` that are longer than ``max_norm`` to that length, in place."""
    picked = weight._data[rows]
    lengths = np.linalg.norm(picked, order, axis=1, keepdims=True)
    long = lengths[:, 0] > max_norm
    if long.any():
        with no_grad():
            shorter = picked[long] * (max_norm / (lengths[long] + 1e-7))
            weight[wrap(rows[long])] = wrap(shorter.astype(weight._data.dtype))


def one_hot(input: Tensor, num_classes: int = -1) -> Tensor:
    """An int64 tensor with one more dimension: 1 at the given class, 0 elsewhere.

    Args:
        input: class numbers, int64, any shape.
        num_classes: size of the new dimension; the largest class + 1 for -1.

    Raises:
        RuntimeError: the classes are not int64, are negative, or reach ``num_classes``.

    Example:
        >>> import lucid, lucid.nn.functional as F
        >>> F.one_hot(lucid.tensor([0, 2])).tolist()
        [[1, 0, 0], [0, 0, 1]]
    """
    check_tensors("one_hot", input)
    index = input._data
    if index.dtype != np.int64:
        raise RuntimeError(f"one_hot: expected an int64 tensor, got {input.dtype}")
    if not index.size and num_classes <= 0:
        raise RuntimeError("one_hot: cannot infer the number of classes from an empty tensor")
    least, largest = class_range(index)
    if least < 0:
        raise RuntimeError(f"one_hot: class values must be non-negative, got {least}")
    classes = largest + 1 if num_classes == -1 else num_classes
    if largest >= classes:
        raise RuntimeError(f"one_hot: class values must be smaller than num_classes {classes}, got {largest}")
    return one_hot_rows(index, classes)
