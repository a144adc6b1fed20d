"""Initial values: distributions, structure, reproducibility, errors, PyTorch's bounds."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import Any

import numpy as np
import pytest
from nn.parity import torch

import lucid
from lucid import nn
from lucid.nn import init
from lucid.nn._quantile import normal_quantile


def moments(values: np.ndarray, mean: float, std: float) -> None:
    """Mean and standard deviation of a sample, within five standard errors."""
    error = std / math.sqrt(values.size)
    assert abs(values.mean() - mean) < 5 * error
    assert abs(values.std() - std) < 5 * error


def test_every_function_returns_its_tensor_and_records_nothing() -> None:
    w = nn.Parameter(lucid.zeros(6, 4, 3))
    m = nn.Parameter(lucid.zeros(6, 4))
    results: list[tuple[Any, Any]] = [(f(w), w) for f in (
        init.uniform_, init.normal_, init.trunc_normal_, init.ones_, init.zeros_, init.dirac_, init.xavier_uniform_,
        init.xavier_normal_, init.kaiming_uniform_, init.kaiming_normal_, init.orthogonal_,
    )]  # fmt: skip
    results += [(init.constant_(w, 2.0), w), (init.eye_(m), m), (init.sparse_(m, 0.5), m)]
    for result, p in results:
        assert result is p and p.is_leaf and p.requires_grad


def test_uniform_and_normal() -> None:
    x = lucid.empty(200, 500)
    values = init.uniform_(x, -2.0, 4.0).numpy()
    assert values.min() >= -2 and values.max() < 4
    moments(values, 1.0, 6 / math.sqrt(12))
    moments(init.normal_(x, 3.0, 0.5).numpy(), 3.0, 0.5)
    with pytest.raises(ValueError, match=r"^normal_: std must not be negative, got -1"):
        init.normal_(x, 0.0, -1.0)


@pytest.mark.parametrize(
    "f",
    [init.uniform_, init.normal_, init.trunc_normal_, init.xavier_uniform_, init.xavier_normal_, init.kaiming_uniform_,
     init.kaiming_normal_, init.orthogonal_, lambda x, generator: init.sparse_(x, 0.5, generator=generator)],
)  # fmt: skip
def test_generator_decides(f: Any) -> None:
    a, b, c = (lucid.empty(5, 7) for _ in range(3))
    f(a, generator=lucid.Generator().manual_seed(1))
    f(b, generator=lucid.Generator().manual_seed(1))
    f(c, generator=lucid.Generator().manual_seed(2))
    assert lucid.equal(a, b) and not lucid.equal(a, c)


def test_constants() -> None:
    x = lucid.empty(2, 3)
    assert init.constant_(x, 1.5).tolist() == [[1.5] * 3] * 2
    assert init.ones_(x).tolist() == [[1.0] * 3] * 2
    assert init.zeros_(x).tolist() == [[0.0] * 3] * 2
    assert init.eye_(x).tolist() == [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("kernel", [3, 4])
def test_dirac_passes_channels_through(groups: int, kernel: int) -> None:
    conv = nn.Conv2d(4, 4, kernel, padding="same", groups=groups, bias=False)
    init.dirac_(conv.weight, groups)
    x = lucid.randn(2, 4, 6, 7)
    y = conv(x).detach().numpy()
    shift = kernel // 2 - (kernel - 1) // 2  # an even kernel has no middle
    np.testing.assert_array_equal(y[:, :, : 6 - shift, : 7 - shift], x.numpy()[:, :, shift:, shift:])


@pytest.mark.parametrize(
    "shape, fan_in, fan_out", [((300, 200), 200, 300), ((40, 30, 5), 150, 200), ((20, 30, 3, 3), 270, 180)]
)
def test_xavier_and_kaiming(shape: tuple[int, ...], fan_in: int, fan_out: int) -> None:
    x = lucid.empty(*shape)
    for uniform, normal, std in (
        (init.xavier_uniform_, init.xavier_normal_, math.sqrt(2 / (fan_in + fan_out))),
        (init.kaiming_uniform_, init.kaiming_normal_, math.sqrt(2 / fan_in)),
    ):
        values = uniform(x).numpy()
        assert np.abs(values).max() <= std * math.sqrt(3)
        moments(values, 0.0, std)
        moments(normal(x).numpy(), 0.0, std)
    moments(init.kaiming_normal_(x, mode="fan_out", nonlinearity="tanh").numpy(), 0.0, 5 / 3 / math.sqrt(fan_out))
    moments(init.xavier_normal_(x, gain=3.0).numpy(), 0.0, 3 * math.sqrt(2 / (fan_in + fan_out)))


@pytest.mark.parametrize(
    "mean, std, a, b", [(0, 1, -2, 2), (1, 2, 0, 1), (0, 1, 3, 4), (0, 1, -20, -9), (5, 1, -2, 2), (0, 0.02, -2, 2)]
)
def test_trunc_normal_is_the_restricted_distribution(mean: float, std: float, a: float, b: float) -> None:
    stats = pytest.importorskip("scipy.stats")
    values = init.trunc_normal_(lucid.empty(100, 100, dtype=lucid.float64), mean, std, a, b).numpy().ravel()
    assert values.min() >= a and values.max() <= b
    expected = stats.truncnorm((a - mean) / std, (b - mean) / std, mean, std)
    assert stats.kstest(values, expected.cdf).pvalue > 1e-4


def test_trunc_normal_so_far_out_that_all_mass_is_at_the_bound() -> None:
    x = lucid.empty(10, dtype=lucid.float64)
    assert set(init.trunc_normal_(x, 0.0, 1.0, 40.0, 50.0).tolist()) == {40.0}
    assert set(init.trunc_normal_(x, 0.0, 1.0, -50.0, -40.0).tolist()) == {-40.0}


def test_normal_quantile_against_the_standard_library() -> None:
    p = np.concatenate([np.linspace(0.001, 0.999, 999), 10.0 ** -np.arange(4, 300, 7), 1 - 10.0 ** -np.arange(4, 16)])
    expected = [NormalDist().inv_cdf(v) for v in p]
    np.testing.assert_allclose(normal_quantile(p), expected, rtol=1e-14, atol=1e-16)


@pytest.mark.parametrize("shape", [(4, 7), (7, 4), (5, 5), (6, 2, 3), (3, 4, 5)])
def test_orthogonal(shape: tuple[int, ...]) -> None:
    w = init.orthogonal_(lucid.empty(*shape, dtype=lucid.float64), gain=2.0).numpy().reshape(shape[0], -1)
    product = w @ w.T if w.shape[0] <= w.shape[1] else w.T @ w
    np.testing.assert_allclose(product, 4 * np.eye(min(w.shape)), atol=1e-12)


def test_sparse_has_that_many_zeros_in_every_column() -> None:
    w = init.sparse_(lucid.empty(10, 200), 0.35, std=0.1).numpy()
    assert ((w == 0).sum(0) == 4).all()
    moments(w[w != 0], 0.0, 0.1)
    assert len({tuple(column) for column in (w == 0).T}) > 50


def test_gains() -> None:
    assert (
        init.calculate_gain("linear") == init.calculate_gain("conv_transpose2d") == init.calculate_gain("sigmoid") == 1
    )
    assert init.calculate_gain("tanh") == 5 / 3
    assert init.calculate_gain("relu") == math.sqrt(2)
    assert init.calculate_gain("leaky_relu", 0.5) == math.sqrt(2 / 1.25)
    assert init.calculate_gain("leaky_relu") == math.sqrt(2 / 1.0001)


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: init.calculate_gain("swish"), "calculate_gain: unsupported nonlinearity 'swish'"),
        (lambda: init.calculate_gain("leaky_relu", True), "calculate_gain: negative_slope must be a number, got True"),
        (lambda: init.kaiming_uniform_(lucid.ones(3)),
         r"kaiming_uniform_: fan in and fan out need at least two dimensions, got shape \(3,\)"),
        (lambda: init.kaiming_normal_(lucid.ones(3, 2), mode="x"),
         "kaiming_normal_: mode must be 'fan_in' or 'fan_out', got 'x'"),
        (lambda: init.xavier_normal_(lucid.ones(3)), "xavier_normal_: fan in and fan out need at least two dimensions"),
        (lambda: init.eye_(lucid.ones(3)), r"eye_: expected 2 dimensions, got shape \(3,\)"),
        (lambda: init.dirac_(lucid.ones(3, 3)), r"dirac_: expected 3 or 4 or 5 dimensions, got shape \(3, 3\)"),
        (lambda: init.dirac_(lucid.ones(3, 2, 1), 2), "dirac_: 3 output channels must be divisible by groups 2"),
        (lambda: init.orthogonal_(lucid.ones(3)), r"orthogonal_: expected at least two dimensions, got shape \(3,\)"),
        (lambda: init.sparse_(lucid.ones(3), 0.5), r"sparse_: expected 2 dimensions, got shape \(3,\)"),
        (lambda: init.sparse_(lucid.ones(3, 3), 1.5), "sparse_: sparsity must be between 0 and 1, got 1.5"),
        (lambda: init.trunc_normal_(lucid.ones(3), a=1.0, b=1.0), "trunc_normal_: a must be below b, got a=1.0, b=1.0"),
        (lambda: init.trunc_normal_(lucid.ones(3), std=0.0), "trunc_normal_: std must be positive, got 0.0"),
    ],
)  # fmt: skip
def test_errors(call: Any, message: str) -> None:
    with pytest.raises(ValueError, match="^" + message):
        call()


@pytest.mark.parity
@pytest.mark.parametrize("nonlinearity", ["linear", "conv2d", "sigmoid", "tanh", "relu", "leaky_relu", "selu"])
def test_gains_parity(nonlinearity: str) -> None:
    assert init.calculate_gain(nonlinearity) == pytest.approx(torch().nn.init.calculate_gain(nonlinearity), rel=1e-15)


@pytest.mark.parity
@pytest.mark.parametrize("groups", [1, 2, 3])
@pytest.mark.parametrize("shape", [(6, 2, 3), (6, 3, 4, 3), (6, 8, 1, 2)])
def test_dirac_parity(groups: int, shape: tuple[int, ...]) -> None:
    t = torch()
    ours, theirs = init.dirac_(lucid.empty(*shape), groups), t.nn.init.dirac_(t.empty(*shape), groups)
    np.testing.assert_array_equal(ours.numpy(), theirs.numpy())
