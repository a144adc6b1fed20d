"""PyTorch's second names and small functions: what they give, against NumPy and the functions they stand for."""

from __future__ import annotations

import array
import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lucid
import lucid.nn.functional as F
from lucid import Tensor
from lucid._surface import ALIASES, LATER, refused

X = np.random.default_rng(0).standard_normal((3, 4))


def same(y: Any, expected: Any, tolerance: float = 1e-12) -> None:
    np.testing.assert_allclose(y.numpy(force=True), expected, tolerance, 1e-14, strict=False)
    assert y.shape == np.shape(expected)


def tensor(**options: Any) -> Tensor:
    return lucid.tensor(X, **options)


# functions that overwrite


INPLACE = LATER["lucid._surface.inplace"].split()
ARGUMENTS: dict[str, tuple[Any, ...]] = {
    "addmv_": (np.ones((3, 4)), np.ones(4)), "as_strided_": ((2, 2), (1, 2)), "clamp_": (-0.5, 0.5), "clamp_max_": (0.2,), "clamp_min_": (0.2,), "clip_": (-0.5, 0.5), "fill_": (2.0,),
    "gcd_": (np.array([4]),), "lcm_": (np.array([4]),), "index_put_": ((np.array([0, 2]),), np.array(5.0)), "ldexp_": (np.array(2.0),), "resize_as_": (np.ones((2, 3)),), "xlogy_": (np.array(2.0),),
}  # fmt: skip


