"""The examples that define the API: pages for Swish, HardSwish, Mish and SiLU, run as written.

Where a page prints numbers that contradict its own formula, the formula counts: the numbers below are the formulas'
values, computed in float64.
"""

from __future__ import annotations

import contextlib
import io
import math
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import lucid
import lucid.nn.functional as F
from lucid import Tensor, nn

FIRST, SECOND = [-1.0, 2.0, -0.5, 3.0], [-2.0, 0.5, 1.5, -0.3]

# name: (values at FIRST, derivatives at FIRST, values at SECOND)
TABLE = {
    "Swish": (
        [-0.26894142, 1.76159416, -0.18877033, 2.85772238],
        [0.07232949, 1.09078425, 0.26003881, 1.08810411],
        [-0.23840584, 0.31122967, 1.22636171, -0.12766724],
    ),
    "Mish": (
        [-0.30340146, 1.94395896, -0.22074377, 2.98653500],
        [0.05921676, 1.06931793, 0.28951068, 1.02110691],
        [-0.25250148, 0.37524521, 1.40337827, -0.15113318],
    ),
    "HardSwish": (
        [-0.33333333, 1.66666667, -0.20833333, 3.0],
        [0.16666667, 1.16666667, 0.33333333, 1.0],
        [-0.33333333, 0.29166667, 1.125, -0.135],
    ),
}
DERIVATIVES: dict[str, Callable[[float], float]] = {
    "Swish": lambda x: (lambda s: s * (1 + x * (1 - s)))(1 / (1 + math.exp(-x))),
    "Mish": lambda x: (lambda t, s: t + x * (1 - t * t) * s)(
        math.tanh(math.log1p(math.exp(x))), 1 / (1 + math.exp(-x))
    ),
    "HardSwish": lambda x: 0.0 if x <= -3 else 1.0 if x >= 3 else x / 3 + 0.5,
}

SINGLE = """
import lucid.nn as nn
input_tensor = Tensor([[-1.0, 2.0, -0.5, 3.0]], requires_grad=True)  # Shape: (1, 4)
{lower} = nn.{name}()
output = {lower}(input_tensor)
print(output)
output.backward()
print(input_tensor.grad)
"""
SIMPLE = """
import lucid.nn as nn
class Simple{name}Model(nn.Module):
    def __init__(self):
        super(Simple{name}Model, self).__init__()
        self.{lower} = nn.{name}()

    def forward(self, x):
        return self.{lower}(x)

model = Simple{name}Model()
input_data = Tensor([[-2.0, 0.5, 1.5, -0.3]], requires_grad=True)  # Shape: (1, 4)
output = model(input_data)
print(output)
output.backward()
print(input_data.grad)
"""
NETWORK = """
import lucid.nn as nn
class NeuralNetwork(nn.Module):
    def __init__(self):
        super(NeuralNetwork, self).__init__()
        self.fc1 = nn.Linear(in_features=3, out_features=5)
        self.{lower} = nn.{name}()
        self.fc2 = nn.Linear(in_features=5, out_features=2)

    def forward(self, x):
        x = self.fc1(x)
        x = self.{lower}(x)
        x = self.fc2(x)
        return x

model = NeuralNetwork()
input_data = Tensor([[0.5, -1.2, 3.3]], requires_grad=True)  # Shape: (1, 3)
output = model(input_data)
print(output)
output.backward()
print(input_data.grad)
"""


def run(page: str, first: str) -> tuple[list[str], dict[str, Any]]:
    """The lines an example prints, and its variables."""
    names: dict[str, Any] = {"__name__": "page"}
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(first + "\n" + page, names)
    return printed.getvalue().splitlines(), names


def example(page: str, name: str) -> tuple[list[str], dict[str, Any]]:
    return run(page.format(name=name, lower=name.lower()), "from lucid import Tensor")


def numbers(text: str) -> list[float]:
    return [float(x) for x in re.findall(r"-?\d+\.\d*(?:e-?\d+)?", text)]


