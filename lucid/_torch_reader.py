"""PyTorch's checkpoint files (``.pt``, ``.pth``), read without PyTorch and without running anything in them.

Such a file is a zip archive, its entries uncompressed: ``<name>/data.pkl`` is a pickle of everything but numbers, and
``<name>/data/<key>`` are the bytes of one storage each, which tensors are views of. A pickle is a program that may call
any function; this module knows the few opcodes and the few names that PyTorch writes for tensors and containers, gives
each a meaning of its own, and refuses the file at the first other one.

The layout is described in PyTorch's serialization notes; the opcodes in Python's module ``pickletools``.
"""

from __future__ import annotations

import math
import pickletools
import zipfile
from collections import deque
from collections.abc import Callable
from typing import Any, BinaryIO

import numpy as np

from lucid import _dtype, _torch_values
from lucid._device import device
from lucid._functions.creation import from_numpy
from lucid._layout import Size
from lucid._safetensors import FileFormatError
from lucid._tensor import Tensor

# PyTorch's name of a storage's class: how the numbers lie in the file, and what they become.
STORAGES: dict[str, tuple[str, Any]] = {
    "FloatStorage": ("f4", "f4"), "DoubleStorage": ("f8", "f8"), "HalfStorage": ("f2", "f2"),
    "BFloat16Storage": ("u2", _dtype.bfloat16.numpy), "LongStorage": ("i8", "i8"), "IntStorage": ("i4", "i4"),
    "ShortStorage": ("i2", "i2"), "CharStorage": ("i1", "i1"), "ByteStorage": ("u1", "u1"),
    "BoolStorage": ("u1", "?"), "ComplexFloatStorage": ("c8", "c8"), "ComplexDoubleStorage": ("c16", "c16"),
}  # fmt: skip


class Storage:
    """The numbers of one storage."""

    def __init__(self, array: np.ndarray) -> None:
        self.array = array


class _StorageType:
    def __init__(self, name: str) -> None:
        self.name = name


def _tensor(
    fail: Callable[[str], Exception], storage: Any, offset: Any, size: Any, stride: Any, requires_grad: Any = False,
    *_: Any,
) -> Tensor:  # fmt: skip
    """A tensor over part of a storage, after checking that the part is in it."""
    size, stride = tuple(size), tuple(stride)
    if not isinstance(storage, Storage) or not all(type(n) is int and n >= 0 for n in (offset, *size, *stride)):
        raise fail("a tensor's storage, offset, shape or strides are not what they should be")
    if len(size) != len(stride) or len(size) > 64:
        raise fail(f"a tensor has shape {size} and strides {stride}")
    array = storage.array
    last = offset + sum((n - 1) * s for n, s in zip(size, stride))
    if math.prod(size) and last >= array.size:
        raise fail(f"a tensor of shape {size} reaches element {last} of a storage of {array.size}")
    if not math.prod(size):
        return from_numpy(np.empty(size, array.dtype))
    steps = [s * array.itemsize for s in stride]
    bits = array.view(np.uint16) if array.dtype == _dtype.bfloat16.numpy else array  # which buffers cannot hold
    t = from_numpy(np.ndarray(size, bits.dtype, bits, offset * array.itemsize, steps).view(array.dtype))
    if requires_grad is True and t.dtype.rank >= 2:
        t.requires_grad_()
    return t


def _parameter(fail: Callable[[str], Exception], data: Any, requires_grad: Any = True, *_: Any) -> Any:
    from lucid.nn.parameter import Parameter

    if not isinstance(data, Tensor):
        raise fail("a parameter is not made of a tensor")
    return Parameter(data.detach(), bool(requires_grad) and data.dtype.rank >= 2)


CALLS: dict[str, Callable[..., Any]] = {
    "torch._utils._rebuild_tensor_v2": _tensor,
    "torch._utils._rebuild_tensor": _tensor,
    "torch._utils._rebuild_parameter": _parameter,
    "torch._utils._rebuild_parameter_with_state": _parameter,
    "torch.Size": lambda fail, values=(): Size(values),
    "torch.device": lambda fail, kind, index=None: device("cpu"),
    **_torch_values.CALLS,
}


ALLOWED: dict[str, Any] = {}
"""Classes and functions that the program itself has said files may name (``torch.serialization.add_safe_globals``)."""


class _Call:
    """A name from a pickle that means one of `CALLS` or `ALLOWED`; it is never looked up anywhere else."""

    def __init__(self, name: str) -> None:
        self.name = name


class _Mark:
    pass


