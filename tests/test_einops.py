"""Patterns of named dimensions: lucid.einops, and the package einops on lucid's tensors."""

from __future__ import annotations

import itertools
import re
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

import lucid
from lucid import einops

X = lucid.arange(2 * 3 * 4 * 6.0).reshape(2, 3, 4, 6)


def same(y: Any, expected: np.ndarray) -> None:
    np.testing.assert_array_equal(y.numpy(force=True), expected, strict=True)


def test_rearrange() -> None:
    a = X.numpy()
    same(einops.rearrange(X, "b c h w -> b h w c"), a.transpose(0, 2, 3, 1))
    same(einops.rearrange(X, "b c h w -> b (c h w)"), a.reshape(2, -1))
    same(einops.rearrange(X, "b c (h p) (w q) -> b (h w) (p q c)", p=2, q=3),
         a.reshape(2, 3, 2, 2, 2, 3).transpose(0, 2, 4, 3, 5, 1).reshape(2, 4, 18))  # fmt: skip
    same(einops.rearrange(X, "b ... w -> w (b ...)"), a.reshape(24, 6).T)
    same(einops.rearrange(X, "... -> (...)"), a.ravel())
    same(einops.rearrange(X, "b c h w -> b 1 (c h) () w"), a.reshape(2, 1, 12, 1, 6))
    same(einops.rearrange([X, X], "n b c h w -> (n b) c h w"), np.concatenate([a, a]))
    same(einops.rearrange(lucid.tensor(3.0), "-> 1 1"), np.full((1, 1), 3, np.float32))
    y = einops.rearrange(X, "b c h w -> b h c w")
    assert y.data_ptr() == X.data_ptr(), "a view where the memory allows one"


def test_repeat() -> None:
    a = X.numpy()
    same(einops.repeat(X, "b c h w -> b c (h 2) (w n)", n=3), a.repeat(2, 2).repeat(3, 3))
    same(einops.repeat(X, "b c h w -> n b c h w", n=2), np.stack([a, a]))
    same(einops.repeat(X[:, :1], "b 1 h w -> b c h w", c=3), np.broadcast_to(a[:, :1], a.shape))
    same(einops.repeat(lucid.arange(2), "a -> 2 (2 a)"), np.tile(np.arange(2), (2, 2)))


def test_reduce() -> None:
    a = X.numpy()
    same(einops.reduce(X, "b c h w -> b c", "mean"), a.mean((2, 3)))
    same(
        einops.reduce(X, "b c (h 2) (w 2) -> b h w c", "max"),
        a.reshape(2, 3, 2, 2, 3, 2).max((3, 5)).transpose(0, 2, 3, 1),
    )
    same(einops.reduce(X, "b c h w -> ", "min"), np.float32(a.min()).reshape(()))
    same(einops.reduce(X, "b ... -> b 1", "sum"), a.reshape(2, -1).sum(1, keepdims=True))
    same(
        einops.reduce(X / 100 + 0.5, "b c h w -> b (w c)", "prod"),
        (X / 100 + 0.5).prod(2).permute(0, 2, 1).reshape(2, 18).numpy(),
    )
    same(einops.reduce(X > 5, "b c h w -> b", "all"), (a > 5).all((1, 2, 3)))
    same(einops.reduce(X > 140, "b c h w -> c", "any"), (a > 140).any((0, 2, 3)))
    same(einops.reduce(X, "b c h w -> b c", lambda x, dims: x.amax(dims)), a.max((2, 3)))
    x = lucid.ones(2, 6, requires_grad=True)
    einops.reduce(x, "b (g n) -> b g", "mean", n=3).sum().backward()
    assert x.grad is not None and np.allclose(x.grad.numpy(), 1 / 3)


def test_einsum() -> None:
    a, b = lucid.randn(2, 3, 4), lucid.randn(2, 4, 5)
    expected = a.numpy() @ b.numpy()
    for y in (
        einops.einsum(a, b, "batch row mid, batch mid col -> batch row col"),
        einops.einsum("batch row mid, batch mid col -> batch row col", a, b),
        einops.einsum("bij,bjk->bik", a, b),
        einops.einsum(a, b, "... i j, ... j k -> ... i k"),
    ):
        np.testing.assert_allclose(y.numpy(), expected, 1e-5)


