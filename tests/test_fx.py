"""Programs as graphs: `lucid.fx`."""

from __future__ import annotations

import copy
import importlib.util
import math
import pickle
import subprocess
import sys
import textwrap
import threading
import traceback
from typing import Any

import pytest

import lucid
from lucid import fx, nn
from lucid.fx.graph_module import _copy_attr
from lucid.fx.proxy import GraphAppendingTracer, TraceError


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 4)
        self.scale = nn.Parameter(lucid.full((4,), 2.0))
        self.register_buffer("shift", lucid.full((4,), 0.5))
        self.register_buffer("unused", lucid.ones(1))

    def forward(self, x: Any, times: Any = 1.0, *, most: Any = None) -> Any:
        x = self.linear(x) * self.scale.exp() + self.shift
        return lucid.cat([x, 1 - x], dim=-1)[..., :6] * times


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(Block(), nn.ReLU(), nn.Linear(6, 4))
        self.again = Block()

    def forward(self, x: Any) -> Any:
        y = self.again(self.body(x), 3.0)
        first, second = y.chunk(2, dim=-1)
        return {"sum": first + second, "rest": [y.view(x.shape[0], -1), (x.size(-1), lucid.float64)]}


def same(a: Any, b: Any) -> bool:
    if isinstance(a, lucid.Tensor):
        return bool((a == b).all())
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    return bool(a == b)


def test_a_traced_module_computes_the_same_and_learns_the_same() -> None:
    net, x = Net(), lucid.randn(3, 4)
    traced = fx.symbolic_trace(net)
    assert same(traced(x), net(x))
    kinds = {"placeholder", "get_attr", "call_function", "call_method", "call_module", "output"}
    assert {n.op for n in traced.graph.nodes} == kinds
    assert dict(traced.named_parameters()).keys() == dict(net.named_parameters()).keys()
    assert all(p is q for p, q in zip(traced.parameters(), net.parameters()))
    assert "again.shift" in dict(traced.named_buffers()) and "again.unused" not in dict(traced.named_buffers())
    traced(x)["sum"].sum().backward()
    gradients = [p.grad.clone() for p in net.parameters()]
    net.zero_grad()
    net(x)["sum"].sum().backward()
    assert all(same(p.grad, g) for p, g in zip(net.parameters(), gradients))


def test_copies_and_files_keep_the_graph() -> None:
    net, x = Net(), lucid.randn(3, 4)
    traced = fx.symbolic_trace(net)
    for other in (copy.deepcopy(traced), copy.copy(traced), pickle.loads(pickle.dumps(traced))):
        assert same(other(x), net(x)) and other.code == traced.code
        assert type(other).__name__ == "Net" and isinstance(other, fx.GraphModule)
        assert other.graph.owning_module is other
    deep = copy.deepcopy(traced)
    with lucid.no_grad():
        deep.again.scale.fill_(0.0)
    assert not same(deep(x), net(x))


def test_code() -> None:
    def f(x: Any, *rest: Any, flag: Any = math.inf, **named: Any) -> Any:
        y = x @ x.T
        y = (-y) ** 2 + (-1) ** x.dim() + abs(y)
        return y + rest[0] + named["a"], y == 1, {"slice": x[1:, None]}, lucid.float32

    traced = fx.symbolic_trace(f)
    assert traced.code == textwrap.dedent("""\
        def forward(self, x, *rest, flag = float("inf"), **named):
            getattr_1 = x.T
            matmul = x @ getattr_1;  getattr_1 = None
            neg = -matmul
            pow_1 = neg ** 2;  neg = None
            dim = x.dim()
            pow_2 = (-1) ** dim;  dim = None
            add = pow_1 + pow_2;  pow_1 = pow_2 = None
            abs_1 = operator_abs(matmul);  matmul = None
            add_1 = add + abs_1;  add = abs_1 = None
            getitem = rest[0];  rest = None
            add_2 = add_1 + getitem;  getitem = None
            getitem_1 = named['a'];  named = None
            add_3 = add_2 + getitem_1;  add_2 = getitem_1 = None
            eq = add_1 == 1;  add_1 = None
            getitem_2 = x[(slice(1, None, None), None)];  x = None
            return (add_3, eq, {'slice': getitem_2}, lucid.float32)
        """)
    x = lucid.randn(3, 3)
    assert same(traced(x, 2.0, a=x), f(x, 2.0, a=x))


