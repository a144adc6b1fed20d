"""The declarative record of an operation, from which `test_records.py` generates its tests.

An operand of a case is a shape, filled with numbers from the record's ``span``, or an array that is used as it is.
Floating-point operands are differentiated unless the record lists them as ``fixed``; integer and bool ones never are.

References work on any NumPy floating type: results in float32 are compared with float64, results in float64 with
``np.longdouble``, so that the reference adds no error of its own where the platform has extended precision.
"""

from __future__ import annotations

import warnings
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

import lucid
from lucid import Tensor

Shape = tuple[int, ...]
Array = np.ndarray

inf, nan = float("inf"), float("nan")
FLOATS = (np.float32, np.float64)
WIDER = {np.dtype(np.float32): np.dtype(np.float64), np.dtype(np.float64): np.dtype(np.longdouble)}
LENGTHS = (1, 3, 63, 64, 65, 1000, 4097)
LONG = 70_001  # several blocks for each of 8 threads (elementwise kernels take 16384 elements per thread)


@dataclass(frozen=True)
class Case:
    """Operands and keyword arguments of one call."""

    operands: tuple[Shape | Array, ...]
    params: dict[str, Any] = field(default_factory=dict)
    batched: bool = True

    def __str__(self) -> str:
        parts = [f"{o.dtype}{o.shape}" if isinstance(o, np.ndarray) else str(o) for o in self.operands]
        return ", ".join(parts + [f"{k}={v!r}" for k, v in self.params.items()])


def case(*operands: Shape | Array, **params: Any) -> Case:
    return Case(operands, params)


def sample(*operands: Shape | Array, **params: Any) -> Case:
    """A case without a batch dimension."""
    return Case(operands, params, False)


@dataclass(frozen=True)
class Example:
    """Operands with known results and gradients (of the sum of all results)."""

    operands: tuple[Any, ...]
    params: dict[str, Any]
    values: tuple[Any, ...]
    gradients: tuple[Any, ...] | None


def example(*operands: Any, value: Any, grad: Any = None, **params: Any) -> Example:
    """``value`` and ``grad`` are tuples where there are several results or gradients."""
    values = value if isinstance(value, tuple) else (value,)
    return Example(operands, params, values, grad if isinstance(grad, tuple) or grad is None else (grad,))


def elementwise_cases(arity: int, params: Sequence[dict[str, Any]] = ({},)) -> tuple[Case, ...]:
    """Every length, 0-d, empty and, for more operands, broadcast against each other."""
    shapes: list[tuple[Shape, ...]] = [(s,) * arity for s in [(), (0,), (2, 0, 3), (2, 3), *((n,) for n in LENGTHS)]]
    if arity > 1:
        first, second = [(2, 3), (3,), (2, 1), (), (5, 1, 7), (2, 0)], [(3,), (2, 3), (1, 3), (3,), (1, 6, 1), (1, 1)]
        shapes += [(a, b, *([a] * (arity - 2))) for a, b in zip(first, second)]
    return tuple(Case(s, p) for p in params for s in shapes)


