"""Stateless functions: what the modules of `lucid.nn` compute, with all parameters as arguments."""

from lucid._functions.shape import flatten as flatten
from lucid._functions.shape import unflatten as unflatten
from lucid.nn.functional.activation import *  # noqa: F403
from lucid.nn.functional.alpha_dropout import *  # noqa: F403
from lucid.nn.functional.attention import *  # noqa: F403
from lucid.nn.functional.conv import *  # noqa: F403
from lucid.nn.functional.conv_transpose import *  # noqa: F403
from lucid.nn.functional.ctc import *  # noqa: F403
from lucid.nn.functional.distance import *  # noqa: F403
from lucid.nn.functional.dropout import *  # noqa: F403
from lucid.nn.functional.embedding import *  # noqa: F403
from lucid.nn.functional.embedding_bag import *  # noqa: F403
from lucid.nn.functional.fold import *  # noqa: F403
from lucid.nn.functional.fractional import *  # noqa: F403
from lucid.nn.functional.grid import *  # noqa: F403
from lucid.nn.functional.inplace import *  # noqa: F403
from lucid.nn.functional.interpolate import *  # noqa: F403
from lucid.nn.functional.likelihood import *  # noqa: F403
from lucid.nn.functional.linear import *  # noqa: F403
from lucid.nn.functional.loss import *  # noqa: F403
from lucid.nn.functional.lp_pool import *  # noqa: F403
from lucid.nn.functional.margin import *  # noqa: F403
from lucid.nn.functional.multi_margin import *  # noqa: F403
from lucid.nn.functional.norm import *  # noqa: F403
from lucid.nn.functional.pool import *  # noqa: F403
from lucid.nn.functional.response_norm import *  # noqa: F403
from lucid.nn.functional.shrink import *  # noqa: F403
from lucid.nn.functional.shuffle import *  # noqa: F403
from lucid.nn.functional.unpool import *  # noqa: F403
