"""Quantised operators, computed in floating point: exact where the sums of integers are below 2^53."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import lucid
from lucid import Tensor
from lucid.onnx._neural import conv
from lucid.onnx._registry import operator
from lucid.onnx._types import dtype_of


def _along(t: Tensor, x: Tensor, axis: int, block: int) -> Tensor:
    """A scale or zero point beside ``x``: one for all, one for each slice, or one for each block of slices."""
    if block:
        wide = t.repeat_interleave(block, axis)
        return wide.narrow(axis, 0, x.shape[axis]) if wide.shape[axis] != x.shape[axis] else wide
    if t.ndim == 0 or t.numel() == 1:
        return t.reshape(())
    shape = [1] * x.ndim
    shape[axis] = t.shape[0]
    return t.reshape(shape)


def _rounded(x: Tensor, target: Any) -> Tensor:
    limits = lucid.iinfo(target)
    return lucid.clamp(x, limits.min, limits.max).to(target)


@operator("QuantizeLinear")
def quantize_linear(
    x: Tensor, scale: Tensor, zero: Tensor | None = None, *, axis: int = 1, block_size: int = 0, output_dtype: int = 0,
    precision: int = 0, saturate: int = 1,
) -> Tensor:  # fmt: skip
    target = zero.dtype if zero is not None else dtype_of(output_dtype) if output_dtype else lucid.uint8
    y = lucid.round(x.to(scale.dtype) / _along(scale, x, axis, block_size))
    if zero is not None:
        y = y + _along(zero, x, axis, block_size).to(y.dtype)
    return _rounded(y, target)


@operator("DequantizeLinear")
def dequantize_linear(
    x: Tensor, scale: Tensor, zero: Tensor | None = None, *, axis: int = 1, block_size: int = 0, output_dtype: int = 0
) -> Tensor:
    y = x.to(scale.dtype)
    if zero is not None:
        y = y - _along(zero, x, axis, block_size).to(scale.dtype)
    y = y * _along(scale, x, axis, block_size)
    return y.to(dtype_of(output_dtype)) if output_dtype else y


@operator("DynamicQuantizeLinear", results=3)
def dynamic_quantize_linear(x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    low, high = lucid.clamp(x.amin(), max=0.0), lucid.clamp(x.amax(), min=0.0)
    scale = (high - low) / 255
    scale = lucid.where(scale == 0, 1.0, scale)
    zero = _rounded(lucid.round(-low / scale), lucid.uint8)
    return quantize_linear(x, scale, zero), scale, zero


def _shifted(x: Tensor, zero: Tensor | None, axis: int) -> Tensor:
    wide = x.to(lucid.float64)
    return wide if zero is None else wide - _along(zero, x, axis, 0).to(lucid.float64)


def _rows(zero: Tensor | None, x: Tensor) -> Tensor | None:
    """A zero point for each row of matrices."""
    return zero if zero is None or zero.ndim != 1 or zero.numel() == 1 else zero.unsqueeze(-1)


@operator("MatMulInteger")
def matmul_integer(a: Tensor, b: Tensor, a_zero: Tensor | None = None, b_zero: Tensor | None = None) -> Tensor:
    left = a.to(lucid.float64)
    if a_zero is not None:
        zero = _rows(a_zero, a)
        left = left - (zero if zero is not None else a_zero).to(lucid.float64)
    right = b.to(lucid.float64)
    right = right if b_zero is None else right - b_zero.to(lucid.float64)
    return lucid.matmul(left, right).to(lucid.int32)


@operator("ConvInteger")
def conv_integer(
    x: Tensor, weight: Tensor, x_zero: Tensor | None = None, w_zero: Tensor | None = None, *, auto_pad: str = "NOTSET",
    dilations: Sequence[int] | None = None, group: int = 1, kernel_shape: Sequence[int] | None = None,
    pads: Sequence[int] | None = None, strides: Sequence[int] | None = None,
) -> Tensor:  # fmt: skip
    y = conv(_shifted(x, x_zero, 1), _shifted(weight, w_zero, 0), auto_pad=auto_pad, dilations=dilations, group=group,
             pads=pads, strides=strides)  # fmt: skip
    return lucid.round(y).to(lucid.int32)


@operator("QLinearMatMul")
def qlinear_matmul(
    a: Tensor, a_scale: Tensor, a_zero: Tensor, b: Tensor, b_scale: Tensor, b_zero: Tensor, y_scale: Tensor,
    y_zero: Tensor,
) -> Tensor:  # fmt: skip
    left = (a.to(lucid.float64) - _side(a_zero, -1)) * _side(a_scale, -1)
    right = (b.to(lucid.float64) - b_zero.to(lucid.float64)) * b_scale.to(lucid.float64)
    y = lucid.matmul(left, right) / _side(y_scale, -1)
    return _rounded(lucid.round(y) + _side(y_zero, -1), y_zero.dtype)


def _side(t: Tensor, axis: int) -> Tensor:
    wide = t.to(lucid.float64)
    return wide.unsqueeze(axis) if wide.ndim == 1 and wide.numel() > 1 else wide


@operator("QLinearConv")
def qlinear_conv(
    x: Tensor, x_scale: Tensor, x_zero: Tensor, weight: Tensor, w_scale: Tensor, w_zero: Tensor, y_scale: Tensor,
    y_zero: Tensor, bias: Tensor | None = None, *, auto_pad: str = "NOTSET", dilations: Sequence[int] | None = None,
    group: int = 1, kernel_shape: Sequence[int] | None = None, pads: Sequence[int] | None = None,
    strides: Sequence[int] | None = None,
) -> Tensor:  # fmt: skip
    sums = conv(_shifted(x, x_zero, 1), _shifted(weight, w_zero, 0), None if bias is None else bias.to(lucid.float64),
                auto_pad=auto_pad, dilations=dilations, group=group, pads=pads, strides=strides)  # fmt: skip
    factor = x_scale.to(lucid.float64) * _along(w_scale, sums, 1, 0).to(lucid.float64)
    y = lucid.round(sums * (factor / y_scale.to(lucid.float64)))
    return _rounded(y + y_zero.to(lucid.float64), y_zero.dtype)
