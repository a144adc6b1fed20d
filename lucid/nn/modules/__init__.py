"""The modules, by family."""

from typing import TYPE_CHECKING

from lucid._later import later as _later
from lucid.nn.modules.activation import *  # noqa: F403
from lucid.nn.modules.batch_norm import *  # noqa: F403
from lucid.nn.modules.container import *  # noqa: F403
from lucid.nn.modules.conv import *  # noqa: F403
from lucid.nn.modules.dropout import *  # noqa: F403
from lucid.nn.modules.embedding import *  # noqa: F403
from lucid.nn.modules.flatten import *  # noqa: F403
from lucid.nn.modules.linear import *  # noqa: F403
from lucid.nn.modules.loss import *  # noqa: F403
from lucid.nn.modules.module import Module as Module
from lucid.nn.modules.norm import *  # noqa: F403
from lucid.nn.modules.parameter_container import *  # noqa: F403
from lucid.nn.modules.pool import *  # noqa: F403

if TYPE_CHECKING:
    from lucid.nn.modules.adaptive import *  # noqa: F403
    from lucid.nn.modules.adaptive_pool import *  # noqa: F403
    from lucid.nn.modules.alpha_dropout import *  # noqa: F403
    from lucid.nn.modules.attention import *  # noqa: F403
    from lucid.nn.modules.blocks import *  # noqa: F403
    from lucid.nn.modules.cache import *  # noqa: F403
    from lucid.nn.modules.channel_blocks import *  # noqa: F403
    from lucid.nn.modules.constrained import *  # noqa: F403
    from lucid.nn.modules.conv_transpose import *  # noqa: F403
    from lucid.nn.modules.ctc import *  # noqa: F403
    from lucid.nn.modules.distance import *  # noqa: F403
    from lucid.nn.modules.drops import *  # noqa: F403
    from lucid.nn.modules.embedding_bag import *  # noqa: F403
    from lucid.nn.modules.fold import *  # noqa: F403
    from lucid.nn.modules.lazy import *  # noqa: F403
    from lucid.nn.modules.lazy_norm import *  # noqa: F403
    from lucid.nn.modules.likelihood import *  # noqa: F403
    from lucid.nn.modules.linear_loss import *  # noqa: F403
    from lucid.nn.modules.lp_pool import *  # noqa: F403
    from lucid.nn.modules.margin import *  # noqa: F403
    from lucid.nn.modules.padding import *  # noqa: F403
    from lucid.nn.modules.parallel import *  # noqa: F403
    from lucid.nn.modules.position import *  # noqa: F403
    from lucid.nn.modules.response_norm import *  # noqa: F403
    from lucid.nn.modules.rnn import *  # noqa: F403
    from lucid.nn.modules.rnn_cell import *  # noqa: F403
    from lucid.nn.modules.shrink import *  # noqa: F403
    from lucid.nn.modules.shuffle import *  # noqa: F403
    from lucid.nn.modules.transformer import *  # noqa: F403
    from lucid.nn.modules.transformer_layer import *  # noqa: F403
    from lucid.nn.modules.unpool import *  # noqa: F403
    from lucid.nn.modules.upsampling import *  # noqa: F403

