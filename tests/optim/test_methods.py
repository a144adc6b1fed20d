"""The update rules beyond SGD and Adam: 50 steps against NumPy in float64, and against PyTorch, with all options."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from optim.steps import assert_close, gradients, product, start

import lucid
from lucid import optim

STEPS = 50


COMMON = {"weight_decay": [0, 0.1], "maximize": [False, True]}
CASES: list[tuple[str, dict[str, Any]]] = [
    *(("Adamax", o) for o in product(lr=[0.01], betas=[(0.9, 0.999), (0.5, 0.8)], **COMMON)),
    *(
        ("NAdam", o)
        for o in product(lr=[0.01], momentum_decay=[0.004, 0.1], decoupled_weight_decay=[False, True], **COMMON)
    ),
    *(
        ("RAdam", o)
        for o in product(lr=[0.01], betas=[(0.9, 0.999), (0.5, 0.8)], decoupled_weight_decay=[False, True], **COMMON)
    ),
    *(
        ("Adagrad", o)
        for o in product(lr=[0.1], lr_decay=[0, 0.01], initial_accumulator_value=[0, 0.5], eps=[1e-10, 0.1], **COMMON)
    ),
    *(("Adadelta", o) for o in product(lr=[1.0, 0.5], rho=[0.9, 0.5], eps=[1e-6, 1e-3], **COMMON)),
    *(("Rprop", o) for o in product(lr=[0.01], etas=[(0.5, 1.2), (0.25, 1.5)], step_sizes=[(1e-6, 50), (0.005, 0.02)])),
    ("Rprop", {"lr": 0.01, "etas": (0.5, 1.2), "step_sizes": (1e-6, 50), "maximize": True}),
    *(("ASGD", o) for o in product(lr=[0.01], lambd=[1e-4, 0.1], alpha=[0.75, 1], t0=[1e6, 10], **COMMON)),
    *(("Adafactor", o) for o in product(lr=[0.01, 0.5], beta2_decay=[-0.8, -0.3], d=[1.0, 2.0], **COMMON)),
    ("Adafactor", {"lr": 0.1, "eps": (1e-3, 0.1)}),
]
ONE_EACH = [next(c for c in reversed(CASES) if c[0] == name) for name in dict.fromkeys(c[0] for c in CASES)]


def label(case: Any) -> str:
    if isinstance(case, str):
        return case
    return " ".join(f"{k}={v}" for k, v in case.items()) if isinstance(case, dict) else case.__name__


class Rule:
    """The rules as the docstrings state them, for one parameter, in float64."""

    def __init__(self, name: str, p: np.ndarray, options: dict[str, Any]) -> None:
        self.name, self.dtype, self.p, self.o = name, p.dtype, p.astype(np.float64), options
        self.t, self.lr = 0, options["lr"]
        self.m = self.v = self.u = self.a = self.previous = np.zeros(p.shape)
        self.s = np.full(p.shape, options.get("initial_accumulator_value", 0.0))
        self.size, self.product = np.full(p.shape, self.lr), 1.0
        self.eta, self.mu = float(np.float32(self.lr)), 1.0

    def step(self, grad: np.ndarray) -> None:
        o, self.t = self.o, self.t + 1
        g = -grad.astype(np.float64) if o.get("maximize") else grad.astype(np.float64)
        decay = o.get("weight_decay", 0)
        if o.get("decoupled_weight_decay"):
            self.p = self.p * (1 - self.lr * decay)
        elif self.name != "Adafactor":
            g = g + decay * self.p
        getattr(self, self.name.lower())(g)

    def moments(self, g: np.ndarray) -> tuple[float, float]:
        beta1, beta2 = self.o.get("betas", (0.9, 0.999))
        self.m = beta1 * self.m + (1 - beta1) * g
        self.v = beta2 * self.v + (1 - beta2) * g * g
        self.u = np.maximum(beta2 * self.u, np.abs(g) + 1e-8)
        return beta1, beta2

    def adamax(self, g: np.ndarray) -> None:
        beta1, _ = self.moments(g)
        self.p = self.p - self.lr / (1 - beta1**self.t) * self.m / self.u

    def nadam(self, g: np.ndarray) -> None:
        beta1, beta2 = self.moments(g)
        mu, after = (beta1 * (1 - 0.96 ** (k * self.o["momentum_decay"]) / 2) for k in (self.t, self.t + 1))
        self.product = float(np.float32(self.product) * np.float32(mu))  # a float32 tensor in the state
        top = after / (1 - self.product * after) * self.m + (1 - mu) / (1 - self.product) * g
        self.p = self.p - self.lr * top / (np.sqrt(self.v / (1 - beta2**self.t)) + 1e-8)

    def radam(self, g: np.ndarray) -> None:
        beta1, beta2 = self.moments(g)
        full, bias = 2 / (1 - beta2) - 1, 1 - beta2**self.t
        r = full - 2 * self.t * beta2**self.t / bias
        step = self.lr * self.m / (1 - beta1**self.t)
        if r > 5:
            c = np.sqrt((r - 4) * (r - 2) * full / ((full - 4) * (full - 2) * r))
            step = step * c * np.sqrt(bias) / (np.sqrt(self.v) + 1e-8)
        self.p = self.p - step

    def adagrad(self, g: np.ndarray) -> None:
        self.s = self.s + g * g
        lr = self.lr / (1 + (self.t - 1) * self.o["lr_decay"])
        self.p = self.p - lr * g / (np.sqrt(self.s) + self.o["eps"])

    def adadelta(self, g: np.ndarray) -> None:
        rho, eps = self.o["rho"], self.o["eps"]
        self.s = rho * self.s + (1 - rho) * g * g
        d = np.sqrt((self.a + eps) / (self.s + eps)) * g
        self.a = rho * self.a + (1 - rho) * d * d
        self.p = self.p - self.lr * d

    def rprop(self, g: np.ndarray) -> None:
        (down, up), (low, high) = self.o["etas"], self.o["step_sizes"]
        c = g * self.previous
        self.size = np.clip(self.size * np.where(c > 0, up, np.where(c < 0, down, 1)), low, high)
        self.previous = np.where(c < 0, 0, g)
        self.p = self.p - self.size * np.sign(self.previous)

    def asgd(self, g: np.ndarray) -> None:
        o = self.o
        self.p = (1 - o["lambd"] * self.eta) * self.p - self.eta * g
        self.a = self.a + self.mu * (self.p - self.a)
        self.eta = float(np.float32(self.lr / (1 + o["lambd"] * self.lr * self.t) ** o["alpha"]))
        self.mu = float(np.float32(1 / max(1, self.t - o["t0"])))

    def adafactor(self, g: np.ndarray) -> None:
        o, rms = self.o, lambda x: np.sqrt(np.mean(x * x))
        eps1, eps2 = o.get("eps", (None, 1e-3))
        eps1 = np.finfo(self.dtype).eps if eps1 is None else eps1
        b = 1 - self.t ** o.get("beta2_decay", -0.8)
        a = max(eps2, rms(self.p)) * min(self.lr, 1 / np.sqrt(self.t))
        self.p = self.p * (1 - self.lr * o.get("weight_decay", 0))
        if g.ndim > 1:
            self.m = b * self.m[..., :1] + (1 - b) * (g * g).mean(-1, keepdims=True)
            self.s = b * self.s[..., :1, :] + (1 - b) * (g * g).mean(-2, keepdims=True)
            v = self.m * self.s / np.maximum(self.m.mean(-2, keepdims=True), eps1)
        else:
            v = self.v = b * self.v + (1 - b) * g * g
        u = g / np.maximum(np.sqrt(v), eps1)
        self.p = self.p - a * u / max(1.0, rms(u) / o.get("d", 1.0))


def run(module: Any, name: str, options: dict[str, Any], dtype: Any, first: int = 0, state: Any = None) -> Any:
    """Parameters and state after STEPS steps of lucid or PyTorch."""
    tensor = module.tensor
    params = [tensor(x, requires_grad=True) for x in (start(dtype) if state is None else state[0])]
    optimizer = getattr(module.optim, name)(params, **options)
    if state is not None:
        optimizer.load_state_dict(state[1])
    for t in range(first, first + STEPS):
        for p, g in zip(params, gradients(t, dtype)):
            p.grad = tensor(g)
        optimizer.step()
    return [p.detach().numpy() for p in params], optimizer.state_dict()


def bound(dtype: Any) -> float:
    return 4e-6 if dtype is np.float32 else 1e-12


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("name", "options"), CASES, ids=label)
def test_rule(name: str, options: dict[str, Any], dtype: Any) -> None:
    rules = [Rule(name, p, options) for p in start(dtype)]
    for t in range(STEPS):
        for rule, g in zip(rules, gradients(t, dtype)):
            rule.step(g)
    for actual, rule in zip(run(lucid, name, options, dtype)[0], rules):
        assert actual.dtype == dtype
        assert_close(actual, rule.p, bound(dtype))


def test_asgd_averages_the_parameters() -> None:
    state = run(lucid, "ASGD", {"lr": 0.01, "lambd": 0.1, "t0": 10}, np.float64)[1]["state"]
    rules = [Rule("ASGD", p, {"lr": 0.01, "lambd": 0.1, "t0": 10, "alpha": 0.75}) for p in start(np.float64)]
    for t in range(STEPS):
        for rule, g in zip(rules, gradients(t, np.float64)):
            rule.step(g)
    for i, rule in enumerate(rules):
        assert_close(state[i]["ax"].numpy(), rule.a, 1e-12)


@pytest.mark.parametrize(("name", "options"), ONE_EACH, ids=label)
def test_the_same_bits_at_every_thread_count(name: str, options: dict[str, Any]) -> None:
    results = []
    for threads in (1, 4):
        lucid.set_num_threads(threads)
        params = [lucid.tensor(np.resize(start(np.float32)[-1], n), requires_grad=True) for n in (200_003, 7)]
        optimizer = getattr(optim, name)(params, **options)
        for t in range(3):
            for p in params:
                p.grad = lucid.tensor(np.resize(gradients(t, np.float32)[-1], p.numel()))
            optimizer.step()
        results.append([p.detach().numpy() for p in params])
    for one, four in zip(*results):
        np.testing.assert_array_equal(one, four)


@pytest.mark.parametrize("name", [name for name, _ in ONE_EACH if name != "Adafactor"])
def test_nan_gradients_reach_their_own_elements_only(name: str) -> None:
    w = lucid.ones(100, requires_grad=True)
    optimizer = getattr(optim, name)([w])
    w.grad = lucid.ones(100)
    w.grad[41] = float("nan")
    optimizer.step()
    assert np.flatnonzero(np.isnan(w.detach().numpy())).tolist() == [41]


@pytest.mark.parametrize("name", [name for name, _ in ONE_EACH])
def test_empty_parameters_and_layouts(name: str) -> None:
    w = lucid.zeros(0, 3).requires_grad_()
    w.grad = lucid.zeros(0, 3)
    getattr(optim, name)([w], lr=0.5).step()
    assert w.shape == (0, 3)
    plain = lucid.tensor(start(np.float64)[0], requires_grad=True)
    turned = lucid.tensor(np.asfortranarray(start(np.float64)[0]), requires_grad=True)
    for p in (plain, turned):
        p.grad = lucid.tensor(gradients(0, np.float64)[0])
        getattr(optim, name)([p], lr=0.5).step()
    np.testing.assert_array_equal(plain.detach().numpy(), turned.detach().numpy())


@pytest.mark.parametrize(("name", "options"), ONE_EACH, ids=label)
def test_a_restored_optimizer_goes_on_as_if_nothing_had_happened(name: str, options: dict[str, Any]) -> None:
    halfway = run(lucid, name, options, np.float32)
    expected = run(lucid, name, options, np.float32, STEPS, halfway)
    assert all(s["step"].item() == 2 * STEPS for s in expected[1]["state"].values())
    rules = [Rule(name, p, options) for p in start(np.float32)]
    for t in range(2 * STEPS):
        for rule, g in zip(rules, gradients(t, np.float32)):
            rule.step(g)
    for actual, rule in zip(expected[0], rules):
        assert_close(actual, rule.p, 1e-5)


def leaf() -> Any:
    return lucid.ones(2, 2, requires_grad=True)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: optim.Adamax([leaf()], lr=-1), "Invalid learning rate: -1"),
        (lambda: optim.Adamax([leaf()], betas=(0.9, 1.0)), "Invalid beta parameter at index 1: 1.0"),
        (lambda: optim.NAdam([leaf()], momentum_decay=-1), "Invalid momentum_decay value: -1"),
        (lambda: optim.RAdam([leaf()], eps=-1), "Invalid epsilon value: -1"),
        (lambda: optim.Adagrad([leaf()], lr_decay=-1), "Invalid lr_decay value: -1"),
        (
            lambda: optim.Adagrad([leaf()], initial_accumulator_value=-1),
            "Invalid initial_accumulator_value value: -1",
        ),
        (lambda: optim.Adadelta([leaf()], rho=1.5), "Invalid rho value: 1.5"),
        (lambda: optim.Rprop([leaf()], etas=(1.5, 2.0)), "Invalid eta values: 1.5, 2.0"),
        (lambda: optim.ASGD([leaf()], weight_decay=-1), "Invalid weight_decay value: -1"),
        (lambda: optim.Adafactor([leaf()], d=0.5), "Clipping threshold d should be >= 1 but is: 0.5"),
        (lambda: optim.Adafactor([leaf()], eps=(-1, 0)), "epsilon1 should be >= 0 but is: -1"),
        (
            lambda: optim.Muon([lucid.ones(2, requires_grad=True)]),
            r"^Muon: expected matrices, got a parameter of shape \(2,\)",
        ),
        (
            lambda: optim.Muon([leaf()], adjust_lr_fn="half"),
            "^Muon: adjust_lr_fn must be 'original', 'match_rms_adamw' or None, got 'half'",
        ),
        (lambda: optim.LBFGS([leaf()], lr=-1), "Invalid learning rate: -1"),
        (
            lambda: optim.LBFGS([{"params": [leaf()]}, {"params": [leaf()]}]),
            "^LBFGS: one group of parameters is supported, not several",
        ),
    ],
)
def test_messages(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def test_refusals() -> None:
    with pytest.raises(NotImplementedError, match="SparseAdam: lucid has no sparse gradients; use Adam"):
        optim.SparseAdam([leaf()])
    with pytest.raises(NotImplementedError, match="Adamax: differentiable=True is not supported"):
        optim.Adamax([leaf()], differentiable=True)
    with pytest.raises(RuntimeError, match="Adagrad: fused and foreach cannot be True together"):
        optim.Adagrad([leaf()], fused=True, foreach=True)


# Muon


def test_muons_update_is_nearly_orthogonal() -> None:
    rng = np.random.default_rng(0)
    for shape in ((6, 4), (4, 6), (5, 5)):
        w = lucid.zeros(*shape, dtype=lucid.float64).requires_grad_()
        w.grad = lucid.tensor(rng.standard_normal(shape))
        optim.Muon([w], lr=1.0).step()
        scale = np.sqrt(max(1, shape[0] / shape[1]))
        values = np.linalg.svd(w.detach().numpy() / scale, compute_uv=False)
        assert values.min() > 0.5 and values.max() < 1.3


def muon_reference(p: np.ndarray, steps: int, nesterov: bool, rms: bool, decay: float) -> np.ndarray:
    b = np.zeros(p.shape)
    for t in range(steps):
        g = gradients(t, np.float64)[0]
        b = 0.95 * b + 0.05 * g
        x = 0.05 * g + 0.95 * b if nesterov else b
        x = x / np.linalg.norm(x)
        for _ in range(5):
            gram = x @ x.T
            x = 3.4445 * x + (-4.775 * gram + 2.0315 * gram @ gram) @ x
        factor = 0.2 * np.sqrt(max(p.shape)) if rms else np.sqrt(max(1, p.shape[0] / p.shape[1]))
        p = p * (1 - 0.01 * decay) - 0.01 * factor * x
    return p


@pytest.mark.parametrize("nesterov", [False, True])
@pytest.mark.parametrize("adjust", [None, "match_rms_adamw"])
@pytest.mark.parametrize("decay", [0.0, 0.1])
def test_muon(decay: float, adjust: str | None, nesterov: bool) -> None:
    w = lucid.tensor(start(np.float64)[0], requires_grad=True)
    optimizer = optim.Muon([w], lr=0.01, nesterov=nesterov, adjust_lr_fn=adjust, weight_decay=decay)
    for t in range(STEPS):
        w.grad = lucid.tensor(gradients(t, np.float64)[0])
        optimizer.step()
    expected = muon_reference(start(np.float64)[0], STEPS, nesterov, adjust is not None, decay)
    assert_close(w.detach().numpy(), expected, 1e-10)


@pytest.mark.parity
@pytest.mark.parametrize("nesterov", [False, True])
@pytest.mark.parametrize("adjust", [None, "original", "match_rms_adamw"])
@pytest.mark.parametrize("index", [0, 1])
def test_muon_is_the_same_as_in_pytorch_without_its_rounding(
    index: int, adjust: str | None, nesterov: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch = pytest.importorskip("torch")
    monkeypatch.setattr(torch.Tensor, "bfloat16", lambda x: x.clone())
    results = []
    for module in (lucid, torch):
        x = start(np.float64)[0]
        w = module.tensor(x.T.copy() if index else x, requires_grad=True)
        optimizer = module.optim.Muon([w], lr=0.01, nesterov=nesterov, adjust_lr_fn=adjust)
        for t in range(STEPS):
            g = gradients(t, np.float64)[0]
            w.grad = module.tensor(g.T.copy() if index else g)
            optimizer.step()
        results.append(w.detach().numpy())
    assert_close(*results, 1e-10)


# Parity


def convert(value: Any, tensor: Callable[[Any], Any]) -> Any:
    """Tensors of one library as tensors of the other, throughout a state dict."""
    if isinstance(value, dict):
        return {k: convert(v, tensor) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(convert(v, tensor) for v in value)
    return tensor(value.numpy()) if hasattr(value, "numpy") else value


def kinds(state: dict[str, Any]) -> Any:
    """Names in order, dtypes and shapes."""
    return [
        (i, [(k, str(v.dtype).split(".")[-1], tuple(v.shape)) for k, v in s.items()]) for i, s in state["state"].items()
    ]


@pytest.mark.parity
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("name", "options"), CASES, ids=label)
def test_same_as_pytorch(name: str, options: dict[str, Any], dtype: Any) -> None:
    torch = pytest.importorskip("torch")
    ours, theirs = (run(module, name, options, dtype) for module in (lucid, torch))
    for actual, expected in zip(ours[0], theirs[0]):
        assert_close(actual, expected, bound(dtype))
    assert kinds(ours[1]) == kinds(theirs[1])
    assert ours[1]["param_groups"] == theirs[1]["param_groups"]


@pytest.mark.parity
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("name", "options"), ONE_EACH, ids=label)
def test_states_are_exchanged_with_pytorch(name: str, options: dict[str, Any], dtype: Any) -> None:
    torch = pytest.importorskip("torch")
    ours, theirs = (run(module, name, options, dtype) for module in (lucid, torch))
    swapped = ours[0], convert(ours[1], torch.tensor), theirs[0], convert(theirs[1], lucid.tensor)
    theirs, ours = (
        run(torch, name, options, dtype, STEPS, swapped[:2]),
        run(lucid, name, options, dtype, STEPS, swapped[2:]),
    )
    for actual, expected in zip(ours[0], theirs[0]):
        assert_close(actual, expected, 1e-5 if dtype is np.float32 else 1e-11)
    assert kinds(ours[1]) == kinds(theirs[1])
