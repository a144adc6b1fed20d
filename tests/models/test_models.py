"""Models have torchvision's parameters, constants and outputs."""

from __future__ import annotations

import doctest
import importlib.util
import inspect
import json
import os
import pickle
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from models.layout import FILE, digest

import lucid
from lucid import models, nn
from lucid.models import create_model, list_models, preprocessing

THEIRS = json.loads(FILE.read_text())
OWN = {"vit_t_16": 5_717_416, "vit_s_16": 22_050_664, "lenet5": 61_706}
"""Parameters of those that torchvision does not have, as published by their authors."""

ELSEWHERE = [name for name in list_models() if name.startswith(("bert", "gpt", "yolo"))]
"""See `test_language.py` and `test_yolo.py`."""

SMALL = {name: {"image_size": 32} for name in THEIRS if name.startswith("vit")}
HUGE = {"vit_l_16", "vit_l_32", "vgg19", "vgg16"}


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Drawing hundreds of millions of weights is not what is tested here."""
    for name in ("kaiming_normal_", "kaiming_uniform_", "xavier_uniform_", "normal_", "trunc_normal_", "uniform_"):
        monkeypatch.setattr(nn.init, name, lambda x, *args, **kwargs: x)


def test_every_model_is_compared() -> None:
    assert sorted([*THEIRS, *OWN, *ELSEWHERE]) == list_models()


@pytest.mark.parametrize("name", list_models())
def test_functions_are_public_and_their_examples_run(name: str) -> None:
    build = getattr(models, name)
    assert name in models.__all__ and build.__name__ == name
    assert pickle.loads(pickle.dumps(build)) is build
    assert "Source: " in build.__doc__
    example = doctest.DocTestParser().get_doctest(inspect.getdoc(build) or "", {}, name, None, None)
    assert doctest.DocTestRunner(verbose=False).run(example) == (0, 2)


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
    with pytest.raises(TypeError, match=r"^create_model: vgg11 has no argument 'typo'; it has num_classes, dropout$"):
        create_model("vgg11", typo=1)
    with pytest.raises(TypeError, match=r"^create_model: vit_t_16 has no argument 'num_clases'; did you mean num_cl"):
        create_model("vit_t_16", num_clases=1)
    with pytest.raises(TypeError, match=r"^vgg11: too many positional arguments; the arguments are num_classes, drop"):
        models.vgg11(1, 2, 3)


@pytest.mark.parametrize("suffix", [".safetensors", ".pt"])
@pytest.mark.parametrize("around", [None, "state_dict", "model"])
def test_weights_of_a_file(suffix: str, around: str | None, tmp_path: Path) -> None:
    first = create_model("mobilenet_v3_small", num_classes=3)
    with lucid.no_grad():
        for parameter in first.parameters():
            parameter.uniform_(-1, 1)
    state: Any = {f"module.{k}": v for k, v in first.state_dict().items()} if around else first.state_dict()
    lucid.save({around: state, "epoch": 3} if around else state, tmp_path / f"net{suffix}")
    second = create_model("mobilenet_v3_small", num_classes=3, weights=tmp_path / f"net{suffix}")
    for key, value in second.state_dict().items():
        assert np.array_equal(value.numpy(), first.state_dict()[key].numpy()), key


def test_weights_that_do_not_fit(tmp_path: Path) -> None:
    state = create_model("resnet18", num_classes=3).state_dict()
    with pytest.raises(RuntimeError, match=r"(?s)^create_model: weights does not fit: .*size mismatch for fc"):
        create_model("resnet18", weights=state)
    del state["fc.weight"]
    state["extra"] = lucid.ones(2)
    lucid.save(state, tmp_path / "a.safetensors")
    with pytest.raises(RuntimeError, match=r'(?s)a.safetensors does not fit: .*Missing.*"fc.w.*Unexp.*"extra"'):
        create_model("resnet18", num_classes=3, weights=tmp_path / "a.safetensors")
    model = create_model("resnet18", num_classes=3, weights=tmp_path / "a.safetensors", strict=False)
    assert np.array_equal(model.state_dict()["fc.bias"].numpy(), state["fc.bias"].numpy())
    lucid.save([1, 2], tmp_path / "b.pt")
    with pytest.raises(TypeError, match=r"^create_model: expected .*b.pt to hold a dict of tensors, got list$"):
        create_model("resnet18", weights=tmp_path / "b.pt")


TORCH = os.environ.get("LUCID_ZOO_TORCH")


@pytest.fixture(scope="module")
def torchvision_process() -> Iterator[subprocess.Popen[str]]:
    command = [TORCH or sys.executable, "-P", str(Path(__file__).with_name("reference.py"))]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield process
        assert process.stdin is not None
        process.stdin.close()


@pytest.mark.parity
@pytest.mark.skipif(
    not TORCH and not all(importlib.util.find_spec(name) for name in ("torch", "torchvision")),
    reason="needs torch and torchvision",
)
@pytest.mark.parametrize("name", sorted(set(THEIRS) - HUGE))
def test_outputs_are_torchvisions(name: str, tmp_path: Path, torchvision_process: subprocess.Popen[str]) -> None:
    options = SMALL.get(name, {})
    assert torchvision_process.stdin is not None and torchvision_process.stdout is not None
    print(json.dumps([name, options, str(tmp_path)]), file=torchvision_process.stdin, flush=True)
    assert torchvision_process.stdout.readline() == "written\n"
    model = create_model(name, num_classes=10, **options)
    model.load_state_dict(lucid.load(tmp_path / "model.safetensors"), assign=True)
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
