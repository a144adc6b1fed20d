"""Averaged weights, their batch statistics and learning rates."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import lucid
from lucid import nn, optim
from lucid.optim import swa_utils
from lucid.optim.swa_utils import SWALR, AveragedModel, update_bn

FUNCTIONS = ["mean", "ema", "ema_multi", "swa", "swa_multi"]


def functions(module: Any, name: str) -> dict[str, Any]:
    """The keyword arguments of AveragedModel."""
    u = module.optim.swa_utils
    return {
        "mean": {},
        "ema": {"avg_fn": u.get_ema_avg_fn(0.75)},
        "ema_multi": {"multi_avg_fn": u.get_ema_multi_avg_fn(0.75)},
        "swa": {"avg_fn": u.get_swa_avg_fn()},
        "swa_multi": {"multi_avg_fn": u.get_swa_multi_avg_fn()},
    }[name]


def network(module: Any) -> Any:
    return module.nn.Sequential(module.nn.Linear(3, 4), module.nn.BatchNorm1d(4), module.nn.Linear(4, 1))


def averaged(module: Any, name: str, use_buffers: bool) -> dict[str, np.ndarray]:
    """The state of an averaged model after five updates from fixed values."""
    model = network(module)
    copy = AveragedModel if module is lucid else module.optim.swa_utils.AveragedModel
    average = copy(model, use_buffers=use_buffers, **functions(module, name))
    for t in range(5):
        rng = np.random.default_rng(t)
        with module.no_grad():
            for x in [*model.parameters(), *model.buffers()]:
                x.copy_(module.tensor(rng.uniform(1, 9, tuple(x.shape)).astype(np.float32)))
        average.update_parameters(model)
    return {key: value.detach().numpy() for key, value in average.state_dict().items()}


def test_means_and_exponential_averages() -> None:
    model = nn.Linear(1, 1, bias=False).double()
    mean, ema = AveragedModel(model), AveragedModel(model, multi_avg_fn=swa_utils.get_ema_multi_avg_fn(0.75))
    expected = None
    values = [1.0, 2.0, 6.0, 7.0]
    for value in values:
        nn.init.constant_(model.weight, value)
        mean.update_parameters(model)
        ema.update_parameters(model)
        expected = value if expected is None else 0.75 * expected + 0.25 * value
    assert mean.module.weight.item() == np.mean(values) and ema.module.weight.item() == expected
    assert mean.n_averaged.item() == 4 and model.weight.item() == 7


def test_the_copy_is_apart_from_the_model() -> None:
    model = network(lucid)
    average = AveragedModel(model)
    before = {k: v.numpy(force=True).copy() for k, v in average.state_dict().items()}
    with lucid.no_grad():
        for p in model.parameters():
            p += 1
    for key, value in average.state_dict().items():
        np.testing.assert_array_equal(value.numpy(force=True), before[key])


def test_buffers_follow_the_model_unless_averaged() -> None:
    model = nn.BatchNorm1d(1)
    follows, averages = AveragedModel(model), AveragedModel(model, use_buffers=True)
    for value in (2.0, 4.0):
        model.running_mean.fill_(value)
        follows.update_parameters(model)
        averages.update_parameters(model)
    assert follows.module.running_mean.item() == 4 and averages.module.running_mean.item() == 3


def test_batch_statistics_are_plain_averages_and_the_mode_is_kept() -> None:
    model = nn.Sequential(nn.BatchNorm1d(2, momentum=0.3), nn.Dropout(0.5))
    model.eval()
    data = np.random.default_rng(0).standard_normal((6, 10, 2)).astype(np.float32)
    update_bn([(lucid.tensor(x), 0) for x in data], model)
    np.testing.assert_allclose(model[0].running_mean.numpy(), data.mean((0, 1)), atol=1e-6)
    np.testing.assert_allclose(model[0].running_var.numpy(), data.var(1, ddof=1).mean(0), rtol=1e-5)
    assert not model.training and model[0].momentum == 0.3 and model[0].num_batches_tracked.item() == 6


def test_without_batch_norm_the_loader_is_not_read() -> None:
    update_bn(iter(int, 1), nn.Linear(1, 1))  # endless


@pytest.mark.parametrize("strategy", ["linear", "cos"])
@pytest.mark.parametrize("epochs", [0, 1, 7])
def test_learning_rates(epochs: int, strategy: str) -> None:
    optimizer = optim.SGD([lucid.ones(1, requires_grad=True)], lr=1.0)
    scheduler = SWALR(optimizer, 0.125, anneal_epochs=epochs, anneal_strategy=strategy)
    for t in range(12):
        x = min(1.0, max(t, epochs == 0) / max(1, epochs))
        share = x if strategy == "linear" else (1 - np.cos(np.pi * x)) / 2
        assert scheduler.get_last_lr() == pytest.approx([1 - share + 0.125 * share])
        optimizer.step()
        scheduler.step()


def test_messages() -> None:
    model = nn.Linear(1, 1)
    optimizer = optim.SGD(model.parameters(), lr=1.0)
    with pytest.raises(ValueError, match=r"get_ema_avg_fn: decay must be between 0 and 1, got 1.5"):
        swa_utils.get_ema_avg_fn(1.5)
    with pytest.raises(AssertionError, match="^AveragedModel: expected at most one of avg_fn and multi_avg_fn"):
        AveragedModel(model, avg_fn=swa_utils.get_swa_avg_fn(), multi_avg_fn=swa_utils.get_swa_multi_avg_fn())
    with pytest.raises(ValueError, match="^SWALR: anneal_strategy must be 'cos' or 'linear', got 'quick'"):
        SWALR(optimizer, 0.1, anneal_strategy="quick")
    with pytest.raises(ValueError, match="^SWALR: anneal_epochs must be an int of at least 0, got -1"):
        SWALR(optimizer, 0.1, anneal_epochs=-1)
    with pytest.raises(ValueError, match="swa_lr must have one value per parameter group: 1, got 2"):
        SWALR(optimizer, [0.1, 0.2])


@pytest.mark.parity
@pytest.mark.parametrize("use_buffers", [False, True])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_same_as_pytorch(name: str, use_buffers: bool) -> None:
    torch = pytest.importorskip("torch")
    if use_buffers and name == "swa_multi":
        pytest.skip("PyTorch's fails on integer buffers")
    ours, theirs = averaged(lucid, name, use_buffers), averaged(torch, name, use_buffers)
    assert list(ours) == list(theirs)
    for key in ours:
        assert ours[key].dtype == theirs[key].dtype
        np.testing.assert_allclose(ours[key], theirs[key], rtol=1e-6)


@pytest.mark.parity
@pytest.mark.parametrize("strategy", ["linear", "cos"])
@pytest.mark.parametrize("epochs", [0, 1, 7])
def test_learning_rates_and_states_are_those_of_pytorch(epochs: int, strategy: str) -> None:
    torch = pytest.importorskip("torch")
    runs = []
    for module in (lucid, torch):
        optimizer = module.optim.SGD([module.ones(1, requires_grad=True)], lr=1.0)
        scheduler = module.optim.swa_utils.SWALR(optimizer, 0.125, anneal_epochs=epochs, anneal_strategy=strategy)
        seen = []
        for _ in range(12):
            seen += scheduler.get_last_lr()
            optimizer.step()
            scheduler.step()
        runs.append((seen, scheduler.state_dict()))
    np.testing.assert_allclose(runs[0][0], runs[1][0], rtol=1e-12)
    assert set(runs[0][1]) <= set(runs[1][1]) | {"_is_initial"}
