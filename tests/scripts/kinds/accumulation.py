"""Gradient accumulation, groups of parameters, clipping, autocast that is off, a one-cycle schedule."""

import torch
from start import images, report, start
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

model = start(nn.Sequential(
    nn.Flatten(), nn.Linear(144, 32), nn.LayerNorm(32), nn.SiLU(), nn.Linear(32, 32), nn.GroupNorm(4, 32), nn.Mish(),
    nn.Linear(32, 4),
))  # fmt: skip
decay = [p for n, p in model.named_parameters() if p.ndim >= 2]
no_decay = [p for n, p in model.named_parameters() if p.ndim < 2]
optimizer = torch.optim.AdamW([
    {"params": decay, "weight_decay": 0.1}, {"params": no_decay, "weight_decay": 0.0, "lr": 5e-3},
], lr=1e-2, betas=(0.9, 0.95))  # fmt: skip
scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=[2e-2, 1e-2], total_steps=18, pct_start=0.3)
scaler = torch.cuda.amp.GradScaler(enabled=False)
accumulation_steps = 2
losses = []
for epoch in range(6):
    for i, (x, y) in enumerate(DataLoader(TensorDataset(*images(96)), batch_size=16)):
        with torch.autocast(device_type="cpu", dtype=torch.bfloat16, enabled=False):
            loss = nn.functional.cross_entropy(model(x), y) / accumulation_steps
        scaler.scale(loss).backward()
        losses.append(loss.item())
        if (i + 1) % accumulation_steps == 0:
            scaler.unscale_(optimizer)
            norm = torch.nn.utils.clip_grad_norm_(model.parameters(), max_norm=0.5)
            assert torch.isfinite(norm)
            scaler.step(optimizer)
            scaler.update()
            scheduler.step()
            optimizer.zero_grad(set_to_none=True)
assert all(p.grad is None for p in model.parameters())
report(losses)
