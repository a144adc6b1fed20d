"""What a segment consists of: buffers, steps that read and write them, constants."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

INPUT, OUTPUT, CONSTANT, TEMPORARY = "input", "output", "constant", "temporary"


@dataclass(eq=False)
class Buffer:
    """Memory that steps read and write.

    Attributes:
        kind: INPUT, OUTPUT, CONSTANT or TEMPORARY.
        nbytes: its size.
        at: number of the input or output; of the array, for constants.
    """

    kind: str
    nbytes: int
    at: int = -1


@dataclass(eq=False)
class Emitted:
    """One step: a method of the plan, the buffers it takes by position, and its options.

    A buffer may be None (left out) or a tuple (Buffer, numbers ...), as attention's operands are; ``packed`` is the
    number of packed weights, which come after the second buffer. The rest is for `explain`: ``covers``, which traced
    operations it does, ``flops``, how many operations of arithmetic, and shape and layout of the result.
    """

    method: str
    buffers: list[Any]
    options: dict[str, Any]
    packed: int = -1
    covers: list[str] = field(default_factory=list)
    flops: float = 0.0
    shape: tuple[int, ...] = ()
    layout: str = "plain"

    def used(self) -> list[Buffer]:
        """The buffers themselves."""
        found = [b[0] if isinstance(b, tuple) else b for b in self.buffers]
        return [b for b in found if b is not None]


@dataclass(eq=False)
class Recipe:
    """All there is to a segment."""

    buffers: list[Buffer]
    steps: list[Emitted]
    constants: list[np.ndarray]
    packed: list[Any]
    shapes: list[tuple[int, ...]]
