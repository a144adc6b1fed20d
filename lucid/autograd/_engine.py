"""The backward pass: visits recorded operations from the newest to the oldest, without recursion."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from types import NoneType
from typing import TYPE_CHECKING, Any

import numpy as np

from lucid import _ops
from lucid.autograd._mode import mode
from lucid.autograd._node import Node, TensorBase, wrap

if TYPE_CHECKING:
    from lucid._tensor import Tensor

Key = tuple[Any, int]


class Gradients:
    """Gradients on their way to nodes and leaves, summed as they arrive."""

    def __init__(self, create_graph: bool) -> None:
        self.create_graph = create_graph
        self.waiting: dict[Any, list[Tensor | None]] = {}
        self.summed: set[Key] = set()  # sums made here, which may be added to in place

    def add(self, maker: Node | Tensor, slot: int, outputs: int, grad: Tensor) -> bool:
        """Add ``grad`` to what is waiting; True when it is the first for ``maker``."""
        slots = self.waiting.get(maker)
        if slots is None:
            slots = self.waiting[maker] = [None] * outputs
            slots[slot] = grad
            return True
        current = slots[slot]
        if current is None:
            slots[slot] = grad
        elif self.create_graph:
            slots[slot] = current + grad
        elif (maker, slot) in self.summed:
            add_arrays(current._data, grad._data, current._data)
        else:
            slots[slot] = wrap(add_arrays(current._data, grad._data))
            self.summed.add((maker, slot))
        return False


def add_arrays(x: np.ndarray, y: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    if out is not None and not out.flags.c_contiguous:
        return np.add(x, y, out=out)
    return _ops.add(x, y, out)


def run(
    roots: Sequence[Tensor],
    grads: Sequence[Tensor],
    retain_graph: bool,
    create_graph: bool,
    deliver: Callable[[Tensor, Tensor, bool], None],
    targets: Sequence[Tensor] | None = None,
) -> None:
    """Propagate ``grads`` of ``roots`` through the graph.

    Args:
        roots: tensors to start from; each requires grad.
        grads: dL/d(root), same shapes.
        retain_graph: keep saved tensors for another backward.
        create_graph: record the backward pass itself.
        deliver: called with (tensor, gradient, owned) for every leaf, or for every one of ``targets``;
            ``owned`` says that nothing else holds the gradient's memory.
        targets: only compute what leads to these tensors.
    """
    arriving = Gradients(create_graph)
    needed = None if targets is None else leads_to(roots, targets)
    wanted: dict[Key, list[Tensor]] = {}
    for t in targets or ():
        wanted.setdefault((t if t._node is None else t._node, t._slot), []).append(t)
    heap: list[tuple[int, int, Node]] = []
    leaves: dict[Any, None] = {}  # an ordered set
    kept: set[int] = {id(g._data) for g in grads}

    def send(maker: Node | Tensor, slot: int, grad: Tensor, owned: bool) -> None:
        if needed is not None and maker not in needed:
            return
        if isinstance(maker, TensorBase):
            leaves[maker] = None
            arriving.add(maker, 0, 1, grad)
            if not owned:
                kept.add(id(grad._data))
        elif arriving.add(maker, slot, maker.outputs, grad):
            heapq.heappush(heap, (-maker.sequence, id(maker), maker))

    previous = mode.enabled
    mode.enabled = create_graph
    try:
        for root, grad in zip(roots, grads):
            send(root if root._node is None else root._node, root._slot, grad, False)
        while heap:
            node = heapq.heappop(heap)[2]
            incoming = arriving.waiting.pop(node)
            if node.hooks is not None or node.retained is not None:
                apply_hooks(node, incoming, kept)
            for slot, grad_ in enumerate(incoming):
                for t in wanted.get((node, slot), ()):
                    if grad_ is not None:
                        kept.add(id(grad_._data))
                        deliver(t, grad_, False)
            if all(e is None or (needed is not None and e[0] not in needed) for e in node.edges):
                continue
            result = node.backward(*incoming)
            for edge, g in zip(node.edges, result if type(result) is tuple else (result,)):
                if edge is not None and g is not None:
                    send(edge[0], edge[1], g, node.owns_gradients)
            if not retain_graph:
                node.release()
        for leaf in leaves:
            (g,) = arriving.waiting.pop(leaf)
            assert g is not None
            for hook in (leaf._hooks or {}).values():
                changed = hook(g)
                kept.add(id(g._data))  # the hook may have kept it
                if changed is not None:
                    g = changed
                    kept.add(id(g._data))
            if targets is None or wanted.get((leaf, 0)):
                data = g._data
                owned = id(data) not in kept and type(data.base) in (NoneType, _ops.Buffer) and not create_graph
                kept.add(id(data))
                deliver(leaf, g, owned)
    finally:
        mode.enabled = previous


def apply_hooks(node: Node, incoming: list[Tensor | None], kept: set[int]) -> None:
    for slot, hook in node.hooks or ():
        g = incoming[slot]
        if g is not None:
            changed = hook(g)
            if changed is not None:
                incoming[slot] = changed
            kept.add(id(incoming[slot]._data))  # type: ignore[union-attr]
    for slot, reference in node.retained or ():
        t, g = reference(), incoming[slot]
        if t is not None and g is not None:
            kept.add(id(g._data))
            t.grad = g if t.grad is None else t.grad + g


def leads_to(roots: Sequence[Tensor], targets: Sequence[Tensor]) -> set[Any]:
    """Every node and leaf on a path from ``roots`` to ``targets``."""
    goal = {t if t._node is None else t._node for t in targets}
    reached: list[Any] = []
    seen: set[Any] = set()
    stack: list[Any] = [r if r._node is None else r._node for r in roots]
    while stack:
        maker = stack.pop()
        if maker not in seen:
            seen.add(maker)
            reached.append(maker)
            if isinstance(maker, Node):
                stack.extend(edge[0] for edge in maker.edges if edge is not None)
    needed = set(goal)
    reached.sort(key=lambda m: m.sequence if isinstance(m, Node) else 0)
    for maker in reached:  # inputs have lower numbers than their users, so one sweep decides all
        if isinstance(maker, Node) and any(edge is not None and edge[0] in needed for edge in maker.edges):
            needed.add(maker)
    return needed


def accumulate(leaf: Tensor, grad: Tensor, owned: bool) -> None:
    """Add ``grad`` to ``leaf.grad``, in place where that cannot be seen by anyone else."""
    current = leaf.grad
    if current is None:
        leaf.grad = grad if owned or mode.enabled else wrap(grad._data.copy())
    elif mode.enabled:
        leaf.grad = current + grad
    else:
        add_arrays(current._data, grad._data, current._data)
        if current._counter is not None:
            current._counter[0] += 1
