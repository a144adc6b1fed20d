"""Augmentation with tensors alone: flips, crops, rotations, erased squares, noise; a denoising autoencoder."""

import math

import numpy as np
import torch
import torch.nn.functional as F
from start import images, report, start
from torch import nn

rng = np.random.default_rng(0)


def augment(x):
    n, _, h, w = x.shape
    flip = torch.from_numpy(rng.random(n) < 0.5)
    x = torch.where(flip[:, None, None, None], x.flip(dims=[3]), x)
    padded = F.pad(x, (2, 2, 2, 2), mode="reflect")
    top, left = rng.integers(0, 5, 2)
    x = padded[:, :, top : top + h, left : left + w]
    angle = float(rng.uniform(-0.3, 0.3))
    theta = torch.tensor([[math.cos(angle), -math.sin(angle), 0.0], [math.sin(angle), math.cos(angle), 0.0]])
    grid = F.affine_grid(theta.expand(n, 2, 3), [n, 1, h, w], align_corners=False)
    x = F.grid_sample(x, grid, mode="bilinear", padding_mode="border", align_corners=False)
    x = torch.roll(x, shifts=(1, -1), dims=(2, 3)).clone()
    x[:, :, 4:6, 4:6] = 0
    return x.clamp_(0, 1)


class Denoiser(nn.Module):
    def __init__(self):
        super().__init__()
        self.down = nn.Sequential(nn.Conv2d(1, 8, 3, stride=2, padding=1), nn.SELU())
        self.middle = nn.Sequential(nn.Conv2d(8, 8, 3, padding=2, dilation=2), nn.Softplus())
        self.up = nn.Sequential(nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True), nn.Conv2d(16, 1, 1))

    def forward(self, x):
        y = self.down(x)
        return torch.sigmoid(self.up(torch.cat([y, self.middle(y)], dim=1)))


model = start(Denoiser())
optimizer = torch.optim.RAdam(model.parameters(), lr=0.05)
scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.5, patience=3)
losses = []
for step in range(20):
    clean = augment(images(32, seed=step % 4)[0])
    noisy = clean + 0.1 * torch.from_numpy(rng.standard_normal(clean.shape)).to(clean)
    loss = F.binary_cross_entropy(model(noisy), clean) + F.l1_loss(model(noisy), clean)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    scheduler.step(loss.item())
    losses.append(loss.item())
report(losses)
