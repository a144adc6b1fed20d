"""PyTorch's second names of linear algebra, and of what else computes with numbers."""

from __future__ import annotations

import re

import numpy as np
import pytest
from second_names import X, same, tensor

import lucid

# linear algebra


def test_factors() -> None:
    a = X.T @ X + np.eye(4)
    t = lucid.tensor(a)
    same(lucid.cholesky(t), np.linalg.cholesky(a))
    same(lucid.cholesky(t, upper=True), np.linalg.cholesky(a).T)
    q, r = lucid.qr(tensor())
    same(q @ r, X)
    assert lucid.qr(lucid.tensor(X.T), some=False).Q.shape == (4, 4) and t.qr().R.shape == (4, 4)
    u, s, v = lucid.svd(tensor())
    same(u @ s.diag() @ v.mT, X)
    assert u.shape == (3, 3) and v.shape == (4, 3) and tensor().svd(some=False).V.shape == (4, 4)
    nothing = lucid.svd(tensor(), compute_uv=False)
    same(nothing.S, np.linalg.svd(X)[1])
    assert not nothing.U.any() and not nothing.V.any()
    low = lucid.svd_lowrank(tensor(), 2)
    same(low.S, np.linalg.svd(X)[1][:2])
    components = lucid.pca_lowrank(tensor(), 2)
    same(components.S, np.linalg.svd(X - X.mean(0))[1][:2])
    with pytest.raises(ValueError, match=re.escape("svd_lowrank: q(=5) must lie between 0 and the sizes of (3, 4)")):
        lucid.svd_lowrank(tensor(), 5)
    compact, pivots, infos = lucid.lu(t, get_infos=True)
    assert infos.tolist() == 0 and infos.dtype is lucid.int32
    p, lower, upper = lucid.lu_unpack(compact, pivots)
    same(p @ lower @ upper, a)
    assert lucid.lu_unpack(compact, pivots, unpack_data=False).L.shape == (0,)
    same(lucid.lu_solve(lucid.tensor(X.T), compact, pivots), np.linalg.solve(a, X.T), 1e-10)
    batch = lucid.randn(2, 5, 3, dtype=lucid.float64)
    p, lower, upper = lucid.lu_unpack(*lucid.linalg.lu_factor(batch))
    same(p @ lower @ upper, batch.numpy())
    solution, copy = lucid.triangular_solve(lucid.tensor(X.T), t, upper=False, transpose=True)
    same(solution, np.linalg.solve(np.tril(a).T, X.T), 1e-10)
    assert lucid.equal(copy, t)
    compact, pivots, info = lucid.linalg.lu_factor_ex(
        lucid.tensor([[[0.0, 1.0], [0.0, 2.0]], [[1.0, 0.0], [0.0, 1.0]]])
    )
    assert info.tolist() == [1, 0]
    with pytest.raises(lucid.linalg.LinAlgError, match=r"lu_factor_ex: U\[1,1\] is zero"):
        lucid.linalg.lu_factor_ex(lucid.zeros(2, 2), check_errors=True)


@pytest.mark.parametrize("shape", [(3, 4), (4, 3), (2, 5, 5), (1, 1)])
def test_householder_matrices(shape: tuple[int, ...]) -> None:
    lucid.manual_seed(0)
    a = lucid.randn(*shape, dtype=lucid.float64)
    compact, tau = lucid.geqrf(a)
    m, n = shape[-2:]
    k = min(m, n)
    q = lucid.orgqr(compact[..., :k], tau)
    same(q @ compact[..., :k, :].triu(), a.numpy(), 1e-10)
    b = lucid.randn(*shape[:-2], m, 2, dtype=lucid.float64)
    full = lucid.ormqr(compact[..., :k], tau, lucid.eye(m, dtype=lucid.float64).expand(*shape[:-2], m, m))
    same(full.mT @ full, np.broadcast_to(np.eye(m), full.shape), 1e-10)
    same(full[..., :k], q.numpy(), 1e-10)
    same(compact[..., :k].ormqr(tau, b, transpose=True), (full.mT @ b).numpy(), 1e-10)
    same(lucid.ormqr(compact[..., :k], tau, b.mT, left=False), (b.mT @ full).numpy(), 1e-10)
    x = compact[..., :k].clone().requires_grad_()
    assert lucid.autograd.gradcheck(lucid.linalg.householder_product, (x, tau.requires_grad_()))
    with pytest.raises(RuntimeError, match="householder_product: expected"):
        lucid.linalg.householder_product(lucid.ones(2, 3), lucid.ones(2))


