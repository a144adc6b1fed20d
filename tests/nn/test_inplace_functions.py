"""F.relu_ and the like overwrite their input, with the results of the functions they are named after."""

from __future__ import annotations

from typing import Any

import pytest

import lucid
import lucid.nn.functional as F

CASES: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = [
    ("relu", (), {}), ("elu", (0.5,), {}), ("celu", (), {"alpha": 0.5}), ("selu", (), {}), ("leaky_relu", (0.3,), {}), ("hardtanh", (-0.5, 0.25), {}), ("threshold", (0.1, 20.0), {}),
]  # fmt: skip


@pytest.mark.parametrize("name,args,options", CASES)
def test_overwrites(name: str, args: Any, options: Any) -> None:
    x = lucid.randn(100)
    expected, pointer = getattr(F, name)(x, *args, **options), x.data_ptr()
    function = getattr(F, name + "_")
    assert function(x, *args, **options) is x and x.data_ptr() == pointer and lucid.equal(x, expected)
    assert function.__name__ == name + "_"
    leaf = lucid.randn(2, requires_grad=True)
    with pytest.raises(RuntimeError, match="a leaf Variable that requires grad is being used in an in-place operation"):
        function(leaf, *args, **options)
