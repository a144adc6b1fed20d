"""Modules, their stateless functions, initialisation and utilities: the building blocks of models."""

import importlib
from typing import TYPE_CHECKING, Any

from lucid.nn import functional as functional
from lucid.nn import init as init
from lucid.nn import modules as modules
from lucid.nn.modules import *  # noqa: F403
from lucid.nn.parameter import Parameter as Parameter

if TYPE_CHECKING:
    from lucid.nn import utils as utils


def __getattr__(name: str) -> Any:
    if name == "utils":  # imported when first used: importing lucid stays quick
        return importlib.import_module("lucid.nn.utils")
    try:
        value = getattr(modules, name)
    except AttributeError:
        raise AttributeError(f"module 'lucid.nn' has no attribute {name!r}") from None
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *dir(modules), "utils"})
