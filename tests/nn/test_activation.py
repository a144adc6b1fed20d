"""Activations: formulas, gradients of first and second order, limits, working in place, messages, PyTorch's values."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import lucid
import lucid.nn.functional as F
from lucid import nn
from lucid.autograd import gradcheck, gradgradcheck

INF, NAN = math.inf, math.nan
POINTS = [-6.5, -3.25, -2.0, -1.1, -0.75, -0.3, -0.01, 0.02, 0.4, 0.9, 1.6, 2.5, 3.75, 6.5, 9.0]


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x)) if x >= 0 else math.exp(x) / (1 + math.exp(x))


def softplus(x: float) -> float:
    return max(x, 0) + math.log1p(math.exp(-abs(x)))


def phi(x: float) -> float:
    return math.exp(-x * x / 2) / math.sqrt(2 * math.pi)


def below(x: float) -> float:
    return 0.5 * math.erfc(-x / math.sqrt(2))


def tanh_gelu(x: float) -> float:
    return x * sigmoid(math.sqrt(8 / math.pi) * (x + 0.044715 * x**3))  # 1 + tanh(u) = 2 * sigmoid(2 * u)


SCALE, ALPHA = 1.0507009873554805, 1.6732632423543772

# name: (function, its formula, its values at -inf and inf)
CASES: dict[str, tuple[Callable[[Any], Any], Callable[[float], float], tuple[float, float]]] = {
    "relu": (F.relu, lambda x: max(x, 0.0), (0.0, INF)),
    "relu6": (F.relu6, lambda x: min(max(x, 0.0), 6.0), (0.0, 6.0)),
    "leaky_relu": (lambda x: F.leaky_relu(x, 0.2), lambda x: x if x > 0 else 0.2 * x, (-INF, INF)),
    "elu": (lambda x: F.elu(x, 1.5), lambda x: x if x > 0 else 1.5 * math.expm1(x), (-1.5, INF)),
    "selu": (F.selu, lambda x: SCALE * (x if x > 0 else ALPHA * math.expm1(x)), (-SCALE * ALPHA, INF)),
    "celu": (lambda x: F.celu(x, 1.5), lambda x: x if x > 0 else 1.5 * math.expm1(x / 1.5), (-1.5, INF)),
    "gelu": (F.gelu, lambda x: x * below(x), (-0.0, INF)),
    "gelu tanh": (lambda x: F.gelu(x, "tanh"), tanh_gelu, (-0.0, INF)),
    "silu": (F.silu, lambda x: x * sigmoid(x), (-0.0, INF)),
    "mish": (F.mish, lambda x: x * math.tanh(softplus(x)), (-0.0, INF)),
    "hardswish": (F.hardswish, lambda x: x * min(max(x / 6 + 0.5, 0), 1), (-0.0, INF)),
    "hardswish 0.167": (
        lambda x: F.hardswish(x, slope=0.167),
        lambda x: x * min(max(0.167 * x + 0.5, 0), 1),
        (-0.0, INF),
    ),
    "hardsigmoid": (F.hardsigmoid, lambda x: min(max(x / 6 + 0.5, 0), 1), (0.0, 1.0)),
    "hardsigmoid 0.2 0.45": (
        lambda x: F.hardsigmoid(x, slope=0.2, offset=0.45),
        lambda x: min(max(0.2 * x + 0.45, 0), 1),
        (0.0, 1.0),
    ),
    "hardtanh": (lambda x: F.hardtanh(x, -2.5, 1.0), lambda x: min(max(x, -2.5), 1.0), (-2.5, 1.0)),
    "sigmoid": (F.sigmoid, sigmoid, (0.0, 1.0)),
    "tanh": (F.tanh, math.tanh, (-1.0, 1.0)),
    "logsigmoid": (F.logsigmoid, lambda x: -softplus(-x), (-INF, -0.0)),
    "softplus": (F.softplus, softplus, (0.0, INF)),
    "softplus 3": (
        lambda x: F.softplus(x, 3.0, 15.0),
        lambda x: x if 3 * x > 15 else softplus(3 * x) / 3,
        (0.0, INF),
    ),
    "softsign": (F.softsign, lambda x: x / (1 + abs(x)), (-1.0, 1.0)),
    "threshold": (lambda x: F.threshold(x, 0.5, 7.0), lambda x: x if x > 0.5 else 7.0, (7.0, INF)),
}
INPLACE: dict[str, Callable[..., Any]] = {
    "relu": F.relu,
    "relu6": F.relu6,
    "leaky_relu": F.leaky_relu,
    "elu": F.elu,
    "selu": F.selu,
    "celu": F.celu,
    "silu": F.silu,
    "mish": F.mish,
    "hardswish": F.hardswish,
    "hardsigmoid": F.hardsigmoid,
    "hardtanh": F.hardtanh,
    "threshold": lambda x, inplace=False: F.threshold(x, 0.5, 7.0, inplace),
}


@pytest.mark.parametrize("dtype", [lucid.float32, lucid.float64])
@pytest.mark.parametrize("name", CASES)
def test_values_follow_the_formula(name: str, dtype: Any) -> None:
    function, formula, _ = CASES[name]
    x = lucid.tensor(POINTS, dtype=dtype)
    y = function(x)
    assert y.dtype is dtype and y.shape == x.shape
    exact = [formula(v) for v in x.tolist()]
    np.testing.assert_allclose(y.numpy(), exact, rtol=6e-7 if dtype is lucid.float32 else 2e-14)


@pytest.mark.parametrize("name", CASES)
def test_limits(name: str) -> None:
    function, _, limits = CASES[name]
    for dtype in (lucid.float32, lucid.float64):
        y = function(lucid.tensor([-INF, INF, NAN], dtype=dtype)).numpy()
        np.testing.assert_array_equal(y, np.array([*limits, NAN], y.dtype))
        if limits[0] == 0:
            assert np.signbit(y[0]) == np.signbit(limits[0])


@pytest.mark.parametrize("name", CASES)
def test_gradients_at_the_limits_are_finite_numbers(name: str) -> None:
    function, formula, _ = CASES[name]
    x = lucid.tensor([-INF, INF], dtype=lucid.float64, requires_grad=True)
    function(x).backward(lucid.ones(2, dtype=lucid.float64))
    expected = [formula(-30.0) - formula(-31.0), formula(31.0) - formula(30.0)]
    np.testing.assert_allclose(x.grad.numpy(), expected, atol=2e-3)


@pytest.mark.parametrize("name", CASES)
def test_nan_has_a_nan_gradient(name: str) -> None:
    if name == "threshold":
        pytest.skip("its gradient is that of the branch taken")
    x = lucid.tensor([NAN, 0.25], requires_grad=True)
    CASES[name][0](x).sum().backward()
    assert math.isnan(x.grad[0].item()) and math.isfinite(x.grad[1].item())


@pytest.mark.parametrize("name", CASES)
def test_gradients_of_first_and_second_order(name: str) -> None:
    x = lucid.tensor(POINTS, dtype=lucid.float64, requires_grad=True)
    assert gradcheck(CASES[name][0], x, atol=1e-8, rtol=1e-7)
    assert gradgradcheck(CASES[name][0], x, atol=1e-8, rtol=1e-6)


@pytest.mark.parametrize("name", CASES)
def test_second_derivatives_at_infinity_are_zero(name: str) -> None:
    x = lucid.tensor([-INF, INF], dtype=lucid.float64, requires_grad=True)
    (g,) = lucid.autograd.grad(CASES[name][0](x), x, lucid.ones(2, dtype=lucid.float64), create_graph=True)
    if g.requires_grad:
        (h,) = lucid.autograd.grad(g, x, lucid.ones(2, dtype=lucid.float64), allow_unused=True)
        if h is not None:
            np.testing.assert_array_equal(h.numpy(), [0.0, 0.0])


def test_silu_mish_and_gelu_have_the_third_derivative_of_their_formula() -> None:
    for function, formula in ((F.silu, CASES["silu"][1]), (F.gelu, CASES["gelu"][1]), (F.tanh, math.tanh)):
        x = lucid.tensor([0.4, -1.1], dtype=lucid.float64, requires_grad=True)
        y = function(x)
        for _ in range(3):
            (y,) = lucid.autograd.grad(y.sum(), x, create_graph=True)
        h = 1e-3
        expected = [
            (formula(v + 2 * h) - 2 * formula(v + h) + 2 * formula(v - h) - formula(v - 2 * h)) / (2 * h**3)
            for v in x.tolist()
        ]
        np.testing.assert_allclose(y.detach().numpy(), expected, rtol=1e-4)


# Messages


@pytest.mark.parametrize("name", CASES)
def test_integers_and_numbers_are_refused_by_name(name: str) -> None:
    function, own = CASES[name][0], name.split()[0]
    with pytest.raises(TypeError, match=f"^{own}: expected a Tensor, got float$"):
        function(1.5)
    if own not in (
        "relu",
        "relu6",
        "hardtanh",
        "threshold",
        "softsign",
        "sigmoid",
        "tanh",
    ):  # as in PyTorch these take integers
        with pytest.raises(
            TypeError, match=rf"^{own}: expected a floating-point tensor, got lucid.int64 of shape \(2,\)$"
        ):
            function(lucid.tensor([1, 2]))


def test_functions_that_take_integers() -> None:
    x = lucid.tensor([-2, 0, 3])
    assert F.relu(x).tolist() == [0, 0, 3] and F.relu(x).dtype is lucid.int64
    assert F.relu6(x * 3).tolist() == [0, 0, 6] and F.hardtanh(x, -1.9, 2).tolist() == [-1, 0, 2]
    assert F.threshold(x, 1, 5.7).tolist() == [5, 5, 3] and F.threshold(x, 1, 5).dtype is lucid.int64
    assert F.softsign(x).tolist() == F.softsign(x.float()).tolist() and F.softsign(x).dtype is lucid.float32
    with pytest.raises(RuntimeError, match="^hardtanh: limits must not be negative for lucid.uint8, got -1"):
        F.hardtanh(x.to(lucid.uint8))
    assert F.relu(x, inplace=True) is x and x.tolist() == [0, 0, 3]
    assert F.sigmoid(lucid.tensor([0])).tolist() == [0.5]
    assert F.tanh(lucid.tensor([0])).dtype is lucid.float32
    with pytest.raises(TypeError, match=r"relu: expected a floating-point tensor, got lucid\.bool"):
        F.relu(lucid.tensor([True]))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda x: F.gelu(x, "fast"), ValueError, "gelu: approximate must be 'none' or 'tanh', got 'fast'"),
        (lambda x: F.celu(x, 0.0), RuntimeError, "celu: alpha cannot be 0"),
        (lambda x: F.softplus(x, 0.0), ValueError, "softplus: beta cannot be 0"),
        (
            lambda x: F.hardtanh(x, 2.0, 1.0),
            ValueError,
            "hardtanh: min_val cannot be greater than max_val, got 2.0 and 1.0",
        ),
        (
            lambda x: F.hardswish(x, slope=0.0),
            ValueError,
            "hardswish: expected a finite slope > 0 and a finite offset, got slope=0",
        ),
        (
            lambda x: F.hardsigmoid(x, offset=INF),
            ValueError,
            "hardsigmoid: expected a finite slope > 0 and a finite offset",
        ),
        (lambda x: F.glu(x), RuntimeError, r"glu: expected an even size along dimension 1, got 3 \(input \(2, 3\)\)"),
        (lambda x: F.glu(x[0, 0]), RuntimeError, "glu: expected at least one dimension, got a 0-d tensor"),
        (
            lambda x: F.glu(x, 2),
            IndexError,
            r"glu: Dimension out of range \(expected to be in range of \[-2, 1\], but got 2\)",
        ),
        (lambda x: F.softmax(x, 2), IndexError, "softmax: Dimension out of range"),
        (
            lambda x: F.log_softmax(x.long(), 1),
            TypeError,
            "log_softmax: expected a floating-point tensor, got lucid.int64",
        ),
        (lambda x: F.prelu(x, lucid.ones(2)), ValueError, r"prelu: expected 1 or 3 slopes, got 2 \(input \(2, 3\)\)"),
        (
            lambda x: F.prelu(x, lucid.ones(1, 3)),
            ValueError,
            r"prelu: expected weight to be 0-d or 1-d, got shape \(1, 3\)",
        ),
        (
            lambda x: F.prelu(x, lucid.ones(3, dtype=lucid.float64)),
            TypeError,
            "prelu: expected a weight of dtype lucid.float32",
        ),
        (lambda x: nn.Hardswish(0.167), TypeError, "Hardswish: expected inplace to be a bool, got 0.167"),
        (lambda x: nn.Hardsigmoid(slope=-1.0), ValueError, "Hardsigmoid: expected a finite slope > 0"),
        (lambda x: nn.Hardtanh(1.0, 1.0), ValueError, "Hardtanh: max_val must be larger than min_val, got 1.0 and 1.0"),
        (lambda x: nn.Softmax2d()(x), ValueError, r"Softmax2d: expected 3 or 4 dimensions, got 2 \(input \(2, 3\)\)"),
        (lambda x: nn.GLU()(x), RuntimeError, r"GLU: expected an even size along dimension 1, got 3"),
    ],
)
def test_messages(call: Callable[[Any], Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call(lucid.ones(2, 3))


# Functions of more than one element


def test_glu_gates_one_half_with_the_other() -> None:
    rng = np.random.default_rng(0)
    x = lucid.tensor(rng.standard_normal((3, 4, 2)), requires_grad=True)
    a, b = x.detach().numpy()[:, :2], x.detach().numpy()[:, 2:]
    np.testing.assert_allclose(F.glu(x, 1).detach().numpy(), a / (1 + np.exp(-b)), rtol=1e-14)
    assert F.glu(x, -1).shape == (3, 4, 1)
    assert gradcheck(lambda x: F.glu(x, 1), x) and gradgradcheck(lambda x: F.glu(x, 1), x)


@pytest.mark.parametrize(("shape", "slopes"), [((2, 3, 4), 1), ((2, 3, 4), 3), ((2, 3), 3), ((3,), 3), ((), 1)])
def test_prelu_has_a_slope_per_channel(shape: tuple[int, ...], slopes: int) -> None:
    rng = np.random.default_rng(0)
    x = lucid.tensor(rng.standard_normal(shape), requires_grad=True)
    w = lucid.tensor(rng.uniform(0.1, 1, slopes), requires_grad=True)
    factor = w.detach().numpy().reshape([slopes if i == min(1, len(shape) - 1) else 1 for i in range(len(shape))])
    v = x.detach().numpy()
    np.testing.assert_allclose(F.prelu(x, w).detach().numpy(), np.where(v > 0, v, factor * v), rtol=1e-15)
    assert gradcheck(F.prelu, (x, w)) and gradgradcheck(F.prelu, (x, w))


def test_prelu_keeps_infinities_out_of_the_gradient_of_the_weight() -> None:
    w = lucid.tensor([0.25], requires_grad=True)
    y = F.prelu(lucid.tensor([INF, -2.0, 0.0]), w)
    y.backward(lucid.ones(3))
    assert y.tolist() == [INF, -0.5, 0.0] and w.grad.tolist() == [-2.0]


@pytest.mark.parametrize("dim", [0, 1, -1])
@pytest.mark.parametrize("dtype", [lucid.float32, lucid.float64])
def test_the_softmax_family(dim: int, dtype: Any) -> None:
    x = lucid.tensor(np.random.default_rng(0).uniform(-30, 30, (3, 5, 4)), dtype=dtype)
    v = x.numpy().astype(np.float64)
    e = np.exp(v - v.max(dim, keepdims=True))
    p = e / e.sum(dim, keepdims=True)
    rtol = 2e-5 if dtype is lucid.float32 else 1e-13
    np.testing.assert_allclose(F.softmax(x, dim).numpy(), p, rtol=rtol)
    np.testing.assert_allclose(F.log_softmax(x, dim).numpy(), np.log(p), rtol=rtol, atol=1e-6 if rtol > 1e-6 else 1e-14)
    np.testing.assert_allclose(F.softmin(-x, dim).numpy(), p, rtol=rtol)


def test_the_softmax_family_has_right_gradients() -> None:
    x = lucid.tensor(np.random.default_rng(0).standard_normal((2, 3, 2)), requires_grad=True)
    for function in (F.softmax, F.log_softmax, F.softmin):
        for dim in (0, 1, 2):
            assert gradcheck(lambda x: function(x, dim), x)  # noqa: B023
            assert gradgradcheck(lambda x: function(x, dim), x)  # noqa: B023


def test_softmax_converts_to_a_given_dtype_first() -> None:
    y = F.softmax(lucid.tensor([[0, 0]]), 1, dtype=lucid.float64)
    assert y.dtype is lucid.float64 and y.tolist() == [[0.5, 0.5]]
    assert F.softmax(lucid.tensor(3.0), 0).item() == 1.0


@pytest.mark.parametrize(("ndim", "dim"), [(1, 0), (2, 1), (3, 0), (4, 1)])
@pytest.mark.parametrize("name", ["softmax", "softmin", "log_softmax"])
def test_an_implicit_dimension_is_chosen_with_a_warning_at_the_caller(name: str, ndim: int, dim: int) -> None:
    x = lucid.tensor(np.random.default_rng(0).standard_normal((2,) * ndim))
    function = getattr(F, name)
    with pytest.warns(UserWarning, match=f"Implicit dimension choice for {name} has been deprecated") as record:
        y = function(x)
    assert record[0].filename == __file__
    np.testing.assert_array_equal(y.numpy(), function(x, dim).numpy())
    module = {"softmax": nn.Softmax, "softmin": nn.Softmin, "log_softmax": nn.LogSoftmax}[name]()
    with pytest.warns(UserWarning, match="Change the call to include dim=X as an argument") as record:
        module(x)
    assert record[0].filename == __file__


# PyTorch


@pytest.mark.parity
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", CASES)
def test_same_values_and_gradients_as_pytorch(name: str, dtype: str) -> None:
    torch = pytest.importorskip("torch")
    if "0.167" in name or name == "hardsigmoid 0.2 0.45":
        pytest.skip("PyTorch has no slope")
    f = torch.nn.functional
    theirs = {
        "leaky_relu": lambda x: f.leaky_relu(x, 0.2), "elu": lambda x: f.elu(x, 1.5), "celu": lambda x: f.celu(x, 1.5),
        "gelu tanh": lambda x: f.gelu(x, approximate="tanh"), "hardtanh": lambda x: f.hardtanh(x, -2.5, 1.0),
        "softplus 3": lambda x: f.softplus(x, 3.0, 15.0), "threshold": lambda x: f.threshold(x, 0.5, 7.0),
    }.get(name) or getattr(f, name)  # fmt: skip
    kinks = [-3.0, 0.0, -0.0, 3.0, 6.0, 1.0, -2.5, 0.5]
    values = np.concatenate([np.random.default_rng(0).uniform(-8, 8, 200), kinks]).astype(dtype)
    x = lucid.tensor(values, requires_grad=True)
    t = torch.tensor(values, requires_grad=True)
    y, u = CASES[name][0](x), theirs(t)
    g = np.linspace(-1, 1, len(values)).astype(dtype)
    y.backward(lucid.tensor(g)), u.backward(torch.tensor(g))
    rtol, atol = (1e-5, 1e-6) if dtype == "float32" else (1e-12, 1e-13)
    if name == "hardsigmoid":
        rtol = 1e-5  # PyTorch rounds 1/6 to float32
    np.testing.assert_allclose(y.detach().numpy(), u.detach().numpy(), rtol=rtol, atol=atol)
    np.testing.assert_allclose(x.grad.numpy(), t.grad.numpy(), rtol=rtol, atol=atol)


@pytest.mark.parity
def test_same_gradients_of_glu_prelu_and_the_softmaxes_as_pytorch() -> None:
    torch = pytest.importorskip("torch")
    f = torch.nn.functional
    values, w = np.random.default_rng(0).standard_normal((3, 4, 6)), np.linspace(-1, 1, 4)
    for ours, theirs in [
        (lambda x: F.glu(x, 1), lambda t: f.glu(t, 1)),
        (lambda x: F.prelu(x, lucid.tensor(w)), lambda t: f.prelu(t, torch.tensor(w))),
        (lambda x: F.softmax(x, 1), lambda t: f.softmax(t, 1)),
        (lambda x: F.softmin(x, 2), lambda t: f.softmin(t, 2)),
        (lambda x: F.log_softmax(x, 0), lambda t: f.log_softmax(t, 0)),
    ]:
        x, t = lucid.tensor(values, requires_grad=True), torch.tensor(values, requires_grad=True)
        y, u = ours(x), theirs(t)
        np.testing.assert_allclose(y.detach().numpy(), u.detach().numpy(), rtol=1e-12, atol=1e-14)
        (y * y).sum().backward(), (u * u).sum().backward()
        np.testing.assert_allclose(x.grad.numpy(), t.grad.numpy(), rtol=1e-11, atol=1e-13)


@pytest.mark.parity
def test_same_arguments_in_the_same_order_as_pytorch() -> None:
    torch = pytest.importorskip("torch")
    functions = """relu relu6 leaky_relu elu selu celu silu mish hardswish hardsigmoid hardtanh sigmoid tanh softsign
        softmax softmin log_softmax threshold glu"""
    modules = """ReLU ReLU6 LeakyReLU ELU SELU CELU GELU SiLU Mish Hardswish Hardsigmoid Hardtanh Softplus Softmax
        Softmin LogSoftmax Threshold GLU PReLU"""
    for ours, theirs, names in ((F, torch.nn.functional, functions), (nn, torch.nn, modules)):
        for name in names.split():
            a = [(p.name, p.default) for p in inspect.signature(getattr(ours, name)).parameters.values()]
            b = [(p.name, p.default) for p in inspect.signature(getattr(theirs, name)).parameters.values()]
            assert [p for p in a if p[0] not in ("slope", "offset")] == b, name


@pytest.mark.parity
def test_modules_print_as_in_pytorch() -> None:
    torch = pytest.importorskip("torch")
    cases: dict[str, tuple[Any, ...]] = {
        "ReLU": (True,), "ELU": (0.5, True), "Hardtanh": (), "Threshold": (1, 2, True), "GLU": (), "Softplus": (),
        "Softmax": (), "PReLU": (3,), "ReLU6": (True,), "LeakyReLU": (), "SELU": (True,), "CELU": (), "Mish": (True,),
    }  # fmt: skip
    for name, args in cases.items():
        assert repr(getattr(nn, name)(*args)) == repr(getattr(torch.nn, name)(*args))
