"""BERT and GPT-2 have the parameters, outputs and gradients of transformers."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from models import language
from models.layout import digest

import lucid
from lucid import models, nn
from lucid.models import (
    BertConfig,
    BertForSequenceClassification,
    BertModel,
    GPT2Config,
    GPT2LMHeadModel,
    create_model,
)
from lucid.models._sampling import Sampler

THEIRS = json.loads(language.FILE.read_text())


def small(kind: str, **changes: Any) -> Any:
    if kind.startswith("Bert"):
        return getattr(models, kind)(BertConfig(**language.SMALL_BERT, **changes)).eval()
    return getattr(models, kind)(GPT2Config(**language.SMALL_GPT2 | changes)).eval()


def given(kind: str, *names: str) -> dict[str, lucid.Tensor]:
    return {k: lucid.from_numpy(v) for k, v in language.inputs(kind).items() if k in names}


@pytest.mark.parametrize("name", THEIRS)
def test_state_and_constants(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for drawn in ("normal_", "kaiming_uniform_", "uniform_"):
        monkeypatch.setattr(nn.init, drawn, lambda x, *args, **kwargs: x)
    model = create_model(name)
    assert [digest(model, dropouts=False), sum(p.numel() for p in model.parameters())] == THEIRS[name]


# What needs no other library


def test_padding_does_not_matter() -> None:
    model = small("BertModel")
    found = given("BertModel", "input_ids", "attention_mask")
    long = model(**found)
    alone = model(found["input_ids"][1:2, :9])
    assert (long.last_hidden_state[1, :9] - alone.last_hidden_state[0]).abs().max().item() < 1e-5
    assert (long.pooler_output[1] - alone.pooler_output[0]).abs().max().item() < 1e-5


def test_a_cache_changes_nothing() -> None:
    model = small("GPT2Model")
    ids = given("GPT2Model", "input_ids")["input_ids"]
    whole = model(ids)
    for cache in (nn.DynamicKVCache(), nn.StaticKVCache(15, 2)):
        parts = [model(part, cache=cache) for part in (ids[:, :6], ids[:, 6:7], ids[:, 7:])]
        assert (lucid.cat(parts, 1) - whole).abs().max().item() < 1e-5 * whole.abs().max().item()


def test_generation() -> None:
    model = small("GPT2LMHeadModel")
    ids = lucid.tensor([[5, 6, 7], [8, 9, 10]])
    greedy = model.generate(ids, 12, eos_token_id=-1)
    assert greedy.shape == (2, 15) and greedy[:, :3].tolist() == ids.tolist()
    for end in range(3, 15):
        assert greedy[:, end].tolist() == model(greedy[:, :end])[:, -1].argmax(1).tolist()
    # Padding in front changes nothing, nor does who else is in the batch.
    padded = model.generate(
        lucid.tensor([[0, 0, 5, 6, 7]]), 12, eos_token_id=-1, attention_mask=lucid.tensor([[0, 0, 1, 1, 1]])
    )
    assert padded[0, 2:].tolist() == greedy[0].tolist()
    first = int(greedy[0, 4])
    ended = model.generate(ids, 12, eos_token_id=first, pad_token_id=1)
    at = greedy[0].tolist().index(first, 3)
    assert ended[0, : at + 1].tolist() == greedy[0, : at + 1].tolist() and set(ended[0, at + 1 :].tolist()) <= {1}
    one = model.generate(ids[:1], 12, eos_token_id=first)
    assert one.tolist() == [greedy[0, : at + 1].tolist()]


def test_sampling() -> None:
    model = small("GPT2LMHeadModel")
    ids = lucid.tensor([[5, 6, 7]])
    drawn = [model.generate(ids, 8, do_sample=True, temperature=5.0, seed=seed).tolist() for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2]
    greedy = model.generate(ids, 8).tolist()
    assert model.generate(ids, 8, do_sample=True, top_k=1, seed=3).tolist() == greedy
    assert model.generate(ids, 8, do_sample=True, top_p=1e-9, seed=3).tolist() == greedy
    scores = np.log(np.array([[0.5, 0.3, 0.15, 0.05]]))
    for sampler, expected in (
        (Sampler(), [0.5, 0.3, 0.15, 0.05]),
        (Sampler(temperature=0.5), np.array([0.25, 0.09, 0.0225, 0.0025]) / 0.365),
        (Sampler(top_k=2), [0.625, 0.375, 0, 0]),
        (Sampler(top_p=0.6), [0.625, 0.375, 0, 0]),
        (Sampler(top_p=0.4), [1, 0, 0, 0]),
    ):
        assert np.allclose(sampler.probabilities(scores), [expected])
    tokens = Sampler(top_k=3, seed=0)(np.repeat(scores, 20_000, 0))
    counts = np.bincount(tokens, minlength=4) / 20_000
    expected = np.array([0.5, 0.3, 0.15, 0]) / 0.95
    assert counts[3] == 0 and np.abs(counts - expected).max() < 5 * np.sqrt(0.25 / 20_000)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_new_tokens": 0}, "max_new_tokens must be at least 1, and with the 3 tokens of input_ids at most 48, got 0"),
        ({"max_new_tokens": 46}, "at most 48, got 46"),
        ({"temperature": 0.5}, "temperature, top_k, top_p and seed need do_sample=True"),
        ({"do_sample": True, "temperature": 0.0}, "temperature must be positive, got 0.0"),
        ({"do_sample": True, "top_k": 0}, "top_k must be at least 1, got 0"),
        ({"do_sample": True, "top_p": 1.5}, "top_p must be above 0 and at most 1, got 1.5"),
        ({"attention_mask": lucid.ones(1, 2)}, "expected attention_mask of shape (1, 3), got (1, 2)"),
        ({"attention_mask": lucid.tensor([[1, 1, 0]])}, "padding must come before the texts, not after them"),
    ],
)  # fmt: skip
def test_what_generation_refuses(options: dict[str, Any], message: str) -> None:
    with pytest.raises(
        ValueError, match=re.escape(f"generate: {message}" if message != "at most 48, got 46" else message)
    ):
        small("GPT2LMHeadModel").generate(lucid.tensor([[5, 6, 7]]), **options)


def test_inputs_that_do_not_fit() -> None:
    bert, gpt = small("BertModel"), small("GPT2Model")
    with pytest.raises(ValueError, match=r"expected input_ids of shape \(N, T\), T at most 24, got \(1, 25\)"):
        bert(lucid.zeros(1, 25, dtype=lucid.int64))
    with pytest.raises(ValueError, match=r"expected attention_mask of shape \(1, 3\) like input_ids, got \(1, 2\)"):
        bert(lucid.tensor([[1, 2, 3]]), lucid.ones(1, 2))
    with pytest.raises(ValueError, match=r"expected at most 48 tokens, got 49"):
        gpt(lucid.zeros(1, 49, dtype=lucid.int64))
    with pytest.raises(ValueError, match=r"expected attention_mask of shape \(1, 3\), got \(1, 2\)"):
        gpt(lucid.tensor([[1, 2, 3]]), lucid.ones(1, 2))
    with pytest.raises(ValueError, match=r"^BertConfig: hidden_act must be one of gelu, gelu_new, relu, got 'silu'$"):
        BertConfig(hidden_act="silu")
    with pytest.raises(ValueError, match=r"^GPT2Config: n_embd 10 is not a multiple of n_head 3$"):
        GPT2Config(n_embd=10, n_head=3)


def test_published_names(tmp_path: Path) -> None:
    """Files of BERT have TensorFlow's names of normalisations, GPT-2's have masks; shared tensors are there once."""
    whole = small("BertForMaskedLM")
    state = whole.state_dict()
    published = {k.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta"): v
                 for k, v in state.items() if not k.startswith("cls.predictions.decoder")}  # fmt: skip
    published |= {"bert.embeddings.position_ids": lucid.arange(24)[None], "cls.seq_relationship.weight": lucid.ones(2, 32),
                  "cls.seq_relationship.bias": lucid.ones(2), "bert.pooler.dense.weight": lucid.ones(32, 32),
                  "bert.pooler.dense.bias": lucid.ones(32)}  # fmt: skip
    lucid.save(published, tmp_path / "bert.safetensors")
    options = language.SMALL_BERT
    again = create_model("bert_base_masked_lm", weights=tmp_path / "bert.safetensors", **options)
    for key, value in again.state_dict().items():
        assert np.array_equal(value.numpy(), state[key].numpy()), key
    assert again.cls.predictions.decoder.weight is again.bert.embeddings.word_embeddings.weight
    encoder = create_model("bert_base", weights=tmp_path / "bert.safetensors", **options)
    assert np.array_equal(
        encoder.embeddings.LayerNorm.weight.detach().numpy(), state["bert.embeddings.LayerNorm.weight"].numpy()
    )
    assert encoder.pooler.dense.weight.min().item() == 1
    with pytest.raises(RuntimeError, match=r'Missing key\(s\) in state_dict: "classifier.weight", "classifier.bias"'):
        create_model("bert_base_classifier", weights=tmp_path / "bert.safetensors", **options)
    classifier = create_model("bert_base_classifier", weights=tmp_path / "bert.safetensors", strict=False, **options)
    assert classifier.bert.pooler.dense.weight.min().item() == 1

    gpt = small("GPT2LMHeadModel")
    bare = gpt.transformer.state_dict() | {
        "h.0.attn.bias": lucid.ones(1, 1, 48, 48),
        "h.1.attn.masked_bias": lucid.tensor(-1e4),
    }
    again = create_model("gpt2", weights=bare, **language.SMALL_GPT2)
    for key, value in again.state_dict().items():
        assert np.array_equal(value.numpy(), gpt.state_dict()[key].numpy()), key
    assert again.lm_head.weight is again.transformer.wte.weight
    headless = small("GPT2Model")
    headless.load_state_dict(gpt.state_dict())


def test_settings_of_a_directory(tmp_path: Path) -> None:
    entries = language.SMALL_BERT | {"model_type": "bert", "id2label": {"0": "a", "1": "b", "2": "c"}}
    (tmp_path / "config.json").write_text(json.dumps(entries))
    with pytest.raises(
        FileNotFoundError, match=r"^BertModel.from_pretrained: .* holds neither model.safetensors nor py"
    ):
        BertModel.from_pretrained(tmp_path)
    net = BertForSequenceClassification(BertConfig(**language.SMALL_BERT, num_labels=3))
    lucid.save(net.state_dict(), tmp_path / "model.safetensors")
    again = BertForSequenceClassification.from_pretrained(tmp_path)
    assert again.config == net.config
    assert np.array_equal(again.classifier.weight.detach().numpy(), net.classifier.weight.detach().numpy())
    (tmp_path / "config.json").write_text(json.dumps(entries | {"position_embedding_type": "relative_key"}))
    with pytest.raises(ValueError, match=r"has position_embedding_type 'relative_key'; only 'absolute' is implemented"):
        BertModel.from_pretrained(tmp_path)


def test_training_reduces_the_loss() -> None:
    lucid.manual_seed(0)
    model = GPT2LMHeadModel(GPT2Config(**language.SMALL_GPT2)).train()
    optimizer = lucid.optim.AdamW(model.parameters(), lr=3e-3)
    ids = lucid.arange(40).reshape(2, 20)
    losses = []
    for _ in range(80):
        loss = nn.functional.cross_entropy(model(ids[:, :-1]).reshape(-1, 120), ids[:, 1:].reshape(-1))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.3 * losses[0]


# Compared with transformers


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not all(importlib.util.find_spec(name) for name in ("torch", "transformers")):
        pytest.skip("needs torch and transformers")
    directory = tmp_path_factory.mktemp("transformers")
    subprocess.run([sys.executable, "-P", Path(language.__file__), directory], check=True)
    return directory


@pytest.mark.parity
@pytest.mark.parametrize("name", language.CASES)
def test_outputs_and_gradients(name: str, reference: Path) -> None:
    kind, _, names = language.CASES[name]
    want = np.load(reference / f"{name}.npz")
    model = getattr(models, kind).from_pretrained(reference / name).eval()
    other = type(model)(model.config).eval()
    other.load_state_dict(lucid.load(reference / f"{name}.pt"))
    found = given(kind, *names)
    mask = language.inputs(kind)["attention_mask"] if "attention_mask" in names else None
    result = model(**found)
    results = list(result) if isinstance(result, tuple) else [result]
    total = lucid.tensor(0.0)
    for i, y in enumerate(results):
        w = language.weight(tuple(y.shape), mask).astype(np.float32)
        relevant, expected = (w != 0) * y.detach().numpy(), (w != 0) * want[f"y{i}"]
        assert np.abs(relevant - expected).max() < 1e-5 * np.abs(expected).max()
        total = total + (y * lucid.from_numpy(w)).sum()
    total.backward()
    gradients = {k: p.grad.numpy() for k, p in model.named_parameters() if p.grad is not None}
    assert sorted(f"d {k}" for k in gradients) == sorted(k for k in want if k.startswith("d "))
    scale = max(np.abs(g).max() for g in gradients.values())
    for key, gradient in gradients.items():
        assert np.abs(gradient - want[f"d {key}"]).max() < 1e-5 * scale, key
    result = other(**found)
    first = result[0] if isinstance(result, tuple) else result
    assert np.array_equal(first.detach().numpy(), results[0].detach().numpy())
    if "generated" in want:
        mine = model.generate(found["input_ids"], 30, attention_mask=found["attention_mask"], pad_token_id=0)
        assert np.array_equal(mine.numpy(), want["generated"])


@pytest.mark.parity
def test_cut_probabilities(reference: Path) -> None:
    want = np.load(reference / "sampling.npz")
    assert np.allclose(Sampler(0.7, 12, 0.8).probabilities(want["scores"]), want["p"], atol=1e-12)
