"""Modules that save and load their own part of a state dict: extra state and the overridden methods of PyTorch's."""

from __future__ import annotations

from typing import Any

import pytest

import lucid
from lucid import nn


class Counter(nn.Module):
    def __init__(self, calls: int = 0) -> None:
        super().__init__()
        self.weight = nn.Parameter(lucid.ones(2))
        self.calls = calls

    def get_extra_state(self) -> Any:
        return {"calls": self.calls}

    def set_extra_state(self, state: Any) -> None:
        self.calls = state["calls"]


def test_extra_state_goes_with_the_state_dict() -> None:
    model = nn.Sequential(Counter(3), nn.Linear(1, 1))
    state = model.state_dict()
    assert list(state) == ["0.weight", "0._extra_state", "1.weight", "1.bias"]
    other = nn.Sequential(Counter(), nn.Linear(1, 1))
    assert str(other.load_state_dict(state)) == "<All keys matched successfully>"
    assert other[0].calls == 3
    del state["0._extra_state"]
    with pytest.raises(RuntimeError, match=r'Missing key\(s\) in state_dict: "0._extra_state"'):
        other.load_state_dict(state)
    with pytest.raises(RuntimeError, match=r'Unexpected key\(s\) in state_dict: "_extra_state"'):
        nn.Linear(1, 1).load_state_dict({**nn.Linear(1, 1).state_dict(), "_extra_state": 1})


def test_without_override_extra_state_is_refused() -> None:
    with pytest.raises(RuntimeError, match="get_extra_state: Linear does not override it"):
        nn.Linear(1, 1).get_extra_state()
    with pytest.raises(RuntimeError, match="set_extra_state: Linear does not override it"):
        nn.Linear(1, 1).set_extra_state(1)


class Renamed(nn.Linear):
    """Reads the former name of its weight, and looks at what was loaded."""

    def _load_from_state_dict(self, state_dict: Any, prefix: str, *args: Any) -> None:
        if prefix + "kernel" in state_dict:
            state_dict[prefix + "weight"] = state_dict.pop(prefix + "kernel")
        super()._load_from_state_dict(state_dict, prefix, *args)
        self.total = self.weight.sum().item()

    def _save_to_state_dict(self, destination: Any, prefix: str, keep_vars: bool) -> None:
        super()._save_to_state_dict(destination, prefix, keep_vars)
        destination[prefix + "note"] = lucid.tensor(7)


def test_overridden_methods_are_called() -> None:
    model = nn.Sequential(Renamed(2, 1, bias=False), nn.ReLU())
    given = {"0.kernel": lucid.tensor([[2.0, 3.0]])}
    assert str(model.load_state_dict(given)) == "<All keys matched successfully>"
    assert model[0].total == 5.0 and list(given) == ["0.kernel"]
    assert list(model.state_dict()) == ["0.weight", "0.note"]
    with pytest.raises(RuntimeError, match=r'Unexpected key\(s\) in state_dict: "0.other"'):
        model.load_state_dict({**given, "0.other": lucid.ones(1)})
    with pytest.raises(RuntimeError, match=r'Missing key\(s\) in state_dict: "0.weight"'):
        model.load_state_dict({})
    found = model.load_state_dict({"1.x": lucid.ones(1)}, strict=False)
    assert found.missing_keys == ["0.weight"] and found.unexpected_keys == ["1.x"]
    with pytest.raises(RuntimeError, match="size mismatch for 0.weight"):
        model.load_state_dict({"0.kernel": lucid.ones(3)})


class Silent(nn.Module):
    """Takes what it likes from the dict and reports nothing."""

    def _load_from_state_dict(self, state_dict: Any, prefix: str, *args: Any) -> None:
        self.taken = [key for key in state_dict if key.startswith(prefix)]


def test_an_override_decides_what_is_unexpected() -> None:
    model = nn.ModuleDict({"a": Silent(), "b": nn.Linear(1, 1, bias=False)})
    model.load_state_dict({"a.x": lucid.ones(1), "a.y.z": lucid.ones(1), "b.weight": lucid.ones(1, 1)})
    assert model["a"].taken == ["a.x", "a.y.z"]


def test_former_hooks_of_state_dicts() -> None:
    model = nn.Linear(1, 1, bias=False)
    seen = []
    model._register_load_state_dict_pre_hook(lambda state, prefix, *rest: seen.append((prefix, len(rest))))
    model._register_load_state_dict_pre_hook(lambda module, state, *rest: seen.append(module), with_module=True)
    handle = model._register_state_dict_hook(lambda module, state, prefix, metadata: {"new": state["weight"]})
    assert list(model.state_dict()) == ["new"]
    handle.remove()
    model.load_state_dict(model.state_dict())
    assert seen == [("", 5), model]


def test_state_dict_takes_its_arguments_by_position() -> None:
    into: dict[str, Any] = {}
    assert nn.Linear(1, 1).state_dict(into, "x.") is into
    assert list(into) == ["x.weight", "x.bias"]


def test_non_persistent_buffers_by_pytorchs_name() -> None:
    model = nn.Module()
    model.register_buffer("a", lucid.ones(1), persistent=False)
    assert model._non_persistent_buffers_set == {"a"}


def test_hooks_by_pytorchs_names() -> None:
    model = nn.Linear(1, 1)

    def hook(*args: Any) -> None: ...

    model.register_forward_hook(hook, with_kwargs=True)
    model.register_forward_pre_hook(hook)
    model.register_full_backward_hook(hook)
    assert list(model._forward_hooks.values()) == list(model._forward_pre_hooks.values()) == [hook]
    assert len(model._backward_hooks) == 1 and not model._backward_pre_hooks
    model._forward_hooks.clear()
    model._forward_pre_hooks = type(model._forward_pre_hooks)()
    assert not model._forward_hooks and not model._forward_pre_hooks
    model(lucid.ones(1, 1))
