"""Tests of every operation, generated from its record."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest
from ops.record import (
    FLOATS,
    Array,
    Case,
    Record,
    assert_same_bits,
    assert_ulp,
    families,
    start_gradient,
)

import lucid
from lucid import Tensor

RECORDS = families()
THREADS = (1, 2, 3, 8)


def each(condition: Any = lambda r: True) -> Any:
    chosen = [r for r in RECORDS if condition(r)]
    return pytest.mark.parametrize("record", chosen, ids=[r.name for r in chosen])


def differentiable(r: Record) -> bool:
    return r.differentiable


float_types = pytest.mark.parametrize("dtype", FLOATS, ids=["float32", "float64"])


def is_float(a: Array) -> bool:
    return a.dtype.kind == "f"


@each()
@float_types
def test_values(record: Record, dtype: Any) -> None:
    """Every case against the reference, and the dtype of the result."""
    which = FLOATS.index(dtype)
    for case in record.cases:
        arrays = record.draw(case, dtype)
        what = f"{record.name}({case})"
        actual, exact = record.results(arrays, case.params), record.expected(arrays, case.params)
        scale = record.magnitude(arrays, case.params)
        assert len(actual) == len(exact), f"{what}: {len(actual)} results, expected {len(exact)}"
        for a, e in zip(actual, exact):
            assert a.shape == e.shape, f"{what}: shape {a.shape}, expected {e.shape}"
            if is_float(e) and any(map(is_float, arrays)):
                assert a.dtype == dtype, f"{what}: dtype {a.dtype}"
            elif not is_float(e):
                assert a.dtype == e.dtype, f"{what}: dtype {a.dtype}, expected {e.dtype}"
            assert_ulp(a, e, record.ulp[which], scale, record.atol[which], record.elementwise, what)


def swept(r: Record) -> bool:
    return r.elementwise and r.arity == 1 and r.differentiable


def bit_patterns(dtype: Any, domain: tuple[float, float], n: int = 20_000) -> Array:
    """Finite numbers of every magnitude within ``domain``, and those next to the edges of the format."""
    limits = np.finfo(dtype)
    unsigned = np.dtype(f"u{np.dtype(dtype).itemsize}")
    bits = np.random.default_rng(0).integers(0, np.iinfo(unsigned).max, n, unsigned, endpoint=True).view(dtype)
    edges = [limits.smallest_subnormal, limits.smallest_subnormal * 3, limits.smallest_normal, limits.eps, 1 - limits.eps, 1,
             1 + limits.eps, limits.max]  # fmt: skip
    x = np.concatenate(
        [bits, np.linspace(-20, 20, n // 4).astype(dtype), np.array([*edges, *(-e for e in edges)], dtype)]
    )
    return x[np.isfinite(x) & (x >= domain[0]) & (x <= domain[1])]


@each(swept)
@float_types
def test_sweep(record: Record, dtype: Any) -> None:
    """Random bit patterns of the whole domain: values within the bound, no NaN in gradients that are not NaN."""
    which = FLOATS.index(dtype)
    x = bit_patterns(dtype, record.domain)
    for params in record.params:
        (actual,), (exact,) = record.results([x], params), record.expected([x], params)
        assert_ulp(
            actual, exact, record.ulp[which], record.magnitude([x], params), record.atol[which], True, f"{record.name}"
        )
        if record.differentiable and dtype is np.float32:
            (g32,), (g64,) = record.gradients([x], params), record.gradients([x.astype(np.float64)], params)
            wrong = np.isnan(g32) != np.isnan(g64)
            assert not wrong.any(), (
                f"{record.name}: gradient {g32[wrong][0]} at {x[wrong][0]!r}, in float64 {g64[wrong][0]}"
            )


def densely(interval: tuple[float, float], n: int) -> Array:
    """``n`` numbers spaced linearly and ``n`` spaced logarithmically between two bounds, which have one sign or none."""
    low, high = interval
    linear = np.linspace(low, high, n)
    if low * high > 0:
        return np.concatenate([linear, np.copysign(np.geomspace(abs(low), abs(high), n), low)]).astype(np.float32)
    top = max(-low, high)
    spread = np.geomspace(top * 1e-10, top, n)
    return np.concatenate([linear, spread[spread <= high], -spread[spread <= -low]]).astype(np.float32)


@each(lambda r: bool(r.dense))
def test_dense_values(record: Record) -> None:
    """A million float32 inputs."""
    x = np.concatenate([densely(interval, 500_000 // len(record.dense)) for interval in record.dense])
    (actual,), (exact,) = record.results([x], {}), record.expected([x], {})
    assert_ulp(actual, exact, record.ulp[0], None, 0, True, record.name)


@each(lambda r: bool(r.dense_gradient))
def test_dense_gradient(record: Record) -> None:
    """200,000 float32 gradients against the float64 ones, relative to their own magnitude."""
    x = np.concatenate([densely(interval, 100_000 // len(record.dense_gradient)) for interval in record.dense_gradient])
    (actual,), (exact,) = record.gradients([x], {}), record.gradients([x.astype(np.float64)], {})
    assert_ulp(actual, exact, record.grad_ulp, None, 0, False, f"gradient of {record.name}")


@each(lambda r: bool(r.extremes))
@float_types
def test_extremes(record: Record, dtype: Any) -> None:
    """Limits at infinity, zeros, NaN and kinks, exactly."""
    which = FLOATS.index(dtype)
    for params in record.params:
        for at, value, slope in record.extremes:
            x = np.array([at] * 3, dtype)
            what = f"{record.name} at {at}"
            (y,) = record.results([x], params)
            wide = np.full(3, value, np.longdouble)
            assert_ulp(y, wide, max(record.ulp[which], 0.5), None, 0, True, what)
            if slope is not None:
                t = lucid.from_numpy(x).requires_grad_()
                z = record.call(t, **params)
                g = lucid.autograd.grad(z, t, allow_unused=True, materialize_grads=True)[0].numpy()
                sloped = np.full(3, slope, np.longdouble)
                assert_ulp(g, sloped, 4, None, 0, np.isinf(at), f"gradient of {what}")


@each(lambda r: r.elementwise and r.differentiable and r.arity == 1)
def test_extremes_are_listed(record: Record) -> None:
    """An elementwise function says what it does at infinity, at NaN and at zero (unless a parameter moves those)."""
    listed = {str(float(x)) for x, _, _ in record.extremes}
    if len(record.params) == 1 and record.torch != "":
        assert {"inf", "-inf", "nan", "0.0", "-0.0"} <= listed


@each(lambda r: bool(r.examples))
@float_types
def test_examples(record: Record, dtype: Any) -> None:
    """Known results and gradients."""
    for ex in record.examples:
        operands = [np.asarray(o) for o in ex.operands]
        arrays = [o if o.dtype.kind in "ib" else o.astype(dtype) for o in operands]
        what = f"{record.name}({', '.join(map(str, ex.operands))}, {ex.params})"
        inputs = record.tensors(arrays, requires_grad=ex.gradients is not None)
        outputs = record.outputs(inputs, ex.params)
        assert len(outputs) == len(ex.values), what
        for y, value in zip(outputs, ex.values):
            np.testing.assert_allclose(
                np.asarray(y.detach().numpy(), np.float64), value, 1e-6, 1e-30, strict=False, err_msg=what
            )
        if ex.gradients is not None:
            tracked = [x for x in inputs if x.requires_grad]
            found = lucid.autograd.grad([y for y in outputs if y.requires_grad], tracked, materialize_grads=True)
            assert len(found) == len(ex.gradients), what
            for g, e in zip(found, ex.gradients):
                np.testing.assert_allclose(g.numpy(), e, 1e-6, 1e-30, err_msg=f"gradient of {what}")


@each(lambda r: r.shares is not None)
def test_memory_sharing(record: Record) -> None:
    """A view shares its operand's memory, a copy does not."""
    for case in record.cases:
        arrays = record.draw(case, np.float32)
        if arrays[0].size and record.results(arrays, case.params)[0].size:
            shared = np.shares_memory(arrays[0], record.results(arrays, case.params)[0])
            assert shared == record.shares, f"{record.name}({case}) {'shares' if shared else 'copies'} memory"


