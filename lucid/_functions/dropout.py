"""Dropout by a counter-based generator: the mask is regenerated in backward, never stored."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lucid import _ops
from lucid.autograd._node import Node

if TYPE_CHECKING:
    from lucid._tensor import Tensor


class Dropout(Node):
    """Each element zeroed with probability p, the others divided by 1 - p."""

    __slots__ = ("options",)

    def forward(self, x: Tensor, p: float, seed: int, offset: int) -> np.ndarray:
        self.options = (p, seed, offset)
        return _ops.dropout(x._data, p, seed, offset)

    def backward(self, dy: Tensor) -> Tensor:
        return Dropout.apply(dy, *self.options)
