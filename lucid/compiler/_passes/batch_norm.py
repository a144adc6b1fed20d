"""Batch norms in evaluation are affine: they become part of the weights of the convolution or linear layer before."""

from __future__ import annotations

import numpy as np

from lucid.compiler._graph import Graph, Op, Value


def fold_batch_norms(graph: Graph) -> None:
    """weight' = weight * g and bias' = (bias - mean) * g + shift, with g = scale / sqrt(var + eps), in float64."""
    users, makers = graph.users(), graph.makers()
    for norm in list(graph.ops):
        if norm.kind != "batch_norm" or not all(x.constant for x in norm.inputs[1:]):
            continue
        layer = makers.get(norm.inputs[0])
        if layer is None or graph.sole_user(layer.output, users) is not norm or not _fits(layer):
            continue
        _fold(layer, norm)
        graph.remove({norm})
        makers[layer.output] = layer


def _fits(layer: Op) -> bool:
    plain = layer.kind in ("conv2d", "conv_transpose2d") or (layer.kind == "linear" and len(layer.output.shape) == 2)
    return plain and "activation" not in layer.attributes and all(x.constant for x in layer.inputs[1:])


def affine(norm: Op) -> tuple[np.ndarray, np.ndarray]:
    """Factor and shift of every channel, in float64."""
    arrays = [x.array.astype(np.float64) for x in norm.inputs[1:] if x.array is not None]
    weight = arrays.pop(0) if norm.attributes["weight"] else np.ones(())
    bias = arrays.pop(0) if norm.attributes["bias"] else np.zeros(())
    mean, var = arrays
    factor = weight / np.sqrt(var + norm.attributes["eps"])
    return factor, bias - mean * factor


def _fold(layer: Op, norm: Op) -> None:
    factor, shift = affine(norm)
    weight, *bias = layer.inputs[1:]
    assert weight.array is not None
    scaled = np.empty(weight.shape, weight.dtype)
    factors = factor.reshape(-1, *(1,) * (len(weight.shape) - 1))
    if layer.kind == "conv_transpose2d":  # (channels of x, those of a group of y, kernel)
        groups = layer.attributes["groups"]
        factors = np.broadcast_to(factor, (groups * weight.shape[1],)).reshape(groups, 1, weight.shape[1])
        factors = np.repeat(factors, weight.shape[0] // groups, 1).reshape(*weight.shape[:2], 1, 1)
    np.multiply(weight.array, factors, out=scaled, dtype=np.float64, casting="unsafe")  # a buffer at a time
    if bias and bias[0].array is not None:
        shift = shift + bias[0].array * factor
    made_of = ("batch_norm", norm.attributes["eps"], *[x.key for x in (*layer.inputs[1:], *norm.inputs[1:])])
    layer.inputs[1:] = [
        Value.of(scaled, key=("weight", *made_of)),
        Value.of(shift.astype(weight.dtype), key=("bias", *made_of)),
    ]
    layer.attributes["bias"], layer.call = True, None
    layer.outputs, layer.covers = norm.outputs, layer.covers + norm.covers
