"""Whole networks by `lucid.compile` in bfloat16 and in bytes, against its own float32; PyTorch in the same dtype and
ONNX Runtime in float32 are timed beside them.

    python low_precision.py [--threads 2] [--networks ResNet-18,ViT-Tiny]

compares lucid alone: the median time in float32, how much faster fewer bits are, and how far their results are from
float32's.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from functools import partial
from statistics import median
from typing import Any

from case import Case, Step, set_parameters, tensor
from compiled import FLOPS, exported
from networks import NETWORKS

NAMES = ("MobileNetV3-S", "MobileNetV3-L", "EfficientNet-B0", "ResNet-18", "ResNet-50", "ViT-Tiny")
KINDS = ("float32", "bfloat16", "int8")
WARM, ROUNDS = 2, 4


def compiled_as(t: Any, name: str, kind: str) -> Any:
    """A network of lucid with its weights in ``kind``."""
    model = set_parameters(t, NETWORKS[name](t)).eval()
    if kind == "bfloat16":
        return t.compile(model, dtype=t.bfloat16)
    return t.compile(model, quantize=t.quantization.calibrate(model, [tensor(t, 4, 3, 224, 224)]))


def network(t: Any, name: str, batch: int, kind: str) -> Step | dict[str, Step]:
    """The forward pass, and lucid's own in float32; PyTorch's under autocast for bfloat16."""
    x = tensor(t, batch, 3, 224, 224)
    if t.__name__ == "lucid":
        plain = t.compile(set_parameters(t, NETWORKS[name](t)).eval())
        return {"lucid": partial(compiled_as(t, name, kind), x), "float32": partial(plain, x)}
    model = set_parameters(t, NETWORKS[name](t)).eval()

    def cast() -> Any:
        with t.no_grad(), t.autocast("cpu", dtype=t.bfloat16, enabled=kind == "bfloat16"):
            return model(x).float()

    return cast


def low_precision() -> Iterator[Case]:
    """The cells of the table."""
    for name in NAMES:
        for batch in (1, 16):
            case = partial(
                Case, "few bits", flops=batch * FLOPS[name], needs=("compile",), against="float32", tolerance=0.05
            )
            yield case(f"bfloat16 {name} b{batch}", network, (name, batch, "bfloat16"), dtype="bfloat16")
            yield case(f"int8 {name} b{batch}", network, (name, batch, "int8"), ("onnxruntime",), dtype="int8",
                       onnx=lambda name, batch, kind: exported(name, batch))  # fmt: skip


def times(run: Any, x: Any, calls: int) -> list[float]:
    """Seconds of some calls in a row, after those that fill the caches."""
    found = []
    for i in range(WARM + calls):
        start = time.perf_counter()
        run(x)
        if i >= WARM:
            found.append(time.perf_counter() - start)
    return found


def main() -> None:
    import lucid

    parser = argparse.ArgumentParser(description="Fewer bits against lucid's own float32.")
    parser.add_argument("--threads", type=int, default=lucid.get_num_threads())
    parser.add_argument("--networks", default=",".join(NAMES))
    parser.add_argument("--batches", default="1,16")
    args = parser.parse_args()
    lucid.set_num_threads(args.threads)
    print("| network | batch | float32, ms | bfloat16 | int8 | differences |\n|---|---|---|---|---|---|")
    for name in args.networks.split(","):
        plain = lucid.compile(set_parameters(lucid, NETWORKS[name](lucid)).eval())
        runs = {"float32": plain, **{kind: compiled_as(lucid, name, kind) for kind in KINDS[1:]}}
        for batch in map(int, args.batches.split(",")):
            x = tensor(lucid, batch, 3, 224, 224)
            want = plain(x)
            spent: dict[str, list[float]] = {kind: [] for kind in KINDS}
            for _ in range(ROUNDS):
                for kind, run in runs.items():
                    spent[kind] += times(run, x, 10 if batch == 1 else 2)
            base, bfloat, byte = (median(spent[kind]) for kind in KINDS)
            far = [float((runs[kind](x) - want).abs().max() / want.abs().max()) for kind in KINDS[1:]]
            print(f"| {name} | {batch} | {base * 1e3:.2f} | {base / bfloat:.2f} | {base / byte:.2f} | "
                  f"{far[0]:.4f}, {far[1]:.4f} |", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
