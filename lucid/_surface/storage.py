"""The memory of a tensor as an object, as far as PyTorch code asks for it."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from lucid._tensor import Tensor


class UntypedStorage:
    """The bytes that a tensor and its views share.

    Args:
        data: the array whose memory it is; or a number of bytes to take.
        itemsize: bytes of what `size` counts: 1, or those of an element.

    Example:
        >>> import lucid
        >>> lucid.ones(3).untyped_storage().nbytes()
        12
    """

    def __init__(self, data: np.ndarray, itemsize: int = 1) -> None:
        root = np.empty(data, np.uint8) if isinstance(data, int) else data
        while isinstance(root.base, np.ndarray):
            root = root.base
        self._root, self._itemsize = root, itemsize

    @classmethod
    def from_file(cls, filename: Any, shared: bool = False, nbytes: int | None = None) -> UntypedStorage:
        """The bytes of a file, which are read when they are looked at.

        Args:
            filename: its path.
            shared: write what is written to the storage to the file.
            nbytes: how many from its start; all of them unless given.

        Raises:
            OSError: it cannot be read.
            ValueError: it has fewer bytes.

        Example:
            >>> import os, tempfile
            >>> import lucid
            >>> path = os.path.join(tempfile.mkdtemp(), "bytes")
            >>> with open(path, "wb") as file:
            ...     _ = file.write(bytes(range(6)))
            ...
            >>> lucid.UntypedStorage.from_file(path, False, 6)[2:4].tolist()
            [2, 3]
        """
        return cls._over(np.memmap(os.fspath(filename), np.uint8, "r+" if shared else "c", 0, nbytes).view(np.ndarray))

    @classmethod
    def _over(cls, part: np.ndarray) -> UntypedStorage:
        """The storage of bytes inside other memory, copied where numbers of 8 bytes would lie across its words."""
        made = cls.__new__(cls)
        made._root, made._itemsize = part if part.ctypes.data % 8 == 0 else part.copy(), 1
        return made

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        flat = self._root.reshape(-1)
        return np.array(flat.view(np.uint8) if self._itemsize == 1 else flat, dtype, copy=copy)

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
        if isinstance(index, slice) and self._itemsize == 1:
            return self._over(self.__array__()[index])
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