_LATER = {
    "lucid.nn.modules.adaptive": "AdaptiveLogSoftmaxWithLoss",
    "lucid.nn.modules.adaptive_pool": (
        "AdaptiveAvgPool3d AdaptiveMaxPool1d AdaptiveMaxPool2d AdaptiveMaxPool3d AvgPool3d MaxPool3d"
    ),
    "lucid.nn.modules.alpha_dropout": "AlphaDropout Dropout3d FeatureAlphaDropout",
    "lucid.nn.modules.attention": "MultiheadAttention",
    "lucid.nn.modules.blocks": (
        "ConvBNReLU1d ConvBNReLU2d ConvBNReLU3d DepthSeparableConv1d DepthSeparableConv2d DepthSeparableConv3d "
        "MultiHeadAttention Rearrange ScaledDotProductAttention"
    ),
    "lucid.nn.modules.channel_blocks": "GlobalResponseNorm SEModule SelectiveKernel",
    "lucid.nn.modules.cache": "Cache DynamicKVCache EncoderDecoderCache KVCache StaticKVCache",
    "lucid.nn.modules.constrained": "ConstrainedConv1d ConstrainedConv2d ConstrainedConv3d",
    "lucid.nn.modules.conv_transpose": "ConvTranspose1d ConvTranspose2d ConvTranspose3d",
    "lucid.nn.modules.ctc": "CTCLoss",
    "lucid.nn.modules.distance": "CosineSimilarity PairwiseDistance",
    "lucid.nn.modules.drops": "DropBlock DropPath",
    "lucid.nn.modules.embedding_bag": "EmbeddingBag",
    "lucid.nn.modules.fold": "Fold Unfold",
    "lucid.nn.modules.lazy": (
        "LazyConv1d LazyConv2d LazyConv3d LazyConvTranspose1d LazyConvTranspose2d LazyConvTranspose3d LazyLinear "
        "LazyModuleMixin"
    ),
    "lucid.nn.modules.lazy_norm": (
        "LazyBatchNorm1d LazyBatchNorm2d LazyBatchNorm3d LazyInstanceNorm1d LazyInstanceNorm2d LazyInstanceNorm3d"
    ),
    "lucid.nn.modules.likelihood": "GaussianNLLLoss PoissonNLLLoss",
    "lucid.nn.modules.linear_loss": "LinearCrossEntropyLoss NLLLoss2d",
    "lucid.nn.modules.lp_pool": "LPPool1d LPPool2d LPPool3d",
    "lucid.nn.modules.margin": (
        "CosineEmbeddingLoss HingeEmbeddingLoss MarginRankingLoss MultiLabelMarginLoss "
        "MultiLabelSoftMarginLoss MultiMarginLoss SoftMarginLoss TripletMarginLoss "
        "TripletMarginWithDistanceLoss"
    ),
    "lucid.nn.modules.padding": (
        "CircularPad1d CircularPad2d CircularPad3d ConstantPad1d ConstantPad2d ConstantPad3d "
        "ReflectionPad1d ReflectionPad2d ReflectionPad3d ReplicationPad1d ReplicationPad2d "
        "ReplicationPad3d ZeroPad1d ZeroPad2d ZeroPad3d"
    ),
    "lucid.nn.modules.parallel": "DataParallel",
    "lucid.nn.modules.position": "LearnedPosEmbedding RotaryPosEmbedding SinusoidalPosEmbedding",
    "lucid.nn.modules.response_norm": "CrossMapLRN2d LocalResponseNorm SyncBatchNorm",
    "lucid.nn.modules.rnn": "GRU LSTM RNN RNNBase",
    "lucid.nn.modules.rnn_cell": "GRUCell LSTMCell RNNCell RNNCellBase",
    "lucid.nn.modules.shrink": "Hardshrink RReLU Softshrink Tanhshrink",
    "lucid.nn.modules.shuffle": "ChannelShuffle PixelShuffle PixelUnshuffle",
    "lucid.nn.modules.transformer": "Transformer TransformerDecoder TransformerEncoder",
    "lucid.nn.modules.transformer_layer": "TransformerDecoderLayer TransformerEncoderLayer",
    "lucid.nn.modules.unpool": "FractionalMaxPool2d FractionalMaxPool3d MaxUnpool1d MaxUnpool2d MaxUnpool3d",
    "lucid.nn.modules.upsampling": "Upsample UpsamplingBilinear2d UpsamplingNearest2d",
}  # fmt: skip
"""Modules imported when one of their classes is first used; `lucid.nn` does the same."""

__getattr__, __dir__ = _later("lucid.nn.modules", _LATER)
