"""Optimizers: they change the parameters of a model along their gradients, in one compiled pass per step."""

from typing import TYPE_CHECKING

from lucid._later import later as _later
from lucid.optim.adam import Adam, AdamW
from lucid.optim.optimizer import Optimizer
from lucid.optim.rmsprop import RMSprop
from lucid.optim.sgd import SGD

__all__ = ["SGD", "Adam", "AdamW", "Optimizer", "RMSprop", "lr_scheduler"]

if TYPE_CHECKING:
    from lucid.optim import lr_scheduler as lr_scheduler

__getattr__, __dir__ = _later("lucid.optim", {"lucid.optim.lr_scheduler": ""})
