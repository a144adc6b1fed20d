"""What bodies of requests may be."""

from __future__ import annotations

import io
import json
import struct
from typing import Any

import numpy as np
import pytest

from lucid.serve import Input
from lucid.serve._bodies import NPY, BodyError, plain, read, read_npy, write_json, write_npy

FLOATS = [Input("x", (2, 3), np.dtype(np.float32))]
IDS = [Input("ids", (None,), np.dtype(np.int64)), Input("mask", (None,), np.dtype(np.int64))]


def npy(array: np.ndarray, **options: Any) -> bytes:
    file = io.BytesIO()
    np.save(file, array, **options)
    return file.getvalue()


def header(text: str, data: bytes = b"", version: bytes = b"\x01\x00") -> bytes:
    body = text.encode() + b"\n"
    return b"\x93NUMPY" + version + struct.pack("<H", len(body)) + body + data


@pytest.mark.parametrize("dtype", ["<f4", ">f4", "f8", "i8", "u1", "f2", "?"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_npy_bodies_give_their_arrays(dtype: str, order: Any) -> None:
    array = np.asarray(np.arange(6).reshape(2, 3), dtype, order=order)
    found = read_npy(npy(array))
    assert found.dtype == array.dtype.newbyteorder("=") and np.array_equal(found, array)
    for single, given in ((True, array), (False, np.stack([array, array]))):
        request = read(NPY, npy(given), FLOATS)
        assert request.single is single and request.arrays[0].dtype == np.float32
        assert np.array_equal(request.arrays[0], given.astype(np.float32).reshape(-1, 2, 3))


@pytest.mark.parametrize(
    "body, message",
    [
        (b"", "the body is not a .npy file: ValueError"),
        (b"\x93NUMPY", "the body is not a .npy file: ValueError"),
        (b"junk" * 10, "the body is not a .npy file: ValueError"),
        (npy(np.zeros((2, 3), "f4"))[:-1], "the array of shape (2, 3) and float32 does not have 23 bytes"),
        (npy(np.zeros((2, 3), "f4")) + b"0", "the array of shape (2, 3) and float32 does not have 25 bytes"),
        (npy(np.array([{}, []], object), allow_pickle=True), "the array holds object, not numbers"),
        (npy(np.array(["a"])), "the array holds <U1, not numbers"),
        (npy(np.zeros(2, "c8")), "the array holds complex64, not numbers"),
        (npy(np.zeros(2, [("a", "f4")])), "the array holds [('a', '<f4')], not numbers"),
        (header("{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000000,)}", b"1234"),
         "the array of shape (1000000000000,) and float32 does not have 4 bytes"),
        (header("{'descr': '<f4', 'fortran_order': False, 'shape': (-1,)}", b"1234"),
         "the array of shape (-1,) and float32 does not have 4 bytes"),
        (header("__import__('os').system('true')"), "the body is not a .npy file: ValueError"),
        (header("(" * 200), "the body is not a .npy file: "),
        (header("{'descr': '<f4', 'fortran_order': False, 'shape': ()}" + " " * 5000), "the body is not a .npy file: ValueError"),
        (header("{}", version=b"\x03\x00"), "the body is not a .npy file: ValueError"),
    ],
)  # fmt: skip
def test_npy_bodies_that_are_none(body: bytes, message: str) -> None:
    with pytest.raises(BodyError) as error:
        read_npy(body)
    assert error.value.status == 400 and str(error.value).startswith(message)


def test_json_bodies() -> None:
    request = read("application/json; charset=utf-8", b'{"inputs": [[1, 2, 3], [4.5, 5, 6]], "id": "a"}', FLOATS)
    assert request.single and request.id == "a" and request.arrays[0].tolist() == [[[1, 2, 3], [4.5, 5, 6]]]
    request = read("", b'{"inputs": {"ids": [[1, 2], [3, 4]], "mask": [[1, 1], [1, 0]]}}', IDS)
    assert not request.single and request.id is None
    assert [a.dtype for a in request.arrays] == [np.int64] * 2
    assert [a.tolist() for a in request.arrays] == [[[1, 2], [3, 4]], [[1, 1], [1, 0]]]


@pytest.mark.parametrize(
    "body, message",
    [
        (b"", "the body is not JSON: Expecting value"),
        (b"{", "the body is not JSON: Expecting property name"),
        (b"\xff\xfe\x00", "the body is not JSON: "),
        (b"[" * 100000, "the body is not JSON: maximum recursion depth"),
        (b'{"inputs": ' + b"1" * 5000 + b"}", "the body is not JSON: Exceeds the limit"),
        (b"[1]", 'expected a JSON object with the entry "inputs"'),
        (b"{}", 'expected a JSON object with the entry "inputs"'),
        (b'{"inputs": [1], "input": 2}', "unknown entry 'input'; expected \"inputs\" and \"id\""),
        (b'{"inputs": [1], "id": [2]}', "id must be a string or an integer"),
        (b'{"inputs": [[1, 2], [3]]}', "input 'x' is not an array of numbers in nested lists of equal lengths"),
        (b'{"inputs": [["1", "2"]]}', "input 'x' is not an array of numbers"),
        (b'{"inputs": [[null]]}', "input 'x' is not an array of numbers"),
        (b'{"inputs": [[123456789012345678901234567890]]}', "input 'x' is not an array of numbers"),
        (b'{"inputs": "abc"}', "input 'x' is not an array of numbers"),
        (b'{"inputs": ' + b"[" * 80 + b"1" + b"]" * 80 + b"}", "input 'x' is not an array of numbers"),
        (b'{"inputs": {"y": [1]}}', "expected the input x, got y"),
        (b'{"inputs": {}}', "expected the input x, got none"),
        (b'{"inputs": []}', "expected x: float32 (n, 2, 3), or one sample of it without n, got shape (0,)"),
        (b'{"inputs": [[1, 2], [3, 4]]}', "expected x: float32 (n, 2, 3), or one sample of it without n, got shape (2, 2)"),
    ],
)  # fmt: skip
def test_json_bodies_that_do_not_fit(body: bytes, message: str) -> None:
    with pytest.raises(BodyError) as error:
        read("application/json", body, FLOATS)
    assert error.value.status == 400 and str(error.value).startswith(message)
    assert "\n" not in str(error.value) and len(str(error.value)) < 250


def test_integers_are_whole_and_inputs_have_one_batch() -> None:
    for value, message in (
        ({"ids": [[1.5]], "mask": [[1]]}, "input 'ids' holds numbers that int64 has not"),
        ({"ids": [[1]], "mask": [[1], [1]]}, "the inputs have different numbers of samples: 1, 2"),
        ({"ids": [1], "mask": [[1]]}, "the inputs have different numbers of samples: 1"),
    ):
        with pytest.raises(BodyError) as error:
            read("application/json", json.dumps({"inputs": value}).encode(), IDS)
        assert str(error.value) == message


def test_other_types_are_refused() -> None:
    with pytest.raises(BodyError) as error:
        read("text/html", b"", FLOATS)
    assert error.value.status == 415
    assert str(error.value) == "content type 'text/html' is not supported, only application/json and application/x-npy"


def test_answers() -> None:
    array = np.array([[1.5, np.nan], [np.inf, -2]], np.float32)
    assert plain(array) == [[1.5, None], [None, -2.0]]
    assert json.loads(write_json({"a": plain(array), "id": "\ud800"})) == {"a": [[1.5, None], [None, -2.0]], "id": "?"}
    found = np.load(io.BytesIO(write_npy(array.T)), allow_pickle=False)
    assert found.tobytes() == array.T.tobytes()
