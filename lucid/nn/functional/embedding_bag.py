"""Sums, means and maxima of rows of a table."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np

from lucid._functions._arguments import check_tensors
from lucid._functions.choice import where
from lucid._functions.embedding import BagSums, Embedding
from lucid._functions.extremum import SelectExtremum
from lucid._functions.index import getitem
from lucid._functions.segment import SegmentSum
from lucid._functions.shape import reshape, unsqueeze
from lucid.autograd._node import wrap
from lucid.nn.functional.embedding import _shorten, by_frequency

if TYPE_CHECKING:
    from lucid._tensor import Tensor

__all__ = ["embedding_bag"]

NAME = "embedding_bag"


def _bags(index: np.ndarray, offsets: Tensor | None, include_last_offset: bool) -> np.ndarray:
    """How many elements each bag has, after checking everything about the offsets."""
    if index.ndim == 2:
        if offsets is not None:
            raise ValueError(f"{NAME}: expected no offsets for a 2-d input, whose rows are the bags")
        return np.full(index.shape[0], index.shape[1])
    if index.ndim != 1:
        raise ValueError(f"{NAME}: expected a 1-d or 2-d input, got shape {index.shape}")
    if offsets is not None:
        check_tensors(NAME, offsets)
    if offsets is None or offsets._data.ndim != 1 or offsets._data.dtype.kind not in "iu":
        got = None if offsets is None else f"{offsets.dtype} of shape {offsets._data.shape}"
        raise ValueError(f"{NAME}: expected offsets to be a vector of integers for a 1-d input, got {got}")
    starts = offsets._data.astype(np.int64)
    if include_last_offset and not len(starts):
        raise ValueError(f"{NAME}: expected at least one offset with include_last_offset=True")
    ends = starts[1:] if include_last_offset else np.append(starts[1:], len(index))
    starts = starts[: len(ends)] if len(starts) else starts
    if len(offsets._data) and offsets._data[0] != 0:
        raise RuntimeError(f"{NAME}: expected offsets to begin with 0, got {offsets._data[0]}")
    if len(starts) and (int(offsets._data[-1]) > len(index) or np.any(ends[: len(starts)] < starts)):
        raise RuntimeError(f"{NAME}: expected offsets that rise up to at most {len(index)}, got {offsets.tolist()}")
    if include_last_offset and int(offsets._data[-1]) != len(index):
        raise RuntimeError(f"{NAME}: expected the last offset to be {len(index)}, got {offsets._data[-1]}")
    return ends[: len(starts)] - starts


def _largest(weight: Tensor, index: np.ndarray, counts: np.ndarray, padding: int) -> Tensor:
    """Maxima over bags, which are filled up to the longest with elements that lose against all others."""
    longest = max(int(counts.max(initial=0)), 1)
    present = np.arange(longest) < counts[:, None]
    picked = np.zeros(present.shape, np.int64)
    picked[present] = index
    rows = where(wrap(present[:, :, None]), Embedding.apply(weight, picked, padding), -np.inf)
    values, _ = SelectExtremum.apply(rows, True, 1, False)
    return where(wrap((counts > 0)[:, None]), values, 0.0)


def _check_rows(index: np.ndarray, shape: tuple[int, ...], padding_idx: int | None) -> None:
    rows = shape[0]
    if padding_idx is not None and not -rows <= padding_idx < rows:
        raise ValueError(f"{NAME}: padding_idx {padding_idx} is out of range for {rows} rows")
    if index.size and not 0 <= int(index.min()) <= int(index.max()) < rows:
        bad = index.max() if index.max() >= rows else index.min()
        raise IndexError(f"{NAME}: index {bad} is out of range for {rows} rows (weight {shape})")


def _check_factors(factors: Tensor | None, index: np.ndarray, weight: Tensor, mode: str) -> None:
    if factors is None:
        return
    if mode != "sum":
        raise ValueError(f"{NAME}: per_sample_weights needs mode 'sum', got {mode!r}")
    if factors._data.shape != index.shape or factors._data.dtype != weight._data.dtype:
        raise ValueError(
            f"{NAME}: expected per_sample_weights of shape {index.shape} and {weight.dtype}, "
            f"got {factors._data.shape} and {factors.dtype}"
        )


def embedding_bag(
    input: Tensor,
    weight: Tensor,
    offsets: Tensor | None = None,
    max_norm: float | None = None,
    norm_type: float = 2,
    scale_grad_by_freq: bool = False,
    mode: str = "mean",
    sparse: bool = False,
    per_sample_weights: Tensor | None = None,
    include_last_offset: bool = False,
    padding_idx: int | None = None,
) -> Tensor:
    """The sum, mean or maximum of the rows that each bag of numbers names.

        y[b] = sum over i in bag b of weight[i],    mean: divided by the size of the bag,    max: elementwise

    Args:
        input: row numbers, int64 or int32: (B, N), whose rows are the bags, or (N,) with ``offsets``. Given second, as
            once in PyTorch, they change places with ``weight``, with a warning.
        weight: table of shape (rows, columns), floating point.
        offsets: where each bag begins, for a 1-d input: integers rising from 0.
        max_norm: rows that are looked up and longer than this are first scaled to it, in place.
        norm_type: order of that norm.
        scale_grad_by_freq: divide the gradient of a row by how often it is looked up; not for "max".
        mode: "sum", "mean" or "max".
        sparse: not supported.
        per_sample_weights: factor of each element, of the input's shape and the table's dtype, for "sum" only.
        include_last_offset: the last offset is the end of the last bag, not the beginning of another.
        padding_idx: this row does not count, also not for the mean, and gets no gradient.

    Returns:
        Shape (B, columns); 0 for empty bags.

    Raises:
        IndexError: a row number is out of range.
        RuntimeError: the offsets do not fit, or a dtype or the table's shape is wrong.
        ValueError: an option is wrong, or not supported.

    Example:
        >>> import lucid, lucid.nn.functional as F
        >>> table = lucid.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 0.0]])
        >>> F.embedding_bag(lucid.tensor([0, 1, 2]), table, lucid.tensor([0, 2]), mode="sum").tolist()
        [[4.0, 6.0], [5.0, 0.0]]

    Source: Joulin et al., Bag of tricks for efficient text classification, arXiv:1607.01759.
    """
    check_tensors("embedding_bag", input, weight)
    if weight._data.dtype == np.int64 and input._data.dtype.kind == "f":
        warnings.warn(f"{NAME}: the table comes second now, behind the row numbers", UserWarning, stacklevel=2)
        input, weight = weight, input
    if sparse:
        raise ValueError(f"{NAME}: sparse=True is not supported")
    if scale_grad_by_freq and mode == "max":
        raise ValueError(f"{NAME}: scale_grad_by_freq=True does not go with mode 'max'")
    if mode not in ("sum", "mean", "max"):
        raise ValueError(f"{NAME}: mode must be 'sum', 'mean' or 'max', got {mode!r}")
    index, table = input._data, weight._data
    if index.dtype not in (np.int64, np.int32):
        raise RuntimeError(f"{NAME}: expected an int64 or int32 input, got {input.dtype}")
    if table.ndim != 2 or table.dtype.kind != "f":
        raise RuntimeError(f"{NAME}: expected a floating-point matrix, got {weight.dtype} of shape {table.shape}")
    counts, rows = _bags(index, offsets, include_last_offset), table.shape[0]
    _check_rows(index, table.shape, padding_idx)
    _check_factors(per_sample_weights, index, weight, mode)
    factors = None if per_sample_weights is None else reshape(per_sample_weights, -1)
    flat, padding = np.ascontiguousarray(index, np.int64).reshape(-1), -1 if padding_idx is None else padding_idx % rows
    kept = flat != padding
    if not kept.all():
        bag = np.repeat(np.arange(len(counts)), counts)
        flat, counts = flat[kept], np.bincount(bag[kept], minlength=len(counts))
        factors = None if factors is None else getitem(factors, wrap(kept))
    if max_norm is not None:
        _shorten(weight, np.unique(flat), max_norm, norm_type)
    if mode == "max":
        return _largest(weight, flat, counts, padding)
    if scale_grad_by_freq:
        rows_of = by_frequency(Embedding.apply(weight, flat, padding), flat)
        total = SegmentSum.apply(rows_of if factors is None else rows_of * unsqueeze(factors, 1), counts)
    elif factors is None:
        total = BagSums.apply(weight, flat, counts, padding)
    else:
        total = SegmentSum.apply(Embedding.apply(weight, flat, padding) * unsqueeze(factors, 1), counts)
    return total / wrap(np.maximum(counts, 1).astype(table.dtype)[:, None]) if mode == "mean" else total
