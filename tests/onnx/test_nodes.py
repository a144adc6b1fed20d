"""The ONNX project's own tests of single operators."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

pytest.importorskip("onnx.backend")  # "onnx" alone is also this directory

import lucid
from lucid.onnx._load import OPSETS, from_proto, tensor
from lucid.onnx._registry import OPERATORS


def cases() -> list[Any]:
    from onnx.backend.test.loader import load_model_tests

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return [t for t in load_model_tests(kind="node") if is_covered(t)]


def is_covered(case: Any) -> bool:
    """Whether all operators are, in a covered set, on tensors of covered types."""
    model = case.model
    arrays = [a for inputs, outputs in case.data_sets for a in (*inputs, *outputs)]
    return (
        all(entry.domain == "" and entry.version in OPSETS for entry in model.opset_import)
        and all(node.op_type in OPERATORS for node in model.graph.node)
        and all(isinstance(a, np.ndarray) and a.dtype.name in ("float32", "int64", "int32", "bool") for a in arrays)
    )


@pytest.mark.parametrize("case", cases(), ids=lambda case: case.name)
def test_node(case: Any) -> None:
    try:
        model = from_proto(case.model)
    except ValueError as error:
        assert "not supported" in str(error)
        pytest.skip(str(error))
    for inputs, outputs in case.data_sets:
        with lucid.no_grad():
            found = model(*[tensor(a) for a in inputs])
        for mine, theirs in zip(found if isinstance(found, tuple) else (found,), outputs, strict=True):
            assert mine.numpy().dtype == theirs.dtype and mine.shape == theirs.shape
            np.testing.assert_allclose(mine.numpy(), theirs, rtol=case.rtol, atol=1e-6)


def small(*nodes: Any, opset: int = 17) -> Any:
    """A model of ``nodes`` from x to y."""
    from onnx import TensorProto, helper

    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in "xy"]
    graph = helper.make_graph(list(nodes), "small", ends[:1], ends[1:])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])


def test_everything_that_is_missing_is_named() -> None:
    from onnx import helper

    model = small(
        helper.make_node("NonMaxSuppression", ["x"], ["a"]),
        helper.make_node("MaxPool", ["a"], ["b", "c"], kernel_shape=[2, 2], ceil_mode=1),
        helper.make_node("Relu", ["b"], ["d"]),
        helper.make_node("Fused", ["d"], ["y"], domain="mine"),
    )
    with pytest.raises(ValueError) as error:
        from_proto(model)
    assert str(error.value) == "onnx.load: not supported: MaxPool with ceil_mode, NonMaxSuppression, mine.Fused"
    with pytest.raises(ValueError, match=r"^onnx.load: operator set 9 is not supported, only 13 to 21$"):
        from_proto(small(opset=9))


def test_inputs_are_checked_and_files_are_read(tmp_path: Any) -> None:
    import onnx
    from onnx import helper

    path = tmp_path / "small.onnx"
    onnx.save(small(helper.make_node("Neg", ["x"], ["y"], name="last")), path)
    model = lucid.onnx.load(path)
    assert model(x=lucid.ones(2)).tolist() == model(lucid.ones(2)).tolist() == [-1.0, -1.0]
    with pytest.raises(TypeError, match="expected the inputs x, got none"):
        model()
    with pytest.raises(TypeError, match="expected the inputs x, got x and 1 more"):
        model(lucid.ones(2), lucid.ones(2))


def test_networks_give_what_onnxruntime_gives(tmp_path: Any) -> None:
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    onnxruntime = pytest.importorskip("onnxruntime")
    rng = np.random.default_rng(0)
    weights = {
        "conv.w": rng.standard_normal((8, 3, 3, 3)) / 5, "conv.b": rng.standard_normal(8),
        "bn.w": rng.uniform(0.5, 1.5, 8), "bn.b": rng.standard_normal(8), "bn.m": rng.standard_normal(8),
        "bn.v": rng.uniform(0.5, 1.5, 8), "dw": rng.standard_normal((8, 1, 5, 5)) / 5,
        "fc.w": rng.standard_normal((5, 8 * 16)) / 10, "fc.b": rng.standard_normal(5),
    }  # fmt: skip
    node = helper.make_node
    nodes = [
        node("Conv", ["x", "conv.w", "conv.b"], ["a"], strides=[2, 2], pads=[0, 1, 1, 0]),
        node("BatchNormalization", ["a", "bn.w", "bn.b", "bn.m", "bn.v"], ["b"], epsilon=1e-3),
        node("HardSwish", ["b"], ["c"]),
        node("Conv", ["c", "dw"], ["d"], group=8, auto_pad="SAME_UPPER"),
        node("Add", ["c", "d"], ["e"]),
        node("MaxPool", ["e"], ["f"], kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1]),
        node("AveragePool", ["f"], ["g"], kernel_shape=[3, 3], strides=[1, 1], pads=[1, 1, 1, 1]),
        node("Shape", ["g"], ["s"], end=1),
        node("Concat", ["s", "rest"], ["t"], axis=0),
        node("Reshape", ["g", "t"], ["h"]),
        node("Gemm", ["h", "fc.w", "fc.b"], ["i"], transB=1),
        node("Softmax", ["i"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes, "network",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, 16, 16])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 5])],
        [numpy_helper.from_array(w.astype(np.float32), name) for name, w in weights.items()]
        + [numpy_helper.from_array(np.array([-1]), "rest")],
    )  # fmt: skip
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    path = str(tmp_path / "network.onnx")
    onnx.save(proto, path)
    x = rng.standard_normal((3, 3, 16, 16)).astype(np.float32)
    (theirs,) = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"]).run(None, {"x": x})
    model = lucid.onnx.load(path)
    with lucid.no_grad():
        mine = model(tensor(x)).numpy()
    np.testing.assert_allclose(mine, theirs, rtol=1e-5, atol=1e-6)
    assert sum(p.numel() for p in model.parameters()) == sum(w.size for w in weights.values())
    compiled = lucid.compile(model)
    np.testing.assert_allclose(compiled(tensor(x)).numpy(), theirs, rtol=1e-5, atol=1e-6)
