"""Learning rate schedulers: their formulas, their bookkeeping, and PyTorch's values."""

from __future__ import annotations

import copy
import math
import pickle
import warnings
from collections.abc import Callable
from typing import Any

import pytest

import lucid
from lucid import optim
from lucid.optim import lr_scheduler as S

EPOCHS = 200


def sgd(lr: Any = 0.5, groups: int = 1, **options: Any) -> optim.SGD:
    params = [{"params": [lucid.ones(1, requires_grad=True)], "lr": lr / (i + 1)} for i in range(groups)]
    return optim.SGD(params, lr=lr, **options)


def trajectory(scheduler: Any, epochs: int = EPOCHS, *args: Any) -> list[list[float]]:
    values = []
    for _ in range(epochs):
        values.append([float(lr) for lr in scheduler.get_last_lr()])
        scheduler.optimizer.step()
        scheduler.step(*args)
    return values


def alternating(epoch: int) -> float:
    return 0.5 if epoch % 3 else 1.25


def shrinking(x: float) -> float:
    return 1 / (1 + x)


# name -> (schedule of an optimizer, learning rate of an epoch from an initial learning rate of 0.5)
CLOSED_FORMS: dict[str, tuple[Callable[[Any], Any], Callable[[int], float]]] = {
    "step": (lambda o: S.StepLR(o, 7, 0.3), lambda t: 0.5 * 0.3 ** (t // 7)),
    "multistep": (
        lambda o: S.MultiStepLR(o, [3, 10, 10, 30], 0.3),
        lambda t: 0.5 * 0.3 ** sum(m <= t for m in (3, 10, 10, 30)),
    ),
    "constant": (lambda o: S.ConstantLR(o, 0.25, 6), lambda t: 0.5 * (0.25 if t < 6 else 1)),
    "constant zero": (lambda o: S.ConstantLR(o, 0.0, 6), lambda t: 0.0 if t < 6 else 0.5),
    "linear": (lambda o: S.LinearLR(o, 0.25, 0.75, 10), lambda t: 0.5 * (0.25 + 0.5 * min(t, 10) / 10)),
    "linear to zero": (lambda o: S.LinearLR(o, 1.0, 0.0, 10), lambda t: 0.5 * (1 - min(t, 10) / 10)),
    "exponential": (lambda o: S.ExponentialLR(o, 0.9), lambda t: 0.5 * 0.9**t),
    "polynomial": (lambda o: S.PolynomialLR(o, 20, 2.0), lambda t: 0.5 * (1 - min(t, 20) / 20) ** 2),
    "cosine": (
        lambda o: S.CosineAnnealingLR(o, 10, 0.01),
        lambda t: 0.01 + 0.49 * (1 + math.cos(math.pi * t / 10)) / 2,
    ),
    "restarts": (
        lambda o: S.CosineAnnealingWarmRestarts(o, 10, 1, 0.01),
        lambda t: 0.01 + 0.49 * (1 + math.cos(math.pi * (t % 10) / 10)) / 2,
    ),
    "lambda": (lambda o: S.LambdaLR(o, shrinking), lambda t: 0.5 / (1 + t)),
    "triangular": (
        lambda o: S.CyclicLR(o, 0.1, 0.5, 4, cycle_momentum=False),
        lambda t: 0.1 + 0.4 * (1 - abs(t % 8 - 4) / 4),
    ),
}


@pytest.mark.parametrize("name", CLOSED_FORMS)
def test_learning_rates_follow_the_formula(name: str) -> None:
    make, formula = CLOSED_FORMS[name]
    values = [lr for (lr,) in trajectory(make(sgd()))]
    assert values == pytest.approx([formula(t) for t in range(EPOCHS)], rel=1e-12, abs=1e-15)


def test_one_cycle_goes_from_a_25th_up_to_the_peak_and_down_to_nearly_nothing() -> None:
    optimizer = sgd(momentum=0.9)
    scheduler = S.OneCycleLR(optimizer, max_lr=1.0, total_steps=11, pct_start=0.6)
    values, momenta = [], []
    for _ in range(10):
        values.append(optimizer.param_groups[0]["lr"])
        momenta.append(optimizer.param_groups[0]["momentum"])
        optimizer.step()
        scheduler.step()
    values.append(optimizer.param_groups[0]["lr"])
    peak = 0.6 * 11 - 1
    expected = [1.0 + (0.04 - 1.0) * (1 + math.cos(math.pi * t / peak)) / 2 for t in range(6)]
    assert values[:6] == pytest.approx(expected, rel=1e-12)
    assert values[0] == pytest.approx(0.04)
    assert values[10] == pytest.approx(0.04 / 1e4)
    assert max(values) == pytest.approx(1.0, rel=0.05)
    assert momenta[0] == pytest.approx(0.95) and min(momenta) == pytest.approx(0.85, abs=0.005)


def test_one_cycle_refuses_more_steps_than_it_was_made_for() -> None:
    scheduler = S.OneCycleLR(sgd(), 1.0, total_steps=2, cycle_momentum=False)
    scheduler.optimizer.step()
    scheduler.step()
    scheduler.step()
    with pytest.raises(
        ValueError, match=r"OneCycleLR: tried to step 3 times\. The specified number of total steps is 2"
    ):
        scheduler.step()


def test_one_cycle_moves_the_first_beta_of_adam() -> None:
    optimizer = optim.Adam([lucid.ones(1, requires_grad=True)], betas=(0.9, 0.99))
    S.OneCycleLR(optimizer, 1.0, total_steps=10)
    assert optimizer.param_groups[0]["betas"] == (0.95, 0.99)


def test_restarts_take_fractions_of_epochs_and_longer_periods() -> None:
    scheduler = S.CosineAnnealingWarmRestarts(sgd(1.0), T_0=2, T_mult=2)
    heights = {0.5: 0.5 / 2, 2.0: 0.0, 4.0: 2 / 4, 6.0: 0.0, 13.9: 7.9 / 8}
    for epoch, share in heights.items():
        scheduler.step(epoch)
        assert scheduler.get_last_lr() == pytest.approx([(1 + math.cos(math.pi * share)) / 2], rel=1e-12)
        assert scheduler.last_epoch == math.floor(epoch)


def test_chained_schedules_multiply() -> None:
    optimizer = sgd(1.0)
    both = S.ChainedScheduler([S.ConstantLR(optimizer, 0.5, 3), S.ExponentialLR(optimizer, 0.9)])
    values = [lr for (lr,) in trajectory(both, 10)]
    assert values == pytest.approx([(0.5 if t < 3 else 1) * 0.9**t for t in range(10)], rel=1e-12)


def test_sequential_schedules_start_over_at_their_milestone() -> None:
    optimizer = sgd(1.0)
    parts = [S.ConstantLR(optimizer, 0.1, 100), S.ExponentialLR(optimizer, 0.9), S.StepLR(optimizer, 2, 0.5)]
    values = [lr for (lr,) in trajectory(S.SequentialLR(optimizer, parts, [3, 6]), 10)]
    expected = [0.1] * 3 + [0.9**t for t in range(3)] + [0.5 ** (t // 2) for t in range(4)]
    assert values == pytest.approx(expected, rel=1e-12)


def test_plateau_waits_reduces_cools_down_and_stops_at_the_minimum() -> None:
    optimizer = sgd(1.0)
    scheduler = S.ReduceLROnPlateau(optimizer, factor=0.5, patience=1, cooldown=1, min_lr=0.2)
    seen = []
    for loss in [2.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0]:
        scheduler.step(loss)
        seen.append(optimizer.param_groups[0]["lr"])
    assert seen == [1.0, 1.0, 1.0, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25, 0.2, 0.2]


@pytest.mark.parametrize(
    ("mode", "threshold_mode", "good"),
    [("min", "rel", 0.89), ("min", "abs", 0.89), ("max", "rel", 1.11), ("max", "abs", 1.11)],
)
def test_plateau_counts_only_improvements_beyond_the_threshold(mode: str, threshold_mode: str, good: float) -> None:
    scheduler = S.ReduceLROnPlateau(sgd(), mode, threshold=0.1, threshold_mode=threshold_mode)
    scheduler.step(lucid.tensor(1.0))
    for metric, bad in [((1 + good) / 2, 1), (float("nan"), 2), (good, 0)]:
        scheduler.step(metric)
        assert scheduler.num_bad_epochs == bad


def test_groups_keep_their_own_learning_rates() -> None:
    optimizer = sgd(1.0, groups=2)
    scheduler = S.LambdaLR(optimizer, [lambda t: 0.5**t, lambda t: 2.0**t])
    optimizer.step()
    scheduler.step()
    assert scheduler.get_last_lr() == [0.5, 1.0]
    assert scheduler.base_lrs == [1.0, 0.5]
    assert [g["initial_lr"] for g in optimizer.param_groups] == [1.0, 0.5]


def test_a_tensor_learning_rate_is_changed_in_place() -> None:
    lr = lucid.tensor(1.0)
    optimizer = optim.SGD([lucid.ones(1, requires_grad=True)], lr=lr)
    scheduler = S.ExponentialLR(optimizer, 0.5)
    optimizer.step()
    scheduler.step()
    assert optimizer.param_groups[0]["lr"] is lr
    assert lr.item() == 0.5 and scheduler.get_last_lr() == [0.5]


MAKERS: dict[str, Callable[[Any, Any], Any]] = {
    "StepLR": lambda m, o: m.StepLR(o, 7, 0.3),
    "MultiStepLR": lambda m, o: m.MultiStepLR(o, [3, 10, 10, 30], 0.3),
    "ConstantLR": lambda m, o: m.ConstantLR(o, 0.25, 6),
    "LinearLR": lambda m, o: m.LinearLR(o, 0.25, 0.75, 10),
    "LinearLR up": lambda m, o: m.LinearLR(o),
    "ExponentialLR": lambda m, o: m.ExponentialLR(o, 0.9),
    "PolynomialLR": lambda m, o: m.PolynomialLR(o, 20, 1.7),
    "CosineAnnealingLR": lambda m, o: m.CosineAnnealingLR(o, 10, 0.001),
    "CosineAnnealingLR long": lambda m, o: m.CosineAnnealingLR(o, 60),
    "CosineAnnealingWarmRestarts": lambda m, o: m.CosineAnnealingWarmRestarts(o, 5, 2, 0.01),
    "OneCycleLR": lambda m, o: m.OneCycleLR(o, 2.0, total_steps=EPOCHS + 1),
    "OneCycleLR linear": lambda m, o: m.OneCycleLR(
        o, 2.0, epochs=6, steps_per_epoch=40, anneal_strategy="linear", pct_start=0.45, div_factor=10.0
    ),
    "OneCycleLR three phases": lambda m, o: m.OneCycleLR(
        o, 2.0, total_steps=EPOCHS, three_phase=True, final_div_factor=50
    ),
    "CyclicLR": lambda m, o: m.CyclicLR(o, 0.01, 0.1, 4, 7),
    "CyclicLR triangular2": lambda m, o: m.CyclicLR(o, 0.01, 0.1, 4, mode="triangular2"),
    "CyclicLR exp_range": lambda m, o: m.CyclicLR(o, 0.01, 0.1, 4, mode="exp_range", gamma=0.97),
    "CyclicLR own": lambda m, o: m.CyclicLR(o, 0.01, 0.1, 4, scale_fn=shrinking, scale_mode="iterations"),
    "LambdaLR": lambda m, o: m.LambdaLR(o, alternating),
    "MultiplicativeLR": lambda m, o: m.MultiplicativeLR(o, alternating),
    "SequentialLR": lambda m, o: m.SequentialLR(
        o, [m.LinearLR(o, 0.1, 1.0, 8), m.CosineAnnealingLR(o, 12), m.ExponentialLR(o, 0.8)], [8, 25]
    ),
    "SequentialLR of lambdas": lambda m, o: m.SequentialLR(
        o, [m.MultiplicativeLR(o, alternating), m.LambdaLR(o, shrinking), m.CosineAnnealingWarmRestarts(o, 4)], [5, 20]
    ),
    "ChainedScheduler": lambda m, o: m.ChainedScheduler(
        [m.ConstantLR(o, 0.1, 4), m.ExponentialLR(o, 0.9), m.StepLR(o, 11, 0.7)]
    ),
}


@pytest.mark.parametrize("name", MAKERS)
def test_a_restored_schedule_goes_on_as_if_nothing_had_happened(name: str) -> None:
    optimizer = sgd(0.5, momentum=0.9)
    scheduler = MAKERS[name](S, optimizer)
    trajectory(scheduler, 9)
    saved = pickle.loads(pickle.dumps((optimizer.state_dict(), scheduler.state_dict())))
    expected = trajectory(scheduler, 20)
    other = sgd(0.1, momentum=0.9)
    resumed = MAKERS[name](S, other)
    other.load_state_dict(saved[0])
    resumed.load_state_dict(saved[1])
    assert trajectory(resumed, 20) == expected


def test_a_restored_plateau_goes_on_as_if_nothing_had_happened() -> None:
    optimizer = sgd(1.0)
    scheduler = S.ReduceLROnPlateau(optimizer, patience=3)
    for _ in range(3):
        scheduler.step(1.0)
    state = copy.deepcopy(scheduler.state_dict())
    resumed = S.ReduceLROnPlateau(optimizer, patience=99)
    resumed.load_state_dict(state)
    resumed.step(1.0)
    assert resumed.get_last_lr() == [1.0]
    resumed.step(1.0)
    assert resumed.get_last_lr() == pytest.approx([0.1])


class Halving:
    def __init__(self, factor: float) -> None:
        self.factor = factor

    def __call__(self, epoch: int) -> float:
        return self.factor**epoch


def test_callable_objects_are_saved_by_their_attributes_and_functions_are_not() -> None:
    optimizer = sgd(1.0, groups=2)
    scheduler = S.LambdaLR(optimizer, [Halving(0.5), lambda t: 1.0])
    state = scheduler.state_dict()
    assert state["lr_lambdas"] == [{"factor": 0.5}, None]
    resumed = S.LambdaLR(optimizer, [Halving(0.1), lambda t: 1.0])
    resumed.load_state_dict(state)
    assert resumed.lr_lambdas[0].factor == 0.5


def test_stepping_the_scheduler_first_warns_once() -> None:
    scheduler = S.StepLR(sgd(), 3)
    with pytest.warns(
        UserWarning, match=r"Detected call of `lr_scheduler.step\(\)` before `optimizer.step\(\)`"
    ) as record:
        scheduler.step()
    assert record[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scheduler.step()


def test_the_right_order_does_not_warn() -> None:
    scheduler = S.StepLR(sgd(), 3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        trajectory(scheduler, 5)


def test_an_optimizer_with_a_step_of_its_own_counts_as_stepped() -> None:
    class Own(optim.Optimizer):
        def step(self, closure: Any = None) -> None:
            pass

    scheduler = S.StepLR(Own([lucid.ones(1, requires_grad=True)], {"lr": 1.0}), 3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        trajectory(scheduler, 3)


def test_resuming_needs_the_initial_learning_rates() -> None:
    with pytest.raises(KeyError, match=r"param 'initial_lr' is not specified in param_groups\[0\] when resuming"):
        S.StepLR(sgd(), 3, last_epoch=4)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda o: S.StepLR(3, 1), TypeError, "StepLR: int is not an Optimizer"),
        (lambda o: S.StepLR(o, 0), ValueError, "StepLR: expected positive step_size, got 0"),
        (
            lambda o: S.ConstantLR(o, 1.5),
            ValueError,
            "ConstantLR: multiplicative factor expected to be between 0 and 1, got 1.5",
        ),
        (
            lambda o: S.LinearLR(o, 0.0),
            ValueError,
            "LinearLR: start_factor expected to be greater than 0 and at most 1",
        ),
        (lambda o: S.LinearLR(o, 0.5, 2.0), ValueError, "LinearLR: end_factor expected to be between 0 and 1, got 2.0"),
        (lambda o: S.CosineAnnealingLR(o, 0), ValueError, "CosineAnnealingLR: expected positive T_max, got 0"),
        (
            lambda o: S.LambdaLR(o, [shrinking] * 2),
            ValueError,
            "LambdaLR: lr_lambda must have one value per parameter group: 1",
        ),
        (lambda o: S.LambdaLR(o, 3), TypeError, "LambdaLR: lr_lambda should be a function, but got int"),
        (lambda o: S.OneCycleLR(o, 1.0), ValueError, "OneCycleLR: you must define either total_steps OR"),
        (lambda o: S.OneCycleLR(o, 1.0, 0), ValueError, "OneCycleLR: expected positive integer total_steps, but got 0"),
        (
            lambda o: S.OneCycleLR(o, 1.0, 9, pct_start=2.0),
            ValueError,
            "OneCycleLR: expected pct_start between 0 and 1",
        ),
        (
            lambda o: S.OneCycleLR(o, 1.0, 9, anneal_strategy="x"),
            ValueError,
            "anneal_strategy must be 'cos' or 'linear', got 'x'",
        ),
        (
            lambda o: S.CyclicLR(o, 0.1, 1.0, mode="x"),
            ValueError,
            "CyclicLR: mode must be 'triangular', 'triangular2' or",
        ),
        (lambda o: S.CosineAnnealingWarmRestarts(o, 0), ValueError, "expected positive integer T_0, but got 0"),
        (
            lambda o: S.ReduceLROnPlateau(o, factor=1.0),
            ValueError,
            "ReduceLROnPlateau: factor should be < 1.0, got 1.0",
        ),
        (lambda o: S.ReduceLROnPlateau(o, "x"), ValueError, "ReduceLROnPlateau: mode must be 'min' or 'max', got 'x'"),
        (
            lambda o: S.SequentialLR(o, [], []),
            ValueError,
            "SequentialLR: expects at least one scheduler, but got no scheduler",
        ),
        (
            lambda o: S.SequentialLR(o, [S.StepLR(o, 1)], [3]),
            ValueError,
            "expects one milestone fewer than schedulers, got 1 milestones and 1 schedulers",
        ),
        (
            lambda o: S.ChainedScheduler([S.StepLR(o, 1), S.StepLR(sgd(), 1)]),
            ValueError,
            r"expects all schedulers to belong to the same optimizer, but the one at index 1 \(StepLR\) does not",
        ),
        (lambda o: S.ChainedScheduler([S.ReduceLROnPlateau(o)]), ValueError, "does not support ReduceLROnPlateau"),
    ],
)
def test_messages(make: Callable[[Any], Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        make(sgd())


def test_cycling_a_momentum_that_does_not_exist() -> None:
    optimizer = optim.Optimizer([lucid.ones(1, requires_grad=True)], {"lr": 1.0})
    with pytest.raises(
        ValueError, match="OneCycleLR: optimizer must support momentum or beta1 with cycle_momentum=True"
    ):
        S.OneCycleLR(optimizer, 1.0, total_steps=5)


def test_misused_schedulers_say_so() -> None:
    optimizer = lucid.optim.SGD([lucid.ones(2, requires_grad=True)], lr=0.1)
    scheduler = lucid.optim.lr_scheduler.CosineAnnealingWarmRestarts(optimizer, 3)
    for epoch, kind, message in (
        (float("inf"), ValueError, "CosineAnnealingWarmRestarts: epoch must be finite, got inf"),
        ("2", TypeError, "CosineAnnealingWarmRestarts: epoch must be a number, got '2'"),
    ):
        with pytest.raises(kind) as error:  # type: ignore[var-annotated]
            scheduler.step(epoch)  # type: ignore[arg-type]
        assert str(error.value) == message
    scheduler.step(3 * 2**60 + 1)  # does not take as many turns
    assert scheduler.T_cur == 1
    decay = lucid.optim.lr_scheduler.LambdaLR(optimizer, lambda epoch: 0.5)
    before = dict(decay.__dict__)
    for state, message in (
        ([1], "LambdaLR: load_state_dict expected a dict, got list"),
        ({"last_epoch": "a"}, "LambdaLR: last_epoch must be a number, got 'a'"),
    ):
        with pytest.raises(TypeError) as refused:
            decay.load_state_dict(state)  # type: ignore[arg-type]
        assert str(refused.value) == message and decay.__dict__ == before
