"""Layers and models: exported, run by ONNX Runtime, loaded again and compiled, with the same results everywhere."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("onnx.helper")

from models import language
from onnx_round_trip import round_trip

import lucid
from lucid import models, nn
from lucid.nn import functional as F

randn = lucid.randn
BATCH = {0: "n"}
PLANES = {0: "n", 2: "h", 3: "w"}

# name: (makes the module, shape of the example, shapes to run as well, dynamic axes of its input)
LAYERS: dict[str, tuple[Callable[[], Any], tuple[int, ...], list[tuple[int, ...]], dict[int, str]]] = {
    "Conv1d": (lambda: nn.Conv1d(3, 4, 3, padding=1), (2, 3, 9), [(4, 3, 12)], {0: "n", 2: "l"}),
    "Conv2d": (lambda: nn.Conv2d(4, 4, 3, 2, groups=2, dilation=2), (2, 4, 9, 9), [(4, 4, 11, 13)], PLANES),
    "Conv2d same": (lambda: nn.Conv2d(3, 4, 4, padding="same"), (1, 3, 5, 6), [(3, 3, 7, 7)], PLANES),
    "Conv2d reflect": (lambda: nn.Conv2d(3, 4, 3, padding=1, padding_mode="reflect"), (2, 3, 5, 6), [(4, 3, 5, 6)], BATCH),
    "Conv3d": (lambda: nn.Conv3d(2, 3, 2), (2, 2, 3, 4, 5), [(3, 2, 3, 4, 5)], BATCH),
    "ConvTranspose1d": (lambda: nn.ConvTranspose1d(4, 6, 3, 2, groups=2), (2, 4, 5), [(4, 4, 5)], BATCH),
    "ConvTranspose2d": (lambda: nn.ConvTranspose2d(3, 4, 3, 2, 1, 1), (2, 3, 5, 6), [(4, 3, 7, 8)], PLANES),
    "ConvTranspose3d": (lambda: nn.ConvTranspose3d(2, 2, 2, 2), (2, 2, 3, 3, 3), [(1, 2, 3, 3, 3)], BATCH),
    "Linear of more": (lambda: nn.Linear(5, 3), (2, 4, 5), [(3, 6, 5)], {0: "n", 1: "t"}),
    "Bilinear": (lambda: _Twice(nn.Bilinear(3, 3, 4)), (2, 3), [(5, 3)], BATCH),
    "MaxPool1d": (lambda: nn.MaxPool1d(2), (2, 3, 8), [(4, 3, 11)], {0: "n", 2: "l"}),
    "MaxPool2d": (lambda: nn.MaxPool2d(3, 2, 1), (2, 3, 9, 10), [(4, 3, 11, 12)], PLANES),
    "MaxPool2d ceil": (lambda: nn.MaxPool2d(2, ceil_mode=True), (2, 3, 9, 9), [(4, 3, 9, 9)], BATCH),
    "MaxPool3d": (lambda: nn.MaxPool3d(2), (2, 3, 4, 4, 4), [(1, 3, 4, 4, 4)], BATCH),
    "AvgPool1d": (lambda: nn.AvgPool1d(2), (2, 3, 8), [(4, 3, 8)], BATCH),
    "AvgPool2d": (lambda: nn.AvgPool2d(3, 2, 1, count_include_pad=False), (2, 3, 9, 9), [(4, 3, 7, 8)], PLANES),
    "AvgPool2d divisor": (lambda: nn.AvgPool2d(2, divisor_override=3), (2, 3, 6, 6), [(4, 3, 6, 6)], BATCH),
    "AvgPool3d": (lambda: nn.AvgPool3d(2), (2, 3, 4, 4, 4), [(1, 3, 4, 4, 4)], BATCH),
    "AdaptiveAvgPool2d": (lambda: nn.AdaptiveAvgPool2d((3, 4)), (2, 3, 8, 9), [(4, 3, 8, 9)], BATCH),
    "AdaptiveAvgPool2d to one": (lambda: nn.AdaptiveAvgPool2d(1), (2, 3, 8, 9), [(4, 3, 5, 5)], PLANES),
    "AdaptiveMaxPool2d": (lambda: nn.AdaptiveMaxPool2d((3, 4)), (2, 3, 8, 9), [(4, 3, 8, 9)], BATCH),
    "LPPool2d": (lambda: nn.LPPool2d(2, 2), (2, 3, 6, 6), [(4, 3, 6, 6)], BATCH),
    "BatchNorm1d": (lambda: nn.BatchNorm1d(4), (3, 4), [(6, 4)], BATCH),
    "BatchNorm2d": (lambda: nn.BatchNorm2d(4, affine=False), (2, 4, 5, 5), [(4, 4, 6, 7)], PLANES),
    "BatchNorm2d of the batch": (lambda: nn.BatchNorm2d(4, track_running_stats=False), (2, 4, 5, 5), [(4, 4, 5, 5)], BATCH),
    "InstanceNorm2d": (lambda: nn.InstanceNorm2d(4, affine=True), (2, 4, 5, 5), [(4, 4, 5, 5)], BATCH),
    "GroupNorm": (lambda: nn.GroupNorm(2, 4), (2, 4, 5, 5), [(4, 4, 6, 7)], PLANES),
    "LayerNorm": (lambda: nn.LayerNorm((4, 5)), (3, 4, 5), [(6, 4, 5)], BATCH),
    "LayerNorm plain": (lambda: nn.LayerNorm(5, elementwise_affine=False), (3, 2, 5), [(6, 4, 5)], {0: "n", 1: "t"}),
    "RMSNorm": (lambda: nn.RMSNorm(5), (3, 2, 5), [(6, 4, 5)], {0: "n", 1: "t"}),
    "LocalResponseNorm": (lambda: nn.LocalResponseNorm(3), (2, 5, 4, 4), [(4, 5, 4, 4)], BATCH),
    "Upsample": (lambda: nn.Upsample(scale_factor=2), (2, 3, 4, 5), [(4, 3, 4, 5)], BATCH),
    "Upsample anything": (lambda: nn.Upsample(scale_factor=2), (2, 3, 4, 5), [(4, 3, 7, 6)], PLANES),
    "Upsample squares and more": (lambda: nn.Upsample(scale_factor=2), (1, 3, 4, 4), [(2, 3, 5, 8)], PLANES),
    "Upsample anything, bilinear": (
        lambda: nn.Upsample(scale_factor=2, mode="bilinear"), (2, 3, 4, 5), [(4, 3, 7, 6)], PLANES,
    ),
    "Upsample anything, corners": (
        lambda: nn.Upsample(scale_factor=3, mode="bilinear", align_corners=True), (2, 3, 4, 5), [(4, 3, 7, 6)], PLANES,
    ),
    "Upsample anything to a size": (
        lambda: nn.Upsample((40, 11), mode="bilinear"), (2, 3, 4, 5), [(4, 3, 7, 9)], PLANES,
    ),
    "Upsample bilinear": (lambda: nn.Upsample((7, 9), mode="bilinear"), (2, 3, 4, 5), [(4, 3, 4, 5)], BATCH),
    "Upsample corners": (
        lambda: nn.Upsample((7, 9), mode="bilinear", align_corners=True), (2, 3, 4, 5), [(4, 3, 4, 5)], BATCH,
    ),
    "Upsample bicubic": (lambda: nn.Upsample(scale_factor=2, mode="bicubic"), (2, 3, 4, 5), [(4, 3, 4, 5)], BATCH),
    "Upsample trilinear": (lambda: nn.Upsample(scale_factor=2, mode="trilinear"), (1, 2, 3, 4, 3), [(2, 2, 3, 4, 3)], BATCH),
    "PixelShuffle": (lambda: nn.PixelShuffle(2), (2, 8, 3, 3), [(4, 8, 5, 7)], PLANES),
    "PixelUnshuffle": (lambda: nn.PixelUnshuffle(2), (2, 3, 4, 6), [(5, 3, 4, 6)], BATCH),
    "ChannelShuffle": (lambda: nn.ChannelShuffle(2), (2, 4, 3, 3), [(4, 4, 5, 7)], PLANES),
    "ZeroPad2d": (lambda: nn.ZeroPad2d((1, 2, 0, 1)), (2, 3, 5, 6), [(4, 3, 7, 8)], PLANES),
    "ConstantPad2d": (lambda: nn.ConstantPad2d(1, 2.5), (2, 3, 5, 6), [(4, 3, 7, 8)], PLANES),
    "ReplicationPad2d": (lambda: nn.ReplicationPad2d((1, 0, 2, 1)), (2, 3, 5, 6), [(4, 3, 5, 6)], BATCH),
    "CircularPad2d": (lambda: nn.CircularPad2d(1), (2, 3, 5, 6), [(4, 3, 5, 6)], BATCH),
    "Unfold": (lambda: nn.Unfold(2, padding=1, stride=2), (2, 3, 5, 6), [(4, 3, 5, 6)], BATCH),
    "LSTM": (lambda: nn.LSTM(5, 7), (3, 2, 5), [(6, 4, 5)], {0: "t", 1: "n"}),
    "LSTM both ways, twice": (lambda: nn.LSTM(5, 4, 2, bidirectional=True), (3, 2, 5), [(3, 4, 5)], {1: "n"}),
    "LSTM of batches": (lambda: nn.LSTM(5, 7, batch_first=True), (2, 3, 5), [(4, 6, 5)], {0: "n", 1: "t"}),
    "LSTM without bias": (lambda: nn.LSTM(5, 7, bias=False), (3, 2, 5), [(3, 4, 5)], {1: "n"}),
    "GRU": (lambda: nn.GRU(5, 7), (3, 2, 5), [(6, 4, 5)], {0: "t", 1: "n"}),
    "GRU both ways": (lambda: nn.GRU(5, 4, bidirectional=True), (3, 2, 5), [(6, 4, 5)], {0: "t", 1: "n"}),
    "RNN": (lambda: nn.RNN(5, 7), (3, 2, 5), [(6, 4, 5)], {0: "t", 1: "n"}),
    "RNN relu": (lambda: nn.RNN(5, 7, nonlinearity="relu", bidirectional=True), (3, 2, 5), [(6, 4, 5)], {0: "t", 1: "n"}),
    "GRUCell": (lambda: nn.GRUCell(4, 5), (3, 4), [(7, 4)], BATCH),
    "LSTMCell": (lambda: nn.LSTMCell(4, 5), (3, 4), [(7, 4)], BATCH),
    "Encoder": (
        lambda: nn.TransformerEncoder(nn.TransformerEncoderLayer(16, 4, 32, batch_first=True), 2), (2, 6, 16),
        [(5, 9, 16)], {0: "n", 1: "t"},
    ),
    "Encoder, norm first": (
        lambda: nn.TransformerEncoder(nn.TransformerEncoderLayer(16, 4, 32, norm_first=True, activation="gelu"), 2),
        (6, 2, 16), [(9, 5, 16)], {0: "t", 1: "n"},
    ),
}  # fmt: skip


class _Twice(nn.Module):
    """A layer of two inputs, given one."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, input: Any) -> Any:
        return self.layer(input, input + 1)


