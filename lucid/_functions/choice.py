"""Elements of one tensor or of another, by a condition."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from lucid import _dtype, _ops
from lucid._functions._arguments import check_tensors
from lucid._functions._common import Operand, as_tensor, broadcast_shapes, cast, operands, sum_to
from lucid.autograd._node import Node, TensorBase, wrap

if TYPE_CHECKING:
    from lucid._tensor import Tensor


class Where(Node):
    """condition ? x : y."""

    __slots__ = ("condition", "shapes")

    def forward(self, x: Tensor, y: Tensor, condition: Tensor) -> np.ndarray:
        self.condition, self.shapes = condition, (x._data.shape, y._data.shape)
        if x._data.dtype.kind == "f":
            return _ops.where(condition._data, x._data, y._data)
        return np.where(condition._data, x._data, y._data)

    def backward(self, dz: Tensor) -> tuple[Tensor | None, Tensor | None]:
        dx = dy = None
        if self.edges[0] is not None:
            dx = sum_to(where(self.condition, dz, 0.0), self.shapes[0])
        if self.edges[1] is not None:
            dy = sum_to(where(self.condition, 0.0, dz), self.shapes[1])
        return dx, dy


def where(condition: Tensor, x: Operand | None = None, y: Operand | None = None, *, out: Tensor | None = None) -> Any:
    """``x`` where the condition holds, ``y`` elsewhere, broadcast together.

    Args:
        condition: tensor of bool, or of uint8.
        x, y: tensors or numbers. Without them the result is ``nonzero(condition, as_tuple=True)``.
        out: tensor that receives the result.

    Raises:
        TypeError: the condition is not bool.

    Example:
        >>> import lucid
        >>> print(lucid.where(lucid.tensor([True, False]), lucid.tensor([1.0, 2.0]), 0.0))
        [1.0, 0.0]
    """
    check_tensors("where", condition)
    if x is None and y is None:
        return tuple(wrap(i) for i in np.nonzero(np.atleast_1d(condition._data)))
    if condition._data.dtype == np.uint8:  # as PyTorch still takes it
        condition = cast(condition, _dtype.bool_)
    if condition._data.dtype.kind != "b":
        raise TypeError(
            f"where: expected condition to be a boolean tensor, but got a tensor with dtype {condition.dtype}"
        )
    if not isinstance(x, TensorBase) and not isinstance(y, TensorBase):
        x = as_tensor(x)
    x, y = operands("where", x, y)
    broadcast_shapes("where", condition._data.shape, x._data.shape, y._data.shape)
    return Where.apply(x, y, condition)


__all__ = ["where"]
