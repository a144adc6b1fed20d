"""What the state of a model holds and how images are prepared for it, as lines of text; and the digest of them.

``python layout.py`` where torchvision is installed writes `torchvision.json`.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("torchvision.json")
NORMS = ("BatchNorm2d", "LayerNorm", "LayerNorm2d")


def digest(model: Any, dropouts: bool = True) -> str:
    """Of the keys, shapes and dtypes in order, and of the constants of normalisations and dropouts."""
    lines = [f"{key} {tuple(x.shape)} {str(x.dtype).rpartition('.')[2]}" for key, x in model.state_dict().items()]
    lines += [
        f"{key} {m.eps} {getattr(m, 'momentum', None)}" for key, m in model.named_modules() if type(m).__name__ in NORMS
    ]
    if dropouts:
        lines += [str(m.p) for m in model.modules() if type(m).__name__ == "Dropout"]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def main() -> None:
    import torch
    import torchvision

    found = {}
    for name in sorted(json.loads(FILE.read_text())):
        with torch.device("meta"):
            model = torchvision.models.get_model(name, weights=None)
        weights = next(iter(torchvision.models.get_model_weights(name)))
        if name.startswith("vit_h"):
            weights = torchvision.models.get_model_weights(name)["IMAGENET1K_SWAG_LINEAR_V1"]
        t = weights.transforms()
        assert len(t.crop_size) == len(t.resize_size) == 1
        found[name] = [
            digest(model), sum(p.numel() for p in model.parameters()),
            [t.resize_size[0], t.crop_size[0], t.interpolation.value, list(t.mean), list(t.std)],
        ]  # fmt: skip
    lines = [f" {json.dumps(name)}: {json.dumps(entry)}" for name, entry in found.items()]
    FILE.write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main()
