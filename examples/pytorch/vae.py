"""A variational autoencoder of small images, with convolutions and transposed convolutions.

    python vae.py                        with PyTorch
    python -m lucid.torch vae.py         with lucid

Draws that training depends on come from NumPy, so that both see the same noise. Source: Kingma and Welling,
"Auto-Encoding Variational Bayes", 2014.
"""

from __future__ import annotations

import argparse
import json

import numpy as np
import torch
from shapes import shapes
from torch import nn, optim
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset


class VAE(nn.Module):
    """Gaussian code of ``latent`` numbers; pixels as probabilities."""

    def __init__(self, latent=8):
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Conv2d(1, 16, 4, stride=2, padding=1),
            nn.LeakyReLU(0.1),
            nn.Conv2d(16, 32, 4, stride=2, padding=1),
            nn.LeakyReLU(0.1),
            nn.Flatten(),
        )
        self.mean = nn.Linear(32 * 4 * 4, latent)
        self.logvar = nn.Linear(32 * 4 * 4, latent)
        self.decoder = nn.Sequential(
            nn.Linear(latent, 32 * 4 * 4),
            nn.Unflatten(1, (32, 4, 4)),
            nn.ReLU(),
            nn.ConvTranspose2d(32, 16, 4, stride=2, padding=1),
            nn.ReLU(),
            nn.ConvTranspose2d(16, 1, 4, stride=2, padding=1),
        )

    def reparameterize(self, mean, logvar, noise):
        return mean + noise * torch.exp(0.5 * logvar)

    def forward(self, x, noise):
        hidden = self.encoder(x)
        mean, logvar = self.mean(hidden), self.logvar(hidden)
        return self.decoder(self.reparameterize(mean, logvar, noise)), mean, logvar


def loss_function(logits, x, mean, logvar):
    """The negative evidence lower bound per image."""
    reconstruction = F.binary_cross_entropy_with_logits(logits, x, reduction="sum")
    divergence = -0.5 * torch.sum(1 + logvar - mean.pow(2) - logvar.exp())
    return (reconstruction + divergence) / x.size(0)


def write_grid(path, images, columns=8):
    """Images in [0, 1] side by side, as a PGM file."""
    count, _, height, width = images.shape
    rows = count // columns
    grid = images.reshape(rows, columns, height, width).permute(0, 2, 1, 3).reshape(rows * height, columns * width)
    with open(path, "wb") as file:
        file.write(b"P5 %d %d 255\n" % (columns * width, rows * height))
        file.write((grid * 255).round().to(torch.uint8).numpy().tobytes())


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--batch-size", type=int, default=50)
    parser.add_argument("--latent", type=int, default=8)
    parser.add_argument("--lr", type=float, default=2e-3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--weights", help="start from the weights in this file")
    parser.add_argument("--samples", help="write images drawn from the model to this PGM file")
    parser.add_argument("--log", help="write the losses of all steps to this file, as JSON")
    args = parser.parse_args()

    torch.manual_seed(args.seed)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    images, _ = shapes(args.count, noise=0.0, seed=args.seed)
    loader = DataLoader(TensorDataset(torch.from_numpy(images)), batch_size=args.batch_size)
    model = VAE(args.latent).to(device)
    if args.weights:
        model.load_state_dict(torch.load(args.weights, map_location=device))
    optimizer = optim.Adam(model.parameters(), lr=args.lr)
    scheduler = optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.9)
    rng = np.random.default_rng(args.seed)

    losses = []
    for epoch in range(args.epochs):
        model.train()
        for (x,) in loader:
            x = x.to(device)
            noise = torch.from_numpy(rng.standard_normal((x.size(0), args.latent))).to(device, torch.float32)
            optimizer.zero_grad()
            logits, mean, logvar = model(x, noise)
            loss = loss_function(logits, x, mean, logvar)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        scheduler.step()
        print(f"epoch {epoch + 1}: loss {np.mean(losses[-len(loader) :]):.3f}")

    if args.samples:
        model.eval()
        with torch.no_grad():
            code = torch.from_numpy(rng.standard_normal((64, args.latent))).to(device, torch.float32)
            write_grid(args.samples, torch.sigmoid(model.decoder(code)).cpu())
    if args.log:
        with open(args.log, "w") as file:
            json.dump(losses, file)


if __name__ == "__main__":
    main()