@pytest.mark.parametrize(
    ("function", "kind", "message"),
    [
        (lambda x: x if x.sum() > 0 else -x, TraceError, "if, while, and, or, not, in: the value of gt is not known while tracing"),
        (lambda x: list(x), TraceError, r"for, \*args, list\(\): how many items x has is not known while tracing"),
        (lambda x: len(x), RuntimeError, r"len: the length of x is not known while tracing; fx.wrap\('len'\)"),
        (lambda x: nn.Linear(1, 1)(x), NameError, "Tracer: Linear, which was called, is not a submodule of the traced module"),
        (lambda x: lucid.relu(x) + object(), NotImplementedError, "Tracer.create_arg: a graph cannot hold a object"),
    ],
)  # fmt: skip
def test_what_cannot_be_recorded_says_so(function: Any, kind: type[Exception], message: str) -> None:
    call = nn.Module.__call__
    with pytest.raises(kind, match=message):
        fx.symbolic_trace(function)
    assert nn.Module.__call__ is call


def test_unpacking_and_values_of_arguments() -> None:
    def f(x: Any, double: bool = False, other: Any = None) -> Any:
        a, b = x
        return (a + b) * 2 if double and other is None else a

    traced = fx.symbolic_trace(f, {"double": True, "other": None})
    assert traced(lucid.tensor([1.0, 2.0]), True).item() == 6
    with pytest.raises(AssertionError, match="double: the graph was made for the value True, got False"):
        traced(lucid.ones(2), False)
    with pytest.raises(AssertionError, match="other: the graph was made for the value None, got 1"):
        traced(lucid.ones(2), True, 1)
    traced.graph.eliminate_dead_code()
    assert sum(n.target is fx._symbolic_trace.expect_value for n in traced.graph.nodes) == 2


def test_functions_of_every_kind_are_recorded_as_themselves() -> None:
    w = lucid.ones(2, 2)

    def f(x: Any) -> Any:
        x = nn.functional.gelu(input=x, approximate="tanh")
        x = lucid.einsum("ij,jk->ik", [x, w]) + lucid.linalg.norm(x, dim=-1, keepdim=True)
        return lucid.where(x > 0, x, w.sub(x)), math.sqrt(x.size(0)), lucid.stack((x, [w][0])).add_(1)

    graph = fx.symbolic_trace(f).graph
    targets = [n.target for n in graph.nodes if n.op == "call_function"]
    expected = (nn.functional.gelu, lucid.einsum, lucid.linalg.norm, lucid.where, lucid.sub, math.sqrt, lucid.stack)
    assert all(any(t is e for t in targets) for e in expected)
    gelu, einsum = (next(n for n in graph.nodes if n.target is t) for t in (nn.functional.gelu, lucid.einsum))
    assert gelu.kwargs == {"input": graph.find_nodes(op="placeholder")[0], "approximate": "tanh"}
    assert einsum.args[0] == "ij,jk->ik" and [n.name for n in einsum.args[1:]] == ["gelu", "_tensor_constant0"]
    x = lucid.randn(2, 2)
    assert same(fx.symbolic_trace(f)(x), f(x))


