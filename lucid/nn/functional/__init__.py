"""Stateless functions: what the modules of `lucid.nn` compute, with all parameters as arguments."""

from lucid._functions.shape import flatten as flatten
from lucid._functions.shape import unflatten as unflatten
from lucid.nn.functional.activation import *  # noqa: F403
from lucid.nn.functional.attention import *  # noqa: F403
from lucid.nn.functional.conv import *  # noqa: F403
from lucid.nn.functional.conv_transpose import *  # noqa: F403
from lucid.nn.functional.dropout import *  # noqa: F403
from lucid.nn.functional.embedding import *  # noqa: F403
from lucid.nn.functional.linear import *  # noqa: F403
from lucid.nn.functional.loss import *  # noqa: F403
from lucid.nn.functional.norm import *  # noqa: F403
from lucid.nn.functional.pool import *  # noqa: F403
