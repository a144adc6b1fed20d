"""PyTorch's checkpoint files: written here, read here, exchanged with PyTorch, and hostile ones refused."""

from __future__ import annotations

import argparse
import io
import pickle
import random
import subprocess
import sys
import types
import zipfile
from collections import Counter, OrderedDict, deque
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lucid
from lucid import nn
from lucid.serialization import FileFormatError


def model() -> nn.Module:
    lucid.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(36, 2))


def archive(program: bytes, **entries: bytes) -> io.BytesIO:
    """A file with this pickle, as PyTorch lays it out."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as out:
        out.writestr("archive/data.pkl", program)
        for name, data in entries.items():
            out.writestr(f"archive/data/{name}", data)
    file.seek(0)
    return file


def saved(obj: Any) -> io.BytesIO:
    file = io.BytesIO()
    lucid.save(obj, file, format="pytorch")
    file.seek(0)
    return file


STRUCTURE = {
    "none": None, "yes": True, "no": False, "small": -3, "large": 2**80, "float": 0.1, "text": "ä\ud800", "empty": [],
    "list": [1, [2.5, ()], {"a": (1,)}], 7: "integer key", "ordered": OrderedDict(b=1, a=2), "dtype": lucid.float64,
}  # fmt: skip


def test_structures_come_back() -> None:
    back = lucid.load(saved(STRUCTURE))
    assert back == STRUCTURE
    assert [type(v) for v in back.values()] == [type(v) for v in STRUCTURE.values()]


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "int32", "int16", "int8", "uint8", "bool"])
@pytest.mark.parametrize("shape", [(), (0, 3), (2, 3)])
def test_tensors_come_back(dtype: str, shape: tuple[int, ...]) -> None:
    t = lucid.from_numpy(np.arange(int(np.prod(shape)) or 1)[: int(np.prod(shape))].reshape(shape).astype(dtype))
    back = lucid.load(saved([t]))[0]
    assert back.dtype == t.dtype and back.shape == t.shape
    assert np.array_equal(back.numpy(), t.numpy())


def test_shared_memory_stays_shared_and_views_stay_views() -> None:
    x = lucid.arange(12).reshape(3, 4)
    whole, row, turned = lucid.load(saved([x, x[1], x.t()]))
    whole[1, 2] = -1
    assert row[2] == -1 and turned[2, 1] == -1
    assert turned.stride() == (1, 4)


def test_a_small_view_does_not_save_a_large_storage() -> None:
    x = lucid.zeros(1000, 1000)
    assert len(saved(x[3]).getvalue()) < 10_000


def test_parameters_and_requires_grad_come_back() -> None:
    p, t = lucid.load(saved([nn.Parameter(lucid.ones(2), requires_grad=False), lucid.ones(2, requires_grad=True)]))
    assert isinstance(p, nn.Parameter) and not p.requires_grad
    assert t.requires_grad and t.is_leaf


def test_the_suffix_chooses_the_format(tmp_path: Path) -> None:
    for name, start in (("a.pt", b"PK"), ("a.pth", b"PK"), ("a.safetensors", b""), ("a", b"")):
        lucid.save(model().state_dict(), tmp_path / name)
        assert (tmp_path / name).read_bytes().startswith(start)
        fresh = model()
        fresh.load_state_dict(lucid.load(tmp_path / name))
    with pytest.raises(ValueError, match=r"save: format must be 'safetensors' or 'pytorch', got 'zip'"):
        lucid.save({}, tmp_path / "a", format="zip")


def test_a_failed_save_leaves_the_old_file(tmp_path: Path) -> None:
    lucid.save({"a": lucid.ones(1)}, tmp_path / "a.pt")
    before = (tmp_path / "a.pt").read_bytes()
    with pytest.raises(TypeError, match=r"save: cannot save a object at obj\['b'\]\[0\]; expected tensors"):
        lucid.save({"b": [object()]}, tmp_path / "a.pt")
    assert (tmp_path / "a.pt").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["a.pt"]
    loop: list[Any] = []
    loop.append(loop)
    with pytest.raises(ValueError, match=r"save: the list at obj\[0\] contains itself"):
        lucid.save(loop, tmp_path / "a.pt")


class Call:
    """Pickles as a call of ``function``."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = function, arguments

    def __reduce__(self) -> Any:
        return self.call


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_nothing_in_a_file_is_executed(tmp_path: Path, protocol: int) -> None:
    victim = tmp_path / "victim"
    program = pickle.dumps({"weight": Call(Path.touch, victim)}, protocol=protocol)
    with pytest.raises(FileFormatError, match="refused|instruction|damaged"):
        lucid.load(archive(program))
    assert not victim.exists()


