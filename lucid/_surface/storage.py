"""The memory of a tensor as an object, as far as PyTorch code asks for it."""

from __future__ import annotations

from typing import Any

import numpy as np

from lucid._tensor import Tensor


class UntypedStorage:
    """The bytes that a tensor and its views share.

    Args:
        data: the array whose memory it is.
        itemsize: bytes of what `size` counts: 1, or those of an element.

    Example:
        >>> import lucid
        >>> lucid.ones(3).untyped_storage().nbytes()
        12
    """

    def __init__(self, data: np.ndarray, itemsize: int = 1) -> None:
        root = data
        while isinstance(root.base, np.ndarray):
            root = root.base
        self._root, self._itemsize = root, itemsize

    def nbytes(self) -> int:
        """Bytes."""
        return self._root.nbytes

    def size(self) -> int:
        """Bytes, or elements of a typed storage."""
        return self._root.nbytes // self._itemsize

    __len__ = size

    def data_ptr(self) -> int:
        """Address of the first byte."""
        return int(self._root.__array_interface__["data"][0])

    def element_size(self) -> int:
        """Bytes per element."""
        return self._itemsize

    def tolist(self) -> list[Any]:
        """The bytes, or the elements of a typed storage."""
        flat = np.ascontiguousarray(self._root).reshape(-1)
        return (flat.view(np.uint8) if self._itemsize == 1 and flat.dtype.itemsize != 1 else flat).tolist()

    def __getitem__(self, index: Any) -> Any:
        return self.tolist()[index]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, UntypedStorage) and other.data_ptr() == self.data_ptr()

    def __hash__(self) -> int:
        return self.data_ptr()

    def is_shared(self) -> bool:
        """False: memory is shared with forked processes only until one of them writes."""
        return False

    def untyped(self) -> UntypedStorage:
        """The same memory, counted in bytes."""
        return UntypedStorage(self._root)

    _cdata = property(data_ptr)


def untyped_storage(x: Tensor) -> UntypedStorage:
    """The memory that the tensor and its views share, counted in bytes."""
    return UntypedStorage(x._data)


def storage(x: Tensor) -> UntypedStorage:
    """The memory that the tensor and its views share, counted in elements."""
    return UntypedStorage(x._data, x._data.itemsize)
