"""Hooks of modules: registering them, a call that has some, and how gradients pass them on the way back."""

from __future__ import annotations

import warnings
from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from lucid._tensor import Tensor
from lucid.autograd._hooks import RemovableHandle
from lucid.autograd._mode import mode
from lucid.autograd._node import Node

if TYPE_CHECKING:
    from lucid.nn.modules.module import Module

Hook = Callable[..., Any]


class Hooks:
    """The hooks of one module by kind, each kind in calling order."""

    def __init__(self) -> None:
        self.forward_pre: OrderedDict[int, Hook] = OrderedDict()
        self.forward: OrderedDict[int, Hook] = OrderedDict()
        self.with_kwargs: set[int] = set()  # those of the two that are given the keyword arguments
        self.always: set[int] = set()  # those of forward that are called when something raised
        self.backward_pre: OrderedDict[int, Hook] = OrderedDict()
        self.backward: OrderedDict[int, Hook] = OrderedDict()
        self.state_dict_pre: OrderedDict[int, Hook] = OrderedDict()
        self.state_dict: OrderedDict[int, Hook] = OrderedDict()
        self.replacing: set[Hook] = set()  # those of state_dict that may return another dict
        self.load_state_dict_pre: OrderedDict[int, Hook] = OrderedDict()
        self.load_state_dict_post: OrderedDict[int, Hook] = OrderedDict()


def register(hooks: OrderedDict[int, Hook], hook: Hook, prepend: bool = False) -> RemovableHandle:
    """Add a hook at the end of its kind, or at the front."""
    handle = RemovableHandle(hooks)
    hooks[handle.id] = hook
    if prepend:
        hooks.move_to_end(handle.id, last=False)
    return handle


def _kind(name: str) -> Any:
    """PyTorch's attribute for the hooks of one kind, which other packages look through and empty."""

    def read(self: Hooked) -> OrderedDict[int, Hook]:
        return getattr(self._registry(), name)

    def replace(self: Hooked, hooks: OrderedDict[int, Hook]) -> None:
        setattr(self._registry(), name, hooks)

    return property(read, replace)


