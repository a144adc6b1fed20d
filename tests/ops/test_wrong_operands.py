"""The operands of every record, replaced by what they are not meant to be: taken, or refused in one clear line."""

from __future__ import annotations

import itertools
import traceback
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ops.record import Case, Record, families
from refusal_text import check, dtypes, shapes

import lucid


def small(record: Record) -> list[Case]:
    """Two cases whose operands are small, but not tiny."""

    def size(case: Case) -> int:
        return sum(int(np.prod(np.shape(o) if isinstance(o, np.ndarray) else o)) for o in case.operands)

    cases = sorted(record.cases, key=size)
    return [c for c in cases if size(c) > 2 * len(c.operands)][:2] or cases[:1]


def concerns_lucid(error: BaseException) -> bool:
    """Not raised by the record's own call, which may arrange operands for the function it is about."""
    package = str(Path(lucid.__file__).parent)
    return any(f.filename.startswith(package) for f in traceback.extract_tb(error.__traceback__))


@pytest.mark.parametrize("record", families(), ids=lambda r: r.name)
def test_wrong_operands_are_taken_or_refused_in_one_line(record: Record) -> None:
    for case in small(record):
        arrays = record.draw(case, np.float32)
        for k, a in enumerate(arrays):
            for label, change in itertools.chain(shapes(a.ndim), dtypes()):
                operands: list[Any] = [lucid.tensor(a) for a in arrays]
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    try:
                        operands[k] = change(lucid, operands[k])
                    except (RuntimeError, IndexError):  # nothing to take away
                        continue
                    try:
                        record.call(*operands, **case.params)
                    except Exception as error:
                        if concerns_lucid(error):
                            check(error, r"[a-zA-Z_0-9.]+: ", f"{record.name} of {case}, operand {k}, {label}")
