"""Weights given by length and direction, with spectral norm 1, or with orthonormal rows or columns."""

from __future__ import annotations

from typing import Any

import numpy as np

from lucid._functions._precision import guard
from lucid._functions.creation import eye, zeros
from lucid._functions.distance import norm
from lucid._functions.index import getitem
from lucid._functions.join import cat
from lucid._functions.linalg import matrix_exp
from lucid._functions.matmul import dot, matmul, mv
from lucid._functions.reduce import sum
from lucid._functions.sampling import randn
from lucid._functions.shape import movedim, reshape, transpose
from lucid._functions.solve import solve
from lucid._functions.triangle import tril
from lucid._tensor import Tensor
from lucid.autograd._mode import no_grad
from lucid.autograd._node import wrap
from lucid.nn.functional.norm import normalize
from lucid.nn.modules.module import Module
from lucid.nn.utils import parametrize

__all__ = ["orthogonal", "spectral_norm", "weight_norm"]

guard(globals())  # parameters may be in half precision

MAPS = ("matrix_exp", "cayley", "householder")


def norm_except_dim(v: Tensor, dim: int | None) -> Tensor:
    """The Euclidean norm of each slice along ``dim``, which is kept; of everything, 0-d, for None."""
    if dim is None or dim == -1:
        return norm(v)
    others = tuple(d for d in range(v.ndim) if d != dim % v.ndim)
    return norm(v, 2, others, True) if others else v.abs()


