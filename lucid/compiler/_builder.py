"""Building a segment: which layout each value has where, and the conversions between them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from lucid import _ops
from lucid.compiler._graph import Op, Value
from lucid.compiler._recipe import CONSTANT, INPUT, OUTPUT, TEMPORARY, Buffer, Emitted, Recipe
from lucid.compiler._views import Strided, merged, row_major

CHANNELS = 16
"""Channels that lie side by side in a blocked image: (N, C / 16, H, W, 16)."""

FLOAT = np.dtype(np.float32)


def blocked_bytes(shape: tuple[int, ...]) -> int:
    """Of an image (N, C, H, W), its channels rounded up."""
    n, c, *plane = shape
    return 4 * n * (-(-c // CHANNELS) * CHANNELS) * math.prod(plane)


class Packing:
    """Weights in the kernels' order, packed once for all plans of a compiled function."""

    def __init__(self) -> None:
        self._found: dict[Any, tuple[Any, Value | None]] = {}

    def pack(self, kind: str, weight: Value, *options: int) -> Any:
        """The packed form of a constant; ValueError where there is none."""
        make = getattr(_ops, f"pack_{kind}")
        return self.get((kind, options, weight.key), weight, lambda: make(np.ascontiguousarray(weight.array), *options))

    def get(self, key: Any, weight: Value, make: Callable[[], Any]) -> Any:
        """What ``make`` made of a constant when ``key`` was first asked for."""
        if key not in self._found:
            # Where the key is the address of its array, the value is kept.
            self._found[key] = (make(), weight if weight.source is not None else None)
        return self._found[key][0]

    def clear(self) -> None:
        """Forget all."""
        self._found.clear()


