"""The scripts of examples/pytorch, what they are run with, and the losses they reach on PyTorch.

``python curves.py`` under PyTorch writes ``curves.json`` anew.
"""

from __future__ import annotations

import json
import math
import subprocess
import sys
import tempfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np

EXAMPLES = Path(__file__).parents[2] / "examples" / "pytorch"
CURVES = Path(__file__).with_name("curves.json")
RUNS = {
    "classify": ["classify.py", "--epochs", "3", "--count", "600"],
    "char_lm gpt": ["char_lm.py", "--steps", "60", "--accumulate", "2"],
    "char_lm lstm": ["char_lm.py", "--model", "lstm", "--steps", "60", "--lr", "0.01"],
    "vae": ["vae.py", "--epochs", "2", "--count", "1000"],
}


def initial(shapes: dict[str, list[int]]) -> dict[str, np.ndarray]:
    """Weights that depend on names and shapes alone: gains near 1, all others of the size usual for their inputs."""
    state = {}
    for key, shape in shapes.items():
        if key.endswith("num_batches_tracked"):
            state[key] = np.zeros(shape, np.int64)
            continue
        draw = np.random.default_rng(zlib.crc32(key.encode())).uniform(-1, 1, shape)
        if len(shape) > 1:
            draw /= math.sqrt(math.prod(shape[1:]))
        else:
            gain = key.endswith("running_var") or ("weight" in key and "bias" not in key)
            draw = 0.05 * draw + gain
        state[key] = draw.astype(np.float32)
    # Tied matrices must be equal.
    if "transformer.wte.weight" in state:
        state["transformer.wte.weight"] = state["lm_head.weight"]
    return state


def losses(python: list[str], arguments: list[str], *more: str) -> list[float]:
    """The losses that a script logs."""
    with tempfile.TemporaryDirectory() as directory:
        log = Path(directory) / "log.json"
        command = [*python, str(EXAMPLES / arguments[0]), *arguments[1:], *more, "--log", str(log)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=600)
        assert done.returncode == 0, done.stderr
        return json.loads(log.read_text())


def shapes_of(arguments: list[str]) -> dict[str, list[int]]:
    """Names and shapes of the script's weights, read from what it would save."""
    import torch

    sys.path.insert(0, str(EXAMPLES))
    if arguments[0] == "classify.py":
        from classify import NAMES, ResNet

        model: Any = ResNet(len(NAMES))
    elif arguments[0] == "vae.py":
        from vae import VAE

        model = VAE()
    else:
        from char_lm import GPT, CharLSTM, sums

        model = (CharLSTM if "lstm" in arguments else GPT)(len(set(sums(4000))), 64)
    assert isinstance(model, torch.nn.Module)
    return {key: list(value.shape) for key, value in model.state_dict().items()}


def main() -> None:
    import torch

    found = {}
    for name, arguments in RUNS.items():
        shapes = shapes_of(arguments)
        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory) / "weights.pt"
            torch.save({key: torch.from_numpy(value) for key, value in initial(shapes).items()}, path)
            curve = losses([sys.executable], arguments, "--weights", str(path))
        found[name] = {"shapes": shapes, "losses": [float(f"{x:.7g}") for x in curve]}
        print(name, curve[0], curve[-1])
    CURVES.write_text(json.dumps(found, indent=None, separators=(",", ":")).replace('},"', '},\n"') + "\n")


if __name__ == "__main__":
    main()
