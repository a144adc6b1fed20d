"""`compile(module, train=True)`: calls of a module by a plan, whose results know the plan of their gradients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from lucid._functions._autocast import state as autocast
from lucid._tensor import Tensor
from lucid.autograd._node import Node, mode, wrap
from lucid.compiler._errors import TraceError
from lucid.compiler._graph import Value
from lucid.compiler._training import Guard, Planned, outputs_of, shapes
from lucid.compiler._training_plan import Planner
from lucid.compiler._training_trace import Traced
from lucid.compiler._tree import flatten, unflatten
from lucid.nn.modules.module import Module
from lucid.nn.parameter import is_lazy


class ModulePlan:
    """Forward and backward pass of a module for one signature.

    Attributes:
        targets: places in the state of the parameters that get gradients.
        inputs: places of the inputs that do.
        kept: parameters whose values the backward pass reads.
        detached: places of the results without gradients.
    """

    def __init__(self, traced: Traced, guard: Guard) -> None:
        values: list[Value] = []
        self.spec, found, self.fixed = outputs_of(traced.result, values)
        results = [t for t, fixed in zip(found, self.fixed) if fixed is None]
        roots = [t for t in results if t._requires_grad]
        state, fed = guard.state, traced.fed
        self.targets = [i for i, t in enumerate(state.tensors) if t._requires_grad]
        self.inputs = [i for i, t in enumerate(fed) if t._requires_grad]
        wanted = [*[fed[i] for i in self.inputs], *[state.tensors[i] for i in self.targets]]
        self.detached = [i for i, t in enumerate(results) if not t._requires_grad]
        self._starts = [i for i, t in enumerate(results) if t._requires_grad]
        self._ids = [id(t) for t in wanted]
        p = self.planner = Planner(traced, state, roots, wanted, values)
        p.emit_forward()
        p.emit_writes()
        lines = list(p.w.lines)
        made = {n for line in lines for n in line.makes}
        names = [p.name(v) for v in values]
        self._backward: dict[Any, Any] = {}
        self._lines = len(lines)
        ends, backward_lines = self._emit(tuple([True] * len(roots)))
        used = {n for line in backward_lines for n in line.uses} | set(ends)
        self._saved = sorted(n for n in used if n in made or (n[0] in "xp" and n[1:].isdigit()))
        self.kept = [t for i, t in enumerate(state.tensors) if f"p{i}" in self._saved]
        given = [n if n in p.fresh and v not in p.read else f"{n}.copy()" for n, v in zip(names, values)]
        head = ["inputs, state", "".join([f"x{i}, " for i in range(len(traced.inputs))]) + "= inputs"]
        result = f"[{', '.join(given)}], ({''.join([n + ', ' for n in self._saved])})"
        self.code = p.function("forward", head, lines, result, [*names, *self._saved])
        self.forward = p.w.compile(self.code, "forward")
        self.backward([True] * len(self._starts))
        for op in traced.nodes.values():  # what is left to do needs edges alone
            op.attributes["node"].release()

    def _emit(self, pattern: Sequence[bool]) -> tuple[list[str], list[Any]]:
        """Names of the gradients and lines, for gradients of some of the roots."""
        p = self.planner
        grads = p.emit_backward([f"g{i}" if given else None for i, given in enumerate(pattern)])
        lines = p.w.lines[self._lines :]
        del p.w.lines[self._lines :]
        return [grads.get(i, "None") for i in self._ids], lines

    def backward(self, given: Sequence[bool]) -> Any:
        """The function of (saved values, gradients of the roots) for the roots that have gradients."""
        pattern = tuple(given)
        if pattern not in self._backward:
            ends, lines = self._emit(pattern)
            head = ["saved, grads"]
            head += ["".join([n + ", " for n in self._saved]) + "= saved"] if self._saved else []
            head += ["".join([f"g{i}, " for i in range(len(pattern))]) + "= grads"] if pattern else []
            code = self.planner.w.source("backward", head, lines, f"[{', '.join(ends)}]", ends)
            if not self._backward:
                self.code += code
            self._backward[pattern] = self.planner.w.compile(code, "backward")
        return self._backward[pattern]

    def gradients(self, saved: Any, grads: Sequence[Any]) -> list[np.ndarray | None]:
        """The gradients of inputs and parameters, given those of all results."""
        starts = [grads[i] for i in self._starts]
        run = self.backward([g is not None for g in starts])
        return run(saved, [None if g is None else g._data for g in starts])


class Call(Node):
    """One call of a compiled module."""

    __slots__ = ("plan", "values")
    plan: ModulePlan
    values: Any

    def forward(self, plan: ModulePlan, inputs: list[np.ndarray], state: Any, *tensors: Tensor) -> tuple[Any, ...]:
        self.plan, self.saved = plan, tuple(plan.kept)
        recording, mode.enabled = mode.enabled, False
        try:
            results, self.values = plan.forward(inputs, state)
        finally:
            mode.enabled = recording
        return tuple(results)

    def backward(self, *grads: Tensor | None) -> tuple[Tensor | None, ...]:
        self.unpack()  # raises when a parameter was written to since, or the values are gone
        if mode.enabled:
            raise RuntimeError("compile: the gradient of a compiled module cannot be differentiated again; call the "
                               "module itself for create_graph=True")  # fmt: skip
        return tuple([None if g is None else wrap(g) for g in self.plan.gradients(self.values, grads)])

    def release(self) -> None:
        super().release()
        self.values = None


class CompiledModule(Planned):
    """What `compile` returns for ``train=True``: call it like the module.

    Attributes:
        function: the module; attributes that are not found here are looked up there.
    """

    def __init__(self, function: Module, fallback: bool, plans: int) -> None:
        super().__init__(fallback, plans)
        self.function = function

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        lazy = self._guard is None and any(map(is_lazy, self.function.parameters()))
        if mode.trace or autocast.enabled or lazy:
            return self.function(*args, **kwargs)
        tensors: list[Any] = []
        spec = (flatten(args, tensors, "args"), flatten(kwargs, tensors, "kwargs") if kwargs else ())
        plan = self._find((spec, shapes(tensors)), args, kwargs)
        if isinstance(plan, TraceError):
            return self.function(*args, **kwargs)
        assert self._guard is not None
        graded = [*[tensors[i] for i in plan.inputs], *[self._guard.state.tensors[i] for i in plan.targets]]
        results = Call.apply(plan, [t._data for t in tensors], self._guard.arrays, *graded)
        for i in plan.detached:
            results[i]._requires_grad, results[i]._node = False, None
        each = iter(results)
        return unflatten(plan.spec, iter([next(each) if t is None else t for t in plan.fixed]).__next__)

    def _new_guard(self) -> Guard:
        return Guard([self.function], ())

    def _make(self, args: Any, kwargs: Any, guard: Guard) -> ModulePlan:
        return ModulePlan(self._trace(self.function, self.function, args, kwargs, guard), guard)

    def __getattr__(self, name: str) -> Any:
        if name == "function":
            raise AttributeError(name)
        return getattr(self.function, name)

    def __repr__(self) -> str:
        return f"<lucid.compile of {type(self.function).__name__} for training, {len(self._plans)} plans>"
