"""Sums, means and maxima of rows of a table."""

from __future__ import annotations

from typing import Any

from lucid._tensor import Tensor
from lucid.autograd._mode import no_grad
from lucid.nn import functional as F
from lucid.nn import init
from lucid.nn.modules.module import Module
from lucid.nn.parameter import Parameter, empty_parameter

__all__ = ["EmbeddingBag"]


class EmbeddingBag(Module):
    """The sum, mean or maximum of the rows that each bag of numbers names: `lucid.nn.functional.embedding_bag`.

    Args:
        num_embeddings: rows of the table.
        embedding_dim: columns of the table.
        max_norm: rows that are looked up and longer than this are first scaled to it, in place.
        norm_type: order of that norm.
        scale_grad_by_freq: divide the gradient of a row by how often it is looked up.
        mode: "sum", "mean" or "max".
        sparse: not supported.
        _weight: the table itself instead of a random one, (num_embeddings, embedding_dim), whose memory is shared.
        include_last_offset: the last offset is the end of the last bag, not the beginning of another.
        padding_idx: this row starts as zeros, does not count and gets no gradient; may count from the end.
        device: "cpu".
        dtype: type of the table; the default type unless given.

    Attributes:
        weight: shape (num_embeddings, embedding_dim), standard normal at first.

    Shape: numbers (B, N), or (N,) with offsets (B,); the result (B, embedding_dim).

    Raises:
        IndexError: a row number is out of range.
        RuntimeError: the row numbers are not integers, or the offsets do not fit.
        ValueError: ``padding_idx`` is out of range, ``_weight`` has another shape, or an option is wrong or not
            supported; or offsets are missing for one dimension.

    Example:
        >>> import lucid
        >>> lucid.nn.EmbeddingBag(10, 3)(lucid.tensor([1, 2, 4, 5]), lucid.tensor([0, 3])).shape
        lucid.Size([2, 3])

    Source: Joulin et al., Bag of tricks for efficient text classification, arXiv:1607.01759.
    """

    weight: Parameter

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        mode: str = "mean",
        sparse: bool = False,
        _weight: Tensor | None = None,
        include_last_offset: bool = False,
        padding_idx: int | None = None,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        if sparse:
            raise ValueError("EmbeddingBag: sparse=True is not supported")
        if mode not in ("sum", "mean", "max"):
            raise ValueError(f"EmbeddingBag: mode must be 'sum', 'mean' or 'max', got {mode!r}")
        if padding_idx is not None:
            if not -num_embeddings <= padding_idx < num_embeddings:
                raise ValueError(f"EmbeddingBag: padding_idx {padding_idx} is out of range for {num_embeddings} rows")
            padding_idx %= num_embeddings
        self.num_embeddings, self.embedding_dim, self.padding_idx = num_embeddings, embedding_dim, padding_idx
        self.max_norm, self.norm_type = max_norm, norm_type
        self.scale_grad_by_freq, self.sparse = scale_grad_by_freq, sparse
        self.mode, self.include_last_offset = mode, include_last_offset
        if _weight is None:
            self.weight = empty_parameter(num_embeddings, embedding_dim, device=device, dtype=dtype)
            self.reset_parameters()
        elif _weight.shape != (num_embeddings, embedding_dim):
            raise ValueError(
                f"EmbeddingBag: expected a weight of shape {(num_embeddings, embedding_dim)}, "
                f"got {tuple(_weight.shape)}"
            )
        else:
            self.weight = Parameter(_weight)

    def reset_parameters(self) -> None:
        """Draw the table anew."""
        init.normal_(self.weight)
        if self.padding_idx is not None:
            with no_grad():
                self.weight[self.padding_idx] = 0

    def forward(self, input: Tensor, offsets: Tensor | None = None, per_sample_weights: Tensor | None = None) -> Tensor:
        return F.embedding_bag(
            input, self.weight, offsets, self.max_norm, self.norm_type, self.scale_grad_by_freq, self.mode,
            per_sample_weights=per_sample_weights, include_last_offset=self.include_last_offset,
            padding_idx=self.padding_idx,
        )  # fmt: skip

    def extra_repr(self) -> str:
        parts = [str(self.num_embeddings), str(self.embedding_dim)]
        if self.max_norm is not None:
            parts.append(f"max_norm={self.max_norm}")
        if self.norm_type != 2:
            parts.append(f"norm_type={self.norm_type}")
        parts.append(f"mode={self.mode!r}")
        if self.padding_idx is not None:
            parts.append(f"padding_idx={self.padding_idx}")
        return ", ".join(parts)

    @classmethod
    def from_pretrained(
        cls,
        embeddings: Tensor,
        freeze: bool = True,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        mode: str = "mean",
        sparse: bool = False,
        include_last_offset: bool = False,
        padding_idx: int | None = None,
    ) -> EmbeddingBag:
        """An embedding bag over a given table, whose memory it shares.

        Args:
            embeddings: shape (num_embeddings, embedding_dim).
            freeze: do not train it.
            max_norm, norm_type, scale_grad_by_freq, mode, sparse, include_last_offset, padding_idx: as for the class.

        Raises:
            ValueError: ``embeddings`` is not a matrix.
        """
        if embeddings.ndim != 2:
            raise ValueError(f"EmbeddingBag.from_pretrained: expected a matrix, got shape {tuple(embeddings.shape)}")
        rows, columns = embeddings.shape
        bag = cls(
            rows, columns, max_norm, norm_type, scale_grad_by_freq, mode, sparse, embeddings, include_last_offset,
            padding_idx,
        )  # fmt: skip
        bag.weight.requires_grad = not freeze
        return bag
