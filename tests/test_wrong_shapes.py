"""Every layer and every function of `lucid.nn.functional`, fed with what it does not take.

Each argument of each good call of `wrong_shapes.py` is replaced in turn: by tensors of other shapes and dtypes, empty
ones, and by what is no tensor. The call works, or it raises one line that names the module and its path, or the
function, and says nothing of the insides. Where PyTorch takes the arguments too, the results have its shapes.
"""

from __future__ import annotations

import inspect
import warnings
from typing import Any

import numpy as np
import pytest
from refusal_text import changes, check, dtypes, shapes
from wrong_shapes import FUNCTIONS, MODULES, WITHOUT_FORWARD, Good

import lucid
import lucid.nn.functional as F
from lucid import nn

MODULE_NAMES = [n for n in dir(nn) if inspect.isclass(getattr(nn, n)) and issubclass(getattr(nn, n), nn.Module)]


def test_every_class_and_every_function_is_here() -> None:
    functions = {
        n
        for n in dir(F)
        if not n.startswith("_") and inspect.isroutine(getattr(F, n)) and n != "sinusoidal_pos_embedding"
    }
    assert set(MODULE_NAMES) - set(MODULES) - set(WITHOUT_FORWARD) == set()
    assert functions - set(FUNCTIONS) == set()


class Outer(nn.Module):
    """Calls the module that is its part ``head.0``."""

    def __init__(self, module: Any) -> None:
        super().__init__()
        self.paired = not isinstance(module, nn.Module)
        self.head = nn.ModuleList([module.module if self.paired else module])

    def forward(self, *args: Any) -> Any:
        return self.head[0](args[0], tuple(args[1:])) if self.paired else self.head[0](*args)


def tensors(library: Any, good: Good) -> list[Any]:
    return [library.tensor(a) if isinstance(a, np.ndarray) else a for a in good.inputs]


def made(library: Any, good: Good) -> Any:
    library.manual_seed(0)
    return call(good.make, [library])


def call(function: Any, args: list[Any]) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return function(*args)


@pytest.mark.parametrize("name", MODULES)
def test_modules(name: str) -> None:
    good = MODULES[name]
    call(Outer(made(lucid, good)), tensors(lucid, good))
    for k, a in enumerate(good.inputs):
        for label, change in changes(np.ndim(a)):
            args = tensors(lucid, good)
            args[k] = change(lucid, args[k])
            try:
                call(Outer(made(lucid, good)), args)
            except Exception as error:
                check(error, r"\w+ 'head\.0[^']*': ", f"{name}, argument {k}, {label}")


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions(name: str) -> None:
    good = FUNCTIONS[name]
    call(made(lucid, good), tensors(lucid, good))
    for k, a in enumerate(good.inputs):
        for label, change in changes(np.ndim(a)):
            args = tensors(lucid, good)
            args[k] = change(lucid, args[k])
            try:
                call(made(lucid, good), args)
            except Exception as error:
                check(error, r"[a-z_0-9]+: ", f"{name}, argument {k}, {label}")


def test_an_argument_that_is_no_tensor_is_named_by_its_class_alone() -> None:
    net = nn.Sequential(nn.BatchNorm1d(3))
    with pytest.raises(TypeError, match=r"^BatchNorm1d '0': expected a Tensor, got list$"):
        net([[1.0, 2.0, 3.0]])
    with pytest.raises(TypeError, match=r"^LazyConv1d: expected a Tensor, got NoneType$"):
        nn.LazyConv1d(2, 3)(None)

    class Own(nn.Module):
        def forward(self, x: Any) -> Any:
            return x.missing

    with pytest.raises(AttributeError, match="'list' object has no attribute 'missing'"):
        Own()([1])
    with pytest.raises(AttributeError, match="'Tensor' object has no attribute 'missing'"):
        Own()(lucid.ones(1))


def test_lazy_modules_are_named_by_their_path() -> None:
    net = nn.Sequential(nn.Sequential(nn.LazyConv2d(2, 3)))
    with pytest.raises(
        RuntimeError, match=r"^LazyConv2d '0\.0': expected a 3-d \(unbatched\) or 4-d .* got shape \(5,\)$"
    ):
        net(lucid.ones(5))


# Layers whose results differ from PyTorch's on purpose: of arguments with two dtypes the wider one decides; empty
# planes are rearranged as others are.
PROMOTING = (
    "BCEWithLogitsLoss HuberLoss HingeEmbeddingLoss SoftMarginLoss binary_cross_entropy_with_logits huber_loss "
    "hinge_embedding_loss soft_margin_loss CrossMapLRN2d PixelUnshuffle pixel_unshuffle"
).split()


def _form(y: Any) -> list[Any]:
    if isinstance(y, (tuple, list)):
        return [form for part in y for form in _form(part)]
    return [y if y is None else (tuple(y.shape), str(y.dtype).split(".")[-1])]


@pytest.mark.parity
@pytest.mark.parametrize("name", [n for n, g in {**MODULES, **FUNCTIONS}.items() if not g.lucid_only])
def test_results_have_the_shapes_of_pytorchs(name: str) -> None:
    torch = pytest.importorskip("torch")
    good = {**MODULES, **FUNCTIONS}[name]
    assert _form(call(made(lucid, good), tensors(lucid, good))) == _form(call(made(torch, good), tensors(torch, good)))
    if (
        name in PROMOTING or "npool" in name.lower()
    ):  # unpooling in PyTorch reads beyond its input where places are wrong
        return
    for k, a in enumerate(good.inputs):
        for label, change in (*shapes(np.ndim(a)), *dtypes()):
            mine, theirs = tensors(lucid, good), tensors(torch, good)
            mine[k], theirs[k] = change(lucid, mine[k]), change(torch, theirs[k])
            try:
                y = call(made(lucid, good), mine)
                expected = call(made(torch, good), theirs)
            except Exception:
                continue
            assert _form(y) == _form(expected), f"{name}, argument {k}, {label}"
