"""Damaged, foreign and hostile safetensors files, and the safetensors package on the other side."""

import io
import json
import pickle
import random
import tracemalloc

import numpy as np
import pytest
from safetensors_files import DTYPES, build, entry, example, in_memory

import lucid
from lucid.serialization import FileFormatError, load, save

NO_DATA = {"x": entry(shape=(0,), offsets=(0, 0))}


@pytest.mark.parametrize(
    ("file", "message"),
    [
        (io.BytesIO(), "truncated: 0 bytes, but a safetensors file starts with 8 bytes of header length"),
        (io.BytesIO(b"\x03\0\0"), "truncated: 3 bytes"),
        (io.BytesIO(b"abc"), "neither a safetensors nor a PyTorch file, but text: 'abc'"),
        (
            io.BytesIO(b"<!DOCTYPE html>\n<html><head><title>404</title>"),
            r"PyTorch file, but text: '<!DOCTYPE html>\\n<html><head><title>4",
        ),
        (build({}, length=1000), "truncated: the header takes 1000 bytes, but 2 follow its length"),
        (build({}, length=0), "not a safetensors file: header length 0"),
        (build({}, length=100_000_001), "header length 100000001, more than the format's 100000000"),
        (build({}, length=2**64 - 1), "header length 18446744073709551615, more than"),
        (io.BytesIO(b'{"a": [1, 2, 3]}'), 'neither a safetensors nor a PyTorch file, but text: \'{"a"'),
        (build(b"\xff\xfe{}"), "the header is not a JSON object"),
        (build(b'{"\xff": 1}'), "the header is not UTF-8: invalid start byte at byte 2"),
        (build(b"[]"), "the header is not a JSON object"),
        (build(b' {"a": 1}'), "the header is not a JSON object"),
        (build(b'{"a": 1'), "the header is not valid JSON: Expecting"),
        (build(b'{"a": NaN}'), "the header is not valid JSON: NaN is not JSON"),
        (build(b'{"a": 1}x'), "the header is not valid JSON: Extra data"),
        (build(b'{"a":' * 100_000), "the header is not valid JSON: maximum recursion depth"),
        (build(b'{"a": ' + b"1" * 5000 + b"}"), "the header is not valid JSON: Exceeds the limit"),
        (build(b'{"x": {}, "x": {}}'), "the header has the key 'x' twice"),
        (build(b'{"x": {"dtype": "F32", "dtype": "F64"}}'), "the header has the key 'dtype' twice"),
        (build({"x": 3}), "tensor 'x' is not described by dtype, shape and data_offsets"),
        (build({"x": {"dtype": "F32", "shape": []}}), "tensor 'x' is not described by dtype, shape"),
        (
            build({"x": entry("F8_E4M3")}),
            "'x' has dtype 'F8_E4M3'; supported: F64, F32, F16, BF16, I64, I32, I16, I8, U8, BOOL, C64",
        ),
        (build({"x": entry(["F32"])}), r"tensor 'x' has dtype \['F32'\]; supported"),
        (build({"x": entry(shape=(-1,))}), r"tensor 'x' has shape \[-1\]; expected up to 64 integers >= 0"),
        (build({"x": entry(shape=(1.0,))}), r"has shape \[1.0\]"),
        (build({"x": entry(shape=(True,))}), r"has shape \[True\]"),
        (build({"x": {**entry(), "shape": 3}}), "has shape 3; expected"),
        (build({"x": entry(shape=[1] * 65)}), "has shape .*; expected up to 64 integers"),
        (build({"x": entry(shape=(2**63,))}), "has shape .*; expected up to 64 integers"),
        (build({"x": entry(shape=(2**62, 2**62))}), r"needs \d+ bytes but has 4"),
        (build({"x": entry(shape=(2**62, 2**62, 0), offsets=(0, 0))}), "which is too large"),
        (build({"x": entry(shape=(2,))}, b"1234"), r"tensor 'x', F32 of shape \[2\], needs 8 bytes but has 4"),
        (build({"x": entry(offsets=(4, 0))}, b"1234"), r"has data_offsets \[4, 0\]; expected begin <= end"),
        (build({"x": entry(offsets=(-4, 0))}, b"1234"), r"has data_offsets \[-4, 0\]"),
        (build({"x": entry(offsets=(0, 4, 8))}, b"1234"), r"has data_offsets \[0, 4, 8\]"),
        (build({"x": entry()}, b"123"), "truncated: the tensors take 4 bytes, but 3 follow the header"),
        (build({"x": entry()}, b"12345"), "1 bytes follow the last tensor"),
        (build({"x": entry(offsets=(4, 8))}, b"12345678"), "'x' at bytes 4 to 8 of the data leaves 4 bytes unused"),
        (build({"x": entry(), "y": entry()}, b"1234"), "'y' at bytes 0 to 4 of the data overlaps the one before"),
        (build({"x": entry(shape=(2**40,), offsets=(0, 2**42))}), "truncated: the tensors take 4398046511104 bytes"),
        (build({"x": entry("BOOL", (2,), (0, 2))}, b"\1\2"), "tensor 'x' of dtype BOOL holds the byte 2"),
        (build({"__metadata__": {"a": 1}}), "__metadata__ is not a table of strings"),
        (build({"__metadata__": ["a"]}), "__metadata__ is not a table of strings"),
        (build({"x" * 200: entry("F8_E5M2")}), r"tensor 'x+\.\.\. has dtype"),
        (build({"x": {**entry(), "shape": json.loads("[" * 300 + "]" * 300)}}), "has shape .*; expected"),
    ],
)
def test_damaged_files(file, message):
    file.seek(0)
    with pytest.raises(FileFormatError, match=message) as caught:
        load(file)
    text = str(caught.value)
    assert text.startswith("<BytesIO>: ")
    assert "\n" not in text
    assert len(text) < 400