class Builder:
    """The buffers and steps of a segment, as operation after operation is added."""

    def __init__(self, packing: Packing, inputs: list[Value], outputs: list[Value]) -> None:
        self.packing, self.outputs = packing, outputs
        self.buffers: list[Buffer] = []
        self.steps: list[Emitted] = []
        self.constants: list[np.ndarray] = []
        self.packed: list[Any] = []
        self.plain: dict[Value, Strided] = {}
        self.blocked: dict[Value, Buffer] = {}
        self.low: dict[Value, tuple[Buffer, Any]] = {}  # blocked, of few bits
        self.rows: dict[Value, Buffer] = {}  # (..., K) of few bits as [K / 16][rows][16]
        self.written: dict[Value, Buffer] = {}  # results that lie in their output already
        self._constant: dict[int, Buffer] = {}
        self._op: Op | None = None
        for i, x in enumerate(inputs):
            self.plain[x] = Strided(self.buffer(INPUT, x.nbytes, i), x.shape, row_major(x.shape))

    def buffer(self, kind: str, nbytes: int, at: int = -1) -> Buffer:
        """A new one."""
        found = Buffer(kind, nbytes, at)
        self.buffers.append(found)
        return found

    def emit(self, method: str, buffers: list[Any], packed: Any = None, flops: float = 0.0, **options: Any) -> None:
        """Append a step."""
        at = -1
        if packed is not None:
            at = next((i for i, p in enumerate(self.packed) if p is packed), len(self.packed))
            if at == len(self.packed):
                self.packed.append(packed)
        op = self._op
        shape = op.outputs[0].shape if op is not None else ()
        self.steps.append(Emitted(method, buffers, options, at, [], flops, shape))

    # Values

    def constant(self, array: np.ndarray) -> Buffer:
        """The buffer of an array."""
        found = self._constant.get(id(array))
        if found is None:
            found = self._constant[id(array)] = self.buffer(CONSTANT, array.nbytes, len(self.constants))
            self.constants.append(np.ascontiguousarray(array))
        return found

    def view(self, x: Value) -> Strided:
        """``x`` in plain form, with any strides."""
        if x.array is not None:
            return Strided(self.constant(x.array), x.shape, row_major(x.shape))
        if x not in self.plain:
            self.plain[x] = self._unblock(x, self.image(x))
        return self.plain[x]

    def contiguous(self, x: Value) -> Buffer:
        """``x`` in plain form, row by row."""
        found = self.view(x)
        if not found.contiguous:
            y = self.buffer(TEMPORARY, x.nbytes)
            self.copy(found, Strided(y, x.shape, row_major(x.shape)))
            found = Strided(y, x.shape, row_major(x.shape))
            if x.array is None:
                self.plain[x] = found
        return found.buffer

    def image(self, x: Value) -> Buffer:
        """``x`` (N, C, H, W) in blocked form."""
        if x not in self.blocked:
            n, c, *plane = x.shape
            if x in self.low:
                source, form = self.low[x]
                y = self.buffer(TEMPORARY, blocked_bytes(x.shape))
                self.emit("convert", [source, y], n=n, c=c, size=math.prod(plane), form=form)
                self.blocked[x] = y
                return y
            if math.prod(plane) == 1 and c % CHANNELS == 0:
                self.blocked[x] = self.contiguous(x)
            else:
                y = self.buffer(TEMPORARY, blocked_bytes(x.shape))
                self.emit("to_blocked", [self.contiguous(x), y], n=n, c=c, size=math.prod(plane))
                self.blocked[x] = y
        return self.blocked[x]

    def is_image(self, x: Value) -> bool:
        """Whether ``x`` is there in blocked form and not in plain."""
        return (x in self.blocked or x in self.low) and x not in self.plain

    # Few bits: see `_precision`

    def any_image(self, x: Value) -> tuple[Buffer, Any]:
        """``x`` (N, C, H, W) in blocked form, and its form if that is of few bits."""
        return self.low[x] if x in self.low else (self.image(x), None)

    def narrow(self, x: Value, form: Any, scale: Buffer | None = None) -> Buffer:
        """``x`` (N, C, H, W) as a blocked image of few bits, times a factor for each sample and channel."""
        if x not in self.low or scale is not None:
            n, c, *plane = x.shape
            source, was = self.any_image(x)
            y = self.low_buffer(blocked_bytes(x.shape), form)
            self.emit("convert", [source, y, scale], n=n, c=c, size=math.prod(plane), form=was, y_form=form)
            if scale is not None:
                return y
            self.low[x] = (y, form)
        return self.low[x][0]

    def narrow_rows(self, x: Value, form: Any) -> Buffer:
        """``x`` (..., K) as [K / 16][rows][16] of few bits."""
        if x not in self.rows:
            rows, k = math.prod(x.shape[:-1]), x.shape[-1]
            source, y = self.contiguous(x), self.new_rows(x, form)
            self.emit("narrow_rows", [source, y], rows=rows, columns=k, y_form=form)
        return self.rows[x]

    def new_low(self, x: Value, form: Any) -> Buffer:
        """A buffer for the image ``x`` in few bits, which a step is about to write."""
        self.low[x] = (self.low_buffer(blocked_bytes(x.shape), form), form)
        return self.low[x][0]

    def new_rows(self, x: Value, form: Any) -> Buffer:
        """A buffer for ``x`` (..., K) as [K / 16][rows][16] of few bits, which a step is about to write."""
        shape = (math.prod(x.shape[:-1]), x.shape[-1])
        self.rows[x] = self.low_buffer(blocked_bytes(shape), form)
        return self.rows[x]

    def low_buffer(self, nbytes: int, form: Any) -> Buffer:
        """A temporary buffer for what takes so many bytes in float32."""
        return self.buffer(TEMPORARY, nbytes // (2 if form[0] == "bfloat16" else 4))

    def _unblock(self, x: Value, source: Buffer) -> Strided:
        n, c, *plane = x.shape
        if math.prod(plane) == 1:  # a pixel's channels are neighbours
            wide = -(-c // CHANNELS) * CHANNELS
            return Strided(source, x.shape, (wide, 1, *[1] * len(plane)))
        y = self.result(x)
        self.emit("to_plain", [source, y], n=n, c=c, size=math.prod(plane))
        return Strided(y, x.shape, row_major(x.shape))

    def result(self, x: Value) -> Buffer:
        """Where the plain, contiguous form of ``x`` is to be written: its output, where it has one."""
        if x in self.outputs and x not in self.written:
            self.written[x] = self.buffer(OUTPUT, x.nbytes, self.outputs.index(x))
            return self.written[x]
        return self.buffer(TEMPORARY, x.nbytes)

    def new_plain(self, x: Value) -> Buffer:
        """A buffer for ``x`` in plain form, which a step is about to write."""
        found = self.result(x)
        self.plain[x] = Strided(found, x.shape, row_major(x.shape))
        return found

    def new_image(self, x: Value) -> Buffer:
        """A buffer for ``x`` in blocked form, which a step is about to write."""
        self.blocked[x] = self.buffer(TEMPORARY, blocked_bytes(x.shape))
        return self.blocked[x]

    def copy(self, x: Strided, y: Strided) -> None:
        """y = x."""
        shape, (x_strides, y_strides) = merged(x.shape, x.strides, y.strides)
        self.emit("copy", [x.buffer, y.buffer], shape=shape, x_strides=x_strides, y_strides=y_strides,
                  x_offset=x.offset, y_offset=y.offset)  # fmt: skip

    # The whole

    def add(self, op: Op, lower: Any) -> None:
        """The steps of ``op``, by its function in the table."""
        self._op, first = op, len(self.steps)
        lower(self, op)
        if len(self.steps) > first:
            self.steps[-1].covers = op.covers
            self.steps[-1].layout = "blocked" if self.is_image(op.outputs[0]) else "plain"
        self._op = None

    def finish(self) -> Recipe:
        """Write the results that do not lie in their outputs yet."""
        for x in self.outputs:
            view = self.view(x)
            if x not in self.written or view.buffer is not self.written[x]:
                y = self.written.get(x) or self.buffer(OUTPUT, x.nbytes, self.outputs.index(x))
                self.copy(view, Strided(y, x.shape, row_major(x.shape)))
        return Recipe(self.buffers, self.steps, self.constants, self.packed, [x.shape for x in self.outputs])
