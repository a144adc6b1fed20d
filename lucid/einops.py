"""Dimensions named in a pattern: split, merged, permuted, repeated and reduced.

    rearrange(x, "b c (h p) (w q) -> b (h w) (p q c)", p=16, q=16)

A pattern names the dimensions of the input, an arrow, and those of the output. Parentheses stand for a dimension that
is the product of the names in it; ``1`` and ``()`` for one of size 1; ``...`` for any number of dimensions. The same
patterns work with the package ``einops`` on lucid's tensors, which lucid introduces itself to when it is imported.

Source: Rogozhnikov, "Einops", ICLR 2022.
"""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from lucid._functions._arguments import check_tensors
from lucid._functions._naming import listed
from lucid._functions.broadcast import expand_sizes
from lucid._functions.join import stack
from lucid._functions.shape import permute, reshape

if TYPE_CHECKING:
    from lucid._tensor import Tensor

__all__ = ["einsum", "rearrange", "reduce", "repeat"]

Group = tuple[str, ...]
ELLIPSIS = "..."
MERGED = ""  # begins a group of nothing but an ellipsis, which alone would not be merged


def _fail(name: str, pattern: str, what: str) -> ValueError:
    return ValueError(f"{name}: {what} in pattern {pattern!r}")


def _side(name: str, pattern: str, text: str) -> tuple[Group, ...]:
    """The dimensions of one side: a group of names each, empty for size 1."""
    groups: list[Group] = []
    inner: list[str] | None = None
    for token in re.findall(r"\.\.\.|[A-Za-z_]\w*|\d+|[()]|\S", text.replace("\u2026", ELLIPSIS)):
        if token == "(":
            if inner is not None:
                raise _fail(name, pattern, "nested parentheses")
            inner = []
        elif token == ")":
            if inner is None:
                raise _fail(name, pattern, "unbalanced parentheses")
            groups.append(tuple(inner) if inner != [ELLIPSIS] else (MERGED, ELLIPSIS))
            inner = None
        elif token == "1":
            if inner is None:
                groups.append(())
        elif token == ELLIPSIS or token.isidentifier():
            if inner is None:
                groups.append((token,))
            else:
                inner.append(token)
        elif token.isdigit() and int(token) > 1:
            made = f"#{token}"  # a size without a name
            if inner is None:
                groups.append((made,))
            else:
                inner.append(made)
        else:
            raise _fail(name, pattern, f"unexpected {token!r}")
    if inner is not None:
        raise _fail(name, pattern, "unbalanced parentheses")
    names = [n for g in groups for n in g if n != MERGED and n[0] != "#"]
    for n in names:
        if names.count(n) > 1:
            raise _fail(name, pattern, f"{n!r} appears more than once on one side")
    return tuple(groups)


@functools.lru_cache(maxsize=1024)
def _parse(name: str, pattern: str) -> tuple[tuple[Group, ...], tuple[Group, ...]]:
    if not isinstance(pattern, str) or pattern.count("->") != 1:
        raise ValueError(f"{name}: expected a pattern with one '->', got {pattern!r}")
    left, right = pattern.split("->")
    return _side(name, pattern, left), _side(name, pattern, right)


def _open(groups: Sequence[Group], rank: int) -> list[Group]:
    """``groups`` with as many numbered names as there are dimensions in place of the ellipsis."""
    found: list[Group] = []
    for group in groups:
        numbered = [f"{ELLIPSIS}{k}" for k in range(rank)]
        if group == (ELLIPSIS,):
            found += [(n,) for n in numbered]
        else:
            found.append(tuple([m for n in group if n != MERGED for m in (numbered if n == ELLIPSIS else [n])]))
    return found


def _sizes(
    name: str, pattern: str, shape: tuple[int, ...], groups: Sequence[Group], known: dict[str, int]
) -> dict[str, int]:
    """The size of every name on the left."""
    sizes = dict(known)
    for group, size in zip(groups, shape):
        unknown = [n for n in group if n not in sizes]
        given = math.prod(sizes[n] for n in group if n in sizes)
        if len(unknown) > 1:
            raise ValueError(f"{name}: the sizes of {', '.join(unknown)} cannot be told apart in pattern {pattern!r}")
        if unknown and given and size % given == 0:
            sizes[unknown[0]] = size // given
        elif unknown or given != size:
            raise ValueError(
                f"{name}: a dimension of size {size} does not match ({' '.join(group)}) of product {given} in pattern "
                f"{pattern!r} (shape {shape})"
            )
    return sizes


