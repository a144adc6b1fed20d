"""Normalisation: the formulas in NumPy, running statistics, errors, gradients, PyTorch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from nn.parity import close, compare, draw, exchange, torch

import lucid
import lucid.nn.functional as F
from lucid import nn
from lucid.autograd import gradcheck, gradgradcheck


def normalized(x: np.ndarray, axes: tuple[int, ...], eps: float) -> np.ndarray:
    return (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + eps)


@pytest.mark.parametrize("shape", [(5, 3), (4, 3, 7), (2, 3, 5, 6)])
def test_batch_norm_is_its_formula(shape: tuple[int, ...]) -> None:
    x = draw(*shape) * 3 + 5
    axes = (0, *range(2, len(shape)))
    y = F.batch_norm(lucid.tensor(x), None, None, training=True, eps=1e-3)
    np.testing.assert_allclose(y.numpy(), normalized(x, axes, 1e-3), atol=1e-12)


def test_batch_norm_keeps_precision_far_from_zero() -> None:
    x = (draw(256, 2) + 1e4).astype(np.float32)
    y = F.batch_norm(lucid.tensor(x), None, None, training=True)
    np.testing.assert_allclose(y.numpy(), normalized(x.astype(np.float64), (0,), 1e-5), atol=2e-3)


def test_running_statistics_move_by_momentum_with_the_unbiased_variance() -> None:
    bn = nn.BatchNorm1d(2, momentum=0.25, dtype=lucid.float64)
    x = draw(6, 2)
    bn(lucid.tensor(x))
    assert bn.running_mean is not None and bn.running_var is not None and bn.num_batches_tracked is not None
    np.testing.assert_allclose(bn.running_mean.numpy(), 0.25 * x.mean(0), rtol=1e-12)
    np.testing.assert_allclose(bn.running_var.numpy(), 0.75 + 0.25 * x.var(0, ddof=1), rtol=1e-12)
    assert bn.num_batches_tracked.item() == 1


def test_momentum_none_averages_all_batches() -> None:
    bn = nn.BatchNorm1d(2, momentum=None, dtype=lucid.float64)
    batches = [draw(4, 2, seed=s) for s in range(3)]
    for x in batches:
        bn(lucid.tensor(x))
    assert bn.running_mean is not None
    np.testing.assert_allclose(bn.running_mean.numpy(), np.mean([x.mean(0) for x in batches], 0), rtol=1e-12)


def test_evaluation_uses_and_keeps_the_running_statistics() -> None:
    bn = nn.BatchNorm2d(3)
    bn(lucid.randn(4, 3, 5, 5))
    before = {name: b.clone() for name, b in bn.named_buffers()}
    bn.eval()
    x = lucid.randn(1, 3, 1, 1)
    y = bn(x)
    mean, var = before["running_mean"], before["running_var"]
    expected = (x - mean.reshape(1, 3, 1, 1)) / (var.reshape(1, 3, 1, 1) + bn.eps).sqrt()
    np.testing.assert_allclose(y.detach().numpy(), expected.numpy(), rtol=1e-5, atol=1e-6)
    for name, b in bn.named_buffers():
        assert lucid.equal(b, before[name])


def test_without_running_statistics_evaluation_uses_the_batch() -> None:
    bn = nn.BatchNorm1d(3, track_running_stats=False)
    assert list(bn.state_dict()) == ["weight", "bias"]
    x = lucid.randn(8, 3)
    assert lucid.equal(bn(x), bn.eval()(x))


def test_failed_training_step_changes_nothing() -> None:
    bn = nn.BatchNorm1d(3)
    for bad, error, message in (
        (
            lucid.ones(1, 3),
            ValueError,
            r"^BatchNorm1d: Expected more than 1 value per channel when training, got .*\(1, 3\)",
        ),
        (lucid.ones(4, 2), RuntimeError, r"^BatchNorm1d: expected 3 channels, got 2 \(input \(4, 2\)\)"),
        (
            lucid.ones(4, 3, 2, 2),
            ValueError,
            r"^BatchNorm1d: expected input of shape \(N, C\) or \(N, C, L\), got \(4, 3, 2",
        ),
    ):
        with pytest.raises(error, match=message):
            bn(bad)
    assert bn.num_batches_tracked is not None and bn.num_batches_tracked.item() == 0
    assert bn.running_mean is not None and bn.running_mean.tolist() == [0.0] * 3


def test_empty_batch_counts_but_leaves_the_statistics() -> None:
    bn = nn.BatchNorm2d(3)
    y = bn(lucid.zeros(0, 3, 4, 4))
    assert y.shape == (0, 3, 4, 4)
    y.sum().backward()
    assert bn.weight is not None and bn.weight.grad is not None and bn.weight.grad.tolist() == [0.0] * 3
    assert bn.running_var is not None and bn.running_var.tolist() == [1.0] * 3
    assert bn.num_batches_tracked is not None and bn.num_batches_tracked.item() == 1


def test_reset_running_stats_and_parameters() -> None:
    bn = nn.BatchNorm1d(2)
    bn(lucid.randn(4, 2))
    with lucid.no_grad():
        bn.weight.fill_(3.0)  # type: ignore[union-attr]
    bn.reset_parameters()
    assert [v.tolist() for v in bn.state_dict().values()] == [[1, 1], [0, 0], [0, 0], [1, 1], 0]


@pytest.mark.parametrize("weight, bias", [(True, True), (True, False), (False, True), (False, False)])
def test_gradients_of_both_orders(weight: bool, bias: bool) -> None:
    def parameters(n: int) -> list[Any]:
        return [lucid.tensor(draw(n, seed=s), requires_grad=True) if on else None for s, on in ((1, weight), (2, bias))]

    x = lucid.tensor(draw(3, 4, 5), requires_grad=True)
    mean, var = lucid.tensor(draw(4, seed=3)), lucid.tensor(draw(4, seed=4) ** 2 + 0.5)
    functions: list[tuple[Any, int]] = [
        (lambda x, w=None, b=None: F.batch_norm(x, None, None, w, b, True), 4),
        (lambda x, w=None, b=None: F.batch_norm(x, mean, var, w, b), 4),
        (lambda x, w=None, b=None: F.layer_norm(x, (5,), w, b), 5),
        (lambda x, w=None, b=None: F.group_norm(x, 2, w, b), 4),
    ]
    for f, n in functions:
        given = parameters(n)

        def call(x: Any, *used: Any, f: Any = f, given: Any = given) -> Any:
            rest = iter(used)
            return f(x, *[None if p is None else next(rest) for p in given])

        inputs = (x, *[p for p in given if p is not None])
        assert gradcheck(call, inputs)
        assert gradgradcheck(call, inputs)


@pytest.mark.parametrize("shape, axes", [((7,), (2,)), ((5, 7), (1, 2)), ((3, 5, 7), (0, 1, 2))])
def test_layer_norm_is_its_formula(shape: tuple[int, ...], axes: tuple[int, ...]) -> None:
    x = draw(3, 5, 7) * 2 - 1
    np.testing.assert_allclose(F.layer_norm(lucid.tensor(x), shape).numpy(), normalized(x, axes, 1e-5), atol=1e-12)


def test_layer_norm_of_no_rows() -> None:
    ln = nn.LayerNorm(4)
    ln(lucid.zeros(0, 4)).sum().backward()
    assert ln.weight is not None and ln.weight.grad is not None and ln.weight.grad.tolist() == [0.0] * 4


@pytest.mark.parametrize(
    "call, error, message",
    [
        (lambda: nn.BatchNorm2d(3)(lucid.ones(2, 3)), ValueError,
         r"BatchNorm2d: expected input of shape \(N, C, H, W\), got \(2, 3\)"),
        (lambda: F.batch_norm(lucid.ones(2, 3), lucid.zeros(4), lucid.ones(4)), RuntimeError,
         r"batch_norm: expected running_mean of shape \(3,\), got \(4,\) \(input \(2, 3\)\)"),
        (lambda: F.batch_norm(lucid.ones(2, 3), None, None), RuntimeError,
         r"batch_norm: expected running_mean and running_var in evaluation \(training=False\)"),
        (lambda: F.batch_norm(lucid.ones(2, 3).double(), None, None, lucid.ones(3), training=True), RuntimeError,
         "batch_norm: expected weight of the input's dtype lucid.float64, got lucid.float32"),
        (lambda: F.batch_norm(lucid.ones(2, 3).long(), None, None, training=True), RuntimeError,
         "batch_norm: expected float32 or float64 input, got lucid.int64"),
        (lambda: nn.Sequential(nn.LayerNorm(4))(lucid.ones(2, 5)), RuntimeError,
         r"LayerNorm '0': expected last dimensions \(4,\), got \(5,\) \(input \(2, 5\)\)"),
        (lambda: F.layer_norm(lucid.ones(2, 5), ()), RuntimeError, "layer_norm: normalized_shape must have at least one"),
        (lambda: F.layer_norm(lucid.ones(2, 5), 5, lucid.ones(4)), RuntimeError,
         r"layer_norm: expected weight of shape \(5,\), got \(4,\)"),
        (lambda: nn.GroupNorm(2, 5), ValueError, "GroupNorm: num_channels 5 must be divisible by num_groups 2"),
        (lambda: F.group_norm(lucid.ones(2, 5), 2), RuntimeError, "group_norm: cannot divide 5 channels into 2 groups"),
    ],
)  # fmt: skip
def test_errors(call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match="^" + message):
        call()


def test_repr() -> None:
    assert repr(nn.BatchNorm2d(3)) == (
        "BatchNorm2d(3, eps=1e-05, momentum=0.1, affine=True, bias=True, track_running_stats=True)"
    )
    assert repr(nn.LayerNorm(3, bias=False)) == "LayerNorm((3,), eps=1e-05, elementwise_affine=True, bias=False)"
    assert repr(nn.GroupNorm(1, 3)) == "GroupNorm(1, 3, eps=1e-05, affine=True, bias=True)"


def test_checkpoint_from_before_batches_were_counted() -> None:
    bn = nn.BatchNorm1d(2)
    bn(lucid.randn(4, 2))
    old = {name: v.clone() for name, v in nn.BatchNorm1d(2).state_dict().items() if name != "num_batches_tracked"}
    bn.load_state_dict(old)
    assert bn.num_batches_tracked is not None and bn.num_batches_tracked.item() == 1
    assert bn.running_mean is not None and bn.running_mean.tolist() == [0.0, 0.0]
    current = bn.state_dict()
    del current["num_batches_tracked"]
    with pytest.raises(RuntimeError, match='Missing key\\(s\\) in state_dict: "num_batches_tracked"'):
        bn.load_state_dict(current)


def test_normalize() -> None:
    x = draw(3, 4)
    np.testing.assert_allclose(
        F.normalize(lucid.tensor(x)).numpy(), x / np.linalg.norm(x, axis=1, keepdims=True), rtol=1e-12
    )
    assert F.normalize(lucid.zeros(1, 2)).tolist() == [[0.0, 0.0]]


@pytest.mark.parity
@pytest.mark.parametrize("momentum", [0.1, 0.7, None])
@pytest.mark.parametrize("affine, bias", [(True, True), (True, False), (False, True)])
@pytest.mark.parametrize("track", [True, False])
@pytest.mark.parametrize("shape", [(6, 3), (4, 3, 5), (2, 3, 4, 5)])
def test_batch_norm_parity_over_steps(
    momentum: float | None, affine: bool, bias: bool, track: bool, shape: tuple[int, ...]
) -> None:
    t = torch()
    name = "BatchNorm2d" if len(shape) == 4 else "BatchNorm1d"
    options: dict[str, Any] = {"eps": 1e-3, "momentum": momentum, "affine": affine, "track_running_stats": track}
    theirs = getattr(t.nn, name)(3, dtype=t.float64, bias=bias, **options)
    ours = getattr(nn, name)(3, dtype=lucid.float64, bias=bias, **options)
    for p in theirs.parameters():
        t.nn.init.normal_(p)
    exchange(ours, theirs)
    for step in range(3):
        compare(ours, theirs, draw(*shape, seed=step) * (step + 1) + step)
    ours.eval()
    theirs.eval()
    compare(ours, theirs, draw(*shape, seed=9))


@pytest.mark.parity
@pytest.mark.parametrize("shape", [(32, 5), (8, 16, 33), (3, 24, 14, 14), (2, 3, 1, 2)])
def test_batch_norm_parity_float32(shape: tuple[int, ...]) -> None:
    t = torch()
    name = "BatchNorm2d" if len(shape) == 4 else "BatchNorm1d"
    theirs, ours = getattr(t.nn, name)(shape[1]), getattr(nn, name)(shape[1])
    exchange(ours, theirs)
    for step in range(2):
        compare(ours, theirs, draw(*shape, seed=step, dtype="float32"), dtype="float32")
    compare(ours.eval(), theirs.eval(), draw(*shape, dtype="float32"), dtype="float32")


@pytest.mark.parity
@pytest.mark.parametrize("normalized_shape", [6, (6,), (5, 6), (4, 5, 6)])
@pytest.mark.parametrize("affine, bias", [(True, True), (True, False), (False, False)])
def test_layer_norm_parity(normalized_shape: Any, affine: bool, bias: bool) -> None:
    t = torch()
    theirs = t.nn.LayerNorm(normalized_shape, 1e-3, affine, bias, dtype=t.float64)
    ours = nn.LayerNorm(normalized_shape, 1e-3, affine, bias, dtype=lucid.float64)
    for p in theirs.parameters():
        t.nn.init.normal_(p)
    exchange(ours, theirs)
    compare(ours, theirs, draw(3, 4, 5, 6))


@pytest.mark.parity
@pytest.mark.parametrize("groups", [1, 2, 6])
@pytest.mark.parametrize("shape", [(3, 6), (3, 6, 5), (2, 6, 3, 4)])
def test_group_norm_parity(groups: int, shape: tuple[int, ...]) -> None:
    t = torch()
    if groups == 6 and len(shape) == 2:
        shape = (*shape, 2)  # PyTorch refuses to normalise single values
    theirs, ours = t.nn.GroupNorm(groups, 6, dtype=t.float64), nn.GroupNorm(groups, 6, dtype=lucid.float64)
    for p in theirs.parameters():
        t.nn.init.normal_(p)
    exchange(ours, theirs)
    compare(ours, theirs, draw(*shape))


@pytest.mark.parity
def test_functional_batch_norm_parity_with_bias_only() -> None:
    t = torch()
    x, b = draw(4, 3, 5), draw(3, seed=1)
    compare(
        lambda x, b: F.batch_norm(x, None, None, None, b, True),
        lambda x, b: t.nn.functional.batch_norm(x, None, None, None, b, True),
        x, b,
    )  # fmt: skip
    ours, theirs = F.normalize(lucid.tensor(x), 3.0, 2), t.nn.functional.normalize(t.tensor(x), 3.0, 2)
    close(ours, theirs, "normalize")