@pytest.mark.parametrize("name", LAYERS)
def test_layer(name: str) -> None:
    make, shape, others, axes = LAYERS[name]
    label = "src" if name.startswith("Encoder") else "input"
    round_trip(make(), randn(*shape), *[randn(*s) for s in others], axes={label: axes})


ACTIVATIONS = [
    nn.ReLU(), nn.ReLU6(), nn.SiLU(), nn.Hardswish(), nn.Hardsigmoid(), nn.Mish(), nn.GELU(), nn.GELU("tanh"),
    nn.Hardtanh(-2, 1), nn.LeakyReLU(0.2), nn.ELU(0.7), nn.SELU(), nn.CELU(1.5), nn.Sigmoid(), nn.Tanh(), nn.Softplus(),
    nn.Softplus(2.0, 3.0), nn.LogSigmoid(), nn.Softsign(), nn.Tanhshrink(), nn.Softshrink(), nn.Hardshrink(),
    nn.Threshold(0.3, -1.0), nn.PReLU(), nn.PReLU(8), nn.Softmax(1), nn.LogSoftmax(1), nn.Softmin(1), nn.GLU(1),
]  # fmt: skip


@pytest.mark.parametrize("module", ACTIVATIONS, ids=repr)
def test_activation(module: Any) -> None:
    round_trip(module, randn(2, 8) * 4, randn(5, 8), axes={"input": BATCH})


FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "unary": lambda x: (x.abs(), -x, x.sign(), x.floor(), x.ceil(), x.round(), x.trunc(), x.exp(), x.sin(), x.cos(),
                        x.tan(), x.atan(), x.sinh(), x.cosh(), x.asinh(), x.erf(), x.erfc(), x.square(), x.expm1(),
                        x.exp2(), (x.abs() + 1).acosh()),
    "of parts of one": lambda x: ((p := x.sigmoid()).log(), p.log2(), p.log10(), p.log1p(), p.sqrt(), p.rsqrt(),
                                  p.reciprocal(), p.asin(), p.acos(), (p / 2).atanh(), lucid.logit(p)),
    "tests": lambda x: (x > 0, (x > 0) & (x < 1), x != 0, ~(x >= 0), (x <= 1) ^ (x == 0), x.isnan(), x.isfinite(),
                        x.isinf(), lucid.logical_or(x > 1, x < -1)),
    "binary": lambda x: (x - 2 * x, 1 - x, 1 / x, x / 3, x % 0.7, lucid.fmod(x, 0.7), x // 0.5, x.pow(2), 2**x,
                         lucid.maximum(x, -x), lucid.minimum(x, x * x), lucid.logaddexp(x, -x), lucid.hypot(x, x + 1),
                         lucid.add(x, x, alpha=3), lucid.lerp(x, x * 2, 0.3)),
    "choice": lambda x: (lucid.where(x > 0, x, -x), x.masked_fill(x > 0, 0), x.clamp(-1, 1), x.clamp(min=0),
                         x.nan_to_num(), (x / 0).nan_to_num(posinf=9.0)),
    "types": lambda x: (x.double(), (x * 3).long(), (x * 3).int() // 2, (x > 0).float(), x.half().float()),
    "shrinking": lambda x: (F.hardshrink(x, 0.3), F.softshrink(x), F.tanhshrink(x), F.threshold(x, 0.1, 20.0)),
    "norms": lambda x: (F.normalize(x, dim=1), F.cosine_similarity(x, x + 1), x.norm(dim=1), x.norm(1, dim=2), x.norm()),
    "reductions": lambda x: (x.sum(), x.sum(1), x.mean((0, 2)), x.mean(-1, True), x.prod(1), x.amax((1, 2)), x.amin(),
                             x.max(1), x.min(2, True), x.argmax(1), x.argmin(), x.var(1), x.std(), x.logsumexp(1),
                             x.var((0, 1), correction=0), (x > 0).all(1), (x > 0).any(), (x > 0).sum(1), x.cumsum(1)),
    "shapes": lambda x: (x.reshape(x.shape[0], -1), x.flatten(0, 1), x.transpose(0, 1), x.permute(2, 0, 1),
                         x.unsqueeze(1), x[:, :1].squeeze(1), x.flip(1), x.roll(1, 1), x.repeat(2, 1, 1),
                         x.expand(2, *x.shape), x.tril(), x.triu(1), x.unfold(1, 2, 1), x.diagonal(0, 1, 2),
                         x.repeat_interleave(2, 1), x.tile(1, 2, 1), x.unflatten(1, (2, 2)), x.contiguous().view(-1, 5)),
    "index": lambda x: (x[0], x[:, -1], x[:, 1:3, ::2], x[..., None], x[:, None, 2], x[:, lucid.tensor([2, 0])],
                        x[lucid.tensor([1, 0])], x[:, lucid.tensor([2, 0]), lucid.tensor([1, -1])],
                        x.index_select(1, lucid.tensor([0, 3])), x.gather(1, (x > 0).long()),
                        x[:, lucid.tensor([True, False, True, True])] if x.shape[0] == 0 else x[1]),
    "joins": lambda x: (lucid.cat([x, x * 2], 1), lucid.stack([x, -x]), *x.chunk(2, 1), *x.split([1, 3], 1),
                        lucid.zeros(x.shape[0], 4, 5) + x, x * x.shape[0], lucid.arange(x.shape[0]).float()),
    "products": lambda x: (x @ x.transpose(1, 2), lucid.einsum("bij,bkj->bik", x, x), lucid.tensordot(x, x[0], 2)),
}  # fmt: skip


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions(name: str) -> None:
    round_trip(FUNCTIONS[name], randn(2, 4, 5), randn(6, 4, 5), axes={"x": BATCH}, tolerance=3e-5, input_names=["x"])


