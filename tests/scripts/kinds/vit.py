"""A small vision transformer: patches by unfold, a class token, heads by einsum, stochastic depth that is off."""

import torch
import torch.nn.functional as F
from start import images, report, start
from torch import Tensor, einsum, nn


class Attention(nn.Module):
    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.heads, self.scale = heads, (dim // heads) ** -0.5
        self.to_qkv = nn.Linear(dim, dim * 3, bias=False)
        self.to_out = nn.Linear(dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        b, n, _ = x.shape
        q, k, v = (t.reshape(b, n, self.heads, -1).transpose(1, 2) for t in self.to_qkv(x).chunk(3, dim=-1))
        dots = einsum("b h i d, b h j d -> b h i j", q, k) * self.scale
        out = einsum("bhij,bhjd->bhid", dots.softmax(dim=-1), v)
        assert torch.allclose(out, F.scaled_dot_product_attention(q, k, v), atol=1e-5)
        return self.to_out(out.transpose(1, 2).flatten(2))


class Block(nn.Module):
    def __init__(self, dim: int) -> None:
        super().__init__()
        self.norm1, self.attn, self.norm2 = nn.LayerNorm(dim), Attention(dim, 2), nn.LayerNorm(dim)
        self.mlp = nn.Sequential(nn.Linear(dim, 2 * dim), nn.GELU(approximate="tanh"), nn.Linear(2 * dim, dim))
        self.gamma = nn.Parameter(0.1 * torch.ones(dim))

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attn(self.norm1(x))
        return x + self.gamma * self.mlp(self.norm2(x))


class ViT(nn.Module):
    def __init__(self, patch: int = 4, dim: int = 16, classes: int = 4) -> None:
        super().__init__()
        self.patch = patch
        self.embed = nn.Linear(patch * patch, dim)
        self.cls = nn.Parameter(torch.zeros(1, 1, dim))
        self.position = nn.Parameter(torch.empty(1, 10, dim))
        nn.init.trunc_normal_(self.position, std=0.02)
        self.blocks = nn.ModuleList(Block(dim) for _ in range(2))
        self.head = nn.Linear(dim, classes)

    def forward(self, x: Tensor) -> Tensor:
        patches = F.unfold(x, self.patch, stride=self.patch).transpose(1, 2)
        x = torch.cat([self.cls.expand(x.shape[0], -1, -1), self.embed(patches)], dim=1) + self.position
        for block in self.blocks:
            x = block(x)
        return self.head(x[:, 0])


model = torch.compile(start(ViT()), backend="eager")
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
warm = torch.optim.lr_scheduler.LinearLR(optimizer, start_factor=0.1, total_iters=5)
scheduler = torch.optim.lr_scheduler.SequentialLR(
    optimizer, [warm, torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.95)], milestones=[5]
)
x, y = images(64)
losses = []
for step in range(20):
    loss = F.cross_entropy(model(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    scheduler.step()
    losses.append(loss.item())
report(losses)
