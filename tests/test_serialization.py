"""Saving and loading: round trips, what cannot be saved, failed writes. Damaged files: test_damaged_files.py."""

import collections
import io
import math
import os
import signal
import stat

import numpy as np
import pytest
from safetensors_files import DTYPES, assert_same, example, in_memory

import lucid
from lucid.serialization import load, save

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
        ({"net": lucid.nn.ReLU()}, r"cannot save a ReLU at obj\['net'\]; save its state_dict\(\)"),
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
def test_failures_name_the_file_that_was_asked_for(tmp_path):
    path = tmp_path / ("x" * 300)
    with pytest.raises(OSError, match="File name too long: '[^>]*/x{300}'$") as error:
        save({}, path)
    assert error.value.filename == str(path) and list(tmp_path.iterdir()) == []


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
