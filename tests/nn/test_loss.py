"""Losses: formulas, options, gradients, messages, PyTorch's values."""

from __future__ import annotations

import inspect
import itertools
import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from nn.losses import REDUCTIONS, draw, indices, log_softmax, reduce

import lucid
import lucid.nn.functional as F
from lucid import nn
from lucid.autograd import gradcheck, gradgradcheck

# Classes

SHAPES = [(5,), (4, 5), (3, 5, 7), (2, 5, 3, 4), (1, 1), (6, 300)]


def expected_cross_entropy(
    logp: np.ndarray, t: np.ndarray, weight: np.ndarray | None, ignore: int, smoothing: float, reduction: str
) -> Any:
    """The sum over classes as it is defined, with one-hot targets."""
    axis = min(1, logp.ndim - 1)
    classes = logp.shape[axis]
    w = np.ones(classes) if weight is None else weight
    valid = t != ignore
    hot = np.moveaxis(np.eye(classes)[np.where(valid, t, 0)], -1, axis)
    q = (1 - smoothing) * hot + smoothing / classes
    per_class = w.reshape([classes if i == axis else 1 for i in range(logp.ndim)])
    loss = np.where(valid, -(per_class * q * logp).sum(axis), 0.0)
    return reduce(loss, reduction, (w[np.where(valid, t, 0)] * valid).sum())


@pytest.mark.parametrize("dtype", [lucid.float32, lucid.float64])
@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize(
    ("weighted", "ignore", "smoothing"), list(itertools.product([False, True], [-100, 0], [0.0, 0.1]))
)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_cross_entropy_and_nll_follow_the_formula(
    shape: tuple[int, ...], weighted: bool, ignore: int, smoothing: float, reduction: str, dtype: Any
) -> None:
    classes = shape[min(1, len(shape) - 1)]
    x = lucid.tensor(draw(*shape, low=-20, high=20), dtype=dtype)
    weight = lucid.tensor(draw(classes, low=0.5, high=2), dtype=dtype) if weighted else None
    t = indices(shape[:1] + shape[2:] if len(shape) > 1 else (), classes, ignore)
    target = lucid.tensor(t)
    w = None if weight is None else weight.numpy().astype(np.float64)
    logp = log_softmax(x.numpy().astype(np.float64), min(1, len(shape) - 1))
    rtol = 3e-6 if dtype is lucid.float32 else 1e-13
    y = F.cross_entropy(x, target, weight, ignore_index=ignore, reduction=reduction, label_smoothing=smoothing)
    exact = expected_cross_entropy(logp, t, w, ignore, smoothing, reduction)
    assert y.dtype is dtype and y.shape == np.shape(exact)
    np.testing.assert_allclose(y.numpy(), exact, rtol=rtol, atol=rtol)
    if not smoothing:
        z = F.nll_loss(lucid.tensor(logp, dtype=dtype), target, weight, ignore_index=ignore, reduction=reduction)
        np.testing.assert_allclose(z.numpy(), exact, rtol=rtol, atol=rtol)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize(("weighted", "smoothing"), list(itertools.product([False, True], [0.0, 0.2])))
@pytest.mark.parametrize("shape", [(5,), (4, 5), (2, 5, 3)], ids=str)
def test_cross_entropy_has_right_gradients(
    shape: tuple[int, ...], weighted: bool, smoothing: float, reduction: str
) -> None:
    x = lucid.tensor(draw(*shape), requires_grad=True)
    target = lucid.tensor(indices(shape[:1] + shape[2:] if len(shape) > 1 else (), 5))
    weight = lucid.tensor(draw(5, low=0.5, high=2)) if weighted else None

    def loss(x: Any) -> Any:
        return F.cross_entropy(x, target, weight, reduction=reduction, label_smoothing=smoothing)

    assert gradcheck(loss, x) and gradgradcheck(loss, x)
    if not smoothing:
        assert gradcheck(lambda x: F.nll_loss(x, target, weight, reduction=reduction), x)
        assert gradgradcheck(lambda x: F.nll_loss(F.log_softmax(x, min(1, x.ndim - 1)), target, weight), x)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize(("weighted", "smoothing"), list(itertools.product([False, True], [0.0, 0.2])))
