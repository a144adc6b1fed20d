"""Which dtype an operation on several dtypes gives: PyTorch's rules, written out."""

from __future__ import annotations

from typing import Any

import pytest

import lucid

NAMES = ("uint8", "int8", "int16", "int32", "int64", "float16", "bfloat16", "float32", "float64", "bool")
SHORT = {
    "u8": "uint8",
    "i8": "int8",
    "i16": "int16",
    "i32": "int32",
    "i64": "int64",
    "f16": "float16",
    "bf16": "bfloat16",
    "f32": "float32",
    "f64": "float64",
    "b": "bool",
}

# Two tensors with dimensions (or two without).
TENSORS = """
      u8   i8   i16  i32  i64  f16  bf16 f32  f64  b
u8    u8   i16  i16  i32  i64  f16  bf16 f32  f64  u8
i8    i16  i8   i16  i32  i64  f16  bf16 f32  f64  i8
i16   i16  i16  i16  i32  i64  f16  bf16 f32  f64  i16
i32   i32  i32  i32  i32  i64  f16  bf16 f32  f64  i32
i64   i64  i64  i64  i64  i64  f16  bf16 f32  f64  i64
f16   f16  f16  f16  f16  f16  f16  f32  f32  f64  f16
bf16  bf16 bf16 bf16 bf16 bf16 f32  bf16 f32  f64  bf16
f32   f32  f32  f32  f32  f32  f32  f32  f32  f64  f32
f64   f64  f64  f64  f64  f64  f64  f64  f64  f64  f64
b     u8   i8   i16  i32  i64  f16  bf16 f32  f64  b
"""
# A tensor with dimensions (rows) and one without (columns): the second counts only with a higher category.
ZERO_DIM = """
      u8   i8   i16  i32  i64  f16  bf16 f32  f64  b
u8    u8   u8   u8   u8   u8   f16  bf16 f32  f64  u8
i8    i8   i8   i8   i8   i8   f16  bf16 f32  f64  i8
i16   i16  i16  i16  i16  i16  f16  bf16 f32  f64  i16
i32   i32  i32  i32  i32  i32  f16  bf16 f32  f64  i32
i64   i64  i64  i64  i64  i64  f16  bf16 f32  f64  i64
f16   f16  f16  f16  f16  f16  f16  f16  f16  f16  f16
bf16  bf16 bf16 bf16 bf16 bf16 bf16 bf16 bf16 bf16 bf16
f32   f32  f32  f32  f32  f32  f32  f32  f32  f32  f32
f64   f64  f64  f64  f64  f64  f64  f64  f64  f64  f64
b     u8   i8   i16  i32  i64  f16  bf16 f32  f64  b
"""
# A tensor of any number of dimensions and a Python number.
SCALARS = """
      bool int  float
u8    u8   u8   f32
i8    i8   i8   f32
i16   i16  i16  f32
i32   i32  i32  f32
i64   i64  i64  f32
f16   f16  f16  f16
bf16  bf16 bf16 bf16
f32   f32  f32  f32
f64   f64  f64  f64
b     b    i64  f32
"""
PYTHON: dict[str, Any] = {"bool": True, "int": 2, "float": 1.5}


def table(text: str) -> list[tuple[str, str, str]]:
    head, *rows = [line.split() for line in text.strip().splitlines()]
    return [
        (SHORT[row[0]], SHORT.get(column, column), SHORT[cell]) for row in rows for column, cell in zip(head, row[1:])
    ]


def full(name: str, shape: tuple[int, ...], library: Any = lucid) -> Any:
    return (
        library.ones(*shape, dtype=getattr(library, name)) if shape else library.tensor(1, dtype=getattr(library, name))
    )


def of(name: str) -> lucid.dtype:
    return getattr(lucid, "bool_" if name == "bool" else name)


