"""What the families share: turning arguments into operands, and undoing broadcasting in gradients."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from lucid import _dtype, _ops
from lucid._functions._arguments import ShapeError, check_tensors
from lucid._functions._arguments import check_broadcast as check_broadcast
from lucid._functions._arguments import normalize_dim as normalize_dim
from lucid._functions._arguments import normalize_dims as normalize_dims
from lucid._functions._arguments import operands as operands
from lucid._functions._arguments import rank as rank
from lucid._functions._binary import overwrite
from lucid._functions._errors import PlaceError
from lucid._later import Later
from lucid.autograd._mode import mode
from lucid.autograd._node import Node, TensorBase, View, bump, compute, get_tracer, refresh, replay, version, wrap

if TYPE_CHECKING:
    from lucid._tensor import Tensor

Operand = Any
"""A Tensor or a Python number."""


def as_tensor(x: Any, name: str = "as_tensor") -> Tensor:
    """``x`` itself, or a tensor over a NumPy array or a number.

    Raises:
        TypeError: anything else, named after the function ``name``.
    """
    if isinstance(x, TensorBase):
        return x  # type: ignore[return-value]
    if isinstance(x, np.ndarray):
        return wrap(x)
    if isinstance(x, _dtype.NUMBERS):
        return wrap(np.asarray(x, _dtype.of_scalar(x).numpy))
    raise TypeError(f"{name}: expected a Tensor or a number, got {type(x).__name__}")


def number(name: str, value: Any, d: _dtype.dtype) -> np.ndarray:
    """A number as an array of dtype ``d``.

    Raises:
        RuntimeError: an integer is beyond the range of ``d``, which PyTorch wraps around; ``name`` is the function.
    """
    try:
        return np.array(value, d.numpy)
    except OverflowError:
        raise RuntimeError(f"{name}: value {value} cannot be converted to {d} without overflow") from None


def as_values(name: str, values: Any, d: _dtype.dtype) -> np.ndarray:
    """A number, an array or nested sequences as an array of dtype ``d``.

    Raises:
        TypeError: they are nothing of that kind, or hold something else.
        RuntimeError: an integer is beyond the range of ``d``.
    """
    try:
        if values is None or isinstance(values, (str, bytes)):
            raise TypeError
        return np.asarray(values, d.numpy)
    except OverflowError:
        raise RuntimeError(f"{name}: value cannot be converted to {d} without overflow") from None
    except (TypeError, ValueError):
        raise TypeError(f"{name}: can't assign a {type(values).__name__} to a tensor of {d}") from None


def as_type(x: np.ndarray, d: np.dtype[Any]) -> np.ndarray:
    """`convert` to a NumPy dtype: the operation that plans know casts to integers by."""
    return convert(x, _dtype.as_dtype(d))


def convert(array: np.ndarray, d: _dtype.dtype) -> np.ndarray:
    """A copy of ``array`` with the elements of dtype ``d``, rounded to nearest, ties to even; of complex numbers the
    real parts, where ``d`` is real."""
    source = _dtype.of_array(array)
    if source.is_complex and not d.is_complex and d is not _dtype.bool_:
        return convert(array.real, d)
    if source.is_half and d.is_complex:
        return convert(convert(array, _dtype.float32), d)
    if source.is_half and d.is_half and source is not d:
        return convert(convert(array, _dtype.float32), d)
    if source.is_half and d is _dtype.float32:
        widen = _ops.widen_bfloat16 if source is _dtype.bfloat16 else _ops.widen_float16
        return widen(array.view(np.uint16))
    if d.is_half and source is _dtype.float32:
        return (_ops.round_bfloat16 if d is _dtype.bfloat16 else _ops.round_float16)(array).view(d.numpy)
    y = _ops.convert(array, d.numpy)
    if y is not None:
        return y
    with np.errstate(over="ignore"):
        return array.astype(d.numpy)


class Cast(Node):
    """The same values in another dtype."""

    __slots__ = ("source",)
    converts = True

    def forward(self, x: Tensor, d: _dtype.dtype) -> np.ndarray:
        self.source = x.dtype
        return convert(x._data, d)

    def backward(self, dy: Tensor) -> Tensor:
        if dy._data.dtype.kind == "c" and not self.source.is_complex:
            dy = dy.real
        return cast(dy, self.source)


def cast(x: Tensor, d: _dtype.dtype) -> Tensor:
    """``x`` with dtype ``d``; ``x`` itself when it has it. Integers and bools have no history."""
    if x._data.dtype == d.numpy:
        return x
    if x._data.dtype.kind == "c" and d.rank in (1, 2):
        warnings.warn("Casting complex values to real discards the imaginary part", UserWarning, stacklevel=3)
    return Cast.apply(x, d) if d.rank >= 2 else compute(as_type, x, d.numpy)


def floating(x: Tensor) -> Tensor:
    """``x``, or ``x`` in the default floating-point type when it holds integers."""
    return x if x.dtype.rank >= 2 else cast(x, _dtype.get_default_dtype())


def sum_complex_to(x: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """`_ops.sum_to` of both parts."""
    y = np.empty(shape, x.dtype)
    y.real, y.imag = _ops.sum_to(x.real, shape), _ops.sum_to(x.imag, shape)
    return y


def check_rank(name: str, x: Tensor, least: int = 1) -> None:
    """TypeError unless ``x`` is a tensor, RuntimeError unless it has at least ``least`` dimensions."""
    check_tensors(name, x)
    if x._data.ndim < least:
        dimensions = "1 dimension" if least == 1 else f"{least} dimensions"
        raise PlaceError(f"{name}: expected a tensor of at least {dimensions}, got shape {x._data.shape}")


def broadcast_shapes(name: str, *shapes: tuple[int, ...]) -> tuple[int, ...]:
    """The shape that all of ``shapes`` broadcast to.

    Raises:
        ValueError: there is none.
    """
    try:
        return np.broadcast_shapes(*shapes)
    except ValueError:
        raise ShapeError(f"{name}: shapes {', '.join(map(str, shapes))} do not broadcast") from None


class SumTo(Node):
    """Sum over the dimensions that broadcasting added or stretched."""

    __slots__ = ("shape",)

    def forward(self, x: Tensor, shape: tuple[int, ...]) -> np.ndarray:
        self.shape = x._data.shape
        if x._data.dtype.kind == "c":
            return sum_complex_to(x._data, shape)
        if x._data.dtype.kind != "f":
            lead = x._data.ndim - len(shape)
            stretched = [k + lead for k, n in enumerate(shape) if n == 1 != x._data.shape[k + lead]]
            return x._data.sum((*range(lead), *stretched), np.int64, keepdims=True).reshape(shape)
        return _ops.sum_to(x._data, shape)

    def backward(self, dy: Tensor) -> Tensor:
        return expand(dy, self.shape)


def sum_to(x: Tensor, shape: tuple[int, ...]) -> Tensor:
    """``x`` summed to ``shape``: the gradient of broadcasting."""
    return x if x._data.shape == shape else SumTo.apply(x, shape)


def expanded(x: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """``x`` repeated to ``shape``, a view that can be written to if nothing is repeated."""
    y = _ops.broadcast_view(x, shape)
    return x.reshape(shape) if y.size == x.size else y


class Expand(View):
    """Repeat dimensions of size 1, and new leading ones, without copying."""

    __slots__ = ("shape",)
    direct = staticmethod(expanded)

    def forward(self, x: Tensor, shape: tuple[int, ...]) -> np.ndarray:
        self.shape = x._data.shape
        return expanded(x._data, shape)

    def backward(self, dy: Tensor) -> Tensor:
        return sum_to(dy, self.shape)


def expand(x: Tensor, shape: tuple[int, ...]) -> Tensor:
    return x if x._data.shape == shape else Expand.apply(x, shape)


# In-place operations


class Scatter(Node):
    """A base whose viewed part was overwritten by ``y``: the gradient of the old part is zero."""

    __slots__ = ("steps",)

    def forward(self, base: Tensor, y: Tensor, steps: Any) -> np.ndarray:
        self.steps = steps
        return base._data

    def backward(self, dy: Tensor) -> tuple[Tensor | None, Tensor | None]:
        dbase = dpart = None
        if self.edges[1] is not None:
            dpart = replay(dy, self.steps)
        if self.edges[0] is not None:
            dbase = ZeroPart.apply(dy, self.steps)
        return dbase, dpart


class ZeroPart(Node):
    """A copy in which the part seen through the view ``steps`` is zero."""

    __slots__ = ("steps",)

    def forward(self, x: Tensor, steps: Any) -> np.ndarray:
        self.steps = steps
        y = x._data.copy()
        previous, mode.enabled = mode.enabled, False
        try:
            replay(wrap(y), steps)._data[...] = 0
        finally:
            mode.enabled = previous
        return y

    def backward(self, dy: Tensor) -> Tensor:
        return ZeroPart.apply(dy, self.steps)


def check_writable(name: str, x: Tensor) -> None:
    """Refuse in-place changes that would lose a leaf's value or write through shared memory."""
    if mode.trace:
        get_tracer().check_write(name, x)
    if mode.enabled and x._requires_grad:
        if x._base is not None and x._base._requires_grad and x._base._node is None:
            raise RuntimeError(
                f"{name}: a view of a leaf Variable that requires grad is being used in an in-place operation."
            )
        if x._node is None:
            raise RuntimeError(f"{name}: a leaf Variable that requires grad is being used in an in-place operation.")
    data = x._data
    if not data.flags.writeable:
        if data.base is not None and any(s == 0 and n > 1 for s, n in zip(data.strides, data.shape)):
            raise RuntimeError(
                f"{name}: unsupported operation: more than one element of the written-to tensor refers to a single "
                "memory location. Please clone() the tensor before performing the operation."
            )
        raise RuntimeError(f"{name}: the tensor is over read-only memory; clone() it first")


