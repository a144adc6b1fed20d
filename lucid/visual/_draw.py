"""Dataflow of a model, or the autograd graph of a tensor, as a picture or as the text of a Mermaid graph."""

from __future__ import annotations

import os
from typing import Any

import lucid.nn.functional as F
from lucid.autograd._node import Node, TensorBase
from lucid.autograd._site import snake
from lucid.autograd._watching import Observer, watched_by
from lucid.nn.modules.module import Module
from lucid.serialization import write_to
from lucid.utils._calls import Calls, inference, tensors_in
from lucid.utils.summary import call_arguments
from lucid.visual._svg import svg

FORMATS = ("mermaid", "svg")

# What Mermaid would read as its own, and the ends of lines, by entities.
_ENTITIES = {ord(c): f"#{ord(c)};" for c in '#"<>&;`\\'} | {ord("\n"): "<br/>"}


def _escaped(label: str) -> str:
    return label.translate(_ENTITIES)


class _Graph:
    def __init__(self) -> None:
        self.labels: list[str] = []
        self.edges: dict[tuple[int, int], str] = {}

    def node(self, label: str) -> int:
        self.labels.append(label)
        return len(self.labels) - 1

    def written(self, format: str, title: str) -> str:
        """The graph in one of `FORMATS`."""
        return svg(self.labels, self.edges, title) if format == "svg" else self.mermaid()

    def mermaid(self) -> str:
        lines = ["flowchart TD"]
        for i, label in enumerate(self.labels):
            lines.append(f'    n{i}["{_escaped(label)}"]')
        for (a, b), label in self.edges.items():
            lines.append(f"    n{a} -->" + (f'|"{_escaped(label)}"|' if label else "") + f" n{b}")
        return "\n".join(lines) + "\n"


def _name(operation: Any) -> str:
    """The operation's name as the function has it: relu, not re_lu."""
    name = snake(operation)
    return name.replace("_", "") if hasattr(F, name.replace("_", "")) else name


def _shape(x: Any) -> str:
    return "x".join(map(str, x._data.shape)) or "scalar"


class _Flow(Observer):
    """Which operation or module made every tensor; a call of a module at ``depth`` is one node."""

    def __init__(self, calls: Calls, depth: int) -> None:
        self.calls, self.depth, self.graph = calls, depth, _Graph()
        self.makers: dict[int, tuple[int, Any]] = {}  # the tensors are kept, so that no id is used twice
        self.arrays: dict[int, Any] = {}
        self.nodes: dict[int, int] = {}

    def note(self, maker: int, t: Any) -> None:
        self.makers[id(t)] = (maker, t)
        self.arrays[id(t._data)] = t

    def _overwritten(self, a: Any) -> Any:
        """The tensor that an operation in place overwrites: what it computes from is a new tensor over that array."""
        owner = None if id(a) in self.makers or a._counter is not None else self.arrays.get(id(a._data))
        return owner if owner is not None and owner._data is a._data else None

    def _node(self, operation: Any) -> int:
        call = self.calls.stack[-1] if self.calls.stack else None
        while call is not None and call.path.count(".") + 1 > self.depth:
            call = call.parent
        if call is None or not call.path or (call.module._modules and call.path.count(".") + 1 < self.depth):
            return self.graph.node(_name(operation))
        if id(call) not in self.nodes:
            self.nodes[id(call)] = self.graph.node(f"{call.path}\n{type(call.module).__name__}")
            self.kept = [*getattr(self, "kept", []), call]
        return self.nodes[id(call)]

    def after(self, operation: Any, args: tuple[Any, ...], results: tuple[Any, ...], note: Any) -> None:
        overwritten = [t for t in map(self._overwritten, tensors_in(args)) if t is not None]
        known = [self.makers[id(a)][0] for a in (*tensors_in(args), *overwritten) if id(a) in self.makers]
        if not known:
            return
        at = self._node(operation)
        for a in (*tensors_in(args), *overwritten):
            if id(a) in self.makers and self.makers[id(a)][0] != at:
                self.graph.edges.setdefault((self.makers[id(a)][0], at), _shape(a))
        for t in (*results, *overwritten):
            self.note(at, t)


