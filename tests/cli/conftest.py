"""What the commands are given: weights, a compiled plan, files of samples."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from cli.program import SMALL, run, samples

import lucid
from lucid import models


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    lucid.manual_seed(0)
    path = tmp_path_factory.mktemp("cli") / "weights.safetensors"
    model = models.mobilenet_v3_small(num_classes=4)
    lucid.save({n: x + 0.05 * lucid.randn(*x.shape) if x.is_floating_point() and "var" not in n else x
                for n, x in model.state_dict().items()}, path)  # fmt: skip
    return path


@pytest.fixture(scope="session")
def plan(weights: Path) -> Path:
    path = weights.with_name("net.lucid")
    done = run("compile", *SMALL, "--weights", weights, "--batch", "1,4", "-o", path)
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr.startswith(f"{path}: ") and done.stderr.endswith(" MB, batches of 1, 4\n")
    return path


@pytest.fixture
def files(tmp_path: Path) -> Path:
    np.save(tmp_path / "many.npy", samples(6))
    np.save(tmp_path / "one.npy", samples(1)[0])
    np.save(tmp_path / "shape.npy", samples(2, 32))
    np.save(tmp_path / "objects.npy", np.array([{}], object), allow_pickle=True)
    (tmp_path / "junk.npy").write_bytes(b"junk")
    (tmp_path / "empty.npy").write_bytes(b"")
    np.savez(tmp_path / "archive.npz", samples(1))
    (tmp_path / "archive.npz").rename(tmp_path / "archive.npy")
    (tmp_path / "labels.txt").write_text("ant\nbee\ncat\ndog\n")
    return tmp_path
