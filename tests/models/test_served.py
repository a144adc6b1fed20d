"""Models in other parts of lucid: compiled, and served by name."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import lucid
from lucid.models import create_model
from lucid.serve import open_model

BOUND = 2e-5
"""Largest difference from eager, relative to the largest magnitude of a result: fused steps round in another order."""

BERT = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 48, "vocab_size": 99}
GPT2 = {"n_embd": 32, "n_layer": 2, "n_head": 4, "vocab_size": 99}


def ids() -> list[lucid.Tensor]:
    """Token ids, which of them to look at, and segments."""
    drawn = np.random.default_rng(0).integers(1, 99, (3, 14))
    mask = np.arange(14) < np.array([14, 9, 3])[:, None]
    return [lucid.from_numpy(x.astype(np.int64)) for x in (drawn, mask, drawn % 2)]


def tensors(value: Any) -> list[lucid.Tensor]:
    return [value] if isinstance(value, lucid.Tensor) else [x for x in value if x is not None]


CASES: dict[str, tuple[str, dict[str, Any], Any]] = {
    "lenet5": ("lenet5", {}, lambda: [lucid.rand(4, 1, 32, 32)]),
    "yolov8n": ("yolov8n", {"num_classes": 5}, lambda: [lucid.rand(2, 3, 64, 96)]),
    "bert": ("bert_base", BERT, lambda: ids()[:1]),
    "bert-mask": ("bert_base", BERT, ids),
    "bert-masked-lm": ("bert_base_masked_lm", BERT, lambda: ids()[:2]),
    "bert-classifier": ("bert_base_classifier", BERT, ids),
    "gpt2": ("gpt2", GPT2, lambda: ids()[:1]),
    "gpt2-mask": ("gpt2", GPT2, lambda: ids()[:2]),
}


@pytest.mark.parametrize("case", CASES)
def test_compiled_is_eager(case: str) -> None:
    name, options, inputs = CASES[case]
    model = create_model(name, **options).eval()
    if name == "yolov8n":
        with lucid.no_grad():  # scores that are not all next to zero, shortcuts that matter
            for module in model.modules():
                if isinstance(module, lucid.nn.BatchNorm2d):
                    module.weight.uniform_(0.5, 2.0)
                    module.bias.uniform_(-0.5, 0.5)
    compiled = lucid.compile(model)
    given = inputs()
    for args in (given, [x[:1] for x in given]):
        with lucid.no_grad():
            want = model(*args)
        got = compiled(*args)
        assert type(got) is type(want)
        for a, b in zip(tensors(got), tensors(want), strict=True):
            assert a.shape == b.shape
            assert (a - b).abs().max().item() <= BOUND * b.abs().max().item()


def test_compiled_text_goes_on() -> None:
    """Another length is another signature: what a plan of one length was made of is not used for another."""
    model = create_model("gpt2", **GPT2).eval()
    compiled = lucid.compile(model)
    for length in (5, 6, 5):
        args = ids()[0][:, :length]
        want = model(args).detach()
        assert (compiled(args) - want).abs().max().item() <= BOUND * want.abs().max().item()


def test_served_by_name() -> None:
    detector = open_model("yolov8n")
    assert detector.inputs[0].shape == (3, 640, 640)
    text = open_model("bert_tiny_classifier", shape=(8,), dtype="int64")
    assert text.preprocessing is None
    (logits,) = text([np.ones((2, 8), np.int64)])
    assert logits.shape == (2, 2)
