"""Measure a model, alone or against PyTorch and ONNX Runtime.

Every library runs in a process of its own, on the same weights and inputs. They take turns, several rounds each; the
figure is the median of all calls. Ratios are the peer's time divided by lucid's: above 1, lucid is faster. PyTorch runs
torchvision's model of the same name, ONNX Runtime an ONNX file or what lucid exports.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

import lucid
from lucid.cli._common import Problem, check_batches, model_arguments, names, numbers, open_for, seconds, table
from lucid.serve._model import one_line

EXAMPLES = """examples:
  lucid bench resnet18
  lucid bench mobilenet_v3_small --vs torch,onnxruntime --batch 1,16 --threads 2
  lucid bench model.onnx --vs onnxruntime --json"""

PEERS = ("torch", "onnxruntime")
CALM = 0.1  # seconds until the idle threads of the library that ran before have gone to sleep
TOLERANCE = 1e-3
WORKER = Path(__file__).with_name("_worker.py")


def arguments(parser: argparse.ArgumentParser) -> None:
    model_arguments(parser)
    parser.add_argument("--vs", type=names, default=[], metavar="PEER,PEER", help="libraries to compare with: "
                        "torch, onnxruntime (default: none)")  # fmt: skip
    parser.add_argument("--batch", type=numbers, metavar="N,N", help="batch sizes (default: 1, or those of the file)")
    parser.add_argument(
        "--rounds", type=int, default=5, choices=range(1, 101), metavar="N", help="turns of each library"
    )
    parser.add_argument("--seconds", type=seconds, default=0.5, metavar="S", help="length of a turn")
    parser.add_argument("--json", action="store_true", help="as JSON")


class Worker:
    """A process that measures one library."""

    def __init__(self, library: str, threads: int) -> None:
        variables = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "LUCID_NUM_THREADS")
        path = os.pathsep.join([str(Path(lucid.__file__).parents[1]), os.environ.get("PYTHONPATH", "")]).rstrip(":;")
        self.library = library
        self.process = subprocess.Popen(
            [sys.executable, "-P", str(WORKER)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env={**os.environ, **dict.fromkeys(variables, str(threads)), "PYTHONPATH": path},
        )  # fmt: skip

    def ask(self, **request: Any) -> dict[str, Any]:
        """The answer to a request; its error if the process died."""
        assert self.process.stdin is not None and self.process.stdout is not None
        try:
            self.process.stdin.write(json.dumps(request) + "\n")
            self.process.stdin.flush()
            answer = self.process.stdout.readline()
        except BrokenPipeError:
            answer = ""
        return json.loads(answer) if answer else {"error": f"the process ended with code {self.process.wait()}"}

    def close(self) -> None:
        """End the process, whatever it is doing: an answer that nobody reads would keep it for ever."""
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.terminate()
        self.process.wait()
        with contextlib.suppress(BrokenPipeError):  # a request that it did not read
            self.process.stdin.close()
        self.process.stdout.close()


def missing(peer: str, model: Any) -> str | None:
    """Why a peer cannot run this model, or None."""
    needs = {"torch": ("torch", "torchvision"), "onnxruntime": ("onnxruntime",)}[peer]
    lacking = [name for name in needs if importlib.util.find_spec(name) is None]
    if lacking:
        return f"{' and '.join(lacking)} not installed (pip install {' '.join(lacking)})"
    if peer == "torch" and model.kind != "zoo":
        return "it runs models by torchvision's names, not files"
    if peer == "onnxruntime" and model.kind == "plan":
        return "it runs no compiled plans"
    if peer == "onnxruntime" and model.kind == "zoo" and importlib.util.find_spec("onnx") is None:
        return "onnx, which exporting needs, is not installed (pip install lucid[onnx])"
    return None


def run(args: argparse.Namespace) -> int:
    unknown = [peer for peer in args.vs if peer not in PEERS]
    if unknown:
        raise Problem(f"--vs: expected {' or '.join(PEERS)}, got {unknown[0]!r}")
    model = open_for(args)
    batches = args.batch or model.sizes or [1]
    check_batches(model, batches)
    peers = []
    for peer in dict.fromkeys(args.vs):
        reason = missing(peer, model)
        if reason is None:
            peers.append(peer)
        else:
            print(f"lucid bench: {peer} left out: {reason}", file=sys.stderr)
    threads = args.threads or lucid.get_num_threads()
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        workers = {library: Worker(library, threads) for library in ("lucid", *peers)}
        try:
            about = prepare(args, model, Path(folder), threads)
            for batch in batches:
                rows += compare(args, model, workers, about, Path(folder), batch)
        finally:
            for worker in workers.values():
                worker.close()
    if args.json:
        print(json.dumps({"model": model.name, "threads": threads, "results": rows}, indent=2))
    else:
        print(f"{model.name}, {threads} thread{'s' * (threads > 1)}, medians\n{shown(rows)}")
    return 0


def prepare(args: argparse.Namespace, model: Any, folder: Path, threads: int) -> dict[str, Any]:
    """What workers are told of the model; its weights, as files."""
    about: dict[str, Any] = {
        "model": model.name if model.kind == "zoo" else os.path.abspath(model.name),
        "weights": None, "threads": threads,
        "options": {"shape": args.shape, "dtype": args.dtype, "classes": args.classes, "precision": args.precision,
                    "calibration": args.calibration},
    }  # fmt: skip
    if model.kind == "zoo":
        state = model.module.state_dict()
        about["weights"], about["checkpoint"] = str(folder / "weights.safetensors"), str(folder / "weights.pt")
        lucid.save(state, about["weights"])
        lucid.save(state, about["checkpoint"])
    return about


def compare(
    args: argparse.Namespace, model: Any, workers: dict[str, Worker], about: dict[str, Any], folder: Path, batch: int
) -> list[dict[str, Any]]:
    """A row per library."""
    draw = np.random.default_rng(0)
    inputs = [
        draw.standard_normal(a.shape).astype(a.dtype) if a.dtype.kind == "f" else a for a in model.examples(batch)
    ]
    np.savez(folder / "inputs.npz", *inputs)
    graph = about["model"]
    outputs: dict[str, list[np.ndarray]] = {}
    for library, worker in workers.items():
        if library == "onnxruntime" and model.kind == "zoo":
            graph = str(folder / "model.onnx")
            try:
                lucid.onnx.export(model.module, tuple(map(lucid.from_numpy, inputs)), graph)
            except (ValueError, RuntimeError, TypeError) as error:
                print(f"lucid bench: onnxruntime left out at batch {batch}: {one_line(error)}", file=sys.stderr)
                continue
        path = folder / f"{library}.npz"
        answer = worker.ask(library=library, inputs=str(folder / "inputs.npz"), outputs=str(path), graph=graph, **about)
        if "error" in answer:
            if library == "lucid":
                raise Problem(f"{model.name}: {answer['error']}")
            print(f"lucid bench: {library} left out at batch {batch}: {answer['error']}", file=sys.stderr)
            continue
        with np.load(path, allow_pickle=False) as file:
            outputs[library] = [file[name] for name in file.files]
    times = {library: list[float]() for library in outputs}
    for turn in range(args.rounds):
        for library in list(outputs) if turn % 2 == 0 else list(outputs)[::-1]:
            time.sleep(CALM if len(outputs) > 1 else 0)
            answer = workers[library].ask(seconds=args.seconds)
            if "error" in answer:
                raise Problem(f"{library}: {answer['error']}")
            times[library] += answer["times"]
    medians = {library: statistics.median(values) for library, values in times.items()}
    rows = []
    for library, seconds_per_call in medians.items():
        apart = difference(outputs["lucid"], outputs[library])
        if apart > TOLERANCE and args.precision in (None, "float32"):
            print(
                f"lucid bench: {library} gives other results at batch {batch}: {apart:.1e} of the largest",
                file=sys.stderr,
            )
        rows.append({"library": library, "batch": batch, "milliseconds": 1e3 * seconds_per_call,
                     "samples_per_second": batch / seconds_per_call, "ratio": seconds_per_call / medians["lucid"],
                     "difference": apart, "calls": len(times[library])})  # fmt: skip
    return rows


def difference(ours: list[np.ndarray], theirs: list[np.ndarray]) -> float:
    """The largest difference relative to the largest magnitude; infinite where shapes differ."""
    if [a.shape for a in ours] != [b.shape for b in theirs]:
        return math.inf
    return max(
        float(np.abs(a.astype(np.float64) - b).max(initial=0.0)) / max(float(np.abs(b).max(initial=0.0)), 1e-30)
        for a, b in zip(ours, theirs)
    )


def shown(rows: list[dict[str, Any]]) -> str:
    """The rows as a table."""
    cells = [("batch", "library", "ms", "samples/s", "time / lucid's")]
    for row in rows:
        ratio = "" if row["library"] == "lucid" else f"{row['ratio']:.2f}"
        cells.append((str(row["batch"]), row["library"], f"{row['milliseconds']:.2f}",
                      f"{row['samples_per_second']:,.1f}", ratio))  # fmt: skip
    return table(cells, right=(0, 2, 3, 4))
