"""What files `lucid.onnx.export` writes, and what it refuses."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("onnx.helper")

from onnx_round_trip import compare, round_trip, session

import lucid
from lucid import nn
from lucid.nn import functional as F


class Small(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, padding=1)
        self.bn = nn.BatchNorm2d(4)
        self.head = nn.Linear(4, 2)

    def forward(self, image: Any) -> Any:
        return self.head(F.relu(self.bn(self.conv(image))).mean((2, 3)))


def test_names_shapes_and_state() -> None:
    model = Small()
    proto = round_trip(model, lucid.randn(1, 3, 6, 5), lucid.randn(4, 3, 6, 5), axes={"image": {0: "batch"}})
    state = {name: t for name, t in model.state_dict().items() if name != "bn.num_batches_tracked"}
    arrays = {w.name: np.frombuffer(w.raw_data, np.float32).reshape(w.dims) for w in proto.graph.initializer}
    assert set(arrays) >= set(state)
    for name, t in state.items():
        np.testing.assert_array_equal(arrays[name], t.numpy())
    (x,), (y,) = proto.graph.input, proto.graph.output
    sizes = [[d.dim_param or d.dim_value for d in v.type.tensor_type.shape.dim] for v in (x, y)]
    assert (x.name, y.name, sizes) == ("image", "output", [["batch", 3, 6, 5], ["batch", 2]])
    assert [n.op_type for n in proto.graph.node] == [
        "Conv", "BatchNormalization", "Relu", "ReduceMean", "Gemm",
    ]  # fmt: skip
    assert proto.graph.node[0].name == "/conv/Conv"
    assert [entry.version for entry in proto.opset_import] == [17] and proto.producer_name == "lucid"


def test_training_mode_and_state_are_put_back() -> None:
    model = nn.Sequential(nn.Linear(3, 3), nn.Dropout(0.5), nn.BatchNorm1d(3))
    model[2].eval()
    before = {name: t.clone() for name, t in model.state_dict().items()}
    proto = lucid.onnx.export(model, lucid.randn(4, 3))
    assert [m.training for m in model] == [True, True, False] and model.training
    assert all((t == before[name]).all() for name, t in model.state_dict().items())
    assert [n.op_type for n in proto.graph.node] == ["Gemm", "BatchNormalization"]


@pytest.mark.parametrize("version", [17, 18, 19, 20, 21])
def test_operator_sets(version: int) -> None:
    model = nn.Sequential(nn.Linear(4, 6), nn.GELU(), nn.Mish(), nn.LayerNorm(6), nn.GroupNorm(2, 6), nn.GELU("tanh"))
    proto = round_trip(model, lucid.randn(2, 4), lucid.randn(3, 4), axes={"input": [0]}, opset_version=version)
    assert [entry.version for entry in proto.opset_import] == [version]
    round_trip(lambda x: (x.amax(1), x.prod(0), x.logsumexp((0, 1))), lucid.randn(2, 4), opset_version=version)


def test_several_inputs_and_results() -> None:
    def model(a: Any, pair: Any, *, scale: Any) -> Any:
        return {"sum": a + pair[0] * scale, "rest": (pair[1], a)}

    args = (lucid.ones(2), [lucid.ones(2), lucid.zeros(3)])
    kwargs = {"scale": lucid.tensor(2.0)}
    proto = lucid.onnx.export(model, args, kwargs=kwargs, output_names=["s", "p", "a2"])
    assert [x.name for x in proto.graph.input] == ["a", "pair_0", "pair_1", "scale"]
    assert [y.name for y in proto.graph.output] == ["s", "p", "a2"]
    given = {
        "a": np.float32([1, 2]),
        "pair_0": np.float32([1, 1]),
        "pair_1": np.zeros(3, np.float32),
        "scale": np.array(3, np.float32),
    }
    compare(session(proto).run(None, given), [np.float32([4, 5]), np.zeros(3, np.float32), np.float32([1, 2])])
    last = lucid.onnx.export(model, (*args, kwargs))  # PyTorch's other way
    assert [x.name for x in last.graph.input] == ["a", "pair_0", "pair_1", "scale"]


def test_results_that_are_inputs_constants_or_the_same() -> None:
    table = lucid.arange(3)

    def model(x: Any) -> Any:
        y = x * 2
        return x, y, y, table, y.relu()

    round_trip(model, lucid.randn(2))


def test_dynamic_shapes_as_later_in_pytorch() -> None:
    model = nn.Linear(4, 2)
    for shapes in ({"input": {0: "n"}}, [{0: "n"}], ({0: "n"},), [["n", None]]):
        proto = lucid.onnx.export(model, lucid.randn(2, 4), dynamic_shapes=shapes)
        assert proto.graph.input[0].type.tensor_type.shape.dim[0].dim_param == "n"
        assert proto.graph.output[0].type.tensor_type.shape.dim[0].dim_param == "n"


def test_sizes_follow_the_inputs() -> None:
    def windows(x: Any) -> Any:  # two dynamic axes in one, and one cut in parts
        n, t, c = x.shape
        return x.reshape(n * t, c), x.reshape(n, t // 2, 2 * c), x[:, : t - 1], lucid.zeros(t, n) + t

    round_trip(windows, lucid.randn(2, 4, 3), lucid.randn(5, 8, 3), axes={"x": {0: "n", 1: "t"}})

    def positions(x: Any) -> Any:
        t = x.shape[1]
        causal = lucid.ones(t, t).tril() == 0
        return (x.unsqueeze(1) * lucid.ones(t, 1)).masked_fill(causal, -1.0), lucid.arange(t) * 2

    round_trip(positions, lucid.randn(2, 3), lucid.randn(1, 7), axes={"x": {0: "n", 1: "t"}})


def test_sizes_that_are_no_multiples() -> None:
    def halves(x: Any) -> Any:
        t = x.shape[1]
        return x[:, : t // 2], lucid.zeros(t * t, x.shape[0]), lucid.zeros(2 * t + 3, x.shape[0])

    round_trip(halves, lucid.randn(2, 4), lucid.randn(5, 9), axes={"x": {0: "n", 1: "t"}})

    def padded(x: Any) -> Any:  # nothing to add to the example and its multiples
        return F.pad(x, (0, -x.shape[0] % 2)) if x.shape[0] % 2 else x * 1

    with pytest.raises(ValueError, match="does not do the same for other sizes of the dynamic axes n: "):
        lucid.onnx.export(padded, lucid.ones(2), dynamic_axes={"x": {0: "n"}})

    def limited(x: Any) -> Any:  # no size above that of the example, and odd ones refused
        if x.shape[0] > 4 or x.shape[0] % 2:
            raise ValueError("too long")
        return x.reshape(-1, 2)

    proto = lucid.onnx.export(limited, lucid.ones(4), dynamic_axes={"x": {0: "n"}})
    assert session(proto).run(None, {"x": np.ones(6, np.float32)})[0].shape == (3, 2)
    with pytest.raises(ValueError, match=r"^too long$"):
        lucid.onnx.export(limited, lucid.ones(6), dynamic_axes={"x": {0: "n"}})


def test_what_is_refused() -> None:
    class Inner(nn.Module):
        def forward(self, x: Any) -> Any:
            return lucid.linalg.inv(x) + lucid.special.i0(x)

    class Outer(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.blocks = nn.ModuleList([Inner(), Inner()])

        def forward(self, x: Any) -> Any:
            return lucid.fft.fft(self.blocks[1](self.blocks[0](x))).real

    with pytest.raises(ValueError) as error:
        lucid.onnx.export(Outer(), lucid.eye(3))
    text = str(error.value)
    assert text.startswith("onnx.export: not supported: Inverse (in Inner 'blocks.0', Inner 'blocks.1'); ")
    assert "Transform" in text or "fft" in text.lower()

    def reads(x: Any) -> Any:
        return x if x.sum() > 0 else -x

    with pytest.raises(RuntimeError, match=r"^onnx.export: __bool__ \(.*\) reads the values of a tensor computed from"):
        lucid.onnx.export(reads, lucid.ones(2))

    def differs(x: Any) -> Any:
        return x if len(x) == 2 else x * 2

    with pytest.raises(ValueError, match=r"^onnx.export: the model does not do the same for other sizes of .* n: "):
        lucid.onnx.export(differs, lucid.ones(2), dynamic_axes={"x": {0: "n"}})
    x = lucid.ones(2, 3)
    for options, message in (
        ({"opset_version": 12}, "operator set 12 is not supported, only 17 to 21"),
        ({"input_names": ["a", "b"]}, "input_names must be 1 different names, one for each of the tensors among the "
                                      "inputs, got ['a', 'b']"),
        ({"output_names": []}, "output_names must be 1 different names, one for each of the tensors among the results, "
                               "got []"),
        ({"input_names": ["x"], "output_names": ["x"]}, "['x'] name both an input and an output"),
        ({"dynamic_axes": {"input": {2: "n"}}}, "axis 2 of 'input' does not exist (shape (2, 3))"),
        ({"dynamic_shapes": {"y": {0: "n"}}}, "dynamic_shapes names ['y'], but the inputs are ['input']"),
        ({"dynamic_axes": {"input": {0: "n", 1: "n"}}}, "the axis 'n' has 3 elements in 'input' (shape (2, 3)), and 2 "
                                                        "elsewhere"),
        ({"external_data": True}, "external_data needs a path"),
    ):  # fmt: skip
        with pytest.raises(ValueError) as error:
            lucid.onnx.export(nn.ReLU(), x, **options)
        assert str(error.value) == f"onnx.export: {message}"
    with pytest.raises(TypeError, match=r"^onnx.export: expected a module or a function, got int$"):
        lucid.onnx.export(3, x)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"^onnx.export: expected a path or a binary file, got int$"):
        lucid.onnx.export(nn.ReLU(), x, 3)  # type: ignore[arg-type]


def test_files(tmp_path: Path, monkeypatch: Any) -> None:
    model, x = nn.Linear(3, 2).eval(), lucid.randn(4, 3)
    path = tmp_path / "linear.onnx"
    assert lucid.onnx.export(model, x, path) is None
    memory = io.BytesIO()
    lucid.onnx.export(model, (x,), memory)
    assert memory.getvalue() == path.read_bytes()
    compare([lucid.onnx.load(path)(x).detach().numpy()], [model(x).detach().numpy()])

    before = path.read_bytes()
    monkeypatch.setattr(os, "replace", lambda *args: (_ for _ in ()).throw(OSError("full")))
    with pytest.raises(OSError, match="full"):
        lucid.onnx.export(nn.Linear(3, 5), x, path)
    assert path.read_bytes() == before and os.listdir(tmp_path) == ["linear.onnx"]
    with pytest.raises(ValueError, match="not supported"):
        lucid.onnx.export(lucid.linalg.inv, lucid.eye(2), path, input_names=["x"])
    assert path.read_bytes() == before


def test_weights_in_a_second_file(tmp_path: Path, monkeypatch: Any) -> None:
    from lucid.onnx import _export

    model, x = nn.Sequential(nn.Linear(3, 2), nn.Linear(2, 1)).eval(), lucid.randn(4, 3)
    monkeypatch.setattr(_export, "LARGEST", 16)
    with pytest.raises(ValueError, match=r"^onnx.export: 44 bytes of weights need a second file; give a path$"):
        lucid.onnx.export(model, x)
    path = tmp_path / "large.onnx"
    lucid.onnx.export(model, x, path)
    assert sorted(os.listdir(tmp_path)) == ["large.onnx", "large.onnx.data"]
    wanted = model(x).detach().numpy()
    compare(session(str(path)).run(None, {"input": x.numpy()}), [wanted])
    compare([lucid.onnx.load(path)(x).detach().numpy()], [wanted])


def test_a_script_for_pytorch_gets_here(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import torch\n"
        "model = torch.nn.Linear(3, 2)\n"
        "torch.onnx.export(model, torch.ones(1, 3), 'm.onnx', export_params=True, do_constant_folding=True,\n"
        "                  input_names=['x'], output_names=['y'], dynamic_axes={'x': {0: 'n'}, 'y': {0: 'n'}})\n"
        "print(torch.onnx.is_in_onnx_export())\n"
    )
    result = subprocess.run([sys.executable, "-m", "lucid.torch", script], cwd=tmp_path, capture_output=True, text=True)
    assert result.stdout == "False\n", result.stderr
    assert lucid.onnx.load(tmp_path / "m.onnx")(lucid.ones(5, 3)).shape == (5, 2)


def test_without_the_package(monkeypatch: Any) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ImportError, match=r"^onnx.export needs the package onnx: pip install lucid\[onnx\]$"):
        lucid.onnx.export(nn.ReLU(), lucid.ones(2))


def test_numbers_that_depend_on_sizes_are_not_frozen() -> None:
    def scaled(x: Any) -> Any:
        return lucid.add(x, x, alpha=x.shape[0])

    def last(x: Any) -> Any:
        y = lucid.zeros(8, 3)
        y[x.shape[0] - 1] = x[0]
        return y

    for model, what in ((scaled, "Add with arguments"), (last, "assignment to places")):
        with pytest.raises(ValueError, match=f"^onnx.export: not supported: {what} that depend on the dynamic axes"):
            lucid.onnx.export(model, lucid.ones(2, 3), dynamic_axes={"x": {0: "n"}})


@pytest.mark.parametrize(
    ("reads", "gives", "message"),
    [
        ("lost", "y", "onnx.load: the node 'n' reads 'lost', which no node before it makes"),
        ("x", "z", "onnx.load: the graph gives 'z', which no node makes"),
    ],
)
def test_graphs_with_gaps_are_refused_when_they_are_loaded(
    tmp_path: Path, reads: str, gives: str, message: str
) -> None:
    from onnx import TensorProto, helper, save

    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [2]) for name in ("x", gives)]
    node = helper.make_node("Relu", [reads], ["y"], name="n")
    graph = helper.make_graph([node], "g", ends[:1], ends[1:])
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]), tmp_path / "gap.onnx")
    with pytest.raises(ValueError) as error:
        lucid.onnx.load(tmp_path / "gap.onnx")
    assert str(error.value) == message
