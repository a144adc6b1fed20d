"""`nn.utils.prune`."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import lucid
from lucid import nn
from lucid.nn.utils import prune


def layer() -> nn.Linear:
    made = nn.Linear(4, 3)
    with lucid.no_grad():
        made.weight.copy_(lucid.arange(12.0).reshape(3, 4) - 5.5)
    return made


def test_a_pruned_parameter_is_computed_and_trained_through_its_mask() -> None:
    linear = layer()
    prune.l1_unstructured(linear, "weight", 0.5)
    assert [n for n, _ in linear.named_parameters()] == ["bias", "weight_orig"]
    assert [n for n, _ in linear.named_buffers()] == ["weight_mask"]
    assert linear.weight_mask.sum().item() == 6 and prune.is_pruned(nn.Sequential(linear))
    linear(lucid.ones(2, 4)).sum().backward()
    assert ((linear.weight_orig.grad == 0) == (linear.weight_mask == 0)).all()
    with lucid.no_grad():
        linear.weight_orig.mul_(2)
    linear(lucid.ones(1, 4))
    assert (linear.weight == linear.weight_orig * linear.weight_mask).all()


def test_removing_keeps_the_zeros_and_the_parameter() -> None:
    linear = layer()
    original = linear.weight
    prune.l1_unstructured(linear, "weight", 4)
    prune.remove(linear, "weight")
    assert linear.weight is original and (linear.weight == 0).sum().item() == 4
    assert not prune.is_pruned(linear) and sorted(linear.state_dict()) == ["bias", "weight"]
    with pytest.raises(ValueError, match="^prune: 'weight' of Linear is not pruned"):
        prune.remove(linear, "weight")


def test_state_moves_between_pruned_layers() -> None:
    a, b = layer(), layer()
    prune.random_unstructured(a, "weight", 0.25)
    prune.identity(b, "weight")
    b.load_state_dict(a.state_dict())
    x = lucid.randn(2, 4)
    assert (a(x) == b(x)).all()


@pytest.mark.parametrize("amount", [-1, 1.5, -0.1])
def test_amounts_out_of_range_are_refused_before_anything_changes(amount: Any) -> None:
    linear = layer()
    with pytest.raises(
        ValueError, match=f"^prune: amount must be a share between 0 and 1 or an int of at least 0, got {amount}"
    ):
        prune.l1_unstructured(linear, "weight", amount)
    with pytest.raises(ValueError, match="^prune: amount 100 is more than the 12 there are"):
        prune.l1_unstructured(linear, "weight", 100)
    with pytest.raises(TypeError, match="^prune: amount must be a number of elements or a share of them, got 'half'"):
        prune.random_structured(linear, "weight", "half", 0)
    assert sorted(linear.state_dict()) == ["bias", "weight"]


def test_global_pruning_ranks_all_parameters_together() -> None:
    small, large = layer(), layer()
    with lucid.no_grad():
        small.weight.mul_(0.01)
    prune.global_unstructured([(small, "weight"), (large, "weight")], prune.L1Unstructured, amount=12)
    assert small.weight_mask.sum().item() == 0 and large.weight_mask.sum().item() == 12
    with pytest.raises(TypeError, match="^global_unstructured: expected an unstructured method, got LnStructured"):
        prune.global_unstructured([(small, "bias")], prune.LnStructured, amount=1, n=2)


def test_random_masks_follow_the_seed() -> None:
    masks = []
    for _ in range(2):
        lucid.manual_seed(1)
        masks.append(prune.random_structured(layer(), "weight", 2, dim=1).weight_mask)
    assert (masks[0] == masks[1]).all() and (masks[0].sum(0) == 0).sum().item() == 2


STEPS: dict[str, list[tuple[str, tuple[Any, ...]]]] = {
    "l1": [("l1_unstructured", (0.3,))],
    "l1 twice": [("l1_unstructured", (0.3,)), ("l1_unstructured", (3,))],
    "ln rows": [("ln_structured", (1, 2, 0))],
    "ln columns, then l1": [("ln_structured", (0.25, 1, 1)), ("l1_unstructured", (0.5,))],
    "rows, then rows": [("ln_structured", (1, 2, 0)), ("ln_structured", (1, float("inf"), 0))],
    "nothing": [("identity", ()), ("l1_unstructured", (0.0,))],
}


@pytest.mark.parity
@pytest.mark.parametrize("steps", STEPS.values(), ids=STEPS)
def test_masks_are_pytorchs(steps: list[tuple[str, tuple[Any, ...]]]) -> None:
    torch = pytest.importorskip("torch")
    import torch.nn.utils.prune as theirs

    values = np.random.default_rng(0).standard_normal((3, 4)).astype(np.float32)
    own, other = nn.Linear(4, 3), torch.nn.Linear(4, 3)
    own.weight.data.copy_(lucid.tensor(values))
    other.weight.data.copy_(torch.tensor(values))
    for name, arguments in steps:
        getattr(prune, name)(own, "weight", *arguments)
        getattr(theirs, name)(other, "weight", *arguments)
        other(torch.ones(1, 4)), own(lucid.ones(1, 4))
    np.testing.assert_array_equal(own.weight_mask.numpy(), other.weight_mask.numpy())
    np.testing.assert_array_equal(own.weight.detach().numpy(), other.weight.detach().numpy())
    assert sorted(own.state_dict()) == sorted(other.state_dict())
