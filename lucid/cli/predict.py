"""Run a model on files: images, and arrays in .npy files.

Images (PNG, JPEG and others, with Pillow: pip install lucid[cli]) are resized, cropped and normalised as the published
weights of a model of lucid.models expect ('lucid.models.preprocessing'); for other models they are scaled to the height
and width of the input, with values from 0 to 1. An array of uint8 of shape (H, W, 3) counts as an image; any other is
taken as it is: one sample, or several. A directory stands for the images and arrays in it.

Files that cannot be used are named on standard error, one line each; the others are processed, and the exit code is 1.
"""

from __future__ import annotations

import argparse
import csv
import dataclasses
import io
import json
import os
import sys
import warnings
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from lucid.cli._common import Problem, labels_of, model_arguments, number, open_for, table, warn_random

EXAMPLES = """examples:
  lucid predict resnet18 --weights resnet18.safetensors --labels imagenet.txt photos/*.jpg
  lucid predict model.lucid images.npy --top 1 --format csv > classes.csv
  lucid predict model.onnx sample.npy --format json --raw"""

IMAGES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm")


class Sample(NamedTuple):
    """One input: its file, its place in the file (None if it is the only one) and its values."""

    file: str
    place: int | None
    array: np.ndarray


def arguments(parser: argparse.ArgumentParser) -> None:
    model_arguments(parser)
    parser.add_argument("inputs", nargs="+", metavar="INPUT", help="images, .npy files, directories")
    parser.add_argument("--labels", metavar="FILE", help="names of the classes, one per line")
    parser.add_argument("--top", type=number(1), default=5, metavar="K", help="classes to show per input")
    parser.add_argument("--format", choices=("table", "csv", "json"), default="table", help="form of the results")
    parser.add_argument("--raw", action="store_true", help="the outputs themselves, in JSON, instead of classes")
    parser.add_argument("--no-softmax", action="store_true", help="show outputs as scores, not probabilities")
    parser.add_argument("--batch", type=number(1), default=16, metavar="N", help="samples run together")
    parser.add_argument("--no-progress", action="store_true", help="no progress bar, which tqdm draws on terminals")


def run(args: argparse.Namespace) -> int:
    if args.raw and args.format != "json":
        raise Problem("--raw: outputs are printed as JSON only; add --format json")
    model = open_for(args)
    if len(model.inputs) != 1:
        raise Problem(f"{model.name}: has {len(model.inputs)} inputs; predict runs models of one")
    labels = labels_of(args.labels)
    warn_random(args, model)
    said: set[str] = set()

    def fail(file: str, reason: object) -> None:
        line = f"lucid predict: {file}: {' '.join(str(reason).split()) or type(reason).__name__}"
        if line not in said:  # once for all samples of a file
            said.add(line)
            print(line, file=sys.stderr)

    files = list(listed(args.inputs, fail))
    sizes = [s for s in model.sizes or [args.batch] if s <= args.batch] or list(model.sizes)[:1]
    writer = Writer(args.format)
    waiting: list[Sample] = []
    for file in progress(files, args.no_progress):
        try:
            waiting += samples(file, model)
        except (Problem, OSError, ValueError, MemoryError) as error:
            fail(file, getattr(error, "strerror", None) or error)
        while len(waiting) >= max(sizes):
            batch, waiting = waiting[: max(sizes)], waiting[max(sizes) :]
            writer.add(answered(args, model, batch, max(sizes), labels, fail))
    while waiting:
        size = max([s for s in sizes if s <= len(waiting)], default=min(sizes)) if model.sizes else len(waiting)
        batch, waiting = waiting[:size], waiting[size:]
        writer.add(answered(args, model, batch, size, labels, fail))
    writer.end()
    return int(bool(said))


def listed(inputs: list[str], fail: Any) -> Iterator[str]:
    """The files that the inputs stand for."""
    for name in inputs:
        if not os.path.isdir(name):
            yield name
            continue
        inside = [os.path.join(name, f) for f in sorted(os.listdir(name)) if f.lower().endswith((".npy", *IMAGES))]
        if not inside:
            fail(name, "is a directory without images and .npy files")
        yield from inside


def progress(files: list[str], off: bool) -> Any:
    """The files, with a bar on standard error while they are gone through, where that is a terminal."""
    if off or not sys.stderr.isatty():
        return files
    try:
        from tqdm import tqdm
    except ImportError:  # a bar is a convenience
        return files
    return tqdm(files, unit="file", file=sys.stderr, leave=False)


def samples(file: str, model: Any) -> list[Sample]:
    """The inputs in a file.

    Raises:
        Problem, OSError, ValueError: it has none.
    """
    spec = model.inputs[0]
    if not os.path.isfile(file):
        raise Problem("no such file" if not os.path.exists(file) else "is not a file")
    if not file.lower().endswith(".npy"):
        return [Sample(file, None, image_input(opened(file), model))]
    try:
        array = np.load(file, allow_pickle=False)
    except (ValueError, EOFError, SyntaxError):
        raise Problem("is not a .npy file of numbers") from None
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "fiub":
        raise Problem("is not a .npy file of numbers")
    if array.dtype == np.uint8 and array.ndim == 3 and array.shape[2] == 3 and len(spec.shape) == 3:
        return [Sample(file, None, image_input(array, model))]
    single = array.ndim == len(spec.shape)
    rows = array[None] if single else array
    fits = rows.ndim == len(spec.shape) + 1 and all(d is None or d == n for d, n in zip(spec.shape, rows.shape[1:]))
    if not fits or 0 in rows.shape:
        raise Problem(f"has shape {array.shape}; expected {spec}, or one sample of it without n")
    rows = rows.astype(spec.dtype)
    return [Sample(file, None if single else i, row) for i, row in enumerate(rows)]


