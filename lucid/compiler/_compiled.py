"""`compile`: a function or module whose calls run a plan instead of Python."""

from __future__ import annotations

import functools
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from lucid import _ops
from lucid._dtype import bfloat16, float32
from lucid._dtype import dtype as DType
from lucid._functions._autocast import state as autocast
from lucid._tensor import Tensor
from lucid.autograd._node import TensorBase, mode, wrap
from lucid.compiler._build import lower, optimise
from lucid.compiler._builder import Packing
from lucid.compiler._errors import TraceError
from lucid.compiler._execute import Program
from lucid.compiler._explain import table as explained
from lucid.compiler._graph import Graph
from lucid.compiler._precision import Calibration, Precision, assign, lacking
from lucid.compiler._trace import TracedTensor, trace
from lucid.compiler._tree import arguments_of, flatten, unflatten
from lucid.compiler._watch import Watch
from lucid.nn.modules.module import Module

PLANS = 16
"""Plans a compiled function keeps unless told otherwise: one per signature, the least recently used goes first."""

_TABLES = ("_parameters", "_buffers", "_modules")


class Plan:
    """What one signature became."""

    def __init__(self, program: Program, spec: Any, fixed: list[Any]) -> None:
        """``spec`` describes the result; ``fixed`` holds its tensors that are the same in every call, or None."""
        self.program, self.spec, self.fixed = program, spec, fixed

    def run(self, tensors: list[Any]) -> Any:
        """The result of the function for these inputs."""
        results = iter(self.program.run([t._data for t in tensors]))
        found = iter([wrap(next(results)) if t is None else t for t in self.fixed])
        return unflatten(self.spec, found.__next__)


def signature(args: Any, kwargs: Any, tensors: list[Any]) -> Any:
    """What a plan is looked up by; the tensors among the arguments are appended to ``tensors``.

    Raises:
        RuntimeError: a tensor requires grad.
    """
    spec = (flatten(args, tensors, "args"), flatten(kwargs, tensors, "kwargs") if kwargs else ())
    if mode.enabled and any(t._requires_grad for t in tensors):
        raise RuntimeError("compile: an input requires grad, but compiled calls record no history; call it under "
                           "no_grad() or inference_mode(), or detach() the input")  # fmt: skip
    return (spec, tuple([(t._data.shape, t._data.dtype.char) for t in tensors]))


def explain(shapes: Any, program: Program, arguments: Any) -> None:
    """Print the steps of a plan, timed on the tensors among ``arguments``, or on zeros."""
    tensors: list[Any] = []
    flatten(arguments, tensors, "args")
    inputs = [t._data for t in tensors] or [np.zeros(shape, char) for shape, char in shapes]
    described = ", ".join([f"{np.dtype(char)} {shape}" for shape, char in shapes])
    print(f"plan for {described}\n{explained(program, inputs)}")


