"""Compiling models for inference: `lucid.compile` and `lucid.load_compiled`."""

from lucid.compiler._compiled import Compiled as Compiled
from lucid.compiler._compiled import compile as compile
from lucid.compiler._errors import TraceError as TraceError
from lucid.compiler._loaded import load_compiled as load_compiled
