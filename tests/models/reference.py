"""torchvision's weights, an input, and outputs in eval and training, for each line ``[MODEL, OPTIONS, DIRECTORY]`` of
standard input; answers with a line when they are written. One process for all models, as importing PyTorch takes longer than most."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parents[1] / "zoo"))
from model import build, disturb, draw, leave_out_randomness
from worker import prepare


def write(name: str, options: dict[str, Any], directory: Path) -> None:
    torch.manual_seed(0)
    size = (2, 3, 32, 32) if name.startswith("vit") else (2, 3, 64, 64)
    model = build("torchvision", name, options)
    leave_out_randomness(model)
    for module in model.modules():
        if type(module).__name__ == "StochasticDepth":
            module.p = 0.0
    disturb(model, size)
    torch.save(model.state_dict(), directory / "model.pt")
    x = torch.from_numpy(draw("input", size)).float()
    np.save(directory / "x.npy", x.numpy())
    with torch.no_grad():
        np.save(directory / "y.npy", model.eval()(x).numpy())
        np.save(directory / "z.npy", model.train().double()(x.double()).numpy())


prepare()
for line in sys.stdin:
    name, options, directory = json.loads(line)
    write(name, options, Path(directory))
    print("written", flush=True)