@pytest.mark.parametrize(
    ("program", "message"),
    [
        (b"cposix\nsystem\n.", "it asks for 'posix.system', which is not one of the names"),
        (b"cbuiltins\neval\n.", "it asks for 'builtins.eval'"),
        (b"ctorch\nload\n.", "it asks for 'torch.load'"),
        (b"ctorch._utils\n_rebuild_tensor_v2.__globals__\n.", "it asks for 'torch._utils._rebuild_tensor_v2.__globals__'"),
        (b"X\x01\x00\x00\x00aX\x01\x00\x00\x00bR.", "it calls something that is not a function"),
        (b"]}b.", "it sets the state of a list"),
        (b"ccollections\nOrderedDict\n)R}X\x05\x00\x00\x00itemsNsb.", "it sets the state of a OrderedDict"),
        (b"K\x01Q.", "it refers to something that is not a storage"),
        (b"\x82\x01.", "it contains the pickle instruction EXT1"),
        (b"(cos\nsystem\no.", "it asks for 'os.system'"),
        (b"K\x01", "its pickle is damaged"),
        (b"t.", "its pickle is damaged"),
        (b"X\xff\xff\xff\x7fab.", "its pickle is damaged"),
        (b"", "its pickle is damaged"),
    ],
)  # fmt: skip
def test_hostile_pickles(program: bytes, message: str) -> None:
    with pytest.raises(FileFormatError) as error:
        lucid.load(archive(program))
    assert message in str(error.value)


def reference(key: str, count: int, offset: int, size: tuple[int, ...], stride: tuple[int, ...]) -> bytes:
    """A pickle of one tensor."""
    inner = pickle.dumps(("storage", "KIND", key, "cpu", count), protocol=2)[2:-1].replace(
        pickle.dumps("KIND", 2)[2:-3], b"ctorch\nFloatStorage\n"
    )
    rest = b"".join(pickle.dumps(v, protocol=2)[2:-1] for v in (offset, size, stride, False, None))
    return b"ctorch._utils\n_rebuild_tensor_v2\n(" + inner + b"Q" + rest + b"tR."


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("0", 4, 0, (5,), (1,)), r"a tensor of shape \(5,\) reaches element 4 of a storage of 4"),
        (("0", 4, 1, (2, 2), (2, 1)), "reaches element 4 of a storage of 4"),
        (("0", 4, 0, (2,), (2**62,)), "reaches element"),
        (("0", 4, -1, (2,), (1,)), "are not what they should be"),
        (("0", 4, 0, (2, 2), (1,)), r"a tensor has shape \(2, 2\) and strides \(1,\)"),
        (("0", 5, 0, (2,), (1,)), "storage '0' has 4 elements instead of 5"),
        (("1", 4, 0, (2,), (1,)), "has no entry 'archive/data/1'"),
    ],
)
def test_tensors_that_lie(arguments: Any, message: str) -> None:
    good = lucid.load(archive(reference("0", 4, 0, (2, 2), (2, 1)), **{"0": np.arange(4, dtype="<f4").tobytes()}))
    assert good.tolist() == [[0, 1], [2, 3]]
    with pytest.raises(FileFormatError, match=message):
        lucid.load(archive(reference(*arguments), **{"0": bytes(16)}))


def test_damaged_files_give_one_kind_of_error() -> None:
    data = saved(model().state_dict()).getvalue()
    draw = random.Random(0)
    refused = 0
    for turn in range(300):
        damaged = bytearray(data)
        if turn % 2:
            del damaged[draw.randrange(4, len(damaged)) :]
        else:
            for _ in range(3):
                damaged[draw.randrange(4, len(damaged))] = draw.randrange(256)
        try:
            lucid.load(io.BytesIO(bytes(damaged)))
        except FileFormatError:
            refused += 1
    assert refused > 250


def test_old_and_other_archives() -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as out:
        out.writestr("readme.txt", "hello")
    file.seek(0)
    with pytest.raises(FileFormatError, match=r"without PyTorch's data.pkl; files of PyTorch before 1.6 are not read"):
        lucid.load(file)


