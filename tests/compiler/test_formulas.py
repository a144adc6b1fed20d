"""Functions written out as files of other frameworks hold them: which steps they become, and that nothing else changes."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from compiler.test_passes import run, steps

import lucid
import lucid.nn.functional as F
from lucid.compiler._segment import Segment

ROOT = math.sqrt(2.0)


def activations(compiled: Any) -> list[tuple[str, str]]:
    """(method, activation) of the steps of the plan used last."""
    segments = [s.run for s in list(compiled._plans.values())[-1].program.steps if isinstance(s.run, Segment)]
    return [(e.method, e.options.get("activation", "none")) for s in segments for e in s.recipe.steps]


def twice_halved(x: Any) -> Any:
    half = x * 0.5
    return half * (lucid.erf(x * (1 / ROOT)) + 1.0)


GELUS: list[Callable[[Any], Any]] = [
    lambda x: x * (lucid.erf(x / ROOT) + 1.0) * 0.5,
    lambda x: 0.5 * (x * (1.0 + lucid.erf(x / ROOT))),
    lambda x: x * (0.5 * (1.0 + lucid.erf(x * (1 / ROOT)))),
    lambda x: (0.5 + 0.5 * lucid.erf(x / ROOT)) * x,
    twice_halved,
]
C = math.sqrt(2 / math.pi)
TANHS: list[Callable[[Any], Any]] = [
    lambda x: 0.5 * x * (1.0 + lucid.tanh(C * (x + 0.044715 * x**3))),
    lambda x: x * 0.5 * (lucid.tanh(C * x * (1.0 + 0.044715 * x * x)) + 1.0),
    lambda x: 0.5 * x * (1.0 + lucid.tanh((x + x * x * x * 0.044715) * C)),
]
OTHERS: list[tuple[str, Callable[[Any], Any]]] = [
    ("silu", lambda x: x * lucid.sigmoid(x)),
    ("silu", lambda x: lucid.sigmoid(x) * x),
    ("hardswish", lambda x: x * F.hardsigmoid(x)),
    ("hardswish", lambda x: x * lucid.clamp(x + 3.0, 0, 6) / 6.0),
    ("hardswish", lambda x: x * lucid.minimum(lucid.maximum(x + 3.0, lucid.tensor(0.0)), lucid.tensor(6.0)) / 6.0),
    ("hardswish", lambda x: x * lucid.clamp(x / 6.0 + 0.5, 0.0, 1.0)),
    ("hardsigmoid", lambda x: lucid.clamp(x * (1 / 6) + 0.5, 0.0, 1.0)),
    ("mish", lambda x: x * lucid.tanh(F.softplus(x))),
    ("relu", lambda x: lucid.maximum(x, lucid.tensor(0.0))),
    ("hardtanh", lambda x: lucid.clamp(x, min=-0.5)),
    ("square", lambda x: x**2),
    ("cube", lambda x: lucid.pow(x, lucid.tensor(3.0))),
    ("fill_nan", lambda x: lucid.where(lucid.isnan(x), 0.0, x)),
    ("erf", lucid.erf),
    ("softplus", lambda x: F.softplus(x, beta=2.0, threshold=15.0)),
]


@pytest.mark.parametrize(("name", "functions"), [("gelu", GELUS), ("gelu_tanh", TANHS)])
def test_gelu_written_out_is_one_step(name: str, functions: list[Callable[[Any], Any]]) -> None:
    for function in functions:
        assert activations(run(function, lucid.randn(3, 40))) == [("activation", name)]


@pytest.mark.parametrize(("name", "function"), OTHERS)
def test_functions_are_one_step(name: str, function: Callable[[Any], Any]) -> None:
    assert activations(run(function, lucid.randn(3, 40) * 4.0)) == [("activation", name)]


def test_a_formula_joins_the_layer_before_it() -> None:
    weight, bias = lucid.randn(24, 16), lucid.randn(24)
    compiled = run(lambda x: GELUS[0](F.linear(x, weight, bias)), lucid.randn(5, 16))
    assert activations(compiled) == [("linear", "gelu")]
    kernel = lucid.randn(32, 8, 3, 3)
    compiled = run(lambda x: TANHS[0](F.conv2d(x, kernel, padding=1)), lucid.randn(2, 8, 9, 9))
    assert ("conv2d", "gelu_tanh") in activations(compiled) and len(activations(compiled)) == 3


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x * (lucid.erf(x / 1.4) + 1.0) * 0.5,  # another factor
        lambda x: x * (lucid.erf(x / ROOT) + 1.0) * 0.25,
        lambda x: (x + 1.0) * (lucid.erf(x / ROOT) + 1.0) * 0.5,
        lambda x: 0.5 * x * (1.0 + lucid.tanh(C * (x + 0.05 * x**3))),
        lambda x: x * lucid.sigmoid(1.702 * x),
        lambda x: x * lucid.clamp(x + 3.0, 0, 5) / 6.0,
        lambda x: x * lucid.tanh(F.softplus(x, beta=2.0)),
    ],
)
def test_formulas_that_are_only_alike_are_left(function: Callable[[Any], Any]) -> None:
    compiled = run(function, lucid.randn(3, 40))
    assert len(steps(compiled)) > 1 and not any(s.startswith("call") for s in steps(compiled))


def test_what_a_formula_is_made_of_may_be_a_result_too() -> None:
    def function(x: Any) -> tuple[Any, Any]:
        t = lucid.sigmoid(x)
        return t, x * t

    assert sorted(activations(run(function, lucid.randn(3, 40)))) == [("activation", "sigmoid"), ("activation", "silu")]


def norm(x: Any, weight: Any, bias: Any, eps: float = 1e-5) -> Any:
    centred = x - x.mean(-1, keepdim=True)
    return centred / lucid.sqrt((centred**2).mean(-1, keepdim=True) + eps) * weight + bias


def test_layer_norm_written_out_is_one_step() -> None:
    weight, bias, x = lucid.randn(48), lucid.randn(48), lucid.randn(2, 7, 48)
    compiled = run(lambda x: norm(x, weight, bias), x)
    assert steps(compiled) == ["layer_norm"]
    np.testing.assert_allclose(compiled(x).numpy(), F.layer_norm(x, (48,), weight, bias).numpy(), rtol=1e-6, atol=1e-6)
    assert steps(run(lambda x: norm(x, 1.0, 0.0), x)) == ["layer_norm", "affine", "affine"]

    def twice(x: Any) -> Any:  # the difference from the mean is there twice
        square = (x - x.mean(-1, keepdim=True)) * (x - x.mean(-1, keepdim=True))
        return (x - x.mean(-1, keepdim=True)) * lucid.rsqrt(square.mean(-1, keepdim=True) + 1e-6)

    assert steps(run(twice, x)) == ["layer_norm"]


def test_rms_norm_written_out_is_one_step() -> None:
    weight, x = lucid.randn(48), lucid.randn(2, 7, 48)
    forms: list[Callable[[Any], Any]] = [
        lambda x: x * lucid.rsqrt((x**2).mean(-1, keepdim=True) + 1e-6) * weight,
        lambda x: weight * (x * (1.0 / lucid.sqrt((x * x).mean(-1, keepdim=True) + 1e-6))),
        lambda x: x / lucid.sqrt((x * x).mean(-1, keepdim=True) + 1e-6) * weight,
    ]
    for function in forms:
        assert steps(run(function, x)) == ["layer_norm"]


def test_norms_over_other_dimensions_are_left() -> None:
    def over_rows(x: Any) -> Any:
        centred = x - x.mean(1, keepdim=True)
        return centred / lucid.sqrt((centred**2).mean(1, keepdim=True) + 1e-5)

    compiled = run(over_rows, lucid.randn(2, 7, 48))
    assert "layer_norm" not in steps(compiled) and not any(s.startswith("call") for s in steps(compiled))


def test_functions_of_two_tensors_are_steps() -> None:
    x, y, row, number = lucid.randn(2, 3, 4), lucid.rand(2, 3, 4) + 0.5, lucid.rand(4) + 0.5, lucid.tensor(2.0)
    cases: list[tuple[Any, tuple[Any, ...]]] = [
        (lambda x, y: x / y, (x, y)),
        (lambda x: x / row, (x,)),
        (lambda y: row / y, (y,)),
        (lambda y: number / y, (y,)),
        (lambda x, y: lucid.maximum(x, y), (x, y)),
        (lambda x: lucid.minimum(row, x), (x,)),
        (lambda x, y: F.relu(x / y), (x, y)),
    ]
    for function, args in cases:
        assert steps(run(function, *args)) == ["combine"]
    image = lucid.randn(2, 12, 5, 6)
    weight = lucid.randn(20, 12, 3, 3)
    run(lambda x: F.conv2d(x, weight, padding=1) / lucid.exp(F.conv2d(x, weight, padding=1)), image)
    run(lambda x: F.conv2d(1.0 / F.relu(F.conv2d(x, weight) + 100.0), weight.transpose(0, 1).contiguous()), image)


def test_the_steps_are_saved(tmp_path: Path) -> None:
    weight, bias, x = lucid.randn(48), lucid.randn(48), lucid.randn(2, 7, 48)

    def function(x: Any) -> Any:
        y = norm(x, weight, bias)
        return lucid.maximum(lucid.erf(y) / (y * y + 1.0), y) ** 2

    compiled = run(function, x)
    assert not any(s.startswith("call") for s in steps(compiled))
    compiled.save(tmp_path / "f.lucid")
    np.testing.assert_array_equal(lucid.load_compiled(tmp_path / "f.lucid")(x).numpy(), compiled(x).numpy())


def test_double_precision_stays_as_it_is() -> None:
    weight = lucid.randn(48, dtype=lucid.float64)
    compiled = run(lambda x: GELUS[0](norm(x, weight, weight)), lucid.randn(2, 7, 48, dtype=lucid.float64))
    assert all(s.startswith("call") for s in steps(compiled))


def attend(q: Any, k: Any, v: Any, mask: Any = None, guard: bool = False) -> Any:
    scores = (q * 0.5) @ (k.transpose(-2, -1) * 0.5)
    weights = F.softmax(scores if mask is None else scores + mask, -1)
    return (lucid.where(lucid.isnan(weights), 0.0, weights) if guard else weights) @ v


def test_attention_written_out_with_masks_is_one_step() -> None:
    q, k, v = (lucid.randn(2, 3, 6, 8) for _ in range(3))
    allowed = lucid.tensor(np.tril(np.ones((6, 6), bool)))
    low = lucid.where(allowed, 0.0, -math.inf)
    dead = low.clone()
    dead[2] = -math.inf
    moved = [x.transpose(1, 2).contiguous() for x in (q, k, v)]
    assert steps(run(lambda *x: attend(*[t.transpose(1, 2) for t in x]), *moved))[0] == "attention"
    assert steps(run(lambda q, k, v: attend(q, k, v, low), q, k, v)).count("attention") == 1
    assert steps(run(lambda q, k, v: attend(q, k, v, dead, True), q, k, v)).count("attention") == 1
    # rows without any key are NaN there, and 0 in attention
    assert "attention" not in steps(lucid_compiled(lambda q, k, v: attend(q, k, v, dead), q, k, v))

    def computed(q: Any, k: Any, v: Any, kept: Any) -> Any:
        return attend(q, k, v, lucid.where(kept != 0, 0.0, -3e38).reshape(2, 1, 1, 6))

    kept = lucid.tensor([[1, 1, 1, 1, 0, 0], [0, 0, 0, 0, 0, 0]])
    assert steps(run(computed, q, k, v, kept)).count("attention") == 1
    # a mask that may hold anything
    assert "attention" not in steps(run(attend, q, k, v, lucid.randn(2, 1, 6, 6)))


def lucid_compiled(function: Any, *args: Any) -> Any:
    compiled = lucid.compile(function)
    with lucid.no_grad():
        np.testing.assert_allclose(compiled(*args).numpy(), function(*args).numpy(), rtol=1e-4, atol=1e-5)
    return compiled


def test_the_same_mask_is_computed_once() -> None:
    def function(x: Any) -> Any:
        return (lucid.where(x > 0.5, x, -1.0) * 2.0) + (lucid.where(x > 0.5, x, -1.0) * 2.0)

    assert steps(run(function, lucid.randn(3, 4))).count("affine") <= 1
