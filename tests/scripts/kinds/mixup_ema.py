"""Mixed samples, and two averages of the weights: one kept by hand, one by swa_utils."""

import copy

import numpy as np
import torch
import torch.nn as nn
from start import images, report, start
from torch.optim.swa_utils import SWALR, AveragedModel, update_bn
from torch.utils.data import DataLoader, TensorDataset


class EMA:
    def __init__(self, model, decay):
        self.module = copy.deepcopy(model).eval()
        self.decay = decay
        for p in self.module.parameters():
            p.requires_grad_(False)

    @torch.no_grad()
    def update(self, model):
        for ema_v, model_v in zip(self.module.state_dict().values(), model.state_dict().values()):
            if ema_v.dtype.is_floating_point:
                ema_v.copy_(self.decay * ema_v + (1.0 - self.decay) * model_v)


def mixup_data(x, y, alpha=1.0):
    lam = rng.beta(alpha, alpha) if alpha > 0 else 1
    index = torch.from_numpy(rng.permutation(x.size()[0]))
    return lam * x + (1 - lam) * x[index, :], y, y[index], lam


rng = np.random.default_rng(0)
model = start(
    nn.Sequential(
        nn.Conv2d(1, 8, 3), nn.BatchNorm2d(8), nn.GELU(), nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(32, 4)
    )
)
ema, swa_model = EMA(model, 0.8), AveragedModel(model)
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=1e-4)
swa_scheduler = SWALR(optimizer, swa_lr=0.05, anneal_epochs=2)
loader = DataLoader(TensorDataset(*images(96)), batch_size=32)
losses = []
for epoch in range(5):
    for inputs, targets in loader:
        mixed, a, b, lam = mixup_data(inputs, targets)
        outputs = model(mixed)
        loss = lam * criterion(outputs, a) + (1 - lam) * criterion(outputs, b)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        ema.update(model)
        losses.append(loss.item())
    swa_model.update_parameters(model)
    swa_scheduler.step()
update_bn(loader, swa_model)
x, y = images(64, seed=1)
with torch.inference_mode():
    losses += [criterion(ema.module(x), y).item(), criterion(swa_model.eval()(x), y).item()]
    losses.append(losses[-1])
report(losses)