_MARK = _Mark()
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_LITERALS = {
    "BININT", "BININT1", "BININT2", "LONG1", "LONG4", "BINFLOAT", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8",
    "SHORT_BINBYTES", "BINBYTES", "SHORT_BINSTRING", "BINSTRING", "INT", "LONG", "FLOAT", "UNICODE", "STRING",
}  # fmt: skip


class Unpickler:
    """Runs the harmless part of the pickle language.

    Args:
        fail: makes the exception to raise from a message.
        storage: gives the `Storage` of (class name, key, number of elements).
    """

    def __init__(self, fail: Callable[[str], Exception], storage: Callable[[str, str, int], Storage]) -> None:
        self.fail, self.storage = fail, storage
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}

    def load(self, program: bytes) -> Any:
        """What the pickle describes.

        Raises:
            FileFormatError: it is damaged, or asks for anything not listed in this module.
        """
        try:
            for opcode, argument, _ in pickletools.genops(program):
                if opcode.name == "STOP":
                    break
                self.step(opcode.name, argument)
            (result,) = self.stack
            return result
        except (FileFormatError, MemoryError):
            raise
        except Exception as error:
            raise self.fail(f"its pickle is damaged ({type(error).__name__}: {error})") from None

    def step(self, name: str, argument: Any) -> None:
        stack, memo = self.stack, self.memo
        if name in _LITERALS:
            stack.append(argument)
        elif name in _CONSTANTS:
            stack.append(_CONSTANTS[name])
        elif name in ("PROTO", "FRAME"):
            pass
        elif name == "MARK":
            stack.append(_MARK)
        elif name in ("BINPUT", "LONG_BINPUT", "PUT", "MEMOIZE"):
            memo[len(memo) if name == "MEMOIZE" else int(argument)] = stack[-1]
        elif name in ("BINGET", "LONG_BINGET", "GET"):
            stack.append(memo[int(argument)])
        elif name == "POP":
            stack.pop()
        elif name in _BUILDERS:
            _BUILDERS[name](self)
        elif name == "GLOBAL":
            stack.append(self.name(argument.replace(" ", ".", 1)))
        elif name == "STACK_GLOBAL":
            attribute, module = stack.pop(), stack.pop()
            stack.append(self.name(f"{module}.{attribute}"))
        else:
            raise self.fail(f"it contains the pickle instruction {name}, which no checkpoint of tensors needs")

    def name(self, name: str) -> Any:
        name = _torch_values.known(name)
        module, _, attribute = name.rpartition(".")
        if name in CALLS or name in ALLOWED:
            return _Call(name)
        if module == "torch" and attribute in STORAGES:
            return _StorageType(attribute)
        if module == "torch" and attribute in _dtype._BY_NAME:
            return _dtype._BY_NAME[attribute]
        raise self.fail(f"it asks for {name!r}, which is not one of the names a checkpoint of tensors needs; refused")

    def since_mark(self) -> list[Any]:
        at = len(self.stack) - 1
        while self.stack[at] is not _MARK:
            at -= 1
        items = self.stack[at + 1 :]
        del self.stack[at:]
        return items

    def call(self) -> None:
        arguments, function = self.stack.pop(), self.stack.pop()
        if not isinstance(function, _Call) or not isinstance(arguments, tuple):
            raise self.fail("it calls something that is not a function")
        if function.name in CALLS:
            self.stack.append(CALLS[function.name](self.fail, *arguments))
        else:
            self.stack.append(ALLOWED[function.name](*arguments))

    def new(self) -> None:
        """An object without arguments; what it holds comes as its state."""
        kind, arguments = self.take(2)
        if isinstance(kind, _Call) and kind.name in ALLOWED and kind.name not in CALLS:
            self.stack.append(ALLOWED[kind.name].__new__(ALLOWED[kind.name], *arguments))
            return
        if arguments != ():
            raise self.fail("it makes an object with arguments, which no checkpoint of tensors needs")
        self.stack += [kind, arguments]
        self.call()

    def build(self) -> None:
        state, target = self.stack.pop(), self.stack[-1]
        if any(type(target) is allowed for allowed in ALLOWED.values()):
            give = getattr(target, "__setstate__", None) or target.__dict__.update
            give(state)
            return
        built = _torch_values.give_state(self.fail, target, state)
        if built is not target:  # a type of number, in the other order of bytes
            self.stack[-1] = built
            self.memo.update({key: built for key, value in self.memo.items() if value is target})

    def set_items(self, pairs: list[Any]) -> None:
        target = self.stack[-1]
        if not isinstance(target, dict):
            raise self.fail(f"it sets items of a {type(target).__name__}")
        target.update(zip(pairs[::2], pairs[1::2], strict=True))

    def extend(self, items: list[Any]) -> None:
        target = self.stack[-1]
        if isinstance(target, (list, deque)):
            target.extend(items)
        elif isinstance(target, set):
            target.update(items)
        else:
            raise self.fail(f"it adds to a {type(target).__name__}")

    def take(self, n: int) -> list[Any]:
        items = self.stack[len(self.stack) - n :]
        if len(items) != n or any(item is _MARK for item in items):
            raise self.fail("its pickle is damaged (too few operands)")
        del self.stack[len(self.stack) - n :]
        return items

    def persistent(self) -> None:
        reference = self.stack.pop()
        if not (isinstance(reference, tuple) and len(reference) == 5 and reference[0] == "storage"):
            raise self.fail("it refers to something that is not a storage")
        _, kind, key, _, count = reference
        if not (isinstance(kind, _StorageType) and isinstance(key, str) and type(count) is int):
            raise self.fail("a reference to a storage is not what it should be")
        self.stack.append(self.storage(kind.name, key, count))


