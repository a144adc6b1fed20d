"""Normal distributions of vectors, their covariance full or of low rank plus a diagonal."""

from __future__ import annotations

from collections.abc import Iterable

import lucid
from lucid import Tensor
from lucid.distributions import _draws, constraints
from lucid.distributions.distribution import Distribution
from lucid.distributions.utils import LOG_2PI, lazy_property


def one_matrix(name: str, **matrices: Tensor | None) -> tuple[str, Tensor]:
    """The one of several parametrisations that is given."""
    given = [(key, value) for key, value in matrices.items() if value is not None]
    if len(given) != 1:
        raise ValueError(f"{name}: exactly one of {', '.join(matrices)} must be specified, got {len(given)}")
    if given[0][1].ndim < 2:
        raise ValueError(f"{name}: {given[0][0]} must be at least two-dimensional")
    return given[0]


def precision_to_scale_tril(p: Tensor) -> Tensor:
    """The Cholesky factor of the inverse of a matrix, without inverting it: its rows and columns are reversed."""
    reverse = lucid.linalg.cholesky(p.flip((-2, -1))).flip((-2, -1)).mT
    return lucid.linalg.solve_triangular(reverse, lucid.eye(p.shape[-1], dtype=p.dtype).expand_as(p), upper=False)


def half_log_det(scale_tril: Tensor) -> Tensor:
    return scale_tril.diagonal(0, -2, -1).log().sum(-1)


def solve_lower(scale_tril: Tensor, x: Tensor) -> Tensor:
    """L^-1 x for vectors x, both broadcast."""
    shape = lucid.broadcast_shapes(scale_tril.shape[:-1], x.shape)
    lower = scale_tril.expand(*shape, shape[-1])
    return lucid.linalg.solve_triangular(lower, x.expand(*shape).unsqueeze(-1), upper=False).squeeze(-1)


class _Covariance(Distribution):
    """What a scale_tril of the shape of the batch gives."""

    @lazy_property
    def scale_tril(self) -> Tensor:
        """The lower triangular L with L L^T the covariance."""
        return self._unbroadcasted_scale_tril

    @lazy_property
    def covariance_matrix(self) -> Tensor:
        """The covariance."""
        return self._unbroadcasted_scale_tril @ self._unbroadcasted_scale_tril.mT

    @lazy_property
    def precision_matrix(self) -> Tensor:
        """The inverse of the covariance."""
        return lucid.cholesky_inverse(self._unbroadcasted_scale_tril)

    _unbroadcasted_scale_tril: Tensor

    def _take(self, name: str, matrix: Tensor) -> None:
        vars(self)[name] = matrix

    def _factor(self, name: str, matrix: Tensor) -> None:
        if name == "scale_tril":
            self._unbroadcasted_scale_tril = matrix
        elif name == "covariance_matrix":
            self._unbroadcasted_scale_tril = lucid.linalg.cholesky(matrix)
        else:
            self._unbroadcasted_scale_tril = precision_to_scale_tril(matrix)


class MultivariateNormal(_Covariance):
    """The normal distribution of vectors, density exp(-(x - loc)^T S^-1 (x - loc) / 2) / sqrt(det(2 pi S)).

    Args:
        loc: mean, of shape (..., n).
        covariance_matrix: S, positive definite, of shape (..., n, n); or
        precision_matrix: its inverse; or
        scale_tril: its lower Cholesky factor. Exactly one of the three.
        validate_args: check parameters and samples.

    Raises:
        ValueError: not exactly one matrix is given, or it is not positive definite.

    Example:
        >>> import lucid
        >>> from lucid.distributions import MultivariateNormal
        >>> print(MultivariateNormal(lucid.zeros(2), lucid.eye(2)).entropy())
        2.837877
    """

    arg_constraints = {
        "loc": constraints.real_vector,
        "covariance_matrix": constraints.positive_definite,
        "precision_matrix": constraints.positive_definite,
        "scale_tril": constraints.lower_cholesky,
    }
    support = constraints.real_vector
    has_rsample = True

    def __init__(
        self,
        loc: Tensor,
        covariance_matrix: Tensor | None = None,
        precision_matrix: Tensor | None = None,
        scale_tril: Tensor | None = None,
        validate_args: bool | None = None,
    ) -> None:
        if loc.ndim < 1:
            raise ValueError("MultivariateNormal: loc must be at least one-dimensional")
        name, matrix = one_matrix(
            "MultivariateNormal",
            covariance_matrix=covariance_matrix,
            precision_matrix=precision_matrix,
            scale_tril=scale_tril,
        )
        n = loc.shape[-1]
        if tuple(matrix.shape[-2:]) != (n, n):
            raise ValueError(f"MultivariateNormal: expected {name} of shape (..., {n}, {n}), got {tuple(matrix.shape)}")
        batch = lucid.broadcast_shapes(matrix.shape[:-2], loc.shape[:-1])
        self.loc = loc.expand(*batch, n)
        self._take(name, matrix.expand(*batch, n, n))
        super().__init__(batch, (n,), validate_args=validate_args)
        self._factor(name, vars(self)[name])

    @property
    def mean(self) -> Tensor:
        return self.loc

    @property
    def mode(self) -> Tensor:
        return self.loc

    @property
    def variance(self) -> Tensor:
        return (self._unbroadcasted_scale_tril**2).sum(-1)

    def rsample(self, sample_shape: Iterable[int] = ()) -> Tensor:
        noise = _draws.normal(self._extended_shape(sample_shape), self.loc)
        return self.loc + (self._unbroadcasted_scale_tril @ noise.unsqueeze(-1)).squeeze(-1)

    def log_prob(self, value: Tensor) -> Tensor:
        z = solve_lower(self._unbroadcasted_scale_tril, self._checked(value) - self.loc)
        return -0.5 * (self._event_shape[0] * LOG_2PI + (z * z).sum(-1)) - half_log_det(self._unbroadcasted_scale_tril)

    def entropy(self) -> Tensor:
        return 0.5 * self._event_shape[0] * (1 + LOG_2PI) + half_log_det(self._unbroadcasted_scale_tril)