class _WeightNorm(Module):
    def __init__(self, dim: int | None) -> None:
        super().__init__()
        self.dim = -1 if dim is None else dim

    def forward(self, weight_g: Tensor, weight_v: Tensor) -> Tensor:
        return weight_v * (weight_g / norm_except_dim(weight_v, self.dim))

    def right_inverse(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        return norm_except_dim(weight, self.dim), weight


def weight_norm(module: Module, name: str = "weight", dim: int | None = 0) -> Module:
    """Give a weight by the lengths and the directions of its slices.

        w = g * v / |v|,    |v| the norm over all dimensions but ``dim``

    Args:
        module: changed in place; g is its ``parametrizations.<name>.original0`` and v ``original1``.
        name: name of the weight.
        dim: dimension that keeps a length for every index; None for one length.

    Returns:
        ``module``.

    Raises:
        ValueError: there is no such weight.

    Example:
        >>> import lucid
        >>> linear = lucid.nn.utils.parametrizations.weight_norm(lucid.nn.Linear(4, 3))
        >>> linear.parametrizations.weight.original0.shape
        lucid.Size([3, 1])

    Source: Salimans and Kingma, Weight normalization, arXiv:1602.07868.
    """
    return parametrize.register_parametrization(module, name, _WeightNorm(dim), unsafe=True)


class _SpectralNorm(Module):
    _u: Tensor
    _v: Tensor

    def __init__(self, weight: Tensor, n_power_iterations: int = 1, dim: int = 0, eps: float = 1e-12) -> None:
        super().__init__()
        if not -weight.ndim <= dim < weight.ndim:
            raise IndexError(f"spectral_norm: dim {dim} is out of range for a weight of shape {tuple(weight.shape)}")
        if n_power_iterations <= 0:
            raise ValueError(f"spectral_norm: n_power_iterations must be positive, got {n_power_iterations}")
        self.dim, self.eps, self.n_power_iterations = dim % weight.ndim, eps, n_power_iterations
        if weight.ndim > 1:
            with no_grad():
                matrix = self._matrix(weight)
                rows, columns = matrix.shape
                self.register_buffer("_u", normalize(randn(rows, dtype=weight.dtype), dim=0, eps=eps))
                self.register_buffer("_v", normalize(randn(columns, dtype=weight.dtype), dim=0, eps=eps))
                self._iterate(matrix, 15)

    def _matrix(self, weight: Tensor) -> Tensor:
        front = movedim(weight, self.dim, 0) if self.dim else weight
        return reshape(front, (front.shape[0], -1))

    def _iterate(self, matrix: Tensor, steps: int) -> None:
        """Move u and v towards the first singular vectors, as new tensors: old ones may be part of a graph."""
        with no_grad():
            for _ in range(steps):
                self._u = normalize(mv(matrix, self._v), dim=0, eps=self.eps)
                self._v = normalize(mv(transpose(matrix, 0, 1), self._u), dim=0, eps=self.eps)

    def forward(self, weight: Tensor) -> Tensor:
        if weight.ndim == 1:
            return normalize(weight, dim=0, eps=self.eps)
        matrix = self._matrix(weight)
        if self.training:
            self._iterate(matrix.detach(), self.n_power_iterations)
        return weight / dot(self._u, mv(matrix, self._v))

    def right_inverse(self, value: Tensor) -> Tensor:
        return value  # an approximation: what is assigned gets divided by its norm


def spectral_norm(
    module: Module, name: str = "weight", n_power_iterations: int = 1, eps: float = 1e-12, dim: int | None = None
) -> Module:
    """Divide a weight by its largest singular value, as a matrix of ``dim`` against the rest.

        w = v / (u1 . (v u2)),    u1 and u2 from ``n_power_iterations`` steps of power iteration per forward in training

    Args:
        module: changed in place; v is its ``parametrizations.<name>.original``.
        name: name of the weight.
        n_power_iterations: steps for every use in training.
        eps: least norm to divide by.
        dim: rows of the matrix; 1 for transposed convolutions and 0 for everything else unless given.

    Returns:
        ``module``.

    Raises:
        IndexError: ``dim`` is out of range.
        ValueError: there is no such weight, or ``n_power_iterations`` is not positive.

    Example:
        >>> import lucid, numpy as np
        >>> linear = lucid.nn.utils.parametrizations.spectral_norm(lucid.nn.Linear(20, 30))
        >>> bool(abs(np.linalg.norm(linear.weight.detach().numpy(), 2) - 1) < 0.2)
        True

    Source: Miyato et al., Spectral normalization for generative adversarial networks, arXiv:1802.05957.
    """
    weight = getattr(module, name, None)
    if not isinstance(weight, Tensor):
        raise ValueError(f"spectral_norm: {type(module).__name__} has no parameter or buffer {name!r}")
    if dim is None:
        dim = 1 if type(module).__name__.startswith("ConvTranspose") else 0
    made = _SpectralNorm(weight, n_power_iterations, dim, eps)
    return parametrize.register_parametrization(module, name, made)


def _reflections(x: Tensor) -> Tensor:
    """The first columns of the product of the Householder reflections 1 - tau v v^T, v the columns of x below 1s."""
    n, k = x.shape[-2:]
    below = tril(x, -1)
    vectors = below + eye(n, k, dtype=x.dtype)
    tau = 2.0 / (1.0 + sum(below * below, -2))
    q = eye(n, k, dtype=x.dtype)
    for j in reversed(range(k)):
        v = getitem(vectors, (..., slice(j, j + 1)))
        q = q - getitem(tau, (..., slice(j, j + 1), None)) * matmul(v, matmul(transpose(v, -2, -1), q))
    return q


def _householder(q: np.ndarray) -> np.ndarray:
    """Vectors below a diagonal of signs: `_reflections` of them, columns times signs, is ``q`` made orthogonal."""
    flat = q.reshape(-1, *q.shape[-2:])
    found = np.empty_like(flat)
    for i, matrix in enumerate(flat):
        h, tau = np.linalg.qr(matrix, mode="raw")
        found[i] = h.T
        diagonal = np.einsum("ii->i", found[i, : matrix.shape[1]])
        diagonal[:] = np.sign(diagonal)
        diagonal[tau == 0] *= -1
    return found.reshape(q.shape)


def _orthogonalised(q: np.ndarray) -> np.ndarray:
    """An orthogonal matrix, which is ``q`` itself if that is one already."""
    first, r = np.linalg.qr(q)
    return first * np.sign(np.diagonal(r, axis1=-2, axis2=-1))[..., None, :]


class _Orthogonal(Module):
    base: Tensor

    def __init__(self, weight: Tensor, orthogonal_map: str, use_trivialization: bool) -> None:
        super().__init__()
        self.shape, self.orthogonal_map = tuple(weight.shape), orthogonal_map
        self.use_trivialization = use_trivialization
        if use_trivialization:
            self.register_buffer("base", None)

    def forward(self, x: Tensor) -> Tensor:
        wide = x.shape[-2] < x.shape[-1]
        if wide:
            x = transpose(x, -2, -1)
        n, k = x.shape[-2:]
        if self.orthogonal_map == "householder":
            signs = np.sign(np.diagonal(x._data, axis1=-2, axis2=-1))[..., None, :]
            q = _reflections(x) * wrap(np.ascontiguousarray(signs))
        else:
            lower = tril(x)
            if n != k:
                lower = cat([lower, zeros(*x.shape[:-1], n - k, dtype=x.dtype)], -1)
            skew = lower - transpose(lower, -2, -1)
            if self.orthogonal_map == "matrix_exp":
                q = matrix_exp(skew)
            else:
                identity = eye(n, dtype=x.dtype)
                q = solve(identity - 0.5 * skew, identity + 0.5 * skew)
            q = getitem(q, (..., slice(0, k))) if n != k else q
        base = self._buffers.get("base")
        if base is not None:
            q = matmul(base, q)
        return transpose(q, -2, -1) if wide else q

    def right_inverse(self, q: Tensor) -> Tensor:
        if tuple(q.shape) != self.shape:
            raise ValueError(f"orthogonal: expected a matrix of shape {self.shape}, got {tuple(q.shape)}")
        wide = q.shape[-2] < q.shape[-1]
        matrix = np.ascontiguousarray(np.swapaxes(q._data, -1, -2) if wide else q._data)
        n, k = matrix.shape[-2:]
        if not self.use_trivialization:
            if self.orthogonal_map != "householder":
                raise NotImplementedError(
                    f"orthogonal: assigning needs use_trivialization=True with {self.orthogonal_map!r}"
                )
            found = _householder(matrix)
            return wrap(np.ascontiguousarray(np.swapaxes(found, -1, -2) if wide else found))
        if n != k:
            more = randn(*matrix.shape[:-1], n - k, dtype=q.dtype)._data
            matrix = np.concatenate([matrix, more], -1)
        self.base = wrap(_orthogonalised(matrix).astype(q._data.dtype, copy=False))
        start = np.zeros_like(q._data)
        np.einsum("...ii->...i", start[..., : min(n, k), : min(n, k)])[...] = -1
        return wrap(start)


def orthogonal(
    module: Module, name: str = "weight", orthogonal_map: str | None = None, *, use_trivialization: bool = True
) -> Module:
    """Keep a weight orthogonal: columns orthonormal, or rows where there are fewer of them.

        matrix_exp    Q = exp(A),                               A skew-symmetric, from the lower triangle
        cayley        Q = (1 - A / 2)^-1 (1 + A / 2)
        householder   Q = a product of reflections 1 - tau v v^T

    Args:
        module: changed in place; what Q is computed from is its ``parametrizations.<name>.original``.
        name: name of the weight, of at least two dimensions; those before the last two are a batch.
        orthogonal_map: "matrix_exp", "cayley" or "householder"; the first for square matrices and the last for
            others unless given.
        use_trivialization: multiply Q by a fixed orthogonal matrix, so that the weight can be assigned to.

    Returns:
        ``module``.

    Raises:
        ValueError: there is no such weight, it has too few dimensions, or the map is unknown.

    Example:
        >>> import lucid
        >>> linear = lucid.nn.utils.parametrizations.orthogonal(lucid.nn.Linear(4, 3))
        >>> lucid.allclose(linear.weight @ linear.weight.T, lucid.eye(3), atol=1e-5)
        True

    Source: Lezcano-Casado, Trivializations for gradient-based optimization on manifolds, arXiv:1909.09501.
    """
    weight: Any = getattr(module, name, None)
    if not isinstance(weight, Tensor):
        raise ValueError(f"orthogonal: {type(module).__name__} has no parameter or buffer {name!r}")
    if weight.ndim < 2:
        raise ValueError(f"orthogonal: expected at least two dimensions, got shape {tuple(weight.shape)}")
    if orthogonal_map is None:
        orthogonal_map = "matrix_exp" if weight.shape[-2] == weight.shape[-1] else "householder"
    if orthogonal_map not in MAPS:
        raise ValueError(f"orthogonal: orthogonal_map must be one of {', '.join(MAPS)}, got {orthogonal_map!r}")
    made = _Orthogonal(weight, orthogonal_map, use_trivialization)
    return parametrize.register_parametrization(module, name, made, unsafe=True)
