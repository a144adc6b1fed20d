"""Which kernels compute attention: PyTorch's switches, accepted. Lucid has one kernel, which never forms the scores."""

from __future__ import annotations

import enum
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

__all__ = ["SDPBackend", "sdpa_kernel"]


class SDPBackend(enum.IntEnum):
    """PyTorch's names of ways to compute attention.

    Args:
        value: number of the member.

    Raises:
        ValueError: no member has that number.

    Example:
        >>> from lucid.nn.attention import SDPBackend
        >>> SDPBackend.MATH.name
        'MATH'
    """

    ERROR = -1
    MATH = 0
    FLASH_ATTENTION = 1
    EFFICIENT_ATTENTION = 2
    CUDNN_ATTENTION = 3
    OVERRIDEABLE = 4


@contextmanager
def sdpa_kernel(backends: Sequence[SDPBackend] | SDPBackend, set_priority: bool = False) -> Iterator[None]:
    """Accept a choice of kernels for `lucid.nn.functional.scaled_dot_product_attention`, and change nothing.

    Args:
        backends: one or several of `SDPBackend`.
        set_priority: accepted and without effect.

    Raises:
        TypeError: ``backends`` are something else.

    Example:
        >>> import lucid
        >>> from lucid.nn.attention import SDPBackend, sdpa_kernel
        >>> with sdpa_kernel(SDPBackend.FLASH_ATTENTION):
        ...     x = lucid.ones(1, 1, 2, 4)
        ...     lucid.nn.functional.scaled_dot_product_attention(x, x, x).shape
        ...
        lucid.Size([1, 1, 2, 4])
    """
    chosen = [backends] if isinstance(backends, SDPBackend) else backends
    if not isinstance(chosen, Sequence) or not all(isinstance(b, SDPBackend) for b in chosen):
        raise TypeError(f"sdpa_kernel: expected members of SDPBackend, got {backends!r}")
    yield
