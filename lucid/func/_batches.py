"""Functions and models run for many inputs at once."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from lucid._functions.join import stack
from lucid._random import get_rng_state, set_rng_state
from lucid.func._trees import leaves_of, rebuild
from lucid.nn.modules.module import Module

if TYPE_CHECKING:
    from lucid._tensor import Tensor


def _dims(name: str, dims: Any, tree: Any) -> list[int | None]:
    """One entry of ``dims`` for every tensor of ``tree``: a number stands for all below it."""
    if dims is None or isinstance(dims, int):
        return [dims] * len(leaves_of(tree))
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
        leaves = leaves_of(args)
        dims += [0] * len(leaves_of(kwargs))
        leaves += leaves_of(kwargs)
        size = _batch_size(leaves, dims)
        results, start = [], get_rng_state()
        for k in range(size):
            if randomness == "same":
                set_rng_state(start)
            parts = iter([x if d is None else x.select(d, k) for x, d in zip(leaves, dims)])
            inputs, options = rebuild(given, parts)
            results.append(func(*inputs, **options))
            if randomness == "error" and not bool((get_rng_state() == start).all()):
                raise RuntimeError("vmap: random numbers were drawn; pass randomness='different' or 'same'")
        columns = list(zip(*[leaves_of(result) for result in results]))
        if not columns:
            raise ValueError(f"vmap: expected {getattr(func, '__name__', 'func')} to give tensors")
        places = _dims("out_dims", out_dims, results[0])
        return rebuild(results[0], iter([stack(list(c), 0 if d is None else d) for c, d in zip(columns, places)]))

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
