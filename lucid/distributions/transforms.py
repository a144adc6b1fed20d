"""All transforms: those of vectors and matrices, of parts of tensors, and the names of the rest."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import lucid
from lucid import Tensor
from lucid.distributions import constraints
from lucid.distributions._elementwise import (
    AbsTransform,
    AffineTransform,
    CumulativeDistributionTransform,
    ExpTransform,
    PowerTransform,
    SigmoidTransform,
    SoftplusTransform,
    TanhTransform,
    _Simple,
    clipped_sigmoid,
)
from lucid.distributions._transform import (
    ComposeTransform,
    IndependentTransform,
    Transform,
    identity_transform,
)
from lucid.distributions.constraints import Constraint
from lucid.distributions.utils import eps, sum_rightmost, tiny, tril_matrix_to_vec, vec_to_tril_matrix
from lucid.nn import functional as F


def _needs(name: str, shape: Sequence[int], dims: int) -> None:
    if len(shape) < dims:
        raise ValueError(f"{name}: expected {dims} dimensions or more, got shape {tuple(shape)}")


class ReshapeTransform(Transform):
    """Events in another shape.

    Args:
        in_shape, out_shape: shapes of as many elements.
        cache_size: 0 or 1.

    Raises:
        ValueError: the shapes have different numbers of elements.

    Example:
        >>> import lucid
        >>> from lucid.distributions import ReshapeTransform
        >>> ReshapeTransform((4,), (2, 2))(lucid.zeros(3, 4)).shape
        lucid.Size([3, 2, 2])
    """

    bijective = True

    def __init__(self, in_shape: Sequence[int], out_shape: Sequence[int], cache_size: int = 0) -> None:
        self.in_shape, self.out_shape = lucid.Size(in_shape), lucid.Size(out_shape)
        if math.prod(self.in_shape) != math.prod(self.out_shape):
            raise ValueError(
                f"ReshapeTransform: {tuple(in_shape)} and {tuple(out_shape)} have different numbers of elements"
            )
        super().__init__(cache_size=cache_size)

    @constraints.dependent_property
    def domain(self) -> Constraint:
        return constraints.independent(constraints.real, len(self.in_shape))

    @constraints.dependent_property
    def codomain(self) -> Constraint:
        return constraints.independent(constraints.real, len(self.out_shape))

    def with_cache(self, cache_size: int = 1) -> Transform:
        return self if self._cache_size == cache_size else ReshapeTransform(self.in_shape, self.out_shape, cache_size)

    def _call(self, x: Tensor) -> Tensor:
        return x.reshape(self.forward_shape(x.shape))

    def _inverse(self, y: Tensor) -> Tensor:
        return y.reshape(self.inverse_shape(y.shape))

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return x.new_zeros(x.shape[: x.ndim - len(self.in_shape)])

    @staticmethod
    def _swap(shape: Sequence[int], old: Sequence[int], new: Sequence[int]) -> tuple[int, ...]:
        _needs("ReshapeTransform", shape, len(old))
        cut = len(shape) - len(old)
        if tuple(shape[cut:]) != tuple(old):
            raise ValueError(f"ReshapeTransform: expected events of shape {tuple(old)}, got {tuple(shape[cut:])}")
        return (*shape[:cut], *new)

    def forward_shape(self, shape: Sequence[int]) -> tuple[int, ...]:
        return self._swap(shape, self.in_shape, self.out_shape)

    def inverse_shape(self, shape: Sequence[int]) -> tuple[int, ...]:
        return self._swap(shape, self.out_shape, self.in_shape)


class SoftmaxTransform(_Simple):
    """y = softmax(x) over the last dimension; the inverse is the logarithm. Not bijective.

    Args:
        cache_size: 1 keeps the last pair of values, so that the inverse of a result is exact; 0 does not.

    Example:
        >>> import lucid
        >>> print(lucid.distributions.SoftmaxTransform()(lucid.tensor([1.0, 1.0])))
        [0.5, 0.5]
    """

    domain = constraints.real_vector
    codomain = constraints.simplex
    bijective = False

    def _call(self, x: Tensor) -> Tensor:
        return F.softmax(x, -1)

    def _inverse(self, y: Tensor) -> Tensor:
        return y.log()

    def forward_shape(self, shape: Sequence[int]) -> tuple[int, ...]:
        _needs("SoftmaxTransform", shape, 1)
        return tuple(shape)

    inverse_shape = forward_shape


class StickBreakingTransform(_Simple):
    """Vectors of n numbers to the simplex of n + 1: each takes a share of what the ones before left.

        z_i = sigmoid(x_i - log(n - i)), i = 0 ... n - 1, y_i = z_i (1 - z_0) ... (1 - z_(i - 1)), y_n = the rest

    Args:
        cache_size: 1 keeps the last pair of values, so that the inverse of a result is exact; 0 does not.

    Example:
        >>> import lucid
        >>> from lucid.distributions import StickBreakingTransform
        >>> print(StickBreakingTransform()(lucid.zeros(1)))
        [0.5, 0.5]
    """

    domain = constraints.real_vector
    codomain = constraints.simplex

    @staticmethod
    def _offset(like: Tensor, n: int) -> Tensor:
        return lucid.arange(n, 0, -1, dtype=like.dtype).log()

    def _call(self, x: Tensor) -> Tensor:
        z = clipped_sigmoid(x - self._offset(x, x.shape[-1]))
        return F.pad(z, (0, 1), value=1.0) * F.pad((1 - z).cumprod(-1), (1, 0), value=1.0)

    def _inverse(self, y: Tensor) -> Tensor:
        head = y[..., :-1]
        rest = (1 - head.cumsum(-1)).clamp(min=tiny(y))
        return head.log() - rest.log() + self._offset(y, head.shape[-1])

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        x = x - self._offset(x, x.shape[-1])
        return (F.logsigmoid(x) - x + y[..., :-1].log()).sum(-1)

    def forward_shape(self, shape: Sequence[int]) -> tuple[int, ...]:
        _needs("StickBreakingTransform", shape, 1)
        return (*shape[:-1], shape[-1] + 1)

    def inverse_shape(self, shape: Sequence[int]) -> tuple[int, ...]:
        _needs("StickBreakingTransform", shape, 1)
        return (*shape[:-1], shape[-1] - 1)


class CorrCholeskyTransform(_Simple):
    """Vectors of n (n - 1) / 2 numbers to Cholesky factors of n x n correlation matrices.

    The numbers fill the triangle below the diagonal row by row; r = tanh of each breaks a stick of squared length 1 per
    row, with its sign.

    Args:
        cache_size: 1 keeps the last pair of values, so that the inverse of a result is exact; 0 does not.

    Example:
        >>> import lucid
        >>> factor = lucid.distributions.CorrCholeskyTransform()(lucid.tensor([0.5, 0.0, 1.0]))
        >>> factor.shape
        lucid.Size([3, 3])
    """

    domain = constraints.real_vector
    codomain = constraints.corr_cholesky

    def _call(self, x: Tensor) -> Tensor:
        x = lucid.tanh(x).clamp(min=-1 + eps(x), max=1 - eps(x))
        r = vec_to_tril_matrix(x, -1)
        left = (1 - r * r).sqrt().cumprod(-1)
        r = r + lucid.eye(r.shape[-1], dtype=r.dtype)
        return r * F.pad(left[..., :-1], (1, 0), value=1.0)

    def _inverse(self, y: Tensor) -> Tensor:
        left = F.pad((1 - (y * y).cumsum(-1))[..., :-1], (1, 0), value=1.0)
        t = tril_matrix_to_vec(y, -1) / tril_matrix_to_vec(left, -1).sqrt()
        return (t.log1p() - (-t).log1p()) / 2

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        left = 1 - (y * y).cumsum(-1)
        stick = 0.5 * tril_matrix_to_vec(left, -2).log().sum(-1)
        return stick - 2 * (x + F.softplus(-2 * x) - math.log(2.0)).sum(-1)

    def forward_shape(self, shape: Sequence[int]) -> tuple[int, ...]:
        _needs("CorrCholeskyTransform", shape, 1)
        n = round(0.5 + math.sqrt(0.25 + 2 * shape[-1]))
        if n * (n - 1) // 2 != shape[-1]:
            raise ValueError(f"CorrCholeskyTransform: expected n (n - 1) / 2 elements for some n, got {shape[-1]}")
        return (*shape[:-1], n, n)

    def inverse_shape(self, shape: Sequence[int]) -> tuple[int, ...]:
        _needs("CorrCholeskyTransform", shape, 2)
        if shape[-2] != shape[-1]:
            raise ValueError(f"CorrCholeskyTransform: expected square matrices, got shape {tuple(shape)}")
        return (*shape[:-2], shape[-1] * (shape[-1] - 1) // 2)


class LowerCholeskyTransform(_Simple):
    """Matrices to lower triangular ones with a positive diagonal: exp of the diagonal, zeros above. Not bijective.

    Args:
        cache_size: 1 keeps the last pair of values, so that the inverse of a result is exact; 0 does not.

    Example:
        >>> import lucid
        >>> print(lucid.distributions.LowerCholeskyTransform()(lucid.tensor([[0.0, 9.0], [3.0, 0.0]])))
        [[1.0, 0.0],
         [3.0, 1.0]]
    """

    domain = constraints.independent(constraints.real, 2)
    codomain = constraints.lower_cholesky
    bijective = False

    def _call(self, x: Tensor) -> Tensor:
        return x.tril(-1) + lucid.diag_embed(x.diagonal(0, -2, -1).exp())

    def _inverse(self, y: Tensor) -> Tensor:
        return y.tril(-1) + lucid.diag_embed(y.diagonal(0, -2, -1).log())


class PositiveDefiniteTransform(_Simple):
    """Matrices to positive definite ones: L L^T with L of `LowerCholeskyTransform`. Not bijective.

    Args:
        cache_size: 1 keeps the last pair of values, so that the inverse of a result is exact; 0 does not.

    Example:
        >>> import lucid
        >>> print(lucid.distributions.PositiveDefiniteTransform()(lucid.tensor([[0.0, 9.0], [3.0, 0.0]])))
        [[1.0, 3.0],
         [3.0, 10.0]]
    """

    domain = constraints.independent(constraints.real, 2)
    codomain = constraints.positive_definite
    bijective = False

    def _call(self, x: Tensor) -> Tensor:
        y = LowerCholeskyTransform()(x)
        return y @ y.mT

    def _inverse(self, y: Tensor) -> Tensor:
        return LowerCholeskyTransform().inv(lucid.linalg.cholesky(y))


class _Joined(Transform):
    """Transforms of the parts of a tensor along a dimension."""

    def __init__(self, tseq: Sequence[Transform], dim: int = 0, cache_size: int = 0) -> None:
        if not all(isinstance(t, Transform) for t in tseq):
            raise AssertionError(f"{type(self).__name__}: expected a sequence of Transforms")
        super().__init__(cache_size=cache_size)
        self.transforms = [t.with_cache(cache_size) for t in tseq] if cache_size else list(tseq)
        self.dim = dim

    def _parts(self, x: Tensor) -> Sequence[Tensor]:
        raise NotImplementedError

    def _checked(self, x: Tensor, length: int) -> Tensor:
        if not -x.ndim <= self.dim < x.ndim or x.shape[self.dim] != length:
            raise AssertionError(
                f"{type(self).__name__}: expected length {length} in dimension {self.dim}, got shape {tuple(x.shape)}"
            )
        return x

    def _apply(self, x: Tensor, join: Callable[..., Tensor], inverse: bool) -> Tensor:
        pairs = zip(self.transforms, self._parts(x))
        return join([t.inv(part) if inverse else t(part) for t, part in pairs], self.dim)

    @property
    def bijective(self) -> bool:  # type: ignore[override]
        return all(t.bijective for t in self.transforms)


class CatTransform(_Joined):
    """Transforms of neighbouring parts of a tensor, as `lucid.cat` joins them.

    Args:
        tseq: the transforms.
        dim: along which dimension.
        lengths: lengths of the parts; 1 each unless given.
        cache_size: 0 or 1.

    Raises:
        AssertionError: ``tseq`` holds something else, or ``lengths`` has another length.

    Example:
        >>> import lucid
        >>> D = lucid.distributions
        >>> parts = D.CatTransform([D.AffineTransform(0.0, 2.0), D.AbsTransform()], lengths=[2, 1])
        >>> print(parts(lucid.tensor([1.0, 2.0, -3.0])))
        [2.0, 4.0, 3.0]
    """

    def __init__(
        self, tseq: Sequence[Transform], dim: int = 0, lengths: Sequence[int] | None = None, cache_size: int = 0
    ) -> None:
        super().__init__(tseq, dim, cache_size)
        self.lengths = [1] * len(self.transforms) if lengths is None else list(lengths)
        if len(self.lengths) != len(self.transforms):
            raise AssertionError(f"CatTransform: {len(self.lengths)} lengths for {len(self.transforms)} transforms")

    @property
    def event_dim(self) -> int:
        return max(t.event_dim for t in self.transforms)

    @property
    def length(self) -> int:
        """The length of all parts together."""
        return sum(self.lengths)

    def with_cache(self, cache_size: int = 1) -> Transform:
        if self._cache_size == cache_size:
            return self
        return CatTransform(self.transforms, self.dim, self.lengths, cache_size)

    def _parts(self, x: Tensor) -> Sequence[Tensor]:
        return self._checked(x, self.length).split(self.lengths, self.dim)

    def _call(self, x: Tensor) -> Tensor:
        return self._apply(x, lucid.cat, False)

    def _inverse(self, y: Tensor) -> Tensor:
        return self._apply(y, lucid.cat, True)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        terms = [
            sum_rightmost(t.log_abs_det_jacobian(a, b), self.event_dim - t.event_dim)
            for t, a, b in zip(self.transforms, self._parts(x), self._parts(y))
        ]
        dim = (self.dim - x.ndim if self.dim >= 0 else self.dim) + self.event_dim
        if dim < 0:
            return lucid.cat(terms, dim)
        total = terms[0]
        for term in terms[1:]:
            total = total + term
        return total

    @constraints.dependent_property
    def domain(self) -> Constraint:
        return constraints.cat([t.domain for t in self.transforms], self.dim, self.lengths)

    @constraints.dependent_property
    def codomain(self) -> Constraint:
        return constraints.cat([t.codomain for t in self.transforms], self.dim, self.lengths)


class StackTransform(_Joined):
    """Transforms of the slices of a tensor, as `lucid.stack` joins them.

    Args:
        tseq: one transform per slice.
        dim: along which dimension.
        cache_size: 0 or 1.

    Example:
        >>> import lucid
        >>> D = lucid.distributions
        >>> pair = D.StackTransform([D.AffineTransform(0.0, 2.0), D.AbsTransform()])
        >>> print(pair(lucid.tensor([[1.0], [-3.0]])))
        [[2.0],
         [3.0]]
    """

    def with_cache(self, cache_size: int = 1) -> Transform:
        return self if self._cache_size == cache_size else StackTransform(self.transforms, self.dim, cache_size)

    def _parts(self, x: Tensor) -> Sequence[Tensor]:
        return self._checked(x, len(self.transforms)).unbind(self.dim)

    def _call(self, x: Tensor) -> Tensor:
        return self._apply(x, lucid.stack, False)

    def _inverse(self, y: Tensor) -> Tensor:
        return self._apply(y, lucid.stack, True)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        triples: Any = zip(self.transforms, self._parts(x), self._parts(y))
        return lucid.stack([t.log_abs_det_jacobian(a, b) for t, a, b in triples], self.dim)

    @constraints.dependent_property
    def domain(self) -> Constraint:
        return constraints.stack([t.domain for t in self.transforms], self.dim)

    @constraints.dependent_property
    def codomain(self) -> Constraint:
        return constraints.stack([t.codomain for t in self.transforms], self.dim)


__all__ = [
    "AbsTransform", "AffineTransform", "CatTransform", "ComposeTransform", "CorrCholeskyTransform",
    "CumulativeDistributionTransform", "ExpTransform", "IndependentTransform", "LowerCholeskyTransform",
    "PositiveDefiniteTransform", "PowerTransform", "ReshapeTransform", "SigmoidTransform", "SoftmaxTransform",
    "SoftplusTransform", "StackTransform", "StickBreakingTransform", "TanhTransform", "Transform", "identity_transform",
]  # fmt: skip
