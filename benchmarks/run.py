"""Measure lucid against its peers on this machine.

    python benchmarks/run.py [--groups activations,matmul] [--match silu] [--quick] [--out DIR]

Every library runs in a process of its own with two threads. For each case the processes take turns, several rounds
each; the figure is the median over all rounds. Ratios are time of the fastest peer / time of lucid: above 1, lucid is
faster. Where outputs disagree there is no ratio and the run exits with status 1. Cases that a library lacks the
functions for are named and left out. Writes results.json and results.png.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import importlib.util
import json
import math
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from case import Case
from cases import CASES
from report import limits_text, line, plot, requirements, summary

HERE = Path(__file__).parent
PEERS = ("torch", "numpy", "onnxruntime")
# Seconds until a library's idle threads sleep. OpenMP's spin for milliseconds, OpenBLAS's for 2**26 cycles, ONNX
# Runtime's for 2**20 pauses: measured meanwhile, the next library would have one core less.
CALM = {"torch": 0.01, "numpy": 0.04, "onnxruntime": 0.1}
MOST_SECONDS = 3.0  # spent on one case, after which three rounds are enough


class Worker:
    """A process that measures one library."""

    def __init__(self, library: str, threads: int) -> None:
        names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "LUCID_NUM_THREADS")
        environment = {**os.environ, **dict.fromkeys(names, str(threads))}
        self.library = library
        self.process = subprocess.Popen(
            [sys.executable, str(HERE / "worker.py"), library, str(threads)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment,
        )  # fmt: skip

    def ask(self, **request: Any) -> dict[str, Any]:
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            raise SystemExit(f"run.py: the {self.library} process died in case {request.get('case')!r}")
        return json.loads(answer)

    def close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()


def load(folder: Path, library: str) -> list[np.ndarray]:
    return [np.load(path) for path in sorted(folder.glob(f"{library}-*.npy"))]


def difference(ours: list[np.ndarray], theirs: list[np.ndarray]) -> float:
    """The largest difference relative to the largest magnitude; infinite where shapes or NaNs differ."""
    if len(ours) != len(theirs):
        return math.inf
    worst = 0.0
    for a, b in zip(ours, theirs, strict=True):
        if a.shape != b.shape or not np.array_equal(np.isnan(a), np.isnan(b)):
            return math.inf
        scale = max(float(np.nanmax(np.abs(b), initial=0.0)), 1e-30)
        worst = max(worst, float(np.nanmax(np.abs(a - b), initial=0.0)) / scale)
    return worst


def rounds_of(
    case: Case, turns: list[tuple[str, Worker, dict[str, Any]]], rounds: int, seconds: float
) -> dict[str, Any]:
    """Seconds per call of each turn, by name, rounds interleaved: the median over all rounds."""
    times: dict[str, list[float]] = {name: [] for name, *_ in turns}
    time.sleep(max((CALM.get(name, 0.0) for name, *_ in turns)))  # all of them have just made their outputs
    start = time.perf_counter()
    for turn in range(rounds):
        for name, worker, extra in turns if turn % 2 == 0 else reversed(turns):
            found = worker.ask(case=case.name, seconds=seconds, fresh=turn == 0, **extra)["times"]
            times[name] += found
            time.sleep(CALM.get(name, 0.0))
        if turn >= 2 and time.perf_counter() - start > MOST_SECONDS:
            break
    return {name: statistics.median(values) for name, values in times.items()}


def compare(case: Case, workers: dict[str, Worker], args: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Check that lucid and the peers of a case agree, and time them."""
    row: dict[str, Any] = {}
    for path in folder.glob("*.npy"):
        path.unlink()
    libraries = ["lucid", *(peer for peer in case.peers if peer in workers)]
    for library in libraries:
        answer = workers[library].ask(case=case.name, outputs=str(folder))
        if "missing" in answer:
            return {"skipped": answer["missing"]}
    own = load(folder, "lucid")
    row["difference"] = max(difference(own, load(folder, peer)) for peer in libraries[1:])
    if row["difference"] <= case.tolerance:
        turns: list[tuple[str, Worker, dict[str, Any]]] = [(name, workers[name], {}) for name in libraries]
        if case.against:
            turns.append((case.against, workers["lucid"], {"way": case.against}))
        row["seconds"] = rounds_of(case, turns, args.rounds, args.seconds)
        base = [case.against] if case.against else libraries[1:]
        row["ratio"] = min(row["seconds"][name] for name in base) / row["seconds"]["lucid"]
    return row


