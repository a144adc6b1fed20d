"""Transformations of torchvision that draw nothing: ``python transforms.py FILE`` writes their results."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parent))
from worker import prepare

prepare()
warnings.simplefilter("ignore")
from PIL import Image  # noqa: E402
from torchvision import models, ops, transforms, utils  # noqa: E402
from torchvision.transforms import InterpolationMode, v2  # noqa: E402
from torchvision.transforms import functional as F  # noqa: E402

ARRAY = np.random.default_rng(0).integers(0, 256, (40, 48, 3), dtype=np.uint8)
IMAGE = Image.fromarray(ARRAY)
BYTES = torch.from_numpy(ARRAY).permute(2, 0, 1).contiguous()
FLOATS = BYTES.float() / 255
MEAN, STD = [0.4, 0.5, 0.6], [0.2, 0.3, 0.25]
BILINEAR, BICUBIC = InterpolationMode.BILINEAR, InterpolationMode.BICUBIC

CASES: dict[str, Any] = {
    "to tensor": lambda: transforms.ToTensor()(IMAGE),
    "preset": lambda: models.ResNet18_Weights.DEFAULT.transforms()(IMAGE),
    "compose": lambda: transforms.Compose(
        [transforms.Resize(32), transforms.CenterCrop(28), transforms.ToTensor(), transforms.Normalize(MEAN, STD)]
    )(IMAGE),
    "resize": lambda: F.resize(FLOATS, [20, 24], antialias=True),
    "resize bicubic": lambda: F.resize(FLOATS, [20, 30], interpolation=BICUBIC, antialias=False),
    "pad": lambda: F.pad(FLOATS, [2, 3], padding_mode="reflect"),
    "grey": lambda: F.rgb_to_grayscale(FLOATS, 3),
    "brightness": lambda: F.adjust_brightness(BYTES, 1.3),
    "contrast": lambda: F.adjust_contrast(FLOATS, 0.6),
    "saturation": lambda: F.adjust_saturation(FLOATS, 1.5),
    "hue": lambda: F.adjust_hue(FLOATS, 0.2),
    "rotate": lambda: F.rotate(FLOATS, 30, interpolation=BILINEAR, expand=True),
    "affine": lambda: F.affine(FLOATS, 10, [2, 3], 1.2, [5, 7], interpolation=BILINEAR, fill=[0.5] * 3),
    "perspective": lambda: F.perspective(
        FLOATS, [[0, 0], [47, 0], [47, 39], [0, 39]], [[2, 3], [44, 1], [46, 38], [1, 37]]
    ),
    "blur": lambda: F.gaussian_blur(FLOATS, 5, 1.5),
    "posterize": lambda: F.posterize(BYTES, 3),
    "solarize": lambda: F.solarize(BYTES, 100),
    "sharpness": lambda: F.adjust_sharpness(FLOATS, 2.0),
    "equalize": lambda: F.equalize(BYTES),
    "autocontrast": lambda: F.autocontrast(FLOATS),
    "to image": lambda: np.asarray(F.to_pil_image(FLOATS)),
    "v2": lambda: v2.Compose(
        [v2.ToImage(), v2.ToDtype(torch.float32, scale=True), v2.Resize((16, 16)), v2.Normalize(MEAN, STD)]
    )(FLOATS),
    "grid": lambda: utils.make_grid(torch.stack([FLOATS] * 5), nrow=3, normalize=True),
    "boxes": lambda: utils.draw_bounding_boxes(BYTES, torch.tensor([[2, 3, 20, 30]]), colors="red"),
    "intersection": lambda: ops.box_iou(torch.tensor([[0.0, 0, 4, 4], [1, 1, 3, 5]]), torch.tensor([[2.0, 1, 5, 5]])),
}

if __name__ == "__main__":
    found = {name: case() for name, case in CASES.items()}
    np.savez(sys.argv[1], **{k: v.numpy() if isinstance(v, torch.Tensor) else v for k, v in found.items()})
