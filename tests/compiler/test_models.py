"""Compiled networks against the same networks run eagerly: values, bits, threads, changes of the weights."""

from __future__ import annotations

import gc
import threading
from typing import Any

import numpy as np
import pytest
from compiler.nets import NETS, inputs, make, tensors

import lucid
from lucid import nn

BOUND = 2e-5
"""Largest difference from eager, relative to the largest magnitude of a result: fused steps round in another order."""


def eager(net: Any, *args: Any) -> list[Any]:
    with lucid.no_grad():
        return tensors(net(*args))


def assert_close(got: list[Any], want: list[Any]) -> None:
    assert len(got) == len(want)
    for g, w in zip(got, want):
        assert g.shape == w.shape and g.dtype == w.dtype and not g.requires_grad
        scale = max(float(w.abs().max()), 1e-30) if w.numel() else 1.0
        assert np.abs(g.numpy() - w.numpy()).max(initial=0) <= BOUND * scale


def same_bits(a: list[Any], b: list[Any]) -> bool:
    return all(x.numpy().tobytes() == y.numpy().tobytes() for x, y in zip(a, b, strict=True))


@pytest.mark.parametrize("name", NETS)
def test_agreement_with_eager(name: str) -> None:
    net = make(name)
    compiled = lucid.compile(net)
    for n in (2, 1, 5):
        args = inputs(name, n)
        want = eager(net, *args)
        assert_close(tensors(compiled(*args)), want)
        assert same_bits(tensors(compiled(*args)), tensors(compiled(*args)))


@pytest.mark.parametrize("name", NETS)
def test_bits_do_not_depend_on_threads_or_batch(name: str) -> None:
    compiled = lucid.compile(make(name))
    args = inputs(name, 5)
    first = tensors(compiled(*args))
    for threads in (2, 3, 1):
        lucid.set_num_threads(threads)
        assert same_bits(tensors(compiled(*args)), first), threads
    for i in (0, 4):
        one = tensors(compiled(*[a[i : i + 1] for a in args]))
        assert same_bits(one, [y[i : i + 1].contiguous() for y in first]), i


@pytest.mark.parametrize("name", ["mlp", "mobilenet", "transformer", "recurrent"])
def test_many_python_threads(name: str) -> None:
    net = make(name)
    compiled = lucid.compile(net)
    cases = [inputs(name, n) for n in (1, 2, 3, 4)]
    want = [tensors(lucid.compile(net)(*args)) for args in cases]
    wrong: list[str] = []

    def work(i: int) -> None:
        for k in range(12):
            at = (i + k) % len(cases)
            if not same_bits(tensors(compiled(*cases[at])), want[at]):
                wrong.append(f"thread {i}, call {k}")

    workers = [threading.Thread(target=work, args=(i,)) for i in range(8)]
    for w in workers:
        w.start()
    for w in workers:
        w.join()
    assert not wrong


def test_float64() -> None:
    net = make("mobilenet").double()
    x = inputs("mobilenet", 2)[0].double()
    assert_close(tensors(lucid.compile(net)(x)), eager(net, x))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("name", ["mlp", "resnet", "mobilenet", "transformer"])
def test_half_precision(name: str, dtype: str) -> None:
    net = make(name).to(getattr(lucid, dtype))
    x = inputs(name, 2)[0].to(getattr(lucid, dtype))
    (got,), (want,) = tensors(lucid.compile(net)(x)), eager(net, x)
    assert got.dtype == want.dtype == getattr(lucid, dtype)
    assert (got.float() - want.float()).abs().max().item() <= 0.02 * want.float().abs().max().item()


def test_strided_inputs() -> None:
    net = make("resnet")
    x = inputs("resnet", 2)[0]
    compiled = lucid.compile(net)
    want = tensors(compiled(x))
    strided = x.permute(0, 3, 1, 2).contiguous().permute(0, 2, 3, 1)
    assert not strided.is_contiguous() and same_bits(tensors(compiled(strided)), want)


def test_nan_and_infinity_come_through() -> None:
    for name in ("mlp", "mobilenet", "transformer"):
        net = make(name)
        x = inputs(name, 3)[0]
        x[1].fill_(float("nan"))
        got, want = tensors(lucid.compile(net)(x)), eager(net, x)
        for g, w in zip(got, want):
            assert np.array_equal(np.isnan(g.numpy()), np.isnan(w.numpy()))
            assert np.isnan(g.numpy()[1]).all() and np.isfinite(g.numpy()[0]).all()


