"""What a trace notes, and what it refuses: a compiled call never repeats a value that it should compute again."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest

import lucid
import lucid.nn.functional as F
from lucid import nn
from lucid.compiler import TraceError


class Forward(nn.Module):
    """A module whose forward is the given function."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__()
        self.function = function
        self.register_buffer("table", lucid.zeros(3))
        self.weight = nn.Parameter(lucid.ones(3))
        self.eval()

    def forward(self, *args: Any) -> Any:
        return self.function(self, *args)


def refused(function: Callable[..., Any], *args: Any) -> str:
    args = args or (lucid.tensor([1.0, 2.0, 3.0]),)
    with pytest.raises(TraceError) as caught:
        lucid.compile(Forward(function))(*args)
    message = str(caught.value)
    assert message.startswith("compile: ") and "\n" not in message
    assert lucid.ones(2).sum().item() == 2  # the trace is over
    return message


def branch(m: Any, x: Any) -> Any:
    return x if x.sum() > 0 else -x


READS: dict[str, Callable[..., Any]] = {
    "item": lambda m, x: x * x.sum().item(),
    "tolist": lambda m, x: x * x.tolist()[0],
    "numpy": lambda m, x: x + lucid.from_numpy(x.numpy() * 2),
    "__array__": lambda m, x: x + lucid.from_numpy(np.asarray(x)),
    "__bool__": branch,
    "__float__": lambda m, x: x * float(x[0]),
    "__int__": lambda m, x: x * int(x[0]),
    "__index__": lambda m, x: x[: x.long()[0].__index__()],
    "__contains__": lambda m, x: x if 1.0 in x else -x,
    "allclose": lambda m, x: x if lucid.allclose(x, x) else -x,
    "equal": lambda m, x: x if lucid.equal(x, x) else -x,
    "nonzero": lambda m, x: lucid.nonzero(x),
    "unique": lambda m, x: lucid.unique(x),
    "tensor": lambda m, x: lucid.tensor(x),
    "data_ptr": lambda m, x: x * x.data_ptr(),
    "__dlpack__": lambda m, x: lucid.from_dlpack(x),
}


@pytest.mark.parametrize("name", READS)
def test_values_cannot_be_read(name: str) -> None:
    message = refused(READS[name])
    assert name.strip("_") in message and f"{__file__}:" in message and "in Forward" in message
    assert "reads the values of a tensor computed from the inputs (shape" in message


def test_the_place_is_that_of_the_model() -> None:
    net = nn.Sequential(nn.Identity(), nn.Sequential(Forward(branch))).eval()
    with pytest.raises(TraceError, match=r"compile: __bool__ in Forward '1\.0' \(.*test_trace\.py:\d+\) reads"):
        lucid.compile(net)(lucid.ones(3))


def test_a_swallowed_refusal_is_not_forgotten() -> None:
    def forward(m: Any, x: Any) -> Any:
        try:
            return x * x.sum().item()
        except RuntimeError:
            return x * 3

    refused(forward)


def test_kernels_that_bypass_the_record_are_refused() -> None:
    from lucid import _ops
    from lucid.autograd._node import wrap

    assert "reads the values" in refused(lambda m, x: wrap(_ops.silu(x._data)))
    assert "reads the values" in refused(lambda m, x: wrap(_ops.add(x._data, x._data)))


def test_numpy_functions_of_hidden_arrays_are_refused() -> None:
    assert "reads the values" in refused(lambda m, x: np.exp(x))
    assert "reads the values" in refused(lambda m, x: lucid.from_numpy(np.add(x._data, 1)))
    assert "reads the values" in refused(lambda m, x: np.concatenate([x._data, x._data]))


def test_masks_decide_shapes() -> None:
    assert "result's shape depends on their values" in refused(lambda m, x: x[x > 1])


def test_state_is_not_written() -> None:
    assert "copies" not in refused(lambda m, x: m.table.add_(1) + x)
    assert "add_ in Forward" in refused(lambda m, x: m.table.add_(1) + x)
    assert "writes to 'table' (shape (3,))" in refused(lambda m, x: m.table.add_(x))
    assert "writes to 'weight'" in refused(lambda m, x: lucid.Tensor.zero_(m.weight))
    assert "writes to an input" in refused(lambda m, x: x.add_(1))
    assert "writes to an input" in refused(lambda m, x: F.relu(x, inplace=True))
    captured = lucid.zeros(3)
    assert "writes to a tensor from outside" in refused(lambda m, x: captured.copy_(x))
    assert "writes to a tensor from outside" in refused(lambda m, x: lucid.add(x, x, out=captured))
    assert captured.tolist() == [0, 0, 0]


