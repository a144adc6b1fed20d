"""Compiled models in bfloat16 and with bytes: accuracy, bits, files, refusals."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from compiler.nets import NETS, inputs, make, tensors

import lucid
from lucid import nn
from lucid.compiler import _compiled, _precision
from lucid.quantization import Calibration, calibrate

HAS_BFLOAT16 = not _precision.lacking("bfloat16")
KINDS = [pytest.param("bfloat16", marks=pytest.mark.skipif(not HAS_BFLOAT16, reason="no AVX512-BF16")), "int8"]
BOUND = {"bfloat16": 0.03, "int8": 0.12}
"""Largest difference from float32, relative to the largest magnitude of a result: small random networks are the worst
case, since nothing averages out."""


def compiled(net: Any, kind: str, *batches: Any) -> Any:
    if kind == "bfloat16":
        return lucid.compile(net, dtype=lucid.bfloat16)
    return lucid.compile(net, quantize=calibrate(net, batches))


def difference(got: list[Any], want: list[Any]) -> float:
    return max(
        float(np.abs(g.numpy() - w.numpy()).max() / max(np.abs(w.numpy()).max(), 1e-30)) for g, w in zip(got, want)
    )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", NETS)
def test_agreement_with_float32(name: str, kind: str) -> None:
    net = make(name)
    args = inputs(name, 4)
    fast = compiled(net, kind, tuple(args))
    with lucid.no_grad():
        want = tensors(net(*args))
    got = tensors(fast(*args))
    assert all(g.dtype == w.dtype and g.shape == w.shape for g, w in zip(got, want))
    assert difference(got, want) <= BOUND[kind]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["resnet", "mobilenet", "convnext", "transformer", "activations"])
def test_bits_do_not_depend_on_threads_or_batch(name: str, kind: str, tmp_path: Path) -> None:
    args = inputs(name, 5)
    fast = compiled(make(name), kind, tuple(args))
    first = [y.numpy().copy() for y in tensors(fast(*args))]
    for threads in (2, 3, 1):
        lucid.set_num_threads(threads)
        for y, want in zip(tensors(fast(*args)), first):
            assert y.numpy().tobytes() == want.tobytes(), threads
    for i in (0, 4):
        for y, want in zip(tensors(fast(*[a[i : i + 1] for a in args])), first):
            assert y.numpy().tobytes() == want[i : i + 1].tobytes(), i
    fast.save(tmp_path / "net.lucid")
    for y, want in zip(tensors(lucid.load_compiled(tmp_path / "net.lucid")(*args)), first):
        assert y.numpy().tobytes() == want.tobytes()


ZOO = {"resnet18": (0.02, 0.06), "mobilenet_v3_small": (0.04, 0.25)}


@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v3_small"])
@pytest.mark.parametrize("kind", KINDS)
def test_models_with_random_weights(name: str, kind: str) -> None:
    net = getattr(lucid.models, name)(num_classes=50).eval()
    x = lucid.randn(4, 3, 96, 96)
    with lucid.no_grad():
        want = net(x).numpy()
    got = compiled(net, kind, x)(x).numpy()
    assert np.abs(got - want).max() <= ZOO[name][kind == "int8"] * np.abs(want).max()


@pytest.fixture(scope="module")
def digits() -> Any:
    """The digits example's network, trained for a few epochs, and its test images."""
    pytest.importorskip("sklearn")
    folder = Path(__file__).parents[2] / "examples"
    if not folder.is_dir():
        pytest.skip("the examples are not here")
    sys.path.insert(0, str(folder))
    try:
        from digits import DigitNet, load_split
    finally:
        sys.path.remove(str(folder))
    lucid.manual_seed(0)
    (x, y), test = load_split()
    x, y = lucid.from_numpy(x), lucid.from_numpy(y)
    net = DigitNet()
    optimizer = lucid.optim.AdamW(net.parameters(), lr=4e-3)
    for _ in range(6):
        for at in lucid.randperm(len(x)).split(64):
            optimizer.zero_grad()
            nn.functional.cross_entropy(net(x[at]), y[at]).backward()
            optimizer.step()
    return net.eval(), x, test


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("method", ["minmax", "percentile"])
def test_digits_keep_their_accuracy(digits: Any, kind: str, method: str) -> None:
    net, train, (images, labels) = digits
    x = lucid.from_numpy(images)
    if kind == "bfloat16":
        fast = lucid.compile(net, dtype=lucid.bfloat16)
    else:
        fast = lucid.compile(net, quantize=calibrate(net, train[:512].split(128), method=method))
    with lucid.no_grad():
        want = net(x).numpy().argmax(1)
    got = fast(x).numpy().argmax(1)
    assert (want == labels).mean() > 0.95
    assert (got == labels).mean() >= (want == labels).mean() - 0.006
    assert (got == want).mean() >= 0.99


