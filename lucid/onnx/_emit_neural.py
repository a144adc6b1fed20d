"""How convolutions, pooling, normalisation and resampling are written."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from lucid._functions import conv, norm, pool, pool3d, resample
from lucid.onnx._resize import interpolation, positions
from lucid.onnx._sizes import in_trace, numbers_in
from lucid.onnx._traces import Size
from lucid.onnx._writer import Builder, Ref, Unsupported, exports

Ints = tuple[int, ...]


def _window(geometry: Any, weight: Ref) -> dict[str, Any]:
    return {
        "kernel_shape": list(weight.shape[2:]), "strides": list(geometry.stride),
        "dilations": list(geometry.dilation), "group": geometry.groups,
        "pads": [p for p, _ in geometry.padding] + [p for _, p in geometry.padding],
    }  # fmt: skip


@exports(conv.Convolution)
def convolution(b: Builder, x: Ref, weight: Ref, bias: Ref | None, geometry: Any) -> str:
    return b.node("Conv", x, weight, bias, **_window(geometry, weight))


@exports(conv.ConvolutionInputGrad, sizes=True)
def transposed(b: Builder, x: Ref, weight: Ref, bias: Ref | None, shape: Ints, geometry: Any) -> str:
    if any(isinstance(n, Size) for n in numbers_in(geometry)):
        raise Unsupported("a transposed convolution whose geometry depends on the dynamic axes")
    extra = []
    for d, (n, m) in enumerate(zip(x.shape[2:], shape[2:])):
        kernel = (weight.shape[2 + d] - 1) * geometry.dilation[d] + 1 - sum(geometry.padding[d])
        more = {in_trace(m, k) - (in_trace(n, k) - 1) * geometry.stride[d] - kernel for k in range(b.traces)}
        if len(more) > 1:
            raise Unsupported("a transposed convolution whose output size depends on the dynamic axes")
        extra.append(more.pop())
    return b.node("ConvTranspose", x, weight, bias, **_window(geometry, weight), output_padding=extra)


# Pooling


@exports(pool.MaxPool2d, pool3d.MaxPool3d)
def max_pool(
    b: Builder, x: Ref, kernel: Ints, stride: Ints, padding: Ints, dilation: Ints, ceil_mode: bool, *rest: Any
) -> str:
    return b.node("MaxPool", x, kernel_shape=list(kernel), strides=list(stride), pads=[*padding, *padding],
                  dilations=list(dilation), ceil_mode=int(ceil_mode))  # fmt: skip


@exports(pool.AvgPool2d)
def avg_pool(
    b: Builder, x: Ref, kernel: Ints, stride: Ints, padding: Ints, ceil_mode: bool, count_include_pad: bool,
    divisor_override: int | None,
) -> str:  # fmt: skip
    window: dict[str, Any] = {"kernel_shape": list(kernel), "strides": list(stride), "pads": [*padding, *padding]}
    if ceil_mode:
        shape = x.shape[2:]
        reach = [(n + 2 * p - k) % s for n, p, k, s in zip(shape, padding, kernel, stride)]
        if any(isinstance(n, Size) for n in shape) or (any(reach) and (count_include_pad or divisor_override)):
            raise Unsupported("avg_pool with ceil_mode")
    y = b.node("AveragePool", x, **window, ceil_mode=int(ceil_mode),
               count_include_pad=int(count_include_pad or divisor_override is not None))  # fmt: skip
    return y if divisor_override is None else b.node("Mul", y, b.like(x, math.prod(kernel) / divisor_override))


@exports(pool.AdaptiveAvgPool2d)
def adaptive_avg_pool(b: Builder, x: Ref, size: Ints) -> str:
    if tuple(size) == (1, 1):
        return b.node("GlobalAveragePool", x)
    if any(isinstance(n, Size) for n in x.shape[2:]):
        raise Unsupported("adaptive pooling of dynamic axes to more than one element")
    if all(n % m == 0 for n, m in zip(x.shape[2:], size)):
        window = [n // m for n, m in zip(x.shape[2:], size)]
        return b.node("AveragePool", x, kernel_shape=window, strides=window)
    rows, columns = (_means(n, m, x.dtype) for n, m in zip(x.shape[2:], size))
    return b.node("MatMul", b.node("MatMul", rows, x), np.ascontiguousarray(columns.T))


def _means(n: int, m: int, d: np.dtype[Any]) -> np.ndarray:
    """The matrix whose row i averages the elements from floor(i n / m) to ceil((i + 1) n / m)."""
    matrix = np.zeros((m, n), d)
    for i in range(m):
        first, last = i * n // m, -(-(i + 1) * n // m)
        matrix[i, first:last] = 1 / (last - first)
    return matrix


@exports(pool3d.AdaptiveMaxPool3d)
def adaptive_max_pool(b: Builder, x: Ref, places: tuple[Ref, ...]) -> str:
    y: Any = x
    for d, p in enumerate(places):
        if len({a.tobytes() for a in p.arrays}) > 1:
            raise Unsupported("adaptive pooling of dynamic axes")
        y = b.reduce("ReduceMax", b.node("Gather", y, p, axis=2 + d), (3 + d,), False)
    return y


# Normalisation


@exports(norm.BatchNormApply)
def batch_norm(b: Builder, x: Ref, weight: Ref | None, bias: Ref | None, m: Ref, v: Ref, eps: float) -> str:
    scale = np.ones(m.shape, x.dtype) if weight is None else weight
    shift = np.zeros(m.shape, x.dtype) if bias is None else bias
    return b.node("BatchNormalization", x, scale, shift, m, v, epsilon=float(eps))


@exports(norm.BatchNorm)
def batch_statistics(b: Builder, x: Ref, weight: Ref | None, bias: Ref | None, eps: float, *running: Any) -> str:
    """With the statistics of this batch: what layers without running statistics, and instance norm, are made of."""
    dims = (0, *range(2, x.rank))
    centered = b.node("Sub", x, b.reduce("ReduceMean", x, dims, True))
    v = b.reduce("ReduceMean", b.node("Mul", centered, centered), dims, True)
    y = b.node("Div", centered, b.node("Sqrt", b.node("Add", v, b.like(x, eps))))
    return _affine(b, y, x, weight, bias)


def _affine(b: Builder, y: str, x: Ref, weight: Ref | None, bias: Ref | None) -> str:
    """y * weight + bias along the channels."""
    wide = [-1, *[1] * (x.rank - 2)]
    y = y if weight is None else b.node("Mul", y, b.node("Reshape", weight, b.ints(*wide)))
    return y if bias is None else b.node("Add", y, b.node("Reshape", bias, b.ints(*wide)))


@exports(norm.GroupNorm)
def group_norm(b: Builder, x: Ref, weight: Ref | None, bias: Ref | None, groups: int, eps: float) -> str:
    rows = b.node("Reshape", x, b.ints(0, groups, -1))
    y = b.node("InstanceNormalization", rows, np.ones(groups, x.dtype), np.zeros(groups, x.dtype), epsilon=float(eps))
    return _affine(b, b.node("Reshape", y, b.node("Shape", x)), x, weight, bias)


# Resampling

_RESIZES = (("nearest", "asymmetric"), ("nearest", "half_pixel"), ("linear", "half_pixel"), ("linear", "align_corners"))


def _dense(matrix: Any, k: int, d: np.dtype[Any]) -> np.ndarray:
    """The matrix of trace ``k``."""
    inputs, outputs = in_trace(matrix.inputs, k), in_trace(matrix.outputs, k)
    dense = np.zeros((outputs, inputs), d)
    for tap in matrix.taps:
        rows = np.arange(outputs) if isinstance(tap.rows, slice) else tap.rows.arrays[k]
        np.add.at(dense, (rows, tap.columns.arrays[k]), tap.weights.arrays[k].astype(d))
    return dense


@exports(resample.Resample, sizes=True)
def resampled(b: Builder, x: Ref, matrix: Any, dim: int, backwards: Any) -> str:
    """As a product with the matrix, or as repetition; as ONNX resizes where sizes are not fixed."""
    if isinstance(dim, Size):
        raise Unsupported("interpolation whose order of dimensions depends on the dynamic axes")
    if isinstance(x.shape[dim], Size) or isinstance(matrix.outputs, Size):
        return _resized(b, x, matrix, dim)
    dense = _dense(matrix, 0, x.dtype)
    times = matrix.outputs // max(1, matrix.inputs)
    if np.array_equal(dense, np.repeat(np.eye(matrix.inputs, dtype=x.dtype), max(1, times), 0)):
        scales = np.ones(x.rank, np.float32)
        scales[dim] = times
        return b.node("Resize", x, None, scales, mode="nearest", coordinate_transformation_mode="asymmetric",
                      nearest_mode="floor")  # fmt: skip
    if all((np.count_nonzero(row) == 1 and row.max() == 1) for row in dense):
        return b.node("Gather", x, dense.argmax(1).astype(np.int64), axis=dim)
    if dim == x.rank - 1:
        return b.node("MatMul", x, np.ascontiguousarray(dense.T))
    if dim == x.rank - 2:
        return b.node("MatMul", dense, x)
    order = [d for d in range(x.rank) if d != dim] + [dim]
    moved = b.node("MatMul", b.node("Transpose", x, perm=order), np.ascontiguousarray(dense.T))
    return b.node("Transpose", moved, perm=[order.index(d) for d in range(x.rank)])


def _resized(b: Builder, x: Ref, matrix: Any, dim: int) -> str:
    for mode, coordinates in _RESIZES:
        if all(_is_resize(matrix, k, x.dtype, mode, coordinates) for k in range(b.traces)):
            wanted = b.dims([matrix.outputs if d == dim else n for d, n in enumerate(x.shape)])
            return b.node("Resize", x, None, None, wanted, mode=mode, coordinate_transformation_mode=coordinates,
                          nearest_mode="floor")  # fmt: skip
    raise Unsupported("interpolation of dynamic axes by other modes than nearest and linear, from size to size")


def _is_resize(matrix: Any, k: int, d: np.dtype[Any], mode: str, coordinates: str) -> bool:
    inputs, outputs = in_trace(matrix.inputs, k), in_trace(matrix.outputs, k)
    at = positions(coordinates, inputs, outputs, outputs / inputs, (0.0, 1.0))
    made = interpolation(inputs, outputs, at, mode, "floor", -0.75, False, 1.0)
    dense = np.zeros((outputs, inputs), d)
    for tap in made.taps:
        rows = np.arange(outputs) if isinstance(tap.rows, slice) else tap.rows
        np.add.at(dense, (rows, tap.columns), tap.weights)
    return bool(np.allclose(dense, _dense(matrix, k, d), rtol=0, atol=1e-6))