REFUSED = [
    ("rearrange", "b c h w", {}, "expected a pattern with one '->'"),
    ("rearrange", "b c h -> b c h", {}, "pattern 'b c h -> b c h' names 3 dimensions, the tensor has 4, (2, 3, 4, 6)"),
    ("rearrange", "b c h w -> b c h", {}, "w on one side only in pattern"),
    ("rearrange", "b b h w -> b h w", {}, "'b' appears more than once on one side"),
    ("rearrange", "b c (h p) w -> b c h p w", {}, "the sizes of h, p cannot be told apart"),
    ("rearrange", "b c (h p) w -> b c h p w", {"p": 3}, "a dimension of size 4 does not match (h p) of product 3"),
    ("rearrange", "b c h w -> b c h w", {"q": 3}, "'q' is not in pattern"),
    ("rearrange", "b c h w -> b c h w", {"w": 2.0}, "expected a size for 'w', got 2.0"),
    ("rearrange", "b c h w -> b (c (h w))", {}, "nested parentheses"),
    ("rearrange", "b c h w -> b c h) w", {}, "unbalanced parentheses"),
    ("rearrange", "b c h w -> b c (h w", {}, "unbalanced parentheses"),
    ("rearrange", "b c h w -> b-c h w", {}, "unexpected '-'"),
    ("rearrange", "b c h w -> b c h w ...", {}, "an ellipsis on the right only"),
    ("rearrange", "(b ...) -> b ...", {}, "an ellipsis in parentheses on the left"),
    ("repeat", "b c h w -> b c h", {}, "w on the left only"),
    ("repeat", "b c h w -> b c h w n", {}, "the size of n is missing"),
    ("reduce", "b c h w -> b n", {}, "n on the right only"),
]


@pytest.mark.parametrize("name,pattern,shapes,message", REFUSED, ids=[f"{n} {p}" for n, p, *_ in REFUSED])
def test_refusals(name: str, pattern: str, shapes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)) as error:
        getattr(einops, name)(X, pattern, **shapes)
    assert str(error.value).startswith(f"{name}: ")


def test_more_refusals() -> None:
    with pytest.raises(
        ValueError, match="reduce: reduction must be one of sum, mean, max, min, prod, any, all, got 'median'"
    ):
        einops.reduce(X, "b c h w -> b", "median")
    with pytest.raises(ValueError, match="einsum: expected tensors and a pattern"):
        einops.einsum(X, X)
    with pytest.raises(TypeError, match="rearrange: "):
        einops.rearrange(3, "a -> a")  # type: ignore[arg-type]


@pytest.mark.parametrize("before", [True, False], ids=["einops first", "lucid first"])
def test_the_package_takes_our_tensors(before: bool) -> None:
    pytest.importorskip("einops")
    program = f"""
{"import einops, numpy" if before else "import numpy"}
import lucid, sys
assert {before} == ("einops" in sys.modules)
import einops
from einops import rearrange, reduce, repeat, einsum, pack, unpack, parse_shape
x = lucid.arange(24.0).reshape(2, 3, 4).requires_grad_()
a = x.numpy(force=True)
def same(y, e):
    assert isinstance(y, lucid.Tensor), type(y)
    numpy.testing.assert_array_equal(y.numpy(force=True), e)
same(rearrange(x, "a b (c d) -> d (a b) c", d=2), einops.rearrange(a, "a b (c d) -> d (a b) c", d=2))
same(repeat(x, "a b c -> (a 2) b n c", n=3), einops.repeat(a, "a b c -> (a 2) b n c", n=3))
for kind in ("sum", "mean", "max", "min", "prod"):
    numpy.testing.assert_allclose(reduce(x, "a b c -> b", kind).numpy(force=True), einops.reduce(a, "a b c -> b", kind), 1e-6)
same(einsum(x, x, "a b c, a d c -> a b d"), numpy.einsum("abc,adc->abd", a, a))
packed, shapes = pack([x, x[:, 0]], "a * c")
same(unpack(packed, shapes, "a * c")[1], a[:, 0])
assert parse_shape(x, "a _ c") == dict(a=2, c=4)
reduce(x, "a b c -> a", "sum").sum().backward()
assert x.grad.shape == x.shape
"""
    subprocess.run([sys.executable, "-P", "-c", program], check=True, timeout=60)


def test_names_against_every_order() -> None:
    x = lucid.arange(24).reshape(2, 3, 4)
    for order in itertools.permutations("abc"):
        same(einops.rearrange(x, f"a b c -> {' '.join(order)}"), x.numpy().transpose(["abc".index(c) for c in order]))
