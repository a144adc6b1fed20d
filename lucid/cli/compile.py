"""Compile a model into a file that runs without the model's code.

The file holds packed weights and one plan per batch size. 'lucid serve' and 'lucid predict' take it as MODEL, and
lucid.load_compiled in Python.
"""

from __future__ import annotations

import argparse
import os
import sys

from lucid.cli._common import Problem, check_batches, model_arguments, numbers, open_for, quantity, warn_random

EXAMPLES = """examples:
  lucid compile resnet18 --weights resnet18.safetensors -o resnet18.lucid
  lucid compile model.onnx --batch 1,2,4,8,16 -o model.lucid
  lucid compile mobilenet_v3_small -o m.lucid --explain"""


def arguments(parser: argparse.ArgumentParser) -> None:
    model_arguments(parser)
    parser.add_argument("-o", "--output", required=True, metavar="FILE", help="the file to write")
    parser.add_argument(
        "--batch", type=numbers, metavar="N,N", help="batch sizes (default: 1, or those of an ONNX file)"
    )
    parser.add_argument("--explain", action="store_true", help="print the steps of each plan, with times")


def run(args: argparse.Namespace) -> int:
    from lucid.serve._model import one_line, reason_of

    if not args.output:
        raise Problem("--output: expected the name of a file, got ''")
    batches = sorted(set(args.batch or ()))
    model = open_for(args, fallback=False, plans=max(len(batches), 1))
    if model.kind == "plan":
        raise Problem(f"{model.name}: is a compiled plan already")
    batches = batches or model.sizes or [1]
    check_batches(model, batches)
    warn_random(args, model)
    for batch in batches:
        try:
            model(model.examples(batch))
            if args.explain:
                import lucid

                with lucid.inference_mode():
                    model.plans.explain(*map(lucid.from_numpy, model.examples(batch)))
        except Exception as error:  # whatever a model raises
            raise Problem(f"{model.name}: {one_line(error)}") from error
    try:
        model.plans.save(args.output)
    except (OSError, TypeError, ValueError) as error:
        raise Problem(f"{args.output}: {reason_of(error, args.output).removeprefix('save: ')}") from error
    size = quantity(os.path.getsize(args.output))
    print(f"{args.output}: {size}, batches of {', '.join(map(str, batches))}", file=sys.stderr)
    return 0
