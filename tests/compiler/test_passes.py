"""What becomes of a graph: fused steps, layouts, memory, and the table that `explain` prints."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
import pytest
from compiler.nets import inputs, make, tensors

import lucid
import lucid.nn.functional as F
from lucid import nn
from lucid.compiler._segment import Segment


def steps(compiled: Any) -> list[str]:
    """The methods of compiled steps, and "call: ..." for others, of the plan used last."""
    found = []
    for step in list(compiled._plans.values())[-1].program.steps:
        if isinstance(step.run, Segment):
            found += [e.method for e in step.run.recipe.steps]
        else:
            found.append("call: " + " + ".join(step.op.covers))
    return found


def covers(compiled: Any) -> list[str]:
    """The operations that each compiled step stands for."""
    program = list(compiled._plans.values())[-1].program
    return [" ".join(e.covers) for s in program.steps if isinstance(s.run, Segment) for e in s.run.recipe.steps]


def run(net: Any, *args: Any) -> Any:
    if isinstance(net, nn.Module):
        net.eval()
    compiled = lucid.compile(net)
    with lucid.no_grad():
        want = tensors(net(*args))
    for g, w in zip(tensors(compiled(*args)), want, strict=True):
        np.testing.assert_allclose(g.numpy(), w.numpy(), rtol=1e-4, atol=1e-5 * np.abs(w.numpy()).max(initial=1))
    return compiled


def test_a_residual_block_is_one_step_per_convolution() -> None:
    compiled = run(make("resnet"), *inputs("resnet", 2))
    assert steps(compiled) == [
        "conv2d", "max_pool2d", "conv2d", "conv2d", "conv2d", "conv2d", "conv2d", "global_avg_pool", "copy", "linear",
    ]  # fmt: skip
    assert covers(compiled)[0] == "Convolution BatchNormApply ReLU"
    assert sum("Add ReLU" in c for c in covers(compiled)) == 2
    assert not any(s.startswith("call") for s in steps(compiled))


def test_excitation_is_part_of_the_next_convolution() -> None:
    compiled = run(make("mobilenet"), *inputs("mobilenet", 2))
    assert sum("Mul Convolution BatchNormApply" in c for c in covers(compiled)) == 3
    assert "scale_channels" not in steps(compiled) and "add" not in steps(compiled)


@pytest.mark.parametrize("size, fused", [(28, True), (7, False)])
def test_excitation_of_small_images_is_a_step(size: int, fused: bool) -> None:
    """Where the image has fewer numbers than the weights that the convolution would multiply."""

    class Gate(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.gate = nn.Conv2d(32, 64, 1), nn.Conv2d(32, 32, 1)

        def forward(self, x: Any) -> Any:
            return self.conv(x * self.gate(F.adaptive_avg_pool2d(x, 1)).sigmoid())

    compiled = run(Gate(), lucid.randn(2, 32, size, size))
    assert ("scale_channels" in steps(compiled)) is not fused
    assert "Mul Convolution" in covers(compiled)


def test_slices_of_channels_are_convolutions_of_their_own() -> None:
    class Split(nn.Module):
        def __init__(self, *bounds: slice) -> None:
            super().__init__()
            self.first, self.norm = nn.Conv2d(16, 64, 1), nn.BatchNorm2d(64)
            self.layer, self.bounds = nn.Conv2d(32, 32, 3, padding=1), bounds

        def forward(self, x: Any) -> Any:
            y = F.silu(self.norm(self.first(x)))
            a, b = (y[:, part] for part in self.bounds)
            return lucid.cat([a, b, b + self.layer(b)], 1), y[:, self.bounds[0]] if len(self.bounds) == 2 else y

    x = lucid.randn(2, 16, 12, 12)
    compiled = run(Split(slice(0, 32), slice(32, 64)), x)
    assert steps(compiled)[:3] == ["to_blocked", "conv2d", "conv2d"] and steps(compiled).count("conv2d") == 3
    assert sum("Convolution BatchNormApply SiLU" in c for c in covers(compiled)) == 2
    assert "Convolution Add" in covers(compiled)
    # slices that are no whole blocks, and an image that is wanted as a whole, stay
    for other in (Split(slice(0, 24), slice(32, 64)), Split(slice(0, 32, 2), slice(32, 64))):
        assert steps(run(other, x)).count("conv2d") == 2

    whole = nn.Conv2d(16, 64, 1).eval()
    compiled = run(lambda x: (whole(x)[:, :32], whole(x)), x)
    assert steps(compiled).count("conv2d") == 2
    both = run(lambda x: (lambda y: (y[:, :32] + 1, y * 2))(whole(x)), x)
    assert steps(both).count("conv2d") == 1


def test_every_activation_is_fused() -> None:
    compiled = run(make("activations"), *inputs("activations", 2))
    assert "activation" not in steps(compiled) and "add" not in steps(compiled)


def test_attention_written_out_is_found() -> None:
    compiled = run(make("attention written out"), *inputs("attention written out", 2))
    assert steps(compiled) == ["linear", "attention", "linear"]  # heads are views, their joining too

    def spread(q: Any, k: Any, v: Any) -> Any:
        return F.softmax((q / 2.0) @ k.transpose(-2, -1) * 0.25, -1) @ v, q @ k.transpose(-2, -1)

    q, k, v = (lucid.randn(2, 3, 5, 8) for _ in range(3))
    assert "attention" in steps(run(spread, q, k, v))


def test_a_product_that_is_read_twice_is_not_fused_away() -> None:
    def function(x: Any, s: Any) -> Any:
        weight = lucid.ones(16, 16, 1, 1) * 0.1
        y = x * s
        z = F.conv2d(y, weight)
        return F.relu(z) + z, y

    x, s = lucid.randn(2, 16, 4, 4), lucid.randn(2, 16, 1, 1)
    compiled = run(function, x, s)
    assert "scale_channels" in steps(compiled)


def test_views_are_not_copied() -> None:
    layer = nn.Linear(12, 12)

    def function(x: Any) -> Any:
        y = layer(x).reshape(2, 5, 3, 4).permute(0, 2, 1, 3)
        return layer(y.transpose(1, 2).flatten(2))

    assert steps(run(function, lucid.randn(2, 5, 12))) == ["linear", "linear"]


def test_images_stay_blocked_between_convolutions() -> None:
    net = nn.Sequential(
        nn.Conv2d(3, 20, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(20, 20, 3, groups=20), nn.GELU(), nn.BatchNorm2d(20),
        nn.AvgPool2d(2), nn.Conv2d(20, 8, 1),
    )  # fmt: skip
    found = steps(run(net, lucid.randn(2, 3, 20, 20)))
    assert found == ["conv2d", "max_pool2d", "conv2d", "conv2d", "avg_pool2d", "conv2d", "to_plain"]


def test_joining_of_whole_blocks() -> None:
    a, b = nn.Conv2d(8, 16, 1), nn.Conv2d(8, 32, 1)
    last = nn.Conv2d(48, 8, 1)
    compiled = run(lambda x: last(lucid.cat([a(x), b(x)], 1)), lucid.randn(2, 8, 5, 5))
    assert steps(compiled) == ["to_blocked", "conv2d", "conv2d", "copy", "copy", "conv2d", "to_plain"]


@pytest.mark.parametrize("channels", [1, 3, 15, 16, 17, 33])
def test_channels_that_fill_no_block(channels: int) -> None:
    net = nn.Sequential(
        nn.Conv2d(channels, channels + 2, 3, padding=1),
        nn.Sigmoid(),
        nn.Conv2d(channels + 2, channels, 3, 2),
        nn.Tanh(),
    )
    run(net, lucid.randn(2, channels, 9, 7))
    run(
        nn.Sequential(net, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 3)),
        lucid.randn(2, channels, 9, 7),
    )
    run(lambda x: (F.relu(net(x)) * net(x).mean((2, 3), keepdim=True)).mean((2, 3)), lucid.randn(1, channels, 9, 7))


@pytest.mark.parametrize(
    "layer",
    [
        nn.Conv2d(32, 64, 3, groups=2), nn.Conv2d(12, 24, 3, groups=4), nn.Conv2d(8, 16, 3, groups=8),
        nn.Conv2d(8, 8, 3, padding="same", dilation=2), nn.Conv2d(8, 8, (1, 5), (2, 1), (0, 3)), nn.Conv3d(2, 3, 2),
        nn.ConvTranspose2d(8, 4, 3, 2), nn.MaxPool2d(3, 2, 1, ceil_mode=True), nn.MaxPool2d(2, return_indices=True),
        nn.AvgPool2d(3, 2, 1, count_include_pad=False), nn.AdaptiveAvgPool2d((2, 3)), nn.AdaptiveAvgPool2d((3, 4)),
        nn.AdaptiveMaxPool2d(2), nn.GroupNorm(4, 8), nn.InstanceNorm2d(8), nn.BatchNorm2d(8), nn.Hardtanh(-0.5, 0.25),
        nn.LeakyReLU(0.3), nn.ELU(0.7), nn.PReLU(), nn.Softplus(), nn.PixelShuffle(2), nn.ZeroPad2d(2), nn.Upsample(scale_factor=2),
    ],
    ids=str,
)  # fmt: skip
def test_layers_with_and_without_a_compiled_form(layer: Any) -> None:
    channels = {"Conv3d": 2}.get(type(layer).__name__, getattr(layer, "in_channels", 8))
    shape = (2, 2, 5, 6, 8) if type(layer) is nn.Conv3d else (2, channels, 8, 12)
    compiled = run(layer, lucid.randn(*shape))
    x = lucid.randn(*shape)
    with lucid.no_grad():
        one = tensors(layer(x))
    for g, w in zip(tensors(compiled(x)), one, strict=True):
        np.testing.assert_allclose(g.numpy(), w.numpy(), rtol=1e-4, atol=1e-5)


def test_unusual_shapes() -> None:
    run(lambda x: x.sum() * 2 + x[0, 0], lucid.randn(3, 4))
    run(lambda x: F.relu(x + 1), lucid.randn(()))
    run(lambda x: F.relu(x), lucid.zeros(0, 3))
    run(lambda x, y: F.relu(x + y), lucid.randn(3, 1), lucid.randn(1, 4))
    run(lambda x: x + lucid.arange(4.0), lucid.randn(2, 3, 4))
    run(lambda x: lucid.cat([x, x[:, :1].expand(2, 3, 4)], 1).transpose(0, 2), lucid.randn(2, 3, 4))
    run(lambda x: F.softmax(x, 0) + F.layer_norm(x, (4,)), lucid.randn(2, 3, 4))
    run(lambda x: x, lucid.randn(2))
    run(lambda x: (x.reshape(4), x.reshape(4).exp()), lucid.randn(2, 2))


def test_an_operand_that_is_there_twice() -> None:
    x = lucid.randn(2, 4, 6, 8)
    compiled = run(lambda x: F.scaled_dot_product_attention(x, x, x) * 2, x)
    assert "attention" in steps(compiled) and not any(s.startswith("call") for s in steps(compiled))
    compiled = run(lambda x, k: F.scaled_dot_product_attention(x, k, k), x, x + 1)
    assert "attention" in steps(compiled)
    compiled = run(lambda x: x * x + x + x, x)
    assert not any(s.startswith("call") for s in steps(compiled))
    run(lambda x: (x + 1) @ (x + 1).transpose(2, 3) + lucid.cat([x, x], 3) @ lucid.cat([x, x], 3).transpose(2, 3), x)
    conv = nn.Conv2d(4, 4, 3, padding=1).eval()
    run(lambda x: ((x + x) / (x + x + 1), F.relu(conv(x) + conv(x))), x)
    run(lambda x: (lambda y: y + y)(conv(x)), x)
    run(lambda x: (lambda y: y * y)(F.adaptive_avg_pool2d(x, 1)), x)
    run(lambda x: (lambda y: conv(y * y))(F.adaptive_avg_pool2d(x, 1)), x)
    wide = nn.Conv2d(16, 16, 1).eval()
    run(lambda x: (lambda y: wide(y * y))(F.adaptive_avg_pool2d(x, 1)), lucid.randn(2, 16, 5, 5))


def test_masks_and_causal_attention() -> None:
    def attend(q: Any, k: Any, v: Any, m: Any = None) -> Any:
        return F.scaled_dot_product_attention(q, k, v, m, enable_gqa=True)

    q, k, v = lucid.randn(2, 4, 6, 8), lucid.randn(2, 2, 7, 8), lucid.randn(2, 2, 7, 8)
    mask = lucid.randn(6, 7) > 0
    mask[2] = False  # a query that no key may answer
    found = [
        run(lambda q, k, v: attend(q, k, v, mask), q, k, v),
        run(lambda q, k, v: F.scaled_dot_product_attention(q, k, v, is_causal=True), q, q + 1, q + 2),
    ]
    for shape in ((6, 7), (7,), (4, 6, 7), (2, 1, 1, 7), (1, 4, 6, 1), (2, 4, 6, 7)):
        added = lucid.randn(*shape)
        found.append(run(attend, q, k, v, added))
        found.append(run(attend, q, k, v, added > 0))
        found.append(run(lambda q, k, v, m=added: attend(q, k, v, m * 2), q, k, v))
    # a mask that is a part of something computed, and does not begin where that does
    found.append(run(lambda q, k, v, m: attend(q, k, v, (m * 2 + 1)[1]), q, k, v, lucid.randn(3, 6, 7)))
    for compiled in found:
        assert "attention" in steps(compiled) and "call: Attention" not in steps(compiled)
    mha = nn.MultiheadAttention(24, 3, batch_first=True).eval()
    x, memory, padding = lucid.randn(2, 5, 24), lucid.randn(2, 7, 24), lucid.rand(2, 7) > 0.7
    run(lambda x, m: mha(x, m, m, need_weights=False)[0], x, memory)
    run(lambda x, m, p: mha(x, m, m, key_padding_mask=p)[0], x, memory, padding)
    both = run(lambda x, m, p: mha(x, m, m, key_padding_mask=p, need_weights=False)[0], x, memory, padding)
    assert "attention" in steps(both) and "call: ProjectedAttention" not in steps(both)


def test_masked_attention_is_saved(tmp_path: Any) -> None:
    q, mask = lucid.randn(2, 4, 6, 8), lucid.randn(6, 6) > 0
    compiled = lucid.compile(lambda q: F.scaled_dot_product_attention(q, q + 1, q * 2, attn_mask=mask))
    y = compiled(q)
    compiled.save(tmp_path / "masked.lucid")
    np.testing.assert_array_equal(lucid.load_compiled(tmp_path / "masked.lucid")(q).numpy(), y.numpy())


@pytest.mark.parametrize("affine", [True, False])
def test_group_norm_stays_in_the_plan(affine: bool) -> None:
    net = nn.Sequential(
        nn.Conv2d(3, 32, 3, padding=1), nn.GroupNorm(8, 32, affine=affine), nn.SiLU(), nn.Conv2d(32, 24, 1),
        nn.GroupNorm(1, 24, affine=affine), nn.GroupNorm(24, 24, affine=affine),
    )  # fmt: skip
    with lucid.no_grad():
        for p in net.parameters():
            p.copy_(lucid.randn(*p.shape))
    compiled = run(net, lucid.randn(3, 3, 9, 10))
    assert steps(compiled).count("layer_norm") == 3 and not any(s.startswith("call") for s in steps(compiled))
    for threads in (1, 2, 3):
        before = lucid.get_num_threads()
        lucid.set_num_threads(threads)
        x = lucid.randn(3, 3, 9, 10)
        np.testing.assert_array_equal(compiled(x).numpy()[1:2], lucid.compile(net)(x[1:2]).numpy())
        lucid.set_num_threads(before)


@pytest.mark.parametrize(
    ("channels", "rows", "groups"),
    [(3, 3, 4), (5, 5, 6), (6, 6, 3), (4, 2, 8), (1, 2, 20), (7, 3, 5), (24, 20, 2), (12, 40, 2)],
)
@pytest.mark.parametrize("between", [False, True])
def test_groups_of_any_number_of_channels_are_steps(channels: int, rows: int, groups: int, between: bool) -> None:
    conv = nn.Conv2d(channels * groups, rows * groups, 3, padding=1, groups=groups)
    net: Any = nn.Sequential(conv, nn.SiLU())
    if between:  # convolutions of one group are padded in place of the image
        net = nn.Sequential(nn.Conv2d(9, channels * groups, 1), nn.Sigmoid(), *net, nn.Conv2d(rows * groups, 5, 1))
    x = lucid.randn(2, 9 if between else channels * groups, 7, 6)
    compiled = run(net, x)
    assert not any(s.startswith("call") for s in steps(compiled))
    copied = not between or (channels, rows) == (7, 3)  # 8 rows, of which 5 would be copies of 3
    assert steps(compiled).count("conv2d") == (3 if between else 1) and ("copy" in steps(compiled)) == copied
    x[0, 0, 0, 0] = math.inf
    with lucid.no_grad():
        want = net(x).numpy()
    assert np.isfinite(want).any()
    np.testing.assert_array_equal(np.isnan(compiled(x).numpy()), np.isnan(want))
    for n in (1, 3):
        more = lucid.cat([x[1:]] * n)
        np.testing.assert_array_equal(compiled(more).numpy()[:1], compiled(x[1:]).numpy())


def test_groups_whose_padding_costs_more_stay_calls() -> None:
    conv = nn.Conv2d(80, 80, 3, padding=1, groups=16)
    assert any(s.startswith("call") for s in steps(run(conv, lucid.randn(1, 80, 28, 28))))
    assert not any(s.startswith("call") for s in steps(run(conv, lucid.randn(1, 80, 7, 7))))


def test_steps_of_rows_and_numbers() -> None:
    x, y, row = lucid.randn(2, 3, 4), lucid.randn(2, 3, 4), lucid.randn(1, 3, 4)
    cases: list[tuple[Any, tuple[Any, ...], list[str]]] = [
        (lambda x: F.silu(x * 3.0 + 1.0), (x,), ["affine", "affine"]),
        (lambda x: x / 4.0, (x,), ["affine"]),
        (lambda x: F.relu(x + row), (x,), ["add"]),
        (lambda x, r: r * x, (x, row), ["mul"]),
        (lambda x, y: F.relu(x * y), (x, y), ["mul"]),
        (lambda x: x.mean(1), (x,), ["mean"]),
        (lambda x: x.mean((0, 1), keepdim=True), (x,), ["mean"]),
        (lambda x: x.mean() * 2.0, (x,), ["mean", "affine"]),
        (lambda x, y: x @ y.transpose(1, 2), (x, y), ["matmul"]),
        (lambda x, r: x @ r[0].t(), (x, row), ["matmul"]),
        (lambda x, y: x.unsqueeze(1) @ y.transpose(1, 2), (x, y), ["matmul"]),
    ]
    for function, args, want in cases:
        assert steps(run(function, *args)) == want
    compiled = run(lambda x: x * 2.0, lucid.tensor([-0.0, 0.0]))
    assert np.signbit(compiled(lucid.tensor([-0.0, 0.0])).numpy()).tolist() == [True, False]


# The table


def test_explain(capsys: pytest.CaptureFixture[str]) -> None:
    compiled = lucid.compile(make("recurrent"))
    with pytest.raises(RuntimeError, match="explain: there is no plan yet"):
        compiled.explain()
    compiled.explain(*inputs("recurrent", 2))
    printed = capsys.readouterr().out
    assert "plan for float32 (2, 5, 6)" in printed and "refreshed 0 times" in printed
    assert re.search(r"^recurrent .* Recurrent$", printed, re.M) and re.search(
        r"^linear +2x3 .* Linear$", printed, re.M
    )
    assert re.search(r"\d+ steps in \d+ compiled segments, \d+ of them calls; .*arena .* MB", printed)
    compiled.explain()
    assert "Recurrent" in capsys.readouterr().out


@pytest.mark.parametrize("shape", [(3, 8), (2, 5, 8)], ids=str)
@pytest.mark.parametrize("bias", ["none", "row", "after", "column"])
def test_products_with_constant_matrices_are_linear_layers(shape: tuple[int, ...], bias: str) -> None:
    m, row = lucid.randn(8, 6), lucid.randn(6)
    adds = {
        "none": lambda y: y,
        "row": lambda y: row + y,
        "after": lambda y: F.relu(y + row.reshape(1, 6)) if y.ndim == 2 else F.relu(y + row),
        "column": lambda y: y + row[:1],
    }
    compiled = run(lambda x: adds[bias](lucid.matmul(x, m)), lucid.randn(*shape))
    assert [s for s in steps(compiled) if s != "copy"] == ["linear"] + (["affine"] if bias == "column" else [])


def test_a_decoder_is_compiled_throughout() -> None:
    compiled = run(make("decoder"), *inputs("decoder", 2))
    found = steps(compiled)
    assert [s for s in found if s.startswith("call")] == ["call: ConvolutionInputGrad"]  # of three channels
    assert found.count("resample") >= 7 and "softmax" in found
    assert "ConvolutionInputGrad BatchNormApply ReLU" in covers(compiled)


@pytest.mark.parametrize("kernel, stride, padding, extra", [(1, 1, 0, 0), (3, 1, 2, 0), (2, 2, 0, 1), (5, 3, 1, 2), (4, 2, 3, 0),
                                                            (2, 3, 0, 0), (3, 2, 2, 1)])  # fmt: skip
def test_transposed_convolutions(kernel: int, stride: int, padding: int, extra: int) -> None:
    net = nn.ConvTranspose2d(16, 16, kernel, stride, padding, output_padding=extra, groups=1)
    run(net, lucid.randn(2, 16, 5, 6))


def test_language_models_are_one_segment() -> None:
    compiled = run(make("language"), *inputs("language", 2))
    assert "embedding" in steps(compiled) and not any(s.startswith("call") for s in steps(compiled))
    (tokens,) = inputs("language", 2)
    tokens[1, 2] = 11
    with pytest.raises(IndexError, match="^embedding: index 11 is out of range for 11 rows"):
        compiled(tokens)


def test_differences_are_sums() -> None:
    x, y = lucid.randn(3, 8), lucid.randn(8)
    compiled = lucid.compile(lambda a, b: (a - b) - y)
    assert lucid.equal(compiled(x, x[:1]), (x - x[:1]) - y)
    assert not any(s.startswith("call") for s in steps(compiled))


def test_convolutions_that_reach_over_the_right_border_only() -> None:
    x = lucid.randn(2, 32, 6, 9)
    for sizes in ((1, 1, 1), (2, 1, 2)):
        net = nn.Sequential(nn.ZeroPad2d((0, 3, 0, 1)), nn.Conv2d(32, 16, *sizes[:2]))
        run(net, x)
        run(nn.ConvTranspose2d(32, 16, sizes[0], 2, 0, output_padding=1), x)


@pytest.mark.parametrize("channels, groups", [(32, 8), (32, 16), (24, 3), (40, 10), (64, 8)])
def test_convolutions_of_small_groups(channels: int, groups: int) -> None:
    for sizes in ((3, 1, 1), (3, 2, 1), (5, 1, 0), (1, 1, 0)):
        net = nn.Sequential(
            nn.Conv2d(channels, channels, *sizes, groups=groups), nn.BatchNorm2d(channels), nn.ReLU(),
            nn.Conv2d(channels, channels, (2, 3), dilation=(1, 2), groups=groups), nn.SiLU(),
        )  # fmt: skip
        x = lucid.randn(2, channels, 9, 17)
        compiled = run(net, x)
        assert not any(s.startswith("call") for s in steps(compiled))
        x[1, 0, 4, 5] = float("inf")
        with lucid.no_grad():
            got, want = compiled(x).numpy(), net(x).numpy()
        np.testing.assert_array_equal(np.isfinite(got), np.isfinite(want))  # other groups do not see it
