"""The published detectors YOLOv8: digests of their states, and outputs for given weights.

``python detector.py`` where ultralytics is installed writes `yolo.json`.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

FILE = Path(__file__).with_name("yolo.json")
EVERY = 401
"""Which outputs are written down: each so many-th."""


def weights(shapes: dict[str, tuple[int, ...]]) -> dict[str, np.ndarray]:
    """Weights that any library can be given, by a generator whose numbers never change."""
    made = {}
    for i, (key, shape) in enumerate(shapes.items()):
        if "dfl" in key or key.endswith("num_batches_tracked"):
            continue
        x = np.random.RandomState(i).uniform(-1, 1, shape)
        if len(shape) == 4:
            x *= (4 / np.prod(shape[1:])) ** 0.5 * (
                1 if "conv" in key else 0.3
            )  # the last ones: scores between 0 and 1
        elif key.endswith(("bn.weight", "running_var")):
            x = 1 + x / 2
        made[key] = x.astype(np.float32)
    return made


def image() -> np.ndarray:
    return np.random.RandomState(99).uniform(0, 1, (1, 3, 96, 64)).astype(np.float32)


def main() -> None:
    import torch

    sys.path.insert(0, str(Path(__file__).parent))
    from layout import digest

    for name in ("nms", "qnms"):
        torch.library.define(f"torchvision::{name}", "(Tensor dets, Tensor scores, float threshold) -> Tensor")
    from ultralytics import YOLO

    found: dict[str, list[Any]] = {}
    for size in "nsmlx":
        model = YOLO(f"yolov8{size}.yaml", verbose=False).model.float().eval()
        entry = [digest(model, dropouts=False), sum(p.numel() for p in model.parameters())]
        drawn = weights({k: tuple(v.shape) for k, v in model.state_dict().items()})
        state = {k: torch.from_numpy(v) for k, v in drawn.items()}
        model.load_state_dict(state, strict=False)
        with torch.no_grad():
            y = model(torch.from_numpy(image()))[0].numpy()
        values = [float(f"{v:.6g}") for v in y.reshape(-1)[::EVERY]]
        found[f"yolov8{size}"] = [*entry, values]
    lines = [f" {json.dumps(name)}: {json.dumps(entry)}" for name, entry in found.items()]
    FILE.write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main()
