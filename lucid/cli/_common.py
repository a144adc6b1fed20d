"""What the commands share: their arguments, and how a model is opened."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from typing import Any

import lucid


class Problem(Exception):
    """A command cannot do what it was asked for; the message is its line on standard error."""


class Formatter(argparse.RawDescriptionHelpFormatter):
    """Help with texts and examples as they stand, and defaults named."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        text = action.help or ""
        shown = action.default not in (None, False, [], argparse.SUPPRESS) and action.option_strings
        return f"{text} (default: %(default)s)" if shown else text


def number(least: int, most: int = 1 << 40) -> Callable[[str], int]:
    """A type of arguments: integers in a range."""

    def parse(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = least - 1
        if not least <= value <= most:
            raise argparse.ArgumentTypeError(f"expected an integer from {least} to {most}, got {text!r}")
        return value

    return parse


def seconds(text: str) -> float:
    """A type of arguments: numbers above zero."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 < value < 1e6:
        raise argparse.ArgumentTypeError(f"expected a number above 0, got {text!r}")
    return value


def numbers(text: str) -> list[int]:
    """A type of arguments: positive integers, separated by commas."""
    return [number(1)(part.strip()) for part in text.split(",")]


def names(text: str) -> list[str]:
    """A type of arguments: words, separated by commas."""
    return [part.strip() for part in text.split(",") if part.strip()]


def model_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments that say which model."""
    parser.add_argument("model", metavar="MODEL", help="a name of lucid.models, an ONNX file, or a saved plan")
    group = parser.add_argument_group("model")
    group.add_argument(
        "--weights", metavar="FILE", help="its state dict: .safetensors, or PyTorch's .pt; random without"
    )
    group.add_argument("--classes", type=number(1), metavar="N", help="its number of classes, if not the usual one")
    group.add_argument("--shape", type=numbers, metavar="C,H,W", help="shape of one sample, if not the usual one")
    group.add_argument("--dtype", metavar="DTYPE", help="dtype of its input, if not the usual one, such as int64")
    group.add_argument("--precision", choices=("float32", "bfloat16", "int8"), help="what convolutions and linear "
                       "layers multiply; float32 unless given")  # fmt: skip
    group.add_argument("--calibration", metavar="FILE", help="a .npy file of inputs like those to come, for int8")
    group.add_argument("--threads", type=number(1, 1024), metavar="N", help="threads; 'lucid info' tells the default")


def open_for(args: argparse.Namespace, **options: Any) -> Any:
    """The model that the arguments name; sets the number of threads."""
    from lucid.serve import ModelError, open_model

    if args.threads is not None:
        lucid.set_num_threads(args.threads)
    try:
        return open_model(args.model, weights=args.weights, shape=args.shape, dtype=args.dtype, classes=args.classes,
                          precision=args.precision, calibration=args.calibration, **options)  # fmt: skip
    except ModelError as error:
        raise Problem(str(error)) from error


def warn_random(args: argparse.Namespace, model: Any) -> None:
    """Say that results of a model without weights mean nothing."""
    if model.kind == "zoo" and args.weights is None:
        print(f"lucid {args.command}: warning: {model.name} has random weights; give --weights FILE", file=sys.stderr)


def labels_of(path: str | None) -> list[str]:
    """The labels in a file, or none."""
    from lucid.serve import ModelError
    from lucid.serve._labels import read_labels

    try:
        return read_labels(path) if path is not None else []
    except ModelError as error:
        raise Problem(str(error)) from error


def check_batches(model: Any, batches: Sequence[int]) -> None:
    """Refuse batch sizes that the model cannot run."""
    wrong = [b for b in batches if model.sizes is not None and b not in model.sizes]
    if wrong:
        raise Problem(f"{model.name}: has no batch of {wrong[0]}, only {', '.join(map(str, model.sizes))}")


def quantity(n: float) -> str:
    """Bytes for people."""
    for unit in ("B", "kB", "MB", "GB"):
        if n < 1000 or unit == "GB":
            return f"{n:.0f} {unit}" if unit == "B" else f"{n:.1f} {unit}"
        n /= 1000
    raise AssertionError


def table(rows: Sequence[Sequence[str]], right: Sequence[int] = ()) -> str:
    """Rows of cells in columns; those in ``right`` end at the same place."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = [
        "  ".join(cell.rjust(w) if i in right else cell.ljust(w) for i, (cell, w) in enumerate(zip(row, widths)))
        for row in rows
    ]
    return "\n".join(line.rstrip() for line in lines)
