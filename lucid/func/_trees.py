"""Nested tuples, lists and dicts of tensors."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from lucid.autograd._node import TensorBase

if TYPE_CHECKING:
    from lucid._tensor import Tensor


def leaves_of(tree: Any) -> list[Tensor]:
    """The tensors of nested tuples, lists and dicts, in order."""
    if isinstance(tree, TensorBase):
        return [tree]  # type: ignore[list-item]
    if isinstance(tree, (tuple, list)):
        return [leaf for part in tree for leaf in leaves_of(part)]
    if isinstance(tree, dict):
        return [leaf for part in tree.values() for leaf in leaves_of(part)]
    return []


def rebuild(tree: Any, leaves: Iterator[Any]) -> Any:
    """``tree`` with its tensors replaced in order."""
    if isinstance(tree, TensorBase):
        return next(leaves)
    if isinstance(tree, tuple) and hasattr(tree, "_fields"):
        return type(tree)(*[rebuild(part, leaves) for part in tree])
    if isinstance(tree, (tuple, list)):
        return type(tree)([rebuild(part, leaves) for part in tree])
    if isinstance(tree, dict):
        return {key: rebuild(part, leaves) for key, part in tree.items()}
    return tree


def map_leaves(function: Callable[[Tensor], Any], tree: Any) -> Any:
    return rebuild(tree, iter([function(leaf) for leaf in leaves_of(tree)]))
