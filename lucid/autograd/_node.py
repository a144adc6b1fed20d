"""Recording: what one operation leaves behind so that its gradient can be computed later.

An operation is a subclass of `Node`. ``forward`` gets Tensors and parameters and returns arrays; ``backward`` gets
the Tensor dL/d(output) and returns one Tensor (or None) per Tensor input. Because ``backward`` is written with
differentiable functions, recording it (``create_graph=True``) gives second derivatives for free.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from lucid.autograd._mode import mode

if TYPE_CHECKING:
    from lucid._tensor import Tensor

_sequence = itertools.count(1)


class TensorBase:
    """The state autograd keeps on a tensor; `lucid.Tensor` adds everything users see.

    Most tensors differ from these defaults in ``_data`` alone, which makes wrapping a result one attribute write.
    """

    _data: np.ndarray
    grad: Tensor | None = None
    _requires_grad: bool = False
    _node: Node | None = None  # the operation that made this tensor; None for leaves
    _slot: int = 0  # which of the node's outputs this is
    _counter: list[int] | None = None  # in-place writes to the storage, shared by all its views; None means 0
    _base: Tensor | None = None  # the tensor this is a differentiable view of
    _replay: tuple[tuple[type[View], tuple[Any, ...]], ...] = ()  # how to view it again
    _seen: int = 0  # value of _counter for which _node is right; behind it, _node is remade from _base
    _hooks: dict[int, Any] | None = None


tensor_class: type[Tensor] = TensorBase  # type: ignore[assignment]  # set by lucid._tensor
_new = object.__new__


def wrap(data: np.ndarray) -> Tensor:
    """A tensor over ``data``, without history."""
    t = _new(tensor_class)
    t._data = data
    return t


def version(t: TensorBase) -> int:
    return 0 if t._counter is None else t._counter[0]


def bump(t: TensorBase) -> None:
    """Note an in-place write to the storage of ``t``."""
    if t._counter is None:
        t._counter = [1]
    else:
        t._counter[0] += 1


class Node:
    """One recorded operation."""

    __slots__ = ("edges", "hooks", "outputs", "result", "retained", "saved", "sequence", "versions")

    owns_gradients: ClassVar[bool] = True
    """False when ``backward`` may return memory that something else holds; the engine then copies before keeping it."""

    edges: tuple[tuple[Node | Tensor, int] | None, ...]  # per tensor input: (maker, slot), (leaf, 0), or None
    saved: tuple[Any, ...] | None
    result: tuple[np.ndarray, list[int], int] | None  # a saved output: data, counter, slot
    versions: tuple[int, ...]
    sequence: int
    outputs: int
    hooks: list[tuple[int, Any]] | None
    retained: list[tuple[int, Any]] | None

    def __init__(self) -> None:
        self.saved = ()
        self.result = None
        self.hooks = self.retained = None

    def forward(self, *args: Any) -> Any:
        raise NotImplementedError

    def backward(self, *grads: Any) -> Any:
        raise NotImplementedError

    @property
    def name(self) -> str:
        return type(self).__name__ + "Backward"

    @property
    def next_functions(self) -> tuple[tuple[Node | Tensor | None, int], ...]:
        """The nodes this one passes gradients to, as PyTorch lists them; a leaf stands for its accumulator."""
        return tuple(edge if edge is not None else (None, 0) for edge in self.edges)

    def __repr__(self) -> str:
        return f"<{self.name}>"

    @classmethod
    def apply(cls, *args: Any) -> Any:
        """Run ``forward`` and, when an input requires grad, record it."""
        node = cls()
        out = node.forward(*args)
        y = wrap(out) if type(out) is np.ndarray else tuple([wrap(o) for o in out])
        if mode.enabled:
            for x in args:
                if isinstance(x, TensorBase) and (x._requires_grad or x._base is not None):
                    node.record(args, y)
                    break
        return y

    def record(self, args: tuple[Any, ...], y: Any) -> None:
        """Make this node the maker of ``y``, if an input really requires grad."""
        edges: list[tuple[Any, int] | None] = []
        wanted = False
        for x in args:
            if isinstance(x, TensorBase):
                if x._base is not None and x._seen != version(x):
                    refresh(x)
                if x._requires_grad:
                    edges.append((x, 0) if x._node is None else (x._node, x._slot))
                    wanted = True
                else:
                    edges.append(None)
        if not wanted:
            return
        self.edges = tuple(edges)
        self.sequence = next(_sequence)
        self.versions = tuple([0 if t is None or t._counter is None else t._counter[0] for t in self.saved or ()])
        if type(y) is tuple:
            self.outputs = len(y)
            for slot, t in enumerate(y):
                if t._data.dtype.kind == "f":
                    t._requires_grad, t._node, t._slot = True, self, slot
        else:
            self.outputs = 1
            y._requires_grad = True
            y._node = self
        if self.result is not None:
            self.keep_result(y if type(y) is not tuple else y[self.result[2]])

    def keep_result(self, y: Tensor) -> None:
        if y._counter is None:
            y._counter = [0]
        self.result = (y._data, y._counter, y._counter[0])

    def save_result(self, data: np.ndarray) -> np.ndarray:
        """Called by ``forward`` on the array it returns when ``backward`` wants that instead of the inputs."""
        self.result = (data, [0], 0)
        return data

    def unpack(self) -> Any:
        """The saved tensors, checked to be what they were when saved.

        Raises:
            RuntimeError: one was modified in place, or the graph was freed by an earlier backward.
        """
        if self.saved is None:
            raise freed()
        for t, then in zip(self.saved, self.versions):
            if t is not None and t._counter is not None and t._counter[0] != then:
                raise stale(self, t._data.shape, t._counter[0], then)
        return self.saved

    def unpack_result(self) -> Tensor:
        """The saved output, still connected to this node."""
        if self.result is None:
            raise freed()
        data, counter, then = self.result
        if counter[0] != then:
            raise stale(self, data.shape, counter[0], then)
        y = wrap(data)
        y._requires_grad, y._node, y._counter = True, self, counter
        return y

    def release(self) -> None:
        self.saved = self.result = None


def freed() -> RuntimeError:
    return RuntimeError(
        "Trying to backward through the graph a second time: the saved tensors were freed by the first backward. "
        "Pass retain_graph=True to the first call if you need both."
    )


def stale(node: Node, shape: tuple[int, ...], now: int, then: int) -> RuntimeError:
    return RuntimeError(
        f"one of the variables needed for gradient computation has been modified by an inplace operation: "
        f"a tensor of shape {shape} saved by {node.name} is at version {now}; expected version {then}"
    )


class View(Node):
    """An operation whose output shares the storage of its input. ``forward`` may still return a copy where it must."""

    __slots__ = ()
    owns_gradients = False

    @classmethod
    def apply(cls, *args: Any) -> Any:
        node, x = cls(), args[0]
        y = wrap(node.forward(*args))
        if not (x._data.flags.c_contiguous or np.may_share_memory(y._data, x._data)):
            if mode.enabled and (x._requires_grad or x._base is not None):
                node.record(args, y)
            return y
        if x._counter is None:
            x._counter = [0]
        y._counter = x._counter
        if mode.enabled:
            if x._requires_grad or x._base is not None:
                node.record(args, y)
            y._base = x if x._base is None else x._base
            y._replay = (*x._replay, (cls, args[1:]))
            y._seen = y._counter[0]
        return y


def replay(base: Tensor, steps: tuple[tuple[type[View], tuple[Any, ...]], ...]) -> Tensor:
    """View ``base`` the way another tensor was made from its base."""
    t = base
    for operation, params in steps:
        t = operation.apply(t, *params)
    return t


def refresh(x: TensorBase) -> None:
    """Remake the history of a view whose storage was written to since: it now comes from the base's new value."""
    assert x._base is not None
    if x._base._requires_grad:
        again = replay(x._base, x._replay)
        x._requires_grad, x._node, x._slot = again._requires_grad, again._node, again._slot
    x._seen = version(x)
