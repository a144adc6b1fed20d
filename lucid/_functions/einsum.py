"""Sums of products over named dimensions: einsum, tensordot and the products that are special cases of them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from lucid._dtype import result_type
from lucid._functions._arguments import check_tensors, integer
from lucid._functions._common import as_tensor, cast, normalize_dim
from lucid._functions._contraction import Labels, Side, order, pair_plan, read
from lucid._functions.binary import mul
from lucid._functions.compare import logical_or
from lucid._functions.diagonal import diagonal
from lucid._functions.matmul import added, bmm, matmul, mv, outer
from lucid._functions.reduce import sum
from lucid._functions.shape import permute, reshape, squeeze
from lucid._printing import shown
from lucid.autograd._node import TensorBase

if TYPE_CHECKING:
    from lucid._tensor import Tensor


def einsum(equation: Any, *operands: Any) -> Tensor:
    """The sum of products of the operands' elements over the dimensions the output does not name.

    With two operands and repeated letter j, ``einsum("ij,jk->ik", a, b)`` is y[i, k] = sum over j of a[i, j] b[j, k].
    A letter repeated within one operand takes its diagonal, ``...`` stands for dimensions that broadcast, and without
    ``->`` the output has the letters that occur once, in alphabetical order. Each pair of operands is one matrix
    product; three and more are paired in the order that a greedy search finds cheapest.

    Args:
        equation: the letters of every operand, separated by commas, then ``->`` and those of the output. Or the
            operands and lists of numbers by turns: ``einsum(a, [0, 1], b, [1, 2], [0, 2])``.
        operands: tensors of one dtype, or a list of them; sizes of a letter agree or are 1.

    Raises:
        RuntimeError: the equation is malformed, or does not fit the operands' dimensions, sizes or dtypes.

    Example:
        >>> import lucid
        >>> a, b = lucid.tensor([[1.0, 2.0], [3.0, 4.0]]), lucid.tensor([10.0, 1.0])
        >>> print(lucid.einsum("ij,j->i", a, b), lucid.einsum("ii", a))
        [12.0, 34.0] 5.0
    """
    if not isinstance(equation, str):
        equation, operands = _from_lists((equation, *operands))
    elif len(operands) == 1 and isinstance(operands[0], (list, tuple)):
        operands = tuple(operands[0])
    tensors = [as_tensor(x, "einsum") for x in operands]
    for x in tensors:
        if x._data.dtype != tensors[0]._data.dtype:
            raise RuntimeError(f"einsum: operands must have one dtype, got {tensors[0].dtype} and {x.dtype}")
    inputs, output = read(equation, tuple([x._data.shape for x in tensors]))
    terms = [_without_repeats(x, labels) for x, labels in zip(tensors, inputs)]
    for first, second in order(tuple([(x._data.shape, labels) for x, labels in terms]), output):
        right, left = terms.pop(max(first, second)), terms.pop(min(first, second))
        wanted = frozenset([label for _, labels in terms for label in labels] + [*output])
        terms.append(_pair(left, right, wanted))
    return _arrange(*terms[0], output)


def _from_lists(args: tuple[Any, ...]) -> tuple[str, tuple[Any, ...]]:
    """The equation that operands and lists of numbers by turns stand for."""
    operands, lists = args[0 : len(args) // 2 * 2 : 2], [*args[1::2], *(args[-1:] if len(args) % 2 else ())]
    letters = [
        "".join("..." if i is Ellipsis else _letter(i) for i in (part if isinstance(part, (list, tuple)) else [part]))
        for part in lists
    ]
    count = len(operands)
    return ",".join(letters[:count]) + ("->" + letters[-1] if len(args) % 2 else ""), operands


def _letter(i: Any) -> str:
    if not isinstance(i, int) or not 0 <= i < 52:
        raise RuntimeError(f"einsum: expected subscripts in the range [0, 52), got {shown(i)}")
    return chr(ord("A") + i) if i < 26 else chr(ord("a") + i - 26)


def _without_repeats(x: Tensor, labels: Labels) -> tuple[Tensor, Labels]:
    """Diagonals in place of repeated labels."""
    for label in dict.fromkeys(labels):
        while labels.count(label) > 1:
            first = labels.index(label)
            second = labels.index(label, first + 1)
            x = diagonal(x, 0, first, second)
            labels = (*[c for d, c in enumerate(labels) if d not in (first, second)], label)
    return x, labels


def _prepared(x: Tensor, side: Side) -> Tensor:
    for d in side.squeezed:
        x = squeeze(x, d)
    if side.summed:
        x = sum(x, side.summed)
    if side.order is not None:
        x = permute(x, side.order)
    return x if side.shape is None else reshape(x, side.shape)


def _pair(left: tuple[Tensor, Labels], right: tuple[Tensor, Labels], wanted: frozenset[int]) -> tuple[Tensor, Labels]:
    """The product of two terms, summed over the labels nobody else wants."""
    (x, a), (y, b) = left, right
    to_x, to_y, shape, matrices, labels = pair_plan(a, x._data.shape, b, y._data.shape, wanted)
    z = (matmul if matrices else mul)(_prepared(x, to_x), _prepared(y, to_y))
    return z if shape is None else reshape(z, shape), labels


def _sum_out(x: Tensor, labels: Labels, wanted: set[int]) -> tuple[Tensor, Labels]:
    dims = tuple([d for d, label in enumerate(labels) if label not in wanted])
    return (sum(x, dims), tuple([c for c in labels if c in wanted])) if dims else (x, labels)


def _arrange(x: Tensor, labels: Labels, output: Labels) -> Tensor:
    x, labels = _sum_out(x, labels, set(output))
    return permute(x, [labels.index(c) for c in output]) if labels != output else x


def tensordot(a: Tensor, b: Tensor, dims: Any = 2, *, out: Tensor | None = None) -> Tensor:
    """Products of ``a`` and ``b`` summed over pairs of dimensions; the others follow in their order, a's first.

    Args:
        a, b: tensors of one dtype.
        dims: how many last dimensions of ``a`` to pair with the first of ``b``, or two lists of dimensions.
        out: tensor that receives the result.

    Raises:
        RuntimeError: the lists or the paired sizes differ.

    Example:
        >>> import lucid
        >>> lucid.tensordot(lucid.ones(3, 4, 5), lucid.ones(4, 3, 2), dims=([1, 0], [0, 1])).shape
        lucid.Size([5, 2])
    """
    check_tensors("tensordot", a, b)
    if isinstance(dims, TensorBase):
        dims = dims.tolist()  # type: ignore[attr-defined]
    dims = integer(dims)
    if isinstance(dims, int):
        if not 0 <= dims <= min(a._data.ndim, b._data.ndim):
            raise RuntimeError(
                f"tensordot: dims={dims} does not fit operands of shapes {a._data.shape}, {b._data.shape}"
            )
        dims = (range(a._data.ndim - dims, a._data.ndim), range(dims))
    first, second = ([d] if isinstance(d, int) else list(d) for d in dims)
    if len(first) != len(second):
        raise RuntimeError(f"tensordot: both dimension lists should have same length, got {first} and {second}")
    da, db = ([normalize_dim("tensordot", d, x) for d in ds] for ds, x in ((first, a), (second, b)))
    for i, j in zip(da, db):
        if a._data.shape[i] != b._data.shape[j] and 1 in (a._data.shape[i], b._data.shape[j]):  # broadcasting
            a, b = (sum(x, d, True, dtype=x.dtype) if x._data.shape[d] != 1 else x for x, d in ((a, i), (b, j)))
        if a._data.shape[i] != b._data.shape[j]:
            raise RuntimeError(
                f"tensordot: paired dimensions must match, but dim {i} of {a._data.shape} has size "
                f"{a._data.shape[i]} and dim {j} of {b._data.shape} has size {b._data.shape[j]}"
            )
    rest_a = [d for d in range(a._data.ndim) if d not in da]
    rest_b = [d for d in range(b._data.ndim) if d not in db]
    shape = (*[a._data.shape[d] for d in rest_a], *[b._data.shape[d] for d in rest_b])
    depth = math.prod([a._data.shape[d] for d in da])
    x = reshape(permute(a, rest_a + da), (math.prod([a._data.shape[d] for d in rest_a]), depth))
    y = reshape(permute(b, db + rest_b), (depth, math.prod([b._data.shape[d] for d in rest_b])))
    return reshape(matmul(x, y), shape)


def inner(x: Tensor, y: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Products summed over the last dimension of both: y[i, j] = sum over k of a[i, k] b[j, k]; x * y for a number.

    Args:
        x, y: shapes (..., k); of one dtype.
        out: tensor that receives the result.

    Raises:
        RuntimeError: the last dimensions differ.

    Example:
        >>> import lucid
        >>> print(lucid.inner(lucid.tensor([1.0, 2.0]), lucid.tensor([3.0, 4.0])))
        11.0
    """
    check_tensors("inner", x, y)
    if not x._data.ndim or not y._data.ndim:
        return mul(x, y)
    if x._data.shape[-1] != y._data.shape[-1]:
        raise RuntimeError(f"inner: last dimensions of {x._data.shape} and {y._data.shape} must match")
    return tensordot(x, y, ([-1], [-1]))


