"""Compiled training steps against the same steps run eagerly, bit by bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from compiler.training_nets import BATCH, CLASSES, NETS, OPTIMIZERS, Run

import lucid
from lucid import nn
from lucid.compiler import TraceError

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


# What is refused


def refused(function: Any, match: str, *args: Any, error: Any = TraceError, module: Any = None) -> None:
    w = nn.Parameter(lucid.ones(3))
    optimizer = lucid.optim.SGD([w], 0.1)
    args = args or (lucid.ones(4, 3),)
    with pytest.raises(error, match=match):
        lucid.compile_step(lambda *a: function(w, *a), None, optimizer)(*args)
    assert w.tolist() == [1.0, 1.0, 1.0] and w.grad is None and type(w) is nn.Parameter
    function(w, *args)


def test_reading_values_is_refused() -> None:
    refused(lambda w, x: (w * x).sum() * float(x.sum()), r"item \(.*reads the values|reads the values of a tensor")
    refused(lambda w, x: (w * x).sum() * (2 if w.sum() > 0 else 1), "reads the values of a tensor computed")
    refused(lambda w, x: (w * x).sum() * w.detach().numpy()[0], "reads the values of a tensor computed")
    refused(lambda w, x: (w * x[x > 0]).sum() if False else (w * x)[x > 0].sum(), "picks by a mask")


def test_strange_writes_are_refused() -> None:
    def write(w: Any, x: Any) -> Any:
        with lucid.no_grad():
            w.mul_(1.0)
        return (w * x).sum()

    refused(write, "mul_.* writes to")
    other = lucid.zeros(3)

    def remember(w: Any, x: Any) -> Any:
        other.add_(1)
        return (w * x).sum()

    refused(remember, "add_.* writes to")


def test_other_refusals() -> None:
    class Double(lucid.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            return x * 2

        @staticmethod
        def backward(ctx: Any, dy: Any) -> Any:
            return dy * 2

    def hooked(w: Any, x: Any) -> Any:
        y = w * x
        y.register_hook(lambda g: g * 2)
        return y.sum()

    refused(lambda w, x: Double.apply(w * x).sum(), "Double.* is an autograd function of its own")
    refused(hooked, "a hook on the gradient of MulBackward would not be called")
    refused(lambda w, x: (w * x * lucid.bernoulli(lucid.full((3,), 0.5))).sum(), "random|reads the values")

    def reseed(w: Any, x: Any) -> Any:
        lucid.manual_seed(0)
        return (w * lucid.randn(3) + lucid.manual_seed(1).initial_seed() * lucid.rand(3)).sum()

    refused(reseed, "from a generator that the model itself seeds")
    refused(lambda w, x: x.sum(), "the loss does not require grad", error=RuntimeError)
    stranger = lucid.ones(3, requires_grad=True)
    refused(lambda w, x: (w * x * stranger).sum(), "neither a parameter of the model nor of the optimizer")


def test_attributes_are_refused() -> None:
    class Counting(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner, self.calls = nn.Linear(3, 2), 0

        def forward(self, x: Any) -> Any:
            self.calls += 1
            return self.inner(x)

    net = Counting()
    optimizer = lucid.optim.SGD(net.parameters(), 0.1)
    with pytest.raises(TraceError, match="a call changes attribute 'calls' of Counting"):
        lucid.compile_step(net, nn.MSELoss(), optimizer)(lucid.ones(4, 3), lucid.zeros(4, 2))
    assert net.calls == 0
    step = lucid.compile_step(net, nn.MSELoss(), optimizer, fallback=True)
    losses = [step(lucid.ones(4, 3), lucid.zeros(4, 2)).item() for _ in range(5)]
    assert net.calls == 5 and losses[-1] < losses[0]


def test_buffers_of_all_kinds() -> None:
    class Moving(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = nn.Linear(3, 2)
            self.register_buffer("average", lucid.zeros(2))

        def forward(self, x: Any) -> Any:
            y = self.inner(x)
            self.average.mul_(0.9).add_(y.detach().mean(0), alpha=0.1)
            return y - self.average

    found = []
    for compiled in (False, True):
        lucid.manual_seed(0)
        net = Moving()
        optimizer = lucid.optim.SGD(net.parameters(), 0.1)
        step = lucid.compile_step(net, nn.MSELoss(), optimizer)
        x = lucid.randn(4, 3)
        for _ in range(4):
            if compiled:
                step(x, lucid.zeros(4, 2))
            else:
                optimizer.zero_grad()
                nn.MSELoss()(net(x), lucid.zeros(4, 2)).backward()
                optimizer.step()
        found.append([v.numpy().tobytes() for v in net.state_dict().values()])
    assert found[0] == found[1]


def test_gradients_share_memory_with_nothing() -> None:
    a, b = nn.Parameter(lucid.tensor(0.5)), nn.Parameter(lucid.tensor(2.0))
    step = lucid.compile_step(lambda x: x.sum() + a + b, None, lucid.optim.SGD([a, b], 0.0), max_norm=0.5)
    for _ in range(3):
        step(lucid.ones(2))
        assert a.grad.item() == b.grad.item() == pytest.approx(0.5 / 2**0.5, rel=1e-5)
    assert not np.shares_memory(a.grad._data, b.grad._data)


def test_buffers_over_the_same_memory_are_refused() -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = nn.Linear(3, 3)
            self.register_buffer("a", lucid.zeros(3))
            self.register_buffer("b", self.a.detach())

        def forward(self, x: Any) -> Any:
            self.a.add_(1)
            return self.inner(x) + self.b

    net = Twice()
    with pytest.raises(TraceError, match="writes to a buffer that shares its memory"):
        lucid.compile_step(net, nn.MSELoss(), lucid.optim.SGD(net.parameters(), 0.1))(
            lucid.ones(4, 3), lucid.ones(4, 3)
        )
    assert net.a.tolist() == [0.0] * 3


def test_arguments() -> None:
    net = nn.Linear(3, 2)
    optimizer = lucid.optim.SGD(net.parameters(), 0.1)
    with pytest.raises(TypeError, match="compile_step: expected a module or a function as model, got int"):
        lucid.compile_step(3, None, optimizer)
    with pytest.raises(TypeError, match="compile_step: expected a module, a function or None as criterion, got str"):
        lucid.compile_step(net, "mse", optimizer)
    with pytest.raises(TypeError, match="compile_step: expected an optimizer, got list"):
        lucid.compile_step(net, None, list(net.parameters()))
    with pytest.raises(ValueError, match="compile_step: plans must be a positive integer, got 0"):
        lucid.compile_step(net, None, optimizer, plans=0)
    with pytest.raises(ValueError, match="compile_step: max_norm must be positive, got -1"):
        lucid.compile_step(net, None, optimizer, max_norm=-1)
    with pytest.raises(RuntimeError, match="explain: there is no plan yet"):
        lucid.compile_step(net, None, optimizer).explain()
    step = lucid.compile_step(net, nn.MSELoss(), optimizer)
    with pytest.raises(RuntimeError, match="compile_step: an input requires grad"):
        step(lucid.ones(4, 3, requires_grad=True), lucid.zeros(4, 2))


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


# Modules whose results have gradients


@pytest.mark.parametrize("net", NETS)
def test_compiled_modules_give_the_bits_of_eager_ones(net: str) -> None:
    found = []
    for compiled in (False, True):
        run = Run(net, "Adam", False)
        call = lucid.compile(run.net, train=True) if compiled else run.net
        for _ in range(5):
            run.optimizer.zero_grad()
            y = call(run.x)
            if net != "shared":  # where two calls would sum gradients in another order
                y = y + call(run.x)
            loss = run.criterion(y, run.y) + 0.1 * y.square().mean()
            loss.backward()
            run.optimizer.step()
        found.append(run.bits())
    assert found[0] == found[1]


class Two(nn.Module):
    """Two results with gradients and one without."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.left, self.right = nn.Linear(3, 4), nn.Linear(4, 2), nn.Linear(4, 2)

    def forward(self, x: Any, double: bool = False) -> Any:
        h = self.body(x).tanh()
        return {"left": self.left(h) * (2 if double else 1), "right": self.right(h), "h": h.detach(), "n": 3}


