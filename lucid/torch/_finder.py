"""The import hook behind `lucid.torch`: modules named ``torch...`` that look things up in lucid."""

from __future__ import annotations

import dis
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import sys
from types import ModuleType
from typing import Any

from lucid.torch import _distribution, _shims
from lucid.torch._missing import Missing

IMPORT_FROM = dis.opmap["IMPORT_FROM"]


def _is_import_from(depth: int) -> bool:
    """Whether a ``from ... import`` statement asks for an attribute: itself, or the import machinery for it."""
    frame = sys._getframe(depth + 1)
    if frame.f_code.co_filename.startswith("<frozen importlib"):
        return True
    return frame.f_lasti >= 0 and frame.f_code.co_code[frame.f_lasti] == IMPORT_FROM


def _counterpart(name: str) -> str:
    """The lucid module that ``name`` stands for, whether or not there is one."""
    own = "lucid" + name[len("torch") :]
    return _shims.MOVED.get(own, own)


def _exists(name: str) -> bool:
    """Whether lucid has a module by this name."""
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False


class Alias(ModuleType):
    """A module ``torch...`` whose names are those of a shim and of a lucid module, where there are such."""

    def __init__(self, name: str, shim: dict[str, Any], target: ModuleType | None) -> None:
        super().__init__(name, target.__doc__ if target is not None else None)
        if name in _shims.LISTED and target is not None:
            self.__dict__.update({own: getattr(target, own) for own in dir(target) if not own.startswith("_")})
        self.__dict__.update(shim)
        self._target = target

    def __getattr__(self, name: str) -> Any:
        path = f"{self.__name__}.{name}"
        if path == "torch.torch":  # as PyTorch's modules, which import it, have it
            return sys.modules["torch"]
        target = self.__dict__.get("_target")
        if target is not None and hasattr(target, name):
            value = getattr(target, name)
            return importlib.import_module(path) if isinstance(value, ModuleType) else value
        known = name in _shims.MODULES.get(self.__name__, ())
        if name.startswith("__") and name.endswith("__") and not known:
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        if known or _exists(_counterpart(path)):
            return importlib.import_module(path)
        if path.startswith(_shims.LACKING) or _is_import_from(1):
            return Missing(path)
        raise AttributeError(f"{path}: lucid has nothing by this name")

    def __dir__(self) -> list[str]:
        return sorted({*self.__dict__, *(dir(self._target) if self._target is not None else ())})


class Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds ``torch`` and everything below it."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> importlib.machinery.ModuleSpec | None:
        if name != "torch" and not name.startswith("torch."):
            return None
        return importlib.machinery.ModuleSpec(name, self, is_package=True)

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        own = _counterpart(spec.name)
        target = importlib.import_module(own) if _exists(own) else None
        return Alias(spec.name, _shims.contents(spec.name), target)

    find_distributions = staticmethod(_distribution.find)

    def exec_module(self, module: ModuleType) -> None:
        """Nothing to run: names are looked up when they are asked for."""
