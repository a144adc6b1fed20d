"""The safetensors file format: named arrays and a table of strings, to and from a binary file.

A file is a length (8 bytes, little-endian), a JSON header of that length with the dtype, shape and place of each
tensor, and the tensors' bytes, without holes (https://github.com/huggingface/safetensors, "Format").
"""

from __future__ import annotations

import json
import math
import os
import sys
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from lucid import _bfloat16

MAX_HEADER = 100_000_000  # bytes, the format's own limit
METADATA = "__metadata__"
_DTYPES = {
    "F64": "f8", "F32": "f4", "F16": "f2", "BF16": "u2",
    "I64": "i8", "I32": "i4", "I16": "i2", "I8": "i1",
    "U8": "u1", "BOOL": "?", "C64": "c8",
}  # fmt: skip
_NAMES = {np.dtype(code): name for name, code in _DTYPES.items() if name != "BF16"} | {_bfloat16.dtype: "BF16"}


class FileFormatError(ValueError):
    """A file is not what `load` expects; the message names the file and what is wrong with it.

    Example:
        >>> import lucid
        >>> import os, tempfile
        >>> path = os.path.join(tempfile.mkdtemp(), "broken.safetensors")
        >>> _ = open(path, "wb").write(b"not a checkpoint")
        >>> try:
        ...     lucid.load(path)
        ... except lucid.serialization.FileFormatError:
        ...     print("refused")
        ...
        refused
    """


# Writing


def write(file: BinaryIO, arrays: dict[str, np.ndarray], metadata: dict[str, str], alignment: int = 8) -> None:
    """Write ``arrays`` under their names, in any memory layout, and ``metadata``.

    The data begin at a multiple of ``alignment`` bytes, itself a multiple of 8.

    Raises:
        ValueError: the header would be longer than the format allows; nothing has been written.
    """
    header: dict[str, Any] = {METADATA: metadata}
    places, end = {}, 0
    # Large elements first, so that every tensor is aligned for readers that map the file; the header keeps the order.
    layout = sorted(arrays, key=lambda name: -arrays[name].itemsize)
    for name in layout:
        places[name] = [end, end + arrays[name].nbytes]
        end += arrays[name].nbytes
    for name, array in arrays.items():
        header[name] = {"dtype": _NAMES[array.dtype], "shape": list(array.shape), "data_offsets": places[name]}
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-(len(text) + 8) % alignment)
    if len(text) > MAX_HEADER:
        raise ValueError(f"the header would take {len(text)} bytes, more than the format's {MAX_HEADER}")
    _write_all(file, memoryview(len(text).to_bytes(8, "little") + text))
    for name in layout:
        array = arrays[name].view(np.uint16) if arrays[name].dtype == _bfloat16.dtype else arrays[name]
        little_endian = array.dtype.newbyteorder("<")
        _write_all(file, np.ascontiguousarray(array, little_endian).reshape(-1).view(np.uint8).data)


def _write_all(file: BinaryIO, view: memoryview) -> None:
    while view.nbytes:
        count = file.write(view)
        view = view[view.nbytes if count is None else count :]  # unbuffered files may take less than they are given


# Reading


class _Entry(NamedTuple):
    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int


