"""How reductions, products of matrices and attention are written."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from lucid import _ops
from lucid._functions import attention, distance, extremum, matmul, norm, reduce, scan, segment, softmax
from lucid.onnx._sizes import in_trace
from lucid.onnx._traces import Size
from lucid.onnx._writer import Builder, Ref, Unsupported, exports, type_of

Dims = tuple[int, ...]


@exports(reduce.Sum)
def sum_(b: Builder, x: Ref, dims: Dims, keepdim: bool) -> str:
    wide: Any = x if x.dtype.kind == "f" else b.node("Cast", x, to=7)
    y = b.reduce("ReduceSum", wide, dims, keepdim)
    if x.dtype.kind == "f" and dims:
        b.means[y] = (x, dims, keepdim)
    return y


@exports(reduce.Prod)
def prod(b: Builder, x: Ref, dims: Dims, keepdim: bool) -> str:
    return b.reduce("ReduceProd", x if x.dtype.kind == "f" else b.node("Cast", x, to=7), dims, keepdim)


@exports(extremum.Extremum)
def extreme(b: Builder, x: Ref, largest: bool, dims: Dims, keepdim: bool) -> str:
    return b.reduce("ReduceMax" if largest else "ReduceMin", x, dims, keepdim)


@exports(extremum.SelectExtremum)
def select_extremum(b: Builder, x: Ref, largest: bool, dim: int, keepdim: bool) -> tuple[str, str]:
    values = b.reduce("ReduceMax" if largest else "ReduceMin", x, (dim,), keepdim)
    return values, b.node("ArgMax" if largest else "ArgMin", x, axis=dim, keepdims=int(keepdim))


def _arg(operator: str) -> Any:
    def emit(b: Builder, x: Ref, axis: int | None) -> str:
        if axis is not None:
            return b.node(operator, x, axis=axis, keepdims=0)
        return b.node(operator, b.node("Reshape", x, b.ints(-1)), axis=0, keepdims=0)

    return emit


exports(_ops.argmax, np.argmax)(_arg("ArgMax"))
exports(_ops.argmin, np.argmin)(_arg("ArgMin"))


@exports(reduce.LogSumExp)
def logsumexp(b: Builder, x: Ref, dims: Dims, keepdim: bool) -> str:
    return b.reduce("ReduceLogSumExp", x, dims, keepdim)


@exports(distance.Norm2)
def norm2(b: Builder, x: Ref, dims: Dims, keepdim: bool) -> str:
    return b.reduce("ReduceL2", x, dims, keepdim)


@exports(reduce.Var)
def var(b: Builder, x: Ref, dims: Dims, correction: float, keepdim: bool) -> str:
    centered = b.node("Sub", x, b.reduce("ReduceMean", x, dims, True))
    squares = b.node("Mul", centered, centered)
    if any(isinstance(x.shape[d], Size) for d in dims) and correction:
        count = Size.of([math.prod([in_trace(x.shape[d], k) for d in dims]) for k in range(b.traces)])
        number = b.node("Squeeze", b.node("Cast", b.size(count), to=type_of(x.dtype)), b.ints(0))
        rest = b.node("Sub", number, b.like(x, correction))
        return b.node("Div", b.reduce("ReduceSum", squares, dims, keepdim), rest)
    y = b.reduce("ReduceMean", squares, dims, keepdim)
    if not correction:
        return y
    count = math.prod([x.shape[d] for d in dims])
    return b.node("Mul", y, b.like(x, count / (count - correction) if count > correction else math.nan))


def _quantifier(operator: str) -> Any:
    def emit(b: Builder, x: Ref, dims: Dims, out: None, keepdim: bool) -> str:
        truth = x if x.dtype.kind == "b" else b.node("Cast", x, to=9)
        return b.node("Cast", b.reduce(operator, b.node("Cast", truth, to=6), dims, keepdim), to=9)

    return emit


exports(np.all)(_quantifier("ReduceMin"))
exports(np.any)(_quantifier("ReduceMax"))


@exports(scan.CumSum)
def cumsum(b: Builder, x: Ref, dim: int) -> str:
    return b.node("CumSum", x if x.dtype.kind == "f" else b.node("Cast", x, to=7), np.asarray(dim))


@exports(softmax.Softmax)
def softmax_(b: Builder, x: Ref, dim: int) -> str:
    return b.node("Softmax", x, axis=dim)


@exports(softmax.LogSoftmax)
def log_softmax(b: Builder, x: Ref, dim: int) -> str:
    return b.node("LogSoftmax", x, axis=dim)


@exports(segment.SegmentRepeat)
def repeat(b: Builder, x: Ref, counts: Ref) -> str:
    if counts.array is None or len({a.tobytes() for a in counts.arrays}) > 1:
        raise Unsupported("numbers of repetitions that are not the same in every call")
    return b.node("Gather", x, np.repeat(np.arange(len(counts.array)), counts.array), axis=0)


# Products


@exports(matmul.MatMul)
def matmul_(b: Builder, x: Ref, y: Ref) -> str:
    return b.node("MatMul", x, y)


@exports(matmul.Linear)
def linear(b: Builder, x: Ref, weight: Ref, bias: Ref | None) -> str:
    if x.rank == 2:
        return b.node("Gemm", x, weight, bias, transB=1)
    y = b.node("MatMul", x, b.node("Transpose", weight, perm=[1, 0]))
    return y if bias is None else b.node("Add", y, bias)


# Normalisation of rows


def _trailing(x: Ref, size: int) -> int:
    """The axis from which the elements are ``size`` altogether."""
    axis, count = x.rank, 1
    while count < size and axis > 0 and not isinstance(x.shape[axis - 1], Size):
        axis -= 1
        count *= x.shape[axis]
    if count != size or isinstance(size, Size) or axis == x.rank:
        raise Unsupported("normalisation over dynamic axes")
    return axis


def _rows(b: Builder, x: Ref, axis: int, t: Ref | None) -> Any:
    """A weight of all elements of a row in the row's shape."""
    if t is None or axis == x.rank - 1:
        return t
    return b.node("Reshape", t, b.ints(*x.shape[axis:]))


