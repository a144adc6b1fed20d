"""A process that measures one library: reads a JSON request per line, writes a JSON answer per line."""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
from typing import Any

import numpy as np


def outputs(result: Any) -> list[np.ndarray]:
    return [r.detach().numpy() for r in (result if isinstance(result, tuple) else (result,))]


def measure(step: Any, seconds: float) -> list[float]:
    """Seconds per call of batches of calls that last about a millisecond or more, for ``seconds``."""
    step()
    start = time.perf_counter()
    step()
    calls = max(1, int(1e-3 / max(time.perf_counter() - start, 1e-7)))
    times = []
    end = time.perf_counter() + seconds
    while not times or time.perf_counter() < end:
        start = time.perf_counter()
        for _ in range(calls):
            step()
        times.append((time.perf_counter() - start) / calls)
    return times


def main() -> None:
    library, threads = sys.argv[1], int(sys.argv[2])
    answers, sys.stdout = sys.stdout, sys.stderr  # whatever a library prints must not mix with the answers
    t = importlib.import_module(library)
    t.set_num_threads(threads)
    from cases import CASES

    by_name = {case.name: case for case in CASES}
    for line in sys.stdin:
        request = json.loads(line)
        case = by_name[request["case"]]
        if request.get("outputs"):
            # The first call of a fresh step: optimizers have not moved the weights yet.
            step = case.build(t, *case.args)
            np.savez(request["outputs"], *outputs(step()))
            answer: Any = {}
        else:
            if request.get("fresh"):
                step = case.build(t, *case.args)
            answer = {"times": measure(step, request["seconds"])}
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
    main()
