"""What every initialiser checks, and how it writes."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

from lucid._functions._arguments import check_tensors
from lucid.autograd._mode import no_grad
from lucid.autograd._node import wrap

if TYPE_CHECKING:
    from lucid._tensor import Tensor


class Thread(threading.local):
    """Whether random initialisers leave what they are given as it is."""

    idle = False


thread = Thread()


@contextmanager
def without_draws() -> Iterator[None]:
    """Let the random initialisers of this thread do nothing: for modules whose weights are loaded next."""
    before, thread.idle = thread.idle, True
    try:
        yield
    finally:
        thread.idle = before


def check(name: str, tensor: Tensor) -> None:
    """Refuse what random numbers do not fit into."""
    check_tensors(name, tensor)
    if not (tensor.is_floating_point() or tensor.is_complex()):
        raise TypeError(f"{name}: expected a floating-point tensor, got {tensor.dtype} of shape {tensor._data.shape}")


def assign(tensor: Tensor, values: np.ndarray) -> Tensor:
    with no_grad():
        return tensor.copy_(wrap(values.astype(tensor._data.dtype, copy=False)))


def check_dims(name: str, tensor: Tensor, allowed: tuple[int, ...]) -> tuple[int, ...]:
    check_tensors(name, tensor)
    shape = tensor._data.shape
    if len(shape) not in allowed:
        raise ValueError(f"{name}: expected {' or '.join(map(str, allowed))} dimensions, got shape {shape}")
    return shape


def is_empty(tensor: Tensor) -> bool:
    if tensor._data.size == 0:
        warnings.warn(f"no elements to initialize in shape {tensor._data.shape}", UserWarning, stacklevel=3)
    return tensor._data.size == 0
