"""`Parameter`: a tensor that a module owns and an optimizer changes."""

from __future__ import annotations

from typing import Any

from lucid._convert import to_array
from lucid._functions.creation import empty
from lucid._printing import describe_tensor
from lucid._tensor import Tensor
from lucid.autograd._node import TensorBase, wrap


class Parameter(Tensor):
    """A leaf tensor that becomes part of ``parameters()`` when assigned to an attribute of a module.

    Args:
        data: the initial values; the memory of a Tensor is shared, anything else is copied.
        requires_grad: whether gradients are wanted; only floating-point tensors can have them.

    Raises:
        RuntimeError: ``data`` holds integers or bools and ``requires_grad`` is true.

    Example:
        >>> import lucid
        >>> p = lucid.nn.Parameter(lucid.ones(2))
        >>> (p * 3).sum().backward()
        >>> print(p.grad)
        [3.0, 3.0]
    """

    def __init__(self, data: Any = (), requires_grad: bool = True) -> None:
        self._data = data._data if isinstance(data, TensorBase) else to_array(data, None, copy=True)
        if requires_grad:
            self.requires_grad = True

    def __deepcopy__(self, memo: dict[Any, Any]) -> Parameter:
        copied = memo[id(self)] = type(self)(wrap(self._data.copy()), self._requires_grad)
        return copied

    def __repr__(self) -> str:
        return "Parameter containing:\n" + describe_tensor(self)


def empty_parameter(*shape: int, device: Any = None, dtype: Any = None) -> Parameter:
    """A parameter of ``shape`` with arbitrary values, for a module to initialise."""
    return Parameter(empty(shape, dtype=dtype, device=device))


class Buffer(Tensor):
    """A tensor that becomes a buffer when assigned to an attribute of a module: not trained, but part of its state.

    Args:
        data: the values; the memory of a Tensor is shared, anything else is copied.
        persistent: whether the module's state dict includes it.

    Raises:
        TypeError: ``data`` cannot become a tensor.

    Example:
        >>> import lucid
        >>> module = lucid.nn.Module()
        >>> module.scale = lucid.nn.Buffer(lucid.ones(2))
        >>> list(module.state_dict())
        ['scale']
    """

    def __init__(self, data: Any = (), *, persistent: bool = True) -> None:
        self._data = data._data if isinstance(data, TensorBase) else to_array(data, None, copy=True)
        self.persistent = persistent

    def __deepcopy__(self, memo: dict[Any, Any]) -> Buffer:
        copied = memo[id(self)] = type(self)(wrap(self._data.copy()), persistent=self.persistent)
        return copied


class _Uninitialized(Tensor):
    """A tensor whose shape is not known yet; its dtype is that of ``_data``, which is empty until `materialize`."""

    _becomes: type[Tensor]

    def materialize(self, shape: Any, device: Any = None, dtype: Any = None) -> None:
        """Give it memory of ``shape`` with arbitrary values; it then is an ordinary parameter or buffer.

        Args:
            shape: the sizes.
            device: "cpu".
            dtype: element type; the one it was made with unless given.
        """
        self._data = empty(tuple(shape), dtype=self.dtype if dtype is None else dtype, device=device)._data
        self.__class__ = self._becomes  # type: ignore[assignment]

    def _refuse(self, *args: Any, **kwargs: Any) -> Any:
        raise RuntimeError(
            f"{type(self).__name__}: the shape is not known yet; call the module once, on an input of the usual shape, "
            "before its parameters or buffers are used"
        )

    shape = ndim = T = mT = property(_refuse)
    size = dim = numel = nelement = numpy = tolist = item = __len__ = __iter__ = __array__ = _refuse

    def detach(self) -> Tensor:
        """The tensor itself: there are no values to share."""
        return self

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"

    __str__ = __repr__


class UninitializedParameter(_Uninitialized, Parameter):
    """A parameter whose shape a lazy module finds out from its first input.

    Args:
        requires_grad: whether gradients are wanted.
        device: "cpu".
        dtype: element type; the default type unless given.

    Raises:
        RuntimeError: its shape or values are asked for before `materialize`.

    Example:
        >>> import lucid
        >>> p = lucid.nn.UninitializedParameter()
        >>> p.materialize((2, 3))
        >>> type(p).__name__, p.shape
        ('Parameter', lucid.Size([2, 3]))
    """

    _becomes = Parameter

    def __init__(self, requires_grad: bool = True, device: Any = None, dtype: Any = None) -> None:
        Parameter.__init__(self, empty(0, dtype=dtype, device=device), requires_grad)

    def __deepcopy__(self, memo: dict[Any, Any]) -> UninitializedParameter:
        copied = memo[id(self)] = type(self)(self._requires_grad, dtype=self.dtype)
        return copied


class UninitializedBuffer(_Uninitialized, Buffer):
    """A buffer whose shape a lazy module finds out from its first input.

    Args:
        requires_grad: accepted; buffers are not trained.
        device: "cpu".
        dtype: element type; the default type unless given.
        persistent: whether the module's state dict includes it.

    Raises:
        RuntimeError: its shape or values are asked for before `materialize`.

    Example:
        >>> import lucid
        >>> layer = lucid.nn.LazyBatchNorm1d()
        >>> type(layer.running_mean).__name__
        'UninitializedBuffer'
    """

    _becomes = Buffer

    def __init__(
        self, requires_grad: bool = False, device: Any = None, dtype: Any = None, *, persistent: bool = True
    ) -> None:
        Buffer.__init__(self, empty(0, dtype=dtype, device=device), persistent=persistent)

    def to(self, *args: Any, **kwargs: Any) -> UninitializedBuffer:
        """Another one with the dtype asked for.

        Args:
            args, kwargs: of `Tensor.to`.
        """
        return type(self)(dtype=super().to(*args, **kwargs).dtype, persistent=self.persistent)

    def __deepcopy__(self, memo: dict[Any, Any]) -> UninitializedBuffer:
        copied = memo[id(self)] = type(self)(dtype=self.dtype, persistent=self.persistent)
        return copied


def is_lazy(t: Any) -> bool:
    """Whether ``t`` has no shape yet."""
    return isinstance(t, _Uninitialized)
