"""Modules and functions with inputs they take, for `test_wrong_shapes.py`, which feeds them what they do not take."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

RNG = np.random.default_rng(0)


def f(*shape: int) -> np.ndarray:
    """Numbers between 0.1 and 0.9: good for logarithms and probabilities as well."""
    return RNG.uniform(0.1, 0.9, shape).astype(np.float32)


def i(*shape: int, below: int = 3) -> np.ndarray:
    return RNG.integers(0, below, shape)


def signs(*shape: int) -> np.ndarray:
    return np.where(RNG.random(shape) < 0.5, -1, 1).astype(np.float32)


@dataclass(frozen=True)
class Good:
    """How to make a callable from (nn, F) of either library, and arguments that it takes.

    Attributes:
        make: of the library (lucid or torch) a function of the tensors.
        inputs: arrays, of which tensors are made; other values are passed as they are.
        lucid_only: PyTorch has no such class, function or form.
    """

    make: Callable[[Any], Any]
    inputs: tuple[Any, ...]
    lucid_only: bool = False


def _layer(name: str, *args: Any, **kwargs: Any) -> Callable[[Any], Any]:
    return lambda library: getattr(library.nn, name)(*args, **kwargs)


def _modules() -> dict[str, Good]:
    good: dict[str, Good] = {}

    def add(name: str, args: tuple[Any, ...], *inputs: Any, own: bool = False, **kwargs: Any) -> None:
        good[name] = Good(_layer(name, *args, **kwargs), inputs, own)

    for name in (
        "CELU ELU GELU HardSigmoid HardSwish Hardshrink Hardsigmoid Hardswish Hardtanh Identity LeakyReLU LogSigmoid Mish "
        "RReLU ReLU ReLU6 SELU SiLU Sigmoid Softplus Softshrink Softsign Swish Tanh Tanhshrink AlphaDropout Dropout"
    ).split():
        add(name, (), f(2, 3, 4), own=name in ("HardSigmoid", "HardSwish", "Swish"))
    add("Threshold", (0.1, 20.0), f(2, 3, 4))
    add("GLU", (), f(2, 3, 4))
    add("PReLU", (3,), f(2, 3, 4))
    for name in ("Softmax", "LogSoftmax", "Softmin"):
        add(name, (1,), f(2, 3, 4))
    add("Softmax2d", (), f(2, 3, 4, 5))
    add("Flatten", (), f(2, 3, 4))
    add("Unflatten", (1, (2, 3)), f(2, 6))
    for n in (1, 2, 3):
        side = (6,) * n
        x = f(2, 4, *side)
        add(f"AdaptiveAvgPool{n}d", (3,), x)
        add(f"AdaptiveMaxPool{n}d", (3,), x)
        add(f"AvgPool{n}d", (2,), x)
        add(f"MaxPool{n}d", (2,), x)
        add(f"LPPool{n}d", (2, 2), x)
        add(f"MaxUnpool{n}d", (2,), f(2, 4, *(3,) * n), np.broadcast_to(_places(n), (2, 4, *(3,) * n)).copy())
        for name in ("BatchNorm", "InstanceNorm"):
            add(f"{name}{n}d", (4,), x)
            good[f"{name}{n}d with parameters"] = Good(
                _layer(f"{name}{n}d", 4, affine=True, track_running_stats=True), (x,)
            )
            add(f"Lazy{name}{n}d", (), x)
        for name in ("Conv", "ConvTranspose"):
            add(f"{name}{n}d", (4, 5, 3), x)
            add(f"Lazy{name}{n}d", (5, 3), x)
        good[f"Conv{n}d with groups and circular padding"] = Good(
            _layer(f"Conv{n}d", 4, 6, 3, padding=1, groups=2, padding_mode="circular"), (x,)
        )
        for name in ("CircularPad", "ReflectionPad", "ReplicationPad", "ZeroPad"):
            add(f"{name}{n}d", (2,), x)
        add(f"ConstantPad{n}d", (2, 0.5), x)
        add(f"Dropout{n}d", (), x)
        add(f"ConstrainedConv{n}d", (4, 5, 3), x, own=True)
        add(f"ConvBNReLU{n}d", (4, 5, 5, 3), x, own=True)
        add(f"DepthSeparableConv{n}d", (4, 5, 3), x, own=True)
    image = f(2, 4, 6, 6)
    for n in (2, 3):
        add(f"FractionalMaxPool{n}d", (2,), f(2, 4, *(6,) * n), output_size=3)
    add("Dropout1d", (), f(2, 4, 6))
    add("FeatureAlphaDropout", (), image)
    add("SyncBatchNorm", (4,), image, own=True)
    add("ChannelShuffle", (2,), image)
    add("PixelShuffle", (2,), image)
    add("PixelUnshuffle", (2,), image)
    add("CrossMapLRN2d", (3,), image)
    add("LocalResponseNorm", (3,), image)
    add("GroupNorm", (2, 4), image)
    add("LayerNorm", (6,), f(2, 4, 6))
    good["LayerNorm over two dimensions"] = Good(_layer("LayerNorm", (4, 6)), (f(2, 4, 6),))
    add("RMSNorm", (6,), f(2, 4, 6))
    add("Upsample", (), image, scale_factor=2)
    good["Upsample bilinear"] = Good(_layer("Upsample", scale_factor=2, mode="bilinear"), (image,))
    add("UpsamplingBilinear2d", (), image, scale_factor=2)
    add("UpsamplingNearest2d", (), image, scale_factor=2)
    add("Fold", ((4, 5), (2, 2)), f(2, 3 * 4, 12))
    add("Unfold", ((2, 2),), image)
    add("Linear", (6, 5), f(2, 4, 6))
    add("LazyLinear", (5,), f(2, 6))
    add("Bilinear", (4, 5, 3), f(2, 4), f(2, 5))
    add("Embedding", (3, 4), i(2, 5))
    add("EmbeddingBag", (3, 4), i(2, 5))
    good["EmbeddingBag with offsets"] = Good(_layer("EmbeddingBag", 3, 4), (i(7), np.array([0, 2, 2])))
    add("CosineSimilarity", (), f(2, 4), f(2, 4))
    add("PairwiseDistance", (), f(2, 4), f(2, 4))
    for name in ("RNN", "GRU", "LSTM"):
        add(name, (4, 5), f(3, 2, 4))
        add(f"{name}Cell", (4, 5), f(2, 4))
    state = f(1, 2, 5)
    good["GRU with a state"] = Good(_layer("GRU", 4, 5), (f(3, 2, 4), state))
    good["LSTM with a state"] = Good(
        lambda library: _Paired(library.nn.LSTM(4, 5)), (f(3, 2, 4), state, f(1, 2, 5)), lucid_only=False
    )
    good["GRUCell with a state"] = Good(_layer("GRUCell", 4, 5), (f(2, 4), f(2, 5)))
    good["LSTMCell with a state"] = Good(
        lambda library: _Paired(library.nn.LSTMCell(4, 5)), (f(2, 4), f(2, 5), f(2, 5))
    )
    q, k, v = f(3, 2, 4), f(5, 2, 4), f(5, 2, 4)
    add("MultiheadAttention", (4, 2), q, k, v)
    add("MultiHeadAttention", (4, 2), f(2, 3, 4), f(2, 5, 4), f(2, 5, 4), own=True)
    add("ScaledDotProductAttention", (), f(2, 3, 4), f(2, 5, 4), f(2, 5, 4), own=True)
    add("TransformerEncoderLayer", (4, 2, 8), q)
    add("TransformerDecoderLayer", (4, 2, 8), q, k)
    good["TransformerEncoder"] = Good(
        lambda library: library.nn.TransformerEncoder(library.nn.TransformerEncoderLayer(4, 2, 8), 1), (q,)
    )
    good["TransformerDecoder"] = Good(
        lambda library: library.nn.TransformerDecoder(library.nn.TransformerDecoderLayer(4, 2, 8), 1), (q, k)
    )
    add("Transformer", (4, 2, 1, 1, 8), k, q)
    # losses
    a, b = f(4, 3), f(4, 3)
    for name in "BCELoss BCEWithLogitsLoss HuberLoss KLDivLoss L1Loss MSELoss PoissonNLLLoss SmoothL1Loss".split():
        add(name, (), a, b)
    for name in "HingeEmbeddingLoss SoftMarginLoss".split():
        add(name, (), a, signs(4, 3))
    add("CosineEmbeddingLoss", (), a, b, signs(4))
    add("MarginRankingLoss", (), f(4), f(4), signs(4))
    add("MultiLabelSoftMarginLoss", (), a, b)
    add("MultiLabelMarginLoss", (), a, np.array([[0, 1, -1]] * 4))
    add("MultiMarginLoss", (), a, i(4))
    add("GaussianNLLLoss", (), a, b, f(4, 3))
    add("CrossEntropyLoss", (), a, i(4))
    good["CrossEntropyLoss of images"] = Good(_layer("CrossEntropyLoss"), (f(2, 3, 4, 5), i(2, 4, 5)))
    good["CrossEntropyLoss of probabilities"] = Good(_layer("CrossEntropyLoss"), (a, f(4, 3)))
    good["CrossEntropyLoss with weights"] = Good(
        lambda library: library.nn.CrossEntropyLoss(weight=library.tensor([1.0, 2.0, 3.0])), (a, i(4))
    )
    add("NLLLoss", (), a, i(4))
    add("NLLLoss2d", (), f(2, 3, 4, 5), i(2, 4, 5))
    add("TripletMarginLoss", (), a, b, f(4, 3))
    add("TripletMarginWithDistanceLoss", (), a, b, f(4, 3))
    add("CTCLoss", (), np.log(f(6, 2, 4)), np.array([[1, 2], [3, 1]]), np.array([6, 5]), np.array([2, 1]))
    add("LinearCrossEntropyLoss", (6, 3), f(4, 6), i(4), own=True)
    add("AdaptiveLogSoftmaxWithLoss", (6, 9, [3, 6]), f(4, 6), i(4, below=9))
    # the original Lucid's
    add("DropBlock", (3,), image, own=True)
    add("DropPath", (), image, own=True)
    add("GlobalResponseNorm", (4,), image, own=True)
    add("SEModule", (4, 2), image, own=True)
    add("SelectiveKernel", (4, 4, [3, 5]), image, own=True)
    add("LearnedPosEmbedding", (5, 4), f(2, 3, 4), own=True)
    add("SinusoidalPosEmbedding", (3, 4), f(2, 3, 4), own=True)
    add("RotaryPosEmbedding", (), f(2, 3, 4), own=True)
    add("Rearrange", ("b c (h w) -> b h w c",), f(2, 4, 6), own=True, w=3)
    # containers
    good["Sequential"] = Good(
        lambda library: library.nn.Sequential(library.nn.Linear(4, 3), library.nn.ReLU()), (f(2, 4),)
    )
    good["DataParallel"] = Good(lambda library: library.nn.DataParallel(library.nn.Linear(4, 3)), (f(2, 4),))
    return good


class _Paired:
    """A module of a sequence and a pair of states, as a function of three."""

    def __init__(self, module: Any) -> None:
        self.module = module

    def __call__(self, x: Any, *state: Any) -> Any:
        return self.module(x, state)


def _places(n: int) -> np.ndarray:
    """Where a maximum of each window of 2 lies in a grid of side 6, flat."""
    return sum(np.arange(0, 6, 2).reshape(-1, *(1,) * (n - 1 - k)) * 6 ** (n - 1 - k) for k in range(n))  # type: ignore[return-value]


WITHOUT_FORWARD = "LazyModuleMixin Module ModuleDict ModuleList ParameterDict ParameterList RNNBase RNNCellBase".split()
MODULES = _modules()


def _functions() -> dict[str, Good]:
    good: dict[str, Good] = {}

    def add(name: str, *inputs: Any, own: bool = False, **kwargs: Any) -> None:
        good[name] = Good(lambda library: _Call(getattr(library.nn.functional, name), kwargs), inputs, own)

    x3, x4, x5 = f(2, 4, 6), f(2, 4, 6, 6), f(2, 4, 6, 6, 6)
    for n, x in ((1, x3), (2, x4), (3, x5)):
        for name in ("avg_pool", "max_pool", "max_pool{}d_with_indices"):
            add(name.format(n) if "{" in name else f"{name}{n}d", x, kernel_size=2)
        add(f"lp_pool{n}d", x, norm_type=2.0, kernel_size=2)
        for name in ("adaptive_avg_pool{}d", "adaptive_max_pool{}d", "adaptive_max_pool{}d_with_indices"):
            add(name.format(n), x, output_size=3)
        add(f"max_unpool{n}d", f(2, 4, *(3,) * n), np.broadcast_to(_places(n), (2, 4, *(3,) * n)).copy(), kernel_size=2)
        add(f"conv{n}d", x, f(5, 4, *(3,) * n), f(5))
        add(f"conv_transpose{n}d", x, f(4, 5, *(3,) * n), f(5))
        add(f"dropout{n}d", x)
        if n > 1:
            for name in ("fractional_max_pool{}d", "fractional_max_pool{}d_with_indices"):
                add(name.format(n), x, kernel_size=2, output_size=3)
    for name in (
        "celu celu_ elu elu_ gelu hardshrink hardsigmoid hardswish hardtanh hardtanh_ leaky_relu leaky_relu_ logsigmoid mish "
        "relu relu6 relu_ rrelu rrelu_ selu selu_ sigmoid silu softplus softshrink softsign tanh tanhshrink dropout "
        "alpha_dropout feature_alpha_dropout normalize glu gumbel_softmax"
    ).split():
        add(name, x3.copy())
    for name in ("threshold", "threshold_"):
        add(name, x3.copy(), threshold=0.1, value=2.0)
    for name in ("softmax", "log_softmax", "softmin"):
        add(name, x3, dim=1)
    add("affine_grid", f(2, 2, 3), size=(2, 4, 5, 5))
    add("grid_sample", x4, f(2, 3, 3, 2), align_corners=False)
    add("batch_norm", x4, f(4), f(4), f(4), f(4), training=True)
    add("instance_norm", x4, f(4), f(4), f(4), f(4))
    good["group_norm"] = Good(
        lambda library: lambda x, w, b: library.nn.functional.group_norm(x, 2, w, b), (x4, f(4), f(4))
    )
    good["layer_norm"] = Good(
        lambda library: lambda x, w, b: library.nn.functional.layer_norm(x, (6,), w, b), (x3, f(6), f(6))
    )
    good["rms_norm"] = Good(lambda library: lambda x, w: library.nn.functional.rms_norm(x, (6,), w), (x3, f(6)))
    add("local_response_norm", x4, size=3)
    add("bilinear", f(2, 4), f(2, 5), f(3, 4, 5), f(3))
    add("linear", x3, f(5, 6), f(5))
    add("prelu", x3, f(4))
    a, b = f(4, 3), f(4, 3)
    for name in (
        "binary_cross_entropy binary_cross_entropy_with_logits huber_loss kl_div l1_loss mse_loss poisson_nll_loss "
        "smooth_l1_loss multilabel_soft_margin_loss cosine_similarity pairwise_distance"
    ).split():
        add(name, a, b)
    add("hinge_embedding_loss", a, signs(4, 3))
    add("soft_margin_loss", a, signs(4, 3))
    add("cosine_embedding_loss", a, b, signs(4))
    add("margin_ranking_loss", f(4), f(4), signs(4))
    add("gaussian_nll_loss", a, b, f(4, 3))
    add("cross_entropy", a, i(4), f(3))
    add("nll_loss", a, i(4), f(3))
    add("multi_margin_loss", a, i(4))
    add("multilabel_margin_loss", a, np.array([[0, 1, -1]] * 4))
    add("triplet_margin_loss", a, b, f(4, 3))
    add("triplet_margin_with_distance_loss", a, b, f(4, 3))
    add("ctc_loss", np.log(f(6, 2, 4)), np.array([[1, 2], [3, 1]]), np.array([6, 5]), np.array([2, 1]))
    add("linear_cross_entropy", f(4, 6), f(3, 6), i(4), own=True)
    add("embedding", i(2, 5), f(3, 4))
    add("embedding_bag", i(7), f(3, 4), np.array([0, 2, 2]))
    add("one_hot", i(2, 5))
    add("channel_shuffle", x4, groups=2)
    add("pixel_shuffle", x4, upscale_factor=2)
    add("pixel_unshuffle", x4, downscale_factor=2)
    add("fold", f(2, 12, 12), output_size=(4, 5), kernel_size=(2, 2))
    add("unfold", x4, kernel_size=(2, 2))
    for name in ("interpolate", "upsample", "upsample_bilinear", "upsample_nearest"):
        add(name, x4, scale_factor=2)
    add("pad", x4, pad=(1, 2), mode="constant")
    good["pad by reflection"] = Good(
        lambda library: _Call(library.nn.functional.pad, {"pad": (1, 2), "mode": "reflect"}), (x3,)
    )
    add("pdist", f(4, 3))
    add("scaled_dot_product_attention", f(2, 3, 4), f(2, 5, 4), f(2, 5, 4))
    good["multi_head_attention_forward"] = Good(
        lambda library: (
            lambda q, k, v, w, b, o, c: library.nn.functional.multi_head_attention_forward(
                q, k, v, 4, 2, w, b, None, None, False, 0.0, o, c
            )
        ),
        (f(3, 2, 4), f(5, 2, 4), f(5, 2, 4), f(12, 4), f(12), f(4, 4), f(4)),
    )
    # the original Lucid's
    add("drop_block", x4, own=True, block_size=3)
    add("drop_path", x4, own=True)
    add("flatten", x3, own=True)
    add("unflatten", f(2, 6), own=True, dim=1, sizes=(2, 3))
    add("global_response_norm", x4, f(4), f(4), own=True)
    add("rotary_pos_embedding", f(2, 3, 4), own=True)
    add("rotate", x4, own=True, angle=30.0)
    return good


class _Call:
    def __init__(self, function: Any, kwargs: dict[str, Any]) -> None:
        self.function, self.kwargs = function, kwargs

    def __call__(self, *args: Any) -> Any:
        return self.function(*args, **self.kwargs)


FUNCTIONS = _functions()
