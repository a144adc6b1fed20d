"""Arithmetic in half precision: in float32, rounded once at the end. The one place where that is decided.

A public function stands behind a `gate`. When an argument is a float16 or bfloat16 tensor the call comes here: such
arguments are widened to float32, which loses nothing, the function runs on float32 throughout, and its float32 results
are rounded to the dtype that the arguments promote to. Widening and rounding are recorded like any operation, so
gradients take the same way back. Functions that only move elements, or look at shapes, get their arguments as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from lucid import _dtype
from lucid._functions import _autocast, _complex
from lucid._functions._common import cast, check_writable
from lucid._functions._gate import gate, set_compute
from lucid._functions._out import receive
from lucid._functions._spelling import declares_out
from lucid._later import Later
from lucid.autograd._node import TensorBase, get_tracer, mode, version

# By the name of the function: what moves elements without computing, and what asks for the shape or the dtype alone.
_MOVING = (
    "adjoint arange as_strided as_tensor atleast_1d atleast_2d atleast_3d block_diag broadcast_tensors broadcast_to "
    "cat chunk clone column_stack combinations contiguous detach diagonal dsplit dstack empty empty_like expand_as "
    "expand_sizes eye flatten flip fliplr flipud from_dlpack from_numpy full full_like getitem hsplit hstack linspace "
    "logspace meshgrid movedim narrow new_empty new_full new_ones new_tensor new_zeros ones ones_like permute rand "
    "rand_like randint randint_like randn randn_like randperm ravel repeat reshape reshape_as roll rot90 select "
    "setitem split squeeze stack swapdims t tensor tensor_split tile transpose unbind unflatten unfold unsqueeze view "
    "view_as vsplit vstack zeros zeros_like"
)
# The first argument decides: statistics, affine parameters and targets may be wider, and what is written into a tensor
# becomes what the tensor is.
_FIRST_DECIDES = (
    "batch_norm diagonal_scatter group_norm hinge_embedding_loss huber_loss index_fill instance_norm layer_norm "
    "native_batch_norm native_group_norm native_layer_norm normal rms_norm select_scatter slice_scatter "
    "soft_margin_loss"
)
# Products, which refuse operands of different floating-point dtypes.
_UNIFORM = (
    "addbmm addmm addmv addr baddbmm bilinear bmm conv1d conv2d conv3d conv_transpose1d conv_transpose2d "
    "conv_transpose3d dot inner linear matmul mm mv rmatmul scaled_dot_product_attention vdot"
)
MOVING, FIRST_DECIDES, UNIFORM = (frozenset(names.split()) for names in (_MOVING, _FIRST_DECIDES, _UNIFORM))
FAMILIES = (  # modules of functions
    "lucid._functions.", "lucid.nn.functional.", "lucid._surface.algebra", "lucid._surface.copies",
    "lucid._surface.householder", "lucid._surface.layers", "lucid._surface.native",
    "lucid._surface.numbers", "lucid._surface.recurrent",
)  # fmt: skip


def _moves(function: Callable[..., Any]) -> bool:
    return function.__name__ in MOVING and function.__module__.startswith(FAMILIES[0])


def _tensors(values: Any) -> Iterator[Any]:
    for value in values:
        if isinstance(value, TensorBase):
            yield value
        elif isinstance(value, (tuple, list)):
            yield from (v for v in value if isinstance(v, TensorBase))


def _map(value: Any, change: Callable[[Any], Any]) -> Any:
    """``value`` with every tensor in it changed."""
    if isinstance(value, TensorBase):
        return change(value)
    if isinstance(value, (tuple, list)) and any(isinstance(v, (TensorBase, tuple, list)) for v in value):
        changed = [_map(v, change) for v in value]
        return type(value)(*changed) if hasattr(value, "_fields") else type(value)(changed)
    return value


def compute(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Call ``function`` by the rules of `out=`, autocast and half precision; a trace may note it as a whole."""
    if "out" in kwargs and declares_out(function):
        return receive(compute, function, args, kwargs)
    if mode.trace > 0:
        whole = get_tracer().whole(function, args, kwargs)
        if whole is not None:
            try:
                return _compute(function, args, kwargs)
            except (RuntimeError, TypeError) as error:
                return whole(error)
    return _compute(function, args, kwargs)


