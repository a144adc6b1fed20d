"""The Python array API standard 2024.12 over tensors: what ``x.__array_namespace__()`` gives.

Libraries written against the standard, scikit-learn among them, take tensors by it. Functions have the standard's names
and arguments where PyTorch's differ: ``sum(x, axis=..., keepdims=...)``, ``concat``, ``permute_dims``. Not there:
uint16, uint32 and uint64, which lucid lacks, ``x.size`` as a number, since PyTorch's ``x.size()`` is a method, and
``x.to_device()``.

Example:
    >>> import lucid
    >>> x = lucid.tensor([[3.0, 4.0], [6.0, 8.0]])
    >>> xp = x.__array_namespace__()
    >>> xp.linalg.vector_norm(x, axis=1, keepdims=True).tolist()
    [[5.0], [10.0]]

Source: Consortium for Python Data API Standards, Python array API standard, v2024.12.
"""

from __future__ import annotations

import math as _math

import lucid as _lucid
from lucid._functions._gate import gate as _gate
from lucid.array_api import _manipulation, _reductions, fft, linalg
from lucid.array_api._info import ArrayNamespaceInfo as _Info
from lucid.array_api._manipulation import *  # noqa: F403
from lucid.array_api._reductions import *  # noqa: F403
from lucid.array_api.linalg import matmul, tensordot, vecdot

# Functions that are lucid's as they stand: the standard's name, or that and lucid's.
_SAME = """
    abs acos acosh add asin asinh atan atanh bitwise_and bitwise_left_shift bitwise_or bitwise_right_shift bitwise_xor
    cos cosh equal=eq exp expm1 floor_divide from_dlpack greater=gt greater_equal=ge less=lt less_equal=le log log10
    log1p log2 logical_and logical_not logical_or logical_xor maximum minimum multiply=mul negative=neg not_equal=ne
    positive reciprocal remainder sin sinh sqrt square subtract=sub tan tanh tril triu
    bool int8 int16 int32 int64 uint8 float32 float64 complex64 complex128
""".split()  # noqa: SIM905
for _name in _SAME:
    _own, _, _first = _name.partition("=")
    # a second name has a gate of its own, so that errors have it
    globals()[_own] = _gate(getattr(_lucid, _first).__wrapped__, _own) if _first else getattr(_lucid, _own)

__array_api_version__ = "2024.12"
e, inf, nan, newaxis, pi = _math.e, _math.inf, _math.nan, None, _math.pi

__all__ = [
    *[name.partition("=")[0] for name in _SAME], *_manipulation.__all__, *_reductions.__all__, "matmul", "tensordot",
    "vecdot", "fft", "linalg", "e", "inf", "nan", "newaxis", "pi", "__array_api_version__", "__array_namespace_info__",
]  # fmt: skip


def __array_namespace_info__() -> _Info:
    """Capabilities, devices and dtypes."""
    return _Info()
