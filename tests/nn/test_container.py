"""Containers: order, names, slices, what belongs to the parent, errors."""

from __future__ import annotations

import copy
import pickle
from collections import OrderedDict
from typing import Any

import pytest

import lucid
import lucid.nn.functional as F
from lucid import nn


class Add(nn.Module):
    def __init__(self, n: float) -> None:
        super().__init__()
        self.n = n

    def forward(self, x: Any) -> Any:
        return x * 10 + self.n


def numbers(modules: Any) -> list[float]:
    return [m.n for m in modules]


def test_sequential_calls_in_order() -> None:
    model = nn.Sequential(Add(1), Add(2), Add(3))
    assert model(0) == 123
    assert nn.Sequential()(7) == 7
    named = nn.Sequential(OrderedDict([("b", Add(1)), ("a", Add(2))]))
    assert named(0) == 12 and list(dict(named.named_children())) == ["b", "a"]
    assert named.b.n == 1


def test_sequential_is_a_list_of_modules() -> None:
    model = nn.Sequential(Add(1), Add(2), Add(3))
    assert len(model) == 3 and numbers(model) == [1, 2, 3]
    assert model[0].n == 1 and model[-1].n == 3
    assert isinstance(model[1:], nn.Sequential) and numbers(model[1:]) == [2, 3]
    model[1] = Add(7)
    assert numbers(model) == [1, 7, 3]
    del model[0]
    assert numbers(model) == [7, 3] and list(model._modules) == ["0", "1"]
    assert model.append(Add(4)) is model and numbers(model.insert(1, Add(5))) == [7, 5, 3, 4]
    assert numbers(model.insert(-1, Add(6))) == [7, 5, 3, 6, 4]
    assert model.pop(0).n == 7 and numbers(model.pop(slice(0, 2))) == [5, 3] and numbers(model) == [6, 4]
    assert list(model._modules) == ["0", "1"]
    assert numbers(model.extend([Add(8)])) == [6, 4, 8]


def test_appending_to_a_slice_does_not_replace_its_modules() -> None:
    tail = nn.Sequential(Add(1), Add(2), Add(3))[1:]
    assert list(tail._modules) == ["1", "2"]
    assert numbers(tail.append(Add(4))) == [2, 3, 4]


def test_sequential_arithmetic() -> None:
    a, b = nn.Sequential(Add(1)), nn.Sequential(Add(2), Add(3))
    assert numbers(a + b) == [1, 2, 3] and numbers(b * 2) == [2, 3, 2, 3] == numbers(2 * b)
    a += b
    assert numbers(a) == [1, 2, 3]
    b *= 2
    assert numbers(b) == [2, 3, 2, 3] and b[0] is b[2]


def test_a_module_used_twice_is_counted_once() -> None:
    linear = nn.Linear(2, 2)
    model = nn.Sequential(linear, linear)
    assert len(model) == 2 and len(list(model.parameters())) == 2
    assert list(model.state_dict()) == ["0.weight", "0.bias", "1.weight", "1.bias"]
    assert len(list(model.named_parameters(remove_duplicate=False))) == 4