@pytest.mark.parametrize("name", TABLE)
def test_a_single_tensor(name: str) -> None:
    values, derivatives, _ = TABLE[name]
    (output, gradient), variables = example(SINGLE, name)
    assert re.fullmatch(r"Tensor\(\[\[[^\[\]]*\]\], grad=None\)", output)
    assert numbers(output) == pytest.approx(values, abs=3e-7)
    assert re.fullmatch(r"\[\[[^\[\]]*\]\]", gradient)
    assert numbers(gradient) == pytest.approx(derivatives, abs=3e-7)
    assert variables["output"].shape == (1, 4) and isinstance(variables["input_tensor"].grad, Tensor)


@pytest.mark.parametrize("name", TABLE)
def test_a_simple_module(name: str) -> None:
    (output, gradient), variables = example(SIMPLE, name)
    assert numbers(output) == pytest.approx(TABLE[name][2], abs=3e-7)
    assert numbers(gradient) == pytest.approx([DERIVATIVES[name](x) for x in SECOND], abs=3e-7)
    assert list(dict(variables["model"].named_children())) == [name.lower()]


@pytest.mark.parametrize("name", TABLE)
def test_a_network(name: str) -> None:
    (output, gradient), v = example(NETWORK, name)
    assert re.fullmatch(r"Tensor\(\[\[[^\[\]]*\]\], grad=None\)", output) and len(numbers(output)) == 2
    model = v["model"]
    assert [n for n, _ in model.named_parameters()] == ["fc1.weight", "fc1.bias", "fc2.weight", "fc2.bias"]
    w1, b1, w2, b2 = (p.detach().numpy().astype(np.float64) for p in model.parameters())
    hidden = np.array([0.5, -1.2, 3.3]) @ w1.T + b1
    activated = getattr(nn, name)()(lucid.tensor(hidden)).numpy()
    np.testing.assert_allclose(v["output"].detach().numpy()[0], activated @ w2.T + b2, atol=1e-6)
    slopes = np.array([DERIVATIVES[name](x) for x in hidden])
    np.testing.assert_allclose(numbers(gradient), (w2.sum(0) * slopes) @ w1, atol=1e-6)
    assert all(p.grad is not None and p.grad.shape == p.shape for p in model.parameters())


def test_silu_on_a_tensor() -> None:
    page = """
import lucid.nn as nn
silu = nn.SiLU()
x = torch.tensor([-2.0, -1.0, 0.0, 1.0, 2.0])
output = silu(x)
print("Input: ", x.tolist())
print("Output:", output.tolist())
"""
    lines, _ = run(page, "import lucid as torch")
    assert lines[0] == "Input:  [-2.0, -1.0, 0.0, 1.0, 2.0]"
    assert lines[1].startswith("Output: [")
    expected = [-0.23840582370758057, -0.2689414322376251, 0.0, 0.7310585975646973, 1.7615940570831299]
    assert numbers(lines[1]) == pytest.approx(expected, abs=3e-7)


def test_silu_beside_relu() -> None:
    page = """
import lucid.nn as nn
import numpy as np
x = np.linspace(-3, 3, 7)
x_tensor = torch.tensor(x, dtype=torch.float32)
print(f"{'x':>5} | {'SiLU':>9} | {'ReLU':>9}")
print("-" * 32)
for xi in x_tensor:
    silu_val = nn.SiLU()(xi.unsqueeze(0)).item()
    relu_val = nn.ReLU()(xi.unsqueeze(0)).item()
    print(f"{xi.item():5.1f} | {silu_val:9.4f} | {relu_val:9.4f}")
"""
    lines, _ = run(page, "import lucid as torch")
    assert lines == [
        "    x |      SiLU |      ReLU",
        "-" * 32,
        " -3.0 |   -0.1423 |    0.0000",
        " -2.0 |   -0.2384 |    0.0000",
        " -1.0 |   -0.2689 |    0.0000",
        "  0.0 |    0.0000 |    0.0000",
        "  1.0 |    0.7311 |    1.0000",
        "  2.0 |    1.7616 |    2.0000",
        "  3.0 |    2.8577 |    3.0000",
    ]


