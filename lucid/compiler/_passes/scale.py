"""Squeeze-and-excitation: channels scaled right before a convolution, which can do it while it reads them."""

from __future__ import annotations

from lucid.compiler._graph import Graph

FEWEST = 5
"""Input channels from which a convolution reads blocked images; below, images are plain and cannot be scaled."""


def fuse_scales(graph: Graph) -> None:
    """conv(x * s) with s of shape (N, C, 1, 1) as one operation, where nothing else reads the product."""
    users = graph.users()
    for mul in list(graph.ops):
        if mul.kind != "mul" or len(mul.output.shape) != 4:
            continue
        conv = graph.sole_user(mul.output, users)
        if conv is None or conv.kind != "conv2d" or conv.inputs[0] is not mul.output or mul.output in conv.inputs[1:]:
            continue
        n, c = mul.output.shape[:2]
        factors = [x for x in mul.inputs if x.shape == (n, c, 1, 1) and not x.constant]
        images = [x for x in mul.inputs if x.shape == mul.output.shape and x not in factors[:1]]
        if not factors or not images or conv.attributes["groups"] != 1 or c < FEWEST:
            continue
        if conv.attributes.get("scale") or conv.attributes.get("residual"):
            continue
        conv.inputs = [images[0], *conv.inputs[1:], factors[0]]
        conv.attributes["scale"], conv.call, conv.covers = True, None, mul.covers + conv.covers
        graph.remove({mul})
