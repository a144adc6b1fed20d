"""Images become what published weights were trained for, as torchvision prepares them."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import lucid
from lucid.models import Preprocessing, preprocessing

NAMES = ("resnet50", "efficientnet_b1", "efficientnet_v2_l", "swin_t")


def picture(height: int = 333, width: int = 500) -> np.ndarray:
    """Smooth waves with some noise, (H, W, 3) of uint8."""
    y, x = np.mgrid[:height, :width]
    waves = np.stack([np.sin(x / a) * np.cos(y / b) for a, b in ((9, 14), (31, 5), (3, 77))], -1)
    noise = np.random.default_rng(0).normal(size=waves.shape)
    return np.clip(127.5 + 100 * waves + 10 * noise, 0, 255).astype(np.uint8)


def test_every_form_of_an_image() -> None:
    prepare = preprocessing("resnet50")
    image = picture()
    got = prepare(image)
    assert got.shape == (3, 224, 224) and got.dtype == lucid.float32
    planes = lucid.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1)))
    assert np.array_equal(prepare(planes).numpy(), got.numpy())
    assert np.array_equal(prepare(lucid.stack([planes, planes]))[1].numpy(), got.numpy())
    # Floats are not rounded to whole steps of 1 / 255 after resizing.
    assert (prepare(planes.float() / 255) - got).abs().max().item() < 0.51 / 255 / 0.224


def test_values() -> None:
    prepare = Preprocessing(8, 4, mean=(0.5, 0.25, 0.0), std=(0.5, 0.25, 2.0))
    got = prepare(np.full((16, 9, 3), 51, np.uint8))
    assert got.shape == (3, 4, 4)
    assert np.allclose(got.numpy()[:, 0, 0], [(0.2 - 0.5) / 0.5, (0.2 - 0.25) / 0.25, 0.1], atol=1e-6)


def test_what_is_no_image() -> None:
    prepare = preprocessing("resnet50")
    with pytest.raises(TypeError, match=r"^Preprocessing: expected an array, a Pillow image or a Tensor, got str$"):
        prepare("cat.jpg")
    with pytest.raises(
        ValueError, match=r"^Preprocessing: expected an image of shape \(..., 3, H, W\), got \(1, 8, 8\)$"
    ):
        prepare(np.zeros((8, 8), np.uint8))
    with pytest.raises(ValueError, match=r"^Preprocessing: expected an array of shape .* got \(1, 8, 8, 3\)$"):
        prepare(np.zeros((1, 8, 8, 3), np.uint8))
    with pytest.raises(
        TypeError, match=r"^Preprocessing: expected uint8 from 0 to 255 or floats from 0 to 1, got lucid.int64$"
    ):
        prepare(np.zeros((8, 8, 3), np.int64))


REFERENCE = """
import sys, json, numpy as np, torch, PIL.Image
sys.path.insert(0, sys.argv[4])
import worker
worker.prepare()
import torchvision
image = np.load(sys.argv[1])
for name in json.loads(sys.argv[2]):
    t = next(iter(torchvision.models.get_model_weights(name))).transforms()
    np.save(f"{sys.argv[3]}/{name}.npy", t(torch.from_numpy(image.transpose(2, 0, 1).copy())).numpy())
    np.save(f"{sys.argv[3]}/{name}-pil.npy", t(PIL.Image.fromarray(image)).numpy())
"""


@pytest.mark.parity
@pytest.mark.skipif(
    not all(importlib.util.find_spec(name) for name in ("torch", "torchvision", "PIL")),
    reason="needs torch, torchvision and Pillow",
)
@pytest.mark.parametrize("size", [(333, 500), (701, 303)])
def test_torchvisions_transforms(size: tuple[int, int], tmp_path: Path) -> None:
    import PIL.Image

    image = picture(*size)
    np.save(tmp_path / "image.npy", image)
    arguments = [tmp_path / "image.npy", json.dumps(NAMES), tmp_path, Path(__file__).parents[1] / "zoo"]
    subprocess.run([sys.executable, "-P", "-c", REFERENCE, *arguments], check=True)
    for name in NAMES:
        prepare = preprocessing(name)
        step = 1 / 255 / min(prepare.std)
        off = np.abs(prepare(image).numpy() - np.load(tmp_path / f"{name}.npy"))
        assert off.max() < 1.01 * step and off.mean() < 0.02 * step, name
        off = np.abs(prepare(PIL.Image.fromarray(image)).numpy() - np.load(tmp_path / f"{name}-pil.npy"))
        assert off.max() < 1e-5, name
