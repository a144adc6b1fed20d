"""PyTorch's names of arguments, where a function's own are others: ``add(input=a, other=b)`` is ``add(x=a, y=b)``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

USUAL = {
    "input": "x", "other": "y", "A": "x", "tensor": "x", "mat2": "y", "vec": "y", "vec2": "y",
    "axis": "dim", "keepdims": "keepdim", "x1": "x", "x2": "y", "a": "x", "x": "input",
}  # fmt: skip
"""What an argument of PyTorch's is called here, unless the function has that name itself; the last line is NumPy's
and that of its polynomials."""

SECTIONS = dict.fromkeys(("indices", "sections", "tensor_indices_or_sections"), "indices_or_sections")

SPECIAL: dict[str, dict[str, str]] = {
    "addbmm": {"input": "c", "batch1": "x", "batch2": "y"},
    "addcdiv": {"tensor1": "a", "tensor2": "b"},
    "addcmul": {"tensor1": "a", "tensor2": "b"},
    "addmm": {"input": "c", "mat1": "x", "mat2": "y"},
    "addmv": {"input": "c", "mat": "x", "vec": "y"},
    "addr": {"input": "c", "vec1": "x", "vec2": "y"},
    "baddbmm": {"input": "c", "batch1": "x", "batch2": "y"},
    "bernoulli": {"input": "p"},
    "cholesky_inverse": {"L": "factor", "input": "factor"},
    "broadcast_to": {"size": "shape"},
    "cholesky_solve": {"input": "b", "B": "b", "L": "factor", "input2": "factor"},
    "dsplit": SECTIONS,
    "dot": {"tensor": "y"},
    "from_dlpack": {"ext_tensor": "x"},
    "from_numpy": {"ndarray": "array"},
    "hsplit": SECTIONS,
    "ldexp": {"other": "exponent"},
    "ldl_solve": {"LD": "compact", "B": "b"},
    "lstsq": {"input": "a", "A": "a", "B": "b"},
    "lu_solve": {"LU": "compact", "B": "b", "input": "b"},
    "multinomial": {"input": "p"},
    "one_hot": {"tensor": "input"},
    "ormqr": {"input2": "tau", "input3": "other"},
    "pinv": {"rcond": "rtol"},
    "resize_as_": {"the_template": "other"},
    "searchsorted": {"values": "x", "input": "x"},
    "solve": {"A": "a", "B": "b"},
    "solve_ex": {"A": "a", "B": "b"},
    "solve_triangular": {"input": "a", "A": "a", "B": "b"},
    "split": {"split_sizes": "split_size_or_sections", "split_size": "split_size_or_sections"},
    "tensor_split": SECTIONS,
    "tensorsolve": {"input": "a", "A": "a", "other": "b", "B": "b"},
    "transpose": {"axis0": "dim0", "axis1": "dim1"},  # swapaxes
    "triangular_solve": {"input": "b"},
    "true_divide": {"dividend": "x", "divisor": "y"},
    "unsafe_split": {"split_size_or_sections": "split_size", "split_sizes": "split_size", "input": "tensor"},
    "vsplit": SECTIONS,
    "zeta": {"other": "q"},
}


def spelling(function: Callable[..., Any]) -> dict[str, str]:
    """PyTorch's name: the name that ``function`` has for the same argument, for those that differ."""
    code = getattr(function, "__code__", None)
    if code is None:
        return {}
    own = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    names = {**USUAL, **SPECIAL.get(function.__name__, {})}
    return {theirs: ours for theirs, ours in names.items() if ours in own and theirs not in own}


def declares_out(function: Callable[..., Any]) -> bool:
    """Whether ``function`` has an argument ``out``, which its gate takes care of."""
    code = getattr(function, "__code__", None)
    return code is not None and "out" in code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