@pytest.mark.parametrize("shape", [(5,), (4, 5), (2, 5, 3)], ids=str)
def test_cross_entropy_with_probabilities(
    shape: tuple[int, ...], weighted: bool, smoothing: float, reduction: str
) -> None:
    axis = min(1, len(shape) - 1)
    v, p = draw(*shape), draw(*shape, seed=2, low=0, high=1)
    p /= p.sum(axis, keepdims=True)
    w = draw(5, low=0.5, high=2) if weighted else np.ones(5)
    per_class = w.reshape([5 if i == axis else 1 for i in range(len(shape))])
    q = (1 - smoothing) * p + smoothing / 5
    exact = reduce(-(per_class * q * log_softmax(v, axis)).sum(axis), reduction)
    x, target = lucid.tensor(v, requires_grad=True), lucid.tensor(p, requires_grad=True)
    weight = lucid.tensor(w) if weighted else None

    def loss(x: Any, target: Any) -> Any:
        return F.cross_entropy(x, target, weight, reduction=reduction, label_smoothing=smoothing)

    np.testing.assert_allclose(loss(x, target).detach().numpy(), exact, rtol=1e-13)
    assert gradcheck(loss, (x, target)) and gradgradcheck(loss, (x, target))


def test_one_hot_probabilities_give_the_loss_of_the_indices() -> None:
    x, t = lucid.tensor(draw(6, 4)), np.array([3, 0, 1, 1, 2, 0])
    a = F.cross_entropy(x, lucid.tensor(t), reduction="none", label_smoothing=0.1)
    b = F.cross_entropy(x, lucid.tensor(np.eye(4)[t]), reduction="none", label_smoothing=0.1)
    np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-14)


def test_logits_of_any_size_neither_overflow_nor_underflow() -> None:
    x = lucid.tensor([[1e4, 0.0, -1e4], [-1e4, -1e4, -1e4]], requires_grad=True)
    y = F.cross_entropy(x, lucid.tensor([2, 0]), reduction="none")
    assert y.tolist() == pytest.approx([2e4, math.log(3)])
    y.backward()
    np.testing.assert_allclose(x.grad.numpy(), [[1, 0, -1], [-2 / 3, 1 / 3, 1 / 3]], atol=1e-6)


@pytest.mark.parametrize("function", [F.cross_entropy, F.nll_loss])
def test_ignored_rows_have_no_gradient_and_nothing_but_ignored_rows_is_nan(function: Callable[..., Any]) -> None:
    x = lucid.tensor(draw(3, 4), requires_grad=True)
    function(x, lucid.tensor([1, -100, 2])).backward()
    assert x.grad[1].tolist() == [0.0] * 4 and x.grad[0].tolist() != [0.0] * 4
    ignored = lucid.tensor([-100] * 3)
    assert math.isnan(function(x, ignored).item())
    assert function(x, ignored, reduction="sum").item() == 0.0
    assert math.isnan(function(x[:0], ignored[:0]).item())
    assert function(x[:0], ignored[:0], reduction="none").shape == (0,)


def test_targets_may_have_any_integer_dtype_and_layout() -> None:
    x = lucid.tensor(draw(3, 4, 2))
    t = indices((3, 2), 4, 1)
    exact = F.cross_entropy(x, lucid.tensor(t)).item()
    for dtype in (np.int8, np.uint8, np.int16, np.int32):
        assert F.cross_entropy(x, lucid.tensor(t.astype(dtype))).item() == exact
    strided = lucid.tensor(np.ascontiguousarray(x.numpy().transpose(2, 0, 1))).permute(1, 2, 0)
    assert F.cross_entropy(strided, lucid.tensor(np.asfortranarray(t))).item() == exact


