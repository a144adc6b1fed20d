"""Tools around training: :mod:`lucid.utils.data` loads data in batches."""

from lucid.utils import data

__all__ = ["data"]
