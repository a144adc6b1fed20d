"""Learning rate schedulers: call ``scheduler.step()`` once per epoch (or batch), after ``optimizer.step()``."""

from lucid.optim.lr_scheduler._base import LambdaLR, LRScheduler, MultiplicativeLR
from lucid.optim.lr_scheduler._compose import ChainedScheduler, ReduceLROnPlateau, SequentialLR
from lucid.optim.lr_scheduler._cycle import CosineAnnealingWarmRestarts, CyclicLR, OneCycleLR
from lucid.optim.lr_scheduler._decay import (
    ConstantLR,
    CosineAnnealingLR,
    ExponentialLR,
    LinearLR,
    MultiStepLR,
    NoamScheduler,
    PolynomialLR,
    StepLR,
)

__all__ = [
    "ChainedScheduler", "ConstantLR", "CosineAnnealingLR", "CosineAnnealingWarmRestarts", "CyclicLR", "ExponentialLR",
    "LRScheduler", "LambdaLR", "LinearLR", "MultiStepLR", "MultiplicativeLR", "NoamScheduler", "OneCycleLR",
    "PolynomialLR", "ReduceLROnPlateau", "SequentialLR", "StepLR",
]  # fmt: skip