_BUILDERS: dict[str, Callable[[Unpickler], Any]] = {
    "EMPTY_DICT": lambda u: u.stack.append({}),
    "EMPTY_LIST": lambda u: u.stack.append([]),
    "EMPTY_TUPLE": lambda u: u.stack.append(()),
    "EMPTY_SET": lambda u: u.stack.append(set()),
    "TUPLE1": lambda u: u.stack.append(tuple(u.take(1))),
    "TUPLE2": lambda u: u.stack.append(tuple(u.take(2))),
    "TUPLE3": lambda u: u.stack.append(tuple(u.take(3))),
    "TUPLE": lambda u: u.stack.append(tuple(u.since_mark())),
    "LIST": lambda u: u.stack.append(u.since_mark()),
    "SETITEM": lambda u: u.set_items(u.take(2)),
    "SETITEMS": lambda u: u.set_items(u.since_mark()),
    "APPEND": lambda u: u.extend(u.take(1)),
    "APPENDS": lambda u: u.extend(u.since_mark()),
    "ADDITEMS": lambda u: u.extend(u.since_mark()),
    "REDUCE": Unpickler.call,
    "BUILD": Unpickler.build,
    "NEWOBJ": Unpickler.new,
    "BINPERSID": Unpickler.persistent,
}


def read(file: BinaryIO, name: str) -> Any:
    """What a PyTorch checkpoint holds.

    Args:
        file: open for reading, seekable.
        name: what messages call it.

    Raises:
        FileFormatError: the file is damaged, lies about sizes, or holds more than tensors, numbers and containers.
    """

    def fail(problem: str) -> FileFormatError:
        return FileFormatError(f"load: {name}: {problem}")

    start = file.tell()
    length = file.seek(0, 2) - start
    file.seek(start)
    try:
        archive = zipfile.ZipFile(file)
        entries = {entry.filename: entry for entry in archive.infolist()}
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError) as error:
        raise fail(f"is not a complete zip archive, as PyTorch's checkpoints are ({error})") from None
    programs = [entry for entry in entries if entry.endswith("/data.pkl")]
    if len(programs) != 1:
        raise fail("is a zip archive without PyTorch's data.pkl; files of PyTorch before 1.6 are not read")
    folder = programs[0][: -len("data.pkl")]

    def bytes_of(entry: str) -> bytes:
        if entry not in entries:
            raise fail(f"has no entry {entry!r}")
        if entries[entry].compress_type != zipfile.ZIP_STORED or entries[entry].file_size > length:
            raise fail(f"entry {entry!r} is compressed or claims more bytes than the file has")
        try:
            return archive.read(entry)
        except (zipfile.BadZipFile, EOFError, OSError, NotImplementedError, RuntimeError, ValueError) as error:
            raise fail(f"entry {entry!r} is damaged ({error})") from None

    order = bytes_of(folder + "byteorder").decode("latin1") if folder + "byteorder" in entries else "little"
    if order not in ("little", "big"):
        raise fail(f"has byte order {order!r}")
    storages: dict[str, Storage] = {}

    def storage(kind: str, key: str, count: int) -> Storage:
        if key not in storages:
            raw, kept = STORAGES[kind]
            data = bytes_of(f"{folder}data/{key}")
            array = np.frombuffer(data, np.dtype(raw).newbyteorder("<" if order == "little" else ">"))
            if array.size != count:
                raise fail(f"storage {key!r} has {array.size} elements instead of {count}")
            if kind == "BFloat16Storage":
                storages[key] = Storage(array.astype("u2").view(kept))
            else:
                storages[key] = Storage(array.astype(kept))
        return storages[key]

    return Unpickler(fail, storage).load(bytes_of(programs[0]))
