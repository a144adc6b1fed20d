"""Methods of tensors that have no function of the same name, or change the tensor's shape in place."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from lucid import _dtype
from lucid._functions._arguments import check_tensors
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
