"""Which dtype comes out of two or three operands of different dtypes, and of reductions with ``dtype=``: PyTorch's."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import lucid

DTYPES = (
    "bool_", "uint8", "int8", "int16", "int32", "int64", "float16", "bfloat16", "float32", "float64", "complex64", "complex128",
)  # fmt: skip
NUMBERS = (True, 2, 1.5, 1 + 1j)
SHAPES: tuple[tuple[int, ...], ...] = ((2,), ())
TWO = (
    "add sub mul div floor_divide remainder fmod pow float_power maximum minimum fmax fmin atan2 hypot logaddexp logaddexp2 "
    "copysign nextafter heaviside ldexp xlogy gcd lcm bitwise_and bitwise_or bitwise_xor bitwise_left_shift "
    "bitwise_right_shift logical_and logical_or logical_xor eq lt isclose rsub outer dot matmul dist igamma complex polar "
    "searchsorted bucketize isin"
).split()
THREE = ("addcmul", "addcdiv", "lerp", "clamp")
REDUCTIONS = (
    "sum prod mean nansum nanmean cumsum cumprod softmax log_softmax norm std var amax argmax count_nonzero median logsumexp"
).split()
# Where lucid differs on purpose, or refuses in one line what PyTorch takes.
WITHOUT_COMPLEX = {"ldexp", "logaddexp", "dist", "logsumexp"}


def made(library: Any, dtype: str, shape: tuple[int, ...]) -> Any:
    return library.ones(shape, dtype=getattr(library, "bool" if dtype == "bool_" and library is not lucid else dtype))


Call = tuple[str, Callable[[Any, Any], Any]]


def calls_of_two() -> Iterator[Call]:
    """What is called, and with what, of a library."""
    for a in DTYPES:
        for b in DTYPES:
            for first in SHAPES:
                for second in SHAPES:
                    yield (
                        f"{a}{first}, {b}{second}",
                        lambda t, f, a=a, b=b, first=first, second=second: f(made(t, a, first), made(t, b, second)),
                    )
        for n in NUMBERS:
            for shape in SHAPES:
                yield f"{a}{shape}, {n}", lambda t, f, a=a, n=n, shape=shape: f(made(t, a, shape), n)
                yield f"{n}, {a}{shape}", lambda t, f, a=a, n=n, shape=shape: f(n, made(t, a, shape))


def calls_of_three() -> Iterator[Call]:
    for a in DTYPES:
        for b in DTYPES:
            for first, second in ((SHAPES[0], SHAPES[0]), SHAPES, SHAPES[::-1]):
                yield (
                    f"{a}{first}, {b}{second}, {b}{second}",
                    lambda t, f, a=a, b=b, first=first, second=second: f(
                        made(t, a, first), made(t, b, second), made(t, b, second)
                    ),
                )
        for n in NUMBERS:
            yield f"{a}, {a}, {n}", lambda t, f, a=a, n=n: f(made(t, a, (2,)), made(t, a, (2,)), n)
            yield f"{a}, {n}, {n}", lambda t, f, a=a, n=n: f(made(t, a, (2,)), n, n)


def calls_of_reductions() -> Iterator[Call]:
    for a in DTYPES:
        for asked in (None, *DTYPES):
            for dims in ((), (0,)):
                for shape in ((2, 2), ()):

                    def call(
                        t: Any, f: Any, a: str = a, asked: Any = asked, dims: Any = dims, shape: Any = shape
                    ) -> Any:
                        name = "bool" if asked == "bool_" and t is not lucid else asked
                        return f(made(t, a, shape), *dims, **({} if asked is None else {"dtype": getattr(t, name)}))

                    yield f"{a}{shape}, {dims}, dtype={asked}", call


GROUPS = [(n, calls_of_two) for n in TWO] + [(n, calls_of_three) for n in THREE]
GROUPS += [(n, calls_of_reductions) for n in REDUCTIONS]


@pytest.mark.parity
@pytest.mark.parametrize("name,calls", GROUPS, ids=[n for n, _ in GROUPS])
def test_as_pytorch(name: str, calls: Callable[[], Iterator[Call]]) -> None:
    torch = pytest.importorskip("torch")
    own, theirs, wrong = getattr(lucid, name), getattr(torch, name), []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for what, call in calls():
            try:
                expected = call(torch, theirs)
            except (RuntimeError, TypeError, ValueError, IndexError, NotImplementedError):
                continue  # what PyTorch refuses is not promised
            kind = str(getattr(expected, "dtype", "")).removeprefix("torch.")
            if (
                not kind
                or kind == "complex32"
                or (name in WITHOUT_COMPLEX and ("complex" in what + kind or "j" in what))
            ):
                continue
            if name == "ldexp" and "float64()" in what:
                continue  # 2^y of integers is float32 there, and float64 in PyTorch
            if name == "lerp" and "bool_" in what:
                continue  # a difference of bools, which `sub` refuses
            try:
                found = call(lucid, own).dtype.name
            except (RuntimeError, TypeError, ValueError) as error:
                found = str(error)
            if found != kind:
                wrong.append(f"{name}({what}): {found}, not {kind}")
    assert not wrong, wrong[:5]


def test_the_first_operand_decides_what_is_written_into_it() -> None:
    for dtype in (lucid.float16, lucid.bfloat16, lucid.float64):
        x, y = lucid.zeros(2, 2, dtype=dtype), lucid.ones(2)
        assert lucid.select_scatter(x, y, 0, 0).dtype is lucid.diagonal_scatter(x, y).dtype is dtype
        assert lucid.index_fill(x, 0, lucid.tensor([0]), lucid.tensor(1.0)).dtype is dtype


def test_numbers_of_numpy_and_tensors_are_sizes() -> None:
    import numpy as np

    x = lucid.ones(2, 3)
    for one in (1, np.int64(1), lucid.tensor(1)):
        assert x.sum_to_size(2, one).tolist() == [[3], [3]]
        assert lucid.multinomial(lucid.ones(3), one).shape == (1,)
    assert lucid.rand_like(lucid.tensor(0.5, dtype=lucid.float16)).shape == ()
    assert lucid.linalg.vander(lucid.tensor(2.0), N=np.int64(3)).tolist() == [[1, 2, 4]]


def test_complex_numbers_into_a_real_dtype() -> None:
    z = lucid.tensor([1 + 2j, 3 - 1j])
    with pytest.warns(UserWarning, match="Casting complex values to real discards the imaginary part"):
        assert z.sum(dtype=lucid.float32).item() == 4 and lucid.cumsum(z, 0, dtype=lucid.int64).tolist() == [1, 4]
