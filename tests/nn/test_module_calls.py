"""What happens when a module is called: hooks in both directions, and errors that say where they come from."""

from __future__ import annotations

import traceback
import warnings
from typing import Any

import pytest
from nn.parity import close, draw, torch

import lucid
import lucid.nn.functional as F
from lucid import nn


class Double(nn.Module):
    def forward(self, x: Any, *, plus: Any = 0) -> Any:
        return x * 2 + plus


# Forward hooks


def test_forward_pre_hooks_change_the_arguments_in_order() -> None:
    module = Double()
    module.register_forward_pre_hook(lambda m, args: (args[0] + 1,))
    handle = module.register_forward_pre_hook(lambda m, args: args[0] * 10)
    assert module(1) == 40
    module.register_forward_pre_hook(lambda m, args: (args[0] + 100,), prepend=True)
    assert module(1) == 2040
    handle.remove()
    handle.remove()
    assert module(1) == 204
    module.register_forward_pre_hook(lambda m, args: None)
    assert module(1) == 204


def test_forward_hooks_change_the_output_in_order() -> None:
    module = Double()
    seen: list[Any] = []
    module.register_forward_hook(lambda m, args, y: seen.append((m, args, y)))
    module.register_forward_hook(lambda m, args, y: y + 1)
    with module.register_forward_hook(lambda m, args, y: y * 10):
        assert module(3, plus=1) == 80
    assert module(3, plus=1) == 8 and seen[0] == (module, (3,), 7)


def test_hooks_with_keyword_arguments() -> None:
    module = Double()
    module.register_forward_pre_hook(lambda m, args, kwargs: (args, {"plus": kwargs["plus"] + 1}), with_kwargs=True)
    module.register_forward_hook(lambda m, args, kwargs, y: (y, kwargs["plus"]), with_kwargs=True)
    assert module(1, plus=5) == (8, 6)
    wrong = Double()
    wrong.register_forward_pre_hook(lambda m, args, kwargs: 3, with_kwargs=True)
    with pytest.raises(RuntimeError, match=r"forward pre-hook must return None or \(new_args, new_kwargs\), got 3"):
        wrong(1)


def test_always_call_hooks_run_when_the_call_fails() -> None:
    class Failing(nn.Module):
        def forward(self, x: Any) -> Any:
            raise ValueError("mine")

    module = Failing()
    seen: list[Any] = []
    module.register_forward_hook(lambda m, args, y: seen.append("skipped"))
    module.register_forward_hook(lambda m, args, y: seen.append(y), always_call=True)
    with pytest.raises(ValueError, match=r"^mine$"):
        module(1)
    assert seen == [None]

    def fails(m: Any, args: Any, y: Any) -> None:
        raise KeyError("hook")

    module.register_forward_hook(fails, always_call=True)
    with (
        pytest.warns(UserWarning, match=r"a forward hook with always_call=True raised as well: KeyError\('hook'\)"),
        pytest.raises(ValueError, match=r"^mine$"),
    ):
        module(1)


def test_hooks_do_not_slow_down_the_next_module() -> None:
    first, second = Double(), Double()
    first.register_forward_hook(lambda m, args, y: y)
    assert first._hooks is not None and second._hooks is None


# Backward hooks


def test_backward_hooks_see_and_replace_gradients() -> None:
    module = nn.Linear(2, 1, bias=False)
    with lucid.no_grad():
        module.weight.copy_(lucid.tensor([[2.0, 3.0]]))
    seen: list[Any] = []

    def hook(m: Any, grad_input: Any, grad_output: Any) -> Any:
        seen.append((m, grad_input[0].tolist(), grad_output[0].tolist()))
        return (grad_input[0] * 100,)

    module.register_full_backward_hook(hook)
    module.register_full_backward_pre_hook(lambda m, grad_output: (grad_output[0] * 10,))
    x = lucid.ones(1, 2, requires_grad=True)
    y = module(x)
    assert y.tolist() == [[5.0]]
    y.backward()
    assert seen == [(module, [[20.0, 30.0]], [[10.0]])]
    assert x.grad is not None and x.grad.tolist() == [[2000.0, 3000.0]]
    assert module.weight.grad is not None and module.weight.grad.tolist() == [[10.0, 10.0]]


def test_backward_hooks_of_several_inputs_and_outputs() -> None:
    class Both(nn.Module):
        def forward(self, x: Any, n: int, y: Any) -> Any:
            return x * y, n, x + y

    module = Both()
    seen: list[Any] = []
    module.register_full_backward_hook(lambda m, grad_input, grad_output: seen.append((grad_input, grad_output)))
    x, y = lucid.tensor(2.0, requires_grad=True), lucid.tensor(3.0)
    product, n, total = module(x, 7, y)
    assert n == 7
    (product + 10 * total).backward()
    ((grad_input, grad_output),) = seen
    assert grad_input[0].item() == 13.0 and grad_input[1:] == (None, None)
    assert [None if g is None else g.item() for g in grad_output] == [1.0, None, 10.0]
    seen.clear()
    product, _, total = module(x, 7, y)
    product.backward()
    assert seen[0][1][0].item() == 1.0 and seen[0][1][2] is None


