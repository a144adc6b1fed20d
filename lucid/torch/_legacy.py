"""``torch.FloatTensor`` and its like: PyTorch's first way to say a dtype, which packages still test and call."""

from __future__ import annotations

from typing import Any

import lucid
from lucid import _dtype

NAMES = {
    "BFloat16Tensor": "bfloat16", "BoolTensor": "bool", "ByteTensor": "uint8", "CharTensor": "int8",
    "DoubleTensor": "float64", "FloatTensor": "float32", "HalfTensor": "float16", "IntTensor": "int32",
    "LongTensor": "int64", "ShortTensor": "int16",
}  # fmt: skip


class LegacyType(type):
    """A class whose instances are the tensors of one dtype."""

    d: _dtype.dtype

    def __instancecheck__(cls, x: object) -> bool:
        return isinstance(x, lucid.Tensor) and x.dtype is cls.d

    def __call__(cls, *args: Any) -> Any:
        """A tensor with the values of a sequence or an array, or with sizes and whatever the memory held."""
        if len(args) == 1 and not isinstance(args[0], (int, lucid.Size)):
            return lucid.tensor(args[0], dtype=cls.d)
        return lucid.empty(*args, dtype=cls.d)

    @property
    def dtype(cls) -> Any:
        """NumPy's dtype, by which ``x.type(torch.FloatTensor)`` is understood."""
        return cls.d.numpy


def types() -> dict[str, Any]:
    """The types whose dtype lucid has."""
    made = {}
    for name, of in NAMES.items():
        d = _dtype._BY_NAME.get(of)
        if d is not None:
            made[name] = LegacyType(name, (), {"d": d, "__module__": "torch"})
    return made
