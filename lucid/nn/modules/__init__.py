"""The modules, by family."""

from lucid.nn.modules.activation import *  # noqa: F403
from lucid.nn.modules.adaptive import *  # noqa: F403
from lucid.nn.modules.alpha_dropout import *  # noqa: F403
from lucid.nn.modules.attention import *  # noqa: F403
from lucid.nn.modules.batch_norm import *  # noqa: F403
from lucid.nn.modules.container import *  # noqa: F403
from lucid.nn.modules.conv import *  # noqa: F403
from lucid.nn.modules.conv_transpose import *  # noqa: F403
from lucid.nn.modules.ctc import *  # noqa: F403
from lucid.nn.modules.distance import *  # noqa: F403
from lucid.nn.modules.dropout import *  # noqa: F403
from lucid.nn.modules.embedding import *  # noqa: F403
from lucid.nn.modules.embedding_bag import *  # noqa: F403
from lucid.nn.modules.flatten import *  # noqa: F403
from lucid.nn.modules.fold import *  # noqa: F403
from lucid.nn.modules.likelihood import *  # noqa: F403
from lucid.nn.modules.linear import *  # noqa: F403
from lucid.nn.modules.loss import *  # noqa: F403
from lucid.nn.modules.lp_pool import *  # noqa: F403
from lucid.nn.modules.margin import *  # noqa: F403
from lucid.nn.modules.module import Module as Module
from lucid.nn.modules.norm import *  # noqa: F403
from lucid.nn.modules.padding import *  # noqa: F403
from lucid.nn.modules.pool import *  # noqa: F403
from lucid.nn.modules.response_norm import *  # noqa: F403
from lucid.nn.modules.rnn import *  # noqa: F403
from lucid.nn.modules.rnn_cell import *  # noqa: F403
from lucid.nn.modules.shrink import *  # noqa: F403
from lucid.nn.modules.shuffle import *  # noqa: F403
from lucid.nn.modules.transformer import *  # noqa: F403
from lucid.nn.modules.unpool import *  # noqa: F403
from lucid.nn.modules.upsampling import *  # noqa: F403