@exports(norm.LayerNorm, sizes=True)
def layer_norm(b: Builder, x: Ref, weight: Ref | None, bias: Ref | None, eps: float, rows: tuple[int, int]) -> str:
    axis = _trailing(x, rows[1])
    scale = _rows(b, x, axis, weight)
    if scale is None:
        scale = np.ones(x.shape[axis:], x.dtype)
    return b.node("LayerNormalization", x, scale, _rows(b, x, axis, bias), axis=axis, epsilon=float(eps))


@exports(norm.RMSNorm, sizes=True)
def rms_norm(b: Builder, x: Ref, weight: Ref | None, eps: float, rows: tuple[int, int]) -> str:
    axis = _trailing(x, rows[1])
    mean = b.reduce("ReduceMean", b.node("Mul", x, x), tuple(range(axis, x.rank)), True)
    y = b.node("Div", x, b.node("Sqrt", b.node("Add", mean, b.like(x, eps))))
    return y if weight is None else b.node("Mul", y, _rows(b, x, axis, weight))


# Attention


@exports(attention.Attention)
def attend(b: Builder, q: Ref, k: Ref, v: Ref, mask: Ref | None, options: Any) -> str:
    if q.shape[1] != k.shape[1]:
        k, v = (_repeated(b, x, q.shape[1] // x.shape[1]) for x in (k, v))
    scaled = b.node("Mul", q, b.like(q, options.scale))
    s = b.node("MatMul", scaled, b.node("Transpose", k, perm=[0, 1, 3, 2]))
    return _attended(b, s, v, mask, options, q, k)


def _repeated(b: Builder, x: Ref, times: int) -> Ref:
    """Every head so many times in a row."""
    heads = np.repeat(np.arange(x.shape[1]), times)
    return b.view(b.node("Gather", x, heads, axis=1), x, (x.shape[0], len(heads), *x.shape[2:]))


def _attended(b: Builder, s: str, v: Any, mask: Ref | None, options: Any, q: Ref, k: Ref) -> str:
    """softmax(s) @ v; rows in which no key takes part are 0."""
    if options.dropout:
        raise Unsupported("dropout")
    low, dead = b.like(q, -np.inf), False
    if mask is not None:
        dead = mask.array is None or any(_rules_out_rows(a) for a in mask.arrays)
        s = b.node("Where", mask, s, low) if mask.dtype.kind == "b" else b.node("Add", s, mask)
    if options.causal:
        queries, keys = q.shape[2], k.shape[2]
        if isinstance(queries, Size) or isinstance(keys, Size):
            ones = b.node("Expand", np.asarray(1, np.float32), b.dims((queries, keys)))
            allowed: Any = b.node("Cast", b.node("Trilu", ones, np.asarray(0), upper=0), to=9)
        else:
            allowed = np.tri(queries, keys, dtype=np.bool_)
        s = b.node("Where", allowed, s, low)
        dead = dead or mask is not None
    p = b.node("Softmax", s, axis=3)
    if dead:
        none = b.node("Equal", b.reduce("ReduceMax", s, (3,), True), low)
        p = b.node("Where", none, b.like(q, 0), p)
    return b.node("MatMul", p, v)


def _rules_out_rows(mask: np.ndarray) -> bool:
    allowed = mask if mask.dtype.kind == "b" else mask != -np.inf
    return not bool(allowed.any(-1).all())


@exports(attention.ProjectedAttention)
def projected(b: Builder, q: Ref, kv: Ref | None, mask: Ref | None, heads: int, axis: int, options: Any) -> str:
    """q, k and v side by side; tensors are (batch, length, features) for ``axis`` 0, (length, batch, ...) for 1."""
    parts = [(q, i, 3) for i in range(3)] if kv is None else [(q, 0, 1), (kv, 0, 2), (kv, 1, 2)]
    split: dict[str, tuple[str, ...]] = {}
    found = []
    for x, i, count in parts:
        if count > 1 and x.name not in split:
            width = x.shape[2] // count
            split[x.name] = b.node("Split", x, b.ints(*[width] * count), outputs=count, axis=2)
        one, size = split[x.name][i] if count > 1 else x.name, x.shape[2] // count
        shape = (x.shape[0], x.shape[1], heads, size // heads)
        apart = b.reshape(b.view(one, x, (*x.shape[:2], size)), shape)
        batch, length = (x.shape[0], x.shape[1]) if axis == 0 else (x.shape[1], x.shape[0])
        moved = b.node("Transpose", apart, perm=[axis, 2, 1 - axis, 3])
        found.append(b.view(moved, x, (batch, heads, length, size // heads)))
    each_q, each_k, each_v = found
    out = attend(b, each_q, each_k, each_v, mask, options)
    back = b.node("Transpose", out, perm=[0, 2, 1, 3] if axis == 0 else [2, 0, 1, 3])
    wide = q.shape[2] // (3 if kv is None else 1)
    order = (each_q.shape[0], each_q.shape[2]) if axis == 0 else (each_q.shape[2], each_q.shape[0])
    return b.reshape(b.view(back, q, (*order, heads, wide // heads)), (*order, wide))
