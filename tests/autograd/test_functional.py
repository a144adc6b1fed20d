"""Jacobians, Hessians and their products, as torch.autograd.functional and torch.func give them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import lucid
from lucid import Tensor, func, nn
from lucid.autograd import functional

D = lucid.float64


def points(*shapes: tuple[int, ...], seed: int = 0) -> tuple[Tensor, ...]:
    rng = np.random.default_rng(seed)
    return tuple(lucid.tensor(rng.uniform(0.5, 2, s), dtype=D) for s in shapes)


def close(actual: Any, expected: Any) -> None:
    """Same structure, same values."""
    if isinstance(expected, tuple):
        assert isinstance(actual, tuple) and len(actual) == len(expected)
        for a, e in zip(actual, expected):
            close(a, e)
        return
    a = actual.numpy(force=True) if isinstance(actual, Tensor) else np.asarray(actual)
    e = expected.detach().numpy() if hasattr(expected, "detach") else np.asarray(expected)
    np.testing.assert_allclose(a, e, 1e-10, 1e-12, strict=True)


def two(x: Any, y: Any) -> Any:
    return (x * x).sum() * y, (x.exp() @ y)


def scalar(x: Any, y: Any) -> Any:
    return ((x.exp() @ y) ** 2).sum() * y.sum()


PAIR = ((2, 3), (3,))


def test_jacobian_of_a_square() -> None:
    (x,) = points((3,))
    close(functional.jacobian(lambda x: x**2, x), np.diag(2 * x.numpy()))
    rows = functional.jacobian(lambda x: x.reshape(3, 1) * 2, x)
    assert rows.shape == (3, 1, 3) and not rows.requires_grad


def test_create_graph_makes_the_jacobian_differentiable() -> None:
    (x,) = points((3,))
    x.requires_grad_()
    j = functional.jacobian(lambda x: x**3, x, create_graph=True)
    (g,) = lucid.autograd.grad(j.sum(), x)
    close(g, 6 * x.detach().numpy())


def test_strict() -> None:
    (x,) = points((3,))
    assert functional.jacobian(lambda x: lucid.ones(2, dtype=D), x).tolist() == [[0.0] * 3] * 2
    message = "jacobian: the output is independent of input 0, which strict=True does not allow"
    with pytest.raises(RuntimeError, match=message):
        functional.jacobian(lambda x: lucid.ones(2, dtype=D), x, strict=True)


def test_refusals() -> None:
    (x,) = points((3,))
    cases: list[tuple[Callable[[], Any], type[Exception], str]] = [
        (
            lambda: functional.jacobian(lambda x: x, [1.0]),
            TypeError,
            "jacobian: inputs must be a Tensor or a tuple of Tensors, got float",
        ),
        (
            lambda: functional.jacobian(lambda x: 1, x),
            TypeError,
            "jacobian: results must be a Tensor or a tuple of Tensors, got int",
        ),
        (
            lambda: functional.hessian(lambda x: x, x),
            RuntimeError,
            r"hessian: the function must return one Tensor with a single element, got shapes \(3,\)",
        ),
        (
            lambda: functional.vjp(lambda x: x, x),
            RuntimeError,
            "vjp: the vector v can only be None if the output is one tensor with a single element",
        ),
        (
            lambda: functional.jvp(lambda x: x, x, lucid.ones(2)),
            RuntimeError,
            r"jvp: v 0 has shape \(2,\), expected \(3,\), that of the input",
        ),
        (
            lambda: func.grad(lambda x: x)(x),
            RuntimeError,
            r"grad: expected the function to return a scalar tensor \(0-d\), got shape \(3,\)",
        ),
        (
            lambda: func.grad(lambda x: x.sum(), argnums=1)(x),
            RuntimeError,
            "grad: got argnum=1, but only 1 positional inputs",
        ),
        (
            lambda: func.grad(lambda x: x.sum(), has_aux=True)(x),
            RuntimeError,
            r"grad: with has_aux=True the function must return a tuple \(output, aux\)",
        ),
        (lambda: func.jvp(lambda x: x, x, x), RuntimeError, "jvp: expected primals and tangents to be tuples"),
    ]
    for call, error, message in cases:
        with pytest.raises(error, match=message):
            call()


@pytest.mark.parity
@pytest.mark.parametrize("name", ["jacobian", "vjp", "jvp", "hessian", "hvp", "vhp"])
@pytest.mark.parametrize("strict", [False, True])
def test_autograd_functional(name: str, strict: bool) -> None:
    torch = pytest.importorskip("torch")
    mine = points(*PAIR)
    theirs = tuple(torch.from_numpy(t.numpy()) for t in mine)
    f = scalar if name in ("hessian", "hvp", "vhp") else two
    arguments: dict[str, Any] = {
        "vjp": points((3,), (2,), seed=1), "jvp": points(*PAIR, seed=1), "hvp": points(*PAIR, seed=1), "vhp": points(*PAIR, seed=1)
    }  # fmt: skip
    extra = (arguments[name],) if name in arguments else ()
    their_extra = tuple(tuple(torch.from_numpy(t.numpy()) for t in v) for v in extra)
    expected = getattr(torch.autograd.functional, name)(f, theirs, *their_extra, strict=strict)
    close(getattr(functional, name)(f, mine, *extra, strict=strict), expected)


@pytest.mark.parity
def test_func() -> None:
    """By PyTorch's reverse mode alone."""
    torch = pytest.importorskip("torch")
    mine = points(*PAIR)
    theirs = tuple(torch.from_numpy(t.numpy()) for t in mine)
    for argnums in (0, 1, -1, (0, 1), (1,)):
        close(func.grad(scalar, argnums)(*mine), torch.func.grad(scalar, argnums)(*theirs))
        close(func.grad_and_value(scalar, argnums)(*mine), torch.func.grad_and_value(scalar, argnums)(*theirs))
        value, gradient = func.value_and_grad(scalar, argnums)(*mine)
        close((gradient, value), torch.func.grad_and_value(scalar, argnums)(*theirs))
        close(func.jacrev(two, argnums)(*mine), torch.func.jacrev(two, argnums)(*theirs))
        close(func.jacfwd(two, argnums)(*mine), torch.func.jacrev(two, argnums)(*theirs))
        twice = torch.func.jacrev(torch.func.jacrev(scalar, argnums), argnums)
        close(func.hessian(scalar, argnums)(*mine), twice(*theirs))
    v, u = points((3,), (2,), seed=2), points(*PAIR, seed=3)
    output, pull = func.vjp(two, *mine)
    their_output, their_pull = torch.func.vjp(two, *theirs)
    close(output, their_output)
    for _ in range(2):
        close(pull(v), their_pull(tuple(torch.from_numpy(t.numpy()) for t in v)))
    close(func.jvp(two, mine, u), torch.func.jvp(two, theirs, tuple(torch.from_numpy(t.numpy()) for t in u)))