def test_backward_hook_without_differentiable_inputs() -> None:
    module = nn.Linear(2, 1)
    seen: list[Any] = []
    handle = module.register_full_backward_hook(lambda m, grad_input, grad_output: seen.append(grad_input))
    module(lucid.ones(1, 2)).sum().backward()
    assert seen == [(None,)] and module.weight.grad is not None
    handle.remove()
    module.register_full_backward_hook(lambda m, grad_input, grad_output: (lucid.ones(1, 2),))
    with pytest.raises(RuntimeError, match="backward hook of Linear: no input requires grad, so it must return None"):
        module(lucid.ones(1, 2)).sum().backward()


def test_backward_hooks_returning_the_wrong_number() -> None:
    module = Double()
    module.register_full_backward_hook(lambda m, grad_input, grad_output: (None, None))
    with pytest.raises(RuntimeError, match=r"^backward hook: returned 2 gradients, expected 1"):
        module(lucid.ones(1, requires_grad=True)).backward()


def test_backward_hooks_do_nothing_without_recording() -> None:
    module = Double()
    module.register_full_backward_hook(lambda *_: pytest.fail("called"))
    with lucid.no_grad():
        assert not module(lucid.ones(1, requires_grad=True)).requires_grad


def test_backward_hooks_are_differentiable_and_see_in_place_changes() -> None:
    module = Double()
    module.register_full_backward_hook(lambda m, grad_input, grad_output: (grad_input[0] * 3,))
    x = lucid.tensor(2.0, requires_grad=True)
    (g,) = lucid.autograd.grad(module(x) ** 2, x, create_graph=True)
    assert g.item() == 48.0
    (h,) = lucid.autograd.grad(g, x)
    assert h.item() == 72.0  # on its second way back through the module the gradient meets the hook again

    class Square(nn.Module):
        def forward(self, x: Any) -> Any:
            return x.exp()

    square = Square()
    square.register_full_backward_hook(lambda *_: None)
    y = square(lucid.ones(2, requires_grad=True))
    y.mul_(2)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.sum().backward()


@pytest.mark.parity
@pytest.mark.filterwarnings("ignore:Full backward hook is firing")
def test_backward_hooks_parity() -> None:
    t = torch()

    def record(library: Any, tensor: Any) -> list[Any]:
        model = library.Sequential(library.Linear(3, 4), library.Tanh(), library.Linear(4, 2)).double()
        for i, p in enumerate(model.parameters()):
            p.data = tensor(draw(*p.shape, seed=i))
        seen: list[Any] = []
        for module in model:
            module.register_full_backward_hook(
                lambda m, gi, go: seen.extend([go[0], *[g for g in gi if g is not None]])
            )
        model.register_full_backward_pre_hook(lambda m, go: (go[0] * 2,))
        x = tensor(draw(5, 3))
        model(x).sum().backward()
        x.requires_grad_()
        model(x).sum().backward()
        return [*seen, x.grad, *[p.grad for p in model.parameters()]]

    ours, theirs = record(nn, lucid.tensor), record(t.nn, t.tensor)
    assert len(ours) == len(theirs) == 16
    for i, (a, b) in enumerate(zip(ours, theirs)):
        close(a, b, str(i))


# Hooks on states


def test_state_dict_hooks() -> None:
    model = nn.Sequential(nn.Linear(1, 1))
    order: list[str] = []
    model[0].register_state_dict_pre_hook(lambda m, prefix, keep_vars: order.append(prefix))

    def rename(m: Any, state: dict[str, Any], prefix: str, metadata: Any) -> None:
        state[prefix + "kernel"] = state.pop(prefix + "weight")

    handle = model[0].register_state_dict_post_hook(rename)
    assert list(model.state_dict()) == ["0.bias", "0.kernel"] and order == ["0."]
    handle.remove()
    assert list(model.state_dict()) == ["0.weight", "0.bias"]


def test_load_state_dict_pre_hooks_work_on_a_copy() -> None:
    model = nn.Sequential(nn.Linear(1, 1))

    def rename(m: Any, state: dict[str, Any], prefix: str, *rest: Any) -> None:
        assert m is model[0]
        if prefix + "kernel" in state:
            state[prefix + "weight"] = state.pop(prefix + "kernel")

    model[0].register_load_state_dict_pre_hook(rename)
    old = {"0.kernel": lucid.full((1, 1), 4.0), "0.bias": lucid.zeros(1)}
    model.load_state_dict(old)
    assert model[0].weight.item() == 4.0 and list(old) == ["0.kernel", "0.bias"]

    def complain(
        m: Any, state: Any, prefix: str, metadata: Any, strict: Any, missing: Any, extra: Any, errors: Any
    ) -> None:
        errors.append(f"{prefix}weight: too old")

    model[0].register_load_state_dict_pre_hook(complain)
    with pytest.raises(RuntimeError, match=r"Error.* for Sequential:\n\t0.weight: too old"):
        model.load_state_dict(old)


