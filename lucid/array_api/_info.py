"""What there is: `ArrayNamespaceInfo`."""

from __future__ import annotations

from typing import Any

import lucid
from lucid._device import cpu
from lucid.array_api._manipulation import KINDS


class ArrayNamespaceInfo:
    """Capabilities, devices and dtypes, as the standard's ``__array_namespace_info__`` asks for them."""

    def capabilities(self) -> dict[str, Any]:
        """Boolean masks and shapes that depend on data work; there are at most 64 dimensions."""
        return {"boolean indexing": True, "data-dependent shapes": True, "max dimensions": 64}

    def default_device(self) -> Any:
        """The CPU."""
        return cpu

    def devices(self) -> list[Any]:
        """The CPU."""
        return [cpu]

    def default_dtypes(self, *, device: Any = None) -> dict[str, Any]:
        """The dtypes of Python numbers."""
        real = lucid.get_default_dtype()
        of_complex = lucid.complex128 if real is lucid.float64 else lucid.complex64
        return {"real floating": real, "complex floating": of_complex, "integral": lucid.int64, "indexing": lucid.int64}

    def dtypes(self, *, device: Any = None, kind: Any = None) -> dict[str, Any]:
        """Name: dtype, of all or of one or several kinds."""
        if kind is None:
            wanted = KINDS["bool"] + KINDS["numeric"]
        elif isinstance(kind, tuple):
            wanted = tuple(d for k in kind for d in KINDS[k])
        else:
            wanted = KINDS[kind]
        return {d.name: d for d in wanted}
