"""Arguments that PyTorch code passes by name: sizes, dtypes, receivers of results."""

from __future__ import annotations

from typing import Any

import pytest

import lucid
from lucid import nn


@pytest.mark.parametrize("name", ["zeros", "ones", "empty", "rand", "randn"])
def test_size_by_name(name: str) -> None:
    function = getattr(lucid, name)
    assert function(size=(2, 3)).shape == function(2, 3).shape == function((2, 3)).shape == (2, 3)
    assert function(size=4).shape == (4,) and function(size=()).shape == function().shape == ()
    with pytest.raises(TypeError, match=r"got the size twice, as \(2,\) and as size=3"):
        function(2, size=3)


@pytest.mark.parametrize("name", ["zeros", "ones", "empty"])
def test_new_size_by_name(name: str) -> None:
    made = getattr(lucid.ones(1, dtype=lucid.float64), f"new_{name}")(size=(2, 3))
    assert made.shape == (2, 3) and made.dtype is lucid.float64


@pytest.mark.parametrize("function, expected", [(lucid.cumsum, [100, 200, 44]), (lucid.cumprod, [100, 16, 64])])
def test_running_results_in_another_dtype(function: Any, expected: list[int]) -> None:
    x = lucid.tensor([100, 100, 100], dtype=lucid.uint8)
    narrow = function(x, 0, dtype=lucid.uint8)  # modulo 256
    assert narrow.tolist() == expected and narrow.dtype is lucid.uint8
    assert function(x, 0).dtype is function(x[0], 0).dtype is function(lucid.tensor(True), 0).dtype is lucid.int64
    y = function(lucid.tensor([1.5, 2.5]), dim=0, dtype=lucid.int32)  # cut before, not after
    assert y.tolist() == ([1, 3] if function is lucid.cumsum else [1, 2]) and y.dtype is lucid.int32
    out = lucid.zeros(3, dtype=lucid.int64)
    assert function(x, 0, out=out) is out and out.tolist() == function(x, 0).tolist()


def test_running_sum_of_a_converted_tensor_is_differentiated() -> None:
    x = lucid.tensor([1.0, 2.0], requires_grad=True)
    y = x.cumsum(0, dtype=lucid.float64)
    y.sum().backward()
    assert y.dtype is lucid.float64 and x.grad is not None and x.grad.tolist() == [2, 1]


def test_instance_norm_is_not_a_batch_norm() -> None:
    from lucid.nn.modules.batch_norm import _BatchNorm

    assert isinstance(nn.BatchNorm2d(1), _BatchNorm) and not isinstance(nn.InstanceNorm2d(1), _BatchNorm)


def test_masks_of_any_sign() -> None:
    """A negative mask is its two's complement; torchvision's posterize writes -32 for 224."""
    x = lucid.tensor([5, 200], dtype=lucid.uint8)
    for result, expected in ((x & -32, [0, 192]), (x | -32, [229, 232]), (-1 ^ x, [250, 55])):
        assert result.tolist() == expected and result.dtype is lucid.uint8
    with pytest.raises(
        RuntimeError, match="^bitwise_and: value 256 cannot be converted to lucid.uint8 without overflow"
    ):
        x & 256
    with pytest.raises(
        RuntimeError, match="^bitwise_and: value -257 cannot be converted to lucid.uint8 without overflow"
    ):
        x & -257


def test_quotients_hold_any_integer() -> None:
    x = lucid.tensor([5, 200], dtype=lucid.uint8)
    assert (x / -2).tolist() == [-2.5, -100] and (-10 / x[:1]).tolist() == [-2] and (x / 1000).dtype is lucid.float32


def test_randint_with_the_upper_bound_alone() -> None:
    x = lucid.randint(3, size=(100,))
    assert x.shape == (100,) and set(x.tolist()) == {0, 1, 2}
