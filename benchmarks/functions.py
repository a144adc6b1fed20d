"""Everything else a training step touches, forward and backward."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from case import Case, Step, data, gradients, tensor


def norm(t: Any, name: str, *shape: int) -> Step:
    """batch_norm in training, layer_norm, rms_norm over the last dimension, group_norm of 8 groups, instance_norm."""
    f = getattr(t.nn.functional, name)
    x, c = tensor(t, *shape, grad=True), shape[1]
    w, b = (t.from_numpy(np.abs(data(c, seed=s)) + np.float32(0.5)).requires_grad_() for s in (1, 2))
    if name == "batch_norm":
        return gradients(t, lambda x, w, b: f(x, None, None, w, b, True), x, w, b)
    if name == "instance_norm":
        return gradients(t, lambda x, w, b: f(x, None, None, w, b), x, w, b)
    if name == "group_norm":
        return gradients(t, lambda x, w, b: f(x, 8, w, b), x, w, b)
    if name == "rms_norm":
        return gradients(t, lambda x, w: f(x, (c,), w), x, w)
    return gradients(t, lambda x, w, b: f(x, (c,), w, b), x, w, b)


def pooling(t: Any, name: str, *shape: int) -> Step:
    functional = t.nn.functional
    f = {
        "max_pool2d": lambda x: functional.max_pool2d(x, 2),
        "max_pool2d 3x3/2": lambda x: functional.max_pool2d(x, 3, 2, 1),
        "avg_pool2d": lambda x: functional.avg_pool2d(x, 3, 2, 1),
        "adaptive_avg_pool2d": lambda x: functional.adaptive_avg_pool2d(x, 1),
    }[name]
    return gradients(t, f, tensor(t, *shape, grad=True))


def reduction(t: Any, name: str, *shape: int) -> Step:
    f: dict[str, Callable[[Any], Any]] = {
        "sum": lambda x: x.sum(), "sum rows": lambda x: x.sum(1), "sum columns": lambda x: x.sum(0),
        "mean channels": lambda x: x.mean((0, 2, 3)), "amax rows": lambda x: x.amax(1), "var rows": lambda x: x.var(1),
        "logsumexp rows": lambda x: x.logsumexp(1), "log_softmax": lambda x: t.nn.functional.log_softmax(x, 1),
    }  # fmt: skip
    return gradients(t, f[name], tensor(t, *shape, grad=True))


def pointwise(t: Any, name: str, *shape: int) -> Step:
    x, y = tensor(t, *shape, grad=True), tensor(t, *shape, seed=1, grad=True)
    row = t.from_numpy(np.abs(data(shape[1], seed=2)) + np.float32(0.5)).requires_grad_()
    if name == "add":
        return gradients(t, lambda x, y: x + y, x, y)
    return gradients(t, lambda x, row: x * row, x, row)


def loss(t: Any, name: str, *shape: int) -> Step:
    functional = t.nn.functional
    x = tensor(t, *shape, grad=True)
    if name == "cross_entropy":
        classes = t.from_numpy(np.arange(shape[0]) * 7 % shape[1])
        return gradients(t, lambda x: functional.cross_entropy(x, classes), x)
    target = data(*shape, seed=1)
    if name == "binary_cross_entropy_with_logits":
        target = (target > 0).astype(np.float32)
    y, f = t.from_numpy(target), getattr(functional, name)
    return gradients(t, lambda x: f(x, y), x)


def embedding(t: Any, words: int, width: int) -> Step:
    index = t.from_numpy(np.arange(128 * 16).reshape(128, 16) * 7919 % words)
    return gradients(t, lambda w: t.nn.functional.embedding(index, w), tensor(t, words, width, grad=True))


def attention(t: Any, batch: int, heads: int, length: int, width: int, causal: bool) -> Step:
    f = t.nn.functional.scaled_dot_product_attention
    q, k, v = (tensor(t, batch, heads, length, width, seed=s, grad=True) for s in (0, 1, 2))
    return gradients(t, lambda q, k, v: f(q, k, v, is_causal=causal), q, k, v)


def recurrent(t: Any, name: str, width: int, hidden: int, length: int, batch: int) -> Step:
    module = getattr(t.nn, name)(width, hidden)
    with t.no_grad():
        for i, p in enumerate(module.parameters()):
            p.copy_(t.from_numpy(data(*p.shape, seed=i) / np.float32(math.sqrt(hidden))))
    x = tensor(t, length, batch, width, grad=True)
    return gradients(t, lambda x, *_: module(x)[0], x, *module.parameters())


def functions() -> Iterator[Case]:
    image, matrix = (16, 64, 56, 56), (2048, 768)

    def cell(build: Callable[..., Step], name: str, shape: tuple[int, ...], *needs: str, **more: Any) -> Case:
        return Case("functions", f"{name} {'x'.join(map(str, shape))}", build, (name, *shape), needs=needs, **more)

    yield cell(norm, "batch_norm", image)
    yield cell(norm, "layer_norm", matrix)
    yield cell(norm, "group_norm", image)
    yield cell(norm, "instance_norm", image, "nn.functional.instance_norm")
    yield cell(norm, "rms_norm", matrix, "nn.functional.rms_norm")
    for name in ("max_pool2d", "max_pool2d 3x3/2", "avg_pool2d", "adaptive_avg_pool2d"):
        yield cell(pooling, name, image)
    yield cell(loss, "cross_entropy", (512, 1000))
    for name in ("mse_loss", "smooth_l1_loss", "binary_cross_entropy_with_logits"):
        yield cell(loss, name, matrix)
    for name in ("sum", "sum rows", "sum columns", "amax rows", "var rows", "logsumexp rows", "log_softmax"):
        yield cell(reduction, name, matrix)
    yield cell(reduction, "mean channels", image)
    for name in ("add", "mul broadcast"):
        yield cell(pointwise, name, matrix)
    yield Case("functions", "embedding 10000x256, 2048 words", embedding, (10_000, 256))
    for batch, heads, length, width, causal in (
        (16, 4, 128, 64, False),
        (8, 8, 512, 64, False),
        (1, 8, 1024, 64, True),
    ):
        # Two products forward, five backward; the causal half is counted as half.
        work = 7 * 2.0 * batch * heads * length * length * width * (0.5 if causal else 1)
        label = f"attention {batch}x{heads}x{length}x{width}{' causal' if causal else ''}"
        yield Case("functions", label, attention, (batch, heads, length, width, causal), flops=work,
                   needs=("nn.functional.scaled_dot_product_attention",))  # fmt: skip
    for name, gates in (("LSTM", 4), ("GRU", 3)):
        work = 3 * 2.0 * 50 * 32 * gates * 256 * (128 + 256)
        yield Case("functions", f"{name} 128-256, 50 steps, b32", recurrent, (name, 128, 256, 50, 32), flops=work,
                   needs=(f"nn.{name}",), tolerance=1e-3)  # fmt: skip
