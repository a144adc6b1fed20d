"""Module: registration, lookup, state, conversion, copies, printing. Calls are tested in test_module_calls."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest
from nn.parity import torch

import lucid
from lucid import nn


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(3, 2)
        self.scale = nn.Parameter(lucid.ones(2))
        self.register_buffer("seen", lucid.zeros(2))
        self.register_buffer("cache", lucid.zeros(1), persistent=False)
        self.register_parameter("shift", None)
        self.body = nn.Sequential(nn.Linear(2, 2), nn.Dropout())

    def forward(self, x: Any) -> Any:
        return self.body(self.fc(x) * self.scale)


# Registration


def test_attributes_are_sorted_by_kind() -> None:
    net = Net()
    assert [name for name, _ in net.named_parameters()] == [
        "scale", "fc.weight", "fc.bias", "body.0.weight", "body.0.bias",
    ]  # fmt: skip
    assert [name for name, _ in net.named_buffers()] == ["seen", "cache"]
    assert [name for name, _ in net.named_modules()] == ["", "fc", "body", "body.0", "body.1"]
    assert [name for name, _ in net.named_children()] == ["fc", "body"]
    assert net.shift is None and "shift" in net._parameters


def test_prefixes_recursion_and_duplicates() -> None:
    net = Net()
    net.again = net.fc
    assert [name for name, _ in net.named_parameters("p", recurse=False)] == ["p.scale"]
    assert [name for name, _ in net.named_modules(prefix="m")][:2] == ["m", "m.fc"]
    assert "again.weight" not in dict(net.named_parameters())
    assert "again.weight" in dict(net.named_parameters(remove_duplicate=False))
    assert len(list(net.modules())) == 5 and len(list(net.modules(remove_duplicate=False))) == 6
    assert len(list(net.children())) == 2 and len(list(net.buffers())) == 2


@pytest.mark.parametrize(
    "change, error, message",
    [
        (lambda n: setattr(n, "scale", lucid.ones(2)), TypeError,
         r"cannot assign 'Tensor' as parameter 'scale' \(nn.Parameter or None expected\)"),
        (lambda n: setattr(n, "seen", 1), TypeError, r"cannot assign 'int' as buffer 'seen' \(Tensor or None expected\)"),
        (lambda n: setattr(n, "fc", lucid.ones(1)), TypeError,
         r"cannot assign 'Tensor' as child module 'fc' \(nn.Module or None expected\)"),
        (lambda n: setattr(n, "forward", nn.ReLU()), KeyError, "attribute 'forward' already exists"),
        (lambda n: setattr(n, "forward", nn.Parameter(lucid.ones(1))), KeyError, "attribute 'forward' already exists"),
        (lambda n: n.register_parameter("a.b", None), KeyError, "parameter name can't contain '.', got 'a.b'"),
        (lambda n: n.register_parameter("", None), KeyError, "parameter name can't be empty"),
        (lambda n: n.register_parameter(3, None), TypeError, "parameter name should be a string, got int"),
        (lambda n: n.register_parameter("q", 1), TypeError,
         r"cannot assign 'int' object to parameter 'q' \(nn.Parameter or None required\)"),
        (lambda n: n.register_parameter("training", None), KeyError, "attribute 'training' already exists"),
        (lambda n: n.register_buffer("scale", None), KeyError, "attribute 'scale' already exists"),
        (lambda n: n.register_buffer("q", 3), TypeError, r"cannot assign 'int' to buffer 'q' \(Tensor or None required\)"),
        (lambda n: n.add_module("q", 3), TypeError, "int is not a Module subclass"),
        (lambda n: n.add_module("scale", None), KeyError, "attribute 'scale' already exists"),
        (lambda n: n.add_module("q.r", None), KeyError, "module name can't contain '.', got 'q.r'"),
        (lambda n: n.missing, AttributeError, "'Net' object has no attribute 'missing'"),
        (lambda n: delattr(n, "missing"), AttributeError, "missing"),
        (lambda n: n.train(3), ValueError, "training mode is expected to be boolean, got 3"),
    ],
)  # fmt: skip
def test_registration_errors_change_nothing(change: Any, error: type[Exception], message: str) -> None:
    net = Net()
    before = repr(net), list(net.state_dict()), {k: id(v) for k, v in net.__dict__.items()}
    with pytest.raises(error, match=message):
        change(net)
    assert (repr(net), list(net.state_dict()), {k: id(v) for k, v in net.__dict__.items()}) == before


def test_assignment_before_init() -> None:
    class Early(nn.Module):
        def __init__(self, value: Any) -> None:
            self.value = value
            super().__init__()

    for value, what in ((nn.ReLU(), "module"), (nn.Parameter(lucid.ones(1)), "parameters")):
        with pytest.raises(AttributeError, match=rf"^cannot assign {what} before Module.__init__\(\) call"):
            Early(value)
    assert Early(3).value == 3


def test_reassignment_moves_between_kinds() -> None:
    net = Net()
    net.plain = 3
    net.plain = nn.Parameter(lucid.ones(1))
    assert "plain" in dict(net.named_parameters()) and "plain" not in net.__dict__
    net.plain = nn.ReLU()
    assert "plain" not in dict(net.named_parameters()) and "plain" in dict(net.named_children())
    net.plain = None
    assert net.plain is None and "plain" not in dict(net.named_children())
    net.scale = None
    assert net.scale is None and "scale" not in dict(net.named_parameters())
    net.scale = nn.Parameter(lucid.zeros(2))
    assert "scale" in net.state_dict()
    net.seen = lucid.ones(3)
    assert net.state_dict()["seen"].shape == (3,)
    net.cache = lucid.ones(4)
    assert "cache" not in net.state_dict()
    net.cache = nn.Parameter(lucid.ones(4))
    assert "cache" in net.state_dict()


def test_deletion() -> None:
    net = Net()
    del net.scale, net.seen, net.fc
    assert list(net.state_dict()) == ["body.0.weight", "body.0.bias"]
    for name in ("scale", "seen", "fc"):
        assert not hasattr(net, name)


def test_dir_lists_what_can_be_named() -> None:
    names = dir(Net())
    assert {"scale", "seen", "fc", "training", "forward", "state_dict"} <= set(names)
    assert "0" not in dir(nn.Sequential(nn.ReLU()))


def test_parameter() -> None:
    data = lucid.ones(2)
    p = nn.Parameter(data)
    assert isinstance(p, lucid.Tensor) and p.requires_grad and p.is_leaf and p.data_ptr() == data.data_ptr()
    assert repr(p) == "Parameter containing:\nTensor([1.0, 1.0], grad=None)"
    assert not nn.Parameter(data, requires_grad=False).requires_grad
    assert type(p * 1) is lucid.Tensor
    p.grad = lucid.ones(2)
    for q in (copy.deepcopy(p), pickle.loads(pickle.dumps(p))):
        assert type(q) is nn.Parameter and q.requires_grad and q.tolist() == [1.0, 1.0] and q.grad is None
    with pytest.raises(
        RuntimeError, match=r"only Tensors of floating point and complex dtype can require gradients, got lucid.int64"
    ):
        nn.Parameter(lucid.tensor([1]))
    with pytest.raises(ValueError, match=r"^cannot assign the result of an operation to parameter 'p': detach"):
        leaf = nn.Parameter(lucid.ones(2))
        leaf._node, leaf._requires_grad = (leaf * 2)._node, True
        nn.Module().register_parameter("p", leaf)


# Lookup


def test_lookup_by_path() -> None:
    net = Net()
    assert net.get_submodule("body.0") is net.body[0] and net.get_submodule("") is net
    assert net.get_parameter("fc.weight") is net.fc.weight and net.get_buffer("seen") is net.seen


@pytest.mark.parametrize(
    "look, message",
    [
        (lambda n: n.get_submodule("body.7"), "Sequential has no attribute `7`"),
        (lambda n: n.get_submodule("scale"), "`scale` is not an nn.Module"),
        (lambda n: n.get_parameter("fc.nope"), "Linear has no attribute `nope`"),
        (lambda n: n.get_parameter("fc.forward"), "`forward` is not an nn.Parameter"),
        (lambda n: n.get_buffer("scale"), "`scale` is not a buffer"),
    ],
)
def test_lookup_errors(look: Any, message: str) -> None:
    with pytest.raises(AttributeError, match="^" + message):
        look(Net())


# Modes, gradients, conversion


def test_train_eval_and_apply_reach_everything() -> None:
    net = Net()
    assert all(m.training for m in net.modules())
    assert net.eval() is net and not any(m.training for m in net.modules())
    order: list[str] = []
    assert net.train().apply(lambda m: order.append(type(m).__name__)) is net
    assert order == ["Linear", "Linear", "Dropout", "Sequential", "Net"]


def test_train_respects_an_override() -> None:
    class Frozen(nn.BatchNorm1d):
        def train(self, mode: bool = True) -> Any:
            return super().train(False)

    model = nn.Sequential(Frozen(2), nn.Dropout()).train()
    assert not model[0].training and model[1].training


def test_requires_grad_and_zero_grad() -> None:
    net = Net()
    assert net.requires_grad_(False) is net and not any(p.requires_grad for p in net.parameters())
    net.requires_grad_()
    net(lucid.ones(1, 3)).sum().backward()
    kept = net.fc.weight.grad
    assert kept is not None
    net.zero_grad(set_to_none=False)
    assert net.fc.weight.grad is not None and not net.fc.weight.grad.any().item()
    net.zero_grad()
    assert all(p.grad is None for p in net.parameters())


def test_conversion_keeps_parameters_and_integers() -> None:
    net = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    before = list(net.parameters())
    net(lucid.randn(4, 2)).sum().backward()
    for convert in (lambda: net.double(), lambda: net.to(lucid.float64), lambda: net.to(lucid.zeros(1).double())):
        net.float()
        assert convert() is net
        assert all(p is q for p, q in zip(net.parameters(), before))
        assert all(p.dtype is lucid.float64 and p.grad is not None and p.grad.dtype is lucid.float64 for p in before)
        assert net[1].running_mean.dtype is lucid.float64 and net[1].num_batches_tracked.dtype is lucid.int64
    assert net(lucid.randn(4, 2).double()).dtype is lucid.float64
    assert net.to("cpu", lucid.float32)[0].weight.dtype is lucid.float32
    assert net.to(device="cpu", dtype="float64")[0].weight.dtype is lucid.float64
    assert net.to(lucid.device("cpu")).cpu().share_memory()[0].weight.dtype is lucid.float64


@pytest.mark.parametrize(
    "convert, error, message",
    [
        (lambda n: n.cuda(), RuntimeError, "cuda: lucid runs on CPUs only"),
        (lambda n: n.to("cuda"), RuntimeError, "device: lucid runs on CPUs only, got 'cuda'"),
        (lambda n: n.to(lucid.int32), TypeError, "to: only floating-point dtypes are accepted, got lucid.int32"),
    ],
)
def test_conversion_errors(convert: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match="^" + message):
        convert(Net())


# State


def test_state_dict_names_and_memory() -> None:
    net = Net()
    state = net.state_dict()
    assert list(state) == ["scale", "seen", "fc.weight", "fc.bias", "body.0.weight", "body.0.bias"]
    assert not state["scale"].requires_grad and state["scale"].data_ptr() == net.scale.data_ptr()
    assert net.state_dict(keep_vars=True)["scale"] is net.scale
    assert next(iter(net.state_dict(prefix="m."))) == "m.scale"


def test_load_copies_values_into_the_same_memory() -> None:
    net, other = Net(), Net()
    pointers = [t.data_ptr() for t in net.state_dict().values()]
    assert repr(net.load_state_dict(other.state_dict())) == "<All keys matched successfully>"
    assert [t.data_ptr() for t in net.state_dict().values()] == pointers
    for ours, theirs in zip(net.state_dict().values(), other.state_dict().values()):
        assert lucid.equal(ours, theirs)


def test_load_accepts_arrays_and_converts() -> None:
    net = Net()
    state = {name: t.numpy().astype(np.float64) * 0 + 2 for name, t in net.state_dict().items()}
    state["fc.bias"] = state["fc.bias"].astype(np.float16)
    net.load_state_dict(state)
    assert all(t.dtype is lucid.float32 and set(t.ravel().tolist()) == {2.0} for t in net.state_dict().values())


def broken(net: nn.Module) -> dict[str, Any]:
    state: dict[str, Any] = {name: t.clone() * 0 + 5 for name, t in net.state_dict().items()}
    state["fc.weight"] = lucid.ones(3, 2)
    state["seen"] = "text"
    state["extra"] = state["other.extra"] = lucid.ones(1)
    del state["fc.bias"], state["body.0.bias"]
    return state


REPORT = """Error(s) in loading state_dict for Net:
\tMissing key(s) in state_dict: "fc.bias", "body.0.bias".
\tUnexpected key(s) in state_dict: "extra", "other.extra".
\tseen: expected a Tensor or an array, got str.
\tsize mismatch for fc.weight: the checkpoint has shape (3, 2), the current model (2, 3)."""


@pytest.mark.parametrize("assign", [False, True])
def test_load_reports_everything_and_changes_nothing(assign: bool) -> None:
    net = Net()
    before = {name: t.clone() for name, t in net.state_dict().items()}
    with pytest.raises(RuntimeError) as caught:
        net.load_state_dict(broken(net), assign=assign)
    assert str(caught.value) == REPORT
    for name, t in net.state_dict().items():
        assert lucid.equal(t, before[name]), name


def test_load_without_strict() -> None:
    net = Net()
    state = broken(net)
    with pytest.raises(RuntimeError, match=r"size mismatch for fc.weight") as caught:
        net.load_state_dict(state, strict=False)
    assert "Missing" not in str(caught.value)
    assert set(net.scale.tolist()) == {1.0}
    del state["fc.weight"], state["seen"]
    result = net.load_state_dict(state, strict=False)
    assert result.missing_keys == ["seen", "fc.weight", "fc.bias", "body.0.bias"]
    assert result.unexpected_keys == ["extra", "other.extra"]
    assert set(net.scale.tolist()) == {5.0}


def test_load_into_read_only_memory() -> None:
    linear = nn.Linear(1, 1)
    linear.weight._data = np.broadcast_to(np.float32(1), (1, 1))
    with pytest.raises(RuntimeError, match="weight: the memory of the current model is read-only; pass assign=True"):
        linear.load_state_dict(nn.Linear(1, 1).state_dict())
    linear.load_state_dict(nn.Linear(1, 1).state_dict(), assign=True)


def test_load_assign_takes_the_tensors_over() -> None:
    net = Net()
    net.scale.requires_grad = False
    state = {name: t.clone().double() for name, t in Net().state_dict().items()}
    net.load_state_dict(state, assign=True)
    assert net.fc.weight.data_ptr() == state["fc.weight"].data_ptr() and net.seen is state["seen"]
    assert type(net.fc.weight) is nn.Parameter and net.fc.weight.requires_grad and not net.scale.requires_grad
    assert net.fc.weight.dtype is lucid.float64


def test_load_refuses_what_is_not_a_dict() -> None:
    with pytest.raises(TypeError, match=r"^load_state_dict: expected a dict of tensors, got list"):
        Net().load_state_dict([])  # type: ignore[arg-type]


def test_load_is_seen_by_graphs_that_saved_the_old_values() -> None:
    linear = nn.Linear(2, 2)
    y = linear(lucid.ones(1, 2, requires_grad=True))
    linear.load_state_dict(nn.Linear(2, 2).state_dict())
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.sum().backward()


# Copies and printing


@pytest.mark.parametrize(
    "duplicate", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))], ids=["deepcopy", "pickle"]
)
def test_copies_are_independent_and_keep_sharing(duplicate: Any) -> None:
    net = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2), nn.BatchNorm1d(2)).eval()
    net[1].weight = net[0].weight
    other = duplicate(net)
    assert repr(other) == repr(net) and not other.training and not other[2].training
    assert list(other.state_dict()) == list(net.state_dict())
    if duplicate is copy.deepcopy:
        assert other[0].weight is other[1].weight
    with lucid.no_grad():
        other[0].weight.fill_(9.0)
        other[2].running_mean.fill_(9.0)
    assert 9.0 not in net[0].weight and 9.0 not in net[2].running_mean
    other(lucid.randn(3, 2)).sum().backward()
    assert net[0].weight.grad is None and other[0].weight.grad is not None


def test_repr() -> None:
    assert repr(nn.Module()) == "Module()"
    assert repr(Net()) == (
        "Net(\n"
        "  (fc): Linear(in_features=3, out_features=2, bias=True)\n"
        "  (body): Sequential(\n"
        "    (0): Linear(in_features=2, out_features=2, bias=True)\n"
        "    (1): Dropout(p=0.5, inplace=False)\n"
        "  )\n"
        ")"
    )

    class Verbose(nn.Module):
        def extra_repr(self) -> str:
            return "a=1,\nb=2"

    assert repr(nn.Sequential(Verbose())) == "Sequential(\n  (0): Verbose(\n    a=1,\n    b=2\n  )\n)"


@pytest.mark.parity
def test_repr_parity() -> None:
    def build(nn: Any) -> list[Any]:
        return [
            nn.Sequential(nn.Linear(3, 2), nn.Sequential(nn.Conv1d(1, 2, 3), nn.Dropout(0.1))), nn.Module(),
            nn.ModuleList([nn.Identity(), nn.Identity(), nn.Flatten()]), nn.ModuleDict({"a": nn.MaxPool1d(2)}),
            nn.Conv2d(4, 4, (1, 3), 2, (0, 1), 1, 4, True, "circular"), nn.BatchNorm1d(3, momentum=None, affine=False),
            nn.LayerNorm((2, 3)), nn.GroupNorm(2, 4), nn.Embedding(3, 2, norm_type=1.0, max_norm=1.0),
            nn.AvgPool2d(2, (1, 2)), nn.AdaptiveAvgPool1d(3), nn.Unflatten(1, (2, 2)),
        ]  # fmt: skip

    for ours, theirs in zip(build(nn), build(torch().nn)):
        assert repr(ours) == repr(theirs)


def test_conversion_takes_a_memory_format_and_nothing_unknown() -> None:
    layer = nn.Linear(2, 1)
    assert layer.to(lucid.float64, memory_format=None) is layer and layer.weight.dtype is lucid.float64
    with pytest.raises(TypeError, match="unexpected keyword argument 'dtyp'"):
        layer.to(dtyp=lucid.float32)  # type: ignore[call-arg]
