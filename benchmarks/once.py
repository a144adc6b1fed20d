"""A process that compiles one network once: how long until the first result, and how much memory that takes.

    python benchmarks/once.py LIBRARY THREADS CASE

prints JSON: ``seconds`` from the model (lucid) or the file's bytes (ONNX Runtime) to the first result, and ``memory``,
the bytes by which the process grew at most meanwhile and in the calls after.
"""

from __future__ import annotations

import ctypes
import gc
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

CALLS = 5
"""After the first."""


def resident(field: str) -> int:
    """Bytes of a line of /proc/self/status: VmRSS now, VmHWM at most since ``forget``."""
    text = Path("/proc/self/status").read_text()
    return 1024 * int(next(line.split()[1] for line in text.splitlines() if line.startswith(field)))


def forget() -> None:
    """Return free memory to the system and start the maximum anew."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5")


def lucid_call(case: Any, threads: int) -> Callable[[], Callable[[], Any]]:
    import lucid

    lucid.set_num_threads(threads)
    model, x = case.build(lucid, *case.args)

    def first() -> Callable[[], Any]:
        compiled = lucid.compile(model)
        return lambda: compiled(x)

    return first


def onnx_call(case: Any, threads: int) -> Callable[[], Callable[[], Any]]:
    import onnxruntime

    graph = case.onnx(*case.args)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads

    def first() -> Callable[[], Any]:
        session = onnxruntime.InferenceSession(graph.model, options, providers=["CPUExecutionProvider"])
        return lambda: session.run(None, {"x": graph.x})

    return first


def measure(first: Callable[[], Callable[[], Any]]) -> dict[str, float]:
    forget()
    before, start = resident("VmRSS"), time.perf_counter()
    run = first()
    run()
    seconds = time.perf_counter() - start
    for _ in range(CALLS):
        run()
    return {"seconds": seconds, "memory": resident("VmHWM") - before}


def main() -> None:
    library, threads, name = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    from cases import CASES

    case = next(case for case in CASES if case.name == name)
    print(json.dumps(measure((lucid_call if library == "lucid" else onnx_call)(case, threads))))


if __name__ == "__main__":
    main()
