"""What every in-place method refuses to write to, in its own name, with nothing changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import lucid
from lucid import Tensor, ones, tensor

ONE = tensor([0])
CALLS: dict[str, tuple[Any, ...]] = {
    "addbmm_": (ones(1, 2, 2), ones(1, 2, 2)), "addcdiv_": (ones(2, 2), ones(2, 2)), "addcmul_": (ones(2, 2), ones(2, 2)),
    "addmm_": (ones(2, 2), ones(2, 2)), "addr_": (ones(2), ones(2)), "clamp_": (0, 1), "clip_": (0, 1), "copy_": (ones(2, 2),),
    "cumprod_": (0,), "cumsum_": (0,), "fill_": (2.0,), "fill_diagonal_": (2.0,), "geometric_": (0.5,),
    "index_add_": (0, ONE, ones(1, 2)), "index_copy_": (0, ONE, ones(1, 2)), "index_fill_": (0, ONE, 2.0),
    "index_put_": ((ONE,), tensor(2.0)), "index_reduce_": (0, ONE, ones(1, 2), "prod"), "lerp_": (ones(2, 2), 0.5),
    "masked_fill_": (ones(2, 2) > 0, 2.0), "masked_scatter_": (ones(2, 2) > 0, ones(2, 2)), "mvlgamma_": (1,),
    "polygamma_": (1,), "put_": (ONE, ones(1)), "renorm_": (2, 0, 1.0), "scatter_": (0, tensor([[0, 0]]), ones(1, 2)),
    "scatter_add_": (0, tensor([[0, 0]]), ones(1, 2)), "scatter_reduce_": (0, tensor([[0, 0]]), ones(1, 2), "sum"),
    "apply_": (lambda v: v,), "map_": (ones(2, 2), lambda v, w: v),
}  # fmt: skip
# Not for these numbers or shapes, or they change no element.
OTHERS = set(
    "addmv_ baddbmm_ bitwise_and_ bitwise_left_shift_ bitwise_not_ bitwise_or_ bitwise_right_shift_ bitwise_xor_ gcd_ lcm_ map2_ "
    "sspaddmm_ requires_grad_ retain_grad_ share_memory_ rename_ set_ resize_ resize_as_ detach_ as_strided_ squeeze_ unsqueeze_ "
    "t_ transpose_ swapaxes_ swapdims_ float_power_ resize_as_sparse_ sparse_resize_ sparse_resize_and_clear_".split()
)


def named() -> list[str]:
    return [
        n for n in dir(Tensor) if n.endswith("_") and n[0] != "_" and n not in OTHERS and callable(getattr(Tensor, n))
    ]


def call(name: str, x: Tensor) -> None:
    """The method with arguments that fit: those of the table, or none, one tensor or one number."""
    tried: list[tuple[Any, ...]] = [CALLS[name]] if name in CALLS else [(), (ones(2, 2),), (2.0,)]
    for k, args in enumerate(tried):
        try:
            getattr(x, name)(*args)
            return
        except TypeError:
            if k == len(tried) - 1:
                raise


def read_only() -> Tensor:
    array = np.full((2, 2), 0.5, np.float32)
    array.flags.writeable = False
    return lucid.from_numpy(array)


TARGETS: dict[str, tuple[Callable[[], Tensor], str]] = {
    "a leaf": (lambda: lucid.full((2, 2), 0.5, requires_grad=True), "a leaf Variable that requires grad is being used in an in-"),
    "a view of a leaf": (lambda: lucid.full((3, 2), 0.5, requires_grad=True)[:2], "a view of a leaf Variable that requires grad"),
    "expanded": (lambda: lucid.full((2, 1), 0.5).expand(2, 2), "unsupported operation: more than one element of the written-to"),
    "read-only memory": (read_only, "the tensor is over read-only memory; clone\\(\\) it first"),
}  # fmt: skip


def own_name(name: str) -> str:
    """A second name answers in the name of the first: ``multiply_`` in that of ``mul_``."""
    return getattr(getattr(Tensor, name), "__name__", name)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("name", named())
def test_refused_targets(name: str, target: str) -> None:
    make, message = TARGETS[target]
    if name in ("apply_", "map_") and target.endswith("leaf"):
        message = "can't be called on variables that require grad; use detach\\(\\) first"
    x = make()
    before, version = x.detach().clone(), x._version
    with pytest.raises(RuntimeError, match=f"^{own_name(name)}: {message}"):
        call(name, x)
    assert x._version == version and x.detach().equal(before)


@pytest.mark.parametrize("name,args", [("t_", ()), ("unsqueeze_", (0,)), ("transpose_", (0, 1)), ("squeeze_", ())])
def test_views_of_leaves_keep_their_shape(name: str, args: tuple[int, ...]) -> None:
    x = ones(3, 2, requires_grad=True)[:2]
    with pytest.raises(RuntimeError, match=f"^{name}: a view of a leaf Variable that requires grad"):
        getattr(x, name)(*args)
    assert x.shape == (2, 2)


@pytest.mark.parametrize("dtype", ["bool_", "uint8", "int64"])
def test_results_of_a_higher_category_are_refused(dtype: str) -> None:
    d = getattr(lucid, dtype)
    for name, value in (
        ("add_", 1.5),
        ("mul_", 0.5),
        ("div_", 2),
        ("sqrt_", None),
        ("exp_", None),
        ("lerp_", ones(2)),
        ("add_", 1j),
    ):
        x = lucid.ones(2, dtype=d)
        args = () if value is None else (value, 0.5) if name == "lerp_" else (value,)
        with pytest.raises((RuntimeError, TypeError), match=f"^{name}: "):
            getattr(x, name)(*args)
        assert x.tolist() == [1, 1] and x._version == 0 and x.dtype is d
    x = lucid.ones(2, dtype=lucid.uint8)  # within a category, and upwards, whatever the width
    assert x.add_(lucid.tensor([300, 1])).tolist() == [45, 2]
    assert lucid.ones(2, dtype=lucid.float16).add_(ones(2, dtype=lucid.float64)).tolist() == [2, 2]
    with pytest.raises(
        RuntimeError, match="^add_: result type lucid.int64 can't be cast to the desired output type lucid.bool$"
    ):
        lucid.ones(1, dtype=lucid.bool_).add_(2)
