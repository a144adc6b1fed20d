"""State dicts: saving, and loading that checks everything before it changes anything."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from lucid import _dtype
from lucid._functions._common import convert
from lucid._tensor import Tensor
from lucid.autograd._mode import no_grad
from lucid.autograd._node import wrap
from lucid.nn.parameter import Parameter

if TYPE_CHECKING:
    from lucid.nn.modules.module import Module


class _Keys(NamedTuple):
    missing_keys: list[str]
    unexpected_keys: list[str]


class IncompatibleKeys(_Keys):
    """What `Module.load_state_dict` found on one side only."""

    def __repr__(self) -> str:
        if not self.missing_keys and not self.unexpected_keys:
            return "<All keys matched successfully>"
        return f"IncompatibleKeys(missing_keys={self.missing_keys}, unexpected_keys={self.unexpected_keys})"

    __str__ = __repr__


def own_entries(module: Module) -> Iterator[tuple[str, Tensor]]:
    """The parameters and persistent buffers of ``module`` itself that a state dict holds."""
    for name, p in module._parameters.items():
        if p is not None:
            yield name, p
    for name, b in module._buffers.items():
        if b is not None and name not in module._non_persistent:
            yield name, b


def has_extra_state(module: Any, name: str) -> bool:
    """Whether the module's class overrides ``get_extra_state`` or ``set_extra_state``."""
    from lucid.nn.modules.module import Module

    return getattr(type(module), name) is not getattr(Module, name)


def save(
    module: Module, destination: OrderedDict[str, Any] | None, prefix: str, keep_vars: bool
) -> OrderedDict[str, Any]:
    """`Module.state_dict`."""
    hooks = module._hooks
    if destination is None:
        destination = OrderedDict()
        destination._metadata = OrderedDict()  # type: ignore[attr-defined]
    metadata = {"version": module._version}
    if hasattr(destination, "_metadata"):
        destination._metadata[prefix[:-1]] = metadata
    if hooks is not None:
        for hook in hooks.state_dict_pre.values():
            hook(module, prefix, keep_vars)
    module._save_to_state_dict(destination, prefix, keep_vars)
    for name, child in module._modules.items():
        if child is not None:
            child.state_dict(destination=destination, prefix=f"{prefix}{name}.", keep_vars=keep_vars)
    if hooks is not None:
        for hook in hooks.state_dict.values():
            result = hook(module, destination, prefix, metadata)
            if result is not None and hook in hooks.replacing:
                destination = result
    return destination


class Loading:
    """One `Module.load_state_dict`: `visit` notes what to copy and what is wrong, `finish` raises or copies."""

    def __init__(self, state_dict: Mapping[str, Any], strict: bool, assign: bool) -> None:
        self.state = OrderedDict(state_dict)  # hooks rename entries of this copy
        self.metadata = getattr(state_dict, "_metadata", None) or {}
        self.strict, self.assign = strict, assign
        self.copies: list[tuple[Module, str, Tensor, Tensor]] = []
        self.extras: list[tuple[Module, Any]] = []
        self.expected: set[str] = set()
        self.missing: list[str] = []
        self.unexpected: list[str] = []
        self.errors: list[str] = []
        self.visited: list[Module] = []

    def visit(self, module: Module, prefix: str) -> None:
        from lucid.nn.modules._own_state import own_keys
        from lucid.nn.modules.module import Module

        metadata = self.metadata.get(prefix[:-1], {})
        if type(module)._load_from_state_dict is Module._load_from_state_dict:
            self.visit_own(module, prefix, metadata)
        else:
            metadata = {**metadata, "assign_to_params_buffers": self.assign}
            lists = self.missing, self.unexpected, self.errors
            module._load_from_state_dict(self.state, prefix, metadata, True, *lists)
            self.expected.update(own_keys(module, prefix, self.state))  # which it loaded, or put into the list
        for name, child in module._modules.items():
            if child is not None:
                self.visit(child, f"{prefix}{name}.")
        self.visited.append(module)

    def visit_own(self, module: Module, prefix: str, metadata: dict[str, Any]) -> None:
        """Plan what concerns the module without its children."""
        if module._hooks is not None:
            for hook in module._hooks.load_state_dict_pre.values():
                hook(module, self.state, prefix, metadata, self.strict, self.missing, self.unexpected, self.errors)
        module._upgrade_state(self.state, prefix, metadata.get("version"))
        for name, target in own_entries(module):
            key = prefix + name
            self.expected.add(key)
            if key in self.state:
                self.plan_copy(module, name, key, target)
            else:
                self.missing.append(key)
        if has_extra_state(module, "set_extra_state"):
            key = f"{prefix}_extra_state"
            self.expected.add(key)
            if key in self.state:
                self.extras.append((module, self.state[key]))
            else:
                self.missing.append(key)

    def plan_copy(self, module: Module, name: str, key: str, target: Tensor) -> None:
        value = self.state[key]
        if not hasattr(value, "__array__"):
            self.errors.append(f"{key}: expected a Tensor or an array, got {type(value).__name__}.")
            return
        source = value if isinstance(value, Tensor) else wrap(np.asarray(value))
        if source._data.shape != target._data.shape:
            self.errors.append(
                f"size mismatch for {key}: the checkpoint has shape {source._data.shape}, "
                f"the current model {target._data.shape}."
            )
        elif source._data.dtype.kind not in "fiubc" and source._data.dtype != _dtype.bfloat16.numpy:
            self.errors.append(f"{key}: cannot convert numpy.{source._data.dtype} to {target.dtype}.")
        elif not self.assign and not target._data.flags.writeable:
            self.errors.append(f"{key}: the memory of the current model is read-only; pass assign=True.")
        else:
            if source is not value:
                source = wrap(source._data if source.dtype is target.dtype else convert(source._data, target.dtype))
            self.copies.append((module, name, target, source))

    def finish(self, root: Module) -> IncompatibleKeys:
        """Check, copy, call the hooks that come after; without such hooks nothing is copied if a key is wrong."""
        self.unexpected += [key for key in self.state if key not in self.expected]
        found = IncompatibleKeys(self.missing, self.unexpected)
        hooks = [(m, h) for m in self.visited if m._hooks is not None for h in m._hooks.load_state_dict_post.values()]
        self.report(root, keys=not hooks)
        self.copy_all()
        if hooks:
            for module, hook in hooks:
                hook(module, found)
            self.report(root, keys=True)
        return found

    def copy_all(self) -> None:
        """Do what was planned."""
        with no_grad():
            for module, name, target, source in self.copies:
                self.copy(module, name, target, source)
        for module, state in self.extras:
            module.set_extra_state(state)

    def report(self, root: Module, keys: bool) -> None:
        """Raise what was found to be wrong, missing and unexpected keys included if ``keys``."""
        errors = list(self.errors)
        if self.strict and keys:
            for kind, names in (("Unexpected", self.unexpected), ("Missing", self.missing)):
                if names:
                    quoted = ", ".join([f'"{key}"' for key in names])
                    errors.insert(0, f"{kind} key(s) in state_dict: {quoted}.")
        if errors:
            report = "\n\t".join(errors)
            raise RuntimeError(f"Error(s) in loading state_dict for {type(root).__name__}:\n\t{report}")

    def copy(self, module: Module, name: str, target: Tensor, source: Tensor) -> None:
        if not self.assign:
            target.copy_(source)
        elif isinstance(target, Parameter):
            taken = source if isinstance(source, Parameter) else Parameter(source, False)
            taken.requires_grad = target.requires_grad
            module._parameters[name] = taken
        else:
            module._buffers[name] = source
