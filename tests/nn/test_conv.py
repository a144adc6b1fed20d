"""Convolution and padding: values worked out by hand or from the definition, errors, gradients, PyTorch."""

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


def by_definition(
    x: np.ndarray, w: np.ndarray, b: np.ndarray | None, stride: int, padding: int, dilation: int, groups: int
) -> np.ndarray:
    """conv2d, one output element at a time."""
    n, _, h, wd = x.shape
    o, c, kh, kw = w.shape
    x = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    oh = (h + 2 * padding - dilation * (kh - 1) - 1) // stride + 1
    ow = (wd + 2 * padding - dilation * (kw - 1) - 1) // stride + 1
    y = np.zeros((n, o, oh, ow))
    for i, k, r, s in np.ndindex(n, o, oh, ow):
        group = k // (o // groups)
        rows = slice(r * stride, r * stride + dilation * (kh - 1) + 1, dilation)
        columns = slice(s * stride, s * stride + dilation * (kw - 1) + 1, dilation)
        y[i, k, r, s] = np.sum(x[i, group * c : (group + 1) * c, rows, columns] * w[k]) + (0 if b is None else b[k])
    return y


@pytest.mark.parametrize(
    "stride, padding, dilation, groups", list(itertools.product((1, 2), (0, 1, 3), (1, 2), (1, 2, 4)))
)
def test_conv2d_is_its_definition(stride: int, padding: int, dilation: int, groups: int) -> None:
    x, w, b = draw(2, 4, 9, 8), draw(8, 4 // groups, 3, 2, seed=1), draw(8, seed=2)
    y = F.conv2d(lucid.tensor(x), lucid.tensor(w), lucid.tensor(b), stride, padding, dilation, groups)
    np.testing.assert_allclose(y.numpy(), by_definition(x, w, b, stride, padding, dilation, groups), atol=1e-12)


def test_conv1d_is_conv2d_of_height_one() -> None:
    x, w, b = lucid.tensor(draw(2, 4, 11)), lucid.tensor(draw(6, 2, 3, seed=1)), lucid.tensor(draw(6, seed=2))
    y = F.conv1d(x, w, b, stride=2, padding=3, dilation=2, groups=2)
    z = F.conv2d(x.unsqueeze(2), w.unsqueeze(2), b, (1, 2), (0, 3), (1, 2), 2).squeeze(2)
    assert lucid.equal(y, z)


def test_unbatched_input_gives_unbatched_output() -> None:
    x, w = lucid.tensor(draw(3, 5, 6)), lucid.tensor(draw(4, 3, 2, 2, seed=1))
    assert lucid.equal(F.conv2d(x, w), F.conv2d(x.unsqueeze(0), w).squeeze(0))
    v = lucid.tensor(draw(4, 3, 2, seed=1))
    assert lucid.equal(F.conv1d(x[:, 0], v), F.conv1d(x[:, 0].unsqueeze(0), v).squeeze(0))


def test_arguments_may_be_ints_tuples_lists_or_single_element_tuples() -> None:
    x, w = lucid.tensor(draw(1, 1, 8, 8)), lucid.tensor(draw(1, 1, 3, 3))
    y = F.conv2d(x, w, stride=2, padding=1, dilation=1)
    for two, one in (((2, 2), (1, 1)), ([2, 2], [1, 1]), ((2,), (1,)), (np.int64(2), np.int64(1))):
        assert lucid.equal(F.conv2d(x, w, stride=two, padding=one, dilation=one), y)


def test_same_padding_puts_the_odd_zero_at_the_end() -> None:
    x, w = lucid.tensor([[[1.0, 2.0, 3.0]]]), lucid.tensor([[[1.0, 10.0]]])
    assert F.conv1d(x, w, padding="same").tolist() == [[[21.0, 32.0, 3.0]]]
    assert F.conv1d(x, w, padding="valid").tolist() == [[[21.0, 32.0]]]


def test_empty_batch_has_shape_and_zero_weight_gradient() -> None:
    conv = nn.Conv2d(3, 4, 3, padding=1)
    y = conv(lucid.zeros(0, 3, 8, 8))
    assert y.shape == (0, 4, 8, 8)
    y.sum().backward()
    assert conv.weight.grad is not None and not conv.weight.grad.any().item()
    assert conv.bias is not None and conv.bias.grad is not None and conv.bias.grad.tolist() == [0.0] * 4


@pytest.mark.parametrize("stride, padding, dilation, groups", [(1, 0, 1, 1), (2, 1, 1, 2), (2, 2, 2, 1), (1, 1, 2, 4)])
def test_conv2d_gradients_of_both_orders(stride: int, padding: int, dilation: int, groups: int) -> None:
    x = lucid.tensor(draw(2, 4, 5, 6), requires_grad=True)
    w = lucid.tensor(draw(4, 4 // groups, 2, 3, seed=1), requires_grad=True)
    b = lucid.tensor(draw(4, seed=2), requires_grad=True)

    def f(x: Any, w: Any, b: Any) -> Any:
        return F.conv2d(x, w, b, stride, padding, dilation, groups)

    assert gradcheck(f, (x, w, b))
    assert gradgradcheck(f, (x, w, b))


@pytest.mark.parametrize("mode", ["constant", "reflect", "replicate", "circular"])
def test_pad_is_numpys(mode: str) -> None:
    x = draw(2, 3, 4, 5)
    y = F.pad(lucid.tensor(x), (2, 1, 3, 0), mode)
    numpy_mode = {"constant": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}[mode]
    np.testing.assert_array_equal(y.numpy(), np.pad(x, ((0, 0), (0, 0), (3, 0), (2, 1)), mode=numpy_mode))  # type: ignore[call-overload]


def test_pad_with_a_value_keeps_the_sign_of_zero_inside() -> None:
    y = F.pad(lucid.tensor([[-0.0]]), (1, 1), value=2.5)
    assert y.tolist() == [[2.5, 0.0, 2.5]] and np.signbit(y.numpy()[0, 1])
    assert np.signbit(F.pad(lucid.tensor([[-0.0]]), (1, 1)).numpy()[0, 1])


def test_negative_padding_crops() -> None:
    x = lucid.tensor([[0.0, 1.0, 2.0, 3.0]])
    assert F.pad(x, (-1, 2)).tolist() == [[1.0, 2.0, 3.0, 0.0, 0.0]]
    assert F.pad(x, (-1, -2)).tolist() == [[1.0]]
    assert F.pad(x, (-1, 2), "reflect").tolist() == [[1.0, 2.0, 3.0, 2.0, 1.0]]


def test_pad_never_returns_its_input() -> None:
    x = lucid.ones(1, 2)
    F.pad(x, (0, 0)).fill_(5)
    assert x.tolist() == [[1.0, 1.0]]


def test_pad_keeps_integers() -> None:
    y = F.pad(lucid.tensor([1, 2]), (1, 0), value=7)
    assert y.dtype is lucid.int64 and y.tolist() == [7, 1, 2]


@pytest.mark.parametrize("mode", ["constant", "reflect", "replicate", "circular"])
def test_pad_gradients_of_both_orders(mode: str) -> None:
    x = lucid.tensor(draw(2, 3, 4), requires_grad=True)
    assert gradcheck(lambda x: F.pad(x, (2, -1), mode) ** 2, (x,))
    assert gradgradcheck(lambda x: F.pad(x, (1, 3), mode) ** 3, (x,))


@pytest.mark.parametrize(
    "arguments, error, message",
    [
        (((2, 5, 8, 8), (4, 3, 3, 3)), RuntimeError,
         r"conv2d: expected 3 input channels, got 5 \(input \(2, 5, 8, 8\), weight \(4, 3, 3, 3\), groups 1\)"),
        (((2, 3, 2, 8), (4, 3, 3, 3)), RuntimeError,
         r"conv2d: the kernel spans \(3, 3\) elements, more than the padded input has \(input \(2, 3, 2, 8\), weight"),
        (((8, 8), (4, 3, 3, 3)), RuntimeError,
         r"conv2d: expected a 3-d \(unbatched\) or 4-d \(batched\) input, got shape \(8, 8\)"),
        (((1, 3, 8, 8), (4, 3, 3)), RuntimeError, r"conv2d: expected a 4-d weight, got shape \(4, 3, 3\)"),
        (((1, 1, 3, 3), (1, 1, 0, 1)), ValueError, r"conv2d: kernel size must be positive, got \(0, 1\)"),
        (((1, 4, 3, 3), (3, 2, 1, 1), None, 1, 0, 1, 2), RuntimeError,
         "conv2d: 3 output channels are not divisible by groups 2"),
        (((1, 1, 3, 3), (1, 1, 1, 1), None, 0), ValueError, "conv2d: stride must be positive, got 0"),
        (((1, 1, 3, 3), (1, 1, 1, 1), None, 1, -1), ValueError, "conv2d: padding must be non-negative, got -1"),
        (((1, 1, 3, 3), (1, 1, 1, 1), None, 1, 0, 0), ValueError, "conv2d: dilation must be positive, got 0"),
        (((1, 1, 3, 3), (1, 1, 1, 1), None, 1, 0, 1, 0), ValueError, "conv2d: groups must be a positive integer, got 0"),
        (((1, 1, 3, 3), (1, 1, 1, 1), None, (1, 2, 3)), ValueError,
         r"conv2d: stride must be an int or a tuple of 2 ints, got \(1, 2, 3\)"),
        (((1, 1, 3, 3), (1, 1, 1, 1), None, 1.5), TypeError,
         "conv2d: stride must be an int or a tuple of 2 ints, got 1.5"),
        (((1, 1, 3, 3), (1, 1, 1, 1), None, 1, "sam"), ValueError,
         "conv2d: padding must be 'valid', 'same' or numbers, got 'sam'"),
        (((1, 1, 3, 3), (1, 1, 1, 1), None, 2, "same"), ValueError,
         r"conv2d: padding='same' is not supported for strided convolutions \(stride \(2, 2\)\)"),
    ],
)  # fmt: skip
def test_conv2d_errors(arguments: tuple[Any, ...], error: type[Exception], message: str) -> None:
    x, w, *rest = arguments
    with pytest.raises(error, match="^" + message):
        F.conv2d(lucid.ones(*x), lucid.ones(*w), *rest)


def test_float_stride_is_refused_after_an_int_stride_was_accepted() -> None:
    x, w = lucid.ones(1, 1, 3, 3), lucid.ones(1, 1, 1, 1)
    F.conv2d(x, w, None, 1)
    with pytest.raises(TypeError, match=r"conv2d: stride must be an int or a tuple of 2 ints, got 1\.0"):
        F.conv2d(x, w, None, 1.0)  # type: ignore[arg-type]


def test_conv_refuses_bias_and_dtypes_that_do_not_fit() -> None:
    x, w = lucid.ones(1, 1, 3, 3), lucid.ones(2, 1, 1, 1)
    with pytest.raises(
        RuntimeError, match=r"^conv2d: bias has shape \(3,\), expected \(2,\) \(weight \(2, 1, 1, 1\)\)"
    ):
        F.conv2d(x, w, lucid.ones(3))
    with pytest.raises(RuntimeError, match=r"must have the same dtype, got lucid.float32, lucid.float64"):
        F.conv2d(x, w.double())
    with pytest.raises(RuntimeError, match=r"must have the same dtype, got lucid.int64, lucid.float32"):
        F.conv2d(x.long(), w)
    with pytest.raises(RuntimeError, match=r"^conv2d: expected floating-point or integer input, got lucid.bool"):
        F.conv2d(x.bool(), w.bool())


OPTIONS = [{}, {"stride": 2, "padding": 1, "groups": 2}, {"dilation": 2, "padding": 3}]


@pytest.mark.parametrize("spatial", [1, 2, 3])
@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("dtype", [lucid.int64, lucid.int32, lucid.int16, lucid.int8, lucid.uint8])
def test_convolution_of_integers_is_exact_and_wraps_around(dtype: Any, options: dict[str, int], spatial: int) -> None:
    random = np.random.default_rng(spatial)
    limits = lucid.iinfo(dtype)
    low, high = max(limits.min, -(2**20)), min(limits.max, 2**20)
    x, b = (random.integers(low, high, size) for size in ((2, 4, *(7, 6, 5)[:spatial]), 4))
    w = random.integers(low, high, (4, 4 // options.get("groups", 1), *(3, 2, 2)[:spatial]))
    for name in (f"conv{spatial}d", f"conv_transpose{spatial}d"):
        bias = np.resize(b, w.shape[1] * options.get("groups", 1)) if "transpose" in name else b
        arrays = x, w, bias
        y = getattr(F, name)(*(lucid.tensor(a, dtype=dtype) for a in arrays), **options)
        exact = getattr(F, name)(*(lucid.tensor(a, dtype=lucid.float64) for a in arrays), **options)  # below 2^53
        assert y.dtype == dtype and y.tolist() == exact.long().to(dtype).tolist()


def test_layers_and_batches_of_integers() -> None:
    layer = nn.Conv2d(2, 3, 2, padding=1, padding_mode="circular").requires_grad_(False).to(lucid.float64)
    for p in layer.parameters():
        p.copy_(lucid.arange(p.numel()).reshape(p.shape))
    whole = nn.Conv2d(2, 3, 2, padding=1, padding_mode="circular").requires_grad_(False)
    whole.weight, whole.bias = (nn.Parameter(p.long(), requires_grad=False) for p in layer.parameters())
    x = lucid.arange(18).reshape(2, 3, 3)
    assert whole(x).tolist() == layer(x.double()).tolist()
    assert F.conv2d(lucid.zeros(0, 2, 3, 3).long(), whole.weight).shape == (0, 3, 2, 2)


@pytest.mark.parity
@pytest.mark.parametrize("options", OPTIONS)
def test_convolution_of_integers_is_torchs(options: dict[str, int]) -> None:
    random = np.random.default_rng(0)
    x = random.integers(-(2**62), 2**62, (2, 4, 7, 6))
    w, b = random.integers(-(2**62), 2**62, (4, 4 // options.get("groups", 1), 3, 2)), random.integers(0, 9, 4)
    for name in ("conv2d", "conv_transpose2d"):
        y, want = (
            getattr(t.nn.functional, name)(t.tensor(x), t.tensor(w), t.tensor(b), **options) for t in (lucid, torch())
        )
        np.testing.assert_array_equal(y.numpy(), want.numpy())


@pytest.mark.parametrize(
    "shape, pad, mode, message",
    [
        ((2, 5), (1,), "constant", r"pad: expected pairs for at most 2 dimensions, got \(1,\) \(input \(2, 5\)\)"),
        ((5,), (1, 1, 1, 1), "constant", "pad: expected pairs for at most 1 dimensions"),
        ((1, 5), (-3, -3), "constant", r"pad: \(-3, -3\) crops more than dimension 1 has \(input \(1, 5\)\)"),
        ((2, 1, 5), (5, 1), "reflect", r"pad: mode 'reflect' can add at most 4 elements to dimension 2, got \(5, 1\)"),
        ((2, 1, 5), (6, 1), "circular", r"pad: mode 'circular' can add at most 5 elements to dimension 2"),
        ((5,), (1, 1), "reflect", "pad: mode 'reflect' pads the last 1 dimensions of 2-d or 3-d inputs, got shape"),
    ],
)
def test_pad_errors(shape: tuple[int, ...], pad: tuple[int, ...], mode: str, message: str) -> None:
    with pytest.raises(RuntimeError, match="^" + message):
        F.pad(lucid.ones(*shape), pad, mode)


def test_pad_refuses_unknown_modes_and_pointless_values() -> None:
    with pytest.raises(ValueError, match=r"^pad: mode must be 'constant', .* or 'circular', got 'mirror'"):
        F.pad(lucid.ones(1, 3), (1, 1), "mirror")
    with pytest.raises(ValueError, match=r"^pad: mode 'reflect' takes no value, got 1.0"):
        F.pad(lucid.ones(1, 3), (1, 1), "reflect", 1.0)


@pytest.mark.parametrize(
    "arguments, options, message",
    [
        ((3, 4, 3), {"groups": 2}, "Conv2d: in_channels 3 must be divisible by groups 2"),
        ((4, 3, 3), {"groups": 2}, "Conv2d: out_channels 3 must be divisible by groups 2"),
        ((4, 4, 3), {"groups": 0}, "Conv2d: groups must be a positive integer, got 0"),
        ((4, 4, 3), {"padding": "sam"}, "Conv2d: padding must be 'valid', 'same' or numbers, got 'sam'"),
        ((4, 4, 3), {"padding": "same", "stride": 2}, "Conv2d: padding='same' is not supported for strided"),
        ((4, 4, 3), {"padding_mode": "mirror"}, r"Conv2d: padding_mode must be one of \('zeros', .*\), got 'mirror'"),
        ((4, 4, 0), {}, "Conv2d: kernel size must be positive, got 0"),
        ((4, 4, (1, 2, 3)), {}, r"Conv2d: kernel_size must be an int or a tuple of 2 ints, got \(1, 2, 3\)"),
    ],
)
def test_constructor_errors(arguments: tuple[Any, ...], options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match="^" + message):
        nn.Conv2d(*arguments, **options)


def test_module_errors_name_the_module() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Conv2d(5, 2, 1))
    with pytest.raises(
        RuntimeError, match=r"^Conv2d '1': expected 5 input channels, got 4 \(input \(1, 4, 6, 6\), weight"
    ):
        model(lucid.ones(1, 3, 8, 8))
    conv = nn.Conv2d(1, 1, 3, padding=4, padding_mode="reflect")
    with pytest.raises(RuntimeError, match=r"^Conv2d: mode 'reflect' can add at most 2 elements to dimension 3"):
        conv(lucid.ones(1, 1, 3, 3))


def test_repr() -> None:
    assert repr(nn.Conv1d(2, 4, 3)) == "Conv1d(2, 4, kernel_size=(3,), stride=(1,))"
    conv = nn.Conv2d(4, 4, 3, 2, 1, 2, 2, False, "reflect")
    assert repr(conv) == (
        "Conv2d(4, 4, kernel_size=(3, 3), stride=(2, 2), padding=(1, 1), dilation=(2, 2), groups=2, bias=False, "
        "padding_mode=reflect)"
    )
    assert "padding=same" in repr(nn.Conv2d(4, 4, 3, padding="same"))


def test_initial_parameters_are_uniform_within_the_bound() -> None:
    conv = nn.Conv2d(8, 64, 3)
    bound = 1 / np.sqrt(8 * 9)
    assert conv.bias is not None
    for p in (conv.weight, conv.bias):
        assert np.abs(p.detach().numpy()).max() <= bound
    assert abs(conv.weight.detach().numpy().std() - bound / np.sqrt(3)) < 0.02 * bound


PADDINGS: tuple[Any, ...] = (0, 1, (2, 1), "same", "valid")


@pytest.mark.parity
@pytest.mark.parametrize(
    "kernel, stride, padding, dilation, groups",
    [c for c in itertools.product(((1, 1), (3, 3), (2, 5)), ((1, 1), (2, 2), (1, 3)), PADDINGS, ((1, 1), (2, 1)), (1, 2, 4))
     if c[1] == (1, 1) or c[2] != "same"],
)  # fmt: skip
@pytest.mark.filterwarnings("ignore:Using padding=.same. with even kernel")
def test_conv2d_parity(kernel: Any, stride: Any, padding: Any, dilation: Any, groups: int) -> None:
    t = torch()
    options = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    theirs = t.nn.Conv2d(4, 8, kernel, bias=groups != 2, dtype=t.float64, **options)
    ours = nn.Conv2d(4, 8, kernel, bias=groups != 2, dtype=lucid.float64, **options)
    exchange(ours, theirs)
    compare(ours, theirs, draw(3, 4, 7, 11))


@pytest.mark.parity
@pytest.mark.parametrize("groups, channels, outputs", [(16, 16, 16), (16, 16, 32), (1, 16, 24), (5, 5, 5)])
@pytest.mark.parametrize("size", [(1, 1), (5, 3), (17, 13)])
@pytest.mark.parametrize("stride", [1, 2])
def test_conv2d_parity_float32(groups: int, channels: int, outputs: int, size: tuple[int, int], stride: int) -> None:
    t = torch()
    theirs = t.nn.Conv2d(channels, outputs, 3, stride, 1, groups=groups)
    ours = nn.Conv2d(channels, outputs, 3, stride, 1, groups=groups)
    exchange(ours, theirs)
    compare(ours, theirs, draw(2, channels, *size, dtype="float32"), dtype="float32")


@pytest.mark.parity
@pytest.mark.parametrize("mode", ["zeros", "reflect", "replicate", "circular"])
@pytest.mark.parametrize("padding, kernel", [(1, 3), (2, 3), ("same", 4), ("same", 3)])
def test_padding_mode_parity(mode: str, padding: Any, kernel: int) -> None:
    t = torch()
    for one_d in (True, False):
        ours_class, theirs_class = (nn.Conv1d, t.nn.Conv1d) if one_d else (nn.Conv2d, t.nn.Conv2d)
        theirs = theirs_class(2, 3, kernel, padding=padding, padding_mode=mode, dilation=2, dtype=t.float64)
        ours = ours_class(2, 3, kernel, padding=padding, padding_mode=mode, dilation=2, dtype=lucid.float64)
        exchange(ours, theirs)
        compare(ours, theirs, draw(2, 2, 9) if one_d else draw(2, 2, 9, 10))


@pytest.mark.parity
@pytest.mark.parametrize("stride, padding, dilation, groups", list(itertools.product((1, 3), (0, 2), (1, 3), (1, 2))))
def test_conv1d_parity(stride: int, padding: int, dilation: int, groups: int) -> None:
    t = torch()
    theirs = t.nn.Conv1d(4, 6, 3, stride, padding, dilation, groups, dtype=t.float64)
    ours = nn.Conv1d(4, 6, 3, stride, padding, dilation, groups, dtype=lucid.float64)
    exchange(ours, theirs)
    compare(ours, theirs, draw(2, 4, 13))
    compare(ours, theirs, draw(4, 8))


PADS = [(0, 0), (3, 1), (-1, -2), (-1, 2), (1, 0, 2, 3), (-1, -1, 2, 1), (-1, 2, 2, -1)]


@pytest.mark.parity
@pytest.mark.parametrize(
    "mode, pad",
    [
        (mode, pad)
        for mode in ("constant", "reflect", "replicate", "circular")
        for pad in PADS
        if mode != "circular"
        or not any(min(p) < 0 < max(p) for p in zip(pad[::2], pad[1::2]))  # PyTorch wraps the crop
    ],
)
def test_pad_parity(mode: str, pad: tuple[int, ...]) -> None:
    pad_with_torch = torch().nn.functional.pad
    x = draw(2, 3, 5, 6)
    for a in (x, x[0]) if len(pad) == 4 else (x[0], x[0, 0][None]):
        compare(lambda x: F.pad(x, pad, mode), lambda x: pad_with_torch(x, pad, mode), np.ascontiguousarray(a))


@pytest.mark.parity
def test_non_contiguous_input_parity() -> None:
    t = torch()
    theirs, ours = t.nn.Conv2d(3, 4, 3, dtype=t.float64), nn.Conv2d(3, 4, 3, dtype=lucid.float64)
    exchange(ours, theirs)
    compare(lambda x: ours(x.permute(0, 3, 1, 2)), lambda x: theirs(x.permute(0, 3, 1, 2)), draw(2, 6, 7, 3))


def test_conv3d_of_depth_one_is_conv2d() -> None:
    x, w, b = lucid.tensor(draw(2, 4, 5, 6)), lucid.tensor(draw(6, 2, 3, 3, seed=1)), lucid.tensor(draw(6, seed=2))
    y = F.conv3d(x.unsqueeze(2), w.unsqueeze(2), b, (1, 2, 1), (0, 1, 2), 1, 2)
    assert lucid.equal(y.squeeze(2), F.conv2d(x, w, b, (2, 1), (1, 2), 1, 2))


@pytest.mark.parametrize("stride, padding, dilation, groups", [(1, 0, 1, 1), (2, 1, 1, 2), (1, 2, 2, 4)])
def test_conv3d_gradients_of_both_orders(stride: int, padding: int, dilation: int, groups: int) -> None:
    x = lucid.tensor(draw(1, 4, 3, 3, 4), requires_grad=True)
    w = lucid.tensor(draw(4, 4 // groups, 2, 2, 1, seed=1), requires_grad=True)
    b = lucid.tensor(draw(4, seed=2), requires_grad=True)

    def f(x: Any, w: Any, b: Any) -> Any:
        return F.conv3d(x, w, b, stride, padding, dilation, groups)

    assert gradcheck(f, (x, w, b))
    assert gradgradcheck(f, (x, w, b))


def test_conv3d_errors_name_the_arguments() -> None:
    x, w = lucid.ones(1, 3, 4, 8, 8), lucid.ones(4, 3, 3, 3, 3)
    with pytest.raises(
        RuntimeError, match=r"^conv3d: expected a 4-d \(unbatched\) or 5-d \(batched\) input, got shape"
    ):
        F.conv3d(x[0, 0], w)
    with pytest.raises(RuntimeError, match=r"^conv3d: the kernel spans \(3, 3, 3\) elements, more than the padded"):
        F.conv3d(x[:, :, :2], w)
    with pytest.raises(ValueError, match=r"^conv3d: stride must be an int or a tuple of 3 ints, got \(1, 2\)"):
        F.conv3d(x, w, stride=(1, 2))
    with pytest.raises(RuntimeError, match=r"^Conv3d: expected 2 input channels, got 3 \(input \(1, 3, 4, 8, 8\), wei"):
        nn.Conv3d(2, 4, 3)(x)


@pytest.mark.parity
@pytest.mark.parametrize(
    "kernel, stride, padding, dilation, groups",
    [(3, 1, 1, 1, 1), ((1, 3, 2), (1, 2, 2), (0, 1, 2), 1, 2), (2, 2, 3, (2, 1, 3), 4), ((2, 3, 3), 1, "same", 1, 1)],
)
@pytest.mark.filterwarnings("ignore:Using padding=.same. with even kernel")
def test_conv3d_parity(kernel: Any, stride: Any, padding: Any, dilation: Any, groups: int) -> None:
    t = torch()
    options = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    theirs = t.nn.Conv3d(4, 8, kernel, dtype=t.float64, **options)
    ours = nn.Conv3d(4, 8, kernel, dtype=lucid.float64, **options)
    assert repr(ours) == repr(theirs)
    exchange(ours, theirs)
    compare(ours, theirs, draw(2, 4, 5, 7, 6))
    compare(ours, theirs, draw(4, 5, 7, 6))


@pytest.mark.parity
@pytest.mark.parametrize("mode", ["reflect", "replicate", "circular"])
def test_conv3d_padding_mode_parity(mode: str) -> None:
    t = torch()
    theirs = t.nn.Conv3d(2, 3, 3, padding=(1, 2, 1), padding_mode=mode, dtype=t.float64)
    ours = nn.Conv3d(2, 3, 3, padding=(1, 2, 1), padding_mode=mode, dtype=lucid.float64)
    exchange(ours, theirs)
    compare(ours, theirs, draw(2, 2, 4, 5, 4))