class Compiled:
    """What `compile` returns: call it like the function it was made from.

    Args:
        function, fallback, plans: as of `compile`.
        precision: what layers multiply, as ``dtype`` and ``quantize`` of `compile` say.

    Attributes:
        function: what was compiled; attributes that are not found here are looked up there.

    Example:
        >>> import lucid
        >>> compiled = lucid.compile(lucid.nn.Linear(2, 3).eval())
        >>> type(compiled).__name__, compiled(lucid.ones(1, 2)).shape
        ('Compiled', lucid.Size([1, 3]))
    """

    def __init__(
        self, function: Callable[..., Any], fallback: bool, plans: int, precision: Precision | None = None
    ) -> None:
        self.function, self.fallback, self.plans, self.precision = function, fallback, plans, precision
        self._lock = threading.RLock()
        self._plans: OrderedDict[Any, Plan | TraceError] = OrderedDict()
        self._watch: Watch | None = None
        self._captured: dict[int, Tensor] = {}
        self._packing = Packing()
        self.refreshes = 0
        if not isinstance(function, Module):
            functools.update_wrapper(self, function)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if mode.trace:  # part of a function that is being compiled
            return self.function(*args, **kwargs)
        tensors: list[Any] = []
        if autocast.enabled:  # which plans know nothing of
            return self.function(*args, **kwargs)
        key = signature(args, kwargs, tensors)
        if self._watch is not None and self._watch.changed():
            self.refresh()
        plan = self._plans.get(key)
        if plan is None:
            plan = self._plan(key, tensors)
        elif len(self._plans) > 1:
            with self._lock:
                if key in self._plans:
                    self._plans.move_to_end(key)
        if isinstance(plan, TraceError):
            return self.function(*args, **kwargs)
        return plan.run(tensors)

    # Planning

    def _plan(self, key: Any, tensors: list[Any]) -> Plan | TraceError:
        with self._lock:
            found = self._plans.get(key)
            if found is None:
                self._check_mode()
                try:
                    found = self._make(key[0], tensors)
                except TraceError as error:
                    if not self.fallback:
                        raise
                    found = error
                self._plans[key] = found
                while len(self._plans) > self.plans:
                    self._plans.popitem(last=False)
            return found

    def _check_mode(self) -> None:
        for name, module in self._modules():
            if module.training:
                what = f"{type(module).__name__} '{name}'" if name else type(module).__name__
                raise RuntimeError(f"compile: {what} is in training mode, and compiled calls are for inference: call "
                                   "eval() first")  # fmt: skip

    def _make(self, spec: Any, tensors: list[Any]) -> Plan:
        state = _State(self.function)
        owners = {id(t._data): t for t in state.tensors}

        try:
            graph, result, tracer = trace(
                self.function, self.function, owners, tensors, functools.partial(arguments_of, spec=spec)
            )
        finally:
            changes = state.restore()
        if changes:
            raise TraceError(f"compile: a call changes {changes[0]}, which compiled calls would not do; keep state out "
                             "of forward, or compile with fallback=True")  # fmt: skip
        _ops.release_memory()  # of the one eager run, which may take several times what the plan does
        found: list[Any] = []
        result_spec = flatten(result, found, "result")
        fixed: list[Any] = []
        for t in found:
            traced = isinstance(t, TracedTensor)
            graph.outputs += [t._value] if traced else []
            fixed.append(None if traced else t)
        optimise(graph)
        for held, value in tracer.constants.values():
            t = value.source if value.source is not None else held
            if isinstance(t, TensorBase) and t._born != tracer.number:
                self._captured[id(t)] = t  # type: ignore[assignment]
        watched = {id(t): t for t in (*state.tensors, *self._captured.values())}
        self._watch = Watch(watched.values(), state.dicts, state.attributes)
        return Plan(self._program(graph), result_spec, fixed)

    def _program(self, graph: Graph) -> Program:
        if self.precision is not None:
            assign(graph, self.precision)
        return lower(graph, self._packing)

    def _modules(self) -> Iterator[tuple[str, Module]]:
        return self.function.named_modules() if isinstance(self.function, Module) else iter(())

    # For users

    def save(self, f: Any) -> None:
        """Write all plans there are, with the weights they use, to one file that `load_compiled` runs.

        Args:
            f: a path, or a binary file. A path gets a whole file or keeps what it had.

        Raises:
            RuntimeError: there was no call yet, and so no plan.
            TypeError: a plan holds an operation, an argument or a result that has no form in a file.
        """
        from lucid.compiler._file import Saved, put
        from lucid.serialization import write_to

        with self._lock:
            plans = [Saved(k, p.program, p.spec, p.fixed) for k, p in self._plans.items() if isinstance(p, Plan)]
        if not plans:
            raise RuntimeError("save: there is no plan yet: call it with example arguments first, once per signature")
        write_to(f, lambda file: put(file, plans))

    def refresh(self) -> None:
        """Forget all plans, so that the next calls are made from the function and its weights as they are then.

        Calls do this by themselves when they notice a change; see `compile` for what they notice.
        """
        with self._lock:
            self._plans.clear()
            self._captured.clear()
            self._packing = Packing()
            self._watch = None
            self.refreshes += 1

    def explain(self, *args: Any, **kwargs: Any) -> None:
        """Print the plan for these arguments, or the one last used: its steps, what they do, and measured times.

        Without arguments the steps are timed on zeros. A step is one of a compiled segment or a "call", which runs an
        operation that has no compiled form.

        Args:
            args, kwargs: arguments of a call.

        Raises:
            RuntimeError: no arguments are given, and there was no call yet.
        """
        if args or kwargs:
            self(*args, **kwargs)
        found = [(key, plan) for key, plan in self._plans.items() if isinstance(plan, Plan)]
        if not found:
            raise RuntimeError("explain: there is no plan yet: call it first, or give example arguments")
        (_, shapes), plan = found[-1]
        print(f"{self!r}, refreshed {self.refreshes} times")
        explain(shapes, plan.program, (args, kwargs))

    def __getattr__(self, name: str) -> Any:
        if name == "function":
            raise AttributeError(name)
        return getattr(self.function, name)

    def __repr__(self) -> str:
        name = type(self.function).__name__ if isinstance(self.function, Module) else self.function.__qualname__
        return f"<lucid.compile of {name}, {len(self._plans)} plans>"


class _State:
    """The attributes of the modules of a function as they are before a trace."""

    def __init__(self, function: Any) -> None:
        self.modules = list(function.named_modules()) if isinstance(function, Module) else []
        self.before = []
        self.dicts: list[dict[Any, Any]] = []
        self.attributes: list[dict[Any, Any]] = []
        tensors: dict[int, Tensor] = {}
        for name, module in self.modules:
            own = module.__dict__
            self.before.append((name, module, own, dict(own)))
            for table in _TABLES:
                self.before.append((name, module, own[table], dict(own[table])))
                self.dicts.append(own[table])
            self.attributes.append(own)
            if module._hooks is not None:
                self.dicts += [each for each in vars(module._hooks).values() if isinstance(each, dict)]
            for t in (*module._parameters.values(), *module._buffers.values()):
                if t is not None:
                    tensors[id(t)] = t
        self.tensors = list(tensors.values())

    def restore(self) -> list[str]:
        """Put back what has changed since; returns the names of that."""
        changed = []
        for name, module, table, before in self.before:
            keys = [k for k in {**table, **before} if table.get(k, self) is not before.get(k, self)]
            if keys:
                place = f" '{name}'" if name else ""
                changed += [f"attribute {key!r} of {type(module).__name__}{place}" for key in keys]
                table.clear()
                table.update(before)
        return changed


