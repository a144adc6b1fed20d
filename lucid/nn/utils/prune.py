"""Pruning: elements of parameters held at zero by masks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import lucid
from lucid._functions._arguments import check_tensors
from lucid._functions._naming import listed
from lucid._tensor import Tensor
from lucid.nn.modules.module import Module
from lucid.nn.utils._checks import check_module
from lucid.nn.utils._pruning import (
    BasePruningMethod,
    CustomFromMask,
    Identity,
    L1Unstructured,
    LnStructured,
    PruningContainer,
    RandomStructured,
    RandomUnstructured,
    check_parameter,
    methods,
)

__all__ = [
    "BasePruningMethod", "CustomFromMask", "Identity", "L1Unstructured", "LnStructured", "PruningContainer",
    "RandomStructured", "RandomUnstructured", "custom_from_mask", "global_unstructured", "identity", "is_pruned",
    "l1_unstructured", "ln_structured", "random_structured", "random_unstructured", "remove",
]  # fmt: skip


@listed
def identity(module: Module, name: str) -> Module:
    """Give ``module`` the names of a pruned parameter without pruning it.

    Args:
        module: holds the parameter; changed in place.
        name: of the parameter.

    Returns:
        ``module``.

    Raises:
        AttributeError: there is no such parameter.
        TypeError: ``module`` is not a Module.

    Example:
        >>> import lucid
        >>> from lucid.nn.utils import prune
        >>> sorted(prune.identity(lucid.nn.Linear(2, 1), "weight").state_dict())
        ['bias', 'weight_mask', 'weight_orig']
    """
    Identity.apply(module, name)
    return module


@listed
def random_unstructured(module: Module, name: str, amount: Any) -> Module:
    """Prune elements of a parameter at random.

    Args:
        module: holds the parameter; changed in place.
        name: of the parameter.
        amount: number of elements, an int, or a share in [0, 1], a float.

    Returns:
        ``module``.

    Raises:
        AttributeError: there is no such parameter.
        TypeError: ``module`` is not a Module, or ``amount`` not a number.
        ValueError: ``amount`` is out of range, or larger than the parameter.

    Example:
        >>> import lucid
        >>> from lucid.nn.utils import prune
        >>> int(prune.random_unstructured(lucid.nn.Linear(4, 2), "weight", 0.25).weight_mask.sum())
        6
    """
    RandomUnstructured.apply(module, name, amount)
    return module


@listed
def l1_unstructured(module: Module, name: str, amount: Any, importance_scores: Tensor | None = None) -> Module:
    """Prune the elements of a parameter that are smallest in magnitude.

    Args:
        module: holds the parameter; changed in place.
        name: of the parameter.
        amount: number of elements, an int, or a share in [0, 1], a float.
        importance_scores: what to rank instead of the parameter's magnitudes; its shape.

    Returns:
        ``module``.

    Raises:
        AssertionError: the scores have another shape.
        AttributeError: there is no such parameter.
        TypeError: ``module`` is not a Module, or ``amount`` not a number.
        ValueError: ``amount`` is out of range, or larger than the parameter.

    Example:
        >>> import lucid
        >>> from lucid.nn.utils import prune
        >>> layer = lucid.nn.Linear(2, 1)
        >>> _ = prune.l1_unstructured(layer, "weight", 1, importance_scores=lucid.tensor([[2.0, 1.0]]))
        >>> print(layer.weight_mask)
        [[1.0, 0.0]]

    Source: Han et al., arXiv:1506.02626.
    """
    L1Unstructured.apply(module, name, amount, importance_scores=importance_scores)
    return module


@listed
def random_structured(module: Module, name: str, amount: Any, dim: int) -> Module:
    """Prune whole slices of a parameter at random.

    Args:
        module: holds the parameter; changed in place.
        name: of the parameter.
        amount: number of slices, an int, or a share in [0, 1], a float.
        dim: dimension whose slices they are.

    Returns:
        ``module``.

    Raises:
        AttributeError: there is no such parameter.
        IndexError: the parameter has no dimension ``dim``.
        TypeError: ``module`` is not a Module, or ``amount`` not a number.
        ValueError: ``amount`` is out of range or more than there are slices, or the parameter has fewer than two
            dimensions.

    Example:
        >>> import lucid
        >>> from lucid.nn.utils import prune
        >>> int(prune.random_structured(lucid.nn.Linear(4, 2), "weight", 1, dim=1).weight_mask.sum())
        6
    """
    RandomStructured.apply(module, name, amount, dim)
    return module


@listed
def ln_structured(
    module: Module, name: str, amount: Any, n: Any, dim: int, importance_scores: Tensor | None = None
) -> Module:
    """Prune the slices of a parameter that have the smallest norms.

    Args:
        module: holds the parameter; changed in place.
        name: of the parameter.
        amount: number of slices, an int, or a share in [0, 1], a float.
        n: order of the norm.
        dim: dimension whose slices they are.
        importance_scores: what to take the norms of instead of the parameter; its shape.

    Returns:
        ``module``.

    Raises:
        AssertionError: the scores have another shape.
        AttributeError: there is no such parameter.
        IndexError: the parameter has no dimension ``dim``.
        TypeError: ``module`` is not a Module, or ``amount`` not a number.
        ValueError: ``amount`` is out of range or more than there are slices, or the parameter has fewer than two
            dimensions.

    Example:
        >>> import lucid
        >>> from lucid.nn.utils import prune
        >>> int(prune.ln_structured(lucid.nn.Linear(4, 2), "weight", 0.5, n=2, dim=0).weight_mask.sum())
        4

    Source: Li et al., arXiv:1608.08710.
    """
    LnStructured.apply(module, name, amount, n, dim, importance_scores=importance_scores)
    return module


@listed
def custom_from_mask(module: Module, name: str, mask: Tensor) -> Module:
    """Prune a parameter where ``mask``, of its shape, is 0.

    Args:
        module: holds the parameter; changed in place.
        name: of the parameter.
        mask: ones, and zeros where to prune; the parameter's shape.

    Returns:
        ``module``.

    Raises:
        AttributeError: there is no such parameter.
        TypeError: ``module`` is not a Module, or ``mask`` not a tensor.
        ValueError: the mask has another shape than the parameter.

    Example:
        >>> import lucid
        >>> from lucid.nn.utils import prune
        >>> layer = prune.custom_from_mask(lucid.nn.Linear(2, 1), "bias", lucid.tensor([0.0]))
        >>> layer.bias.item() == 0
        True
    """
    check_tensors("custom_from_mask", mask)
    CustomFromMask.apply(module, name, mask)
    return module


@listed
def global_unstructured(
    parameters: Iterable[tuple[Module, str]],
    pruning_method: type[BasePruningMethod],
    importance_scores: dict[tuple[Module, str], Tensor] | None = None,
    **kwargs: Any,
) -> None:
    """Prune several parameters as if they were one.

    Args:
        parameters: pairs of a module and a parameter's name.
        pruning_method: class of an unstructured one.
        importance_scores: for some of the pairs, what to rank instead of the parameter; its shape.
        kwargs: for the method, such as ``amount``.

    Raises:
        AttributeError: a module has no such parameter.
        TypeError: ``parameters`` are not pairs of modules and names, or the method is not unstructured.
        ValueError: there are no pairs, or ``amount`` is out of range.

    Example:
        >>> import lucid
        >>> from lucid.nn.utils import prune
        >>> a, b = lucid.nn.Linear(2, 2), lucid.nn.Linear(2, 2)
        >>> prune.global_unstructured([(a, "weight"), (b, "weight")], prune.L1Unstructured, amount=3)
        >>> int(a.weight_mask.sum() + b.weight_mask.sum())
        5
    """
    pairs: Sequence[tuple[Module, str]] = list(parameters) if isinstance(parameters, Iterable) else [parameters]
    if not pairs:
        raise ValueError("global_unstructured: expected at least one pair of a module and a parameter's name")
    if not all(isinstance(pair, tuple) and len(pair) == 2 for pair in pairs):
        raise TypeError("global_unstructured: expected pairs of a module and a parameter's name")
    if pruning_method.PRUNING_TYPE != "unstructured":
        raise TypeError(f"global_unstructured: expected an unstructured method, got {pruning_method.__name__}")
    for module, name in pairs:
        check_parameter(module, name)
    given = importance_scores or {}
    scores = [given.get((m, n), getattr(m, n)).detach().reshape(-1) for m, n in pairs]
    masks = [getattr(m, n + "_mask", lucid.ones_like(getattr(m, n))).reshape(-1) for m, n in pairs]
    method = pruning_method(**kwargs)
    method._tensor_name = "all"
    container = PruningContainer(method)
    mask, start = container.compute_mask(lucid.cat(scores), lucid.cat(masks)), 0
    for module, name in pairs:
        size = getattr(module, name).numel()
        custom_from_mask(module, name, mask[start : start + size].reshape(getattr(module, name).shape))
        start += size


@listed
def remove(module: Module, name: str) -> Module:
    """Make a pruned tensor an ordinary parameter again; what was zeroed stays zero.

    Args:
        module: holds the parameter; changed in place.
        name: of the parameter.

    Returns:
        ``module``.

    Raises:
        AttributeError: there is no such parameter.
        TypeError: ``module`` is not a Module.
        ValueError: ``name`` is not pruned.

    Example:
        >>> import lucid
        >>> from lucid.nn.utils import prune
        >>> layer = prune.l1_unstructured(lucid.nn.Linear(2, 1), "weight", 1)
        >>> [n for n, _ in prune.remove(layer, "weight").named_parameters()]
        ['bias', 'weight']
    """
    check_parameter(module, name)
    for key, hook in methods(module):
        if hook._tensor_name == name:
            hook.remove(module)
            del module._registry().forward_pre[key]
            return module
    raise ValueError(f"prune: {name!r} of {type(module).__name__} is not pruned")


def is_pruned(module: Module) -> bool:
    """Whether ``module`` or one inside it has a pruned parameter.

    Args:
        module: looked through with all modules inside it.

    Raises:
        TypeError: ``module`` is not a Module.

    Example:
        >>> import lucid
        >>> from lucid.nn.utils import prune
        >>> prune.is_pruned(lucid.nn.Linear(2, 1))
        False
    """
    check_module("is_pruned", module)
    return any(methods(m) for m in module.modules())
