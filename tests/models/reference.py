"""torchvision's weights, an input, and outputs in eval and training, for each line ``[MODEL, OPTIONS, DIRECTORY]`` of
standard input; answers with a line when they are written. One process for all models, as importing PyTorch takes longer than most."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file

sys.path.insert(0, str(Path(__file__).parents[1] / "zoo"))
from model import build, disturb, draw, leave_out_randomness
from worker import prepare

NUMBERS = np.random.Generator(np.random.SFC64(0))


def quick(x: torch.Tensor, *args: Any, **kwargs: Any) -> torch.Tensor:
    """Uniform weights that keep the variance of what is rectified: hundreds of millions of normal ones take longer than
    all that is compared here."""
    bound = math.sqrt(6 / x[0].numel()) if x.dim() > 1 else 0.1
    with torch.no_grad():
        NUMBERS.random(out=x.view(-1).numpy(), dtype=np.float32)
        return x.sub_(0.5).mul_(2 * bound)


def write(name: str, options: dict[str, Any], directory: Path) -> None:
    size = (2, 3, 32, 32) if name.startswith("vit") else (2, 3, 64, 64)
    model = build("torchvision", name, options)
    leave_out_randomness(model)
    for module in model.modules():
        if type(module).__name__ == "StochasticDepth":
            module.p = 0.0
    disturb(model, size)
    save_file(model.state_dict(), directory / "model.safetensors")
    x = torch.from_numpy(draw("input", size)).float()
    np.save(directory / "x.npy", x.numpy())
    with torch.no_grad():
        np.save(directory / "y.npy", model.eval()(x).numpy())
        np.save(directory / "z.npy", model.train().double()(x.double()).numpy())


prepare()
for drawn in ("kaiming_normal_", "kaiming_uniform_", "xavier_uniform_", "normal_", "trunc_normal_", "uniform_"):
    setattr(torch.nn.init, drawn, quick)
for line in sys.stdin:
    name, options, directory = json.loads(line)
    write(name, options, Path(directory))
    print("written", flush=True)
