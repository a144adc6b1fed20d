"""The Tensor class: construction, sharing with NumPy, conversion, printing and Python's protocols."""

from __future__ import annotations

import copy
import math
import pickle
from typing import Any

import numpy as np
import pytest

import lucid
from lucid import Tensor

DTYPES = [lucid.float32, lucid.float64, lucid.uint8, lucid.int8, lucid.int16, lucid.int32, lucid.int64, lucid.bool_]


# Construction


@pytest.mark.parametrize("data,dtype,shape", [
    (1, lucid.int64, ()), (1.5, lucid.float32, ()), (True, lucid.bool_, ()), ([1, 2], lucid.int64, (2,)), ([1, 2.0], lucid.float32, (2,)),
    ([[True], [False]], lucid.bool_, (2, 1)), ((1.0, 2.0), lucid.float32, (2,)), ([], lucid.float32, (0,)), ([[], []], lucid.float32, (2, 0)),
    (np.float64(1), lucid.float64, ()), (np.ones(2), lucid.float64, (2,)), (np.ones(2, np.float32), lucid.float32, (2,)),
    (np.arange(3, dtype=np.int16), lucid.int16, (3,)), (range(3), lucid.int64, (3,)), (np.int32(7), lucid.int32, ()),
    ([1, True], lucid.int64, (2,)), (float("nan"), lucid.float32, ()),
])  # fmt: skip
def test_dtype_and_shape_of_data(data: Any, dtype: lucid.dtype, shape: tuple[int, ...]) -> None:
    for make in (lucid.tensor, Tensor, lucid.as_tensor):
        x = make(data)
        assert x.dtype is dtype and x.shape == shape


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_explicit_dtype(dtype: lucid.dtype) -> None:
    x = lucid.tensor([0, 1, 2], dtype=dtype)
    assert x.dtype is dtype and x.tolist() == ([False, True, True] if dtype is lucid.bool_ else [0, 1, 2])


@pytest.mark.parametrize("spec", [lucid.float64, "float64", "double", np.float64, np.dtype("float64"), float])
def test_ways_to_name_a_dtype(spec: Any) -> None:
    assert lucid.tensor([1], dtype=spec).dtype is lucid.float64


def test_unknown_dtypes() -> None:
    with pytest.raises(TypeError, match="not a lucid dtype: 'float8'"):
        lucid.tensor([1.0], dtype="float8")
    with pytest.raises(TypeError, match=r"no lucid dtype for numpy\.uint64; supported: float32, float64"):
        lucid.tensor(np.zeros(1, np.uint64))
    with pytest.raises(TypeError, match="tensor: cannot make a tensor of list: it holds what is no number"):
        lucid.tensor(["a"])


def test_ragged_data() -> None:
    with pytest.raises(ValueError, match="tensor: cannot make a tensor of list"):
        lucid.tensor([[1.0], [1.0, 2.0]])


def test_tensors_among_the_data() -> None:
    x = lucid.tensor([lucid.tensor(1.0), lucid.tensor(2.0)])
    assert x.tolist() == [1, 2] and x.dtype is lucid.float32
    assert lucid.tensor([[lucid.tensor([1, 2])]]).shape == (1, 1, 2)


def test_construction_copies() -> None:
    source = np.zeros(3)
    for make in (lucid.tensor, Tensor):
        x = make(source)
        x[0] = 5
        assert source[0] == 0
    t = lucid.zeros(3)
    lucid.tensor(t)[0] = 5
    assert t[0].item() == 0


def test_big_endian_arrays_are_converted() -> None:
    x = lucid.tensor(np.array([1.0, 2.0], ">f8"))
    assert x.tolist() == [1, 2] and x.numpy().dtype.isnative


def test_constructor_arguments() -> None:
    x = Tensor([1, 2], dtype=lucid.float64, device="cpu", requires_grad=True)
    assert x.requires_grad and x.dtype is lucid.float64 and x.device == lucid.device("cpu")
    assert Tensor().shape == (0,)


