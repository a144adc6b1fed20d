"""float16 and bfloat16: conversions, dtypes, storage, files, what moves and what computes."""

from __future__ import annotations

import copy
import importlib
import io
import pickle
from typing import Any

import numpy as np
import pytest

import lucid
import lucid.nn.functional as F
from lucid import _cpu, _isa, nn

HALVES = [lucid.float16, lucid.bfloat16]
both = pytest.mark.parametrize("dtype", HALVES, ids=["float16", "bfloat16"])
RUNNABLE = [level for level in _isa.built_levels() if int(level[1]) <= _cpu.level()]
LEVELS = [importlib.import_module(f"lucid._{level}._ops") for level in RUNNABLE] or [lucid._ops]
each_level = pytest.mark.parametrize("ops", LEVELS, ids=[m.build_info()["level"] for m in LEVELS])
ALL = np.arange(2**16, dtype=np.uint32).astype(np.uint16)


def dense() -> np.ndarray:
    """float32: every upper half with lower halves at, beside and between the ties of both formats."""
    low = np.array([0, 1, 0xFFF, 0x1000, 0x1001, 0x2FFF, 0x3000, 0x7FFF, 0x8000, 0x8001, 0xFFFF], np.uint32)
    some = np.random.default_rng(0).integers(0, 2**32, 500_000, np.uint32)
    return np.concatenate([((ALL.astype(np.uint32)[:, None] << 16) | low).ravel(), some]).view(np.float32)


def nearest_bfloat16(x: np.ndarray) -> np.ndarray:
    """The bits, found by measuring the distance to both neighbours in float64."""
    down = (x.view(np.uint32) >> 16).astype(np.uint32)
    with np.errstate(invalid="ignore"):
        exact = [(b << 16).view(np.float32).astype(np.float64) for b in (down, down + 1)]
        value = [np.where(np.isinf(v), np.copysign(np.float64(2.0**128), x), v) for v in exact]
        below, above = np.abs(x - value[0]), np.abs(value[1] - x)
    up = (above < below) | ((above == below) & (down % 2 == 1))
    return np.where(np.isinf(x), down, down + up).astype(np.uint16)


# Conversions


@each_level
def test_every_half_widens_to_its_value(ops: Any) -> None:
    with np.errstate(invalid="ignore"):
        wide = ALL.view(np.float16).astype(np.float32)
    ours = ops.widen_float16(ALL)
    number = ~np.isnan(wide)
    np.testing.assert_array_equal(ours[number].view(np.uint32), wide[number].view(np.uint32))
    quiet = (ALL.astype(np.uint32) & 0x8000) << 16 | 0x7FC00000 | (ALL.astype(np.uint32) & 0x3FF) << 13
    np.testing.assert_array_equal(ours[~number].view(np.uint32), quiet[~number])
    np.testing.assert_array_equal(ops.widen_bfloat16(ALL).view(np.uint32), ALL.astype(np.uint32) << 16)


@each_level
def test_there_and_back_gives_every_half_again(ops: Any) -> None:
    """NaN with the bit that makes it quiet."""
    nan = (ALL & 0x7FFF) > 0x7C00
    np.testing.assert_array_equal(ops.round_float16(ops.widen_float16(ALL)), np.where(nan, ALL | 0x200, ALL))
    nan = (ALL & 0x7FFF) > 0x7F80
    np.testing.assert_array_equal(ops.round_bfloat16(ops.widen_bfloat16(ALL)), np.where(nan, ALL | 0x40, ALL))


@each_level
def test_float32_rounds_to_the_nearest_half_and_ties_to_even(ops: Any) -> None:
    x = dense()
    nan = np.isnan(x)
    with np.errstate(over="ignore", invalid="ignore"):
        np.testing.assert_array_equal(ops.round_float16(x)[~nan], x.astype(np.float16)[~nan].view(np.uint16))
    np.testing.assert_array_equal(ops.round_bfloat16(x)[~nan], nearest_bfloat16(x[~nan]))
    bits = x.view(np.uint32)[nan]
    np.testing.assert_array_equal(ops.round_bfloat16(x)[nan], bits >> 16 | 0x40)
    np.testing.assert_array_equal(ops.round_float16(x)[nan], bits >> 16 & 0x8000 | 0x7E00 | bits >> 13 & 0x3FF)


