"""Modules, their stateless functions, initialisation and utilities: the building blocks of models."""

from lucid.nn import functional as functional
from lucid.nn import init as init
from lucid.nn import utils as utils
from lucid.nn.modules import *  # noqa: F403
from lucid.nn.parameter import Parameter as Parameter
