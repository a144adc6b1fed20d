"""Random numbers from a counter: element i of a draw depends on (seed, offset + i) and on nothing else."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np

from lucid._functions._arguments import check_tensors
from lucid.autograd._node import TensorBase, get_tracer, mode

if TYPE_CHECKING:
    from lucid._tensor import Tensor

_MASK = (1 << 64) - 1


class Generator:
    """A stream of random numbers with its own seed.

    The stream is Philox4x32-10, so draws have the same bits for any number of threads.

    Args:
        device: "cpu".

    Example:
        >>> import lucid
        >>> g = lucid.Generator().manual_seed(0)
        >>> a = lucid.rand(2, generator=g)
        >>> bool((a == lucid.rand(2, generator=g.manual_seed(0))).all())
        True

    Source: Salmon et al., Parallel random numbers: as easy as 1, 2, 3, 2011.
    """

    def __init__(self, device: Any = "cpu") -> None:
        self._seed, self._offset = 67280421310721, 0

    @property
    def device(self) -> Any:
        """Where the numbers are drawn: the CPU."""
        from lucid._device import device

        return device("cpu")

    def manual_seed(self, seed: int) -> Generator:
        """Restart the stream from ``seed`` (any integer, taken modulo 2^64).

        Args:
            seed: any integer.
        """
        self._seed, self._offset = int(seed) & _MASK, 0
        return self

    def seed(self) -> int:
        """Restart from a seed of the operating system, and return it."""
        return self.manual_seed(int.from_bytes(os.urandom(8), "little")).initial_seed()

    def initial_seed(self) -> int:
        """The seed the stream started from."""
        return self._seed

    def get_state(self) -> Tensor:
        """The state as a uint8 tensor of 16 elements."""
        from lucid._functions.creation import tensor

        return tensor(np.frombuffer(np.array([self._seed, self._offset], np.uint64).tobytes(), np.uint8))

    def set_state(self, state: Tensor) -> Generator:
        """Continue from a state `get_state` returned.

        Args:
            state: uint8, 16 elements.

        Raises:
            TypeError: it is no tensor.
            ValueError: it is not such a state.
        """
        if not isinstance(state, TensorBase):
            raise TypeError(f"set_state: expected a Tensor, got {type(state).__name__}")
        data = np.ascontiguousarray(state._data)
        if data.dtype != np.uint8 or data.shape != (16,):
            raise ValueError(f"set_state: expected a uint8 tensor of 16 elements, got {state.dtype} {data.shape}")
        self._seed, self._offset = (int(v) for v in np.frombuffer(data.tobytes(), np.uint64))
        return self

    def take(self, count: int) -> tuple[int, int]:
        """Reserve ``count`` numbers of the stream; returns (seed, offset) of the first.

        Args:
            count: how many numbers.
        """
        seed, start = self._seed, self._offset
        if mode.trace:
            seed, start = get_tracer().draw(self, seed, start, count)
        self._offset = (self._offset + count) & _MASK
        return seed, start

    def numpy(self, count: int) -> np.random.Generator:
        """A NumPy generator at this place of the stream, for draws without a kernel; reserves ``count`` numbers.

        Args:
            count: how many numbers.
        """
        seed, offset = self.take(max(count, 1))
        return np.random.Generator(np.random.Philox(key=seed, counter=[0, 0, offset, 1]))

    def __repr__(self) -> str:
        return f"<lucid.Generator seed={self._seed} offset={self._offset}>"


default_generator = Generator()


def manual_seed(seed: int) -> Generator:
    """Seed the default generator, and return it.

    Args:
        seed: any integer, taken modulo 2^64.

    Example:
        >>> import lucid
        >>> _ = lucid.manual_seed(0)
        >>> x = lucid.rand(2)
        >>> _ = lucid.manual_seed(0)
        >>> bool((lucid.rand(2) == x).all())
        True
    """
    return default_generator.manual_seed(seed)


def seed() -> int:
    """Seed the default generator from the operating system, and return the seed.

    Example:
        >>> import lucid
        >>> lucid.seed() == lucid.initial_seed()
        True
    """
    return default_generator.seed()


def initial_seed() -> int:
    """The seed of the default generator.

    Example:
        >>> import lucid
        >>> _ = lucid.manual_seed(7)
        >>> lucid.initial_seed()
        7
    """
    return default_generator.initial_seed()


def get_rng_state() -> Tensor:
    """The state of the default generator.

    Example:
        >>> import lucid
        >>> state = lucid.get_rng_state()
        >>> x = lucid.rand(2)
        >>> lucid.set_rng_state(state)
        >>> bool((lucid.rand(2) == x).all())
        True
    """
    return default_generator.get_state()


def set_rng_state(state: Tensor) -> None:
    """Set the state of the default generator.

    Args:
        state: what `get_rng_state` gave.

    Raises:
        ValueError: it is not such a state.

    Example:
        >>> import lucid
        >>> state = lucid.get_rng_state()
        >>> x = lucid.rand(2)
        >>> lucid.set_rng_state(state)
        >>> bool((lucid.rand(2) == x).all())
        True
    """
    check_tensors("set_rng_state", state)
    default_generator.set_state(state)
