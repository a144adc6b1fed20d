"""Tools around tensors - compiling, exporting, pruning, drawing, windows - refuse wrong arguments in one line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import lucid
from lucid import array_api, models, nn
from lucid.nn.utils import prune
from lucid.signal import windows


def net() -> nn.Module:
    return nn.Sequential(nn.Linear(4, 2)).eval()


def step(**options: Any) -> Any:
    model = net()
    return lucid.compile_step(model, nn.MSELoss(), lucid.optim.SGD(model.parameters(), lr=0.1), **options)


def calibration() -> Any:
    return lucid.quantization.calibrate(net(), [lucid.ones(2, 4)])


CASES: dict[str, tuple[Callable[[], Any], type[Exception], str]] = {
    "calibrate, no model": (
        lambda: lucid.quantization.calibrate(3, [lucid.ones(2, 4)]), TypeError,
        "calibrate: expected a module or a function, got int",
    ),
    "compile, both": (
        lambda: lucid.compile(net(), dtype=lucid.bfloat16, quantize=calibration()), ValueError,
        "compile: give either dtype or quantize, got both, dtype lucid.bfloat16",
    ),
    "compile, calibration of another": (
        lambda: lucid.compile(nn.Linear(4, 3).eval(), quantize=calibration())(lucid.ones(1, 4)), ValueError,
        "compile: the calibration is of another model: its layer 0 is linear with weight (2, 4), the model's is linear "
        "with weight (3, 4)",
    ),
    "compile_step, max_norm": (
        lambda: step(max_norm="a"), TypeError, "compile_step: expected a number or None as max_norm, got str",
    ),
    "prune, no module": (
        lambda: prune.l1_unstructured(3, "weight", 1), TypeError, "prune: expected a Module, got int",  # type: ignore[arg-type]
    ),
    "prune, no parameter": (
        lambda: prune.l1_unstructured(nn.Linear(4, 2), "wieght", 1), AttributeError,
        "prune: Linear has no parameter 'wieght', only weight, bias",
    ),
    "prune, remove": (
        lambda: prune.remove(nn.ReLU(), "weight"), AttributeError, "prune: ReLU has no parameter 'weight', only none",
    ),
    "prune, scores": (
        lambda: prune.l1_unstructured(nn.Linear(4, 2), "weight", 1, importance_scores=lucid.ones(3)), AssertionError,
        "prune: importance_scores should have the same shape as parameter weight, got (3,) and (2, 4)",
    ),
    "window, length": (lambda: windows.hann(3.5), TypeError, "hann: expected M to be an integer, got 3.5"),  # type: ignore[arg-type]
    "window, dtype": (
        lambda: windows.nuttall(3, dtype=lucid.int32), ValueError,
        "nuttall: expected dtype to be float32 or float64, got lucid.int32",
    ),
    "window, negative": (lambda: windows.bartlett(-1), ValueError, "bartlett: M must not be negative, got -1"),
    "window, device": (
        lambda: windows.hann(3, device="cuda"), RuntimeError, "device: lucid runs on CPUs only, got 'cuda'",
    ),
    "window, tau": (
        lambda: windows.exponential(3, tau=0.0), ValueError, "exponential: tau must be positive, got 0.0",
    ),
    "window, center": (
        lambda: windows.exponential(3, center=1.0), ValueError,
        "exponential: center must be None for a symmetric window, got 1.0",
    ),
    "window, std": (lambda: windows.gaussian(3, std=-1.0), ValueError, "gaussian: std must be positive, got -1.0"),
    "window, beta": (lambda: windows.kaiser(3, beta=-1.0), ValueError, "kaiser: beta must not be negative, got -1.0"),
    "window, weights": (
        lambda: windows.general_cosine(3, a=2.0), TypeError,  # type: ignore[arg-type]
        "general_cosine: expected a to be a sequence, got float",
    ),
    "window, no weights": (lambda: windows.general_cosine(3, a=[]), ValueError, "general_cosine: a must not be empty"),
    "stack_module_state": (
        lambda: lucid.func.stack_module_state([1]), TypeError, "stack_module_state: expected modules, got ['int']",  # type: ignore[list-item]
    ),
    "replace_all_batch_norm_modules_": (
        lambda: lucid.func.replace_all_batch_norm_modules_(3), TypeError,  # type: ignore[arg-type]
        "replace_all_batch_norm_modules_: expected a Module, got int",
    ),
    "constructor": (
        lambda: nn.Conv2d("a", 1, 1), TypeError,  # type: ignore[arg-type]
        "Conv2d: wrong argument among in_channels: 'a', out_channels: 1, kernel_size: 1",
    ),
    "constructor, within another": (
        lambda: nn.Transformer(nhead=nn.ReLU(), num_encoder_layers=1, num_decoder_layers=1), TypeError,  # type: ignore[arg-type]
        "MultiheadAttention: wrong argument among embed_dim: 512, num_heads: ReLU, dropout: 0.1, bias: True, "
        "batch_first: False, device: NoneType, dtype: NoneType",
    ),
    "constructor, beyond 64 bits": (
        lambda: nn.Linear(10**5000, 2), ValueError,
        "Linear: wrong argument among in_features: an integer of 16610 bits, out_features: 2",
    ),
    "function, beyond 64 bits": (
        lambda: lucid.all(lucid.ones(2), dim=2**63), ValueError,
        "all: wrong argument among x: float32 (2,), dim: 9223372036854775808",
    ),
    "function, text": (
        lambda: lucid.clamp(lucid.ones(2).long(), max="none"), TypeError,  # type: ignore[arg-type]
        "clamp: wrong argument among x: int64 (2,), max: 'none'",
    ),
    "dtype, a tensor": (
        lambda: nn.Linear(2, 2, dtype=lucid.ones(2, 2)), TypeError,
        "not a lucid dtype: Tensor([[1.0, 1.0], [1.0, 1.0]], grad=None)",
    ),
    "path, none": (
        lambda: net().get_submodule(("0",)), TypeError, "get_submodule: expected names joined by dots, got tuple",  # type: ignore[arg-type]
    ),
    "path of a buffer, none": (
        lambda: net().get_buffer(3), TypeError, "get_buffer: expected names joined by dots, got int",  # type: ignore[arg-type]
    ),
    "apply": (lambda: net().apply(3), TypeError, "apply: expected a function, got int"),  # type: ignore[arg-type]
    "forward, what is no size": (
        lambda: nn.Sequential(nn.ConvTranspose1d(4, 2, 3))[0](lucid.ones(2, 4, 6), ...), TypeError,
        "ConvTranspose1d: wrong argument among input: float32 (2, 4, 6), output_size: ellipsis",
    ),
    "array API": (lambda: array_api.sum([1.0]), TypeError, "sum: expected a Tensor, got list"),  # type: ignore[arg-type]
    "Letterbox": (lambda: models.Letterbox(-1), ValueError, "Letterbox: size must be a positive integer, got -1"),
}  # fmt: skip


@pytest.mark.parametrize(("call", "kind", "message"), CASES.values(), ids=CASES)
def test_wrong_arguments_are_refused_in_one_line(call: Callable[[], Any], kind: type[Exception], message: str) -> None:
    with pytest.raises(kind) as caught:
        call()
    assert str(caught.value) == message


def test_export_and_draw_write_nothing_that_they_refuse(tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    model, x, path = net(), lucid.ones(1, 4), tmp_path / "net.onnx"
    with pytest.raises(TypeError, match="onnx.export: expected args to be a tensor or a tuple of arguments, got int"):
        lucid.onnx.export(model, 3, path)
    with pytest.raises(ValueError, match=r"onnx.export: dynamic_axes names \['x'\], but inputs and results are \['inp"):
        lucid.onnx.export(model, x, path, dynamic_axes={"x": {0: "n"}})
    with pytest.raises(FileNotFoundError, match="onnx.export: no such directory: .*absent"):
        lucid.onnx.export(model, x, tmp_path / "absent" / "net.onnx")
    with pytest.raises(FileNotFoundError, match="draw: no such directory: .*absent"):
        lucid.visual.draw(model, x, path=tmp_path / "absent" / "net.svg")
    assert not list(tmp_path.iterdir())


def test_classes_derived_from_lucid_s_keep_their_own_errors() -> None:
    class Own(nn.Linear):
        def __init__(self, size: object) -> None:
            if size == 3:
                raise KeyError("size")
            super().__init__(size, 2)  # type: ignore[arg-type]

    with pytest.raises(KeyError, match="^'size'$"):
        Own(3)
    with pytest.raises(
        TypeError, match=r"^Linear.__init__\(\) missing 1 required positional argument: 'out_features'$"
    ):
        nn.Linear(2)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="^Own: wrong argument among in_features: dict, out_features: 2"):
        Own({})
