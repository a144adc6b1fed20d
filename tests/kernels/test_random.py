"""Random draws, dropout and embedding."""

from __future__ import annotations

import numpy as np
import pytest

from lucid import _isa

ops = _isa.load()
rng = np.random.default_rng(0)


def philox(counter: list[int], key: list[int]) -> list[int]:
    """One counter, by the definition."""
    x, k = list(counter), list(key)
    for _ in range(10):
        p, q = x[0] * 0xD2511F53, x[2] * 0xCD9E8D57
        x = [(q >> 32) ^ x[1] ^ k[0], q & 0xFFFFFFFF, (p >> 32) ^ x[3] ^ k[1], p & 0xFFFFFFFF]
        k = [(k[0] + 0x9E3779B9) & 0xFFFFFFFF, (k[1] + 0xBB67AE85) & 0xFFFFFFFF]
    return x


def test_reference_has_the_published_answers() -> None:
    assert philox([0] * 4, [0] * 2) == [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]
    pi = [0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344], [0xA4093822, 0x299F31D0]
    assert philox(*pi) == [0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1]


@pytest.mark.parametrize(("seed", "offset"), [(0, 0), (12345678901234567, 77), (2**64 - 1, 2**40 + 5)])
def test_uniform_is_philox(seed: int, offset: int) -> None:
    single = ops.uniform((300,), seed, offset, np.float32)
    double = ops.uniform((3, 100), seed, offset, np.float64).ravel()
    key = [seed & 0xFFFFFFFF, seed >> 32]
    for i in (0, 1, 50, 130, 299):
        block, at = divmod(offset + i, 128)
        counter = block * 32 + at % 32
        word = philox([counter & 0xFFFFFFFF, counter >> 32, 0, 0], key)[at // 32]
        assert single[i] == (word >> 8) * 2.0**-24
        block, at = divmod(offset + i, 64)
        counter = block * 32 + at % 32
        words = philox([counter & 0xFFFFFFFF, counter >> 32, 1, 0], key)[at // 32 * 2 :][:2]
        assert double[i] == ((words[0] << 32 | words[1]) >> 11) * 2.0**-53


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("draw", [ops.uniform, ops.normal])
def test_bits_depend_on_seed_and_element_alone(draw: object, dtype: type) -> None:
    assert callable(draw)
    ops.set_num_threads(1)
    whole = draw((50_001,), 7, 1000, dtype)
    for threads in (2, 3):
        ops.set_num_threads(threads)
        np.testing.assert_array_equal(draw((50_001,), 7, 1000, dtype), whole)
    np.testing.assert_array_equal(draw((100,), 7, 1333, dtype), whole[333:433])
    assert not np.array_equal(draw((100,), 8, 1000, dtype), whole[:100])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_moments(dtype: type) -> None:
    n = 1_000_000
    z = ops.normal((n,), 3, 0, dtype).astype(np.float64)
    for power, expected, variance in ((1, 0, 1), (2, 1, 2), (3, 0, 15), (4, 3, 96)):
        assert abs((z**power).mean() - expected) < 5 * (variance / n) ** 0.5
    assert abs((z[:-1] * z[1:]).mean()) < 5 / n**0.5
    pairs = z[: n // 128 * 128].reshape(-1, 4, 32)
    assert abs((pairs[:, 0] * pairs[:, 1]).mean()) < 10 / n**0.5
    u = ops.uniform((n,), 3, 0, dtype).astype(np.float64)
    assert u.min() >= 0 and u.max() < 1
    assert np.abs(np.histogram(u, 50, (0, 1))[0] - n / 50).max() < 5 * (n / 50) ** 0.5


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dropout(dtype: type) -> None:
    x = rng.standard_normal((300, 333)).astype(dtype) + 10
    y = ops.dropout(x, 0.3, 42, 5)
    kept = y != 0
    assert abs(kept.mean() - 0.7) < 5 * (0.21 / x.size) ** 0.5
    np.testing.assert_array_equal(y, np.where(kept, x * dtype(1 / 0.7), 0))
    np.testing.assert_array_equal(ops.dropout_backward(np.ones_like(x), 0.3, 42, 5) != 0, kept)
    np.testing.assert_array_equal(ops.dropout(x.ravel()[1000:1100], 0.3, 42, 1005) != 0, kept.ravel()[1000:1100])
    np.testing.assert_array_equal(ops.dropout(x, 0.0, 42, 5), x)
    np.testing.assert_array_equal(ops.dropout(x, 1.0, 42, 5), np.zeros_like(x))
    u = ops.uniform(x.shape, 42, 5, np.float32)
    np.testing.assert_array_equal(kept, u >= 0.3)
    with pytest.raises(ValueError) as info:
        ops.dropout(x, 1.5, 0, 0)
    assert str(info.value) == "dropout: expected a probability, got 1.5"


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("rows", "width", "shape"), [(10, 3, (4, 5)), (500, 200, (3000,)), (7, 33, ()), (5, 4, (0,))])
def test_embedding(rows: int, width: int, shape: tuple[int, ...], dtype: type) -> None:
    weight = rng.standard_normal((rows, width)).astype(dtype)
    index = np.asarray(rng.integers(0, rows, shape))
    np.testing.assert_array_equal(ops.embedding(weight, index), weight[index])
    dy = rng.standard_normal((*shape, width)).astype(dtype)
    results = []
    for padding in (-1, 2):
        expected = np.zeros((rows, width))
        np.add.at(expected, index, dy.astype(np.float64))
        if padding >= 0:
            expected[padding] = 0
        for threads in (1, 2, 3):
            ops.set_num_threads(threads)
            results.append(ops.embedding_backward(dy, index, rows, padding))
            np.testing.assert_array_equal(results[-1], results[-1 - (threads - 1)])
        np.testing.assert_allclose(results[-1], expected, rtol=1e-5, atol=1e-5 if dtype == np.float32 else 1e-13)


def test_embedding_errors() -> None:
    weight = np.zeros((10, 3), np.float32)
    for call, error, message in (
        (lambda: ops.embedding(weight, np.array([0, 10])), IndexError,
         "embedding: index 10 at position 1 is out of range for 10 rows"),
        (lambda: ops.embedding(weight, np.array([-1])), IndexError,
         "embedding: index -1 at position 0 is out of range for 10 rows"),
        (lambda: ops.embedding(weight, np.array([1.0])), TypeError, "embedding: expected int64 indices, got float64"),
        (lambda: ops.embedding_backward(weight, np.array([1]), 10, -1), ValueError,
         "embedding_backward: expected dy (1,) + (D,), got (10, 3)"),
    ):  # fmt: skip
        with pytest.raises(error) as info:
            call()
        assert str(info.value) == message
