"""What activations and losses share: checks of arguments, working in place, reductions."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

from lucid._functions._arguments import check_tensors as check_tensors
from lucid._functions._common import cast, floating, operands
from lucid._functions._unary import run as run
from lucid._functions.reduce import mean, sum
from lucid._printing import shown

if TYPE_CHECKING:
    from lucid._tensor import Tensor


def check_floating(name: str, x: Any) -> None:
    """Refuse anything but a floating-point tensor."""
    check_tensors(name, x)
    if x._data.dtype.kind != "f":
        raise TypeError(f"{name}: expected a floating-point tensor, got {x.dtype} of shape {x._data.shape}")


def numeric(name: str, x: Any) -> Tensor:
    """``x``, integers in the default floating-point type; bools are refused as PyTorch does."""
    check_tensors(name, x)
    if x._data.dtype.kind in "iu":
        return floating(x)
    check_floating(name, x)
    return x


def reduction_of(
    name: str,
    reduction: str,
    size_average: bool | None = None,
    reduce: bool | None = None,
    allowed: tuple[str, ...] = ("none", "mean", "sum"),
) -> str:
    """The reduction meant: ``reduction``, unless one of its two deprecated forms is given."""
    if size_average is not None or reduce is not None:
        reduction = "none" if reduce is False else "sum" if size_average is False else "mean"
        warnings.warn(
            f"{name}: size_average and reduce are deprecated; use reduction={reduction!r} instead", stacklevel=3
        )
    if reduction not in allowed:
        raise ValueError(f"{name}: reduction must be one of {', '.join(map(repr, allowed))}, got {shown(reduction)}")
    return reduction


def reduced(loss: Tensor, reduction: str) -> Tensor:
    """``loss`` itself, its mean or its sum."""
    return loss if reduction == "none" else mean(loss) if reduction == "mean" else sum(loss)


def fitting(name: str, what: str, x: Tensor, like: Tensor) -> Tensor:
    """An argument of the dtype of ``like``: cast, unless that would lose what complex numbers have."""
    check_tensors(name, x)
    if x._data.dtype.kind == "c" and like._data.dtype.kind != "c":
        raise TypeError(f"{name}: expected {what} of real numbers, got {x.dtype}")
    return cast(x, like.dtype)


def both_floating(name: str, input: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Both in their common dtype.

    Raises:
        TypeError: one is no tensor, or that dtype holds integers.
        ValueError: the shapes do not broadcast.
    """
    check_tensors(name, input, target)
    x, y = operands(name, input, target)
    check_floating(name, x)
    return x, y


def check_dtype(name: str, what: str, x: Tensor, like: Tensor) -> None:
    """Refuse an argument that is not a tensor of the input's dtype."""
    check_tensors(name, x)
    if x._data.dtype != like._data.dtype:
        raise TypeError(f"{name}: expected {what} of dtype {like.dtype} like the input, got {x.dtype}")


def check_same_shape(name: str, input: Tensor, target: Tensor) -> None:
    """Refuse a target whose shape is not that of the input."""
    if input._data.shape != target._data.shape:
        raise ValueError(
            f"{name}: expected target of shape {input._data.shape} like the input, got {target._data.shape}"
        )


def check_broadcasts_to(name: str, what: str, x: Tensor, shape: tuple[int, ...]) -> None:
    """Refuse an argument that does not broadcast to ``shape``."""
    own = x._data.shape
    if len(own) > len(shape) or any(a not in (1, b) for a, b in zip(reversed(own), reversed(shape))):
        raise ValueError(f"{name}: expected {what} that broadcasts to {shape}, got shape {own}")
