"""Function transforms: functions in, their derivatives out. They nest."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from lucid._functions.join import stack
from lucid._random import get_rng_state, set_rng_state
from lucid.autograd import functional
from lucid.autograd._mode import enable_grad
from lucid.autograd._node import TensorBase, wrap
from lucid.nn.modules.module import Module
from lucid.nn.utils.stateless import functional_call

if TYPE_CHECKING:
    from lucid._tensor import Tensor

__all__ = [
    "functional_call", "grad", "grad_and_value", "hessian", "jacfwd", "jacrev", "jvp",
    "replace_all_batch_norm_modules_", "stack_module_state", "value_and_grad", "vjp", "vmap",
]  # fmt: skip

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


def _leaves(tree: Any) -> list[Tensor]:
    """The tensors of nested tuples, lists and dicts, in order."""
    if isinstance(tree, TensorBase):
        return [tree]  # type: ignore[list-item]
    if isinstance(tree, (tuple, list)):
        return [leaf for part in tree for leaf in _leaves(part)]
    if isinstance(tree, dict):
        return [leaf for part in tree.values() for leaf in _leaves(part)]
    return []


def _rebuild(tree: Any, leaves: Iterator[Any]) -> Any:
    """``tree`` with its tensors replaced in order."""
    if isinstance(tree, TensorBase):
        return next(leaves)
    if isinstance(tree, tuple) and hasattr(tree, "_fields"):
        return type(tree)(*[_rebuild(part, leaves) for part in tree])
    if isinstance(tree, (tuple, list)):
        return type(tree)([_rebuild(part, leaves) for part in tree])
    if isinstance(tree, dict):
        return {key: _rebuild(part, leaves) for key, part in tree.items()}
    return tree


def _map(function: Callable[[Tensor], Any], tree: Any) -> Any:
    return _rebuild(tree, iter([function(leaf) for leaf in _leaves(tree)]))


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
    return tree if nested else _map(lambda t: t.detach(), tree)


def _value_and_grad(name: str, func: Callable[..., Any], argnums: Any, has_aux: bool) -> Callable[..., Any]:
    """A function that gives (gradient, value, aux)."""

    def run(*args: Any, **kwargs: Any) -> tuple[Any, Any, Any]:
        numbers = _chosen(name, argnums, args)
        with _transform() as nested:
            given = list(args)
            for k in numbers:
                given[k] = _map(lambda x: _tracked(x, nested), args[k])
            result, aux = _split(name, has_aux, func(*given, **kwargs))
            if not isinstance(result, TensorBase) or result._data.ndim:
                got = f"shape {result._data.shape}" if isinstance(result, TensorBase) else type(result).__name__
                raise RuntimeError(f"{name}: expected the function to return a scalar tensor (0-d), got {got}")
            one = wrap(np.ones((), result._data.dtype))
            leaves = _leaves([given[k] for k in numbers])
            found = functional._pull(name, (result,), tuple(leaves), (one,), nested)
            found = _plain(found, nested)
            trees = _rebuild([given[k] for k in numbers], iter(found))
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
        given = _map(lambda x: _tracked(x, nested), primals)
        output, aux = _split("vjp", has_aux, func(*given))
    ys, xs = _leaves(output), _leaves(given)

    def product(cotangents: Any) -> Any:
        with _transform() as outer:
            vs = functional._vectors("vjp", tuple(_leaves(cotangents)), tuple(ys), "output")
            found = functional._pull("vjp", tuple(ys), tuple(xs), vs, nested or outer)
        trees = _rebuild(given, iter(_plain(found, nested or outer)))
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
        given = _map(lambda x: _tracked(x, nested), primals)
        xs = tuple(_leaves(given))
        vs = functional._vectors("jvp", tuple(_leaves(tangents)), xs, "input")
        output, aux = _split("jvp", has_aux, func(*given))
        found = functional._push("jvp", tuple(_leaves(output)), xs, vs, nested)
        derivative = _rebuild(output, iter(_plain(found, nested)))
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
                given[k] = _map(lambda x: _tracked(x, nested), args[k])
            output, aux = _split("jacrev", has_aux, func(*given, **kwargs))
            inputs = [given[k] for k in numbers]
            xs = tuple(_leaves(inputs))

            def of(y: Tensor) -> Any:
                trees = _rebuild(inputs, iter(_plain(functional._rows(y, xs, nested, False), nested)))
                return tuple(trees) if isinstance(argnums, tuple) else trees[0]

            found = _map(of, output)
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


def _dims(name: str, dims: Any, tree: Any) -> list[int | None]:
    """One entry of ``dims`` for every tensor of ``tree``: a number stands for all below it."""
    if dims is None or isinstance(dims, int):
        return [dims] * len(_leaves(tree))
    if isinstance(dims, (tuple, list)) and isinstance(tree, (tuple, list)) and len(dims) == len(tree):
        return [d for part, below in zip(dims, tree) for d in _dims(name, part, below)]
    if isinstance(dims, dict) and isinstance(tree, dict) and set(dims) == set(tree):
        return [d for key, below in tree.items() for d in _dims(name, dims[key], below)]
    raise ValueError(f"vmap: {name} {dims} is not compatible with the structure of what it is for")


def _batch_size(leaves: list[Tensor], dims: list[int | None]) -> int:
    sizes = set()
    for x, d in zip(leaves, dims):
        if d is not None:
            if not -x.ndim <= d < x.ndim:
                raise ValueError(f"vmap: in_dim {d} is out of range for an input of {x.ndim} dimensions")
            sizes.add(x.shape[d])
    if len(sizes) != 1:
        raise ValueError(f"vmap: expected inputs of one size along in_dims, got sizes {sorted(sizes)}")
    (size,) = sizes
    if size == 0:
        raise ValueError("vmap: a batch of size 0 does not tell the shape of the result")
    return size


def vmap(
    func: Callable[..., Any], in_dims: Any = 0, out_dims: Any = 0, randomness: str = "error",
    *, chunk_size: int | None = None,
) -> Callable[..., Any]:  # fmt: skip
    """A function that maps ``func`` over a dimension of its inputs: one call per slice, and the results stacked.

    It saves writing the loop, not its time: a function that broadcasts is faster on the whole batch.

    Args:
        func: takes and gives tensors, or nested containers of them.
        in_dims: the mapped dimension of every positional argument, or None for one that is passed whole: a number for
            all, or a tuple with an entry (or a container of entries) for each. Keyword arguments are mapped along 0.
        out_dims: where the mapped dimension goes in the results, likewise.
        randomness: "error" refuses random draws, "different" and "same" say whether slices get their own.
        chunk_size: accepted: slices are computed one at a time.

    Raises:
        RuntimeError: random numbers were drawn with ``randomness="error"``, or that is another word.
        TypeError: ``func`` is not a function.
        ValueError: ``in_dims`` or ``out_dims`` do not fit, the sizes differ or are 0, or ``func`` gives no tensors.

    Example:
        >>> import lucid
        >>> dot = lucid.func.vmap(lucid.dot, in_dims=(0, None))
        >>> dot(lucid.eye(2), lucid.tensor([3.0, 4.0])).tolist()
        [3.0, 4.0]
    """
    if not callable(func):
        raise TypeError(f"vmap: expected a function, got {type(func).__name__}")
    if randomness not in ("error", "different", "same"):
        raise RuntimeError(f"vmap: randomness must be 'error', 'different' or 'same', got {randomness!r}")

    @functools.wraps(func)
    def mapped(*args: Any, **kwargs: Any) -> Any:
        given = (args, kwargs)
        dims = _dims("in_dims", in_dims if not isinstance(in_dims, list) else tuple(in_dims), args)
        leaves = _leaves(args)
        dims += [0] * len(_leaves(kwargs))
        leaves += _leaves(kwargs)
        size = _batch_size(leaves, dims)
        results, start = [], get_rng_state()
        for k in range(size):
            if randomness == "same":
                set_rng_state(start)
            parts = iter([x if d is None else x.select(d, k) for x, d in zip(leaves, dims)])
            inputs, options = _rebuild(given, parts)
            results.append(func(*inputs, **options))
            if randomness == "error" and not bool((get_rng_state() == start).all()):
                raise RuntimeError("vmap: random numbers were drawn; pass randomness='different' or 'same'")
        columns = list(zip(*[_leaves(result) for result in results]))
        if not columns:
            raise ValueError(f"vmap: expected {getattr(func, '__name__', 'func')} to give tensors")
        places = _dims("out_dims", out_dims, results[0])
        return _rebuild(results[0], iter([stack(list(c), 0 if d is None else d) for c, d in zip(columns, places)]))

    return mapped


def stack_module_state(models: Sequence[Module]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """The parameters and the buffers of models of one architecture, each stacked along a new first dimension.

    With `vmap` and `functional_call` the models run as one.

    Args:
        models: of the same class, all training or all in evaluation mode.

    Returns:
        Two dicts by name; parameters require grad where those of the models do.

    Raises:
        RuntimeError: there is no model, or they differ in class or mode.
        TypeError: an entry is not a Module.

    Example:
        >>> import lucid
        >>> from lucid.func import functional_call, stack_module_state, vmap
        >>> models = [lucid.nn.Linear(2, 3) for _ in range(4)]
        >>> params, buffers = stack_module_state(models)
        >>> run = vmap(lambda p, b, x: functional_call(models[0], (p, b), (x,)), (0, 0, None))
        >>> run(params, buffers, lucid.ones(5, 2)).shape
        lucid.Size([4, 5, 3])
    """
    if not all(isinstance(m, Module) for m in models):
        raise TypeError(f"stack_module_state: expected modules, got {[type(m).__name__ for m in models]}")
    if not models:
        raise RuntimeError("stack_module_state: Expected at least one model, got 0.")
    if any(m.training is not models[0].training for m in models):
        raise RuntimeError("stack_module_state: Expected all models to have the same training/eval mode.")
    if any(type(m) is not type(models[0]) for m in models):
        raise RuntimeError("stack_module_state: Expected all models to be of the same class.")

    def stacked(states: Sequence[dict[str, Any]]) -> dict[str, Tensor]:
        return {
            name: stack([state[name].detach() for state in states]).requires_grad_(states[0][name].requires_grad)
            for name in states[0]
        }

    parameters, buffers = [dict(m.named_parameters()) for m in models], [dict(m.named_buffers()) for m in models]
    return stacked(parameters), stacked(buffers)


def replace_all_batch_norm_modules_(root: Module) -> Module:
    """Let every batch norm in ``root`` use the statistics of the batch alone, for function transforms; in place.

    Args:
        root: changed in place, with all modules inside it.

    Returns:
        ``root``.

    Raises:
        TypeError: ``root`` is not a Module.

    Example:
        >>> import lucid
        >>> net = lucid.nn.Sequential(lucid.nn.BatchNorm1d(2))
        >>> lucid.func.replace_all_batch_norm_modules_(net)[0].running_mean is None
        True
    """
    if not isinstance(root, Module):
        raise TypeError(f"replace_all_batch_norm_modules_: expected a Module, got {type(root).__name__}")
    for module in root.modules():
        if hasattr(module, "track_running_stats") and hasattr(module, "running_mean"):
            module.running_mean = module.running_var = module.num_batches_tracked = None
            module.track_running_stats = False
    return root