def small(record: Record, most: int) -> list[Case]:
    """Nonempty cases whose differentiable operands have at most ``most`` elements, without infinities and NaN."""
    found = []
    for case in record.cases:
        arrays = record.draw(case, np.float64)
        sizes = [a.size for i, a in enumerate(arrays) if is_float(a) and i not in record.fixed]
        if 0 < sum(sizes) <= most and min(sizes) > 0:
            if all(np.isfinite(a).all() for a in [*arrays, *record.results(arrays, case.params)]):
                found.append(case)
    assert found, f"{record.name}: no case is small enough to check its gradient"
    return found


@each(differentiable)
def test_gradcheck(record: Record) -> None:
    """First derivatives against central differences in float64."""
    for case in small(record, 80):
        inputs = record.tensors(record.draw(case, np.float64), requires_grad=True)
        try:
            lucid.autograd.gradcheck(lambda *xs: record.call(*xs, **case.params), inputs, rtol=1e-6, atol=1e-7)  # noqa: B023
        except RuntimeError as error:
            raise AssertionError(f"{record.name}({case}): {error}") from None


@each(lambda r: r.twice)
def test_gradgradcheck(record: Record) -> None:
    """Second derivatives against differences of first derivatives in float64."""
    for case in small(record, 30)[:6]:
        arrays = record.draw(case, np.float64)
        plain, recorded = (record.gradients(arrays, case.params, create_graph) for create_graph in (False, True))
        for p, r in zip(plain, recorded):  # which may come from another formula
            np.testing.assert_allclose(
                r, p, 1e-9, 1e-11, err_msg=f"{record.name}({case}): gradient with create_graph=True"
            )
        inputs = record.tensors(record.draw(case, np.float64), requires_grad=True)
        try:
            lucid.autograd.gradgradcheck(lambda *xs: record.call(*xs, **case.params), inputs, rtol=1e-6, atol=1e-7)  # noqa: B023
        except RuntimeError as error:
            raise AssertionError(f"{record.name}({case}): {error}") from None


