"""Places along a dimension that depend on the inputs are checked in every call of a plan."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import lucid

BY_INDEX: dict[str, Callable[[Any, Any], Any]] = {
    "gather": lambda x, i: lucid.gather(x, 1, i),
    "index_select": lambda x, i: lucid.index_select(x, 1, i[0]),
    "scatter": lambda x, i: lucid.scatter(x, 1, i, 7.0),
    "scatter_add": lambda x, i: lucid.scatter_add(x, 1, i, x),
    "scatter_reduce": lambda x, i: lucid.scatter_reduce(x, 1, i, x, "amax"),
}


@pytest.mark.parametrize("name", BY_INDEX)
def test_indices_are_checked_in_every_call(name: str) -> None:
    function = BY_INDEX[name]
    compiled = lucid.compile(function)
    x = lucid.arange(6.0).reshape(2, 3)
    good = lucid.tensor([[2, 0, 1], [1, 1, 0]])
    for index in (good, good.flip(1)):
        assert lucid.equal(compiled(x, index), function(x, index))
    for bad in (-1, 3):
        index = good.clone()
        index[0, 1] = bad
        with pytest.raises(IndexError, match=f"^{name}: index {bad} is out of (bounds|range) for dimension 1"):
            function(x, index)
        with pytest.raises(IndexError, match=f"{name}: index {bad} is out of bounds for dimension 1 with size 3"):
            compiled(x, index)
    assert lucid.equal(compiled(x, good), function(x, good))
