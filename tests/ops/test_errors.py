"""What the operations refuse: one line each, naming the function, before anything is changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import lucid
from lucid import ones, tensor

OUT = r"Dimension out of range \(expected to be in range of "

REFUSED: list[tuple[Callable[[], Any], type[Exception], str]] = [
    # shape
    (lambda: lucid.cat([]), ValueError, "cat: expected a non-empty list of Tensors"),
    (lambda: lucid.cat([ones(2, 3), ones(2, 4)]), RuntimeError, r"cat: sizes of tensors must match except in dimension 0: \(2, 3\) and \(2, 4\) \(position 1\)"),
    (lambda: lucid.cat([tensor(1.0)]), RuntimeError, r"cat: zero-dimensional tensor \(at position 0\) cannot be concatenated"),
    (lambda: lucid.cat(["a"]), TypeError, "cat: expected a Tensor or a number, got str"),
    (lambda: lucid.stack([]), ValueError, "stack: expected a non-empty list of Tensors"),
    (lambda: lucid.stack([ones(2), ones(3)]), RuntimeError, r"stack: expects each tensor to be equal size, but got \(2,\) at entry 0 and \(3,\) at entry 1"),
    (lambda: lucid.reshape(ones(4), 3), RuntimeError, r"reshape: shape '\[3\]' is invalid for input of size 4"),
    (lambda: lucid.reshape(ones(0, 2), (0, -1)), RuntimeError, r"reshape: shape '\[0, -1\]' is invalid for input of size 0"),
    (lambda: ones(4).reshape(-1, -1), RuntimeError, "reshape: only one dimension can be inferred"),
    (lambda: ones(4).reshape(-2), RuntimeError, "reshape: invalid shape dimension in"),
    (lambda: ones(4).view(3), RuntimeError, r"view: shape '\[3\]' is invalid for input of size 4"),
    (lambda: ones(2, 3).t().view(6), RuntimeError, r"view: view size is not compatible with input tensor's size and stride .*Use \.reshape\(\.\.\.\) instead\."),
    (lambda: ones(2, 3).permute(0), RuntimeError, r"permute: got 1 dims \(0,\) for a tensor of 2 dimensions"),
    (lambda: ones(2, 3).permute(0, 0), RuntimeError, r"permute: dim \(0, 0\) appears multiple times"),
    (lambda: ones(2, 3).transpose(0, 2), IndexError, "transpose: " + OUT + r"\[-2, 1\], but got 2\)"),
    (lambda: ones(2, 3).squeeze(5), IndexError, "squeeze: " + OUT),
    (lambda: ones(2, 3).unsqueeze(4), IndexError, "unsqueeze: " + OUT + r"\[-3, 2\], but got 4\)"),
    (lambda: ones(2, 3).expand(3, 3), RuntimeError, r"expand: cannot expand shape \(2, 3\) to \(3, 3\): dimension 0"),
    (lambda: ones(2, 3).expand(3), RuntimeError, r"expand: the number of sizes \(1\) must be at least the number of dimensions"),
    (lambda: ones(2).expand(-1, 2), RuntimeError, r"expand: cannot expand shape \(2,\) to \(-1, 2\)"),
    (lambda: ones(2, 3).repeat(2), RuntimeError, "repeat: 1 repeats for a tensor of 2 dimensions"),
    (lambda: ones(2, 3).split(0), RuntimeError, "split: expects split_size to be positive, got 0"),
    (lambda: ones(2, 3).split([1, 2]), RuntimeError, r"split: sizes \[1, 2\] do not add up to 2, the size of dimension 0"),
    (lambda: ones(2, 3).chunk(0), RuntimeError, "chunk: expects chunks to be greater than 0, got 0"),
    (lambda: ones(2, 3).narrow(0, 1, 5), RuntimeError, "narrow: start 1 and length 5 exceed dimension 0 of size 2"),
    (lambda: ones(2, 3).narrow(0, 3, 0), RuntimeError, "narrow: start 3 and length 0 exceed dimension 0 of size 2"),
    (lambda: ones(2, 3).narrow(1, 0, -1), RuntimeError, "narrow: start 0 and length -1 exceed dimension 1 of size 3"),
    (lambda: tensor(1.0).narrow(0, 0, 1), RuntimeError, "narrow: cannot be applied to a 0-d tensor"),
    (lambda: ones(2, 3).select(0, 7), IndexError, r"select: index 7 is out of range for dimension 0 of shape \(2, 3\)"),
    (lambda: ones(2).unbind(1), IndexError, "unbind: " + OUT),
    (lambda: ones(2, 3).flatten(1, 0), RuntimeError, "flatten: start_dim cannot come after end_dim"),
    (lambda: ones(2, 3).unflatten(0, (3,)), RuntimeError, r"unflatten: shape '\[3\]' is invalid for input of size 2"),
    (lambda: ones(2, 3, 4).t(), RuntimeError, "t: expects a tensor with <= 2 dimensions, but it is 3D"),
    (lambda: ones(2, 3).movedim((0, 1), 0), RuntimeError, "movedim: 2 source dims but 1 destination dims"),
    (lambda: lucid.broadcast_tensors(ones(2), ones(3)), ValueError, r"broadcast_tensors: shapes \(2,\) and \(3,\) do not broadcast"),
    (lambda: ones(2, 3).flip(3), IndexError, "flip: " + OUT),
    # reductions
    (lambda: ones(2, 3).sum(2), IndexError, "sum: " + OUT),
    (lambda: ones(2, 3).sum((0, 0)), RuntimeError, r"sum: dim \(0, 0\) appears multiple times"),
    (lambda: ones(0).max(), IndexError, r"^max: cannot reduce over a dimension of size 0 \(shape \(0,\)\): no identity"),
    (lambda: ones(0, 3).max(0), IndexError, "max: cannot reduce over a dimension of size 0"),
    (lambda: ones(0, 3).argmin(0), IndexError, "argmin: cannot reduce over a dimension of size 0"),
    (lambda: tensor([1]).mean(), RuntimeError, "mean: could not infer output dtype. Input dtype must be floating point, got lucid.int64"),
    (lambda: tensor([1]).var(), RuntimeError, "var: only support floating point dtypes, got lucid.int64"),
    (lambda: ones(2).norm("big"), ValueError, "norm: p must be a number, 'fro' or 'nuc', got 'big'"),
    (lambda: ones(2).softmax(1), IndexError, "softmax: " + OUT),
    (lambda: ones(2).cumsum(1), IndexError, "cumsum: " + OUT),
    # products
    (lambda: ones(2, 3) @ ones(2, 3), RuntimeError, r"matmul: shapes \(2, 3\) and \(2, 3\) cannot be multiplied: 3 columns against 2 rows"),
    (lambda: ones(2) @ tensor(1.0), RuntimeError, r"matmul: both operands need at least one dimension, got shapes \(2,\) and \(\)"),
    (lambda: ones(2) @ ones(2, dtype=lucid.float64), RuntimeError, "matmul: expected both operands to have the same dtype, but got lucid.float32 and lucid.float64"),
    (lambda: ones(2, 2, 3) @ ones(3, 3, 2), RuntimeError, r"matmul: batch dimensions of \(2, 2, 3\) and \(3, 3, 2\) do not broadcast"),
    (lambda: lucid.mm(ones(2), ones(2)), RuntimeError, r"mm: expected two matrices, got shapes \(2,\) and \(2,\)"),
    (lambda: lucid.bmm(ones(2, 2), ones(2, 2)), RuntimeError, "bmm: expected two batches of matrices"),
    (lambda: lucid.mv(ones(2), ones(2)), RuntimeError, "mv: expected a matrix and a vector"),
    (lambda: lucid.dot(ones(2, 2), ones(2)), RuntimeError, "dot: 1D tensors expected"),
    # indexing
    (lambda: ones(2, 3).gather(0, tensor([0])), RuntimeError, r"gather: index \(1,\) must have as many dimensions as the tensor \(2, 3\)"),
    (lambda: ones(2, 3).gather(0, tensor([[5]])), IndexError, "gather: index 5 is out of bounds for dimension 0 with size 2"),
    (lambda: ones(2, 3).gather(0, tensor([[-1]])), IndexError, "gather: index -1 is out of bounds for dimension 0 with size 2"),
    (lambda: ones(2, 3).gather(0, tensor([[0.0]])), RuntimeError, "gather: Expected dtype int64 for index, got float32"),
    (lambda: ones(2, 3).gather(1, tensor([[0], [0], [0]])), RuntimeError, r"gather: index \(3, 1\) is larger than the tensor \(2, 3\) apart from dimension 1"),
    (lambda: ones(2, 3).scatter(0, tensor([[0, 0, 0, 0]]), ones(2, 4)), RuntimeError, "scatter: index"),
    (lambda: ones(2, 3).index_select(0, tensor([[0]])), IndexError, r"index_select: index is supposed to be a vector, got shape \(1, 1\)"),
    (lambda: ones(2, 3).index_select(0, tensor([7])), IndexError, "index_select: index 7 is out of range for dimension 0 of size 2"),
    (lambda: ones(2, 3).index_select(0, tensor([-1])), IndexError, "index_select: index -1 is out of range for dimension 0 of size 2"),
    (lambda: ones(2, 3).index_select(0, tensor([1.0])), RuntimeError, "index_select: expected an integer index, got lucid.float32"),
    (lambda: ones(2).masked_fill(tensor([1, 0]), 0), RuntimeError, "masked_fill: only supports boolean masks, but got mask with dtype lucid.int64"),
    (lambda: lucid.where(ones(2), ones(2), ones(2)), TypeError, "where: expected condition to be a boolean tensor, but got a tensor with dtype lucid.float32"),
    (lambda: ones(2).topk(3), RuntimeError, "topk: selected index k=3 out of range for dimension 0 of size 2"),
    # pointwise
    (lambda: ones(2).clamp(), RuntimeError, "clamp: at least one of min or max must be given"),
    (lambda: ones(2).div(2, rounding_mode="up"), ValueError, "div: rounding_mode must be None, 'trunc' or 'floor', got 'up'"),
    (lambda: tensor([1]) // tensor([0]), RuntimeError, "floor_divide: ZeroDivisionError: integer division by zero"),
    (lambda: tensor([2]) ** -1, RuntimeError, r"pow: Integers to negative integer powers are not allowed\."),
    (lambda: tensor([True]) - tensor([True]), RuntimeError, "sub: subtraction of two bool tensors is not supported"),
    (lambda: ones(2) & ones(2), RuntimeError, "bitwise_and: not implemented for lucid.float32"),
    (lambda: ~ones(2), RuntimeError, "bitwise_not: not implemented for lucid.float32"),
    (lambda: lucid.maximum(ones(2), ones(3)), ValueError, r"maximum: shapes \(2,\) and \(3,\) do not broadcast: 2 against 3"),
    (lambda: lucid.exp("a"), TypeError, "exp: expected a Tensor or a number, got str"),
    (lambda: lucid.add([1.0], ones(1)), TypeError, "add: expected a Tensor or a number, got list"),
    (lambda: lucid.add(1.0, 2.0), TypeError, "add: expected a Tensor, got float and float"),
    # creation
    (lambda: lucid.arange(0, 1, 0), RuntimeError, "arange: upper bound and lower bound inconsistent with step sign: 0, 1, 0"),
    (lambda: lucid.arange(0, 1, -1), RuntimeError, "arange: upper bound and lower bound inconsistent with step sign: 0, 1, -1"),
    (lambda: lucid.full((2,), "a"), TypeError, "expected a number, got str"),
    (lambda: lucid.zeros(-1), RuntimeError, r"^zeros: size must not be negative, got -1 in \(-1,\)"),
    (lambda: lucid.eye(-1), RuntimeError, "^eye: n must not be negative, got -1$"),
    (lambda: lucid.zeros(2.5), TypeError, r"^zeros: size must be integers or one sequence of them, got \(2\.5,\)$"),
    (lambda: lucid.rand(2, -3), RuntimeError, r"^rand: size must not be negative, got -3 in \(2, -3\)$"),
    (lambda: lucid.arange(0, float("inf")), RuntimeError, "^arange: unsupported range: 0 -> inf$"),
    (lambda: lucid.arange("a"), TypeError, "^arange: expected numbers, got int, str, int$"),
    (lambda: lucid.sum(-1), TypeError, "^sum: expected a Tensor, got int$"),
    (lambda: lucid.sum(3), TypeError, "^sum: expected a Tensor, got int$"),
    (lambda: lucid.ones(2, dtype="int7"), TypeError, "not a lucid dtype: 'int7'"),
    (lambda: lucid.ones(2, dtype=lucid.int64, requires_grad=True), RuntimeError, "only Tensors of floating point and complex dtype can require gradients, got lucid.int64"),
]  # fmt: skip


@pytest.mark.parametrize(
    "call,error,message", REFUSED, ids=[f"{k} {message[:40]}" for k, (_, _, message) in enumerate(REFUSED)]
)
def test_refusals(call: Callable[[], Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message) as info:
        call()
    assert "\n" not in str(info.value)


def test_errors_inside_an_operation_leave_its_operands_alone() -> None:
    x, y = ones(2, 3), ones(2)
    for call in (
        lambda: x.add_(y),
        lambda: x.copy_(y),
        lambda: x.masked_fill_(tensor([True, False]), 0),
        lambda: x.__setitem__(0, y),
    ):
        with pytest.raises((ValueError, RuntimeError)):
            call()
    assert x.tolist() == [[1] * 3] * 2 and x._version == 0 and x.shape == (2, 3)


@pytest.mark.parametrize(
    "name", ["sum", "mean", "prod", "amax", "all", "logsumexp", "cumsum", "flip", "softmax", "sort"]
)
def test_what_is_not_a_tensor_is_named(name: str) -> None:
    with pytest.raises(TypeError, match=f"^{name}: expected a Tensor, got list$"):
        getattr(lucid, name)([1.0], 0)


def test_layers_name_what_is_not_a_tensor() -> None:
    for call, message in (
        (lambda: lucid.nn.Linear(2, 2)([1.0]), "Linear: expected a Tensor, got list"),
        (lambda: lucid.nn.Sequential(lucid.nn.Conv2d(1, 1, 1))([1.0]), "Conv2d '0': expected a Tensor, got list"),
        (lambda: lucid.reshape([1.0], 1), "reshape: expected a Tensor, got list"),
    ):
        with pytest.raises(TypeError, match=f"^{message}$"):
            call()
