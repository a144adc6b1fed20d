"""Networks that are trained in the tests of compiled training steps, each with a batch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import lucid
from lucid import nn

CLASSES = 5
BATCH = 12


def mlp() -> nn.Module:
    return nn.Sequential(
        nn.Linear(12, 20), nn.SiLU(), nn.Dropout(0.3), nn.Linear(20, 20), nn.ReLU(), nn.Linear(20, 20, bias=False),
        nn.Tanh(), nn.Linear(20, CLASSES),
    )  # fmt: skip


class Block(nn.Module):
    """A residual block, with in-place additions and activations as torchvision writes them."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn1, self.bn2, self.relu = nn.BatchNorm2d(channels), nn.BatchNorm2d(channels), nn.ReLU(inplace=True)

    def forward(self, x: Any) -> Any:
        y = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        y += x
        return self.relu(y)


def cnn() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2), Block(8), nn.Dropout2d(0.2),
        nn.Conv2d(8, 16, 3, 2, 1, groups=4), nn.GELU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, CLASSES),
    )  # fmt: skip


class Transformer(nn.Module):
    """Two layers of an encoder with dropout on probabilities too."""

    def __init__(self) -> None:
        super().__init__()
        layer = nn.TransformerEncoderLayer(32, 4, 64, dropout=0.1, batch_first=True)
        self.embedding, self.encoder, self.head = nn.Embedding(10, 32), nn.TransformerEncoder(layer, 2), nn.Linear(32, CLASSES)  # fmt: skip

    def forward(self, x: Any) -> Any:
        return self.head(self.encoder(self.embedding(x)).mean(1))


class Recurrent(nn.Module):
    """A classifier by the last output of an LSTM."""

    def __init__(self) -> None:
        super().__init__()
        self.rnn, self.head = nn.LSTM(12, 20, 2, batch_first=True, dropout=0.2), nn.Linear(20, CLASSES)

    def forward(self, x: Any) -> Any:
        return self.head(self.rnn(x)[0][:, -1])


class Shared(nn.Module):
    """A weight that is used twice, a parameter of its own, and noise."""

    def __init__(self) -> None:
        super().__init__()
        self.inner, self.head = nn.Linear(12, 12), nn.Linear(12, CLASSES)
        self.scale = nn.Parameter(lucid.ones(12))

    def forward(self, x: Any) -> Any:
        y = self.inner(x).sigmoid() * self.scale
        y = self.inner(y + 0.1 * lucid.randn(*y.shape)) + y
        return self.head(y.exp().log1p())


def images() -> Any:
    return lucid.randn(BATCH, 3, 10, 10)


def tokens() -> Any:
    return lucid.from_numpy(np.random.default_rng(0).integers(0, 10, (BATCH, 7)))


NETS: dict[str, tuple[Callable[[], nn.Module], Callable[[], Any]]] = {
    "mlp": (mlp, lambda: lucid.randn(BATCH, 12)),
    "cnn": (cnn, images),
    "transformer": (Transformer, tokens),
    "lstm": (Recurrent, lambda: lucid.randn(BATCH, 7, 12)),
    "shared": (Shared, lambda: lucid.randn(BATCH, 12)),
}
OPTIMIZERS: dict[str, Callable[[Any], Any]] = {
    "SGD": lambda p: lucid.optim.SGD(p, 0.05, momentum=0.9, weight_decay=1e-3),
    "plain SGD": lambda p: lucid.optim.SGD(p, 0.05),
    "Adam": lambda p: lucid.optim.Adam(p, 0.01),
    "AdamW": lambda p: lucid.optim.AdamW(p, 0.01, amsgrad=True),
    "RMSprop": lambda p: lucid.optim.RMSprop(p, 0.01),
}


class Run:
    """A network, its optimizer and a batch; ``step`` trains it by a plan or eagerly."""

    def __init__(self, net: str, optimizer: str, compiled: bool, seed: int = 0, **options: Any) -> None:
        lucid.manual_seed(seed)
        make, batch = NETS[net]
        self.net, self.x, self.y = make(), batch(), lucid.arange(BATCH) % CLASSES
        self.optimizer = OPTIMIZERS[optimizer](self.net.parameters())
        self.criterion = nn.CrossEntropyLoss(label_smoothing=0.1)
        self.max_norm = options.get("max_norm")
        self.step: Any = lucid.compile_step(self.net, self.criterion, self.optimizer, **options)
        if not compiled:
            self.step = self.eager

    def eager(self, *args: Any) -> Any:
        self.optimizer.zero_grad()
        loss = self.criterion(self.net(*args[:-1]), args[-1])
        loss.backward()
        if self.max_norm is not None:
            nn.utils.clip_grad_norm_(self.net.parameters(), self.max_norm)
        self.optimizer.step()
        return loss.detach()

    def train(self, steps: int) -> list[float]:
        return [self.step(self.x, self.y).item() for _ in range(steps)]

    def bits(self) -> dict[str, bytes]:
        """Parameters, buffers, gradients, what the optimizer remembers, and the state of the generator."""
        found = {k: v.numpy().tobytes() for k, v in self.net.state_dict().items()}
        found |= {f"grad {k}": b"" if p.grad is None else p.grad.numpy().tobytes() for k, p in self.net.named_parameters()}  # fmt: skip
        for i, state in self.optimizer.state_dict()["state"].items():
            found |= {f"{i} {k}": v.numpy().tobytes() for k, v in state.items() if v is not None}
        found["generator"] = lucid.get_rng_state().numpy().tobytes()
        return found
