"""Sequences of different lengths: padded into one tensor, or packed step after step."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from lucid._functions._arguments import check_tensors
from lucid._functions.join import cat, stack
from lucid._functions.shape import transpose
from lucid._printing import shown
from lucid._tensor import Tensor
from lucid.autograd._node import wrap

__all__ = [
    "PackedSequence", "pack_padded_sequence", "pack_sequence", "pad_packed_sequence", "pad_sequence",
    "unpack_sequence", "unpad_sequence",
]  # fmt: skip


class _Packed(NamedTuple):
    data: Tensor
    batch_sizes: Tensor
    sorted_indices: Tensor | None
    unsorted_indices: Tensor | None


class PackedSequence(_Packed):
    """Sequences in one tensor without padding, step after step and longer ones first. Made by the functions here.

    Args:
        data: the rows, as the attribute below.
        batch_sizes: int64 tensor or ints, as below.
        sorted_indices: int64, (batch,), or None.
        unsorted_indices: int64, (batch,); made from ``sorted_indices`` unless given.

    Attributes:
        data: shape (sum of lengths, ...): the first step of every sequence, then the second of those that have one, ...
        batch_sizes: int64, how many sequences have a step t.
        sorted_indices: which sequence of the caller comes at each place, or None if they came sorted.
        unsorted_indices: the inverse of that.

    Raises:
        ValueError: ``batch_sizes`` is missing, or does not hold ints.

    Example:
        >>> import lucid
        >>> rnn = lucid.nn.utils.rnn
        >>> packed = rnn.pack_sequence([lucid.tensor([1.0, 2.0, 3.0]), lucid.tensor([4.0])])
        >>> print(packed.data, packed.batch_sizes)
        [1.0, 4.0, 2.0, 3.0] [2, 1, 1]

    Source: PyTorch's `torch.nn.utils.rnn.PackedSequence`.
    """

    __slots__ = ()

    def __new__(
        cls, data: Tensor, batch_sizes: Any = None, sorted_indices: Tensor | None = None,
        unsorted_indices: Tensor | None = None,
    ) -> PackedSequence:  # fmt: skip
        if batch_sizes is None:
            raise ValueError("PackedSequence: expected batch_sizes")
        if not isinstance(batch_sizes, Tensor):
            batch_sizes = wrap(np.asarray(batch_sizes, np.int64))
        if unsorted_indices is None and sorted_indices is not None:
            unsorted_indices = invert_permutation(sorted_indices)
        return super().__new__(cls, data, batch_sizes, sorted_indices, unsorted_indices)

    def _with(self, data: Tensor) -> PackedSequence:
        return type(self)(data, self.batch_sizes, self.sorted_indices, self.unsorted_indices)

    def to(self, *args: Any, **kwargs: Any) -> PackedSequence:
        """With the data converted by `Tensor.to`.

        Args:
            args, kwargs: of `Tensor.to`.
        """
        data = self.data.to(*args, **kwargs)
        return self if data is self.data else self._with(data)

    def float(self) -> PackedSequence:
        """With float32 data."""
        return self._with(self.data.float())

    def double(self) -> PackedSequence:
        """With float64 data."""
        return self._with(self.data.double())

    def cpu(self) -> PackedSequence:
        """The sequence itself."""
        return self

    @property
    def is_cuda(self) -> bool:
        """False: lucid runs on CPUs."""
        return False


def invert_permutation(permutation: Tensor | None) -> Tensor | None:
    """The order that undoes ``permutation``; None for None."""
    if permutation is None:
        return None
    inverse = np.empty_like(permutation._data)
    inverse[permutation._data] = np.arange(inverse.size, dtype=inverse.dtype)
    return wrap(inverse)


def _lengths(name: str, lengths: Any) -> np.ndarray:
    values = lengths._data if isinstance(lengths, Tensor) else np.asarray(lengths)
    if values.ndim != 1 or values.dtype.kind not in "iu":
        raise RuntimeError(f"{name}: expected lengths as a 1-d sequence of integers, got {shown(lengths)}")
    return values.astype(np.int64)


def _check_sorted(lengths: np.ndarray) -> None:
    if np.any(np.diff(lengths) > 0):
        raise RuntimeError(
            "pack_padded_sequence: `lengths` array must be sorted in decreasing order when `enforce_sorted` is True; "
            f"pass enforce_sorted=False to have it sorted, got {lengths.tolist()}"
        )


def pack_padded_sequence(
    input: Tensor, lengths: Any, batch_first: bool = False, enforce_sorted: bool = True
) -> PackedSequence:
    """Pack a padded batch.

    Args:
        input: shape (length, batch, ...), or (batch, length, ...) with ``batch_first``.
        lengths: length of each sequence, positive.
        batch_first: the batch is the first dimension.
        enforce_sorted: sequences come sorted by decreasing length; otherwise they are sorted here.

    Raises:
        RuntimeError: ``lengths`` does not fit, is not sorted, or holds a number that is not positive; or fewer than two
            dimensions.
        TypeError: ``input`` is not a tensor.

    Example:
        >>> import lucid
        >>> from lucid.nn.utils.rnn import pack_padded_sequence
        >>> packed = pack_padded_sequence(lucid.tensor([[1, 4], [2, 5], [3, 0]]), [3, 2])
        >>> packed.data.tolist(), packed.batch_sizes.tolist()
        ([1, 4, 2, 5, 3], [2, 2, 1])
    """
    if not isinstance(input, Tensor):
        raise TypeError(f"pack_padded_sequence: expected a Tensor, got {type(input).__name__}")
    counts = _lengths("pack_padded_sequence", lengths)
    if input._data.ndim < 2:
        raise RuntimeError(f"pack_padded_sequence: expected at least 2 dimensions, got shape {input._data.shape}")
    batch, most = input._data.shape[:2] if batch_first else input._data.shape[1::-1]
    if len(counts) != batch:
        raise RuntimeError(
            f"pack_padded_sequence: expected one length per sequence, got {len(counts)} for a batch of {batch} "
            f"(input {input._data.shape})"
        )
    if counts.size and counts.min() <= 0:
        raise RuntimeError(f"pack_padded_sequence: lengths must be greater than 0, got {counts.tolist()}")
    if counts.size and counts.max() > most:
        raise RuntimeError(
            f"pack_padded_sequence: lengths must be at most {most}, got {counts.tolist()} (input {input._data.shape})"
        )
    order = None
    if enforce_sorted:
        _check_sorted(counts)
    else:
        order = np.argsort(-counts, kind="stable")
        counts = counts[order]
    steps = np.arange(counts[0] if counts.size else 0)
    alive = counts[None, :] > steps[:, None]  # (steps, batch)
    step, place = np.nonzero(alive)
    sequence = place if order is None else order[place]
    x = transpose(input, 0, 1) if batch_first else input
    data = x[wrap(step), wrap(sequence)]
    indices = None if order is None else wrap(order)
    return PackedSequence(data, wrap(alive.sum(1).astype(np.int64)), indices, invert_permutation(indices))


def pad_packed_sequence(
    sequence: PackedSequence, batch_first: bool = False, padding_value: float = 0.0, total_length: int | None = None
) -> tuple[Tensor, Tensor]:
    """The inverse of `pack_padded_sequence`: the padded batch, and the lengths.

    Args:
        sequence: the packed batch.
        batch_first: return (batch, length, ...) instead of (length, batch, ...).
        padding_value: what to fill up with.
        total_length: length to pad to; that of the longest sequence unless given.

    Returns:
        The padded batch, (length, batch, ...) or (batch, length, ...), and int64 lengths, (batch,).

    Raises:
        TypeError: ``sequence`` is not a `PackedSequence`.
        ValueError: ``total_length`` is too short.

    Example:
        >>> import lucid
        >>> from lucid.nn.utils.rnn import pack_sequence, pad_packed_sequence
        >>> x, lengths = pad_packed_sequence(pack_sequence([lucid.tensor([1, 2, 3]), lucid.tensor([4])]))
        >>> x.tolist(), lengths.tolist()
        ([[1, 4], [2, 0], [3, 0]], [3, 1])
    """
    if not isinstance(sequence, PackedSequence):
        raise TypeError(f"pad_packed_sequence: expected a PackedSequence, got {type(sequence).__name__}")
    sizes = sequence.batch_sizes._data
    steps, batch = len(sizes), int(sizes[0]) if len(sizes) else 0
    length = steps if total_length is None else total_length
    if length < steps:
        raise ValueError(
            "pad_packed_sequence: expected total_length to be at least the length of the longest sequence, got "
            f"{total_length} for {steps}"
        )
    lengths = (sizes[:, None] > np.arange(batch)).sum(0).astype(np.int64)
    order = np.arange(batch) if sequence.unsorted_indices is None else sequence.unsorted_indices._data
    lengths = lengths[order]
    # The row of the packed data at (step, sequence), or the row of padding behind the last.
    rows = np.full((length, batch), sequence.data._data.shape[0])
    step, place = np.nonzero(sizes[:, None] > np.arange(batch))
    rows[step, place] = np.arange(len(step))
    rows = rows[:, order]
    tail = sequence.data._data.shape[1:]
    padding = wrap(np.full((1, *tail), padding_value, sequence.data._data.dtype))
    padded = cat([sequence.data, padding], 0)[wrap(np.ascontiguousarray(rows.T if batch_first else rows))]
    return padded, wrap(lengths)


def pad_sequence(
    sequences: Iterable[Tensor], batch_first: bool = False, padding_value: float = 0.0, padding_side: str = "right"
) -> Tensor:
    """Sequences of different lengths in one tensor.

    Args:
        sequences: tensors of shape (length, ...), equal but for the first dimension.
        batch_first: return (batch, length, ...) instead of (length, batch, ...).
        padding_value: what to fill up with.
        padding_side: "right" or "left".

    Returns:
        Shape (length, batch, ...), or (batch, length, ...) with ``batch_first``.

    Raises:
        RuntimeError: no sequences, another side, or shapes that do not fit.
        TypeError: a sequence is not a tensor.

    Example:
        >>> import lucid
        >>> from lucid.nn.utils.rnn import pad_sequence
        >>> pad_sequence([lucid.tensor([1, 2]), lucid.tensor([3])], batch_first=True).tolist()
        [[1, 2], [3, 0]]
    """
    if padding_side not in ("left", "right"):
        raise RuntimeError(f"pad_sequence: expected padding_side 'left' or 'right', got {padding_side!r}")
    if not isinstance(sequences, Iterable):
        raise RuntimeError(f"pad_sequence: expected a sequence of tensors, got {type(sequences).__name__}")
    items = list(sequences)
    check_tensors("pad_sequence", *items)
    if not items:
        raise RuntimeError("pad_sequence: received an empty list of sequences")
    tail, length = items[0]._data.shape[1:], max(len(x) for x in items)
    for x in items:
        if x._data.shape[1:] != tail:
            shapes = ", ".join(str(x._data.shape) for x in items)
            raise RuntimeError(f"pad_sequence: sequences must agree but for the first dimension, got {shapes}")
    padded = []
    for x in items:
        filling = wrap(np.full((length - len(x), *tail), padding_value, x._data.dtype))
        padded.append(cat([x, filling] if padding_side == "right" else [filling, x], 0))
    return stack(padded, 0 if batch_first else 1)


def unpad_sequence(padded_sequences: Tensor, lengths: Any, batch_first: bool = False) -> list[Tensor]:
    """The inverse of `pad_sequence`.

    Args:
        padded_sequences: shape (length, batch, ...), or (batch, length, ...) with ``batch_first``.
        lengths: length of each sequence.
        batch_first: the batch is the first dimension.

    Returns:
        One tensor (length, ...) for each sequence.

    Raises:
        IndexError: fewer than two dimensions.
        RuntimeError: ``lengths`` are not integers, or not one for each sequence.
        TypeError: ``padded_sequences`` is not a tensor.

    Example:
        >>> import lucid
        >>> from lucid.nn.utils.rnn import unpad_sequence
        >>> [x.tolist() for x in unpad_sequence(lucid.tensor([[1, 3], [2, 0]]), [2, 1])]
        [[1, 2], [3]]
    """
    check_tensors("unpad_sequence", padded_sequences)
    x = padded_sequences if batch_first else transpose(padded_sequences, 0, 1)
    counts = _lengths("unpad_sequence", lengths)
    if len(counts) != x._data.shape[0]:
        raise RuntimeError(
            f"unpad_sequence: expected one length per sequence, got {len(counts)} for a batch of {x._data.shape[0]}"
        )
    return [x[i, :n] for i, n in enumerate(counts.tolist())]


def pack_sequence(sequences: Sequence[Tensor], enforce_sorted: bool = True) -> PackedSequence:
    """Pack a list of sequences.

    Args:
        sequences: tensors of shape (length, ...).
        enforce_sorted: they come sorted by decreasing length; otherwise they are sorted here.

    Raises:
        RuntimeError: they are not sorted, or empty.
        TypeError: a sequence is not a tensor.

    Example:
        >>> import lucid
        >>> from lucid.nn.utils.rnn import pack_sequence
        >>> pack_sequence([lucid.tensor([1, 2, 3]), lucid.tensor([4])]).data.tolist()
        [1, 4, 2, 3]
    """
    sequences = list(sequences)
    check_tensors("pack_sequence", *sequences)
    return pack_padded_sequence(pad_sequence(sequences), [len(x) for x in sequences], False, enforce_sorted)


def unpack_sequence(packed_sequences: PackedSequence) -> list[Tensor]:
    """The inverse of `pack_sequence`.

    Args:
        packed_sequences: the packed batch.

    Returns:
        One tensor (length, ...) for each sequence.

    Raises:
        TypeError: ``packed_sequences`` is not a `PackedSequence`.

    Example:
        >>> import lucid
        >>> from lucid.nn.utils.rnn import pack_sequence, unpack_sequence
        >>> [x.tolist() for x in unpack_sequence(pack_sequence([lucid.tensor([1, 2, 3]), lucid.tensor([4])]))]
        [[1, 2, 3], [4]]
    """
    padded, lengths = pad_packed_sequence(packed_sequences, batch_first=True)
    return unpad_sequence(padded, lengths, batch_first=True)
