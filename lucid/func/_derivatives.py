"""Functions that give the derivatives of a function."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from lucid.autograd import functional
from lucid.autograd._mode import enable_grad
from lucid.autograd._node import TensorBase, wrap
from lucid.func._trees import leaves_of, map_leaves, rebuild

if TYPE_CHECKING:
    from lucid._tensor import Tensor


_state = threading.local()


@contextmanager
def _transform() -> Iterator[bool]:
    """Whether another transform is going on outside, which will differentiate what this one computes."""
    depth = getattr(_state, "depth", 0)
    _state.depth = depth + 1
    try:
        with enable_grad():
            yield depth > 0
    finally:
        _state.depth = depth


def _tracked(x: Tensor, nested: bool) -> Tensor:
    """A tensor to differentiate with respect to, still connected to its own history where that is wanted."""
    return x.view_as(x) if x.requires_grad and nested else x.detach().requires_grad_()


def _chosen(name: str, argnums: Any, args: Sequence[Any]) -> tuple[int, ...]:
    numbers = argnums if isinstance(argnums, tuple) else (argnums,)
    for k in numbers:
        if not -len(args) <= k < len(args):
            raise RuntimeError(f"{name}: got argnum={k}, but only {len(args)} positional inputs")
    return tuple([k % len(args) for k in numbers])


def _split(name: str, has_aux: bool, result: Any) -> tuple[Any, Any]:
    if not has_aux:
        return result, None
    if not isinstance(result, tuple) or len(result) != 2:
        raise RuntimeError(f"{name}: with has_aux=True the function must return a tuple (output, aux)")
    return result


def _plain(tree: Any, nested: bool) -> Any:
    return tree if nested else map_leaves(lambda t: t.detach(), tree)


def _value_and_grad(name: str, func: Callable[..., Any], argnums: Any, has_aux: bool) -> Callable[..., Any]:
    """A function that gives (gradient, value, aux)."""

    def run(*args: Any, **kwargs: Any) -> tuple[Any, Any, Any]:
        numbers = _chosen(name, argnums, args)
        with _transform() as nested:
            given = list(args)
            for k in numbers:
                given[k] = map_leaves(lambda x: _tracked(x, nested), args[k])
            result, aux = _split(name, has_aux, func(*given, **kwargs))
            if not isinstance(result, TensorBase) or result._data.ndim:
                got = f"shape {result._data.shape}" if isinstance(result, TensorBase) else type(result).__name__
                raise RuntimeError(f"{name}: expected the function to return a scalar tensor (0-d), got {got}")
            one = wrap(np.ones((), result._data.dtype))
            leaves = leaves_of([given[k] for k in numbers])
            found = functional._pull(name, (result,), tuple(leaves), (one,), nested)
            found = _plain(found, nested)
            trees = rebuild([given[k] for k in numbers], iter(found))
        gradient = tuple(trees) if isinstance(argnums, tuple) else trees[0]
        return gradient, _plain(result, nested), _plain(aux, nested)

    return functools.wraps(func)(run)


def grad(func: Callable[..., Any], argnums: int | tuple[int, ...] = 0, has_aux: bool = False) -> Callable[..., Any]:
    """A function that gives the gradient of ``func``, whose result is one 0-d tensor.

    Results have no history unless another transform of this module is going on outside: differentiate again by
    nesting, ``grad(grad(f))``.

    Args:
        func: takes tensors, or nested tuples, lists and dicts of them.
        argnums: which positional arguments to differentiate with respect to; a tuple gives a tuple.
        has_aux: ``func`` gives (output, aux), and the gradient comes with aux likewise.

    Raises:
        RuntimeError: when called: the result is not a 0-d tensor, an argument is missing, or there is no aux.

    Example:
        >>> import lucid
        >>> print(lucid.func.grad(lucid.func.grad(lambda x: x**3))(lucid.tensor(2.0)))
        12.0
    """
    run = _value_and_grad("grad", func, argnums, has_aux)

    @functools.wraps(func)
    def gradient(*args: Any, **kwargs: Any) -> Any:
        g, _, aux = run(*args, **kwargs)
        return (g, aux) if has_aux else g

    return gradient


def grad_and_value(
    func: Callable[..., Any], argnums: int | tuple[int, ...] = 0, has_aux: bool = False
) -> Callable[..., Any]:
    """A function that gives (gradient, value) of ``func``, or (gradient, (value, aux)).

    Args:
        func: takes tensors, or nested tuples, lists and dicts of them, and gives one 0-d tensor.
        argnums: which positional arguments to differentiate with respect to; a tuple gives a tuple.
        has_aux: ``func`` gives (output, aux).

    Raises:
        RuntimeError: when called: the result is not a 0-d tensor, an argument is missing, or there is no aux.

    Example:
        >>> import lucid
        >>> gradient, value = lucid.func.grad_and_value(lambda x: (x * x).sum())(lucid.tensor([1.0, 2.0]))
        >>> print(gradient, value)
        [2.0, 4.0] 5.0
    """
    run = _value_and_grad("grad_and_value", func, argnums, has_aux)

    @functools.wraps(func)
    def both(*args: Any, **kwargs: Any) -> Any:
        g, value, aux = run(*args, **kwargs)
        return g, ((value, aux) if has_aux else value)

    return both


def value_and_grad(
    func: Callable[..., Any], argnums: int | tuple[int, ...] = 0, has_aux: bool = False
) -> Callable[..., Any]:
    """A function that gives (value, gradient) of ``func``, or ((value, aux), gradient).

    Args:
        func: takes tensors, or nested tuples, lists and dicts of them, and gives one 0-d tensor.
        argnums: which positional arguments to differentiate with respect to; a tuple gives a tuple.
        has_aux: ``func`` gives (output, aux).

    Raises:
        RuntimeError: when called: the result is not a 0-d tensor, an argument is missing, or there is no aux.

    Example:
        >>> import lucid
        >>> value, gradient = lucid.func.value_and_grad(lambda x: (x * x).sum())(lucid.tensor([1.0, 2.0]))
        >>> print(value, gradient)
        5.0 [2.0, 4.0]
    """
    run = _value_and_grad("value_and_grad", func, argnums, has_aux)

    @functools.wraps(func)
    def both(*args: Any, **kwargs: Any) -> Any:
        g, value, aux = run(*args, **kwargs)
        return ((value, aux) if has_aux else value), g

    return both


def vjp(func: Callable[..., Any], *primals: Any, has_aux: bool = False) -> Any:
    """(output, vjp_fn), or (output, vjp_fn, aux): ``vjp_fn(v)`` is the product of ``v`` with the Jacobian.

    ``vjp_fn`` takes what has the structure of the output and gives the gradient of the only primal, or a tuple. It can
    be called again and again.

    Args:
        func: takes the primals, tensors or nested containers of them, and gives tensors likewise.
        primals: where to evaluate.
        has_aux: ``func`` gives (output, aux).

    Raises:
        RuntimeError: there is no aux; or, from ``vjp_fn``, its argument does not fit the output.

    Example:
        >>> import lucid
        >>> y, vjp_fn = lucid.func.vjp(lambda x: x * x, lucid.tensor([1.0, 2.0]))
        >>> print(vjp_fn(lucid.ones(2))[0])
        2.0
    """
    with _transform() as nested:
        given = map_leaves(lambda x: _tracked(x, nested), primals)
        output, aux = _split("vjp", has_aux, func(*given))
    ys, xs = leaves_of(output), leaves_of(given)

    def product(cotangents: Any) -> Any:
        with _transform() as outer:
            vs = functional._vectors("vjp", tuple(leaves_of(cotangents)), tuple(ys), "output")
            found = functional._pull("vjp", tuple(ys), tuple(xs), vs, nested or outer)
        trees = rebuild(given, iter(_plain(found, nested or outer)))
        return trees[0] if len(primals) == 1 else tuple(trees)

    shown = _plain(output, nested)
    return (shown, product, _plain(aux, nested)) if has_aux else (shown, product)


def jvp(func: Callable[..., Any], primals: tuple[Any, ...], tangents: tuple[Any, ...], *, has_aux: bool = False) -> Any:
    """(output, J v), or with aux: the value of ``func`` and its derivative along the tangents, by two backward passes.

    Args:
        func: takes the primals and gives tensors.
        primals: a tuple of tensors, or nested containers of them.
        tangents: the same structure: the direction.
        has_aux: ``func`` gives (output, aux).

    Raises:
        RuntimeError: primals and tangents are not tuples that fit each other, or there is no aux.

    Example:
        >>> import lucid
        >>> y, tangent = lucid.func.jvp(lambda x: x * x, (lucid.tensor([1.0, 2.0]),), (lucid.tensor([1.0, 1.0]),))
        >>> print(tangent)
        [2.0, 4.0]
    """
    if not isinstance(primals, tuple) or not isinstance(tangents, tuple):
        raise RuntimeError("jvp: expected primals and tangents to be tuples")
    with _transform() as nested:
        given = map_leaves(lambda x: _tracked(x, nested), primals)
        xs = tuple(leaves_of(given))
        vs = functional._vectors("jvp", tuple(leaves_of(tangents)), xs, "input")
        output, aux = _split("jvp", has_aux, func(*given))
        found = functional._push("jvp", tuple(leaves_of(output)), xs, vs, nested)
        derivative = rebuild(output, iter(_plain(found, nested)))
    shown = _plain(output, nested)
    return (shown, derivative, _plain(aux, nested)) if has_aux else (shown, derivative)


def jacrev(
    func: Callable[..., Any], argnums: int | tuple[int, ...] = 0, has_aux: bool = False, *,
    chunk_size: int | None = None,
) -> Callable[..., Any]:  # fmt: skip
    """A function that gives the Jacobian of ``func``, y.shape + x.shape, by a backward pass per element of y.

    Args:
        func: takes and gives tensors, or nested containers of them.
        argnums: which positional arguments; a tuple gives a tuple within the structure of the output.
        has_aux: ``func`` gives (output, aux), and the Jacobian comes with aux likewise.
        chunk_size: accepted: rows are computed one at a time.

    Raises:
        RuntimeError: when called: an argument is missing, or there is no aux.

    Example:
        >>> import lucid
        >>> print(lucid.func.jacrev(lambda x: x * x)(lucid.tensor([1.0, 2.0])))
        [[2.0, 0.0],
         [0.0, 4.0]]
    """

    @functools.wraps(func)
    def derivative(*args: Any, **kwargs: Any) -> Any:
        numbers = _chosen("jacrev", argnums, args)
        with _transform() as nested:
            given = list(args)
            for k in numbers:
                given[k] = map_leaves(lambda x: _tracked(x, nested), args[k])
            output, aux = _split("jacrev", has_aux, func(*given, **kwargs))
            inputs = [given[k] for k in numbers]
            xs = tuple(leaves_of(inputs))

            def of(y: Tensor) -> Any:
                trees = rebuild(inputs, iter(_plain(functional._rows(y, xs, nested, False), nested)))
                return tuple(trees) if isinstance(argnums, tuple) else trees[0]

            found = map_leaves(of, output)
        return (found, _plain(aux, nested)) if has_aux else found

    return derivative


def jacfwd(
    func: Callable[..., Any], argnums: int | tuple[int, ...] = 0, has_aux: bool = False, *, randomness: str = "error"
) -> Callable[..., Any]:
    """What `jacrev` gives: lucid differentiates backwards only, so there is no cheaper way by columns.

    Args:
        func: takes and gives tensors, or nested containers of them.
        argnums: which positional arguments; a tuple gives a tuple within the structure of the output.
        has_aux: ``func`` gives (output, aux), and the Jacobian comes with aux likewise.
        randomness: accepted: ``func`` is called once.

    Raises:
        RuntimeError: when called: an argument is missing, or there is no aux.

    Example:
        >>> import lucid
        >>> print(lucid.func.jacfwd(lambda x: x * x)(lucid.tensor([1.0, 2.0])))
        [[2.0, 0.0],
         [0.0, 4.0]]
    """
    return jacrev(func, argnums, has_aux)


def hessian(func: Callable[..., Any], argnums: int | tuple[int, ...] = 0) -> Callable[..., Any]:
    """A function that gives the second derivatives of ``func``, y.shape + x.shape + x.shape: `jacrev` of `jacrev`.

    Args:
        func: takes and gives tensors, or nested containers of them.
        argnums: which positional arguments; a tuple gives a tuple of tuples within the structure of the output.

    Raises:
        RuntimeError: when called: an argument is missing.

    Example:
        >>> import lucid
        >>> lucid.func.hessian(lambda x: (x**3).sum())(lucid.tensor([1.0, 2.0])).tolist()
        [[6.0, 0.0], [0.0, 12.0]]
    """
    return jacrev(jacrev(func, argnums), argnums)