def _writes(x: Any) -> Any:
    a, b = x.clone(), x * 1
    a[:, 0] = 1.0
    a[:, 1:3] = b[:, 0:2] * 2
    b[:, -1] = x[:, 0]
    b += 1
    return a, b.relu_()


def _scatters(x: Any) -> Any:
    a = lucid.zeros(2, 4)
    a[1] = x[0]
    a[0, ::2] = x[0, ::2]
    return a, x.scatter(1, lucid.tensor([[0], [2]]), 5.0), x.scatter(1, (x[:, :2] > 0).long(), x)


def test_writes() -> None:
    round_trip(_writes, randn(2, 4), randn(5, 4), axes={"x": BATCH})
    round_trip(_scatters, randn(2, 4))


# Attention and text


class Attending(nn.Module):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(8, 2, **kwargs)

    def forward(self, x: Any, memory: Any) -> Any:
        alone = self.attention(x, x, x, need_weights=False)[0]
        return alone, self.attention(x, memory, memory)


@pytest.mark.parametrize("options", [{}, {"batch_first": True}, {"add_bias_kv": True}, {"kdim": 8, "vdim": 8}], ids=str)
def test_multi_head_attention(options: dict[str, Any]) -> None:
    axes = {"x": {1: "n"}, "memory": {1: "n"}} if not options else None
    others = [(randn(3, 4, 8), randn(5, 4, 8))] if not options else []
    shape = (3, 2, 8) if not options.get("batch_first") else (2, 3, 8)
    memory = (5, 2, 8) if not options.get("batch_first") else (2, 5, 8)
    round_trip(Attending(**options), (randn(*shape), randn(*memory)), *others, axes=axes)


