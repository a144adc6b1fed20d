"""`Optimizer`: parameter groups, per-parameter state and its saving, which all optimizers share."""

from __future__ import annotations

import functools
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from lucid._functions._naming import Named, described, of_object
from lucid._printing import shown
from lucid._tensor import Tensor
from lucid.autograd._hooks import RemovableHandle
from lucid.autograd._mode import enable_grad, no_grad
from lucid.autograd._node import bump, wrap
from lucid.optim._saving import Saving

Closure = Callable[[], Any]
Hook = Callable[..., Any]

_every_pre_hook: OrderedDict[int, Hook] = OrderedDict()
_every_post_hook: OrderedDict[int, Hook] = OrderedDict()


def register_optimizer_step_pre_hook(hook: Hook) -> RemovableHandle:
    """Call a hook before every step of every optimizer, before its own hooks.

    Args:
        hook: called as ``hook(optimizer, args, kwargs)``; it may return changed (args, kwargs).

    Returns:
        A handle; its ``remove()`` takes the hook away.
    """
    handle = RemovableHandle(_every_pre_hook)
    _every_pre_hook[handle.id] = _checked(hook)
    return handle


def register_optimizer_step_post_hook(hook: Hook) -> RemovableHandle:
    """Call a hook after every step of every optimizer, after its own hooks.

    Args:
        hook: called as ``hook(optimizer, args, kwargs)``.

    Returns:
        A handle; its ``remove()`` takes the hook away.
    """
    handle = RemovableHandle(_every_post_hook)
    _every_post_hook[handle.id] = _checked(hook)
    return handle


def _suspects(optimizer: Optimizer, args: tuple[Any, ...]) -> str:
    """What a step may have stumbled over: hyperparameters, numbers last, and what it was called with."""
    found = {f"argument {i + 1}": value for i, value in enumerate(args)}
    entries = [
        (name, value)
        for group in optimizer.param_groups
        for name, value in group.items()
        if name not in ("params", "param_names")
    ]
    plain = (bool, int, float, type(None))
    return described(found | {n: v for n, v in entries if not isinstance(v, plain)} or dict(entries))


def _checked(hook: Hook) -> Hook:
    if not callable(hook):
        raise TypeError(f"register_step_hook: expected a function as hook, got {type(hook).__name__}")
    return hook


def _hooked(step: Callable[..., Any]) -> Callable[..., Any]:
    """``step`` with the hooks around it, and a note that it was called."""

    @functools.wraps(step)
    def call(self: Optimizer, *args: Any, **kwargs: Any) -> Any:
        if not hasattr(self, "_stepping"):  # a wrapper around another optimizer that leaves out Optimizer.__init__
            self._prepare()
        if self._stepping:  # super().step() of a subclass
            return step(self, *args, **kwargs)
        self._stepping = self._stepped = True
        try:
            for hook in [*_every_pre_hook.values(), *self._pre_hooks.values()]:
                changed = hook(self, args, kwargs)
                if changed is not None:
                    args, kwargs = changed
            try:
                result = step(self, *args, **kwargs)
            except (TypeError, ValueError, AttributeError, ArithmeticError, LookupError) as error:
                better = of_object(error, type(self).__name__, lambda: _suspects(self, args))
                if better is error:
                    raise
                raise better from None
            for hook in [*self._post_hooks.values(), *_every_post_hook.values()]:
                hook(self, args, kwargs)
        finally:
            self._stepping = False
        return result

    return call