@each(differentiable)
def test_float32_gradient(record: Record) -> None:
    """Gradients in float32 against those in float64 at the same numbers."""
    eps = float(np.finfo(np.float32).eps)
    for case in record.cases:
        arrays = record.draw(case, np.float32)
        exact = record.gradients([a.astype(np.float64) if is_float(a) else a for a in arrays], case.params)
        for a, e in zip(record.gradients(arrays, case.params), exact):
            assert a.dtype == np.float32 and a.shape == e.shape
            floor = np.max(np.abs(e), initial=0) if record.grad_floor is None else record.grad_floor
            with np.errstate(invalid="ignore"):
                error = np.abs(a - e) / (eps * np.maximum(np.abs(e), max(floor, np.finfo(np.float32).smallest_normal)))
            worst = np.max(np.where(a == e, 0, error), initial=0)
            assert worst <= record.grad_ulp, (
                f"{record.name}({case}): gradient off by {worst:.3g} eps, allowed {record.grad_ulp}"
            )


def everything(record: Record, arrays: list[Array], case: Case) -> list[Array]:
    """Results, and gradients where there are any."""
    found = record.results(arrays, case.params)
    if record.differentiable and any(is_float(a) and i not in record.fixed for i, a in enumerate(arrays)):
        found += record.gradients(arrays, case.params)
    return found


def transposed(a: Array) -> Array:
    return np.asfortranarray(a) if a.ndim > 1 else strided(a)


def strided(a: Array) -> Array:
    """The values of ``a``, every second element of a larger array along each dimension."""
    wide = np.ones([2 * n + 1 for n in a.shape], a.dtype)
    view = wide[(*(slice(1, 2 * n + 1, 2) for n in a.shape), ...)]
    view[...] = a
    return view


def read_only(a: Array) -> Array:
    a = a.copy()
    a.flags.writeable = False
    return a


@each()
def test_memory_layouts(record: Record) -> None:
    """Transposed, strided and read-only operands give the bits that contiguous ones give, and none is written to."""
    for case in record.cases:
        arrays = record.draw(case, np.float32)
        expected = everything(record, arrays, case)
        for layout in (transposed, strided, read_only) if record.layouts else (read_only,):
            operands = [layout(a) for a in arrays]
            for found, e in zip(everything(record, operands, case), expected):
                assert_same_bits(found, e, f"{record.name}({case}) with {layout.__name__} operands")
            for i, (before, after) in enumerate(zip(arrays, operands)):
                assert_same_bits(after, before, f"operand {i} of {record.name}({case}) after the call")


