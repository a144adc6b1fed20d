"""Optimizers: they change the parameters of a model along their gradients, in one compiled pass per step."""

from typing import TYPE_CHECKING

from lucid._later import later as _later
from lucid.optim.adam import Adam, AdamW
from lucid.optim.optimizer import Optimizer
from lucid.optim.rmsprop import RMSprop
from lucid.optim.sgd import SGD

__all__ = [
    "ASGD", "LBFGS", "SGD", "Adadelta", "Adafactor", "Adagrad", "Adam", "AdamW", "Adamax", "Muon", "NAdam", "Optimizer",
    "RAdam", "RMSprop", "Rprop", "SparseAdam", "lr_scheduler", "swa_utils",
]  # fmt: skip

if TYPE_CHECKING:
    from lucid.optim import lr_scheduler as lr_scheduler
    from lucid.optim import swa_utils as swa_utils
    from lucid.optim.adadelta import Adadelta as Adadelta
    from lucid.optim.adafactor import Adafactor as Adafactor
    from lucid.optim.adagrad import Adagrad as Adagrad
    from lucid.optim.adamax import Adamax as Adamax
    from lucid.optim.asgd import ASGD as ASGD
    from lucid.optim.lbfgs import LBFGS as LBFGS
    from lucid.optim.muon import Muon as Muon
    from lucid.optim.nadam import NAdam as NAdam
    from lucid.optim.radam import RAdam as RAdam
    from lucid.optim.rprop import Rprop as Rprop
    from lucid.optim.sparse_adam import SparseAdam as SparseAdam

__getattr__, __dir__ = _later("lucid.optim", {
    "lucid.optim.lr_scheduler": "",
    "lucid.optim.swa_utils": "",
    "lucid.optim.adadelta": "Adadelta",
    "lucid.optim.adafactor": "Adafactor",
    "lucid.optim.adagrad": "Adagrad",
    "lucid.optim.adamax": "Adamax",
    "lucid.optim.asgd": "ASGD",
    "lucid.optim.lbfgs": "LBFGS",
    "lucid.optim.muon": "Muon",
    "lucid.optim.nadam": "NAdam",
    "lucid.optim.radam": "RAdam",
    "lucid.optim.rprop": "Rprop",
    "lucid.optim.sparse_adam": "SparseAdam",
})  # fmt: skip