def test_masked_attention() -> None:
    def causal(q: Any, k: Any, v: Any) -> Any:
        return F.scaled_dot_product_attention(q, k, v, is_causal=True)

    def heads(n: int, t: int) -> tuple[Any, ...]:
        return tuple(randn(n, 2, t, 8) for _ in range(3))

    round_trip(causal, heads(2, 4), heads(3, 6), axes={k: {0: "n", 2: "t"} for k in "qkv"})

    def shared(q: Any, k: Any, v: Any) -> Any:  # a key and a value for two queries each; one row without keys
        return F.scaled_dot_product_attention(q, k, v, lucid.tensor([[True], [False]]).expand(2, 3), enable_gqa=True)

    round_trip(shared, (randn(1, 4, 2, 8), randn(1, 2, 3, 8), randn(1, 2, 3, 8)))

    class Padded(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(16, 4, 32, batch_first=True), 1)

        def forward(self, x: Any, padding: Any) -> Any:
            return self.encoder(x, src_key_padding_mask=padding)

    padding = lucid.tensor([[False, False, True], [False, False, False]])
    more = (randn(4, 3, 16), lucid.tensor([[False, True, True]] * 4))
    round_trip(Padded(), (randn(2, 3, 16), padding), more, axes={"x": BATCH, "padding": BATCH})


