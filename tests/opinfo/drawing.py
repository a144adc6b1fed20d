"""PyTorch's own samples of an operation (its OpInfo), made with both libraries: what differs, in one line each."""

from __future__ import annotations

import contextlib
import itertools
import re
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from opinfo.differences import CANCELLING, FREE, RANDOM

import lucid

Difference = tuple[str, str]  # kind, "call -> what differs"

NAMES = {
    getattr(torch, name): name
    for name in "bool uint8 int8 int16 int32 int64 float16 bfloat16 float32 float64 complex64 complex128".split()
}
WIDE = {torch.float32: torch.float64, torch.complex64: torch.complex128}
# PyTorch's own tolerance for float32 (torch.testing.assert_close); beyond it float64 decides, see `equal`.
RELATIVE, ABSOLUTE = 1.3e-6, 1e-5
EPS = float(np.finfo(np.float32).eps)


def triangular(function: Any, x: Any, *args: Any, upper: bool = False) -> Any:
    return function(x.triu() if upper else x.tril(), *args, upper)


# in place of PyTorch's wrapper, which calls functions of PyTorch
WRAPPERS = {"cholesky_inverse": triangular}


def lookup(library: Any, name: str) -> Any:
    """``library.linalg.svd`` by "linalg.svd", or None."""
    for part in name.split("."):
        library = getattr(library, part, None)
        if library is None:
            return None
    return library


def counterparts(op: Any) -> tuple[Any, Any]:
    """PyTorch's function and lucid's; None for lucid's if there is none."""
    name = op.name
    if op.variant_test_name == "in_place":
        name += "_"
    if op.variant_test_name == "singular":  # pinv of a product, which has the rank that its derivative needs
        return (lambda a, b: torch.linalg.pinv(a @ b.mT)), (lambda a, b: lucid.linalg.pinv(a @ b.mT))
    if callable(lookup(torch, name)):
        return lookup(torch, name), lookup(lucid, name)
    if not hasattr(torch.Tensor, name):
        if hasattr(lucid.Tensor, f"{name}_"):  # PyTorch has only the form that overwrites
            return op.op, lambda x, *a, **k: getattr(x.clone(), f"{name}_")(*a, **k)
        return op.op, lookup(lucid, name)
    if not hasattr(lucid.Tensor, name):
        return op.op, None
    if not callable(getattr(torch.Tensor, name)):
        return (lambda x: getattr(x, name)), (lambda x: getattr(x, name))
    return (lambda x, *a, **k: getattr(x, name)(*a, **k)), (lambda x, *a, **k: getattr(x, name)(*a, **k))


def ours(value: Any, **options: Any) -> Any:
    """A sample's argument for lucid, with the same bits."""
    if isinstance(value, torch.Tensor):
        x = value.detach()
        if value.dtype is torch.bfloat16:
            y = lucid.tensor(x.float().numpy(force=True).copy()).to(lucid.bfloat16)
        else:
            y = lucid.from_numpy(x.numpy(force=True).copy())
        return y.requires_grad_() if value.requires_grad else y
    if isinstance(value, torch.dtype):
        return getattr(lucid, NAMES[value])
    if isinstance(value, torch.device):
        return str(value)
    if isinstance(value, (torch.layout, torch.memory_format)):
        return getattr(lucid, str(value).split(".")[1], str(value))
    if isinstance(value, torch.Size):
        return tuple(value)
    if isinstance(value, (tuple, list)):
        parts = [ours(v) for v in value]
        return type(value)(*parts) if hasattr(value, "_fields") else type(value)(parts)
    if isinstance(value, dict):
        return {k: ours(v) for k, v in value.items()}
    if isinstance(value, torch.nn.Module):
        return getattr(lucid.nn, type(value).__name__)()
    if getattr(value, "__module__", None) == "torch.nn.functional":
        return getattr(lucid.nn.functional, value.__name__)
    return value


def fresh(value: Any, wide: bool = False) -> Any:
    """A copy of a sample's argument for PyTorch, in double precision if `wide`."""
    if isinstance(value, torch.Tensor):
        x = value.detach().clone()
        return (x.to(WIDE.get(x.dtype, x.dtype)) if wide else x).requires_grad_(value.requires_grad)
    if isinstance(value, (tuple, list)) and not isinstance(value, torch.Size):
        parts = [fresh(v, wide) for v in value]
        return type(value)(*parts) if hasattr(value, "_fields") else type(value)(parts)
    if isinstance(value, dict):
        return {k: fresh(v, wide) for k, v in value.items()}
    return WIDE.get(value, value) if wide and isinstance(value, torch.dtype) else value


def tensors(value: Any, kind: type) -> list[Any]:
    if isinstance(value, kind):
        return [value]
    if isinstance(value, dict):
        value = list(value.values())
    return [t for v in value for t in tensors(v, kind)] if isinstance(value, (tuple, list)) else []


