"""Counting the arithmetic of a forward pass, operation by operation."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from lucid.autograd._node import TensorBase
from lucid.autograd._watching import Observer, watched_by
from lucid.utils._calls import Calls, inference, operation_name

__all__ = ["FlopCount", "count_flops"]

Count = tuple[int, int]
"""Multiply-adds of products, and further operations."""


def _size(x: Any) -> int:
    return int(x._data.size) if isinstance(x, TensorBase) else 0


def _each(per_output: int) -> Callable[..., Count]:
    return lambda args, y: (0, per_output * y[0]._data.size)


def _read(per_input: int) -> Callable[..., Count]:
    return lambda args, y: (0, per_input * max(map(_size, args), default=0))


def _convolution(args: Any, y: Any) -> Count:
    return y[0]._data.size * math.prod(args[1]._data.shape[1:]), y[0]._data.size if args[2] is not None else 0


def _transposed(args: Any, y: Any) -> Count:
    return args[0]._data.size * math.prod(args[1]._data.shape[1:]), 0


def _weight_grad(args: Any, y: Any) -> Count:
    return args[1]._data.size * math.prod(y[0]._data.shape[1:]), 0


def _linear(args: Any, y: Any) -> Count:
    return y[0]._data.size * args[1]._data.shape[1], y[0]._data.size if args[2] is not None else 0


def _matmul(args: Any, y: Any) -> Count:
    return y[0]._data.size * args[0]._data.shape[-1], 0


def _scores(rows: int, queries: int, keys: int, sizes: int, mask: Any, causal: bool) -> Count:
    """``rows`` products of ``queries`` by ``keys``, and the same number of sums of values; 6 more for each score."""
    full = min(queries, keys)
    pairs = full * (full + 1) // 2 + (queries - full) * keys if causal else queries * keys
    return rows * pairs * sizes, rows * pairs * (6 + (mask is not None))


def _attention(args: Any, y: Any) -> Count:
    q, k, v, mask, options = args
    batch, heads, queries, size = q._data.shape
    return _scores(batch * heads, queries, k._data.shape[2], size + v._data.shape[3], mask, options.causal)


def _projected_attention(args: Any, y: Any) -> Count:
    q, kv, mask, heads, axis, options = args
    batch, queries = q._data.shape[axis], q._data.shape[1 - axis]
    keys = queries if kv is None else kv._data.shape[1 - axis]
    size = y[0]._data.shape[2] // heads
    return _scores(batch * heads, queries, keys, 2 * size, mask, options.causal)


def _recurrent(args: Any, y: Any) -> Count:
    kind, _, bias, x, h0, _, *weights = args
    matrices = [w for w in weights if w._data.ndim == 2]
    directions = h0._data.shape[0]
    gates = directions * matrices[0]._data.shape[0]
    units = gates // {"LSTM": 4, "GRU": 3}.get(str(kind).upper(), 1)
    cell = 5 * units if str(kind).upper() in ("LSTM", "GRU") else 0
    rows = x._data.shape[0]
    return rows * sum(map(_size, matrices)), rows * (gates * (2 + 2 * bool(bias)) + cell)


def _norm(args: Any, y: Any) -> Count:
    affine = sum(isinstance(a, TensorBase) for a in args[1:3])
    return 0, (6 + affine) * y[0]._data.size


def _pool(args: Any, y: Any) -> Count:
    window = args[1] if isinstance(args[1], (tuple, list)) else (args[1],)
    return 0, y[0]._data.size * math.prod(window)


def _resample(args: Any, y: Any) -> Count:
    return 0, max(2 * len(args[1].taps) - 1, 0) * y[0]._data.size


PRODUCTS: dict[str, Callable[..., Count]] = {
    "conv.Convolution": _convolution, "conv.ConvolutionInputGrad": _transposed,
    "conv.ConvolutionWeightGrad": _weight_grad, "matmul.Linear": _linear, "matmul.MatMul": _matmul,
    "attention.Attention": _attention, "attention.ProjectedAttention": _projected_attention,
    "rnn.Recurrent": _recurrent,
}  # fmt: skip
"""Operations that multiply and add."""

OTHERS: dict[str, Callable[..., Count]] = {
    "norm.BatchNorm": _norm, "norm.LayerNorm": _norm, "norm.GroupNorm": _norm,
    "norm.BatchNormApply": lambda args, y: (0, 2 * y[0]._data.size),
    "norm.RMSNorm": lambda args, y: (0, (3 + (args[1] is not None)) * y[0]._data.size),
    "softmax.Softmax": _each(5), "softmax.LogSoftmax": _each(5), "softmax.CrossEntropy": _read(5),
    "softmax.NLL": lambda args, y: (0, args[0]._data.shape[0]),
    "pool.MaxPool2d": _pool, "pool.AvgPool2d": _pool, "pool.AdaptiveAvgPool2d": _read(1), "pool3d.MaxPool3d": _pool,
    "pool3d.AdaptiveMaxPool3d": _read(1), "reduce.Var": _read(3), "reduce.LogSumExp": _read(3),
    "distance.Norm2": _read(2), "extremum.SelectExtremum": _read(1), "resample.Resample": _resample,
    "fold.Fold": _read(1),
    "embedding.BagSums": lambda args, y: (0, len(args[1]) * y[0]._data.shape[-1]),
    "_common.SumTo": _read(1), "index.ScatterAdd": _read(1), "scatter_reduce.ScatterReduce": _read(1),
    "segment.SegmentSum": _read(1), "scan.LogCumSumExp": _read(3), "choice.Where": _each(0), "_unary.Reshape": _each(0),
    "ternary.Clamp": _each(2), "ctc.CTC": _read(8),
}  # fmt: skip

FAMILIES: dict[str, Callable[..., Count]] = {
    **dict.fromkeys(["activation", "binary", "division", "elementwise", "exponential", "pairwise", "pointwise",
                     "shrink", "special", "incomplete", "bessel", "dropout", "ternary", "trigonometric", "_unary"],
                    _each(1)),
    **dict.fromkeys(["extremum", "reduce", "scan", "statistics"], _read(1)),
    "loss": _read(3), "pairs": _read(3),
    **dict.fromkeys(["_common", "arrange", "creation", "diagonal", "draws", "embedding",
                     "fold", "index", "join", "order", "points", "repeat", "sampling",
                     "scatter", "scatter_reduce", "segment", "shape", "strided", "triangle"], _each(0)),
}  # fmt: skip
"""What is left, by the module of `lucid._functions` that defines it."""


def count_operation(operation: Any, args: tuple[Any, ...], results: tuple[Any, ...]) -> Count | None:
    """Multiply-adds and further operations of one call; None if there is no rule.

    Comparisons, and operations on integers and bools, count nothing.
    """
    if not isinstance(operation, type) or results[0]._data.dtype.kind in "biu":
        return 0, 0
    module, name = operation.__module__, operation.__name__
    family = module.rpartition(".")[2]
    if not module.startswith("lucid."):
        return None
    rule = PRODUCTS.get(f"{family}.{name}") or OTHERS.get(f"{family}.{name}") or FAMILIES.get(family)
    if rule is None and name == "Passage":  # of hooks
        return 0, 0
    return None if rule is None else rule(args, results)


@dataclass
class FlopCount:
    """The arithmetic of one forward pass.

    Attributes:
        macs: multiply-adds of convolutions, linear layers, matrix products, attention and recurrent layers.
        flops: 2 * macs and everything else.
        by_module: flops by the path of the module whose own operations they are; "" is the model itself.
        macs_by_module: the same of the multiply-adds alone.
        by_operation: flops by operation.
        uncounted: operations without a rule, and how often they ran; they are not in the totals.

    Example:
        >>> import lucid
        >>> count = lucid.count_flops(lucid.nn.Linear(4, 3), lucid.ones(2, 4))
        >>> count.macs
        24
    """

    macs: int = 0
    flops: int = 0
    by_module: Counter[str] = field(default_factory=Counter)
    macs_by_module: Counter[str] = field(default_factory=Counter)
    by_operation: Counter[str] = field(default_factory=Counter)
    uncounted: Counter[str] = field(default_factory=Counter)

    def __int__(self) -> int:
        return self.flops

    def __str__(self) -> str:
        lines = [f"{self.flops:,} floating-point operations, {self.macs:,} multiply-adds (each counts 2) among them"]
        lines += [f"  {n:>20,}  {name}" for name, n in self.by_operation.most_common()]
        lines += [f"  not counted: {name} ({n} calls)" for name, n in self.uncounted.most_common()]
        return "\n".join(lines)

    def add(self, path: str, name: str, count: Count | None) -> None:
        """Note one operation.

        Args:
            path, name: of the module and the operation.
            count: multiply-adds and further operations; None if there is no rule.
        """
        if count is None:
            self.uncounted[name] += 1
            return
        macs, rest = count
        self.macs += macs
        self.flops += 2 * macs + rest
        if macs or rest:
            self.macs_by_module[path] += macs
            self.by_module[path] += 2 * macs + rest
            self.by_operation[name] += 2 * macs + rest


class FlopCounter(Observer):
    """Counts the operations of a thread into ``count``."""

    def __init__(self, calls: Calls | None = None) -> None:
        self.count, self.calls = FlopCount(), calls

    def after(self, operation: Any, args: tuple[Any, ...], results: tuple[Any, ...], note: Any) -> None:
        path = self.calls.path if self.calls is not None else ""
        self.count.add(path, operation_name(operation), count_operation(operation, args, results))


def count_flops(model: Any, *args: Any, **kwargs: Any) -> FlopCount:
    """The floating-point operations of ``model(*args, **kwargs)``, counted while it runs.

    A multiply-add of a product counts 2. With y elements in the result:

    - convolution: 2 * y * (channels of a group) * (elements of the kernel), and y for a bias; transposed, the same
      with the elements of the input; linear: 2 * y * (in features), and y for a bias; matrix product: 2 * y * k;
    - attention: 2 * (query size + value size) for each score that is not ruled out by causality, 6 for each score
      (scaling, maximum, difference, exp, sum, quotient), one more for a mask;
    - recurrent layers: 2 * (elements of the matrices) for each step, and the gates: biases, activations, updates;
    - normalisation: 6 * y, and y for each of weight and bias; with stored statistics 2 * y; RMS norm 3 * y and y;
    - softmax: 5 * y; pooling: y * (elements of the window); interpolation: 2 * taps - 1 for each element and dimension;
    - elementwise functions and arithmetic: y, whatever the function; sums, products, extrema: the elements read;
    - views, copies, indexing, comparisons, integers: nothing.

    Algorithms that need fewer multiplications (Winograd) change nothing: what the definition asks for is counted.
    Modules run in evaluation mode, without recording, and are put back; random numbers are drawn as if nothing had run.

    Args:
        model: a module or a function.
        args, kwargs: its arguments.

    Returns:
        The totals, also by module and by operation; ``int()`` of it is the number of operations.

    Raises:
        TypeError: ``model`` is neither a module nor a function.

    Example:
        >>> import lucid
        >>> from lucid import nn
        >>> count = lucid.count_flops(nn.Linear(10, 5), lucid.ones(2, 10))
        >>> count.macs, count.flops
        (100, 210)
    """
    if not callable(model):
        raise TypeError(f"count_flops: expected a module or a function, got {type(model).__name__}")
    with inference(model), Calls(model) as calls:
        counter = FlopCounter(calls)
        with watched_by(counter):
            model(*args, **kwargs)
    return counter.count
