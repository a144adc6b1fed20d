"""PyTorch's switches, questions and methods that lucid itself has under other names or has no use for."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from second_names import X, same, tensor

import lucid
from lucid import Tensor

# switches


def test_switches() -> None:
    assert (
        str(lucid.get_default_device()) == "cpu"
        and lucid.get_num_interop_threads() == 1
        and lucid.get_float32_matmul_precision() == "highest"
    )
    lucid.set_default_device("cpu")
    lucid.set_default_device(None)
    lucid.set_num_interop_threads(4)
    lucid.init_num_threads()
    lucid.set_float32_matmul_precision("high")
    lucid.set_deterministic_debug_mode("warn")
    assert lucid.get_deterministic_debug_mode() == 0 and lucid.compiled_with_cxx11_abi()
    for answer in (
        lucid.is_vulkan_available(),
        lucid.cudnn_is_acceptable(None),
        lucid.is_deterministic_algorithms_warn_only_enabled(),
    ):
        assert answer is False
    with warnings.catch_warnings():
        lucid.set_warn_always(True)
        assert lucid.is_warn_always_enabled()
        lucid.set_warn_always(False)
    lucid.set_default_tensor_type("torch.DoubleTensor")
    assert lucid.get_default_dtype() is lucid.float64
    lucid.set_default_tensor_type(lucid.float32)
    for call, message in (
        (lambda: lucid.set_default_device("cuda"), "cuda"),
        (lambda: lucid.set_num_interop_threads(0), "set_num_interop_threads: expects a positive integer, got 0"),
        (lambda: lucid.set_float32_matmul_precision("low"), "set_float32_matmul_precision: precision must be one of"),
        (
            lambda: lucid.set_deterministic_debug_mode(7),
            "set_deterministic_debug_mode: expected 0, 1, 2 or their names, got 7",
        ),
    ):
        with pytest.raises(RuntimeError, match=message):
            call()
    with pytest.raises(
        TypeError,
        match="set_default_tensor_type: expected a floating-point tensor type of the CPU, got 'torch.cuda.FloatTensor'",
    ):
        lucid.set_default_tensor_type("torch.cuda.FloatTensor")


def test_questions() -> None:
    x = lucid.ones(2, 3)
    for name, answer in (
        ("is_conj", False),
        ("is_neg", False),
        ("is_distributed", False),
        ("is_inference", False),
        ("is_signed", True),
        ("is_complex", False),
        ("get_device", -1),
    ):
        assert getattr(lucid, name)(x) is answer or getattr(lucid, name)(x) == answer
        assert getattr(x, name)() == answer
    assert not lucid.is_signed(x.byte()) and not lucid.is_signed(x.bool()) and lucid.is_signed(x.int())
    assert lucid.is_same_size(x, lucid.zeros(2, 3)) and not x.is_same_size(lucid.zeros(3, 2))
    assert lucid.is_nonzero(lucid.tensor([2.0])) and not lucid.tensor(0).is_nonzero()
    with pytest.raises(RuntimeError, match="is_nonzero: Boolean value of Tensor with 6 values is ambiguous"):
        lucid.is_nonzero(x)
    assert (
        lucid.typename(x) == "lucid.float32"
        and lucid.typename([]) == "list"
        and lucid.typename(lucid.nn.Linear(1, 1)) == "lucid.nn.modules.linear.Linear"
    )
    for a, b, answer in (
        (lucid.int64, lucid.float32, True),
        (lucid.float32, lucid.int64, False),
        (lucid.int32, lucid.uint8, True),
        (lucid.uint8, lucid.bool, False),
        (lucid.bool, lucid.uint8, True),
        (lucid.float64, lucid.float32, True),
    ):
        assert lucid.can_cast(a, b) is answer
    assert x.is_cpu and not (
        x.is_sparse or x.is_quantized or x.is_meta or x.is_nested or x.is_mkldnn or x.is_mps or x.is_xpu
    )
    assert (
        x.layout == "strided"
        and x.name is None
        and x.output_nr == 0
        and x.ndimension() == 2
        and x.const_data_ptr() == x.data_ptr()
    )
    assert (
        not x.is_pinned() and not x.is_shared() and x.pin_memory() is x and x.share_memory_() is x and x.to_dense() is x
    )
    assert (
        x.short().dtype is lucid.int16
        and x.char().dtype is lucid.int8
        and x.to_dense(lucid.float64).dtype is lucid.float64
    )


# methods


def test_shapes_changed_in_place() -> None:
    x = tensor()
    pointer = x.data_ptr()
    assert (
        x.transpose_(0, 1) is x and x.shape == (4, 3) and x.t_().shape == (3, 4) and x.unsqueeze_(1).shape == (3, 1, 4)
    )
    assert (
        x.swapaxes_(0, 1).shape == (1, 3, 4) and x.swapdims_(0, 2).shape == (4, 3, 1) and x.squeeze_().shape == (4, 3)
    )
    assert (
        x.data_ptr() == pointer
        and lucid.equal(x, tensor().t())
        and x.as_strided_((2,), (5,)).tolist() == [X[0, 0], X[1, 1]]
    )
    leaf = tensor(requires_grad=True)
    with pytest.raises(RuntimeError, match="transpose_: a leaf Variable that requires grad"):
        leaf.transpose_(0, 1)
    with lucid.no_grad():
        leaf.t_()
    assert leaf.is_leaf and leaf.requires_grad and leaf.shape == (4, 3)
    y = leaf * lucid.arange(12.0, dtype=lucid.float64).reshape(4, 3)
    y.t_().unsqueeze_(0)
    (y * lucid.arange(4.0, dtype=lucid.float64)).sum().backward()
    assert leaf.grad is not None
    np.testing.assert_array_equal(leaf.grad.numpy(), np.arange(12.0).reshape(4, 3) * np.arange(4.0)[:, None])
    base = tensor()
    row = base[1]
    row.unsqueeze_(0).mul_(2)
    np.testing.assert_array_equal(base.numpy()[1], 2 * X[1])


def test_resizing_and_sharing() -> None:
    x = lucid.arange(6)
    assert (
        x.resize_(2, 2).tolist() == [[0, 1], [2, 3]]
        and x.resize_((8,)).shape == (8,)
        and x[:4].tolist() == [0, 1, 2, 3]
    )
    assert x.resize_as_(lucid.ones(2, 1)).shape == (2, 1)
    with pytest.raises(RuntimeError, match="resize_: cannot resize variables that require grad"):
        lucid.ones(2, requires_grad=True).resize_(3)
    y, z = lucid.zeros(2), lucid.arange(6.0)
    assert y.set_(z) is y and y.is_set_to(z) and y.shape == (6,) and not y.is_set_to(z[1:])
    assert y.set_(z, 1, (2, 2), (2, 1)).tolist() == [[1, 2], [3, 4]] and y.set_(z, 0, (2, 3)).tolist() == [
        [0, 1, 2],
        [3, 4, 5],
    ]
    assert y.set_().numel() == 0
    with pytest.raises(RuntimeError, match="set_: expected a source of lucid.float32, got lucid.int64"):
        y.set_(lucid.arange(3))
    assert (
        z.storage() == z[2:].storage()
        and z.untyped_storage().nbytes() == 24
        and len(z.storage()) == 6
        and z[1:].storage()[0] == 0
    )
    assert z.storage().data_ptr() == z.data_ptr() and lucid.is_storage(z.storage()) and not lucid.is_storage(z)
    assert z.storage().untyped().size() == 24 and z.storage().element_size() == 4 and not z.storage().is_shared()
    assert (
        lucid.tensor([1, 2], dtype=lucid.uint8).untyped_storage().tolist() == [1, 2]
        and len({z.storage(), z[1:].storage()}) == 1
    )


def test_calls_for_every_element() -> None:
    x = lucid.arange(4.0).reshape(2, 2)
    assert x.apply_(lambda v: v * 10).tolist() == [[0, 10], [20, 30]]
    assert x.map_(lucid.tensor([1.0, 2.0]), lambda a, b: a + b).tolist() == [[1, 12], [21, 32]]
    assert x.map2_(lucid.ones(2, 2), lucid.tensor(3.0), lambda a, b, c: a * b - c).tolist() == [[-2, 9], [18, 29]]
    with pytest.raises(RuntimeError, match="apply_: can't be called on variables that require grad"):
        lucid.ones(2, requires_grad=True).apply_(abs)


def test_further_methods() -> None:
    x = lucid.tensor([[1.0, -2.0], [3.0, 4.0]])
    assert x.where(x > 0, 0.0).tolist() == [[1, 0], [3, 4]]
    assert (
        lucid.full((1000,), 0.3).bernoulli().mean().item() < 0.5
        and lucid.zeros(1000).bernoulli(1.0).sum().item() == 1000
    )
    assert lucid.tensor([0.0, 1.0]).multinomial(1).tolist() == [1]
    assert (
        x.new(2, 3).shape == (2, 3)
        and x.new([1, 2]).tolist() == [1, 2]
        and x.new().numel() == 0
        and x.new(x.shape).shape == (2, 2)
        and x.new(x).tolist() == x.tolist()
    )
    assert (
        x.narrow_copy(0, 1, 1).tolist() == [[3, 4]]
        and x.prelu(lucid.tensor(0.5)).tolist() == [[1, -1], [3, 4]]
        and x.hardshrink(2.5).tolist() == [[0, 0], [3, 4]]
    )
    assert x.as_strided_scatter(lucid.zeros(2), (2,), (3,)).tolist() == [[0, -2], [3, 0]] and x.split_with_sizes(
        [1, 1]
    )[0].tolist() == [[1, -2]]
    assert x.ger is x.outer or x[0].ger(x[1]).tolist() == [[3, 4], [-6, -8]]
    y = x.clone()
    for name, other in (("greater_", 0), ("less_", 1), ("not_equal_", 0), ("greater_equal_", 1), ("less_equal_", 1)):
        expected = getattr(y.clone(), name.rstrip("_"))(other).float()
        assert lucid.equal(getattr(y, name)(other), expected), name
    assert lucid.tensor([-4.0]).sgn_().tolist() == [-1]
    same(lucid.tensor([2.0], dtype=lucid.float64).igamma_(lucid.tensor([1.0], dtype=lucid.float64)), [1 - 2 / np.e])
    same(lucid.tensor([2.0], dtype=lucid.float64).igammac_(lucid.tensor([1.0], dtype=lucid.float64)), [2 / np.e])

    class Named(Tensor):
        pass

    z = lucid.ones(2, requires_grad=True)
    named = (z * 2).as_subclass(Named)
    named.sum().backward()
    assert type(named) is Named and z.grad is not None and z.grad.tolist() == [2, 2]
    with pytest.raises(TypeError, match="as_subclass: expected a subclass of Tensor"):
        x.as_subclass(int)
    assert lucid.zeros(2).module_load(lucid.ones(2)).tolist() == [1, 1] and x.module_load(y, assign=True).is_set_to(y)
    with pytest.raises(RuntimeError, match="reinforce: was removed"):
        x.reinforce(1)
    w = z * 3
    assert not w.retains_grad and not z.retains_grad
    w.retain_grad()
    assert w.retains_grad


def test_hooks_after_accumulation() -> None:
    x = lucid.ones(2, requires_grad=True)
    seen: list[Any] = []

    def forget(t: Tensor) -> None:
        assert t.grad is not None
        seen.append(t.grad.tolist())
        t.grad = None

    handle = x.register_post_accumulate_grad_hook(forget)
    (x * 3).sum().backward()
    assert seen == [[3, 3]] and x.grad is None
    lucid.autograd.grad((x * 2).sum(), x)
    assert len(seen) == 1, "nothing was accumulated"
    handle.remove()
    (x * 4).sum().backward()
    assert len(seen) == 1 and x.grad is not None
    with pytest.raises(
        RuntimeError,
        match="register_post_accumulate_grad_hook: cannot register a hook on a tensor that doesn't require gradient",
    ):
        lucid.ones(2).register_post_accumulate_grad_hook(forget)
    with pytest.raises(RuntimeError, match="on non-leaf tensors"):
        (x * 2).register_post_accumulate_grad_hook(forget)


def test_arguments_that_pytorch_names() -> None:
    x = tensor()
    same(x.round(decimals=2), np.round(X, 2))
    same(lucid.round(x * 1000, decimals=-2), np.round(X * 1000, -2))
    same(tensor().round_(decimals=1), np.round(X, 1))
    same(
        lucid.norm(x.float(), 3, 0, dtype=lucid.float64),
        (np.abs(X.astype(np.float32).astype(float)) ** 3).sum(0) ** (1 / 3),
    )
    same(lucid.norm(x, out=lucid.empty((), dtype=lucid.float64)), np.linalg.norm(X))
    same(lucid.pow(x.abs(), exponent=0.5), np.sqrt(np.abs(X)))
    same(lucid.concatenate([x, x], axis=1), np.concatenate([X, X], 1))
    same(lucid.concatenate([x, x]), np.concatenate([X, X]))
    index = lucid.tensor([[0, 1, 1, 0]])
    same(x.gather(0, index, sparse_grad=False), np.take_along_axis(X, index.numpy(), 0))
    for reduce, operation in (("add", np.add), ("multiply", np.multiply)):
        for value in (lucid.full((1, 4), 3.0, dtype=lucid.float64), 3.0):
            expected = X.copy()
            operation.at(expected, (index.numpy()[0], np.arange(4)), 3.0)
            same(x.scatter(0, index, value, reduce=reduce), expected)
            same(tensor().scatter_(0, index, value, reduce=reduce), expected)
    with pytest.raises(RuntimeError, match="scatter: reduce must be 'add' or 'multiply', got 'sum'"):
        x.scatter(0, index, 1.0, reduce="sum")
    assert (
        lucid.logspace(0, 1, 2, requires_grad=True).requires_grad
        and lucid.randperm(3, dtype=lucid.float32, requires_grad=True).requires_grad
    )
    a = lucid.randn(2, 3, 3, dtype=lucid.float64)
    b, compact = lucid.randn(2, 3, 3, dtype=lucid.float64), lucid.linalg.lu_factor(a)
    same(lucid.linalg.lu_solve(*compact, b, adjoint=True), np.linalg.solve(a.numpy().swapaxes(1, 2), b.numpy()), 1e-9)
    same(lucid.linalg.lu_solve(*compact, b, left=False, adjoint=True) @ a.mT, b.numpy(), 1e-9)
    same(x.pinverse(0.9), np.linalg.pinv(X, 0.9))
    assert lucid.nn.SyncBatchNorm(3, bias=False).bias is None


def test_profiles_of_printing() -> None:
    with pytest.raises(ValueError, match="set_printoptions: profile must be one of default, short, full, got 'wide'"):
        lucid.set_printoptions(profile="wide")
    try:
        lucid.set_printoptions(profile="short", sci_mode=False)
        assert str(lucid.tensor(1.23456)) == "1.23"
        lucid.set_printoptions(profile="full")
        assert "..." not in str(lucid.arange(2000))
    finally:
        lucid.set_printoptions(profile="default")
    assert "..." in str(lucid.arange(2000))


def test_random_permutation() -> None:
    lucid.manual_seed(5)
    x = lucid.random.permutation(10)
    assert sorted(x.tolist()) == list(range(10))
    lucid.manual_seed(5)
    assert lucid.equal(x, lucid.randperm(10)), "the original Lucid's name of randperm"