def test_default_dtype() -> None:
    assert lucid.get_default_dtype() is lucid.float32
    lucid.set_default_dtype(lucid.float64)
    made = [lucid.tensor(1.0), lucid.zeros(1), lucid.ones(1), lucid.rand(1), lucid.randn(1), lucid.arange(0.0, 1.0), lucid.eye(2),
            lucid.full((1,), 2.0), lucid.linspace(0, 1, 3), lucid.tensor([1, 2]).sqrt(), lucid.tensor([1]) / 2]  # fmt: skip
    assert [t.dtype for t in made] == [lucid.float64] * len(made)
    assert lucid.tensor(1).dtype is lucid.int64 and lucid.tensor(np.float32(1)).dtype is lucid.float32
    with pytest.raises(TypeError, match=r"set_default_dtype: expected a floating-point dtype, got lucid\.int64"):
        lucid.set_default_dtype(lucid.int64)


# NumPy


def test_from_numpy_shares_memory() -> None:
    a = np.zeros(3, np.float32)
    x = lucid.from_numpy(a)
    x[0] = 1
    a[1] = 2
    assert (a.tolist() == x.tolist() == [1, 2, 0] and x.numpy() is a) or np.shares_memory(x.numpy(), a)


def test_numpy_shares_memory() -> None:
    x = lucid.zeros(3)
    x.numpy()[0] = 1
    assert x.tolist() == [1, 0, 0]
    assert np.shares_memory(np.asarray(x), x.numpy())


def test_as_tensor_shares_memory_where_it_can() -> None:
    a = np.zeros(3, np.float32)
    assert np.shares_memory(lucid.as_tensor(a).numpy(), a)
    assert not np.shares_memory(lucid.as_tensor(a, dtype=lucid.float64).numpy(), a)
    t = lucid.zeros(3)
    assert lucid.as_tensor(t) is t and lucid.as_tensor(t, dtype=lucid.float64).dtype is lucid.float64


def test_from_numpy_refusals() -> None:
    with pytest.raises(TypeError, match=r"from_numpy: expected np\.ndarray, got list"):
        lucid.from_numpy([1, 2])
    with pytest.raises(ValueError, match="from_numpy: arrays with negative strides are not supported"):
        lucid.from_numpy(np.arange(3.0)[::-1])
    with pytest.raises(TypeError, match=r"no lucid dtype for numpy\.uint32"):
        lucid.from_numpy(np.zeros(1, np.uint32))


def test_numpy_of_a_tensor_that_requires_grad() -> None:
    x = lucid.ones(2, requires_grad=True)
    for convert in (lambda: x.numpy(), lambda: np.asarray(x), lambda: (x * 2).numpy()):
        with pytest.raises(
            RuntimeError,
            match=r"Can't call numpy\(\) on Tensor that requires grad. Use tensor.detach\(\).numpy\(\) instead.",
        ):
            convert()
    assert x.numpy(force=True).tolist() == [1, 1]
    with lucid.no_grad():
        assert all(convert().tolist() in ([1, 1], [2, 2]) for convert in (x.numpy, lambda: (x * 2).numpy()))
        assert np.asarray(x).tolist() == [1, 1]


def test_numpy_functions_and_operators() -> None:
    x = lucid.tensor([1.0, 4.0])
    assert np.sqrt(x.numpy()).tolist() == [1, 2] and np.asarray(x, np.float64).dtype == np.float64
    for mixed in (x + np.ones(2, np.float32), np.ones(2, np.float32) + x, np.float32(1) + x):
        assert isinstance(mixed, Tensor) and mixed.tolist() == [2, 5]


def test_dlpack() -> None:
    x = lucid.tensor([1.0, 2.0])
    assert np.from_dlpack(x).tolist() == [1, 2]


# Attributes


