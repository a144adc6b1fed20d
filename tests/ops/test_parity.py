"""Every operation against PyTorch's, in float64: values, dtypes, gradients and what happens at kinks."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from ops.record import Array, Case, Record, as_sequence, families, start_gradient

import lucid
from lucid import Tensor

pytestmark = pytest.mark.parity
torch = pytest.importorskip("torch")


def counterpart(record: Record) -> Any:
    """PyTorch's function of that name, or None."""
    if callable(record.torch):
        return lambda *xs, **p: record.torch(torch, *xs, **p)  # type: ignore[operator]
    name = record.name if record.torch is None else record.torch
    places = (torch.nn.functional, torch, torch.Tensor)
    return next((getattr(place, name) for place in places if name and hasattr(place, name)), None)


PAIRED = [(record, function) for record in families() if (function := counterpart(record)) is not None]
each = pytest.mark.parametrize("record,function", PAIRED, ids=[r.name for r, _ in PAIRED])


# Relative tolerance where PyTorch's float64 kernel computes with a constant of float32 precision.
COARSE = {"hardsigmoid": 1e-7, "gelu": 1e-9, "polygamma": 2e-9}
# Where lucid differs on purpose.
DIFFERENT = {"sign": "NaN gives NaN, not 0"}


def convert(value: Any) -> Any:
    """A parameter for PyTorch."""
    return getattr(torch, value.name) if isinstance(value, lucid.dtype) else value


def theirs(function: Any, arrays: list[Array], case: Case, fixed: tuple[int, ...]) -> tuple[list[Any], list[Any]]:
    inputs = [torch.from_numpy(np.array(a)) for a in arrays]
    for i, x in enumerate(inputs):
        x.requires_grad_(x.is_floating_point() and i not in fixed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        outputs = as_sequence(function(*inputs, **{k: convert(v) for k, v in case.params.items()}))
    return inputs, outputs


def plain(y: Any) -> Array:
    if isinstance(y, Tensor):
        return y.numpy(force=True)
    return y.detach().numpy() if isinstance(y, torch.Tensor) else np.asarray(y)


@each
def test_values_and_gradients(record: Record, function: Any) -> None:
    compared, rtol = 0, COARSE.get(record.name, 1e-10)
    for case in record.cases:
        arrays = record.draw(case, np.float64)
        if sum(a.size for a in arrays) > 2000:
            continue
        what = f"{record.name}({case})"
        try:
            inputs, expected = theirs(function, arrays, case, record.fixed)
        except TypeError:
            continue  # an argument that only lucid takes
        compared += 1
        mine = record.tensors(arrays, requires_grad=record.differentiable)
        outputs = record.outputs(mine, case.params)
        assert len(outputs) == len(expected), what
        for y, e in zip(outputs, expected):
            np.testing.assert_allclose(plain(y), plain(e), rtol, 1e-12, err_msg=what, strict=True)
        if not record.differentiable:
            continue
        mine_out = [y for y in outputs if isinstance(y, Tensor) and y.requires_grad]
        their_out = [y for y in expected if isinstance(y, torch.Tensor) and y.requires_grad]
        assert len(mine_out) == len(their_out), f"{what}: results that require grad"
        starts = [start_gradient(tuple(y.shape)) for y in mine_out]
        tracked = [x for x in mine if x.requires_grad]
        if not tracked or not mine_out:
            continue
        found = lucid.autograd.grad(mine_out, tracked, [lucid.tensor(s) for s in starts], materialize_grads=True)
        wanted = torch.autograd.grad(their_out, [x for x in inputs if x.requires_grad], [torch.from_numpy(s) for s in starts],
                                     allow_unused=True, materialize_grads=True)  # fmt: skip
        for k, (g, w) in enumerate(zip(found, wanted)):
            np.testing.assert_allclose(plain(g), plain(w), max(rtol, 1e-9), 1e-12, err_msg=f"gradient {k} of {what}")
    assert compared, f"{record.name}: PyTorch takes none of the cases"


@pytest.mark.parametrize(
    "record,function", [(r, f) for r, f in PAIRED if r.extremes], ids=[r.name for r, _ in PAIRED if r.extremes]
)
def test_extremes(record: Record, function: Any) -> None:
    """At zeros and kinks, and at infinity wherever PyTorch's result is a number; at NaN the value alone.

    In lucid the gradient is NaN wherever the value is; PyTorch's kernels differ among themselves.
    """
    for at, _, slope in record.extremes:
        array = np.array([at], np.float64)
        case = Case((array,), record.params[0])
        inputs, (expected,) = theirs(function, [array], case, ())
        x = lucid.tensor([at], dtype=lucid.float64, requires_grad=True)
        y = record.call(x, **case.params)
        if (np.isinf(at) and np.isnan(plain(expected)).any()) or (np.isnan(at) and record.name in DIFFERENT):
            continue
        np.testing.assert_allclose(plain(y), plain(expected), 1e-12, 0, err_msg=f"{record.name}({at})")
        if slope is None or np.isnan(at) or not expected.requires_grad:
            continue
        (w,) = torch.autograd.grad(expected, inputs, allow_unused=True, materialize_grads=True)
        (g,) = lucid.autograd.grad(y, x, allow_unused=True, materialize_grads=True)
        if np.isnan(plain(w)).any() and np.isinf(at):
            continue
        np.testing.assert_allclose(
            plain(g), plain(w), COARSE.get(record.name, 1e-12), 1e-300, err_msg=f"gradient of {record.name} at {at}"
        )


def drawn(record: Record) -> Case | None:
    """The first case whose operands are all drawn, and not empty."""
    return next(
        (c for c in record.cases if all(isinstance(o, tuple) and int(np.prod(o)) > 0 for o in c.operands)), None
    )


INTEGER = [(r, f) for r, f in PAIRED if r.integer and not r.integer.startswith("!") and drawn(r)]


@pytest.mark.parametrize("record,function", INTEGER, ids=[r.name for r, _ in INTEGER])
@pytest.mark.parametrize("dtype", ["int64", "int32", "uint8", "bool"])
def test_dtypes_for_integers(record: Record, function: Any, dtype: str) -> None:
    case = drawn(record)
    assert case is not None
    arrays = [np.asarray(np.abs(a) + 1, dtype) for a in record.draw(case, np.float64)]
    try:
        _, expected = theirs(function, arrays, case, tuple(range(len(arrays))))
    except (RuntimeError, TypeError):
        return  # what PyTorch refuses is not promised
    for y, e in zip(record.outputs(record.tensors(arrays), case.params), expected):
        assert str(plain(y).dtype) == str(plain(e).dtype), f"{record.name} of {dtype}"
        np.testing.assert_allclose(plain(y), plain(e), 1e-6, 1e-7, err_msg=f"{record.name} of {dtype}")