class Hooked:
    """The part of `Module` that registers hooks."""

    _hooks: Hooks | None = None
    _forward_pre_hooks, _forward_hooks = _kind("forward_pre"), _kind("forward")
    _backward_pre_hooks, _backward_hooks = _kind("backward_pre"), _kind("backward")
    _state_dict_pre_hooks, _state_dict_hooks = _kind("state_dict_pre"), _kind("state_dict")
    _load_state_dict_pre_hooks, _load_state_dict_post_hooks = (
        _kind("load_state_dict_pre"),
        _kind("load_state_dict_post"),
    )

    def _registry(self) -> Hooks:
        if self._hooks is None:
            self._hooks = Hooks()
        return self._hooks

    def register_forward_pre_hook(
        self, hook: Hook, *, prepend: bool = False, with_kwargs: bool = False
    ) -> RemovableHandle:
        """Call a hook before ``forward``, which may replace the arguments.

        Args:
            hook: called as ``hook(module, args)``; what it returns, unless None, replaces the arguments.
            prepend: put it before the hooks there are.
            with_kwargs: called as ``hook(module, args, kwargs)``, which returns None or (args, kwargs).

        Returns:
            A handle; its ``remove()`` takes the hook away.

        Raises:
            RuntimeError: when called: with ``with_kwargs``, the hook returned something else.

        Example:
            >>> import lucid
            >>> layer = lucid.nn.ReLU()
            >>> handle = layer.register_forward_pre_hook(lambda module, args: (args[0] + 1,))
            >>> print(layer(lucid.zeros(1)))
            [1.0]
            >>> handle.remove()
        """
        hooks = self._registry()
        handle = register(hooks.forward_pre, hook, prepend)
        if with_kwargs:
            hooks.with_kwargs.add(handle.id)
        return handle

    def register_forward_hook(
        self, hook: Hook, *, prepend: bool = False, with_kwargs: bool = False, always_call: bool = False
    ) -> RemovableHandle:
        """Call a hook after ``forward``, which may replace the output.

        Args:
            hook: called as ``hook(module, args, output)``; what it returns, unless None, replaces the output.
            prepend: put it before the hooks there are.
            with_kwargs: called as ``hook(module, args, kwargs, output)``.
            always_call: called also, with the output so far or None, when the call raises.

        Returns:
            A handle; its ``remove()`` takes the hook away.

        Example:
            >>> import lucid
            >>> layer = lucid.nn.ReLU()
            >>> handle = layer.register_forward_hook(lambda module, args, output: output * 2)
            >>> print(layer(lucid.ones(1)))
            [2.0]
        """
        hooks = self._registry()
        handle = register(hooks.forward, hook, prepend)
        if with_kwargs:
            hooks.with_kwargs.add(handle.id)
        if always_call:
            hooks.always.add(handle.id)
        return handle

    def register_full_backward_pre_hook(self, hook: Hook, prepend: bool = False) -> RemovableHandle:
        """Call a hook when the gradients of the outputs are known.

        Args:
            hook: called as ``hook(module, grad_output)``, a tuple; a tuple that it returns replaces the gradients.
            prepend: put it before the hooks there are.

        Returns:
            A handle; its ``remove()`` takes the hook away.

        Raises:
            RuntimeError: in the backward pass: the hook returned another number of gradients.
        """
        return register(self._registry().backward_pre, hook, prepend)

    def register_full_backward_hook(self, hook: Hook, prepend: bool = False) -> RemovableHandle:
        """Call a hook when the gradients of the positional inputs are known.

        Args:
            hook: called as ``hook(module, grad_input, grad_output)``, tuples with None for what is no Tensor that
                requires grad; a tuple that it returns replaces ``grad_input``.
            prepend: put it before the hooks there are.

        Returns:
            A handle; its ``remove()`` takes the hook away.

        Raises:
            RuntimeError: in the backward pass: the hook returned another number of gradients, or some where no input
                requires grad.

        Example:
            >>> import lucid
            >>> layer, seen = lucid.nn.Linear(2, 1), []
            >>> handle = layer.register_full_backward_hook(lambda module, dx, dy: seen.append(tuple(dy[0].shape)))
            >>> layer(lucid.ones(3, 2, requires_grad=True)).sum().backward()
            >>> seen
            [(3, 1)]
        """
        return register(self._registry().backward, hook, prepend)

    def register_state_dict_pre_hook(self, hook: Hook) -> RemovableHandle:
        """Call a hook before the module's entries of a state dict are collected.

        Args:
            hook: called as ``hook(module, prefix, keep_vars)``.

        Returns:
            A handle; its ``remove()`` takes the hook away.
        """
        return register(self._registry().state_dict_pre, hook)

    def register_state_dict_post_hook(self, hook: Hook) -> RemovableHandle:
        """Call a hook after the module's entries of a state dict are collected.

        Args:
            hook: called as ``hook(module, state_dict, prefix, local_metadata)``; it may change the dict in place.

        Returns:
            A handle; its ``remove()`` takes the hook away.
        """
        return register(self._registry().state_dict, hook)

    def _register_state_dict_hook(self, hook: Hook) -> RemovableHandle:
        """`register_state_dict_post_hook` for a hook that may return another dict, as it once could."""
        self._registry().replacing.add(hook)
        return self.register_state_dict_post_hook(hook)

    def _register_load_state_dict_pre_hook(self, hook: Hook, with_module: bool = False) -> RemovableHandle:
        """`register_load_state_dict_pre_hook` for a hook that is not given the module unless ``with_module``."""
        return self.register_load_state_dict_pre_hook(hook if with_module else lambda module, *args: hook(*args))

    def register_load_state_dict_pre_hook(self, hook: Hook) -> RemovableHandle:
        """Call a hook before the module's entries are looked up: it may rename entries of the dict in place.

        Args:
            hook: called with ``(module, state_dict, prefix, local_metadata, strict)`` and the lists
                ``(missing_keys, unexpected_keys, error_msgs)``, all in this order; the dict is a copy, and what is
                appended to the lists becomes part of the report.

        Returns:
            A handle; its ``remove()`` takes the hook away.
        """
        return register(self._registry().load_state_dict_pre, hook)

    def register_load_state_dict_post_hook(self, hook: Hook) -> RemovableHandle:
        """Call a hook after the values are copied, and before missing keys are reported.

        Args:
            hook: called as ``hook(module, incompatible_keys)``; what it removes from ``missing_keys`` and
                ``unexpected_keys``, in place, is not reported.

        Returns:
            A handle; its ``remove()`` takes the hook away.
        """
        return register(self._registry().load_state_dict_post, hook)