def test_shape_attributes() -> None:
    x = lucid.zeros(2, 3, 4)
    assert x.shape == (2, 3, 4) == x.size() and x.size(1) == 3 and x.size(-1) == 4 and x.shape.numel() == 24
    assert x.ndim == x.dim() == 3 and x.numel() == x.nelement() == lucid.numel(x) == 24
    assert x.stride() == (12, 4, 1) and x.stride(0) == 12 and x[1].storage_offset() == 12
    assert x.itemsize == x.element_size() == 4 and x.nbytes == 96
    assert repr(x.shape) == str(x.shape) == "lucid.Size([2, 3, 4])" and isinstance(x.shape, tuple)
    assert x.is_contiguous() and not x.permute(2, 0, 1).is_contiguous()
    assert x.T.shape == (4, 3, 2) and x.mT.shape == (2, 4, 3)


def test_kinds() -> None:
    assert lucid.is_tensor(lucid.zeros(1)) and not lucid.is_tensor(np.zeros(1))
    assert lucid.is_floating_point(lucid.zeros(1)) and not lucid.tensor([1]).is_floating_point()
    assert not lucid.zeros(1).is_cuda


@pytest.mark.parametrize("method,dtype", [
    ("float", lucid.float32), ("double", lucid.float64), ("long", lucid.int64), ("int", lucid.int32), ("bool", lucid.bool_), ("byte", lucid.uint8),
])  # fmt: skip
def test_conversions(method: str, dtype: lucid.dtype) -> None:
    x = lucid.tensor([0.0, 1.5, 2.0])
    y = getattr(x, method)()
    assert y.dtype is dtype and y.tolist() == x.numpy().astype(dtype.numpy).tolist()
    assert getattr(y, method)() is y


def test_to() -> None:
    x, other = lucid.ones(2), lucid.ones(1, dtype=lucid.float64)
    assert (
        x.to(lucid.float64).dtype
        is x.to(other).dtype
        is x.to("float64").dtype
        is x.to(dtype=lucid.float64).dtype
        is lucid.float64
    )
    assert (
        x.to("cpu") is x
        and x.to(lucid.device("cpu")) is x
        and x.to("cpu", lucid.int64).dtype is lucid.int64
        and x.cpu() is x
    )
    assert x.to(lucid.float32) is x and x.to(lucid.float32, copy=True) is not x
    assert (
        x.type() == "lucid.float32"
        and x.type(lucid.int64).dtype is lucid.int64
        and x.type_as(other).dtype is lucid.float64
    )


@pytest.mark.parametrize("refused", [
    lambda: lucid.ones(1).to("cuda"), lambda: lucid.ones(1, device="cuda:0"), lambda: lucid.tensor([1], device="mps"),
    lambda: lucid.ones(1).to(lucid.device("cuda")), lambda: Tensor([1], device="meta"),
])  # fmt: skip
def test_other_devices_are_refused(refused: Any) -> None:
    with pytest.raises(RuntimeError, match="device: lucid runs on CPUs only, got '"):
        refused()


def test_cuda_is_refused() -> None:
    with pytest.raises(
        RuntimeError, match=r"cuda: lucid runs on CPUs only; remove the .cuda\(\) call or use .to\('cpu'\)"
    ):
        lucid.ones(1).cuda()


def test_device() -> None:
    d = lucid.device("cpu")
    assert (
        d == lucid.ones(1).device
        and hash(d) == hash(lucid.device("cpu"))
        and str(d) == "cpu"
        and repr(d) == "device(type='cpu')"
    )
    assert lucid.device("cpu:0").index == 0 and d != "cpu"


def test_other_devices_can_be_named() -> None:
    d = lucid.device("cuda:1")
    assert (d.type, d.index, str(d), repr(d)) == ("cuda", 1, "cuda:1", "device(type='cuda', index=1)")
    assert d == lucid.device("cuda", 1) == lucid.device(d) and d != lucid.device("cuda") and d != lucid.device("cpu")
    for name in ("gpu", "", "cuda:", "cuda:x", 3):
        with pytest.raises(RuntimeError, match=f"device: expected one of cpu, .*, got '{name}'"):
            lucid.device(name)
    with pytest.raises(RuntimeError, match="device: 'cuda:1' has an index already, got another one, 2"):
        lucid.device("cuda:1", 2)


# Values