def kron(x: Tensor, y: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The Kronecker product: every element of ``x`` times the whole of ``y``, as blocks.

    Args:
        x, y: shapes (a0, a1, ...) and (b0, b1, ...); the shorter gets leading dimensions of size 1.
        out: tensor that receives the result.

    Returns:
        Shape (a0 b0, a1 b1, ...).

    Example:
        >>> import lucid
        >>> lucid.kron(lucid.eye(2), lucid.tensor([[1.0, 2.0]])).tolist()
        [[1.0, 2.0, 0.0, 0.0], [0.0, 0.0, 1.0, 2.0]]
    """
    check_tensors("kron", x, y)
    ndim = max(x._data.ndim, y._data.ndim)
    a, b = ((1,) * (ndim - t._data.ndim) + t._data.shape for t in (x, y))
    left = reshape(x, tuple([n for size in a for n in (size, 1)]))
    right = reshape(y, tuple([n for size in b for n in (1, size)]))
    return reshape(mul(left, right), tuple([m * n for m, n in zip(a, b)]))


def addmv(c: Tensor, x: Tensor, y: Tensor, *, beta: float = 1, alpha: float = 1, out: Tensor | None = None) -> Tensor:
    """beta * c + alpha * (x @ y) for a matrix ``x`` and a vector ``y``.

    Args:
        c: broadcasts to (n,).
        x, y: shapes (n, k) and (k,), of one dtype.
        beta, alpha: factors of ``c`` and of the product; of integers without their fractions.
        out: tensor that receives the result.

    Raises:
        RuntimeError: the shapes of ``x`` and ``y`` do not fit, or their dtypes differ.
        ValueError: ``c`` does not broadcast.

    Example:
        >>> import lucid
        >>> print(lucid.addmv(lucid.zeros(1), lucid.tensor([[1.0, 2.0]]), lucid.tensor([3.0, 4.0])))
        [11.0]
    """
    check_tensors("addmv", c, x, y)
    return added("addmv", c, mv(x, y), beta, alpha)


def addr(c: Tensor, x: Tensor, y: Tensor, *, beta: float = 1, alpha: float = 1, out: Tensor | None = None) -> Tensor:
    """beta * c + alpha * outer(x, y).

    Args:
        c: broadcasts to (n, m).
        x, y: shapes (n,) and (m,).
        beta, alpha: factors of ``c`` and of the product.
        out: tensor that receives the result.

    Raises:
        RuntimeError: ``x`` or ``y`` is not a vector, or a factor of integers is a floating-point number.

    Example:
        >>> import lucid
        >>> print(lucid.addr(lucid.zeros(1, 2), lucid.tensor([2.0]), lucid.tensor([3.0, 4.0])))
        [[6.0, 8.0]]
    """
    check_tensors("addr", c, x, y)
    if x._data.ndim != 1 or y._data.ndim != 1:
        raise RuntimeError(f"addr: expected two vectors, got shapes {x._data.shape} and {y._data.shape}")
    product = outer(x, y)
    d = result_type(c, product)
    for label, factor in (("beta", beta), ("alpha", alpha)):
        if d.rank < 2 and isinstance(factor, float):
            raise RuntimeError(f"addr: {label} must be no floating-point number for integers, got {factor}")
        if d.rank and isinstance(factor, bool):
            raise RuntimeError(f"addr: {label} can be a bool for bools alone, got {factor} for {d}")
    if d.rank:
        return added("addr", cast(c, d), cast(product, d), beta, alpha)
    return logical_or(c if beta else c & False, product if alpha else product & False)


def addbmm(c: Tensor, x: Tensor, y: Tensor, *, beta: float = 1, alpha: float = 1, out: Tensor | None = None) -> Tensor:
    """beta * c + alpha * the sum over batches of x @ y, of shapes (b, n, k) and (b, k, m).

    Args:
        c: broadcasts to (n, m).
        x, y: shapes (b, n, k) and (b, k, m), of one dtype.
        beta, alpha: factors of ``c`` and of the products; of integers without their fractions.
        out: tensor that receives the result.

    Raises:
        RuntimeError: the shapes of ``x`` and ``y`` do not fit, or their dtypes differ.
        ValueError: ``c`` does not broadcast.

    Example:
        >>> import lucid
        >>> lucid.addbmm(lucid.zeros(3, 5), lucid.ones(2, 3, 4), lucid.ones(2, 4, 5)).shape
        lucid.Size([3, 5])
    """
    check_tensors("addbmm", c, x, y)
    return added("addbmm", c, sum(bmm(x, y), 0, dtype=x.dtype), beta, alpha)


def vdot(x: Tensor, y: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The inner product of two vectors.

    Args:
        x, y: vectors of one length and dtype; a complex ``x`` is conjugated.
        out: tensor that receives the result.

    Raises:
        RuntimeError: they are not.

    Example:
        >>> import lucid
        >>> print(lucid.vdot(lucid.tensor([1.0, 2.0]), lucid.tensor([3.0, 4.0])))
        11.0
    """
    check_tensors("vdot", x, y)
    if x._data.ndim != 1 or y._data.ndim != 1 or x._data.shape != y._data.shape:
        raise RuntimeError(f"vdot: expected two vectors of one length, got shapes {x._data.shape} and {y._data.shape}")
    return matmul(x, y)


__all__ = ["addbmm", "addmv", "addr", "einsum", "inner", "kron", "tensordot", "vdot"]