@each(lambda r: bool(r.large))
def test_thread_count_does_not_change_bits(record: Record) -> None:
    for case in record.large:
        arrays = record.draw(case, np.float32)
        lucid.set_num_threads(1)
        expected = everything(record, arrays, case)
        for threads in THREADS[1:]:
            lucid.set_num_threads(threads)
            for found, e in zip(everything(record, arrays, case), expected):
                assert_same_bits(found, e, f"{record.name}({case}) with {threads} threads")


@each(lambda r: r.elementwise and not any(isinstance(o, np.ndarray) for c in r.cases for o in c.operands))
@float_types
def test_position_does_not_change_bits(record: Record, dtype: Any) -> None:
    """Element k of f(x) has the bits of f(x[k]), in arrays of any length."""
    for params in record.params:
        case = Case(((1000,),) * record.arity, params)
        arrays = record.draw(case, dtype)
        whole = everything(record, arrays, case)
        for k in (0, 1, 2, 3, 7, 8, 15, 16, 17, 31, 63, 64, 500, 991, 998, 999):
            for found, e in zip(record.results([a[k : k + 1] for a in arrays], params), whole):
                assert_same_bits(found, e[k : k + 1], f"{record.name} of element {k} alone")
        for n in (1, 3, 15, 31, 63, 65, 127, 999):
            for found, e in zip(everything(record, [a[:n] for a in arrays], case), whole):
                assert_same_bits(found, e[:n], f"{record.name} of the first {n}")
            for found, e in zip(record.results([a[n:] for a in arrays], params), whole):
                assert_same_bits(found, e[n:], f"{record.name} from element {n}")


@each(lambda r: bool(r.batch))
def test_batch_size_does_not_change_bits(record: Record) -> None:
    """A sample's result, and its gradient, has the same bits alone and in a batch."""
    checked = 0
    for case in (*record.cases, *record.large):
        arrays = record.draw(case, np.float32)
        count = {arrays[i].shape[0] for i in record.batch if arrays[i].ndim}
        if not case.batched or len(count) != 1 or count <= {0, 1}:
            continue
        checked += 1
        whole, gradients = record.results(arrays, case.params), []
        if record.differentiable and 0 in record.batch and is_float(arrays[0]):
            gradients = batch_gradients(record, arrays, case)
        for k in {0, count.copy().pop() - 1}:
            one = [a[k : k + 1] if i in record.batch else a for i, a in enumerate(arrays)]
            for found, e in zip(record.results(one, case.params), whole):
                assert_same_bits(found, e[k : k + 1], f"{record.name}({case}): sample {k} alone")
            if gradients:
                starts = [g[k : k + 1] for g in gradients[1:]]
                assert_same_bits(
                    batch_gradients(record, one, case, starts)[0],
                    gradients[0][k : k + 1],
                    f"gradient of {record.name}({case})",
                )
    assert checked, f"{record.name}: no case with a batch"


def batch_gradients(record: Record, arrays: list[Array], case: Case, starts: list[Array] | None = None) -> list[Array]:
    """The gradient of the first operand, followed by the gradients of the results it was computed from."""
    inputs = record.tensors(arrays, requires_grad=True)
    outputs = [y for y in record.outputs(inputs, case.params) if isinstance(y, Tensor) and y.requires_grad]
    starts = [start_gradient(y.shape).astype(np.float32) for y in outputs] if starts is None else starts
    (g,) = lucid.autograd.grad(outputs, inputs[0], [lucid.from_numpy(s) for s in starts])
    return [g.numpy(), *starts]


def integer_case(record: Record) -> Case:
    case = record.cases[0]
    for candidate in record.cases:
        if any(not isinstance(o, np.ndarray) and o and int(np.prod(o)) > 0 for o in candidate.operands):
            return candidate
    return case


