"""Measure lucid against its peers on this machine.

    python benchmarks/run.py [--groups activations,matmul] [--match silu] [--rounds 5] [--out DIR]

Every library runs in a process of its own with two threads. For each case the processes take turns, several rounds
each; the figure is the median over all rounds. Ratios are peer time / lucid time: above 1, lucid is faster. When
outputs disagree no ratio is given and the run fails. Writes results.json and results.png.
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
from cases import CASES, Case

HERE = Path(__file__).parent
PEERS = ["torch"]


class Worker:
    """A process that measures one library."""

    def __init__(self, library: str, threads: int) -> None:
        environment = {**os.environ, "OMP_NUM_THREADS": str(threads), "LUCID_NUM_THREADS": str(threads)}
        command = [sys.executable, str(HERE / "worker.py"), library, str(threads)]
        self.library = library
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )

    def ask(self, **request: Any) -> dict[str, Any]:
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"run.py: the {self.library} process died in case {request['case']!r}")
        return json.loads(line)

    def close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()


def disagreement(case: Case, workers: list[Worker], folder: Path) -> float:
    """The largest difference between the libraries' outputs, relative to the largest magnitude."""
    results = []
    for worker in workers:
        path = folder / f"{worker.library}.npz"
        worker.ask(case=case.name, outputs=str(path))
        with np.load(path) as arrays:
            results.append([arrays[name].astype(np.float64) for name in arrays.files])
    worst = 0.0
    for other in results[1:]:
        for a, b in zip(results[0], other, strict=True):
            if a.shape != b.shape or not np.array_equal(np.isnan(a), np.isnan(b)):
                return math.inf
            scale = np.nanmax(np.abs(b), initial=1e-30)
            worst = max(worst, float(np.nanmax(np.abs(a - b), initial=0.0) / scale))
    return worst


def measure(case: Case, workers: list[Worker], rounds: int, seconds: float) -> dict[str, float]:
    """Median seconds per call of each library, rounds interleaved."""
    times: dict[str, list[float]] = {worker.library: [] for worker in workers}
    for turn in range(rounds):
        for worker in workers if turn % 2 == 0 else reversed(workers):
            time.sleep(0.01)  # let the other process's spinning threads fall asleep
            times[worker.library] += worker.ask(case=case.name, seconds=seconds, fresh=turn == 0)["times"]
    return {library: statistics.median(values) for library, values in times.items()}


def machine() -> dict[str, str]:
    """Processor, system and versions."""
    name = platform.processor()
    if os.path.exists("/proc/cpuinfo"):
        with open("/proc/cpuinfo") as file:
            name = next((line.partition(":")[2].strip() for line in file if line.startswith("model name")), name)
    import lucid

    versions = {peer: importlib.metadata.version(peer) for peer in ["numpy", *PEERS] if importlib.util.find_spec(peer)}
    lucid.show_config()
    return {"cpu": name, "cores": str(os.cpu_count()), "python": platform.python_version(),
            "lucid": lucid.__version__, **versions}  # fmt: skip


def geomean(values: list[float]) -> float:
    return math.exp(statistics.fmean(math.log(v) for v in values)) if values else math.nan


def summary(rows: list[dict[str, Any]]) -> str:
    """Per group: cells, geometric mean, cells lost, worst cell."""
    lines = [f"{'group':16} {'cells':>5} {'geomean':>8} {'lost':>5}  worst cell"]
    for group in dict.fromkeys(row["group"] for row in rows):
        cells = [row for row in rows if row["group"] == group and row.get("ratio")]
        if cells:
            worst = min(cells, key=lambda row: row["ratio"])
            lost = sum(row["ratio"] < 1 for row in cells)
            mean = geomean([row["ratio"] for row in cells])
            lines.append(f"{group:16} {len(cells):5} {mean:8.2f} {lost:5}  {worst['ratio']:.2f} {worst['name']}")
    return "\n".join(lines)


def plot(rows: list[dict[str, Any]], path: Path) -> None:
    """Every cell's ratio on a logarithmic axis, coloured by group."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    cells = [row for row in rows if row.get("ratio")]
    figure, axis = plt.subplots(figsize=(9, 1.5 + 0.16 * len(cells)), layout="constrained")
    groups = list(dict.fromkeys(row["group"] for row in cells))
    axis.barh(
        range(len(cells)), [row["ratio"] for row in cells], color=[f"C{groups.index(row['group'])}" for row in cells]
    )
    axis.set_yticks(range(len(cells)), [row["name"] for row in cells], fontsize=6)
    axis.invert_yaxis()
    axis.set_xscale("log")
    axis.axvline(1, color="black", linewidth=1)
    axis.set_xlabel("best peer's time / lucid's time (right of 1: lucid is faster)")
    figure.savefig(path, dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure lucid against its peers.")
    parser.add_argument("--groups", help="comma-separated groups; all by default")
    parser.add_argument("--match", default="", help="only cases whose name contains this")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.15, help="per library and round")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", type=Path, default=HERE / "results")
    args = parser.parse_args()
    peers = [peer for peer in PEERS if importlib.util.find_spec(peer)]
    if not peers:
        raise SystemExit("run.py: no peer is installed: pip install torch (CPU build)")
    chosen = [c for c in CASES if args.match in c.name and (not args.groups or c.group in args.groups.split(","))]
    if not chosen:
        raise SystemExit("run.py: no case matches")
    workers = [Worker(library, args.threads) for library in ("lucid", *peers)]
    about = machine()
    print("\n".join(f"{key}: {value}" for key, value in about.items()))
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        for case in chosen:
            row: dict[str, Any] = {"group": case.group, "name": case.name}
            row["difference"] = disagreement(case, workers, Path(folder))
            if row["difference"] <= case.tolerance:
                row["seconds"] = measure(case, workers, args.rounds, args.seconds)
                own = row["seconds"]["lucid"]
                row["ratio"] = min(row["seconds"][peer] for peer in peers) / own
                rate = (
                    f"{case.flops / own / 1e9:7.1f} GFLOP/s"
                    if case.flops
                    else f"{case.bytes / own / 1e9:7.1f} GB/s"
                    if case.bytes
                    else ""
                )
                figures = "  ".join(f"{library} {s * 1e6:10.1f} us" for library, s in row["seconds"].items())
                print(f"{case.name:44} {figures}  ratio {row['ratio']:5.2f}  {rate}", flush=True)
            else:
                print(f"{case.name:44} OUTPUTS DISAGREE by {row['difference']:.2e} of scale: no ratio", flush=True)
            rows.append(row)
    for worker in workers:
        worker.close()
    print(summary(rows))
    args.out.mkdir(parents=True, exist_ok=True)
    (args.out / "results.json").write_text(json.dumps({"machine": about, "rows": rows}, indent=1))
    if importlib.util.find_spec("matplotlib"):
        plot(rows, args.out / "results.png")
    if any("ratio" not in row for row in rows):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
