"""Modules that find their input's size, buffers as attributes, and modules that stand for PyTorch's of several devices."""

from __future__ import annotations

import copy
import pickle
import re
from typing import Any

import numpy as np
import pytest

import lucid
from lucid import nn

LAZY = {
    "LazyLinear": ((4,), (2, 3)),
    **{f"LazyConv{n}d": ((4, 3), (2, 3, *(5,) * n)) for n in (1, 2, 3)},
    **{f"LazyConvTranspose{n}d": ((4, 3), (2, 3, *(5,) * n)) for n in (1, 2, 3)},
    **{f"LazyBatchNorm{n}d": ((), (2, 3, *(5,) * n)) for n in (1, 2, 3)},
    **{f"LazyInstanceNorm{n}d": ((), (2, 3, *(5,) * n)) for n in (1, 2, 3)},
}


@pytest.mark.parametrize("name", LAZY)
def test_the_first_input_decides(name: str) -> None:
    arguments, shape = LAZY[name]
    lazy = getattr(nn, name)(*arguments)
    plain = getattr(nn, name.removeprefix("Lazy"))
    waiting = list(lazy.parameters())
    assert waiting and all(isinstance(p, nn.UninitializedParameter) for p in waiting)
    assert lazy.has_uninitialized_params() and isinstance(lazy, plain) and type(lazy) is not plain
    x = lucid.randn(*shape)
    y = lazy(x)
    assert type(lazy) is plain and all(type(p) is nn.Parameter for p in lazy.parameters())
    assert [id(p) for p in lazy.parameters()] == [id(p) for p in waiting], "an optimizer made before still holds them"
    assert y.shape == lazy(x).shape
    y.sum().backward()
    assert all(p.grad is not None and p.grad.shape == p.shape for p in lazy.parameters())


@pytest.mark.parametrize("name", LAZY)
def test_a_state_dict_decides_as_well(name: str) -> None:
    arguments, shape = LAZY[name]
    trained, lazy = getattr(nn, name)(*arguments), getattr(nn, name)(*arguments)
    x = lucid.randn(*shape)
    trained(x)
    assert repr(lazy.load_state_dict(trained.state_dict())) == "<All keys matched successfully>"
    assert not lazy.has_uninitialized_params()
    np.testing.assert_array_equal(trained.eval()(x).detach().numpy(), lazy.eval()(x).detach().numpy())
    assert type(lazy) is type(trained) and repr(lazy) == repr(trained)


def test_drawn_like_the_plain_module() -> None:
    lucid.manual_seed(1)
    plain = nn.Linear(3, 4)
    lazy = nn.LazyLinear(4)
    lucid.manual_seed(1)
    lazy(lucid.ones(1, 3))
    np.testing.assert_array_equal(plain.weight.detach().numpy(), lazy.weight.detach().numpy())


def test_what_has_no_shape_says_so() -> None:
    lazy = nn.Sequential(nn.LazyConv2d(4, 3, groups=2), nn.LazyBatchNorm2d())
    message = "UninitializedParameter: the shape is not known yet; call the module once"
    for use in (lambda p: p.shape, lambda p: p.numel(), lambda p: p.numpy(), lambda p: len(p), lambda p: p.size(0)):
        with pytest.raises(RuntimeError, match=message):
            use(lazy[0].weight)
    with pytest.raises(RuntimeError, match="UninitializedBuffer: the shape is not known yet"):
        lazy[1].running_mean.tolist()
    with pytest.raises(ValueError, match="LazyConv2d.*in_channels 3 must be divisible by groups 2"):
        lazy(lucid.ones(1, 3, 5, 5))
    with pytest.raises(ValueError, match="out_channels 3 must be divisible by groups 2"):
        nn.LazyConv2d(3, 3, groups=2)
    with pytest.raises(
        RuntimeError, match=re.escape("expected a 3-d (unbatched) or 4-d (batched) input, got shape (1, 2)")
    ):
        lazy(lucid.ones(1, 2))
    assert lazy[0].has_uninitialized_params(), "a refused input leaves it as it was"
    assert "LazyConv2d(0, 4, kernel_size=(3, 3)" in repr(lazy)
    copied = copy.deepcopy(lazy).double()
    copied(lucid.ones(2, 2, 5, 5, dtype=lucid.float64))
    assert copied[0].weight.dtype is lucid.float64 and lazy[0].has_uninitialized_params()


def test_a_mixin_of_ones_own() -> None:
    class Scale(nn.LazyModuleMixin):
        def __init__(self) -> None:
            super().__init__()
            self.factor = nn.UninitializedParameter()
            self.seen = nn.UninitializedBuffer(persistent=False)

        def initialize_parameters(self, x: Any) -> None:
            if self.has_uninitialized_params():
                self.factor.materialize(x.shape[-1:])
                nn.init.ones_(self.factor)
                self.seen.materialize((1,), dtype=lucid.int64)

        def forward(self, x: Any) -> Any:
            return x * self.factor

    module = Scale()
    assert module(lucid.ones(2, 3)).tolist() == [[1.0] * 3] * 2
    assert (
        type(module.seen) is nn.Buffer and module.seen.dtype is lucid.int64 and list(module.state_dict()) == ["factor"]
    )
    with pytest.raises(RuntimeError, match="Lost: initialize_parameters left parameters without a shape"):
        Lost()(lucid.ones(1))
    with pytest.raises(NotImplementedError, match="initialize_parameters is not implemented for LazyModuleMixin"):
        nn.LazyModuleMixin()(1)


