"""L-BFGS."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from lucid._functions.join import cat
from lucid._tensor import Tensor
from lucid.autograd._mode import enable_grad, no_grad
from lucid.optim._checks import as_float, check_numbers
from lucid.optim._line_search import Point, strong_wolfe
from lucid.optim.optimizer import Optimizer


class LBFGS(Optimizer):
    """Quasi-Newton steps along -H g, with H from the last changes of the parameters and of their gradients.

    One ``step`` makes up to ``max_iter`` iterations, each of which calls the closure at least once. All parameters
    form one group, and one long vector. Without a line search every iteration moves by lr times the direction (less in
    the very first one: min(1, 1 / sum |g|) lr).

    Args:
        params: floating-point parameters; groups are refused.
        lr: step length, the first one tried where there is a line search; a number or a 0-d Tensor.
        max_iter: most iterations per step.
        max_eval: most calls of the closure per step; 1.25 max_iter unless given.
        tolerance_grad: stop where no element of the gradient exceeds it.
        tolerance_change: stop where neither the loss nor a parameter changes by more.
        history_size: how many changes H remembers.
        line_search_fn: None, or "strong_wolfe".

    Raises:
        RuntimeError: another line search, when stepping.
        TypeError: ``params`` are not tensors in an ordered collection; or, when stepping, there is no closure.
        ValueError: there are several groups or no parameters, one is not a leaf or appears twice, or ``lr`` is
            negative.

    Example:
        >>> import lucid
        >>> w = lucid.tensor([-1.5, 2.0], dtype=lucid.float64, requires_grad=True)
        >>> optimizer = lucid.optim.LBFGS([w], line_search_fn="strong_wolfe", max_iter=50, tolerance_change=0)
        >>> def closure():  # Rosenbrock's valley
        ...     optimizer.zero_grad()
        ...     loss = (1 - w[0]) ** 2 + 100 * (w[1] - w[0] ** 2) ** 2
        ...     loss.backward()
        ...     return loss
        >>> first = optimizer.step(closure)
        >>> print(w.detach())
        [1.0, 1.0]

    Source: Liu and Nocedal, Mathematical Programming 45, 503 (1989); the line search: Nocedal and Wright, Numerical
    optimization, 2nd edition, section 3.5.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1,
        max_iter: int = 20,
        max_eval: int | None = None,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        history_size: int = 100,
        line_search_fn: str | None = None,
    ) -> None:
        check_numbers("LBFGS", lr)
        defaults = {
            "lr": lr,
            "max_iter": max_iter,
            "max_eval": max_iter * 5 // 4 if max_eval is None else max_eval,
            "tolerance_grad": tolerance_grad,
            "tolerance_change": tolerance_change,
            "history_size": history_size,
            "line_search_fn": line_search_fn,
        }
        super().__init__(params, defaults)

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        if self.param_groups:
            raise ValueError("LBFGS: one group of parameters is supported, not several")
        super().add_param_group(param_group)

    def shape_of(self, p: Tensor, key: str) -> tuple[int, ...] | None:
        return None

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Make up to ``max_iter`` iterations.

        Args:
            closure: clears the gradients, computes the loss and its gradients, and returns the loss.

        Returns:
            The loss at the start.

        Raises:
            TypeError: there is no closure.
            RuntimeError: the line search is unknown.
        """
        group = self.param_groups[0]
        if closure is None:
            raise TypeError("LBFGS: step needs a closure that computes the loss and its gradients")
        if group["line_search_fn"] not in (None, "strong_wolfe"):
            raise RuntimeError(f"LBFGS: only 'strong_wolfe' is supported, got {group['line_search_fn']!r}")
        params = group["params"]
        state = self.state[params[0]]
        state.setdefault("func_evals", 0)
        state.setdefault("n_iter", 0)
        with enable_grad():
            first = closure()
        state["func_evals"] += 1
        with no_grad():
            gradient = _gradient(params)
            if _largest(gradient) > group["tolerance_grad"]:
                self._iterate(closure, params, state, group, float(first), gradient)
        return first

    def _iterate(
        self,
        closure: Callable[[], Any],
        params: list[Tensor],
        state: dict[str, Any],
        group: dict[str, Any],
        loss: float,
        gradient: Tensor,
    ) -> None:
        lr, smallest = as_float(group["lr"]), group["tolerance_change"]
        d: Any
        d, t, previous, evaluations = state.get("d"), state.get("t"), state.get("prev_flat_grad"), 1
        before = state.get("prev_loss")
        for i in range(1, group["max_iter"] + 1):
            state["n_iter"] += 1
            initial = state["n_iter"] == 1
            if initial:
                d = -gradient
                state |= {"old_dirs": [], "old_stps": [], "ro": [], "H_diag": 1}
            else:
                _remember(state, gradient - previous, d * as_float(t), group["history_size"])
                d = _direction(state, gradient, group["history_size"])
            previous, before = gradient.clone(), loss
            t = min(1.0, 1 / float(gradient.abs().sum())) * lr if initial else lr
            slope = float(gradient.dot(d))
            if slope > -smallest:
                break
            calls = 0
            if group["line_search_fn"] is not None:
                evaluate = _along(closure, params, d)
                start = Point(0.0, loss, gradient, slope)
                best, calls = strong_wolfe(evaluate, t, start, _largest(d), group["max_eval"] - evaluations)
                t, loss, gradient = best.t, best.loss, best.gradient
                _move(params, d, t)
            else:
                _move(params, d, t)
                if i < group["max_iter"]:  # the last one needs no gradient: the next step computes it
                    with enable_grad():
                        loss = float(closure())
                    gradient, calls = _gradient(params), 1
            evaluations += calls
            state["func_evals"] += calls
            if evaluations >= group["max_eval"] or _largest(gradient) <= group["tolerance_grad"]:
                break
            if abs(t) * _largest(d) <= smallest or abs(loss - before) < smallest:
                break
        state |= {"d": d, "t": t, "prev_flat_grad": previous, "prev_loss": before}


def _gradient(params: list[Tensor]) -> Tensor:
    """All gradients as one vector, zeros where there is none."""
    return cat([(p.new_zeros(p.shape) if p.grad is None else p.grad.detach()).reshape(-1) for p in params])


def _largest(x: Tensor) -> float:
    return float(x.abs().max()) if x.numel() else 0.0


def _move(params: list[Tensor], d: Tensor, t: float) -> None:
    """p += t * d."""
    place = 0
    for p in params:
        p.add_(d[place : place + p.numel()].reshape(p.shape), alpha=t)
        place += p.numel()


def _along(closure: Callable[[], Any], params: list[Tensor], d: Tensor) -> Callable[[float], Point]:
    """The objective as a function of the step length; the parameters are put back after each call."""
    origin = [p.detach().clone() for p in params]

    def evaluate(t: float) -> Point:
        _move(params, d, t)
        try:
            with enable_grad():
                loss = float(closure())
            gradient = _gradient(params)
        finally:
            for p, x in zip(params, origin):
                p.copy_(x)
        return Point(t, loss, gradient, float(gradient.dot(d)))

    return evaluate


def _remember(state: dict[str, Any], y: Tensor, s: Tensor, most: int) -> None:
    """Add a change ``y`` of the gradient and ``s`` of the parameters, unless the curvature is not positive."""
    curvature = y.dot(s)
    if not curvature > 1e-10:
        return
    for key, value in (("old_dirs", y), ("old_stps", s), ("ro", 1.0 / curvature)):
        if len(state[key]) == most:
            state[key].pop(0)
        state[key].append(value)
    state["H_diag"] = curvature / y.dot(y)


def _direction(state: dict[str, Any], gradient: Tensor, most: int) -> Tensor:
    """-H g by the two loops over the remembered changes."""
    ys, ss, ro = state["old_dirs"], state["old_stps"], state["ro"]
    al = state.setdefault("al", [None] * most)
    q = -gradient
    for i in reversed(range(len(ys))):
        al[i] = ss[i].dot(q) * ro[i]
        q.sub_(ys[i], alpha=al[i].item())
    r = q * as_float(state["H_diag"])
    for i in range(len(ys)):
        r.add_(ss[i], alpha=(al[i] - ys[i].dot(r) * ro[i]).item())
    return r


__all__ = ["LBFGS"]
