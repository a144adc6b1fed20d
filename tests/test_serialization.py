"""Saving and loading: round trips, the safetensors package on the other side, damaged files and failed writes."""

import collections
import io
import json
import math
import os
import pickle
import random
import signal
import stat
import struct
import tracemalloc

import numpy as np
import pytest

import lucid
from lucid.serialization import FileFormatError, load, save

DTYPES = [lucid.float64, lucid.float32, lucid.int64, lucid.int32, lucid.int16, lucid.int8, lucid.uint8, lucid.bool_]


def example(dtype, shape=(3, 4)):
    values = np.random.default_rng(0).integers(0, 2 if dtype is lucid.bool_ else 100, shape)
    return lucid.from_numpy(values.astype(dtype.numpy))


def assert_same(a, b):
    assert isinstance(b, lucid.Tensor)
    np.testing.assert_array_equal(a.detach().numpy(), b.numpy(), strict=True)


def in_memory(obj):
    file = io.BytesIO()
    save(obj, file)
    file.seek(0)
    return file


def build(header, data=b"", length=None):
    """A file from its parts; ``header`` is a dict or the bytes of the header."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return io.BytesIO(struct.pack("<Q", len(text) if length is None else length) + text + data)


def entry(dtype="F32", shape=(1,), offsets=(0, 4), **more):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets), **more}


# Round trips


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("shape", [(), (0,), (5,), (2, 0, 3), (3, 4)])
def test_round_trip_of_every_dtype(dtype, shape, tmp_path):
    x = example(dtype, shape)
    for file in (tmp_path / "x", str(tmp_path / "y"), os.fsencode(tmp_path / "z")):
        save({"x": x}, file)
        y = load(file)["x"]
        assert y.dtype is dtype
        assert_same(x, y)


def test_flat_dict_keeps_order_and_odd_names():
    names = ["b.weight", "a", "", "ключ", 'with "quotes"\n', "a/b", "lucid"]
    state = collections.OrderedDict((name, lucid.full((2,), float(i))) for i, name in enumerate(names))
    loaded = load(in_memory(state))
    assert list(loaded) == names
    assert type(loaded) is dict
    for name in names:
        assert_same(state[name], loaded[name])


def test_empty_dict():
    assert load(in_memory({})) == {}


def test_views_and_shared_memory_are_saved_in_full():
    x = lucid.arange(24).reshape(4, 6)
    state = {"whole": x, "again": x, "columns": x[:, 1:3], "transposed": x.T, "steps": x[::2, ::3]}
    loaded = load(in_memory(state))
    for name, tensor in state.items():
        assert_same(tensor, loaded[name])
    loaded["whole"].fill_(0)
    assert_same(x, loaded["again"])
    assert len(in_memory({"row": lucid.zeros(1000, 1000)[0]}).getvalue()) < 5000


def test_parameters_lose_their_history():
    x = lucid.tensor([1.0, 2.0], requires_grad=True)
    loaded = load(in_memory({"leaf": x, "computed": x * 2}))
    assert loaded["computed"].tolist() == [2.0, 4.0]
    assert not loaded["leaf"].requires_grad


def test_loaded_tensors_own_aligned_writable_memory(tmp_path):
    path = tmp_path / "model"
    save({"odd": example(lucid.uint8, (3,)), "x": example(lucid.float64), "y": example(lucid.float32)}, path)
    loaded = load(path)
    path.write_bytes(b"overwritten")
    for tensor in loaded.values():
        array = tensor.numpy()
        assert array.flags.writeable
        assert array.flags.aligned
        assert array.flags.c_contiguous
    loaded["x"] += 1
    assert not np.shares_memory(loaded["x"].numpy(), loaded["y"].numpy())


def test_nested_objects():
    x, y = lucid.arange(3), lucid.tensor([[1.5]])
    saved = {
        "model": collections.OrderedDict([("fc.weight", x), ("fc.bias", y)]),
        "optimizer": {"state": {0: {"step": 3, "exp_avg": y}, 1: {}}, "param_groups": [{"betas": (0.9, 0.999)}]},
        "epoch": 3,
        "big": 10**30,
        "negative": -0.0,
        "tiny": 5e-324,
        "text": "naïve ☃ \0",
        "flags": [True, False, None],
        "empty": [{}, [], ()],
        "numpy": [np.float32(0.5), np.int64(7), np.bool_(True), np.float64(0.1)],
    }
    loaded = load(in_memory(saved))
    assert list(loaded) == list(saved)
    assert list(loaded["model"]) == ["fc.weight", "fc.bias"]
    assert_same(x, loaded["model"]["fc.weight"])
    assert_same(y, loaded["model"]["fc.bias"])
    assert_same(y, loaded["optimizer"]["state"][0]["exp_avg"])
    assert loaded["optimizer"]["state"][0]["step"] == 3
    assert loaded["optimizer"]["param_groups"] == [{"betas": (0.9, 0.999)}]
    for key in ("epoch", "big", "tiny", "text", "flags", "empty"):
        assert loaded[key] == saved[key]
        assert type(loaded[key]) is type(saved[key])
    assert math.copysign(1, loaded["negative"]) == -1
    assert loaded["numpy"] == [0.5, 7, True, 0.1]
    assert [type(v) for v in loaded["numpy"]] == [float, int, bool, float]


def test_non_finite_numbers():
    loaded = load(in_memory([math.inf, -math.inf, math.nan, 1.0]))
    assert loaded[:2] == [math.inf, -math.inf]
    assert math.isnan(loaded[2])


def test_a_tensor_or_a_number_alone():
    assert_same(lucid.arange(3), load(in_memory(lucid.arange(3))))
    assert load(in_memory(5)) == 5


def test_keys_that_would_collide_when_joined():
    saved = {
        "a": {"b": lucid.tensor([1]), "b.c": lucid.tensor([2]), 1: lucid.tensor([3]), "1": lucid.tensor([4])},
        "a.b": lucid.tensor([5]),
        "a.b#2": lucid.tensor([6]),
        "__metadata__": lucid.tensor([7]),
        "": {"": lucid.tensor([8])},
        "dict": {"tensor": "a.b", "float": "nan", "tuple": [1], "dict": []},
    }
    loaded = load(in_memory(saved))
    assert loaded["a"]["b"].tolist() == [1]
    assert loaded["a"]["b.c"].tolist() == [2]
    assert (loaded["a"][1].tolist(), loaded["a"]["1"].tolist()) == ([3], [4])
    assert loaded["a.b"].tolist() == [5]
    assert loaded["a.b#2"].tolist() == [6]
    assert loaded["__metadata__"].tolist() == [7]
    assert loaded[""][""].tolist() == [8]
    assert loaded["dict"] == saved["dict"]


def test_files_are_read_and_written_from_where_they_are():
    file = io.BytesIO()
    file.write(b"before")
    save({"x": lucid.arange(3)}, file)
    file.seek(6)
    assert_same(lucid.arange(3), load(file)["x"])


def test_unbuffered_files_that_write_and_read_a_little_at_a_time():
    class Trickle(io.RawIOBase):
        def __init__(self):
            self.inner = io.BytesIO()

        def seekable(self):
            return True

        def seek(self, *args):
            return self.inner.seek(*args)

        def tell(self):
            return self.inner.tell()

        def write(self, data):
            return self.inner.write(bytes(data[:7]))

        def readinto(self, buffer):
            data = self.inner.read(min(len(buffer), 5))
            buffer[: len(data)] = data
            return len(data)

    class OnlyRead:
        def __init__(self, file):
            self.seek, self.tell, self.seekable, self.read = file.seek, file.tell, file.seekable, file.read

    file = Trickle()
    save({"x": lucid.arange(30)}, file)
    file.seek(0)
    assert_same(lucid.arange(30), load(file)["x"])
    assert_same(lucid.arange(3), load(OnlyRead(in_memory({"x": lucid.arange(3)})))["x"])


def test_map_location_and_weights_only():
    for where in (None, "cpu", lucid.device("cpu")):
        assert load(in_memory({}), map_location=where, weights_only=True) == {}
    with pytest.raises(RuntimeError, match="lucid runs on CPUs only, got 'cuda'"):
        load(in_memory({}), map_location="cuda")


# What cannot be saved


@pytest.mark.parametrize(
    ("obj", "message"),
    [
        ({"a": [1, {"b": object()}]}, r"cannot save a object at obj\['a'\]\[1\]\['b'\]; expected tensors, None, bools"),
        ({"a": np.zeros(2)}, r"cannot save a ndarray at obj\['a'\]"),
        ({"a": b"x"}, r"cannot save a bytes at obj\['a'\]"),
        ([{1, 2}], r"cannot save a set at obj\[0\]"),
        ({"p": collections.namedtuple("P", "x")(1)}, r"cannot save a P at obj\['p'\]"),
        ({"s": 1j}, r"cannot save a complex at obj\['s'\]"),
        ({"s": signal.SIGINT}, r"cannot save a Signals at obj\['s'\]"),
        ({"s": np.longdouble(1)}, r"cannot save a longdouble at obj\['s'\]"),
        ({(1, 2): 3}, r"cannot save the key \(1, 2\) of the dict at obj; expected str or int"),
        ({"a": {True: 3}}, r"cannot save the key True of the dict at obj\['a'\]"),
        (len, r"cannot save a builtin_function_or_method at obj;"),
    ],
)
def test_unsupported_values_are_named_before_anything_is_written(obj, message, tmp_path):
    path = tmp_path / "x"
    with pytest.raises(TypeError, match=message):
        save(obj, path)
    assert list(tmp_path.iterdir()) == []


def test_cycles_depth_and_bad_text():
    loop = []
    loop.append({"again": loop})
    with pytest.raises(ValueError, match=r"the list at obj\[0\]\['again'\] contains itself"):
        save(loop, io.BytesIO())
    shared = [1]
    assert load(in_memory([shared, shared])) == [[1], [1]]
    deep = []
    for _ in range(99):
        deep = [deep]
    assert load(in_memory(deep)) == deep
    with pytest.raises(ValueError, match=r"the list at obj(\[0\]){100} is nested more than 100 deep"):
        save([deep], io.BytesIO())
    for obj in ({"\ud800": lucid.arange(1)}, {"a": "\ud800"}, {"a": {"\ud800": 1}}):
        with pytest.raises(ValueError, match=r"is not valid Unicode: '\\ud800'"):
            save(obj, io.BytesIO())


# The file system


def test_missing_files_and_directories(tmp_path):
    with pytest.raises(FileNotFoundError, match="nothing-here"):
        load(tmp_path / "nothing-here")
    with pytest.raises(FileNotFoundError, match=r"save: no such directory: .*nowhere"):
        save({}, tmp_path / "nowhere" / "x")
    with pytest.raises(IsADirectoryError, match="save: is a directory"):
        save({}, tmp_path)
    with pytest.raises(TypeError, match="save: expected a path or a binary file, got int"):
        save({}, 5)
    with pytest.raises(TypeError, match="load: expected a path or a binary file, got list"):
        load([])
    with pytest.raises(TypeError, match="save: expected a file opened in binary mode"):
        save({}, io.StringIO())
    with pytest.raises(TypeError, match="load: expected a file opened in binary mode"):
        load(io.StringIO())


@pytest.mark.skipif(os.name != "posix", reason="POSIX special files")
def test_special_files(tmp_path):
    with pytest.raises(ValueError, match="save: /dev/null is neither a file nor a new name"):
        save({}, "/dev/null")
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)
    with open("/dev/null", "wb") as null:
        save({"x": lucid.arange(3)}, null)
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as pipe, pytest.raises(ValueError, match="cannot seek"):
        load(pipe)
    os.close(writing)


@pytest.mark.skipif(os.name != "posix", reason="POSIX modes and links")
def test_mode_and_links_of_the_old_file_are_kept(tmp_path):
    old = os.umask(0o027)
    try:
        save({"x": lucid.arange(1)}, tmp_path / "new")
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o640
    (tmp_path / "new").chmod(0o604)
    (tmp_path / "link").symlink_to("new")
    save({"x": lucid.arange(2)}, tmp_path / "link")
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o604
    assert (tmp_path / "link").is_symlink()
    assert_same(lucid.arange(2), load(tmp_path / "new")["x"])
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt(), MemoryError()], ids=repr)
@pytest.mark.parametrize("step", ["fsync", "replace", "write"])
@pytest.mark.parametrize("existing", [False, True])
def test_failed_save_changes_nothing(tmp_path, monkeypatch, error, step, existing):
    path = tmp_path / "model"
    if existing:
        save({"x": lucid.arange(3)}, path)
    before = path.read_bytes() if existing else None

    def fail(*_):
        assert any(name.name.endswith(".tmp") for name in tmp_path.iterdir())
        raise error

    if step == "write":
        monkeypatch.setattr(np, "ascontiguousarray", fail)  # after the header, before the data
    else:
        monkeypatch.setattr(os, step, fail)
    with pytest.raises(type(error)):
        save({"x": lucid.arange(5)}, path)
    monkeypatch.undo()
    assert list(tmp_path.iterdir()) == ([path] if existing else [])
    if existing:
        assert path.read_bytes() == before


@pytest.mark.skipif(os.name != "posix", reason="POSIX resource limits")
def test_full_disk(tmp_path):
    import resource

    path = tmp_path / "model"
    save({"x": lucid.arange(3)}, path)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (5000, limits[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            save({"x": lucid.arange(10_000)}, path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert list(tmp_path.iterdir()) == [path]
    assert_same(lucid.arange(3), load(path)["x"])


def test_save_replaces_while_an_old_file_is_being_read(tmp_path):
    path = tmp_path / "model"
    save({"x": lucid.arange(3)}, path)
    with open(path, "rb") as old:
        save({"x": lucid.arange(5)}, path)
        assert_same(lucid.arange(3), load(old)["x"])
    assert_same(lucid.arange(5), load(path)["x"])


# Damaged and foreign files

NO_DATA = {"x": entry(shape=(0,), offsets=(0, 0))}


@pytest.mark.parametrize(
    ("file", "message"),
    [
        (io.BytesIO(), "truncated: 0 bytes, but a safetensors file starts with 8 bytes of header length"),
        (io.BytesIO(b"abc"), "truncated: 3 bytes"),
        (build({}, length=1000), "truncated: the header takes 1000 bytes, but 2 follow its length"),
        (build({}, length=0), "not a safetensors file: header length 0"),
        (build({}, length=100_000_001), "header length 100000001, more than the format's 100000000"),
        (build({}, length=2**64 - 1), "header length 18446744073709551615, more than"),
        (io.BytesIO(b'{"a": [1, 2, 3]}'), "not a safetensors file: header length"),
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
        (build({"x": entry("BF16")}), "'x' has dtype 'BF16'; supported: F64, F32, F16, I64, I32, I16, I8, U8, BOOL"),
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
        (build({"x" * 200: entry("BF16")}), r"tensor 'x+\.\.\. has dtype"),
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
    path.write_bytes(b"abc")
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
    assert x.dtype is lucid.float32
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
    np.testing.assert_array_equal(load(half)["x"].numpy(), np.array([0.1, 3], np.float16).astype(np.float32))


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
            if theirs[name]["dtype"] != "F16":
                assert bytes(theirs[name]["data"]) == tensor.numpy().tobytes()
        agreed += 1
    assert agreed > 25


def test_saving_what_was_loaded_gives_the_same_bytes(tmp_path):
    path = tmp_path / "state"
    state = {"layer.weight": example(lucid.float32), "layer.steps": lucid.arange(1), "layer.bias": lucid.zeros(4)}
    save(state, path)
    first = path.read_bytes()
    save(load(path), path)
    assert path.read_bytes() == first
