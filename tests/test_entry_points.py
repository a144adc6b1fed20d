"""What entry points without tensors say to what they cannot take."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import lucid
import lucid.models
import lucid.utils.checkpoint


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: lucid.vmap(3), "vmap: expected a function, got int"),
        (lambda: lucid.utils.checkpoint.checkpoint(3, use_reentrant=False), "checkpoint: expected a function, got int"),
        (lambda: lucid.models.list_models(3), "list_models: expected a pattern, got int"),
    ],
)
def test_not_what_is_expected(call: Callable[[], Any], message: str) -> None:
    with pytest.raises(TypeError) as error:
        call()
    assert str(error.value) == message


def test_not_an_onnx_file(tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    import lucid.onnx

    path = tmp_path / "junk.onnx"
    path.write_bytes(b"junk" * 50)
    with pytest.raises(ValueError) as error:
        lucid.onnx.load(path)
    assert str(error.value) == f"onnx.load: {path} is not an ONNX file"
    with pytest.raises(TypeError) as wrong:
        lucid.onnx.load(None)  # type: ignore[arg-type]
    assert str(wrong.value) == "onnx.load: expected a path, got NoneType"
