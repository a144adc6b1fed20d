"""`Variable`, PyTorch's former name of tensors that take part in autograd."""

from __future__ import annotations

from typing import Any

from lucid._tensor import Tensor

__all__ = ["Variable"]


class _IsTensor(type):
    def __instancecheck__(cls, obj: object) -> bool:
        return isinstance(obj, Tensor)


class Variable(metaclass=_IsTensor):
    """A tensor over the same memory without history: what ``Variable(x)`` meant before tensors recorded operations.

    Args:
        data: a tensor; an empty one unless given.
        requires_grad: record operations on the result.
        volatile: accepted: PyTorch gave it up with version 0.4.

    Raises:
        TypeError: ``data`` is not a tensor.

    Example:
        >>> import lucid
        >>> from lucid.autograd import Variable
        >>> x = Variable(lucid.ones(2), requires_grad=True)
        >>> isinstance(x, lucid.Tensor), isinstance(x, Variable), x.requires_grad
        (True, True, True)
    """

    def __new__(cls, data: Any = None, requires_grad: bool = False, volatile: bool = False) -> Any:
        if data is None:
            data = Tensor([])
        if not isinstance(data, Tensor):
            raise TypeError(f"Variable data has to be a tensor, but got {type(data).__name__}")
        return data.detach().requires_grad_(requires_grad)
