"""Runs models when asked to, line by line: ``python worker.py DIRECTORY`` under PyTorch, which writes what it finds to
files, and ``python -m lucid.torch worker.py DIRECTORY`` under lucid, which compares with them.

A request is a JSON line with the fields of a `Case`; the answer is a JSON line that starts with MARK.
"""

from __future__ import annotations

import json
import os
import sys
import time
import traceback
import warnings
from typing import Any

import numpy as np
import torch

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from model import build, disturb, leave_out_randomness, run

MARK = "\x1e"
IS_LUCID = torch.version.git_version == "lucid"


def prepare() -> None:
    """Let torchvision's Python code be imported where its compiled part does not fit this PyTorch (CPU against CUDA)."""
    warnings.simplefilter("ignore")
    if IS_LUCID:
        return
    try:
        import torchvision  # noqa: F401
    except RuntimeError:
        for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
            del sys.modules[name]
        for name in ("nms", "qnms"):
            torch.library.define(f"torchvision::{name}", "(Tensor dets, Tensor scores, float threshold) -> Tensor")


def write(case: dict[str, Any], path: str) -> dict[str, Any]:
    torch.manual_seed(0)
    model = build(case["library"], case["name"], case["options"])
    leave_out_randomness(model)
    disturb(model, case["size"])
    torch.save(model.state_dict(), path + ".pt")
    np.savez(path + ".eval.npz", **run(model, case["size"], train=False, double=False))
    np.savez(path + ".train.npz", **run(model, case["size"], train=True, double=True))
    return {"parameters": sum(p.numel() for p in model.parameters())}


def compare(case: dict[str, Any], path: str) -> dict[str, Any]:
    model = build(case["library"], case["name"], case["options"])
    model.load_state_dict(torch.load(path + ".pt"))
    leave_out_randomness(model)
    found: dict[str, Any] = {}
    for mode in ("eval", "train"):
        started = time.perf_counter()
        mine = run(model, case["size"], train=mode == "train", double=mode == "train")
        found[f"{mode} seconds"] = time.perf_counter() - started
        with np.load(path + f".{mode}.npz") as file:
            theirs = dict(file)
        if set(mine) != set(theirs):
            odd = sorted(set(mine) ^ set(theirs))
            raise AssertionError(f"{mode}: only one of the two has {', '.join(odd[:3])} ({len(odd)} such)")
        for kind in ("output", "gradient", "buffer"):
            worst, where = difference({k: v for k, v in theirs.items() if k.startswith(kind)}, mine)
            found[f"{mode} {kind}"], found[f"{mode} {kind} at"] = worst, where
        found[f"{mode} norm"] = relative_norm({k: v for k, v in theirs.items() if k.startswith("gradient")}, mine)
    return found


def difference(theirs: dict[str, Any], mine: dict[str, Any]) -> tuple[float, str]:
    """The largest |mine - theirs| of an array, in units of its largest number, and where.

    Arrays of numbers 10,000 times smaller than the largest of all (the gradient of a bias before a normalisation, which
    is rounding errors alone) are measured in units of that.
    """
    largest = max((size(v) for v in theirs.values()), default=0.0)
    worst, where = 0.0, ""
    for key, reference in theirs.items():
        if mine[key].shape != reference.shape or mine[key].dtype != reference.dtype:
            raise AssertionError(
                f"{key}: {mine[key].dtype} {mine[key].shape}, PyTorch has {reference.dtype} {reference.shape}"
            )
        apart = mine[key] != reference  # infinities may be equal
        scale = max(size(reference), 1e-4 * largest, np.finfo(reference.dtype).tiny)
        off = float(np.abs(mine[key][apart] - reference[apart]).max(initial=0)) / scale
        if not off <= worst:
            worst, where = off, key
    return worst, where


def size(x: Any) -> float:
    """The largest finite magnitude in an array."""
    return float(np.abs(x[np.isfinite(x)]).max(initial=0))


def relative_norm(theirs: dict[str, Any], mine: dict[str, Any]) -> float:
    """|mine - theirs| / |theirs| over all arrays as one vector."""
    off = sum(float(np.square(mine[k] - v, dtype=np.float64).sum()) for k, v in theirs.items())
    return float(np.sqrt(off / sum(float(np.square(v, dtype=np.float64).sum()) for v in theirs.values())))


def main() -> None:
    prepare()
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what models print is not an answer
    print(MARK + "{}", file=answers, flush=True)
    for line in sys.stdin:
        case = json.loads(line)
        path = os.path.join(sys.argv[1], case["name"])
        try:
            answer = (compare if IS_LUCID else write)(case, path)
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}", "traceback": traceback.format_exc()}
        print(MARK + json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
