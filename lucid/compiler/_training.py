"""`compile_step`: forward, backward and update of a training step as one plan; and compiled modules with gradients."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from lucid._functions._autocast import state as autocast
from lucid._tensor import Tensor
from lucid.autograd._node import TensorBase, mode, wrap
from lucid.compiler._compiled import PLANS, _State
from lucid.compiler._errors import TraceError
from lucid.compiler._graph import Value
from lucid.compiler._training_plan import Planner, own
from lucid.compiler._training_trace import State, TracedTensor, trace_training
from lucid.compiler._training_update import Update
from lucid.compiler._tree import arguments_of, flatten, unflatten
from lucid.compiler._watch import Watch
from lucid.nn.modules.container import ModuleList
from lucid.nn.modules.module import Module
from lucid.nn.parameter import is_lazy


class Guard:
    """What plans were made from: the state of modules, and whether it is still the same."""

    def __init__(self, modules: Sequence[Any], others: Sequence[Tensor]) -> None:
        """``others``: tensors that may have gradients besides the parameters of ``modules``."""
        self.modules = _State(ModuleList([m for m in modules if isinstance(m, Module)]))
        tensors = {id(t): t for t in (*self.modules.tensors, *others)}
        self.state = State(list(tensors.values()))
        self.arrays = tuple([t._data for t in self.state.tensors])
        self.wanted = [t._requires_grad for t in self.state.tensors]
        self.captured: dict[int, Any] = {}
        self.watch_captured(())

    def watch_captured(self, tensors: Sequence[Any]) -> None:
        """Look at ``tensors`` too: plans hold their values."""
        self.captured |= {id(t): t for t in tensors}
        self.watch = Watch(self.captured.values(), self.modules.dicts, self.modules.attributes)

    def changed(self) -> bool:
        """Whether plans have to be made anew; ``arrays`` is up to date if not."""
        for t, a, wanted in zip(self.state.tensors, self.arrays, self.wanted):
            if t._data is not a or t._requires_grad is not wanted:
                return self._replaced() or self.watch.changed()
        return self.watch.changed()

    def _replaced(self) -> bool:
        arrays = tuple([t._data for t in self.state.tensors])
        same = all(a.shape == b.shape and a.dtype == b.dtype for a, b in zip(arrays, self.arrays))
        self.arrays = arrays
        return not same or any(t._requires_grad is not w for t, w in zip(self.state.tensors, self.wanted))


class Planned:
    """What compiled training functions share: plans by signature, made anew when the model changes."""

    def __init__(self, fallback: bool, plans: int) -> None:
        self.fallback, self.plans = fallback, plans
        self._lock = threading.RLock()
        self._plans: OrderedDict[Any, Any] = OrderedDict()
        self._failed: dict[Any, TraceError] = {}
        self._guard: Guard | None = None
        self.refreshes = 0

    def _new_guard(self) -> Guard:
        raise NotImplementedError

    def _make(self, args: Any, kwargs: Any, guard: Guard) -> Any:
        raise NotImplementedError

    def _find(self, key: Any, args: Any, kwargs: Any) -> Any:
        """The plan for a signature, or the `TraceError` that says why there is none."""
        if key in self._failed:  # whatever else changes: tracing again and again would cost more than it brings
            return self._failed[key]
        guard = self._guard
        if guard is None or guard.changed():
            if guard is not None:
                self._forget()
            guard = self._guard = self._new_guard()
        plan = self._plans.get(key)
        if plan is None:
            with self._lock:
                try:
                    plan = self._plans[key] = self._make(args, kwargs, guard)
                except TraceError as error:
                    if not self.fallback:
                        raise
                    plan = self._failed[key] = error
                while len(self._plans) > self.plans:
                    self._plans.popitem(last=False)
        elif len(self._plans) > 1:
            self._plans.move_to_end(key)
        return plan

    def _trace(self, function: Any, root: Any, args: Any, kwargs: Any, guard: Guard) -> Any:
        tensors: list[Any] = []
        spec = (flatten(args, tensors, "args"), flatten(kwargs, tensors, "kwargs") if kwargs else ())

        try:
            traced = trace_training(function, root, guard.state, tensors, partial(arguments_of, spec=spec))
        finally:
            changes = guard.modules.restore()
        if changes:
            raise TraceError(f"compile: a call changes {changes[0]}, which compiled steps would not do; keep state out "
                             "of forward, or compile with fallback=True")  # fmt: skip
        guard.watch_captured(traced.captured)
        return traced

    def refresh(self) -> None:
        """Forget all plans, so that the next calls are made from the model as it is then."""
        self._failed.clear()
        self._forget()

    def _forget(self) -> None:
        with self._lock:
            self._plans.clear()
            self._guard = None
            self.refreshes += 1

    def explain(self) -> None:
        """Print the plan that was used last: kernel calls in order, one a line.

        Raises:
            RuntimeError: there was no call yet.
        """
        found = list(self._plans.values())
        if not found:
            raise RuntimeError("explain: there is no plan yet: call it first")
        print(f"{self!r}, refreshed {self.refreshes} times\n{found[-1].code}", end="")


def shapes(tensors: Sequence[Any]) -> tuple[Any, ...]:
    """What plans depend on of the tensors among the arguments."""
    return tuple([(t._data.shape, t._data.dtype.char, t._requires_grad) for t in tensors])


def outputs_of(result: Any, values: list[Value]) -> tuple[Any, list[Any], list[Any]]:
    """Description of a result, its tensors, and those that are the same in every call, None for others."""
    found: list[Any] = []
    spec = flatten(result, found, "result")
    values += [t._value for t in found if isinstance(t, TracedTensor)]
    return spec, found, [None if isinstance(t, TracedTensor) else t for t in found]


class StepPlan:
    """One training step for one signature."""

    update: Update

    def __init__(self, traced: Any, guard: Guard, targets: list[Tensor]) -> None:
        values: list[Value] = []
        self.spec, found, self.fixed = outputs_of(traced.result, values)
        loss = found[0] if found else None
        if not isinstance(loss, TracedTensor) or not loss._requires_grad:
            raise RuntimeError("compile_step: the loss does not require grad: it depends on no parameter that does")
        planner = Planner(traced, guard.state, [loss], targets, values)
        planner.emit_forward()
        value = loss._value
        ones = planner.w.bind(np.ones(value.shape, value.dtype), "ones")
        planner.w.line(f"g0 = {ones}.copy()", ["g0"], [])  # which may become the gradient of a parameter as it is
        grads = planner.emit_backward(["g0"])
        planner.emit_writes()
        self.targets = sorted([t for t in targets if id(t) in grads], key=lambda t: grads[id(t)] not in planner.fresh)
        names = [planner.name(v) for v in values]
        given = [n if n in planner.fresh else f"{n}.copy()" for n in names]
        ends = [grads[id(t)] for t in self.targets]
        shared = [n for n in ends if n not in planner.fresh]
        owned = [
            *ends[: len(ends) - len(shared)],
            *([f"*{planner.w.bind(own)}([{', '.join(shared)}])"] if shared else []),
        ]
        result = f"[{', '.join(given)}], [{', '.join(owned)}]"
        head = ["inputs, state", "".join([f"x{i}, " for i in range(len(traced.inputs))]) + "= inputs"]
        self.code = planner.function("step", head, planner.w.lines, result, [*names, *ends])
        self.run = planner.w.compile(self.code, "step")


class CompiledStep(Planned):
    """What `compile_step` returns: call it with a batch.

    Attributes:
        model, criterion, optimizer: what it was made from.
    """

    def __init__(
        self, model: Any, criterion: Any, optimizer: Any, max_norm: float | None, fallback: bool, plans: int
    ) -> None:
        super().__init__(fallback, plans)
        self.model, self.criterion, self.optimizer, self.max_norm = model, criterion, optimizer, max_norm

    def _loss(self, *args: Any, **kwargs: Any) -> Any:
        if self.criterion is None:
            return self.model(*args, **kwargs)
        return self.criterion(self.model(*args[:-1], **kwargs), args[-1])

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if mode.trace < 0:  # somebody looks at every operation
            return self._eager(args, kwargs)
        if mode.trace:
            raise RuntimeError("compile_step: a training step cannot be part of a function that is being compiled")
        if not kwargs and all(isinstance(a, TensorBase) for a in args):  # the key of most steps, made faster
            tensors, spec = list(args), None
        else:
            tensors = []
            spec = (flatten(args, tensors, "args"), flatten(kwargs, tensors, "kwargs") if kwargs else ())
        key = (spec, shapes(tensors))
        if autocast.enabled or self._is_lazy():
            return self._eager(args, kwargs)
        plan = self._find(key, args, kwargs)
        if isinstance(plan, TraceError):
            return self._eager(args, kwargs)
        assert self._guard is not None
        recording = mode.enabled
        mode.enabled = False
        try:
            results, grads = plan.run([t._data for t in tensors], self._guard.arrays)
            plan.update.run(grads)
        finally:
            mode.enabled = recording
        if plan.spec == ("tensor",):
            return wrap(results[0])
        each = iter([wrap(y) for y in results])
        return unflatten(plan.spec, iter([next(each) if t is None else t for t in plan.fixed]).__next__)

    def _is_lazy(self) -> bool:
        return self._guard is None and isinstance(self.model, Module) and any(map(is_lazy, self.model.parameters()))

    def _eager(self, args: Any, kwargs: Any) -> Any:
        """The step as it is without a plan."""
        self.optimizer.zero_grad()
        result = self._loss(*args, **kwargs)
        found: list[Any] = []
        spec = flatten(result, found, "result")
        found[0].backward()
        if self.max_norm is not None:
            from lucid.nn.utils import clip_grad_norm_

            clip_grad_norm_([p for group in self.optimizer.param_groups for p in group["params"]], self.max_norm)
        self.optimizer.step()
        return unflatten(spec, iter([t.detach() for t in found]).__next__)

    def _parameters(self) -> list[Tensor]:
        return [p for group in self.optimizer.param_groups for p in group["params"]]

    def _new_guard(self) -> Guard:
        return Guard([self.model, self.criterion], self._parameters())

    def _find(self, key: Any, args: Any, kwargs: Any) -> Any:
        groups = self.optimizer.param_groups
        count = len(groups[0]["params"]) if len(groups) == 1 else sum([len(group["params"]) for group in groups])
        return super()._find((key, count), args, kwargs)

    def _make(self, args: Any, kwargs: Any, guard: Guard) -> StepPlan:
        tensors: list[Any] = []
        flatten((args, kwargs), tensors, "args")
        if any(t._requires_grad for t in tensors):
            raise RuntimeError("compile_step: an input requires grad; steps give gradients to parameters alone: "
                               "detach() it")  # fmt: skip
        targets = self._parameters()
        if any(id(t) not in guard.state.place for t in targets):  # added since
            guard = self._guard = self._new_guard()
            self._plans.clear()
        traced = self._trace(self._loss, self.model, args, kwargs, guard)
        plan = StepPlan(traced, guard, [t for t in targets if t._requires_grad])
        plan.update = Update(self.optimizer, plan.targets, self.max_norm)
        return plan

    def __repr__(self) -> str:
        name = type(self.model).__name__ if isinstance(self.model, Module) else self.model.__qualname__
        return f"<lucid.compile_step of {name} with {type(self.optimizer).__name__}, {len(self._plans)} plans>"


def compile_step(
    model: Callable[..., Any], criterion: Callable[..., Any] | None, optimizer: Any, *, max_norm: float | None = None,
    fallback: bool = False, plans: int = PLANS,
) -> CompiledStep:  # fmt: skip
    """A whole training step as one call: forward, loss, backward, update.

        step(*inputs, target):  loss = criterion(model(*inputs), target);  zero_grad();  loss.backward();
                                clip_grad_norm_(parameters, max_norm);  optimizer.step()

    The first call with new shapes, dtypes or other arguments traces the step and writes a plan of kernel calls, which
    later calls run without modules, autograd or checks in between. Gradients and updates are the bits of the eager
    step. Every call looks at what the plan was made from: modules, their attributes, hooks and modes, which parameters
    require grad, and the storage of all tensors; a change makes it trace anew. Hyperparameters of the optimizer are
    read in every step, so learning-rate schedulers work as ever, and its state lies where it always does.

    Args:
        model: a module, in training mode as a rule, or a function.
        criterion: called with the model's result and the last argument of the step; None if the model returns the loss
            itself, alone or as the first tensor of a tuple, list or dict.
        optimizer: what updates the parameters; only those it holds get gradients.
        max_norm: clip the norm of all gradients to this, as `clip_grad_norm_` does.
        fallback: run steps that cannot be compiled as they are, instead of raising.
        plans: signatures to keep plans for; the least recently used goes first.

    Returns:
        A `CompiledStep`: a callable with ``explain`` and ``refresh``. It returns the loss (or what the model returned,
        if there is no criterion) without history; ``grad`` of the parameters holds the gradients of the step.

    Raises:
        TypeError: an argument is of the wrong kind.
        ValueError: ``plans`` or ``max_norm`` is not positive.
        TraceError: in a call: the model does what a plan could not repeat: it reads values that depend on its inputs or
            parameters, writes to what is not its own, changes attributes of modules, has hooks on gradients or autograd
            functions of its own. The message says where.
        RuntimeError: in a call: the loss depends on no parameter, or an input requires grad.

    Example:
        >>> import lucid
        >>> from lucid import nn
        >>> net = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
        >>> optimizer = lucid.optim.SGD(net.parameters(), lr=0.1)
        >>> step = lucid.compile_step(net, nn.CrossEntropyLoss(), optimizer)
        >>> x, y = lucid.randn(8, 3), lucid.arange(8) % 2
        >>> losses = [step(x, y).item() for _ in range(20)]
        >>> losses[-1] < losses[0]
        True
    """
    if not callable(model):
        raise TypeError(f"compile_step: expected a module or a function as model, got {type(model).__name__}")
    if criterion is not None and not callable(criterion):
        raise TypeError(f"compile_step: expected a module, a function or None as criterion, got "
                        f"{type(criterion).__name__}")  # fmt: skip
    if not hasattr(optimizer, "param_groups") or not hasattr(optimizer, "step"):
        raise TypeError(f"compile_step: expected an optimizer, got {type(optimizer).__name__}")
    if not isinstance(plans, int) or plans < 1:
        raise ValueError(f"compile_step: plans must be a positive integer, got {plans!r}")
    if max_norm is not None and not isinstance(max_norm, (int, float)):
        raise TypeError(f"compile_step: expected a number or None as max_norm, got {type(max_norm).__name__}")
    if max_norm is not None and not max_norm > 0:
        raise ValueError(f"compile_step: max_norm must be positive, got {max_norm!r}")
    return CompiledStep(model, criterion, optimizer, max_norm, fallback, plans)


__all__ = ["CompiledStep", "compile_step"]
