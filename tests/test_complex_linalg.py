"""Linear algebra of complex matrices: gradients against differences, and twice where they exist."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import lucid
from lucid.autograd import gradcheck, gradgradcheck


def matrix(*shape: int, seed: int = 0, grad: bool = True) -> Any:
    rng = np.random.default_rng(seed)
    x = lucid.tensor(rng.normal(size=shape) + 1j * rng.normal(size=shape))
    x.requires_grad = grad
    return x


def hermitian(x: Any) -> Any:
    return x + x.mH


def definite(x: Any) -> Any:
    return x @ x.mH + lucid.eye(x.shape[-1], dtype=lucid.complex128)


def size(*parts: Any) -> tuple[Any, ...]:
    """What does not depend on the phases of the vectors."""
    return tuple([(p.abs() ** 2 if p.is_complex() else p) for p in parts])


def of_parts(function: Callable[..., Any], inputs: tuple[Any, ...]) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    """The same function from real numbers to real numbers, which differences are taken of."""

    def call(*parts: Any) -> tuple[Any, ...]:
        y = function(*[lucid.view_as_complex(p) for p in parts])
        return tuple([lucid.view_as_real(v) if v.is_complex() else v for v in (y if isinstance(y, tuple) else (y,))])

    return call, tuple([lucid.view_as_real(x.detach()).clone().requires_grad_() for x in inputs])


L = lucid.linalg
B = matrix(3, 2, seed=1)
CALLS: dict[str, tuple[Callable[..., Any], tuple[Any, ...]]] = {
    "inv": (L.inv, (matrix(2, 3, 3),)),
    "det": (L.det, (matrix(2, 3, 3),)),
    "slogdet": (L.slogdet, (matrix(3, 3),)),
    "logdet": (lucid.logdet, (matrix(3, 3),)),
    "solve": (L.solve, (matrix(2, 3, 3), B)),
    "solve of a vector": (L.solve, (matrix(3, 3), matrix(3))),
    "solve from the right": (lambda a, b: L.solve(a, b.mT, left=False), (matrix(3, 3), B)),
    "solve_triangular": (lambda a, b: L.solve_triangular(a, b, upper=True), (matrix(3, 3), B)),
    "cholesky": (lambda x: L.cholesky(definite(x)), (matrix(2, 3, 3),)),
    "cholesky upper": (lambda x: L.cholesky(definite(x), upper=True), (matrix(3, 3),)),
    "cholesky_solve": (lambda b, a: lucid.cholesky_solve(b, L.cholesky(definite(a))), (B, matrix(3, 3))),
    "cholesky_inverse": (lambda a: lucid.cholesky_inverse(L.cholesky(definite(a))), (matrix(3, 3),)),
    "eigvalsh": (lambda x: L.eigvalsh(hermitian(x)), (matrix(2, 3, 3),)),
    "eigh": (lambda x: size(*L.eigh(hermitian(x))), (matrix(3, 3),)),
    "eigh of the upper triangle": (lambda x: size(*L.eigh(hermitian(x), "U")), (matrix(3, 3),)),
    "svdvals": (L.svdvals, (matrix(2, 3, 2),)),
    "svd": (lambda x: size(*L.svd(x, False)), (matrix(3, 3),)),
    "svd tall": (lambda x: size(*L.svd(x, False)), (matrix(4, 2),)),
    "svd wide": (lambda x: size(*L.svd(x, False)), (matrix(2, 4),)),
    "svd product": (lambda x: (lambda u, s, vh: u @ vh)(*L.svd(x, False)), (matrix(3, 2),)),
    "qr": (lambda x: tuple(L.qr(x)), (matrix(3, 3),)),
    "qr tall": (lambda x: tuple(L.qr(x)), (matrix(4, 2),)),
    "qr wide": (lambda x: tuple(L.qr(x)), (matrix(2, 4),)),
    "eigvals": (lambda x: (L.eigvals(x) ** 2).sum(), (matrix(3, 3),)),
    "eig": (lambda x: (L.eig(x).eigenvectors.abs() ** 4).sum(), (matrix(3, 3),)),
    "pinv": (L.pinv, (matrix(4, 2),)),
    "matrix_power": (lambda x: L.matrix_power(x, -3), (matrix(3, 3),)),
    "matrix_exp": (L.matrix_exp, (matrix(2, 2),)),
    "nuclear norm": (lambda x: L.norm(x, "nuc"), (matrix(3, 2),)),
    "cond": (L.cond, (matrix(3, 3),)),
    "vecdot": (L.vecdot, (matrix(2, 3), matrix(2, 3, seed=2))),
    "prod": (lambda x: lucid.prod(x, 1), (matrix(2, 5),)),
    "cumprod": (lambda x: lucid.cumprod(x, 0), (matrix(5, 2),)),
    "trapezoid": (lucid.trapezoid, (matrix(4), matrix(4, seed=3))),
}


@pytest.mark.parametrize("name", CALLS)
def test_gradients(name: str) -> None:
    function, inputs = of_parts(*CALLS[name])
    assert gradcheck(function, inputs)


@pytest.mark.parametrize("name", [n for n in CALLS if n not in ("svd product", "eigvals", "eig", "matrix_exp")])
def test_double_gradients(name: str) -> None:
    function, inputs = of_parts(*CALLS[name])
    assert gradgradcheck(function, inputs)


def test_products_with_zeros_have_gradients() -> None:
    x = lucid.tensor([2 + 1j, 0, 3, 1j], requires_grad=True)
    lucid.prod(x).real.backward()
    expected = np.zeros(4, complex)
    expected[1] = np.conj((2 + 1j) * 3 * 1j)
    np.testing.assert_allclose(x.grad.numpy(), expected, 1e-6)


def test_results_solve_what_they_should() -> None:
    a, b = matrix(3, 3, grad=False), matrix(3, 2, seed=1, grad=False)
    np.testing.assert_allclose((a @ L.solve(a, b)).numpy(), b.numpy(), 1e-10)
    np.testing.assert_allclose(L.lstsq(a, b).solution.numpy(), L.solve(a, b).numpy(), 1e-9)
    u, s, v = lucid.svd(matrix(4, 2, grad=False))
    np.testing.assert_allclose((u * s @ v.mH).numpy(), matrix(4, 2, grad=False).numpy(), 1e-10, 1e-12)
    q, r = lucid.qr(a)
    np.testing.assert_allclose((q @ r).numpy(), a.numpy(), 1e-10, 1e-12)
    assert int(L.matrix_rank(a, rtol=0.9)) < 3 == int(L.matrix_rank(a))


def test_losses_that_depend_on_phases_are_refused() -> None:
    for name, call in (
        ("eigh", lambda x: L.eigh(hermitian(x)).eigenvectors.imag.sum()),
        ("svd", lambda x: L.svd(x, False).U.imag.sum()),
        ("eig", lambda x: L.eig(x).eigenvectors.imag.sum()),
    ):
        with pytest.raises(RuntimeError, match=f"{name}: the loss depends on the phase of the vectors"):
            call(matrix(3, 3)).backward()
