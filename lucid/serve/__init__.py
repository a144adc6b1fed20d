"""Models behind HTTP: `run` a server, or mount `make_app` in one; needs `pip install lucid[serve]`.

`open_model` and `Batcher`, which is what collects requests into batches, need NumPy alone.
"""

from lucid.serve._app import Limits, make_app
from lucid.serve._batcher import Batcher, BusyError, ClosedError
from lucid.serve._model import Input, Model, ModelError, open_model
from lucid.serve._server import run

__all__ = [
    "Batcher", "BusyError", "ClosedError", "Input", "Limits", "Model", "ModelError", "make_app", "open_model", "run",
]  # fmt: skip