VALUES = {
    "settings": argparse.Namespace(lr=0.1, layers=[1, 2], out=Path("a/b"), device=lucid.device("cpu"), sizes=(3,)),
    "simple": types.SimpleNamespace(x=1), "set": {1, 2}, "frozen": frozenset("a"), "bytes": b"\x00\xff",
    "bytearray": bytearray(b"x"), "complex": 2 - 3j, "deque": deque([1, 2], 3), "type": np.dtype("f4"),
}  # fmt: skip
ARRAYS = {
    "floats": np.arange(6.0).reshape(2, 3), "columns": np.arange(6).reshape(2, 3).T, "big end": np.arange(3, dtype=">i4"),
    "bools": np.array([True, False]), "complex": np.array([1 + 2j]), "one": np.array(2.5), "none": np.zeros((0, 2), "u1"),
    "halves": np.ones(2, "f2"),
}  # fmt: skip


def test_settings_and_numpys_arrays_come_back() -> None:
    assert lucid.load(saved(VALUES)) == VALUES
    back = lucid.load(saved(ARRAYS))
    for name, array in ARRAYS.items():
        assert (
            back[name].dtype == array.dtype.newbyteorder("=")
            and back[name].shape == array.shape
            and (back[name] == array).all()
        ), name
    state = lucid.load(saved({"numpy": np.random.get_state(), "python": random.getstate()}))
    np.random.set_state(state["numpy"])
    random.setstate(state["python"])
    one = np.arange(2)
    again = lucid.load(saved([one, one.astype("c8"), Counter("aab")]))
    assert again[0].flags.writeable and again[1].dtype == "c8" and again[2] == {"a": 2, "b": 1}
    settings = argparse.Namespace()
    settings.itself = [settings]
    with pytest.raises(ValueError, match=r"save: the Namespace at obj\['itself'\]\[0\] contains itself"):
        lucid.save(settings, io.BytesIO(), format="pytorch")


