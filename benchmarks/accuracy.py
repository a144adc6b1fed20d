"""Accuracy of the activations over every float32 there is, against float64 references.

    python benchmarks/accuracy.py                                  # all 2**32 inputs of silu, hardswish, mish, gelu
    python benchmarks/accuracy.py --functions silu,gelu --stride 97
    LUCID_ISA=v2 python benchmarks/accuracy.py                     # another CPU level

For each function it prints the largest error in ulp where the true result is a normal float32, the largest error in
steps of 2**-149 where it is subnormal, and how many results are a wrong NaN, a wrong infinity or a zero of the wrong
sign. It exits with status 1 when a bound is broken. Needs scipy.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, ndtr

from lucid import _isa

INPUTS = 2**32
TASK = 2**24  # inputs per message between processes
CHUNK = 2**15  # inputs evaluated at a time: the float64 temporaries stay in the cache
SMALLEST_NORMAL = 2.0**-126
SUBNORMAL_STEP = 2.0**-149
SUBNORMAL_BOUND = 2.0  # steps; just below the smallest normal number a step is still an ulp of the result

Array = NDArray[np.float64]


def silu(x: Array) -> Array:
    """x * sigmoid(x)."""
    return x * expit(x)


def hardswish(x: Array) -> Array:
    """x * min(max(x + 3, 0), 6) / 6; the sum is exact wherever it nearly cancels."""
    return x * (np.clip(x + 3, 0, 6) / 6)


def mish(x: Array) -> Array:
    """x * tanh(log(1 + exp(x)))."""
    return x * np.tanh(np.log1p(np.exp(np.minimum(x, 700))))


def gelu(x: Array) -> Array:
    """x * Phi(x); ndtr goes through erfc, so nothing cancels below zero."""
    return x * ndtr(x)


# name -> reference, bound in ulp for normal results
FUNCTIONS: dict[str, tuple[Callable[[Array], Array], float]] = {
    "silu": (silu, 4),
    "hardswish": (hardswish, 2),
    "mish": (mish, 5),
    "gelu": (gelu, 8),
}


@dataclass
class Errors:
    """Worst errors so far; inputs are kept as bit patterns."""

    ulp: float = 0.0
    ulp_at: int = 0
    steps: float = 0.0
    steps_at: int = 0
    nan: int = 0
    inf: int = 0
    zero_sign: int = 0

    def add(self, other: Errors) -> None:
        """Merge ``other`` into this."""
        for name in ("ulp", "steps"):
            if getattr(other, name) > getattr(self, name):
                setattr(self, name, getattr(other, name))
                setattr(self, f"{name}_at", getattr(other, f"{name}_at"))
        for name in ("nan", "inf", "zero_sign"):
            setattr(self, name, getattr(self, name) + getattr(other, name))

    def broken(self, bound: float) -> bool:
        """True when an error exceeds ``bound`` ulp or the bound for subnormal results, or a special value is wrong."""
        return self.ulp > bound or self.steps > SUBNORMAL_BOUND or self.nan + self.inf + self.zero_sign > 0


def float32_ulp(r: Array) -> Array:
    """The distance between neighbouring float32 at the magnitude of ``r``."""
    exponent = r.view(np.int64) & 0x7FF0000000000000
    return np.maximum((exponent - (23 << 52)).clip(0).view(np.float64), SUBNORMAL_STEP)


def compare(x: NDArray[np.float32], y: NDArray[np.float32], r: Array) -> Errors:
    """Errors of ``y`` at ``x`` where ``r`` is right but for the limit at -inf, which is -0 for every function here."""
    errors = Errors()
    r[x == -np.inf] = -0.0
    y_nan, r_nan = np.isnan(y), np.isnan(x)
    y_inf, r_inf = np.isinf(y), np.isinf(r)
    errors.nan = int(np.count_nonzero(y_nan != r_nan))
    errors.inf = int(np.count_nonzero((y_inf != r_inf) | (r_inf & (y != r))))
    errors.zero_sign = int(np.count_nonzero((y == 0) & (np.signbit(y) != np.signbit(x))))
    bits = x.view(np.uint32)
    finite = ~(y_nan | r_nan | y_inf | r_inf)
    with np.errstate(invalid="ignore"):
        error = np.where(finite, np.abs(y - r) / float32_ulp(r), 0.0)
    normal = np.abs(r) >= SMALLEST_NORMAL
    worst = int(np.argmax(np.where(normal, error, 0.0)))
    if normal[worst]:
        errors.ulp, errors.ulp_at = float(error[worst]), int(bits[worst])
    worst = int(np.argmax(np.where(normal, 0.0, error)))
    if not normal[worst]:
        errors.steps, errors.steps_at = float(error[worst]), int(bits[worst])
    return errors


def sweep(task: tuple[str, int, int, int]) -> Errors:
    """Errors of one function on the bit patterns ``range(start, stop, stride)``."""
    name, start, stop, stride = task
    kernel = getattr(_isa.load(), name)
    reference, _ = FUNCTIONS[name]
    errors = Errors()
    with np.errstate(all="ignore"):
        for lo in range(start, stop, CHUNK * stride):
            bits = np.arange(lo, min(stop, lo + CHUNK * stride), stride, dtype=np.int64).astype(np.uint32)
            x = bits.view(np.float32)
            errors.add(compare(x, kernel(x), reference(x.astype(np.float64))))
    return errors


def tasks(name: str, stride: int) -> Iterable[tuple[str, int, int, int]]:
    """The whole sweep in pieces, each starting on a multiple of ``stride``."""
    step = max(TASK // stride, 1) * stride
    for start in range(0, INPUTS, step):
        yield name, start, min(INPUTS, start + step), stride


def at(bits: int) -> str:
    """The float32 of a bit pattern."""
    return f"x = {float(np.uint32(bits).view(np.float32)):.9g}"


def run(name: str, stride: int, processes: int) -> bool:
    """Sweep one function, print its line and return whether it keeps its bounds."""
    bound = FUNCTIONS[name][1]
    todo = list(tasks(name, stride))
    errors, start = Errors(), time.perf_counter()
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        for done, part in enumerate(pool.imap_unordered(sweep, todo), 1):
            errors.add(part)
            print(f"\r{name}: {100 * done // len(todo):3d} %", end="", file=sys.stderr, flush=True)
    seconds = time.perf_counter() - start
    broken = errors.broken(bound)
    print("\r", end="", file=sys.stderr, flush=True)
    print(
        f"{name}: {'BROKEN' if broken else 'ok'}: "
        f"normal {errors.ulp:.3f} ulp (bound {bound:g}) at {at(errors.ulp_at)}; "
        f"subnormal {errors.steps:.3f} steps (bound {SUBNORMAL_BOUND:g}) at {at(errors.steps_at)}; "
        f"wrong NaN {errors.nan}, inf {errors.inf}, sign of zero {errors.zero_sign}; "
        f"{(INPUTS + stride - 1) // stride} inputs, {seconds:.0f} s",
        flush=True,
    )
    return not broken


def main() -> int:
    """Command line; 0 when every bound holds."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--functions", default=",".join(FUNCTIONS), help="comma-separated names (default: %(default)s)")
    parser.add_argument("--stride", type=int, default=1, help="test every N-th bit pattern (default: all)")
    parser.add_argument("--processes", type=int, default=2, help="worker processes (default: %(default)s)")
    args = parser.parse_args()
    names = args.functions.split(",")
    unknown = [name for name in names if name not in FUNCTIONS]
    if unknown or args.stride < 1 or args.processes < 1:
        parser.error(f"unknown function {unknown[0]!r}" if unknown else "--stride and --processes must be positive")
    print(f"float32 kernels of lucid._ops, level {_isa.load().build_info()['level']}", flush=True)
    kept = [run(name, args.stride, args.processes) for name in names]
    return 0 if all(kept) else 1


if __name__ == "__main__":
    sys.exit(main())
