"""Places combined with what is put there: scatter_reduce and index_reduce."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from lucid import _ops
from lucid._functions._common import cast, normalize_dim
from lucid._functions._places import Along, added, on_one_axis, picked, put
from lucid._functions.choice import where
from lucid._functions.gather import check_index, gather_index, part_of_source, same_dtype
from lucid._functions.index import Gather, ScatterAdd
from lucid._functions.scatter import _along, _sliced
from lucid._functions.shape import reshape
from lucid.autograd._mode import mode
from lucid.autograd._node import Node, wrap

if TYPE_CHECKING:
    from lucid._tensor import Tensor


REDUCTIONS = ("sum", "prod", "mean", "amax", "amin")


START = {"sum": 0.0, "mean": 0.0, "prod": 1.0, "amax": -math.inf, "amin": math.inf}


COMBINE = {"sum": np.add, "mean": np.add, "prod": np.multiply, "amax": np.maximum, "amin": np.minimum}


def combine(y: np.ndarray, at: Any, x: np.ndarray, reduce: str) -> None:
    """Combine ``x`` with ``y``, in place and in order."""
    if y.dtype.char in "fd" and x.dtype == y.dtype:
        if type(at) is Along:
            return _ops.scatter_into(y, at.index, x, at.dim, reduce)
        found = on_one_axis(at, y.shape)
        if found is not None:
            return _ops.index_into(y, found[1], x, found[0], reduce)
    COMBINE[reduce].at(y, at.grid() if type(at) is Along else at, x)
    return None


class ScatterReduce(Node):
    """Slots combined with the elements of ``src`` that ``at`` sends there; slots nothing reaches keep ``x``."""

    __slots__ = ("at", "include", "reduce")

    def forward(self, x: Tensor, src: Tensor, at: Any, reduce: str, include: bool) -> np.ndarray:
        self.saved, self.at, self.reduce, self.include = (x, src), at, reduce, include
        y = _ops.copied(x._data)
        if not include:
            start = START[reduce]
            if y.dtype.kind != "f" and math.isinf(start):
                limits = (0, 1) if y.dtype.kind == "b" else (np.iinfo(y.dtype).min, np.iinfo(y.dtype).max)
                start = limits[start > 0]
            put(y, at, np.asarray(start, y.dtype))
        if COMBINE[reduce] is np.add and y.dtype.char in "fd":
            y = added(src._data, y.shape, at, y)
        else:
            combine(y, at, src._data, reduce)
        if reduce == "mean":
            count = self.count(y)
            y = y / count if y.dtype.kind == "f" else y // count
        return self.save_result(y)

    def count(self, y: np.ndarray) -> np.ndarray:
        """How many elements each slot combines, at least 1."""
        ones = np.ones(picked(y, self.at).shape, y.dtype)
        return np.maximum(added(ones, y.shape, self.at) + y.dtype.type(self.include), 1)

    def backward(self, dy: Tensor) -> tuple[Tensor | None, Tensor | None]:
        (x, src), y = self.unpack(), self.unpack_result()
        at, shape = self.at, x._data.shape
        reached = np.zeros(shape, bool)
        put(reached, at, np.ones((), bool))
        own = None if self.include else wrap(~reached)  # slots whose own value counts
        if self.reduce in ("sum", "mean"):
            share = dy / wrap(self.count(y._data)) if self.reduce == "mean" else dy
            return share if own is None else where(own, share, 0.0), Gather.apply(share, at)
        if self.reduce == "prod":
            return self.products(x, src, dy, own)
        hit_x, hit_src = (
            cast(x.detach() == y.detach(), x.dtype),
            cast(src.detach() == Gather.apply(y.detach(), at), x.dtype),
        )
        if own is not None:
            hit_x = where(own, hit_x, 0.0)
        ties = hit_x + ScatterAdd.apply(hit_src, shape, at)
        share = dy / where(ties == 0, 1.0, ties)
        return hit_x * share, hit_src * Gather.apply(share, at)

    def products(self, x: Tensor, src: Tensor, dy: Tensor, own: Tensor | None) -> tuple[Tensor, Tensor]:
        """dy times the product of all other elements of the slot, right at zeros."""
        at = self.at
        kept = x if own is None else where(own, x, 1.0)
        zero_x, zero_src = kept.detach() == 0, src.detach() == 0
        zeros = zero_x._data + added(zero_src._data.astype(x._data.dtype), x._data.shape, at)
        safe_x, safe_src = where(zero_x, 1.0, kept), where(zero_src, 1.0, src)
        product = ScatterReduce.apply(safe_x, safe_src, at, "prod", True)

        # Where exactly one other element is zero the product is, but its derivative by that element is not.
        low_x, low_src = where(zero_x, kept, 0.0), where(zero_src, src, 0.0)
        lows = low_x + ScatterAdd.apply(low_src, x._data.shape, at) if mode.enabled else None

        def others(
            zero: Tensor, safe: Tensor, product: Tensor, zeros: np.ndarray, low: Tensor, lows: Tensor | None
        ) -> Tensor:  # fmt: skip
            rest = zeros - zero._data
            single = 0.0 if lows is None else where(wrap(np.asarray(rest == 1)), product / safe * (lows - low), 0.0)
            return where(wrap(np.asarray(rest == 0)), product / safe, single)

        dx = dy * others(zero_x, safe_x, product, zeros, low_x, lows)
        dsrc = Gather.apply(dy, at) * others(
            zero_src, safe_src, Gather.apply(product, at), picked(zeros, at), low_src,
            None if lows is None else Gather.apply(lows, at),
        )  # fmt: skip
        return dx if own is None else where(own, dx, 0.0), dsrc


def _reduced(name: str, x: Tensor, src: Tensor, at: Any, reduce: str, include_self: bool) -> Tensor:
    if reduce not in REDUCTIONS:
        raise RuntimeError(f"{name}: reduce must be one of {', '.join(REDUCTIONS)}, got {reduce!r}")
    same_dtype(name, x, src)
    return ScatterReduce.apply(x, src, at, reduce, include_self)


def scatter_reduce(
    x: Tensor,
    dim: int,
    index: Tensor,
    src: Tensor,
    reduce: str,
    *,
    include_self: bool = True,
    out: Tensor | None = None,
) -> Tensor:
    """``x`` with every element src[i, j, ...] combined into [index[i, j, ...], j, ...], the index replacing ``dim``.

    Args:
        x: any shape.
        dim: the dimension that ``index`` counts along.
        index: int64; as many dimensions as ``x`` and ``src``, nowhere longer than ``src``.
        src: of the dtype of ``x``.
        reduce: ``"sum"``, ``"prod"``, ``"mean"``, ``"amax"`` or ``"amin"``. Ties of extremes share the gradient.
        include_self: whether the elements of ``x`` take part; without it those that nothing reaches stay all the same.
        out: tensor that receives the result.

    Raises:
        RuntimeError: another reduction, other dtypes, or shapes that do not fit.
        IndexError: an index is out of range.

    Example:
        >>> import lucid
        >>> x, i = lucid.zeros(2), lucid.tensor([0, 0, 1])
        >>> print(lucid.scatter_reduce(x, 0, i, lucid.tensor([1.0, 3.0, 5.0]), "mean", include_self=False))
        [2.0, 5.0]
    """
    d, s = normalize_dim("scatter_reduce", dim, x), src._data.shape
    i = check_index("scatter_reduce", x._data.shape, d, index)
    if len(s) != i.ndim or any(n > m for n, m in zip(i.shape, s)):
        raise RuntimeError(f"scatter_reduce: index {i.shape} must be no larger than src {s} in any dimension")
    if not i.ndim:
        return reshape(
            scatter_reduce(reshape(x, 1), 0, reshape(index, 1), reshape(src, 1), reduce, include_self=include_self), ()
        )
    at = gather_index(d, i)
    return _reduced("scatter_reduce", x, part_of_source(src, index), at, reduce, include_self)


def index_reduce(
    x: Tensor,
    dim: int,
    index: Tensor,
    source: Tensor,
    reduce: str,
    *,
    include_self: bool = True,
    out: Tensor | None = None,
) -> Tensor:
    """`index_add` with a reduction ("prod", "mean", "amax" or "amin") in place of the sum.

    Args:
        x: any shape.
        dim: dimension of the slices.
        index: integers, shape (n,); equal ones take part together.
        source: the slices, of the dtype of ``x``, with size n in ``dim``.
        reduce: the reduction.
        include_self: the elements of ``x`` take part.
        out: tensor that receives the result.

    Raises:
        IndexError: a place is out of range, or ``source`` has another shape.
        RuntimeError: ``reduce`` is unknown.

    Example:
        >>> import lucid
        >>> print(lucid.index_reduce(lucid.ones(2), 0, lucid.tensor([1, 1]), lucid.tensor([5.0, 6.0]), "prod"))
        [1.0, 30.0]
    """
    d, places = _along("index_reduce", x, dim, index)
    full, slices, at = _sliced("index_reduce", x, d, places, source)
    return reshape(_reduced("index_reduce", full, slices, at, reduce, include_self), x._data.shape)


__all__ = ["index_reduce", "scatter_reduce"]
