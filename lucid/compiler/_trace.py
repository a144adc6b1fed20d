"""Running a function once while every operation on what depends on its inputs is noted.

A traced tensor keeps its array out of reach: Python code that reads ``_data`` gets a `Hidden`, which knows shape and
dtype and raises for anything else, except while an operation runs that has this tensor among its arguments. So a value
that depends on the inputs can reach the result through noted operations only.
"""

from __future__ import annotations

import itertools
import sys
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any, NoReturn

import numpy as np

from lucid._functions._autocast import state as autocast
from lucid._functions._common import mutate
from lucid._functions._gate import watch
from lucid._tensor import Tensor
from lucid.autograd._node import Node, TensorBase, View, mode, version, wrap
from lucid.autograd._watching import threads
from lucid.compiler._errors import TraceError, place
from lucid.compiler._graph import Call, Graph, Op, Slot, Value
from lucid.compiler._imagine import imagine
from lucid.compiler._whole import Whole, form_of, result_of, whole_of

_array_of = TensorBase.__dict__["_data"]  # the storage itself, which TracedTensor covers
_numbers = itertools.count(1)


def _refuse_read(name: str) -> Callable[..., NoReturn]:
    def method(self: Any, *args: Any, **kwargs: Any) -> NoReturn:
        refuse_value(self, name)

    return method


class Hidden:
    """The array of a traced tensor as Python code sees it: its shape and layout, but no values."""

    __slots__ = ("_hidden", "_owner")

    def __init__(self, owner: TracedTensor, array: np.ndarray) -> None:
        self._owner, self._hidden = owner, array

    shape = property(lambda self: self._hidden.shape)
    ndim = property(lambda self: self._hidden.ndim)
    dtype = property(lambda self: self._hidden.dtype)
    size = property(lambda self: self._hidden.size)
    strides = property(lambda self: self._hidden.strides)
    itemsize = property(lambda self: self._hidden.itemsize)
    nbytes = property(lambda self: self._hidden.nbytes)
    flags = property(lambda self: self._hidden.flags)
    base = property(lambda self: self._hidden.base)

    def __len__(self) -> int:
        return len(self._hidden)

    def __getattr__(self, name: str) -> NoReturn:
        refuse_value(self, name)

    def __array_ufunc__(self, ufunc: Any, *args: Any, **kwargs: Any) -> NoReturn:
        refuse_value(self, ufunc.__name__)

    def __array_function__(self, function: Any, *args: Any, **kwargs: Any) -> NoReturn:
        refuse_value(self, function.__name__)


_VALUES = (
    "array bool int float index complex iter contains getitem setitem eq ne lt le gt ge add radd sub rsub mul rmul "
    "truediv rtruediv floordiv mod pow matmul and or xor rand ror neg invert abs iadd imul"
)
for _name in [f"__{name}__" for name in _VALUES.split(" ")]:
    setattr(Hidden, _name, _refuse_read(_name))


class TracedTensor(Tensor):
    """A tensor computed from the inputs of a function that is being traced."""

    _value: Value
    _sharing: list[weakref.ref[TracedTensor]]

    @property
    def _data(self) -> Any:
        array = _array_of.__get__(self)
        tracer = getattr(threads, "tracer", None)
        return array if tracer is not None and id(self) in tracer.readable else Hidden(self, array)

    @_data.setter
    def _data(self, value: Any) -> None:
        if not isinstance(value, Hidden):
            refuse(f"the storage of a tensor computed from the inputs is replaced{{place}} (shape {self.shape})")
        adopt(self, value._owner._value, value._hidden, value._owner._sharing)

    def numpy(self, *, force: bool = False) -> np.ndarray:
        refuse_value(self._data, "numpy")

    def data_ptr(self) -> int:
        refuse_value(self._data, "data_ptr")

    def storage_offset(self) -> int:
        refuse_value(self._data, "storage_offset")

    def __repr__(self) -> str:
        return f"Tensor(<traced>, shape={tuple(self._data.shape)}, dtype={self.dtype})"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return repr(self)


def adopt(t: Any, value: Value, array: np.ndarray, sharing: list[weakref.ref[TracedTensor]]) -> TracedTensor:
    """Make ``t`` the traced tensor of ``value``; ``sharing`` lists the tensors over the same memory."""
    t.__class__ = TracedTensor
    _array_of.__set__(t, array)
    t._value, t._sharing = value, sharing
    sharing.append(weakref.ref(t))
    return t


