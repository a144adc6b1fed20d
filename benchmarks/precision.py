"""Compare the rounding errors of matrix products and convolutions with torch's, on the same float32 inputs.

    python benchmarks/precision.py [--match conv]

Errors are taken against the float64 result of the same inputs and divided by the root mean square of that result.
Exits with 1 when lucid's root mean square error is more than 5 % above torch's, or its largest more than 25 %.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch

import lucid

RMS_ALLOWED = 1.05
MAX_ALLOWED = 1.25

PRODUCTS = [
    *((256, k, 256) for k in (64, 128, 256, 512, 1024, 2048, 4096, 8192)),
    (1, 1024, 1000), (64, 784, 256), (128, 768, 3072), (1000, 8192, 1), (2, 4096, 500),
]  # fmt: skip
LAYERS = [  # samples, channels in, channels out, size, kernel, stride
    (1, 3, 64, 112, 7, 2), (2, 3, 32, 112, 3, 2), (4, 16, 16, 56, 3, 1), (4, 64, 64, 56, 3, 1), (2, 64, 128, 56, 3, 2),
    (1, 128, 128, 56, 3, 1), (4, 256, 256, 14, 3, 1), (4, 512, 512, 14, 3, 1), (4, 512, 512, 7, 3, 1),
    (2, 256, 64, 56, 1, 1), (4, 96, 576, 14, 1, 1), (2, 32, 64, 28, 5, 1), (2, 32, 64, 112, 3, 2),
    (2, 128, 256, 28, 4, 2),
]  # fmt: skip
Case = tuple[str, Callable[[Any, Any], Any], np.ndarray, np.ndarray]


def draws(distribution: str, *shape: int, seed: int) -> np.ndarray:
    """Standard normal numbers, or uniform ones from 0 to 1, whose sums do not cancel."""
    generator = np.random.default_rng(seed)
    if distribution == "normal":
        return generator.standard_normal(shape, dtype=np.float32)
    return generator.random(shape, dtype=np.float32)


def cases(distribution: str) -> Iterator[Case]:
    for m, k, n in PRODUCTS:
        x, y = draws(distribution, m, k, seed=1), draws(distribution, k, n, seed=2)
        yield f"matmul {m}x{k}x{n}", lambda t, xs: t.matmul(*xs), x, y
        yield f"linear {m}x{k}x{n}", lambda t, xs: t.nn.functional.linear(*xs), x, np.ascontiguousarray(y.T)
    for samples, channels, out, size, kernel, stride in LAYERS:
        x = draws(distribution, samples, channels, size, size, seed=3)
        w = draws(distribution, out, channels, kernel, kernel, seed=4)
        name = f"conv {kernel}x{kernel}/{stride} {channels}-{out} {size} b{samples}"

        def forward(t: Any, xs: Any, kernel: int = kernel, stride: int = stride) -> Any:
            return t.nn.functional.conv2d(*xs, None, stride, kernel // 2)

        def gradient(t: Any, xs: Any, of: int, forward: Any = forward, distribution: str = distribution) -> Any:
            xs = [x.clone().requires_grad_(i == of) for i, x in enumerate(xs)]
            y = forward(t, xs)
            dy = t.from_numpy(draws(distribution, *y.shape, seed=5))
            y.backward(dy.double() if "64" in str(y.dtype) else dy)
            return xs[of].grad

        yield f"{name} forward", forward, x, w
        yield f"{name} dx", lambda t, xs, gradient=gradient: gradient(t, xs, 0), x, w
        yield f"{name} dw", lambda t, xs, gradient=gradient: gradient(t, xs, 1), x, w


def errors(result: Any, exact: np.ndarray) -> tuple[float, float]:
    """Root mean square and largest error, relative to the root mean square of the exact result."""
    difference = np.abs(result.detach().numpy().astype(np.float64) - exact)
    scale = np.sqrt(np.mean(exact**2))
    return float(np.sqrt(np.mean(difference**2)) / scale), float(difference.max() / scale)


def main() -> None:
    parser = argparse.ArgumentParser(description="Compare rounding errors with torch's.")
    parser.add_argument("--match", default="", help="only cases whose name contains this")
    match, failed = parser.parse_args().match, 0
    print(f"{'':44}{'rms error':>20}{'ratio':>7}{'largest error':>20}{'ratio':>7}   (lucid, torch)")
    for distribution in ("normal", "uniform"):
        for name, call, *arrays in cases(distribution):
            if match not in name:
                continue
            exact = call(torch, [torch.from_numpy(x).double() for x in arrays]).numpy()
            rms, most = errors(call(lucid, [lucid.from_numpy(x) for x in arrays]), exact)
            torch_rms, torch_most = errors(call(torch, [torch.from_numpy(x) for x in arrays]), exact)
            bad = rms > RMS_ALLOWED * torch_rms or most > MAX_ALLOWED * torch_most
            failed += bad
            print(f"{name:35} {distribution:8}{rms:10.2e}{torch_rms:10.2e}{rms / torch_rms:7.2f}"
                  f"{most:10.2e}{torch_most:10.2e}{most / torch_most:7.2f}{'   WORSE' if bad else ''}")  # fmt: skip
    print(f"{failed} worse than torch" if failed else "none worse than torch")
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