def test_decorator_and_function() -> None:
    @lucid.compile
    def gelu_gate(x: Any, y: Any) -> Any:
        """Docs."""
        return nn.functional.gelu(x) * y

    x, y = lucid.randn(3, 4), lucid.randn(4)
    assert_close([gelu_gate(x, y)], [nn.functional.gelu(x) * y])
    assert gelu_gate.__name__ == "gelu_gate" and gelu_gate.__doc__ == "Docs."

    @lucid.compile(fallback=True, plans=2)
    def total(x: Any) -> Any:
        return x.sum()

    for n in range(1, 5):
        assert total(lucid.ones(n)).item() == n
    assert len(total._plans) == 2


def test_attributes_are_those_of_the_module() -> None:
    net = make("mlp")
    compiled = lucid.compile(net)
    assert list(compiled.parameters()) == list(net.parameters()) and compiled.training is False
    assert "lucid.compile of Sequential" in repr(compiled)
    with pytest.raises(AttributeError, match="nothing"):
        compiled.nothing  # noqa: B018


# Changes of what was compiled


def check_follows(compiled: Any, net: Any, x: Any, before: Any) -> Any:
    want = eager(net, x)
    assert_close(tensors(compiled(x)), want)
    assert not same_bits(want, before)
    return want


def test_changed_weights_are_followed() -> None:
    net = make("mobilenet")
    (x,) = inputs("mobilenet", 2)
    compiled = lucid.compile(net)
    before = tensors(compiled(x))
    optimizer = lucid.optim.SGD(net.parameters(), lr=0.1)
    net(x).sum().backward()
    optimizer.step()
    before = check_follows(compiled, net, x, before)
    net.load_state_dict({k: v * 1.5 if v.is_floating_point() else v for k, v in net.state_dict().items()})
    before = check_follows(compiled, net, x, before)
    net.load_state_dict({k: v.clone() * 0.5 for k, v in net.state_dict().items()}, assign=True)
    before = check_follows(compiled, net, x, before)
    net[0].weight.data = net[0].weight.data * 2
    before = check_follows(compiled, net, x, before)
    net[1].running_mean.add_(1.0)
    before = check_follows(compiled, net, x, before)
    net[0].weight.detach().numpy()[...] *= 0.5
    before = check_follows(compiled, net, x, before)
    net[-1] = nn.Linear(24, 5).eval()
    before = check_follows(compiled, net, x, before)
    net.append(nn.Tanh().eval())
    check_follows(compiled, net, x, before)
    assert compiled.refreshes == 8


def test_refresh_follows_every_number() -> None:
    net = make("mobilenet")
    (x,) = inputs("mobilenet", 2)
    compiled = lucid.compile(net)
    before = tensors(compiled(x))
    net[0].weight.detach().numpy()[3, 1] += 1.0  # not among the elements that calls look at
    compiled.refresh()
    check_follows(compiled, net, x, before)


def test_attributes_are_followed() -> None:
    net = make("mobilenet")
    (x,) = inputs("mobilenet", 2)
    compiled = lucid.compile(net)
    before = tensors(compiled(x))
    net[1].eps = 0.5
    before = check_follows(compiled, net, x, before)
    net[3].residual = False
    compiled(x)
    net[5].residual = False
    check_follows(compiled, net, x, before)


def test_train_and_hooks_are_followed() -> None:
    net = make("mlp")
    (x,) = inputs("mlp", 2)
    compiled = lucid.compile(net)
    before = tensors(compiled(x))
    net[0].register_forward_hook(lambda module, args, y: y * 2)
    before = check_follows(compiled, net, x, before)
    net[0].register_forward_hook(lambda module, args, y: y * 3)
    check_follows(compiled, net, x, before)
    net.train()
    with pytest.raises(RuntimeError, match="training mode"):
        compiled(x)
    net.eval()
    compiled(x)


def test_captured_tensors_are_followed() -> None:
    scale = lucid.ones(3)
    compiled = lucid.compile(lambda x: x * (scale + 1))
    assert compiled(lucid.ones(3)).tolist() == [2, 2, 2]
    scale.mul_(3)
    assert compiled(lucid.ones(3)).tolist() == [4, 4, 4]


def test_memory_is_given_back() -> None:
    net = make("mlp")
    compiled = lucid.compile(net, plans=1)
    for n in (1, 2, 3):
        compiled(*inputs("mlp", n))
    gc.collect()
    assert len(compiled._plans) == 1
