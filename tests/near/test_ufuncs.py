"""NumPy's functions on tensors, and tensors where Python expects numbers and containers."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest

import lucid

X = np.array([1.0, 2.0, 3.0], np.float32)


def test_ufuncs_give_tensors() -> None:
    x, i = lucid.tensor(X), lucid.tensor([1, 2, 3])
    for y, expected in [
        (np.exp(x), np.exp(X)),
        (np.exp(i), np.exp([1, 2, 3])),
        (np.exp(x[0]), np.exp(X[0])),
        (np.hypot(X, x), np.hypot(X, X)),
        (np.isnan(x), np.isnan(X)),
        (np.add.reduce(x), np.float32(6)),
        (np.add.accumulate(x), np.array([1, 3, 6], np.float32)),
        (np.multiply.outer(x, X), np.multiply.outer(X, X)),
        (np.exp(x, dtype=np.float64), np.exp(X.astype(np.float64))),
        (np.modf(x * 1.5)[1], np.modf(X * 1.5)[1]),
        (np.add(x, X), X + X),
        (np.add([1.0, 2.0, 3.0], x), X + [1.0, 2.0, 3.0]),
        (np.exp(lucid.tensor(X).half()), np.exp(X.astype(np.float16))),
        (np.linalg.inv(lucid.eye(2) * 2), np.eye(2, dtype=np.float32) / 2),
        (np.sum(x), np.float32(6)),
        (np.argmax(x), np.int64(2)),
    ]:
        assert isinstance(y, lucid.Tensor) and not y.requires_grad
        assert y.numpy().dtype == expected.dtype and y.numpy().tolist() == expected.tolist()


@pytest.mark.parametrize("symbol", ["+", "-", "*", "/", "//", "%", "**", "@", "<", "<=", ">", ">=", "==", "!="])
def test_arrays_on_the_left_are_operands_as_on_the_right(symbol: str) -> None:
    x, a = lucid.tensor([2.0, 5.0, 7.0]), np.array([3.0, 5.0, 2.0], np.float32)
    y = eval(f"a {symbol} x")
    expected = eval(f"p {symbol} x", {"p": lucid.tensor(a), "x": x})
    assert isinstance(y, lucid.Tensor) and y.dtype is expected.dtype and y.tolist() == expected.tolist()
    assert eval(f"np.float64(3) {symbol} x").dtype is expected.dtype if symbol != "@" else True


def test_shifts_and_bits_of_numbers_and_arrays_on_the_left() -> None:
    i = lucid.tensor([1, 2, 3])
    assert (1 << i).tolist() == [2, 4, 8] and (8 >> i).tolist() == [4, 2, 1]
    assert (np.array([1, 1, 1]) << i).tolist() == [2, 4, 8] and (np.array([8, 8, 8]) >> i).tolist() == [4, 2, 1]
    assert (np.array([1, 1, 1]) & i).tolist() == [1, 0, 1] and (np.array([1, 1, 1]) ^ i).tolist() == [0, 3, 2]


def test_operators_with_arrays_have_gradients() -> None:
    for f in (lambda g: X * g, lambda g: np.multiply(X, g), lambda g: g * X, lambda g: np.float64(2) * g * X / 2):
        g = lucid.ones(3, requires_grad=True)
        f(g).sum().backward()
        assert g.grad.tolist() == X.tolist()


def test_other_ufuncs_refuse_what_requires_grad_and_name_the_function_to_call() -> None:
    g = lucid.ones(3, requires_grad=True)
    advice = (
        r"Can't call numpy\(\) on Tensor that requires grad\. Use lucid\.{} or tensor\.detach\(\)\.numpy\(\) instead"
    )
    for ufunc, own in [(np.exp, "exp"), (np.rint, "round"), (np.fabs, "abs"), (np.hypot, "hypot"), (np.modf, "frac")]:
        with pytest.raises(RuntimeError, match=f"^numpy.{ufunc.__name__}: " + advice.format(own)):
            ufunc(*[g] * ufunc.nin)
    with pytest.raises(RuntimeError, match=r"^numpy\.spacing: .* grad\. Use tensor\.detach\(\)\.numpy\(\) instead"):
        np.spacing(g)
    with pytest.raises(RuntimeError, match="^numpy.add: " + advice.format("add")):
        np.add.reduce(g)
    array = X.copy()
    with pytest.raises(RuntimeError, match="^numpy.add: "):
        array += g
    assert array.tolist() == X.tolist()
    assert np.exp(g.detach()).tolist() == pytest.approx([math.e] * 3)


def test_bfloat16_is_refused() -> None:
    with pytest.raises(TypeError, match=r"Got unsupported ScalarType BFloat16; use \.float\(\)\.numpy\(\)"):
        np.exp(lucid.ones(2, dtype=lucid.bfloat16))


def test_results_are_written_to_out() -> None:
    array, x = X.copy(), lucid.tensor(X)
    array += x
    assert type(array) is np.ndarray and array.tolist() == [2, 4, 6]
    assert np.sqrt(x, out=array) is array and array.tolist() == np.sqrt(X).tolist()
    before = x._version
    assert np.square(X, out=x) is x and x.tolist() == [1, 4, 9] and x._version > before
    np.add.at(x, [0, 0], 1)
    assert x.tolist() == [3, 4, 9] and x._version > before + 1
    np.negative(X, out=x, where=lucid.tensor([True, False, True]))
    assert x.tolist() == [-1, 4, -3]


def test_a_write_by_numpy_is_noticed_by_the_graph() -> None:
    g, x = lucid.ones(3, requires_grad=True), lucid.tensor(X)
    y = g * x
    np.exp(X, out=x)
    with pytest.raises(RuntimeError, match="is at version 1; expected version 0"):
        y.sum().backward()


def test_out_refuses_what_must_not_be_written() -> None:
    g, shared = lucid.ones(3, requires_grad=True), lucid.ones(1).expand(3)
    fixed = np.ones(3, np.float32)
    fixed.setflags(write=False)
    with pytest.raises(RuntimeError, match=r"^numpy\.exp: Can't call numpy\(\) on Tensor that requires grad"):
        np.exp(X, out=g)
    with pytest.raises(RuntimeError, match="^exp: unsupported operation: more than one element"):
        np.exp(X, out=shared)
    with pytest.raises(RuntimeError, match="^exp: the tensor is over read-only memory"):
        np.exp(X, out=lucid.from_numpy(fixed))


def test_functions_that_are_no_ufuncs_give_arrays() -> None:
    x = lucid.tensor(X)
    for y in (np.concatenate([x, x]), np.stack([x, x]), np.where(x > 1, x, 0), np.asarray([x, x]), np.dot(x, x)):
        assert isinstance(y, (np.ndarray, np.generic)) and y.dtype == np.float32
    np.testing.assert_allclose(x, X)
    assert np.allclose(x, X) and np.linalg.norm(x) == np.linalg.norm(X)
    assert np.shares_memory(np.asarray(x), x.numpy()) and not np.shares_memory(np.array(x), x.numpy())
    with pytest.raises(ValueError, match="Unable to avoid copy"):
        np.asarray(x, dtype=np.float64, copy=False)


def test_tensors_index_arrays() -> None:
    i = lucid.tensor([2, 0])
    assert X[i].tolist() == [3, 1] and X[i[1]] == 1 and X[lucid.tensor(X) > 1].tolist() == [2, 3]


class Other:
    """Takes part in ufuncs of its own."""

    def __array_ufunc__(self, *args: object, **kwargs: object) -> str:
        return "mine"


def test_other_kinds_of_arrays_decide_for_themselves() -> None:
    assert np.add(lucid.ones(2), Other()) == "mine"


def test_containment() -> None:
    x = lucid.tensor(X)
    assert 2 in x and 2.0 in x and np.float32(3) in x and x[1] in x and 5 not in x
    for wrong in ("a", [1.0], None, X):
        message = f"Tensor.__contains__ only supports Tensor or scalar, but you passed in a {type(wrong)}."
        with pytest.raises(RuntimeError, match=re.escape(message)):
            wrong in x  # noqa: B015


def test_format() -> None:
    x = lucid.tensor(X)
    assert f"{x[0]:.2f}" == "1.00" and f"{x}" == str(x) and f"{lucid.tensor(3):05d}" == "00003"
    with pytest.raises(TypeError, match=r"unsupported format string passed to Tensor\.__format__: '\.2f' for .*\(3,\)"):
        f"{x:.2f}"


def test_conversion_to_python_numbers() -> None:
    x = lucid.tensor(X)
    assert float(x[:1]) == 1 and int(x[2]) == 3 and complex(x[0]) == 1 and [5, 6, 7][lucid.tensor(1)] == 6
    assert bytes(lucid.tensor([65, 66], dtype=lucid.uint8)) == b"AB" and math.floor(x[1] + 0.5) == 2
    for kind in (float, int, complex):
        with pytest.raises(ValueError, match=r"only one element tensors can be converted to Python scalars.*\(3,\)"):
            kind(x)


@pytest.mark.parametrize(
    "call",
    [
        lambda x: x.sum(axis=0, keepdims=True),
        lambda x: lucid.cat([x, x], axis=1),
        lambda x: x.argmax(axis=1),
        lambda x: lucid.add(x1=x, x2=x),
        lambda x: x.max(axis=0).values,
    ],
)
def test_numpy_spellings_of_arguments(call: object) -> None:
    assert isinstance(call(lucid.ones(2, 3)), lucid.Tensor)  # type: ignore[operator]
