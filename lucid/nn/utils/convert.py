"""Parameters as one vector, and back."""

from __future__ import annotations

from collections.abc import Iterable

from lucid._functions._arguments import check_tensors
from lucid._functions.join import cat
from lucid._functions.shape import reshape
from lucid._tensor import Tensor
from lucid.autograd._mode import no_grad
from lucid.nn.utils._checks import tensors_of


def parameters_to_vector(parameters: Iterable[Tensor]) -> Tensor:
    """All elements in one dimension, parameter after parameter; gradients flow back.

    Args:
        parameters: tensors of one dtype, any shapes.

    Returns:
        Shape (number of elements,).

    Raises:
        TypeError: an entry is not a tensor.
        ValueError: there are no parameters.

    Example:
        >>> import lucid
        >>> lucid.nn.utils.parameters_to_vector(lucid.nn.Linear(3, 2).parameters()).shape
        lucid.Size([8])
    """
    items = tensors_of("parameters_to_vector", parameters)
    if not items:
        raise ValueError("parameters_to_vector: expected at least one parameter, got none")
    return cat([reshape(p, -1) for p in items])


def vector_to_parameters(vec: Tensor, parameters: Iterable[Tensor]) -> None:
    """Copy consecutive parts of a vector into the parameters: the inverse of `parameters_to_vector`.

    Args:
        vec: as many elements as the parameters have together, in one dimension.
        parameters: overwritten in place, in order.

    Raises:
        TypeError: ``vec`` or an entry is not a tensor.
        ValueError: the vector has another shape. Nothing is changed then.

    Example:
        >>> import lucid
        >>> layer = lucid.nn.Linear(2, 1)
        >>> lucid.nn.utils.vector_to_parameters(lucid.tensor([1.0, 2.0, 3.0]), layer.parameters())
        >>> print(layer.weight.detach(), layer.bias.detach())
        [[1.0, 2.0]] [3.0]
    """
    check_tensors("vector_to_parameters", vec)
    items = tensors_of("vector_to_parameters", parameters)
    wanted = sum(p.numel() for p in items)
    if vec._data.shape != (wanted,):
        raise ValueError(f"vector_to_parameters: expected shape ({wanted},), got {vec._data.shape}")
    start = 0
    with no_grad():
        for p in items:
            p.copy_(reshape(vec[start : start + p.numel()], p._data.shape))
            start += p.numel()
