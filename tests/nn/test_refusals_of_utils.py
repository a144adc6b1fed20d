"""Initialisers and the tools for modules refuse wrong arguments in one line with the name of the function."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import lucid
import lucid.nn.functional as F
from lucid import nn
from lucid.nn import init, utils
from lucid.nn.utils import parametrize, prune, rnn, stateless

WITH_NUMBERS = ["uniform_", "normal_", "xavier_uniform_", "xavier_normal_", "kaiming_uniform_", "kaiming_normal_",
                "trunc_normal_", "orthogonal_", "sparse_"]  # fmt: skip
WITH_CONSTANTS = ["constant_", "ones_", "zeros_", "eye_", "dirac_"]


def arguments(name: str) -> tuple[float, ...]:
    return {"sparse_": (0.5,), "constant_": (1.0,)}.get(name, ())


@pytest.mark.parametrize("name", WITH_NUMBERS + WITH_CONSTANTS)
def test_initialisers_refuse_what_is_no_tensor(name: str) -> None:
    with pytest.raises(TypeError, match=f"^{name}: expected a Tensor, got list$"):
        getattr(init, name)([0.0], *arguments(name))


@pytest.mark.parametrize("name", WITH_NUMBERS)
def test_random_numbers_are_not_cut_to_integers(name: str) -> None:
    x = lucid.ones(2, 2, dtype=lucid.int64)
    message = rf"^{name}: expected a floating-point tensor, got lucid.int64 of shape \(2, 2\)$"
    with pytest.raises(TypeError, match=message):
        getattr(init, name)(x, *arguments(name))
    assert x.tolist() == [[1, 1], [1, 1]]


@pytest.mark.parametrize("dtype", [lucid.float16, lucid.bfloat16, lucid.float32, lucid.float64])
@pytest.mark.parametrize("name", WITH_NUMBERS)
def test_random_numbers_of_every_floating_point_type(name: str, dtype: Any) -> None:
    x = getattr(init, name)(lucid.empty(4, 4, dtype=dtype), *arguments(name))
    assert x.dtype is dtype and bool(x.isfinite().all())


LINEAR = nn.Linear(2, 1)
CASES: dict[str, tuple[Callable[..., Any], tuple[Any, ...], type[Exception], str]] = {
    "clip, no tensors": (utils.clip_grad_norm_, (3, 1.0), TypeError, "clip_grad_norm_: expected a Tensor or several of them, got int"),
    "clip, norm": (utils.clip_grad_norm_, ([], 1.0, 0), ValueError, "clip_grad_norm_: norm_type must be positive, got 0"),
    "clip value": (utils.clip_grad_value_, ([3], 1.0), TypeError, "clip_grad_value_: expected a Tensor, got int"),
    "norm": (utils.grad_norm, ([], -1), ValueError, "grad_norm: norm_type must be positive, got -1"),
    "vector": (utils.vector_to_parameters, (3, []), TypeError, "vector_to_parameters: expected a Tensor, got int"),
    "parameters": (utils.parameters_to_vector, ([3],), TypeError, "parameters_to_vector: expected a Tensor, got int"),
    "weight norm": (utils.weight_norm, (3,), TypeError, "weight_norm: expected a Module, got int"),
    "no weight norm": (utils.remove_weight_norm, (3,), TypeError, "remove_weight_norm: expected a Module, got int"),
    "spectral norm": (utils.spectral_norm, (3,), TypeError, "spectral_norm: expected a Module, got int"),
    "fusion": (utils.fuse_conv_bn_eval, (nn.Conv2d(1, 1, 1).eval(), 3), TypeError, "fuse_conv_bn_eval: expected a Module, got int"),
    "chunks": (utils.apply_chunking_to_forward, (lucid.exp, 1, 0, 3), TypeError, "apply_chunking_to_forward: expected a Tensor, got int"),
    "stateless": (stateless.functional_call, (3, {}), TypeError, "functional_call: expected a Module, got int"),
    "stateless, no dict": (stateless.functional_call, (LINEAR, 3), TypeError, "functional_call: expected a dict of tensors or several, got int"),
    "parametrize": (parametrize.register_parametrization, (LINEAR, "weight", abs), TypeError, "register_parametrization: expected a Module, got builtin_function_or_method"),
    "is parametrized": (parametrize.is_parametrized, (3,), TypeError, "is_parametrized: expected a Module, got int"),
    "not parametrized": (parametrize.remove_parametrizations, (3, "weight"), TypeError, "remove_parametrizations: expected a Module, got int"),
    "is pruned": (prune.is_pruned, (3,), TypeError, "is_pruned: expected a Module, got int"),
    "mask": (prune.custom_from_mask, (LINEAR, "weight", 3), TypeError, "custom_from_mask: expected a Tensor, got int"),
    "slices": (prune.random_structured, (LINEAR, "bias", 1, 0), ValueError, "prune: slices need at least two dimensions, got shape (1,)"),
    "slices, dim": (prune.random_structured, (LINEAR, "weight", 1, 7), IndexError, "prune: dim 7 is out of range for shape (1, 2)"),
    "container": (prune.PruningContainer, (3,), TypeError, "PruningContainer: expected a pruning method, got int"),
    "no pairs": (prune.global_unstructured, ([], prune.L1Unstructured), ValueError, "global_unstructured: expected at least one pair of a module and a parameter's name"),
    "not pairs": (prune.global_unstructured, (3, prune.L1Unstructured), TypeError, "global_unstructured: expected pairs of a module and a parameter's name"),
    "pad": (rnn.pad_sequence, ([3],), TypeError, "pad_sequence: expected a Tensor, got int"),
    "pack": (rnn.pack_sequence, ([3],), TypeError, "pack_sequence: expected a Tensor, got int"),
    "unpad": (rnn.unpad_sequence, (3, [1]), TypeError, "unpad_sequence: expected a Tensor, got int"),
    "unpad, lengths": (rnn.unpad_sequence, (lucid.ones(2, 1), 1.5), RuntimeError, "unpad_sequence: expected lengths as a 1-d sequence of integers, got 1.5"),
}  # fmt: skip


@pytest.mark.parametrize(("call", "given", "kind", "message"), CASES.values(), ids=CASES)
def test_tools_refuse_in_one_line(
    call: Callable[..., Any], given: tuple[Any, ...], kind: type[Exception], message: str
) -> None:
    with pytest.raises(kind) as caught:
        call(*given)
    assert str(caught.value) == message
    assert not prune.is_pruned(LINEAR) and not parametrize.is_parametrized(LINEAR)


def test_clipping_takes_a_norm_that_is_a_number() -> None:
    x = lucid.ones(2, requires_grad=True)
    x.grad = lucid.tensor([3.0, 4.0])
    utils.clip_grads_with_norm_([x], 1.0, 5.0)
    np.testing.assert_allclose(x.grad.numpy(), [0.6, 0.8], rtol=1e-6)


def test_normalize_takes_several_dimensions() -> None:
    assert F.normalize(lucid.ones(2, 2), dim=(0, 1)).tolist() == [[0.5, 0.5], [0.5, 0.5]]
    with pytest.raises(IndexError, match="normalize: Dimension out of range"):
        F.normalize(lucid.ones(2, 2), dim=(0, 2))


@pytest.mark.parametrize(
    "name", ["celu_", "elu_", "hardtanh_", "leaky_relu_", "relu_", "rrelu_", "selu_", "threshold_"]
)
def test_activations_in_place_have_the_arguments_of_the_others_but_inplace(name: str) -> None:
    parameters = inspect.signature(getattr(F, name)).parameters
    assert list(parameters) == [p for p in inspect.signature(getattr(F, name[:-1])).parameters if p != "inplace"]
