"""What all optimizers share: groups, validation, hooks, saving."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import lucid
from lucid import optim

rng = np.random.default_rng(3)


def leaf(*shape: int) -> Any:
    return lucid.tensor(rng.standard_normal(shape), requires_grad=True)


MAKERS: dict[str, Callable[..., optim.Optimizer]] = {
    "sgd": lambda p: optim.SGD(p, 0.05),
    "momentum": lambda p: optim.SGD(p, 0.05, momentum=0.9, dampening=0.1, weight_decay=0.01),
    "nesterov": lambda p: optim.SGD(p, 0.05, momentum=0.9, nesterov=True),
    "adam": lambda p: optim.Adam(p, 0.05),
    "amsgrad": lambda p: optim.Adam(p, 0.05, amsgrad=True, weight_decay=0.01),
    "adamw": lambda p: optim.AdamW(p, 0.05),
    "rmsprop": lambda p: optim.RMSprop(p, 0.01),
    "rmsprop all": lambda p: optim.RMSprop(p, 0.01, momentum=0.5, centered=True),
}


def loss_of(params: list[Any]) -> Any:
    return sum(((p - 3) ** 2 * (i + 1)).sum() for i, p in enumerate(params))


def run(optimizer: optim.Optimizer, params: list[Any], steps: int) -> None:
    for _ in range(steps):
        optimizer.zero_grad()
        loss_of(params).backward()
        optimizer.step()


@pytest.mark.parametrize("name", MAKERS)
def test_finds_the_minimum_of_a_quadratic(name: str) -> None:
    params = [leaf(3, 2), leaf(1), leaf()]
    run(MAKERS[name](params), params, 800)
    tolerance = 0.1 if name in ("momentum", "amsgrad", "adamw") else 0.02  # weight decay pulls towards 0
    for p in params:
        np.testing.assert_allclose(p.detach().numpy(), 3, atol=tolerance)


@pytest.mark.parametrize("name", MAKERS)
def test_a_restored_optimizer_goes_on_as_if_nothing_had_happened(name: str) -> None:
    params = [leaf(3, 2), leaf(40)]
    optimizer = MAKERS[name](params)
    run(optimizer, params, 7)
    values = [p.detach().numpy().copy() for p in params]
    saved = pickle.loads(pickle.dumps(optimizer.state_dict()))
    run(optimizer, params, 7)

    others = [lucid.tensor(v, requires_grad=True) for v in values]
    resumed = MAKERS[name](others)
    for group in resumed.param_groups:
        group["lr"] = 99.0
    resumed.load_state_dict(saved)
    run(resumed, others, 7)
    for p, q in zip(params, others):
        np.testing.assert_array_equal(q.detach().numpy(), p.detach().numpy())


@pytest.mark.parametrize("name", MAKERS)
def test_a_pickled_optimizer_keeps_its_state(name: str) -> None:
    params = [leaf(4)]
    optimizer = MAKERS[name](params)
    run(optimizer, params, 3)
    again = pickle.loads(pickle.dumps(optimizer))
    (copied,) = again.param_groups[0]["params"]
    assert copied is not params[0] and list(again.state) == (
        [copied] if optimizer.state[params[0]] else list(again.state)
    )
    run(optimizer, params, 3)
    run(again, [copied], 3)
    np.testing.assert_array_equal(copied.detach().numpy(), params[0].detach().numpy())


def test_the_state_dict_has_the_layout_of_pytorch() -> None:
    a, b, c = leaf(2), leaf(3), leaf(4)
    optimizer = optim.Adam([{"params": [a, b]}, {"params": [c], "lr": 0.5}], lr=0.25)
    run(optimizer, [a, c], 2)
    saved = optimizer.state_dict()
    assert list(saved) == ["state", "param_groups"]
    assert sorted(saved["state"]) == [0, 2]
    assert sorted(saved["state"][0]) == ["exp_avg", "exp_avg_sq", "step"]
    assert saved["state"][0]["step"].dtype is lucid.float32 and saved["state"][0]["step"].shape == ()
    assert saved["state"][0]["step"].item() == 2
    assert saved["state"][2]["exp_avg"].shape == (4,) and saved["state"][2]["exp_avg"].dtype is lucid.float64
    assert [g["params"] for g in saved["param_groups"]] == [[0, 1], [2]]
    assert [g["lr"] for g in saved["param_groups"]] == [0.25, 0.5]
    assert list(saved["param_groups"][0]) == [
        "lr", "betas", "eps", "weight_decay", "amsgrad", "maximize", "foreach", "capturable", "differentiable", "fused",
        "decoupled_weight_decay", "params",
    ]  # fmt: skip


def test_loading_copies_and_converts() -> None:
    a = leaf(3)
    optimizer = optim.SGD([a], 0.1, momentum=0.9)
    run(optimizer, [a], 1)
    saved = optimizer.state_dict()
    small = lucid.zeros(3, requires_grad=True)
    other = optim.SGD([small], 0.1, momentum=0.9)
    other.load_state_dict(saved)
    buffer = other.state[small]["momentum_buffer"]
    assert buffer.dtype is lucid.float32
    before = buffer.tolist()
    run(optimizer, [a], 1)
    assert buffer.tolist() == before


def test_loading_arrays_and_old_groups() -> None:
    a = leaf(2)
    optimizer = optim.AdamW([a])
    state = {"step": 3, "exp_avg": np.ones(2), "exp_avg_sq": np.ones(2)}
    optimizer.load_state_dict({"state": {0: state}, "param_groups": [{"lr": 0.5, "params": [0]}]})
    group = optimizer.param_groups[0]
    assert (group["lr"], group["weight_decay"], group["decoupled_weight_decay"]) == (0.5, 1e-2, True)
    run(optimizer, [a], 1)
    assert optimizer.state[a]["step"].item() == 4


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda s: s["param_groups"].append(s["param_groups"][0]),
            "a different number of parameter groups: 2, expected 1",
        ),
        (
            lambda s: s["param_groups"][0]["params"].append(1),
            "a parameter group that doesn't match the size of optimizer's group: group 0 has 2 parameters, expected 1",
        ),
        (
            lambda s: s["state"][0].update(exp_avg=lucid.ones(7)),
            r"Adam: loaded exp_avg of parameter 0 has shape \(7,\), expected \(2,\)",
        ),
    ],
)
def test_loading_something_else(change: Callable[[Any], Any], message: str) -> None:
    a = leaf(2)
    optimizer = optim.Adam([a])
    run(optimizer, [a], 1)
    before = optimizer.state[a]["exp_avg"]
    saved = copy.deepcopy(optimizer.state_dict())
    change(saved)
    with pytest.raises(ValueError, match=message):
        optimizer.load_state_dict(saved)
    assert optimizer.state[a]["exp_avg"] is before


def test_loading_what_no_optimizer_saved() -> None:
    optimizer = optim.Adam([leaf(2)])
    with pytest.raises(KeyError, match="Adam: not the state dict of an optimizer: it has no entry 'state'"):
        optimizer.load_state_dict(dict(lucid.nn.Linear(1, 1).state_dict()))
    with pytest.raises(TypeError, match="Adam: load_state_dict expected a dict, got str"):
        optimizer.load_state_dict("model.pt")  # type: ignore[arg-type]


def test_parameters_without_a_gradient_are_left_alone() -> None:
    a, b = leaf(2), leaf(2)
    optimizer = optim.Adam([a, b])
    before = b.tolist()
    loss_of([a]).backward()
    optimizer.step()
    assert b.tolist() == before and b not in optimizer.state


def test_a_parameter_may_get_its_first_gradient_late() -> None:
    a, b = leaf(2), leaf(2)
    optimizer = optim.SGD([a, b], 0.1, momentum=0.9, dampening=0.5)
    run(optimizer, [a], 2)
    run(optimizer, [a, b], 1)
    np.testing.assert_array_equal(optimizer.state[b]["momentum_buffer"].numpy(), b.grad.numpy())


@pytest.mark.parametrize("name", MAKERS)
def test_views_in_odd_layouts_are_updated_like_contiguous_ones(name: str) -> None:
    values = rng.standard_normal((6, 4))
    plain = lucid.tensor(values, requires_grad=True)
    odd = lucid.from_numpy(np.asfortranarray(values)).requires_grad_()
    assert not odd.is_contiguous()
    for p in (plain, odd):
        run(MAKERS[name]([p]), [p], 4)
    np.testing.assert_allclose(odd.detach().numpy(), plain.detach().numpy(), rtol=1e-14)


def test_a_step_is_noticed_by_graphs_that_saved_the_parameter() -> None:
    w = leaf(2)
    optimizer = optim.SGD([w], 0.1)
    loss = (w * w).sum()
    w.grad = lucid.ones(2, dtype=lucid.float64)
    optimizer.step()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


def test_zero_grad() -> None:
    a, b = leaf(2), leaf(2)
    optimizer = optim.SGD([a, b], 0.1)
    loss_of([a]).backward()
    optimizer.zero_grad(set_to_none=False)
    assert a.grad.tolist() == [0.0, 0.0] and b.grad is None
    optimizer.zero_grad()
    assert a.grad is None


def test_a_closure_is_evaluated_with_gradients_and_its_loss_returned() -> None:
    w = leaf(2)
    optimizer = optim.SGD([w], 0.1)

    def closure() -> Any:
        optimizer.zero_grad()
        loss = loss_of([w])
        loss.backward()
        return loss

    with lucid.no_grad():
        first, second = optimizer.step(closure), optimizer.step(closure)
    assert second.item() < first.item()


def test_hooks_run_around_every_step_and_can_be_removed() -> None:
    w = leaf(2)
    optimizer = optim.SGD([w], 0.1)
    calls: list[str] = []
    before = optimizer.register_step_pre_hook(lambda o, args, kwargs: calls.append("before"))
    optimizer.register_step_post_hook(lambda o, args, kwargs: calls.append("after"))
    optimizer.step()
    before.remove()
    optimizer.step()
    assert calls == ["before", "after", "after"]


def test_hooks_run_once_around_a_subclass_that_calls_super() -> None:
    class Louder(optim.SGD):
        def step(self, closure: Any = None) -> Any:
            calls.append("own")
            return super().step(closure)

    calls: list[str] = []
    optimizer = Louder([leaf(2)], 0.1)
    optimizer.register_step_pre_hook(lambda o, args, kwargs: calls.append("before"))
    optimizer.step()
    assert calls == ["before", "own"]


def test_named_parameters_keep_their_names() -> None:
    a, b = leaf(1), leaf(2)
    optimizer = optim.SGD([("a", a), ("b", b)], 0.1)
    assert optimizer.param_groups[0]["params"] == [a, b] or optimizer.param_groups[0]["params"][1] is b
    assert optimizer.state_dict()["param_groups"][0]["param_names"] == ["a", "b"]
    with pytest.raises(
        ValueError, match="SGD: all optimizer params should be with or without names; only some are named"
    ):
        optim.SGD([("a", a), b], 0.1)


def test_printing_lists_the_hyperparameters_of_every_group() -> None:
    optimizer = optim.SGD([{"params": [leaf(1)]}, {"params": [leaf(2)], "lr": 0.5}], lr=0.25, momentum=0.9)
    lines = str(optimizer).split("\n")
    assert lines[:2] == ["SGD (", "Parameter Group 0"]
    assert "    lr: 0.25" in lines and "    lr: 0.5" in lines and "Parameter Group 1" in lines
    assert lines[2:4] == ["    dampening: 0", "    differentiable: False"] and lines[-1] == ")"


def test_added_groups_are_trained_with_their_own_learning_rate() -> None:
    a, b = lucid.ones(1, requires_grad=True), lucid.ones(1, requires_grad=True)
    optimizer = optim.SGD([a], lr=0.25)
    optimizer.add_param_group({"params": b, "lr": 0.5})
    (a + b).sum().backward()
    optimizer.step()
    assert a.tolist() == [0.75] and b.tolist() == [0.5]


shared = leaf(2)


@pytest.mark.parametrize(
    ("params", "error", "message"),
    [
        ([], ValueError, "optimizer got an empty parameter list"),
        (shared, TypeError, "SGD: params argument given to the optimizer should be an iterable of Tensors or dicts"),
        ({shared}, TypeError, "optimizer parameters need to be organized in ordered collections"),
        ([1.0], TypeError, "SGD: optimizer can only optimize Tensors, but one of the params is float"),
        ([shared * 2], ValueError, r"SGD: can't optimize a non-leaf Tensor \(shape \(2,\)\)"),
        ([shared, shared], ValueError, "SGD: optimizer contains a parameter group with duplicate parameters"),
        (
            [{"params": [shared]}, {"params": [shared]}],
            ValueError,
            "some parameters appear in more than one parameter group",
        ),
        ([{"params": [shared]}, 3], TypeError, "SGD: param group must be a dict, but got int"),
    ],
)
def test_messages_about_parameters(params: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        optim.SGD(params, 0.1)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda p: optim.SGD(p, -1), ValueError, "Invalid learning rate: -1"),
        (lambda p: optim.SGD(p, float("nan")), ValueError, "Invalid learning rate: nan"),
        (lambda p: optim.SGD(p, lucid.ones(2)), ValueError, r"SGD: Tensor lr must be 1-element, got shape \(2,\)"),
        (lambda p: optim.SGD(p, 1, momentum=-0.5), ValueError, "Invalid momentum value: -0.5"),
        (lambda p: optim.SGD(p, 1, weight_decay=-2), ValueError, "Invalid weight_decay value: -2"),
        (
            lambda p: optim.SGD(p, 1, nesterov=True),
            ValueError,
            "Nesterov momentum requires a momentum and zero dampening",
        ),
        (
            lambda p: optim.SGD(p, 1, 0.9, 0.1, nesterov=True),
            ValueError,
            "Nesterov momentum requires a momentum and zero",
        ),
        (
            lambda p: optim.SGD(p, 1, differentiable=True),
            NotImplementedError,
            "SGD: differentiable=True is not supported",
        ),
        (
            lambda p: optim.SGD(p, 1, foreach=True, fused=True),
            RuntimeError,
            "SGD: fused and foreach cannot be True together",
        ),
        (lambda p: optim.Adam(p, -1), ValueError, "Invalid learning rate: -1"),
        (lambda p: optim.Adam(p, eps=-1), ValueError, "Invalid epsilon value: -1"),
        (lambda p: optim.Adam(p, betas=(1.0, 0.9)), ValueError, "Invalid beta parameter at index 0: 1.0"),
        (lambda p: optim.Adam(p, betas=(0.9, -1)), ValueError, "Invalid beta parameter at index 1: -1"),
        (lambda p: optim.AdamW(p, weight_decay=-1), ValueError, "Invalid weight_decay value: -1"),
        (
            lambda p: optim.AdamW(p, differentiable=True),
            NotImplementedError,
            "AdamW: differentiable=True is not supported",
        ),
        (lambda p: optim.RMSprop(p, alpha=-1), ValueError, "Invalid alpha value: -1"),
        (lambda p: optim.RMSprop(p, momentum=-1), ValueError, "Invalid momentum value: -1"),
    ],
)
def test_messages_about_hyperparameters(make: Callable[[Any], Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        make([leaf(2)])


@pytest.mark.parametrize(
    ("grad", "message"),
    [
        (
            lucid.ones(3, dtype=lucid.float64),
            r"shape \(2,\) and dtype float64 like parameter 1, got \(3,\) and float64",
        ),
        (lucid.ones(2), r"shape \(2,\) and dtype float64 like parameter 1, got \(2,\) and float32"),
    ],
)
def test_a_wrong_gradient_is_refused_before_anything_changes(grad: Any, message: str) -> None:
    a, b = leaf(2), leaf(2)
    optimizer = optim.Adam([{"params": [a]}, {"params": [leaf(1), b]}])
    before = a.tolist()
    data, b.data = b.data, lucid.zeros_like(grad)  # a tensor takes no gradient unlike itself
    a.grad, b.grad = lucid.ones(2, dtype=lucid.float64), grad
    b.data = data
    with pytest.raises(RuntimeError, match="Adam: expected a gradient of " + message):
        optimizer.step()
    assert a.tolist() == before and not optimizer.state


def test_read_only_parameters_are_refused() -> None:
    values = np.ones(2)
    values.setflags(write=False)
    w = lucid.tensor([1.0, 2.0], dtype=lucid.float64, requires_grad=True)
    w._data = values
    w.grad = lucid.ones(2, dtype=lucid.float64)
    with pytest.raises(RuntimeError, match=r"SGD: parameter 0 \(shape \(2,\)\) is in read-only memory"):
        optim.SGD([w], 0.1).step()


def test_hooks_around_saving_and_loading() -> None:
    w = leaf(2)
    optimizer, calls = optim.SGD([w], lr=0.5, momentum=0.9), []
    optimizer.register_state_dict_pre_hook(lambda o: calls.append("saving"))
    after = optimizer.register_state_dict_post_hook(lambda o, s: {**s, "note": 7})
    optimizer.register_state_dict_pre_hook(lambda o: calls.append("first"), prepend=True)
    state = optimizer.state_dict()
    assert calls == ["first", "saving"] and state["note"] == 7
    after.remove()
    assert "note" not in optimizer.state_dict()

    def faster(_: Any, s: dict[str, Any]) -> dict[str, Any]:
        return {**s, "param_groups": [{**s["param_groups"][0], "lr": 2.0}]}

    optimizer.register_load_state_dict_pre_hook(faster)
    optimizer.register_load_state_dict_post_hook(lambda o: calls.append(o.param_groups[0]["lr"]))
    optimizer.load_state_dict(state)
    assert optimizer.param_groups[0]["lr"] == 2.0 and calls[-1] == 2.0


def test_hooks_of_every_optimizer() -> None:
    from lucid.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook

    calls: list[str] = []
    optimizer = optim.SGD([leaf(2)], lr=0.5)
    optimizer.register_step_pre_hook(lambda *_: calls.append("its own"))
    with (
        register_optimizer_step_pre_hook(lambda *_: calls.append("before")),
        register_optimizer_step_post_hook(lambda *_: calls.append("after")),
    ):
        optimizer.step()
    optimizer.step()
    assert calls == ["before", "its own", "after", "its own"]