def short(value: Any) -> str:
    """A call's arguments as a reader of the table sees them: ``float32(2, 3), dim=1``."""
    if isinstance(value, torch.Tensor):
        return f"{NAMES.get(value.dtype, value.dtype)}{tuple(value.shape)}"
    if isinstance(value, (tuple, list)):
        return "(" + ", ".join(short(v) for v in value) + ")"
    if isinstance(value, dict):
        return ", ".join(f"{k}={short(v)}" for k, v in value.items())
    return re.sub(r" at 0x[0-9a-f]+", "", repr(value))


def numbers(value: Any) -> tuple[str, Any] | None:
    """Name of the dtype and the values, or None for what is neither a tensor nor a number."""
    if isinstance(value, torch.Tensor):
        wide = value.float() if value.dtype is torch.bfloat16 else value
        return NAMES.get(value.dtype, str(value.dtype)), wide.detach().numpy(force=True)
    if isinstance(value, lucid.Tensor):
        name = value.dtype.name
        return name, (value.float() if name == "bfloat16" else value).numpy(force=True)
    return (type(value).__name__, np.asarray(value)) if isinstance(value, (bool, int, float, complex)) else None


def equal(x: Any, y: Any, truth: Any, times: int) -> Any:
    """Where x is what it should be: PyTorch's y within its own tolerance, or as near to the truth in double precision.

    "As near" is `times` PyTorch's largest error in this array, or four units of rounding of the largest number in it.
    """
    if y.dtype.kind not in "fc":
        return x == y
    kind = np.complex128 if y.dtype.kind == "c" else np.float64
    x, y = x.astype(kind), y.astype(kind)
    ok = np.isclose(x, y, RELATIVE, ABSOLUTE, equal_nan=True)
    if ok.all() or truth is None or truth.shape != y.shape or truth.dtype.kind not in "fc":
        return ok
    finite = np.isfinite(truth) & np.isfinite(y)
    error = np.abs(y - truth)[finite].max(initial=0.0)
    return ok | (np.abs(x - truth) <= times * error + 4 * EPS * np.abs(truth)[finite].max(initial=0.0))


def compare(x: Any, y: Any, truth: Any, times: int = 4, only_shape: bool = False) -> str | None:
    """What differs between lucid's result x and PyTorch's y; `truth` is y from float64 inputs."""
    if isinstance(y, torch.Size):
        return None if tuple(x) == tuple(y) else f"size {tuple(x)} for {tuple(y)}"
    if isinstance(y, (tuple, list)):
        if not isinstance(x, (tuple, list)) or len(x) != len(y):
            return f"structure {type(x).__name__} of {len(x)} for {type(y).__name__} of {len(y)}"
        truths = truth if isinstance(truth, (tuple, list)) and len(truth) == len(y) else [None] * len(y)
        for i, parts in enumerate(zip(x, y, truths)):
            if found := compare(*parts, times, only_shape):
                return f"[{i}] {found}"
        return None
    theirs, mine = numbers(y), numbers(x)
    if theirs is None:
        return None
    if mine is None:
        return f"type {type(x).__name__} for {type(y).__name__}"
    if mine[1].shape != theirs[1].shape:
        return f"shape {mine[1].shape} for {theirs[1].shape}"
    if mine[0] != theirs[0]:
        return f"dtype {mine[0]} for {theirs[0]}"
    if only_shape:
        return None
    with np.errstate(all="ignore"):
        ok = equal(mine[1], theirs[1], None if truth is None else numbers(truth)[1], times)  # type: ignore[index]
    if np.all(ok):
        return None
    place = tuple(int(i) for i in np.argwhere(~ok)[0])
    return f"value {mine[1][place]} for {theirs[1][place]} at {place}, {int((~ok).sum())} of {ok.size}"


def times_of(op: Any) -> int:
    return 10 if op.name in CANCELLING else 4


def attempt(function: Callable[..., Any], a: Any, k: Any) -> tuple[Any, Exception | None]:
    try:
        return function(*a, **k), None
    except Exception as error:
        return None, error


def squares(y: Any, kind: type) -> Any:
    """What an arbitrary sign or phase leaves: |y|^2 of every tensor."""
    return [(t * t.conj()).real if t.is_complex() else t * t for t in tensors(y, kind)]


@contextlib.contextmanager
def defined_memory() -> Iterator[None]:
    """Samples that PyTorch makes by ``torch.empty`` hold ones: what the memory held before decided what was refused."""
    empty = torch.empty

    def ones(*args: Any, **options: Any) -> Any:
        x = empty(*args, **options)
        x.detach().fill_(1)
        return x

    torch.empty = ones
    try:
        yield
    finally:
        torch.empty = empty