def test_silu_in_a_convolutional_network() -> None:
    page = """
import lucid.nn as nn
model = nn.Sequential(
    nn.Conv2d(3, 32, kernel_size=3, stride=2, padding=1),
    nn.BatchNorm2d(32),
    nn.SiLU(),
    nn.Conv2d(32, 64, kernel_size=3, padding=1),
    nn.BatchNorm2d(64),
    nn.SiLU()
)
x = torch.randn(1, 3, 224, 224)
output = model(x)
print("Input shape: ", x.shape)
print("Output shape:", output.shape)
"""
    lines, variables = run(page, "import lucid as torch")
    assert lines == ["Input shape:  lucid.Size([1, 3, 224, 224])", "Output shape: lucid.Size([1, 64, 112, 112])"]
    y = variables["output"].detach().numpy()
    assert np.isfinite(y).all() and y.min() >= -0.2785 and y.max() > 1


# What the pages settle


def test_hardswish_has_slope_one_sixth_and_the_literal_0167_is_one_argument_away() -> None:
    x = lucid.tensor([-3.1, -2.9, -1.0, 2.0, 2.9, 3.1], dtype=lucid.float64, requires_grad=True)
    y = nn.HardSwish(slope=0.167)(x)
    y.backward()
    v = x.detach().numpy()
    gate = 0.167 * v + 0.5
    np.testing.assert_allclose(y.detach().numpy(), v * np.clip(gate, 0, 1), rtol=1e-14, atol=1e-15)
    inside = (gate >= 0) & (gate <= 1)
    np.testing.assert_allclose(x.grad.numpy(), np.where(inside, gate + 0.167 * v, gate > 1), rtol=1e-13)
    np.testing.assert_array_equal(
        nn.HardSwish()(x).detach().numpy(), nn.HardSwish(slope=1 / 6, offset=0.5)(x).detach().numpy()
    )
    assert nn.HardSwish()(lucid.tensor([1.0], dtype=lucid.float64)).item() == 1 * (4 / 6)


def test_hardsigmoid_has_the_same_arguments() -> None:
    x = lucid.tensor([-9.0, 1.0, 9.0], dtype=lucid.float64)
    np.testing.assert_allclose(nn.HardSigmoid(slope=0.2, offset=0.4)(x).numpy(), [0, 0.6, 1], rtol=1e-15)
    np.testing.assert_allclose(nn.HardSigmoid()(x).numpy(), [0, 4 / 6, 1], rtol=1e-15)


def test_both_libraries_names_are_the_same_classes() -> None:
    assert nn.Swish is nn.SiLU
    assert nn.HardSwish is nn.Hardswish
    assert nn.HardSigmoid is nn.Hardsigmoid


def test_backward_of_any_shape_starts_from_ones() -> None:
    x = Tensor([FIRST], requires_grad=True)
    z = Tensor([FIRST], requires_grad=True)
    nn.Mish()(x).backward()
    nn.Mish()(z).backward(lucid.ones(1, 4))
    np.testing.assert_array_equal(x.grad.numpy(), z.grad.numpy())


def test_printing() -> None:
    x = Tensor([[-0.5, 1.0]], requires_grad=True)
    assert repr(x) == str(x) == "Tensor([[-0.5, 1.0]], grad=None)"
    (x * 2).backward()
    assert repr(x) == str(x) == "Tensor([[-0.5, 1.0]], grad=[[2.0, 2.0]])"
    assert str(x.grad) == "[[2.0, 2.0]]"
    assert repr(x.grad) == "Tensor([[2.0, 2.0]], grad=None)"
    assert str(x.detach()) == "[[-0.5, 1.0]]"


def test_silu_in_place_overwrites_its_input_and_keeps_the_gradient() -> None:
    x = Tensor([FIRST], requires_grad=True)
    h = x * 1.0
    y = nn.SiLU(inplace=True)(h)
    assert y is h
    assert h.tolist()[0] == pytest.approx(TABLE["Swish"][0], abs=3e-7)
    y.backward()
    assert x.grad.tolist()[0] == pytest.approx(TABLE["Swish"][1], abs=3e-7)

    plain = Tensor([FIRST])
    assert F.silu(plain, inplace=True) is plain
    assert plain.tolist()[0] == pytest.approx(TABLE["Swish"][0], abs=3e-7)


def test_silu_in_place_on_a_leaf_raises() -> None:
    x = Tensor([FIRST], requires_grad=True)
    with pytest.raises(RuntimeError, match="a leaf Variable that requires grad is being used in an in-place operation"):
        nn.SiLU(inplace=True)(x)
    assert x.tolist() == [FIRST]
