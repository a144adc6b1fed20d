"""An error names the public function that was called, not one that it is made of, and never shows Python's insides."""

from __future__ import annotations

import inspect
import re
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from refusal_text import INSIDES

import lucid
from lucid import ones, tensor
from lucid._functions._gate import Gate

OWNERS = {
    "lucid": lucid,
    "lucid.nn.functional": lucid.nn.functional,
    "lucid.linalg": lucid.linalg,
    "lucid.special": lucid.special,
    "lucid.fft": lucid.fft,
}
# Words of Python's or NumPy's that are meant: a class of NumPy's, a protocol, a missing argument, axes of a transform.
MEANT = re.compile(r"expected np\.ndarray|__dlpack__|missing \d|positional|axis|valid indices|got \[\[|samples, \[\[")


def functions() -> list[Any]:
    return [
        pytest.param(name, function, id=f"{owner}.{name}")
        for owner, module in OWNERS.items()
        for name in dir(module)
        if not name.startswith("_") and isinstance(function := getattr(module, name), Gate)
    ]


def calls(count: int) -> Iterator[list[Any]]:
    """One wrong argument, or all of them, among matrices."""
    for wrong in (
        [1.0, 2.0], None, "x", object(), -1, 2.5, ones(()), ones(0), ones(2, 3).long(), ones(2, 3).bool(), ones(2, 3).half(),
        ones(2, 3).to(lucid.complex64), ones(4, 5),
    ):  # fmt: skip
        yield [wrong] * count
        for k in range(count):
            yield [wrong if j == k else ones(2, 3) for j in range(count)]


@pytest.mark.parametrize("name,function", functions())
def test_the_function_that_was_called_is_named(name: str, function: Any) -> None:
    parameters = inspect.signature(function).parameters.values()
    needed = [p for p in parameters if p.default is p.empty and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    for values in calls(len(needed)) if needed else ():
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                function(*values)
        except (TypeError, ValueError, RuntimeError, IndexError, NotImplementedError) as error:
            text = str(error)
            assert re.match(rf"({re.escape(name)}|{function.__name__})(: |\(\) )", text), text
            said = text.removeprefix(f"{name}: ")
            assert not INSIDES.search(said) or MEANT.search(said), text


def test_composites() -> None:
    x = ones(2, 3)
    for call, error, message in (
        (lambda: lucid.native_layer_norm(x, (4,), None, None, 1e-5), RuntimeError, "^native_layer_norm: expected "),
        (lambda: lucid.chain_matmul(x, x), RuntimeError, "^chain_matmul: "),
        (lambda: lucid.tile(x, (-1,)), RuntimeError, "^tile: repeats must not be negative"),
        (lambda: x.clamp_(), RuntimeError, "^clamp_: at least one of min or max must be given"),
        (lambda: x.fill_("a"), TypeError, "^fill_: can't assign a str to a tensor of lucid.float32$"),
        (lambda: x.copy_(ones(4)), RuntimeError, "^copy_: "),
        (lambda: tensor(1.0, requires_grad=True).zero_(), RuntimeError, "^zero_: a leaf Variable that requires grad"),
    ):
        with pytest.raises((error, ValueError), match=message):
            call()


def test_what_python_says_of_the_insides_becomes_a_note() -> None:
    x = ones(2, 3)
    with pytest.raises(TypeError) as caught:
        lucid.chunk(x, [1.0])  # type: ignore[arg-type]
    assert str(caught.value) == "chunk: wrong argument among x: float32 (2, 3), chunks: list"
    assert caught.value.__notes__ == ["raised within chunk: '<=' not supported between instances of 'list' and 'int'"]
    for function, wrong in ((lucid.softmax, 3), (lucid.sum, -1), (lucid.dot, 2.5), (lucid.sort, np.float32(1))):
        with pytest.raises(TypeError, match=rf"^{function.__name__}: expected a Tensor, got {type(wrong).__name__}$"):
            function(wrong, 0)


def test_errors_of_others_stay_as_they_are() -> None:
    def refuse(value: float) -> float:
        raise ValueError(f"scale: {value}")

    with pytest.raises(ValueError, match=r"^scale: 1\.0$"):
        ones(1).apply_(refuse)
    with pytest.raises(ZeroDivisionError):
        ones(1).apply_(lambda v: v / 0)
