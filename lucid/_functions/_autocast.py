"""What autocast does to the arguments of a function: which names run in the lower precision, which in float32.

The lists are those of PyTorch 2.13 on CPUs, with the functions added that PyTorch composes of their members.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from lucid import _dtype
from lucid._functions._common import cast
from lucid._functions._gate import watch
from lucid.autograd._mode import mode
from lucid.autograd._node import TensorBase, version

if TYPE_CHECKING:
    from lucid._tensor import Tensor

Policy = Callable[[tuple[Any, ...], dict[str, Any]], tuple[tuple[Any, ...], dict[str, Any]]]


class State(threading.local):
    """The settings of one thread."""

    enabled = False
    dtype = _dtype.bfloat16
    cache_enabled = True
    depth = 0  # of nested autocast blocks

    def __init__(self) -> None:
        self.cache: dict[int, tuple[Tensor, int, Tensor]] = {}

    def set_enabled(self, value: bool) -> None:
        """Turn autocast on or off for this thread."""
        self.enabled = value
        watch(value or _dtype.get_default_dtype().is_half)


state = State()


@contextmanager
def suspended() -> Iterator[None]:
    """Inside a function whose arguments were cast, nothing is cast again."""
    state.set_enabled(False)
    try:
        yield
    finally:
        state.set_enabled(True)


def _eligible(x: Any) -> bool:
    return isinstance(x, TensorBase) and _dtype.is_floating(x._data.dtype) and x._data.dtype.itemsize < 8


def _lowered(x: Tensor) -> Tensor:
    """``x`` in the lower precision; what a parameter was cast to is kept until the outermost block ends."""
    if not (state.cache_enabled and mode.enabled and x._requires_grad and x._node is None and x._base is None):
        return cast(x, state.dtype)
    kept = state.cache.get(id(x))
    if kept is None or kept[1] != version(x) or kept[2].dtype is not state.dtype:
        kept = state.cache[id(x)] = (x, version(x), cast(x, state.dtype))
    return kept[2]


def _each(change: Callable[[Tensor], Tensor]) -> Policy:
    def one(value: Any) -> Any:
        if isinstance(value, (tuple, list)) and any(isinstance(v, TensorBase) for v in value):
            changed = [one(v) for v in value]
            return type(value)(*changed) if hasattr(value, "_fields") else type(value)(changed)
        return change(value) if _eligible(value) else value

    def policy(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        return tuple([one(a) for a in args]), {k: v if k == "out" else one(v) for k, v in kwargs.items()}

    return policy


lower = _each(_lowered)
widen = _each(lambda x: cast(x, _dtype.float32))


def _pad(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Margins replicated, or reflected in one or two dimensions, run in float32; the others as they come."""
    padding_mode = kwargs.get("mode", args[2] if len(args) > 2 else "constant")
    margins = kwargs.get("pad", args[1] if len(args) > 1 else ())
    wide = padding_mode == "replicate" or (padding_mode == "reflect" and len(margins) < 6)
    return widen(args, kwargs) if wide else (args, kwargs)


def _einsum(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Lower where an index that two operands share is summed over: what becomes a matrix product."""
    inputs, arrow, output = (args[0] if args and isinstance(args[0], str) else "").replace(" ", "").partition("->")
    shared = {c for c in inputs if c.isalpha() and sum(c in part for part in inputs.split(",")) > 1}
    return lower(args, kwargs) if (shared - set(output) if arrow else shared) else (args, kwargs)


def _inner(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Lower, but for two vectors."""
    vectors = all(x._data.ndim == 1 for x in (*args, *kwargs.values()) if isinstance(x, TensorBase))
    return (args, kwargs) if vectors and 0 not in args[2:] else lower(args, kwargs)


def _recurrent(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The products lower; the gates of a GRU take the float32 state, and so give float32."""
    return widen(*lower(args, kwargs)) if args[0] == "GRU" else lower(args, kwargs)


def _cell(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    return lower(args, kwargs) if args[0].startswith("RNN") else widen(*lower(args, kwargs))


LOWER = (
    "addbmm addmm baddbmm bmm conv1d conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d linear matmul mm "
    "prelu rmatmul scaled_dot_product_attention vecdot "
    "affine_grid corrcoef cov matrix_power multi_dot multi_head_attention_forward run_multi_head_attention"
)
FLOAT32 = (
    "adaptive_avg_pool3d adaptive_max_pool3d adaptive_max_pool3d_with_indices avg_pool3d binary_cross_entropy "
    "binary_cross_entropy_with_logits cdist cholesky cholesky_ex cholesky_inverse cholesky_solve cond "
    "cosine_embedding_loss cross_entropy ctc_loss eig eigh eigvals eigvalsh fft fft2 fftn fractional_max_pool2d "
    "fractional_max_pool2d_with_indices fractional_max_pool3d fractional_max_pool3d_with_indices geqrf grid_sample "
    "hfft hinge_embedding_loss householder_product huber_loss ifft ifft2 ifftn ihfft inv inv_ex irfft irfft2 irfftn "
    "kl_div l1_loss lstsq lu_solve margin_ranking_loss matrix_rank max_pool3d max_pool3d_with_indices max_unpool2d "
    "max_unpool3d mse_loss multi_margin_loss multilabel_margin_loss nanquantile nll_loss ormqr pinv poisson_nll_loss "
    "polar prod qr quantile rfft rfft2 rfftn smooth_l1_loss soft_margin_loss solve solve_triangular stft svd svdvals "
    "tensorinv tensorsolve trace triplet_margin_loss"
)
POLICIES: dict[str, Policy] = {
    **dict.fromkeys(LOWER.split(), lower),
    **dict.fromkeys(FLOAT32.split(), widen),
    "pad": _pad,
    "einsum": _einsum,
    "inner": _inner,
    "tensordot": _inner,
    "run_recurrent": _recurrent,
    "run_cell": _cell,
}
