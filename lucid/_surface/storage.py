"""The memory of a tensor: as an object, as far as PyTorch code asks for it, resized, and shared with another tensor."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from lucid._functions._arguments import as_shape, check_tensors
from lucid._functions.strided import as_strided
from lucid._tensor import Tensor
from lucid.autograd._mode import mode


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


def resize_(self: Tensor, *sizes: Any, memory_format: Any = None) -> Tensor:
    """Give the tensor another shape; elements beyond its memory have arbitrary values.

    Args:
        sizes: sizes, as numbers or one sequence.
        memory_format: without effect: memory is in the order of the dimensions.

    Raises:
        RuntimeError: the tensor requires grad, or a size is negative.

    Example:
        >>> import lucid
        >>> print(lucid.arange(4).resize_(1, 2))
        [[0, 1]]
    """
    if self.requires_grad:
        raise RuntimeError("resize_: cannot resize variables that require grad")
    shape = as_shape(sizes)
    if min(shape, default=0) < 0:
        raise RuntimeError(f"resize_: sizes must not be negative, got {shape}")
    count, flat = int(np.prod(shape, dtype=np.int64)), self._data.reshape(-1)
    if count > flat.size:
        data = np.empty(count, self._data.dtype)
        data[: flat.size] = flat
        flat = data
    self._data = flat[:count].reshape(shape)
    return self


def resize_as_(self: Tensor, other: Tensor, *, memory_format: Any = None) -> Tensor:
    """`resize_` to the shape of ``other``.

    Args:
        other: tensor whose shape is taken.
        memory_format: without effect: memory is in the order of the dimensions.

    Raises:
        RuntimeError: the tensor requires grad.

    Example:
        >>> import lucid
        >>> lucid.arange(4).resize_as_(lucid.ones(2, 2)).shape
        lucid.Size([2, 2])
    """
    check_tensors("resize_as_", other)
    return resize_(self, other._data.shape)


def set_(self: Tensor, source: Any = None, storage_offset: int = 0, size: Any = None, stride: Any = None) -> Tensor:
    """Share the memory and the shape of ``source``, or sizes and strides over its memory; without it become empty.

    Args:
        source: tensor of the same dtype.
        storage_offset: first element, counted in the memory of ``source``.
        size: sizes; those of ``source`` unless given.
        stride: elements between neighbours of each dimension; contiguous unless given.

    Raises:
        RuntimeError: the dtypes differ, or the tensor requires grad.

    Example:
        >>> import lucid
        >>> x, y = lucid.zeros(1), lucid.arange(4.0)
        >>> print(x.set_(y, 1, (2,)))
        [1.0, 2.0]
    """
    if self.requires_grad and mode.enabled:
        raise RuntimeError("set_: cannot set the memory of variables that require grad")
    if source is None:
        self._data = np.empty(0, self._data.dtype)
        return self
    check_tensors("set_", source)
    if source._data.dtype != self._data.dtype:
        raise RuntimeError(f"set_: expected a source of {self.dtype}, got {source.dtype}")
    if size is None:
        self._data = source._data
        return self
    steps = stride
    if steps is None:
        steps = [int(np.prod(tuple(size)[k + 1 :], dtype=np.int64)) for k in range(len(size))]
    self._data = as_strided(source.detach(), tuple(size), tuple(steps), storage_offset)._data
    return self


def is_set_to(self: Tensor, tensor: Tensor) -> bool:
    """Whether both see the same memory in the same way.

    Args:
        tensor: the other one.

    Example:
        >>> import lucid
        >>> x = lucid.zeros(2)
        >>> x.is_set_to(x.detach()), x.is_set_to(x.clone())
        (True, False)
    """
    check_tensors("is_set_to", tensor)
    mine, other = self._data.__array_interface__["data"], tensor._data.__array_interface__["data"]
    return mine == other and self._data.shape == tensor._data.shape and self._data.strides == tensor._data.strides