@pytest.mark.parametrize(
    "call, error, message",
    [
        (lambda: nn.Sequential(3), TypeError, "int is not a Module subclass"),
        (lambda: nn.Sequential(nn.ReLU), TypeError, r"ReLU is a class, not a Module: make one by ReLU\(...\)"),  # type: ignore[arg-type]
        (lambda: nn.ModuleList([F.relu]), TypeError, r"the function relu is not a Module subclass; call it in a forward\(\)"),
        (lambda: nn.Sequential(nn.ReLU()).insert(0, 3), TypeError, "int is not a Module subclass"),  # type: ignore[arg-type]
        (lambda: nn.Sequential(nn.ReLU())[1], IndexError, "index 1 is out of range for 1 entries"),
        (lambda: nn.Sequential(nn.ReLU()) + [nn.ReLU()], ValueError, "Sequential: can only add another Sequential, got list"),
        (lambda: nn.Sequential(nn.ReLU()) * 0, ValueError, "Sequential: can only be multiplied by a positive number, got 0"),
        (lambda: nn.Sequential(nn.ReLU()) * 1.5, TypeError, "Sequential: can only be multiplied by an int, got float"),
        (lambda: nn.ModuleList([nn.ReLU()])[-2], IndexError, "index -2 is out of range for 1 entries"),
        (lambda: nn.ModuleList().extend(3), TypeError, "ModuleList.extend: expected modules, got int"),  # type: ignore[arg-type]
        (lambda: nn.ModuleList([nn.ReLU()])(1), NotImplementedError, r"Module \[ModuleList\] is missing the required"),
        (lambda: nn.ModuleDict({"a": 3}), TypeError, "int is not a Module subclass"),
        (lambda: nn.ModuleDict(3), TypeError, "ModuleDict.update: expected a mapping or pairs, got int"),  # type: ignore[arg-type]
        (lambda: nn.ModuleDict([3]), TypeError, "ModuleDict.update: expected pairs of a name and a value, got 3 at 0"),  # type: ignore[list-item]
        (lambda: nn.ParameterDict([("a", 1, 2)]), TypeError, "ParameterDict.update: expected pairs of a name and a value, got"),
        (lambda: nn.ModuleDict({"a.b": nn.ReLU()}), KeyError, "module name can't contain '.', got 'a.b'"),
        (lambda: nn.ModuleDict({"keys": nn.ReLU()}), KeyError, "attribute 'keys' already exists"),
        (lambda: nn.ParameterList([lucid.ones(1)])[1], IndexError, "index 1 is out of range for 1 entries"),
        (lambda: nn.ParameterList(3), TypeError, "ParameterList.extend: expected an iterable, got int"),  # type: ignore[arg-type]
        (lambda: nn.ParameterDict({3: lucid.ones(1)}), TypeError, "ParameterDict: keys must be strings, got int"),
        (lambda: nn.ParameterDict({"a": lucid.ones(1)})["b"], KeyError, "b"),
    ],
)  # fmt: skip
def test_errors(call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()


def test_module_list() -> None:
    modules = nn.ModuleList([Add(1), Add(2)])
    modules.append(Add(3)).insert(0, Add(0))
    modules += [Add(4)]
    assert numbers(modules) == [0, 1, 2, 3, 4] and isinstance(modules[1:3], nn.ModuleList)
    assert numbers(modules[1:3]) == [1, 2] and numbers(modules + [Add(9)]) == [0, 1, 2, 3, 4, 9]
    del modules[1:3]
    assert numbers(modules) == [0, 3, 4] and list(modules._modules) == ["0", "1", "2"]
    modules[-1] = Add(7)
    assert numbers(modules) == [0, 3, 7]


def test_module_list_prints_runs_together() -> None:
    text = repr(nn.ModuleList([nn.Linear(2, 2), nn.Linear(2, 2), nn.ReLU()]))
    assert text == "ModuleList(\n  (0-1): 2 x Linear(in_features=2, out_features=2, bias=True)\n  (2): ReLU()\n)"
    assert repr(nn.ModuleList()) == "ModuleList()"


def test_module_dict() -> None:
    modules = nn.ModuleDict({"b": Add(1), "a": Add(2)})
    modules["c"] = Add(3)
    modules.update([("a", Add(5))])
    assert list(modules) == list(modules.keys()) == ["b", "a", "c"] and numbers(modules.values()) == [1, 5, 3]
    assert "a" in modules and "z" not in modules and len(modules) == 3
    assert modules.pop("b").n == 1
    del modules["c"]
    assert [(name, m.n) for name, m in modules.items()] == [("a", 5)]  # type: ignore[union-attr]
    modules.clear()
    assert len(modules) == 0


def test_entries_belong_to_the_parent() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers = nn.ModuleList([nn.Linear(1, 1, bias=False)])
            self.heads = nn.ModuleDict({"x": nn.Linear(1, 1, bias=False)})
            self.free = nn.ParameterList([lucid.ones(2), nn.Parameter(lucid.ones(3))])
            self.named = nn.ParameterDict({"y": lucid.ones(4)})

    names = [name for name, _ in Net().named_parameters()]
    assert names == ["layers.0.weight", "heads.x.weight", "free.0", "free.1", "named.y"]
    assert list(Net().state_dict()) == names


def test_parameter_list() -> None:
    values = nn.ParameterList([lucid.ones(1), nn.Parameter(lucid.zeros(2), requires_grad=False), "text"])
    assert len(values) == 3 and isinstance(values[0], nn.Parameter) and not values[1].requires_grad
    values[0] = lucid.zeros(1)
    values += [lucid.ones(5)]
    assert values[-1].shape == (5,) and values[0].tolist() == [0.0] and values[2] == "text"
    assert [type(v) for v in values[1:3]] == [nn.Parameter, str]
    assert repr(values).splitlines()[1:3] == [
        "  (0): Parameter containing: [lucid.float32 of size 1]",
        "  (1): Parameter containing: [lucid.float32 of size 2]",
    ]


def test_parameter_dict() -> None:
    values = nn.ParameterDict({"a": lucid.ones(1), "b": lucid.ones(2)})
    assert list(values) == ["a", "b"] and list(reversed(values)) == ["b", "a"] and isinstance(values["a"], nn.Parameter)
    assert values.get("z") is None and values.get("z", 3) == 3 and values.setdefault("c", lucid.ones(3)).shape == (3,)
    joined = values | nn.ParameterDict({"d": lucid.ones(4)})
    assert list(joined.keys()) == ["a", "b", "c", "d"] and list(values) == ["a", "b", "c"]
    assert joined["a"] is values["a"]
    values |= joined
    assert values.pop("a").shape == (1,) and values.popitem()[0] == "d" and "a" not in values
    assert [name for name, _ in values.named_parameters()] == ["b", "c"]
    assert list(values.fromkeys(["x", "y"], lucid.ones(1))) == ["x", "y"]
    values.clear()
    assert len(values) == 0 and not list(values.parameters())


@pytest.mark.parametrize(
    "make",
    [
        lambda: nn.Sequential(nn.Linear(2, 3), nn.ReLU()),
        lambda: nn.ModuleList([nn.Linear(2, 3)]),
        lambda: nn.ModuleDict({"a": nn.Linear(2, 3)}),
        lambda: nn.ParameterList([lucid.ones(2)]),
        lambda: nn.ParameterDict({"a": lucid.ones(2)}),
    ],
)
def test_copies_and_pickles_are_independent(make: Any) -> None:
    original = make()
    for copied in (copy.deepcopy(original), pickle.loads(pickle.dumps(original))):
        assert repr(copied) == repr(original) and len(copied) == len(original)
        for p, q in zip(original.parameters(), copied.parameters(), strict=True):
            assert p is not q and lucid.equal(p, q) and type(q) is nn.Parameter and q.requires_grad
            with lucid.no_grad():
                q.fill_(-100.0)
            assert not lucid.equal(p, q)
