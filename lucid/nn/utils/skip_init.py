"""Making modules without drawing their parameters."""

from __future__ import annotations

import inspect
from typing import Any

from lucid.nn.modules.module import Module


def _leave(self: Module) -> None:
    """Stands for ``reset_parameters``: the memory keeps what it held."""


def skip_init(module_cls: type[Module], *args: Any, **kwargs: Any) -> Any:
    """A module whose own parameters were not drawn: quicker, where a state dict is loaded next.

    Args:
        module_cls: class of the module; its ``__init__`` must take ``device``, as those of lucid with parameters do.
        args, kwargs: for ``__init__``.

    Returns:
        The module; parameters that its ``reset_parameters`` would have drawn hold whatever the memory held.

    Raises:
        RuntimeError: ``module_cls`` is not a class of modules, or does not take ``device``.

    Example:
        >>> import lucid
        >>> lucid.nn.utils.skip_init(lucid.nn.Linear, 3, 2).weight.shape
        lucid.Size([2, 3])
    """
    if not (inspect.isclass(module_cls) and issubclass(module_cls, Module)):
        raise RuntimeError(f"skip_init: expected a subclass of Module, got {module_cls!r}")
    if "device" not in inspect.signature(module_cls).parameters:
        raise RuntimeError(f"skip_init: {module_cls.__name__} must take an argument 'device'")
    quiet = type(module_cls.__name__, (module_cls,), {"reset_parameters": _leave, "_reset_parameters": _leave})
    module = quiet(*args, **kwargs)
    module.__class__ = module_cls
    return module
