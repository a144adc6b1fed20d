"""Operators that reduce, and products of matrices."""

from __future__ import annotations

import math
from collections.abc import Callable

import lucid
from lucid import Tensor
from lucid.onnx._registry import OPERATORS, operator


def _over(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """A reduction with the axes in an input, as from opset 18, or in an attribute, as before."""

    def run(
        x: Tensor, axes_: Tensor | None = None, *, axes: list[int] | None = None, keepdims: int = 1,
        noop_with_empty_axes: int = 0,
    ) -> Tensor:  # fmt: skip
        over = axes if axes_ is None else axes_.tolist()
        if not over:
            over = [] if noop_with_empty_axes else list(range(x.ndim))
        return function(x, tuple(over), bool(keepdims)) if over else function(x.unsqueeze(0), (0,), False)

    return run


def _one_by_one(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    def run(x: Tensor, axes: tuple[int, ...], keepdims: bool) -> Tensor:
        for axis in sorted((a % x.ndim for a in axes), reverse=True):
            x = function(x, axis, keepdims)
        return x

    return run


def _sum(x: Tensor, axes: tuple[int, ...], keepdims: bool) -> Tensor:
    return lucid.sum(x, axes, keepdims).to(x.dtype)


def _extreme(function: Callable[..., Tensor], sign: int) -> Callable[..., Tensor]:
    """A maximum (``sign`` -1) or minimum (1), which over nothing is the end of the dtype's range on that side."""

    def run(x: Tensor, axes: tuple[int, ...], keepdims: bool) -> Tensor:
        over = {a % x.ndim for a in axes}
        if all(x.shape[a] for a in over):
            return function(x, axes, keepdims)
        shape = [1 if a in over else n for a, n in enumerate(x.shape) if keepdims or a not in over]
        end: float
        if x.is_floating_point():
            end = sign * math.inf
        elif x.dtype == lucid.bool_:
            end = sign > 0
        else:
            end = lucid.iinfo(x.dtype).max if sign > 0 else lucid.iinfo(x.dtype).min
        return lucid.full(shape, end, dtype=x.dtype)

    return run


_REDUCTIONS = {
    "ReduceSum": _sum,
    "ReduceMean": lambda x, axes, keep: lucid.mean(x, axes, keep),
    "ReduceMax": _extreme(lucid.amax, -1),
    "ReduceMin": _extreme(lucid.amin, 1),
    "ReduceProd": _one_by_one(lambda x, axis, keep: lucid.prod(x, axis, keep).to(x.dtype)),
    "ReduceL1": lambda x, axes, keep: _sum(lucid.abs(x), axes, keep),
    "ReduceL2": lambda x, axes, keep: lucid.sqrt(_sum(x * x, axes, keep)),
    "ReduceLogSum": lambda x, axes, keep: lucid.log(_sum(x, axes, keep)),
    "ReduceLogSumExp": lambda x, axes, keep: lucid.logsumexp(x, axes, keep),
    "ReduceSumSquare": lambda x, axes, keep: _sum(x * x, axes, keep),
}
OPERATORS.update({name: _over(function) for name, function in _REDUCTIONS.items()})


@operator("ArgMax")
def argmax(x: Tensor, *, axis: int = 0, keepdims: int = 1, select_last_index: int = 0) -> Tensor:
    if select_last_index:
        return x.shape[axis] - 1 - lucid.argmax(lucid.flip(x, (axis,)), axis, bool(keepdims))
    return lucid.argmax(x, axis, bool(keepdims))


@operator("ArgMin")
def argmin(x: Tensor, *, axis: int = 0, keepdims: int = 1, select_last_index: int = 0) -> Tensor:
    if select_last_index:
        return x.shape[axis] - 1 - lucid.argmin(lucid.flip(x, (axis,)), axis, bool(keepdims))
    return lucid.argmin(x, axis, bool(keepdims))


@operator("MatMul")
def matmul(x: Tensor, y: Tensor) -> Tensor:
    return lucid.matmul(x, y)


@operator("Gemm")
def gemm(
    a: Tensor, b: Tensor, c: Tensor | None = None, *, alpha: float = 1.0, beta: float = 1.0, transA: int = 0,
    transB: int = 0,
) -> Tensor:  # fmt: skip
    y = lucid.matmul(a.T if transA else a, b.T if transB else b)
    y = y if alpha == 1 else alpha * y
    return y if c is None else y + (c if beta == 1 else beta * c)


@operator("Einsum")
def einsum(*inputs: Tensor, equation: str) -> Tensor:
    return lucid.einsum(equation, *inputs)
