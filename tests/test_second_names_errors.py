"""Errors name the function that was called, not the one that it is a second name of."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest

import lucid
from lucid import Tensor
from lucid._functions._gate import Gate

PLACES: dict[str, Any] = {"lucid": lucid, "special": lucid.special, "Tensor": Tensor}
SECOND = [
    (place, name)
    for place, owner in PLACES.items()
    for name in sorted(dir(owner))
    if not name.startswith("_")
    and isinstance(function := getattr(owner, name, None), Gate)
    and function.__wrapped__.__name__ != name
    and function not in vars(lucid.nn.functional).values()  # the layers' functions keep the name they have there
]


def test_there_are_second_names() -> None:
    assert len(SECOND) > 60 and {("lucid", "clip"), ("Tensor", "multiply_"), ("special", "psi")} <= set(SECOND)


@pytest.mark.parametrize("place,name", SECOND)
def test_errors_have_the_name_that_was_called(place: str, name: str) -> None:
    function = getattr(PLACES[place], name)
    assert function.__name__ == name
    with pytest.raises(TypeError, match=rf"^{name}(: |\(\) )"):
        function(object(), nobody_takes_this=1)
    if place == "Tensor":
        with pytest.raises(TypeError, match=rf"^{name}(: |\(\) )"):
            getattr(lucid.ones(2), name)(nobody_takes_this=1)


@pytest.mark.parametrize(
    "call,message",
    [
        (lambda: lucid.clip(lucid.ones(2)), "clip: at least one of min or max"),
        (lambda: lucid.ones(2).half().swapdims(0, 5), "swapdims: Dimension out of range"),
        (lambda: lucid.inverse(lucid.ones(2)), "inverse: the input tensor A"),
        (lambda: lucid.trapz(lucid.ones(0), lucid.ones(2, 3)), "trapz: shapes"),
        (lambda: lucid.ones(2).less_(lucid.ones(3)), r"less_: shapes \(2,\) and \(3,\)"),
        (lambda: lucid.clamp(lucid.ones(2)), "clamp: at least one of min or max"),
    ],
)
def test_messages(call: Any, message: str) -> None:
    with pytest.raises((RuntimeError, IndexError), match=f"^{message}"):
        call()


def test_a_second_name_is_the_same_function() -> None:
    assert lucid.clip.__wrapped__ is lucid.clamp.__wrapped__
    assert lucid.clip is lucid.clip and Tensor.multiply is not Tensor.mul
    assert copy.deepcopy(lucid.clip) is lucid.clip
    assert pickle.loads(pickle.dumps(lucid.clip)) is lucid.clamp