@each_level
def test_conversion_of_any_length_and_layout(ops: Any) -> None:
    x = np.random.default_rng(0).normal(size=200_000).astype(np.float32)
    h = ops.round_bfloat16(x)
    for n in (0, 1, 7, 63, 64, 65, 1000, 100_003):
        np.testing.assert_array_equal(ops.round_bfloat16(x[:n]), h[:n])
        np.testing.assert_array_equal(ops.widen_bfloat16(h[1 : n + 1]), ops.widen_bfloat16(h)[1 : n + 1])
    np.testing.assert_array_equal(ops.round_bfloat16(x.reshape(400, 500).T), h.reshape(400, 500).T)
    assert ops.round_bfloat16(x[:1].reshape(())).shape == ()


def test_the_kernels_refuse_other_dtypes() -> None:
    with pytest.raises(TypeError, match="^expected float32, got float64"):
        lucid._ops.round_float16(np.ones(2))
    with pytest.raises(TypeError, match="^expected uint16, got float16"):
        lucid._ops.widen_float16(np.ones(2, np.float16))


def test_float64_rounds_once() -> None:
    """By way of float32 it would be a tie, which goes to the even neighbour."""
    x = lucid.tensor(
        [1 + 2.0**-8 + 2.0**-40, 1 + 2.0**-8 - 2.0**-40, 1 + 2.0**-8, -1 - 2.0**-8 - 2.0**-40], dtype=lucid.float64
    )
    assert x.bfloat16().tolist() == [1 + 2.0**-7, 1.0, 1.0, -1 - 2.0**-7]
    y = lucid.tensor([1 + 2.0**-11 + 2.0**-40, 1 + 2.0**-11], dtype=lucid.float64)
    assert y.half().tolist() == [1 + 2.0**-10, 1.0]


@both
def test_conversions_between_all_dtypes(dtype: Any) -> None:
    x = lucid.tensor([-2.0, 0.0, 1.0, 100.0], dtype=dtype)
    for other in (lucid.float32, lucid.float64, lucid.int64, lucid.int32, lucid.int16, lucid.int8, *HALVES):
        assert x.to(other).dtype is other and x.to(other).tolist() == x.tolist()
        assert x.to(other).to(dtype).tolist() == x.tolist()
    assert x.bool().tolist() == [True, False, True, True]
    assert lucid.tensor([True, False]).to(dtype).tolist() == [1.0, 0.0]
    assert x.clone().to(dtype) is not x and x.to(dtype) is x and x.to(dtype, copy=True) is not x
    assert x.type(dtype).type() == f"lucid.{dtype.name}" and x.float().type_as(x).dtype is dtype
    assert lucid.tensor([1e30]).half().tolist() == [float("inf")] and lucid.tensor(
        [1e39], dtype=lucid.float64
    ).bfloat16().tolist() == [float("inf")]


# Dtypes


def test_names_and_limits() -> None:
    assert lucid.half is lucid.float16 and repr(lucid.bfloat16) == "lucid.bfloat16"
    assert all(d.is_floating_point and d.itemsize == 2 for d in HALVES)
    f, b = lucid.finfo(lucid.float16), lucid.finfo(lucid.bfloat16)
    assert (f.bits, f.eps, f.max, f.min, f.tiny) == (16, 2.0**-10, 65504.0, -65504.0, 2.0**-14)
    assert (b.bits, b.eps, b.max, b.tiny, b.dtype) == (16, 2.0**-7, 255 * 2.0**120, 2.0**-126, "bfloat16")
    with pytest.raises(TypeError, match=r"^finfo: expected a floating-point dtype, got lucid\.int32"):
        lucid.finfo(lucid.int32)
    assert pickle.loads(pickle.dumps(lucid.bfloat16)) is lucid.bfloat16