def _prepare(
    name: str, x: Any, pattern: str, shapes: dict[str, int]
) -> tuple[Tensor, list[Group], list[Group], dict[str, int]]:
    if isinstance(x, (list, tuple)):
        check_tensors(name, *x)
        x = stack(list(x))
    check_tensors(name, x)
    left, right = _parse(name, pattern)
    shape = x._data.shape
    fixed = len([g for g in left if g != (ELLIPSIS,)])
    dots = any(ELLIPSIS in g for g in left)
    if any(ELLIPSIS in g and g != (ELLIPSIS,) for g in left):
        raise _fail(name, pattern, "an ellipsis in parentheses on the left")
    if any(ELLIPSIS in g for g in right) and not dots:
        raise _fail(name, pattern, "an ellipsis on the right only")
    if len(shape) < fixed or (len(shape) != fixed and not dots):
        raise ValueError(f"{name}: pattern {pattern!r} names {fixed} dimensions, the tensor has {len(shape)}, {shape}")
    left_open, right_open = _open(left, len(shape) - fixed), _open(right, len(shape) - fixed)
    names = {n for g in (*left_open, *right_open) for n in g}
    for n, size in shapes.items():
        if n not in names:
            raise ValueError(f"{name}: {n!r} is not in pattern {pattern!r}")
        if not isinstance(size, int) or size < 0:
            raise ValueError(f"{name}: expected a size for {n!r}, got {size!r}")
    numbers = {n: int(n[1:]) for n in names if n[0] == "#"}
    return x, left_open, right_open, _sizes(name, pattern, shape, left_open, {**shapes, **numbers})


def _flat(groups: Sequence[Group]) -> list[str]:
    return [n for g in groups for n in g]


def _merge(x: Tensor, groups: Sequence[Group], sizes: dict[str, int]) -> Tensor:
    return reshape(x, tuple([math.prod(sizes[n] for n in g) for g in groups]))


def _split(x: Tensor, groups: Sequence[Group], sizes: dict[str, int]) -> Tensor:
    return reshape(x, tuple([sizes[n] for n in _flat(groups)]))


@listed
def rearrange(a: Tensor | Sequence[Tensor], pattern: str, /, **shapes: int) -> Tensor:
    """The same elements with dimensions split, permuted and merged.

    Args:
        a: a tensor, or tensors of one shape, which are stacked along a new first dimension.
        pattern: "dimensions of a -> dimensions of the result", with the same names on both sides.
        shapes: sizes of names that the shape of ``a`` does not tell.

    Returns:
        A view where the memory allows one.

    Raises:
        ValueError: the pattern is wrong or does not match the shape.

    Example:
        >>> import lucid
        >>> from lucid.einops import rearrange
        >>> rearrange(lucid.arange(6), "(a b) -> b a", a=2).tolist()
        [[0, 3], [1, 4], [2, 5]]
    """
    x, left, right, sizes = _prepare("rearrange", a, pattern, shapes)
    before, after = _flat(left), _flat(right)
    if set(before) != set(after) or any(n[0] == "#" for n in before + after):
        odd = sorted({n.replace("#", "") for n in set(before) ^ set(after)} or {"a number"})
        raise _fail("rearrange", pattern, f"{', '.join(odd)} on one side only")
    y = _split(x, left, sizes)
    return _merge(permute(y, tuple([before.index(n) for n in after])), right, sizes)


@listed
def repeat(a: Tensor | Sequence[Tensor], pattern: str, /, **shapes: int) -> Tensor:
    """`rearrange`, with names or numbers on the right that are not on the left: the elements are repeated along those.

    Args:
        a: a tensor, or tensors of one shape, which are stacked along a new first dimension.
        pattern: "dimensions of a -> dimensions of the result".
        shapes: sizes of new names, and of those that the shape of ``a`` does not tell.

    Raises:
        ValueError: the pattern is wrong or does not match the shape, or the size of a new name is missing.

    Example:
        >>> import lucid
        >>> from lucid.einops import repeat
        >>> repeat(lucid.arange(2), "a -> (a n)", n=2).tolist()
        [0, 0, 1, 1]
    """
    x, left, right, sizes = _prepare("repeat", a, pattern, shapes)
    before, after = _flat(left), _flat(right)
    if lost := [n for n in before if n not in after]:
        raise _fail("repeat", pattern, f"{', '.join(lost)} on the left only")
    after = [f"{n}@{k}" if n[0] == "#" else n for k, n in enumerate(after)]
    if unknown := [n for n in after if n[0] != "#" and n not in sizes]:
        raise ValueError(f"repeat: the size of {', '.join(unknown)} is missing for pattern {pattern!r}")
    y = permute(_split(x, left, sizes), tuple([before.index(n) for n in after if n in before]))
    extent = [sizes[n.partition("@")[0]] for n in after]
    y = reshape(y, tuple([size if n in before else 1 for n, size in zip(after, extent)]))
    return _merge(expand_sizes(y, *extent) if extent else y, right, sizes)


