"""Optimiser kernels against their formulas in NumPy."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from lucid import _isa

ops = _isa.load()
rng = np.random.default_rng(0)
Array = np.ndarray
SHAPES = [(3, 4), (), (1000,), (64, 128), (0, 5), (9001,), (1,)]


def arrays(dtypes: list[type]) -> list[Array]:
    return [np.asarray(rng.standard_normal(s), t) for s, t in zip(SHAPES, dtypes)]


DTYPES = [[np.float32] * 7, [np.float64] * 7, [np.float32, np.float64] * 3 + [np.float32]]


def check(actual: list[Array], expected: list[Array]) -> None:
    for a, b in zip(actual, expected):
        np.testing.assert_allclose(a, b, rtol=2e-5 if a.dtype == np.float32 else 1e-13, atol=1e-6)


@pytest.mark.parametrize("dtypes", DTYPES)
@pytest.mark.parametrize("maximize", [False, True])
@pytest.mark.parametrize(("momentum", "dampening", "nesterov"), [(0, 0, False), (0.9, 0, True), (0.9, 0.2, False)])
@pytest.mark.parametrize("decay", [0, 0.1])
def test_sgd(
    decay: float, momentum: float, dampening: float, nesterov: bool, maximize: bool, dtypes: list[type]
) -> None:
    w = arrays(dtypes)
    m = [np.full_like(a, np.nan) for a in w] if momentum else None
    w64, m64 = [a.astype(np.float64) for a in w], [0.0 for _ in w]
    for step in range(3):
        g = arrays(dtypes)
        ops.sgd_step(w, g, m, 0.1, momentum, dampening, decay, nesterov, maximize, step == 0)
        for k, a in enumerate(g):
            d = (-a if maximize else a).astype(np.float64) + decay * w64[k]
            if momentum:
                m64[k] = momentum * m64[k] + (1 - dampening) * d if step else d
                d = d + momentum * m64[k] if nesterov else m64[k]
            w64[k] = w64[k] - 0.1 * d
    check(w, w64)
    if m is not None:
        check(m, m64)


@pytest.mark.parametrize("dtypes", DTYPES)
@pytest.mark.parametrize("decoupled", [False, True])
@pytest.mark.parametrize("maximize", [False, True])
@pytest.mark.parametrize("amsgrad", [False, True])
@pytest.mark.parametrize("beta1", [0.9, 0.3])
def test_adam(beta1: float, amsgrad: bool, maximize: bool, decoupled: bool, dtypes: list[type]) -> None:
    w = arrays(dtypes)
    state = [[np.zeros_like(a) for a in w] for _ in range(3)]
    w64, m, v, top = [a.astype(np.float64) for a in w], [0.0] * 7, [0.0] * 7, [0.0] * 7
    lr, beta2, eps, decay = 0.01, 0.99, 1e-8, 0.1
    for step in range(1, 4):
        g = arrays(dtypes)
        m_list, v_list, top_list = state[0], state[1], state[2] if amsgrad else None
        steps = [step] * 7
        ops.adam_step(w, g, m_list, v_list, top_list, steps, lr, beta1, beta2, eps, decay, decoupled, maximize)
        for k, a in enumerate(g):
            d = (-a if maximize else a).astype(np.float64)
            if decoupled:
                w64[k] = w64[k] * (1 - lr * decay)
            else:
                d = d + decay * w64[k]
            m[k], v[k] = beta1 * m[k] + (1 - beta1) * d, beta2 * v[k] + (1 - beta2) * d * d
            top[k] = np.maximum(top[k], v[k])
            root = np.sqrt(top[k] if amsgrad else v[k]) / math.sqrt(1 - beta2**step)
            w64[k] = w64[k] - lr / (1 - beta1**step) * m[k] / (root + eps)
    check(w, w64)
    check(state[0], m)
    check(state[1], v)
    if amsgrad:
        check(state[2], top)


@pytest.mark.parametrize("dtypes", DTYPES)
@pytest.mark.parametrize("centered", [False, True])
@pytest.mark.parametrize("momentum", [0, 0.9])
def test_rmsprop(momentum: float, centered: bool, dtypes: list[type]) -> None:
    w = arrays(dtypes)
    s, c, b = ([np.zeros_like(a) for a in w] for _ in range(3))
    w64, s64, c64, b64 = [a.astype(np.float64) for a in w], [0.0] * 7, [0.0] * 7, [0.0] * 7
    lr, alpha, eps, decay = 0.01, 0.9, 1e-3, 0.1
    for _ in range(3):
        g = arrays(dtypes)
        c_list, b_list = c if centered else None, b if momentum else None
        ops.rmsprop_step(w, g, s, c_list, b_list, lr, alpha, eps, decay, momentum, centered, False)
        for k, a in enumerate(g):
            d = a.astype(np.float64) + decay * w64[k]
            s64[k] = alpha * s64[k] + (1 - alpha) * d * d
            c64[k] = alpha * c64[k] + (1 - alpha) * d
            root = np.sqrt(s64[k] - c64[k] ** 2 if centered else s64[k]) + eps
            b64[k] = momentum * b64[k] + d / root
            w64[k] = w64[k] - lr * b64[k]
    check(w, w64)
    check(s, s64)


def test_grad_norm_and_scale() -> None:
    g = arrays(DTYPES[2])
    squares = [float((a.astype(np.float64) ** 2).sum()) for a in g]
    assert ops.grad_norm(g) == pytest.approx(math.sqrt(sum(squares)), rel=1e-14)
    assert ops.grad_norm([]) == 0
    assert ops.grad_norm([np.full(4, 3e38, np.float32)]) == pytest.approx(6e38, rel=1e-7)
    expected = [a * a.dtype.type(0.3) for a in g]
    ops.scale_(g, 0.3)
    for a, b in zip(g, expected):
        np.testing.assert_array_equal(a, b)


def test_bits_do_not_depend_on_threads_or_position() -> None:
    w, g = rng.standard_normal((2, 100_003)).astype(np.float32)
    results = []
    for threads in (1, 2, 3):
        ops.set_num_threads(threads)
        x, m, v = w.copy(), np.zeros_like(w), np.zeros_like(w)
        ops.adam_step([x], [g], [m], [v], None, [1], 0.01, 0.9, 0.99, 1e-8, 0.1, False, False)
        results.append((x, m, v))
        for a, b in zip(results[-1], results[0]):
            np.testing.assert_array_equal(a, b)
    x, m, v = w[777:1000].copy(), np.zeros(223, np.float32), np.zeros(223, np.float32)
    ops.adam_step([x], [g[777:1000]], [m], [v], None, [1], 0.01, 0.9, 0.99, 1e-8, 0.1, False, False)
    np.testing.assert_array_equal(x, results[0][0][777:1000])


def sgd(w: list[Array], g: list[Array]) -> Callable[[], None]:
    return lambda: ops.sgd_step(w, g, None, 0.1, 0, 0, 0, False, False, True)


def test_errors_come_before_the_first_write() -> None:
    w = [np.ones(3, np.float32), np.ones((2, 2), np.float32)]
    g = [np.ones(3, np.float32), np.ones((2, 2), np.float32)]
    frozen = np.ones((2, 2), np.float32)
    frozen.flags.writeable = False
    for call, error, message in (
        (sgd(w, g[:1]), ValueError, "sgd_step: 2 parameters, but list 1 of gradients and state has 1"),
        (sgd(w, [g[0], g[0]]), ValueError, "sgd_step: parameter 1 is float32 (2, 2), its gradient float32 (3,)"),
        (sgd(w, [g[0], np.ones((2, 2))]), ValueError,
         "sgd_step: parameter 1 is float32 (2, 2), its gradient float64 (2, 2)"),
        (sgd([w[0], frozen], g), ValueError, "sgd_step: parameter 1 or its state is not contiguous and writable"),
        (sgd([w[0], w[1].T[::-1]], g), ValueError, "sgd_step: parameter 1 or its state is not contiguous and writable"),
        (sgd([w[0], np.ones((2, 2), int)], g), TypeError, "expected float32 or float64, got int64"),
        (lambda: ops.adam_step(w, g, g, g, None, [1, 0], 0.1, 0.9, 0.99, 1e-8, 0, False, False), ValueError,
         "adam_step: expected 2 step numbers from 1, got [1, 0]"),
    ):  # fmt: skip
        with pytest.raises(error) as info:
            call()
        assert str(info.value) == message
        assert all((a == 1).all() for a in w)
    sgd(w, [g[0], g[1].T])()
    np.testing.assert_array_equal(w[1], np.full((2, 2), 1 - np.float32(0.1)))
