"""Linear and bilinear maps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lucid._functions._arguments import check_tensors
from lucid._functions.matmul import linear, matmul
from lucid._functions.reduce import sum
from lucid._functions.shape import permute, reshape, unsqueeze

if TYPE_CHECKING:
    from lucid._tensor import Tensor

__all__ = ["bilinear", "linear"]


def bilinear(input1: Tensor, input2: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """y[o] = input1 @ weight[o] @ input2 + bias[o].

    Args:
        input1: shape (..., in1_features).
        input2: shape (..., in2_features).
        weight: shape (out_features, in1_features, in2_features).
        bias: shape (out_features,), or None.

    Returns:
        Shape (..., out_features).

    Raises:
        RuntimeError: the shapes do not fit.

    Example:
        >>> import lucid, lucid.nn.functional as F
        >>> F.bilinear(lucid.ones(5, 2), lucid.ones(5, 3), lucid.ones(4, 2, 3)).shape
        lucid.Size([5, 4])
    """
    check_tensors("bilinear", input1, input2, weight)
    if bias is not None:
        check_tensors("bilinear", bias)
    if len({t._data.dtype for t in (input1, input2, weight, *([] if bias is None else [bias]))}) > 1:
        kinds = f"{input1.dtype}, {input2.dtype} and {weight.dtype}" + ("" if bias is None else f", bias {bias.dtype}")
        raise RuntimeError(f"bilinear: expected inputs and weight of one dtype, got {kinds}")
    s1, s2, w = input1._data.shape, input2._data.shape, weight._data.shape
    if len(w) != 3 or not s1 or s1[:-1] != s2[:-1] or s1[-1] != w[1] or s2[-1] != w[2]:
        raise RuntimeError(
            f"bilinear: expected inputs (..., in1) and (..., in2) for weight (out, in1, in2), got {s1}, {s2} and {w}"
        )
    if bias is not None and bias._data.shape != w[:1]:
        raise RuntimeError(f"bilinear: bias has shape {bias._data.shape}, expected {w[:1]} (weight {w})")
    left = matmul(input1, reshape(permute(weight, 1, 0, 2), (w[1], w[0] * w[2])))
    y = sum(reshape(left, (*s1[:-1], w[0], w[2])) * unsqueeze(input2, -2), -1, dtype=weight.dtype)
    return y if bias is None else y + bias
