"""Hooks: features from inside a network, class activation maps, edited gradients, pruned weights that stay zero."""

from collections import OrderedDict, defaultdict

import torch
import torch.nn as nn
from start import images, report, start

model = start(nn.Sequential(OrderedDict([
    ("conv", nn.Conv2d(1, 8, 3, padding=1)), ("act", nn.ELU()), ("pool", nn.AvgPool2d(4)), ("flat", nn.Flatten()),
    ("fc", nn.Linear(72, 4)),
])))  # fmt: skip
activation, gradients, counts = {}, {}, defaultdict(int)


def get_activation(name):
    def hook(model, input, output):
        activation[name] = output.detach()
        counts[name] += 1

    return hook


handles = [m.register_forward_hook(get_activation(n)) for n, m in model.named_modules() if n]
handles.append(model.conv.register_full_backward_hook(lambda m, gi, go: gradients.update(conv=go[0])))
handles.append(model.fc.register_forward_pre_hook(lambda m, args: (args[0] * 1.0,)))
mask = torch.ones_like(model.fc.weight)
mask[:, ::3] = 0
model.fc.weight.data.mul_(mask)
model.fc.weight.register_hook(lambda grad: grad * mask)
optimizer = torch.optim.SGD(model.parameters(), lr=0.3)
x, y = images(64)
losses = []
for step in range(20):
    optimizer.zero_grad()
    loss = nn.functional.cross_entropy(model(x), y)
    loss.backward()
    optimizer.step()
    losses.append(loss.item())
assert counts["conv"] == 20 and activation["conv"].shape == gradients["conv"].shape == (64, 8, 12, 12)
assert model.fc.weight[:, ::3].abs().max() == 0
x = images(2)[0].requires_grad_()
hidden = model.conv(x)
hidden.retain_grad()
model.fc(model.flat(model.pool(model.act(hidden))))[:, 0].sum().backward()
cam = torch.relu((hidden.grad.mean(dim=(2, 3), keepdim=True) * hidden).sum(1))
assert cam.shape == (2, 12, 12) and x.grad.abs().amax() > 0
for handle in handles:
    handle.remove()
before = counts["conv"]
model(x)
assert counts["conv"] == before
report(losses)
