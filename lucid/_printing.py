"""How tensors look: values as nested lists, with the shortest digits that tell neighbours apart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from lucid import _bfloat16, _dtype

if TYPE_CHECKING:
    from lucid._tensor import Tensor

_options: dict[str, Any] = {"precision": 8, "threshold": 1000, "edgeitems": 3, "linewidth": 120}


PROFILES: dict[str, dict[str, Any]] = {
    "default": dict(_options),
    "short": {**_options, "precision": 2, "edgeitems": 2},
    "full": {**_options, "threshold": 2**63},
}


def set_printoptions(
    precision: int | None = None,
    threshold: int | None = None,
    edgeitems: int | None = None,
    linewidth: int | None = None,
    profile: str | None = None,
    sci_mode: bool | None = None,
) -> None:
    """Change how tensors print.

    Args:
        precision: most digits after the point (8).
        threshold: elements above which the middle is left out (1000).
        edgeitems: elements shown at each end then (3).
        linewidth: characters per line (120).
        profile: "default", "short" (fewer digits and elements) or "full" (every element), before the others apply.
        sci_mode: accepted: numbers below 1e-4 or from 1e8 on print in scientific notation.

    Raises:
        ValueError: another profile.

    Example:
        >>> import lucid
        >>> lucid.set_printoptions(precision=2)
        >>> print(lucid.tensor([3.14159]))
        [3.14]
        >>> lucid.set_printoptions(profile="default")
    """
    if profile is not None:
        if profile not in PROFILES:
            raise ValueError(f"set_printoptions: profile must be one of {', '.join(PROFILES)}, got {profile!r}")
        _options.update(PROFILES[profile])
    given = {"precision": precision, "threshold": threshold, "edgeitems": edgeitems, "linewidth": linewidth}
    _options.update({name: value for name, value in given.items() if value is not None})


def _format_float(x: Any) -> str:
    magnitude = abs(float(x))
    if magnitude != 0 and np.isfinite(x) and not 1e-4 <= magnitude < 1e8:
        return np.format_float_scientific(x, precision=_options["precision"], trim="0")
    return np.format_float_positional(x, precision=_options["precision"], trim="0")


def _format_complex(x: Any) -> str:
    imag = _format_float(x.imag)
    return f"{_format_float(x.real)}{'' if imag.startswith('-') else '+'}{imag}j"


def _format_bfloat16(x: Any) -> str:
    """The fewest digits that no other bfloat16 is nearer to."""
    if np.isfinite(x) and x:
        own = np.asarray(x, _bfloat16.dtype)
        digits = next(n for n in range(1, 10) if np.asarray(float(f"{x:.{n - 1}e}"), _bfloat16.dtype) == own)
        x = np.float64(f"{x:.{digits - 1}e}")
    return _format_float(x)


def format_values(data: np.ndarray, prefix: str = "") -> str:
    """``data`` as nested lists: ``[[-0.5, 1.0]]``."""
    short = data.dtype == _bfloat16.dtype
    text = np.array2string(
        data.astype(np.float32) if short else data,
        separator=", ",
        prefix=prefix,
        threshold=_options["threshold"],
        edgeitems=_options["edgeitems"],
        max_line_width=_options["linewidth"],
        formatter={
            "float_kind": _format_bfloat16 if short else _format_float,
            "int": str,
            "bool": str,
            "complex_kind": _format_complex,
        },
    )
    return text


def format_tensor(t: Tensor) -> str:
    """``Tensor([...], grad=None)``."""
    grad = "None" if t.grad is None else format_values(t.grad._data)
    return f"Tensor({format_values(t._data, 'Tensor(')}, grad={grad})"


def describe_tensor(t: Tensor) -> str:
    """`format_tensor` with what the values do not tell: the operation that made them, an unusual dtype, no elements."""
    data, node, default = t._data, t.grad_fn, _dtype.get_default_dtype()
    notes = []
    if node is not None:
        notes.append(f"grad_fn={node!r}")
    if not data.size and data.ndim != 1:
        notes.append(f"size={data.shape}")
    if t.dtype not in (default, _dtype.to_complex(default), _dtype.int64, _dtype.bool_):
        notes.append(f"dtype={t.dtype}")
    return ", ".join([format_tensor(t)[:-1], *notes]) + ")"


def shown(value: Any) -> str:
    """``value`` as error messages quote it: on one line, and cut short."""
    text = " ".join(repr(value).split())
    return text if len(text) <= 60 else text[:57] + "..."