def given(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return lucid.tensor(value)
    return tuple(given(v) for v in value) if isinstance(value, tuple) else value


@pytest.mark.parametrize("name", INPLACE)
def test_functions_that_overwrite(name: str) -> None:
    start = (
        X[:, 0]
        if name == "addmv_"
        else np.arange(12).reshape(3, 4)
        if name in ("gcd_", "lcm_")
        else np.abs(X) % 1 * 0.9 + 0.05
    )
    start = start + 1 if name == "acosh_" or name == "arccosh_" else start
    args = [given(a) for a in ARGUMENTS.get(name, ())]
    x, y = lucid.tensor(start), lucid.tensor(start)
    function = getattr(lucid, name)
    assert function.__name__ == name and function(x, *args) is x
    np.testing.assert_array_equal(x.numpy(), getattr(y, name)(*args).numpy())
    if name not in ("as_strided_", "resize_as_", "detach_", "fill_", "zero_", "index_put_", "addmv_"):
        np.testing.assert_array_equal(x.numpy(), getattr(lucid, name[:-1])(lucid.tensor(start), *args).numpy())
    with pytest.raises(TypeError, match=f"{name}: "):
        function([1.0], *args)


@pytest.mark.parametrize("name", [n.partition("=")[0] for n in ALIASES.split()])
def test_functions_of_nn_at_the_top_level(name: str) -> None:
    top = {"affine_grid": "affine_grid_generator"}.get(name, name)
    assert getattr(lucid, top) is getattr(F, name)


@pytest.mark.parametrize("name", sorted({n for n, _ in [(k, 0) for k in refused.refusals]}))
def test_what_is_refused(name: str) -> None:
    function = getattr(lucid, name, None) or getattr(lucid.ones(2), name)
    with pytest.raises(NotImplementedError, match=f"^{name}: lucid (has no (sparse|quantised) tensors|runs on CPUs)"):
        function()


# layers


def test_layers_with_their_own_order_of_arguments() -> None:
    x, w, b, m, v = lucid.randn(4, 6, 5), lucid.rand(6), lucid.rand(6), lucid.rand(6), lucid.rand(6)
    same(
        lucid.batch_norm(x, w, b, m, v, False, 0.1, 1e-5, False), F.batch_norm(x, m, v, w, b, False, 0.1, 1e-5).numpy()
    )
    same(lucid.instance_norm(x, w, b, None, None, True, 0.1, 1e-5, False), F.instance_norm(x, None, None, w, b).numpy())
    same(lucid.layer_norm(x, (6, 5)), F.layer_norm(x, (6, 5)).numpy())
    same(lucid.group_norm(x, 3, w, b), F.group_norm(x, 3, w, b).numpy())
    same(lucid.rms_norm(x, (5,)), F.rms_norm(x, (5,)).numpy())
    table, ids = lucid.rand(7, 3, requires_grad=True), lucid.tensor([[1, 2], [2, 0]])
    same(lucid.embedding(table, ids, 2), table.detach().numpy()[ids.numpy()])
    lucid.embedding(table, ids, 2).sum().backward()
    assert table.grad is not None and table.grad[:, 0].tolist() == [1, 1, 0, 0, 0, 0, 0]
    for spatial in (1, 2, 3):
        x, k = lucid.randn(2, 4, *(6,) * spatial), lucid.randn(4, 2, *(3,) * spatial)
        same(
            lucid.convolution(x, k, None, 2, 1, 1, False, 0, 2),
            getattr(F, f"conv{spatial}d")(x, k, None, 2, 1, 1, 2).numpy(),
        )
        same(
            lucid.convolution(x, k, None, 2, 1, 1, True, 1, 2),
            getattr(F, f"conv_transpose{spatial}d")(x, k, None, 2, 1, 1, 2).numpy(),
        )
    with pytest.raises(RuntimeError, match="convolution: expected a weight of 3 to 5 dimensions"):
        lucid.convolution(x, lucid.ones(2), None, 1, 0, 1, False, 0, 1)
    same(lucid.constant_pad_nd(tensor(), (1, 0, 0, 2), 3.0), np.pad(X, ((0, 2), (1, 0)), constant_values=3.0))
    same(lucid.norm_except_dim(tensor(), 2, 1), np.linalg.norm(X, axis=0, keepdims=True))
    same(lucid.norm_except_dim(tensor(), 3, -1), (np.abs(X) ** 3).sum() ** (1 / 3))


def test_dropouts() -> None:
    x = lucid.ones(50, 40, 3)
    for name in ("dropout", "feature_dropout", "alpha_dropout", "feature_alpha_dropout"):
        function = getattr(lucid, name)
        assert lucid.equal(function(x, 0.5, False), x)
        y = function(x, 0.5, True)
        assert 0.4 < (y == y.min()).float().mean().item() < 0.6, name
        if name.startswith("feature"):
            assert bool((y == y[..., :1]).all()), "whole channels"
    with pytest.raises(
        RuntimeError, match=re.escape("feature_dropout: requires at least 2 dimensions, got shape (2,)")
    ):
        lucid.feature_dropout(lucid.ones(2), 0.5, True)


def test_pad_refuses() -> None:
    for width, message in (
        ((1, 2, 3), "expected pad_width to give a pair for each of 2 dimensions, got (1, 2, 3)"),
        (-1, "must not be negative, got -1"),
        ("a", "expected pad_width"),
    ):
        with pytest.raises(ValueError, match=re.escape(f"pad: {'pad_width ' if 'must' in message else ''}{message}")):
            lucid.pad(lucid.ones(2, 3), width)


# copies and creation


def test_copies() -> None:
    x, a = tensor(), X
    cases: list[tuple[str, tuple[Any, ...], Any]] = [
        ("alias", (), a), ("as_strided", ((2, 2), (1, 4)), np.array([[a[0, 0], a[1, 0]], [a[0, 1], a[1, 1]]])), ("detach", (), a), ("diagonal", (1,), np.diagonal(a, 1)), ("expand", ((2, 3, 4),), np.stack([a, a])),
        ("narrow", (1, 1, 2), a[:, 1:3]), ("permute", ((1, 0),), a.T), ("select", (0, 2), a[2]), ("slice", (1, 0, 4, 2), a[:, ::2]), ("squeeze", (), a), ("t", (), a.T), ("transpose", (0, 1), a.T),
        ("unfold", (1, 3, 1), np.lib.stride_tricks.sliding_window_view(a, 3, 1)), ("unsqueeze", (1,), a[:, None]), ("view", ((4, 3),), a.reshape(4, 3)),
    ]  # fmt: skip
    for name, args, expected in cases:
        y = getattr(lucid, name + "_copy")(x, *args)
        same(y, expected)
        assert not np.shares_memory(y.numpy(), x.numpy()), name
    for name, args, parts in (
        ("split", (2,), [a[:2], a[2:]]),
        ("split_with_sizes", ([1, 2],), [a[:1], a[1:]]),
        ("unbind", (), list(a)),
    ):
        found = getattr(lucid, name + "_copy")(x, *args)
        assert isinstance(found, tuple) and len(found) == len(parts)
        for y, e in zip(found, parts):
            same(y, e)
            assert not np.shares_memory(y.numpy(), x.numpy()), name
    for name in ("unsafe_split", "unsafe_split_with_sizes", "unsafe_chunk"):
        for y, e in zip(getattr(lucid, name)(x, 2), (a[:2], a[2:])):
            same(y, e)


def test_asarray() -> None:
    a = np.zeros(3, np.float32)
    assert lucid.asarray(a).data_ptr() == a.__array_interface__["data"][0]
    assert lucid.asarray(a, copy=True).data_ptr() != a.__array_interface__["data"][0]
    assert lucid.asarray(a, dtype=lucid.float64).dtype is lucid.float64
    x = lucid.ones(2)
    assert (
        lucid.asarray(x) is x
        and lucid.asarray(x, copy=True) is not x
        and lucid.asarray(x, requires_grad=True).requires_grad
    )
    assert lucid.asarray([1, 2]).dtype is lucid.int64 and lucid.asarray(3.0).shape == ()
    assert lucid.asarray(array.array("d", [1, 2])).tolist() == [1, 2] and lucid.asarray(range(3)).tolist() == [0, 1, 2]
    for wrong in ([1, 2], lucid.ones(2)):
        with pytest.raises(ValueError, match="asarray: .* without a copy"):
            lucid.asarray(wrong, dtype=lucid.float64, copy=False)


def test_frombuffer_and_from_file(tmp_path: Path) -> None:
    buffer = bytearray(np.arange(4, dtype=np.int16).tobytes())
    x = lucid.frombuffer(buffer, dtype=lucid.int16, count=2, offset=2)
    assert x.tolist() == [1, 2]
    x[0] = 7
    assert np.frombuffer(buffer, np.int16)[1] == 7
    assert lucid.frombuffer(b"abc", dtype=lucid.uint8).tolist() == [97, 98, 99]
    for options, message in (
        ({"dtype": lucid.int32, "count": 3}, "8 bytes.* do not hold 3 elements of 4 bytes"),
        ({"dtype": lucid.int64, "offset": 1}, "7 bytes.* do not hold -1 elements of 8 bytes"),
        ({"dtype": lucid.uint8, "offset": 8}, "offset 8 or count -1 does not fit a buffer of 8 bytes"),
    ):
        with pytest.raises(ValueError, match=f"frombuffer: {message}"):
            lucid.frombuffer(buffer, **options)
    path = tmp_path / "numbers"
    y = lucid.from_file(str(path), shared=True, size=3)
    y.fill_(2.5)
    del y
    assert lucid.from_file(str(path), size=2).tolist() == [2.5, 2.5]
    with pytest.raises(RuntimeError, match="holds 3 elements, fewer than 4"):
        lucid.from_file(str(path), size=4)


def test_windows_and_ranges() -> None:
    for n in (0, 1, 2, 5, 8):
        for name, made in (
            ("hann", np.hanning),
            ("hamming", np.hamming),
            ("blackman", np.blackman),
            ("bartlett", np.bartlett),
            ("kaiser", lambda n: np.kaiser(n, 12.0)),
        ):
            function = getattr(lucid, f"{name}_window")
            same(function(n, False, dtype=lucid.float64), made(n), 1e-7)
            if n > 1:
                same(function(n, dtype=lucid.float64), made(n + 1)[:-1], 1e-7)
    same(
        lucid.hamming_window(4, False, 0.6, 0.4, dtype=lucid.float64), 0.6 - 0.4 * np.cos(2 * np.pi * np.arange(4) / 3)
    )
    same(lucid.kaiser_window(5, False, beta=3.0, dtype=lucid.float64), np.kaiser(5, 3.0), 1e-7)
    with pytest.raises(RuntimeError, match="hann_window|hamming_window: window_length must not be negative, got -1"):
        lucid.hann_window(-1)
    with pytest.raises(RuntimeError, match="bartlett_window: expects floating point dtypes, got lucid.int64"):
        lucid.bartlett_window(3, dtype=lucid.int64)
    with pytest.warns(UserWarning, match="range is deprecated"):
        assert lucid.range(1, 4, 0.5).tolist() == [1, 1.5, 2, 2.5, 3, 3.5, 4]
    with pytest.raises(RuntimeError, match="range: step -1 does not lead from 0 to 2"):
        lucid.range(0, 2, -1)
    assert lucid.scalar_tensor(3).dtype is lucid.float32 and lucid.scalar_tensor(3, dtype=lucid.int32).item() == 3


def test_layouts() -> None:
    x = lucid.empty_strided((2, 3), (1, 4), dtype=lucid.int32)
    assert x.shape == (2, 3) and x.stride() == (1, 4) and x.dtype is lucid.int32 and x.dim_order() == (1, 0)
    y = lucid.empty_permuted((2, 3, 4), (1, 0, 2))
    assert y.stride() == (4, 8, 1) and y.dim_order() == (1, 0, 2) and y.new_empty_strided((2,), (3,)).stride() == (3,)
    with pytest.raises(
        RuntimeError, match=re.escape("empty_permuted: physical_layout (0, 0) does not permute 2 dimensions")
    ):
        lucid.empty_permuted((2, 3), (0, 0))
    with pytest.raises(RuntimeError, match="empty_strided: expected as many non-negative strides as sizes"):
        lucid.empty_strided((2, 3), (1,))
    z = lucid.tensor([1.0, 2.0], requires_grad=True)
    w = lucid.fill(z, 3)
    assert w.tolist() == [3, 3] and z.tolist() == [1, 2]
    with pytest.raises(RuntimeError, match=re.escape("fill: only supports 0-dimension value tensor, got shape (2,)")):
        lucid.fill(z, lucid.ones(2))
    assert lucid.nonzero_static(lucid.tensor([0, 1, 2]), size=3).tolist() == [[1], [2], [-1]]
    assert lucid.tensor([[1, 0], [0, 1]]).nonzero_static(size=1, fill_value=9).tolist() == [[0, 0]]


def test_draws_of_counts() -> None:
    lucid.manual_seed(3)
    rate = lucid.full((20_000,), 3.5)
    x = lucid.poisson(rate)
    assert x.dtype is lucid.float32 and abs(x.mean().item() - 3.5) < 0.06 and abs(x.var().item() - 3.5) < 0.2
    y = lucid.binomial(lucid.full((20_000,), 10.0), lucid.full((20_000,), 0.3))
    assert abs(y.mean().item() - 3) < 0.06 and abs(y.var().item() - 2.1) < 0.1
    lucid.manual_seed(3)
    assert lucid.equal(x, lucid.poisson(rate)) and not lucid.equal(x, lucid.poisson(rate))
    for call, message in (
        (lambda: lucid.poisson(-rate), "poisson: expected rates that are not negative"),
        (lambda: lucid.binomial(rate, rate), r"binomial: .* probabilities in \[0, 1\]"),
        (lambda: lucid.poisson(rate.long()), "poisson: "),
    ):
        with pytest.raises(RuntimeError, match=message):
            call()


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


# switches


def test_switches() -> None:
    assert (
        str(lucid.get_default_device()) == "cpu"
        and lucid.get_num_interop_threads() == 1
        and lucid.get_float32_matmul_precision() == "highest"
    )
    lucid.set_default_device("cpu")
    lucid.set_default_device(None)
    lucid.set_num_interop_threads(4)
    lucid.init_num_threads()
    lucid.set_float32_matmul_precision("high")
    lucid.set_deterministic_debug_mode("warn")
    assert lucid.get_deterministic_debug_mode() == 0 and lucid.compiled_with_cxx11_abi()
    for answer in (
        lucid.is_vulkan_available(),
        lucid.cudnn_is_acceptable(None),
        lucid.is_deterministic_algorithms_warn_only_enabled(),
    ):
        assert answer is False
    with warnings.catch_warnings():
        lucid.set_warn_always(True)
        assert lucid.is_warn_always_enabled()
        lucid.set_warn_always(False)
    lucid.set_default_tensor_type("torch.DoubleTensor")
    assert lucid.get_default_dtype() is lucid.float64
    lucid.set_default_tensor_type(lucid.float32)
    for call, message in (
        (lambda: lucid.set_default_device("cuda"), "cuda"),
        (lambda: lucid.set_num_interop_threads(0), "set_num_interop_threads: expects a positive integer, got 0"),
        (lambda: lucid.set_float32_matmul_precision("low"), "set_float32_matmul_precision: precision must be one of"),
        (
            lambda: lucid.set_deterministic_debug_mode(7),
            "set_deterministic_debug_mode: expected 0, 1, 2 or their names, got 7",
        ),
    ):
        with pytest.raises(RuntimeError, match=message):
            call()
    with pytest.raises(
        TypeError,
        match="set_default_tensor_type: expected a floating-point tensor type of the CPU, got 'torch.cuda.FloatTensor'",
    ):
        lucid.set_default_tensor_type("torch.cuda.FloatTensor")


def test_questions() -> None:
    x = lucid.ones(2, 3)
    for name, answer in (
        ("is_conj", False),
        ("is_neg", False),
        ("is_distributed", False),
        ("is_inference", False),
        ("is_signed", True),
        ("is_complex", False),
        ("get_device", -1),
    ):
        assert getattr(lucid, name)(x) is answer or getattr(lucid, name)(x) == answer
        assert getattr(x, name)() == answer
    assert not lucid.is_signed(x.byte()) and not lucid.is_signed(x.bool()) and lucid.is_signed(x.int())
    assert lucid.is_same_size(x, lucid.zeros(2, 3)) and not x.is_same_size(lucid.zeros(3, 2))
    assert lucid.is_nonzero(lucid.tensor([2.0])) and not lucid.tensor(0).is_nonzero()
    with pytest.raises(RuntimeError, match="is_nonzero: Boolean value of Tensor with 6 values is ambiguous"):
        lucid.is_nonzero(x)
    assert (
        lucid.typename(x) == "lucid.float32"
        and lucid.typename([]) == "list"
        and lucid.typename(lucid.nn.Linear(1, 1)) == "lucid.nn.modules.linear.Linear"
    )
    for a, b, answer in (
        (lucid.int64, lucid.float32, True),
        (lucid.float32, lucid.int64, False),
        (lucid.int32, lucid.uint8, True),
        (lucid.uint8, lucid.bool, False),
        (lucid.bool, lucid.uint8, True),
        (lucid.float64, lucid.float32, True),
    ):
        assert lucid.can_cast(a, b) is answer
    assert x.is_cpu and not (
        x.is_sparse or x.is_quantized or x.is_meta or x.is_nested or x.is_mkldnn or x.is_mps or x.is_xpu
    )
    assert (
        x.layout == "strided"
        and x.name is None
        and x.output_nr == 0
        and x.ndimension() == 2
        and x.const_data_ptr() == x.data_ptr()
    )
    assert (
        not x.is_pinned() and not x.is_shared() and x.pin_memory() is x and x.share_memory_() is x and x.to_dense() is x
    )
    assert (
        x.short().dtype is lucid.int16
        and x.char().dtype is lucid.int8
        and x.to_dense(lucid.float64).dtype is lucid.float64
    )


# methods


def test_shapes_changed_in_place() -> None:
    x = tensor()
    pointer = x.data_ptr()
    assert (
        x.transpose_(0, 1) is x and x.shape == (4, 3) and x.t_().shape == (3, 4) and x.unsqueeze_(1).shape == (3, 1, 4)
    )
    assert (
        x.swapaxes_(0, 1).shape == (1, 3, 4) and x.swapdims_(0, 2).shape == (4, 3, 1) and x.squeeze_().shape == (4, 3)
    )
    assert (
        x.data_ptr() == pointer
        and lucid.equal(x, tensor().t())
        and x.as_strided_((2,), (5,)).tolist() == [X[0, 0], X[1, 1]]
    )
    leaf = tensor(requires_grad=True)
    with pytest.raises(RuntimeError, match="transpose_: a leaf Variable that requires grad"):
        leaf.transpose_(0, 1)
    with lucid.no_grad():
        leaf.t_()
    assert leaf.is_leaf and leaf.requires_grad and leaf.shape == (4, 3)
    y = leaf * lucid.arange(12.0, dtype=lucid.float64).reshape(4, 3)
    y.t_().unsqueeze_(0)
    (y * lucid.arange(4.0, dtype=lucid.float64)).sum().backward()
    assert leaf.grad is not None
    np.testing.assert_array_equal(leaf.grad.numpy(), np.arange(12.0).reshape(4, 3) * np.arange(4.0)[:, None])
    base = tensor()
    row = base[1]
    row.unsqueeze_(0).mul_(2)
    np.testing.assert_array_equal(base.numpy()[1], 2 * X[1])


def test_resizing_and_sharing() -> None:
    x = lucid.arange(6)
    assert (
        x.resize_(2, 2).tolist() == [[0, 1], [2, 3]]
        and x.resize_((8,)).shape == (8,)
        and x[:4].tolist() == [0, 1, 2, 3]
    )
    assert x.resize_as_(lucid.ones(2, 1)).shape == (2, 1)
    with pytest.raises(RuntimeError, match="resize_: cannot resize variables that require grad"):
        lucid.ones(2, requires_grad=True).resize_(3)
    y, z = lucid.zeros(2), lucid.arange(6.0)
    assert y.set_(z) is y and y.is_set_to(z) and y.shape == (6,) and not y.is_set_to(z[1:])
    assert y.set_(z, 1, (2, 2), (2, 1)).tolist() == [[1, 2], [3, 4]] and y.set_(z, 0, (2, 3)).tolist() == [
        [0, 1, 2],
        [3, 4, 5],
    ]
    assert y.set_().numel() == 0
    with pytest.raises(RuntimeError, match="set_: expected a source of lucid.float32, got lucid.int64"):
        y.set_(lucid.arange(3))
    assert (
        z.storage() == z[2:].storage()
        and z.untyped_storage().nbytes() == 24
        and len(z.storage()) == 6
        and z[1:].storage()[0] == 0
    )
    assert z.storage().data_ptr() == z.data_ptr() and lucid.is_storage(z.storage()) and not lucid.is_storage(z)
    assert z.storage().untyped().size() == 24 and z.storage().element_size() == 4 and not z.storage().is_shared()
    assert (
        lucid.tensor([1, 2], dtype=lucid.uint8).untyped_storage().tolist() == [1, 2]
        and len({z.storage(), z[1:].storage()}) == 1
    )


def test_calls_for_every_element() -> None:
    x = lucid.arange(4.0).reshape(2, 2)
    assert x.apply_(lambda v: v * 10).tolist() == [[0, 10], [20, 30]]
    assert x.map_(lucid.tensor([1.0, 2.0]), lambda a, b: a + b).tolist() == [[1, 12], [21, 32]]
    assert x.map2_(lucid.ones(2, 2), lucid.tensor(3.0), lambda a, b, c: a * b - c).tolist() == [[-2, 9], [18, 29]]
    with pytest.raises(RuntimeError, match="apply_: can't be called on variables that require grad"):
        lucid.ones(2, requires_grad=True).apply_(abs)


def test_further_methods() -> None:
    x = lucid.tensor([[1.0, -2.0], [3.0, 4.0]])
    assert x.where(x > 0, 0.0).tolist() == [[1, 0], [3, 4]]
    assert (
        lucid.full((1000,), 0.3).bernoulli().mean().item() < 0.5
        and lucid.zeros(1000).bernoulli(1.0).sum().item() == 1000
    )
    assert lucid.tensor([0.0, 1.0]).multinomial(1).tolist() == [1]
    assert (
        x.new(2, 3).shape == (2, 3)
        and x.new([1, 2]).tolist() == [1, 2]
        and x.new().numel() == 0
        and x.new(x.shape).shape == (2, 2)
        and x.new(x).tolist() == x.tolist()
    )
    assert (
        x.narrow_copy(0, 1, 1).tolist() == [[3, 4]]
        and x.prelu(lucid.tensor(0.5)).tolist() == [[1, -1], [3, 4]]
        and x.hardshrink(2.5).tolist() == [[0, 0], [3, 4]]
    )
    assert x.as_strided_scatter(lucid.zeros(2), (2,), (3,)).tolist() == [[0, -2], [3, 0]] and x.split_with_sizes(
        [1, 1]
    )[0].tolist() == [[1, -2]]
    assert x.ger is x.outer or x[0].ger(x[1]).tolist() == [[3, 4], [-6, -8]]
    y = x.clone()
    for name, other in (("greater_", 0), ("less_", 1), ("not_equal_", 0), ("greater_equal_", 1), ("less_equal_", 1)):
        expected = getattr(y.clone(), name.rstrip("_"))(other).float()
        assert lucid.equal(getattr(y, name)(other), expected), name
    assert lucid.tensor([-4.0]).sgn_().tolist() == [-1]
    same(lucid.tensor([2.0], dtype=lucid.float64).igamma_(lucid.tensor([1.0], dtype=lucid.float64)), [1 - 2 / np.e])
    same(lucid.tensor([2.0], dtype=lucid.float64).igammac_(lucid.tensor([1.0], dtype=lucid.float64)), [2 / np.e])

    class Named(Tensor):
        pass

    z = lucid.ones(2, requires_grad=True)
    named = (z * 2).as_subclass(Named)
    named.sum().backward()
    assert type(named) is Named and z.grad is not None and z.grad.tolist() == [2, 2]
    with pytest.raises(TypeError, match="as_subclass: expected a subclass of Tensor"):
        x.as_subclass(int)
    assert lucid.zeros(2).module_load(lucid.ones(2)).tolist() == [1, 1] and x.module_load(y, assign=True).is_set_to(y)
    with pytest.raises(RuntimeError, match="reinforce: was removed"):
        x.reinforce(1)
    w = z * 3
    assert not w.retains_grad and not z.retains_grad
    w.retain_grad()
    assert w.retains_grad


def test_hooks_after_accumulation() -> None:
    x = lucid.ones(2, requires_grad=True)
    seen: list[Any] = []

    def forget(t: Tensor) -> None:
        assert t.grad is not None
        seen.append(t.grad.tolist())
        t.grad = None

    handle = x.register_post_accumulate_grad_hook(forget)
    (x * 3).sum().backward()
    assert seen == [[3, 3]] and x.grad is None
    lucid.autograd.grad((x * 2).sum(), x)
    assert len(seen) == 1, "nothing was accumulated"
    handle.remove()
    (x * 4).sum().backward()
    assert len(seen) == 1 and x.grad is not None
    with pytest.raises(
        RuntimeError,
        match="register_post_accumulate_grad_hook: cannot register a hook on a tensor that doesn't require gradient",
    ):
        lucid.ones(2).register_post_accumulate_grad_hook(forget)
    with pytest.raises(RuntimeError, match="on non-leaf tensors"):
        (x * 2).register_post_accumulate_grad_hook(forget)


def test_arguments_that_pytorch_names() -> None:
    x = tensor()
    same(x.round(decimals=2), np.round(X, 2))
    same(lucid.round(x * 1000, decimals=-2), np.round(X * 1000, -2))
    same(tensor().round_(decimals=1), np.round(X, 1))
    same(
        lucid.norm(x.float(), 3, 0, dtype=lucid.float64),
        (np.abs(X.astype(np.float32).astype(float)) ** 3).sum(0) ** (1 / 3),
    )
    same(lucid.norm(x, out=lucid.empty((), dtype=lucid.float64)), np.linalg.norm(X))
    same(lucid.pow(x.abs(), exponent=0.5), np.sqrt(np.abs(X)))
    same(lucid.concatenate([x, x], axis=1), np.concatenate([X, X], 1))
    same(lucid.concatenate([x, x]), np.concatenate([X, X]))
    index = lucid.tensor([[0, 1, 1, 0]])
    same(x.gather(0, index, sparse_grad=False), np.take_along_axis(X, index.numpy(), 0))
    for reduce, operation in (("add", np.add), ("multiply", np.multiply)):
        for value in (lucid.full((1, 4), 3.0, dtype=lucid.float64), 3.0):
            expected = X.copy()
            operation.at(expected, (index.numpy()[0], np.arange(4)), 3.0)
            same(x.scatter(0, index, value, reduce=reduce), expected)
            same(tensor().scatter_(0, index, value, reduce=reduce), expected)
    with pytest.raises(RuntimeError, match="scatter: reduce must be 'add' or 'multiply', got 'sum'"):
        x.scatter(0, index, 1.0, reduce="sum")
    assert (
        lucid.logspace(0, 1, 2, requires_grad=True).requires_grad
        and lucid.randperm(3, dtype=lucid.float32, requires_grad=True).requires_grad
    )
    a = lucid.randn(2, 3, 3, dtype=lucid.float64)
    b, compact = lucid.randn(2, 3, 3, dtype=lucid.float64), lucid.linalg.lu_factor(a)
    same(lucid.linalg.lu_solve(*compact, b, adjoint=True), np.linalg.solve(a.numpy().swapaxes(1, 2), b.numpy()), 1e-9)
    same(lucid.linalg.lu_solve(*compact, b, left=False, adjoint=True) @ a.mT, b.numpy(), 1e-9)
    same(x.pinverse(0.9), np.linalg.pinv(X, 0.9))
    assert lucid.nn.SyncBatchNorm(3, bias=False).bias is None


def test_profiles_of_printing() -> None:
    with pytest.raises(ValueError, match="set_printoptions: profile must be one of default, short, full, got 'wide'"):
        lucid.set_printoptions(profile="wide")
    try:
        lucid.set_printoptions(profile="short", sci_mode=False)
        assert str(lucid.tensor(1.23456)) == "1.23"
        lucid.set_printoptions(profile="full")
        assert "..." not in str(lucid.arange(2000))
    finally:
        lucid.set_printoptions(profile="default")
    assert "..." in str(lucid.arange(2000))


def test_random_permutation() -> None:
    lucid.manual_seed(5)
    x = lucid.random.permutation(10)
    assert sorted(x.tolist()) == list(range(10))
    lucid.manual_seed(5)
    assert lucid.equal(x, lucid.randperm(10)), "the original Lucid's name of randperm"