class Lost(nn.LazyModuleMixin):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.UninitializedParameter()

    def initialize_parameters(self, x: Any) -> None:
        pass


def test_buffers_as_attributes() -> None:
    module = nn.Module()
    module.kept, module.passing = nn.Buffer(lucid.ones(2)), nn.Buffer([1.0], persistent=False)
    assert [n for n, _ in module.named_buffers()] == ["kept", "passing"] and list(module.state_dict()) == ["kept"]
    module.kept = lucid.zeros(2)
    assert module.state_dict()["kept"].tolist() == [0, 0]
    module.kept = nn.Buffer(lucid.ones(3), persistent=False)
    assert not module.state_dict() and isinstance(copy.deepcopy(module).kept, nn.Buffer)
    assert not nn.Buffer(lucid.ones(1)).requires_grad and type(pickle.loads(pickle.dumps(module.kept))) is nn.Buffer


def test_modules_for_several_devices_run_on_one() -> None:
    model = nn.DataParallel(nn.Bilinear(2, 3, 4), device_ids=[0], dim=0)
    assert model(lucid.ones(5, 2), input2=lucid.ones(5, 3)).shape == (5, 4)
    assert list(model.state_dict()) == ["module.weight", "module.bias"]


def test_nll_loss_of_planes_warns() -> None:
    with pytest.warns(FutureWarning, match="NLLLoss2d is deprecated: use NLLLoss"):
        loss = nn.NLLLoss2d(ignore_index=1)
    x, t = lucid.randn(2, 3, 4, 5).log_softmax(1), lucid.zeros(2, 4, 5, dtype=lucid.int64)
    assert loss(x, t).item() == nn.NLLLoss()(x, t).item()


def test_linear_cross_entropy_refuses() -> None:
    F = nn.functional
    with pytest.raises(
        RuntimeError,
        match=re.escape("expected input (F,) or (N, F) and linear_weight (C, ..., F), got (2, 3) and (4, 2)"),
    ):
        F.linear_cross_entropy(lucid.ones(2, 3), lucid.ones(4, 2), lucid.tensor([0, 1]))
    with pytest.raises(RuntimeError, match="needs a batched input"):
        F.linear_cross_entropy(lucid.ones(3), lucid.ones(4, 2, 3), lucid.tensor([0, 1]))
    with pytest.raises(RuntimeError, match=re.escape("expected linear_bias of shape (4,), got (3,)")):
        F.linear_cross_entropy(lucid.ones(2, 3), lucid.ones(4, 3), lucid.tensor([0, 1]), linear_bias=lucid.ones(3))
    with pytest.raises(RuntimeError, match="ignore_index cannot be specified when target contains probabilities"):
        F.linear_cross_entropy(lucid.ones(2, 3), lucid.ones(4, 3), lucid.ones(2, 4), ignore_index=1)
    with pytest.raises(RuntimeError, match=re.escape("expected weight of shape (4,), got (3,)")):
        nn.LinearCrossEntropyLoss(3, 4, weight=lucid.ones(3))


@pytest.mark.parity
@pytest.mark.parametrize("outer", [(), (2, 3)])
def test_linear_cross_entropy_as_pytorch(outer: tuple[int, ...]) -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    x, t = rng.standard_normal((4, 5)), rng.integers(0, 6, (4, *outer))
    for options in (
        {},
        {"bias": True, "reduction": "sum"},
        {"label_smoothing": 0.1},
        {"weight": rng.random(6), "reduction": "none"},
    ):
        for target in (t, rng.random((4, 6, *outer))):
            made = []
            for library in (lucid, torch):
                values = {k: library.tensor(v) if isinstance(v, np.ndarray) else v for k, v in options.items()}
                loss = library.nn.LinearCrossEntropyLoss(5, 6, out_features=outer, dtype=library.float64, **values)
                with library.no_grad():
                    for p in loss.parameters():
                        p.copy_(library.arange(float(p.numel()), dtype=library.float64).reshape(p.shape) % 7 / 7)
                made.append(loss(library.tensor(x), library.tensor(target)).detach().numpy())
                keys = list(loss.state_dict())
            np.testing.assert_allclose(made[0], made[1], 1e-12, err_msg=f"{options} {keys}")


@pytest.mark.parity
@pytest.mark.parametrize("name", LAZY)
def test_printed_and_named_as_in_pytorch(name: str) -> None:
    torch = pytest.importorskip("torch")
    arguments, shape = LAZY[name]
    mine, theirs = getattr(nn, name)(*arguments), getattr(torch.nn, name)(*arguments)
    assert repr(mine) == repr(theirs)
    mine(lucid.ones(*shape)), theirs(torch.ones(*shape))
    assert repr(mine) == repr(theirs)
    assert {k: tuple(v.shape) for k, v in mine.state_dict().items()} == {
        k: tuple(v.shape) for k, v in theirs.state_dict().items()
    }
