"""Compiling models: `lucid.compile` and `lucid.load_compiled` for inference, `lucid.compile_step` for training."""

from lucid.compiler._compiled import Compiled as Compiled
from lucid.compiler._compiled import compile as compile
from lucid.compiler._errors import TraceError as TraceError
from lucid.compiler._loaded import load_compiled as load_compiled
from lucid.compiler._training import compile_step as compile_step
