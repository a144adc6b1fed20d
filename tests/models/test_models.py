"""Models have torchvision's parameters, constants and outputs."""

from __future__ import annotations

import importlib.util
import inspect
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from models.layout import FILE, digest

import lucid
from lucid import models, nn
from lucid.models import create_model, list_models, preprocessing

THEIRS = json.loads(FILE.read_text())
OWN = {"vit_t_16": 5_717_416, "vit_s_16": 22_050_664}
"""Parameters of those that torchvision does not have, as published by their authors."""

SMALL = {name: {"image_size": 32} for name in THEIRS if name.startswith("vit")}
HUGE = {"vit_l_16", "vit_l_32", "vgg19", "vgg16"}


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Drawing hundreds of millions of weights is not what is tested here."""
    for name in ("kaiming_normal_", "kaiming_uniform_", "xavier_uniform_", "normal_", "trunc_normal_", "uniform_"):
        monkeypatch.setattr(nn.init, name, lambda x, *args, **kwargs: x)


def test_every_model_is_compared() -> None:
    assert sorted([*THEIRS, *OWN]) == list_models()
    assert all(getattr(models, name).__doc__ for name in list_models())


@pytest.mark.parametrize("name", THEIRS)
def test_state_and_constants_are_torchvisions(name: str) -> None:
    model = create_model(name)
    assert [digest(model), sum(p.numel() for p in model.parameters())] == THEIRS[name][:2]
    mine = preprocessing(name)
    assert [*mine[:3], list(mine.mean), list(mine.std)] == THEIRS[name][2]


@pytest.mark.parametrize("name", OWN)
def test_sizes_of_further_models(name: str) -> None:
    assert sum(p.numel() for p in create_model(name).parameters()) == OWN[name]


def test_names_and_errors() -> None:
    assert list_models("mobilenet_v?") == ["mobilenet_v2"]
    assert inspect.signature(create_model("resnet18").forward).parameters.keys() == {"x"}
    with pytest.raises(ValueError, match=r"^create_model: no model is called 'resnet5'; did you mean .*resnet50"):
        create_model("resnet5")
    with pytest.raises(ValueError, match=r"^preprocessing: no model is called 'qq'; list_models\(\) names them$"):
        preprocessing("qq")
    with pytest.raises(ValueError, match="image_size 30 is not a multiple of the patch size 16"):
        create_model("vit_t_16", image_size=30)
    with pytest.raises(ValueError, match=r"expected an input of shape \(N, 3, 32, 32\), got \(1, 3, 33, 32\)"):
        create_model("vit_t_16", image_size=32)(lucid.zeros(1, 3, 33, 32))


TORCH = os.environ.get("LUCID_ZOO_TORCH")


@pytest.mark.parity
@pytest.mark.skipif(
    not TORCH and not all(importlib.util.find_spec(name) for name in ("torch", "torchvision")),
    reason="needs torch and torchvision",
)
@pytest.mark.parametrize("name", sorted(set(THEIRS) - HUGE))
def test_outputs_are_torchvisions(name: str, tmp_path: Path) -> None:
    options = SMALL.get(name, {})
    subprocess.run(
        [TORCH or sys.executable, "-P", Path(__file__).with_name("reference.py"), name, json.dumps(options), tmp_path],
        check=True,
    )
    model = create_model(name, num_classes=10, **options)
    model.load_state_dict(lucid.load(tmp_path / "model.pt"))
    x, y, z = (np.load(tmp_path / f"{part}.npy") for part in ("x", "y", "z"))
    model.eval()
    with lucid.no_grad():
        mine = model(lucid.from_numpy(x)).numpy()
    assert np.abs(mine - y).max() < 1e-4 * np.abs(y).max()
    model.train()
    for module in model.modules():
        if isinstance(module, nn.Dropout | nn.DropPath):
            module.p = module.drop_prob = 0.0
    mine = model.double()(lucid.from_numpy(x).double()).detach().numpy()
    assert np.abs(mine - z).max() < 1e-6 * np.abs(z).max()
