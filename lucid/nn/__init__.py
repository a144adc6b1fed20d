"""Modules, their stateless functions, initialisation and utilities: the building blocks of models."""

from typing import TYPE_CHECKING

from lucid._later import later as _later
from lucid.nn import functional as functional
from lucid.nn import init as init
from lucid.nn import modules as modules
from lucid.nn.modules import *  # noqa: F403
from lucid.nn.parameter import Buffer as Buffer
from lucid.nn.parameter import Parameter as Parameter
from lucid.nn.parameter import UninitializedBuffer as UninitializedBuffer
from lucid.nn.parameter import UninitializedParameter as UninitializedParameter

if TYPE_CHECKING:
    from lucid.nn import utils as utils

__getattr__, __dir__ = _later("lucid.nn", {"lucid.nn.attention": "", "lucid.nn.utils": "", **modules._LATER})
