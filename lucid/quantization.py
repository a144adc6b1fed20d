"""Inference with 8-bit integers: which numbers the layers of a model see, for ``lucid.compile(quantize=...)``."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from lucid._functions._naming import listed
from lucid.autograd import no_grad
from lucid.compiler._build import lower
from lucid.compiler._compiled import Compiled
from lucid.compiler._execute import Program
from lucid.compiler._graph import Graph, Op
from lucid.compiler._precision import Calibration, Range, layers
from lucid.compiler._steps import step_of


class _Observed(Compiled):
    """Runs operation by operation and notes what goes into the layers."""

    def __init__(self, model: Callable[..., Any], limits: Callable[[np.ndarray], tuple[float, float]]) -> None:
        super().__init__(model, False, 1)
        self.limits = limits
        self.seen: list[tuple[str, tuple[int, ...]]] = []
        self.low: dict[int, float] = {}
        self.high: dict[int, float] = {}

    def _program(self, graph: Graph) -> Program:
        found = layers(graph)
        self.seen = [(op.kind, op.inputs[1].shape) for op in found]
        numbers = {op: i for i, op in enumerate(found)}

        def single(op: Op) -> Callable[..., Any]:
            run = step_of(op)
            return self._watched(run, numbers[op], op) if op in numbers else run

        return lower(graph, self._packing, single)

    def _watched(self, run: Callable[..., Any], i: int, op: Op) -> Callable[..., Any]:
        scaled = 2 + op.attributes["bias"] if op.attributes.get("scale") else 0

        def step(*arrays: np.ndarray) -> Any:
            x = arrays[0] * arrays[scaled] if scaled else arrays[0]
            low, high = self.limits(x)
            if not (np.isfinite(low) and np.isfinite(high)):
                raise ValueError(
                    f"calibrate: the input of layer {i}, {op.kind} with weight {op.inputs[1].shape}, is not finite"
                )
            self.low[i], self.high[i] = min(self.low.get(i, low), low), max(self.high.get(i, high), high)
            return run(*arrays)

        return step


@listed
def calibrate(
    model: Callable[..., Any], batches: Iterable[Any], *, method: str = "minmax", percentile: float = 99.99
) -> Calibration:
    """Run ``model`` on examples and note the range of numbers that every convolution and linear layer is given.

    With a range from low to high, a number x is kept as the byte q = round(x / s) + z, limited to 0 ... 255, with
    s = (high - low) / 255 and z = round(-low / s); the range is widened to hold 0. Weights become round(w / t) with one
    t = max |w| / 127 for each row of outputs, and a layer's result is s t sum((q - z) w), the sum of integers exact.

    Args:
        model: a module in evaluation mode, or a function of tensors.
        batches: examples like those the model will see: a tensor, or a tuple of positional arguments, each. Some
            hundred samples do; batch sizes are free.
        method: "minmax" for the least and the greatest number of all; "percentile" to leave out what is rare.
        percentile: of the magnitudes on either side of a batch that stay in range; the widest batch counts.

    Returns:
        A `Calibration`, for ``lucid.compile(model, quantize=...)`` of the same model.

    Raises:
        ValueError: there is no batch, the method is unknown, or the percentile is not between 50 and 100.
        TraceError: the model cannot be compiled; see `lucid.compile`.
        RuntimeError: a module is in training mode.

    Example:
        >>> import lucid
        >>> from lucid import nn
        >>> _ = lucid.manual_seed(0)
        >>> net = nn.Sequential(nn.Linear(32, 64), nn.ReLU(), nn.Linear(64, 8)).eval()
        >>> x = lucid.randn(64, 32)
        >>> fast = lucid.compile(net, quantize=lucid.quantization.calibrate(net, [x]))
        >>> with lucid.no_grad():
        ...     error = (fast(x) - net(x)).abs().max() / net(x).abs().max()
        >>> bool(error < 0.03)
        True
    """
    if not callable(model):
        raise TypeError(f"calibrate: expected a module or a function, got {type(model).__name__}")
    if method not in ("minmax", "percentile"):
        raise ValueError(f"calibrate: method must be 'minmax' or 'percentile', got {method!r}")
    if not 50 < percentile <= 100:
        raise ValueError(f"calibrate: expected a percentile above 50 and up to 100, got {percentile}")

    def limits(x: np.ndarray) -> tuple[float, float]:
        if method == "minmax" or not np.isfinite(x).all():
            return float(x.min()), float(x.max())
        low, high = np.percentile(x, (100 - percentile, percentile))
        return float(low), float(high)

    observed = _Observed(model, limits)
    with no_grad():
        for batch in batches:
            observed(*batch) if isinstance(batch, tuple) else observed(batch)
    if not observed.seen:
        raise ValueError("calibrate: expected at least one batch, and a model with a convolution or linear layer")
    return Calibration([Range(*seen, observed.low[i], observed.high[i]) for i, seen in enumerate(observed.seen)])


__all__ = ["Calibration", "calibrate"]
