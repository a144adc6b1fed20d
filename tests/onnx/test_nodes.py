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

TYPES = {"float16", "float32", "float64", "int8", "int16", "int32", "int64", "uint8", "bool"}
"""What lucid's tensors hold, but for bfloat16."""

EXCEPTIONS = {
    f"test_training_dropout{name}": "draws random numbers" for name in ("_default", "_default_mask", "", "_mask")
}
"""Tests of covered operators that do not pass, with the reason for each."""


def nodes_of(graph: Any) -> list[Any]:
    """The nodes of a graph and of those within."""
    found = []
    for node in graph.node:
        found.append(node)
        for a in node.attribute:
            found += nodes_of(a.g) if a.HasField("g") else []
    return found


def definitions() -> dict[str, set[int]]:
    """The versions of each operator that are in force in some of the operator sets."""
    from onnx import defs

    found: dict[str, set[int]] = {}
    for schema in defs.get_all_schemas_with_history():
        if schema.domain == "" and schema.since_version <= OPSETS[-1]:
            found.setdefault(schema.name, set()).add(schema.since_version)
    return {name: {v for v in versions if v >= OPSETS[0]} | {max([v for v in versions if v <= OPSETS[0]], default=0)}
            for name, versions in found.items()}  # fmt: skip


DEFINITIONS = definitions()


def all_cases() -> list[Any]:
    from onnx.backend.test.loader import load_model_tests

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return [t for t in load_model_tests(kind="node") if t.model is not None]


def operators_of(case: Any) -> set[str]:
    return {
        node.op_type if node.domain == "" else f"{node.domain}.{node.op_type}" for node in nodes_of(case.model.graph)
    }


def outside(case: Any) -> str | None:
    """Why a test is of something that lucid does not claim; None for those that must pass."""
    from onnx import defs

    versions = {entry.domain: entry.version for entry in case.model.opset_import}
    if not operators_of(case) <= set(OPERATORS) or "" not in versions:
        return "an operator that is not covered"
    for name in operators_of(case):
        if name not in DEFINITIONS or defs.get_schema(name, versions[""]).since_version not in DEFINITIONS[name]:
            return "an older definition of the operator"
    for value in [*case.model.graph.input, *case.model.graph.output]:
        if not value.type.HasField("tensor_type"):
            return "sequences or optional values"
    kinds = {dtype_name(a) for inputs, outputs in case.data_sets for a in (*inputs, *outputs)}
    kinds |= {constant_type(t) for t in tensors_of(case.model.graph)}
    return None if kinds <= TYPES else f"a type that lucid does not have: {', '.join(sorted(kinds - TYPES))}"


def dtype_name(a: Any) -> str:
    return a.dtype.name if isinstance(a, np.ndarray) else type(a).__name__


def tensors_of(graph: Any) -> list[Any]:
    """Initialisers, and the tensors in attributes."""
    found = list(graph.initializer)
    for node in nodes_of(graph):
        found += [a.t for a in node.attribute if a.HasField("t")]
    return found


def constant_type(t: Any) -> str:
    from onnx import helper

    return helper.tensor_dtype_to_np_dtype(t.data_type).name


CASES = all_cases()
CLAIMED = [case for case in CASES if outside(case) is None]


@pytest.mark.parametrize("case", CLAIMED, ids=lambda case: case.name)
def test_node(case: Any) -> None:
    if case.name in EXCEPTIONS:
        with pytest.raises(ValueError, match="not supported"):
            from_proto(case.model)(*[tensor(a) for a in case.data_sets[0][0]])
        return
    opset = next(entry for entry in case.model.opset_import if entry.domain == "")
    opset.version = max(opset.version, OPSETS[0])  # where the definitions are the same
    model = from_proto(case.model)
    for inputs, outputs in case.data_sets:
        with lucid.no_grad():
            found = model(*[tensor(a) for a in inputs])
        for mine, theirs in zip(found if isinstance(found, tuple) else (found,), outputs, strict=True):
            assert mine.numpy().dtype == theirs.dtype and mine.shape == theirs.shape
            half = theirs.dtype.name == "float16"
            rtol, atol = (max(case.rtol, 2e-3), 1e-3) if half else (case.rtol, 1e-6)
            np.testing.assert_allclose(mine.numpy(), theirs, rtol=rtol, atol=atol)


def test_every_covered_operator_is_tested_and_every_exception_named() -> None:
    tested = {name for case in CLAIMED if case.name not in EXCEPTIONS for name in operators_of(case)}
    assert set(OPERATORS) - tested == {"GlobalLpPool"}  # has no test there; see below
    assert set(EXCEPTIONS) <= {case.name for case in CLAIMED}
    for case in CASES:  # nothing else of a covered operator is left out
        if operators_of(case) <= set(OPERATORS):
            reason = outside(case) or ""
            assert reason == "" or reason.startswith(("an older definition", "sequences", "a type that lucid does not"))


def test_global_lp_pool() -> None:
    from onnx import helper

    model = from_proto(small(helper.make_node("GlobalLpPool", ["x"], ["y"], p=3)))
    x = lucid.tensor([[[[1.0, -2.0], [0.0, 3.0]]]])
    np.testing.assert_allclose(model(x).numpy(), np.full((1, 1, 1, 1), 36 ** (1 / 3)), rtol=1e-6)


def small(*nodes: Any, opset: int = 17) -> Any:
    """A model of ``nodes`` from x to y."""
    from onnx import TensorProto, helper

    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in "xy"]
    graph = helper.make_graph(list(nodes), "small", ends[:1], ends[1:])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])


def test_everything_that_is_missing_is_named() -> None:
    from onnx import helper

    model = small(
        helper.make_node("DeformConv", ["x"], ["a"]),
        helper.make_node("Relu", ["a"], ["b", "c"]),
        helper.make_node("MaxPool", ["a"], ["e"], kernel_shape=[2, 2], depth=1),
        helper.make_node("Relu", ["b"], ["d"]),
        helper.make_node("Fused", ["d"], ["y"], domain="mine"),
    )
    with pytest.raises(ValueError) as error:
        from_proto(model)
    assert (
        str(error.value) == "onnx.load: not supported: DeformConv, MaxPool with depth, Relu with 2 outputs, mine.Fused"
    )
    with pytest.raises(ValueError, match=r"^onnx.load: operator set 9 is not supported, only 13 to 28$"):
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


def test_lookups_count_from_either_end_in_one_step() -> None:
    from onnx import TensorProto, helper, numpy_helper

    table = np.arange(15, dtype=np.float32).reshape(5, 3)
    graph = helper.make_graph(
        [helper.make_node("Gather", ["t", "i"], ["y"], axis=0)], "g",
        [helper.make_tensor_value_info("i", TensorProto.INT64, [2, 2])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)], [numpy_helper.from_array(table, "t")],
    )  # fmt: skip
    model = from_proto(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]))
    index = lucid.tensor([[0, -1], [-5, 4]])
    compiled = lucid.compile(model)
    with lucid.no_grad():
        for run in (model, compiled):
            np.testing.assert_array_equal(run(index).numpy(), table[index.numpy()])
            with pytest.raises(IndexError, match=r"is out of range for 5 rows"):
                run(lucid.tensor([[0, -6], [1, 2]]))
    (plan,) = compiled._plans.values()
    assert len(plan.program.steps) == 1 and plan.program.steps[0].op is None  # a compiled segment
