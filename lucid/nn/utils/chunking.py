"""Calling a function on parts of its input, to hold fewer intermediate results at a time."""

from __future__ import annotations

from collections.abc import Callable

from lucid._functions._arguments import check_tensors
from lucid._functions._common import normalize_dim
from lucid._functions.join import cat, narrow
from lucid._tensor import Tensor


def apply_chunking_to_forward(
    forward_fn: Callable[..., Tensor], chunk_size: int, chunk_dim: int, *input_tensors: Tensor
) -> Tensor:
    """``forward_fn`` of every part of the inputs along a dimension, joined along it.

    Args:
        forward_fn: takes as many tensors as are given; must treat the elements along ``chunk_dim`` alone.
        chunk_size: size of a part; 0 calls the function once, on everything.
        chunk_dim: the dimension.
        input_tensors: tensors of one size along it, divisible by ``chunk_size``.

    Returns:
        The results of ``forward_fn`` joined along ``chunk_dim``.

    Raises:
        IndexError: ``chunk_dim`` is out of range.
        TypeError: an input is not a tensor.
        ValueError: there are no tensors, their sizes differ, or ``chunk_size`` does not divide them.

    Example:
        >>> import lucid
        >>> lucid.nn.utils.apply_chunking_to_forward(lucid.exp, 2, 0, lucid.zeros(4)).tolist()
        [1.0, 1.0, 1.0, 1.0]
    """
    name = "apply_chunking_to_forward"
    if not input_tensors:
        raise ValueError(f"{name}: expected at least one tensor")
    check_tensors(name, *input_tensors)
    if chunk_size < 0:
        raise ValueError(f"{name}: chunk_size must not be negative, got {chunk_size}")
    sizes = {x.shape[normalize_dim(name, chunk_dim, x)] for x in input_tensors}
    if len(sizes) > 1:
        raise ValueError(f"{name}: sizes along dimension {chunk_dim} differ: {sorted(sizes)}")
    if chunk_size == 0:
        return forward_fn(*input_tensors)
    (size,) = sizes
    if size % chunk_size:
        raise ValueError(f"{name}: size {size} of dimension {chunk_dim} is not divisible by chunk_size {chunk_size}")
    starts = range(0, size, chunk_size)
    return cat([forward_fn(*[narrow(x, chunk_dim, k, chunk_size) for x in input_tensors]) for k in starts], chunk_dim)