CLASS_MESSAGES: list[tuple[Callable[[Any], Any], type[Exception], str]] = [
    (
        lambda f: f(lucid.ones(5, 10), lucid.tensor([0, 1, 2, 12, 4])),
        IndexError,
        "target 12 at position 3 is out of range for 10 classes",
    ),
    (
        lambda f: f(lucid.ones(2, 3), lucid.tensor([0, -1])),
        IndexError,
        "target -1 at position 1 is out of range for 3 classes",
    ),
    (
        lambda f: f(lucid.ones(1, 3, 2), lucid.tensor([[0, 3]])),
        IndexError,
        r"target 3 at position \(0, 1\) is out of range for 3 classes",
    ),
    (lambda f: f(lucid.ones(3), lucid.tensor(3)), IndexError, "target 3 is out of range for 3 classes"),
    (
        lambda f: f(lucid.ones(8, 3), lucid.tensor([0] * 7)),
        ValueError,
        r"expected target of shape \(8,\), got \(7,\) \(input \(8, 3\)\)",
    ),
    (
        lambda f: f(lucid.ones(8, 3, 2), lucid.tensor([0] * 8)),
        ValueError,
        r"expected target of shape \(8, 2\), got \(8,\) \(input \(8, 3, 2\)\)",
    ),
    (
        lambda f: f(lucid.ones(2, 3), lucid.ones(2)),
        TypeError,
        r"expected integer class indices of shape \(2,\), got lucid.float32 \(2,\)",
    ),
    (lambda f: f(lucid.ones(2, 3), lucid.tensor([True, False])), TypeError, "expected integer class indices of shape"),
    (
        lambda f: f(lucid.ones(2, 3).long(), lucid.tensor([0, 0])),
        TypeError,
        "expected a floating-point tensor, got lucid.int64",
    ),
    (lambda f: f(lucid.ones(2, 3), [0, 0]), TypeError, "expected a Tensor, got list"),
    (
        lambda f: f(lucid.ones(()), lucid.tensor(0)),
        ValueError,
        r"expected input of shape \(C,\), \(N, C\) or \(N, C, d1, ...\)",
    ),
    (
        lambda f: f(lucid.ones(2, 3), lucid.tensor([0, 0]), lucid.ones(2)),
        ValueError,
        r"expected weight of shape \(3,\), one per class, got \(2,\)",
    ),
    (
        lambda f: f(lucid.ones(2, 3), lucid.tensor([0, 0]), lucid.ones(3, dtype=lucid.float64)),
        TypeError,
        "expected weight of dtype lucid.float32 like the input, got lucid.float64",
    ),
    (
        lambda f: f(lucid.ones(2, 3), lucid.tensor([0, 0]), lucid.ones(3, requires_grad=True)),
        RuntimeError,
        "the weight cannot require grad",
    ),
    (
        lambda f: f(lucid.ones(2, 3), lucid.tensor([0, 0]), reduction="avg"),
        ValueError,
        "reduction must be one of 'none', 'mean', 'sum', got 'avg'",
    ),
]


@pytest.mark.parametrize("name", ["cross_entropy", "nll_loss"])
@pytest.mark.parametrize(("call", "error", "message"), CLASS_MESSAGES)
def test_messages_about_classes(call: Callable[[Any], Any], error: type[Exception], message: str, name: str) -> None:
    with pytest.raises(error, match=f"^{name}: " + message):
        call(getattr(F, name))


@pytest.mark.parametrize(
    ("options", "target", "error", "message"),
    [
        (
            {"label_smoothing": 1.5},
            lucid.tensor([0, 0]),
            ValueError,
            "label_smoothing must be between 0.0 and 1.0, got 1.5",
        ),
        (
            {"ignore_index": 1},
            lucid.ones(2, 3),
            ValueError,
            "ignore_index=1 is not supported for a target of probabilities",
        ),
    ],
)
def test_messages_about_cross_entropy(options: Any, target: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match="^cross_entropy: " + message):
        F.cross_entropy(lucid.ones(2, 3), target, **options)


@pytest.mark.parametrize("options", [{}, {"label_smoothing": 0.1}, {"reduction": "none"}], ids=str)
def test_probabilities_of_another_dtype_give_the_wider_one(options: Any) -> None:
    x = lucid.randn(4, 3, requires_grad=True)
    p = lucid.softmax(lucid.randn(4, 3, dtype=lucid.float64), 1)
    loss = F.cross_entropy(x, p, **options)
    loss.sum().backward()
    assert loss.dtype == lucid.float64 and x.grad is not None and x.grad.dtype == lucid.float32
    lucid.testing.assert_close(loss, F.cross_entropy(x.detach().double(), p, **options), rtol=1e-6, atol=1e-6)
    narrow = F.cross_entropy(x, p.bfloat16(), **options)
    assert narrow.dtype == lucid.float32
    lucid.testing.assert_close(narrow, F.cross_entropy(x, p.bfloat16().float(), **options))


def test_only_kl_div_loss_takes_batchmean_and_no_loss_a_list_of_reductions() -> None:
    assert nn.KLDivLoss(reduction="batchmean").reduction == "batchmean"
    with pytest.raises(ValueError, match="MSELoss: reduction must be one of 'none', 'mean', 'sum', got 'batchmean'"):
        nn.MSELoss(reduction="batchmean")
    with pytest.raises(TypeError, match="takes from 1 to 4 positional arguments but 5 were given"):
        nn.MSELoss(None, None, "mean", ("none",))  # type: ignore[call-arg]


# Yes or no


# Distributions


