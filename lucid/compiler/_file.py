"""Plans in a file: a safetensors container whose arrays are weights and constants, with the plans as JSON text.

A file is mapped, not read: loading takes milliseconds, and processes that load one share its memory. Nothing in it is
executed; operations are looked up by name in `_codec`, steps in the methods of plans listed here.
"""

from __future__ import annotations

import json
import mmap
import os
import sys
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from lucid import _bfloat16, _ops
from lucid._safetensors import _DTYPES, FileFormatError, Reader, _Entry, write
from lucid._tensor import Tensor
from lucid.autograd._node import wrap
from lucid.compiler._codec import CannotSave, decode, decode_tree, encode, encode_tree, find, name_of
from lucid.compiler._execute import Program, Step, replay
from lucid.compiler._graph import Call, Op
from lucid.compiler._memory import ALIGNMENT
from lucid.compiler._recipe import CONSTANT, INPUT, OUTPUT, TEMPORARY, Buffer, Emitted, Recipe
from lucid.compiler._segment import Segment
from lucid.compiler._steps import STEPS, step_of

VERSION = 1
ENTRY = "lucid.compiled"
METHODS = (
    "conv2d", "linear", "max_pool2d", "avg_pool2d", "global_avg_pool", "scale_channels", "add", "activation", "softmax",
    "layer_norm", "attention", "mul", "affine", "mean", "matmul", "to_blocked", "to_plain", "copy", "low_conv2d",
    "low_depthwise", "low_global_pool", "low_stem", "low_linear", "convert", "narrow_rows", "resample", "embedding",
    "recurrent", "combine",
)  # fmt: skip
PACKED = (_ops.Packed, _ops.PackedLow)
KINDS = (INPUT, OUTPUT, CONSTANT, TEMPORARY)


class Saved(NamedTuple):
    """One plan: what it is looked up by, how it runs, and its result."""

    key: Any
    program: Program
    spec: Any
    fixed: list[Any]


# Writing


class Writer:
    """The arrays and the text of a file."""

    def __init__(self) -> None:
        self.arrays: dict[str, np.ndarray] = {}
        self._names: dict[int, str] = {}

    def array(self, array: np.ndarray | None) -> str | None:
        """The name of an array, which is stored once."""
        if array is None:
            return None
        if id(array) not in self._names:
            self._names[id(array)] = name = f"{len(self.arrays)}"
            # The bits of bfloat16; other 16-bit integers do not occur.
            self.arrays[name] = array.view(_bfloat16.dtype) if array.dtype == np.uint16 else array
        return self._names[id(array)]

    def plan(self, saved: Saved) -> dict[str, Any]:
        """A plan as JSON."""
        (args, kwargs), shapes = saved.key
        fixed = [None if t is None else self.array(np.ascontiguousarray(t._data)) for t in saved.fixed]
        return {
            "arguments": [encode_tree(args), encode_tree(kwargs)],
            "inputs": [[list(shape), char] for shape, char in shapes],
            "result": encode_tree(saved.spec),
            "fixed": fixed,
            "values": [self.array(v) for v in saved.program.values],
            "steps": [self.step(s) for s in saved.program.steps],
            "outputs": [list(o) for o in saved.program.outputs],
        }

    def step(self, s: Step) -> dict[str, Any]:
        places = {"inputs": list(s.inputs), "outputs": list(s.outputs), "frees": list(s.frees)}
        if isinstance(s.run, Segment):
            return {"segment": self.segment(s.run.recipe), **places}
        assert s.op is not None
        return {"call": self.call(s.op), **places}

    def call(self, op: Op) -> dict[str, Any]:
        if op.kind in STEPS:
            return {"kind": op.kind, "attributes": encode(op.attributes), "covers": op.covers}
        assert op.call is not None
        return {"operation": name_of(op.call.operation), "args": encode(tuple(op.call.args)), "covers": op.covers}

    def segment(self, recipe: Recipe) -> dict[str, Any]:
        at = {b: i for i, b in enumerate(recipe.buffers)}

        def number(b: Any) -> Any:
            return [at[b[0]], *b[1:]] if isinstance(b, tuple) else None if b is None else at[b]

        return {
            "buffers": [[KINDS.index(b.kind), b.nbytes, b.at] for b in recipe.buffers],
            "steps": [
                {"method": s.method, "buffers": [number(b) for b in s.buffers], "options": encode(s.options),
                 "packed": s.packed, "covers": s.covers, "flops": s.flops, "shape": list(s.shape), "layout": s.layout}
                for s in recipe.steps
            ],
            "packed": [[p.meta, self.array(p.data)] for p in recipe.packed],
            "constants": [self.array(c) for c in recipe.constants],
            "shapes": [list(shape) for shape in recipe.shapes],
        }  # fmt: skip


def put(file: BinaryIO, plans: list[Saved]) -> None:
    """Write ``plans``.

    Raises:
        TypeError: a plan holds what cannot be saved; nothing has been written.
    """
    writer = Writer()
    try:
        text = json.dumps({"version": VERSION, "plans": [writer.plan(p) for p in plans]}, allow_nan=False)
    except CannotSave as error:
        raise TypeError(f"save: cannot save {error}") from None
    # Whole cache lines first, so that they stay aligned.
    order = sorted(writer.arrays, key=lambda name: writer.arrays[name].nbytes % ALIGNMENT != 0)
    write(file, {name: writer.arrays[name] for name in order}, {ENTRY: text}, ALIGNMENT)


# Reading