@both
def test_as_the_default_type(dtype: Any) -> None:
    lucid.set_default_dtype(dtype)
    try:
        i = lucid.arange(3)
        made = [
            lucid.ones(2), lucid.randn(2), lucid.tensor([1.5]), lucid.arange(0.0, 1.0, 0.5), lucid.nn.Linear(2, 3).weight,
            lucid.nn.LSTM(2, 2)(lucid.ones(1, 1, 2))[0], i / 2, i * 1.5, i.sqrt(), lucid.where(i > 0, 1.0, 0.0),
        ]  # fmt: skip
        assert {x.dtype for x in made} == {dtype}
        assert (
            (i / 2).tolist() == [0.0, 0.5, 1.0]
            and (i + 1).dtype is lucid.int64
            and lucid.max(i, 0)[1].dtype is lucid.int64
        )
        assert (i * lucid.ones(3, dtype=lucid.float32)).dtype is lucid.float32
        assert i.to(lucid.float32).dtype is lucid.float32 and i.sum(dtype=lucid.float64).dtype is lucid.float64
        with lucid.autocast("cpu"):
            pass
        assert i.sqrt().dtype is dtype
    finally:
        lucid.set_default_dtype(lucid.float32)
    assert i.sqrt().dtype is lucid.float32


@pytest.mark.parity
@both
def test_limits_as_pytorch(dtype: Any) -> None:
    torch = pytest.importorskip("torch")
    ours, theirs = lucid.finfo(dtype), torch.finfo(getattr(torch, dtype.name))
    for name in ("bits", "eps", "max", "min", "tiny", "smallest_normal", "resolution", "dtype"):
        expected = getattr(theirs, name)
        assert getattr(ours, name) == (pytest.approx(expected, rel=1e-3) if name == "resolution" else expected), name


@both
def test_creation(dtype: Any) -> None:
    for x in (
        lucid.zeros(2, 3, dtype=dtype), lucid.ones(2, dtype=dtype), lucid.full((2,), 2.5, dtype=dtype), lucid.eye(3, dtype=dtype),
        lucid.arange(5, dtype=dtype), lucid.linspace(0, 1, 5, dtype=dtype), lucid.empty(3, dtype=dtype), lucid.tensor([[1, 2.5]], dtype=dtype),
        lucid.tensor(np.ones(3), dtype=dtype), lucid.tensor(True, dtype=dtype), lucid.rand(3, dtype=dtype), lucid.randn(3, dtype=dtype),
        lucid.zeros_like(lucid.ones(2), dtype=dtype), lucid.rand_like(lucid.ones(2, dtype=dtype)), lucid.randn_like(lucid.ones(2, dtype=dtype)),
        lucid.ones(2, dtype=dtype).new_full((2,), 3), lucid.as_tensor([1.0], dtype=dtype), lucid.tensor(lucid.ones(2), dtype=dtype),
        lucid.randint(0, 9, (3,), dtype=dtype), lucid.normal(0.0, 1.0, (3,), dtype=dtype), lucid.ones(2, dtype=dtype, requires_grad=True),
    ):  # fmt: skip
        assert x.dtype is dtype and x.is_floating_point() and x.element_size() == 2
    assert lucid.full((2,), 2.5, dtype=dtype).tolist() == [2.5, 2.5] and lucid.arange(3, dtype=dtype).tolist() == [
        0,
        1,
        2,
    ]
    assert lucid.eye(2, dtype=dtype).tolist() == [[1, 0], [0, 1]]
    draws = lucid.rand(100_000, dtype=dtype)
    assert (
        draws.max().item() < 1
        and draws.min().item() >= 0
        and draws.float().mean().item() == pytest.approx(0.5, abs=0.01)
    )


def test_printing_shows_the_fewest_digits() -> None:
    values = [0.1, 1 / 3, 1e-20, 65504, -0.0, float("nan"), float("inf"), 100.0]
    assert str(lucid.tensor(values, dtype=lucid.bfloat16)) == "[0.1, 0.334, 1.0e-20, 65500.0, -0.0, nan, inf, 100.0]"
    assert str(lucid.tensor([0.1, 65504], dtype=lucid.float16)) == "[0.1, 65500.0]"
    assert repr(lucid.ones(2, dtype=lucid.bfloat16)) == "Tensor([1.0, 1.0], grad=None, dtype=lucid.bfloat16)"
    printed = lucid.randn(1000).bfloat16()
    lucid.set_printoptions(threshold=2000)
    try:
        assert lucid.tensor(eval(str(printed).replace("\n", ""))).bfloat16().equal(printed)
    finally:
        lucid.set_printoptions(threshold=1000)


