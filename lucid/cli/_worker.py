"""A process that runs one model in one library: a JSON request per line in, a JSON answer per line out.

Started as a script and not as a module of lucid, so that peers are measured without lucid in their process.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

Runner = Callable[[], list[np.ndarray]]


def lucid_runner(about: dict[str, Any], inputs: list[np.ndarray]) -> Runner:
    from lucid.serve import open_model

    model = open_model(about["model"], weights=about["weights"], **about["options"])
    return lambda: model(inputs)


def torch_runner(about: dict[str, Any], inputs: list[np.ndarray]) -> Runner:
    torch = importlib.import_module("torch")
    models = importlib.import_module("torchvision").models
    torch.set_num_threads(about["threads"])
    options = about["options"].get("classes")
    model = models.get_model(about["model"], **({} if options is None else {"num_classes": options}))
    model.load_state_dict(torch.load(about["checkpoint"], weights_only=True))
    model.eval()
    tensors = [torch.from_numpy(a) for a in inputs]

    def run() -> list[np.ndarray]:
        with torch.inference_mode():
            return [model(*tensors).numpy()]

    return run


def onnxruntime_runner(about: dict[str, Any], inputs: list[np.ndarray]) -> Runner:
    runtime = importlib.import_module("onnxruntime")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = about["threads"]
    session = runtime.InferenceSession(about["graph"], options, providers=["CPUExecutionProvider"])
    feed = {x.name: a for x, a in zip(session.get_inputs(), inputs)}
    return lambda: session.run(None, feed)


RUNNERS = {"lucid": lucid_runner, "torch": torch_runner, "onnxruntime": onnxruntime_runner}


def measured(run: Runner, seconds: float) -> list[float]:
    """Seconds of each call, for so many seconds."""
    times: list[float] = []
    end = time.perf_counter() + seconds
    while not times or time.perf_counter() < end:
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return times


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # who asks hears it as well, and ends this process
    answers, sys.stdout = sys.stdout, sys.stderr  # what a library prints must not mix with the answers
    run: Runner | None = None
    for line in sys.stdin:
        request = json.loads(line)
        try:
            if "library" in request:
                with np.load(request["inputs"], allow_pickle=False) as file:
                    inputs = [file[name] for name in file.files]
                run = RUNNERS[request["library"]](request, inputs)
                np.savez(request["outputs"], *run())
                answer: dict[str, Any] = {}
            else:
                assert run is not None
                answer = {"times": measured(run, request["seconds"])}
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"}
        try:
            print(json.dumps(answer), file=answers, flush=True)
        except BrokenPipeError:  # whoever asked has ended
            os._exit(1)


if __name__ == "__main__":
    main()
