"""What the tests of files share: tensors of every dtype, files in memory, files made from their parts."""

import io
import json
import struct

import numpy as np

import lucid
from lucid.serialization import save

DTYPES = [lucid.float64, lucid.float32, lucid.int64, lucid.int32, lucid.int16, lucid.int8, lucid.uint8, lucid.bool_]


def example(dtype, shape=(3, 4)):
    values = np.random.default_rng(0).integers(0, 2 if dtype is lucid.bool_ else 100, shape)
    return lucid.from_numpy(values.astype(dtype.numpy))


def assert_same(a, b):
    assert isinstance(b, lucid.Tensor)
    np.testing.assert_array_equal(a.detach().numpy(), b.numpy(), strict=True)


def in_memory(obj):
    file = io.BytesIO()
    save(obj, file)
    file.seek(0)
    return file


def build(header, data=b"", length=None):
    """A file from its parts; ``header`` is a dict or the bytes of the header."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return io.BytesIO(struct.pack("<Q", len(text) if length is None else length) + text + data)


def entry(dtype="F32", shape=(1,), offsets=(0, 4), **more):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets), **more}
