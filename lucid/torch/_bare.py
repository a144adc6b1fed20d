"""What PyTorch's top level has beside tensors, for code that says ``import lucid as torch``.

The answers are those that `lucid.torch` gives under the name ``torch``.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

from lucid.torch import _shims
from lucid.torch._missing import Missing


class Standing(ModuleType):
    """``lucid.cuda`` and its like: the names PyTorch's module has, as far as there is an answer to them."""

    def __init__(self, path: str) -> None:
        super().__init__("lucid" + path.removeprefix("torch"), f"What lucid answers for ``{path}``.")
        self._path = path
        self.__dict__.update(_shims.contents(path))

    def __getattr__(self, name: str) -> Any:
        path = f"{self._path}.{name}"
        if name in _shims.MODULES.get(self._path, ()):
            value: Any = Standing(path)
        elif path.startswith(_shims.LACKING):
            value = Missing(path)
        else:
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        setattr(self, name, value)
        return value


MODULES = ("cpu", "cuda", "distributed", "hub", "jit", "library", "mps", "multiprocessing", "overrides", "types",
           "version", "xpu")  # fmt: skip
NAMES = (
    "BFloat16Tensor", "BoolTensor", "ByteTensor", "CharTensor", "DoubleTensor", "FloatTensor", "HalfTensor",
    "IntTensor", "LongTensor", "ShortTensor", "UntypedStorage", "channels_last", "channels_last_3d",
    "contiguous_format", "layout", "memory_format", "ops", "preserve_format", "strided",
)  # fmt: skip


def __getattr__(name: str) -> Any:
    if name in MODULES:
        value: Any = Standing(f"torch.{name}")
    elif name in NAMES:
        value = _shims.contents("torch")[name]
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value
