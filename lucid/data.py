"""Short name of `lucid.utils.data`: ``lucid.data.DataLoader`` is ``lucid.utils.data.DataLoader``."""

from lucid.utils.data import *  # noqa: F403
from lucid.utils.data import __all__ as __all__
