"""Derivatives of functions as functions: Jacobians, Hessians and their products with vectors.

Arguments and results may be one tensor or a tuple of them; derivatives are nested accordingly.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from lucid._functions._naming import listed
from lucid.autograd import grad
from lucid.autograd._mode import enable_grad
from lucid.autograd._node import TensorBase, wrap

if TYPE_CHECKING:
    from lucid._tensor import Tensor

__all__ = ["hessian", "hvp", "jacobian", "jvp", "vhp", "vjp"]


def _tuple(name: str, what: str, x: Any) -> tuple[Tensor, ...]:
    items = x if isinstance(x, (tuple, list)) else (x,)
    for t in items:
        if not isinstance(t, TensorBase):
            raise TypeError(f"{name}: {what} must be a Tensor or a tuple of Tensors, got {type(t).__name__}")
    return tuple(items)


def _like(x: Any, items: tuple[Any, ...]) -> Any:
    """``items`` as they were given: alone, or in a tuple."""
    return tuple(items) if isinstance(x, (tuple, list)) else items[0]


def _inputs(name: str, inputs: Any, create_graph: bool) -> tuple[Tensor, ...]:
    """What to differentiate with respect to: views where the result is to be differentiated on, else fresh leaves."""
    items = _tuple(name, "inputs", inputs)
    if create_graph:
        return tuple([x.view_as(x) if x.requires_grad else x.detach().requires_grad_() for x in items])
    return tuple([x.detach().requires_grad_() for x in items])


def _check_used(name: str, strict: bool, gradients: tuple[Any, ...]) -> None:
    if strict:
        for k, g in enumerate(gradients):
            if g is None:
                raise RuntimeError(f"{name}: the output is independent of input {k}, which strict=True does not allow")


def _zeros(gradients: tuple[Any, ...], inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return tuple([wrap(np.zeros_like(x._data)) if g is None else g for g, x in zip(gradients, inputs)])


def _pull(
    name: str, outputs: Any, inputs: Any, cotangents: Any, create: bool, strict: bool = False
) -> tuple[Tensor, ...]:
    """The vector-Jacobian product, zeros where nothing depends on an input."""
    pairs = [(y, v) for y, v in zip(outputs, cotangents) if y.requires_grad]
    if not pairs:
        found: tuple[Any, ...] = (None,) * len(inputs)
    else:
        ys, vs = zip(*pairs)
        found = grad(ys, inputs, vs, retain_graph=True, create_graph=create, allow_unused=True)
    _check_used(name, strict, found)
    return _zeros(found, inputs)


def _vectors(name: str, v: Any, like: tuple[Tensor, ...], what: str) -> tuple[Tensor, ...]:
    """The vectors, checked against what they multiply; 1 for a single number."""
    if v is None:
        if len(like) != 1 or like[0]._data.size != 1:
            raise RuntimeError(
                f"{name}: the vector v can only be None if the {what} is one tensor with a single element"
            )
        return (wrap(np.ones_like(like[0]._data)),)
    items = _tuple(name, "v", v)
    if len(items) != len(like):
        raise RuntimeError(f"{name}: v has {len(items)} tensors, expected {len(like)}, one for each {what}")
    for k, (a, b) in enumerate(zip(items, like)):
        if a._data.shape != b._data.shape:
            raise RuntimeError(f"{name}: v {k} has shape {a._data.shape}, expected {b._data.shape}, that of the {what}")
    return items


def _plain(items: tuple[Any, ...], create_graph: bool) -> tuple[Any, ...]:
    return items if create_graph else tuple([t.detach() for t in items])


@listed
def jacobian(
    func: Callable[..., Any],
    inputs: Any,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    strategy: str = "reverse-mode",
) -> Any:
    """The derivative of every element of the results with respect to every element of the inputs.

    Args:
        func: takes tensors, gives a tensor or a tuple of them.
        inputs: a tensor, or a tuple of them.
        create_graph: record the computation, so that the Jacobian can be differentiated.
        strict: refuse results that do not depend on an input, instead of giving zeros.
        vectorize, strategy: not used: one backward pass for each element of the results.

    Returns:
        Shape y.shape + x.shape; a tuple over inputs where they are a tuple, within one over results likewise.

    Raises:
        TypeError: inputs or results are not tensors.
        RuntimeError: ``strict`` finds independence.

    Example:
        >>> import lucid
        >>> lucid.autograd.functional.jacobian(lambda x: x**2, lucid.tensor([1.0, 2.0])).tolist()
        [[2.0, 0.0], [0.0, 4.0]]
    """
    with enable_grad():
        xs = _inputs("jacobian", inputs, create_graph)
        results = func(*xs)
        ys = _tuple("jacobian", "results", results)
        rows = tuple([_rows(y, xs, create_graph, strict) for y in ys])
    rows = tuple([_plain(r, create_graph) for r in rows])
    return _like(results, tuple([_like(inputs, r) for r in rows]))


def _rows(y: Tensor, xs: tuple[Tensor, ...], create: bool, strict: bool) -> tuple[Tensor, ...]:
    """dy/dx for each input, of shape y.shape + x.shape."""
    from lucid._functions.join import stack

    flat = y.reshape(-1)
    size = flat._data.size
    if not size or not y.requires_grad:
        _check_used("jacobian", strict and size > 0, (None,) * len(xs))
        return tuple([wrap(np.zeros(y._data.shape + x._data.shape, x._data.dtype)) for x in xs])
    found = []
    for k in range(size):
        start = np.zeros(size, y._data.dtype)
        start[k] = 1
        found.append(_pull("jacobian", (flat,), xs, (wrap(start),), create, strict))
    return tuple([stack(column).reshape(y._data.shape + x._data.shape) for column, x in zip(zip(*found), xs)])


def _number(name: str, y: Any) -> Tensor:
    items = _tuple(name, "the result", y)
    if len(items) != 1 or items[0]._data.size != 1:
        shapes = ", ".join(str(t._data.shape) for t in items)
        raise RuntimeError(f"{name}: the function must return one Tensor with a single element, got shapes {shapes}")
    return items[0].reshape(())


@listed
def hessian(
    func: Callable[..., Any],
    inputs: Any,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    outer_jacobian_strategy: str = "reverse-mode",
) -> Any:
    """The second derivatives of a function with one number as its result.

    Args:
        func: takes tensors, gives a tensor with one element.
        inputs: a tensor, or a tuple of them.
        create_graph: record the computation, so that the result can be differentiated.
        strict: refuse a result that does not depend on an input, instead of giving zeros.
        vectorize, outer_jacobian_strategy: not used: one backward pass for each element of the gradient.

    Returns:
        Shape x.shape + x.shape; for a tuple of inputs a tuple of tuples, [i][j] of shape xi.shape + xj.shape.

    Raises:
        RuntimeError: the result is not a single number, or ``strict`` finds independence.
        TypeError: inputs or the result are not tensors.

    Example:
        >>> import lucid
        >>> lucid.autograd.functional.hessian(lambda x: (x**3).sum(), lucid.tensor([1.0, 2.0])).tolist()
        [[6.0, 0.0], [0.0, 12.0]]
    """

    def gradient(*xs: Tensor) -> tuple[Tensor, ...]:
        y = _number("hessian", func(*xs))
        return _pull("hessian", (y,), xs, (wrap(np.ones((), y._data.dtype)),), True, strict)

    rows = jacobian(gradient, _tuple("hessian", "inputs", inputs), create_graph, strict)
    return _like(inputs, tuple([_like(inputs, row) for row in rows]))


@listed
def vjp(func: Callable[..., Any], inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False) -> Any:
    """(results, v^T J): the results, and the product of a vector with the Jacobian.

    Args:
        func: takes tensors, gives a tensor or a tuple of them.
        inputs: a tensor, or a tuple of them.
        v: a tensor for each result, of its shape; may be left out for a single number.
        create_graph: record the computation, so that the result can be differentiated.
        strict: refuse a result that does not depend on an input, instead of giving zeros.

    Returns:
        The results, and a product for each input, of its shape.

    Raises:
        RuntimeError: ``v`` does not fit, or ``strict`` finds independence.
        TypeError: inputs, results or ``v`` are not tensors.

    Example:
        >>> import lucid
        >>> x, v = lucid.tensor([1.0, 2.0]), lucid.tensor([1.0, 1.0])
        >>> y, product = lucid.autograd.functional.vjp(lambda x: x * x, x, v)
        >>> print(product)
        [2.0, 4.0]
    """
    with enable_grad():
        xs = _inputs("vjp", inputs, create_graph)
        results = func(*xs)
        ys = _tuple("vjp", "results", results)
        product = _pull("vjp", ys, xs, _vectors("vjp", v, ys, "output"), create_graph, strict)
    return _like(results, _plain(ys, create_graph)), _like(inputs, _plain(product, create_graph))


def _push(name: str, ys: Any, xs: Any, vs: Any, create: bool, strict: bool = False) -> tuple[Tensor, ...]:
    """The Jacobian-vector product: u^T J is linear in u, and its derivative along v is J v."""
    us = tuple([wrap(np.zeros_like(y._data)).requires_grad_() for y in ys])
    products = _pull(name, ys, xs, us, True, strict)
    return _pull(name, products, us, vs, create)


@listed
def jvp(func: Callable[..., Any], inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False) -> Any:
    """(results, J v): the results, and the product of the Jacobian with a vector, by two backward passes.

    Args:
        func: takes tensors, gives a tensor or a tuple of them.
        inputs: a tensor, or a tuple of them.
        v: a tensor for each input, of its shape; may be left out for a single number.
        create_graph: record the computation, so that the result can be differentiated.
        strict: refuse a result that does not depend on an input, instead of giving zeros.

    Returns:
        The results, and a product for each of them, of its shape.

    Raises:
        RuntimeError: ``v`` does not fit, or ``strict`` finds independence.
        TypeError: inputs, results or ``v`` are not tensors.

    Example:
        >>> import lucid
        >>> x, v = lucid.tensor([1.0, 2.0]), lucid.tensor([1.0, 1.0])
        >>> y, product = lucid.autograd.functional.jvp(lambda x: x * x, x, v)
        >>> print(product)
        [2.0, 4.0]
    """
    with enable_grad():
        xs = _inputs("jvp", inputs, create_graph)
        vs = _vectors("jvp", v, xs, "input")
        results = func(*xs)
        ys = _tuple("jvp", "results", results)
        product = _push("jvp", ys, xs, vs, create_graph, strict)
    return _like(results, _plain(ys, create_graph)), _like(results, _plain(product, create_graph))


@listed
def vhp(func: Callable[..., Any], inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False) -> Any:
    """(result, v^T H): a function's single number, and the product of a vector with its second derivatives.

    Args:
        func: takes tensors, gives a tensor with one element.
        inputs: a tensor, or a tuple of them.
        v: a tensor for each input, of its shape; may be left out for a single number.
        create_graph: record the computation, so that the result can be differentiated.
        strict: refuse a result that does not depend on an input, instead of giving zeros.

    Returns:
        The result, and a product for each input, of its shape.

    Raises:
        RuntimeError: the result is not a single number, ``v`` does not fit, or ``strict`` finds independence.
        TypeError: inputs, results or ``v`` are not tensors.

    Example:
        >>> import lucid
        >>> x, v = lucid.tensor([1.0, 2.0]), lucid.tensor([1.0, 0.0])
        >>> y, product = lucid.autograd.functional.vhp(lambda x: (x**3).sum(), x, v)
        >>> print(product)
        [6.0, 0.0]
    """
    return _second("vhp", func, inputs, v, create_graph, strict)


@listed
def hvp(func: Callable[..., Any], inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False) -> Any:
    """(result, H v): what `vhp` gives, since second derivatives are symmetric.

    Args:
        func: takes tensors, gives a tensor with one element.
        inputs: a tensor, or a tuple of them.
        v: a tensor for each input, of its shape; may be left out for a single number.
        create_graph: record the computation, so that the result can be differentiated.
        strict: refuse a result that does not depend on an input, instead of giving zeros.

    Returns:
        The result, and a product for each input, of its shape.

    Raises:
        RuntimeError: the result is not a single number, ``v`` does not fit, or ``strict`` finds independence.
        TypeError: inputs, results or ``v`` are not tensors.

    Example:
        >>> import lucid
        >>> x, v = lucid.tensor([1.0, 2.0]), lucid.tensor([1.0, 0.0])
        >>> y, product = lucid.autograd.functional.hvp(lambda x: (x**3).sum(), x, v)
        >>> print(product)
        [6.0, 0.0]
    """
    return _second("hvp", func, inputs, v, create_graph, strict)


def _second(name: str, func: Callable[..., Any], inputs: Any, v: Any, create_graph: bool, strict: bool) -> Any:
    with enable_grad():
        xs = _inputs(name, inputs, create_graph)
        vs = _vectors(name, v, xs, "input")
        result = func(*xs)
        y = _number(name, result)
        first = _pull(name, (y,), xs, (wrap(np.ones((), y._data.dtype)),), True, strict)
        product = _pull(name, first, xs, vs, create_graph)
    (single,) = _plain(_tuple(name, "the result", result), create_graph)
    return _like(result, (single,)), _like(inputs, _plain(product, create_graph))