def _history(t: Any) -> _Graph:
    graph, numbers, stack = _Graph(), {}, []

    def number(maker: Any) -> int:
        if id(maker) not in numbers:
            label = maker.name if isinstance(maker, Node) else f"leaf {_shape(maker)}"
            numbers[id(maker)] = graph.node(label)
            stack.append(maker)
        return numbers[id(maker)]

    number(t if t._node is None else t._node)
    while stack:
        maker = stack.pop()
        for edge in maker.edges if isinstance(maker, Node) else ():
            if edge is not None:
                graph.edges[number(edge[0]), number(maker)] = ""
    return graph


def draw(
    model_or_tensor: Any,
    input: Any = None,
    format: str = "mermaid",
    *,
    depth: int = 3,
    path: str | os.PathLike[str] | None = None,
) -> str:
    """A graph: how data flows through a module in one call, or what autograd recorded to make a tensor.

    Args:
        model_or_tensor: a module, or a tensor.
        input: of the module: a tensor, a tuple of the positional arguments, or a dict of named ones.
        format: "mermaid", the text that GitHub and many editors draw, or "svg", a picture for browsers, documents and
            notebooks, which show it when it is the value of a cell.
        depth: modules at this depth, and those without children, are one box each.
        path: file to write as well, whole or not at all; its ending (.svg, .mmd, .mermaid) decides the format.

    Raises:
        ValueError: another format or ending, or a module without an input.
        TypeError: neither a module nor a tensor.

    Example:
        >>> import lucid
        >>> from lucid import nn
        >>> model = nn.Sequential(nn.Linear(2, 3), nn.ReLU())
        >>> print(lucid.visual.draw(model, lucid.ones(1, 2)), end="")
        flowchart TD
            n0["input 1x2"]
            n1["0<br/>Linear"]
            n2["1<br/>ReLU"]
            n3["output 1x3"]
            n0 -->|"1x2"| n1
            n1 -->|"1x3"| n2
            n2 -->|"1x3"| n3
        >>> lucid.visual.draw(model, lucid.ones(1, 2), "svg")[:4]
        '<svg'

    Source: Sugiyama et al., Methods for visual understanding of hierarchical system structures, 1981, for the picture.
    """
    format = _format(format, path)
    if isinstance(model_or_tensor, TensorBase):
        text = _history(model_or_tensor).written(format, f"history of a tensor {_shape(model_or_tensor)}")
    elif not isinstance(model_or_tensor, Module):
        raise TypeError(f"draw: expected a Module or a Tensor, got {type(model_or_tensor).__name__}")
    elif input is None:
        raise ValueError("draw: a Module needs an input")
    else:
        text = _dataflow(model_or_tensor, input, depth).written(format, type(model_or_tensor).__name__)
    if path is not None:
        write_to(path, lambda file: file.write(text.encode()), "draw")
    return text


def _format(format: str, path: Any) -> str:
    if path is not None:
        ending = os.path.splitext(os.fspath(path))[1].lower()
        if ending not in (".svg", ".mmd", ".mermaid"):
            raise ValueError(f"draw: expected a file that ends in .svg, .mmd or .mermaid, got {os.fspath(path)!r}")
        return "svg" if ending == ".svg" else "mermaid"
    if format not in FORMATS:
        raise ValueError(f"draw: format must be 'mermaid' or 'svg', got {format!r}")
    return format


def _dataflow(model: Module, input: Any, depth: int) -> _Graph:
    args, kwargs = call_arguments("draw", None, input, None)
    with inference(model), Calls(model) as calls:
        flow = _Flow(calls, depth)
        for t in tensors_in((args, kwargs)):
            flow.note(flow.graph.node(f"input {_shape(t)}"), t)
        with watched_by(flow):
            result = model(*args, **kwargs)
    for t in tensors_in(result):
        end = flow.graph.node(f"output {_shape(t)}")
        if id(t) in flow.makers:
            flow.graph.edges[flow.makers[id(t)][0], end] = _shape(t)
    return flow.graph
