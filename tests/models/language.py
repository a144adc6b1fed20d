"""The language models of transformers: digests of their states, and outputs and gradients of small ones.

``python language.py`` where transformers is installed writes `transformers.json`; ``python language.py DIRECTORY``
writes there, for each case, weights, inputs, outputs and gradients.
"""

from __future__ import annotations

import importlib.util
import json
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np

FILE = Path(__file__).with_name("transformers.json")

BERT = {
    "tiny": {"hidden_size": 128, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 512},
    "base": {},
    "large": {"hidden_size": 1024, "num_hidden_layers": 24, "num_attention_heads": 16, "intermediate_size": 4096},
}
GPT2 = {
    "gpt2": {},
    "gpt2_medium": {"n_embd": 1024, "n_layer": 24, "n_head": 16},
    "gpt2_large": {"n_embd": 1280, "n_layer": 36, "n_head": 20},
    "gpt2_xl": {"n_embd": 1600, "n_layer": 48, "n_head": 25},
}
HEADS = {"": "BertModel", "_masked_lm": "BertForMaskedLM", "_classifier": "BertForSequenceClassification"}

PUBLISHED: dict[str, tuple[str, dict[str, int]]] = {
    f"bert_{size}{head}": (kind, config) for size, config in BERT.items() for head, kind in HEADS.items()
} | {name: ("GPT2LMHeadModel", config) for name, config in GPT2.items()}
"""Class and settings, where they are not the default, of what is published."""

SMALL_BERT = {
    "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 48, "vocab_size": 120,
    "max_position_embeddings": 24,
}  # fmt: skip
SMALL_GPT2 = {"n_embd": 32, "n_layer": 2, "n_head": 4, "vocab_size": 120, "n_positions": 48, "eos_token_id": 119}

CASES: dict[str, tuple[str, dict[str, Any], tuple[str, ...]]] = {
    "bert": ("BertModel", SMALL_BERT, ("input_ids", "attention_mask", "token_type_ids")),
    "bert-plain": ("BertModel", SMALL_BERT | {"hidden_act": "gelu_new"}, ("input_ids",)),
    "bert-masked-lm": ("BertForMaskedLM", SMALL_BERT, ("input_ids", "attention_mask")),
    "bert-classifier": (
        "BertForSequenceClassification", SMALL_BERT, ("input_ids", "attention_mask", "token_type_ids"),
    ),
    "gpt2": ("GPT2Model", SMALL_GPT2, ("input_ids",)),
    "gpt2-lm": ("GPT2LMHeadModel", SMALL_GPT2, ("input_ids", "attention_mask")),
}  # fmt: skip
"""Class, settings, and which of the inputs."""


def inputs(kind: str) -> dict[str, np.ndarray]:
    """Ids, masks (padding at the end for BERT, in front for GPT-2) and segments of three texts."""
    rng = np.random.default_rng(0)
    lengths = np.array([15, 9, 4])[:, None]
    mask = np.arange(15) < lengths
    if kind.startswith("GPT2"):
        mask = mask[:, ::-1]
    ids = np.where(mask, rng.integers(1, 119, (3, 15)), 0)
    return {
        "input_ids": ids, "attention_mask": mask.astype(np.int64),
        "token_type_ids": (np.arange(15) >= lengths // 2).astype(np.int64),
    }  # fmt: skip


def weight(shape: tuple[int, ...], mask: np.ndarray | None) -> np.ndarray:
    """Random factors of the outputs; zero for those of padding."""
    factors = np.random.default_rng(1).normal(size=shape)
    return factors * mask[..., None] if mask is not None and len(shape) == 3 else factors


def library() -> Any:
    """transformers, without its downloads, and where torchvision's compiled part does not fit, without that."""
    os.environ["HF_HUB_OFFLINE"] = "1"
    os.environ["TRANSFORMERS_VERBOSITY"] = "error"
    sys.path.insert(0, str(Path(__file__).parents[1] / "zoo"))
    if importlib.util.find_spec("torchvision"):
        import worker

        worker.prepare()
    import transformers

    return transformers


def configuration(kind: str, settings: dict[str, Any]) -> Any:
    return getattr(library(), "BertConfig" if kind.startswith("Bert") else "GPT2Config")(**settings)


def write(directory: Path) -> None:
    import torch

    torch.manual_seed(0)
    for name, (kind, settings, given) in CASES.items():
        config = configuration(kind, settings)
        model = getattr(library(), kind)(config).eval()
        for parameter in model.parameters():
            parameter.data.add_(torch.randn(parameter.shape) * 0.05)
        found = {k: v for k, v in inputs(kind).items() if k in given}
        model.save_pretrained(directory / name)
        torch.save(model.state_dict(), directory / f"{name}.pt")
        y = model(**{k: torch.from_numpy(v) for k, v in found.items()})
        results = {"y0": y[0]} | ({"y1": y[1]} if kind == "BertModel" else {})
        total = sum(
            (v * torch.from_numpy(weight(tuple(v.shape), found.get("attention_mask"))).float()).sum()
            for v in results.values()
        )
        total.backward()
        arrays = {k: v.detach().numpy() for k, v in results.items()}
        arrays |= {f"d {k}": p.grad.numpy() for k, p in model.named_parameters() if p.grad is not None}
        if kind == "GPT2LMHeadModel":
            with torch.no_grad():
                arguments = {k: torch.from_numpy(v) for k, v in found.items()}
                arrays["generated"] = model.generate(
                    **arguments, max_new_tokens=30, do_sample=False, pad_token_id=0
                ).numpy()  # fmt: skip
        np.savez(directory / f"{name}.npz", **arrays)
    from transformers.generation.logits_process import TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper

    scores = torch.from_numpy(np.random.default_rng(2).normal(size=(4, 50)) * 3)
    cut = TopPLogitsWarper(0.8)(None, TopKLogitsWarper(12)(None, TemperatureLogitsWarper(0.7)(None, scores.clone())))
    np.savez(directory / "sampling.npz", scores=scores.numpy(), p=cut.softmax(-1).numpy())


def main() -> None:
    sys.path.insert(0, str(Path(__file__).parent))
    import torch
    from layout import digest

    found = {}
    for name, (kind, settings) in sorted(PUBLISHED.items()):
        with torch.device("meta"):
            model = getattr(library(), kind)(configuration(kind, settings))
        model.tie_weights()
        found[name] = [digest(model, dropouts=False), sum(p.numel() for p in model.parameters())]
    lines = [f" {json.dumps(name)}: {json.dumps(entry)}" for name, entry in found.items()]
    FILE.write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    write(Path(sys.argv[1])) if sys.argv[1:] else main()
