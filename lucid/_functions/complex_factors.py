"""Solvers and decompositions of complex matrices as operations with gradients, by LAPACK through NumPy.

The gradient of a real loss by A is G with dL = Re tr(G^H dA), as everywhere; see `lucid._functions.complex`. Where the
result depends on one triangle alone, as that of a Hermitian matrix does, G is the one of Hermitian changes.

Source: Giles, An extended collection of matrix derivative results for forward and reverse mode algorithmic
differentiation, 2008; Wan and Zhang, Automatic differentiation for complex valued SVD, arXiv:1909.02659;
Boeddeker et al., On the computation of complex-valued gradients, arXiv:1701.00392.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from lucid._functions._common import sum_to
from lucid._functions.complex import Complex, Conj, Imag, Real, zeros_of
from lucid._functions.solve import LinAlgError
from lucid.autograd._mode import mode
from lucid.autograd._node import Node, wrap

Results = tuple[np.ndarray, ...]


def run(name: str, function: Callable[..., Any], *arrays: Any, **options: Any) -> Any:
    """LAPACK's answer, or its refusal under the function's name."""
    try:
        return function(*arrays, **options)
    except np.linalg.LinAlgError as error:
        raise LinAlgError(f"linalg.{name}: {error}") from None


def adjoint(x: Any) -> Any:
    """The conjugate transpose."""
    return Conj.apply(x.transpose(-2, -1))


def diagonal(d: Any) -> Any:
    """The matrix with the numbers ``d``, real or complex, on its diagonal."""
    return wrap(np.eye(d._data.shape[-1], dtype=d._data.dtype)) * d.unsqueeze(-2)


def eye_like(x: Any) -> Any:
    return wrap(np.eye(x._data.shape[-1], dtype=bool))


def off_diagonal(x: Any) -> Any:
    return x.masked_fill(eye_like(x), 0)


class Inverse(Node):
    """Y = A^-1: G = -Y^H dY Y^H."""

    __slots__ = ()

    def forward(self, x: Any) -> np.ndarray:
        return self.save_result(run("inv", np.linalg.inv, x._data))

    def backward(self, dy: Any) -> Any:
        turned = adjoint(self.unpack_result())
        return -(turned @ dy @ turned)


class Solve(Node):
    """A X = B for matrices X and B: dB = A^-H dX and dA = -dB X^H."""

    __slots__ = ()

    def forward(self, a: Any, b: Any) -> np.ndarray:
        self.saved = (a, b)
        return self.save_result(run("solve", np.linalg.solve, a._data, b._data))

    def backward(self, dx: Any) -> tuple[Any, Any]:
        a, b = self.unpack()
        db = Solve.apply(adjoint(a), dx)
        da = -(db @ adjoint(self.unpack_result())) if self.edges[0] is not None else None
        return (
            None if da is None else sum_to(da, a._data.shape),
            sum_to(db, b._data.shape) if self.edges[1] is not None else None,
        )


class Det(Node):
    """G = dy conj(det A) A^-H."""

    __slots__ = ()

    def forward(self, x: Any) -> np.ndarray:
        self.saved = (x,)
        return self.save_result(np.asarray(np.linalg.det(x._data)))

    def backward(self, dy: Any) -> Any:
        (x,) = self.unpack()
        factor = (dy * Conj.apply(self.unpack_result())).unsqueeze(-1).unsqueeze(-1)
        return factor * adjoint(Inverse.apply(x))


class SignLogDet(Node):
    """det A = s e^l: G = (dl + i Im(ds conj(s))) A^-H."""

    __slots__ = ()

    def forward(self, x: Any) -> Results:
        self.saved = (x,)
        sign, size = np.linalg.slogdet(x._data)
        return self.save_result(np.asarray(sign)), np.asarray(size)

    def backward(self, dsign: Any, dsize: Any) -> Any:
        (x,) = self.unpack()
        turn: Any = None if dsign is None else Imag.apply(dsign * Conj.apply(self.unpack_result()))
        size = zeros_of(turn) if dsize is None else dsize
        factor = Complex.apply(size, zeros_of(size) if turn is None else turn)
        return factor.unsqueeze(-1).unsqueeze(-1) * adjoint(Inverse.apply(x))


class Cholesky(Node):
    """A = L L^H: G = L^-H (P + P^H) / 2 L^-1, with P the lower triangle of L^H dL, its diagonal halved."""

    __slots__ = ()

    def forward(self, x: Any) -> np.ndarray:
        return self.save_result(run("cholesky", np.linalg.cholesky, x._data))

    def backward(self, dy: Any) -> Any:
        low = self.unpack_result()
        p = adjoint(low) @ dy
        p = p.tril(-1) + diagonal(p.diagonal(0, -2, -1)) * 0.5
        middle = (p + adjoint(p)) * 0.5
        turned = adjoint(low)
        return adjoint(Solve.apply(turned, adjoint(Solve.apply(turned, middle))))


class Factors(Node):
    """A decomposition in several results, computed anew where a backward pass is recorded.

    A second backward pass then goes through the old results and the new ones. Only the sum of both gradients does not
    depend on the phases of the vectors, so neither is checked.
    """

    __slots__ = ("kept", "params", "shared")
    kept: Results
    params: tuple[Any, ...]
    shared: bool

    def forward(self, x: Any, shared: bool, *params: Any) -> Results:
        self.saved, self.params, self.shared = (x,), params, shared
        self.kept = self.factors(x._data, *params)
        return self.kept

    @staticmethod
    def factors(x: np.ndarray, *params: Any) -> Results:
        raise NotImplementedError

    def again(self) -> Any:
        (x,) = self.unpack()
        if not mode.enabled:
            return [wrap(a) for a in self.kept]
        return type(self).apply(x, True, *self.params)

    def check_phase(self, turn: Any) -> None:
        """Vectors are unique up to a factor of modulus 1: refuse a loss that depends on it.

        Raises:
            RuntimeError: the imaginary part of the diagonal of ``turn`` is not zero.
        """
        size = np.abs(turn._data.diagonal(0, -2, -1).imag)
        if not self.shared and size.size and size.max() > 1e-2 * max(1.0, float(np.abs(turn._data).max())):
            raise RuntimeError(
                f"{type(self).__name__.lower()}: the loss depends on the phase of the vectors, which is arbitrary; its "
                "gradient does not exist"
            )
        self.shared = self.shared or mode.enabled


class Eigh(Factors):
    """A = V diag(w) V^H: G = V (diag(dw) + V^H dV / (w_j - w_i)) V^H."""

    __slots__ = ()

    @staticmethod
    def factors(x: np.ndarray, triangle: str) -> Results:
        return tuple(run("eigh", np.linalg.eigh, x, triangle))

    def backward(self, dw: Any, dv: Any) -> Any:
        w, v = self.again()
        core: Any = None if dw is None else diagonal(dw)
        if dv is not None:
            turn = adjoint(v) @ dv
            self.check_phase(turn)
            gap = (w.unsqueeze(-2) - w.unsqueeze(-1)).masked_fill(eye_like(v), 1.0)
            turn = off_diagonal(turn / gap)
            core = turn if core is None else core + turn
        return v @ (core @ adjoint(v) if core._data.dtype.kind == "c" else (core + 0j) @ adjoint(v))


class SVD(Factors):
    """A = U diag(s) V^H, in the reduced form."""

    __slots__ = ()

    @staticmethod
    def factors(x: np.ndarray) -> Results:
        return tuple(run("svd", np.linalg.svd, x, False))

    def backward(self, du: Any, ds: Any, dvh: Any) -> Any:
        u, s, vh = self.again()
        m, n = self.unpack()[0]._data.shape[-2:]
        k = s._data.shape[-1]
        left, right = s.unsqueeze(-1), s.unsqueeze(-2)
        core = diagonal(s * 0 if ds is None else ds) + 0j
        left_turn = None if du is None else adjoint(u) @ du
        right_turn = None if dvh is None else vh @ adjoint(dvh)
        if left_turn is not None or right_turn is not None:
            turns = [t for t in (left_turn, right_turn) if t is not None]
            self.check_phase(sum(turns[1:], turns[0]))
            gap = ((right - left) * (right + left)).masked_fill(wrap(np.eye(k, dtype=bool)), 1.0)
            if left_turn is not None:
                core = core + (left_turn - adjoint(left_turn)) / gap * right
            if right_turn is not None:
                core = core + (right_turn - adjoint(right_turn)) / gap * left
            if left_turn is not None:  # the phases of both sides turn together
                core = off_diagonal(core) + diagonal(
                    core_diagonal(ds, s, Imag.apply(left_turn.diagonal(0, -2, -1)) / s)
                )
        dx = u @ core @ vh
        if du is not None and m > k:
            outside = du / right
            dx = dx + (outside - u @ (adjoint(u) @ outside)) @ vh
        if dvh is not None and n > k:
            outside = dvh / left
            dx = dx + u @ (outside - (outside @ adjoint(vh)) @ vh)
        return dx


def core_diagonal(ds: Any, s: Any, turn: Any) -> Any:
    return Complex.apply(s * 0 if ds is None else ds, turn)


class QR(Factors):
    """A = Q R with at least as many rows as columns: G = (dQ + Q C) R^-H, with C Hermitian and of the lower triangle of
    R dR^H - dQ^H Q."""

    __slots__ = ()

    @staticmethod
    def factors(x: np.ndarray) -> Results:
        return tuple(run("qr", np.linalg.qr, x, "reduced"))

    def backward(self, dq: Any, dr: Any) -> Any:
        q, r = self.again()
        dq = zeros_of(q) if dq is None else dq
        dr = zeros_of(r) if dr is None else dr
        middle = r @ adjoint(dr) - adjoint(dq) @ q
        below = middle.tril(-1)
        inner = below + adjoint(below) + diagonal(Real.apply(middle.diagonal(0, -2, -1)))
        return adjoint(Solve.apply(r.triu(), adjoint(dq + q @ inner)))


class Eig(Factors):
    """A = V diag(w) V^-1 with columns of norm 1.

    G = V^-H (diag(dw) + (T - V^H V diag(Re T)) / conj(w_j - w_i)) V^H with T = V^H dV.
    """

    __slots__ = ()

    @staticmethod
    def factors(x: np.ndarray) -> Results:
        return tuple(run("eig", np.linalg.eig, x))

    def backward(self, dw: Any, dv: Any) -> Any:
        w, v = self.again()
        core = None if dw is None else diagonal(dw)
        turned = adjoint(v)
        if dv is not None:
            turn = turned @ dv
            own = turn.diagonal(0, -2, -1)
            self.check_phase(turn)
            turn = turn - (turned @ v) * Real.apply(own).unsqueeze(-2)
            gap = Conj.apply(w.unsqueeze(-2) - w.unsqueeze(-1)).masked_fill(eye_like(v), 1.0)
            turn = off_diagonal(turn / gap)
            core = turn if core is None else core + turn
        return Solve.apply(turned, core @ turned)


class PseudoInverse(Node):
    """P of A: G = -P^H dP P^H + (1 - A P) dP^H P P^H + P^H P dP^H (1 - P A); where the rank does not change."""

    __slots__ = ()

    def forward(self, x: Any, atol: float, rtol: float, hermitian: bool) -> np.ndarray:
        self.saved = (x,)
        if hermitian:
            w, v = run("pinv", np.linalg.eigh, x._data)
            left, right, size = v, np.conj(v.swapaxes(-1, -2)), np.abs(w)
        else:
            u, w, vh = run("pinv", np.linalg.svd, x._data, False)
            left, right, size = np.conj(vh.swapaxes(-1, -2)), np.conj(u.swapaxes(-1, -2)), w
        kept = size > np.maximum(atol, rtol * size.max(-1, keepdims=True, initial=0))
        inverse = np.where(kept, 1 / np.where(kept, w, 1), 0).astype(w.dtype)
        return self.save_result((left * inverse[..., None, :]) @ right)

    def backward(self, dy: Any) -> Any:
        (x,), y = self.unpack(), self.unpack_result()
        turned, g = adjoint(y), adjoint(dy)
        first = g @ (y @ turned)
        second = (turned @ y) @ g
        return -(turned @ dy @ turned) + (first - x @ (y @ first)) + (second - (second @ y) @ x)
