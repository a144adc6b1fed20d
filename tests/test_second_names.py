"""PyTorch's second names and small functions: what they give, against NumPy and the functions they stand for."""

from __future__ import annotations

import array
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from second_names import X, same, tensor

import lucid
import lucid.nn.functional as F
from lucid._surface import ALIASES, LATER, refused

# functions that overwrite


INPLACE = LATER["lucid._surface.inplace"].split()
ARGUMENTS: dict[str, tuple[Any, ...]] = {
    "addmv_": (np.ones((3, 4)), np.ones(4)), "as_strided_": ((2, 2), (1, 2)), "clamp_": (-0.5, 0.5), "clamp_max_": (0.2,), "clamp_min_": (0.2,), "clip_": (-0.5, 0.5), "fill_": (2.0,),
    "gcd_": (np.array([4]),), "lcm_": (np.array([4]),), "index_put_": ((np.array([0, 2]),), np.array(5.0)), "ldexp_": (np.array(2.0),), "resize_as_": (np.ones((2, 3)),), "xlogy_": (np.array(2.0),),
}  # fmt: skip


def given(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return lucid.tensor(value)
    return tuple(given(v) for v in value) if isinstance(value, tuple) else value


@pytest.mark.parametrize("name", INPLACE)
def test_functions_that_overwrite(name: str) -> None:
    start = (
        X[:, 0]
        if name == "addmv_"
        else np.arange(12).reshape(3, 4)
        if name in ("gcd_", "lcm_")
        else np.abs(X) % 1 * 0.9 + 0.05
    )
    start = start + 1 if name == "acosh_" or name == "arccosh_" else start
    args = [given(a) for a in ARGUMENTS.get(name, ())]
    x, y = lucid.tensor(start), lucid.tensor(start)
    function = getattr(lucid, name)
    assert function.__name__ == name and function(x, *args) is x
    np.testing.assert_array_equal(x.numpy(), getattr(y, name)(*args).numpy())
    if name not in ("as_strided_", "resize_as_", "detach_", "fill_", "zero_", "index_put_", "addmv_"):
        np.testing.assert_array_equal(x.numpy(), getattr(lucid, name[:-1])(lucid.tensor(start), *args).numpy())
    with pytest.raises(TypeError, match=f"{name}: "):
        function([1.0], *args)


@pytest.mark.parametrize("name", [n.partition("=")[0] for n in ALIASES.split()])
def test_functions_of_nn_at_the_top_level(name: str) -> None:
    top = {"affine_grid": "affine_grid_generator"}.get(name, name)
    assert getattr(lucid, top) is getattr(F, name)


@pytest.mark.parametrize("name", sorted({n for n, _ in [(k, 0) for k in refused.refusals]}))
def test_what_is_refused(name: str) -> None:
    function = getattr(lucid, name, None)
    if not callable(function):  # lucid.xpu answers that there is none; a tensor cannot be moved to it
        function = getattr(lucid.ones(2), name)
    with pytest.raises(NotImplementedError, match=f"^{name}: lucid (has no (sparse|quantised) tensors|runs on CPUs)"):
        function()


# layers


def test_layers_with_their_own_order_of_arguments() -> None:
    x, w, b, m, v = lucid.randn(4, 6, 5), lucid.rand(6), lucid.rand(6), lucid.rand(6), lucid.rand(6)
    same(
        lucid.batch_norm(x, w, b, m, v, False, 0.1, 1e-5, False), F.batch_norm(x, m, v, w, b, False, 0.1, 1e-5).numpy()
    )
    same(lucid.instance_norm(x, w, b, None, None, True, 0.1, 1e-5, False), F.instance_norm(x, None, None, w, b).numpy())
    same(lucid.layer_norm(x, (6, 5)), F.layer_norm(x, (6, 5)).numpy())
    same(lucid.group_norm(x, 3, w, b), F.group_norm(x, 3, w, b).numpy())
    same(lucid.rms_norm(x, (5,)), F.rms_norm(x, (5,)).numpy())
    table, ids = lucid.rand(7, 3, requires_grad=True), lucid.tensor([[1, 2], [2, 0]])
    same(lucid.embedding(table, ids, 2), table.detach().numpy()[ids.numpy()])
    lucid.embedding(table, ids, 2).sum().backward()
    assert table.grad is not None and table.grad[:, 0].tolist() == [1, 1, 0, 0, 0, 0, 0]
    for spatial in (1, 2, 3):
        x, k = lucid.randn(2, 4, *(6,) * spatial), lucid.randn(4, 2, *(3,) * spatial)
        same(
            lucid.convolution(x, k, None, 2, 1, 1, False, 0, 2),
            getattr(F, f"conv{spatial}d")(x, k, None, 2, 1, 1, 2).numpy(),
        )
        same(
            lucid.convolution(x, k, None, 2, 1, 1, True, 1, 2),
            getattr(F, f"conv_transpose{spatial}d")(x, k, None, 2, 1, 1, 2).numpy(),
        )
    with pytest.raises(RuntimeError, match="convolution: expected a weight of 3 to 5 dimensions"):
        lucid.convolution(x, lucid.ones(2), None, 1, 0, 1, False, 0, 1)
    same(lucid.constant_pad_nd(tensor(), (1, 0, 0, 2), 3.0), np.pad(X, ((0, 2), (1, 0)), constant_values=3.0))
    out = lucid.empty(0, dtype=lucid.float64)
    assert lucid.threshold(tensor(), 0.5, -1.0, out=out) is out
    same(out, np.where(X > 0.5, X, -1.0))
    same(lucid.norm_except_dim(tensor(), 2, 1), np.linalg.norm(X, axis=0, keepdims=True))
    same(lucid.norm_except_dim(tensor(), 3, -1), (np.abs(X) ** 3).sum() ** (1 / 3))


def test_dropouts() -> None:
    x = lucid.ones(50, 40, 3)
    for name in ("dropout", "feature_dropout", "alpha_dropout", "feature_alpha_dropout"):
        function = getattr(lucid, name)
        assert lucid.equal(function(x, 0.5, False), x)
        y = function(x, 0.5, True)
        assert 0.4 < (y == y.min()).float().mean().item() < 0.6, name
        if name.startswith("feature"):
            assert bool((y == y[..., :1]).all()), "whole channels"
    with pytest.raises(
        RuntimeError, match=re.escape("feature_dropout: requires at least 2 dimensions, got shape (2,)")
    ):
        lucid.feature_dropout(lucid.ones(2), 0.5, True)


def test_pad_refuses() -> None:
    for width, message in (
        ((1, 2, 3), "expected pad_width to give a pair for each of 2 dimensions, got (1, 2, 3)"),
        (-1, "must not be negative, got -1"),
        ("a", "expected pad_width"),
    ):
        with pytest.raises(ValueError, match=re.escape(f"pad: {'pad_width ' if 'must' in message else ''}{message}")):
            lucid.pad(lucid.ones(2, 3), width)


# copies and creation


def test_copies() -> None:
    x, a = tensor(), X
    cases: list[tuple[str, tuple[Any, ...], Any]] = [
        ("alias", (), a), ("as_strided", ((2, 2), (1, 4)), np.array([[a[0, 0], a[1, 0]], [a[0, 1], a[1, 1]]])), ("detach", (), a), ("diagonal", (1,), np.diagonal(a, 1)), ("expand", ((2, 3, 4),), np.stack([a, a])),
        ("narrow", (1, 1, 2), a[:, 1:3]), ("permute", ((1, 0),), a.T), ("select", (0, 2), a[2]), ("slice", (1, 0, 4, 2), a[:, ::2]), ("squeeze", (), a), ("t", (), a.T), ("transpose", (0, 1), a.T),
        ("unfold", (1, 3, 1), np.lib.stride_tricks.sliding_window_view(a, 3, 1)), ("unsqueeze", (1,), a[:, None]), ("view", ((4, 3),), a.reshape(4, 3)),
    ]  # fmt: skip
    for name, args, expected in cases:
        y = getattr(lucid, name + "_copy")(x, *args)
        same(y, expected)
        assert not np.shares_memory(y.numpy(), x.numpy()), name
    for name, args, parts in (
        ("split", (2,), [a[:2], a[2:]]),
        ("split_with_sizes", ([1, 2],), [a[:1], a[1:]]),
        ("unbind", (), list(a)),
    ):
        found = getattr(lucid, name + "_copy")(x, *args)
        assert isinstance(found, tuple) and len(found) == len(parts)
        for y, e in zip(found, parts):
            same(y, e)
            assert not np.shares_memory(y.numpy(), x.numpy()), name
    for name in ("unsafe_split", "unsafe_split_with_sizes", "unsafe_chunk"):
        for y, e in zip(getattr(lucid, name)(x, 2), (a[:2], a[2:])):
            same(y, e)


def test_asarray() -> None:
    a = np.zeros(3, np.float32)
    assert lucid.asarray(a).data_ptr() == a.__array_interface__["data"][0]
    assert lucid.asarray(a, copy=True).data_ptr() != a.__array_interface__["data"][0]
    assert lucid.asarray(a, dtype=lucid.float64).dtype is lucid.float64
    x = lucid.ones(2)
    assert (
        lucid.asarray(x) is x
        and lucid.asarray(x, copy=True) is not x
        and lucid.asarray(x, requires_grad=True).requires_grad
    )
    assert lucid.asarray([1, 2]).dtype is lucid.int64 and lucid.asarray(3.0).shape == ()
    assert lucid.asarray(array.array("d", [1, 2])).tolist() == [1, 2] and lucid.asarray(range(3)).tolist() == [0, 1, 2]
    for wrong in ([1, 2], lucid.ones(2)):
        with pytest.raises(ValueError, match="asarray: .* without a copy"):
            lucid.asarray(wrong, dtype=lucid.float64, copy=False)


def test_frombuffer_and_from_file(tmp_path: Path) -> None:
    buffer = bytearray(np.arange(4, dtype=np.int16).tobytes())
    x = lucid.frombuffer(buffer, dtype=lucid.int16, count=2, offset=2)
    assert x.tolist() == [1, 2]
    x[0] = 7
    assert np.frombuffer(buffer, np.int16)[1] == 7
    assert lucid.frombuffer(b"abc", dtype=lucid.uint8).tolist() == [97, 98, 99]
    for options, message in (
        ({"dtype": lucid.int32, "count": 3}, "8 bytes.* do not hold 3 elements of 4 bytes"),
        ({"dtype": lucid.int64, "offset": 1}, "7 bytes.* do not hold -1 elements of 8 bytes"),
        ({"dtype": lucid.uint8, "offset": 8}, "offset 8 or count -1 does not fit a buffer of 8 bytes"),
    ):
        with pytest.raises(ValueError, match=f"frombuffer: {message}"):
            lucid.frombuffer(buffer, **options)
    path = tmp_path / "numbers"
    y = lucid.from_file(str(path), shared=True, size=3)
    y.fill_(2.5)
    del y
    assert lucid.from_file(str(path), size=2).tolist() == [2.5, 2.5]
    with pytest.raises(RuntimeError, match="holds 3 elements, fewer than 4"):
        lucid.from_file(str(path), size=4)


def test_windows_and_ranges() -> None:
    for n in (0, 1, 2, 5, 8):
        for name, made in (
            ("hann", np.hanning),
            ("hamming", np.hamming),
            ("blackman", np.blackman),
            ("bartlett", np.bartlett),
            ("kaiser", lambda n: np.kaiser(n, 12.0)),
        ):
            function = getattr(lucid, f"{name}_window")
            same(function(n, False, dtype=lucid.float64), made(n), 1e-7)
            if n > 1:
                same(function(n, dtype=lucid.float64), made(n + 1)[:-1], 1e-7)
    same(
        lucid.hamming_window(4, False, 0.6, 0.4, dtype=lucid.float64), 0.6 - 0.4 * np.cos(2 * np.pi * np.arange(4) / 3)
    )
    same(lucid.kaiser_window(5, False, beta=3.0, dtype=lucid.float64), np.kaiser(5, 3.0), 1e-7)
    with pytest.raises(RuntimeError, match="hann_window|hamming_window: window_length must not be negative, got -1"):
        lucid.hann_window(-1)
    with pytest.raises(RuntimeError, match="bartlett_window: expects floating point dtypes, got lucid.int64"):
        lucid.bartlett_window(3, dtype=lucid.int64)
    with pytest.warns(UserWarning, match="range is deprecated"):
        assert lucid.range(1, 4, 0.5).tolist() == [1, 1.5, 2, 2.5, 3, 3.5, 4]
    with pytest.raises(RuntimeError, match="range: step -1 does not lead from 0 to 2"):
        lucid.range(0, 2, -1)
    assert lucid.scalar_tensor(3).dtype is lucid.float32 and lucid.scalar_tensor(3, dtype=lucid.int32).item() == 3


def test_layouts() -> None:
    x = lucid.empty_strided((2, 3), (1, 4), dtype=lucid.int32)
    assert x.shape == (2, 3) and x.stride() == (1, 4) and x.dtype is lucid.int32 and x.dim_order() == (1, 0)
    y = lucid.empty_permuted((2, 3, 4), (1, 0, 2))
    assert y.stride() == (4, 8, 1) and y.dim_order() == (1, 0, 2) and y.new_empty_strided((2,), (3,)).stride() == (3,)
    with pytest.raises(
        RuntimeError, match=re.escape("empty_permuted: physical_layout (0, 0) does not permute 2 dimensions")
    ):
        lucid.empty_permuted((2, 3), (0, 0))
    with pytest.raises(RuntimeError, match="empty_strided: expected as many non-negative strides as sizes"):
        lucid.empty_strided((2, 3), (1,))
    z = lucid.tensor([1.0, 2.0], requires_grad=True)
    w = lucid.fill(z, 3)
    assert w.tolist() == [3, 3] and z.tolist() == [1, 2]
    with pytest.raises(RuntimeError, match=re.escape("fill: only supports 0-dimension value tensor, got shape (2,)")):
        lucid.fill(z, lucid.ones(2))
    assert lucid.nonzero_static(lucid.tensor([0, 1, 2]), size=3).tolist() == [[1], [2], [-1]]
    assert lucid.tensor([[1, 0], [0, 1]]).nonzero_static(size=1, fill_value=9).tolist() == [[0, 0]]


def test_draws_of_counts() -> None:
    lucid.manual_seed(3)
    rate = lucid.full((20_000,), 3.5)
    x = lucid.poisson(rate)
    assert x.dtype is lucid.float32 and abs(x.mean().item() - 3.5) < 0.06 and abs(x.var().item() - 3.5) < 0.2
    y = lucid.binomial(lucid.full((20_000,), 10.0), lucid.full((20_000,), 0.3))
    assert abs(y.mean().item() - 3) < 0.06 and abs(y.var().item() - 2.1) < 0.1
    lucid.manual_seed(3)
    assert lucid.equal(x, lucid.poisson(rate)) and not lucid.equal(x, lucid.poisson(rate))
    for call, message in (
        (lambda: lucid.poisson(-rate), "poisson: expected rates that are not negative"),
        (lambda: lucid.binomial(rate, rate), r"binomial: .* probabilities in \[0, 1\]"),
        (lambda: lucid.poisson(rate.long()), "poisson: "),
    ):
        with pytest.raises(RuntimeError, match=message):
            call()