@pytest.mark.parametrize("a,b,expected", table(TENSORS))
def test_tensors(a: str, b: str, expected: str) -> None:
    assert lucid.promote_types(of(a), of(b)) is of(expected)
    for shape in ((2,), ()):
        x, y = full(a, shape), full(b, shape)
        assert (
            lucid.result_type(x, y) is (x * y).dtype is lucid.cat([full(a, (2,)), full(b, (2,))]).dtype is of(expected)
        )
        assert lucid.where(lucid.tensor([True, False]), x, y).dtype is of(expected)


@pytest.mark.parametrize("a,b,expected", table(ZERO_DIM))
def test_tensors_without_dimensions(a: str, b: str, expected: str) -> None:
    x, y = full(a, (2,)), full(b, ())
    assert lucid.result_type(x, y) is lucid.result_type(y, x) is (x * y).dtype is (y * x).dtype is of(expected)


@pytest.mark.parametrize("a,kind,expected", table(SCALARS))
def test_python_numbers(a: str, kind: str, expected: str) -> None:
    for shape in ((2,), ()):
        x = full(a, shape)
        assert (
            lucid.result_type(x, PYTHON[kind]) is (x * PYTHON[kind]).dtype is (PYTHON[kind] * x).dtype is of(expected)
        )


@pytest.mark.parametrize("name", NAMES)
def test_division_gives_floats(name: str) -> None:
    expected = of(name) if "float" in name else lucid.float32
    x = full(name, (2,))
    assert (x / x).dtype is (x / 2).dtype is (2 / x).dtype is expected


@pytest.mark.parametrize("name", NAMES)
def test_comparisons_give_bools(name: str) -> None:
    x = full(name, (2,))
    assert (x == x).dtype is (x < 2).dtype is (x >= 0.5).dtype is lucid.bool_


@pytest.mark.parametrize("name", NAMES)
def test_sums_of_integers_are_int64(name: str) -> None:
    expected = of(name) if "float" in name else lucid.int64
    x = full(name, (2,))
    assert x.sum().dtype is x.sum(0).dtype is x.prod().dtype is x.cumsum(0).dtype is expected
    assert x.amax().dtype is x.max(0).values.dtype is of(name) and x.argmax().dtype is lucid.int64


def test_default_dtype_decides_for_floats_among_integers() -> None:
    lucid.set_default_dtype(lucid.float64)
    x = full("int64", (2,))
    assert (x * 1.5).dtype is (x / 2).dtype is x.sqrt().dtype is lucid.result_type(x, 1.5) is lucid.float64
    assert (full("float32", (2,)) * 1.5).dtype is lucid.float32


def test_comparison_of_integers_with_a_fraction_is_exact() -> None:
    x = lucid.tensor([1, 2])
    assert (x < 1.5).tolist() == [True, False] and (x == 1.5).tolist() == [False, False]


def test_numbers_that_do_not_fit_are_refused() -> None:
    """Where PyTorch would wrap them around."""
    for wrong in (300, -1):
        with pytest.raises(
            RuntimeError, match=f"^lt: value {wrong} cannot be converted to lucid.uint8 without overflow"
        ):
            _ = lucid.tensor([1], dtype=lucid.uint8) < wrong


@pytest.mark.parity
@pytest.mark.parametrize("a", NAMES)
@pytest.mark.parametrize("b", [*NAMES, *PYTHON])
def test_as_pytorch(a: str, b: str) -> None:
    torch = pytest.importorskip("torch")
    for first in ((2,), ()):
        for second in ((2,), ()):
            pairs = [
                (full(a, first, lib), PYTHON[b] if b in PYTHON else full(b, second, lib)) for lib in (lucid, torch)
            ]
            mine, theirs = (str((x * y).dtype).rpartition(".")[2] for x, y in pairs)
            assert mine == theirs, f"{a}{first} * {b}{second}"
            mine, theirs = (str((x / y).dtype).rpartition(".")[2] for x, y in pairs)
            assert mine == theirs, f"{a}{first} / {b}{second}"