REDUCTIONS = ("sum", "mean", "max", "min", "prod", "any", "all")


@listed
def reduce(
    a: Tensor | Sequence[Tensor], pattern: str, /, reduction: str | Callable[..., Tensor] = "sum", **shapes: int
) -> Tensor:
    """`rearrange`, with names on the left that are not on the right: the elements along those are reduced.

    Args:
        a: a tensor, or tensors of one shape, which are stacked along a new first dimension.
        pattern: "dimensions of a -> dimensions of the result".
        reduction: "sum", "mean", "max", "min", "prod", "any" or "all", or a function of a tensor and dimensions.
        shapes: sizes of names that the shape of ``a`` does not tell.

    Raises:
        ValueError: the pattern is wrong or does not match the shape, or the reduction is unknown.

    Example:
        >>> import lucid
        >>> from lucid.einops import reduce
        >>> reduce(lucid.arange(6.0), "(a b) -> a", "mean", b=3).tolist()
        [1.0, 4.0]
    """
    x, left, right, sizes = _prepare("reduce", a, pattern, shapes)
    before, after = _flat(left), _flat(right)
    if new := [n for n in after if n not in before]:
        raise _fail("reduce", pattern, f"{', '.join(new)} on the right only")
    if isinstance(reduction, str) and reduction not in REDUCTIONS:
        raise ValueError(f"reduce: reduction must be one of {', '.join(REDUCTIONS)}, got {reduction!r}")
    y = _split(x, left, sizes)
    dims = tuple([k for k, n in enumerate(before) if n not in after])
    if callable(reduction):
        y = reduction(y, dims)
    elif dims:
        if reduction in ("max", "min"):
            y = y.amax(dims) if reduction == "max" else y.amin(dims)
        elif reduction in ("sum", "mean"):
            y = y.sum(dims) if reduction == "sum" else y.mean(dims)
        else:
            for d in reversed(dims):
                y = getattr(y, reduction)(d)
    kept = [n for n in before if n in after]
    return _merge(permute(y, tuple([kept.index(n) for n in after])), right, sizes)


def einsum(*arguments: Any) -> Tensor:
    """Sums of products over named dimensions.

    Args:
        arguments: the tensors and the pattern, in either order: names of any length, separated by spaces, as in
            "batch i k, k j -> batch i j"; or letters without spaces, as `lucid.einsum` takes them.

    Raises:
        ValueError: there is no pattern, or more names than letters.

    Example:
        >>> import lucid
        >>> from lucid.einops import einsum
        >>> einsum(lucid.ones(2, 3), lucid.ones(3, 4), "row mid, mid col -> row col").shape
        lucid.Size([2, 4])
    """
    from lucid._functions.einsum import einsum as contract

    if len(arguments) < 2 or not (isinstance(arguments[0], str) or isinstance(arguments[-1], str)):
        raise ValueError("einsum: expected tensors and a pattern, such as einsum(x, y, 'i k, k j -> i j')")
    first = isinstance(arguments[0], str)
    pattern, tensors = (arguments[0], arguments[1:]) if first else (arguments[-1], arguments[:-1])
    check_tensors("einsum", *tensors)
    if first and " " not in pattern.replace(" ->", "->").replace("-> ", "->").replace(", ", ",").strip():
        return contract(pattern, *tensors)
    if "(" in pattern or pattern.count("->") != 1:
        raise ValueError(f"einsum: expected a pattern with one '->' and no parentheses, got {pattern!r}")
    names = list(dict.fromkeys(re.findall(r"[A-Za-z_]\w*", pattern)))
    if len(names) > 52:
        raise ValueError(f"einsum: at most 52 names can be told apart, got {len(names)}")
    letters = {n: chr(ord("a") + k) if k < 26 else chr(ord("A") + k - 26) for k, n in enumerate(names)}
    short = re.sub(r"[A-Za-z_]\w*", lambda m: letters[m[0]], pattern).replace(" ", "")
    return contract(short, *tensors)
