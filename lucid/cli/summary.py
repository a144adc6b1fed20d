"""Show a model's layers: shapes, parameters, arithmetic; and the memory it needs."""

from __future__ import annotations

import argparse
import json
from typing import Any

import lucid
from lucid.cli._common import Problem, model_arguments, number, open_for, quantity, table

EXAMPLES = """examples:
  lucid summary resnet18
  lucid summary vit_t_16 --depth 1 --batch 16
  lucid summary model.onnx --json
  lucid summary model.lucid          # inputs and batch sizes of a saved plan"""


def arguments(parser: argparse.ArgumentParser) -> None:
    model_arguments(parser)
    parser.add_argument("--batch", type=number(1), default=1, metavar="N", help="samples of the input")
    parser.add_argument("--depth", type=number(0, 100), default=3, metavar="N", help="how far down modules have rows")
    parser.add_argument("--json", action="store_true", help="as JSON")


def run(args: argparse.Namespace) -> int:
    model = open_for(args)
    batch = model.sizes[0] if model.sizes else args.batch
    about = {
        "model": model.name,
        "kind": model.kind,
        "inputs": [{"name": i.name, "shape": list(i.shape), "dtype": str(i.dtype)} for i in model.inputs],
        "batch_sizes": model.sizes,
    }
    if model.module is None:
        about["bytes"] = model.nbytes
        print(json.dumps(about, indent=2) if args.json else _plan(model))
        return 0
    inputs = tuple(lucid.from_numpy(a) for a in model.examples(batch))
    try:
        found: Any = lucid.summary(model.module, input=inputs, depth=args.depth)
    except Exception as error:
        shown = "; ".join(map(str, model.inputs))
        raise Problem(f"{model.name}: cannot be run on zeros of {shown}: {error}") from error
    if not args.json:
        print(found)
        return 0
    for name in ("parameters", "trainable", "macs", "flops", "uncounted", "input_bytes", "parameter_bytes",
                 "buffer_bytes", "activation_bytes", "peak_bytes", "training_bytes"):  # fmt: skip
        about[name] = getattr(found, name)
    about["layers"] = [vars(layer) for layer in found.layers]
    print(json.dumps(about, indent=2))
    return 0


def _plan(model: Any) -> str:
    rows = [("input", "dtype", "shape of a sample")]
    rows += [(i.name, str(i.dtype), " x ".join(map(str, i.shape)) or "one number") for i in model.inputs]
    sizes = ", ".join(map(str, model.sizes))
    return f"{table(rows)}\nbatches of {sizes}; the file has {quantity(model.nbytes)}"
