"""Encodings of positions in sequences, and rotation of images."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from lucid import _dtype
from lucid._functions._arguments import check_tensors
from lucid._functions.join import cat, stack
from lucid._functions.shape import reshape
from lucid.autograd._node import wrap
from lucid.nn.functional._arguments import check_floating
from lucid.nn.functional.grid import affine_grid, grid_sample

if TYPE_CHECKING:
    from lucid._tensor import Tensor

__all__ = ["rotary_pos_embedding", "rotate", "sinusoidal_pos_embedding"]


def angles(positions: np.ndarray, dim: int) -> np.ndarray:
    """(L, ceil(dim / 2)) in float64: position / 10000^(2 i / dim)."""
    return positions[:, None] * 10000.0 ** (-np.arange(0, dim, 2) / dim)


def sinusoidal_pos_embedding(seq_len: int, embed_dim: int, device: Any = None, dtype: Any = None) -> Tensor:
    """Sines and cosines of every position at falling frequencies, to be added to embeddings.

        PE[p, 2 i] = sin(p / 10000^(2 i / D)),    PE[p, 2 i + 1] = cos(p / 10000^(2 i / D))

    Args:
        seq_len: L, positive.
        embed_dim: D, positive; an odd one ends with a sine.
        device: "cpu".
        dtype: floating-point type; the default type unless given.

    Returns:
        Shape (L, D).

    Raises:
        ValueError: a size is not positive.

    Example:
        >>> import lucid.nn.functional as F
        >>> F.sinusoidal_pos_embedding(2, 2).tolist()[0]
        [0.0, 1.0]

    Source: Vaswani et al., Attention is all you need, arXiv:1706.03762, section 3.5.
    """
    if not (isinstance(seq_len, int) and isinstance(embed_dim, int)):
        raise TypeError("sinusoidal_pos_embedding: seq_len and embed_dim must be ints")
    if seq_len <= 0 or embed_dim <= 0:
        raise ValueError(
            f"sinusoidal_pos_embedding: seq_len and embed_dim must be positive, got {seq_len} and {embed_dim}"
        )
    phase = angles(np.arange(seq_len, dtype=np.float64), embed_dim)
    table = np.empty((seq_len, embed_dim))
    table[:, ::2], table[:, 1::2] = np.sin(phase), np.cos(phase)[:, : embed_dim // 2]
    d = _dtype.get_default_dtype() if dtype is None else _dtype.as_dtype(dtype)
    return wrap(table.astype(d.numpy))


def rotate_pairs(x: Tensor, cos: Tensor, sin: Tensor, interleaved: bool) -> Tensor:
    """Each pair of channels (a, b) of (..., L, D) as (a cos - b sin, a sin + b cos); cos and sin are (L, D / 2)."""
    half = x._data.shape[-1] // 2
    if interleaved:
        a, b = x[..., ::2], x[..., 1::2]
        return reshape(stack([a * cos - b * sin, a * sin + b * cos], -1), x._data.shape)
    a, b = x[..., :half], x[..., half:]
    return cat([a * cos - b * sin, a * sin + b * cos], -1)


def check_rotary(name: str, x: Tensor, position_ids: Tensor | None) -> np.ndarray:
    """The positions (L,) as float64, after checking both arguments."""
    check_tensors(name, x)
    check_floating(name, x)
    shape = x._data.shape
    if len(shape) < 2 or shape[-1] % 2:
        raise ValueError(f"{name}: expected input of shape (..., L, D) with an even D, got {shape}")
    if position_ids is None:
        return np.arange(shape[-2], dtype=np.float64)
    check_tensors(name, position_ids)
    ids = position_ids._data
    if ids.dtype.kind not in "iu" or ids.shape != (shape[-2],):
        raise ValueError(
            f"{name}: expected integer position_ids of shape {(shape[-2],)}, got {position_ids.dtype} of shape "
            f"{ids.shape}"
        )
    if ids.size and ids.min() < 0:
        raise ValueError(f"{name}: position_ids must not be negative, got {int(ids.min())}")
    return ids.astype(np.float64)


def rotary_pos_embedding(input_: Tensor, position_ids: Tensor | None = None, interleaved: bool = True) -> Tensor:
    """Every pair of channels rotated by an angle that grows with the position.

        (a, b) -> (a cos t - b sin t, a sin t + b cos t),    t = m / 10000^(2 i / D) for pair i at position m

    Products of two rotated vectors then depend on the difference of their positions only.

    Args:
        input_: shape (..., L, D), floating point, D even.
        position_ids: positions m, integers of shape (L,); 0 to L - 1 unless given.
        interleaved: pairs are neighbours (0, 1), (2, 3), ...; else the halves (0, D / 2), (1, D / 2 + 1), ...

    Raises:
        ValueError: a shape is wrong, or a position is negative.

    Example:
        >>> import lucid, lucid.nn.functional as F
        >>> F.rotary_pos_embedding(lucid.ones(2, 2))[0].tolist()
        [1.0, 1.0]

    Source: Su et al., RoFormer, arXiv:2104.09864.
    """
    positions = check_rotary("rotary_pos_embedding", input_, position_ids)
    phase = angles(positions, input_._data.shape[-1])
    kind = input_._data.dtype
    return rotate_pairs(input_, wrap(np.cos(phase).astype(kind)), wrap(np.sin(phase).astype(kind)), interleaved)


def rotate(x: Tensor, angle: float, center: tuple[float, float] | None = None) -> Tensor:
    """Images turned about a point, with bilinear interpolation and zeros for what comes from outside.

    Args:
        x: shape (N, C, H, W), floating point.
        angle: degrees, counterclockwise.
        center: (x, y) of the point that stays, in pixels from the upper left corner; (W / 2, H / 2) unless given.

    Raises:
        RuntimeError: the shape is wrong.

    Example:
        >>> import lucid, lucid.nn.functional as F
        >>> F.rotate(lucid.tensor([[[[1.0, 2.0], [3.0, 4.0]]]]), 180).round().tolist()
        [[[[4.0, 3.0], [2.0, 1.0]]]]
    """
    check_tensors("rotate", x)
    check_floating("rotate", x)
    if x._data.ndim != 4:
        raise RuntimeError(f"rotate: expected input of shape (N, C, H, W), got {x._data.shape}")
    n, _, height, width = x._data.shape
    middle_x, middle_y = (width / 2, height / 2) if center is None else center
    # from a place in the result to one in x: back by the angle; coordinates run from -1 to 1 and y downwards
    cos, sin = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    u, v = 2 * middle_x / max(width, 1) - 1, 2 * middle_y / max(height, 1) - 1
    row_x = [cos, -sin * height / max(width, 1)]
    row_y = [sin * width / max(height, 1), cos]
    theta = np.array([[*row_x, u - row_x[0] * u - row_x[1] * v], [*row_y, v - row_y[0] * u - row_y[1] * v]])
    grid = affine_grid(wrap(np.repeat(theta[None], n, 0).astype(x._data.dtype)), tuple(x._data.shape), False)
    return grid_sample(x, grid, "bilinear", "zeros", False)
