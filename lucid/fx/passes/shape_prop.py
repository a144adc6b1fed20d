"""`ShapeProp`: shapes and dtypes of every node, found by running the graph."""

from __future__ import annotations

from typing import Any, NamedTuple

from lucid._dtype import dtype
from lucid._layout import Size
from lucid._tensor import Tensor
from lucid.fx.interpreter import Interpreter
from lucid.fx.node import Node, map_aggregate

__all__ = ["ShapeProp", "TensorMetadata"]


class TensorMetadata(NamedTuple):
    """What is known of a tensor without its values."""

    shape: Size
    dtype: dtype
    requires_grad: bool
    stride: tuple[int, ...]


class ShapeProp(Interpreter):
    """Runs a graph and notes in ``node.meta["tensor_meta"]`` what each node's tensors are like.

    Args:
        module: the module whose graph is run.

    Example:
        >>> import lucid
        >>> from lucid import fx, nn
        >>> from lucid.fx.passes.shape_prop import ShapeProp
        >>> module = fx.symbolic_trace(nn.Sequential(nn.Linear(3, 4), nn.ReLU()))
        >>> ShapeProp(module).propagate(lucid.ones(2, 3)).shape
        lucid.Size([2, 4])
        >>> [tuple(n.meta["tensor_meta"].shape) for n in module.graph.nodes]
        [(2, 3), (2, 4), (2, 4), (2, 4)]
    """

    def run_node(self, n: Node) -> Any:
        """Run a node, and note what its result is like."""
        result = super().run_node(n)
        tensors = 0

        def describe(a: Any) -> Any:
            nonlocal tensors
            if not isinstance(a, Tensor):
                return a
            tensors += 1
            return TensorMetadata(a.shape, a.dtype, a.requires_grad, tuple(a.stride()))

        described = map_aggregate(result, describe)
        if tensors:
            n.meta["tensor_meta"] = described
        n.meta["type"] = type(result)
        return result

    def propagate(self, *args: Any) -> Any:
        """Run the graph on inputs, and return its result.

        Args:
            args: the inputs.
        """
        return self.run(*args)
