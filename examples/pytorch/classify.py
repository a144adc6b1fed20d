"""Image classification: a residual network, augmentation, a warm-up and cosine schedule, checkpoints.

    python classify.py                        with PyTorch
    python -m lucid.torch classify.py         with lucid

Draws that training depends on come from NumPy, so that both see the same images in the same order.
"""

from __future__ import annotations

import argparse
import json
import os

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from shapes import NAMES, shapes
from torch.optim.lr_scheduler import CosineAnnealingLR, LinearLR, SequentialLR
from torch.utils.data import DataLoader, Dataset, Sampler


class Shapes(Dataset):
    """Images and labels; for training, mirrored, shifted and brightened at random, differently in every epoch."""

    def __init__(self, count, seed, augment):
        images, labels = shapes(count, seed=seed)
        self.images, self.labels = torch.from_numpy(images), torch.from_numpy(labels)
        self.augment, self.seed, self.epoch = augment, seed, 0

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, index):
        image = self.images[index]
        if self.augment:
            rng = np.random.default_rng((self.seed, self.epoch, index))
            if rng.random() < 0.5:
                image = image.flip(-1)
            up, left = rng.integers(0, 5, 2)
            side = image.shape[-1]
            image = F.pad(image, (2, 2, 2, 2))[:, up : up + side, left : left + side]
            image = image * float(rng.uniform(0.8, 1.2))
        return image, self.labels[index]


class Shuffled(Sampler):
    """All indices in an order that depends on the seed and the epoch alone."""

    def __init__(self, dataset, seed):
        self.dataset, self.seed = dataset, seed

    def __len__(self):
        return len(self.dataset)

    def __iter__(self):
        return iter(np.random.default_rng((self.seed, self.dataset.epoch)).permutation(len(self.dataset)).tolist())


class Block(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(outputs)
        self.shortcut = nn.Identity()
        if stride != 1 or inputs != outputs:
            self.shortcut = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x):
        y = F.relu(self.norm1(self.conv1(x)), inplace=True)
        y = self.norm2(self.conv2(y))
        return F.relu(y + self.shortcut(x))


class ResNet(nn.Sequential):
    def __init__(self, classes, width=16):
        super().__init__(
            nn.Conv2d(1, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU(inplace=True),
            Block(width, width, 1), Block(width, 2 * width, 2), Block(2 * width, 4 * width, 2),
            nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4 * width, classes),
        )  # fmt: skip


def train_epoch(model, loader, optimizer, scheduler, criterion, device):
    model.train()
    losses = []
    for images, labels in loader:
        images, labels = images.to(device, non_blocking=True), labels.to(device, non_blocking=True)
        optimizer.zero_grad(set_to_none=True)
        loss = criterion(model(images), labels)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        scheduler.step()
        losses.append(loss.item())
    return losses


@torch.no_grad()
def evaluate(model, loader, device):
    model.eval()
    total = right = 0
    loss = 0.0
    for images, labels in loader:
        logits = model(images.to(device))
        labels = labels.to(device)
        loss += F.cross_entropy(logits, labels, reduction="sum").item()
        right += (logits.argmax(1) == labels).sum().item()
        total += labels.size(0)
    return loss / total, right / total


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--stop", type=int, help="end after this epoch, as if interrupted")
    parser.add_argument("--count", type=int, default=2000, help="images to train on")
    parser.add_argument("--batch-size", type=int, default=50)
    parser.add_argument("--lr", type=float, default=3e-3)
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--weights", help="start from the weights in this file")
    parser.add_argument("--checkpoint", help="save to this file after every epoch; go on from it if it is there")
    parser.add_argument("--log", help="write the losses of all steps to this file, as JSON")
    args = parser.parse_args()

    torch.manual_seed(args.seed)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    training, testing = Shapes(args.count, args.seed, augment=True), Shapes(500, args.seed + 1, augment=False)
    loader = DataLoader(
        training, args.batch_size, sampler=Shuffled(training, args.seed), num_workers=args.workers, drop_last=True
    )
    test_loader = DataLoader(testing, 100)

    model = ResNet(len(NAMES)).to(device)
    if args.weights:
        model.load_state_dict(torch.load(args.weights, map_location=device))
    decay = [p for p in model.parameters() if p.ndim > 1]
    rest = [p for p in model.parameters() if p.ndim <= 1]
    optimizer = torch.optim.AdamW(
        [{"params": decay, "weight_decay": 0.05}, {"params": rest, "weight_decay": 0.0}], lr=args.lr
    )
    steps = args.epochs * len(loader)
    warmup = max(1, steps // 10)
    scheduler = SequentialLR(
        optimizer,
        [LinearLR(optimizer, 0.1, total_iters=warmup), CosineAnnealingLR(optimizer, steps - warmup)],
        milestones=[warmup],
    )
    criterion = nn.CrossEntropyLoss(label_smoothing=0.1)

    first, losses = 0, []
    if args.checkpoint and os.path.exists(args.checkpoint):
        saved = torch.load(args.checkpoint, map_location=device)
        model.load_state_dict(saved["model"])
        optimizer.load_state_dict(saved["optimizer"])
        scheduler.load_state_dict(saved["scheduler"])
        first, losses = saved["epoch"], saved["losses"]
        print(f"going on after epoch {first}")

    for epoch in range(first, args.epochs if args.stop is None else args.stop):
        training.epoch = epoch
        losses += train_epoch(model, loader, optimizer, scheduler, criterion, device)
        loss, accuracy = evaluate(model, test_loader, device)
        print(f"epoch {epoch + 1}: training loss {losses[-1]:.4f}, test loss {loss:.4f}, accuracy {accuracy:.1%}")
        if args.checkpoint:
            torch.save(
                {
                    "model": model.state_dict(),
                    "optimizer": optimizer.state_dict(),
                    "scheduler": scheduler.state_dict(),
                    "epoch": epoch + 1,
                    "losses": losses,
                },
                args.checkpoint,
            )
    if args.log:
        with open(args.log, "w") as file:
            json.dump(losses, file)


if __name__ == "__main__":
    main()