def test_numpy_arrays() -> None:
    x = lucid.ones(2, dtype=lucid.float16)
    assert x.numpy().dtype == np.float16 and lucid.from_numpy(np.ones(2, np.float16)).dtype is lucid.float16
    for refused in (lambda t: t.numpy(), np.asarray):
        with pytest.raises(TypeError, match=r"^numpy: Got unsupported ScalarType BFloat16; use \.float\(\)\.numpy\(\)"):
            refused(x.bfloat16())
    assert x.bfloat16().float().numpy().tolist() == [1.0, 1.0]
    assert lucid.from_dlpack(x).data_ptr() == x.data_ptr() and np.from_dlpack(x).dtype == np.float16
    assert float(x.bfloat16()[0]) == 1.0 and x.bfloat16().tolist() == [1.0, 1.0] and x.bfloat16()[1].item() == 1.0
    assert 1.0 in x.bfloat16() and 2.0 not in x.bfloat16()


@both
def test_copies_and_pickles(dtype: Any) -> None:
    x = lucid.randn(3, 4).to(dtype).requires_grad_()
    for y in (copy.deepcopy(x), copy.copy(x), pickle.loads(pickle.dumps(x)), pickle.loads(pickle.dumps(x, 5))):
        assert y.dtype is dtype and y.equal(x) and y.requires_grad
    module = nn.Linear(3, 2).to(dtype)
    assert copy.deepcopy(module).weight.equal(module.weight)
    assert pickle.loads(pickle.dumps(F.silu)) is F.silu and copy.deepcopy(F.silu) is F.silu


# Files


@both
@pytest.mark.parametrize("format", ["safetensors", "pytorch"])
def test_files(dtype: Any, format: str) -> None:
    x = lucid.randn(5, 4)
    saved = {
        "half": x.to(dtype),
        "view": x.to(dtype).T[1:],
        "float": x,
        "none": lucid.zeros(0, 2, dtype=dtype),
        "one": x[0, 0].to(dtype),
    }
    file = io.BytesIO()
    lucid.save(saved, file, format=format)
    file.seek(0)
    loaded = lucid.load(file)
    for name, value in saved.items():
        assert loaded[name].dtype is value.dtype and loaded[name].shape == value.shape and loaded[name].equal(value)


@pytest.mark.parity
@both
def test_files_as_pytorch(dtype: Any, tmp_path: Any) -> None:
    torch = pytest.importorskip("torch")
    safetensors = pytest.importorskip("safetensors.torch")
    theirs = {"w": torch.randn(5, 4).to(getattr(torch, dtype.name)), "f": torch.randn(3)}
    safetensors.save_file(theirs, tmp_path / "a.safetensors")
    torch.save({**theirs, "v": theirs["w"].t()}, tmp_path / "a.pt")
    for name in ("a.safetensors", "a.pt"):
        ours = lucid.load(tmp_path / name)
        lucid.save(ours, tmp_path / f"again.{name}")
        again = (
            safetensors.load_file(tmp_path / f"again.{name}")
            if "safe" in name
            else torch.load(tmp_path / f"again.{name}")
        )
        assert ours["w"].dtype is dtype and ours["w"].float().tolist() == theirs["w"].float().tolist()
        assert all(again[key].dtype == value.dtype and torch.equal(again[key], value) for key, value in theirs.items())


# What moves elements


@both
def test_views_share_memory(dtype: Any) -> None:
    x = lucid.arange(24, dtype=dtype).reshape(2, 3, 4)
    for v in (x.view(6, 4), x.reshape(-1), x.T, x.permute(2, 0, 1), x[0], x[:, 1:], x.narrow(1, 0, 2), x.select(2, 1), x.unsqueeze(0),
              x.expand(5, 2, 3, 4), x.split(1)[1], x.chunk(2)[1], x.unbind()[1], x.detach(), x.flatten(), x.diagonal(), x.unfold(2, 2, 1)):  # fmt: skip
        assert v.dtype is dtype and np.may_share_memory(v._data, x._data)
    assert x.view(lucid.int16).dtype is lucid.int16
    v = x[1]
    v.mul_(2)
    v[0, 0] = -1
    assert x[1].flatten().tolist() == [-1.0, *range(26, 48, 2)] and x[0].flatten().tolist() == list(range(12))