def test_explain_names_the_dtype_of_each_step(capsys: pytest.CaptureFixture[str]) -> None:
    net = nn.Sequential(
        nn.Conv2d(3, 16, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(16, 16, 1), nn.Conv2d(16, 16, 3, groups=16),
        nn.Conv2d(16, 32, 1),
    ).eval()  # fmt: skip
    x = lucid.randn(1, 3, 12, 12)
    compiled(net, "int8", x).explain(x)
    rows = [line.split()[:4] for line in capsys.readouterr().out.splitlines()[2:]]
    assert rows[0][:1] + rows[0][3:] == ["step", "dtype"]
    assert [(r[0], r[3]) for r in rows[1:-1]] == [
        ("low_stem", "int8"), ("max_pool2d", "float32"), ("convert", "int8"), ("low_conv2d", "int8"),
        ("low_depthwise", "int8"), ("low_conv2d", "int8"), ("to_plain", "float32"),
    ]  # fmt: skip


def test_changed_weights_are_seen() -> None:
    net = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 4)).eval()
    x = lucid.randn(5, 8)
    fast = compiled(net, "int8", x)
    before = fast(x).numpy().copy()
    with lucid.no_grad():
        net[2].weight.mul_(2)
        net[2].bias.mul_(2)
    np.testing.assert_allclose(fast(x).numpy(), 2 * before, rtol=1e-6)


def test_a_range_has_a_byte_for_zero() -> None:
    assert _precision.Range("linear", (1, 1), 1.0, 5.0).form == ("int8", float(np.float32(5 / 255)), 0)
    assert _precision.Range("linear", (1, 1), -2.0, -1.0).form[2] == 255
    assert _precision.Range("linear", (1, 1), 0.0, 0.0).form == ("int8", 1.0, 0)
    assert _precision.Range("linear", (1, 1), -1.0, 1.0).form[2] in (127, 128)


def test_percentiles_leave_out_what_is_rare() -> None:
    net = nn.Linear(1, 1).eval()
    x = lucid.arange(1000.0).reshape(-1, 1)
    (wide,), (less,) = (calibrate(net, [x], method=m, percentile=90).ranges for m in ("minmax", "percentile"))
    assert (wide.low, wide.high) == (0, 999) and less.high == pytest.approx(899.1)


def test_refusals(monkeypatch: pytest.MonkeyPatch) -> None:
    net = nn.Linear(8, 8).eval()
    x = lucid.randn(2, 8)
    found = calibrate(net, [x])
    assert isinstance(found, Calibration) and repr(found) == "<Calibration of 1 layers>"
    with pytest.raises(ValueError, match="compile: dtype must be float32 or bfloat16, got lucid.float16"):
        lucid.compile(net, dtype=lucid.float16)
    with pytest.raises(TypeError, match="quantize must be what lucid.quantization.calibrate returns, got bool"):
        lucid.compile(net, quantize=True)
    with pytest.raises(ValueError, match="give either dtype or quantize, got both"):
        lucid.compile(net, quantize=found, dtype=lucid.bfloat16)
    with pytest.raises(
        ValueError, match=r"its layer 0 is linear with weight \(8, 8\), the model's is linear with weight \(4, 8\)"
    ):
        lucid.compile(nn.Linear(8, 4).eval(), quantize=found)(x)
    with pytest.raises(ValueError, match="calibrate: expected at least one batch"):
        calibrate(net, [])
    with pytest.raises(ValueError, match="calibrate: method must be 'minmax' or 'percentile', got 'mean'"):
        calibrate(net, [x], method="mean")
    with pytest.raises(ValueError, match="calibrate: expected a percentile above 50 and up to 100, got 3"):
        calibrate(net, [x], percentile=3)
    with pytest.raises(ValueError, match="the input of layer 0, linear with weight .* is not finite"):
        calibrate(net, [x / 0])
    with pytest.raises(RuntimeError, match="Linear is in training mode"):
        calibrate(nn.Linear(8, 8), [x])
    net.weight.data[0, 0] = float("inf")
    with pytest.raises(ValueError, match="holds infinities or NaN, which bytes cannot"):
        lucid.compile(net, quantize=found)(x)
    monkeypatch.setattr(_compiled, "lacking", lambda dtype: "AVX512-BF16")
    with pytest.raises(RuntimeError, match="dtype=bfloat16 needs AVX512-BF16, which this CPU lacks"):
        lucid.compile(net, dtype=lucid.bfloat16)
