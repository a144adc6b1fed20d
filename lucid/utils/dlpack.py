"""DLPack under the names that PyTorch has it by."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lucid._dlpack import from_dlpack
from lucid._functions._arguments import check_tensors

if TYPE_CHECKING:
    from lucid._tensor import Tensor

__all__ = ["from_dlpack", "to_dlpack"]


def to_dlpack(x: Tensor) -> Any:
    """A DLPack capsule over the tensor's memory, to be used once.

    Args:
        x: any shape and dtype.

    Raises:
        BufferError: the tensor requires grad, or is over read-only memory.

    Example:
        >>> import lucid
        >>> from lucid.utils.dlpack import from_dlpack, to_dlpack
        >>> print(from_dlpack(to_dlpack(lucid.ones(2))))
        [1.0, 1.0]
    """
    check_tensors("to_dlpack", x)
    return x.__dlpack__()
