"""Tools around training: `lucid.utils.data` loads data in batches."""

from lucid._later import later as _later
from lucid.utils import data

__all__ = ["data"]

__getattr__, __dir__ = _later(
    "lucid.utils",
    {
        "lucid.utils.benchmark": "",
        "lucid.utils.checkpoint": "",
        "lucid.utils.dlpack": "",
        "lucid.utils.flops": "",
        "lucid.utils.summary": "",
        "lucid.utils.tensorboard": "",
    },
)