@both
def test_indexing_and_joining(dtype: Any) -> None:
    x = lucid.arange(6, dtype=dtype).reshape(2, 3)
    assert x[lucid.tensor([1, 0]), 1].tolist() == [4, 1] and x[x > 2].tolist() == [3, 4, 5]
    x[x > 3] = 0
    x[:, 0] = lucid.tensor([7.0, 8.0])
    assert x.tolist() == [[7, 1, 2], [8, 0, 0]]
    assert lucid.cat([x, x.float()]).dtype is lucid.float32 and lucid.cat([x, x]).dtype is dtype
    assert lucid.stack([x, x]).dtype is lucid.where(x > 1, x, x).dtype is x.flip(0).dtype is x.roll(1).dtype is dtype
    assert (
        x.sort(1).values.tolist() == [[1, 2, 7], [0, 0, 8]] and x.argmax().item() == 3 and x.nonzero().shape == (4, 2)
    )
    assert (x == x).all() and (x < 1).dtype is lucid.bool_ and not x.isnan().any() and x.equal(x.clone())


# What computes


@both
def test_in_place_forms_keep_the_dtype_and_the_memory(dtype: Any) -> None:
    x = lucid.tensor([1.0, 2.0, 3.0], dtype=dtype)
    address = x.data_ptr()
    x += 1
    x.mul_(lucid.tensor([0.5, 0.5, 0.5], dtype=lucid.float64)).sqrt_().pow_(2)
    F.relu(x, inplace=True)
    x.clamp_(max=1.75).neg_()
    assert x.data_ptr() == address and x.dtype is dtype and x.tolist() == pytest.approx([-1, -1.5, -1.75], rel=1e-2)
    x.copy_(lucid.tensor([1, 2, 3]))
    x.fill_(0.1)
    assert x.tolist() == [lucid.tensor(0.1).to(dtype).item()] * 3
    assert x.zero_().tolist() == [0, 0, 0] and x.normal_().uniform_(2, 3).min().item() >= 2
    y = lucid.empty(3)
    assert lucid.add(x, x, out=y) is y and y.dtype is lucid.float32
    z = lucid.empty(3, dtype=dtype)
    assert lucid.add(x, 1, out=z) is z and z.dtype is dtype and z.min().item() >= 3
    with pytest.raises(RuntimeError, match="^add_: a leaf Variable that requires grad is being used in an in-place"):
        lucid.ones(2, dtype=dtype, requires_grad=True).add_(1)
    with pytest.raises(RuntimeError, match="can't be cast to the desired output type"):
        lucid.ones(2, dtype=lucid.int64).add_(lucid.ones(2, dtype=dtype))


@both
def test_gradients_arrive_in_the_dtype_of_the_leaf(dtype: Any) -> None:
    x = lucid.tensor([1.0, 2.0, 3.0], dtype=dtype, requires_grad=True)
    w = lucid.tensor([1.0, 0.5, 0.25], requires_grad=True)
    y = (x * w).sum()
    assert y.dtype is lucid.float32
    y.backward()
    y = (x.expand(2, 3) * 2)[1].sum()
    assert y.dtype is dtype
    y.backward()
    assert x.grad.dtype is dtype and x.grad.tolist() == [3, 2.5, 2.25] and w.grad.dtype is lucid.float32
    (g,) = lucid.autograd.grad((x**3).sum(), x, create_graph=True)
    (h,) = lucid.autograd.grad(g.sum(), x)
    assert g.dtype is h.dtype is dtype and g.tolist() == [3, 12, 27] and h.tolist() == [6, 12, 18]
    z = x * 1
    z.register_hook(lambda g: g * 2)
    z.retain_grad()
    z[1:] = 5.0
    z.mul_(2).sum().backward()
    assert z.dtype is dtype and x.grad.tolist() == pytest.approx([3 + 4, 2.5, 2.25], rel=1e-2)
