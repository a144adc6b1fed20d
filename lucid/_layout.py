"""The attributes of `Tensor` that tell its shape and how it lies in memory, and the views that need no more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from lucid import _dtype
from lucid._device import current_device, device
from lucid.autograd._node import set_size_class, wrap

if TYPE_CHECKING:
    from lucid._tensor import Tensor


class Size(tuple[int, ...]):
    """A shape: a tuple that prints and counts like PyTorch's.

    Args:
        iterable: sizes; none unless given.

    Example:
        >>> import lucid
        >>> lucid.zeros(2, 3).shape.numel()
        6
    """

    __slots__ = ()

    def numel(self) -> int:
        """The number of elements a tensor of this shape holds."""
        n = 1
        for s in self:
            n *= s
        return n

    def __add__(self, other: Any) -> Any:
        return Size(tuple.__add__(self, other))

    def __radd__(self, other: Any) -> Any:
        return Size(tuple(other) + tuple(self)) if isinstance(other, tuple) else NotImplemented

    def __mul__(self, n: Any) -> Any:
        return Size(tuple.__mul__(self, n))

    __rmul__ = __mul__

    if TYPE_CHECKING:  # compiled: a size is one, a slice a Size

        def __getitem__(self, index: Any) -> Any: ...

    def __repr__(self) -> str:
        return f"lucid.Size({list(self)})"

    __str__ = __repr__


set_size_class(Size)


class Layout:
    """Mixed into `Tensor`, which ``self`` is."""

    @property
    def data(self: Any) -> Tensor:
        """The same storage without history; assigning to it replaces the storage."""
        t = wrap(self._data)
        return t

    @data.setter
    def data(self: Any, value: Tensor) -> None:
        self._data = value._data

    def size(self: Any, dim: int | None = None) -> Any:
        """The shape, or the size of one dimension.

        Args:
            dim: which dimension; None means all.

        Example:
            >>> import lucid
            >>> lucid.zeros(2, 3).size(), lucid.zeros(2, 3).size(-1)
            (lucid.Size([2, 3]), 3)
        """
        return self.shape if dim is None else self._data.shape[dim]

    @property
    def ndim(self: Any) -> int:
        """The number of dimensions."""
        return self._data.ndim

    def dim(self: Any) -> int:
        """The number of dimensions."""
        return self._data.ndim

    def numel(self: Any) -> int:
        """The number of elements."""
        return self._data.size

    nelement = numel

    @property
    def dtype(self: Any) -> _dtype.dtype:
        """The element type."""
        return _dtype.of_array(self._data)

    @property
    def device(self: Any) -> device:
        """Where the tensor lives: the CPU; inside a context of the meta device, that."""
        return current_device()

    @property
    def itemsize(self: Any) -> int:
        """Bytes per element."""
        return self._data.itemsize

    def element_size(self: Any) -> int:
        """Bytes per element."""
        return self._data.itemsize

    @property
    def nbytes(self: Any) -> int:
        """Bytes of all elements."""
        return self._data.nbytes

    def stride(self: Any, dim: int | None = None) -> Any:
        """Elements to step per dimension, or along one.

        Args:
            dim: which dimension; None means all.

        Example:
            >>> import lucid
            >>> lucid.zeros(2, 3).stride(), lucid.zeros(2, 3).stride(0)
            ((3, 1), 3)
        """
        steps = tuple(s // self._data.itemsize for s in self._data.strides)
        return steps if dim is None else steps[dim]

    def storage_offset(self: Any) -> int:
        """Elements between the start of the underlying array and this tensor's first element."""
        root = self._data
        while isinstance(root.base, np.ndarray):
            root = root.base
        return (self._data.__array_interface__["data"][0] - root.__array_interface__["data"][0]) // self._data.itemsize

    def data_ptr(self: Any) -> int:
        """Address of the first element."""
        return int(self._data.__array_interface__["data"][0])

    def is_contiguous(self: Any, memory_format: Any = None) -> bool:
        """Whether the elements lie in row-major order without gaps.

        Args:
            memory_format: without effect.

        Example:
            >>> import lucid
            >>> lucid.zeros(2, 3).is_contiguous(), lucid.zeros(2, 3).t().is_contiguous()
            (True, False)
        """
        return self._data.flags.c_contiguous

    def is_floating_point(self: Any) -> bool:
        """Whether the dtype is float16, bfloat16, float32 or float64."""
        return _dtype.is_floating(self._data.dtype)

    @property
    def is_cuda(self: Any) -> bool:
        return False

    @property
    def is_meta(self: Any) -> bool:
        """Whether a context of the meta device is entered; the tensor has memory and values all the same."""
        return current_device().type == "meta"

    is_sparse = is_sparse_csr = is_quantized = is_mkldnn = is_nested = False
    is_mps = is_xpu = is_xla = is_ipu = is_maia = is_mtia = is_vulkan = False
    is_cpu, layout, name, output_nr = True, "strided", None, 0

    def ndimension(self: Any) -> int:
        """The number of dimensions."""
        return self._data.ndim

    def const_data_ptr(self: Any) -> int:
        """Address of the first element."""
        return self.data_ptr()

    @property
    def T(self: Any) -> Tensor:
        """All dimensions reversed, as a view."""
        return self.transpose(0, 1) if self.ndim == 2 else self.permute(tuple(range(self.ndim))[::-1])

    @property
    def mT(self: Any) -> Tensor:
        """The last two dimensions exchanged, as a view."""
        return self.transpose(-2, -1)

    @property
    def H(self: Any) -> Tensor:
        """The conjugate transpose of a matrix.

        Raises:
            RuntimeError: the tensor has neither two dimensions nor none.
        """
        if self.ndim not in (0, 2):
            raise RuntimeError(f"H: only supported on matrices (2-D tensors), got {self.ndim}-D tensor")
        return self.mH if self.ndim else self.conj()

    @property
    def mH(self: Any) -> Tensor:
        """The last two dimensions exchanged, and conjugated."""
        return self.transpose(-2, -1).conj()

    @property
    def real(self: Any) -> Tensor:
        """The real part, as a view; a real tensor itself."""
        from lucid._functions.complex import real

        return real(self)

    @real.setter
    def real(self: Any, value: Any) -> None:
        self.real[...] = value

    @property
    def imag(self: Any) -> Tensor:
        """The imaginary part of a complex tensor, as a view."""
        from lucid._functions.complex import imag

        return imag(self)

    @imag.setter
    def imag(self: Any, value: Any) -> None:
        self.imag[...] = value