class LowRankMultivariateNormal(Distribution):
    """`MultivariateNormal` of covariance W W^T + D, with products and determinants in time linear in n.

    Args:
        loc: mean, of shape (..., n).
        cov_factor: W, of shape (..., n, r).
        cov_diag: the diagonal of D, positive, of shape (..., n).
        validate_args: check parameters and samples.

    Raises:
        ValueError: the shapes do not match, or D is not positive.

    Example:
        >>> import lucid
        >>> from lucid.distributions import LowRankMultivariateNormal
        >>> d = LowRankMultivariateNormal(lucid.zeros(2), lucid.tensor([[1.0], [0.0]]), lucid.ones(2))
        >>> print(d.variance)
        [2.0, 1.0]
    """

    arg_constraints = {
        "loc": constraints.real_vector,
        "cov_factor": constraints.independent(constraints.real, 2),
        "cov_diag": constraints.independent(constraints.positive, 1),
    }
    support = constraints.real_vector
    has_rsample = True

    def __init__(self, loc: Tensor, cov_factor: Tensor, cov_diag: Tensor, validate_args: bool | None = None) -> None:
        if loc.ndim < 1 or cov_factor.ndim < 2:
            raise ValueError("LowRankMultivariateNormal: loc must be a vector or more, cov_factor a matrix or more")
        n = loc.shape[-1]
        if cov_factor.shape[-2] != n or tuple(cov_diag.shape[-1:]) != (n,):
            raise ValueError(
                f"LowRankMultivariateNormal: expected cov_factor (..., {n}, r) and cov_diag (..., {n}), got "
                f"{tuple(cov_factor.shape)} and {tuple(cov_diag.shape)}"
            )
        batch = lucid.broadcast_shapes(loc.shape[:-1], cov_factor.shape[:-2], cov_diag.shape[:-1])
        self.loc, self.cov_diag = loc.expand(*batch, n), cov_diag.expand(*batch, n)
        self.cov_factor = cov_factor.expand(*batch, n, cov_factor.shape[-1])
        super().__init__(batch, (n,), validate_args=validate_args)

    @lazy_property
    def _capacitance_tril(self) -> Tensor:
        """The Cholesky factor of I + W^T D^-1 W."""
        w = self.cov_factor
        return lucid.linalg.cholesky(lucid.eye(w.shape[-1], dtype=w.dtype) + self._scaled @ w)

    @property
    def _scaled(self) -> Tensor:
        """W^T D^-1."""
        return self.cov_factor.mT / self.cov_diag.unsqueeze(-2)

    @property
    def _log_det(self) -> Tensor:
        return 2 * half_log_det(self._capacitance_tril) + self.cov_diag.log().sum(-1)

    def _mahalanobis(self, d: Tensor) -> Tensor:
        """d^T (W W^T + D)^-1 d, by Woodbury's identity."""
        inner = (self._scaled @ d.unsqueeze(-1)).squeeze(-1)
        return (d * d / self.cov_diag).sum(-1) - (solve_lower(self._capacitance_tril, inner) ** 2).sum(-1)

    @property
    def mean(self) -> Tensor:
        return self.loc

    @property
    def mode(self) -> Tensor:
        return self.loc

    @property
    def variance(self) -> Tensor:
        return (self.cov_factor**2).sum(-1) + self.cov_diag

    @lazy_property
    def covariance_matrix(self) -> Tensor:
        """W W^T + D."""
        return self.cov_factor @ self.cov_factor.mT + lucid.diag_embed(self.cov_diag)

    @lazy_property
    def scale_tril(self) -> Tensor:
        """The Cholesky factor of the covariance: that of I + D^-1/2 W W^T D^-1/2, scaled, which is well conditioned."""
        root = self.cov_diag.sqrt().unsqueeze(-1)
        w = self.cov_factor / root
        return root * lucid.linalg.cholesky(w @ w.mT + lucid.eye(w.shape[-2], dtype=w.dtype))

    @lazy_property
    def precision_matrix(self) -> Tensor:
        """The inverse of the covariance."""
        a = lucid.linalg.solve_triangular(self._capacitance_tril, self._scaled, upper=False)
        return lucid.diag_embed(self.cov_diag.reciprocal()) - a.mT @ a

    def rsample(self, sample_shape: Iterable[int] = ()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        w = _draws.normal((*shape[:-1], self.cov_factor.shape[-1]), self.loc)
        wide = (self.cov_factor @ w.unsqueeze(-1)).squeeze(-1)
        return self.loc + wide + self.cov_diag.sqrt() * _draws.normal(shape, self.loc)

    def log_prob(self, value: Tensor) -> Tensor:
        d = self._checked(value) - self.loc
        return -0.5 * (self._event_shape[0] * LOG_2PI + self._log_det + self._mahalanobis(d))

    def entropy(self) -> Tensor:
        return 0.5 * (self._event_shape[0] * (1 + LOG_2PI) + self._log_det)


__all__ = ["LowRankMultivariateNormal", "MultivariateNormal"]
