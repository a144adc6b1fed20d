"""Switches of how kernels compute what they compute."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from lucid import _ops

__all__ = ["winograd"]


class Winograd:
    """Winograd's algorithm for float32 convolutions: fewer products than the sum has terms.

    3x3 kernels with stride 1 and 12 channels or more take 16 products for 36; 3x3 and 4x4 kernels with stride 2 and 32
    channels or more, forward, 25 for 36 and 36 for 64.

    On by default. With C channels an output's error is at most

        (32 + C / 32 + 10) * 2^-24 * 81 * C * max|weight| * max|input|

    in the worst case with stride 1, nine times the bound of a direct sum in blocks of the same length (with stride 2 it
    is 2.8 and 4 times); measured, the largest and the
    root mean square errors are no larger than PyTorch's (``benchmarks/precision.py``). Switched off, every output is a
    direct sum of its products, up to 1.7 times slower. Outputs near an infinity or a NaN are direct sums always.
    Gradients of the weight use it from 16 channels on.

    Example:
        >>> import lucid
        >>> with lucid.backends.winograd.flags(enabled=False):
        ...     lucid.backends.winograd.enabled
        False
        >>> lucid.backends.winograd.enabled
        True

    Source: Winograd, Arithmetic complexity of computations, 1980; Lavin and Gray, arXiv:1509.09308.
    """

    @property
    def enabled(self) -> bool:
        """Whether it is used; for the whole process."""
        return _ops.get_winograd()

    @enabled.setter
    def enabled(self, value: bool) -> None:
        _ops.set_winograd(bool(value))

    @contextlib.contextmanager
    def flags(self, enabled: bool) -> Iterator[None]:
        """Use it or not inside a ``with`` block.

        Args:
            enabled: whether to use it.
        """
        before, self.enabled = self.enabled, enabled
        try:
            yield
        finally:
            self.enabled = before


winograd = Winograd()


def __getattr__(name: str) -> Any:
    """PyTorch's backends: what there is not, with settings that scripts may write to."""
    from lucid.torch._bare import Standing
    from lucid.torch._shims import MODULES

    if name not in MODULES["torch.backends"]:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = Standing(f"torch.backends.{name}")
    return value