def compile(
    function: Callable[..., Any] | None = None,
    *,
    train: bool = False,
    fallback: bool = False,
    plans: int = PLANS,
    dtype: DType | None = None,
    quantize: Calibration | None = None,
) -> Any:
    """A function or module for inference whose calls run a plan of fused steps instead of Python.

    The first call with new shapes, dtypes or other arguments traces ``function`` on them and makes a plan: batch norms
    folded into weights, activations, additions and channel scales fused, images in blocked layout, intermediate results
    in one arena. Results have the same bits for every batch size and number of threads, differ from eager ones by
    rounding, and carry no history. Any number of threads may call it at once.

    Every call first compares what the plans were made from: the storage of parameters, buffers and captured tensors and
    its count of writes through lucid, the first and last element of each tensor, and the attributes, parameters,
    buffers, children and hooks of every module. A difference makes it trace and plan anew. Writes through NumPy that
    leave those two elements as they were are not seen: call ``refresh()`` after them.

    Args:
        function: a module in evaluation mode, or a function of tensors. Left out, a decorator is returned.
        train: compile a module for training instead: results are those of the module as it is, bit by bit, and know
            their gradients; plans are plain sequences of kernel calls. `compile_step` compiles the whole step.
        fallback: run what cannot be compiled as it is, instead of raising.
        plans: signatures to keep plans for; the least recently used goes first.
        dtype: ``lucid.bfloat16`` makes convolutions and linear layers multiply bfloat16 weights and inputs, with sums
            in float32, and keeps what lies between them in bfloat16. Arguments and results stay float32. It needs a
            CPU with AVX512-BF16.
        quantize: what ``lucid.quantization.calibrate`` found: convolutions and linear layers multiply bytes, with exact
            sums. Where the CPU lacks AVX512-VNNI this gives the same sums, slowly.

    Returns:
        A `Compiled`: a callable with ``explain``, ``refresh`` and ``save``, and the attributes of ``function``.

    Raises:
        TypeError: ``function`` cannot be called, or is no module though ``train`` is true; in a call, an argument is
            neither a tensor, a list, tuple or dict nor hashable.
        ValueError: ``plans`` is not positive, ``dtype`` is neither float32 nor bfloat16, or two of ``train``, ``dtype``
            and ``quantize`` are given; in a call, the calibration is of another model.
        RuntimeError: ``dtype`` is bfloat16 and the CPU lacks AVX512-BF16.
        TraceError: in a call: the function reads values that depend on its inputs, writes to what is not its own, draws
            random numbers or changes attributes of modules; the message says where.
        RuntimeError: in a call: a module is in training mode, or an input requires grad and recording is on.

    Example:
        >>> import lucid
        >>> from lucid import nn
        >>> net = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2)).eval()
        >>> compiled = lucid.compile(net)
        >>> compiled(lucid.ones(5, 3)).shape
        lucid.Size([5, 2])
        >>> @lucid.compile
        ... def gate(x, y):
        ...     return lucid.sigmoid(x) * y
        >>> print(gate(lucid.zeros(2), lucid.ones(2)))
        [0.5, 0.5]
    """
    if function is None:
        return functools.partial(compile, train=train, fallback=fallback, plans=plans, dtype=dtype, quantize=quantize)
    if not callable(function):
        raise TypeError(f"compile: expected a module or a function, got {type(function).__name__}")
    if not isinstance(plans, int) or plans < 1:
        raise ValueError(f"compile: plans must be a positive integer, got {plans!r}")
    if train:
        from lucid.compiler._training_module import CompiledModule

        if dtype is not None or quantize is not None:
            raise ValueError("compile: dtype and quantize are for inference; leave train out")
        if not isinstance(function, Module):
            raise TypeError(f"compile: train=True expects a module, got {type(function).__name__}; see compile_step")
        return CompiledModule(function, fallback, plans)
    return Compiled(function, fallback, plans, _precision_of(dtype, quantize))


def _precision_of(dtype: Any, quantize: Any) -> Precision | None:
    if quantize is not None:
        if not isinstance(quantize, Calibration):
            raise TypeError("compile: quantize must be what lucid.quantization.calibrate returns, got "
                            f"{type(quantize).__name__}")  # fmt: skip
        if dtype is not None:
            raise ValueError(f"compile: give either dtype or quantize, got both, dtype {dtype}")
        return Precision("int8", quantize.ranges)
    if dtype is None or dtype is float32:
        return None
    if dtype is not bfloat16:
        raise ValueError(f"compile: dtype must be float32 or bfloat16, got {dtype}")
    if missing := lacking("bfloat16"):
        raise RuntimeError(f"compile: dtype=bfloat16 needs {missing}, which this CPU lacks")
    return Precision("bfloat16")


__all__ = ["Compiled", "compile"]
