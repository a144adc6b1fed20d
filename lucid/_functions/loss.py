"""Losses that are not compositions of other functions. Cross-entropy is with the softmax it is fused with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lucid import _ops
from lucid._functions.binary import clamp
from lucid._functions.pointwise import log, log1p
from lucid.autograd._node import Node

if TYPE_CHECKING:
    from lucid._tensor import Tensor

LOWEST_LOG = -100.0
"""Logarithms are cut off here, so that a probability of exactly 0 costs 100 and not infinity."""


class BinaryCrossEntropy(Node):
    """-(y * log(p) + (1 - y) * log(1 - p)), per element.

    The denominator of the gradient (p - y) / (p * (1 - p)) is kept above 1e-12, as in PyTorch.
    """

    __slots__ = ()

    def forward(self, p: Tensor, y: Tensor) -> np.ndarray:
        self.saved = (p, y)
        one = np.ones((), p._data.dtype)
        yes = _ops.clamp(_ops.log(p._data), LOWEST_LOG, np.inf)
        no = _ops.clamp(_ops.log1p(_ops.neg(p._data)), LOWEST_LOG, np.inf)
        return _ops.neg(_ops.add(_ops.mul(y._data, yes), _ops.mul(_ops.sub(one, y._data), no)))

    def backward(self, dz: Tensor) -> tuple[Tensor | None, Tensor | None]:
        p, y = self.unpack()
        dp = dy = None
        if self.edges[0] is not None:
            dp = dz * (p - y) / clamp(p * (1 - p), min=1e-12)
        if self.edges[1] is not None:
            dy = dz * (clamp(log1p(-p), min=LOWEST_LOG) - clamp(log(p), min=LOWEST_LOG))
        return dp, dy
