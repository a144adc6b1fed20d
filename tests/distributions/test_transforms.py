"""Transforms: inverses, Jacobians by autograd, shapes, caches, and the transforms constraints lead to."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
from distributions.cases import Make, double

import lucid
import lucid.distributions as D
from lucid.autograd.functional import jacobian as jacobian_of

RNG = np.random.default_rng(0)
X = RNG.standard_normal((2, 3))

TRANSFORMS: dict[str, Make] = {
    "exp": lambda d, t: d.ExpTransform(),
    "exp inverse": lambda d, t: d.ExpTransform().inv,
    "sigmoid": lambda d, t: d.SigmoidTransform(),
    "tanh": lambda d, t: d.TanhTransform(),
    "softplus": lambda d, t: d.SoftplusTransform(),
    "power": lambda d, t: d.PowerTransform(t(np.array([0.5, 2.0, -1.0]))),
    "affine": lambda d, t: d.AffineTransform(t(np.array([0.5, 2.0, -1.0])), -2.0),
    "affine vector": lambda d, t: d.AffineTransform(1.0, t(np.array([0.5, 2.0, -1.0])), event_dim=1),
    "compose": lambda d, t: d.ComposeTransform([d.AffineTransform(0.5, 2.0), d.SigmoidTransform(), d.PowerTransform(t(np.array(2.0)))]),
    "compose mixed": lambda d, t: d.ComposeTransform([d.AffineTransform(0.5, 2.0), d.StickBreakingTransform()]),
    "independent": lambda d, t: d.IndependentTransform(d.ExpTransform(), 1),
    "reshape": lambda d, t: d.ReshapeTransform((3,), (3, 1)),
    "stick": lambda d, t: d.StickBreakingTransform(),
    "correlation": lambda d, t: d.CorrCholeskyTransform(),
    "cat": lambda d, t: d.CatTransform([d.ExpTransform(), d.AffineTransform(1.0, 2.0)], -1, [1, 2]),
    "cat vectors": lambda d, t: d.CatTransform([d.IndependentTransform(d.ExpTransform(), 1), d.IndependentTransform(d.TanhTransform(), 1)], 0),
    "stack": lambda d, t: d.StackTransform([d.ExpTransform(), d.TanhTransform()], 0),
    "cdf": lambda d, t: d.CumulativeDistributionTransform(d.Normal(t(np.array(0.5)), t(np.array(2.0)))),
    "identity": lambda d, t: d.identity_transform,
    "softmax": lambda d, t: d.SoftmaxTransform(),
    "abs": lambda d, t: d.AbsTransform(),
}  # fmt: skip


def argument(name: str) -> np.ndarray:
    return np.abs(X) + 0.1 if name in ("exp inverse", "power") else X


@pytest.mark.parametrize("name", TRANSFORMS)
def test_inverses_and_shapes(name: str) -> None:
    t, x = TRANSFORMS[name](D, double), double(argument(name))
    y = t(x)
    assert y.shape == t.forward_shape(x.shape) and t.inverse_shape(y.shape) == tuple(x.shape)
    assert t.domain.check(x).all() and t.codomain.check(y).all()
    assert t.inv.inv is t
    again = t(t.inv(y))
    np.testing.assert_allclose(again.numpy(), y.numpy(), rtol=1e-10)
    if t.bijective:
        np.testing.assert_allclose(t.inv(y).numpy(), x.numpy(), rtol=1e-8)
        assert t.inv.bijective


@pytest.mark.parametrize("name", [n for n in TRANSFORMS if n not in ("softmax", "abs", "correlation", "identity")])
def test_log_jacobians_by_autograd(name: str) -> None:
    t, x = (
        TRANSFORMS[name](D, double),
        double(argument(name)[:1] if name not in ("stack", "cat vectors") else argument(name)),
    )
    y = t(x)
    jacobian = jacobian_of(lambda v: t(v), x).numpy()
    if y.numel() != x.numel():  # a simplex: its last number follows from the others
        jacobian = jacobian[..., :-1, :, :]
    expected = np.linalg.slogdet(jacobian.reshape(x.numel(), x.numel()))[1]
    assert t.log_abs_det_jacobian(x, y).sum().item() == pytest.approx(expected, rel=1e-8)
    assert t.inv.log_abs_det_jacobian(y, x).sum().item() == pytest.approx(-expected, rel=1e-8)


@pytest.mark.parametrize("name", TRANSFORMS)
def test_gradients(name: str) -> None:
    t, x = TRANSFORMS[name](D, double), double(argument(name)).requires_grad_()
    assert lucid.autograd.gradcheck(t, [x])


def test_caches_make_inverses_free() -> None:
    t = D.TanhTransform(cache_size=1)
    x = double(np.array([30.0]))
    y = t(x)
    assert t.inv(y) is x and t(x) is y
    assert np.isinf(D.TanhTransform().inv(D.TanhTransform()(x)).item())
    assert t.with_cache(1) is t and t.with_cache(0)._cache_size == 0


def test_equality_and_pickling() -> None:
    assert D.ExpTransform() == D.ExpTransform() and D.ExpTransform() != D.SigmoidTransform()
    assert D.AffineTransform(1.0, 2.0) == D.AffineTransform(1.0, 2.0) != D.AffineTransform(1.0, 3.0)
    assert D.ExpTransform().inv == D.ExpTransform().inv
    t = D.ComposeTransform([D.ExpTransform(), D.AffineTransform(0.0, 2.0)])
    assert t.inv.inv is t and pickle.loads(pickle.dumps(t)) == t


@pytest.mark.parametrize("registry", ["biject_to", "transform_to"])
def test_constraints_lead_to_transforms_into_them(registry: str) -> None:
    c = D.constraints
    cases = {
        "real": (c.real, (4,)), "positive": (c.positive, (4,)), "greater": (c.greater_than(double(2.0)), (4,)),
        "less": (c.less_than(-1.0), (4,)), "unit": (c.unit_interval, (4,)), "interval": (c.interval(-3.0, 5.0), (4,)),
        "half open": (c.half_open_interval(-3.0, 5.0), (4,)), "simplex": (c.simplex, (4,)),
        "vector": (c.real_vector, (4,)), "correlation": (c.corr_cholesky, (6,)),
        "cat": (c.cat([c.positive, c.unit_interval], -1, [1, 3]), (4,)), "stack": (c.stack([c.positive, c.real], 0), (2,)),
    }  # fmt: skip
    if registry == "transform_to":
        cases |= {"lower": (c.lower_cholesky, (3, 3)), "definite": (c.positive_definite, (3, 3))}
    for what, (constraint, shape) in cases.items():
        t: Any = getattr(D, registry)(constraint)
        x = double(RNG.standard_normal((2, *shape) if what != "stack" else shape))
        assert constraint.check(t(x)).all(), what
        assert t.bijective or registry == "transform_to", what


def test_messages() -> None:
    with pytest.raises(ValueError, match="ExpTransform: cache_size must be 0 or 1, got 2"):
        D.ExpTransform(cache_size=2)
    with pytest.raises(ValueError, match=r"ReshapeTransform: \(3,\) and \(2,\) have different numbers of elements"):
        D.ReshapeTransform((3,), (2,))
    with pytest.raises(ValueError, match=r"expected n \(n - 1\) / 2 elements for some n, got 4"):
        D.CorrCholeskyTransform().forward_shape((4,))
    with pytest.raises(NotImplementedError, match="Cannot transform _Boolean constraints"):
        D.biject_to(D.constraints.boolean)
    with pytest.raises(ValueError, match="transforms must be a Transform or a list of Transforms"):
        D.TransformedDistribution(D.Normal(0.0, 1.0), [3])  # type: ignore[list-item]
    with pytest.raises(AssertionError, match="CatTransform: expected length 3 in dimension 0, got shape"):
        D.CatTransform([D.ExpTransform()] * 3)(lucid.zeros(2))


@pytest.mark.parity
@pytest.mark.parametrize("name", TRANSFORMS)
def test_same_as_pytorch(name: str) -> None:
    torch = pytest.importorskip("torch")
    ours, theirs = (
        TRANSFORMS[name](D, double),
        TRANSFORMS[name](torch.distributions, lambda x: torch.tensor(np.asarray(x))),
    )
    x, z = double(argument(name)), torch.tensor(argument(name))
    y, w = ours(x), theirs(z)
    np.testing.assert_allclose(y.numpy(), w.numpy(), rtol=1e-12)
    np.testing.assert_allclose(ours.inv(y).numpy(), theirs.inv(w).numpy(), rtol=1e-9)
    assert ours.domain.event_dim == theirs.domain.event_dim and ours.codomain.event_dim == theirs.codomain.event_dim
    if name not in ("softmax", "abs"):
        a, b = ours.log_abs_det_jacobian(x, y), theirs.log_abs_det_jacobian(z, w)
        assert tuple(a.shape) == tuple(b.shape)
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-9, atol=1e-12)