def test_graphs_can_be_changed() -> None:
    net = nn.Sequential(nn.Linear(2, 2), nn.ReLU())
    traced = fx.symbolic_trace(lambda x: (lucid.relu(x), x.exp())[0] + 1)
    graph = traced.graph
    relu = next(n for n in graph.nodes if n.target is lucid.relu)
    assert graph.eliminate_dead_code() and not graph.eliminate_dead_code()
    with graph.inserting_after(relu):
        tanh = graph.call_function(lucid.tanh, (relu,))
    relu.replace_all_uses_with(tanh, lambda user: user is not tanh)
    traced.add_submodule("inner.net", net)
    with graph.inserting_before(relu):
        called = graph.call_module("inner.net", (relu.args[0],))
    relu.update_arg(0, called)
    graph.lint()
    traced.recompile()
    x = lucid.randn(3, 2)
    assert same(traced(x), lucid.tanh(lucid.relu(net(x))) + 1)
    assert [n.name for n in graph.nodes] == ["x", "inner_net", "relu", "tanh", "add", "output"]
    assert next(iter(reversed(graph.nodes))).op == "output" and len(graph.nodes) == 6
    with pytest.raises(RuntimeError, match="Graph.erase_node: relu is still used by tanh"):
        graph.erase_node(relu)
    relu.append(called)
    with pytest.raises(RuntimeError, match="Graph.lint: relu uses inner_net, which comes later or was erased"):
        graph.lint()
    relu.prepend(called)
    called.target = "inner.other"
    with pytest.raises(RuntimeError, match="Graph.lint: inner_net refers to inner.other, which is not there"):
        graph.lint()
    called.target = "inner.net"
    foreign = fx.Graph().placeholder("z")
    tanh.args = (foreign,)
    with pytest.raises(RuntimeError, match="Graph.lint: tanh uses z, which is of another graph"):
        graph.lint()
    assert relu.users == {} and foreign.users == {tanh: None}
    assert traced.delete_submodule("inner.net") and not traced.delete_submodule("inner.net")


def test_what_writes_is_not_dead() -> None:
    def f(x: Any) -> Any:
        x.narrow(0, 0, 1).copy_(x[1:2])
        x.narrow(0, 0, 1).mul(3)
        return x

    traced = fx.symbolic_trace(f)
    assert traced.graph.eliminate_dead_code()
    assert [n.target for n in traced.graph.nodes if n.op == "call_method"] == ["narrow", "copy_"]
    traced.recompile()
    assert traced(lucid.tensor([1.0, 2.0])).tolist() == [2, 2]


def test_bad_nodes_are_refused() -> None:
    graph = fx.Graph()
    with pytest.raises(
        ValueError, match="Node: expected op to be one of placeholder, get_attr, .*, output, got 'call'"
    ):
        graph.create_node("call", "x")
    with pytest.raises(ValueError, match="Node: expected target of call_function to be a function, got 'relu'"):
        graph.call_function("relu")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="Node: expected target of call_method to be a string"):
        graph.call_method(lucid.relu)  # type: ignore[arg-type]
    graph.output(graph.call_module("layer", (graph.placeholder("x"),)))
    with pytest.raises(RuntimeError, match="GraphModule: the graph refers to 'layer', which root lacks"):
        fx.GraphModule({}, graph)
    with pytest.raises(ValueError, match="Proxy: one operation was given proxies of different graphs"):
        lucid.add(fx.Proxy(graph.placeholder("a")), fx.Proxy(fx.Graph().placeholder("b")))
    with pytest.raises(TypeError, match="'Proxy' object does not support item assignment"):
        fx.Proxy(graph.placeholder("c"))[0] = 1  # type: ignore[index]


def test_graphs_made_by_hand() -> None:
    """As generators of code write them: proxies without a trace, constants from a dict, a class of its own."""
    graph = fx.Graph()
    tracer = GraphAppendingTracer(graph)
    x = fx.Proxy(graph.placeholder("x", lucid.Tensor), tracer)
    table = fx.Proxy(graph.get_attr("tables.first"), tracer)
    y = lucid.cat([x.reshape(-1, 2), table[None, :2]], dim=0).sum(0) * math.sqrt(4)
    graph.output(y.node, lucid.Tensor)
    graph.lint()
    module = fx.GraphModule({"tables.first": lucid.ones(3)}, graph, "made")
    assert module(lucid.ones(4)).tolist() == [6, 6] and repr(module).startswith("made(")
    assert list(module.state_dict()) == ["tables.first"]
    assert "tables.first" in module.print_readable(print_output=False)

    class Power(fx.GraphModule):
        def __init__(self, n: int) -> None:
            super().__init__(self, fx.Graph())
            z = fx.Proxy(self.graph.placeholder("z"))
            self.graph.output((z**n).node)
            self.recompile()

    square, cube = Power(2), Power(3)
    assert square(lucid.tensor(3.0)).item() == 9 and cube(lucid.tensor(3.0)).item() == 27
    assert isinstance(square, Power) and type(square) is not type(cube)


