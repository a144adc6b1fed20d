"""The `Tensor` class: storage, autograd state and the methods that families of functions provide."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from lucid._conversions import Conversions
from lucid._convert import Constructor, as_device, former_array, to_array
from lucid._functions.index import overwrite
from lucid._layout import Layout
from lucid._methods import Methods
from lucid.autograd._hooks import NodeHooks, RemovableHandle
from lucid.autograd._node import Node, TensorBase, refresh, set_tensor_class, version, wrap


class Tensor(TensorBase, Layout, Conversions, Methods):
    """A multi-dimensional array that can record what is computed from it.

    Args:
        data: nested sequences, a number, a NumPy array or a Tensor; the values are copied. Two integers or more are
            the sizes of a tensor with arbitrary values.
        dtype: element type; by default that of ``data``, with Python floats giving the default type (float32).
        device: "cpu", the only device.
        requires_grad: record operations on this tensor.
        sizes: the fifth size and those after it.

    Raises:
        ValueError: the nested sequences are ragged.
        RuntimeError: an integer or bool tensor cannot require grad.

    Example:
        >>> from lucid import Tensor
        >>> x = Tensor([[1.0, 2.0]], requires_grad=True)
        >>> (x * x).sum().backward()
        >>> print(x.grad)
        [[2.0, 4.0]]
    """

    __array_priority__ = 1000

    def __init__(
        self, data: Any = (), dtype: Any = None, device: Any = None, requires_grad: bool = False, *sizes: int
    ) -> None:
        if type(dtype) is int or (Constructor.former and dtype is None and device is None and not requires_grad):
            more = (dtype, device, requires_grad, *sizes)
            self._data = former_array(data, [data, *(n for n in more if n is not None and n is not False)])
            return
        if device is not None:
            as_device(device)
        self._data = to_array(data, dtype, copy=True)
        if requires_grad:
            self.requires_grad = True

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if "__new__" in vars(cls) and cls.__init__ is Tensor.__init__:
            cls.__init__ = _init_what_is_new  # type: ignore[method-assign]

    @property
    def __dict__(self) -> dict[str, Any]:
        return vars(TensorBase)["__dict__"].__get__(self)

    @__dict__.setter
    def __dict__(self, attributes: dict[str, Any]) -> None:
        own, new = self.__dict__, dict(attributes)
        own.clear()
        own.update(new)

    # Autograd

    @property
    def retains_grad(self) -> bool:
        """Whether `retain_grad` was called on this non-leaf."""
        node = self.grad_fn
        return node is not None and any(reference() is self for _, reference in node.retained or ())

    @property
    def requires_grad(self) -> bool:
        """Whether operations on this tensor are recorded."""
        if self._base is not None and self._seen != version(self):
            refresh(self)
        return self._requires_grad

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        if self._node is not None and not value:
            raise RuntimeError(
                "you can only change requires_grad flags of leaf variables. "
                "If you want to use a computed variable in a subgraph that doesn't require differentiation use "
                "var_no_grad = var.detach()."
            )
        if value and self.dtype.rank < 2:
            raise RuntimeError(
                f"only Tensors of floating point and complex dtype can require gradients, got {self.dtype}"
            )
        self._requires_grad = bool(value)

    def requires_grad_(self, requires_grad: bool = True) -> Tensor:
        """Set `requires_grad` and return the tensor.

        Args:
            requires_grad: the value.

        Raises:
            RuntimeError: the tensor is no leaf, or its dtype has no gradients.

        Example:
            >>> import lucid
            >>> lucid.ones(2).requires_grad_().requires_grad
            True
        """
        self.requires_grad = requires_grad
        return self

    @property
    def grad_fn(self) -> Node | None:
        """The operation that made this tensor; None for leaves."""
        if self._base is not None and self._seen != version(self):
            refresh(self)
        return self._node

    @property
    def is_leaf(self) -> bool:
        """Whether no recorded operation made this tensor."""
        return self.grad_fn is None

    @property
    def _version(self) -> int:
        return version(self)

    def detach(self) -> Tensor:
        """The same storage without history; in-place changes to either are noticed by the other's graph."""
        t = wrap(self._data)
        if self._counter is None:
            self._counter = [0]
        t._counter = self._counter
        return t

    def detach_(self) -> Tensor:
        """Forget this tensor's history: it becomes a leaf.

        Raises:
            RuntimeError: the tensor is a view.
        """
        if self._base is not None:
            raise RuntimeError("detach_: can't detach views in-place; use detach() instead")
        self._node, self._slot, self._requires_grad = None, 0, False
        return self

    def backward(
        self,
        gradient: Tensor | None = None,
        retain_graph: bool | None = None,
        create_graph: bool = False,
        inputs: Sequence[Tensor] | None = None,
    ) -> None:
        """Add dL/d(leaf) to ``leaf.grad`` for every leaf this tensor was computed from.

        Args:
            gradient: dL/d(self), of the same shape; ones if not given, for a tensor of any shape.
            retain_graph: keep the graph for another backward; ``create_graph`` unless given.
            create_graph: record the backward pass, for derivatives of higher order.
            inputs: only accumulate into these leaves.

        Raises:
            RuntimeError: the tensor does not require grad, the gradient has another shape, the graph was freed, or
                a saved tensor was modified in place.

        Example:
            >>> import lucid
            >>> x = lucid.tensor([1.0, 2.0], requires_grad=True)
            >>> (x * x).sum().backward()
            >>> print(x.grad)
            [2.0, 4.0]
        """
        from lucid.autograd import backward

        backward([self], [gradient], retain_graph, create_graph, inputs=inputs)

    def register_hook(self, hook: Callable[[Tensor], Tensor | None]) -> RemovableHandle:
        """Call ``hook(gradient)`` when this tensor's gradient is known; what it returns replaces the gradient.

        Args:
            hook: gradient -> gradient, or None to leave it as it is.

        Returns:
            a handle, whose ``remove()`` takes the hook away.

        Raises:
            RuntimeError: the tensor does not require grad.

        Example:
            >>> import lucid
            >>> x = lucid.ones(2, requires_grad=True)
            >>> handle = x.register_hook(lambda gradient: 10 * gradient)
            >>> x.sum().backward()
            >>> print(x.grad)
            [10.0, 10.0]
        """
        if not self.requires_grad:
            raise RuntimeError("register_hook: cannot register a hook on a tensor that doesn't require gradient")
        if self._node is not None:
            hooks = NodeHooks(self._node, self._slot)
            handle = RemovableHandle(hooks)
            hooks.add(handle.id, hook)
            return handle
        if self._hooks is None:
            self._hooks = {}
        handle = RemovableHandle(self._hooks)
        self._hooks[handle.id] = hook
        return handle

    _post_hooks: dict[Any, Any] | None = None

    def register_post_accumulate_grad_hook(self, hook: Callable[[Tensor], None]) -> RemovableHandle:
        """Call ``hook(tensor)`` after a gradient was added to this leaf's ``grad``: to step and forget it at once, say.

        Args:
            hook: called with the leaf.

        Returns:
            a handle, whose ``remove()`` takes the hook away.

        Raises:
            RuntimeError: the tensor is not a leaf, or does not require grad.

        Example:
            >>> import lucid
            >>> x = lucid.ones(2, requires_grad=True)
            >>> handle = x.register_post_accumulate_grad_hook(lambda leaf: print(leaf.grad))
            >>> x.sum().backward()
            [1.0, 1.0]
        """
        if not self.requires_grad:
            raise RuntimeError(
                "register_post_accumulate_grad_hook: cannot register a hook on a tensor that doesn't require gradient"
            )
        if self._node is not None:
            raise RuntimeError(
                "register_post_accumulate_grad_hook: hooks of this kind cannot be registered on non-leaf tensors"
            )
        if self._post_hooks is None:
            self._post_hooks = {}
        handle = RemovableHandle(self._post_hooks)
        self._post_hooks[handle.id] = hook
        return handle

    def retain_grad(self) -> None:
        """Keep the gradient of a non-leaf in its ``grad`` as well.

        Raises:
            RuntimeError: the tensor does not require grad.
        """
        if not self.requires_grad:
            raise RuntimeError("retain_grad: can't retain_grad on Tensor that has requires_grad=False")
        node = self._node
        if node is not None and not any(reference() is self for _, reference in node.retained or ()):
            node.retained = [*(node.retained or []), (self._slot, weakref.ref(self))]

    def __hash__(self) -> Any:
        return id(self)

    def __deepcopy__(self, memo: dict[Any, Any]) -> Tensor:
        if self._node is not None:
            raise RuntimeError(
                "Only Tensors created explicitly by the user (graph leaves) support the deepcopy protocol"
            )
        t = self.__class__.__new__(self.__class__)
        memo[id(self)] = t
        t._data = self._data.copy()
        t._requires_grad = self._requires_grad
        if self.grad is not None:
            t.grad = wrap(self.grad._data.copy())
        return t

    def __reduce_ex__(self, protocol: Any) -> Any:
        return _rebuild, (type(self), np.ascontiguousarray(self._data).reshape(self._data.shape), self._requires_grad)

    # In-place writing

    def copy_(self, source: Any, non_blocking: Any = False) -> Tensor:
        """Overwrite with ``source``, broadcast and converted; gradients flow to ``source``.

        Args:
            source: a tensor, array or number that broadcasts to the tensor's shape.
            non_blocking: without effect.

        Raises:
            RuntimeError: the tensor is a leaf that requires grad.

        Example:
            >>> import lucid
            >>> print(lucid.zeros(2).copy_(lucid.tensor([1, 2])))
            [1.0, 2.0]
        """
        overwrite("copy_", self, ..., source if isinstance(source, TensorBase) else wrap(np.asarray(source)))
        return self

    def fill_(self, value: Any) -> Tensor:
        """Overwrite every element with ``value``.

        Args:
            value: a number, or a tensor of one element.

        Raises:
            RuntimeError: the tensor is a leaf that requires grad.

        Example:
            >>> import lucid
            >>> print(lucid.zeros(2).fill_(3))
            [3.0, 3.0]
        """
        overwrite("fill_", self, ..., value)
        return self

    def zero_(self) -> Tensor:
        """Overwrite every element with 0."""
        overwrite("zero_", self, ..., 0)
        return self


def _init_what_is_new(self: Tensor, *args: Any, **kwargs: Any) -> None:
    """``__init__`` of subclasses with a ``__new__`` of their own, which may have made the tensor of other arguments."""
    if self._data is None:
        Tensor.__init__(self, *args, **kwargs)


def _rebuild(cls: type[Tensor], data: np.ndarray, requires_grad: bool) -> Tensor:
    t = cls.__new__(cls)
    t._data = data if data.flags.writeable else data.copy()
    t._requires_grad = requires_grad
    return t


set_tensor_class(Tensor)
