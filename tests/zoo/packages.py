"""Other people's packages at work: ``python packages.py CASE FILE`` under PyTorch, or ``-m lucid.torch packages.py`` there.

Writes what a case computes, outputs, gradients and losses, to an .npz file. Ends with status 5 if the case's package is
not installed.
"""

from __future__ import annotations

import logging
import os
import sys
import tempfile
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from model import draw

SMALL = dict(vocab_size=99, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=37)
Found = dict[str, Any]


def real(name: str, *shape: int) -> Any:
    return torch.from_numpy(draw(name, shape)).float()


def whole(name: str, n: int, *shape: int) -> Any:
    return torch.from_numpy(((draw(name, shape) + 1) / 2 * n).astype(np.int64))


def fill(model: Any) -> Any:
    """Give every parameter numbers that depend on its name and shape alone."""
    with torch.no_grad():
        for name, p in model.named_parameters():
            scale = p.shape[-1] ** -0.5 if p.dim() > 1 else 0.1
            center = 1.0 if p.dim() == 1 and "norm" in name.lower() and "weight" in name else 0.0
            p.copy_(torch.from_numpy(center + scale * draw(name, p.shape)))
    return model


def train(model: Any, loss_of: Callable[[Any], Any], found: Found, steps: int = 3) -> None:
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.01)
    for i in range(steps):
        optimizer.zero_grad()
        loss = loss_of(model)
        loss.backward()
        found[f"loss {i}"] = loss.item()
        if i == 0:
            norms = [p.grad.norm().item() for p in model.parameters() if p.grad is not None]
            found["gradients"] = np.array(norms)
        optimizer.step()


def language(config: str, model: str, **options: Any) -> Callable[[], Found]:
    def case() -> Found:
        import transformers

        net = fill(getattr(transformers, model)(getattr(transformers, config)(**options))).eval()
        ids = whole("ids", 90, 2, 12)
        mask = torch.ones_like(ids)
        mask[1, 8:] = 0
        found = {"masked": net(ids, attention_mask=mask).logits.detach().numpy()}
        train(net, lambda m: m(ids, labels=ids).loss, found)
        return found

    return case


def vision() -> Found:
    import transformers

    options = {k: v for k, v in SMALL.items() if k != "vocab_size"}
    config = transformers.ViTConfig(num_labels=5, image_size=32, patch_size=8, **options)
    net = fill(transformers.ViTForImageClassification(config)).eval()
    images, labels = real("images", 2, 3, 32, 32), whole("labels", 5, 2)
    found = {"logits": net(pixel_values=images).logits.detach().numpy()}
    train(net, lambda m: m(pixel_values=images, labels=labels).loss, found)
    return found


def two_numbers() -> Found:
    """In float64: batch norms that see two numbers per channel, as this network's last ones do, have gradients that are
    what is left of a difference. In float32 those are wrong by 1e-3 in the middle, in PyTorch as in lucid."""
    import transformers

    config = transformers.MobileViTConfig(
        num_labels=5, image_size=32, hidden_sizes=[12, 16, 20], neck_hidden_sizes=[8, 8, 16, 16, 20, 20, 32],
        num_attention_heads=2, hidden_dropout_prob=0.0, classifier_dropout_prob=0.0,
    )  # fmt: skip
    net = fill(transformers.MobileViTForImageClassification(config)).double().train()
    images, labels = real("images", 2, 3, 32, 32).double(), whole("labels", 5, 2)
    found: Found = {}
    train(net, lambda m: m(pixel_values=images, labels=labels).loss, found)
    return found


def features() -> Found:
    from torchvision import models
    from torchvision.models.feature_extraction import create_feature_extractor, get_graph_node_names

    net = fill(models.resnet18(weights=None, num_classes=5))
    names = get_graph_node_names(net)[1]
    part = create_feature_extractor(net, {"layer2.1.relu_1": "middle", "flatten": "end"}).eval()
    found = {name: x.detach().numpy() for name, x in part(real("images", 2, 3, 64, 64)).items()}
    return {**found, "names": np.frombuffer(" ".join(names).encode(), np.uint8).astype(np.int64)}


def pretrained() -> Found:
    import transformers

    sizes = {k: v for k, v in SMALL.items() if k != "vocab_size"}
    ids, images = whole("ids", 90, 2, 12), real("images", 2, 3, 32, 32)
    made = {
        "Llama": (transformers.LlamaForCausalLM, transformers.LlamaConfig(**SMALL, num_key_value_heads=2)),
        "Bert": (transformers.BertForMaskedLM, transformers.BertConfig(**SMALL)),
        "GPT2": (transformers.GPT2LMHeadModel, transformers.GPT2Config(vocab_size=99, n_embd=32, n_layer=2, n_head=4)),
        "ViT": (transformers.ViTForImageClassification, transformers.ViTConfig(image_size=32, patch_size=8, **sizes)),
    }
    found: Found = {}
    for name, (model, config) in made.items():
        net = fill(model(config)).eval()
        given = {"pixel_values": images} if name == "ViT" else {"input_ids": ids}
        with tempfile.TemporaryDirectory() as directory, torch.no_grad():
            net.save_pretrained(directory)
            again = model.from_pretrained(directory)
            expected, logits = net(**given).logits, again(**given).logits
            assert torch.equal(logits, expected), f"{name}: {(logits - expected).abs().max()}"
            found[name] = logits.numpy()
            if name == "Bert":  # the head is not in the file: it is drawn
                other = transformers.BertForTokenClassification.from_pretrained(directory, num_labels=40)
                assert torch.equal(other.bert(ids)[0], net.bert(ids)[0])
                assert 0.015 < other.classifier.weight.std().item() < 0.025 and not other.classifier.bias.any()
    return found


