"""Hooks on tensors, and the handles that take them back."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from lucid.autograd._node import Node

if TYPE_CHECKING:
    from lucid._tensor import Tensor


class RemovableHandle:
    """Takes a registered hook back: ``handle.remove()``, or at the end of a ``with`` block."""

    _next = 0

    def __init__(self, hooks: Any) -> None:
        self._hooks = hooks
        self.id = RemovableHandle._next
        RemovableHandle._next += 1

    def remove(self) -> None:
        """Remove the hook; does nothing the second time."""
        self._hooks.pop(self.id, None)

    def __enter__(self) -> RemovableHandle:
        return self

    def __exit__(self, *exc: object) -> None:
        self.remove()


class NodeHooks:
    """The hooks of one output of a node, with the interface of a dict keyed by handle."""

    def __init__(self, node: Node, slot: int) -> None:
        self.node, self.slot, self.entries = node, slot, {}  # type: ignore[var-annotated]

    def add(self, key: int, hook: Callable[[Tensor], Tensor | None]) -> None:
        entry = (self.slot, hook)
        self.entries[key] = entry
        self.node.hooks = [*(self.node.hooks or []), entry]

    def pop(self, key: int, default: Any = None) -> None:
        entry = self.entries.pop(key, None)
        if entry is not None and self.node.hooks:
            self.node.hooks = [e for e in self.node.hooks if e is not entry] or None