def test_item_and_tolist() -> None:
    assert (
        lucid.tensor([[1.5]]).item() == 1.5
        and type(lucid.tensor(3).item()) is int
        and type(lucid.tensor(True).item()) is bool
    )
    assert lucid.tensor([[1, 2], [3, 4]]).tolist() == [[1, 2], [3, 4]] and lucid.tensor(2.5).tolist() == 2.5
    with pytest.raises(RuntimeError, match="item: a Tensor with 2 elements cannot be converted to Scalar"):
        lucid.ones(2).item()
    with pytest.raises(RuntimeError, match="item: a Tensor with 0 elements cannot be converted to Scalar"):
        lucid.ones(0).item()


def test_python_numbers() -> None:
    assert float(lucid.tensor([2.5])) == 2.5 and int(lucid.tensor(2.5)) == 2 and math.sqrt(lucid.tensor(4.0)) == 2
    assert [10, 20, 30][lucid.tensor(1)] == 20 and list(range(lucid.tensor(3))) == [0, 1, 2]
    with pytest.raises(
        TypeError, match=r"only integer tensors of a single element can be converted to an index, got lucid\.float32"
    ):
        [1, 2][lucid.tensor(1.0)]


def test_truth() -> None:
    assert lucid.tensor(1) and lucid.tensor([0.5]) and not lucid.tensor([[0]]) and lucid.tensor(float("nan"))
    for x in (lucid.ones(2), lucid.ones(0)):
        with pytest.raises(RuntimeError, match=rf"Boolean value of Tensor with {x.numel()} values is ambiguous"):
            bool(x)


def test_length_and_iteration() -> None:
    x = lucid.tensor([[1, 2], [3, 4]])
    assert len(x) == 2 and [row.tolist() for row in x] == [[1, 2], [3, 4]]
    a, b = x
    assert np.shares_memory(a.numpy(), x.numpy()) and b.tolist() == [3, 4]
    with pytest.raises(TypeError, match=r"len\(\) of a 0-d tensor"):
        len(lucid.tensor(1))
    with pytest.raises(TypeError, match="iteration over a 0-d tensor"):
        iter(lucid.tensor(1))


def test_iteration_carries_gradients() -> None:
    x = lucid.ones(3, requires_grad=True)
    sum(k * part for k, part in enumerate(x)).backward()
    assert x.grad.tolist() == [0, 1, 2]


def test_contains() -> None:
    x = lucid.tensor([1.0, 2.0])
    assert 2 in x and lucid.tensor(1.0) in x and 3 not in x


def test_hash_is_identity() -> None:
    x, y = lucid.ones(2), lucid.ones(2)
    assert len({x, y, x}) == 2 and {x: 1}[x] == 1


def test_comparison_with_anything_else() -> None:
    x = lucid.ones(2)
    assert (x == None) is False and (x != "a") is True and (x == x).tolist() == [True, True]  # noqa: E711
    assert x in [x]  # identity first, as lists compare


# Copies


def test_clone_keeps_history_and_copies_values() -> None:
    x = lucid.ones(2, requires_grad=True)
    y = x.clone()
    assert y.requires_grad and not np.shares_memory(y.detach().numpy(), x.detach().numpy())


def test_deepcopy() -> None:
    x = lucid.ones(2, requires_grad=True)
    (x * 3).backward()
    pair = copy.deepcopy([x, x])
    assert pair[0] is pair[1] and pair[0] is not x and pair[0].requires_grad and pair[0].grad.tolist() == [3, 3]
    pair[0].grad.zero_()
    pair[0].data[0] = 9
    assert x.tolist() == [1, 1] and x.grad.tolist() == [3, 3]
    with pytest.raises(
        RuntimeError,
        match=r"Only Tensors created explicitly by the user \(graph leaves\) support the deepcopy protocol",
    ):
        copy.deepcopy(x * 2)


