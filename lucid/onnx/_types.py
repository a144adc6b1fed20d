"""ONNX's numbers of types."""

from __future__ import annotations

import lucid
from lucid import dtype

_TYPES = {
    1: lucid.float32, 2: lucid.uint8, 3: lucid.int8, 5: lucid.int16, 6: lucid.int32, 7: lucid.int64, 9: lucid.bool_,
    10: lucid.float16, 11: lucid.float64, 16: lucid.bfloat16,
}  # fmt: skip


def dtype_of(number: int) -> dtype:
    """The dtype of a number of `onnx.TensorProto.DataType`."""
    if number not in _TYPES:
        raise TypeError(f"onnx.load: tensors of ONNX's type {number} are not supported")
    return _TYPES[number]
