"""Every operation of PyTorch's own test suite that lucid has, on PyTorch's samples; exceptions are listed and used."""

from __future__ import annotations

import re
import warnings
from typing import Any

import pytest

pytestmark = pytest.mark.parity
torch = pytest.importorskip("torch")
pytest.importorskip("expecttest")  # torch.testing._internal imports it

from torch.testing._internal.common_methods_invocations import op_db  # noqa: E402

from opinfo.differences import ABSENT, DIFFERENCES  # noqa: E402  # isort: skip
from opinfo.drawing import counterparts, gradients, refusals, values  # noqa: E402  # isort: skip

# Samples of an operation, for each dtype.
VALUES, GRADIENTS = 24, 12


def title(op: Any) -> str:
    return op.name + (f".{op.variant_test_name}" if op.variant_test_name else "")


# torch._refs, jiterator: PyTorch's inner parts, which are no public functions
PUBLIC = [op for op in op_db if not op.name.startswith(("jiterator", "_", "torch.")) or op.name.startswith("__")]
PAIRED = [op for op in PUBLIC if counterparts(op)[1] is not None]


def found(op: Any) -> list[tuple[str, str]]:
    out = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for dtype in (torch.float32, torch.int64, torch.bool, torch.complex64):
            if dtype in op.dtypes:
                out += list(values(op, dtype, VALUES))
        if op.supports_autograd:
            for dtype in (torch.float32, torch.complex128):
                if dtype in op.supported_backward_dtypes("cpu"):
                    out += list(gradients(op, dtype, GRADIENTS))
        return out + list(refusals(op))


def test_absent_names_are_listed() -> None:
    absent = {op.name for op in PUBLIC} - {op.name for op in PAIRED}
    assert absent == set(ABSENT)


@pytest.mark.parametrize("op", PAIRED, ids=[title(op) for op in PAIRED])
def test_samples(op: Any) -> None:
    excused = [(kind, re.compile(pattern)) for name, kind, pattern, _ in DIFFERENCES if name == title(op)]
    different = found(op)
    unknown = [
        f"{kind}: {text}"
        for kind, text in different
        if not any(kind == excuse and pattern.search(text) for excuse, pattern in excused)
    ]
    assert not unknown, "\n".join(unknown)
    stale = [
        (excuse, pattern.pattern)
        for excuse, pattern in excused
        if not any(kind == excuse and pattern.search(text) for kind, text in different)
    ]
    assert not stale, f"no longer differ: {stale}"


def test_exceptions_are_of_operations_there_are() -> None:
    names = {title(op) for op in PAIRED}
    assert [name for name, *_ in DIFFERENCES if name not in names] == []
