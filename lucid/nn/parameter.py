"""`Parameter`: a tensor that a module owns and an optimizer changes."""

from __future__ import annotations

from typing import Any

from lucid._convert import to_array
from lucid._functions.creation import empty
from lucid._printing import format_tensor
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
        return "Parameter containing:\n" + format_tensor(self)


def empty_parameter(*shape: int, device: Any = None, dtype: Any = None) -> Parameter:
    """A parameter of ``shape`` with arbitrary values, for a module to initialise."""
    return Parameter(empty(shape, dtype=dtype, device=device))
