"""Learning rates against PyTorch's, and states exchanged with it."""

from __future__ import annotations

import copy
import math
import warnings
from typing import Any

import pytest
from optim.test_lr_scheduler import EPOCHS, MAKERS, alternating, sgd, trajectory

import lucid
from lucid import optim
from lucid.optim import lr_scheduler as S


@pytest.mark.parity
@pytest.mark.parametrize("name", MAKERS)
def test_same_as_pytorch(name: str) -> None:
    torch = pytest.importorskip("torch")
    ours = optim.SGD([{"params": [lucid.ones(1, requires_grad=True)], "lr": lr} for lr in (0.5, 0.125)], 0.5, 0.9)
    theirs = torch.optim.SGD(
        [{"params": [torch.ones(1, requires_grad=True)], "lr": lr} for lr in (0.5, 0.125)], 0.5, 0.9
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        a, b = MAKERS[name](S, ours), MAKERS[name](torch.optim.lr_scheduler, theirs)
        for _ in range(EPOCHS):
            assert [float(x) for x in a.get_last_lr()] == pytest.approx(b.get_last_lr(), rel=1e-12, abs=1e-16)
            momenta = [[g["momentum"] for g in o.param_groups] for o in (ours, theirs)]
            assert momenta[0] == pytest.approx(momenta[1], rel=1e-12)
            ours.step(), theirs.step()
            a.step(), b.step()
            if name.startswith("OneCycleLR three") and a.last_epoch == EPOCHS - 1:
                break


@pytest.mark.parity
@pytest.mark.parametrize(
    "name", ["StepLR", "CosineAnnealingLR", "LinearLR", "ExponentialLR", "LambdaLR", "MultiStepLR"]
)
def test_resuming_by_last_epoch_is_the_same_as_in_pytorch(name: str) -> None:
    torch = pytest.importorskip("torch")
    results = []
    for module, x, package in ((S, lucid.ones(1, requires_grad=True), optim),
                               (torch.optim.lr_scheduler, torch.ones(1, requires_grad=True), torch.optim)):  # fmt: skip
        optimizer = package.SGD([{"params": [x], "initial_lr": 0.5}], lr=0.3)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            make = {
                "StepLR": lambda m, o: m.StepLR(o, 7, 0.3, 6),
                "MultiStepLR": lambda m, o: m.MultiStepLR(o, [3, 7, 9], 0.3, 6),
                "CosineAnnealingLR": lambda m, o: m.CosineAnnealingLR(o, 10, 0.0, 6),
                "LinearLR": lambda m, o: m.LinearLR(o, 0.25, 1.0, 10, 6),
                "ExponentialLR": lambda m, o: m.ExponentialLR(o, 0.9, 6),
                "LambdaLR": lambda m, o: m.LambdaLR(o, alternating, 6),
            }[name]
            results.append(trajectory(make(module, optimizer), 5))
    assert results[0] == [pytest.approx(values, rel=1e-12) for values in results[1]]


@pytest.mark.parity
@pytest.mark.parametrize(
    "options", [{}, {"mode": "max", "threshold_mode": "abs", "patience": 2, "cooldown": 3, "eps": 1e-3}]
)
def test_plateau_is_the_same_as_in_pytorch(options: dict[str, Any]) -> None:
    torch = pytest.importorskip("torch")
    ours, theirs = sgd(0.5), torch.optim.SGD([torch.ones(1, requires_grad=True)], lr=0.5)
    a, b = S.ReduceLROnPlateau(ours, **options), torch.optim.lr_scheduler.ReduceLROnPlateau(theirs, **options)
    for t in range(EPOCHS):
        metric = abs(math.sin(t * t)) + 3 / (1 + t)
        a.step(metric), b.step(metric)
        assert a.get_last_lr() == pytest.approx(b.get_last_lr(), rel=1e-12)
        assert (a.num_bad_epochs, a.cooldown_counter, a.best) == (b.num_bad_epochs, b.cooldown_counter, b.best)


def test_noam_warms_up_and_falls_with_the_root_of_the_step() -> None:
    optimizer = optim.SGD([{"params": [lucid.ones(1, requires_grad=True)]} for _ in range(2)], lr=0.5)
    scheduler = S.NoamScheduler(optimizer, model_size=16, warmup_steps=30, factor=2.0)
    for t in [1, *range(1, EPOCHS)]:
        expected = 2.0 / 4 * (t / 30**1.5 if t < 30 else t**-0.5)
        assert scheduler.get_last_lr() == pytest.approx([expected] * 2, rel=1e-12)
        optimizer.step()
        scheduler.step()
    with pytest.raises(ValueError, match="NoamScheduler: expected positive warmup_steps, got 0"):
        S.NoamScheduler(optimizer, 16, 0)


@pytest.mark.parity
@pytest.mark.parametrize("name", [name for name in MAKERS if name not in ("LambdaLR", "MultiplicativeLR")])
def test_states_are_exchanged_with_pytorch(name: str) -> None:
    """Each library goes on from the state dicts of the other."""
    torch = pytest.importorskip("torch")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pairs = []
        for module, schedulers in ((lucid, S), (torch, torch.optim.lr_scheduler)):
            for _ in range(2):  # one to save, one to load into
                optimizer = module.optim.SGD([module.ones(1, requires_grad=True)], 0.5, 0.9)
                pairs.append((optimizer, MAKERS[name](schedulers, optimizer)))
        for optimizer, scheduler in (pairs[0], pairs[2]):
            for _ in range(37):
                optimizer.step(), scheduler.step()
        for (o, s), (saved_o, saved_s) in ((pairs[1], pairs[2]), (pairs[3], pairs[0])):
            s.load_state_dict(copy.deepcopy(saved_s.state_dict()))
            o.load_state_dict(copy.deepcopy(saved_o.state_dict()))
        for _ in range(60):
            seen = [[*(float(x) for x in s.get_last_lr()), o.param_groups[0]["momentum"]] for o, s in pairs]
            for other in seen[1:]:
                assert other == pytest.approx(seen[0], rel=1e-11, abs=1e-16)
            for o, s in pairs:
                o.step(), s.step()