def test_nesting() -> None:
    x = lucid.tensor(0.7, dtype=D)
    derivative: Any = lambda x: x.sin()
    for k in range(5):
        expected = (np.sin, np.cos, lambda v: -np.sin(v), lambda v: -np.cos(v), np.sin)[k](0.7)
        found = derivative(x)
        close(found, np.asarray(expected))
        assert not found.requires_grad
        derivative = func.grad(derivative)
    # the inner derivative is taken with the outer variable held fixed, and still differentiated by it
    outer = func.grad(lambda y: func.grad(lambda x: x * x * y)(x) * y)
    close(outer(x), np.asarray(4 * 0.7 * 0.7))


def test_aux_and_containers() -> None:
    a, b = points((3,), (3,))
    gradient, aux = func.grad(lambda p: ((p["a"] * p["b"]).sum(), p["a"] + 1), has_aux=True)({"a": a, "b": b})
    close((gradient["a"], gradient["b"], aux), (b, a, a + 1))
    jacobian, aux = func.jacrev(lambda x: (x * 2, x), has_aux=True)(a)
    close((jacobian, aux), (2 * np.eye(3), a))
    _, pull, aux = func.vjp(lambda x: (x * x, x), a, has_aux=True)
    close((pull(b), aux), (2 * a * b, a))


