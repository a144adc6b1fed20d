"""A language model over characters: a small GPT, or an LSTM, that learns to read and add numbers in words.

    python char_lm.py [--model lstm]                       with PyTorch
    python -m lucid.torch char_lm.py [--model lstm]        with lucid

Without --text it learns from sentences such as "four plus nine is thirteen." Draws that training depends on come from
NumPy, so that both see the same text in the same order.
"""

from __future__ import annotations

import argparse
import json
import math

import numpy as np
import torch
import torch.nn as nn
from torch.nn import functional as F

NUMBERS = [
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen",
]  # fmt: skip


def sums(count, seed=0):
    rng = np.random.default_rng(seed)
    pairs = rng.integers(0, 10, (count, 2)).tolist()
    return "".join(f"{NUMBERS[a]} plus {NUMBERS[b]} is {NUMBERS[a + b]}.\n" for a, b in pairs)


class CausalSelfAttention(nn.Module):
    def __init__(self, width, heads, dropout):
        super().__init__()
        self.heads, self.dropout = heads, dropout
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.rest = nn.Dropout(dropout)

    def forward(self, x):
        B, T, C = x.size()
        q, k, v = (t.view(B, T, self.heads, C // self.heads).transpose(1, 2) for t in self.qkv(x).split(C, dim=2))
        y = F.scaled_dot_product_attention(q, k, v, dropout_p=self.dropout if self.training else 0.0, is_causal=True)
        return self.rest(self.out(y.transpose(1, 2).contiguous().view(B, T, C)))


class Block(nn.Module):
    def __init__(self, width, heads, dropout):
        super().__init__()
        self.ln_1, self.ln_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attn = CausalSelfAttention(width, heads, dropout)
        self.mlp = nn.Sequential(
            nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width), nn.Dropout(dropout)
        )

    def forward(self, x):
        x = x + self.attn(self.ln_1(x))
        return x + self.mlp(self.ln_2(x))


class GPT(nn.Module):
    def __init__(self, vocabulary, context, width=64, depth=2, heads=4, dropout=0.0):
        super().__init__()
        self.context = context
        self.transformer = nn.ModuleDict(
            {
                "wte": nn.Embedding(vocabulary, width),
                "wpe": nn.Embedding(context, width),
                "h": nn.ModuleList([Block(width, heads, dropout) for _ in range(depth)]),
                "ln_f": nn.LayerNorm(width),
            }
        )
        self.lm_head = nn.Linear(width, vocabulary, bias=False)
        self.transformer.wte.weight = self.lm_head.weight  # the same matrix reads and writes characters
        self.apply(self._init_weights)
        for name, p in self.named_parameters():
            if name.endswith(("out.weight", "mlp.2.weight")):
                nn.init.normal_(p, mean=0.0, std=0.02 / math.sqrt(2 * depth))

    def _init_weights(self, module):
        if isinstance(module, (nn.Linear, nn.Embedding)):
            nn.init.normal_(module.weight, mean=0.0, std=0.02)
        if isinstance(module, nn.Linear) and module.bias is not None:
            nn.init.zeros_(module.bias)

    def forward(self, ids, targets=None):
        positions = torch.arange(ids.size(1), dtype=torch.long, device=ids.device)
        x = self.transformer.wte(ids) + self.transformer.wpe(positions)
        for block in self.transformer.h:
            x = block(x)
        logits = self.lm_head(self.transformer.ln_f(x))
        loss = None
        if targets is not None:
            loss = F.cross_entropy(logits.view(-1, logits.size(-1)), targets.view(-1))
        return logits, loss


class CharLSTM(nn.Module):
    def __init__(self, vocabulary, context, width=64, depth=2, dropout=0.0):
        super().__init__()
        self.context = context
        self.embedding = nn.Embedding(vocabulary, width)
        self.lstm = nn.LSTM(width, width, depth, batch_first=True, dropout=dropout)
        self.head = nn.Linear(width, vocabulary)

    def forward(self, ids, targets=None):
        hidden, _ = self.lstm(self.embedding(ids))
        logits = self.head(hidden)
        loss = None
        if targets is not None:
            loss = F.cross_entropy(logits.flatten(0, 1), targets.flatten())
        return logits, loss


@torch.no_grad()
def generate(model, ids, count, temperature=1.0, top_k=None):
    model.eval()
    for _ in range(count):
        logits, _ = model(ids[:, -model.context :])
        logits = logits[:, -1, :] / temperature
        if top_k is not None:
            least, _ = torch.topk(logits, min(top_k, logits.size(-1)))
            logits[logits < least[:, [-1]]] = -float("inf")
        chosen = torch.multinomial(F.softmax(logits, dim=-1), num_samples=1)
        ids = torch.cat((ids, chosen), dim=1)
    return ids


def optimizer_groups(model, decay):
    """Matrices shrink, biases and gains do not."""
    decayed, rest = [], []
    for p in model.parameters():
        (decayed if p.dim() >= 2 else rest).append(p)
    return [{"params": decayed, "weight_decay": decay}, {"params": rest, "weight_decay": 0.0}]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", choices=("gpt", "lstm"), default="gpt")
    parser.add_argument("--text", help="file to learn from")
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--accumulate", type=int, default=1, help="batches per step")
    parser.add_argument("--context", type=int, default=64)
    parser.add_argument("--lr", type=float, default=3e-3)
    parser.add_argument("--dropout", type=float, default=0.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--weights", help="start from the weights in this file")
    parser.add_argument("--save", help="write the weights to this file")
    parser.add_argument("--log", help="write the losses of all steps to this file, as JSON")
    args = parser.parse_args()

    torch.manual_seed(args.seed)
    if args.text:
        with open(args.text, encoding="utf-8") as file:
            text = file.read()
    else:
        text = sums(4000, args.seed)
    characters = sorted(set(text))
    code = {c: i for i, c in enumerate(characters)}
    data = torch.tensor([code[c] for c in text], dtype=torch.long)

    device = "cuda" if torch.cuda.is_available() else "cpu"
    kind = GPT if args.model == "gpt" else CharLSTM
    model = kind(len(characters), args.context, dropout=args.dropout).to(device)
    if args.weights:
        model.load_state_dict(torch.load(args.weights, map_location=device))
    print(f"{sum(p.numel() for p in model.parameters()):,} parameters, {len(characters)} characters")
    optimizer = torch.optim.AdamW(optimizer_groups(model, 0.1), lr=args.lr, betas=(0.9, 0.95))
    warmup = max(1, args.steps // 20)

    def rate(step):
        if step < warmup:
            return (step + 1) / warmup
        return 0.1 + 0.45 * (1 + math.cos(math.pi * (step - warmup) / max(1, args.steps - warmup)))

    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, rate)
    rng = np.random.default_rng(args.seed)

    def batch():
        starts = rng.integers(0, len(data) - args.context, args.batch_size).tolist()
        x = torch.stack([data[i : i + args.context] for i in starts])
        y = torch.stack([data[i + 1 : i + 1 + args.context] for i in starts])
        return x.to(device), y.to(device)

    losses = []
    model.train()
    for step in range(args.steps):
        optimizer.zero_grad(set_to_none=True)
        total = 0.0
        for _ in range(args.accumulate):
            _, loss = model(*batch())
            (loss / args.accumulate).backward()
            total += loss.item() / args.accumulate
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        scheduler.step()
        losses.append(total)
        if (step + 1) % max(1, args.steps // 6) == 0:
            print(f"step {step + 1}: loss {total:.4f}, learning rate {scheduler.get_last_lr()[0]:.2e}")

    start = torch.tensor([[code[text[0]]]], device=device)
    print("".join(characters[i] for i in generate(model, start, 120, temperature=0.8, top_k=5)[0].tolist()))
    if args.save:
        torch.save(model.state_dict(), args.save)
    if args.log:
        with open(args.log, "w") as file:
            json.dump(losses, file)


if __name__ == "__main__":
    main()
