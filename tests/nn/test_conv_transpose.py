"""Transposed convolution: values worked out by hand, the adjoint property, gradients, errors, PyTorch."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from nn.parity import compare, draw, exchange, torch

import lucid
import lucid.nn.functional as F
from lucid import nn
from lucid.autograd import gradcheck, gradgradcheck

CONV = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}
TRANSPOSE = {1: F.conv_transpose1d, 2: F.conv_transpose2d, 3: F.conv_transpose3d}
MODULES = {1: nn.ConvTranspose1d, 2: nn.ConvTranspose2d, 3: nn.ConvTranspose3d}


def test_every_element_adds_a_scaled_kernel() -> None:
    x, w = lucid.tensor([[[1.0, 2.0, 3.0]]]), lucid.tensor([[[1.0, 10.0, 100.0]]])
    assert F.conv_transpose1d(x, w).tolist() == [[[1.0, 12.0, 123.0, 230.0, 300.0]]]
    assert F.conv_transpose1d(x, w, stride=2).tolist() == [[[1.0, 10.0, 102.0, 20.0, 203.0, 30.0, 300.0]]]
    assert F.conv_transpose1d(x, w, lucid.tensor([0.5]), 2, 1).tolist() == [[[10.5, 102.5, 20.5, 203.5, 30.5]]]
    assert F.conv_transpose1d(x, w, stride=2, padding=1, output_padding=1).tolist() == [
        [[10.0, 102.0, 20.0, 203.0, 30.0, 300.0]]
    ]
    assert F.conv_transpose1d(x, w, dilation=2).tolist() == [[[1.0, 2.0, 13.0, 20.0, 130.0, 200.0, 300.0]]]


def test_output_padding_beyond_the_stride_adds_elements_that_nothing_reaches() -> None:
    x, w, b = lucid.tensor([[[1.0, 2.0]]]), lucid.tensor([[[1.0, 10.0]]]), lucid.tensor([0.25])
    y = F.conv_transpose1d(x, w, b, stride=1, dilation=4, output_padding=3)
    assert y.tolist() == [[[1.25, 2.25, 0.25, 0.25, 10.25, 20.25, 0.25, 0.25, 0.25]]]


@pytest.mark.parametrize("spatial", [1, 2, 3])
@pytest.mark.parametrize("stride, padding, dilation, groups", list(itertools.product((1, 2), (0, 1), (1, 2), (1, 2))))
def test_is_the_adjoint_of_the_convolution(spatial: int, stride: int, padding: int, dilation: int, groups: int) -> None:
    """<conv(x), y> = <x, conv_transpose(y)> with the same weight, for x of the size that leaves nothing over."""
    size = {1: 12, 2: 7, 3: 5}[spatial]
    y = lucid.tensor(draw(2, 6, *[size] * spatial))
    w = lucid.tensor(draw(6, 4 // groups, *[3] * spatial, seed=1))
    z = TRANSPOSE[spatial](y, w, None, stride, padding, 0, groups, dilation)
    x = lucid.tensor(draw(*z.shape, seed=2))
    left = (CONV[spatial](x, w, None, stride, padding, dilation, groups) * y).sum().item()
    assert left == pytest.approx((x * z).sum().item(), rel=1e-10)


def test_unbatched_input_gives_unbatched_output() -> None:
    for spatial in (1, 2, 3):
        x, w = lucid.tensor(draw(3, *[4] * spatial)), lucid.tensor(draw(3, 2, *[2] * spatial, seed=1))
        assert lucid.equal(TRANSPOSE[spatial](x, w), TRANSPOSE[spatial](x.unsqueeze(0), w).squeeze(0))


def test_empty_batch_has_shape_and_zero_weight_gradient() -> None:
    for spatial in (1, 2, 3):
        module = MODULES[spatial](3, 4, 3, stride=2)
        y = module(lucid.zeros(0, 3, *[5] * spatial))
        assert y.shape == (0, 4, *[11] * spatial)
        y.sum().backward()
        assert module.weight.grad is not None and not module.weight.grad.any().item()
        assert module.bias is not None and module.bias.grad is not None and module.bias.grad.tolist() == [0.0] * 4


@pytest.mark.parametrize(
    "spatial, options",
    [
        (1, {"stride": 2, "output_padding": 1}), (1, {"dilation": 3, "output_padding": 2}),
        (2, {}), (2, {"stride": 2, "padding": 1, "output_padding": 1}), (2, {"groups": 2, "dilation": 2}),
        (2, {"groups": 4, "stride": (2, 1)}), (3, {"stride": (1, 2, 1), "padding": (0, 1, 0)}),
    ],
)  # fmt: skip
def test_gradients_of_both_orders(spatial: int, options: dict[str, Any]) -> None:
    groups = options.get("groups", 1)
    x = lucid.tensor(draw(1, 4, *[{1: 4, 2: 3, 3: 2}[spatial]] * spatial), requires_grad=True)
    w = lucid.tensor(draw(4, 4 // groups, *[2] * spatial, seed=1), requires_grad=True)
    b = lucid.tensor(draw(4, seed=2), requires_grad=True)

    def f(x: Any, w: Any, b: Any) -> Any:
        return TRANSPOSE[spatial](x, w, b, **options)

    assert gradcheck(f, (x, w, b))
    assert gradgradcheck(f, (x, w, b))


def test_output_size_chooses_among_the_sizes_that_convolve_to_the_input() -> None:
    up = nn.ConvTranspose2d(2, 3, 3, stride=(2, 3), padding=1)
    x = lucid.tensor(draw(1, 2, 4, 5, dtype="float32"))
    assert up(x).shape == (1, 3, 7, 13)
    for size in ((7, 13), [8, 15], (1, 3, 8, 14), lucid.Size([7, 14])):
        y = up(x, output_size=size)
        assert y.shape[2:] == tuple(size)[-2:]
        assert lucid.equal(y[..., :7, :13], up(x))
    with pytest.raises(
        ValueError, match=r"^ConvTranspose2d: output_size must lie between \(7, 13\) and \(8, 15\), got"
    ):
        up(x, output_size=(9, 13))
    with pytest.raises(
        ValueError, match=r"^ConvTranspose2d: output_size must have 2 or 4 elements, got \(7,\) \(input"
    ):
        up(x, output_size=(7,))


@pytest.mark.parametrize(
    "arguments, error, message",
    [
        (((2, 5, 8, 8), (4, 3, 3, 3)), RuntimeError,
         r"conv_transpose2d: expected 4 input channels, got 5 \(input \(2, 5, 8, 8\), weight \(4, 3, 3, 3\)\)"),
        (((8, 8), (4, 3, 3, 3)), RuntimeError,
         r"conv_transpose2d: expected a 3-d \(unbatched\) or 4-d \(batched\) input, got shape \(8, 8\)"),
        (((1, 4, 8, 8), (4, 3, 3)), RuntimeError, r"conv_transpose2d: expected a 4-d weight, got shape \(4, 3, 3\)"),
        (((1, 3, 3, 3), (3, 2, 1, 1), None, 1, 0, 0, 2), RuntimeError,
         "conv_transpose2d: 3 input channels are not divisible by groups 2"),
        (((1, 1, 3, 3), (1, 1, 1, 1), None, 0), ValueError, "conv_transpose2d: stride must be positive, got 0"),
        (((1, 1, 3, 3), (1, 1, 1, 1), None, 1, -1), ValueError, "conv_transpose2d: padding must be non-negative, got -1"),
        (((1, 1, 3, 3), (1, 1, 1, 1), None, 1, "same"), TypeError,
         "conv_transpose2d: padding must be an int or a tuple of 2 ints, got 'same'"),
        (((1, 1, 3, 3), (1, 1, 1, 1), None, 1, 0, -1), ValueError,
         "conv_transpose2d: output_padding must be non-negative, got -1"),
        (((1, 1, 3, 3), (1, 1, 1, 1), None, 2, 0, 2), RuntimeError,
         r"conv_transpose2d: output_padding must be smaller than stride or dilation, got output_padding \(2, 2\), "),
        (((1, 1, 2, 2), (1, 1, 1, 1), None, 1, 1), RuntimeError,
         r"conv_transpose2d: the result would have size \(0, 0\) \(input \(1, 1, 2, 2\), weight \(1, 1, 1, 1\), stride 1"),
        (((1, 1, 0, 2), (1, 1, 1, 1)), RuntimeError,
         r"conv_transpose2d: the spatial dimensions of the input are empty \(input \(1, 1, 0, 2\)\)"),
    ],
)  # fmt: skip
def test_errors(arguments: tuple[Any, ...], error: type[Exception], message: str) -> None:
    x, w, *rest = arguments
    with pytest.raises(error, match="^" + message):
        F.conv_transpose2d(lucid.ones(*x), lucid.ones(*w), *rest)


def test_refuses_bias_and_dtypes_that_do_not_fit() -> None:
    x, w = lucid.ones(1, 2, 3, 3), lucid.ones(2, 3, 1, 1)
    with pytest.raises(RuntimeError, match=r"^conv_transpose2d: bias has shape \(2,\), expected \(3,\) \(weight"):
        F.conv_transpose2d(x, w, lucid.ones(2))
    with pytest.raises(RuntimeError, match=r"must have the same dtype, got lucid.float32, lucid.float64"):
        F.conv_transpose2d(x, w.double())


def test_constructor_errors() -> None:
    with pytest.raises(ValueError, match=r"^ConvTranspose2d: padding_mode must be 'zeros', got 'reflect'"):
        nn.ConvTranspose2d(4, 4, 3, padding_mode="reflect")
    with pytest.raises(TypeError, match=r"^ConvTranspose1d: padding must be an int or a tuple of 1 ints, got 'same'"):
        nn.ConvTranspose1d(4, 4, 3, padding="same")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"^ConvTranspose3d: out_channels 3 must be divisible by groups 2"):
        nn.ConvTranspose3d(4, 3, 3, groups=2)
    with pytest.raises(ValueError, match=r"^ConvTranspose2d: output_padding must be an int or a tuple of 2 ints, got"):
        nn.ConvTranspose2d(4, 4, 3, output_padding=(1, 1, 1))


def test_module_errors_name_the_module() -> None:
    model = nn.Sequential(nn.ConvTranspose2d(3, 4, 3), nn.ConvTranspose2d(5, 2, 1))
    with pytest.raises(
        RuntimeError, match=r"^ConvTranspose2d '1': expected 5 input channels, got 4 \(input \(1, 4, 6,"
    ):
        model(lucid.ones(1, 3, 4, 4))


@pytest.mark.parity
@pytest.mark.parametrize("spatial", [1, 2, 3])
@pytest.mark.parametrize(
    "kernel, stride, padding, output_padding, groups, dilation",
    [(3, 1, 0, 0, 1, 1), (3, 2, 1, 1, 2, 1), (4, 2, 1, 0, 4, 1), (2, 3, 0, 2, 1, 2), (3, 1, 2, 1, 1, 2), (5, 2, 2, 1, 4, 1)],
)  # fmt: skip
def test_parity(
    spatial: int, kernel: int, stride: int, padding: int, output_padding: int, groups: int, dilation: int
) -> None:
    t = torch()
    theirs_class = getattr(t.nn, MODULES[spatial].__name__)
    for bias, dtype in ((True, "float64"), (False, "float32")):
        options = (4, 8, kernel, stride, padding, output_padding, groups, bias, dilation)
        theirs = theirs_class(*options, dtype=getattr(t, dtype))
        ours = MODULES[spatial](*options, dtype=getattr(lucid, dtype))
        assert repr(ours) == repr(theirs)
        exchange(ours, theirs)
        size = {1: (11,), 2: (5, 6), 3: (3, 4, 5)}[spatial]
        compare(ours, theirs, draw(2, 4, *size, dtype=dtype), dtype=dtype)
        compare(ours, theirs, draw(4, *size, dtype=dtype), dtype=dtype)


def test_initial_parameters_are_uniform_within_the_bound_of_the_second_dimension() -> None:
    module = nn.ConvTranspose2d(64, 8, 3)
    assert module.weight.shape == (64, 8, 3, 3) and module.bias is not None
    bound = 1 / np.sqrt(8 * 9)
    for p in (module.weight, module.bias):
        assert np.abs(p.detach().numpy()).max() <= bound
    assert abs(module.weight.detach().numpy().std() - bound / np.sqrt(3)) < 0.02 * bound