def samples(op: Any, dtype: Any, grad: bool, most: int) -> Iterator[tuple[Any, Any, str, Any]]:
    """At most `most` samples, spread over all that PyTorch draws."""
    torch.manual_seed(0)
    with defined_memory():
        drawn = list(itertools.islice(op.sample_inputs("cpu", dtype, requires_grad=grad), 400))
    for sample in drawn[:: -(-len(drawn) // most) or 1]:
        a, k = (sample.input, *sample.args), dict(sample.kwargs)
        yield a, k, short(a)[1:-1] + (", " if k else "") + short(k), sample


def values(op: Any, dtype: Any, most: int) -> Iterator[Difference]:
    """Differences of results."""
    theirs, mine = counterparts(op)
    for a, k, call, _ in samples(op, dtype, False, most):
        y, error = attempt(theirs, fresh(a), fresh(k))
        if error is not None:
            continue
        z, error = attempt(mine, ours(a), ours(k))
        if error is not None:
            yield "refused", f"{call} -> {type(error).__name__}: {error}"
            continue
        truth = None
        if dtype in WIDE and op.name not in RANDOM:
            truth, _ = attempt(theirs, fresh(a, True), fresh(k, True))
        if op.name in FREE and dtype in WIDE:
            if found := compare(z, y, None, only_shape=True):
                yield "value", f"{call} -> {found}"
                continue
            y, z, truth = squares(y, torch.Tensor), squares(z, lucid.Tensor), squares(truth, torch.Tensor)
        if found := compare(z, y, truth, times_of(op), op.name in RANDOM):
            yield "value", f"{call} -> {found}"


def backward(library: Any, call: Callable[[], Any], leaves: list[Any], free: bool, convert: Any) -> Any:
    """Whether each result requires grad, and the gradients of the leaves from fixed random starts."""
    y = call()
    kind = library.Tensor
    outputs = squares(y, kind) if free else tensors(y, kind)
    kept = [t for t in outputs if t.requires_grad]
    rng = np.random.default_rng(0)
    starts = []
    for t in kept:
        start = rng.uniform(0.5, 1.5, tuple(t.shape)) + 1j * rng.uniform(0.5, 1.5, tuple(t.shape))
        starts.append(convert(torch.from_numpy(np.asarray(start if t.is_complex() else start.real))).to(t.dtype))
    flags = [t.requires_grad for t in outputs]
    options = {"allow_unused": True, "materialize_grads": True}
    return flags, list(library.autograd.grad(kept, leaves, starts, **options)) if kept else []


def gradients(op: Any, dtype: Any, most: int) -> Iterator[Difference]:
    """Differences of gradients, by the inputs the derivative is meant for: Hermitian, triangular, normalized."""
    theirs, mine = counterparts(op)
    free = op.name in FREE

    def through(function: Any, a: Any, k: Any) -> Callable[[], Any]:
        return lambda: WRAPPERS.get(op.name, op.gradcheck_wrapper)(function, *a, **k)

    for a, k, call, _ in samples(op, dtype, True, most):
        found = []
        for wide in (False, True):
            wa, wk = fresh(a, wide), fresh(k, wide)
            leaves = [t for t in tensors((wa, wk), torch.Tensor) if t.requires_grad]
            found.append(attempt(backward, (torch, through(theirs, wa, wk), leaves, free, lambda x: x), {}))
        (reference, error), (truth, _) = found
        if error is not None:
            continue
        la, lk = ours(a), ours(k)
        leaves = [t for t in tensors((la, lk), lucid.Tensor) if t.requires_grad]
        result, error = attempt(backward, (lucid, through(mine, la, lk), leaves, free, ours), {})
        if error is not None:
            yield "gradient refused", f"{call} -> {type(error).__name__}: {error}"
        elif result[0] != reference[0]:
            yield "requires_grad", f"{call} -> {result[0]} for {reference[0]}"
        elif op.name not in RANDOM:
            if different := compare(result[1], reference[1], truth and truth[1], times_of(op)):
                yield "gradient", f"{call} -> {different}"


def refusals(op: Any) -> Iterator[Difference]:
    """What PyTorch refuses and lucid takes, or refuses with an error that code for PyTorch would not catch."""
    theirs, mine = counterparts(op)
    torch.manual_seed(0)
    with defined_memory():
        drawn = list(op.error_inputs("cpu")) if op.error_inputs_func else []
    for wrong in drawn:
        sample = wrong.sample_input
        a, k = (sample.input, *sample.args), dict(sample.kwargs)
        _, expected = attempt(theirs, fresh(a), fresh(k))
        if expected is None:
            continue
        call = short(a)[1:-1] + (", " if k else "") + short(k)
        try:
            la, lk = ours(a), ours(k)
        except (NotImplementedError, ValueError):  # a tensor without memory, or of 65 dimensions
            continue
        _, error = attempt(mine, la, lk)
        if error is None:
            yield "accepted", f"{call} -> {type(expected).__name__}: {str(expected).splitlines()[0]}"
        elif not isinstance(error, type(expected)):
            yield "error", f"{call} -> {type(error).__name__} for {type(expected).__name__}: {error}"
