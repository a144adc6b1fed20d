"""Comparing tensors in tests."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

import lucid
from lucid._tensor import Tensor

__all__ = ["assert_close"]

_TOLERANCES = {
    "float16": (1e-3, 1e-5), "bfloat16": (1.6e-2, 1e-5), "float32": (1.3e-6, 1e-5), "float64": (1e-7, 1e-7),
    "complex64": (1.3e-6, 1e-5), "complex128": (1e-7, 1e-7),
}  # fmt: skip


def assert_close(
    actual: Any, expected: Any, *, allow_subclasses: bool = True, rtol: float | None = None, atol: float | None = None,
    equal_nan: bool = False, check_device: bool = True, check_dtype: bool = True, check_layout: bool = True,
    check_stride: bool = False, msg: str | Callable[[str], str] | None = None,
) -> None:  # fmt: skip
    """Raise unless |actual - expected| <= atol + rtol * |expected| everywhere.

    Args:
        actual: a tensor, an array, a number, or sequences and mappings of them.
        expected: the same kind of thing.
        rtol, atol: tolerances, both or neither. Without them those of the wider of the two dtypes: 1.3e-6 and 1e-5 for
            float32, 1e-7 and 1e-7 for float64, 1e-3 and 1e-5 for float16, 1.6e-2 and 1e-5 for bfloat16, 0 for integers.
        equal_nan: NaN equals NaN.
        check_dtype: the dtypes must be the same; otherwise both are promoted.
        check_stride: the strides must be the same.
        msg: the error's text, or a function that makes it from this one's.
        allow_subclasses, check_device, check_layout: accepted; there is one class, device and layout.

    Raises:
        AssertionError: they differ; says in how many elements, and where most.
        ValueError: only one tolerance is given.

    Example:
        >>> import lucid
        >>> lucid.testing.assert_close(lucid.tensor([1.0, 2.0]), lucid.tensor([1.0, 2.0 + 1e-6]))
        >>> lucid.testing.assert_close({"x": [1, 2]}, {"x": [1, 3]})
        Traceback (most recent call last):
            ...
        AssertionError: Scalars are not equal!
        <BLANKLINE>
        Expected 3 but got 2.
        Absolute difference: 1
        Relative difference: 0.3333333333333333
        <BLANKLINE>
        The failure occurred for item ['x'][1]
    """
    if (rtol is None) != (atol is None):
        raise ValueError(f"assert_close: rtol and atol must be given together, got rtol={rtol} and atol={atol}")
    options = {"rtol": rtol, "atol": atol, "equal_nan": equal_nan, "dtype": check_dtype, "stride": check_stride}
    text = _difference(actual, expected, "", options)
    if text:
        raise AssertionError(msg(text) if callable(msg) else msg or text)


def _difference(actual: Any, expected: Any, path: str, options: dict[str, Any]) -> str:
    """What differs first, or nothing."""
    where = f"\n\nThe failure occurred for item {path}" if path else ""
    if isinstance(expected, Mapping) and isinstance(actual, Mapping):
        if actual.keys() != expected.keys():
            return (
                "The keys of the mappings do not match:\n"
                f"Missing keys in the actual mapping: {sorted(expected.keys() - actual.keys())}\n"
                f"Additional keys in the actual mapping: {sorted(actual.keys() - expected.keys())}{where}"
            )
        pairs = [(f"{path}[{key!r}]", actual[key], expected[key]) for key in expected]
    elif isinstance(expected, Sequence) and isinstance(actual, Sequence) and not isinstance(expected, str):
        if len(actual) != len(expected):
            return f"The length of the sequences mismatch: {len(actual)} != {len(expected)}{where}"
        pairs = [(f"{path}[{i}]", a, e) for i, (a, e) in enumerate(zip(actual, expected))]
    else:
        text = _of_values(actual, expected, options)
        return text + where if text else ""
    return next((text for p, a, e in pairs if (text := _difference(a, e, p, options))), "")


def _of_values(actual: Any, expected: Any, options: dict[str, Any]) -> str:
    numbers = (int, float, complex, bool)
    if isinstance(actual, numbers) and isinstance(expected, numbers):
        return _of_numbers(actual, expected, options)
    if actual is None and expected is None:
        return ""
    kinds = (Tensor, np.ndarray, np.generic, *numbers)
    if not isinstance(actual, kinds) or not isinstance(expected, kinds):
        raise TypeError(
            f"assert_close: cannot compare {type(actual).__name__} with {type(expected).__name__}; expected tensors, "
            "arrays, numbers, or sequences and mappings of them"
        )
    a, e = (x if isinstance(x, Tensor) else lucid.as_tensor(x) for x in (actual, expected))
    if a.shape != e.shape:
        return f"The values for attribute 'shape' do not match: {a.shape} != {e.shape}."
    if options["dtype"] and a.dtype is not e.dtype:
        return f"The values for attribute 'dtype' do not match: {a.dtype} != {e.dtype}."
    if options["stride"] and a.stride() != e.stride():
        return f"The values for attribute 'stride()' do not match: {a.stride()} != {e.stride()}."
    return _of_tensors(a, e, options)


def _tolerances(options: dict[str, Any], *names: str) -> tuple[float, float]:
    if options["rtol"] is not None:
        return options["rtol"], options["atol"]
    each = [_TOLERANCES.get(name, (0.0, 0.0)) for name in names]
    return max(r for r, _ in each), max(a for _, a in each)


def _of_numbers(actual: Any, expected: Any, options: dict[str, Any]) -> str:
    exact = all(isinstance(x, int) for x in (actual, expected))
    rtol, atol = _tolerances(options, "int64" if exact else "float64")
    if actual == expected or (options["equal_nan"] and actual != actual and expected != expected):
        return ""
    error = abs(actual - expected)
    if error <= atol + rtol * abs(expected) and math.isfinite(error):
        return ""
    exact = rtol == atol == 0
    relative = error / abs(expected) if expected else math.inf
    bound = ("", "") if exact else (f" (up to {atol} allowed)", f" (up to {rtol} allowed)")
    return (
        f"Scalars are not {'equal' if exact else 'close'}!\n\nExpected {expected} but got {actual}.\n"
        f"Absolute difference: {error}{bound[0]}\nRelative difference: {relative}{bound[1]}"
    )


def _of_tensors(a: Tensor, e: Tensor, options: dict[str, Any]) -> str:
    rtol, atol = _tolerances(options, *(str(x.dtype).rpartition(".")[2] for x in (a, e)))
    wide = np.complex128 if a.is_complex() or e.is_complex() else np.float64
    exact = rtol == atol == 0
    x, y = (t.detach().numpy() if exact and a.dtype is e.dtype else t.detach().to(lucid.float64).numpy()
            if wide is np.float64 else t.detach().numpy().astype(wide) for t in (a, e))  # fmt: skip
    with np.errstate(all="ignore"):
        close = (x == y) if exact else (x == y) | (np.isfinite(x) & (np.abs(x - y) <= atol + rtol * np.abs(y)))
        if options["equal_nan"]:
            close |= (x != x) & (y != y)
        if close.all():
            return ""
        error = np.where(close, 0, np.abs(x.astype(wide) - y.astype(wide)))
        share = np.where(close, 0, error / np.abs(y.astype(wide)))
    lines = [f"Tensor-likes are not {'equal' if exact else 'close'}!", ""]
    if close.size > 1:
        bad = int(close.size - close.sum())
        lines.append(f"Mismatched elements: {bad} / {close.size} ({bad / close.size:.1%})")
    for name, values, bound in (("absolute", error, atol), ("relative", share, rtol)):
        place = np.unravel_index(int(np.argmax(values)), values.shape)
        at = f" at index {tuple(map(int, place))}" if values.ndim else ""
        allowed = "" if exact else f" (up to {bound} allowed)"
        lines.append(f"Greatest {name} difference: {values[place]}{at}{allowed}")
    return "\n".join(lines)
