"""Transforms of images: values where they are exact, shapes, dtypes, randomness, refusals."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import lucid
from lucid import transforms as T

X = np.random.default_rng(0).random((3, 8, 10)).astype(np.float32)
RANDOM: dict[str, Callable[[], Any]] = {
    "crop": lambda: T.RandomCrop((5, 6), padding=1),
    "resized crop": lambda: T.RandomResizedCrop((4, 6)),
    "horizontal": lambda: T.RandomHorizontalFlip(),
    "vertical": lambda: T.RandomVerticalFlip(),
    "rotation": lambda: T.RandomRotation(40),
    "gray": lambda: T.RandomGrayscale(0.5),
    "erasing": lambda: T.RandomErasing(0.7),
}


def image() -> Any:
    return lucid.tensor(X)


def test_to_tensor() -> None:
    pixels = np.arange(24, dtype=np.uint8).reshape(2, 4, 3) * 10
    y = T.ToTensor()(pixels)
    assert y.dtype == lucid.float32
    np.testing.assert_array_equal(y.numpy(), (pixels.transpose(2, 0, 1) / np.float32(255)).astype(np.float32))
    assert T.ToTensor()(pixels[..., 0]).shape == (1, 2, 4)
    np.testing.assert_array_equal(T.ToTensor()(lucid.from_numpy(pixels)).numpy(), pixels / np.float32(255))
    assert T.ToTensor()(np.ones((2, 2, 1), np.float64)).dtype == lucid.float64
    with pytest.raises(TypeError, match="^ToTensor: expected an array, a PIL image or a Tensor, got list"):
        T.ToTensor()([1])
    with pytest.raises(ValueError, match=r"ToTensor: expected shape \(H, W\) or \(H, W, C\), got \(3,\)"):
        T.ToTensor()(np.zeros(3))


def test_to_tensor_takes_pil_images() -> None:
    pil = pytest.importorskip("PIL.Image")
    pixels = (X.transpose(1, 2, 0) * 255).astype(np.uint8)
    np.testing.assert_array_equal(T.ToTensor()(pil.fromarray(pixels)).numpy(), T.ToTensor()(pixels).numpy())


def test_normalize() -> None:
    mean, std = (0.1, 0.2, 0.3), (0.5, 0.25, 2.0)
    expected = (X - np.reshape(mean, (3, 1, 1))) / np.reshape(std, (3, 1, 1))
    np.testing.assert_allclose(T.Normalize(mean, std)(image()).numpy(), expected, rtol=1e-5, atol=1e-6)
    batch = lucid.stack([image(), image()])
    np.testing.assert_allclose(T.Normalize(mean, std)(batch).numpy()[1], expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("mode", ["constant", "reflect", "edge", "symmetric"])
def test_pad_is_numpys(mode: str) -> None:
    y = T.Pad((1, 2, 3, 4), padding_mode=mode)(image())
    np.testing.assert_array_equal(y.numpy(), np.pad(X, [(0, 0), (2, 4), (1, 3)], mode=mode))
    assert (T.Pad(1, fill=7)(image())[:, 0] == 7).all()


def test_crops_and_flips() -> None:
    np.testing.assert_array_equal(T.CenterCrop((4, 6))(image()).numpy(), X[:, 2:6, 2:8])
    np.testing.assert_array_equal(T.CenterCrop(10)(image()).numpy(), np.pad(X, [(0, 0), (1, 1), (0, 0)]))
    np.testing.assert_array_equal(T.RandomHorizontalFlip(1.0)(image()).numpy(), X[:, :, ::-1])
    np.testing.assert_array_equal(T.RandomVerticalFlip(1.0)(image()).numpy(), X[:, ::-1])
    assert T.RandomHorizontalFlip(0.0)(image()).numpy().tolist() == X.tolist()
    lucid.manual_seed(0)
    places = set()
    for _ in range(60):
        part = T.RandomCrop((7, 9))(image()).numpy()
        places |= {(i, j) for i in (0, 1) for j in (0, 1) if np.array_equal(part, X[:, i : i + 7, j : j + 9])}
    assert places == {(0, 0), (0, 1), (1, 0), (1, 1)}


@pytest.mark.parametrize("turns", [0, 1, 2, 3, 4])
def test_rotations_by_right_angles(turns: int) -> None:
    square = X[:, :, :8]
    y = T.RandomRotation((90 * turns, 90 * turns))(lucid.tensor(square.copy()))
    np.testing.assert_allclose(y.numpy(), np.rot90(square, turns, (1, 2)), atol=1e-6)


def test_rotations_keep_the_proportions_of_the_image() -> None:
    """A half turn of an oblong image, and a small disc that a rotation by any angle leaves where it is."""
    np.testing.assert_allclose(T.RandomRotation((180, 180))(image()).numpy(), X[:, ::-1, ::-1], atol=1e-6)
    rows, columns = np.mgrid[-30:31, -50:51]
    disc = lucid.tensor((rows**2 + columns**2 < 400).astype(np.float32)[None])
    turned = T.RandomRotation((37, 37), "bilinear", fill=0.5)(disc)
    outside = rows**2 + columns**2 > 30**2
    assert (turned.numpy()[0, :, 20:81] - disc.numpy()[0, :, 20:81])[~outside[:, 20:81]].mean() < 0.01
    assert turned.numpy()[0, 0, 0] == 0.5


def test_resize() -> None:
    assert T.Resize(4)(image()).shape == (3, 4, 5)
    assert T.Resize(4)(image().transpose(1, 2)).shape == (3, 5, 4)
    constant = lucid.full((1, 9, 7), 0.25)
    for mode in ("bilinear", "bicubic", "nearest"):
        np.testing.assert_allclose(T.Resize((4, 13), mode)(constant).numpy(), 0.25, rtol=1e-6)
    half = T.Resize((4, 5), antialias=False)(image()).numpy()
    np.testing.assert_allclose(half, X.reshape(3, 4, 2, 5, 2).mean((2, 4)), rtol=1e-5)
    whole = lucid.tensor((X * 255).astype(np.uint8))
    y = T.Resize((4, 5), antialias=False)(whole)
    assert y.dtype == lucid.uint8
    np.testing.assert_allclose(y.numpy(), whole.numpy().reshape(3, 4, 2, 5, 2).mean((2, 4)), atol=0.5)


def test_grayscale() -> None:
    expected = 0.299 * X[0] + 0.587 * X[1] + 0.114 * X[2]
    np.testing.assert_allclose(T.Grayscale()(image()).numpy()[0], expected, rtol=1e-5)
    assert T.Grayscale(3)(image()).shape == (3, 8, 10)
    np.testing.assert_allclose(T.RandomGrayscale(1.0)(image()).numpy()[2], expected, rtol=1e-5)


def test_erasing_overwrites_one_rectangle() -> None:
    lucid.manual_seed(1)
    before = image() + 1
    y = T.RandomErasing(1.0, value=-1)(before)
    gone = y.numpy()[0] == -1
    rows, columns = np.where(gone.any(1))[0], np.where(gone.any(0))[0]
    assert gone.sum() == len(rows) * len(columns) > 0 and before.numpy().min() >= 1
    assert 0.005 * gone.size <= gone.sum() <= 0.5 * gone.size


@pytest.mark.parametrize("name", RANDOM)
def test_the_seed_repeats_what_is_random(name: str) -> None:
    results = []
    for _ in range(2):
        lucid.manual_seed(5)
        results.append([RANDOM[name]()(image()).numpy() for _ in range(8)])
    assert all(np.array_equal(a, b) for a, b in zip(*results))
    assert any(not np.array_equal(results[0][0], other) for other in results[0][1:])
    lucid.manual_seed(5)
    whole = RANDOM[name]()(lucid.tensor((X * 255).astype(np.uint8)))
    assert whole.dtype == lucid.uint8 and whole.shape == results[0][0].shape


def test_resized_crops_have_the_area_and_proportions_asked_for() -> None:
    lucid.manual_seed(0)
    crop = T.RandomResizedCrop(4, scale=(0.2, 0.4), ratio=(0.5, 2.0))
    for _ in range(200):
        top, left, h, w = crop._part(100, 120)
        assert 0 <= top <= 100 - h and 0 <= left <= 120 - w
        assert 0.18 < h * w / 12000 < 0.42 and 0.48 < w / h < 2.1
    assert crop._part(10, 1000)[2:] == (10, 20)  # nothing fits: the widest allowed


def test_composition() -> None:
    both = T.Compose([T.Lambda(lambda x: x * 2), T.CenterCrop(2)])
    np.testing.assert_array_equal(both(image()).numpy(), 2 * X[:, 3:5, 4:6])
    assert "CenterCrop(size=(2, 2))" in repr(both) and not list(both.parameters())
    assert math.isclose(T.Compose([])(image()).sum().item(), image().sum().item())


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: T.Normalize((0.5,), (0.0,)), ValueError, "Normalize: expected as many std as mean, none of them 0"),
        (lambda: T.Normalize((0.5, 0.5), (1.0, 1.0))(image()), ValueError, "Normalize: 2 means, but 3 channels"),
        (
            lambda: T.Normalize((0.5,), (1.0,))(image().long()),
            TypeError,
            "expected a floating-point image, got lucid.int64",
        ),
        (lambda: T.Resize(4)(X), TypeError, "Resize: expected a Tensor, got ndarray; apply ToTensor first"),
        (
            lambda: T.CenterCrop(4)(lucid.zeros(4)),
            ValueError,
            r"CenterCrop: expected an image of shape \(..., C, H, W\)",
        ),
        (lambda: T.RandomCrop(9)(image()), ValueError, r"required crop size \(9, 9\) is larger than input image size"),
        (lambda: T.RandomHorizontalFlip(2.0), ValueError, "RandomHorizontalFlip: expected a probability p, got 2.0"),
        (lambda: T.RandomRotation(-3), ValueError, "if degrees is a single number, it must be positive, got -3"),
        (lambda: T.Resize((1, 2, 3)), ValueError, "Resize: expected one or two positive integers as size"),
        (lambda: T.Pad(-1), ValueError, "Pad: expected one, two or four widths that are not negative"),
        (lambda: T.Grayscale(2), ValueError, "num_output_channels should be either 1 or 3, got 2"),
        (lambda: T.Grayscale()(lucid.zeros(2, 4, 4)), ValueError, "Grayscale: expected 1 or 3 channels, got 2"),
        (lambda: T.Lambda(3), TypeError, "Lambda: expected a function, got int"),
        (lambda: T.RandomResizedCrop(3, scale=(0.5, 0.1)), ValueError, "should be positive and .min, max."),
    ],
)
def test_messages(call: Callable[[], Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()