@dataclass(frozen=True)
class Record:
    """One operation.

    Attributes:
        name: unique; the method and PyTorch's function of that name are compared with it where they exist.
        call: takes Tensors (and the case's keyword arguments), returns a Tensor or a tuple of them.
        reference: the same on NumPy arrays, in whatever precision they come.
        span: interval of each floating-point operand in the cases (the last one repeats).
        cases: what to call it with; for elementwise operations `elementwise_cases` unless given.
        params: keyword arguments crossed with the shapes of an elementwise operation.
        large: cases big enough to be threaded.
        domain: interval over which an elementwise function of one operand is swept by random bit patterns.
        dense: intervals sampled at a million points in float32: where a function is hardest to get right.
        dense_gradient: the same for its gradient, which has no root there: within ``grad_ulp`` of its own magnitude.
        ulp: largest error of (float32, float64) results in units in the last place.
        scale: (arguments of the reference) -> magnitude the ulp is measured at, where it is not the result's own.
        atol: further error allowed to (float32, float64).
        why: the reason for ``scale``, ``atol`` or an ulp bound above 8.
        extremes: rows (input, value, gradient) checked exactly up to ``ulp``; gradient None where there is none.
        kinks: inputs that draws keep away from, because differences do not see the gradient there.
        differentiable: has a gradient that differences confirm.
        twice: the gradient itself has one; as ``differentiable`` unless given.
        fixed: positions of floating-point operands without gradient.
        grad_ulp: largest error of a float32 gradient, in eps * max(|gradient|, grad_floor).
        grad_floor: see there; None means the largest gradient of the operand.
        elementwise: element k of the result depends on element k of the operands alone.
        examples: operands with known results and gradients, for what the reference cannot show: ties, zeros, repeats.
        shares: whether the first result shares memory with the first operand (None: not promised).
        layouts: takes operands of any memory layout (False: a view that must refuse some).
        batch: operands whose first dimension is a batch: results of samples do not depend on each other.
        integer: dtype of the result for integer operands: a name, "same", "bool but of uint8", "float" (the default
            type), "" where the operands cannot be integers, or "!" and the message of the refusal.
        covers: public functions this record stands for; ``call`` unless given.
        torch: PyTorch's counterpart, by its name (that of the record unless given), or a function of the module torch and the
            operands; "" where there is none.
    """

    name: str
    call: Callable[..., Any]
    reference: Callable[..., Any]
    span: tuple[tuple[float, float], ...] = ((-3.0, 3.0),)
    cases: tuple[Case, ...] = ()
    params: tuple[dict[str, Any], ...] = ({},)
    large: tuple[Case, ...] = ()
    domain: tuple[float, float] = (-inf, inf)
    dense: tuple[tuple[float, float], ...] = ()
    dense_gradient: tuple[tuple[float, float], ...] = ()
    ulp: tuple[float, float] = (2, 2)
    scale: Callable[..., Any] | None = None
    atol: tuple[float, float] = (0.0, 0.0)
    why: str = ""
    extremes: tuple[tuple[float, float, float | None], ...] = ()
    kinks: tuple[float, ...] = ()
    differentiable: bool = True
    twice: bool | None = None
    fixed: tuple[int, ...] = ()
    grad_ulp: float = 8
    grad_floor: float | None = 0.0
    elementwise: bool = True
    arity: int = 1
    examples: tuple[Example, ...] = ()
    shares: bool | None = None
    layouts: bool = True
    batch: tuple[int, ...] = ()
    integer: str = "float"
    covers: tuple[Any, ...] = ()
    torch: str | Callable[..., Any] | None = None

    def __post_init__(self) -> None:
        if not self.cases:
            assert self.elementwise, f"{self.name}: cases missing"
            object.__setattr__(self, "cases", elementwise_cases(self.arity, self.params))
            object.__setattr__(self, "large", tuple(Case(((LONG,),) * self.arity, p) for p in self.params))
        if self.twice is None:
            object.__setattr__(self, "twice", self.differentiable)
        if not self.covers:
            object.__setattr__(self, "covers", (self.call,))
        loose = self.scale is not None or any(self.atol) or max(self.ulp) > 8 or self.grad_floor
        assert self.why or not loose, f"{self.name}: a looser bound needs its reason"

    def draw(self, case: Case, dtype: Any) -> list[Array]:
        """The operands: the same numbers every time, and in both types up to rounding."""
        rng = np.random.default_rng(zlib.crc32(f"{self.name} {case}".encode()))
        arrays = []
        for i, operand in enumerate(case.operands):
            if isinstance(operand, np.ndarray):
                arrays.append(operand.astype(dtype) if operand.dtype.kind == "f" else operand)
                continue
            low, high = self.span[min(i, len(self.span) - 1)]
            x = rng.uniform(low, high, operand)
            for kink in self.kinks:
                x = np.where(np.abs(x - kink) < 0.05, kink + np.copysign(0.05, x - kink), x)
            arrays.append(np.asarray(x, dtype))
        return arrays

    def expected(self, arrays: Sequence[Array], params: dict[str, Any]) -> list[Array]:
        """The reference's results in the wider type."""
        wide = [a.astype(WIDER[a.dtype]) if a.dtype.kind == "f" else a for a in arrays]
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # NumPy's remarks on empty means
            return [np.asarray(y) for y in as_sequence(self.reference(*wide, **params))]

    def magnitude(self, arrays: Sequence[Array], params: dict[str, Any]) -> Array | None:
        if self.scale is None:
            return None
        wide = [a.astype(WIDER[a.dtype]) if a.dtype.kind == "f" else a for a in arrays]
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            return np.abs(np.asarray(self.scale(*wide, **params)))

    def tensors(self, arrays: Sequence[Array], requires_grad: bool = False) -> list[Tensor]:
        """Tensors over the arrays' memory."""
        made = [lucid.from_numpy(a) for a in arrays]
        if requires_grad:
            for i, x in enumerate(made):
                if x.is_floating_point() and i not in self.fixed:
                    x.requires_grad = True
        return made

    def results(self, arrays: Sequence[Array], params: dict[str, Any]) -> list[Array]:
        """The results as arrays, without recording."""
        with lucid.no_grad():
            return [
                y.numpy() if isinstance(y, Tensor) else np.asarray(y)
                for y in self.outputs(self.tensors(arrays), params)
            ]

    def outputs(self, inputs: Sequence[Tensor], params: dict[str, Any]) -> list[Any]:
        return as_sequence(self.call(*inputs, **params))

    def gradients(self, arrays: Sequence[Array], params: dict[str, Any], create_graph: bool = False) -> list[Array]:
        """Gradients of every differentiable operand for fixed pseudo-random gradients in [0.5, 1.5] of the results."""
        inputs = self.tensors(arrays, requires_grad=True)
        outputs = [y for y in self.outputs(inputs, params) if y.requires_grad]
        leaves = [x for x in inputs if x.requires_grad]
        starts = [lucid.from_numpy(start_gradient(y.shape).astype(y.dtype.numpy)) for y in outputs]
        found = lucid.autograd.grad(outputs, leaves, starts, create_graph=create_graph, materialize_grads=True)
        return [g.numpy(force=True) for g in found]


