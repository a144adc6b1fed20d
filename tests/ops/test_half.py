"""Every operation in float16 and bfloat16: the float32 result of the same values, rounded once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from ops import linalg
from ops.record import Case, Record, families, start_gradient

import lucid
from lucid import Tensor

# Calls of several public functions, which round in between as well: units in the last place, of the largest element.
SEVERAL = {"ctc_loss of logits": 4, **dict.fromkeys([r.name for r in linalg.RECORDS], 64)}

RECORDS = families()
each = pytest.mark.parametrize("record", RECORDS, ids=[r.name for r in RECORDS])
both = pytest.mark.parametrize("dtype", [lucid.float16, lucid.bfloat16], ids=["float16", "bfloat16"])


def operands(record: Record, case: Case, dtype: Any) -> list[Tensor]:
    return [t.to(dtype) if t.is_floating_point() else t for t in record.tensors(record.draw(case, np.float32))]


def wide(tensors: Sequence[Any]) -> list[Tensor]:
    return [t.float() if t.is_floating_point() else t for t in tensors]


def assert_rounded(actual: Tensor, exact: Tensor, dtype: Any, steps: float, what: str) -> None:
    __tracebackhide__ = True
    assert actual.shape == exact.shape, what
    if exact.dtype is not lucid.float32:
        assert actual.dtype is exact.dtype, f"{what}: dtype {actual.dtype}, expected {exact.dtype}"
        np.testing.assert_array_equal(actual.numpy(force=True), exact.numpy(force=True), what)
        return
    assert actual.dtype is dtype, f"{what}: dtype {actual.dtype}, expected {dtype}"
    a, e = (t.detach().to(dtype).float().numpy() for t in (actual, exact))
    if not steps:
        np.testing.assert_array_equal(a, e, what)
        return
    finite = e[np.isfinite(e)]
    size = np.max(np.abs(finite), initial=0) if finite.size else 0
    np.testing.assert_allclose(a, e, 0, steps * lucid.finfo(dtype).eps * size + 1e-30, err_msg=what)


@each
@both
def test_values(record: Record, dtype: Any) -> None:
    for case in record.cases:
        inputs = operands(record, case, dtype)
        if not any(t.is_floating_point() for t in inputs):
            continue
        with lucid.no_grad():
            exact = record.outputs(wide(inputs), case.params)
            actual = record.outputs(inputs, case.params)
        for a, e in zip(actual, exact, strict=True):
            what = f"{record.name}({case})"
            if isinstance(e, Tensor):
                assert_rounded(a, e, dtype, SEVERAL.get(record.name, 0), what)
            else:
                assert a == e, what
        if record.shares and actual[0].numel():
            assert np.may_share_memory(actual[0]._data, inputs[0]._data), f"{record.name}({case}): not a view"


@pytest.mark.parametrize(
    "record", [r for r in RECORDS if r.differentiable], ids=[r.name for r in RECORDS if r.differentiable]
)
@both
def test_gradients(record: Record, dtype: Any) -> None:
    for case in record.cases:
        if sum(int(np.prod(np.shape(o) if isinstance(o, np.ndarray) else o)) for o in case.operands) > 5000:
            continue
        found = []
        for inputs in ((halves := operands(record, case, dtype)), wide(halves)):
            for i, x in enumerate(inputs):
                if x.is_floating_point() and i not in record.fixed:
                    x.requires_grad = True
            outputs = [y for y in record.outputs(inputs, case.params) if y.requires_grad]
            leaves = [x for x in inputs if x.requires_grad]
            if not leaves or not outputs:
                break
            starts = [lucid.from_numpy(start_gradient(y.shape)).to(y.dtype) for y in outputs]
            found.append(lucid.autograd.grad(outputs, leaves, starts, materialize_grads=True))
        else:
            for k, (a, e) in enumerate(zip(*found, strict=True)):
                assert_rounded(a, e, dtype, SEVERAL.get(record.name, 0), f"gradient {k} of {record.name}({case})")
