"""All that is measured, and what each group must reach."""

from __future__ import annotations

from typing import NamedTuple

from case import Case
from compiled import compiled, eager, startup
from compiled_training import compiled_trainings
from functions import functions
from kernels import activations, convolutions, products
from low_precision import low_precision
from training import inference, threads, trainings

CASES: list[Case] = [
    *activations(), *products(), *convolutions(), *functions(), *trainings(), *threads(), *inference(),
    *compiled(), *eager(), *startup(), *low_precision(),
    *compiled_trainings(),
]  # fmt: skip
assert len({case.name for case in CASES}) == len(CASES), "two cases share a name"


class Requirement(NamedTuple):
    """The smallest ratio of every cell of a group (whose name contains ``match``), and of their geometric mean."""

    group: str
    every: float = 0.0
    geomean: float = 0.0
    match: str = ""


REQUIREMENTS = (
    Requirement("activations", every=1.0, geomean=2.5),
    Requirement("activations", geomean=3.0, match=" 1e7 "),
    Requirement("matmul", every=0.95, geomean=1.1),
    Requirement("convolution", every=1.0, geomean=1.5),
    Requirement("functions", every=1.0, geomean=1.5),
    Requirement("training", every=1.2, geomean=1.8),
    Requirement("threads"),
    Requirement("compiled", every=1.0, geomean=1.25),
    Requirement("eager", every=1.0, geomean=1.5),
    Requirement("memory", every=1.0),
    Requirement("few bits", every=1.5, match="bfloat16 "),
    Requirement("few bits", every=2.0, match="int8 "),
    Requirement("compiled_training", every=1.2, geomean=1.8),
)
