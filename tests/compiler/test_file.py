"""Plans in files: round trips, mapping, and damaged files."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from compiler.nets import NETS, inputs, make, tensors

import lucid
from lucid import nn
from lucid._safetensors import FileFormatError


def bits(result: Any) -> list[bytes]:
    return [t.numpy().tobytes() for t in tensors(result)]


@pytest.mark.parametrize("name", NETS)
def test_round_trip(name: str, tmp_path: Path) -> None:
    compiled = lucid.compile(make(name))
    cases = [inputs(name, n) for n in (1, 3)]
    want = [bits(compiled(*args)) for args in cases]
    path = tmp_path / "net.lucid"
    compiled.save(path)
    assert [p.name for p in tmp_path.iterdir()] == ["net.lucid"]
    loaded = lucid.load_compiled(path)
    assert [bits(loaded(*args)) for args in cases] == want
    assert len(loaded.signatures) == 2 and "2 plans" in repr(loaded)


def test_every_kind_of_operation_without_a_compiled_form(tmp_path: Path) -> None:
    table = lucid.randn(5, 4)

    def function(x: Any, *, flag: bool = True) -> Any:
        y = lucid.where((x > 0) & ~(x > 1), x, -x) if flag else x
        y = y.exp().log1p().clamp(0, 2) + table[lucid.tensor([1, 2, 0])] + x.to(lucid.float64).float()
        z = y[..., 1:3].cumsum(0) @ y[None, :, :2].transpose(-2, -1)
        return {"y": [y.argmax(1), (y.isnan().any(0), None, 2.5)], "z": z, "fixed": table, "i": x.long()}

    compiled = lucid.compile(function)
    x = lucid.randn(3, 4)
    want = bits(tensors_of(compiled(x)))
    compiled(x, flag=False)
    compiled.save(tmp_path / "f")
    loaded = lucid.load_compiled(tmp_path / "f")
    got = loaded(x)
    assert got["y"][1][1:] == (None, 2.5) and bits(tensors_of(got)) == want
    assert loaded(x, flag=False)["i"].dtype == lucid.int64


def tensors_of(result: Any) -> list[Any]:
    return [result["y"][0], result["y"][1][0], result["z"], result["fixed"], result["i"]]


def test_float64_and_unknown_signatures(tmp_path: Path) -> None:
    compiled = lucid.compile(make("mobilenet").double())
    x = inputs("mobilenet", 1)[0].double()
    want = bits(compiled(x))
    compiled.save(tmp_path / "f")
    loaded = lucid.load_compiled(str(tmp_path / "f"))
    assert bits(loaded(x)) == want
    with pytest.raises(
        RuntimeError, match=r"no plan for float32 \(1, 3, 32, 32\) in .*it has plans for float64 \(1, 3"
    ):
        loaded(x.float())


@pytest.mark.parametrize("name", ["asinh", "acosh", "atanh", "sinh", "cosh", "tan", "exp2", "log1p", "erfc"])
def test_functions_are_found_where_they_are_written(name: str, tmp_path: Path) -> None:
    function = getattr(lucid, name)
    compiled = lucid.compile(lambda x: function(x).cumsum(0))
    x = lucid.rand(5, dtype=lucid.float64) + (1 if name == "acosh" else 0)
    want = bits(compiled(x))
    compiled.save(tmp_path / "f")
    assert bits(lucid.load_compiled(tmp_path / "f")(x)) == want


def test_loading_needs_neither_the_model_nor_its_code(tmp_path: Path) -> None:
    compiled = lucid.compile(make("mobilenet"))
    (x,) = inputs("mobilenet", 2)
    np.save(tmp_path / "x.npy", x.numpy())
    np.save(tmp_path / "y.npy", compiled(x).numpy())
    compiled.save(tmp_path / "net")
    program = """