def test_symmetric_factors() -> None:
    rng = np.random.default_rng(0)
    for n in (1, 2, 3, 6, 11):
        a = rng.standard_normal((4, n, n)) * (0.2 + rng.random((4, 1, 1)))
        a = a + a.swapaxes(1, 2) + np.eye(n) * 1e-3
        a[0] -= np.diag(np.diag(a[0])) * (n > 1 and n % 2 == 0)
        compact, pivots = lucid.linalg.ldl_factor(lucid.tensor(a))
        b = rng.standard_normal((4, n, 2))
        x = lucid.linalg.ldl_solve(compact, pivots, lucid.tensor(b))
        np.testing.assert_allclose(a @ x.numpy(), b, 1e-7, 1e-7)
    info = lucid.linalg.ldl_factor_ex(lucid.zeros(2, 2)).info
    assert info.item() == 1 and info.dtype is lucid.int32
    with pytest.raises(lucid.linalg.LinAlgError, match="ldl_factor: the factorization could not be completed"):
        lucid.linalg.ldl_factor(lucid.zeros(2, 2))
    with pytest.raises(RuntimeError, match="ldl_solve: LD .* do not match"):
        lucid.linalg.ldl_solve(compact, pivots, lucid.ones(2, 2))


def test_products_and_norms() -> None:
    a, b, c = lucid.randn(2, 3), lucid.randn(3, 4), lucid.randn(4, 2)
    same(lucid.chain_matmul(a, b, c), (a @ b @ c).numpy(), 1e-5)
    assert lucid.chain_matmul(a) is a
    same(lucid.frobenius_norm(tensor()), np.linalg.norm(X))
    same(lucid.frobenius_norm(tensor(), 1, True), np.linalg.norm(X, axis=1, keepdims=True))
    same(lucid.nuclear_norm(tensor()), np.linalg.norm(X, "nuc"))
    same(lucid.renorm(tensor(), 3, 1, 0.5), X * np.minimum(1, 0.5 / ((np.abs(X) ** 3).sum(0) ** (1 / 3) + 1e-7)))
    same(tensor().renorm_(1, 0, 100.0), X)
    with pytest.raises(RuntimeError, match="renorm: expected p > 0 and maxnorm >= 0, got 0 and 1"):
        lucid.renorm(tensor(), 0, 0, 1)


def test_gradient() -> None:
    at = np.array([0.0, 1, 1.5, 4])
    for order in (1, 2):
        for y, e in zip(lucid.gradient(tensor(), edge_order=order), np.gradient(X, edge_order=order)):
            same(y, e)
        for y, e in zip(
            lucid.gradient(tensor(), spacing=(2.0, lucid.tensor(at)), edge_order=order),
            np.gradient(X, 2.0, at, edge_order=order),
        ):
            same(y, e, 1e-10)
    (y,) = lucid.gradient(tensor(), spacing=0.5, dim=1)
    same(y, np.gradient(X, 0.5, axis=1))
    assert lucid.autograd.gradcheck(lambda x: lucid.gradient(x, edge_order=2), (tensor(requires_grad=True),))
    for call, message in (
        (lambda: lucid.gradient(tensor(), edge_order=3), "edge_order must be 1 or 2, got 3"),
        (lambda: lucid.gradient(lucid.ones(1)), "expected at least 2 elements along dimension 0, got 1"),
        (lambda: lucid.gradient(tensor(), spacing=(1, 2, 3)), "expected spacing for 2 dimensions, got 3"),
    ):
        with pytest.raises(RuntimeError, match=f"gradient: {message}"):
            call()