def mutate(name: str, x: Tensor, function: Callable[..., Tensor], *args: Any, **kwargs: Any) -> Tensor:
    """x <- function(x, *args): the storage is overwritten and the history of ``x`` becomes the result's.

    Raises:
        RuntimeError: ``x`` is a leaf that requires grad, its memory is shared or read-only, or the result has
            another shape or a dtype that ``x`` cannot hold. ``x`` is unchanged then.
    """
    check_writable(name, x)
    if x._base is not None and x._seen != version(x):
        refresh(x)
    old = wrap(x._data)
    old._requires_grad, old._node, old._slot = x._requires_grad, x._node, x._slot
    y = function(old, *[old if a is x else a for a in args], **kwargs)
    if y._data.shape != x._data.shape:
        raise RuntimeError(
            f"{name}: output with shape {x._data.shape} doesn't match the broadcast shape {y._data.shape}"
        )
    check_castable(name, y.dtype, x.dtype)
    y = cast(y, x.dtype)
    if mode.trace and get_tracer().rebind(name, x, y):
        return x
    if y._node is not None and y is not old:
        keep_old(y._node, old)
    if y._data is not x._data:
        np.copyto(x._data, y._data)
    bump(x)
    if mode.enabled and (y._requires_grad or x._requires_grad):
        set_history(x, y)
    return x