def test_functional_call() -> None:
    net = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.Linear(3, 1))
    net.double()
    before = [p.detach().clone() for p in net.parameters()]
    (x,) = points((4, 2))
    given = {name: p.detach() * 2 for name, p in net.named_parameters()}
    y = func.functional_call(net, given, (x,))
    assert all(lucid.equal(p, q) for p, q in zip(net.parameters(), before))
    gradient = func.grad(lambda p: func.functional_call(net.eval(), p, x).sum())(given)
    assert set(gradient) == set(given) and gradient["2.weight"].shape == (1, 3)
    close(gradient["2.bias"], np.full(1, 4.0))
    net.train()
    for p in net.parameters():
        p.data = p.data * 2
    close(net(x), y)
    assert func.functional_call is nn.utils.stateless.functional_call


def test_functional_call_replaces_shared_tensors_everywhere() -> None:
    class Tied(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first = nn.Linear(2, 2, bias=False)
            self.second = nn.Linear(2, 2, bias=False)
            self.second.weight = self.first.weight

        def forward(self, x: Tensor) -> Tensor:
            return self.second(self.first(x))

    y = func.functional_call(Tied(), {"first.weight": lucid.eye(2) * 3}, lucid.ones(1, 2))
    assert y.tolist() == [[9.0, 9.0]]


def test_vmap_maps_over_a_dimension() -> None:
    x, y = lucid.randn(3, 4), lucid.randn(4, 3)
    for dims, expected in (
        ((0, 1), (x.unsqueeze(2) * y.t().unsqueeze(1)).numpy()),
        ((None, 1), (x.unsqueeze(0) * y.t()[:, None, :1]).numpy()),
    ):
        if dims == (0, 1):
            found = func.vmap(lambda a, b: a[:, None] * b[None], dims)(x, y)
            np.testing.assert_array_equal(found.numpy(), expected)
        else:
            found = func.vmap(lambda a, b: a * b[0], dims)(x, y)
            np.testing.assert_array_equal(found.numpy(), expected)
    assert lucid.vmap is func.vmap
    pair = func.vmap(lambda t, k=None: {"sum": t["a"].sum(), "both": (t["a"], k)}, out_dims={"sum": 0, "both": (1, 0)})(
        {"a": x}, k=x
    )
    assert pair["sum"].shape == (3,) and lucid.equal(pair["both"][0], x.t()) and lucid.equal(pair["both"][1], x)
    w = lucid.randn(4, requires_grad=True)
    per_sample = func.vmap(func.grad(lambda w, a: (w * a).sum().square()), (None, 0))(w, x)
    np.testing.assert_allclose(per_sample.detach().numpy(), (2 * (x @ w.detach())[:, None] * x).numpy(), 1e-4, 1e-5)
    func.vmap(lambda a: a @ w)(x).sum().backward()
    assert w.grad is not None
    np.testing.assert_allclose(w.grad.numpy(), x.numpy().sum(0), 1e-5, 1e-6)
    nested = func.vmap(func.vmap(lambda a, b: a * b, (None, 0)), (0, None))(lucid.arange(2), lucid.arange(3))
    assert nested.tolist() == [[0, 0, 0], [0, 1, 2]]


def test_vmap_and_random_numbers() -> None:
    draw = lambda a: a + lucid.rand(2)
    zeros = lucid.zeros(3, 2)
    same, different = func.vmap(draw, randomness="same")(zeros), func.vmap(draw, randomness="different")(zeros)
    assert lucid.equal(same[0], same[1]) and not lucid.equal(different[0], different[1])
    with pytest.raises(RuntimeError, match="vmap: random numbers were drawn"):
        func.vmap(draw)(zeros)


def test_vmap_refuses() -> None:
    x = lucid.ones(2, 3)
    for call, error, message in (
        (
            lambda: func.vmap(lambda a, b: a)(x, x[:1]),
            ValueError,
            r"vmap: expected inputs of one size along in_dims, got sizes \[1, 2\]",
        ),
        (
            lambda: func.vmap(lambda a: a, 2)(x),
            ValueError,
            "vmap: in_dim 2 is out of range for an input of 2 dimensions",
        ),
        (lambda: func.vmap(lambda a: a, (0, 0))(x), ValueError, r"vmap: in_dims \(0, 0\) is not compatible"),
        (lambda: func.vmap(lambda a: 3)(x), ValueError, "to give tensors"),
        (lambda: func.vmap(lambda a: a)(x[:0]), ValueError, "vmap: a batch of size 0"),
        (lambda: func.vmap(lambda a: a, randomness="x"), RuntimeError, "vmap: randomness must be"),
    ):
        with pytest.raises(error, match=message):
            call()