def test_attributes_are_not_changed() -> None:
    def forward(m: Any, x: Any) -> Any:
        m.last = x
        return x + 1

    net = Forward(forward)
    with pytest.raises(TraceError, match="changes attribute 'last' of Forward"):
        lucid.compile(net)(lucid.ones(3))
    assert not hasattr(net, "last")

    def replace(m: Any, x: Any) -> Any:
        m.table = m.table + 1
        return x + m.table

    net = Forward(replace)
    with pytest.raises(TraceError, match="changes attribute 'table' of Forward"):
        lucid.compile(net)(lucid.ones(3))
    assert net.table.tolist() == [0, 0, 0]


def test_random_numbers_are_refused() -> None:
    assert "draws random numbers" in refused(lambda m, x: x + lucid.rand(3))
    assert "draws random numbers" in refused(lambda m, x: F.dropout(x, 0.5, training=True))


def test_a_leaked_tensor_stays_closed() -> None:
    kept: list[Any] = []

    def function(x: Any) -> Any:
        kept.append(x * 2)
        return x + 1

    assert lucid.compile(function)(lucid.ones(2)).tolist() == [2, 2]
    with pytest.raises(TraceError, match="after the trace that made it"):
        kept[0].numpy()
    with pytest.raises((TraceError, TypeError)):
        kept[0] + 1
    with pytest.raises((TraceError, TypeError)):
        kept[0].exp()
    with pytest.raises((TraceError, TypeError)):
        kept[0][0]


def test_training_mode_is_refused() -> None:
    net = nn.Sequential(nn.Linear(3, 2), nn.Dropout(0.5))
    with pytest.raises(RuntimeError, match=r"compile: Sequential is in training mode.*call eval\(\) first"):
        lucid.compile(net)(lucid.ones(1, 3))
    net.eval()
    net[1].train()
    with pytest.raises(RuntimeError, match="compile: Dropout '1' is in training mode"):
        lucid.compile(net)(lucid.ones(1, 3))


def test_history_is_not_dropped_silently() -> None:
    compiled = lucid.compile(lambda x: x * 2)
    x = lucid.ones(2, requires_grad=True)
    with pytest.raises(RuntimeError, match="compile: an input requires grad, but compiled calls record no history"):
        compiled(x)
    with lucid.no_grad():
        assert compiled(x).tolist() == [2, 2]


def test_fallback_runs_what_cannot_be_compiled() -> None:
    net = Forward(branch)
    compiled = lucid.compile(net, fallback=True)
    assert compiled(lucid.tensor([1.0, 2.0, 3.0])).tolist() == [1, 2, 3]
    assert compiled(lucid.tensor([-1.0, -2.0, -3.0])).tolist() == [1, 2, 3]


# In-place operations that stay inside a call


def check(function: Callable[..., Any], *inputs: Any) -> None:
    inputs = inputs or (lucid.randn(4, 3),)
    with lucid.no_grad():
        want = function(*[x.clone() for x in inputs])
    compiled = lucid.compile(function)
    for _ in range(2):
        got = compiled(*inputs)
        assert got.shape == want.shape and got.dtype == want.dtype
        np.testing.assert_array_equal(got.numpy(), want.numpy())


def inplace_relu(x: Any) -> Any:
    y = x * 2
    F.relu(y, inplace=True)
    return y


def inplace_add(x: Any) -> Any:
    y = x + 1
    y += x
    y *= 2
    return y


def inplace_items(x: Any) -> Any:
    y = x + 1
    y[0] = 5.0
    y[:, 1] = x[:, 0]
    y[x > 0] = 0.0
    return y


def inplace_fill(x: Any) -> Any:
    y = lucid.zeros(6, 3)
    y[1:5] = x
    return y * 2


def inplace_both(x: Any) -> Any:
    y = lucid.zeros(4, 3)
    y[0] = 1
    y[1:] = x[1:]
    y.add_(y)
    return y


def inplace_half(x: Any) -> Any:
    y = x.half() + 1
    y += x.half()
    F.relu(y, inplace=True)
    y[0] = 2.0
    return y


def inplace_constant(x: Any) -> Any:
    mask = lucid.zeros(3)
    mask[1:] = 1
    mask.mul_(2)
    return x * mask


def out_argument(x: Any) -> Any:
    y = lucid.empty(4, 3)
    lucid.add(x, x, out=y)
    return y


def old_value(x: Any) -> Any:
    y = x + 1
    z = y * 2
    y.add_(z)
    return y - z


@pytest.mark.parametrize(
    "function",
    [
        inplace_relu,
        inplace_add,
        inplace_items,
        inplace_fill,
        inplace_both,
        inplace_half,
        inplace_constant,
        out_argument,
        old_value,
    ],
)
def test_inplace_operations_inside_a_call(function: Callable[..., Any]) -> None:
    check(function)