def generation() -> Found:
    import transformers

    config = transformers.LlamaConfig(**SMALL, num_key_value_heads=2, pad_token_id=97, eos_token_id=98)
    net = fill(transformers.LlamaForCausalLM(config)).eval()
    ids = whole("ids", 90, 2, 5)
    greedy = net.generate(ids, max_new_tokens=8, do_sample=False)
    beams = net.generate(ids, max_new_tokens=8, do_sample=False, num_beams=3)
    return {"greedy": greedy.numpy(), "beams": beams.numpy()}


def trainer() -> Found:
    import accelerate  # noqa: F401
    import transformers

    config = transformers.BertConfig(**SMALL, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
    net = fill(transformers.BertForSequenceClassification(config))
    ids, labels = whole("ids", 90, 16, 8), whole("labels", 2, 16)
    data = [{"input_ids": ids[i], "labels": labels[i]} for i in range(16)]
    with tempfile.TemporaryDirectory() as directory:
        arguments = transformers.TrainingArguments(
            directory, max_steps=6, per_device_train_batch_size=4, learning_rate=1e-3, report_to=[], use_cpu=True,
            logging_steps=1, save_steps=3, disable_tqdm=True, train_sampling_strategy="sequential",
        )  # fmt: skip
        run = transformers.Trainer(net, arguments, train_dataset=data, eval_dataset=data)
        run.train()
        losses = [entry["loss"] for entry in run.state.log_history if "loss" in entry]
        return {"losses": np.array(losses), "evaluation": run.evaluate()["eval_loss"]}


def adapters() -> Found:
    import peft
    import transformers

    net = fill(transformers.LlamaForCausalLM(transformers.LlamaConfig(**SMALL)))
    net = fill(peft.get_peft_model(net, peft.LoraConfig(r=4, target_modules=["q_proj", "v_proj"])))
    ids = whole("ids", 90, 2, 8)
    found: Found = {}
    train(net, lambda m: m(input_ids=ids, labels=ids).loss, found)
    found["merged"] = net.merge_and_unload()(input_ids=ids).logits.detach().numpy()
    return found


def metrics() -> Found:
    import torchmetrics

    p, y = torch.softmax(real("p", 40, 5), -1), whole("y", 5, 40)
    many = dict(task="multiclass", num_classes=5)
    made = [
        torchmetrics.Accuracy(**many, average="macro"), torchmetrics.F1Score(**many, average="weighted"),
        torchmetrics.AUROC(**many), torchmetrics.ConfusionMatrix(**many), torchmetrics.MatthewsCorrCoef(**many),
    ]  # fmt: skip
    found = {}
    for metric in made:
        metric.update(p[:20], y[:20])
        metric.update(p[20:], y[20:])
        found[type(metric).__name__] = metric.compute().numpy()
    return found


def equations() -> Found:
    import torchdiffeq

    class Field(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(2, 2)

        def forward(self, t: Any, y: Any) -> Any:
            return torch.tanh(self.linear(y)) * torch.cos(t)

    field, start, times = fill(Field()), real("start", 3, 2), torch.linspace(0, 1, 5)
    found: Found = {}
    for method in ("dopri5", "rk4"):
        path = torchdiffeq.odeint(field, start, times, method=method)
        field.zero_grad()
        F.mse_loss(path, torch.zeros_like(path)).backward()
        found[method], found[f"{method} gradient"] = path.detach().numpy(), field.linear.weight.grad.numpy().copy()
    return found


NO_DROPOUT = dict(hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
CASES = {
    "bert": language("BertConfig", "BertForMaskedLM", **SMALL, **NO_DROPOUT),
    "gpt2": language("GPT2Config", "GPT2LMHeadModel", vocab_size=99, n_embd=32, n_layer=2, n_head=4),
    "llama": language("LlamaConfig", "LlamaForCausalLM", **SMALL, num_key_value_heads=2),
    "gemma3": language("Gemma3TextConfig", "Gemma3ForCausalLM", **SMALL, num_key_value_heads=2, head_dim=8),
    "vit": vision, "mobilevit": two_numbers, "features": features, "pretrained": pretrained, "generation": generation, "trainer": trainer, "adapters": adapters,
    "metrics": metrics, "equations": equations,
}  # fmt: skip


def main() -> None:
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    if torch.version.git_version != "lucid":
        try:
            import torchvision  # noqa: F401
        except RuntimeError:  # compiled for another PyTorch: transformers does without it, if it is not half imported
            for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
                del sys.modules[name]
            for name in ("nms", "qnms"):
                torch.library.define(f"torchvision::{name}", "(Tensor dets, Tensor scores, float threshold) -> Tensor")
        except ImportError:
            pass
    try:
        found = CASES[sys.argv[1]]()
    except ModuleNotFoundError as error:
        if error.name in ("accelerate", "peft", "torchdiffeq", "torchmetrics", "torchvision", "transformers"):
            raise SystemExit(5) from None
        raise
    np.savez(sys.argv[2], **found)


if __name__ == "__main__":
    main()
