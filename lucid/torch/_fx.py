"""``torch.fx``: classes that derive from its modules can be defined; making one says what lucid lacks."""

from __future__ import annotations

from typing import Any

from lucid.nn import Module
from lucid.torch._missing import Missing


class GraphModule(Module):
    """Stands for modules made from traced graphs, of which there are none.

    Raises:
        NotImplementedError: when one is made.

    Example:
        >>> from lucid.torch._fx import GraphModule
        >>> try:
        ...     GraphModule()
        ... except NotImplementedError as error:
        ...     print(error)
        torch.fx.GraphModule: lucid has nothing by this name
    """

    def __new__(cls, *args: Any, **kwargs: Any) -> GraphModule:
        return Missing("torch.fx.GraphModule")()


def wrap(function: Any) -> Any:
    """A decorator that changes nothing.

    Args:
        function: what is decorated.

    Example:
        >>> from lucid.torch._fx import wrap
        >>> wrap(len) is len
        True
    """
    return function