# Modules


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_modules_call_their_function_with_their_settings(reduction: str) -> None:
    x, y, p = (lucid.tensor(draw(4, 5, seed=i, low=0.1, high=0.9)) for i in range(3))
    t, w = lucid.tensor(indices((4,), 5, 2)), lucid.tensor(draw(5, low=0.5, high=2))
    r = {"reduction": reduction}
    for module, target, expected in [
        (nn.CrossEntropyLoss(w, ignore_index=2, label_smoothing=0.1, **r), t,
         F.cross_entropy(x, t, w, ignore_index=2, label_smoothing=0.1, **r)),
        (nn.NLLLoss(w, ignore_index=2, **r), t, F.nll_loss(x, t, w, ignore_index=2, **r)),
        (nn.BCELoss(w, **r), y, F.binary_cross_entropy(x, y, w, **r)),
        (nn.BCEWithLogitsLoss(w, pos_weight=p, **r), y, F.binary_cross_entropy_with_logits(x, y, w, pos_weight=p, **r)),
        (nn.MSELoss(**r), y, F.mse_loss(x, y, **r)),
        (nn.L1Loss(**r), y, F.l1_loss(x, y, **r)),
        (nn.SmoothL1Loss(beta=0.2, **r), y, F.smooth_l1_loss(x, y, beta=0.2, **r)),
        (nn.HuberLoss(delta=0.2, **r), y, F.huber_loss(x, y, delta=0.2, **r)),
    ]:  # fmt: skip
        np.testing.assert_array_equal(module(x, target).numpy(), expected.numpy())
        assert repr(module) == type(module).__name__ + "()"
    y = y / y.sum()
    kl = nn.KLDivLoss(reduction="batchmean", log_target=True)
    np.testing.assert_array_equal(kl(x, y).numpy(), F.kl_div(x, y, reduction="batchmean", log_target=True).numpy())


def test_weights_are_saved_with_the_module() -> None:
    module = nn.BCEWithLogitsLoss(lucid.ones(3), pos_weight=lucid.full((3,), 2.0))
    assert list(module.state_dict()) == ["weight", "pos_weight"]
    assert list(nn.CrossEntropyLoss().state_dict()) == [] and list(module.parameters()) == []
    assert module.double().weight.dtype is lucid.float64


@pytest.mark.parametrize(
    ("size_average", "reduce_", "reduction"),
    [(False, None, "sum"), (True, None, "mean"), (None, False, "none"), (None, True, "mean"), (False, False, "none")],
)
def test_deprecated_forms_of_the_reduction(size_average: bool | None, reduce_: bool | None, reduction: str) -> None:
    x, y = lucid.tensor(draw(4)), lucid.tensor(draw(4, seed=1))
    with pytest.warns(
        UserWarning, match=f"mse_loss: size_average and reduce are deprecated; use reduction='{reduction}'"
    ) as r:
        actual = F.mse_loss(x, y, size_average, reduce_)
    assert r[0].filename == __file__
    np.testing.assert_array_equal(actual.numpy(), F.mse_loss(x, y, reduction=reduction).numpy())
    with pytest.warns(UserWarning, match="MSELoss: size_average and reduce are deprecated"):
        assert nn.MSELoss(size_average, reduce_).reduction == reduction


# PyTorch


def same_as_pytorch(name: str, arrays: dict[str, Any], dtype: str, **options: Any) -> None:
    """Values, and the gradients of everything floating-point in ``arrays`` but class weights."""
    torch = pytest.importorskip("torch")
    results = []
    for package, function in ((lucid, getattr(F, name)), (torch, getattr(torch.nn.functional, name))):
        args = {}
        for key, array in arrays.items():
            floating = array.dtype.kind == "f"
            wanted = floating and key not in ("weight", "pos_weight")
            args[key] = package.tensor(array.astype(dtype) if floating else array, requires_grad=wanted)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            y = function(**args, **options)
        (y * y).sum().backward()
        results.append([y.detach().numpy()] + [x.grad.numpy() for x in args.values() if x.requires_grad])
    rtol, atol = (2e-5, 2e-6) if dtype == "float32" else (1e-11, 1e-13)
    for ours, theirs in zip(*results):
        np.testing.assert_allclose(ours, theirs, rtol=rtol, atol=atol * max(1.0, np.abs(theirs).max()))


