"""Recurrent kernels against NumPy in float64: layouts of steps, directions, threads by sample and by unit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from lucid import _isa

ops = _isa.load()
rng = np.random.default_rng(0)
Array = np.ndarray
GATES = {"RNN_TANH": 1, "RNN_RELU": 1, "LSTM": 4, "GRU": 3}
MODES = pytest.mark.parametrize("mode", GATES)


def sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


def step(
    mode: str,
    gates: Array,
    w: Array,
    bias: Array | None,
    share_bias: Array | None,
    h: Array,
    c: Array | None,
    w_hr: Array | None,
) -> tuple[Array, Array | None]:
    own = h @ w.T
    gates = gates if bias is None else gates + bias
    if mode == "GRU":
        n = h.shape[1]
        r, z = (sigmoid(gates[:, i * n : (i + 1) * n] + own[:, i * n : (i + 1) * n]) for i in range(2))
        new = np.tanh(gates[:, 2 * n :] + r * (own[:, 2 * n :] + share_bias))
        return (1 - z) * new + z * h, None
    total = gates + own
    if mode == "LSTM":
        i, f, g, o = np.split(total, 4, 1)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        return (h if w_hr is None else h @ w_hr.T), c
    return (np.tanh(total) if mode == "RNN_TANH" else np.maximum(total, 0)), None


def exact(
    mode: str,
    gates: Array,
    w: Array,
    bias: Any,
    share_bias: Any,
    h0: Array,
    c0: Any,
    w_hr: Any,
    sizes: tuple[int, ...],
    reverse: bool,
) -> tuple[Array, Array, Any]:
    gates, w, bias, share_bias, h, c, w_hr = (
        None if x is None else x.astype(np.float64) for x in (gates, w, bias, share_bias, h0, c0, w_hr)
    )
    offsets = np.cumsum(sizes) - sizes
    y = np.empty((len(gates), h.shape[1]))
    for t in reversed(range(len(sizes))) if reverse else range(len(sizes)):
        rows = slice(offsets[t], offsets[t] + sizes[t])
        new, new_c = step(
            mode, gates[rows], w, bias, share_bias, h[: sizes[t]], None if c is None else c[: sizes[t]], w_hr
        )
        y[rows], h[: sizes[t]] = new, new
        if c is not None:
            c[: sizes[t]] = new_c
    return y, h, c


def operands(mode: str, sizes: tuple[int, ...], batch: int, n: int, size: int, dtype: Any) -> dict[str, Any]:
    def draw(*shape: int) -> Array:
        return (rng.standard_normal(shape) / np.sqrt(shape[-1])).astype(dtype)

    return {
        "gates": draw(sum(sizes), GATES[mode] * n) * dtype(3), "w": draw(GATES[mode] * n, size), "bias": draw(GATES[mode] * n) if n % 2 else None, "share_bias": draw(n) if mode == "GRU" else None,
        "h0": draw(batch, size), "c0": draw(batch, n) if mode == "LSTM" else None, "w_hr": draw(size, n) if size != n else None,
    }  # fmt: skip


def forward(
    mode: str, o: dict[str, Any], sizes: tuple[int, ...], reverse: bool, y: Array | None = None
) -> tuple[Array, ...]:
    gates = o["gates"].copy()
    return (
        gates,
        *ops.rnn(mode, gates, o["w"], o["bias"], o["share_bias"], o["h0"], o["c0"], o["w_hr"], sizes, reverse, y),
    )


def backward(
    mode: str, o: dict[str, Any], sizes: tuple[int, ...], reverse: bool, dy: Array, dh: Array, dc: Any
) -> tuple[Any, ...]:
    gates, y, cells, raw, _, _ = forward(mode, o, sizes, reverse)
    rest = ops.rnn_backward(mode, dy, dh, dc, gates, cells, raw, y, o["w"], o["h0"], o["c0"], o["w_hr"], sizes, reverse)
    return gates, *rest


LAYOUTS = [((3,) * 6, 3), ((4, 4, 2, 1), 4), ((1,), 1), ((40, 40, 33), 40), ((2, 2), 5)]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("units", [5, 64, 97])
@MODES
def test_forward(mode: str, units: int, reverse: bool, dtype: Any) -> None:
    for sizes, batch in LAYOUTS:
        for size in {units, 3} if mode == "LSTM" else {units}:
            o = operands(mode, sizes, batch, units, size, dtype)
            _, y, _, _, h, c = forward(mode, o, sizes, reverse)
            expected = exact(mode, *o.values(), sizes, reverse)
            for actual, e in zip((y, h, c), expected):
                assert (actual is None) == (e is None)
                if e is not None:
                    np.testing.assert_allclose(actual, e, 0, 100 * np.finfo(dtype).eps * max(1, np.abs(e).max()))


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("units,size", [(3, 3), (4, 2)])
@MODES
def test_backward_against_differences(mode: str, units: int, size: int, reverse: bool) -> None:
    if size != units and mode != "LSTM":
        size = units
    for sizes, batch in (((3, 3), 3), ((3, 2, 1), 4)):
        o = operands(mode, sizes, batch, units, size, np.float64)
        dy, dh = rng.standard_normal((sum(sizes), size)), rng.standard_normal((batch, size))
        dc = rng.standard_normal((batch, units)) if mode == "LSTM" else None
        dgates, dshare, dhidden, before, dh0, dc0 = backward(mode, o, sizes, reverse, dy, dh, dc)
        dw = dgates.T @ before
        if dshare is not None:
            dw[2 * units :] = dshare.T @ before
        found = {
            "gates": dgates,
            "w": dw,
            "h0": dh0,
            "c0": dc0,
            "share_bias": None if dshare is None else dshare.sum(0),
        }
        if o["bias"] is not None:
            found["bias"] = dgates.sum(0)
        if dhidden is not None:
            found["w_hr"] = dhidden.T @ forward(mode, o, sizes, reverse)[3]

        def loss() -> float:
            y, h, c = exact(mode, *o.values(), sizes, reverse)  # noqa: B023
            return float((y * dy).sum() + (h * dh).sum() + (0 if c is None else (c * dc).sum()))  # noqa: B023

        for name, gradient in found.items():
            if gradient is None:
                continue
            assert gradient.shape == o[name].shape
            flat = o[name].reshape(-1)
            for k in range(flat.size):
                kept, differences = flat[k], []
                for shift in (1e-5, -1e-5):
                    flat[k] = kept + shift
                    differences.append(loss())
                flat[k] = kept
                slope = (differences[0] - differences[1]) / 2e-5
                assert abs(slope - gradient.reshape(-1)[k]) < 1e-6 * max(1, abs(slope)), f"{mode} {name}[{k}]"


@pytest.mark.parametrize("units,batch", [(64, 3), (200, 24), (400, 2)])
@MODES
def test_bits_do_not_depend_on_threads_or_batch(mode: str, units: int, batch: int) -> None:
    """Samples or units shared among threads, several steps, one direction and the other."""
    sizes = (batch,) * 5
    o = operands(mode, sizes, batch, units, units, np.float32)
    dy, dh = rng.standard_normal((5 * batch, units)).astype("f"), rng.standard_normal((batch, units)).astype("f")
    dc = dh if mode == "LSTM" else None
    kept = ops.get_num_threads()
    results = []
    try:
        for threads in (1, 2, 3, 5):
            ops.set_num_threads(threads)
            results.append([*forward(mode, o, sizes, True), *backward(mode, o, sizes, True, dy, dh, dc)])
    finally:
        ops.set_num_threads(kept)
    for other in results[1:]:
        for a, b in zip(results[0], other):
            assert (a is None) == (b is None)
            if a is not None:
                np.testing.assert_array_equal(a, b)
    one = {
        **o,
        "gates": o["gates"].reshape(5, batch, -1)[:, 1],
        "h0": o["h0"][1:2],
        "c0": None if dc is None else o["c0"][1:2],
    }
    one["gates"] = np.ascontiguousarray(one["gates"])
    np.testing.assert_array_equal(forward(mode, one, (1,) * 5, True)[1], results[0][1].reshape(5, batch, -1)[:, 1])


@MODES
def test_rows_of_y_and_dy_may_be_apart(mode: str) -> None:
    sizes = (3, 3, 2)
    o = operands(mode, sizes, 3, 6, 6, np.float32)
    wide = np.full((8, 20), np.nan, np.float32)
    plain = forward(mode, o, sizes, False)
    spread = forward(mode, o, sizes, False, wide[:, 5:11])
    np.testing.assert_array_equal(plain[1], wide[:, 5:11])
    np.testing.assert_array_equal(spread[1], plain[1])
    assert np.isnan(np.delete(wide, range(5, 11), 1)).all()
    dy, dh = rng.standard_normal((8, 18)).astype("f"), np.zeros((3, 6), np.float32)
    dc = dh if mode == "LSTM" else None
    a = backward(mode, o, sizes, False, dy[:, 6:12], dh, dc)
    b = backward(mode, o, sizes, False, np.ascontiguousarray(dy[:, 6:12]), dh, dc)
    np.testing.assert_array_equal(a[0], b[0])
    without = backward(mode, o, sizes, False, None, dh + 1, dc)
    zeros = backward(mode, o, sizes, False, np.zeros((8, 6), np.float32), dh + 1, dc)
    np.testing.assert_array_equal(without[0], zeros[0])


@MODES
def test_nan_stays_in_its_sample(mode: str) -> None:
    sizes = (4,) * 6
    o = operands(mode, sizes, 4, 40, 40, np.float32)
    clean = forward(mode, o, sizes, False)[1].reshape(6, 4, 40)
    o["gates"][2 * 4 + 1, 3] = np.nan
    y = forward(mode, o, sizes, False)[1].reshape(6, 4, 40)
    np.testing.assert_array_equal(np.delete(y, 1, 1), np.delete(clean, 1, 1))
    np.testing.assert_array_equal(y[:2], clean[:2])
    assert np.isnan(y[3:, 1]).all()


@pytest.mark.parametrize(
    "change,message",
    [
        ({"sizes": (2, 3)}, "sizes of steps must fall"),
        ({"sizes": (2, 2)}, "add up to 5"),
        ({"h0": np.zeros((3, 4), np.float32)}, "do not fit|expected"),
        ({"w": np.zeros((8, 3), np.float32)}, "expected w_hh of shape"),
        ({"c0": None}, "expected c0 of shape"),
        ({"mode": "NONE"}, "expected a mode"),
    ],
)
def test_refused(change: dict[str, Any], message: str) -> None:
    o = operands("LSTM", (3, 2), 3, 2, 2, np.float32)
    change = dict(change)
    mode, sizes = change.pop("mode", "LSTM"), change.pop("sizes", (3, 2))
    with pytest.raises(ValueError, match=message):
        forward(mode, {**o, **change}, sizes, False)
