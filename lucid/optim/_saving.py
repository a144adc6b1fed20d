"""How every optimizer is saved: state dicts in the layout of PyTorch, and the hooks around them."""

from __future__ import annotations

import copy
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Mapping
from itertools import chain
from typing import Any

import numpy as np

from lucid import _dtype
from lucid._functions._common import convert
from lucid._printing import shown
from lucid._tensor import Tensor
from lucid.autograd._hooks import RemovableHandle
from lucid.autograd._node import wrap

Hooks = OrderedDict[int, Callable[..., Any]]


def state_dtype(p: Tensor) -> _dtype.dtype:
    """What an optimizer remembers of ``p`` in: float32 for half precision, in whose few bits averages would stall."""
    return _dtype.float32 if p.dtype.is_half else p.dtype


def _register(hooks: Hooks, hook: Callable[..., Any], prepend: bool) -> RemovableHandle:
    handle = RemovableHandle(hooks)
    hooks[handle.id] = hook
    if prepend:
        hooks.move_to_end(handle.id, last=False)
    return handle


class Saving:
    """The part of `lucid.optim.Optimizer` that saves and restores its state."""

    defaults: dict[str, Any]
    state: defaultdict[Any, dict[str, Any]]
    param_groups: list[dict[str, Any]]

    def _prepare_saving(self) -> None:
        """What is not saved with the optimizer."""
        self._saving_hooks: Hooks = OrderedDict()
        self._saved_hooks: Hooks = OrderedDict()
        self._loading_hooks: Hooks = OrderedDict()
        self._loaded_hooks: Hooks = OrderedDict()

    def register_state_dict_pre_hook(self, hook: Callable[[Any], None], prepend: bool = False) -> RemovableHandle:
        """Call a hook before every `state_dict`.

        Args:
            hook: called as ``hook(optimizer)``.
            prepend: put it before the hooks there are.

        Returns:
            A handle; its ``remove()`` takes the hook away.
        """
        return _register(self._saving_hooks, hook, prepend)

    def register_state_dict_post_hook(self, hook: Callable[[Any, Any], Any], prepend: bool = False) -> RemovableHandle:
        """Call a hook after every `state_dict`.

        Args:
            hook: called as ``hook(optimizer, state_dict)``; what it returns, unless None, becomes the result.
            prepend: put it before the hooks there are.

        Returns:
            A handle; its ``remove()`` takes the hook away.
        """
        return _register(self._saved_hooks, hook, prepend)

    def register_load_state_dict_pre_hook(
        self, hook: Callable[[Any, Any], Any], prepend: bool = False
    ) -> RemovableHandle:
        """Call a hook before every `load_state_dict`.

        Args:
            hook: called as ``hook(optimizer, state_dict)``; it may return another to load.
            prepend: put it before the hooks there are.

        Returns:
            A handle; its ``remove()`` takes the hook away.
        """
        return _register(self._loading_hooks, hook, prepend)

    def register_load_state_dict_post_hook(self, hook: Callable[[Any], None], prepend: bool = False) -> RemovableHandle:
        """Call a hook after every `load_state_dict`.

        Args:
            hook: called as ``hook(optimizer)``.
            prepend: put it before the hooks there are.

        Returns:
            A handle; its ``remove()`` takes the hook away.
        """
        return _register(self._loaded_hooks, hook, prepend)

    def state_dict(self) -> dict[str, Any]:
        """The state and the hyperparameters, with parameters numbered in order: the layout of PyTorch.

        Tensors share memory with the optimizer.

        Returns:
            ``{"state": {number: {...}}, "param_groups": [{"lr": ..., "params": [numbers]}]}``.
        """
        for hook in list(self._saving_hooks.values()):
            hook(self)
        numbers: dict[int, int] = {}
        for group in self.param_groups:
            for p in group["params"]:
                numbers[id(p)] = len(numbers)
        saved: dict[str, Any] = {
            "state": {numbers[id(p)] if isinstance(p, Tensor) else p: dict(s) for p, s in self.state.items()},
            "param_groups": [
                {
                    **{k: v for k, v in group.items() if k != "params"},
                    "params": [numbers[id(p)] for p in group["params"]],
                }
                for group in self.param_groups
            ],
        }
        for hook in list(self._saved_hooks.values()):
            changed = hook(self, saved)
            saved = saved if changed is None else changed
        return saved

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over a state saved by `state_dict`, also one of PyTorch's, as copies in the dtypes of the parameters.

        Args:
            state_dict: as returned by `state_dict`; tensors or NumPy arrays.

        Raises:
            KeyError: it has no entries "state" and "param_groups", as that of a model has not.
            TypeError: it is not a dict.
            ValueError: the groups or their sizes differ, or a state has another shape than its parameter.
        """
        name = type(self).__name__
        if not isinstance(state_dict, Mapping):
            raise TypeError(f"{name}: load_state_dict expected a dict, got {type(state_dict).__name__}")
        state_dict = dict(state_dict)
        for hook in list(self._loading_hooks.values()):
            changed = hook(self, state_dict)
            state_dict = state_dict if changed is None else changed
        for entry in ("state", "param_groups"):
            if entry not in state_dict:
                raise KeyError(f"{name}: not the state dict of an optimizer: it has no entry '{entry}'")
        saved, entries = state_dict["param_groups"], state_dict["state"]
        if not isinstance(saved, (list, tuple)) or not all(isinstance(g, Mapping) and "params" in g for g in saved):
            raise TypeError(
                f"{name}: 'param_groups' must be a list of dicts with an entry 'params', got {shown(saved)}"
            )
        if not isinstance(entries, Mapping) or not all(isinstance(each, Mapping) for each in entries.values()):
            raise TypeError(f"{name}: 'state' must be a dict of dicts, got {shown(entries)}")
        if len(saved) != len(self.param_groups):
            raise ValueError(
                f"{name}: loaded state dict has a different number of parameter groups: {len(saved)}, "
                f"expected {len(self.param_groups)}"
            )
        for i, (theirs, ours) in enumerate(zip(saved, self.param_groups)):
            if len(theirs["params"]) != len(ours["params"]):
                raise ValueError(
                    f"{name}: loaded state dict contains a parameter group that doesn't match the size of optimizer's "
                    f"group: group {i} has {len(theirs['params'])} parameters, expected {len(ours['params'])}"
                )
        ids = chain.from_iterable(group["params"] for group in saved)
        own = chain.from_iterable(group["params"] for group in self.param_groups)
        by_number = dict(zip(ids, own))
        state: defaultdict[Any, dict[str, Any]] = defaultdict(dict)
        for number, own_state in entries.items():
            p = by_number.get(number)
            if p is None:
                state[number] = copy.deepcopy(own_state)
            else:
                state[p] = {key: self._restored(p, number, key, value) for key, value in own_state.items()}
        groups = []
        for theirs, ours in zip(saved, self.param_groups):
            group = {k: copy.deepcopy(v) for k, v in theirs.items() if k not in ("params", "param_names")}
            group |= {k: v for k, v in self.defaults.items() if k not in group}  # saved by a version without them
            group["params"] = ours["params"]
            if "param_names" in ours:
                group["param_names"] = ours["param_names"]
            groups.append(group)
        self.state, self.param_groups = state, groups
        for hook in list(self._loaded_hooks.values()):
            hook(self)

    def shape_of(self, p: Tensor, key: str) -> tuple[int, ...] | None:
        """The shape the state of a parameter must have; None for any.

        Args:
            p: the parameter.
            key: name of the state, such as "exp_avg".
        """
        return p._data.shape

    def _restored(self, p: Tensor, number: Any, key: str, value: Any) -> Any:
        if isinstance(value, (list, tuple)):
            return [self._restored(p, number, key, v) for v in value]
        array = value._data if isinstance(value, Tensor) else np.asarray(value) if hasattr(value, "__array__") else None
        if array is None:
            return wrap(np.array(value, np.float32)) if key == "step" else copy.deepcopy(value)
        if key == "step":
            return wrap(np.array(array, np.float32))
        shape = self.shape_of(p, key)
        if array.ndim and shape is not None and array.shape != shape:
            raise ValueError(
                f"{type(self).__name__}: loaded {key} of parameter {number} has shape {array.shape}, expected {shape}"
            )
        d = state_dtype(p) if p.is_floating_point() else _dtype.of_array(array)
        return wrap(np.array(array if array.dtype == d.numpy else convert(array, d), order="C"))