def test_transformer_with_a_mask_made_of_sizes() -> None:
    class Translating(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = nn.Transformer(16, 2, 1, 1, 32, batch_first=True)

        def forward(self, a: Any, b: Any) -> Any:
            return self.net(a, b, tgt_mask=nn.Transformer.generate_square_subsequent_mask(b.shape[1]))

    more = (randn(4, 3, 16), randn(4, 7, 16))
    axes = {"a": {0: "n"}, "b": {0: "n", 1: "t"}}
    round_trip(Translating(), (randn(2, 3, 16), randn(2, 5, 16)), more, axes=axes)


def test_text_model() -> None:
    class Text(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.words, self.places, self.norm = nn.Embedding(10, 4), nn.Embedding(20, 4), nn.LayerNorm(4)

        def forward(self, ids: Any) -> Any:
            x = self.norm(self.words(ids) + self.places(lucid.arange(ids.shape[1])))
            return F.normalize(x.mean(1), dim=-1)

    ids = lucid.tensor([[1, 2, 3], [4, 5, 6]])
    proto = round_trip(Text(), ids, lucid.tensor([[1, 2, 3, 4, 5]] * 4), axes={"ids": {0: "n", 1: "t"}})
    assert {"words.weight", "places.weight", "norm.weight"} <= {w.name for w in proto.graph.initializer}


@pytest.mark.parametrize("kind", ["BertModel", "BertForMaskedLM", "BertForSequenceClassification"])
def test_bert(kind: str) -> None:
    model = getattr(models, kind)(models.BertConfig(**language.SMALL_BERT))
    given = {k: lucid.from_numpy(v) for k, v in language.inputs("BertModel").items()}
    names = [name for name in ("input_ids", "attention_mask", "token_type_ids") if name in given]
    one = tuple(given[name] for name in names)
    two = tuple(lucid.cat([t, t])[:, :5] for t in one)
    round_trip(model, one, two, axes={name: {0: "n", 1: "t"} for name in names}, tolerance=3e-5)


# Vision

FAMILIES = {
    "lenet5": (1, 32), "alexnet": (3, 63), "resnet18": (3, 64), "mobilenet_v2": (3, 64), "mobilenet_v3_small": (3, 64),
    "efficientnet_b0": (3, 64), "efficientnet_v2_s": (3, 64), "convnext_tiny": (3, 64), "swin_t": (3, 64),
    "vit_t_16": (3, 224), "resnext50_32x4d": (3, 64),
}  # fmt: skip
"""One of each family, with channels and size of the image; a VGG with a smaller head comes after them."""

VISION = [name for name in models.list_models() if not name.startswith(("bert", "gpt", "yolo"))]


def family(name: str, channels: int, size: int) -> None:
    model = models.create_model(name)
    label = next(iter(model.forward.__annotations__))
    round_trip(
        model, randn(1, channels, size, size), randn(3, channels, size, size), axes={label: BATCH}, tolerance=3e-5
    )


@pytest.mark.parametrize("name", FAMILIES)
def test_family(name: str) -> None:
    family(name, *FAMILIES[name])


def test_vgg() -> None:
    model = models.create_model("vgg11_bn")
    model.classifier = nn.Linear(512 * 49, 10)
    round_trip(model, randn(1, 3, 32, 32), randn(3, 3, 32, 32), axes={"x": BATCH}, tolerance=3e-5)


def test_detector() -> None:
    model = models.create_model("yolov8n")
    round_trip(model, randn(1, 3, 64, 64), randn(2, 3, 96, 160), axes={"x": PLANES}, tolerance=3e-5)


def test_gpt2() -> None:
    class Logits(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = models.GPT2LMHeadModel(models.GPT2Config(**language.SMALL_GPT2))

        def forward(self, ids: Any) -> Any:
            return self.model(ids)[0]

    def ids(n: int, t: int) -> Any:
        return lucid.randint(0, 119, (n, t))

    round_trip(Logits(), ids(2, 7), ids(3, 11), axes={"ids": {0: "n", 1: "t"}}, tolerance=3e-5)


@pytest.mark.zoo
@pytest.mark.skipif(os.environ.get("LUCID_ZOO") != "all", reason="minutes and gigabytes: make zoo")
@pytest.mark.parametrize("name", [name for name in VISION if name not in FAMILIES])
def test_every_other_model(name: str) -> None:
    family(name, 3, 224 if name.startswith("vit") else 64)
