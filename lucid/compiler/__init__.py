"""Compiling models for inference: `lucid.compile`."""

from lucid.compiler._compiled import Compiled as Compiled
from lucid.compiler._compiled import compile as compile
from lucid.compiler._errors import TraceError as TraceError