@each(lambda r: bool(r.integer))
@pytest.mark.parametrize("dtype", ["int64", "int32", "uint8"])
def test_integer_operands(record: Record, dtype: str) -> None:
    """Integers give the dtype PyTorch gives and the values of the reference, or a clear refusal."""
    case = integer_case(record)
    arrays = [(np.abs(a) + 1).astype(dtype) if is_float(a) else a for a in record.draw(case, np.float64)]
    if any(not isinstance(o, np.ndarray) for o in case.operands) is False:
        arrays = [a.astype(dtype) if a.dtype.kind in "iu" else a for a in record.draw(case, np.float64)]
    if record.integer.startswith("!"):
        with pytest.raises((RuntimeError, TypeError), match=record.integer[1:]):
            record.results(arrays, case.params)
        return
    results = record.results(arrays, case.params)
    wide = [a.astype(np.float64) if a.dtype.kind in "iu" and record.integer == "float" else a for a in arrays]
    exact = record.expected(wide, case.params)
    for y, e in zip(results, exact):
        flags = "uint8" if dtype == "uint8" else "bool"
        wanted = {"same": arrays[0].dtype, "float": np.float32, "bool but of uint8": flags}.get(
            record.integer, record.integer
        )
        assert y.dtype == wanted, f"{record.name}: {dtype} gives {y.dtype}, expected {wanted}"
        assert_ulp(y, e, max(2, record.ulp[0]), None, 1e-6 if is_float(y) else 0, False, f"{record.name} of {dtype}")


def named(r: Record) -> str:
    return r.name if r.call is getattr(lucid, r.name, None) else ""


@each(lambda r: hasattr(Tensor, f"{named(r) or '-'}_"))
def test_in_place_form(record: Record) -> None:
    """x.f_(...) gives the bits of f(x, ...) in the memory of x, and the same gradients."""
    for case in record.cases[:12]:
        arrays = record.draw(case, np.float32)
        (expected,) = record.results(arrays, case.params)
        if expected.shape != arrays[0].shape or expected.dtype != arrays[0].dtype:
            continue
        x, *rest = record.tensors([a.copy() for a in arrays])
        pointer = x.data_ptr()
        assert getattr(x, f"{record.name}_")(*rest, **case.params) is x and x.data_ptr() == pointer
        assert_same_bits(x.numpy(), expected, f"{record.name}_({case})")
        if record.differentiable:
            wanted = record.gradients(arrays, case.params)
            leaves = record.tensors(arrays, requires_grad=True)
            y = getattr(leaves[0].clone(), f"{record.name}_")(*leaves[1:], **case.params)
            tracked = [t for t in leaves if t.requires_grad]
            start = lucid.from_numpy(start_gradient(y.shape).astype(np.float32))
            for g, e in zip(lucid.autograd.grad(y, tracked, start, materialize_grads=True), wanted):
                assert_same_bits(g.numpy(), e, f"gradient of {record.name}_({case})")


def takes_out(r: Record) -> bool:
    return bool(named(r)) and "out" in inspect.signature(r.call, follow_wrapped=False).parameters


@each(takes_out)
def test_out_argument(record: Record) -> None:
    """f(..., out=y) writes the result into y and returns it; y gets its shape, with a warning unless it was empty."""
    for case in record.cases[:8]:
        arrays = record.draw(case, np.float32)
        first, *rest = record.results(arrays, case.params)
        if rest:
            outs = tuple([lucid.from_numpy(np.empty_like(e)) for e in (first, *rest)])
            found = record.call(*record.tensors(arrays), **case.params, out=outs)
            for y, out, e in zip(found, outs, (first, *rest), strict=True):
                assert y is out
                assert_same_bits(out.numpy(), e, f"{record.name}({case}, out=...)")
            continue
        expected = first
        out = lucid.from_numpy(np.empty_like(expected))
        assert record.call(*record.tensors(arrays), **case.params, out=out) is out
        assert_same_bits(out.numpy(), expected, f"{record.name}({case}, out=...)")
        empty = lucid.from_numpy(np.empty(0, expected.dtype))
        assert record.call(*record.tensors(arrays), **case.params, out=empty) is empty
        assert_same_bits(empty.numpy(), expected, f"{record.name}({case}, out=an empty tensor)")
        wrong = lucid.from_numpy(np.empty((*[n + 1 for n in expected.shape], 2), expected.dtype))
        with pytest.warns(UserWarning, match=f"{record.name}: an output with one or more elements was resized"):
            assert record.call(*record.tensors(arrays), **case.params, out=wrong) is wrong
        assert_same_bits(wrong.numpy(), expected, f"{record.name}({case}, out=a tensor of another shape)")


@each(lambda r: bool(named(r)) and hasattr(Tensor, r.name))
def test_method(record: Record) -> None:
    """The method of that name is the same function."""
    assert getattr(Tensor, record.name) is record.call