class Reader:
    """Reads one file; everything is checked against the file's size before memory for tensors is allocated."""

    def __init__(self, file: BinaryIO, name: str) -> None:
        self.file, self.name = file, name

    def fail(self, problem: str) -> FileFormatError:
        """The error for this file."""
        return FileFormatError(f"{self.name}: {problem}")

    def load(self) -> tuple[dict[str, np.ndarray], dict[str, str]]:
        """The arrays, in the order of the header, and the metadata.

        Every array owns aligned, writable memory.

        Raises:
            FileFormatError: whatever is wrong with the file.
        """
        start = self.file.tell()
        size = self.file.seek(0, os.SEEK_END) - start
        self.file.seek(start)
        length = self._header_length(size)
        header = self._parse_header(self._read(np.empty(length, np.uint8)).tobytes())
        metadata = header.pop(METADATA, {})
        if not isinstance(metadata, dict) or not all(isinstance(v, str) for v in metadata.values()):
            raise self.fail("__metadata__ is not a table of strings")
        entries = {name: self._check_entry(name, entry) for name, entry in header.items()}
        layout = self._check_layout(entries, size - 8 - length)
        arrays = {name: self._read_tensor(name, entries[name]) for name in layout}
        return {name: arrays[name] for name in entries}, metadata

    def _header_length(self, size: int) -> int:
        head = self._read(np.empty(min(size, 8), np.uint8)).tobytes()
        length = int.from_bytes(head, "little")
        if len(head) == 8 and 2 <= length <= min(size - 8, MAX_HEADER):
            return length
        if len(head) >= 2 and head[0] == 0x80 and 2 <= head[1] <= 5:
            raise self.fail(
                "this is a pickle, as PyTorch before 1.6 wrote; load it there and save it again, or convert it with "
                "safetensors.torch.save_file"
            )
        text = head + self._read(np.empty(min(size - len(head), 32), np.uint8)).tobytes()
        if text and text.isascii() and text.decode().replace("\n", " ").isprintable():
            raise self.fail(f"neither a safetensors nor a PyTorch file, but text: {text.decode()!r}")
        if len(head) < 8:
            raise self.fail(f"truncated: {size} bytes, but a safetensors file starts with 8 bytes of header length")
        if length > MAX_HEADER:
            raise self.fail(f"not a safetensors file: header length {length}, more than the format's {MAX_HEADER}")
        if length < 2:
            raise self.fail(f"not a safetensors file: header length {length}")
        raise self.fail(f"truncated: the header takes {length} bytes, but {size - 8} follow its length")

    def _read(self, array: np.ndarray) -> np.ndarray:
        """``array``, contiguous, filled from the file."""
        view = array.reshape(-1).view(np.uint8).data
        while view.nbytes:
            if hasattr(self.file, "readinto"):
                count = self.file.readinto(view)
            else:
                data = self.file.read(min(view.nbytes, 1 << 20))
                count = len(data)
                view[:count] = data
            if not count:
                raise self.fail(f"truncated: ended {view.nbytes} bytes early")
            view = view[count:]
        return array

    def parse_json(self, what: str, text: bytes | str) -> Any:
        """The value of a JSON text called ``what``; stricter than Python about duplicate keys and NaN."""

        def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
            table: dict[str, Any] = {}
            for key, value in pairs:
                if key in table:
                    raise self.fail(f"{what} has the key {brief(key)} twice")
                table[key] = value
            return table

        def no_constant(name: str) -> Any:
            raise ValueError(f"{name} is not JSON")

        try:
            decoded = text.decode() if isinstance(text, bytes) else text
            return json.loads(decoded, object_pairs_hook=unique, parse_constant=no_constant)
        except FileFormatError:
            raise
        except UnicodeDecodeError as error:
            raise self.fail(f"{what} is not UTF-8: {error.reason} at byte {error.start}") from None
        except (ValueError, RecursionError) as error:
            raise self.fail(f"{what} is not valid JSON: {error}") from None

    def _parse_header(self, text: bytes) -> dict[str, Any]:
        header = self.parse_json("the header", text) if text.startswith(b"{") else None
        if not isinstance(header, dict):
            raise self.fail("not a safetensors file: the header is not a JSON object")
        return header

    def _check_entry(self, name: str, entry: Any) -> _Entry:
        tensor = f"tensor {brief(name)}"
        if not isinstance(entry, dict) or not {"dtype", "shape", "data_offsets"} <= entry.keys():
            raise self.fail(f"{tensor} is not described by dtype, shape and data_offsets")
        dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
        if not isinstance(dtype, str) or dtype not in _DTYPES:
            raise self.fail(f"{tensor} has dtype {brief(dtype)}; supported: {', '.join(_DTYPES)}")
        if not _are_sizes(shape) or len(shape) > 64:
            raise self.fail(f"{tensor} has shape {brief(shape)}; expected up to 64 integers >= 0")
        if not _are_sizes(offsets) or len(offsets) != 2 or offsets[0] > offsets[1]:
            raise self.fail(f"{tensor} has data_offsets {brief(offsets)}; expected begin <= end")
        itemsize = np.dtype(_DTYPES[dtype]).itemsize
        need, have = math.prod(shape) * itemsize, offsets[1] - offsets[0]
        if need != have:
            raise self.fail(f"{tensor}, {dtype} of shape {brief(shape)}, needs {brief(need)} bytes but has {have}")
        # NumPy refuses such shapes even when another size is 0.
        if math.prod(n for n in shape if n) * max(itemsize, 4) >= 2**63:
            raise self.fail(f"{tensor} has shape {brief(shape)}, which is too large")
        return _Entry(dtype, tuple(shape), offsets[0], offsets[1])

    def _check_layout(self, entries: dict[str, _Entry], size: int) -> list[str]:
        """Names in the order of their data, which must cover the rest of the file exactly."""
        layout = sorted(entries, key=lambda name: entries[name][2:])
        at = 0
        for name in layout:
            begin, end = entries[name].begin, entries[name].end
            if begin != at:
                problem = "overlaps the one before it" if begin < at else f"leaves {begin - at} bytes unused before it"
                raise self.fail(f"tensor {brief(name)} at bytes {begin} to {end} of the data {problem}")
            at = end
        if at > size:
            raise self.fail(f"truncated: the tensors take {at} bytes, but {size} follow the header")
        if at < size:
            raise self.fail(f"{size - at} bytes follow the last tensor")
        return layout

    def _read_tensor(self, name: str, entry: _Entry) -> np.ndarray:
        code = _DTYPES[entry.dtype]
        if code == "?":
            raw = self._read(np.empty(entry.shape, np.uint8))
            if raw.size and raw.max() > 1:
                raise self.fail(f"tensor {brief(name)} of dtype BOOL holds the byte {raw.max()}; expected 0 and 1")
            return raw.view(np.bool_)
        array = self._read(np.empty(entry.shape, code))
        if sys.byteorder == "big":
            array.byteswap(inplace=True)
        return array.view(_bfloat16.dtype) if entry.dtype == "BF16" else array


def _are_sizes(values: Any) -> bool:
    return isinstance(values, list) and all(type(n) is int and 0 <= n < 2**63 for n in values)


def brief(value: Any) -> str:
    """``value`` on one short line."""
    try:
        text = repr(value)
    except (RecursionError, ValueError):  # ValueError: an integer of more than 4300 digits
        return f"<{type(value).__name__} too long to show>"
    return text if len(text) <= 80 else f"{text[:77]}..."
