"""Merging layers for inference."""

from __future__ import annotations

import copy
from typing import Any

from lucid._functions.creation import zeros_like
from lucid.autograd._mode import no_grad
from lucid.nn.parameter import Parameter


def fuse_conv_bn_eval(conv: Any, bn: Any) -> Any:
    """A convolution that computes ``bn(conv(x))`` with the running statistics of ``bn``.

    Args:
        conv: Conv1d or Conv2d in evaluation mode.
        bn: the BatchNorm after it, in evaluation mode.

    Returns:
        A new convolution; the arguments are not changed.

    Raises:
        ValueError: one of them is in training mode, or the normalisation keeps no running statistics.
    """
    if conv.training or bn.training:
        raise ValueError("fuse_conv_bn_eval: both modules must be in evaluation mode; call eval() first")
    if bn.running_mean is None or bn.running_var is None:
        raise ValueError("fuse_conv_bn_eval: the batch norm keeps no running statistics")
    fused = copy.deepcopy(conv)
    with no_grad():
        scale = (bn.running_var + bn.eps).rsqrt()
        if bn.weight is not None:
            scale = scale * bn.weight
        bias = zeros_like(bn.running_mean) if conv.bias is None else conv.bias.detach()
        shift = (bias - bn.running_mean) * scale
        if bn.bias is not None:
            shift = shift + bn.bias
        fused.weight = Parameter(conv.weight * scale.reshape(-1, *[1] * (conv.weight.ndim - 1)), conv.weight.requires_grad)
        fused.bias = Parameter(shift, conv.weight.requires_grad)
    return fused