def test_interpreters_and_transformers() -> None:
    net, x = Net(), lucid.randn(3, 4)
    traced = fx.symbolic_trace(net)
    interpreter = fx.Interpreter(traced)
    assert same(interpreter.run(x), net(x)) and len(interpreter.env) == 1
    with pytest.raises(RuntimeError, match="Interpreter.run: expected a value for the input 'x'"):
        interpreter.run()
    assert same(fx.Transformer(traced).transform()(x), net(x))
    assert fx.map_arg({"a": [slice(1, traced.graph.output_node())]}, str) == {"a": [slice(1, "output")]}


def test_errors_show_the_line_of_the_generated_code() -> None:
    traced = fx.symbolic_trace(lambda x: lucid.relu(x) @ x)
    with pytest.raises(RuntimeError) as caught:
        traced(lucid.ones(2, 3))
    assert "matmul = relu @ x" in "".join(traceback.format_exception(caught.value))


def test_other_threads_call_modules_as_ever() -> None:
    net, done = nn.Linear(2, 2), []

    class Slow(nn.Module):
        def forward(self, x: Any) -> Any:
            thread = threading.Thread(target=lambda: done.append(net(lucid.ones(1, 2)).shape))
            thread.start()
            thread.join()
            return x + 1

    fx.symbolic_trace(Slow())
    assert done == [(1, 2)]


def test_buffers_that_are_not_saved_stay_so() -> None:
    source, target = nn.Module(), nn.Module()
    source.register_buffer("b", lucid.ones(1), persistent=False)
    _copy_attr(source, target, "b")
    assert dict(target.named_buffers()).keys() == {"b"} and not target.state_dict()


def test_it_is_imported_when_asked_for() -> None:
    program = "import sys, lucid; assert 'lucid.fx' not in sys.modules; lucid.fx.Graph; import lucid.fx.proxy"
    subprocess.run([sys.executable, "-P", "-c", program], check=True, timeout=60)


@pytest.mark.parity
def test_graphs_are_pytorchs() -> None:
    """The same operations under the same names, in two processes."""
    if importlib.util.find_spec("torch") is None:
        pytest.skip("PyTorch is not installed")
    program = textwrap.dedent("""
        import torch, torch.fx
        from torch import nn
        from torch.nn import functional as F
        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.convA = nn.Conv2d(3, 4, 3)
                self.body = nn.Sequential(nn.ReLU(), nn.Conv2d(4, 4, 3))
                self.weight = nn.Parameter(torch.ones(4, 1, 1))
                self.register_buffer("shift_2", torch.ones(4, 1, 1))
            def forward(self, x, mask=None, *, scale=2.0):
                x = self.body(self.convA(x)) * self.weight.exp() - self.shift_2
                x += F.relu(x, inplace=True)
                a, b = torch.split(x, 2, dim=1)
                y = torch.cat([a, 1 / b, -a], dim=1).flatten(2).transpose(1, 2)
                y = torch.softmax(y @ y.mT / y.shape[-1] ** 0.5, dim=-1)[..., 1:]
                return {"y": (y, [abs(y) > 1, y.size(0) // 2]), "m": y.max(dim=1).values}
        for n in torch.fx.symbolic_trace(Net()).graph.nodes:
            name = n.target if isinstance(n.target, str) else n.target.__name__
            print(n.op, n.name, name, n.args, n.kwargs, [u.name for u in n.users])
    """)
    mine, theirs = (
        subprocess.run([sys.executable, "-P", "-c", start + program], capture_output=True, text=True, timeout=120)
        for start in ("import lucid.torch; lucid.torch.install()", "")
    )
    assert mine.returncode == 0, mine.stderr
    assert theirs.returncode == 0, theirs.stderr
    assert mine.stdout == theirs.stdout


