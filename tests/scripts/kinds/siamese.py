"""Metric learning: triplet, contrastive and cosine losses over one shared encoder."""

import torch
import torch.nn as nn
import torch.nn.functional as F
from start import images, report, start
from torch.utils.data import DataLoader, Dataset


class Triplets(Dataset):
    def __init__(self, count):
        self.images, self.labels = images(count)

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        label = self.labels[index]
        same = torch.nonzero(self.labels == label).squeeze(1)
        other = torch.where(self.labels != label)[0]
        return self.images[index], self.images[same[index % len(same)]], self.images[other[index % len(other)]]


class ContrastiveLoss(nn.Module):
    def __init__(self, margin=1.0):
        super().__init__()
        self.margin = margin

    def forward(self, a, b, label):
        distance = F.pairwise_distance(a, b, keepdim=True)
        return torch.mean(
            (1 - label) * torch.pow(distance, 2) + label * torch.pow(torch.clamp(self.margin - distance, min=0.0), 2)
        )


encoder = start(nn.Sequential(nn.Flatten(), nn.Linear(144, 32), nn.PReLU(), nn.Linear(32, 8)))
optimizer = torch.optim.RMSprop(encoder.parameters(), lr=1e-3, momentum=0.5)
triplet, contrastive = nn.TripletMarginLoss(margin=1.0, p=2), ContrastiveLoss()
cosine = nn.CosineEmbeddingLoss(margin=0.2)
losses = []
for epoch in range(4):
    for anchor, positive, negative in DataLoader(Triplets(64), batch_size=16, drop_last=True):
        a, p, n = encoder(anchor), encoder(positive), encoder(negative)
        loss = triplet(a, p, n) + contrastive(a, p, torch.zeros(16, 1)) + contrastive(a, n, torch.ones(16, 1))
        loss = loss + cosine(a, n, -torch.ones(16))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
with torch.no_grad():
    table = torch.cdist(encoder(images(8)[0]), encoder(images(8)[0]))
    assert table.diagonal().max() < 1e-2 and table.topk(3, largest=False).indices.shape == (8, 3)
report(losses)