@pytest.mark.parity
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize(
    ("weighted", "ignore", "smoothing"), list(itertools.product([False, True], [-100, 0], [0.0, 0.1]))
)
@pytest.mark.parametrize("shape", [(5,), (4, 5), (3, 5, 7), (2, 5, 3, 4)], ids=str)
def test_classes_same_as_pytorch(
    shape: tuple[int, ...], weighted: bool, ignore: int, smoothing: float, reduction: str, dtype: str
) -> None:
    arrays = {"input": draw(*shape), "target": indices(shape[:1] + shape[2:] if len(shape) > 1 else (), 5, ignore)}
    if weighted:
        arrays["weight"] = draw(5, low=0.5, high=2)
    options = {"reduction": reduction, "ignore_index": ignore}
    same_as_pytorch("cross_entropy", arrays, dtype, label_smoothing=smoothing, **options)
    if not smoothing:
        same_as_pytorch("nll_loss", arrays, dtype, **options)
    if ignore < 0:
        p = draw(*shape, seed=3, low=0, high=1)
        same_as_pytorch("cross_entropy", arrays | {"target": p}, dtype, label_smoothing=smoothing, reduction=reduction)


@pytest.mark.parity
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_the_others_same_as_pytorch(reduction: str, dtype: str) -> None:
    x, y, w = draw(4, 5), draw(4, 5, seed=1), draw(4, 5, seed=2, low=0.5, high=2)
    p, q = draw(4, 5, low=0.05, high=0.95), draw(4, 5, seed=1, low=0, high=1)
    numbers = {"input": x, "target": y}
    cases: list[tuple[str, dict[str, float]]] = [
        ("mse_loss", {}),
        ("l1_loss", {}),
        ("smooth_l1_loss", {}),
        ("huber_loss", {}),
    ]
    cases += [("smooth_l1_loss", {"beta": 0.3}), ("smooth_l1_loss", {"beta": 0.0}), ("huber_loss", {"delta": 0.3})]
    for name, options in cases:
        same_as_pytorch(name, numbers, dtype, reduction=reduction, **options)
    for name in ("mse_loss", "l1_loss", "huber_loss"):
        same_as_pytorch(name, numbers | {"weight": w}, dtype, reduction=reduction)
    same_as_pytorch("mse_loss", {"input": x[:, :1], "target": y}, dtype, reduction=reduction)
    for extra in ({}, {"weight": w}, {"weight": w[0]}):
        same_as_pytorch("binary_cross_entropy", {"input": p, "target": q, **extra}, dtype, reduction=reduction)
        for positive in ({}, {"pos_weight": w[1]}):
            arrays = {"input": x, "target": q, **extra, **positive}
            same_as_pytorch("binary_cross_entropy_with_logits", arrays, dtype, reduction=reduction)
    for kind in (reduction, "batchmean"):
        same_as_pytorch("kl_div", {"input": x, "target": q}, dtype, reduction=kind)
        same_as_pytorch("kl_div", {"input": x, "target": y}, dtype, reduction=kind, log_target=True)


@pytest.mark.parity
def test_binary_cross_entropy_at_zero_and_one_same_as_pytorch() -> None:
    torch = pytest.importorskip("torch")
    values, targets = [0.0, 1.0, 0.0, 1.0, 1e-30], [1.0, 0.0, 0.0, 1.0, 0.5]
    p, t = lucid.tensor(values, requires_grad=True), torch.tensor(values, requires_grad=True)
    y = F.binary_cross_entropy(p, lucid.tensor(targets), reduction="none")
    u = torch.nn.functional.binary_cross_entropy(t, torch.tensor(targets), reduction="none")
    np.testing.assert_allclose(y.detach().numpy(), u.detach().numpy(), rtol=1e-6)
    y.sum().backward(), u.sum().backward()
    np.testing.assert_allclose(p.grad.numpy(), t.grad.numpy(), rtol=1e-6)


@pytest.mark.parity
def test_same_arguments_in_the_same_order_as_pytorch() -> None:
    torch = pytest.importorskip("torch")
    functions = ["cross_entropy", "nll_loss", "mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss", "kl_div"]
    functions += ["binary_cross_entropy", "binary_cross_entropy_with_logits"]
    modules = ["CrossEntropyLoss", "NLLLoss", "BCELoss", "BCEWithLogitsLoss", "KLDivLoss", "SmoothL1Loss", "HuberLoss"]
    for ours, theirs, names in ((F, torch.nn.functional, functions), (nn, torch.nn, modules)):
        for name in names:
            a = [(p.name, p.default) for p in inspect.signature(getattr(ours, name)).parameters.values()]
            b = [(p.name, p.default) for p in inspect.signature(getattr(theirs, name)).parameters.values()]
            assert a == b, name