import sys, numpy as np, lucid
run = lucid.load_compiled(sys.argv[1] + "/net")
x, y = (np.load(f"{sys.argv[1]}/{name}.npy") for name in "xy")
assert np.array_equal(run(lucid.from_numpy(x)).numpy(), y)
"""
    subprocess.run([sys.executable, "-P", "-c", program, str(tmp_path)], check=True, timeout=60)


def test_weights_are_mapped(tmp_path: Path) -> None:
    compiled = lucid.compile(nn.Linear(256, 256).eval())
    compiled(lucid.ones(1, 256))
    compiled.save(tmp_path / "f")
    loaded = lucid.load_compiled(tmp_path / "f")
    segment = next(iter(loaded._plans.values())).program.steps[0].run
    data = segment.recipe.packed[0].data
    assert not data.flags.owndata and not data.flags.writeable and data.ctypes.data % 64 == 0


def test_what_cannot_be_saved(tmp_path: Path) -> None:
    compiled = lucid.compile(lambda x: x + 1)
    with pytest.raises(RuntimeError, match="save: there is no plan yet"):
        compiled.save(tmp_path / "f")
    odd = lucid.compile(lambda x: x.sort().values if hasattr(x, "nothing") else (x + 1, object))
    odd(lucid.ones(2))
    with pytest.raises(TypeError, match="save: cannot save an argument or result of type type"):
        odd.save(tmp_path / "f")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(TypeError, match="load_compiled: expected a path, got int"):
        lucid.load_compiled(3)
    with pytest.raises(FileNotFoundError):
        lucid.load_compiled(tmp_path / "none")


# Damaged files


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    compiled = lucid.compile(make("mobilenet"))
    compiled(*inputs("mobilenet", 1))
    compiled.save(tmp_path / "net")
    return tmp_path / "net"


def edit(path: Path, change: Any) -> None:
    """Apply ``change`` to the JSON of the plans."""
    raw = path.read_bytes()
    length = int.from_bytes(raw[:8], "little")
    header = json.loads(raw[8 : 8 + length])
    text = json.loads(header["__metadata__"]["lucid.compiled"])
    text = change(text) or text
    header["__metadata__"]["lucid.compiled"] = json.dumps(text)
    made = json.dumps(header).encode()
    made += b" " * (-len(made) % 8)
    path.write_bytes(len(made).to_bytes(8, "little") + made + raw[8 + length :])


def test_truncated_files(saved: Path) -> None:
    raw = saved.read_bytes()
    for size in (0, 5, 100, len(raw) // 2, len(raw) - 1):
        saved.write_bytes(raw[:size])
        with pytest.raises(FileFormatError, match="net: "):
            lucid.load_compiled(saved)


def test_files_of_tensors(tmp_path: Path) -> None:
    lucid.save({"x": lucid.ones(2)}, tmp_path / "t")
    with pytest.raises(FileFormatError, match=r"holds no compiled plans; lucid\.load reads tensors"):
        lucid.load_compiled(tmp_path / "t")


def segment_of(text: Any) -> Any:
    return next(s["segment"] for s in text["plans"][0]["steps"] if "segment" in s)


CHANGES = {
    "version": lambda t: t.update(version=99),
    "no plans": lambda t: t.pop("plans"),
    "a step that does not exist": lambda t: segment_of(t)["steps"][0].update(method="__class__"),
    "a method that is none": lambda t: segment_of(t)["steps"][0].update(method="run"),
    "a buffer beyond the last": lambda t: segment_of(t)["steps"][0].update(buffers=[0, 999]),
    "a buffer that is too small": lambda t: max(segment_of(t)["buffers"], key=lambda b: b[1]).__setitem__(1, 64),
    "weights beyond the last": lambda t: segment_of(t)["steps"][0].update(packed=999),
    "weights of another shape": lambda t: segment_of(t)["packed"][0][0].update(shape=[1, 2, 3, 4]),
    "an array that is missing": lambda t: segment_of(t)["constants"].__setitem__(0, "missing"),
    "an option that means nothing": lambda t: segment_of(t)["steps"][0]["options"].update(dict=[["n", {"eval": "1"}]]),
    "a value beyond the last": lambda t: t["plans"][0].update(outputs=[[999, False]]),
    "too many results": lambda t: t["plans"][0].update(fixed=[None, None]),
    "a signature that means nothing": lambda t: t["plans"][0].update(arguments=[{"exec": "1"}, None]),
    "a list": lambda t: [1],
}


@pytest.mark.parametrize("name", CHANGES)
def test_damaged_plans(name: str, saved: Path) -> None:
    edit(saved, CHANGES[name])
    with pytest.raises(FileFormatError, match="net: ") as caught:
        lucid.load_compiled(saved)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "operation", ["os:system", "lucid._functions.index:np", "builtins:eval", "kernel:set_num_threads", "numpy:load", 3]
)
def test_operations_are_lucids_own(operation: Any, tmp_path: Path) -> None:
    compiled = lucid.compile(lambda x: x.cumsum(0))
    compiled(lucid.ones(3))
    compiled.save(tmp_path / "net")

    def change(text: Any) -> None:
        (step,) = text["plans"][0]["steps"]
        step["call"]["operation"] = operation

    edit(tmp_path / "net", change)
    with pytest.raises(FileFormatError, match="which is no operation of this lucid"):
        lucid.load_compiled(tmp_path / "net")