def _state(array: bytes, *rest: bytes) -> bytes:
    made = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(K\x00tU\x01btR"
    return made + b"(K\x01" + array + b"".join(rest) + b"tb."


F8 = b"cnumpy\ndtype\n(X\x02\x00\x00\x00f8tR"


@pytest.mark.parametrize(
    ("program", "message"),
    [
        (_state(b"(K\x02t", F8, b"\x89", b"C\x08" + bytes(8)), "a NumPy array of shape (2,) and float64 has 8 bytes"),
        (_state(b"(J\xff\xff\xff\xfft", F8, b"\x89", b"C\x08" + bytes(8)), "a NumPy array has the shape (-1,)"),
        (_state(b"(K\x01t", F8, b"\x89", b"]"), "a NumPy array is not made of numbers"),
        (_state(b"(K\x01t", F8.replace(b"f8", b"O8"), b"\x89", b"]"), "a NumPy array has the type 'O8'"),
        (_state(b"(K\x01t", b"N", b"\x89", b"C\x01a"), "a NumPy array is not made of numbers"),
        (b"cnumpy.core.multiarray\nscalar\n(" + F8 + b"C\x04aaaatR.", "a NumPy number is not what it should be"),
        (b"cargparse\nNamespace\n)\x81}K\x01K\x02sb.", "it sets attributes of a Namespace that have no names"),
        (b"cargparse\nNamespace\n(K\x01t\x81.", "it makes an object with arguments"),
        (b"cargparse\nArgumentParser\n)\x81.", "it asks for 'argparse.ArgumentParser'"),
        (b"c__builtin__\neval\n.", "it asks for 'builtins.eval'"),
        (b"c__builtin__\nlist\nc__builtin__\nxrange\n(J\xff\xff\xff\x7ftRtR.", "it asks for 'builtins.xrange'"),
    ],
)
def test_hostile_values(program: bytes, message: str) -> None:
    with pytest.raises(FileFormatError) as error:
        lucid.load(archive(program))
    assert message in str(error.value)


@pytest.mark.parity
def test_values_are_exchanged_with_pytorch(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    given = {**VALUES, "settings": argparse.Namespace(lr=0.1, out=Path("a/b"), device=torch.device("cpu"))}
    torch.save({"values": given, "arrays": ARRAYS, "number": np.float32(0.1)}, tmp_path / "theirs.pt")
    back = lucid.load(tmp_path / "theirs.pt")
    assert back["values"].pop("settings").device == lucid.device("cpu") and back["number"].dtype == np.float32
    assert back["values"] == {k: v for k, v in VALUES.items() if k != "settings"}
    lucid.save({"values": VALUES, "arrays": ARRAYS}, tmp_path / "ours.pt")
    again = torch.load(tmp_path / "ours.pt", weights_only=False)
    assert again["values"].pop("settings").device == torch.device("cpu") and again["values"] == back["values"]
    for name, array in ARRAYS.items():
        for other in (back["arrays"][name], again["arrays"][name]):
            assert (
                other.dtype == array.dtype.newbyteorder("=") and other.shape == array.shape and (other == array).all()
            ), name


@pytest.mark.parity
def test_exchange_with_pytorch(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    theirs = torch.nn.Sequential(
        torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4), torch.nn.Flatten(), torch.nn.Linear(36, 2)
    )
    optimizer = torch.optim.Adam(theirs.parameters())
    theirs(torch.ones(2, 3, 5, 5)).sum().backward()
    optimizer.step()
    x = torch.arange(12.0).reshape(3, 4)
    checkpoint = {
        "model": theirs.state_dict(), "optimizer": optimizer.state_dict(), "epoch": 3, "views": [x, x[1:], x.t()],
        "half": x.half(), "bfloat16": x.bfloat16(), "parameter": torch.nn.Parameter(x), "size": x.shape,
        "dtype": torch.int64, "empty": torch.empty(0, 2), "bool": x > 3, "scalar": torch.tensor(2.5),
    }  # fmt: skip
    torch.save(checkpoint, tmp_path / "theirs.pt")
    loaded = lucid.load(tmp_path / "theirs.pt")
    assert list(loaded) == list(checkpoint)
    for name in ("half", "bfloat16", "parameter", "empty", "bool", "scalar"):
        want = checkpoint[name].detach()
        own = loaded[name].detach()
        assert str(own.dtype).rpartition(".")[2] == str(want.dtype).rpartition(".")[2]
        assert np.array_equal(own.double().numpy(), want.double().numpy()), name
    ours = model()
    ours.load_state_dict(loaded["model"])
    inputs = np.ones((2, 3, 5, 5), np.float32)
    np.testing.assert_allclose(
        ours.eval()(lucid.from_numpy(inputs)).detach().numpy(),
        theirs.eval()(torch.from_numpy(inputs)).detach().numpy(),
        1e-4,
        1e-5,
    )
    own_optimizer = lucid.optim.Adam(ours.parameters())
    own_optimizer.load_state_dict(loaded["optimizer"])
    lucid.save({**loaded, "optimizer": own_optimizer.state_dict()}, tmp_path / "ours.pt")
    back = torch.load(tmp_path / "ours.pt", weights_only=True)
    for name, value in theirs.state_dict().items():
        assert torch.equal(back["model"][name], value), name
    assert back["dtype"] == torch.int64 and back["views"][2].stride() == (1, 4)
    assert back["views"][0].untyped_storage().data_ptr() == back["views"][2].untyped_storage().data_ptr()
    optimizer.load_state_dict(back["optimizer"])
    assert isinstance(back["parameter"], torch.nn.Parameter)


def test_bytes_of_a_file_as_a_storage(tmp_path: Path) -> None:
    path = tmp_path / "bytes"
    path.write_bytes(b"\x07" + np.arange(4, dtype="<f4").tobytes())
    whole = lucid.UntypedStorage.from_file(str(path), False, 17)
    assert len(whole) == 17 and whole[0] == 7
    part = lucid.asarray(whole[1:17], dtype=lucid.uint8).view(dtype=lucid.float32)
    assert part.tolist() == [0.0, 1.0, 2.0, 3.0]
    part += 1
    assert path.read_bytes()[:5] == b"\x07\0\0\0\0"
    assert len(lucid.UntypedStorage(5)) == 5
    with pytest.raises(RuntimeError, match="view: the storage offset must be divisible by 4 bytes"):
        lucid.asarray(whole, dtype=lucid.uint8)[1:17].view(lucid.float32)
    saved = tmp_path / "x.safetensors"
    lucid.save({"a": lucid.arange(3), "b": lucid.ones(2, 2)}, saved)
    program = (
        "import lucid.torch, sys; lucid.torch.install(); from safetensors.torch import load_file, save_file; import torch;"
        "d = load_file(sys.argv[1]); assert d['a'].tolist() == [0, 1, 2] and d['b'].shape == (2, 2);"
        "save_file({'c': torch.ones(3)}, sys.argv[1]); assert load_file(sys.argv[1])['c'].tolist() == [1.0] * 3"
    )
    done = subprocess.run([sys.executable, "-P", "-c", program, saved], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