class Mapped(Reader):
    """A reader whose arrays are views of the mapped file."""

    def __init__(self, file: BinaryIO, name: str) -> None:
        super().__init__(file, name)
        self.start = 0
        self.map: Any = None

    def _read_tensor(self, name: str, entry: _Entry) -> np.ndarray:
        if self.map is None:
            mapped = mmap.mmap(self.file.fileno(), 0, access=mmap.ACCESS_READ)
            self.start = 8 + int.from_bytes(mapped[:8], "little")
            self.map = np.frombuffer(mapped, np.uint8)
        if entry.end == entry.begin or entry.dtype in ("BOOL", "F16") or sys.byteorder == "big":
            self.file.seek(self.start + entry.begin)
            return super()._read_tensor(name, entry)
        part = self.map[self.start + entry.begin : self.start + entry.end]
        array = part.view(_DTYPES[entry.dtype]).reshape(entry.shape)
        return array if array.flags.aligned else array.copy()


def read(path: str) -> list[Saved]:
    """The plans of a file.

    Raises:
        FileFormatError: the file is damaged, or not one of compiled plans.
    """
    with open(path, "rb", buffering=0) as file:
        reader = Mapped(file, path)
        arrays, metadata = reader.load()
    if ENTRY not in metadata:
        raise reader.fail("holds no compiled plans; lucid.load reads tensors")
    text = reader.parse_json("the plan", metadata[ENTRY])
    if not isinstance(text, dict) or text.get("version") != VERSION:
        found = text.get("version") if isinstance(text, dict) else None
        raise reader.fail(f"plans of version {found!r}, this lucid reads version {VERSION}")
    try:
        return [_Plans(reader, arrays).plan(p) for p in text["plans"]]
    except FileFormatError:
        raise
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        raise reader.fail(f"the plan is damaged: {type(error).__name__}: {error}") from error


class _Plans:
    """Plans from JSON; whatever is wrong raises one of the errors that `read` turns into its own."""

    def __init__(self, reader: Reader, arrays: dict[str, np.ndarray]) -> None:
        self.reader, self.arrays = reader, arrays

    def array(self, name: Any) -> Any:
        return None if name is None else self.arrays[name]

    def plan(self, node: Any) -> Saved:
        fail = self.reader.fail
        args, kwargs = (decode_tree(n, fail) for n in node["arguments"])
        shapes = tuple([(tuple(shape), np.dtype(char).char) for shape, char in node["inputs"]])
        values = [self.array(v) for v in node["values"]]
        steps = [self.step(s, len(values)) for s in node["steps"]]
        outputs = [(self.place(at, len(values)), bool(copied)) for at, copied in node["outputs"]]
        fixed: list[Tensor | None] = [None if f is None else wrap(self.array(f).copy()) for f in node["fixed"]]
        if sum(f is None for f in fixed) != len(outputs):
            raise fail("the plan gives another number of tensors than its result has")
        spec = decode_tree(node["result"], fail)
        return Saved(((args, kwargs), shapes), Program(values, steps, outputs), spec, fixed)

    def place(self, at: Any, count: int) -> int:
        if type(at) is not int or not 0 <= at < count:
            raise self.reader.fail(f"the plan names value {at!r} of {count}")
        return at

    def step(self, node: Any, count: int) -> Step:
        sources, targets, frees = (
            tuple([self.place(at, count) for at in node[name]]) for name in ("inputs", "outputs", "frees")
        )
        if "segment" in node:
            return Step(Segment(self.recipe(node["segment"])), sources, targets, frees)
        op = self.op(node["call"])
        return Step(step_of(op) if op.call is None else replay(op.call), sources, targets, frees, op)

    def op(self, node: Any) -> Op:
        covers = [str(c) for c in node["covers"]]
        if "kind" in node:
            if node["kind"] not in STEPS:
                raise self.reader.fail(f"the plan asks for a step {node['kind']!r}, which this lucid does not have")
            return Op(node["kind"], [], [], decode(node["attributes"], self.reader.fail), None, covers)
        operation = find(node["operation"])
        if operation is None:
            raise self.reader.fail(f"the plan asks for {node['operation']!r}, which is no operation of this lucid")
        return Op("call", [], [], {}, Call(operation, decode(node["args"], self.reader.fail)), covers)

    def recipe(self, node: Any) -> Recipe:
        buffers = [Buffer(KINDS[kind], nbytes, at) for kind, nbytes, at in node["buffers"]]
        packed = [PACKED[str(meta["kind"])[:3] == "low"].load(self.array(name), meta) for meta, name in node["packed"]]
        steps = [self.emitted(s, buffers, len(packed)) for s in node["steps"]]
        constants = [self.array(c) for c in node["constants"]]
        return Recipe(buffers, steps, constants, packed, [tuple(shape) for shape in node["shapes"]])

    def emitted(self, node: Any, buffers: list[Buffer], packed: int) -> Emitted:
        if node["method"] not in METHODS or not -1 <= node["packed"] < packed:
            raise self.reader.fail(f"the plan asks for a step {node['method']!r}, which this lucid does not have")

        def buffer(b: Any) -> Any:
            return (buffers[b[0]], *b[1:]) if isinstance(b, list) else None if b is None else buffers[b]

        return Emitted(
            node["method"], [buffer(b) for b in node["buffers"]], decode(node["options"], self.reader.fail),
            node["packed"], list(node["covers"]), float(node["flops"]), tuple(node["shape"]), str(node["layout"]),
        )  # fmt: skip


def check_path(path: Any) -> str:
    """``path`` as text; TypeError for what is none."""
    if not isinstance(path, (str, bytes, os.PathLike)):
        raise TypeError(f"load_compiled: expected a path, got {type(path).__name__}")
    return os.fsdecode(path)
