"""Parameters as one vector, and back."""

from __future__ import annotations

from collections.abc import Iterable

from lucid._functions.shape import cat, reshape
from lucid._tensor import Tensor


def parameters_to_vector(parameters: Iterable[Tensor]) -> Tensor:
    """All elements in one dimension, parameter after parameter."""
    return cat([reshape(p, -1) for p in parameters])


def vector_to_parameters(vec: Tensor, parameters: Iterable[Tensor]) -> None:
    """Let parameters take their values, in order, from a vector: the inverse of `parameters_to_vector`.

    Raises:
        ValueError: the vector does not have as many elements as the parameters.
    """
    items = list(parameters)
    wanted = sum(p.numel() for p in items)
    if vec.ndim != 1 or vec.numel() != wanted:
        raise ValueError(f"vector_to_parameters: expected shape ({wanted},), got {tuple(vec.shape)}")
    start = 0
    for p in items:
        p.data = vec[start : start + p.numel()].detach().clone().reshape(p._data.shape)
        start += p.numel()
