"""Merging a batch normalisation into the layer before it, for inference."""

from __future__ import annotations

import copy
from typing import Any

from lucid._functions.shape import reshape
from lucid._tensor import Tensor
from lucid.autograd._mode import no_grad
from lucid.nn.modules.batch_norm import BatchNorm1d, BatchNorm2d
from lucid.nn.modules.conv import Conv1d, Conv2d
from lucid.nn.modules.linear import Linear
from lucid.nn.parameter import Parameter
from lucid.nn.utils._checks import check_module


def _fuse(name: str, layer: Any, bn: Any) -> Any:
    """A copy of ``layer`` with weight * s and (bias - mean) * s + shift, where s = scale / sqrt(var + eps)."""
    check_module(name, layer, bn)
    if layer.training or bn.training:
        raise ValueError(f"{name}: both modules must be in evaluation mode; call eval() first")
    if bn.running_mean is None or bn.running_var is None:
        raise ValueError(f"{name}: the batch norm keeps no running statistics (track_running_stats=False)")
    outputs = layer.weight.shape[0]
    if bn.num_features != outputs:
        raise ValueError(f"{name}: the batch norm has {bn.num_features} channels, the layer {outputs} outputs")
    with no_grad():
        scale: Tensor = (bn.running_var + bn.eps).rsqrt()
        if bn.weight is not None:
            scale = scale * bn.weight
        shift = -bn.running_mean * scale if layer.bias is None else (layer.bias - bn.running_mean) * scale
        if bn.bias is not None:
            shift = shift + bn.bias
        weight = layer.weight * reshape(scale, (outputs, *(1,) * (layer.weight.ndim - 1)))
    fused = copy.deepcopy(layer)
    fused.weight = Parameter(weight, layer.weight.requires_grad)
    fused.bias = Parameter(shift, (layer.weight if layer.bias is None else layer.bias).requires_grad)
    return fused


def fuse_conv_bn_eval(conv: Conv1d | Conv2d, bn: BatchNorm1d | BatchNorm2d) -> Any:
    """A convolution that computes ``bn(conv(x))`` with the running statistics of ``bn``.

    Args:
        conv: the convolution, in evaluation mode.
        bn: the batch normalisation after it, in evaluation mode.

    Returns:
        A new convolution; the arguments are not changed.

    Raises:
        TypeError: an argument is not a Module.
        ValueError: a module is in training mode, the channels differ, or there are no running statistics.

    Example:
        >>> import lucid
        >>> from lucid import nn
        >>> conv, bn = nn.Conv2d(3, 8, 3).eval(), nn.BatchNorm2d(8).eval()
        >>> x = lucid.randn(2, 3, 5, 5)
        >>> lucid.allclose(nn.utils.fuse_conv_bn_eval(conv, bn)(x), bn(conv(x)), atol=1e-5)
        True

    Source: Jacob et al., Quantization and training of neural networks, arXiv:1712.05877, section 3.2 (batch norm
    folding).
    """
    return _fuse("fuse_conv_bn_eval", conv, bn)


def fuse_linear_bn_eval(linear: Linear, bn: BatchNorm1d) -> Any:
    """A linear layer that computes ``bn(linear(x))`` with the running statistics of ``bn``.

    Args:
        linear: the linear layer, in evaluation mode.
        bn: the batch normalisation after it, in evaluation mode.

    Returns:
        A new linear layer; the arguments are not changed.

    Raises:
        TypeError: an argument is not a Module.
        ValueError: a module is in training mode, the channels differ, or there are no running statistics.

    Example:
        >>> import lucid
        >>> linear, bn = lucid.nn.Linear(2, 3).eval(), lucid.nn.BatchNorm1d(3).eval()
        >>> fused = lucid.nn.utils.fuse_linear_bn_eval(linear, bn)
        >>> x = lucid.ones(1, 2)
        >>> bool(((fused(x) - bn(linear(x))).abs() < 1e-5).all())
        True

    Source: Jacob et al., Quantization and training of neural networks, arXiv:1712.05877, section 3.2 (batch norm
    folding).
    """
    return _fuse("fuse_linear_bn_eval", linear, bn)
