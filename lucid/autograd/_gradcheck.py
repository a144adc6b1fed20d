"""Numerical checks of gradients."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from lucid._functions._naming import listed
from lucid.autograd import grad
from lucid.autograd._mode import enable_grad, no_grad
from lucid.autograd._node import TensorBase, wrap

if TYPE_CHECKING:
    from lucid._tensor import Tensor


class GradcheckError(RuntimeError):
    """An analytical gradient differs from the numerical one."""


_ACCEPTED = frozenset({
    "nondet_tol", "check_undefined_grad", "check_grad_dtypes", "check_batched_grad", "check_batched_forward_grad",
    "check_forward_ad", "check_backward_ad", "fast_mode", "masked", "check_sparse_nnz",
})  # fmt: skip
_CHECKED = frozenset({"eps", "atol", "rtol", "raise_exception"})


def _check_options(name: str, options: Collection[str], known: frozenset[str] = _ACCEPTED) -> None:
    unknown = sorted(set(options) - known)
    if unknown:
        raise TypeError(f"{name}: there is no option {', '.join(map(repr, unknown))}")


def _outputs(function: Callable[..., Any], inputs: Sequence[Any]) -> list[Tensor]:
    out = function(*inputs)
    out = out if isinstance(out, (tuple, list)) else [out]
    return [t for t in out if isinstance(t, TensorBase) and t._data.dtype.kind == "f"]  # type: ignore[misc]


@listed
def gradcheck(
    func: Callable[..., Any],
    inputs: Any,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
    **options: Any,
) -> bool:
    """Compare the gradients of ``func`` with central differences.

    Args:
        func: takes ``inputs`` and returns a tensor or a tuple of them.
        inputs: a tensor or a sequence; float64 tensors that require grad are checked.
        eps: step of the differences.
        atol, rtol: |analytical - numerical| <= atol + rtol * |numerical|.
        raise_exception: raise instead of returning False.
        options: PyTorch's other options (``fast_mode``, ``nondet_tol``, ...), accepted and without effect.

    Raises:
        GradcheckError: the gradients differ.
        TypeError: there is no such option.
        ValueError: no input requires grad, or one that does is not float64.

    Example:
        >>> import lucid
        >>> x = lucid.tensor([0.5, -1.0], dtype=lucid.float64, requires_grad=True)
        >>> lucid.autograd.gradcheck(lucid.tanh, x)
        True

    Source: Baydin et al., Automatic differentiation in machine learning, arXiv:1502.05767 (numerical differentiation).
    """
    _check_options("gradcheck", options)
    args = [inputs] if isinstance(inputs, TensorBase) else list(inputs)
    checked = [(i, x) for i, x in enumerate(args) if isinstance(x, TensorBase) and x._requires_grad]
    if not checked:
        raise ValueError("gradcheck: expects at least one input that requires grad")
    for i, x in checked:
        if x._data.dtype != np.float64:
            raise ValueError(f"gradcheck: input {i} is {x._data.dtype}; differences need float64")
    outputs = _outputs(func, args)
    for position in range(len(outputs)):
        for i, _x in checked:
            numerical = _numerical(func, args, i, position, eps)
            analytical = _analytical(func, args, i, position, numerical.shape)
            bad = ~(np.abs(analytical - numerical) <= atol + rtol * np.abs(numerical))
            if bad.any():
                if not raise_exception:
                    return False
                row, column = np.argwhere(bad)[0]
                raise GradcheckError(
                    f"gradcheck: Jacobian mismatch for output {position} with respect to input {i}, "
                    f"d(out[{column}])/d(in[{row}]): analytical {analytical[row, column]}, "
                    f"numerical {numerical[row, column]} ({bad.sum()} of {bad.size} entries differ)"
                )
    return True


def _numerical(func: Callable[..., Any], args: list[Any], i: int, position: int, eps: float) -> np.ndarray:
    """d(output)/d(input) with a row per input element."""
    x = args[i]
    rows = []
    base = x._data
    with no_grad():
        for k in np.ndindex(*base.shape):
            values = []
            for step in (eps, -eps):
                moved = base.copy()
                moved[k] += step
                values.append(_outputs(func, [wrap(moved) if a is x else a for a in args])[position]._data.copy())
            rows.append((values[0] - values[1]).ravel() / (2 * eps))
    size = _outputs(func, args)[position]._data.size
    return np.array(rows).reshape(base.size, size)


def _analytical(func: Callable[..., Any], args: list[Any], i: int, position: int, shape: tuple[int, ...]) -> np.ndarray:
    columns = []
    y = _outputs(func, args)[position]
    if not y.requires_grad:
        return np.zeros(shape)
    for k in range(y._data.size):
        seed = np.zeros(y._data.size)
        seed[k] = 1
        (g,) = grad(y, args[i], wrap(seed.reshape(y._data.shape)), retain_graph=True, allow_unused=True)
        columns.append(np.zeros(args[i]._data.size) if g is None else g._data.ravel())
    return np.array(columns).T.reshape(shape)


@listed
def gradgradcheck(func: Callable[..., Any], inputs: Any, grad_outputs: Any = None, **options: Any) -> bool:
    """`gradcheck` of the gradients of ``func``: checks second derivatives.

    Args:
        func: takes ``inputs`` and returns a tensor or a tuple of them.
        inputs: a tensor or a sequence; float64 tensors that require grad are checked.
        grad_outputs: dL/d(output) to start from, one for each; fixed pseudo-random values unless given.
        options: those of `gradcheck`.

    Raises:
        GradcheckError: the gradients differ.
        TypeError: there is no such option.
        ValueError: no input requires grad, or one that does is not float64.

    Example:
        >>> import lucid
        >>> x = lucid.tensor([0.5, -1.0], dtype=lucid.float64, requires_grad=True)
        >>> lucid.autograd.gradgradcheck(lucid.tanh, x)
        True
    """
    _check_options("gradgradcheck", options, _ACCEPTED | _CHECKED | {"gen_non_contig_grad_outputs"})
    options.pop("gen_non_contig_grad_outputs", None)
    args = [inputs] if isinstance(inputs, TensorBase) else list(inputs)
    outputs = [y for y in _outputs(func, args) if y.requires_grad]
    if grad_outputs is None:
        draw = np.random.Generator(np.random.Philox(0))
        grad_outputs = [wrap(draw.uniform(0.5, 1.5, y._data.shape)) for y in outputs]
        for g in grad_outputs:
            g.requires_grad = True
    positions = [i for i, x in enumerate(args) if isinstance(x, TensorBase) and x._requires_grad]

    def first(*values: Any) -> tuple[Tensor, ...]:
        xs, seeds = values[: len(args)], values[len(args) :]
        tracked = [xs[i].requires_grad_() for i in positions]
        ys = [y for y in _outputs(func, xs) if y.requires_grad]
        found = grad(ys, tracked, seeds, create_graph=True, allow_unused=True)
        return tuple(g if g is not None else x * 0 for g, x in zip(found, tracked))

    return gradcheck(enable_grad(first), [*args, *grad_outputs], **options)
