"""lucid.fft, stft and istft: values against NumPy, gradients against differences, both against PyTorch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import lucid
from lucid.autograd import gradcheck

RNG = np.random.default_rng(11)
REAL = RNG.standard_normal((3, 5, 6))
COMPLEX = REAL + 1j * RNG.standard_normal((3, 5, 6))
ONE = ("fft", "ifft", "rfft", "irfft", "hfft", "ihfft")
MANY = ("fftn", "ifftn", "rfftn", "irfftn", "hfftn", "ihfftn")
TWO = ("fft2", "ifft2", "rfft2", "irfft2", "hfft2", "ihfft2")
OPTIONS: list[tuple[str, dict[str, Any]]] = (
    [(f, o) for f in ONE for o in ({}, {"n": 4}, {"n": 9}, {"n": 7, "dim": 0}, {"dim": 1}, {"n": 1}, {"n": 2})]
    + [(f, o) for f in MANY for o in ({}, {"s": (4, 7)}, {"dim": (0, 2)}, {"s": (3, -1), "dim": (2, 0)}, {"s": (6,)})]
    + [(f, o) for f in TWO for o in ({}, {"s": (4, 7)}, {"dim": (0, 1)}, {"s": (9, 8), "dim": (2, 0)})]
)  # fmt: skip
NORMS = (None, "backward", "ortho", "forward")


def operand(name: str, dtype: Any) -> np.ndarray:
    array = REAL if name.startswith(("rfft", "ihfft")) else COMPLEX
    return array.astype(dtype if array is REAL else {"float32": "complex64", "float64": "complex128"}[dtype])


@pytest.mark.parity
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name,options", OPTIONS, ids=[f"{n}-{o}" for n, o in OPTIONS])
def test_values_and_gradients_as_pytorch(name: str, options: dict[str, Any], dtype: str) -> None:
    torch = pytest.importorskip("torch")
    tolerance = 3e-4 if dtype == "float32" else 1e-10
    for norm in NORMS:
        results = []
        for t in (lucid, torch):
            x = t.from_numpy(operand(name, dtype).copy()).requires_grad_()
            y = getattr(t.fft, name)(x, **options, norm=norm)
            weight = np.cos(np.arange(y.numel())).reshape(tuple(y.shape)) * (1 + 0.3j)
            y.backward(t.from_numpy(weight.real.astype(dtype) if "complex" not in str(y.dtype) else weight).to(y.dtype))
            grad = x.grad if t is lucid else x.grad.resolve_conj()
            value = y.detach() if t is lucid else y.detach().resolve_conj()
            results.append((str(y.dtype).rpartition(".")[2], value.numpy(), grad.numpy()))
        (d, y, g), (td, ty, tg) = results
        assert d == td and y.shape == ty.shape and g.dtype == tg.dtype
        np.testing.assert_allclose(y, ty, tolerance, tolerance)
        np.testing.assert_allclose(g, tg, tolerance, tolerance)


@pytest.mark.parametrize("name", ("fft", "ifft", "rfft", "irfft", "hfft", "ihfft"))
@pytest.mark.parametrize("n", (None, 3, 8))
def test_values_are_numpys(name: str, n: int | None) -> None:
    for dtype in ("float32", "float64"):
        x = operand(name, dtype)
        expected = getattr(np.fft, name)(x, n)
        actual = getattr(lucid.fft, name)(lucid.from_numpy(x), n).numpy()
        assert actual.dtype == expected.dtype
        np.testing.assert_allclose(actual, expected, *((1e-5, 1e-5) if dtype == "float32" else (1e-12, 1e-12)))


@pytest.mark.parametrize("name", (*ONE, *MANY, *TWO))
@pytest.mark.parametrize("norm", NORMS[1:])
def test_gradients_are_those_of_differences(name: str, norm: str) -> None:
    parts = [lucid.from_numpy(RNG.standard_normal((2, 3, 4))).requires_grad_() for _ in range(2)]
    if np.iscomplexobj(operand(name, "float64")):
        weight = lucid.from_numpy(RNG.standard_normal((2,)))

        def call(re: Any, im: Any) -> Any:
            y = getattr(lucid.fft, name)(lucid.complex(re, im), norm=norm)
            return lucid.view_as_real(y) * weight if y.is_complex() else y

        assert gradcheck(call, parts)
        return

    def real(re: Any) -> Any:
        return lucid.view_as_real(getattr(lucid.fft, name)(re, norm=norm))

    assert gradcheck(real, parts[:1])


def test_inverses() -> None:
    x, z = lucid.from_numpy(REAL), lucid.from_numpy(COMPLEX)
    for forth, back, v, options in (
        ("fft", "ifft", z, {}), ("rfft", "irfft", x, {"n": 6}), ("fftn", "ifftn", z, {}), ("rfftn", "irfftn", x, {}),
        ("ihfft", "hfft", x, {"n": 6}), ("fft2", "ifft2", z, {}), ("rfft2", "irfft2", x, {}),
        ("ihfft2", "hfft2", x, {}), ("ihfftn", "hfftn", x, {}),
    ):  # fmt: skip
        for norm in NORMS:
            y = getattr(lucid.fft, back)(getattr(lucid.fft, forth)(v, norm=norm), norm=norm, **options)
            np.testing.assert_allclose(y.numpy(), v.numpy(), atol=1e-12)


def test_frequencies_and_shifts() -> None:
    for n in (1, 4, 5):
        np.testing.assert_array_equal(lucid.fft.fftfreq(n, 0.5).numpy(), np.fft.fftfreq(n, 0.5).astype(np.float32))
        np.testing.assert_array_equal(lucid.fft.rfftfreq(n).numpy(), np.fft.rfftfreq(n).astype(np.float32))
    assert lucid.fft.fftfreq(3, dtype=lucid.float64, requires_grad=True).requires_grad
    for dim in (None, 1, (0, -1)):
        for name in ("fftshift", "ifftshift"):
            x = getattr(lucid.fft, name)(lucid.from_numpy(REAL), dim)
            np.testing.assert_array_equal(x.numpy(), getattr(np.fft, name)(REAL, dim))


def test_integers_and_out() -> None:
    y = lucid.fft.fft(lucid.tensor([1, 2, 3]))
    assert y.dtype is lucid.complex64
    out = lucid.empty(3, dtype=lucid.complex64)
    assert lucid.fft.fft(lucid.tensor([1, 2, 3]), out=out) is out and (out == y).all()
    assert lucid.fft.rfft(lucid.ones(4).half()).dtype is lucid.complex64


@pytest.mark.parametrize("call,kind,message", [
    (lambda x: lucid.fft.rfft(x * 1j), RuntimeError, "rfft: expects a real input tensor, but got lucid.complex64"),
    (lambda x: lucid.fft.fft(x, 0), RuntimeError, r"fft: invalid number of data points \(0\) specified"),
    (lambda x: lucid.fft.fft(x, dim=5), IndexError, "fft: Dimension out of range"),
    (lambda x: lucid.fft.fft(x, norm="max"), RuntimeError, 'fft: invalid normalization mode: "max"'),
    (lambda x: lucid.fft.fftn(x, s=(2, 2), dim=(0,)), RuntimeError, "fftn: when given, dim and shape arguments must"),
    (lambda x: lucid.fft.fftn(x, dim=(0, 0)), RuntimeError, "fftn: FFT dims must be unique"),
    (lambda x: lucid.fft.rfftn(x, dim=()), RuntimeError, "rfftn: must transform at least one axis"),
    (lambda x: lucid.fft.fft(lucid.tensor(1.0)), IndexError, "fft: dimension specified as -1 but tensor has no"),
    (lambda x: lucid.fft.fft([1.0]), TypeError, "fft: expected a Tensor, got list"),
    (lambda x: lucid.fft.fftfreq(-1), TypeError, "fftfreq: expected n to be a positive integer"),
    (lambda x: lucid.fft.irfft(lucid.ones(1)), RuntimeError, r"irfft: invalid number of data points \(0\)"),
])  # fmt: skip
def test_refusals(call: Any, kind: Any, message: str) -> None:
    with pytest.raises(kind, match=message):
        call(lucid.ones(2, 3))


# stft and istft

SIGNAL = RNG.standard_normal((2, 50)).astype(np.float32)
STFT: list[dict[str, Any]] = [
    {"n_fft": 16}, {"n_fft": 16, "hop_length": 5}, {"n_fft": 16, "win_length": 11}, {"n_fft": 15, "normalized": True},
    {"n_fft": 16, "onesided": False}, {"n_fft": 16, "center": False}, {"n_fft": 16, "pad_mode": "constant"},
    {"n_fft": 16, "return_complex": False},
]  # fmt: skip


@pytest.mark.parity
@pytest.mark.parametrize("options", STFT, ids=str)
@pytest.mark.parametrize("windowed", [True, False])
def test_stft_as_pytorch(options: dict[str, Any], windowed: bool) -> None:
    torch = pytest.importorskip("torch")
    results = []
    for t in (lucid, torch):
        x = t.from_numpy(SIGNAL.copy()).requires_grad_()
        window = t.hann_window(options.get("win_length", options["n_fft"])) if windowed else None
        y = t.stft(x, window=window, **{"return_complex": True, **options})
        (y.abs() ** 2 * 0.5).sum().backward()
        results.append((y.detach().numpy(), x.grad.numpy()))
    for mine, theirs in zip(*results):
        assert mine.shape == theirs.shape and mine.dtype == theirs.dtype
        np.testing.assert_allclose(mine, theirs, 1e-3, 1e-3)


@pytest.mark.parity
@pytest.mark.parametrize("options", [
    {"n_fft": 16}, {"n_fft": 16, "hop_length": 5}, {"n_fft": 15, "normalized": True}, {"n_fft": 16, "length": 40},
    {"n_fft": 16, "win_length": 12}, {"n_fft": 16, "onesided": False},
], ids=str)  # fmt: skip
def test_istft_as_pytorch(options: dict[str, Any]) -> None:
    torch = pytest.importorskip("torch")
    results = []
    for t in (lucid, torch):
        window = t.hamming_window(options.get("win_length", options["n_fft"]))
        given = {k: v for k, v in options.items() if k != "length"}
        x = t.from_numpy(SIGNAL.copy()).requires_grad_()
        z = t.stft(x, window=window, return_complex=True, **given)
        y = t.istft(z * z.abs(), window=window, **options)
        (y * y).sum().backward()
        results.append((y.detach().numpy(), x.grad.numpy()))
    for mine, theirs in zip(*results):
        assert mine.shape == theirs.shape
        np.testing.assert_allclose(mine, theirs, 1e-3, 1e-3)


def test_istft_inverts_stft() -> None:
    for x in (lucid.from_numpy(SIGNAL), lucid.from_numpy(SIGNAL[0])):
        w = lucid.hann_window(16)
        y = lucid.istft(lucid.stft(x, 16, window=w, return_complex=True), 16, window=w, length=50)
        np.testing.assert_allclose(y.numpy(), x.numpy(), atol=1e-5)
    z = lucid.complex(*lucid.from_numpy(SIGNAL))
    w = lucid.hann_window(16)
    y = lucid.istft(lucid.stft(z, 16, window=w), 16, window=w, return_complex=True, length=50)
    np.testing.assert_allclose(y.numpy(), z.numpy(), atol=1e-5)


@pytest.mark.parametrize("call,message", [
    (lambda x: lucid.stft(x, 16), "stft: requires the return_complex parameter be given for real inputs"),
    (lambda x: lucid.stft(x, 16, hop_length=0, return_complex=True), "stft: expected hop_length > 0"),
    (lambda x: lucid.stft(x, 16, win_length=20, return_complex=True), "stft: expected 0 < win_length <= n_fft"),
    (lambda x: lucid.stft(x, 80, center=False, return_complex=True), "stft: expected n_fft <= length of the signal"),
    (lambda x: lucid.stft(x, 16, window=lucid.ones(9), return_complex=True), "stft: expected a 1D window tensor of size"),
    (lambda x: lucid.stft(x * 1j, 16, onesided=True), "stft: cannot have onesided output"),
    (lambda x: lucid.istft(x, 16), "istft: expected a complex tensor of 2 or 3 dimensions"),
    (lambda x: lucid.istft(lucid.ones(7, 3) * 1j, 16, onesided=True), "istft: expected 9 frequencies of n_fft=16"),
    (lambda x: lucid.istft(lucid.ones(9, 3) * 1j, 16, window=lucid.zeros(16)), "istft: the windows of overlapping frames"),
])  # fmt: skip
def test_refusals_of_stft(call: Any, message: str) -> None:
    with pytest.raises(RuntimeError, match=message):
        call(lucid.ones(2, 50))
