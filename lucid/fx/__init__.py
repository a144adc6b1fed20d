"""Programs as graphs: a function or module is run once on stand-ins for its inputs, and what it does with them is
recorded, node by node; the graph can be looked at, changed, and turned into a module again.

Reed, J. et al. (2022). torch.fx: Practical program capture and transformation for deep learning in Python. MLSys 4.
"""

from __future__ import annotations

from lucid.fx._symbolic_trace import Tracer, symbolic_trace, wrap
from lucid.fx.graph import Graph
from lucid.fx.graph_module import GraphModule
from lucid.fx.interpreter import Interpreter, Transformer
from lucid.fx.node import Node, has_side_effect, map_arg
from lucid.fx.proxy import Proxy
from lucid.fx.subgraph_rewriter import replace_pattern

__all__ = [
    "Graph", "GraphModule", "Interpreter", "Node", "Proxy", "Tracer", "Transformer", "has_side_effect", "map_arg",
    "replace_pattern", "symbolic_trace", "wrap",
]  # fmt: skip