@pytest.mark.parametrize(
    ("structure", "message"),
    [
        ("[1", "the saved structure is not valid JSON"),
        ('{"tensor": "y"}', "asks for tensor 'y', which is missing or already used"),
        ('{"tensor": []}', r"asks for tensor \[\], which is missing"),
        ('[{"tensor": "x"}, {"tensor": "x"}]', "asks for tensor 'x', which is missing or already used"),
        ("1", "tensor 'x' is not part of the saved structure"),
        ('{"set": []}', r"contains \{'set': \[\]\}, which means nothing"),
        ("{}", r"contains \{\}, which means nothing"),
        ('{"tuple": 1}', "which means nothing"),
        ('{"float": "1"}', "which means nothing"),
        ('{"dict": [["a", 1], ["a", 2]]}', "which means nothing"),
        ('{"dict": [[null, 1]]}', "which means nothing"),
        ('{"dict": [["a"]]}', "which means nothing"),
        ('{"tuple": [], "dict": []}', "which means nothing"),
        ("[" * 150 + "]" * 150, "the saved structure is nested more than 100 deep"),
        ("[" * 100_000, "the saved structure is not valid JSON"),
    ],
)
def test_damaged_structure(structure, message):
    with pytest.raises(FileFormatError, match=message):
        load(build({"__metadata__": {"lucid": structure}, **NO_DATA}))


def test_error_names_the_file(tmp_path):
    path = tmp_path / "broken.safetensors"
    path.write_bytes(b"\x03\0\0")
    with pytest.raises(FileFormatError, match=r"broken\.safetensors: truncated: 3 bytes"):
        load(path)
    assert issubclass(FileFormatError, ValueError)


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_pickles_are_recognized(protocol):
    class Trap:
        def __reduce__(self):
            return pytest.fail, ("the pickle was executed",)

    with pytest.raises(FileFormatError, match=r"this is a pickle, .*convert it with safetensors\.torch\.save_file"):
        load(io.BytesIO(pickle.dumps({"x": Trap()}, protocol=protocol)))


def test_file_that_starts_like_a_pickle_but_is_fine():
    header = json.dumps(NO_DATA).encode().ljust(0x280)  # the length's first bytes are 80 02
    assert list(load(build(header))) == ["x"]


def test_foreign_details_are_accepted():
    header = {"x": entry("F16", (2,), (0, 4), extra=1), "__metadata__": {"anything": "goes"}}
    data = np.array([1.5, 65504], "<f2").tobytes()
    x = load(build(json.dumps(header).encode() + b"   \n", data))["x"]
    assert x.dtype is lucid.float16
    assert x.tolist() == [1.5, 65504.0]


def test_file_that_shrinks_while_it_is_read():
    class Shrinking(io.BytesIO):
        def readinto(self, buffer):
            return 0 if self.tell() > 100 else super().readinto(buffer)

    with pytest.raises(FileFormatError, match="truncated: ended 8000 bytes early"):
        load(Shrinking(in_memory({"x": lucid.arange(1000)}).getvalue()))


# The safetensors package