def call_with_hooks(module: Module, hooks: Hooks, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """``module.forward`` between its hooks."""
    pending = dict(hooks.forward)
    y: Any = None
    try:
        args, kwargs = _before(module, hooks, args, kwargs)
        crossing = Crossing(module, hooks) if (hooks.backward or hooks.backward_pre) and mode.enabled else None
        if crossing is not None:
            args = crossing.enter(args)
        y = module.forward(*args, **kwargs)
        for key, hook in hooks.forward.items():
            pending.pop(key, None)
            y = _after(module, hook, key in hooks.with_kwargs, args, kwargs, y)
        return y if crossing is None else crossing.leave(y)
    except Exception:
        for key, hook in pending.items():
            if key in hooks.always:
                try:
                    y = _after(module, hook, key in hooks.with_kwargs, args, kwargs, y)
                except Exception as error:
                    warnings.warn(f"a forward hook with always_call=True raised as well: {error!r}", stacklevel=2)
        raise


def _before(
    module: Module, hooks: Hooks, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    for key, hook in hooks.forward_pre.items():
        with_kwargs = key in hooks.with_kwargs
        changed = hook(module, args, kwargs) if with_kwargs else hook(module, args)
        if changed is None:
            continue
        if not with_kwargs:
            args = changed if isinstance(changed, tuple) else (changed,)
        elif isinstance(changed, tuple) and len(changed) == 2:
            args, kwargs = changed
        else:
            raise RuntimeError(f"forward pre-hook must return None or (new_args, new_kwargs), got {changed!r}")
    return args, kwargs


def _after(module: Module, hook: Hook, with_kwargs: bool, args: tuple[Any, ...], kwargs: dict[str, Any], y: Any) -> Any:
    changed = hook(module, args, kwargs, y) if with_kwargs else hook(module, args, y)
    return y if changed is None else changed


class Passage(Node):
    """The identity; in the backward pass, gradients go through ``visit``."""

    __slots__ = ("visit",)
    owns_gradients = False

    def forward(self, visit: Callable[[tuple[Tensor | None, ...]], Any], *tensors: Tensor) -> tuple[np.ndarray, ...]:
        self.visit = visit
        return tuple([x._data for x in tensors])

    def backward(self, *grads: Tensor | None) -> Any:
        return self.visit(grads)


class Crossing:
    """One call of a module with backward hooks: its inputs and outputs pass through here, so gradients do as well."""

    def __init__(self, module: Module, hooks: Hooks) -> None:
        self.module, self.hooks = module, hooks
        self.grad_output: tuple[Tensor | None, ...] | None = None
        self.inputs = 0
        self.at_input: list[int] = []
        self.at_output: list[int] = []

    def enter(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        self.inputs = len(args)
        args, self.at_input = self.pass_through(args, self.to_inputs)
        return args

    def leave(self, y: Any) -> Any:
        items = y if isinstance(y, tuple) else (y,)
        self.outputs = len(items)
        items, self.at_output = self.pass_through(items, self.to_outputs)
        return items if isinstance(y, tuple) else items[0]

    @staticmethod
    def pass_through(items: tuple[Any, ...], visit: Callable[..., Any]) -> tuple[tuple[Any, ...], list[int]]:
        """``items`` with the tensors that require grad sent through `Passage`, and where those are."""
        places = [i for i, x in enumerate(items) if isinstance(x, Tensor) and x.requires_grad]
        if not places:
            return items, places
        passed = list(items)
        for i, y in zip(places, Passage.apply(visit, *[items[i] for i in places])):
            x = items[i]
            if x._counter is None:
                x._counter = [0]
            y._counter = x._counter  # the same memory: in-place changes to either are seen by the other's graph
            passed[i] = y
        return tuple(passed), places

    @staticmethod
    def spread(grads: tuple[Tensor | None, ...], places: list[int], count: int) -> tuple[Tensor | None, ...]:
        full: list[Tensor | None] = [None] * count
        for i, g in zip(places, grads):
            full[i] = g
        return tuple(full)

    def to_outputs(self, grads: tuple[Tensor | None, ...]) -> tuple[Tensor | None, ...]:
        full = self.spread(grads, self.at_output, self.outputs)
        for hook in self.hooks.backward_pre.values():
            full = _replaced("backward pre-hook", hook(self.module, full), full)
        self.grad_output = full
        if not self.at_input:
            for hook in self.hooks.backward.values():
                changed = hook(self.module, (None,) * self.inputs, full)
                if changed is not None and any(g is not None for g in _as_tuple(changed)):
                    raise RuntimeError(
                        f"backward hook of {type(self.module).__name__}: no input requires grad, so it must return None"
                    )
        return tuple([full[i] for i in self.at_output])

    def to_inputs(self, grads: tuple[Tensor | None, ...]) -> tuple[Tensor | None, ...]:
        full = self.spread(grads, self.at_input, self.inputs)
        if self.grad_output is not None:  # None when the gradient arrives by a way round the outputs
            for hook in self.hooks.backward.values():
                full = _replaced("backward hook", hook(self.module, full, self.grad_output), full)
            self.grad_output = None
        return tuple([full[i] for i in self.at_input])


def _as_tuple(grads: Any) -> tuple[Any, ...]:
    return grads if isinstance(grads, tuple) else (grads,)


def _replaced(name: str, changed: Any, current: tuple[Tensor | None, ...]) -> tuple[Tensor | None, ...]:
    if changed is None:
        return current
    changed = _as_tuple(changed)
    if len(changed) != len(current):
        raise RuntimeError(f"{name}: returned {len(changed)} gradients, expected {len(current)}")
    return changed