def test_inputs_results_and_parts_of_them() -> None:
    net = Two()
    compiled = lucid.compile(net, train=True)
    for parts in (("left", "right"), ("left",), ("right",)):
        for double in (False, True):
            grads = []
            for call in (net, compiled):
                net.zero_grad()
                x = lucid.ones(2, 3, requires_grad=True)
                y = call(x * 1, double=double)
                assert list(y) == ["left", "right", "h", "n"] and y["n"] == 3 and not y["h"].requires_grad
                lucid.autograd.backward([y[part].sum() for part in parts])
                grads.append([None if p.grad is None else p.grad.tolist() for p in (x, *net.parameters())])
            assert grads[0] == grads[1]
            assert (grads[1][4] is None) == ("left" not in parts)


def test_compiled_modules_without_gradients() -> None:
    net = NETS["mlp"][0]().eval()
    compiled, x = lucid.compile(net, train=True), lucid.randn(4, 12)
    with lucid.no_grad():
        y = compiled(x)
    assert not y.requires_grad and y.tolist() == net(x).tolist()
    assert compiled(x).grad_fn is not None and compiled.training is False
    for p in net.parameters():
        p.requires_grad_(False)
    assert compiled(x).grad_fn is None


def test_gradients_of_compiled_modules_obey_the_rules_of_autograd() -> None:
    net = nn.Sequential(nn.Linear(3, 3), nn.Sigmoid())
    compiled, x = lucid.compile(net, train=True), lucid.randn(4, 3)
    y = compiled(x)
    y.sum().backward(retain_graph=True)
    once = net[0].weight.grad.clone()
    y.sum().backward()
    assert net[0].weight.grad.tolist() == (once + once).tolist()
    with pytest.raises(RuntimeError, match="backward through the graph a second time"):
        y.sum().backward()
    y = compiled(x)
    y.detach().zero_()  # the result is the caller's alone
    compiled(x).sum().backward()
    y = compiled(x * lucid.ones(1, requires_grad=True))
    with pytest.raises(RuntimeError, match="cannot be differentiated again"):
        lucid.autograd.grad(y.sum(), net[0].weight, create_graph=True)
    with lucid.no_grad():
        net[0].weight.mul_(2.0)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.sum().backward()


def test_compiling_functions_for_training_is_refused() -> None:
    with pytest.raises(TypeError, match="compile: train=True expects a module, got function; see compile_step"):
        lucid.compile(lambda x: x, train=True)
