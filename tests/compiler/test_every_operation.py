"""Every operation of lucid, compiled, gives what it gives eagerly, on operands that the trace has not seen."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from ops.record import Case, Record, families

import lucid
from lucid.compiler import TraceError

REFUSED = {
    # the values of operands decide the shapes of results
    "repeat_interleave by a tensor", "repeat_interleave of counts", "one_hot", "bincount", "bincount with weights",
    "unique", "unique_consecutive", "masked_select", "nonzero", "nonzero as tuple", "where without values", "argwhere",
    # results are no tensors
    "allclose", "equal",
    # draws and running statistics
    "gumbel_softmax", "running statistics", "fractional_max_pool2d", "fractional_max_pool2d_with_indices",
    "fractional_max_pool3d", "fractional_max_pool3d_with_indices",
    # rarely part of a model
    "histogramdd", "put_ without accumulating", "chebyshev_polynomial_t", "chebyshev_polynomial_u",
    "chebyshev_polynomial_v", "chebyshev_polynomial_w", "hermite_polynomial_h", "hermite_polynomial_he",
    "laguerre_polynomial_l", "legendre_polynomial_p", "shifted_chebyshev_polynomial_t",
    "shifted_chebyshev_polynomial_u", "shifted_chebyshev_polynomial_v", "shifted_chebyshev_polynomial_w",
}  # fmt: skip


def tensors(record: Record, case: Case, again: bool) -> list[Any]:
    """The operands; ``again``: others of the same shapes, the floating-point ones in reverse order."""
    arrays = record.draw(case, np.float32)
    if again:
        arrays = [a[..., ::-1].copy() if a.dtype.kind == "f" and a.ndim else a for a in arrays]
    return [lucid.from_numpy(a) for a in arrays]


def parts(y: Any) -> list[Any]:
    return [p for each in y for p in parts(each)] if isinstance(y, (tuple, list)) else [y]


def small(record: Record) -> list[Case]:
    cases = [c for c in record.cases if sum(a.size for a in record.draw(c, np.float32)) <= 500]
    return cases[:3] + cases[-2:] if len(cases) > 5 else cases


@pytest.mark.parametrize("record", families(), ids=lambda r: r.name)
def test_compiled_operations(record: Record) -> None:
    for case in small(record):
        compiled = lucid.compile(lambda *x, case=case: record.call(*x, **case.params))
        for again in (False, True):
            operands = tensors(record, case, again)
            with lucid.no_grad():
                expected = parts(record.call(*operands, **case.params))
                try:
                    found = parts(compiled(*operands))
                except TraceError as error:
                    assert record.name in REFUSED, f"{case}: {error}"
                    continue
            assert len(found) == len(expected), case
            for y, e in zip(found, expected):
                if not isinstance(e, lucid.Tensor):
                    assert y == e, case
                    continue
                assert (y.shape, y.dtype) == (e.shape, e.dtype), case
                if e.is_floating_point():
                    scale = float(np.max(np.abs(np.nan_to_num(e.numpy(), posinf=0, neginf=0)), initial=1.0))
                    np.testing.assert_allclose(y.numpy(), e.numpy(), rtol=1e-5, atol=1e-5 * scale, err_msg=str(case))
                else:
                    assert np.array_equal(y.numpy(), e.numpy()), case
