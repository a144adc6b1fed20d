"""Methods of tensors that have no function of the same name, or change the tensor's shape in place."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from lucid import _dtype
from lucid._functions._arguments import as_shape, check_tensors
from lucid._functions._common import cast, check_options, check_writable
from lucid._functions.choice import where as choose
from lucid._functions.sampling import bernoulli as draw
from lucid._functions.shape import reshape, squeeze, t, transpose, unsqueeze
from lucid._functions.strided import as_strided
from lucid._surface.creation import empty_strided
from lucid._surface.refused import refusals
from lucid._tensor import Tensor
from lucid.autograd._mode import mode
from lucid.autograd._node import bump


def _in_place(view: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """The method that makes the tensor itself what ``view`` shows: its memory stays, its shape changes."""
    name = view.__name__ + "_"

    @functools.wraps(view)
    def method(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        if mode.enabled and self.requires_grad and self.is_leaf:
            raise RuntimeError(f"{name}: a leaf Variable that requires grad is being used in an in-place operation.")
        base = self._base
        if mode.enabled and base is not None and base._requires_grad and base._node is None:
            raise RuntimeError(
                f"{name}: a view of a leaf Variable that requires grad is being used in an in-place operation."
            )
        y = view(self, *args, **kwargs)
        if y is self:
            return self
        if y._node is not None:
            self._requires_grad, self._node, self._slot = y._requires_grad, y._node, y._slot
        self._data = y._data
        if self._base is not None:
            self._replay, self._seen = y._replay, y._seen
        return self

    method.__name__ = method.__qualname__ = name
    rest = ", ".join(list(inspect.signature(view).parameters)[1:])
    arguments = f"\n    Args:\n        {rest}: as of `lucid.{view.__name__}`.\n" if rest else ""
    method.__doc__ = f"""In-place form of `lucid.{view.__name__}`: the same memory, seen otherwise.
{arguments}
    Raises:
        RuntimeError: the tensor is a leaf that requires grad.
    """
    return method


transpose_ = swapaxes_ = swapdims_ = _in_place(transpose)
squeeze_, unsqueeze_, t_, as_strided_ = _in_place(squeeze), _in_place(unsqueeze), _in_place(t), _in_place(as_strided)


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


def apply_(self: Tensor, callable: Callable[[Any], Any]) -> Tensor:
    """Overwrite every element x with ``callable(x)``: a Python call for each.

    Args:
        callable: number -> number.

    Raises:
        RuntimeError: the tensor is a leaf that requires grad.

    Example:
        >>> import lucid
        >>> print(lucid.tensor([1.0, 2.0]).apply_(lambda x: x + 0.5))
        [1.5, 2.5]
    """
    return _overwrite("apply_", self, callable)


def map_(self: Tensor, tensor: Tensor, callable: Callable[[Any, Any], Any]) -> Tensor:
    """Overwrite every element x with ``callable(x, y)``, y the element of ``tensor``, broadcast.

    Args:
        tensor: broadcasts to the tensor's shape.
        callable: two numbers -> number.

    Raises:
        RuntimeError: the tensor requires grad.

    Example:
        >>> import lucid
        >>> print(lucid.tensor([1.0, 2.0]).map_(lucid.tensor([3.0]), max))
        [3.0, 3.0]
    """
    return _overwrite("map_", self, callable, tensor)


def map2_(self: Tensor, x: Tensor, y: Tensor, callable: Callable[[Any, Any, Any], Any]) -> Tensor:
    """Overwrite every element s with ``callable(s, a, b)``, a and b the elements of two tensors, broadcast.

    Args:
        x, y: tensors that broadcast to the tensor's shape.
        callable: three numbers -> number.

    Raises:
        RuntimeError: the tensor requires grad.

    Example:
        >>> import lucid
        >>> print(lucid.tensor([1.0, 2.0]).map2_(lucid.tensor([3.0]), lucid.tensor([4.0]), max))
        [4.0, 4.0]
    """
    return _overwrite("map2_", self, callable, x, y)


def _overwrite(name: str, x: Tensor, function: Callable[..., Any], *others: Tensor) -> Tensor:
    check_tensors(name, *others)
    if x.requires_grad:
        raise RuntimeError(f"{name}: can't be called on variables that require grad; use detach() first")
    check_writable(name, x)
    columns = [np.broadcast_to(o._data, x._data.shape).ravel().tolist() for o in others]
    values = [function(*row) for row in zip(x._data.ravel().tolist(), *columns)]
    np.copyto(x._data, np.array(values, x._data.dtype).reshape(x._data.shape))
    bump(x)
    return x


def where(self: Tensor, condition: Tensor, y: Any) -> Tensor:
    """The elements of the tensor where ``condition`` is true, else those of ``y``: `lucid.where`.

    Args:
        condition: bool; all three broadcast together.
        y: a tensor or number.

    Raises:
        TypeError: the condition is not bool.

    Example:
        >>> import lucid
        >>> x = lucid.tensor([-1.0, 2.0])
        >>> print(x.where(x > 0, 0.0))
        [0.0, 2.0]
    """
    return choose(condition, self, y)


def bernoulli(self: Tensor, p: float | None = None, *, generator: Any = None) -> Tensor:
    """A draw of 0 or 1 for every element, which is the probability of 1; or of ``p`` in the tensor's shape.

    Args:
        p: a probability for all elements.
        generator: source of randomness; the default one unless given.

    Example:
        >>> import lucid
        >>> print(lucid.tensor([0.0, 1.0]).bernoulli())
        [0.0, 1.0]
    """
    if p is None:
        return draw(self, generator=generator)
    return self.new_empty(*self.shape).bernoulli_(p, generator=generator)


def short(self: Tensor, **_: Any) -> Tensor:
    """The tensor in int16.

    Example:
        >>> import lucid
        >>> lucid.ones(1).short().dtype
        lucid.int16
    """
    check_options("short", _)
    return cast(self, _dtype.int16)


def char(self: Tensor, **_: Any) -> Tensor:
    """The tensor in int8.

    Example:
        >>> import lucid
        >>> lucid.ones(1).char().dtype
        lucid.int8
    """
    check_options("char", _)
    return cast(self, _dtype.int8)


def pin_memory(self: Tensor, device: Any = None) -> Tensor:
    """The tensor itself: there is no other device to copy to.

    Args:
        device: without effect.

    Example:
        >>> import lucid
        >>> x = lucid.ones(1)
        >>> x.pin_memory() is x
        True
    """
    return self


def share_memory_(self: Tensor) -> Tensor:
    """The tensor itself: forked processes see its memory as it was, copied when one of them writes.

    Example:
        >>> import lucid
        >>> x = lucid.ones(1)
        >>> x.share_memory_() is x
        True
    """
    return self


def false(self: Tensor, *args: Any) -> bool:
    """False: tensors of lucid are dense, live on the CPU in one process, and hold what they are.

    Args:
        args: not looked at.

    Example:
        >>> import lucid
        >>> lucid.ones(1).is_pinned(), lucid.ones(1).is_shared()
        (False, False)
    """
    return False


def new(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    """A tensor of the same dtype: of the given sizes with arbitrary values, or with the given nested values.

    Args:
        args: sizes, or one nested sequence, array or tensor.
        kwargs: not looked at.

    Example:
        >>> import lucid
        >>> x = lucid.zeros(1, dtype=lucid.float64)
        >>> x.new(2, 3).shape, x.new([1, 2]).dtype
        (lucid.Size([2, 3]), lucid.float64)
    """
    if len(args) == 1 and not isinstance(args[0], int):
        value = args[0]
        if isinstance(value, Tensor):
            return value.detach().to(self.dtype)
        if type(value).__name__ != "Size":
            return self.new_tensor(value)
    return self.new_empty(*args) if args else self.new_empty(0)


def new_empty_strided(self: Tensor, size: Any, stride: Any, dtype: Any = None, **options: Any) -> Tensor:
    """A tensor with arbitrary values, of the given sizes and strides, and the same dtype unless another is given.

    Args:
        size: sizes.
        stride: elements between neighbours of each dimension.
        dtype: that of the tensor unless given.
        options: device and requires_grad, as of `lucid.empty_strided`.

    Example:
        >>> import lucid
        >>> lucid.zeros(1).new_empty_strided((2, 3), (1, 2)).stride()
        (1, 2)
    """
    return empty_strided(size, stride, dtype=self.dtype if dtype is None else dtype, **options)


def dim_order(self: Tensor) -> tuple[int, ...]:
    """The dimensions by their strides, outermost first.

    Example:
        >>> import lucid
        >>> lucid.zeros(2, 3).t().dim_order()
        (1, 0)
    """
    return tuple(sorted(range(self.ndim), key=lambda d: -self._data.strides[d]))


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


def to_dense(self: Tensor, dtype: Any = None, *, masked_grad: bool = True) -> Tensor:
    """The tensor, which is dense, in another dtype where one is given.

    Args:
        dtype: that of the tensor unless given.
        masked_grad: without effect.

    Example:
        >>> import lucid
        >>> lucid.ones(1).to_dense(lucid.float64).dtype
        lucid.float64
    """
    return self if dtype is None else self.to(dtype)


def as_subclass(self: Tensor, cls: type[Tensor]) -> Tensor:
    """The same memory and history as an instance of a subclass of Tensor.

    Args:
        cls: the subclass.

    Raises:
        TypeError: ``cls`` is no such class.

    Example:
        >>> import lucid
        >>> class Named(lucid.Tensor):
        ...     pass
        >>> type(lucid.ones(1).as_subclass(Named)).__name__
        'Named'
    """
    if not (isinstance(cls, type) and issubclass(cls, Tensor)):
        raise TypeError(f"as_subclass: expected a subclass of Tensor, got {cls!r}")
    y = reshape(self, self._data.shape).view_as(self)
    y.__class__ = cls
    return y


def module_load(self: Tensor, other: Tensor, assign: bool = False) -> Tensor:
    """What a parameter becomes when ``other`` is loaded into it: its values.

    Args:
        other: tensor of the same shape.
        assign: give ``other`` itself, without history, instead of copying its values.

    Example:
        >>> import lucid
        >>> print(lucid.zeros(2).module_load(lucid.ones(2)))
        [1.0, 1.0]
    """
    return other.detach() if assign else self.detach().copy_(other)


def reinforce(self: Tensor, reward: Any) -> None:
    """Refused, as in PyTorch, which removed it.

    Args:
        reward: not looked at.

    Raises:
        RuntimeError: always.

    Example:
        >>> import lucid
        >>> lucid.ones(1).reinforce(1.0)
        Traceback (most recent call last):
            ...
        RuntimeError: reinforce: was removed; use lucid.distributions, or a loss of log-probabilities
    """
    raise RuntimeError("reinforce: was removed; use lucid.distributions, or a loss of log-probabilities")


def __getattr__(name: str) -> Any:
    if name in refusals:
        return refusals[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
