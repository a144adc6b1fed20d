"""Stateless functions: what the modules of `lucid.nn` compute, with all parameters as arguments."""

from typing import TYPE_CHECKING

from lucid._functions._precision import guard as _guard
from lucid._functions._precision import guarded as _guarded
from lucid._functions.shape import flatten as flatten
from lucid._functions.shape import unflatten as unflatten
from lucid._later import later as _later
from lucid.nn.functional.activation import *  # noqa: F403
from lucid.nn.functional.alpha_dropout import *  # noqa: F403
from lucid.nn.functional.conv import *  # noqa: F403
from lucid.nn.functional.dropout import *  # noqa: F403
from lucid.nn.functional.embedding import *  # noqa: F403
from lucid.nn.functional.embedding_bag import *  # noqa: F403
from lucid.nn.functional.fold import *  # noqa: F403
from lucid.nn.functional.inplace import *  # noqa: F403
from lucid.nn.functional.interpolate import *  # noqa: F403
from lucid.nn.functional.linear import *  # noqa: F403
from lucid.nn.functional.loss import *  # noqa: F403
from lucid.nn.functional.norm import *  # noqa: F403
from lucid.nn.functional.pool import *  # noqa: F403

if TYPE_CHECKING:
    from lucid.nn.functional.adaptive_pool import *  # noqa: F403
    from lucid.nn.functional.attention import *  # noqa: F403
    from lucid.nn.functional.conv_transpose import *  # noqa: F403
    from lucid.nn.functional.ctc import *  # noqa: F403
    from lucid.nn.functional.distance import *  # noqa: F403
    from lucid.nn.functional.drops import *  # noqa: F403
    from lucid.nn.functional.fractional import *  # noqa: F403
    from lucid.nn.functional.grid import *  # noqa: F403
    from lucid.nn.functional.likelihood import *  # noqa: F403
    from lucid.nn.functional.linear_loss import *  # noqa: F403
    from lucid.nn.functional.lp_pool import *  # noqa: F403
    from lucid.nn.functional.margin import *  # noqa: F403
    from lucid.nn.functional.multi_margin import *  # noqa: F403
    from lucid.nn.functional.pool3d import *  # noqa: F403
    from lucid.nn.functional.position import *  # noqa: F403
    from lucid.nn.functional.response_norm import *  # noqa: F403
    from lucid.nn.functional.shrink import *  # noqa: F403
    from lucid.nn.functional.shuffle import *  # noqa: F403
    from lucid.nn.functional.unpool import *  # noqa: F403

__getattr__, __dir__ = _later("lucid.nn.functional", {
    "lucid.nn.functional.adaptive_pool": (
        "adaptive_avg_pool3d adaptive_max_pool1d adaptive_max_pool1d_with_indices adaptive_max_pool2d "
        "adaptive_max_pool2d_with_indices adaptive_max_pool3d adaptive_max_pool3d_with_indices"
    ),
    "lucid.nn.functional.pool3d": "avg_pool3d max_pool3d max_pool3d_with_indices",
    "lucid.nn.functional.attention": "multi_head_attention_forward scaled_dot_product_attention",
    "lucid.nn.functional.conv_transpose": "conv_transpose1d conv_transpose2d conv_transpose3d",
    "lucid.nn.functional.ctc": "ctc_loss",
    "lucid.nn.functional.distance": "cosine_similarity pairwise_distance pdist",
    "lucid.nn.functional.drops": "drop_block drop_path",
    "lucid.nn.functional.fractional": (
        "fractional_max_pool2d fractional_max_pool2d_with_indices fractional_max_pool3d "
        "fractional_max_pool3d_with_indices"
    ),
    "lucid.nn.functional.grid": "affine_grid grid_sample",
    "lucid.nn.functional.likelihood": "gaussian_nll_loss poisson_nll_loss",
    "lucid.nn.functional.linear_loss": "linear_cross_entropy",
    "lucid.nn.functional.lp_pool": "lp_pool1d lp_pool2d lp_pool3d",
    "lucid.nn.functional.margin": (
        "cosine_embedding_loss hinge_embedding_loss margin_ranking_loss soft_margin_loss "
        "triplet_margin_loss triplet_margin_with_distance_loss"
    ),
    "lucid.nn.functional.multi_margin": "multi_margin_loss multilabel_margin_loss multilabel_soft_margin_loss",
    "lucid.nn.functional.position": "rotary_pos_embedding rotate sinusoidal_pos_embedding",
    "lucid.nn.functional.response_norm": "global_response_norm local_response_norm",
    "lucid.nn.functional.shrink": "gumbel_softmax hardshrink rrelu rrelu_ softshrink tanhshrink",
    "lucid.nn.functional.shuffle": "channel_shuffle pixel_shuffle pixel_unshuffle",
    "lucid.nn.functional.unpool": "max_unpool1d max_unpool2d max_unpool3d",
}, _guarded)  # fmt: skip
_guard(globals())
