"""The kernels of every CPU level, as the tests here take them."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import Any

import pytest
from kernels.common import LEVELS


@pytest.fixture(params=LEVELS)
def ops(request: pytest.FixtureRequest) -> Iterator[Any]:
    module = importlib.import_module(f"lucid._{request.param}._ops" if request.param else "lucid._ops")
    before = module.get_num_threads()
    yield module
    module.set_num_threads(before)
    module.set_grain_scale(1)
