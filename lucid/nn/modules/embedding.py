"""Tables of vectors."""

from __future__ import annotations

from typing import Any

from lucid._tensor import Tensor
from lucid.autograd._mode import no_grad
from lucid.nn import functional as F
from lucid.nn import init
from lucid.nn.modules.module import Module
from lucid.nn.parameter import Parameter, empty_parameter

__all__ = ["Embedding"]


class Embedding(Module):
    """Rows of a table, looked up by number.

    Args:
        num_embeddings: rows of the table.
        embedding_dim: columns of the table.
        padding_idx: this row starts as zeros and gets no gradient; may count from the end.
        max_norm: rows that are looked up and longer than this are first scaled to it, in place.
        norm_type: order of that norm.
        scale_grad_by_freq: divide the gradient of a row by how often it is looked up.
        sparse: not supported.
        _weight: the table itself instead of a random one, (num_embeddings, embedding_dim), whose memory is shared.
        _freeze: do not train the table.
        device: "cpu".
        dtype: type of the table; the default type unless given.

    Attributes:
        weight: shape (num_embeddings, embedding_dim), standard normal at first.

    Shape: row numbers of any shape (*), int64 or int32, to (*, embedding_dim).

    Raises:
        IndexError: a row number is out of range.
        RuntimeError: the row numbers are not integers.
        ValueError: ``padding_idx`` is out of range, ``_weight`` has another shape, or an option is not supported.

    Example:
        >>> import lucid
        >>> lucid.nn.Embedding(10, 3)(lucid.tensor([[1, 2], [4, 5]])).shape
        lucid.Size([2, 2, 3])

    Source: Bengio et al., A neural probabilistic language model, JMLR 2003.
    """

    weight: Parameter

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        sparse: bool = False,
        _weight: Tensor | None = None,
        _freeze: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        if sparse:
            raise ValueError("Embedding: sparse=True is not supported")
        if padding_idx is not None:
            if not -num_embeddings <= padding_idx < num_embeddings:
                raise ValueError(f"Embedding: padding_idx {padding_idx} is out of range for {num_embeddings} rows")
            padding_idx %= num_embeddings
        self.num_embeddings, self.embedding_dim, self.padding_idx = num_embeddings, embedding_dim, padding_idx
        self.max_norm, self.norm_type = max_norm, norm_type
        self.scale_grad_by_freq, self.sparse = scale_grad_by_freq, sparse
        if _weight is None:
            self.weight = empty_parameter(num_embeddings, embedding_dim, device=device, dtype=dtype)
            self.weight.requires_grad = not _freeze
            self.reset_parameters()
        elif _weight.shape != (num_embeddings, embedding_dim):
            raise ValueError(
                f"Embedding: expected a weight of shape {(num_embeddings, embedding_dim)}, got {tuple(_weight.shape)}"
            )
        else:
            self.weight = Parameter(_weight, requires_grad=not _freeze)

    def reset_parameters(self) -> None:
        """Draw the table anew."""
        init.normal_(self.weight)
        if self.padding_idx is not None:
            with no_grad():
                self.weight[self.padding_idx] = 0

    def forward(self, input: Tensor) -> Tensor:
        return F.embedding(input, self.weight, self.padding_idx, self.max_norm, self.norm_type, self.scale_grad_by_freq)

    def extra_repr(self) -> str:
        parts = [str(self.num_embeddings), str(self.embedding_dim)]
        if self.padding_idx is not None:
            parts.append(f"padding_idx={self.padding_idx}")
        if self.max_norm is not None:
            parts.append(f"max_norm={self.max_norm}")
        if self.norm_type != 2:
            parts.append(f"norm_type={self.norm_type}")
        return ", ".join(parts)

    @classmethod
    def from_pretrained(
        cls,
        embeddings: Tensor,
        freeze: bool = True,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        sparse: bool = False,
    ) -> Embedding:
        """An embedding over a given table, whose memory it shares.

        Args:
            embeddings: shape (num_embeddings, embedding_dim).
            freeze: do not train it.
            padding_idx: as for the class.
            max_norm: as for the class.
            norm_type: as for the class.
            scale_grad_by_freq: divide the gradient of a row by how often it is looked up.
            sparse: not supported.

        Raises:
            ValueError: ``embeddings`` is not a matrix.
        """
        if embeddings.ndim != 2:
            raise ValueError(f"Embedding.from_pretrained: expected a matrix, got shape {tuple(embeddings.shape)}")
        rows, columns = embeddings.shape
        return cls(
            rows, columns, padding_idx, max_norm, norm_type, scale_grad_by_freq, sparse,
            _weight=embeddings, _freeze=freeze,
        )  # fmt: skip