def test_frexp() -> None:
    values = np.array([0.0, -0.0, 3.5, -1e-310, 5e-324, 1e308, np.inf, np.nan, 1.0])
    mantissa, exponent = lucid.frexp(lucid.tensor(values))
    m, e = np.frexp(values)
    np.testing.assert_array_equal(mantissa.numpy(), m)
    np.testing.assert_array_equal(exponent.numpy()[np.isfinite(values)], e[np.isfinite(values)])
    assert exponent.dtype is lucid.int32
    x = lucid.tensor([8.0, 0.3], requires_grad=True)
    x.frexp().mantissa.sum().backward()
    assert x.grad is not None and x.grad.tolist() == [1 / 16, 2.0]
    with pytest.raises(RuntimeError, match="frexp: only supports floating-point dtypes, got lucid.int64"):
        lucid.frexp(lucid.tensor([1]))


def test_histogram2d() -> None:
    a, b = np.random.default_rng(0).random((2, 50))
    for options in ({}, {"bins": (3, 5)}, {"bins": 4, "range": ((0, 1), (0.2, 0.7))}, {"density": True}):
        found = lucid.histogram2d(lucid.tensor(a), lucid.tensor(b), **options)
        for y, e in zip(found, np.histogram2d(a, b, **options)):
            same(y, e, 1e-10)
    with pytest.raises(
        RuntimeError, match=re.escape("histogram2d: expected two vectors of one length, got (2,) and (3,)")
    ):
        lucid.histogram2d(lucid.ones(2), lucid.ones(3))


def test_control_flow() -> None:
    x = lucid.ones(2)
    assert lucid.cond(x.sum() > 1, lambda t: t + 1, lambda t: t - 1, (x,)).tolist() == [2, 2]
    assert lucid.while_loop(lambda i, t: i < 3, lambda i, t: (i + 1, t * 2), (0, x))[1].tolist() == [8, 8]
    for call in (lambda: lucid.cond(1, None, None), lambda: lucid.while_loop(1, 2, ())):  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="two functions"):
            call()
    y = lucid.vmap(lambda a, b: a @ b)(lucid.ones(3, 2), lucid.ones(3, 2))
    assert y.tolist() == [2, 2, 2]


def test_lobpcg() -> None:
    a, b = X @ X.T, np.eye(3) + 0.1 * np.ones((3, 3))
    values, vectors = lucid.lobpcg(lucid.tensor(a), 2, lucid.tensor(b))
    same(lucid.tensor(a) @ vectors, (lucid.tensor(b) @ vectors * values).numpy(), 1e-9)
    same(vectors.mT @ lucid.tensor(b) @ vectors, np.eye(2), 1e-9)
    same(lucid.lobpcg(lucid.tensor(a), 3, largest=False)[0], np.linalg.eigvalsh(a), 1e-9)
    same(lucid.lobpcg(lucid.tensor(a), X=lucid.ones(3, 1))[0], np.linalg.eigvalsh(a)[-1:], 1e-9)
    with pytest.raises(RuntimeError, match="lobpcg: expected square matrices and 1 <= k <= their size, got k=4"):
        lucid.lobpcg(lucid.tensor(a), 4)


@pytest.mark.parity
def test_lobpcg_as_in_pytorch() -> None:
    torch = pytest.importorskip("torch")
    a = np.diag(np.arange(1.0, 13.0)) + 0.1
    for largest in (True, False):
        expected = torch.lobpcg(torch.tensor(a), 2, largest=largest, niter=-1)
        values, vectors = lucid.lobpcg(lucid.tensor(a), 2, largest=largest)
        same(values, expected[0].numpy(), 1e-6)
        np.testing.assert_allclose(abs(vectors.numpy()), abs(expected[1].numpy()), 1e-3, 1e-4)


def test_native_dropout_gives_what_it_kept() -> None:
    x = lucid.ones(1000, requires_grad=True)
    y, kept = lucid.native_dropout(x, 0.25, True)
    assert kept.dtype is lucid.bool and 0.6 < kept.float().mean().item() < 0.9
    same(y, np.where(kept.numpy(), 1 / 0.75, 0), 1e-6)
    y.sum().backward()
    same(x.grad, y.numpy(force=True), 1e-6)
    y, kept = lucid.native_dropout(x, 0.25, False)
    assert kept.all() and lucid.equal(x, y)
    assert not lucid.native_dropout(x, 1.0, True)[0].any()
    with pytest.raises(ValueError, match="native_dropout: p must be between 0 and 1, got 2"):
        lucid.native_dropout(x, 2.0, True)
