"""Classify digits with the network that train_digits.py saved, with one thread and with all of them.

    python predict_digits.py [--model digits.safetensors] [--images images.npy [--labels labels.npy]]

Without --images the held-out fifth of scikit-learn's digits is classified.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import numpy as np
from digits import DigitNet, check_images, check_labels, fail, load_split

import lucid

SECONDS = 1.0  # of measuring per thread count


def load_model(path: Path) -> DigitNet:
    """The network with the weights in ``path``; ends the program with one line if that fails."""
    model = DigitNet()
    try:
        weights = lucid.load(path)
    except FileNotFoundError:
        fail(f"{path}: no such file; run train_digits.py first")
    except (ValueError, OSError) as error:
        fail(str(error))
    try:
        model.load_state_dict(weights)
    except (TypeError, RuntimeError) as error:
        fail(f"{path}: not the weights of this network: {' '.join(str(error).split())}")
    return model.eval()


def load_arrays(images: Path | None, labels: Path | None) -> tuple[np.ndarray, np.ndarray | None]:
    """The images to classify and, where known, their labels."""
    if images is None:
        return load_split()[1]
    try:
        x = check_images(load_npy(images))
        return x, None if labels is None else check_labels(load_npy(labels), len(x))
    except ValueError as error:
        fail(str(error))


def load_npy(path: Path) -> np.ndarray:
    """The array in a .npy file; ends the program with one line if there is none."""
    try:
        array = np.load(path, allow_pickle=False)
    except FileNotFoundError:
        fail(f"{path}: no such file")
    except (ValueError, OSError, EOFError):
        fail(f"{path}: not a .npy file of numbers")
    if not isinstance(array, np.ndarray):
        fail(f"{path}: expected one array, as numpy.save writes it, not an archive of several")
    return array


def measure(model: DigitNet, x: lucid.Tensor) -> tuple[lucid.Tensor, float]:
    """Logits of ``x`` and images per second."""
    with lucid.inference_mode():
        logits = model(x)
        rounds, start = 0, time.perf_counter()
        while (elapsed := time.perf_counter() - start) < SECONDS:
            model(x)
            rounds += 1
    return logits, rounds * len(x) / elapsed


def main() -> None:
    parser = argparse.ArgumentParser(description="Classify handwritten digits.")
    parser.add_argument("--model", type=Path, default=Path("digits.safetensors"))
    parser.add_argument("--images", type=Path, help=".npy file of shape (n, 8, 8), pixel values 0 to 16")
    parser.add_argument("--labels", type=Path, help=".npy file with n integers from 0 to 9")
    args = parser.parse_args()
    if args.labels is not None and args.images is None:
        fail("--labels needs --images")
    model = load_model(args.model)
    images, labels = load_arrays(args.images, args.labels)
    if not len(images):
        fail(f"{args.images}: no images")

    x = lucid.from_numpy(images)
    outputs = {}
    every = lucid.get_num_threads()
    for threads in sorted({1, every}):
        with lucid.num_threads(threads):
            outputs[threads], rate = measure(model, x)
        print(f"{threads} thread{'s' if threads > 1 else ' '}  {rate:10,.0f} images/s")
    if len(outputs) > 1:
        same = outputs[1].numpy().tobytes() == outputs[every].numpy().tobytes()
        print(f"outputs with 1 and {every} threads are {'bit-identical' if same else 'DIFFERENT'}")
        if not same:
            sys.exit(1)

    predictions = outputs[1].argmax(1).numpy()
    if labels is None:
        print(" ".join(str(p) for p in predictions))
    else:
        correct = int((predictions == labels).sum())
        print(f"{correct} of {len(labels)} images read correctly ({correct / len(labels):.2%})")


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
