"""Recurrent layers as steps of a plan."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from compiler.test_file import edit, segment_of

import lucid
from lucid import _ops, nn
from lucid._safetensors import FileFormatError
from lucid.compiler._recurrent import MOST_STEPS

LAYERS = {
    "LSTM": (nn.LSTM, {}),
    "GRU": (nn.GRU, {}),
    "tanh": (nn.RNN, {}),
    "relu": (nn.RNN, {"nonlinearity": "relu"}),
    "LSTM without bias": (nn.LSTM, {"bias": False}),
    "GRU without bias": (nn.GRU, {"bias": False}),
    "two layers": (nn.LSTM, {"num_layers": 2, "dropout": 0.5}),
    "both directions": (nn.GRU, {"bidirectional": True}),
    "deep, both directions": (nn.LSTM, {"num_layers": 3, "bidirectional": True}),
}
PLANNED = {"linear", "recurrent", "copy"}


def layer(name: str, hidden: int, **options: Any) -> nn.Module:
    lucid.manual_seed(0)
    make, given = LAYERS[name]
    return make(12, hidden, **given, **options).eval()


def flat(result: Any) -> list[np.ndarray]:
    y, states = result
    return [t.detach().numpy() for t in (y, *(states if isinstance(states, tuple) else (states,)))]


def methods(compiled: Any) -> set[str]:
    """Of all steps; "call" for what is none of a plan."""
    steps = [s for plan in compiled._plans.values() for s in plan.program.steps]
    return {m for s in steps for m in ([e.method for e in s.run.recipe.steps] if s.op is None else ["call"])}


@pytest.fixture
def threads() -> Iterator[None]:
    before = lucid.get_num_threads()
    yield
    lucid.set_num_threads(before)
    _ops.set_grain_scale(1)


@pytest.mark.usefixtures("threads")
@pytest.mark.parametrize("hidden", [5, 72])
@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize("name", LAYERS)
def test_results_and_their_bits(name: str, batch_first: bool, hidden: int) -> None:
    """As run eagerly; the same bits for every number of threads, for one sample of the batch and for all."""
    model = layer(name, hidden, batch_first=batch_first)
    compiled = lucid.compile(model)
    x = lucid.randn(*((6, 9) if batch_first else (9, 6)), 12)
    lucid.set_num_threads(1)
    want = flat(compiled(x))
    assert methods(compiled) <= PLANNED
    with lucid.no_grad():
        for a, b in zip(want, flat(model(x))):
            np.testing.assert_allclose(a, b, rtol=0, atol=2e-6)
    _ops.set_grain_scale(0)
    for count in (2, 3, 8):
        lucid.set_num_threads(count)
        for a, b in zip(flat(compiled(x)), want, strict=True):
            np.testing.assert_array_equal(a, b)
    for some in ([4], [1, 2, 5]):
        part = flat(compiled(x[some] if batch_first else x[:, some]))
        np.testing.assert_array_equal(part[0], want[0][some] if batch_first else want[0][:, some])
        for a, b in zip(part[1:], want[1:]):
            np.testing.assert_array_equal(a, b[:, some])


@pytest.mark.parametrize("name", LAYERS)
def test_initial_states(name: str) -> None:
    model = layer(name, 8)
    compiled = lucid.compile(model)
    x = lucid.randn(4, 3, 12)
    rows = len(flat(model(x))[1])
    h = lucid.randn(rows, 3, 8)
    state = (h, lucid.randn(rows, 3, 8)) if isinstance(model, nn.LSTM) else h
    before = [t.numpy().copy() for t in (state if isinstance(state, tuple) else (state,))]
    got = flat(compiled(x, state))
    with lucid.no_grad():
        for a, b in zip(got, flat(model(x, state)), strict=True):
            np.testing.assert_allclose(a, b, rtol=0, atol=2e-6)
    for t, b in zip(state if isinstance(state, tuple) else (state,), before):
        np.testing.assert_array_equal(t.numpy(), b)
    assert methods(compiled) <= PLANNED


def test_nan_stays_with_its_sample() -> None:
    model = layer("both directions", 8)
    x = lucid.randn(5, 3, 12)
    x[2, 1, 0] = float("nan")
    y = flat(lucid.compile(model)(x))[0]
    assert np.isnan(y[2:, 1, :8]).all() and np.isnan(y[:3, 1, 8:]).all()
    assert np.isfinite(y[:, [0, 2]]).all() and np.isfinite(y[:2, 1, :8]).all()


def test_changed_weights_are_packed_anew() -> None:
    model, x = layer("LSTM", 8), lucid.randn(5, 3, 12)
    compiled = lucid.compile(model)
    compiled(x)
    with lucid.no_grad():
        model.weight_hh_l0.mul_(-1.0)
        np.testing.assert_allclose(flat(compiled(x))[0], flat(model(x))[0], rtol=0, atol=2e-6)


@pytest.mark.parametrize("model", [nn.LSTM(12, 8, proj_size=4), nn.GRU(12, 8).double()], ids=["projection", "float64"])
def test_what_stays_a_call(model: nn.Module) -> None:
    compiled = lucid.compile(model.eval())
    x = lucid.randn(5, 3, 12, dtype=next(model.parameters()).dtype)
    with lucid.no_grad():
        for a, b in zip(flat(compiled(x)), flat(model(x)), strict=True):
            np.testing.assert_array_equal(a, b)
    assert "call" in methods(compiled)


def test_what_imagines_a_layer_refuses_as_it_does() -> None:
    compiled = lucid.compile(layer("LSTM", 8))
    with pytest.raises(RuntimeError, match=r"LSTM.*: expected last dimension 12, got 11"):
        compiled(lucid.randn(4, 3, 11))


# Files


@pytest.mark.parametrize("name", ["deep, both directions", "GRU", "relu"])
def test_round_trip(name: str, tmp_path: Path) -> None:
    compiled = lucid.compile(layer(name, 20))
    given = [lucid.randn(7, n, 12) for n in (1, 4)]
    want = [flat(compiled(x)) for x in given]
    compiled.save(tmp_path / "net")
    loaded = lucid.load_compiled(tmp_path / "net")
    for x, w in zip(given, want):
        for a, b in zip(flat(loaded(x)), w, strict=True):
            np.testing.assert_array_equal(a, b)


def step_of(text: Any) -> Any:
    return next(s for s in segment_of(text)["steps"] if s["method"] == "recurrent")


def option(name: str, value: Any) -> Any:
    def change(text: Any) -> None:
        options = step_of(text)["options"]["dict"]
        next(pair for pair in options if pair[0] == name)[1] = value

    return change


def same_buffer(first: int, second: int) -> Any:
    def change(text: Any) -> None:
        buffers = step_of(text)["buffers"]
        buffers[first] = buffers[second]

    return change


def constant_result(text: Any) -> None:
    """The final state written over the initial one, which is a constant: memory that cannot be written."""
    buffers = step_of(text)["buffers"]
    buffers[3] = buffers[2]


DAMAGES = {
    "more steps": (option("steps", 8), "gates needs"),
    "no steps": (option("steps", 0), "sizes of at least 1"),
    "too many steps": (option("steps", MOST_STEPS + 1), "steps at most"),
    "a larger batch": (option("batch", 1 << 40), "gates needs"),
    "fewer units": (option("hidden", 4), "do not fit the weights"),
    "another layer": (option("mode", "GRU"), "do not fit the weights"),
    "no layer": (option("mode", "exec"), "expected a mode of"),
    "two directions": (option("directions", 2), "do not fit the weights"),
    "three directions": (option("directions", 3), "one or two directions"),
    "no cells": (lambda t: step_of(t)["buffers"].__setitem__(4, None), "cells is buffer -1"),
    "no initial cells": (lambda t: step_of(t)["buffers"].__setitem__(5, None), "c0 is buffer -1"),
    "gates over the result": (same_buffer(1, 0), "overlaps"),
    "cells over the state": (same_buffer(4, 3), "overlaps"),
    "a constant written": (constant_result, "cannot be a constant or an input"),
    "a missing buffer": (lambda t: step_of(t)["buffers"].__setitem__(0, 999), "damaged"),
    "other weights": (lambda t: step_of(t).update(packed=0), "do not fit the weights"),
    "weights of three directions": (lambda t: segment_of(t)["packed"][1][0].update(groups=3), "one or two directions"),
    "fewer weights": (lambda t: segment_of(t)["packed"][1][0].update(shape=[32, 4]), "Packed: expected"),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_damaged_plans(name: str, tmp_path: Path) -> None:
    compiled = lucid.compile(layer("LSTM", 8))
    compiled(lucid.randn(7, 2, 12))
    compiled.save(tmp_path / "net")
    change, message = DAMAGES[name]
    edit(tmp_path / "net", change)
    with pytest.raises(FileFormatError, match="net: ") as caught:
        lucid.load_compiled(tmp_path / "net")
    assert message in str(caught.value) and "\n" not in str(caught.value)


def test_share_bias_of_gru_is_checked(tmp_path: Path) -> None:
    compiled = lucid.compile(layer("GRU", 8))
    compiled(lucid.randn(7, 2, 12))
    compiled.save(tmp_path / "net")
    edit(tmp_path / "net", lambda t: step_of(t)["buffers"].__setitem__(6, None))
    with pytest.raises(FileFormatError, match="share_bias is buffer -1"):
        lucid.load_compiled(tmp_path / "net")
