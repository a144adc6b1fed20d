"""Parametrizations, the older hooks, functional_call, skip_init: values and state dicts beside PyTorch's, refusals."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest
from nn.parity import close, compare, draw, exchange, torch

import lucid
from lucid import Tensor, nn
from lucid.nn.utils import (
    parametrizations,
    parametrize,
    remove_spectral_norm,
    remove_weight_norm,
    skip_init,
    spectral_norm,
    weight_norm,
)
from lucid.nn.utils.stateless import functional_call


class Symmetric(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.triu() + x.triu(1).transpose(-1, -2)

    def right_inverse(self, a: Tensor) -> Tensor:
        return a.triu()


class Exponential(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.exp()


class Product(nn.Module):
    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        return a @ b

    def right_inverse(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return x, lucid.eye(x.shape[1])


# register_parametrization


def test_register_and_remove() -> None:
    linear = nn.Linear(3, 3)
    old = linear.weight
    assert parametrize.register_parametrization(linear, "weight", Symmetric()) is linear
    assert (
        isinstance(linear, nn.Linear)
        and type(linear).__name__ == "ParametrizedLinear"
        and parametrize.type_before_parametrizations(linear) is nn.Linear
    )
    assert (
        parametrize.is_parametrized(linear)
        and parametrize.is_parametrized(linear, "weight")
        and not parametrize.is_parametrized(linear, "bias")
    )
    assert list(linear.state_dict()) == ["bias", "parametrizations.weight.original"]
    assert linear.parametrizations.weight.original is old
    w = linear.weight
    assert lucid.equal(w, w.T) and not isinstance(w, nn.Parameter)
    linear(lucid.ones(2, 3)).sum().backward()
    assert old.grad is not None and old.grad[1, 0].item() == 0
    assert parametrize.remove_parametrizations(linear, "weight") is linear
    assert (
        type(linear) is nn.Linear
        and linear.weight is old
        and lucid.equal(linear.weight, w)
        and list(linear.state_dict()) == ["bias", "weight"]
    )


def test_chains_assignment_and_leaving_the_original() -> None:
    linear = nn.Linear(3, 3, dtype=lucid.float64)
    parametrize.register_parametrization(linear, "weight", Symmetric())
    symmetric = linear.weight.detach()
    linear.weight = symmetric * 2
    np.testing.assert_array_equal(linear.weight.detach().numpy(), symmetric.numpy() * 2)
    parametrize.register_parametrization(linear, "weight", Exponential())
    np.testing.assert_allclose(linear.weight.detach().numpy(), np.exp(symmetric.numpy() * 2), rtol=1e-12)
    with pytest.raises(RuntimeError, match="Exponential has no right_inverse, so the tensor cannot be assigned to"):
        linear.weight = symmetric
    parametrize.remove_parametrizations(linear, "weight", leave_parametrized=False)
    np.testing.assert_array_equal(linear.weight.detach().numpy(), np.triu(symmetric.numpy() * 2))


def test_buffers_several_originals_and_several_tensors() -> None:
    norm = nn.BatchNorm1d(2)
    parametrize.register_parametrization(norm, "running_var", Exponential())
    assert np.allclose(norm.running_var.numpy(), np.e) and "parametrizations.running_var.original" in norm.state_dict()
    linear = nn.Linear(3, 2)
    before = linear.weight.detach().clone()
    parametrize.register_parametrization(linear, "weight", Product())
    parametrize.register_parametrization(linear, "bias", Exponential())
    assert [n for n, _ in linear.named_parameters()] == [
        "parametrizations.weight.original0",
        "parametrizations.weight.original1",
        "parametrizations.bias.original",
    ]
    assert lucid.equal(linear.weight, before)
    with pytest.raises(
        ValueError, match="remove_parametrizations: 'weight' comes from 2 tensors; pass leave_parametrized=True"
    ):
        parametrize.remove_parametrizations(linear, "weight", leave_parametrized=False)
    parametrize.remove_parametrizations(linear, "weight")
    assert type(linear).__name__ == "ParametrizedLinear" and isinstance(linear.weight, nn.Parameter)
    parametrize.remove_parametrizations(linear, "bias")
    assert type(linear) is nn.Linear


def test_cached() -> None:
    calls = []

    class Counting(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            calls.append(1)
            return x * 1

    linear = parametrize.register_parametrization(nn.Linear(2, 2), "weight", Counting())
    calls.clear()
    with parametrize.cached():
        with parametrize.cached():
            first = linear.weight
        assert linear.weight is first and len(calls) == 1
    assert linear.weight is not first and len(calls) == 2


def test_copies_are_independent_and_pickling_is_refused() -> None:
    linear = parametrize.register_parametrization(nn.Linear(2, 2), "weight", Symmetric())
    twin = copy.deepcopy(linear)
    assert (
        lucid.equal(twin.weight, linear.weight)
        and twin.parametrizations.weight.original is not linear.parametrizations.weight.original
    )
    parametrize.remove_parametrizations(linear, "weight")
    assert parametrize.is_parametrized(twin, "weight") and twin.weight.shape == (2, 2)
    with pytest.raises(RuntimeError, match=r"a parametrized module cannot be pickled: save its state_dict\(\) instead"):
        pickle.dumps(twin)


class Wrong(nn.Module):
    def __init__(self, result: Any) -> None:
        super().__init__()
        self.result = result

    def forward(self, x: Tensor) -> Any:
        return self.result(x)


def test_parametrize_refusals() -> None:
    linear = nn.Linear(2, 3)
    with pytest.raises(ValueError, match="register_parametrization: Linear has no parameter or buffer 'wieght'"):
        parametrize.register_parametrization(linear, "wieght", Symmetric())
    with pytest.raises(
        ValueError,
        match=r"must keep dtype and shape: expected lucid.float32 \(3, 2\), got lucid.float32 \(2, 3\); pass unsafe=True",
    ):
        parametrize.register_parametrization(linear, "weight", Wrong(lambda x: x.T))
    with pytest.raises(ValueError, match="a parametrization must return a tensor, got int"):
        parametrize.register_parametrization(linear, "weight", Wrong(lambda x: 3))
    assert type(linear) is nn.Linear and linear.weight.shape == (3, 2)
    parametrize.register_parametrization(linear, "weight", Wrong(lambda x: x.T), unsafe=True)
    assert linear.weight.shape == (2, 3)
    with pytest.raises(ValueError, match="remove_parametrizations: .*Linear has no parametrization of 'bias'"):
        parametrize.remove_parametrizations(linear, "bias")


# parametrizations beside PyTorch's

LAYERS = [
    ("Linear", (4, 3), (5, 4)),
    ("Linear", (3, 4), (5, 3)),
    ("Linear", (4, 4), (5, 4)),
    ("Conv2d", (3, 4, 2), (2, 3, 5, 5)),
]


@pytest.mark.parity
@pytest.mark.parametrize("layer,args,shape", LAYERS)
@pytest.mark.parametrize("dim", [0, 1, None])
def test_weight_norm_matches_pytorch(layer: str, args: Any, shape: Any, dim: int | None) -> None:
    for ours_of, theirs_of in (
        (parametrizations.weight_norm, torch().nn.utils.parametrizations.weight_norm),
        (weight_norm, torch().nn.utils.weight_norm),
    ):
        ours, theirs = (
            ours_of(getattr(nn, layer)(*args).double(), dim=dim),
            theirs_of(getattr(torch().nn, layer)(*args).double(), dim=dim),
        )
        exchange(ours, theirs)
        compare(ours, theirs, draw(*shape))


@pytest.mark.parity
@pytest.mark.parametrize("layer,args,shape", LAYERS)
@pytest.mark.parametrize("options", [{}, {"n_power_iterations": 3, "dim": 1}])
def test_spectral_norm_matches_pytorch(layer: str, args: Any, shape: Any, options: Any) -> None:
    for ours_of, theirs_of in (
        (parametrizations.spectral_norm, torch().nn.utils.parametrizations.spectral_norm),
        (spectral_norm, torch().nn.utils.spectral_norm),
    ):
        ours, theirs = (
            ours_of(getattr(nn, layer)(*args).double(), **options),
            theirs_of(getattr(torch().nn, layer)(*args).double(), **options),
        )
        exchange(ours, theirs)
        for _ in range(2):
            compare(ours, theirs, draw(*shape))
        compare(ours.eval(), theirs.eval(), draw(*shape))


@pytest.mark.parity
@pytest.mark.parametrize("shape", [(4, 3), (3, 4), (4, 4), (2, 4, 4), (2, 5, 3)])
@pytest.mark.parametrize("mapping", ["matrix_exp", "cayley", "householder"])
@pytest.mark.parametrize("trivial", [True, False])
def test_orthogonal_matches_pytorch(shape: tuple[int, ...], mapping: str, trivial: bool) -> None:
    t = torch()
    made = []
    for package, wrap in ((lucid, lucid.tensor), (t, t.tensor)):
        module = package.nn.Module()
        module.weight = package.nn.Parameter(wrap(draw(*shape)))
        try:
            made.append(
                package.nn.utils.parametrizations.orthogonal(module, "weight", mapping, use_trivialization=trivial)
            )
        except NotImplementedError:
            made.append(None)
    ours, theirs = made
    assert ours is not None and theirs is not None
    close(ours.weight @ ours.weight.transpose(-1, -2) if shape[-2] <= shape[-1] else ours.weight.transpose(-1, -2) @ ours.weight,
          t.eye(min(shape[-2:]), dtype=t.float64).expand(*shape[:-2], -1, -1), "orthonormal")  # fmt: skip
    if not trivial:
        close(ours.weight, theirs.weight, "before training")
    exchange(ours, theirs)
    step = draw(*shape, seed=3)
    with lucid.no_grad(), t.no_grad():  # away from the start, where A = 0
        ours.parametrizations.weight.original += lucid.tensor(step)
        theirs.parametrizations.weight.original += t.tensor(step)
        if mapping == "householder":
            for p in (ours.parametrizations.weight.original, theirs.parametrizations.weight.original):
                for k in range(min(shape[-2:])):
                    p[..., k, k] = -1.0 if k % 2 else 1.0
    close(ours.weight, theirs.weight, "after a step")
    start = draw(*shape, seed=4)
    (g,) = lucid.autograd.grad(ours.weight, ours.parametrizations.weight.original, lucid.tensor(start))
    (h,) = t.autograd.grad(theirs.weight, theirs.parametrizations.weight.original, t.tensor(start))
    close(g, h, "gradient")


def test_orthogonal_keeps_an_orthogonal_weight_and_can_be_assigned() -> None:
    q = np.linalg.qr(draw(4, 4))[0]
    linear = nn.Linear(4, 4, dtype=lucid.float64)
    with lucid.no_grad():
        linear.weight.copy_(lucid.tensor(q))
    parametrizations.orthogonal(linear)
    np.testing.assert_allclose(linear.weight.detach().numpy(), q, atol=1e-12)
    linear.weight = lucid.tensor(np.ascontiguousarray(q.T))
    np.testing.assert_allclose(linear.weight.detach().numpy(), q.T, atol=1e-12)


def test_remove_norms() -> None:
    x = lucid.randn(2, 4)
    for add, remove in ((weight_norm, remove_weight_norm), (spectral_norm, remove_spectral_norm)):
        linear = add(nn.Linear(4, 3))
        linear(x)
        expected = linear.eval()(x)
        assert remove(linear) is linear and list(linear.state_dict()) == ["bias", "weight"]
        np.testing.assert_allclose(linear(x).detach().numpy(), expected.detach().numpy(), rtol=1e-6)
        with pytest.raises(ValueError, match=f"{remove.__name__}: Linear has no such hook for 'weight'"):
            remove(linear)
        with pytest.raises(ValueError, match=f"{add.__name__}: Linear has no parameter 'w'"):
            add(linear, "w")
        add(linear)
        with pytest.raises(RuntimeError, match=f"{add.__name__}: 'weight' of Linear is normalised already"):
            add(linear)


def test_parametrization_refusals() -> None:
    with pytest.raises(
        ValueError, match="orthogonal: orthogonal_map must be one of matrix_exp, cayley, householder, got 'qr'"
    ):
        parametrizations.orthogonal(nn.Linear(2, 2), orthogonal_map="qr")
    with pytest.raises(ValueError, match=r"orthogonal: expected at least two dimensions, got shape \(2,\)"):
        parametrizations.orthogonal(nn.Linear(2, 2), "bias")
    with pytest.raises(ValueError, match="orthogonal: Linear has no parameter or buffer 'w'"):
        parametrizations.orthogonal(nn.Linear(2, 2), "w")
    with pytest.raises(ValueError, match="spectral_norm: n_power_iterations must be positive, got 0"):
        parametrizations.spectral_norm(nn.Linear(2, 2), n_power_iterations=0)
    with pytest.raises(IndexError, match=r"spectral_norm: dim 2 is out of range for a weight of shape \(2, 2\)"):
        parametrizations.spectral_norm(nn.Linear(2, 2), dim=2)


# functional_call, skip_init


class Tied(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(2, 2, bias=False), nn.Linear(2, 2, bias=False)
        self.b.weight = self.a.weight
        self.register_buffer("shift", lucid.zeros(2))

    def forward(self, x: Tensor, scale: float = 1.0) -> Tensor:
        return self.b(self.a(x)) * scale + self.shift


def test_functional_call() -> None:
    model, x = Tied(), lucid.ones(1, 2)
    own, expected = model.a.weight, model(x)
    w = (lucid.eye(2) * 3).requires_grad_()
    y = functional_call(model, {"a.weight": w}, x)
    assert y.tolist() == [[9, 9]] and model.a.weight is own and lucid.equal(model(x), expected)
    y.sum().backward()
    assert w.grad is not None and own.grad is None
    assert functional_call(model, [{"a.weight": w}, {"shift": lucid.ones(2)}], (x,), {"scale": 2.0}).tolist() == [
        [19, 19]
    ]
    lone = functional_call(model, {"a.weight": lucid.eye(2)}, x, tie_weights=False)
    assert lucid.equal(lone, model.b(x)) and model.shift.tolist() == [0, 0]


def test_functional_call_restores_after_errors() -> None:
    model = Tied()
    own = model.a.weight
    with pytest.raises(RuntimeError, match="Linear 'a': expected last dimension 3, got 2"):
        functional_call(model, {"a.weight": lucid.ones(2, 3)}, lucid.ones(1, 2))
    assert model.a.weight is own and model.b.weight is own


def test_functional_call_refusals() -> None:
    model, x = Tied(), lucid.ones(1, 2)
    with pytest.raises(RuntimeError, match=r"functional_call: missing keys: \['shift'\]; unexpected keys: \['c'\]"):
        functional_call(model, {"a.weight": lucid.ones(2, 2), "c": x}, x, strict=True)
    with pytest.raises(
        ValueError, match="functional_call: a.weight and b.weight are one tensor, but were given different values"
    ):
        functional_call(model, {"a.weight": lucid.ones(2, 2), "b.weight": lucid.ones(2, 2)}, x)
    with pytest.raises(ValueError, match="functional_call: shift appear in several of the dicts"):
        functional_call(model, [{"shift": x}, {"shift": x}], x)


def test_skip_init() -> None:
    state = lucid.get_rng_state()
    linear = skip_init(nn.Linear, 3, 2, dtype=lucid.float64)
    assert type(linear) is nn.Linear and linear.weight.dtype is lucid.float64 and linear.weight.requires_grad
    assert lucid.equal(lucid.get_rng_state(), state)
    linear.reset_parameters()
    assert not lucid.equal(lucid.get_rng_state(), state)
    with pytest.raises(RuntimeError, match="skip_init: ReLU must take an argument 'device'"):
        skip_init(nn.ReLU)
    with pytest.raises(RuntimeError, match="skip_init: expected a subclass of Module, got 3"):
        skip_init(3)  # type: ignore[arg-type]