def compare_threads(case: Case, worker: Worker, args: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Check that lucid gives the same bits with one thread and with all, and time both."""
    found = []
    for count in (1, args.threads):
        answer = worker.ask(case=case.name, outputs=str(folder), threads=count)
        if "missing" in answer:
            return {"skipped": answer["missing"]}
        found.append([array.tobytes() for array in load(folder, "lucid")])
    row: dict[str, Any] = {"difference": 0.0 if found[0] == found[1] else math.inf}
    if found[0] == found[1]:
        turns = [("1 thread", worker, {"threads": 1}), ("lucid", worker, {"threads": args.threads})]
        row["seconds"] = rounds_of(case, turns, args.rounds, args.seconds)
        row["ratio"] = row["seconds"]["1 thread"] / row["seconds"]["lucid"]
    return row


def compare_once(case: Case, args: argparse.Namespace, peers: list[str]) -> dict[str, Any]:
    """The medians of some processes of each library, which take turns."""
    libraries = ["lucid", *(peer for peer in case.peers if peer in peers)]
    found: dict[str, list[float]] = {library: [] for library in libraries}
    for _ in range(min(args.rounds, 3)):
        for library in libraries:
            command = [sys.executable, str(HERE / "once.py"), library, str(args.threads), case.name]
            answer = subprocess.run(command, capture_output=True, text=True)
            if answer.returncode:
                raise SystemExit(f"run.py: {case.name}: {library} failed:\n{answer.stderr}")
            found[library].append(json.loads(answer.stdout)[case.once])
    figures = {library: statistics.median(values) for library, values in found.items()}
    row: dict[str, Any] = {"difference": 0.0, case.once: figures, "most": case.most}
    return row | {"ratio": min(figures[peer] for peer in libraries[1:]) / figures["lucid"]}


def machine() -> dict[str, str]:
    """Processor, system and versions."""
    name = platform.processor()
    if os.path.exists("/proc/cpuinfo"):
        with open("/proc/cpuinfo") as file:
            name = next((row.partition(":")[2].strip() for row in file if row.startswith("model name")), name)
    import lucid

    versions = {peer: importlib.metadata.version(peer) for peer in PEERS if importlib.util.find_spec(peer)}
    build = lucid._ops.build_info()
    return {"cpu": name, "cores": str(os.cpu_count()), "system": platform.platform(), "compiler": build["compiler"],
            "python": platform.python_version(), "lucid": f"{lucid.__version__} (level {build['level']})",
            **versions}  # fmt: skip


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure lucid against its peers.")
    parser.add_argument("--groups", help="comma-separated groups; all by default")
    parser.add_argument("--match", default="", help="only cases whose name contains this")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.15, help="per library and round")
    parser.add_argument("--quick", action="store_true", help="3 rounds of 0.05 s: rough figures in a third of the time")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", type=Path, default=HERE / "results")
    args = parser.parse_args()
    if args.quick:
        args.rounds, args.seconds = 3, 0.05
    return args


def choose(args: argparse.Namespace, peers: list[str]) -> list[Case]:
    """The cases asked for, without those none of whose peers is installed; these are named."""
    chosen = [c for c in CASES if args.match in c.name and (not args.groups or c.group in args.groups.split(","))]
    alone = [c for c in chosen if not c.threads and not set(c.peers) & set(peers)]
    for case in alone:
        print(f"{case.name}: skipped: none of {', '.join(case.peers)} is installed")
    if len(chosen) == len(alone):
        raise SystemExit("run.py: no case matches")
    return [c for c in chosen if c not in alone]


def main() -> None:
    args = arguments()
    peers = [peer for peer in PEERS if importlib.util.find_spec(peer)]
    if "onnxruntime" in peers and not importlib.util.find_spec("onnx"):
        peers.remove("onnxruntime")
    chosen = choose(args, peers)
    workers = {library: Worker(library, args.threads) for library in ("lucid", *peers)}
    about = machine()
    found = [workers["lucid"].ask(limits=0.1) for _ in range(3)]  # something else may have a core now and then
    limits = {name: max(each[name] for each in found) for name in found[0]}
    print("\n".join(f"{key}: {value}" for key, value in about.items()))
    print(limits_text(limits))
    rows: list[dict[str, Any]] = []
    start = time.perf_counter()
    with tempfile.TemporaryDirectory(dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None) as folder:
        for case in chosen:
            row: dict[str, Any] = {"group": case.group, "name": case.name, "required": case.required,
                                   "flops": case.flops, "bytes": case.bytes}  # fmt: skip
            if case.once:
                row |= compare_once(case, args, peers)
            elif case.threads:
                row |= compare_threads(case, workers["lucid"], args, Path(folder))
            else:
                row |= compare(case, workers, args, Path(folder))
            if row["flops"] and "ratio" in row and not case.once:
                peak = limits[f"peak FLOP/s, {args.threads} threads"]
                row["share"] = row["flops"] / row["seconds"]["lucid"] / peak  # of the machine's peak
            rows.append(row)
            print(line(row, limits, args.threads), flush=True)
    for worker in workers.values():
        worker.close()
    minutes = (time.perf_counter() - start) / 60
    print(f"\n{summary(rows)}\n\n{requirements(rows)}\n\n{minutes:.1f} minutes")
    args.out.mkdir(parents=True, exist_ok=True)
    results = {"machine": about, "limits": limits, "threads": args.threads, "minutes": minutes, "rows": rows}
    (args.out / "results.json").write_text(json.dumps(results, indent=1))
    if importlib.util.find_spec("matplotlib"):
        plot(rows, args.out / "results.png")
    if any("ratio" not in row and "skipped" not in row for row in rows):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
