"""A process that measures one library: reads a JSON request per line, writes a JSON answer per line."""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np


def as_arrays(result: Any) -> list[np.ndarray]:
    results = result if isinstance(result, (tuple, list)) else (result,)
    return [np.asarray(r if isinstance(r, np.ndarray) else r.detach().numpy()) for r in results]


def onnx_step(case: Any, threads: int) -> Any:
    import onnxruntime

    graph = case.onnx(*case.args)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(graph.model, options, providers=["CPUExecutionProvider"])
    feed = {"x": graph.x}
    return lambda: session.run(None, feed)


def measure(step: Any, seconds: float, fresh: bool) -> list[float]:
    """Seconds per call of batches of calls that last about a millisecond or more, for ``seconds``."""
    if fresh:
        step()
    end = time.perf_counter() + seconds
    start = time.perf_counter()
    step()
    once = time.perf_counter() - start
    if once > seconds:
        return [once]
    calls = max(1, int(1e-3 / max(once, 1e-7)))
    times: list[float] = []
    while not times or time.perf_counter() < end:
        start = time.perf_counter()
        for _ in range(calls):
            step()
        times.append((time.perf_counter() - start) / calls)
    return times


class Bench:
    """One library and the case it was last asked to build."""

    def __init__(self, library: str, threads: int) -> None:
        from cases import CASES

        # glibc takes blocks above a threshold from the system, which costs page faults; the threshold follows the
        # largest block freed so far, up to 32 MB. As in a process that has run for a while, whatever case comes first:
        np.empty(30 << 20, np.uint8).fill(0)
        self.library, self.threads = library, threads
        self.cases = {case.name: case for case in CASES}
        self.module = importlib.import_module(library)
        if library in ("lucid", "torch"):
            self.module.set_num_threads(threads)
        self.step: Any = None
        self.ways: dict[str, Any] = {}

    def build(self, name: str, outputs: str) -> dict[str, Any]:
        """Make the case's step, run it once and store its results; or the name of what the library lacks."""
        from case import missing

        case = self.cases[name]
        if lacking := missing(self.module, case.needs if self.library in ("lucid", "torch") else ()):
            return {"missing": f"{self.library} has no {lacking}"}
        if self.library == "lucid" and case.dtype:
            from lucid.compiler._precision import lacking as lacking_instruction

            if instruction := lacking_instruction(case.dtype):
                return {"missing": f"the CPU has no {instruction}"}
        self.step, self.ways = None, {}  # free the last case's memory first
        if self.library == "numpy":
            self.step = case.numpy(*case.args)
        elif self.library == "onnxruntime":
            self.step = onnx_step(case, self.threads)
        else:
            built = case.build(self.module, *case.args)
            self.ways = built if isinstance(built, dict) else {}
            self.step = self.ways.get("lucid", built)
        self.store(outputs)
        return {}

    def store(self, outputs: str) -> None:
        for i, array in enumerate(as_arrays(self.step())):
            np.save(Path(outputs, f"{self.library}-{i}.npy"), array)

    def limits(self, seconds: float) -> dict[str, float]:
        """Operations and bytes per second that this machine reaches at most; lucid's process measures them."""
        from lucid import _ops

        found = {}
        for count in sorted({1, self.threads}):
            _ops.set_num_threads(count)
            found[f"peak FLOP/s, {count} threads"] = _ops.peak_fma(seconds)
            found[f"copy B/s, {count} threads"] = _ops.copy_bandwidth(seconds)
        _ops.set_num_threads(self.threads)
        return found

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        if "limits" in request:
            return self.limits(request["limits"])
        if self.library in ("lucid", "torch"):
            self.module.set_num_threads(request.get("threads", self.threads))  # not what the last case left
        if "outputs" in request:
            return self.build(request["case"], request["outputs"])
        step = self.ways[request["way"]] if "way" in request else self.step
        return {"times": measure(step, request["seconds"], request["fresh"])}


def main() -> None:
    library, threads = sys.argv[1], int(sys.argv[2])
    answers, sys.stdout = sys.stdout, sys.stderr  # whatever a library prints must not mix with the answers
    bench = Bench(library, threads)
    for line in sys.stdin:
        print(json.dumps(bench.answer(json.loads(line))), file=answers, flush=True)


if __name__ == "__main__":
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
    main()
