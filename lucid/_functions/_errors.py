"""Errors that are of two types: what PyTorch raises in such a case, and what Python's own convention is."""

from __future__ import annotations


class OptionError(ValueError, RuntimeError):
    """A value that an argument cannot have: ValueError by Python's convention, RuntimeError from PyTorch's kernels."""


class PlaceError(IndexError, RuntimeError):
    """A place that a tensor does not have: IndexError by Python's convention, RuntimeError from PyTorch's kernels."""


class KindError(NotImplementedError, TypeError):
    """A dtype that an operation has no meaning for: NotImplementedError, or TypeError, from PyTorch."""


__all__ = ["KindError", "OptionError", "PlaceError"]
