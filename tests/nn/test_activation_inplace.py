"""Activations that write over their input."""

from __future__ import annotations

import numpy as np
import pytest
from nn.test_activation import INPLACE, POINTS

import lucid
import lucid.nn.functional as F


@pytest.mark.parametrize("name", INPLACE)
def test_in_place_gives_the_values_and_the_gradient_of_the_copy(name: str) -> None:
    function = INPLACE[name]
    a = lucid.tensor(POINTS, dtype=lucid.float64, requires_grad=True)
    b = lucid.tensor(POINTS, dtype=lucid.float64, requires_grad=True)
    expected = function(a * 1.25) * a
    x = b * 1.25
    storage = x.data_ptr()
    y = function(x, inplace=True)
    assert y is x and x.data_ptr() == storage
    (y * b).backward()
    expected.backward()
    np.testing.assert_array_equal((y * b).detach().numpy(), expected.detach().numpy())
    np.testing.assert_array_equal(b.grad.numpy(), a.grad.numpy())


@pytest.mark.parametrize("name", INPLACE)
def test_in_place_without_gradients_overwrites_the_memory(name: str) -> None:
    values = np.array(POINTS)
    expected = INPLACE[name](lucid.tensor(values)).numpy()
    x = lucid.from_numpy(values)
    assert INPLACE[name](x, inplace=True) is x
    np.testing.assert_array_equal(values, expected)

    columns = np.array([POINTS, POINTS]).T
    INPLACE[name](lucid.from_numpy(columns), inplace=True)
    np.testing.assert_array_equal(columns[:, 1], expected)

    leaf = lucid.tensor(POINTS, dtype=lucid.float64, requires_grad=True)
    with lucid.no_grad():
        INPLACE[name](leaf, inplace=True)
    np.testing.assert_array_equal(leaf.detach().numpy(), expected)


@pytest.mark.parametrize("name", INPLACE)
def test_in_place_on_a_leaf_is_refused_and_changes_nothing(name: str) -> None:
    x = lucid.tensor([-1.0, 2.0], requires_grad=True)
    message = f"{name}: a leaf Variable that requires grad is being used in an in-place operation"
    with pytest.raises(RuntimeError, match=message):
        INPLACE[name](x, inplace=True)
    assert x.tolist() == [-1.0, 2.0]


def test_in_place_is_noticed_by_a_graph_that_saved_the_values() -> None:
    x = lucid.tensor([1.0, 2.0], requires_grad=True)
    y = x * 2
    z = (y * y).sum()
    F.silu(y, inplace=True)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        z.backward()
    y = lucid.tensor([1.0, 2.0])
    z = (y * x).sum()
    F.silu(y, inplace=True)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        z.backward()


def test_in_place_on_a_view_changes_the_base_and_its_gradient() -> None:
    x = lucid.tensor([[-1.0, 2.0], [-0.5, 3.0]], dtype=lucid.float64, requires_grad=True)
    y = x * 1.0
    F.silu(y[0], inplace=True)
    np.testing.assert_allclose(y[0].detach().numpy(), [-0.26894142, 1.76159416], atol=1e-8)
    assert y[1].tolist() == [-0.5, 3.0]
    y.sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), [[0.07232949, 1.09078425], [1, 1]], atol=1e-8)


def test_in_place_on_read_only_memory_is_refused() -> None:
    values = np.zeros(4)
    x = lucid.from_numpy(values)
    values.setflags(write=False)
    x._data = values
    with pytest.raises(RuntimeError, match="silu: the tensor is over read-only memory"):
        F.silu(x, inplace=True)