class Optimizer(Named, Saving):
    """Base class of all optimizers.

    Subclasses define ``update_group``; or ``step`` itself, as in PyTorch.

    Args:
        params: parameters, (name, parameter) pairs, or dicts with a ``"params"`` entry and their own hyperparameters.
        defaults: hyperparameters of the groups that do not give their own.

    Attributes:
        param_groups: one dict per group: its ``"params"`` and its hyperparameters.
        state: what the optimizer remembers, one dict per parameter.
        defaults: the defaults.

    Raises:
        NotImplementedError: when stepping, there is neither ``update_group`` nor ``step``.
        RuntimeError: when stepping, a gradient differs from its parameter in shape or dtype.
        TypeError: ``params`` is a tensor or a set, or holds something that is not a Tensor.
        ValueError: there are no parameters, one is not a leaf, or one appears twice.

    Example:
        >>> import lucid
        >>> class Descent(lucid.optim.Optimizer):
        ...     def update_group(self, group, params):
        ...         for p in params:
        ...             p.sub_(p.grad * group["lr"])
        >>> w = lucid.tensor([1.0, 2.0], requires_grad=True)
        >>> optimizer = Descent([w], {"lr": 0.5})
        >>> w.sum().backward()
        >>> optimizer.step()
        >>> print(w.detach())
        [0.5, 1.5]
    """

    def __init__(self, params: Iterable[Any], defaults: dict[str, Any]) -> None:
        self.defaults = defaults
        self.state: defaultdict[Tensor, dict[str, Any]] = defaultdict(dict)
        self.param_groups: list[dict[str, Any]] = []
        self._prepare()
        if isinstance(params, Tensor):
            raise TypeError(
                f"{type(self).__name__}: params argument given to the optimizer should be an iterable of Tensors or "
                "dicts, but got a Tensor"
            )
        if not isinstance(params, Iterable):
            raise TypeError(f"{type(self).__name__}: expected parameters or groups of them, got {shown(params)}")
        groups = params if isinstance(params, set) else list(params)
        if not groups:
            raise ValueError(f"{type(self).__name__}: optimizer got an empty parameter list")
        if isinstance(groups, set) or not isinstance(groups[0], dict):
            groups = [{"params": groups}]
        for group in groups:
            self.add_param_group(group)

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "step" in cls.__dict__:
            cls.step = _hooked(cls.__dict__["step"])  # type: ignore[method-assign]

    def _prepare(self) -> None:
        """What is not saved with the optimizer."""
        self._pre_hooks: OrderedDict[int, Hook] = OrderedDict()
        self._post_hooks: OrderedDict[int, Hook] = OrderedDict()
        self._stepping = self._stepped = False
        self._prepare_saving()

    def __getstate__(self) -> dict[str, Any]:
        return {"defaults": self.defaults, "state": self.state, "param_groups": self.param_groups}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._prepare()

    def __repr__(self) -> str:
        lines = [f"{type(self).__name__} ("]
        for i, group in enumerate(self.param_groups):
            lines.append(f"Parameter Group {i}")
            lines.extend(f"    {key}: {group[key]}" for key in sorted(group) if key not in ("params", "param_names"))
        return "\n".join([*lines, ")"])

    # Groups

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add parameters with hyperparameters of their own, for example the layers unfrozen during fine-tuning.

        Args:
            param_group: ``{"params": ..., "lr": ...}``; defaults fill in what is missing.

        Raises:
            TypeError: the group is not a dict, its parameters are a set, or one is not a Tensor.
            ValueError: a parameter is not a leaf, or appears twice.
        """
        name = type(self).__name__
        if not isinstance(param_group, dict):
            raise TypeError(f"{name}: param group must be a dict, but got {type(param_group).__name__}")
        if "params" not in param_group:
            raise ValueError(
                f"{name}: a group needs an entry 'params', got {', '.join(map(repr, param_group)) or 'none'}"
            )
        params = param_group["params"]
        if isinstance(params, (set, frozenset)):
            raise TypeError(
                f"{name}: optimizer parameters need to be organized in ordered collections, but the ordering of "
                "tensors in sets will change between runs. Please use a list instead."
            )
        entries = [params] if isinstance(params, Tensor) else list(params)
        named = [e for e in entries if isinstance(e, tuple)]
        if named and len(named) != len(entries):
            raise ValueError(f"{name}: all optimizer params should be with or without names; only some are named")
        tensors = [e[1] for e in entries] if named else entries
        for t in tensors:
            if not isinstance(t, Tensor):
                raise TypeError(
                    f"{name}: optimizer can only optimize Tensors, but one of the params is {type(t).__name__}"
                )
            if not t.is_leaf:
                raise ValueError(f"{name}: can't optimize a non-leaf Tensor (shape {tuple(t.shape)})")
            if t.dtype.is_complex:
                raise TypeError(
                    f"{name}: complex parameters are not supported; keep a real one of shape (..., 2) and use "
                    "lucid.view_as_complex of it"
                )
        known = {id(t) for group in self.param_groups for t in group["params"]}
        if len({id(t) for t in tensors}) != len(tensors):
            raise ValueError(f"{name}: optimizer contains a parameter group with duplicate parameters")
        if known & {id(t) for t in tensors}:
            raise ValueError(f"{name}: some parameters appear in more than one parameter group")
        group = {**param_group, "params": tensors}
        if named:
            group["param_names"] = [e[0] for e in entries]
        if self.param_groups and ("param_names" in self.param_groups[0]) != bool(named):
            raise ValueError(f"{name}: all optimizer param groups should be with or without names; only some are named")
        self.param_groups.append(group | {key: value for key, value in self.defaults.items() if key not in group})

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients.

        Args:
            set_to_none: make them None; otherwise overwrite them with zeros.
        """
        for group in self.param_groups:
            for p in group["params"]:
                if set_to_none or p.grad is None:
                    p.grad = None
                else:
                    p.grad = p.grad.detach()
                    p.grad.zero_()

    # Stepping

    def step(self, closure: Closure | None = None) -> Any:
        """Change every parameter that has a gradient, in place.

        Args:
            closure: computes the loss and its gradients anew; called first.

        Returns:
            What the closure returned, or None.

        Raises:
            RuntimeError: a gradient differs from its parameter in shape or dtype, or the parameter is read-only.
        """
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        checked = [(group, self._with_gradient(group)) for group in self.param_groups]
        with no_grad():
            for group, params in checked:
                if any(p.dtype.is_half for p in params):
                    self._update_widened(group, params)
                elif params:
                    self.update_group(group, params)
        return loss

    def _update_widened(self, group: dict[str, Any], params: list[Tensor]) -> None:
        """`update_group` with float32 copies of parameters in half precision, rounded back at the end.

        What is remembered stays in float32, since averages would stall in so few bits.
        """
        wide = []
        for p in params:
            copied = p
            if p.dtype.is_half:
                assert p.grad is not None
                copied = p.detach().float()
                copied.grad = p.grad.float()
                self.state[copied] = self.state.pop(p, {})
            wide.append(copied)
        try:
            self.update_group(group, wide)
        finally:
            for p, copied in zip(params, wide):
                if copied is not p:
                    state = self.state.pop(copied, {})
                    if state:
                        self.state[p] = state
                    p.copy_(copied)

    def update_group(self, group: dict[str, Any], params: list[Tensor]) -> None:
        """Change those parameters of a group that have a gradient; called without recording.

        Args:
            group: hyperparameters by name.
            params: the parameters, every one with a gradient of its shape and dtype.
        """
        raise NotImplementedError(f"{type(self).__name__}: define update_group or step")

    def _with_gradient(self, group: dict[str, Any]) -> list[Tensor]:
        """The group's parameters that have a gradient, everything about them checked."""
        found = []
        for i, p in enumerate(group["params"]):
            if p.grad is None:
                continue
            data, grad = p._data, p.grad._data
            if data.shape != grad.shape or data.dtype != grad.dtype:
                raise RuntimeError(
                    f"{type(self).__name__}: expected a gradient of shape {data.shape} and dtype {data.dtype} like "
                    f"parameter {i}, got {grad.shape} and {grad.dtype}"
                )
            if not data.flags.writeable:
                raise RuntimeError(f"{type(self).__name__}: parameter {i} (shape {data.shape}) is in read-only memory")
            found.append(p)
        return found

    def buffers(self, params: list[Tensor], key: str) -> list[Tensor]:
        """A state of every parameter, zeros of its shape where there is none yet.

        Args:
            params: the parameters.
            key: name of the state, such as "exp_avg".
        """
        found = []
        for p in params:
            state = self.state[p]
            if key not in state:
                state[key] = wrap(np.zeros(p._data.shape, p._data.dtype))
            found.append(state[key])
        return found

    def count(self, params: list[Tensor]) -> list[float]:
        """Add 1 to the state ``"step"`` of every parameter and return the results.

        Args:
            params: the parameters.
        """
        steps = []
        for p in params:
            state = self.state[p]
            if "step" not in state:
                state["step"] = wrap(np.zeros((), np.float32))
            state["step"]._data += 1
            steps.append(float(state["step"]._data))
        return steps

    def register_step_pre_hook(self, hook: Hook) -> RemovableHandle:
        """Call a hook before every step.

        Args:
            hook: called as ``hook(optimizer, args, kwargs)``; it may return changed (args, kwargs).

        Returns:
            A handle; its ``remove()`` takes the hook away.
        """
        handle = RemovableHandle(self._pre_hooks)
        self._pre_hooks[handle.id] = _checked(hook)
        return handle

    def register_step_post_hook(self, hook: Hook) -> RemovableHandle:
        """Call a hook after every step.

        Args:
            hook: called as ``hook(optimizer, args, kwargs)``.

        Returns:
            A handle; its ``remove()`` takes the hook away.
        """
        handle = RemovableHandle(self._post_hooks)
        self._post_hooks[handle.id] = _checked(hook)
        return handle