def opened(file: str) -> np.ndarray:
    """The pixels of an image: uint8, (H, W, 3)."""
    try:
        from PIL import Image, ImageOps, UnidentifiedImageError
    except ImportError:
        raise Problem("images need Pillow: pip install lucid[cli]; .npy files do not") from None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of images that are large, but not too large
            with Image.open(file) as image:
                return np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
    except UnidentifiedImageError:
        raise Problem("is not an image that Pillow reads") from None
    except Image.DecompressionBombError:
        raise Problem(f"is an image of more than {2 * (Image.MAX_IMAGE_PIXELS or 0)} pixels") from None
    except (OSError, SyntaxError) as error:
        raise Problem(f"is a damaged image: {error}") from None


def image_input(pixels: np.ndarray, model: Any) -> np.ndarray:
    """An image as one input of the model."""
    import lucid
    from lucid import transforms

    spec, prepare = model.inputs[0], model.preprocessing
    if len(spec.shape) != 3 or spec.dtype.kind != "f" or spec.shape[0] not in (1, 3):
        raise Problem(f"is an image, but the model takes {spec}")
    gray = [transforms.Grayscale()] if spec.shape[0] == 1 else []
    x = transforms.Compose([*gray])(lucid.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1))))
    if prepare is None:
        size = [] if None in spec.shape else [transforms.Resize(spec.shape[1:])]
        return transforms.Compose([*size, transforms.ToTensor()])(x).numpy().astype(spec.dtype)
    return sized(prepare, spec)(x).numpy().astype(spec.dtype)


def sized(prepare: Any, spec: Any) -> Any:
    """The preparation of a model's images for another size of input than the usual one."""
    usual = prepare.crop if hasattr(prepare, "crop") else prepare.size
    height, width = (d or usual for d in spec.shape[1:])
    if height != width:
        raise Problem(f"is an image, and those of this model are square, which {height} x {width} is not")
    if height == usual:
        return prepare
    if hasattr(prepare, "crop"):
        return prepare._replace(crop=height, resize=round(prepare.resize * height / usual))
    return dataclasses.replace(prepare, size=height)


def answered(
    args: argparse.Namespace, model: Any, batch: list[Sample], size: int, labels: list[str], fail: Any
) -> list[dict[str, Any]]:
    """A record per sample; a batch that fails is run again sample by sample, to find out which are to blame."""
    from lucid.serve._bodies import plain
    from lucid.serve._labels import top_classes

    try:
        rows = [sample.array for sample in batch]
        rows += rows[-1:] * (size - len(rows) if model.sizes else 0)
        outputs = model([np.stack(rows)])
        if any(y.ndim == 0 or len(y) != len(rows) for y in outputs):
            raise Problem(f"the model gives {', '.join(str(y.shape) for y in outputs)} for a batch of {len(rows)}")
        outputs = [y[: len(batch)] for y in outputs]
        if args.raw:
            found: list[Any] = [[plain(y[i]) for y in outputs] for i in range(len(batch))]
        else:
            best = top_classes(outputs[0], args.top, labels, not args.no_softmax)
            found = [[each.plain() if args.format == "json" else each._asdict() for each in row] for row in best]
    except Exception as error:
        if len(batch) == 1:
            fail(batch[0].file, error)
            return []
        least = min(model.sizes) if model.sizes else 1
        return [record for sample in batch for record in answered(args, model, [sample], least, labels, fail)]
    name = "outputs" if args.raw else "classes"
    return [{"file": s.file, **({} if s.place is None else {"index": s.place}), name: f} for s, f in zip(batch, found)]


class Writer:
    """Results on standard output: CSV as they come, JSON one record per line in a list, a table at the end."""

    def __init__(self, form: str) -> None:
        self.form, self.count = form, 0
        self.rows: list[tuple[str, ...]] = [("file", "rank", "class", "label", "score")]
        if form == "csv":
            self._csv(self.rows)

    def add(self, records: list[dict[str, Any]]) -> None:
        """Print or keep some."""
        for record in records:
            if self.form == "json":
                print(f"{',' if self.count else '['}\n{json.dumps(record, ensure_ascii=False)}", end="")
            self.count += 1
            if self.form == "json":
                continue
            file = record["file"] + (f"[{record['index']}]" if "index" in record else "")
            rows: list[tuple[str, ...]] = [
                (file, str(rank), str(c["number"]), c["label"], f"{c['score']:.6g}")
                for rank, c in enumerate(record["classes"], 1)
            ]
            if self.form == "csv":
                self._csv(rows)
            else:
                self.rows += rows

    def _csv(self, rows: list[tuple[str, ...]]) -> None:
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows(rows)
        print(text.getvalue(), end="")

    def end(self) -> None:
        """Print what is left."""
        if self.form == "json":
            print("\n]" if self.count else "[]")
        elif self.form == "table" and len(self.rows) > 1:
            print(table(self.rows, right=(1, 2, 4)))
