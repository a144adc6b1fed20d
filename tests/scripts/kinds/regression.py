"""A polynomial fitted four ways: by hand, with autograd, with a module, with least squares."""

from itertools import count

import torch
import torch.nn.functional as F
from start import report, start

x = torch.linspace(-1, 1, 64)
y = 0.5 + 2 * x - x**2 + 0.3 * x**3


def make_features(x):
    x = x.unsqueeze(1)
    return torch.cat([x**i for i in range(1, 4)], 1)


losses = []
a, b = torch.zeros((), requires_grad=True), torch.zeros(1, requires_grad=True)
for t in range(30):
    loss = (a + b * x - y).pow(2).mean()
    loss.backward()
    with torch.no_grad():
        a -= 0.3 * a.grad
        b -= 0.3 * b.grad
        a.grad = None
        b.grad.zero_()
    losses.append(loss.item())

fc = start(torch.nn.Linear(3, 1))
for batch_idx in count(1):
    fc.zero_grad()
    output = F.smooth_l1_loss(fc(make_features(x)), y[:, None])
    output.backward()
    for param in fc.parameters():
        param.data.add_(-0.5 * param.grad)
    losses.append(output.item())
    if output.item() < 1e-3 or batch_idx == 200:
        break

design = torch.cat([torch.ones(64, 1), make_features(x)], 1).double()
solution = torch.linalg.lstsq(design, y.double()[:, None]).solution
assert torch.allclose(solution.flatten(), torch.tensor([0.5, 2.0, -1.0, 0.3], dtype=torch.double), atol=1e-5)
grads = torch.autograd.grad(fc(make_features(x)).sum(), list(fc.parameters()))
assert [g.shape for g in grads] == [torch.Size([1, 3]), torch.Size([1])]
report(losses)
