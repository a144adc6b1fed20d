"""Calls of PyTorch whose values, dtypes, gradients and second derivatives were once wrong, made with both libraries."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import lucid
import lucid.nn.functional as lucid_functional

pytestmark = pytest.mark.parity
torch = pytest.importorskip("torch")

Call = Callable[[Any, Any, "Draw"], Any]


class Draw:
    """The same numbers for both libraries: ``n.d(2, 3)`` is float64 and requires grad, ``n.z`` complex128."""

    def __init__(self, library: Any) -> None:
        self.library, self.leaves = library, []
        self.rng = np.random.default_rng(7)

    def leaf(self, values: Any) -> Any:
        self.leaves.append(self.library.tensor(np.asarray(values), requires_grad=True))
        return self.leaves[-1]

    def d(self, *shape: int, low: float = -2.0) -> Any:
        return self.leaf(self.rng.uniform(low, 2.0, shape))

    def z(self, *shape: int) -> Any:
        return self.leaf(self.rng.uniform(-2.0, 2.0, shape) + 1j * self.rng.uniform(-2.0, 2.0, shape))

    def i(self, *shape: int, dtype: str = "int64") -> Any:
        return self.library.tensor(self.rng.integers(0, 5, shape).astype(dtype))

    def spd(self, n: int, dtype: str = "float64") -> Any:
        """Hermitian, positive-definite."""
        a = self.rng.uniform(-1.0, 1.0, (n, n))
        if dtype[0] == "c":
            a = a + 1j * self.rng.uniform(-1.0, 1.0, (n, n))
        return self.leaf(a @ a.conj().T + n * np.eye(n))


def tensors(y: Any, kind: type) -> list[Any]:
    if isinstance(y, kind):
        return [y]
    return [t for x in y for t in tensors(x, kind)] if isinstance(y, (tuple, list)) else []


def derivatives(library: Any, functional: Any, call: Call) -> tuple[Any, list[Any], list[Any]]:
    """The result, its gradients by all leaves, and their gradients."""
    n = Draw(library)
    y = call(library, functional, n)
    rng = np.random.default_rng(3)

    def weighted(values: list[Any]) -> tuple[list[Any], list[Any]]:
        kept = [v for v in values if v.requires_grad]
        starts = []
        for v in kept:
            start = rng.uniform(0.5, 1.5, tuple(v.shape)) + 0j
            start = start + 1j * rng.uniform(0.5, 1.5, tuple(v.shape))
            complex_ = v.dtype in (library.complex64, library.complex128)
            starts.append(library.tensor(np.asarray(start if complex_ else start.real)).to(v.dtype))
        return kept, starts

    options = {"create_graph": True, "allow_unused": True, "materialize_grads": True}
    kept, starts = weighted(tensors(y, library.Tensor))
    if not kept:
        return y, [], []
    first = list(library.autograd.grad(kept, n.leaves, starts, **options))
    # a gradient that depends on nothing may say so: its second derivatives are zeros
    kept, starts = weighted([g if g.requires_grad else g + 0 * n.leaves[0].real.sum() for g in first])
    options["create_graph"] = False
    return y, first, list(library.autograd.grad(kept, n.leaves, starts, **options))


def compare(ours: Any, theirs: Any, what: str) -> None:
    left, right = tensors(ours, lucid.Tensor), tensors(theirs, torch.Tensor)
    assert len(left) == len(right), what
    for k, (x, y) in enumerate(zip(left, right)):
        assert str(x.dtype).split(".")[1] == str(y.dtype).split(".")[1], f"{what} {k}: {x.dtype} for {y.dtype}"
        assert tuple(x.shape) == tuple(y.shape), f"{what} {k}"
        y = y.detach().resolve_conj()
        np.testing.assert_allclose(x.detach().numpy(), y.numpy(force=True), 1e-8, 1e-9, err_msg=f"{what} {k}")


def check(call: Call) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ours = derivatives(lucid, lucid_functional, call)
        theirs = derivatives(torch, torch.nn.functional, call)
    for mine, other, what in zip(ours, theirs, ("value", "gradient", "second derivative")):
        compare(mine, other, what)


PLACES: list[Call] = [
    lambda t, F, n: t.index_fill(n.d(5, 4), 0, t.tensor([1, 3, 1, 1]), n.d()),
    lambda t, F, n: t.index_fill(n.z(5), 0, t.tensor([1, 1]), n.z()),
    lambda t, F, n: t.index_add(n.z(4), 0, t.tensor([1, 1]), n.z(2), alpha=2),
    lambda t, F, n: t.quantile(n.d(6, 3), n.d(2, low=0.0) / 2, dim=0),
    lambda t, F, n: t.quantile(n.d(6), t.tensor([0.3, 1.0], dtype=t.float64), interpolation="midpoint"),
    lambda t, F, n: t.nanquantile(n.d(3, 5), n.d(low=0.0) / 2, dim=-1, keepdim=True),
    lambda t, F, n: F.pad(n.z(2, 3), (1, 0, 0, 2), "constant", 1.5),
    lambda t, F, n: F.pad(n.z(2, 3), (1, 2), value=-2),
    lambda t, F, n: t.istft(n.z(8, 5), 8, window=t.ones(8, dtype=t.float64)),
    lambda t, F, n: t.istft(n.z(2, 8, 5), 8, onesided=False, window=t.ones(8, dtype=t.float64)),
    lambda t, F, n: t.istft(n.z(8, 5), 8, onesided=False, window=t.ones(8, dtype=t.float64), return_complex=True),
]
COMPLEX: list[Call] = [
    lambda t, F, n: t.logsumexp(n.z(3, 4), 1),
    lambda t, F, n: t.logsumexp(n.z(3, 4), (0, 1), keepdim=True),
    lambda t, F, n: t.logaddexp(n.z(3, 4), n.z(4)),
    lambda t, F, n: t.logcumsumexp(n.z(3, 7) * 0.1, 1),
    lambda t, F, n: t.cov(n.z(3, 5)),
    lambda t, F, n: t.cov(n.z(5), correction=0, fweights=t.tensor([1, 2, 1, 3, 1])),
    lambda t, F, n: t.cov(n.z(2, 3), aweights=n.d(3, low=0.5)),
    lambda t, F, n: t.corrcoef(n.z(3, 5)) * 0.5,
    lambda t, F, n: t.var_mean(n.z(3, 4), 1, keepdim=True),
    lambda t, F, n: t.std_mean(n.z(3, 4), correction=0),
    lambda t, F, n: t.softmax(n.z(3, 4), 1, dtype=t.float64),
    lambda t, F, n: F.log_softmax(n.z(3, 4), 1, dtype=t.float64),
    lambda t, F, n: F.normalize(n.z(3, 4), p=1.5, dim=0),
    lambda t, F, n: F.rms_norm(n.z(3, 4), (4,), n.z(4), 0.5),
    lambda t, F, n: F.softsign(n.z(5)),
    lambda t, F, n: F.tanhshrink(n.z(5)),
    lambda t, F, n: F.silu(n.z(5).detach()),
    lambda t, F, n: t.sinc(n.z(5)),
    lambda t, F, n: t.ldexp(n.z(5), n.z(5)),
    lambda t, F, n: t.dist(n.z(3, 4), n.z(4)),
    lambda t, F, n: F.pairwise_distance(n.z(3, 4), n.z(3, 4), p=3.0),
    lambda t, F, n: t.renorm(n.z(3, 4), 2, 0, 1.0),
    lambda t, F, n: F.l1_loss(n.z(3, 4), n.z(3, 4)),
    lambda t, F, n: F.triplet_margin_loss(n.z(3, 4), n.z(3, 4), n.z(3, 4), swap=True, reduction="none"),
    lambda t, F, n: t.linalg.vander(n.z(3), N=3),
    lambda t, F, n: t.linalg.vander(n.d(), N=3),
    lambda t, F, n: t.vander(n.z(3).detach()),
    lambda t, F, n: t.exp_(n.z(3).detach()),
    lambda t, F, n: F.feature_alpha_dropout(n.z(3), 0.5, False),
    lambda t, F, n: F.feature_alpha_dropout(n.i(3), 0.0, True),
]
LINEAR: list[Call] = [
    lambda t, F, n: t.linalg.lu(n.z(2, 4, 4)),
    lambda t, F, n: t.linalg.lu(n.z(5, 3)),
    lambda t, F, n: t.linalg.lu_factor_ex(n.z(3, 5)),
    lambda t, F, n: t.linalg.lu_solve(*t.linalg.lu_factor(n.z(3, 3)), n.z(3, 2)),
    lambda t, F, n: t.linalg.lu_solve(*t.linalg.lu_factor(n.z(3, 3)), n.z(2, 3), left=False, adjoint=True),
    lambda t, F, n: t.lu_solve(n.z(3, 2), *t.linalg.lu_factor(n.z(3, 3))),
    lambda t, F, n: t.lu_unpack(*t.linalg.lu_factor(n.z(3, 4))),
    lambda t, F, n: t.linalg.householder_product(n.z(4, 3), n.z(3)),
    lambda t, F, n: t.ormqr(n.z(4, 3), n.z(3), n.z(4, 2), transpose=True),
    lambda t, F, n: t.geqrf(n.z(4, 3).detach()),
    lambda t, F, n: t.geqrf(n.d(3, 0).detach()),
    lambda t, F, n: t.linalg.ldl_factor(n.spd(7, "complex").detach() - 7 * t.eye(7), hermitian=True),
    lambda t, F, n: t.linalg.ldl_factor(n.z(7, 7).detach()),
    lambda t, F, n: t.linalg.ldl_solve(*t.linalg.ldl_factor(n.z(5, 5).detach()), n.z(5, 2).detach()),
    lambda t, F, n: t.linalg.ldl_solve(
        *t.linalg.ldl_factor(n.z(5, 5).detach(), hermitian=True), n.z(5, 2).detach(), hermitian=True
    ),
    lambda t, F, n: t.linalg.ldl_solve(t.zeros(0, 2, 2), t.zeros(0, 2, dtype=t.int32), t.zeros(2, 5)),
    lambda t, F, n: t.linalg.cholesky_ex((lambda a: a @ a.mH)(n.z(4, 4))),
    lambda t, F, n: t.linalg.cholesky_ex(n.d(0, 0)),
    lambda t, F, n: t.linalg.inv_ex(n.d(0, 0)),
    lambda t, F, n: t.linalg.eigvalsh((lambda a: a + a.mH)(n.z(4, 4)), UPLO="U"),
    lambda t, F, n: t.linalg.cholesky((lambda a: a @ a.mH + 3 * t.eye(4))(n.z(4, 4)), upper=True),
    lambda t, F, n: t.cholesky_solve(n.z(3, 2), t.linalg.cholesky((lambda a: a @ a.mH)(n.z(3, 3)))),
    lambda t, F, n: t.linalg.eig(n.d(2, 5, 5))[0].abs().sum(),
]
FACTORS: list[Call] = [
    lambda t, F, n, name=name, dtype=dtype, kw=kw: getattr(t, name)(*operands(n, name, dtype), **kw)
    for name in ("addmm", "addmv", "addbmm", "baddbmm", "addr")
    for dtype in ("int64", "int32", "uint8", "float64", "bool")
    for kw in ({}, {"beta": 2, "alpha": 3}, {"beta": -1}, {"beta": 1.5, "alpha": 2.7})
    if not (name == "addr" and "alpha" in kw and kw["beta"] == 1.5 and dtype != "float64")
    and not (dtype == "bool" and name != "addr")
]  # type: ignore[misc]
INTEGERS: list[Call] = [
    lambda t, F, n: F.bilinear(n.i(3, dtype="int32"), n.i(4, dtype="int32"), n.i(5, 3, 4, dtype="int32")),
    lambda t, F, n: F.bilinear(n.i(3, dtype="uint8"), n.i(4, dtype="uint8"), n.i(5, 3, 4, dtype="uint8")),
    lambda t, F, n: t.sum(n.i(2, 3), 1, dtype=t.int32),
    lambda t, F, n: t.sum(n.i(2, 300), dtype=t.uint8),
    lambda t, F, n: n.i(2, 3, dtype="int32").sum_to_size(()),
    lambda t, F, n: t.addmm(t.full((2,), float("nan")), t.ones(2, 2), t.ones(2, 2), beta=0),
]


STEPS: list[Call] = [
    lambda t, F, n: t.div(n.d(3, 4), n.d(4), rounding_mode="floor") + 0 * n.d(4),
    lambda t, F, n: t.div(n.d(3), 2.0, rounding_mode="floor"),
    lambda t, F, n: t.fill(n.d(3), 2.0),
    lambda t, F, n: t.angle(n.d(3)),
    lambda t, F, n: t.linalg.matrix_power(n.d(3, 3), 0),
    lambda t, F, n: t.pow(t.tensor([2, 1, -1, -1, 0]), t.tensor([-1, -2, -3, -2, 4])),
    lambda t, F, n: t.tensor([2, 1, -1]) ** t.tensor([-1, -1, -1]),
    lambda t, F, n: t.add(n.i(3, dtype="uint8"), n.i(3, dtype="uint8"), alpha=-3),
    lambda t, F, n: t.sub(n.i(3, dtype="uint8"), n.i(3, dtype="uint8"), alpha=2),
    lambda t, F, n: t.rsub(n.i(3, dtype="uint8"), n.i(3, dtype="uint8"), alpha=2),
    lambda t, F, n: t.special.zeta(t.tensor([2.0, 3.0, 2.5, 1.0, 0.5]), t.tensor([-1.0, -2.0, -1.5, 0.0, -1.0])),
    lambda t, F, n: t.tensordot(n.d(1, 1, 1), n.d(2, 1, 2), dims=((0, 1), (2, 0))),
    lambda t, F, n: t.gather(n.d(5), 0, t.zeros((2, 0), dtype=t.int64)),
    lambda t, F, n: t.linalg.norm(n.d(0, 3).detach(), 1),
    lambda t, F, n: t.linalg.matrix_norm(n.d(2, 0, 3).detach(), float("inf"), keepdim=True),
    lambda t, F, n: t.linalg.lstsq(n.d(4, 3).detach(), n.d(4, 3).detach()),
    lambda t, F, n: t.linalg.lstsq(n.z(4, 3).detach(), n.z(4, 3).detach(), driver="gelss"),
    lambda t, F, n: (n.i(4, dtype="uint8").all(), t.any(n.i(2, 3, dtype="uint8"), 1), t.any(n.i(3))),
    lambda t, F, n: t.histogram(n.d(5, 0).detach(), 2),
    lambda t, F, n: tuple(t.histogramdd(n.d(2, 5, 3).detach(), [2, 2, 3])),
    lambda t, F, n: t.div(n.d(), n.d(), rounding_mode="floor"),
    lambda t, F, n: t.special.zeta(t.tensor([0, 1, 2]), t.tensor([0, 0, 0])),
    lambda t, F, n: t.tensordot(n.i(1, 1, dtype="int32"), n.i(2, 3, dtype="int32"), dims=((1,), (0,))),
    lambda t, F, n: t.linalg.matrix_norm(n.z(0, 3).detach(), 2, keepdim=True),
    lambda t, F, n: F.embedding(t.tensor([[0, 4], [4, 4]]), n.d(5, 3), scale_grad_by_freq=True),
    lambda t, F, n: F.embedding_bag(n.d(5, 3), t.tensor([[0, 4], [4, 4]])),
    lambda t, F, n: F.embedding_bag(
        t.tensor([0, 4, 4, 2]), n.d(5, 3), t.tensor([0, 2]), scale_grad_by_freq=True, mode="mean"
    ),
    lambda t, F, n: F.linear(n.i(2, 3), n.i(4, 3), n.i(4)),
    lambda t, F, n: F.linear(n.i(3, dtype="uint8"), n.i(4, 3, dtype="uint8")),
    lambda t, F, n: F.interpolate(n.i(1, 2, 5, 7, dtype="uint8") * 50, size=(9, 4), mode="bilinear"),
    lambda t, F, n: F.interpolate(n.i(1, 3, 9, 7, dtype="uint8") * 50, (4, 5), mode="bilinear", antialias=True),
    lambda t, F, n: t.rand_like(t.zeros((), dtype=t.float16)) < 1,
]


def operands(n: Draw, name: str, dtype: str) -> list[Any]:
    shapes = {
        "addmm": ((2, 4), (2, 3), (3, 4)), "addmv": ((2,), (2, 3), (3,)), "addr": ((2, 3), (2,), (3,)),
        "addbmm": ((2, 4), (5, 2, 3), (5, 3, 4)), "baddbmm": ((5, 2, 4), (5, 2, 3), (5, 3, 4)),
    }[name]  # fmt: skip
    return [n.d(*s) if dtype == "float64" else n.i(*s, dtype=dtype) for s in shapes]


@pytest.mark.parametrize("call", PLACES + COMPLEX + LINEAR + FACTORS + INTEGERS + STEPS)
def test_values_and_derivatives(call: Call) -> None:
    check(call)


def test_layers_scale_gradients_by_frequency() -> None:
    places = lucid.tensor([[0, 2, 2]])
    for layer in (lucid.nn.Embedding, lucid.nn.EmbeddingBag):
        own = layer(3, 2, scale_grad_by_freq=True)
        own(places).sum().backward()
        times = 1.0 if layer is lucid.nn.Embedding else 1 / 3
        np.testing.assert_allclose(own.weight.grad.numpy(), [[times] * 2, [0, 0], [times] * 2], 1e-6)


REFUSED: list[tuple[Call, str]] = [
    (lambda t, F, n: t.scatter_add(n.d(3), 0, t.tensor([0]), t.ones(1)), "same dtype"),
    (lambda t, F, n: n.d(3).detach().scatter_add_(0, t.tensor([0]), t.ones(1)), "same dtype"),
    (lambda t, F, n: t.scatter_add(n.d(), 0, t.tensor(0), t.ones(())), "same dtype"),
    (lambda t, F, n: t.scatter(n.d(3), 0, t.tensor([0]), t.ones(1)), "same dtype"),
    (lambda t, F, n: t.scatter_reduce(n.d(3), 0, t.tensor([0]), t.ones(1), "sum"), "same dtype"),
    (lambda t, F, n: t.index_fill(n.d(3), 0, t.tensor([0]), 1j), "index_fill: a complex value"),
    (lambda t, F, n: t.addmv(t.ones(2), n.d(2, 3), n.d(3)), "same dtype"),
    (lambda t, F, n: t.addr(n.i(2, 2), n.i(2), n.i(2), beta=0.5), "addr: beta"),
    (lambda t, F, n: t.addr(n.i(2, 2), n.i(2), n.i(2), alpha=True), "addr: alpha"),
    (lambda t, F, n: t.tril_indices(2, 2, dtype=t.float32), "tril_indices: expected dtype"),
    (lambda t, F, n: t.triu_indices(-2, 2), "triu_indices: row and col"),
    (lambda t, F, n: t.fft.fftfreq(4, device="cuda"), "cuda"),
]


@pytest.mark.parametrize("call,message", REFUSED)
def test_what_both_refuse(call: Call, message: str) -> None:
    with pytest.raises((RuntimeError, TypeError, ValueError), match=message):
        call(lucid, lucid_functional, Draw(lucid))
    with pytest.raises((RuntimeError, TypeError, AssertionError)):
        call(torch, torch.nn.functional, Draw(torch))
