"""Introduces lucid's tensors to the package ``einops``, whenever that is imported.

einops finds the library of a tensor among the subclasses of its `AbstractBackend`. lucid adds one as soon as
``einops._backends`` is executed, by a finder that steps aside after its one use; einops itself is never imported here.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec

MODULE = "einops._backends"


def register(backends: ModuleType) -> None:
    """Define the backend in terms of the module ``einops._backends``."""
    import numpy as np

    import lucid

    class LucidBackend(backends.AbstractBackend):  # type: ignore[name-defined]
        framework_name = "lucid"

        def is_appropriate_type(self, tensor: Any) -> bool:
            return isinstance(tensor, lucid.Tensor)

        def from_numpy(self, x: Any) -> Any:
            return lucid.from_numpy(np.asarray(x))

        def to_numpy(self, x: Any) -> Any:
            return x.numpy(force=True)

        def arange(self, start: int, stop: int) -> Any:
            return lucid.arange(start, stop, dtype=lucid.int64)

        def shape(self, x: Any) -> Any:
            return tuple(x.shape)

        def reshape(self, x: Any, shape: Any) -> Any:
            return x.reshape(tuple(shape))

        def transpose(self, x: Any, axes: Any) -> Any:
            return x.permute(tuple(axes))

        def reduce(self, x: Any, operation: str, axes: Any) -> Any:
            if operation in ("max", "min"):
                return x.amax(tuple(axes)) if operation == "max" else x.amin(tuple(axes))
            if operation in ("sum", "mean"):
                return getattr(x, operation)(tuple(axes))
            for axis in sorted(axes, reverse=True):
                x = getattr(x, operation)(axis)
            return x

        def stack_on_zeroth_dimension(self, tensors: Any) -> Any:
            return lucid.stack(list(tensors))

        def add_axis(self, x: Any, new_position: int) -> Any:
            return x.unsqueeze(new_position)

        def add_axes(self, x: Any, n_axes: int, pos2len: dict[int, int]) -> Any:
            sizes = [-1] * n_axes
            for position, length in pos2len.items():
                x = x.unsqueeze(position)
                sizes[position] = length
            return x.expand(*sizes)

        def tile(self, x: Any, repeats: Any) -> Any:
            return x.repeat(*repeats)

        def concat(self, tensors: Any, axis: int) -> Any:
            return lucid.cat(list(tensors), axis)

        def is_float_type(self, x: Any) -> bool:
            return x.is_floating_point()

        def einsum(self, pattern: str, *x: Any) -> Any:
            return lucid.einsum(pattern, *x)

    backends.LucidBackend = LucidBackend  # type: ignore[attr-defined]  # the base class holds it weakly


class Watch:
    """Waits for ``einops._backends``."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        if name != MODULE:
            return None
        import importlib.util  # here, since it is slow to import

        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.loader is not None:
            spec.loader = AndThen(spec.loader)  # type: ignore[assignment]
        return spec


class AndThen:
    """A loader that registers the backend when the module has been executed."""

    def __init__(self, loader: Any) -> None:
        self.loader = loader

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self.loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        self.loader.exec_module(module)
        register(module)


def watch() -> None:
    """Register now if einops is imported already, else when it is."""
    if MODULE in sys.modules:
        register(sys.modules[MODULE])
    else:
        sys.meta_path.insert(0, Watch())