def test_parts_of_graphs_are_replaced() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc = nn.Linear(3, 3)

        def forward(self, x: Any, a: Any, b: Any) -> Any:
            twice = lucid.relu(lucid.relu(self.fc(x)))
            kept = lucid.neg(a)  # used twice: neg(neg(a)) + neg(a) is no part of its own
            return twice + lucid.cat([a, b]).sum() + lucid.cat([b, a]).max() + (lucid.neg(kept) + kept).sum()

    net = Net()
    given = lucid.randn(2, 3), lucid.randn(3), lucid.randn(3)
    module = fx.symbolic_trace(net)
    found = fx.replace_pattern(module, lambda a, b: lucid.cat([a, b]), lambda a, b: lucid.stack([b, a]))
    assert len(found) == 2 and [m.anchor.name for m in found] == ["cat", "cat_1"]
    lucid.testing.assert_close(module(*given), net(*given))
    assert len(fx.replace_pattern(module, lambda x: lucid.relu(lucid.relu(x)), lambda x: lucid.relu(x))) == 1
    lucid.testing.assert_close(module(*given), net(*given))
    assert not fx.replace_pattern(module, lambda x: lucid.neg(lucid.neg(x)), lambda x: x)
    assert not fx.replace_pattern(module, lambda x: x.sum(0), lambda x: x)
    module.graph.lint()
    names = [n.name for n in module.graph.nodes]
    assert "cat" not in names and sum(name.startswith("relu") for name in names) == 1


def test_replacements_follow_each_other_and_bring_modules() -> None:
    module = fx.symbolic_trace(lambda x: lucid.exp(lucid.exp(lucid.exp(x))))
    assert len(fx.replace_pattern(module, lambda x: lucid.exp(x), lambda x: lucid.sin(x) + 1)) == 3
    x = lucid.tensor([0.5])
    lucid.testing.assert_close(module(x), ((x.sin() + 1).sin() + 1).sin() + 1)

    class Scaled(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm = nn.LayerNorm(2)

        def forward(self, x: Any) -> Any:
            return self.norm(x)

    module = fx.symbolic_trace(nn.Sequential(nn.Linear(2, 2), nn.Tanh()))
    traced = fx.symbolic_trace(lambda x: lucid.tanh(x * 2))
    assert len(fx.replace_pattern(traced, lambda x: lucid.tanh(x), Scaled())) == 1
    assert isinstance(traced.norm, nn.LayerNorm) and traced(lucid.ones(1, 2)).shape == (1, 2)
    with pytest.raises(TypeError, match="replace_pattern: expected a GraphModule, got Linear"):
        fx.replace_pattern(lucid.nn.Linear(1, 1), lucid.tanh, lucid.tanh)
    with pytest.raises(ValueError, match="replace_pattern: the pattern has 1 inputs, the replacement 2"):
        fx.replace_pattern(module, lambda x: lucid.tanh(x), lambda a, b: a)
    with pytest.raises(ValueError, match="replace_pattern: expected a pattern with one result that is computed"):
        fx.replace_pattern(module, lambda x: x, lambda x: lucid.tanh(x))


def test_shapes_of_nodes() -> None:
    from lucid.fx.passes.shape_prop import ShapeProp

    module = fx.symbolic_trace(nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten()))
    ShapeProp(module).propagate(lucid.ones(4, 1, 5, 5))
    found = {n.name: n.meta["tensor_meta"] for n in module.graph.nodes}
    assert [tuple(m.shape) for m in found.values()] == [(4, 1, 5, 5), (4, 2, 3, 3), (4, 18), (4, 18)]
    assert found["_1"].dtype == lucid.float32 and found["_1"].requires_grad and found["_1"].stride == (18, 1)