def refuse(text: str) -> NoReturn:
    """Raise a `TraceError`: ``text``, in which ``{place}`` becomes where the model is."""
    tracer = getattr(threads, "tracer", None)
    _, where = place(None if tracer is None else tracer.root)
    error = TraceError("compile: " + text.replace("{place}", where))
    if tracer is not None and tracer.failure is None:
        tracer.failure = error
    raise error


def refuse_value(hidden: Any, name: str) -> NoReturn:
    tracer = getattr(threads, "tracer", None)
    array = hidden._hidden
    what = f"a tensor computed from the inputs (shape {array.shape}, {array.dtype})"
    if tracer is None or not mode.trace:
        refuse(f"{name}{{place}} reads {what} after the trace that made it")
    called, _ = place(tracer.root)
    refuse(f"{called or name}{{place}} reads the values of {what}, which later calls would not read again; keep to "
           "operations of lucid, or compile with fallback=True")  # fmt: skip


class Tracer:
    """One trace: the operations noted so far."""

    def __init__(self, root: Any, owners: dict[int, Tensor]) -> None:
        """``owners``: parameters and buffers by the id of their arrays."""
        self.root, self.owners = root, owners
        self.number = next(_numbers)
        self.ops: list[Op] = []
        self.constants: dict[int, tuple[Any, Value]] = {}
        self.readable: frozenset[int] | set[int] = frozenset()
        self.failure: TraceError | None = None
        self.imagines = False
        """Whether operations that only their shapes matter of are left out (see `_imagine`)."""
        self.imagined = self.refuted = False

    # Operations

    def operation(self, operation: Any, args: tuple[Any, ...]) -> Any:
        """Run ``operation``, and note it when an argument depends on the inputs."""
        inputs: list[Value] = []
        tensors: list[TracedTensor] = []
        template = tuple([self.template(a, inputs, tensors) for a in args])
        real = tuple([_reveal(a) for a in args])
        if tensors:
            self.check(operation, args)
        mode.trace, self.readable = 0, {id(t) for t in tensors}
        try:
            y = self.compute(operation, real, bool(tensors))
        finally:
            mode.trace, self.readable = self.number, frozenset()
        results = y if isinstance(y, tuple) else (y,)
        for t in results:
            t._born = self.number
        if tensors:
            call = Call(operation, template)
            op = Op("call", inputs, [Value(_shape(t), _dtype(t)) for t in results], {}, call)
            self.ops.append(op)
            for t, value in zip(results, op.outputs):
                array = _array_of.__get__(t)
                adopt(t, value, array, args[0]._sharing if _shares(operation, array, args[0]) else [])
        return y

    def compute(self, operation: Any, args: tuple[Any, ...], depends: bool) -> Any:
        """The results of ``operation``, or tensors of their shapes."""
        if not (self.imagines and depends):
            return run(operation, args)
        arrays = imagine(operation, args)
        if arrays is not None:
            self.imagined = True
            return wrap(arrays[0]) if len(arrays) == 1 else tuple([wrap(a) for a in arrays])
        try:
            with np.errstate(all="ignore") if self.imagined else nullcontext():
                return run(operation, args)
        except Exception:
            self.refuted = self.imagined
            raise

    def template(self, a: Any, inputs: list[Value], tensors: list[TracedTensor]) -> Any:
        """``a`` with `Slot` s for tensors and for arrays of more than a few numbers."""
        if isinstance(a, Hidden):
            return self._slot(a._owner._value, False, inputs, tensors, a._owner)
        if isinstance(a, TracedTensor):
            return self._slot(a._value, True, inputs, tensors, a)
        if isinstance(a, TensorBase):
            return self._slot(self.constant(a, _array_of.__get__(a), a), True, inputs, tensors, None)
        if isinstance(a, np.ndarray):
            return self._slot(self.constant(a, a, self.owners.get(id(a))), False, inputs, tensors, None)
        if isinstance(a, (tuple, list)):
            parts = [self.template(p, inputs, tensors) for p in a]
            return type(a)(*parts) if hasattr(a, "_fields") else type(a)(parts)
        return a

    def _slot(
        self, value: Value, tensor: bool, inputs: list[Value], tensors: list[TracedTensor], owner: TracedTensor | None
    ) -> Slot:
        if owner is not None:
            tensors.append(owner)
        if not any(value is v for v in inputs):
            inputs.append(value)
        return Slot(next(i for i, v in enumerate(inputs) if v is value), tensor)

    def constant(self, key: Any, array: np.ndarray, source: Any) -> Value:
        """The value of a tensor or array that does not depend on the inputs."""
        found = self.constants.get(id(key))
        if found is None or found[1].array is not array:
            if source is not None and source._born == self.number:
                source = None  # computed from others, which are known by themselves
            found = self.constants[id(key)] = (key, Value.of(array, source))
        return found[1]

    def check(self, operation: Any, args: tuple[Any, ...]) -> None:
        """Refuse what cannot be repeated although it is an operation."""
        name = getattr(operation, "__name__", "")
        if name == "BatchNorm" and any(isinstance(a, np.ndarray) for a in args[4:6]):
            refuse("batch_norm{place} writes its running statistics, as in training; call eval() first")
        if name == "Gather" and any(isinstance(i, Hidden) and i.dtype.kind == "b" for i in args[1]):
            refuse("getitem{place} picks by a mask computed from the inputs, so that the result's shape depends on "
                   "their values; use where() or masked_fill()")  # fmt: skip

    def whole(self, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Callable[[Exception], Any] | None:
        """How to note a public function as one operation, where ``function(*args, **kwargs)`` raises; None for most."""
        if type(self) is not Tracer or self.failure is not None or autocast.enabled:
            return None
        name, first = function.__name__, len(self.ops)
        place = args[0] if name.endswith("_") and args and isinstance(args[0], Tensor) else None
        if place is not None:  # the form in place, written as the one that is not
            operation = whole_of(form_of(name[:-1]), args, kwargs)
        else:
            operation = whole_of(function, args, kwargs)
        if operation is None:
            return None

        def note(error: Exception) -> Any:
            if not isinstance(error, TraceError) and "Hidden" not in str(error):
                raise error
            error.__traceback__ = None  # whose frames hold tensors
            del self.ops[first:]
            self.failure = None

            def call(*given: Any, **named: Any) -> Any:
                results = self.operation(operation, (tuple(named), *given, *named.values()))
                return result_of(operation, results)

            return call(*args, **kwargs) if place is None else mutate(name, place, call, *args[1:], **kwargs)

        return note

    # What is not an operation

    def wrap(self, hidden: Hidden) -> TracedTensor:
        """Another tensor over the storage of a traced one, as ``detach()`` makes."""
        t = wrap(hidden._hidden)
        return adopt(t, hidden._owner._value, hidden._hidden, hidden._owner._sharing)

    def check_write(self, name: str, x: Any) -> None:
        """Refuse to write to what was there before the trace, or to memory that other traced tensors see."""
        if x._born != self.number:
            self.refuse_write(name, x)
        if isinstance(x, TracedTensor) and any(r() is not None and r() is not x for r in x._sharing):
            refuse(f"{name}{{place}} writes to memory that other tensors view (shape {tuple(x.shape)}); clone() first, "
                   "or use the form that returns a new tensor")  # fmt: skip

    def refuse_write(self, name: str, x: Any) -> NoReturn:
        """Compiled calls do not write to parameters, buffers, inputs or captured tensors."""
        known = self.owners.get(id(_array_of.__get__(x)))
        names = [] if known is None else [n for n, t in _named_state(self.root) if t is known]
        what = f"'{names[0]}'" if names else "a tensor from outside the call"
        what = "an input" if isinstance(x, TracedTensor) else what
        refuse(f"{name}{{place}} writes to {what} (shape {tuple(x.shape)}), which compiled calls would not do")

    def draw(self, generator: Any, seed: int, offset: int, count: int) -> Any:
        """Refuse to draw: the numbers would be the same in every call."""
        called, _ = place(self.root)
        refuse(f"{called}{{place}} draws random numbers, which compiled calls would not draw again")

    def rebind(self, name: str, x: Any, y: Any) -> bool:
        """x <- y for in-place operations: True if done, False if no traced tensor takes part."""
        if not (isinstance(x, TracedTensor) or isinstance(y, TracedTensor)):
            return False
        writes = version(x) + 1
        if not isinstance(x, TracedTensor) and sys.getrefcount(x._counter or []) > 2:  # views share the counter
            refuse(f"{name}{{place}} writes values computed from the inputs to memory that other tensors view (shape "
                   f"{tuple(x.shape)}); clone() first")  # fmt: skip
        if isinstance(y, TracedTensor):
            adopt(x, y._value, _array_of.__get__(y), [])
        else:
            adopt(x, self.constant(y, y._data, None), y._data, [])
        x._counter = [writes]
        return True


def _shares(operation: Any, array: np.ndarray, x: Any) -> bool:
    """Whether a view of the traced tensor ``x`` gave ``array``."""
    view = isinstance(operation, type) and issubclass(operation, View) and isinstance(x, TracedTensor)
    return view and np.may_share_memory(array, _array_of.__get__(x))


def _named_state(root: Any) -> list[tuple[str, Any]]:
    if not hasattr(root, "named_parameters"):
        return []
    return [*root.named_parameters(), *root.named_buffers()]


def _shape(t: Any) -> tuple[int, ...]:
    return _array_of.__get__(t).shape


def _dtype(t: Any) -> np.dtype[Any]:
    return _array_of.__get__(t).dtype


def _reveal(a: Any) -> Any:
    """``a`` with the arrays of `Hidden` s."""
    if isinstance(a, Hidden):
        return a._hidden
    if isinstance(a, (tuple, list)):
        parts = [_reveal(p) for p in a]
        return type(a)(*parts) if hasattr(a, "_fields") else type(a)(parts)
    return a


def run(operation: Any, args: tuple[Any, ...]) -> Any:
    """What ``operation`` gives outside of traces: a tensor or a tuple of them."""
    if isinstance(operation, Whole):
        return operation(*args)
    if isinstance(operation, type) and issubclass(operation, Node):
        return operation.apply(*args)
    return wrap(np.asarray(operation(*[_array_of.__get__(a) if isinstance(a, TensorBase) else a for a in args])))


def trace(
    function: Callable[..., Any], root: Any, owners: dict[int, Tensor], tensors: list[Tensor],
    build: Callable[..., Any], kind: type[Tracer] = Tracer,
) -> tuple[Graph, Any, Tracer]:  # fmt: skip
    """Run ``function`` on traced copies of ``tensors``.

    Args:
        function: what is traced.
        root: the module that names are taken from, or the function.
        owners: parameters and buffers by the id of their arrays.
        tensors: the example inputs.
        build: makes (args, kwargs) from the traced tensors.
        kind: the tracer's class.

    Returns:
        The graph without its outputs, what ``function`` returned, and the tracer.

    Raises:
        TraceError: the function does what a compiled call could not repeat.
    """
    if kind is Tracer:
        tracer = Tracer(root, owners)
        tracer.imagines = True
        try:
            found = _traced(tracer, function, tensors, build)
            if not tracer.refuted:
                return found
        except Exception:
            if not tracer.refuted:
                raise
    return _traced(kind(root, owners), function, tensors, build)


def _traced(
    tracer: Tracer, function: Callable[..., Any], tensors: list[Tensor], build: Callable[..., Any]
) -> tuple[Graph, Any, Tracer]:
    inputs = [Value(t._data.shape, t._data.dtype) for t in tensors]
    fed = []
    for t, value in zip(tensors, inputs):
        array = t._data.view()
        array.flags.writeable = False
        fed.append(adopt(wrap(array), value, array, []))
    args, kwargs = build(fed)
    try:
        with running(tracer, recording=False):
            watch(True)  # so that public functions come to `Tracer.whole`
            result = function(*args, **kwargs)
    finally:
        autocast.set_enabled(autocast.enabled)
    return Graph(inputs, [], tracer.ops), result, tracer


@contextmanager
def running(tracer: Tracer, recording: bool) -> Iterator[None]:
    """Hand the operations of the block to ``tracer``, as ones of a program that records, or does not.

    Raises:
        TraceError: what the tracer refused, also where the block caught that; or the block read what a trace hides.
    """
    before = mode.enabled, mode.trace, getattr(threads, "tracer", None)
    mode.enabled, mode.trace, threads.tracer = recording, tracer.number, tracer
    try:
        yield
    except TypeError as error:
        if "Hidden" not in str(error) or tracer.failure is not None:
            raise
        # A kernel was given a hidden array by code that is not a noted operation.
        name = _raiser(error)
        raise TraceError(f"compile: {name} reads the values of a tensor computed from the inputs in a way that cannot "
                         "be traced; compile with fallback=True to run it uncompiled") from error  # fmt: skip
    finally:
        mode.enabled, mode.trace, threads.tracer = before
    if tracer.failure is not None:
        raise tracer.failure


def _raiser(error: BaseException) -> str:
    trace, name = error.__traceback__, "an operation"
    while trace is not None:
        if str(trace.tb_frame.f_globals.get("__name__", "")).startswith("lucid."):
            name = trace.tb_frame.f_code.co_name
        trace = trace.tb_next
    return name