@pytest.mark.parametrize("make", [
    lambda: lucid.tensor([[1.0, 2.0]], requires_grad=True), lambda: lucid.tensor(3), lambda: lucid.zeros(0, 2),
    lambda: lucid.arange(6).view(2, 3).t(), lambda: lucid.tensor([True, False]),
])  # fmt: skip
def test_pickle(make: Any) -> None:
    x = make()
    for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
        y = pickle.loads(pickle.dumps(x, protocol))
        assert (
            y.tolist() == x.tolist()
            and y.dtype is x.dtype
            and y.shape == x.shape
            and y.requires_grad == x.requires_grad
        )
        assert y.detach().numpy().flags.writeable


def test_dtypes_pickle_and_copy_to_themselves() -> None:
    for dtype in DTYPES:
        assert pickle.loads(pickle.dumps(dtype)) is dtype and copy.deepcopy(dtype) is dtype


def test_data_is_the_same_storage_without_history() -> None:
    x = lucid.ones(2, requires_grad=True)
    x.data[0] = 5
    assert x.tolist() == [5, 1] and not x.data.requires_grad
    x.data = lucid.zeros(3)
    assert x.tolist() == [0, 0, 0] and x.requires_grad


def test_copy_fill_zero() -> None:
    x = lucid.ones(2, 2)
    assert x.copy_(lucid.tensor([1, 2])) is x and x.tolist() == [[1, 2], [1, 2]] and x.dtype is lucid.float32
    assert x.fill_(3).tolist() == [[3, 3], [3, 3]] and x.zero_().tolist() == [[0, 0], [0, 0]]
    source = lucid.ones(2, requires_grad=True)
    x.copy_(source)
    x.sum().backward()
    assert source.grad.tolist() == [2, 2]


def test_uninitialised_tensors() -> None:
    x = lucid.empty(2, 3, dtype=lucid.int32)
    assert x.shape == (2, 3) and x.dtype is lucid.int32 and lucid.empty((4,)).dtype is lucid.float32
    for y in (lucid.empty_like(x), x.new_empty(2, 3), x.new_empty((2, 3))):
        assert y.shape == (2, 3) and y.dtype is lucid.int32 and y.data_ptr() != x.data_ptr()
    assert lucid.empty(2, 3, out=x) is x
    assert lucid.empty(3, out=x) is x and x.shape == (3,)


def test_view_as_another_dtype_shares_the_bits() -> None:
    x = lucid.tensor([1.0, -0.0])
    bits = x.view(lucid.int32)
    assert bits.dtype is lucid.int32 and bits.tolist() == [0x3F800000, -(2**31)]
    bits[0] = 0
    assert x[0].item() == 0


def test_sizes_stay_sizes() -> None:
    size = lucid.zeros(2, 3).shape
    for found in (size + (4,), (4,) + size, size[:1], size * 2, 2 * size):
        assert type(found) is lucid.Size
    assert (1,) + size == (1, 2, 3) and size[1] == 3 and (size[:-1] + size[-1:]).numel() == 6
    with pytest.raises(TypeError):
        size + [1]


def test_places_of_shapes() -> None:
    """An integer gives a size, a slice a Size, whatever the tensor; what is neither is refused as a tuple's."""
    shape = lucid.ones(2, 3, 4).shape
    assert (shape[0], shape[-1], shape[np.int64(1)]) == (2, 4, 3)
    for part, expected in ((shape[1:], (3, 4)), (shape[:], (2, 3, 4)), (shape[::-2], (4, 2)), (shape[5:], ())):
        assert part == expected and type(part) is lucid.Size
    assert lucid.tensor(1.0).shape == () and type(lucid.tensor(1.0).shape) is lucid.Size
    for wrong in (3, -4):
        with pytest.raises(IndexError, match=rf"^Size: index {wrong} is out of range for 3 dimensions$"):
            shape[wrong]
    with pytest.raises(TypeError, match="must be integers or slices, not str"):
        shape["0"]
    again = pickle.loads(pickle.dumps(shape))
    assert again == shape and type(again) is type(copy.copy(shape)) is lucid.Size
    assert lucid.compile(lambda x: x.reshape(x.shape[0], -1))(lucid.ones(2, 3, 4)).shape == (2, 12)
