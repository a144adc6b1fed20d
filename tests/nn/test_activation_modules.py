"""The modules of the activations: they call their function, print their settings, work in place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import lucid
import lucid.nn.functional as F
from lucid import nn

MODULES: list[tuple[str, Callable[[], Any], str, Callable[[Any], Any]]] = [
    ("ReLU", nn.ReLU, "ReLU()", F.relu),
    ("ReLU6", nn.ReLU6, "ReLU6()", F.relu6),
    ("LeakyReLU", nn.LeakyReLU, "LeakyReLU(negative_slope=0.01)", F.leaky_relu),
    ("LeakyReLU", lambda: nn.LeakyReLU(0.5), "LeakyReLU(negative_slope=0.5)", lambda x: F.leaky_relu(x, 0.5)),
    ("ELU", lambda: nn.ELU(2.0), "ELU(alpha=2.0)", lambda x: F.elu(x, 2.0)),
    ("SELU", nn.SELU, "SELU()", F.selu),
    ("CELU", lambda: nn.CELU(2.0), "CELU(alpha=2.0)", lambda x: F.celu(x, 2.0)),
    ("GELU", nn.GELU, "GELU(approximate='none')", F.gelu),
    ("GELU", lambda: nn.GELU("tanh"), "GELU(approximate='tanh')", lambda x: F.gelu(x, "tanh")),
    ("SiLU", nn.SiLU, "SiLU()", F.silu),
    ("Mish", nn.Mish, "Mish()", F.mish),
    ("Hardswish", nn.Hardswish, "Hardswish()", F.hardswish),
    (
        "Hardswish",
        lambda: nn.Hardswish(slope=0.167),
        "Hardswish(slope=0.167, offset=0.5)",
        lambda x: F.hardswish(x, slope=0.167),
    ),
    ("Hardsigmoid", nn.Hardsigmoid, "Hardsigmoid()", F.hardsigmoid),
    (
        "Hardtanh",
        lambda: nn.Hardtanh(-2.0, 3.0),
        "Hardtanh(min_val=-2.0, max_val=3.0)",
        lambda x: F.hardtanh(x, -2.0, 3.0),
    ),
    ("Sigmoid", nn.Sigmoid, "Sigmoid()", F.sigmoid),
    ("LogSigmoid", nn.LogSigmoid, "LogSigmoid()", F.logsigmoid),
    ("Tanh", nn.Tanh, "Tanh()", F.tanh),
    (
        "Softplus",
        lambda: nn.Softplus(2.0, 10.0),
        "Softplus(beta=2.0, threshold=10.0)",
        lambda x: F.softplus(x, 2.0, 10.0),
    ),
    ("Softsign", nn.Softsign, "Softsign()", F.softsign),
    ("Softmax", lambda: nn.Softmax(1), "Softmax(dim=1)", lambda x: F.softmax(x, 1)),
    ("Softmin", lambda: nn.Softmin(1), "Softmin(dim=1)", lambda x: F.softmin(x, 1)),
    ("LogSoftmax", lambda: nn.LogSoftmax(1), "LogSoftmax(dim=1)", lambda x: F.log_softmax(x, 1)),
    ("Softmax2d", nn.Softmax2d, "Softmax2d()", lambda x: F.softmax(x, 1)),
    (
        "Threshold",
        lambda: nn.Threshold(0.1, 20),
        "Threshold(threshold=0.1, value=20)",
        lambda x: F.threshold(x, 0.1, 20),
    ),
    ("GLU", lambda: nn.GLU(1), "GLU(dim=1)", lambda x: F.glu(x, 1)),
    ("PReLU", lambda: nn.PReLU(4), "PReLU(num_parameters=4)", lambda x: F.prelu(x, lucid.full((4,), 0.25))),
]


@pytest.mark.parametrize(("name", "make", "text", "function"), MODULES, ids=[m[2] for m in MODULES])
def test_modules_call_their_function_and_print_their_settings(
    name: str, make: Callable[[], Any], text: str, function: Callable[[Any], Any]
) -> None:
    module = make()
    assert type(module) is getattr(nn, name) and repr(module) == text
    x = lucid.tensor(np.random.default_rng(0).uniform(-5, 5, (2, 4, 3, 3)), dtype=lucid.float32)
    np.testing.assert_array_equal(module(x).detach().numpy(), function(x).numpy())


def test_modules_with_two_names_are_one_class() -> None:
    assert nn.Swish is nn.SiLU and nn.HardSwish is nn.Hardswish and nn.HardSigmoid is nn.Hardsigmoid
    assert issubclass(nn.ReLU6, nn.Hardtanh)


@pytest.mark.parametrize(
    "name",
    ["ReLU", "ReLU6", "LeakyReLU", "ELU", "SELU", "CELU", "SiLU", "Mish", "Hardswish", "Hardsigmoid", "Hardtanh"],
)
def test_modules_in_place(name: str) -> None:
    module = getattr(nn, name)(inplace=True)
    assert "inplace=True" in repr(module)
    x = lucid.tensor([-1.0, 0.5, 7.0])
    expected = getattr(nn, name)()(x).tolist()
    assert module(x) is x and x.tolist() == expected


def test_hardtanhs_old_names_still_work_with_a_warning() -> None:
    with pytest.warns(FutureWarning, match="Hardtanh: min_value is deprecated; use min_val"):
        assert nn.Hardtanh(min_value=-3.0).min_val == -3.0


def test_prelu_learns_its_slope() -> None:
    module = nn.PReLU(dtype=lucid.float64)
    assert module.weight.tolist() == [0.25] and [n for n, _ in module.named_parameters()] == ["weight"]
    module(lucid.tensor([-2.0, 5.0], dtype=lucid.float64)).sum().backward()
    assert module.weight.grad.tolist() == [-2.0]
