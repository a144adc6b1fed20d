"""Knowledge distillation: a small network learns from a large one's softened outputs."""

import torch
import torch.nn as nn
import torch.nn.functional as F
from start import images, report, start

teacher = nn.Sequential(nn.Flatten(), nn.Linear(144, 64), nn.ReLU(), nn.BatchNorm1d(64), nn.Linear(64, 4))
student = nn.Sequential(nn.AvgPool2d(3), nn.Flatten(), nn.Linear(16, 4))
start(teacher, student)
x, y = images(96)
losses = []
optimizer = torch.optim.SGD(teacher.parameters(), lr=0.05, momentum=0.9, nesterov=True)
for step in range(15):
    optimizer.zero_grad()
    loss = F.cross_entropy(teacher(x), y, label_smoothing=0.1)
    loss.backward()
    optimizer.step()
    losses.append(loss.item())


@torch.no_grad()
def targets(model, x, T):
    model.eval()
    return F.softmax(model(x) / T, dim=1)


T, alpha = 2.0, 0.7
soft = targets(teacher, x, T)
assert not soft.requires_grad
optimizer = torch.optim.AdamW(student.parameters(), lr=0.05)
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=15)
for step in range(15):
    logits = student(x)
    kd = nn.KLDivLoss(reduction="batchmean")(F.log_softmax(logits / T, dim=1), soft) * (T * T)
    loss = alpha * kd + (1.0 - alpha) * F.cross_entropy(logits, y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    scheduler.step()
    losses.append(loss.item())
report(losses[:5] + losses[-15:])
