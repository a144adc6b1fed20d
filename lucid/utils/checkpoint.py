"""Trading time for memory: what a function computes on its way is not kept, but computed again for the gradient."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from lucid._random import get_rng_state, set_rng_state
from lucid._tensor import Tensor
from lucid.autograd import grad
from lucid.autograd._mode import enable_grad, mode
from lucid.autograd._node import Node, next_sequence, wrap
from lucid.func._trees import leaves_of, rebuild

__all__ = ["checkpoint", "checkpoint_sequential"]


def _sources(outputs: list[Tensor], start: int) -> Iterator[Tensor]:
    """Where the graph of ``outputs`` enters what was recorded before ``start``: leaves, and results of older nodes."""
    seen: set[tuple[int, int]] = set()
    stack: list[tuple[Any, int]] = [(y._node, y._slot) for y in outputs if y._node is not None]
    while stack:
        maker, slot = stack.pop()
        inside = isinstance(maker, Node) and maker.sequence > start
        key = (id(maker), 0 if inside else slot)
        if key in seen:
            continue
        seen.add(key)
        if inside:
            stack += [edge for edge in maker.edges if edge is not None]
        elif isinstance(maker, Node):
            result = wrap(np.empty(0))  # stands for the tensor that the node made
            result._requires_grad, result._node, result._slot = True, maker, slot
            yield result
        else:
            yield maker


class Checkpoint(Node):
    """A call of a function whose graph is forgotten, and recorded again when its gradient is wanted."""

    call: Callable[[], Any]
    sources: list[Tensor]
    state: Tensor | None
    wanted: list[int]

    def backward(self, *grads: Tensor | None) -> tuple[Tensor | None, ...]:
        self.unpack()
        outside = get_rng_state()
        if self.state is not None:
            set_rng_state(self.state)
        create = mode.enabled
        try:
            with enable_grad():
                outputs = leaves_of(self.call())
        finally:
            if self.state is not None:
                set_rng_state(outside)
        pairs = [(outputs[k], g) for k, g in zip(self.wanted, grads) if g is not None]
        if any(not y.requires_grad for y, _ in pairs):
            raise RuntimeError("checkpoint: the function gave other results when it was called again")
        ys, starts = zip(*pairs)
        return tuple(grad(list(ys), self.sources, list(starts), create_graph=create, allow_unused=True))

    def release(self) -> None:
        super().release()
        del self.call, self.sources


def checkpoint(
    function: Callable[..., Any], *args: Any, use_reentrant: bool | None = None, preserve_rng_state: bool = True,
    determinism_check: str = "default", debug: bool = False, context_fn: Any = None, early_stop: bool = True,
    **kwargs: Any,
) -> Any:  # fmt: skip
    """``function(*args, **kwargs)``, of which only inputs and outputs are kept; the backward pass calls it again.

    Gradients reach everything the function uses: its arguments, however nested, parameters and captured tensors.

    Args:
        function: takes anything; gives tensors, or nested containers of them.
        args, kwargs: its arguments.
        use_reentrant, determinism_check, debug, context_fn, early_stop: accepted; there is one implementation.
        preserve_rng_state: random draws repeat in the second call.

    Raises:
        RuntimeError: in the backward pass, if an argument was modified in place since.

    Example:
        >>> import lucid
        >>> from lucid.utils.checkpoint import checkpoint
        >>> x = lucid.tensor([2.0], requires_grad=True)
        >>> checkpoint(lambda t: t.exp().log() * t, x).backward()
        >>> x.grad.tolist()
        [4.0]

    Source: Chen et al., Training deep nets with sublinear memory cost, arXiv:1604.06174.
    """
    if not callable(function):
        raise TypeError(f"checkpoint: expected a function, got {type(function).__name__}")
    if not mode.enabled:
        return function(*args, **kwargs)

    def call() -> Any:
        return function(*args, **kwargs)

    state = get_rng_state() if preserve_rng_state else None
    start = next_sequence()
    results = call()
    outputs = leaves_of(results)
    wanted = [k for k, y in enumerate(outputs) if y._node is not None and y.requires_grad]
    sources = list(_sources([outputs[k] for k in wanted], start))
    if not sources:
        return results
    node = Checkpoint()
    node.call, node.state, node.sources, node.wanted = call, state, sources, wanted
    node.saved = tuple(leaves_of((args, kwargs)))
    fresh = [y.detach() for y in outputs]
    node.outputs = len(wanted)
    node.record(tuple(sources), tuple([fresh[k] for k in wanted]))
    return rebuild(results, iter(fresh))


def checkpoint_sequential(
    functions: Any, segments: int, input: Any, use_reentrant: bool | None = None, **options: Any
) -> Any:
    """The functions, or the modules of a Sequential, one after the other, in segments that are checkpointed each.

    Args:
        functions: called in order, each on what the one before gives.
        segments: number of segments, of equal length but for the last.
        input: what the first one takes.
        use_reentrant: accepted.
        options: for `checkpoint`: ``preserve_rng_state``.

    Raises:
        ValueError: there are no segments, or more than functions.

    Example:
        >>> import lucid
        >>> from lucid import nn
        >>> from lucid.utils.checkpoint import checkpoint_sequential
        >>> net = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
        >>> checkpoint_sequential(net, 2, lucid.ones(3, 4)).shape
        lucid.Size([3, 2])

    Source: Chen et al., arXiv:1604.06174.
    """
    steps: Sequence[Callable[..., Any]] = list(functions)
    if not 1 <= segments <= max(len(steps), 1):
        raise ValueError(f"checkpoint_sequential: segments must be between 1 and {len(steps)}, got {segments}")
    size = len(steps) // segments
    bounds = [k * size for k in range(segments)] + [len(steps)]

    def run(begin: int, end: int) -> Callable[[Any], Any]:
        def segment(x: Any) -> Any:
            for step in steps[begin:end]:
                x = step(x)
            return x

        return segment

    for k in range(segments - 1):
        input = checkpoint(run(bounds[k], bounds[k + 1]), input, **options)
    return run(bounds[-2], bounds[-1])(input)
