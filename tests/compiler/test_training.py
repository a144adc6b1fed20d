"""Compiled training steps against the same steps run eagerly, bit by bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from compiler.training_nets import BATCH, CLASSES, NETS, OPTIMIZERS, Run

import lucid
from lucid import nn

STEPS = 20


def assert_same(a: Run, b: Run) -> None:
    left, right = a.bits(), b.bits()
    right["generator"] = left["generator"]  # of the process: compared where both have drawn as much
    assert left.keys() == right.keys()
    assert [k for k in left if left[k] != right[k]] == []


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("net", NETS)
def test_the_bits_of_eager_steps(net: str, optimizer: str) -> None:
    eager = Run(net, optimizer, False)
    want = eager.train(STEPS)
    bits = eager.bits()
    compiled = Run(net, optimizer, True)
    assert compiled.train(STEPS) == want
    got = compiled.bits()
    assert got.keys() == bits.keys()
    assert [k for k in bits if got[k] != bits[k]] == []
    assert want[-1] != want[0] and compiled.step.refreshes == 0


@pytest.mark.parametrize("net", NETS)
def test_bits_do_not_depend_on_threads(net: str) -> None:
    before, found = lucid.get_num_threads(), []
    try:
        for threads in (1, 2, 3, 8):
            lucid.set_num_threads(threads)
            run = Run(net, "Adam", True)
            run.train(5)
            found.append(run.bits())
    finally:
        lucid.set_num_threads(before)
    assert all(each == found[0] for each in found[1:])


def test_clipping() -> None:
    eager, compiled = Run("mlp", "SGD", False, max_norm=0.1), None
    eager.train(5)
    compiled = Run("mlp", "SGD", True, max_norm=0.1)
    compiled.train(5)
    assert_same(eager, compiled)
    norm = sum(float((p.grad * p.grad).sum()) for p in compiled.net.parameters()) ** 0.5
    assert norm == pytest.approx(0.1, rel=1e-4)


def pair(net: str, optimizer: str = "SGD") -> tuple[Run, Run]:
    return Run(net, optimizer, False), Run(net, optimizer, True)


def test_hyperparameters_are_read_in_every_step() -> None:
    runs = pair("shared", "Adam")
    for run in runs:
        lucid.manual_seed(1)
        scheduler = lucid.optim.lr_scheduler.StepLR(run.optimizer, 2, 0.5)
        for _ in range(6):
            run.train(1)
            scheduler.step()
        run.optimizer.param_groups[0]["betas"] = (0.5, 0.9)
        run.train(2)
    assert runs[0].optimizer.param_groups[0]["lr"] == 0.01 * 0.5**3
    assert_same(*runs)
    assert runs[1].step.refreshes == 0


def test_parameters_changed_from_outside_are_seen() -> None:
    runs = pair("cnn")
    for run in runs:
        lucid.manual_seed(1)
        run.train(2)
        with lucid.no_grad():
            run.net[0].weight.mul_(0.5)
        run.net[0].bias.detach().numpy()[:] = 0.25  # invisible to every counter
        run.train(2)
        run.net[-1].weight.data = lucid.ones(CLASSES, 16)  # other memory
        run.train(2)
        run.net[1].running_mean.zero_()
        run.train(1)
    assert_same(*runs)
    assert runs[1].step.refreshes == 0


def test_states_are_saved_and_loaded() -> None:
    a, b = Run("cnn", "Adam", True), Run("cnn", "Adam", True, seed=5)
    a.train(3)
    b.train(2)
    b.net.load_state_dict(a.net.state_dict())
    b.optimizer.load_state_dict(a.optimizer.state_dict())
    b.x = a.x
    for run in (a, b):
        lucid.manual_seed(2)
        run.train(3)
    assert_same(a, b)


def test_changes_of_the_model_start_anew() -> None:
    runs = pair("mlp")
    for run in runs:
        lucid.manual_seed(1)
        run.train(2)
        run.net[0].weight.requires_grad_(False)  # frozen
        run.train(2)
        run.net.eval()  # no dropout
        run.train(2)
        run.net.train()
        run.net[2].p = 0.6
        run.train(2)
        run.net[1] = nn.Mish()
        run.train(2)
    assert runs[0].net[0].weight.grad is None
    assert_same(*runs)


def test_other_shapes_have_plans_of_their_own() -> None:
    runs = pair("cnn", "AdamW")
    for run in runs:
        lucid.manual_seed(1)
        for n in (BATCH, 5, BATCH, 7, 5):
            run.step(run.x[:n], run.y[:n])
    assert_same(*runs)
    assert len(runs[1].step._plans) == 3


def test_groups_added_later() -> None:
    runs = []
    for compiled in (False, True):
        run = Run("mlp", "SGD", compiled)
        parameters = list(run.net.parameters())
        run.optimizer = lucid.optim.SGD(parameters[:4], 0.1)
        if compiled:
            run.step = lucid.compile_step(run.net, run.criterion, run.optimizer)
        lucid.manual_seed(1)
        run.train(2)
        run.optimizer.add_param_group({"params": parameters[4:], "lr": 0.01})
        for p in parameters:
            p.grad = None
        run.train(2)
        runs.append(run)
    assert_same(*runs)


def test_only_what_the_optimizer_holds_gets_gradients() -> None:
    run = Run("mlp", "SGD", False)
    optimizer = lucid.optim.SGD(run.net[-1].parameters(), 0.1)
    lucid.compile_step(run.net, run.criterion, optimizer)(run.x, run.y)
    assert [name for name, p in run.net.named_parameters() if p.grad is not None] == ["7.weight", "7.bias"]


def test_unused_parameters_have_no_gradient() -> None:
    net = nn.ModuleDict({"used": nn.Linear(3, 2), "unused": nn.Linear(3, 2)})
    optimizer = lucid.optim.SGD(net.parameters(), 0.1, momentum=0.9, weight_decay=0.5)
    before = net["unused"].weight.tolist()
    step = lucid.compile_step(lambda x: net["used"](x).square().sum(), None, optimizer)
    for _ in range(3):
        step(lucid.ones(4, 3))
    assert net["unused"].weight.grad is None and net["unused"].weight.tolist() == before


def test_a_model_that_returns_the_loss_and_more() -> None:
    net = nn.Linear(3, 2)
    step = lucid.compile_step(lambda x: {"loss": net(x).square().mean(), "y": net(x), "x": x}, None,
                              lucid.optim.SGD(net.parameters(), 0.1))  # fmt: skip
    x = lucid.randn(4, 3)
    want = net(x).detach().numpy()
    found = step(x)
    assert list(found) == ["loss", "y", "x"] and not any(t.requires_grad for t in found.values())
    np.testing.assert_array_equal(found["y"].numpy(), want)
    found["x"].zero_()
    assert x.abs().sum() > 0  # results share memory with nothing


@pytest.mark.parametrize("criterion", [nn.MSELoss(), nn.L1Loss(reduction="sum"), nn.SmoothL1Loss(), nn.BCEWithLogitsLoss(),
                                       nn.CrossEntropyLoss(lucid.rand(CLASSES)), nn.NLLLoss()])  # fmt: skip
def test_criteria(criterion: Any) -> None:
    found = []
    for compiled in (False, True):
        run = Run("shared", "plain SGD", compiled)
        run.criterion = criterion
        if not isinstance(criterion, (nn.CrossEntropyLoss, nn.NLLLoss)):
            run.y = lucid.rand(BATCH, CLASSES, generator=lucid.Generator().manual_seed(3))
        if compiled:
            run.step = lucid.compile_step(run.net, criterion, run.optimizer)
        run.train(4)
        found.append(run.bits())
    assert found[0] == found[1]


def test_targets_are_checked_in_every_step() -> None:
    run = Run("mlp", "SGD", True)
    run.train(1)
    before = run.bits()
    run.y[3] = 9
    with pytest.raises(IndexError, match="cross_entropy: target 9 at position 3 is out of range for 5 classes"):
        run.train(1)
    after = run.bits()
    assert [k for k in before if before[k] != after[k]] == ["generator"]


def test_half_precision_runs_as_it_does_eagerly() -> None:
    found = []
    for compiled in (False, True):
        run = Run("mlp", "SGD", compiled)
        run.net.to(lucid.bfloat16)
        run.x = run.x.to(lucid.bfloat16)
        run.train(3)
        found.append([p.detach().float().numpy().tobytes() for p in run.net.parameters()])
    assert found[0] == found[1]


def test_hooks_of_the_optimizer_run() -> None:
    run = Run("mlp", "Adam", True)
    norms = []
    run.optimizer.register_step_pre_hook(lambda o, *_: norms.append(float(run.net[0].weight.grad.abs().sum())))
    run.train(3)
    assert len(norms) == 3 and all(n > 0 for n in norms)


def test_explain(capsys: pytest.CaptureFixture[str]) -> None:
    run = Run("mlp", "SGD", True)
    run.train(1)
    run.step.explain()
    text = capsys.readouterr().out
    assert text.startswith("<lucid.compile_step of Sequential with SGD, 1 plans>, refreshed 0 times\ndef step(")
    assert "relu(" in text and "silu_backward(" in text


def test_lazy_modules() -> None:
    net = nn.Sequential(nn.LazyLinear(4), nn.ReLU(), nn.Linear(4, 2))
    step = lucid.compile_step(net, nn.MSELoss(), lucid.optim.SGD(net.parameters(), 0.1))
    losses = [step(lucid.ones(4, 3), lucid.zeros(4, 2)).item() for _ in range(4)]
    assert losses[3] < losses[0] and net[0].weight.shape == (4, 3)
