"""A model exported, run by ONNX Runtime, loaded again, and compiled: the same results everywhere."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

import lucid
from lucid import nn
from lucid.onnx._load import from_proto

TOLERANCE = 1e-5


def flat(result: Any) -> list[Any]:
    """The tensors of a result in order."""
    if isinstance(result, lucid.Tensor):
        return [result]
    return [t for part in (result.values() if isinstance(result, dict) else result) for t in flat(part)]


def compare(found: Sequence[Any], wanted: Sequence[Any], tolerance: float = TOLERANCE) -> None:
    """Equal shapes and dtypes, and elements to ``tolerance`` of the largest."""
    for mine, theirs in zip(found, wanted, strict=True):
        assert mine.shape == theirs.shape and mine.dtype == theirs.dtype
        if theirs.dtype.kind != "f":
            np.testing.assert_array_equal(mine, theirs)
            continue
        finite = np.isfinite(theirs)
        np.testing.assert_array_equal(np.where(finite, 0, mine), np.where(finite, 0, theirs))
        scale = max(np.abs(theirs, where=finite, out=np.zeros_like(theirs)).max(initial=0), 1e-30)
        assert np.abs(np.where(finite, mine, 0) - np.where(finite, theirs, 0)).max(initial=0) <= tolerance * scale


def session(proto: Any) -> Any:
    """ONNX Runtime's session, on one thread."""
    onnxruntime = pytest.importorskip("onnxruntime")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 3
    source = proto if isinstance(proto, str) else proto.SerializeToString()
    return onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])


def round_trip(
    model: Any,
    args: Any,
    *others: Any,
    axes: Any = None,
    tolerance: float = TOLERANCE,
    load: bool = True,
    **kwargs: Any,
) -> Any:
    """Check ``model`` on the example ``args``, and on ``others`` where axes are dynamic; returns the ONNX model."""
    if isinstance(model, nn.Module):
        model.eval()
    proto = lucid.onnx.export(model, args, dynamic_axes=axes, **kwargs)
    running = session(proto)
    loaded = from_proto(proto) if load else None
    compiled = lucid.compile(loaded) if load else None
    names = [x.name for x in running.get_inputs()]
    for given in (args, *others):
        given = given if isinstance(given, tuple) else (given,)
        with lucid.no_grad():
            wanted = [t.numpy() for t in flat(model(*given))]
            compare(running.run(None, {n: t.numpy() for n, t in zip(names, flat(given))}), wanted, tolerance)
            for again in (loaded, compiled) if loaded is not None else ():
                compare([t.numpy() for t in flat(again(*flat(given)))], wanted, tolerance)  # type: ignore[misc]
    return proto
