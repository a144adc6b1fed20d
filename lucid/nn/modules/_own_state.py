"""What a module does with its own part of a state dict, which classes of other packages override as PyTorch's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from lucid.nn.modules._state import Loading, has_extra_state, own_entries

if TYPE_CHECKING:
    from lucid.nn.modules.module import Module

EXTRA = "_extra_state"


class OwnState:
    """The part of `Module` that saves and loads what is not its children's."""

    def get_extra_state(self) -> Any:
        """What a state dict holds of this module beside tensors; for classes that override it.

        Returns:
            Anything the file format can write; the entry's name ends with ``_extra_state``.

        Raises:
            RuntimeError: the class does not override it.

        Example:
            >>> import lucid
            >>> class Counter(lucid.nn.Module):
            ...     calls = 3
            ...     def get_extra_state(self):
            ...         return {"calls": self.calls}
            ...     def set_extra_state(self, state):
            ...         self.calls = state["calls"]
            ...
            >>> dict(Counter().state_dict())
            {'_extra_state': {'calls': 3}}
        """
        raise RuntimeError(f"get_extra_state: {type(self).__name__} does not override it")

    def set_extra_state(self, state: Any) -> None:
        """Take over what `get_extra_state` gave; for classes that override it.

        Args:
            state: the entry of the state dict.

        Raises:
            RuntimeError: the class does not override it.

        Example:
            >>> import lucid
            >>> class Counter(lucid.nn.Module):
            ...     calls = 0
            ...     def get_extra_state(self):
            ...         return {"calls": self.calls}
            ...     def set_extra_state(self, state):
            ...         self.calls = state["calls"]
            ...
            >>> counter = Counter()
            >>> counter.load_state_dict({"_extra_state": {"calls": 3}})
            <All keys matched successfully>
            >>> counter.calls
            3
        """
        raise RuntimeError(f"set_extra_state: {type(self).__name__} does not override it")

    @property
    def _non_persistent_buffers_set(self) -> set[str]:
        """PyTorch's name of the set, which other packages read and add to."""
        return cast("Module", self)._non_persistent

    def _save_to_state_dict(self, destination: dict[str, Any], prefix: str, keep_vars: bool) -> None:
        """Put the module's own entries into ``destination``, its children's not."""
        for name, t in own_entries(cast("Module", self)):
            destination[prefix + name] = t if keep_vars else t.detach()
        if has_extra_state(self, "get_extra_state"):
            destination[prefix + EXTRA] = self.get_extra_state()

    def _load_from_state_dict(
        self,
        state_dict: dict[str, Any],
        prefix: str,
        local_metadata: dict[str, Any],
        strict: bool,
        missing_keys: list[str],
        unexpected_keys: list[str],
        error_msgs: list[str],
    ) -> None:
        """Load the module's own entries at once; `load_state_dict` calls it only where a class overrides it."""
        module = cast("Module", self)
        own = Loading({}, strict, local_metadata.get("assign_to_params_buffers", False))
        own.state, own.errors = cast(Any, state_dict), error_msgs
        own.visit_own(module, prefix, local_metadata)
        if strict:
            missing_keys += own.missing
            unexpected_keys += [
                key for key in own_keys(module, prefix, state_dict) if key not in own.expected
            ] + own.unexpected  # fmt: skip
        own.copy_all()


def own_keys(module: Module, prefix: str, state: dict[str, Any]) -> list[str]:
    """The entries below ``prefix`` that are not below a child of the module."""
    return [
        key for key in state
        if key.startswith(prefix) and key[len(prefix) :].partition(".")[0] not in module._modules
    ]  # fmt: skip
