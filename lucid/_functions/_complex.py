"""Which functions take complex numbers, and how. The one place where that is decided.

A public function stands behind a `gate`; when an argument is complex the call comes here. Functions that move elements,
and those that are made of operators alone, run as they are. Functions linear in their operands run on real and
imaginary parts. The others have a form of their own in `complex_math` or are refused in one line. Gradients exist where
they follow from those of the parts or from the derivative of a holomorphic function; elsewhere they are refused too.
"""

from __future__ import annotations

import builtins
import importlib
from collections.abc import Callable
from typing import Any

import numpy as np

from lucid import _dtype
from lucid._functions._gate import gate
from lucid.autograd._node import TensorBase

# Modules whose functions know complex numbers.
NATIVE = ("lucid._functions.complex", "lucid._functions.fourier", "lucid._functions.fourier_axes",
          "lucid._functions.frequency", "lucid._functions.stft", "lucid._functions.eigen")  # fmt: skip
# Made of operators, or of NumPy's functions that take any dtype.
_AS_THEY_ARE = (
    "addcdiv addcmul argwhere equal isfinite isinf isnan lerp logical_and logical_not logical_or logical_xor "
    "masked_fill nonzero positive repeat_interleave where cartesian_prod movedim atleast_1d atleast_2d atleast_3d "
    "block_diag diag_embed diagflat diag take take_along_dim select_scatter slice_scatter diagonal_scatter "
    "masked_select index_fill index_copy index_put masked_scatter put scatter cube split_with_sizes "
    "equal_operator unequal_operator eq ne trapezoid cumulative_trapezoid gradient cross pixel_shuffle pixel_unshuffle "
    "channel_shuffle pairwise_distance triplet_margin_loss triplet_margin_with_distance_loss "
    "lu_unpack ldl_factor ldl_factor_ex ldl_solve unsafe_chunk unsafe_split as_strided_scatter"
)
# Reductions that convert their operand first, if they are given a dtype.
_CONVERTING = "cumprod cumsum log_softmax mean nansum prod softmax softmin sum"
CONVERTING = frozenset(_CONVERTING.split())
AS_THEY_ARE = frozenset(_AS_THEY_ARE.split())


def is_complex(x: Any) -> bool:
    if isinstance(x, TensorBase):
        return x._data is not None and x._data.dtype.kind == "c"
    if isinstance(x, _dtype.dtype):
        return x.is_complex
    return isinstance(x, (builtins.complex, np.complexfloating))


def concerns(values: Any) -> bool:
    """Whether one of the arguments, or of the items of one, is complex."""
    return any(is_complex(v) or (isinstance(v, (tuple, list)) and any(map(is_complex, v))) for v in values)


def compute(function: Callable[..., Any], moving: bool, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Call ``function``, one of whose arguments is complex.

    Raises:
        TypeError: it does not take complex numbers.
    """
    name = function.__name__
    if function.__module__ in NATIVE:
        return function(*args, **kwargs)
    if name in CONVERTING and args and is_complex(args[0]) and kwargs.get("dtype") is not None:
        d = _dtype.as_dtype(kwargs["dtype"])
        if not d.is_complex:
            from lucid._functions._common import cast

            return gate(function)(cast(args[0], d), *args[1:], **kwargs)
    forms = importlib.import_module("lucid._functions.complex_math")
    form = forms.form_of(name)
    if form is None and (moving or name in AS_THEY_ARE or name.endswith("_copy")):
        return function(*args, **kwargs)
    if form is None and name.endswith("_") and not name.startswith("_"):
        return forms.in_place(function, args, kwargs)
    if form is None:
        raise TypeError(f"{name}: not implemented for complex numbers")
    return form(function, *args, **kwargs)
