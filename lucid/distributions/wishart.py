"""Distributions of matrices: Wishart, and Cholesky factors of correlation matrices."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable
from typing import Any

import lucid
from lucid import Tensor
from lucid.autograd._mode import no_grad
from lucid.distributions import _draws, constraints
from lucid.distributions._gamma_math import standard_gamma
from lucid.distributions.beta import Beta
from lucid.distributions.distribution import Distribution
from lucid.distributions.exp_family import ExponentialFamily
from lucid.distributions.multivariate_normal import _Covariance, half_log_det, one_matrix
from lucid.distributions.utils import broadcast_all, eps, is_number, tiny


class Wishart(_Covariance, ExponentialFamily):
    """The distribution of A = sum of x x^T over df normal vectors x of covariance V.

        log p(A) = (df - p - 1) / 2 log det(A) - tr(V^-1 A) / 2 - df / 2 log det(2 V) - log Gamma_p(df / 2)

    Args:
        df: degrees of freedom, above p - 1 for p x p matrices; need not be an integer.
        covariance_matrix: V, positive definite, of shape (..., p, p); or
        precision_matrix: its inverse; or
        scale_tril: its lower Cholesky factor. Exactly one of the three.
        validate_args: check parameters and samples.

    Raises:
        ValueError: not exactly one matrix is given, it is not positive definite, or ``df`` is too small.

    Example:
        >>> import lucid
        >>> from lucid.distributions import Wishart
        >>> print(Wishart(3.0, lucid.eye(2)).mean)
        [[3.0, 0.0],
         [0.0, 3.0]]

    Source: sampling by Bartlett's decomposition, Proceedings of the Royal Society of Edinburgh 53, 260 (1933).
    """

    arg_constraints = {
        "covariance_matrix": constraints.positive_definite,
        "precision_matrix": constraints.positive_definite,
        "scale_tril": constraints.lower_cholesky,
        "df": constraints.greater_than(0),
    }
    support = constraints.positive_definite
    has_rsample = True
    _mean_carrier_measure = 0.0

    def __init__(
        self,
        df: Any,
        covariance_matrix: Tensor | None = None,
        precision_matrix: Tensor | None = None,
        scale_tril: Tensor | None = None,
        validate_args: bool | None = None,
    ) -> None:
        name, matrix = one_matrix(
            "Wishart", covariance_matrix=covariance_matrix, precision_matrix=precision_matrix, scale_tril=scale_tril
        )
        p = matrix.shape[-1]
        df = lucid.tensor(float(df), dtype=matrix.dtype) if is_number(df) else df
        batch = lucid.broadcast_shapes(matrix.shape[:-2], df.shape)
        if (df <= p - 1).any():
            raise ValueError(f"Wishart: expected df above {p - 1}, the size of the matrices less one")
        if (df < p).any():
            warnings.warn("Wishart: with df below the size of the matrices, singular samples are likely", stacklevel=3)
        self.df = df.expand(*batch)
        self._take(name, matrix.expand(*batch, p, p))
        super().__init__(batch, (p, p), validate_args=validate_args)
        self._factor(name, vars(self)[name])

    @property
    def mean(self) -> Tensor:
        return self.df[..., None, None] * self.covariance_matrix

    @property
    def mode(self) -> Tensor:
        factor = self.df - self._event_shape[-1] - 1
        return lucid.where(factor > 0, factor, math.nan)[..., None, None] * self.covariance_matrix

    @property
    def variance(self) -> Tensor:
        v = self.covariance_matrix
        d = v.diagonal(0, -2, -1)
        return self.df[..., None, None] * (v**2 + d.unsqueeze(-1) * d.unsqueeze(-2))

    def rsample(self, sample_shape: Iterable[int] = (), max_try_correction: int | None = None) -> Tensor:
        """Draw samples that are differentiable functions of the parameters.

        Args:
            sample_shape: how many.
            max_try_correction: accepted and without effect: the diagonal of the factor is kept away from zero.
        """
        shape = self._extended_shape(sample_shape)
        p = shape[-1]
        halves = (self.df.unsqueeze(-1) - lucid.arange(p, dtype=self.df.dtype)) / 2
        diagonal = (2 * standard_gamma(halves.expand(*shape[:-1]))).sqrt()
        noise = _draws.normal(shape, self.df).tril(-1) + lucid.diag_embed(diagonal.clamp(min=eps(diagonal)))
        factor = self._unbroadcasted_scale_tril @ noise
        return factor @ factor.mT

    def log_prob(self, value: Tensor) -> Tensor:
        value, p = self._checked(value), self._event_shape[-1]
        trace = lucid.cholesky_solve(value, self._unbroadcasted_scale_tril.expand_as(value)).diagonal(0, -2, -1).sum(-1)
        scale = self.df * (p * math.log(2) / 2 + half_log_det(self._unbroadcasted_scale_tril))
        log_det = lucid.linalg.slogdet(value).logabsdet
        return (self.df - p - 1) / 2 * log_det - trace / 2 - scale - lucid.mvlgamma(self.df / 2, p)

    def entropy(self) -> Tensor:
        p, df = self._event_shape[-1], self.df
        halves = df.unsqueeze(-1) / 2 - lucid.arange(p, dtype=df.dtype) / 2
        scale = (p + 1) * (p * math.log(2) / 2 + half_log_det(self._unbroadcasted_scale_tril))
        return scale + lucid.mvlgamma(df / 2, p) - (df - p - 1) / 2 * halves.digamma().sum(-1) + df * p / 2


class LKJCholesky(Distribution):
    """Cholesky factors L of correlation matrices, whose density is proportional to det(L L^T)^(concentration - 1).

    Args:
        dim: size of the matrices, 2 or more.
        concentration: positive; 1 makes correlation matrices uniform, more prefers small correlations.
        validate_args: check parameters and samples.

    Raises:
        ValueError: ``dim`` is below 2, or ``concentration`` not positive.

    Example:
        >>> import lucid
        >>> from lucid.distributions import LKJCholesky
        >>> L = LKJCholesky(3, 1.0).sample()
        >>> print(lucid.allclose((L @ L.mT).diagonal(), lucid.ones(3)))
        True

    Source: Lewandowski, Kurowicka and Joe, Journal of Multivariate Analysis 100, 1989 (2009), section 3.2.
    """

    arg_constraints = {"concentration": constraints.positive}
    support = constraints.corr_cholesky

    def __init__(self, dim: int, concentration: Any = 1.0, validate_args: bool | None = None) -> None:
        if dim < 2:
            raise ValueError(f"LKJCholesky: expected dim to be an integer greater than or equal to 2, got {dim}")
        self.dim = dim
        (self.concentration,) = broadcast_all(concentration)
        super().__init__(self.concentration.shape, (dim, dim), validate_args=validate_args)

    def sample(self, sample_shape: Iterable[int] = ()) -> Tensor:
        with no_grad():
            shape = self._extended_shape(sample_shape)
            row = lucid.arange(1, self.dim, dtype=self.concentration.dtype)
            below = self.concentration.unsqueeze(-1) + (self.dim - 1 - row) / 2
            squares = Beta(row / 2, below, validate_args=False).sample(sample_shape)  # of the parts off the diagonal
            direction = _draws.normal(shape, self.concentration).tril(-1)[..., 1:, :]
            part = squares.sqrt().unsqueeze(-1) * direction / direction.norm(dim=-1, keepdim=True)
            first = lucid.zeros(*shape[:-2], 1, self.dim, dtype=part.dtype)
            off = lucid.cat([first, part], -2)
            diagonal = (1 - (off * off).sum(-1)).clamp(min=tiny(off)).sqrt()
            return off + lucid.diag_embed(diagonal)

    def log_prob(self, value: Tensor) -> Tensor:
        value, n = self._checked(value), self.dim
        diagonal = value.diagonal(0, -2, -1)[..., 1:]
        power = 2 * (self.concentration - 1).unsqueeze(-1) + n - lucid.arange(2, n + 1, dtype=value.dtype)
        a = self.concentration + 0.5 * (n - 1)
        pi = 0.5 * (n - 1) * math.log(math.pi)
        normalizer = pi + lucid.mvlgamma(a - 0.5, n - 1) - a.lgamma() * (n - 1)
        return (power * diagonal.log()).sum(-1) - normalizer


__all__ = ["LKJCholesky", "Wishart"]
