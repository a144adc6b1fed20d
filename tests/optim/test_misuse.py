"""Optimizers given what they cannot work with, at any time: one line with the name, and nothing changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import lucid
from lucid import optim

LOADED: dict[str, tuple[Callable[[dict[str, Any]], dict[str, Any]], str]] = {
    "groups": (
        lambda d: d | {"param_groups": 3}, "Adam: 'param_groups' must be a list of dicts with an entry 'params', got 3",
    ),
    "group": (
        lambda d: d | {"param_groups": [3]},
        "Adam: 'param_groups' must be a list of dicts with an entry 'params', got [3]",
    ),
    "state": (lambda d: d | {"state": [1]}, "Adam: 'state' must be a dict of dicts, got [1]"),
    "state of one": (lambda d: d | {"state": {0: 1}}, "Adam: 'state' must be a dict of dicts, got {0: 1}"),
}  # fmt: skip


def stepped() -> tuple[lucid.Tensor, optim.Adam]:
    p = lucid.ones(2, requires_grad=True)
    optimizer = optim.Adam([p])
    p.grad = lucid.ones(2)
    optimizer.step()
    return p, optimizer


@pytest.mark.parametrize(("change", "message"), LOADED.values(), ids=LOADED)
def test_state_dicts_that_are_none(change: Callable[[dict[str, Any]], dict[str, Any]], message: str) -> None:
    _, optimizer = stepped()
    before = optimizer.state_dict()
    with pytest.raises(TypeError) as error:
        optimizer.load_state_dict(change(before))
    assert str(error.value) == message
    after = optimizer.state_dict()
    assert after["param_groups"] == before["param_groups"] and after["state"].keys() == before["state"].keys()


def test_hyperparameters_changed_to_what_is_no_number() -> None:
    p, optimizer = stepped()
    before = p.numpy(force=True).copy()
    optimizer.param_groups[0]["lr"] = "fast"
    with pytest.raises(ValueError) as error:
        optimizer.step()
    assert str(error.value) == "Adam: wrong argument among lr: 'fast', betas: tuple"
    np.testing.assert_array_equal(p.numpy(force=True), before)
    optimizer.param_groups[0]["lr"] = 0.1
    with pytest.raises(TypeError, match=r"^Adam: wrong argument among argument 1: 3, betas: tuple"):
        optimizer.step(3)  # type: ignore[arg-type]
    optimizer.step()
    assert not np.array_equal(p.numpy(force=True), before)


def test_hooks_that_are_no_functions() -> None:
    _, optimizer = stepped()
    with pytest.raises(TypeError, match="^register_step_hook: expected a function as hook, got int$"):
        optimizer.register_step_pre_hook(3)  # type: ignore[arg-type]
    optimizer.step()


def test_errors_of_a_closure_stay_its_own() -> None:
    _, optimizer = stepped()

    def closure() -> lucid.Tensor:
        raise KeyError("mine")

    with pytest.raises(KeyError, match="^'mine'$"):
        optimizer.step(closure)
