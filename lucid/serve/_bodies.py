"""Bodies of requests and answers: JSON, and the format of .npy files."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from lucid.serve._model import Input

NPY, JSON = "application/x-npy", "application/json"
MAX_HEADER = 1024  # bytes of the description in a .npy body
_NPY_READERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


class BodyError(Exception):
    """A request cannot be answered; ``status`` is HTTP's word for it."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class Request(NamedTuple):
    """The arrays of a request, one per input and with the batch first; whether it came as one sample; its id."""

    arrays: list[np.ndarray]
    single: bool
    id: Any = None


def read(kind: str, body: bytes, inputs: Sequence[Input]) -> Request:
    """What a request asks for.

    Args:
        kind: its content type.
        body: its bytes.
        inputs: what the model takes.

    Raises:
        BodyError: the body is not that, or does not fit the model.
    """
    kind = kind.partition(";")[0].strip().lower()
    if kind in (NPY, "application/octet-stream"):
        return _checked({inputs[0].name: read_npy(body)}, inputs, None)
    if kind in (JSON, ""):
        return _read_json(body, inputs)
    raise BodyError(415, f"content type {kind!r} is not supported, only {JSON} and {NPY}")


def read_npy(body: bytes) -> np.ndarray:
    """The array in ``body``, a view of it; nothing in it is executed, and no size believed that it does not have.

    Raises:
        BodyError: it is not the format of .npy files, or not of numbers.
    """
    file = io.BytesIO(body)
    try:
        version = np.lib.format.read_magic(file)
        reader = _NPY_READERS.get(version)
        if reader is None:
            raise ValueError(f"version {version[0]}.{version[1]}")
        shape, fortran, dtype = reader(file, max_header_size=MAX_HEADER)
    except Exception as error:  # the header is evaluated as a literal, which raises SyntaxError and others too
        raise BodyError(400, f"the body is not a .npy file: {type(error).__name__}") from None
    if dtype.hasobject or dtype.kind not in "fiub":
        raise BodyError(400, f"the array holds {dtype}, not numbers")
    data = memoryview(body)[file.tell() :]
    if any(not isinstance(d, int) or d < 0 for d in shape) or math.prod(shape) * dtype.itemsize != len(data):
        raise BodyError(400, f"the array of shape {shape} and {dtype} does not have {len(data)} bytes")
    array = np.frombuffer(data, dtype).reshape(shape, order="F" if fortran else "C")
    return array if dtype.isnative else array.astype(dtype.newbyteorder("="))


def _read_json(body: bytes, inputs: Sequence[Input]) -> Request:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError) as error:  # UnicodeDecodeError is a ValueError
        raise BodyError(400, f"the body is not JSON: {' '.join(str(error).split())[:100]}") from None
    if not isinstance(found, dict) or "inputs" not in found:
        raise BodyError(400, 'expected a JSON object with the entry "inputs"')
    unknown = sorted(found.keys() - {"inputs", "id"})
    if unknown:
        raise BodyError(400, f'unknown entry {unknown[0][:50]!r}; expected "inputs" and "id"')
    if not isinstance(found.get("id"), (str, int, type(None))):
        raise BodyError(400, "id must be a string or an integer")
    given = found["inputs"]
    if not isinstance(given, dict):
        given = {inputs[0].name: given}
    return _checked({name: _numbers(name, value) for name, value in given.items()}, inputs, found.get("id"))


def _numbers(name: str, value: Any) -> np.ndarray:
    try:
        array = np.asarray(value)
    except (ValueError, OverflowError, RecursionError):
        array = np.asarray(None)
    if array.dtype.kind not in "fiub" or not isinstance(value, (list, int, float)):
        raise BodyError(400, f"input {name[:50]!r} is not an array of numbers in nested lists of equal lengths")
    return array


def _checked(given: Mapping[str, np.ndarray], inputs: Sequence[Input], id: Any) -> Request:
    names = [each.name for each in inputs]
    if sorted(given) != sorted(names):
        found = ", ".join(sorted(given))[:100] or "none"
        raise BodyError(400, f"expected the input{'s' * (len(names) > 1)} {', '.join(names)}, got {found}")
    arrays, singles, rows = [], set(), set()
    for each in inputs:
        array = given[each.name]
        single = array.ndim == len(each.shape)
        sample = array.shape if single else array.shape[1:]
        fits = len(sample) == len(each.shape) and all(d is None or d == s for d, s in zip(each.shape, sample))
        if not fits or 0 in array.shape:
            raise BodyError(400, f"expected {each}, or one sample of it without n, got shape {array.shape}")
        arrays.append(_cast(each, array[None] if single else array))
        singles.add(single)
        rows.add(len(arrays[-1]))
    if len(rows) > 1 or len(singles) > 1:
        raise BodyError(400, f"the inputs have different numbers of samples: {', '.join(map(str, sorted(rows)))}")
    return Request(arrays, singles == {True}, id)


def _cast(to: Input, array: np.ndarray) -> np.ndarray:
    """``array`` in the dtype of the input: any numbers become floats, but only whole ones integers."""
    if array.dtype == to.dtype:
        return array
    with np.errstate(all="ignore"):
        made = array.astype(to.dtype)
    if to.dtype.kind != "f" and not np.array_equal(made, array):
        raise BodyError(400, f"input {to.name!r} holds numbers that {to.dtype} has not")
    return made


# Answers


def write_npy(array: np.ndarray) -> bytes:
    """``array`` in the format of .npy files."""
    file = io.BytesIO()
    np.lib.format.write_array(file, np.ascontiguousarray(array), allow_pickle=False)
    return file.getvalue()


def plain(array: np.ndarray) -> Any:
    """``array`` as nested lists; what JSON has no number for (NaN, infinities) is None."""
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        return np.where(np.isfinite(array), array.astype(object), np.asarray(None)).tolist()
    return array.tolist()


def write_json(value: Any) -> bytes:
    """``value`` as JSON."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode("utf-8", "replace")
