"""The graph of a traced function: values, and the operations between them, in the order in which they run."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np


class Slot(NamedTuple):
    """Stands in the arguments of an operation for its input number ``at``: a Tensor, or the array of one."""

    at: int
    tensor: bool


class Call(NamedTuple):
    """How to run an operation as it was traced: a `Node` class, or a function of arrays; ``args`` hold `Slot` s."""

    operation: Any
    args: tuple[Any, ...]


@dataclass(eq=False)
class Value:
    """What flows along an edge.

    Attributes:
        shape, dtype: of the array.
        array: the array itself, for constants; None for what is computed.
        source: the tensor that owns ``array`` where that is a parameter, a buffer or a captured tensor.
        made_of: what a pass computed a constant from; plans of other signatures come to the same.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    array: np.ndarray | None = None
    source: Any = None
    made_of: Any = None

    @property
    def constant(self) -> bool:
        """Whether it is the same in every call."""
        return self.array is not None

    @property
    def nbytes(self) -> int:
        """Bytes of the plain array."""
        return int(np.prod(self.shape, dtype=np.int64)) * self.dtype.itemsize

    @property
    def key(self) -> Any:
        """The same for constants of the same values: where they live, what they were made of, or a digest of them."""
        if self.made_of is None:
            assert self.array is not None
            if self.source is not None:
                self.made_of = ("source", id(self.array))
            else:
                digest = hashlib.blake2b(np.ascontiguousarray(self.array).data, digest_size=16).hexdigest()
                self.made_of = ("values", self.shape, self.dtype.str, digest)
        return self.made_of

    @staticmethod
    def of(array: np.ndarray, source: Any = None, key: Any = None) -> Value:
        """A constant."""
        return Value(array.shape, array.dtype, array, source, key)


@dataclass(eq=False)
class Op:
    """One operation.

    Attributes:
        kind: what it computes, such as "conv2d"; "call" for what only its `Call` knows.
        inputs, outputs: values.
        attributes: plain data that completes ``kind``.
        call: how the traced operation runs; None for those that a pass made.
        covers: the kinds of the traced operations it stands for, for `explain`.
    """

    kind: str
    inputs: list[Value]
    outputs: list[Value]
    attributes: dict[str, Any] = field(default_factory=dict)
    call: Call | None = None
    covers: list[str] = field(default_factory=list)

    @property
    def output(self) -> Value:
        """Its only result."""
        (y,) = self.outputs
        return y


@dataclass(eq=False)
class Graph:
    """Operations in order; ``outputs`` may hold inputs and constants too."""

    inputs: list[Value]
    outputs: list[Value]
    ops: list[Op]

    def users(self) -> dict[Value, list[Op]]:
        """The operations that read each value, once per operation."""
        found: dict[Value, list[Op]] = {}
        for op in self.ops:
            for x in dict.fromkeys(op.inputs):
                found.setdefault(x, []).append(op)
        return found

    def makers(self) -> dict[Value, Op]:
        """The operation that makes each value."""
        return {y: op for op in self.ops for y in op.outputs}

    def sole_user(self, x: Value, users: dict[Value, list[Op]]) -> Op | None:
        """The only operation that reads ``x``, if nothing else does and it is not a result."""
        found = users.get(x, [])
        return found[0] if len(found) == 1 and not any(x is y for y in self.outputs) else None

    def replace(self, old: Value, new: Value) -> None:
        """Let everything that reads ``old`` read ``new``."""
        for op in self.ops:
            op.inputs = [new if x is old else x for x in op.inputs]
        self.outputs = [new if x is old else x for x in self.outputs]

    def remove(self, dead: set[Op]) -> None:
        """Take operations out."""
        self.ops = [op for op in self.ops if op not in dead]


Pass = Callable[[Graph], None]
