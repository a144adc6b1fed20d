"""What the scripts of this directory share: initial weights and data that PyTorch and lucid have in common."""

import json
import math
import zlib

import numpy as np
import torch


def start(*modules):
    """Give every weight a value that depends on its name and shape alone."""
    for number, module in enumerate(modules):
        state = module.state_dict()
        for key, value in state.items():
            if not value.is_floating_point() or "running_" in key or key.endswith(("pe", "mask")):
                continue
            shape = tuple(value.shape)
            draw = np.random.default_rng(zlib.crc32(f"{number}.{key}".encode())).uniform(-1, 1, shape)
            if len(shape) > 1:
                draw /= math.sqrt(math.prod(shape[1:]))
            else:
                draw = 0.05 * draw + ("weight" in key)
            value.copy_(torch.from_numpy(draw))
        module.load_state_dict(state)
    return modules if len(modules) > 1 else modules[0]


def images(count, channels=1, size=12, classes=4, seed=0):
    """Images with a bright quarter, and which quarter that is."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, count)
    pixels = 0.3 * rng.random((count, channels, size, size))
    half = size // 2
    for image, label in zip(pixels, labels):
        row, column = label // 2 % 2 * half, label % 2 * half
        image[:, row : row + half, column : column + half] += 0.7
    return torch.from_numpy(pixels.astype(np.float32)), torch.from_numpy(labels)


def report(losses):
    """Print the losses for the test that compares them."""
    print("losses", json.dumps([float(loss) for loss in losses]))