# Errors


class Head(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Sequential(nn.Linear(576, 1024), nn.ReLU())

    def forward(self, x: Any) -> Any:
        return self.head(x)


class ByHand(nn.Module):
    """Calls children of containers that are not called themselves."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(2, 2), nn.ModuleDict({"x": nn.Linear(3, 2)})])

    def forward(self, x: Any) -> Any:
        return self.layers[1]["x"](self.layers[0](x))  # type: ignore[index]


def message_of(call: Any) -> str:
    with pytest.raises((RuntimeError, TypeError, ValueError, IndexError)) as caught:
        call()
    return str(caught.value)


def test_error_names_class_and_path() -> None:
    assert message_of(lambda: Head()(lucid.ones(8, 960))) == (
        "Linear 'head.0': expected last dimension 576, got 960 (input (8, 960), weight (1024, 576))"
    )
    assert message_of(lambda: nn.Linear(2, 3)(lucid.ones(5))) == (
        "Linear: expected last dimension 2, got 5 (input (5,), weight (3, 2))"
    )
    assert message_of(lambda: nn.Sequential(Head())(lucid.ones(1, 2))).startswith("Linear '0.head.0': expected")


def test_error_in_a_container_that_is_not_called() -> None:
    assert message_of(lambda: ByHand()(lucid.ones(1, 2))).startswith(
        "Linear 'layers.1.x': expected last dimension 3, got 2"
    )


def test_error_in_a_module_that_is_not_registered() -> None:
    class Hidden(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.items = [nn.Linear(2, 2)]

        def forward(self, x: Any) -> Any:
            return self.items[0](x)

    assert message_of(lambda: nn.Sequential(Hidden())(lucid.ones(1, 3))).startswith(
        "Linear '0.?': expected last dimension 2"
    )


def test_type_traceback_and_single_naming() -> None:
    with pytest.raises(IndexError) as caught:
        nn.Sequential(nn.Sequential(nn.Embedding(3, 2)))(lucid.tensor([5]))
    assert type(caught.value) is IndexError
    assert str(caught.value).startswith("Embedding '0.0': index 5 is out of range")
    assert traceback.extract_tb(caught.value.__traceback__)[-1].name == "check_range"


def test_functions_called_in_a_forward_written_elsewhere_keep_their_names() -> None:
    class Mine(nn.Module):
        def forward(self, x: Any) -> Any:
            return F.linear(x, lucid.ones(2, 3))

    assert message_of(lambda: nn.Sequential(Mine())(lucid.ones(1, 4))) == (
        "Mine '0': linear: expected last dimension 3, got 4 (input (1, 4), weight (2, 3))"
    )

    class Derived(nn.Linear):
        pass

    assert message_of(lambda: Derived(3, 2)(lucid.ones(1, 4))).startswith("Derived: expected last dimension 3")


class Custom(ValueError):
    def __init__(self, code: int) -> None:
        super().__init__(code, "details")
        self.code = code


@pytest.mark.parametrize(
    "error",
    [ValueError("mine: a b"), RuntimeError("mine"), TypeError(), Custom(3), KeyError("k"), ZeroDivisionError("z")],
)
def test_errors_of_others_stay_as_they_are(error: Exception) -> None:
    class Raises(nn.Module):
        def forward(self, x: Any) -> Any:
            raise error

    args = error.args
    for register in (False, True):
        model = nn.Sequential(Raises())
        if register:

            def hook(m: Any, a: Any) -> None:
                raise error

            model.register_forward_pre_hook(hook)
        with pytest.raises(type(error)) as caught:
            model(1)
        assert caught.value is error and error.args == args


def test_errors_from_numpy_called_by_others_stay_as_they_are() -> None:
    import numpy as np

    class Raises(nn.Module):
        def forward(self, x: Any) -> Any:
            return np.zeros(3) + np.zeros(4)

    assert message_of(lambda: nn.Sequential(Raises())(1)).startswith("operands could not be broadcast together")


def test_missing_arguments_name_the_module() -> None:
    assert message_of(lambda: nn.Sequential(nn.Bilinear(1, 1, 1))(lucid.ones(1, 1))) == (
        "Bilinear '0': Bilinear.forward() missing 1 required positional argument: 'input2'"
    )


def test_error_caught_on_the_way_can_go_on() -> None:
    class Retry(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = nn.Linear(3, 3), nn.Linear(2, 2)

        def forward(self, x: Any) -> Any:
            try:
                return self.first(x)
            except RuntimeError:
                return self.second(x)

    assert Retry()(lucid.ones(1, 2)).shape == (1, 2)
    assert message_of(lambda: nn.Sequential(Retry())(lucid.ones(1, 5))).startswith(
        "Linear '0.second': expected last dimension 2"
    )


def test_module_without_forward() -> None:
    with pytest.raises(NotImplementedError, match=r'^Module \[Module\] is missing the required "forward" function$'):
        nn.Module()(1)


def test_calls_pass_positional_and_keyword_arguments() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert Double()(3, plus=4) == 10
