"""PyTorch's checkpoint files, written without PyTorch: what `lucid._torch_reader` reads, see there."""

from __future__ import annotations

import zipfile
from collections import OrderedDict
from typing import Any, BinaryIO

import numpy as np

from lucid import _dtype, _torch_values
from lucid._tensor import Tensor
from lucid._torch_reader import STORAGES
from lucid.serialization import unsaveable

MAX_DEPTH = 100  # of nested containers
STORAGE_OF = {np.dtype(kind): name for name, (raw, kind) in STORAGES.items()}


class Pickler:
    """Writes the part of the pickle language that `lucid._torch_reader` reads, and collects the storages.

    Tensors that share memory share a storage, so that tied weights stay tied.
    """

    def __init__(self) -> None:
        self.out = bytearray(b"\x80\x02")
        self.arrays: dict[str, np.ndarray] = {}  # the storages' numbers
        self.keys: dict[int, str] = {}  # of the storage at an address
        self.outer: list[int] = []

    def dump(self, obj: Any) -> bytes:
        """``obj`` as a pickle.

        Raises:
            TypeError: it holds something else than tensors, None, bools, numbers, strings, dicts, lists and tuples.
        """
        self.write(obj, "obj")
        self.out += b"."
        return bytes(self.out)

    def write(self, obj: Any, path: str) -> None:
        if isinstance(obj, (np.bool_, np.integer, np.floating)) and obj.itemsize <= 8:
            obj = obj.item()
        if isinstance(obj, Tensor):
            self.tensor(obj)
        elif obj is None or type(obj) is bool:
            self.out += b"N" if obj is None else b"\x88" if obj else b"\x89"
        elif type(obj) is int:
            self.integer(obj)
        elif type(obj) is float:
            self.out += b"G" + np.array(obj, ">f8").tobytes()
        elif type(obj) is str:
            data = obj.encode("utf-8", "surrogatepass")
            self.out += b"X" + len(data).to_bytes(4, "little") + data
        elif isinstance(obj, _dtype.dtype):
            self.name("torch", obj.name)
        elif isinstance(obj, (dict, list, tuple)):
            self.container(obj, path)
        elif not _torch_values.write(self, obj, path):
            raise unsaveable(obj, path)

    def container(self, obj: Any, path: str) -> None:
        if id(obj) in self.outer or len(self.outer) == MAX_DEPTH:
            problem = "contains itself" if id(obj) in self.outer else f"is nested more than {MAX_DEPTH} deep"
            raise ValueError(f"save: the {type(obj).__name__} at {path} {problem}")
        self.outer.append(id(obj))
        if isinstance(obj, dict):
            if isinstance(obj, OrderedDict):
                self.name("collections", "OrderedDict")
                self.out += b")R"
            else:
                self.out += b"}"
            self.out += b"("
            for key, value in obj.items():
                if type(key) not in (str, int, float, bool, tuple):
                    raise TypeError(f"save: cannot save the key {key!r} of the dict at {path}")
                self.write(key, path)
                self.write(value, f"{path}[{key!r}]")
            self.out += b"u"
        else:
            self.out += b"(" if isinstance(obj, tuple) else b"]("
            for i, item in enumerate(obj):
                self.write(item, f"{path}[{i}]")
            self.out += b"t" if isinstance(obj, tuple) else b"e"
        self.outer.pop()

    def integer(self, n: int) -> None:
        if -(2**31) <= n < 2**31:
            self.out += b"J" + n.to_bytes(4, "little", signed=True)
        else:
            data = n.to_bytes(n.bit_length() // 8 + 1, "little", signed=True)
            if len(data) > 255:
                raise ValueError("save: cannot save an integer of more than 255 bytes")
            self.out += b"\x8a" + bytes([len(data)]) + data

    def name(self, module: str, name: str) -> None:
        self.out += b"c" + module.encode() + b"\n" + name.encode() + b"\n"

    def tensor(self, t: Tensor) -> None:
        from lucid.nn.parameter import Parameter

        data = t._data
        kind = STORAGE_OF.get(data.dtype)
        if kind is None:
            raise TypeError(f"save: PyTorch's format has no storage for {t.dtype}")
        key, offset, strides = self.storage(data)
        parameter = isinstance(t, Parameter)
        if parameter:
            self.name("torch._utils", "_rebuild_parameter")
            self.out += b"("
        self.name("torch._utils", "_rebuild_tensor_v2")
        self.out += b"(("
        self.write("storage", "")
        self.name("torch", kind)
        for part in (key, "cpu"):
            self.write(part, "")
        self.integer(self.arrays[key].size)
        self.out += b"tQ"
        self.integer(offset)
        self.write(data.shape, "")
        self.write(strides, "")
        self.write(bool(t._requires_grad and t._node is None and not parameter), "")
        self.empty_hooks()
        self.out += b"tR"
        if parameter:
            self.write(bool(t._requires_grad), "")
            self.empty_hooks()
            self.out += b"tR"

    def empty_hooks(self) -> None:
        self.name("collections", "OrderedDict")
        self.out += b")R"

    def storage(self, data: np.ndarray) -> tuple[str, int, tuple[int, ...]]:
        """The key of the storage of ``data``, and its offset and strides there, in elements."""
        whole = data
        while isinstance(whole.base, np.ndarray) and whole.base.dtype == data.dtype:
            whole = whole.base
        # A small view must not drag a large storage along.
        if not whole.flags.c_contiguous or min(data.strides, default=0) < 0 or whole.size > max(2 * data.size, 1024):
            return self.own(data)
        address = whole.__array_interface__["data"][0]
        key = self.keys.get(address)
        if key is None:
            key = self.keys[address] = self.add(whole)
        if self.arrays[key].dtype != data.dtype or self.arrays[key].size != whole.size:
            return self.own(data)
        offset = data.__array_interface__["data"][0] - address
        return key, offset // data.itemsize, tuple(s // data.itemsize for s in data.strides)

    def own(self, data: np.ndarray) -> tuple[str, int, tuple[int, ...]]:
        whole = np.ascontiguousarray(data)
        return self.add(whole), 0, tuple(s // data.itemsize for s in whole.reshape(data.shape).strides)

    def add(self, whole: np.ndarray) -> str:
        key = str(len(self.arrays))
        self.arrays[key] = whole.reshape(-1)
        return key


def write(file: BinaryIO, program: bytes, arrays: dict[str, np.ndarray]) -> None:
    """Write what a `Pickler` made as a checkpoint that PyTorch reads, also with ``weights_only=True``."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:

        def add(name: str, data: Any) -> None:
            entry = zipfile.ZipInfo("archive/" + name)  # no time of writing: equal contents give equal files
            with archive.open(entry, "w", force_zip64=len(data) > 2**31) as out:
                out.write(data)

        add("data.pkl", program)
        add("byteorder", b"little")
        for key, array in arrays.items():
            bits = array.view(np.uint16) if array.dtype == _dtype.bfloat16.numpy else array
            little = bits.astype(bits.dtype.newbyteorder("<"), copy=False)
            add(f"data/{key}", memoryview(little).cast("B") if array.size else b"")  # type: ignore[arg-type]
        add("version", b"3\n")
