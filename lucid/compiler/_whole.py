"""Public functions that a trace may note as one operation, where they read values on their way.

Most functions are made of operations that a trace notes one by one. Some look at the values of their arguments to
compute (places, orders, bounds) although they are pure functions of them, with results whose shapes do not depend on
values: those listed here. Then the whole function is noted, and runs as it is in every call of a plan.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import numpy as np

from lucid._functions._gate import gate
from lucid.autograd._node import TensorBase, wrap
from lucid.compiler._tree import flatten, unflatten

_PUBLIC = {
    "lucid": "argsort as_strided bitwise_left_shift bitwise_right_shift bucketize count_nonzero cov diagonal_scatter "
             "gather gcd heaviside histc histogram index_add index_copy index_fill index_put index_reduce isin lcm "
             "masked_scatter msort nanmean nanquantile nextafter put quantile scatter scatter_add scatter_reduce "
             "searchsorted select_scatter signbit "
             "slice_scatter sort take take_along_dim topk unravel_index",
    "lucid.linalg": "cholesky_ex cond inv_ex lstsq lu lu_solve matrix_rank solve_ex",
    "lucid.nn.functional": "binary_cross_entropy ctc_loss embedding_bag gaussian_nll_loss grid_sample "
                           "margin_ranking_loss max_unpool1d max_unpool2d max_unpool3d multi_margin_loss "
                           "multilabel_margin_loss one_hot",
    "lucid.special": "zeta",
}  # fmt: skip
MODULES = {name: module for module, names in _PUBLIC.items() for name in names.split()}
"""Where each of them is found."""


def _classes(x: Any, num_classes: int = -1) -> bool:
    return num_classes > 0  # otherwise the values decide


def _weights_stay(*args: Any, max_norm: Any = None, **options: Any) -> bool:
    return max_norm is None and len(args) < 4


CONDITIONS: dict[str, Callable[..., bool]] = {"one_hot": _classes, "embedding_bag": _weights_stay}
"""Where the arguments decide whether a function is pure."""


class Whole:
    """A public function as an operation: called with (names of the last arguments, arguments ...).

    Attributes:
        spec: of the result, after a call (see `_tree`).
    """

    def __init__(self, name: str) -> None:
        self.__name__ = name
        self.function = getattr(importlib.import_module(MODULES[name]), name)
        self.spec: Any = None

    def __call__(self, names: tuple[str, ...], *args: Any) -> Any:
        """A tensor or a tuple of them, none of which shares memory with an argument."""
        plain = [_plain(a) for a in args]
        first = len(plain) - len(names)
        given: list[Any] = []
        flatten(plain, given, "args")
        found: list[Any] = []
        self.spec = flatten(self.function(*plain[:first], **dict(zip(names, plain[first:]))), found, "result")
        results = tuple([_own(y._data, given) for y in found])
        return results[0] if len(results) == 1 else results


def _plain(a: Any) -> Any:
    """``a`` with ordinary tensors without history."""
    if isinstance(a, TensorBase):
        return wrap(TensorBase.__dict__["_data"].__get__(a))
    if isinstance(a, (tuple, list)):
        return type(a)([_plain(p) for p in a])
    return a


def _own(array: np.ndarray, given: list[Any]) -> Any:
    return wrap(array.copy() if any(np.may_share_memory(array, t._data) for t in given) else array)


def form_of(name: str) -> Any:
    """The public function of this name, if it is listed."""
    return getattr(importlib.import_module(MODULES[name]), name) if name in MODULES else None


def whole_of(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Whole | None:
    """The public ``function`` as one operation, if it is listed and pure for these arguments."""
    name = getattr(function, "__name__", None)
    if name not in MODULES or kwargs.get("out") is not None:
        return None
    found, condition = Whole(name), CONDITIONS.get(name)
    if found.function is not gate(getattr(function, "__wrapped__", function)):  # another of this name
        return None
    return found if condition is None or condition(*args, **kwargs) else None


def result_of(operation: Whole, results: Any) -> Any:
    """What the function returns, from its tensors."""
    return unflatten(operation.spec, iter(results if isinstance(results, tuple) else (results,)).__next__)
