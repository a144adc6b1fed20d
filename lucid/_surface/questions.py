"""Questions about tensors and dtypes that PyTorch's top level answers."""

from __future__ import annotations

from typing import Any

from lucid import _dtype
from lucid._functions._arguments import check_tensors
from lucid._tensor import Tensor


def can_cast(from_: Any, to: Any) -> bool:
    """Whether PyTorch's rules let a result of one dtype be written to another: never to a lower category.

    The categories are bool, integers, floating point, complex.

    Args:
        from_, to: dtypes.

    Raises:
        TypeError: an argument is no dtype.

    Example:
        >>> import lucid
        >>> lucid.can_cast(lucid.float32, lucid.int64)
        False
    """
    for d in (from_, to):
        if not isinstance(d, (_dtype.dtype, str, type)):
            raise TypeError(f"can_cast: expected dtypes, got {type(d).__name__}")
    a, b = _dtype.as_dtype(from_), _dtype.as_dtype(to)
    order = {"b": 0, "u": 1, "i": 1, "f": 2, "V": 2, "c": 3}
    return order[a.numpy.kind] <= order[b.numpy.kind]


def typename(obj: Any) -> str:
    """The name of a tensor's type by its dtype, or of any object's type.

    Args:
        obj: any object.

    Example:
        >>> import lucid
        >>> lucid.typename(lucid.ones(1))
        'lucid.float32'
    """
    if isinstance(obj, Tensor):
        return str(obj.type())
    kind = type(obj)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def get_device(input: Tensor) -> int:
    """-1, PyTorch's number for the CPU.

    Args:
        input: any shape and dtype.

    Example:
        >>> import lucid
        >>> lucid.get_device(lucid.ones(1))
        -1
    """
    check_tensors("get_device", input)
    return -1


def is_storage(obj: Any) -> bool:
    """Whether ``obj`` is the storage of a tensor.

    Args:
        obj: any object.

    Example:
        >>> import lucid
        >>> lucid.is_storage(lucid.ones(2).untyped_storage())
        True
    """
    from lucid._surface.storage import UntypedStorage

    return isinstance(obj, UntypedStorage)


def is_complex(input: Tensor) -> bool:
    """Whether the dtype is a complex one.

    Args:
        input: any shape and dtype.

    Example:
        >>> import lucid
        >>> lucid.is_complex(lucid.tensor([1j]))
        True
    """
    check_tensors("is_complex", input)
    return input._data.dtype.kind == "c"


def is_conj(input: Tensor) -> bool:
    """False: conjugates are computed at once.

    Args:
        input: any shape and dtype.

    Example:
        >>> import lucid
        >>> lucid.is_conj(lucid.tensor([1j]).conj())
        False
    """
    check_tensors("is_conj", input)
    return False


def is_neg(input: Tensor) -> bool:
    """False: negatives are computed at once.

    Args:
        input: any shape and dtype.

    Example:
        >>> import lucid
        >>> lucid.is_neg(-lucid.ones(1))
        False
    """
    check_tensors("is_neg", input)
    return False


def is_distributed(input: Tensor) -> bool:
    """False: tensors live in one process.

    Args:
        input: any shape and dtype.

    Example:
        >>> import lucid
        >>> lucid.is_distributed(lucid.ones(1))
        False
    """
    check_tensors("is_distributed", input)
    return False


def is_inference(input: Tensor) -> bool:
    """False: tensors made in `inference_mode` can be used in autograd later.

    Args:
        input: any shape and dtype.

    Example:
        >>> import lucid
        >>> lucid.is_inference(lucid.ones(1))
        False
    """
    check_tensors("is_inference", input)
    return False


def is_nonzero(input: Tensor) -> bool:
    """Whether the only element is not zero.

    Args:
        input: any shape and dtype.

    Raises:
        RuntimeError: there is not exactly one element.

    Example:
        >>> import lucid
        >>> lucid.is_nonzero(lucid.tensor([0.5]))
        True
    """
    check_tensors("is_nonzero", input)
    if input.numel() != 1:
        raise RuntimeError(f"is_nonzero: Boolean value of Tensor with {input.numel()} values is ambiguous")
    return bool(input._data.reshape(-1)[0])


def is_same_size(input: Tensor, other: Tensor) -> bool:
    """Whether two tensors have the same shape.

    Args:
        input, other: tensors.

    Example:
        >>> import lucid
        >>> lucid.is_same_size(lucid.ones(2, 3), lucid.zeros(2, 3))
        True
    """
    check_tensors("is_same_size", input, other)
    return input._data.shape == other._data.shape


def is_signed(input: Tensor) -> bool:
    """Whether the dtype has negative numbers.

    Args:
        input: any shape and dtype.

    Example:
        >>> import lucid
        >>> lucid.is_signed(lucid.tensor([1], dtype=lucid.uint8))
        False
    """
    check_tensors("is_signed", input)
    return input._data.dtype.kind not in "ub"


__all__ = [
    "can_cast", "get_device", "is_complex", "is_conj", "is_distributed", "is_inference", "is_neg", "is_nonzero",
    "is_same_size", "is_signed", "is_storage", "typename",
]  # fmt: skip
