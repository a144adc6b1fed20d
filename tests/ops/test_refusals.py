"""Every public function refuses what is not a tensor with one line of its own, never an error from its insides."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Iterator
from typing import Any

import pytest

import lucid
import lucid.nn.functional as F

OWNERS = {
    "lucid": lucid,
    "lucid.nn.functional": F,
    "lucid.linalg": lucid.linalg,
    "lucid.special": lucid.special,
    "lucid.fft": lucid.fft,
}
STATE = {
    "get_default_device",
    "set_autocast_cache_enabled",
    "set_autocast_cpu_dtype",
    "set_autocast_cpu_enabled",
    "set_autocast_dtype",
    "set_autocast_enabled",
    "load",
    "compile_step",
    "load_compiled",
    "manual_seed",
    "num_threads",
    "save",
    "seed",
    "set_default_dtype",
    "set_num_threads",
    "set_printoptions",
}
REFUSALS = (TypeError, ValueError, RuntimeError, IndexError, NotImplementedError)


def functions() -> Iterator[Any]:
    for owner, module in OWNERS.items():
        for name in dir(module):
            f = getattr(module, name)
            if not name.startswith("_") and inspect.isroutine(f) and name not in STATE:
                yield pytest.param(f, id=f"{owner}.{name}")


def arguments(count: int) -> Iterator[list[Any]]:
    x = lucid.ones(2, 3)
    for wrong in ([1.0, 2.0], None, "x", object()):
        yield [wrong] * count
        yield [x, *[wrong] * (count - 1)]
    yield [lucid.ones(())] * count
    yield [x, lucid.ones(4, 5), lucid.ones(7), lucid.ones(1)][:count]


@pytest.mark.parametrize("function", functions())
def test_wrong_arguments_are_refused_in_one_line(function: Any) -> None:
    parameters = inspect.signature(function).parameters.values()
    count = sum(p.default is p.empty and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) for p in parameters)
    for values in arguments(count) if count else ():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                function(*values)  # some accept some of these
            except REFUSALS as error:
                assert "\n" not in str(error), values
