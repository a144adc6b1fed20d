"""What a trace needs of the large operations of a network: the shape of their result, not its values.

No code reads the values of a trace, so the operations listed here are not computed while one is made: their results are
memory that was never touched, which reads as zeros and takes none. A first call takes less time and no more memory than
the plan. Should an operation refuse such zeros, the function is traced once more with everything computed.
"""

from __future__ import annotations

import math
import mmap
from collections.abc import Callable
from typing import Any

import numpy as np

from lucid._functions import (
    activation,
    attention,
    binary,
    conv,
    division,
    embedding,
    exponential,
    join,
    matmul,
    norm,
    pointwise,
    pool,
    rnn,
    softmax,
    ternary,
)
from lucid.autograd._node import TensorBase, wrap

Shape = tuple[int, ...]
FLOAT = np.dtype(np.float32)
SMALL = 1 << 16
"""Bytes below which memory is what ``np.zeros`` gives."""

_array_of = TensorBase.__dict__["_data"]


def shape_of(x: Any) -> Shape:
    """Of a float32 tensor; TypeError for others."""
    array = _array_of.__get__(x)
    if array.dtype != FLOAT or not array.size:
        raise TypeError
    return array.shape


def _same(x: Any, *rest: Any) -> Shape:
    return shape_of(x)


def _fits(condition: bool) -> None:
    if not condition:
        raise ValueError


def _convolution(x: Any, weight: Any, bias: Any, geometry: Any) -> Shape:
    (n, channels, *sizes), (rows, each, *kernel) = shape_of(x), shape_of(weight)
    _fits(channels == each * geometry.groups and rows % geometry.groups == 0 and len(sizes) == len(kernel))
    _fits(bias is None or shape_of(bias) == (rows,))
    plane = [
        (size + sum(padding) - dilation * (taps - 1) - 1) // stride + 1
        for size, taps, stride, padding, dilation in zip(sizes, kernel, *geometry[:3])
    ]
    _fits(len(plane) == len(sizes) and min(plane) > 0)
    return (n, rows, *plane)


def _input_gradient(dy: Any, weight: Any, bias: Any, shape: Shape, geometry: Any) -> Shape:
    _fits(shape_of(dy)[1] == shape_of(weight)[0])
    return shape


def _linear(x: Any, weight: Any, bias: Any) -> Shape:
    (*rows, k), (n, width) = shape_of(x), shape_of(weight)
    _fits(k == width and (bias is None or shape_of(bias) == (n,)))
    return (*rows, n)


def _matmul(x: Any, y: Any) -> Shape:
    (*left, m, k), (*right, width, n) = shape_of(x), shape_of(y)
    _fits(k == width)
    return (*np.broadcast_shapes(tuple(left), tuple(right)), m, n)


def _broadcast(x: Any, y: Any, alpha: float = 1) -> Shape:
    return np.broadcast_shapes(shape_of(x), shape_of(y))


def _joined(dim: int, *tensors: Any) -> Shape:
    first, *rest = map(shape_of, tensors)
    _fits(all(s[:dim] == first[:dim] and s[dim + 1 :] == first[dim + 1 :] for s in rest))
    return (*first[:dim], sum(s[dim] for s in (first, *rest)), *first[dim + 1 :])


def _rows_of(weight: Any, index: Any, padding: int) -> Shape:
    return (*index.shape, shape_of(weight)[1])


def _attention(q: Any, k: Any, v: Any, *rest: Any) -> Shape:
    (*lead, _), keys, (*_, size) = shape_of(q), shape_of(k), shape_of(v)
    _fits(len(keys) == len(lead) + 1)
    return (*lead, size)


SHAPES: dict[Any, Callable[..., Shape]] = {
    **dict.fromkeys(
        (activation.SiLU, activation.HardSwish, activation.HardSigmoid, activation.Mish, activation.GELU,
         activation.GELUTanh, activation.ReLU, activation.HardTanh, activation.LeakyReLU, activation.ELU,
         activation.Sigmoid, activation.Tanh, activation.Softplus, exponential.erf.operation, exponential.exp.operation,
         pointwise.sqrt.operation, ternary.Clamp, norm.BatchNormApply, norm.LayerNorm, norm.GroupNorm, softmax.Softmax),
        _same,
    ),
    **dict.fromkeys(
        (binary.Add, binary.Mul, division.Div, binary.Pow, binary.Maximum, binary.Minimum), _broadcast),
    conv.Convolution: _convolution,
    conv.ConvolutionInputGrad: _input_gradient,
    matmul.Linear: _linear,
    matmul.MatMul: _matmul,
    join.Cat: _joined,
    embedding.Embedding: _rows_of,
    attention.Attention: _attention,
}  # fmt: skip
"""Operations whose result is one float32 tensor."""


def _recurrent(mode: str, sizes: tuple[int, ...], bias: bool, x: Any, h0: Any, c0: Any, *weights: Any) -> list[Shape]:
    directions, batch, size = shape_of(h0)
    each = len(weights) // directions
    width, units = shape_of(x)[1], shape_of(weights[1])[0] // rnn.GATES[mode]
    _fits(each * directions == len(weights) and sum(sizes) == shape_of(x)[0] and shape_of(weights[0])[1] == width)
    states = [(directions, batch, size)]
    if c0 is not None:
        states.append((directions, batch, units))
        _fits(shape_of(c0) == states[1])
    return [(sum(sizes), directions * size), *states]


BY_SAMPLE = (pool.MaxPool2d, pool.AvgPool2d, pool.AdaptiveAvgPool2d)
"""Operations that are done for one sample, for the shapes that all have."""


def imagine(operation: Any, args: tuple[Any, ...]) -> tuple[np.ndarray, ...] | None:
    """Arrays of the shapes that the results have; None where the operation has to run."""
    try:
        if operation in SHAPES:
            return (blank(SHAPES[operation](*args), FLOAT),)
        if operation is rnn.Recurrent:
            return tuple([blank(shape, FLOAT) for shape in _recurrent(*args)])
        if operation in BY_SAMPLE and shape_of(args[0])[0] > 1:
            found = operation().forward(_sample(args[0]), *args[1:])
            results = found if isinstance(found, tuple) else (found,)
            return tuple([blank((shape_of(args[0])[0], *y.shape[1:]), y.dtype) for y in results])
    except Exception:  # what is wrong with the arguments, the operation itself says
        return None
    return None


def _sample(x: Any) -> Any:
    return wrap(_array_of.__get__(x)[:1])


def blank(shape: Shape, dtype: np.dtype[Any]) -> np.ndarray:
    """Zeros in memory that is not there before something is written."""
    nbytes = math.prod(shape) * dtype.itemsize
    if nbytes < SMALL:
        return np.zeros(shape, dtype)
    return np.frombuffer(mmap.mmap(-1, nbytes), dtype, math.prod(shape)).reshape(shape)