def start_gradient(shape: Shape) -> Array:
    """Numbers in [0.5, 1.5] with few bits, so that both types start from the same; element k depends on k alone."""
    k = np.arange(int(np.prod(shape)))
    return (0.5 + (k * 37 % 64) / 64).reshape(shape)


def as_sequence(y: Any) -> list[Any]:
    return list(y) if isinstance(y, (tuple, list)) else [y]


def assert_ulp(
    actual: Array, exact: Array, ulp: float, scale: Array | None, atol: float, signed_zero: bool, what: str
) -> None:
    """``actual`` is ``exact`` rounded, give or take ``ulp`` units in the last place at ``scale`` (or ``exact``)."""
    __tracebackhide__ = True
    if actual.dtype.kind != "f":
        np.testing.assert_array_equal(actual, exact, what)
        return
    limits = np.finfo(actual.dtype)
    with np.errstate(all="ignore"):
        rounded = exact.astype(actual.dtype)
        size = rounded if scale is None else np.maximum(scale, np.abs(exact)).astype(actual.dtype)
        step = np.spacing(np.minimum(np.abs(size), np.nextafter(limits.max, 0))).astype(exact.dtype)
        bound = ulp * step + atol
        # A result may overflow, or not, within the bound of the largest number.
        top = exact.dtype.type(limits.max)
        error = np.abs(np.clip(actual.astype(exact.dtype), -top, top) - np.clip(exact, -top, top))
        good = np.where(np.isnan(exact) | np.isnan(actual), np.isnan(exact) & np.isnan(actual), error <= bound)
        good &= ~(np.isinf(exact) & np.isfinite(actual))
        if signed_zero:
            good &= ~((exact == 0) & (np.signbit(exact) != np.signbit(actual)))
    if not good.all():
        k = tuple(np.argwhere(~good)[0])
        worst = np.max(np.where(np.isfinite(error), error / step, 0))
        raise AssertionError(
            f"{what}: {np.count_nonzero(~good)} of {good.size} wrong, first at {k}: "
            f"{actual[k]!r} for {exact[k]!r}; worst error {worst:.3g} ulp, allowed {ulp} (+ {atol:g})"
        )


def assert_same_bits(actual: Array, expected: Array, what: str) -> None:
    __tracebackhide__ = True
    assert actual.shape == expected.shape and actual.dtype == expected.dtype, (
        f"{what}: {actual.dtype}{actual.shape} instead of {expected.dtype}{expected.shape}"
    )
    a, e = (np.ascontiguousarray(v).view(f"u{v.itemsize}") for v in (actual, expected))
    if not np.array_equal(a, e):
        k = tuple(np.argwhere(a != e)[0])
        raise AssertionError(
            f"{what}: {np.count_nonzero(a != e)} of {a.size} differ, first at {k}: {actual[k]!r}, {expected[k]!r}"
        )


def families() -> list[Record]:
    """Every record of every family."""
    import importlib

    own = {"__init__", "record", "references"}
    names = sorted(
        {path.stem for path in Path(__file__).parent.glob("*.py") if not path.stem.startswith("test_")} - own
    )
    found = [r for name in names for r in importlib.import_module(f"ops.{name}").RECORDS]
    repeated = {r.name for r in found if sum(r.name == other.name for other in found) > 1}
    assert not repeated, f"records share a name: {sorted(repeated)}"
    return found