def test_safetensors_reads_what_is_saved(tmp_path):
    st = pytest.importorskip("safetensors.numpy")
    state = {str(dtype): example(dtype) for dtype in DTYPES}
    state |= {"empty": lucid.zeros(0, 3), "scalar": lucid.tensor(2.5), "ключ": lucid.arange(5)}
    state |= {"view": lucid.arange(6)[1::2]}
    path = tmp_path / "model.safetensors"
    save(state, path)
    loaded = st.load_file(path)
    assert loaded.keys() == state.keys()
    for name, tensor in state.items():
        np.testing.assert_array_equal(loaded[name], tensor.numpy(), strict=True)
    nested = tmp_path / "nested.safetensors"
    save({"model": state, "epoch": 3}, nested)
    assert len(st.load_file(nested)) == len(state)
    with pytest.importorskip("safetensors").safe_open(path, "np") as file:
        assert file.metadata() == {"format": "pt"}


def test_safetensors_files_are_loaded(tmp_path):
    st = pytest.importorskip("safetensors.numpy")
    state = {str(dtype): example(dtype).numpy() for dtype in DTYPES}
    state |= {"empty": np.zeros((0, 3)), "scalar": np.array(2.5), "ключ": np.arange(5)}
    path = tmp_path / "model.safetensors"
    st.save_file(state, path, metadata={"format": "np"})
    loaded = load(path)
    assert loaded.keys() == state.keys()
    for name, array in state.items():
        np.testing.assert_array_equal(loaded[name].numpy(), array, strict=True)
    half = io.BytesIO(st.save({"x": np.array([0.1, 3], np.float16)}))
    assert load(half)["x"].numpy().tobytes() == np.array([0.1, 3], np.float16).tobytes()


# Damage at random


def damage(data, rng):
    """``data`` with a few bytes changed, cut out, inserted or repeated, mostly in the header."""
    data = bytearray(data)
    header = 8 + int.from_bytes(data[:8], "little")
    for _ in range(rng.choice([1, 1, 1, 2, 5])):
        where = rng.randrange(min(rng.choice([8, header, header, len(data)]), len(data)) or 1)
        kind = rng.randrange(6)
        if kind == 0 and data:
            data[where] ^= 1 << rng.randrange(8)
        elif kind == 1 and data:
            data[where] = rng.choice(b'0123456789[]{},:"-\0\xff ')
        elif kind == 2:
            del data[where : where + rng.randrange(1, 20)]
        elif kind == 3:
            data[where:where] = rng.randbytes(rng.randrange(1, 9))
        elif kind == 4:
            data[where:where] = data[where : where + rng.randrange(1, 40)]
        else:
            del data[where:]
    return bytes(data)


def leaves(obj):
    if isinstance(obj, dict):
        obj = list(obj.values())
    return [leaf for part in obj for leaf in leaves(part)] if isinstance(obj, (list, tuple)) else [obj]


@pytest.mark.parametrize("seed", range(4))
def test_random_damage_is_an_error_or_harmless(seed):
    flat = {str(dtype): example(dtype) for dtype in DTYPES}
    originals = [in_memory(obj).getvalue() for obj in (flat, {"model": flat, "epoch": [1, (2.5, None, "x")]})]
    rng = random.Random(seed)
    refused = 0
    tracemalloc.start()
    try:
        for i in range(1500):
            data = damage(originals[i % 2], rng)
            tracemalloc.reset_peak()
            before = tracemalloc.get_traced_memory()[0]
            try:
                loaded = load(io.BytesIO(data))
            except FileFormatError as error:
                refused += 1
                assert "\n" not in str(error)
            else:
                assert all(isinstance(x, (lucid.Tensor, int, float, str, type(None))) for x in leaves(loaded))
            peak = tracemalloc.get_traced_memory()[1] - before
            assert peak < 40 * len(data) + 100_000
    finally:
        tracemalloc.stop()
    assert 500 < refused < 1500


@pytest.mark.parametrize("seed", range(2))
def test_random_damage_is_judged_like_the_safetensors_package_does(seed):
    """What it refuses is refused here too, and what is loaded here it loads the same."""
    st = pytest.importorskip("safetensors")
    original = in_memory({str(dtype): example(dtype) for dtype in DTYPES}).getvalue()
    rng = random.Random(100 + seed)
    agreed = 0
    for _ in range(1500):
        data = damage(original, rng)
        try:
            mine = load(io.BytesIO(data))
        except FileFormatError:
            continue
        theirs = dict(st.deserialize(data))
        assert mine.keys() == theirs.keys()
        for name, tensor in mine.items():
            assert theirs[name]["shape"] == list(tensor.shape)
            assert bytes(theirs[name]["data"]) == tensor._data.tobytes()
        agreed += 1
    assert agreed > 25


def test_saving_what_was_loaded_gives_the_same_bytes(tmp_path):
    path = tmp_path / "state"
    state = {"layer.weight": example(lucid.float32), "layer.steps": lucid.arange(1), "layer.bias": lucid.zeros(4)}
    save(state, path)
    first = path.read_bytes()
    save(load(path), path)
    assert path.read_bytes() == first
