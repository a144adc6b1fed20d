"""State dicts taken apart: prefixes removed, heads replaced, layers frozen, partial loading, files in memory."""

import io
import re
from collections import OrderedDict

import torch
import torch.nn as nn
from start import images, report, start


class Backbone(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(1, 8, 3), nn.BatchNorm2d(8), nn.ReLU6(inplace=True), nn.MaxPool2d(2))
        self.head = nn.Linear(200, classes)

    def forward(self, x):
        return self.head(self.features(x).flatten(1))


pretrained = start(Backbone(10))
wrapped = nn.DataParallel(pretrained)
buffer = io.BytesIO()
torch.save({"epoch": 3, "model": wrapped.state_dict(), "note": "from many devices"}, buffer)
buffer.seek(0)
checkpoint = torch.load(buffer, map_location=torch.device("cpu"))
assert checkpoint["epoch"] == 3
state = OrderedDict((re.sub(r"^module\.", "", k), v) for k, v in checkpoint["model"].items())
state = {k: v for k, v in state.items() if not k.startswith("head.")}
model = Backbone(4)
missing, unexpected = model.load_state_dict(state, strict=False)
assert sorted(missing) == ["head.bias", "head.weight"] and not unexpected
try:
    model.load_state_dict(pretrained.state_dict())
except RuntimeError as error:
    assert "size mismatch" in str(error)
model.head = start(nn.Linear(model.head.in_features, 4))
for name, param in model.named_parameters():
    param.requires_grad = name.startswith("head") or "features.1" in name
trainable = [p for p in model.parameters() if p.requires_grad]
assert sum(p.numel() for p in trainable) == 16 + 804
optimizer = torch.optim.SGD(filter(lambda p: p.requires_grad, model.parameters()), lr=0.02, momentum=0.9)
x, y = images(64)
frozen = model.features[0].weight.clone()
losses = []
for step in range(20):
    loss = nn.CrossEntropyLoss()(model(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    losses.append(loss.item())
assert torch.equal(frozen, model.features[0].weight)
assert model.features[1].num_batches_tracked.item() == 20
report(losses)
