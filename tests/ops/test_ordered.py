"""What sorts, searches, counts and selects by kernels, and beside them by NumPy for other dtypes: the same answers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import lucid
import lucid.nn.functional as F

DTYPES = ["float32", "float64", "int32", "int64", "uint8", "int16", "bool"]


def array(shape: tuple[int, ...], dtype: str) -> np.ndarray:
    x = np.random.default_rng(len(shape)).integers(0, 6, shape).astype(dtype)
    if x.dtype.kind == "f":
        x[x == 1], x[x == 2], x[x == 3] = np.nan, -0.0, -np.inf
    return x


def order(x: np.ndarray, dim: int, descending: bool) -> np.ndarray:
    if not descending:
        return np.argsort(x, dim, kind="stable")
    return x.shape[dim] - 1 - np.flip(np.argsort(np.flip(x, dim), dim, kind="stable"), dim)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(9,), (4, 300), (3, 5, 7), (2, 0, 3)])
def test_sort(shape: tuple[int, ...], dtype: str) -> None:
    x = array(shape, dtype)
    t = lucid.from_numpy(x)
    for dim in range(-1, len(shape)):
        for descending in (False, True):
            expected = order(x, dim, descending)
            values, indices = lucid.sort(t, dim, descending)
            np.testing.assert_array_equal(indices.numpy(), expected)
            np.testing.assert_array_equal(lucid.argsort(t, dim, descending).numpy(), expected)
            assert values.numpy().tobytes() == np.take_along_axis(x, expected, dim).tobytes()
            assert values.is_contiguous() and indices.is_contiguous()


def test_gradients() -> None:
    x = lucid.from_numpy(np.random.default_rng(0).standard_normal((3, 5, 4))).requires_grad_()
    for dim in range(3):
        with lucid.no_grad():
            plain = x.sort(dim, descending=True)
        recorded = x.sort(dim, descending=True)
        assert recorded.values.requires_grad and not plain.values.requires_grad
        assert lucid.equal(recorded.values, plain.values) and lucid.equal(recorded.indices, plain.indices)
        (dx,) = lucid.autograd.grad((recorded.values * recorded.indices).sum(), x)
        assert lucid.equal(dx.gather(dim, recorded.indices), recorded.indices.double())
        for pick in (lambda dim=dim: x.median(dim), lambda dim=dim: x.kthvalue(2, dim), lambda dim=dim: x.mode(dim)):
            values, indices = pick()
            (dx,) = lucid.autograd.grad(values.sum(), x)
            assert dx.sum().item() == values.numel() and (dx.gather(dim, indices.unsqueeze(dim)) == 1).all()


@pytest.mark.parametrize("dtype", DTYPES)
def test_ranks(dtype: str) -> None:
    x = array((6, 40), dtype)
    t, n = lucid.from_numpy(x), 40
    for k in (1, 7, 40):
        value, index = t.kthvalue(k, 1)
        np.testing.assert_array_equal(value.numpy(), np.sort(x, 1)[:, k - 1])
        np.testing.assert_array_equal(np.take_along_axis(x, index.numpy()[:, None], 1)[:, 0], value.numpy())
    value = t.median(1).values.numpy()
    nan = (x != x).any(1)
    np.testing.assert_array_equal(value[~nan], np.sort(x, 1)[~nan, (n - 1) // 2])
    assert (value[nan] != value[nan]).all()
    assert t.mode(0, keepdim=True).values.shape == (1, 40) and t.nanmedian(0).indices.shape == (40,)


@pytest.mark.parametrize("dtype", DTYPES)
def test_unique(dtype: str) -> None:
    for shape in ((0,), (1,), (5, 60), ()):
        x = array(shape, dtype) if shape else np.asarray(3, dtype)
        expected, counts = np.unique(x, return_counts=True, equal_nan=False)
        y, back, found = lucid.unique(lucid.from_numpy(x), return_inverse=True, return_counts=True)
        np.testing.assert_array_equal(y.numpy(), expected)
        np.testing.assert_array_equal(found.numpy(), counts)
        assert back.shape == x.shape
        np.testing.assert_array_equal(y.numpy()[back.numpy()], x)
        assert lucid.equal(lucid.unique(lucid.from_numpy(x)), y) or (x != x).any()


@pytest.mark.parametrize("dtype", DTYPES[:-1])
def test_search(dtype: str) -> None:
    rows, values = np.sort(array((2, 50), dtype), 1), array((2, 70), dtype)
    for right in (False, True):
        side: Any = "right" if right else "left"
        expected = [np.searchsorted(a, v, side) for a, v in zip(rows, values)]
        a, v = lucid.from_numpy(rows), lucid.from_numpy(values)
        for narrow in (False, True):
            y = lucid.searchsorted(a, v, right=right, out_int32=narrow)
            assert y.dtype == (lucid.int32 if narrow else lucid.int64)
            np.testing.assert_array_equal(y.numpy(), np.stack(expected))
            np.testing.assert_array_equal(
                lucid.bucketize(v[0], a[0], right=right, out_int32=narrow).numpy(), expected[0]
            )
    assert lucid.searchsorted(lucid.tensor([1.0, 3.0]), 2).item() == 1


@pytest.mark.parametrize("dtype", [*DTYPES, "float16", "complex64"])
def test_masks(dtype: str) -> None:
    x = array((4, 5, 6), dtype if dtype != "complex64" else "float32").astype(dtype)
    t, mask = lucid.from_numpy(x), np.random.default_rng(3).random((4, 5, 6)) < 0.4
    np.testing.assert_array_equal(lucid.nonzero(t).numpy(), np.stack(np.nonzero(x), 1))
    for a, b in zip(lucid.nonzero(t, as_tuple=True), np.nonzero(x)):
        np.testing.assert_array_equal(a.numpy(), b)
    for own in (mask, mask[:, :, 0], mask[:, 0, 0]):
        np.testing.assert_array_equal(t[lucid.from_numpy(np.ascontiguousarray(own))].numpy(), x[own])
    half = t.to(lucid.bfloat16) if dtype == "float32" else t
    assert (
        lucid.equal(half[lucid.from_numpy(mask)], half.reshape(-1)[lucid.from_numpy(mask.reshape(-1))])
        or (x != x).any()
    )
    with pytest.raises(IndexError, match=r"getitem: the mask has size 5 in dimension 0, the tensor 4"):
        t[lucid.ones(5, 5, 6, dtype=lucid.bool)]


def test_counts() -> None:
    for dtype in (np.int64, np.longlong, np.uint8):
        x = lucid.from_numpy(np.array([3, 0, 3, 1], dtype))
        assert lucid.bincount(x).tolist() == [1, 1, 0, 2] and lucid.bincount(x, minlength=6).tolist()[4:] == [0, 0]
    x = lucid.from_numpy(np.array([3, 0], np.longlong))
    assert F.one_hot(x).tolist() == [[0, 0, 0, 1], [1, 0, 0, 0]]
    assert F.one_hot(lucid.empty(0, dtype=lucid.int64), 3).shape == (0, 3)


def test_permutations() -> None:
    generator = lucid.Generator().manual_seed(5)
    a, b = lucid.randperm(1000, generator=generator), lucid.randperm(1000, generator=generator)
    again = generator.manual_seed(5)
    assert lucid.equal(lucid.randperm(1000, generator=again), a) and lucid.equal(
        lucid.randperm(1000, generator=again), b
    )
    assert not lucid.equal(a, b) and sorted(a.tolist()) == list(range(1000))
    assert lucid.randperm(9, dtype=lucid.float32).dtype == lucid.float32