def _compute(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    name = function.__name__
    if _autocast.state.enabled:
        policy = _autocast.POLICIES.get(name)
        if policy is not None:
            args, kwargs = policy(args, kwargs)
            with _autocast.suspended():
                return _widened(function, name, args, kwargs)
    return _widened(function, name, args, kwargs)


def _widened(function: Callable[..., Any], name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    if _complex.concerns((*args, *kwargs.values())):
        return _complex.compute(function, _moves(function), args, kwargs)
    if _moves(function):
        return function(*args, **kwargs)
    floats = [t for t in _tensors((*args, *kwargs.values())) if _dtype.is_floating(t._data.dtype)]
    given = [t for t in _tensors(args) if _dtype.is_floating(t._data.dtype)] or floats
    if name == "cov":  # weights count as well, which are given by name
        given = floats
    asked = next((v for v in (*args, *kwargs.values()) if isinstance(v, _dtype.dtype)), None)
    halves = [t for t in floats if t.dtype.is_half]
    if not halves and not (asked is not None and asked.is_half):
        default = _dtype.get_default_dtype()
        if default.is_half and not floats and asked is None:
            return _of_integers(function, default, args, kwargs)
        return function(*args, **kwargs)
    if name in UNIFORM and len({t.dtype for t in floats}) > 1:
        kinds = " and ".join(dict.fromkeys(t.dtype.name for t in floats))
        raise RuntimeError(f"{name}: expected operands of the same dtype, got {kinds}")
    target = asked
    if target is None:
        target = given[0].dtype if name in FIRST_DECIDES else _dtype.result_type(*given)
    if name.endswith("_") and not name.startswith("_") and halves and args and args[0] is halves[0]:
        check_writable(name, args[0])
    return _in_float32(function, args, kwargs, floats, target)


def _in_float32(
    function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], floats: list[Any], target: _dtype.dtype
) -> Any:
    """The function of its operands of half precision in float32; results are rounded to ``target``.

    ``floats`` are all floating-point operands.
    """
    halves = [t for t in floats if t.dtype.is_half]
    wide = {id(t): cast(t, _dtype.float32) for t in halves}

    def widen(t: Any) -> Any:
        return wide.get(id(t), t)

    def argument(value: Any) -> Any:
        return _dtype.float32 if isinstance(value, _dtype.dtype) and value.is_half else _map(value, widen)

    result = function(*[argument(a) for a in args], **{key: argument(v) for key, v in kwargs.items()})
    own = {}
    for t in halves:  # what the function wrote into, the caller's tensor has to show
        copy = wide[id(t)]
        if version(copy):
            t.copy_(cast(copy, t.dtype))
        own[id(copy)] = t

    def narrow(y: Any) -> Any:
        if id(y) in own:
            return own[id(y)]
        if any(y is t for t in floats):
            return y
        return cast(y, target) if target.is_half and y._data.dtype == _dtype.float32.numpy else y

    return _map(result, narrow)


def _of_integers(
    function: Callable[..., Any], default: _dtype.dtype, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """The function of integers whose floats are of a half-precision default type: computed in float32 and rounded."""
    _dtype.set_default_dtype(_dtype.float32)
    try:
        result = function(*args, **kwargs)
    finally:
        _dtype.set_default_dtype(default)
    return _map(result, lambda y: cast(y, default) if y._data.dtype == _dtype.float32.numpy else y)


set_compute(compute)


def guarded(value: Any, name: str | None = None) -> Any:
    """``value`` behind its gate, if it is a function that may compute with tensors; else as it is.

    Errors call it ``name``, if that is given.
    """
    if type(value).__name__ not in ("function", "cython_function_or_method"):
        return value
    return gate(value, name) if value.__module__.startswith(FAMILIES) else value


def guard(names: dict[str, Any]) -> None:
    """Put the public functions among the names of a package behind their gates."""
    for key, value in list(names.items()):
        if not key.startswith("_"):
            names[key] = guarded(value, key)


def guarded_methods(cls: type) -> None:
    """Put the methods of ``cls`` that are functions of the families behind their gates."""
    for key, value in list(vars(cls).items()):
        name = None if key.startswith("_") else key  # operators keep the function's name
        if isinstance(value, Later):
            change = value.change
            value.change = lambda f, change=change, name=name: guarded(change(f) if change else f, name)
        elif guarded(value) is not value:
            setattr(cls, key, guarded(value, name))