Optimizer.step = _hooked(Optimizer.step)  # type: ignore[method-assign]


def memory(params: list[Tensor]) -> list[np.ndarray]:
    """The parameters' arrays for a kernel to write into; copies of those that are not contiguous."""
    return [p._data if p._data.flags.c_contiguous else p._data.copy(order="C") for p in params]


def written(params: list[Tensor], arrays: list[np.ndarray]) -> None:
    """Bring back what a kernel wrote into `memory`, and tell autograd."""
    for p, array in zip(params, arrays):
        if array is not p._data:
            p._data[...] = array
        bump(p)


def gradients(params: list[Tensor]) -> list[np.ndarray]:
    return [p.grad._data for p in params]  # type: ignore[union-attr]


def scalars(optimizer: Optimizer, params: list[Tensor], key: str, start: float) -> list[Tensor]:
    """The 0-d float32 state ``key`` of every parameter, ``start`` where there is none yet."""
    for p in params:
        if key not in optimizer.state[p]:
            optimizer.state[p][key] = wrap(np.array(start, np.float32))
    return [optimizer.state[p][key] for p in params]


def data(buffers: list[Tensor] | None) -> list[np.ndarray] | None:
    return None if buffers is None else [b._data for b in buffers]


__all__ = ["Optimizer", "register_optimizer_step_post_hook", "register_optimizer_step_pre_hook"]
