"""Tools that scripts use beside a library: progress bars, plots, pickles and copies."""

from __future__ import annotations

import copy
import io
import pickle
from typing import Any

import numpy as np
import pytest

import lucid
import lucid.nn.functional as F
from lucid import nn
from lucid.utils.data import DataLoader, Subset, TensorDataset, random_split


def test_tqdm_counts_loaders_and_tensors() -> None:
    tqdm = pytest.importorskip("tqdm").tqdm
    loader = DataLoader(TensorDataset(lucid.arange(10)), batch_size=3)
    for what, count in ((loader, 4), (lucid.ones(5, 2), 5), (enumerate(loader), None)):
        bar = tqdm(what, file=io.StringIO())
        assert bar.total == count and sum(1 for _ in bar) == (count or 4)
    bar = tqdm(loader, file=io.StringIO())
    for (x,) in bar:
        bar.set_postfix(loss=x.float().mean().item(), shape=x.shape)
    assert bar.n == 4


def test_matplotlib_draws_tensors() -> None:
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(2, 4)
    x = lucid.linspace(0, 1, 20)
    (line,) = axes[0, 0].plot(x, x * x)
    np.testing.assert_array_equal(line.get_xydata()[:, 1], (x * x).numpy())
    assert axes[0, 1].imshow(lucid.rand(4, 5)).get_array().shape == (4, 5)
    axes[0, 1].imshow(lucid.rand(3, 4, 5).permute(1, 2, 0))
    counts, _, _ = axes[0, 2].hist(x, bins=4)
    assert counts.sum() == 20
    assert len(axes[0, 3].scatter(x, x, c=x, s=x * 10).get_offsets()) == 20
    assert len(axes[1, 0].bar(lucid.arange(3), lucid.tensor([1.0, 2.0, 3.0]))) == 3
    axes[1, 1].fill_between(x, x - 0.1, x + 0.1)
    axes[1, 2].errorbar(x, x, yerr=x / 10)
    axes[1, 3].contour(lucid.outer(x, x))
    with pytest.raises(RuntimeError, match=r"Can't call numpy\(\) on Tensor that requires grad"):
        axes[0, 0].plot(lucid.ones(3, requires_grad=True))
    figure.savefig(io.BytesIO())
    plt.close(figure)


def hook(module: nn.Module, args: Any, y: lucid.Tensor) -> lucid.Tensor:
    return y * 2


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Dropout(0.5))
        self.rnn = nn.LSTM(4, 2, batch_first=True)
        self.tied = self.body[0].weight
        self.register_buffer("steps", lucid.zeros((), dtype=lucid.int64))

    def forward(self, x: lucid.Tensor) -> lucid.Tensor:
        return self.rnn(self.body(x)[:, None])[0]


COPIES = {
    "pickle": lambda x: pickle.loads(pickle.dumps(x)),
    "pickle, old": lambda x: pickle.loads(pickle.dumps(x, protocol=2)),
    "deepcopy": copy.deepcopy,
}
each_copy = pytest.mark.parametrize("again", COPIES.values(), ids=COPIES)


@each_copy
def test_modules_with_hooks(again: Any) -> None:
    net = Net()
    net.body[0].register_forward_hook(hook)
    net.eval()
    twin, x = again(net), lucid.randn(5, 3)
    assert lucid.equal(twin(x), net(x)) and twin.body[0].weight is twin.tied is not net.tied and not twin.training
    assert repr(twin) == repr(net) and list(twin.state_dict()) == list(net.state_dict())
    with lucid.no_grad():
        twin.body[0].weight.zero_()
    assert not lucid.equal(twin(x), net(x))


OPTIMIZERS = {
    "SGD": dict(momentum=0.9, nesterov=True), "Adam": dict(amsgrad=True), "AdamW": {}, "RMSprop": dict(momentum=0.5),
    "Adagrad": {}, "Adadelta": {}, "Adamax": {}, "NAdam": {}, "RAdam": {}, "Rprop": {}, "ASGD": {},
}  # fmt: skip


def train(net: nn.Module, optimizer: Any, x: lucid.Tensor, steps: int) -> None:
    for _ in range(steps):
        optimizer.zero_grad()
        F.mse_loss(net(x), lucid.ones(1)).backward()
        optimizer.step()


@each_copy
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_training_goes_on_with_copies(name: str, again: Any) -> None:
    net, x = nn.Linear(3, 2), lucid.randn(5, 3)
    optimizer = getattr(lucid.optim, name)(net.parameters(), lr=0.01, **OPTIMIZERS[name])
    scheduler = lucid.optim.lr_scheduler.StepLR(optimizer, 2)
    train(net, optimizer, x, 3)
    scheduler.step()
    net2, optimizer2, scheduler2 = again((net, optimizer, scheduler))
    assert scheduler2.optimizer is optimizer2 and optimizer2.param_groups[0]["params"][0] is net2.weight
    for one, opt, plan in ((net, optimizer, scheduler), (net2, optimizer2, scheduler2)):
        train(one, opt, x, 3)
        plan.step()
    assert lucid.equal(net.weight, net2.weight) and net2.weight is not net.weight
    assert optimizer.param_groups[0]["lr"] == optimizer2.param_groups[0]["lr"]


@each_copy
def test_tensors_generators_and_data(again: Any) -> None:
    g = lucid.Generator()
    g.manual_seed(3)
    lucid.rand(5, generator=g)
    twin = again(g)
    assert lucid.equal(lucid.rand(5, generator=g), lucid.rand(5, generator=twin))
    x = lucid.randn(4, 3).t()
    x.requires_grad_(True)
    y = again(x)
    assert lucid.equal(x, y) and y.requires_grad and y.is_leaf and y.data_ptr() != x.data_ptr()
    for t in (
        lucid.tensor(1.5),
        lucid.ones(0, 2),
        lucid.ones(2, dtype=lucid.bfloat16),
        lucid.tensor([1j]),
        lucid.ones(3) > 0,
    ):
        assert again(t).dtype is t.dtype and again(t).tolist() == t.tolist() and again(t).shape == t.shape
    assert again(lucid.float32) is lucid.float32 and again(lucid.ones(2, 3).shape) == (2, 3)
    assert again(lucid.device("cpu")) == lucid.device("cpu")
    data = TensorDataset(lucid.arange(6), lucid.arange(6) * 2)
    part = random_split(data, [4, 2], generator=lucid.Generator().manual_seed(0))[0]
    assert [tuple(map(int, row)) for row in again(part)] == [tuple(map(int, row)) for row in part]
    assert len(again(Subset(data, [1, 2]))) == 2
    loader = DataLoader(data, batch_size=4, shuffle=True, generator=lucid.Generator().manual_seed(1))
    assert [b[0].tolist() for b in again(loader)] == [b[0].tolist() for b in loader]
    packed = nn.utils.rnn.pack_sequence([lucid.ones(3), lucid.ones(1)])
    assert lucid.equal(again(packed).data, packed.data)


def test_what_was_computed_is_not_copied() -> None:
    y = lucid.ones(2, requires_grad=True) * 2
    with pytest.raises(RuntimeError, match="Only Tensors created explicitly by the user"):
        copy.deepcopy(y)