def activate_inplace(name: str, operation: Any, x: Tensor, params: tuple[Any, ...]) -> Tensor:
    """x <- kernel(x), without any copy where no gradient needs the old values."""
    recorded = mode.enabled and (x._requires_grad or x._base is not None)
    if recorded or mode.trace or not x._data.flags.c_contiguous:
        return mutate(name, x, operation.apply, *params)
    check_writable(name, x)
    operation.kernel(x._data, *params, out=x._data)
    bump(x)
    return x


def keep_old(node: Node, old: Tensor) -> None:
    """Give a node that saved the overwritten tensor its own copy of the old values."""
    if any(t is old for t in node.saved or ()):
        old._data = old._data.copy()


def set_history(x: Tensor, y: Tensor) -> None:
    """Let ``x``, whose storage now holds the values of ``y``, come from what made ``y``."""
    if x._base is None:
        x._requires_grad, x._node, x._slot = y._requires_grad, y._node, y._slot
        return
    base, node = x._base, Scatter()
    node.forward(base, y, x._replay)
    node.record((base, y), base)
    refresh(x)


def inplace(function: Callable[..., Tensor], kernel: Callable[..., np.ndarray] | None = None) -> Callable[..., Tensor]:
    """The in-place method (``add_``) of an operation (``add``); with its ``kernel`` of two arrays, without copies where
    no gradient is asked for."""
    if isinstance(function, Later):
        return Later(function.module, function.name, inplace)
    name = function.__name__ + "_"

    @functools.wraps(function)
    def method(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        if kernel is not None and len(args) == 1 and not kwargs and overwrite(kernel, self, args[0]):
            return self
        if "out" in kwargs:
            raise TypeError(f"{name}() got an unexpected keyword argument 'out'")
        return mutate(name, self, function, *args, **kwargs)

    method.__name__ = method.__qualname__ = name
    code = function.__code__
    rest = ", ".join([n for n in code.co_varnames[1 : code.co_argcount + code.co_kwonlyargcount] if n != "out"])
    arguments = f"\n    Args:\n        {rest}: as of `lucid.{function.__name__}`.\n" if rest else ""
    method.__doc__ = f"""In-place form of `lucid.{function.__name__}`: overwrites the tensor and returns it.
{arguments}
    Raises:
        RuntimeError: the tensor is a leaf that requires grad, or cannot hold the result's shape or dtype.
    """
    return method


OPTIONS = ("layout", "memory_format", "pin_memory")  # of PyTorch, without effect here


def check_options(name: str, options: Mapping[str, Any], *more: str) -> None:
    """Refuse keywords that ``name`` does not take, and devices and layouts that lucid does not have.

    Raises:
        TypeError: a keyword is neither one of ``more`` nor one of `OPTIONS`.
        NotImplementedError: ``layout`` is a sparse one.
        RuntimeError: ``device`` is not the CPU.
    """
    for key, value in options.items():
        if key == "device" and value is not None:
            from lucid._convert import as_device

            as_device(value)
        elif key == "layout" and value is not None and str(value).rpartition(".")[2] != "strided":
            raise NotImplementedError(f"{name}: expected layout to be lucid.strided, got {value}")
        elif key not in OPTIONS and key not in more and key != "device":
            raise TypeError(f"{name}() got an unexpected keyword argument {key!r}")


def check_castable(name: str, source: _dtype.dtype, target: _dtype.dtype) -> None:
    """RuntimeError unless a result of dtype ``source`` may be written over elements of dtype ``target``."""
    if source.rank > target.rank:
        raise RuntimeError(f"{name}: result type {source} can't be cast to the desired output type {target}")


def check_out(name: str, y: Tensor, out: Any) -> None:
    """Refuse an ``out`` that cannot receive ``y``.

    Raises:
        TypeError: ``out`` is no tensor.
        RuntimeError: ``out`` or ``y`` requires grad, ``out`` cannot hold the dtype of ``y``, is over read-only or
            shared memory, or is a view of another shape than ``y``.
    """
    if not isinstance(out, TensorBase):
        raise TypeError(f"{name}: out must be a Tensor, got {type(out).__name__}")
    if mode.enabled and (y._requires_grad or out._requires_grad):
        raise RuntimeError(f"{name}: functions with out=... arguments don't support automatic differentiation")
    check_castable(name, y.dtype, _dtype.of_array(out._data))
    check_writable(name, out)  # type: ignore[arg-type]
    if out._data.shape != y._data.shape and out._base is not None:
        raise RuntimeError(
            f"{name}: out has shape {out._data.shape}, expected {y._data.shape}, and a view cannot be resized"
        )


def write_out(name: str, y: Tensor, out: Tensor | None, quiet: bool = False) -> Tensor:
    """``y``, or ``out`` after copying ``y`` into it: PyTorch's ``out=`` arguments.

    An ``out`` of another shape gets the memory that the result needs, with a warning unless it was empty or ``quiet``.

    Raises:
        TypeError, RuntimeError: ``out`` cannot receive ``y``; see `check_out`.
    """
    if out is None:
        return y
    check_out(name, y, out)
    if out._data.shape != y._data.shape:
        if out._data.size and not quiet:
            warnings.warn(
                f"{name}: an output with one or more elements was resized from shape {out._data.shape} to "
                f"{y._data.shape}; call out.resize_(0) first to reuse it",
                UserWarning,
                stacklevel=3,
            )
        out._data = np.empty(y._data.shape, out._data.dtype)
    if mode.trace and get_tracer().rebind(name, out, cast(y, out.dtype)):
        return out
    np.copyto(out._data, cast(y, out.dtype)._data)
    bump(out)
    return out
