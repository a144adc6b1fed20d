"""Element types that PyTorch has and lucid lacks: tables of other packages list them and ask for their limits."""

from __future__ import annotations

from typing import Any

import lucid
from lucid import _dtype
from lucid.torch._missing import Missing

NAMES = (
    "bits16", "bits1x8", "bits2x4", "bits4x2", "bits8", "chalf", "complex32", "float4_e2m1fn_x2", "float8_e4m3fn",
    "float8_e4m3fnuz", "float8_e5m2", "float8_e5m2fnuz", "float8_e8m0fnu", "qint32", "qint8", "quint2x4", "quint4x2",
    "quint8", "uint16", "uint32", "uint64",
)  # fmt: skip
LIMITS = {
    "float8_e4m3fn": (448.0, 2.0**-3, 2.0**-6),
    "float8_e4m3fnuz": (240.0, 2.0**-3, 2.0**-7),
    "float8_e5m2": (57344.0, 2.0**-2, 2.0**-14),
    "float8_e5m2fnuz": (57344.0, 2.0**-3, 2.0**-15),
    "float8_e8m0fnu": (2.0**127, 1.0, 2.0**-127),
}
"""Of types of eight bits: the largest number, the gap after one and the smallest normal number."""


class LackingType(Missing):
    """An element type that can be named, compared and asked for its size, and that no tensor can have."""

    def __init__(self, name: str) -> None:
        super().__init__(f"torch.{name}")
        self.name = name
        self.is_floating_point = name.startswith("float")
        self.is_complex = name in ("chalf", "complex32")
        self.is_signed = not name.startswith(("uint", "quint"))
        digits = {"complex32": 32, "chalf": 32, "qint32": 32, "uint16": 16, "uint32": 32, "uint64": 64, "bits16": 16}
        self.itemsize = digits.get(name, 8) // 8

    def __eq__(self, other: object) -> bool:
        return self is other

    __hash__ = Missing.__hash__


class finfo(_dtype.finfo):
    """`lucid.finfo`, which knows the floating-point types of eight bits as well.

    Args:
        d: a floating-point dtype; the default one unless given.
    """

    def __init__(self, d: Any = None) -> None:
        if not isinstance(d, LackingType):
            super().__init__(d)
            return
        if d.name not in LIMITS:
            raise TypeError(f"finfo: expected a floating-point dtype, got {d!r}")
        self.max, self.eps, self.tiny = LIMITS[d.name]
        self.min = self.tiny if d.name == "float8_e8m0fnu" else -self.max
        self.dtype, self.bits, self.resolution, self.smallest_normal = d.name, 8, 1.0, self.tiny


def types() -> dict[str, LackingType]:
    """Those that lucid lacks, by name."""
    return {name: LackingType(name) for name in NAMES if not hasattr(lucid, name)}