def test_inplace_through_views_is_refused() -> None:
    def view(m: Any, x: Any) -> Any:
        y = x + 1
        z = y.view(3, 1)
        z.add_(1)
        return y

    def base(m: Any, x: Any) -> Any:
        y = x + 1
        z = y[1:]
        y.add_(1)
        return z

    def detached(m: Any, x: Any) -> Any:
        y = x + 1
        z = y.detach()
        y.add_(1)
        return z

    def data(m: Any, x: Any) -> Any:
        y = x + 1
        z = y.data
        z.add_(1)
        return y

    def constant(m: Any, x: Any) -> Any:
        y = lucid.zeros(3)
        z = y[1:]
        y.add_(x)
        return z

    for function in (view, base, detached, data, constant):
        assert "to memory that other tensors view" in refused(function)


def test_operations_without_gradient() -> None:
    check(lambda x: lucid.where(x > 0, x, -x))
    check(lambda x: (x.argmax(1), 0)[0])
    check(lambda x: x.argmax(1, keepdim=True) + 1)
    check(lambda x: (x > 0) & ~(x > 1) | (x == 2))
    check(lambda x: x.isnan().any(1))
    check(lambda x: x.masked_fill(x < 0, -1.0))
    check(lambda x: x.long().float() + x.to(lucid.float64))
    check(lambda x: lucid.clamp(x, 0, 1).round())
    check(lambda x: x.softmax(-1).max(1).values)


def test_reading_what_does_not_depend_on_inputs_is_fine() -> None:
    scale = lucid.tensor(3.0)
    check(lambda x: x * scale.item() + float(lucid.arange(4).sum()))


class Pair(NamedTuple):
    left: Any
    right: Any


def test_nested_arguments_and_results() -> None:
    def function(x: Any, pair: Any, *, extra: Any = None, factor: float = 1.0) -> Any:
        y = {"sum": x + pair[0], "list": [pair[1]["k"] * factor, None, "text"]}
        return Pair(y, x if extra is None else extra)

    compiled = lucid.compile(function)
    x, a, b = lucid.ones(2), lucid.full((2,), 2.0), lucid.full((2,), 3.0)
    got = compiled(x, (a, {"k": b}), factor=2.0)
    assert type(got) is Pair and got.left["sum"].tolist() == [3, 3]
    assert got.left["list"][0].tolist() == [6, 6] and got.left["list"][1:] == [None, "text"]
    assert got.right.tolist() == [1, 1] and got.right is not x
    assert compiled(x, (a, {"k": b}), factor=3.0).left["list"][0].tolist() == [
        9,
        9,
    ]  # a number is part of the signature
    assert compiled(x, (a, {"k": b}), extra=b).right.tolist() == [3, 3]
    assert len(compiled._plans) == 3
    with pytest.raises(TypeError, match=r"compile: args\[1\] is of type ndarray; expected tensors"):
        compiled(x, np.ones(2))


def test_results_are_fresh() -> None:
    held = lucid.ones(2)
    compiled = lucid.compile(lambda x: (x, x.view(2), x + 0, x[1:], held))
    x = lucid.ones(2)
    first = compiled(x)
    for y in first[:4]:
        y.zero_()
    assert x.tolist() == [1, 1] and compiled(x)[3].tolist() == [1]
    assert first[4] is held


def test_custom_functions_are_traced_through() -> None:
    class Double(lucid.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            return x * 2

        @staticmethod
        def backward(ctx: Any, dy: Any) -> Any:
            return dy * 2

    check(lambda x: Double.apply(x) + 1)


def test_compiled_functions_inside_of_compiled_ones() -> None:
    inner = lucid.compile(lambda x: x * 2)
    check(lambda x: inner(x) + 1)
    assert "item (" in refused(lambda m, x: lucid.compile(lambda y: y * y.sum().item())(x))


def test_other_threads_are_not_traced() -> None:
    seen: list[Any] = []

    def function(x: Any) -> Any:
        worker = threading.Thread(target=lambda: seen.append((lucid.ones(2) * 3).tolist()))
        worker.start()
        worker.join()
        return x + 1

    assert lucid.compile(function)(lucid.ones(2)).tolist() == [2, 2]
    assert seen == [[3, 3]]


def test_errors_of_the_model_come_through() -> None:
    net = nn.Sequential(nn.Linear(3, 2)).eval()
    with pytest.raises(RuntimeError, match=r"Linear '0': expected last dimension 3, got 4"):
        lucid.compile(net)(lucid.ones(1, 4))
    with pytest.raises(TypeError, match="compile: expected a module or a function, got int"):
        lucid.compile(3)
    with pytest.raises(ValueError, match="compile: plans must be a positive integer, got 0"):
        lucid.compile(net, plans=0)
