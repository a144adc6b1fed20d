"""Layers of fast neural style: reflection padding, instance norms, upsampling, Gram matrices of frozen features."""

import torch
import torch.nn as nn
import torch.nn.functional as F
from start import images, report, start


class ConvLayer(nn.Module):
    def __init__(self, in_channels, out_channels, kernel_size, stride):
        super().__init__()
        self.reflection_pad = nn.ReflectionPad2d(kernel_size // 2)
        self.conv2d = nn.Conv2d(in_channels, out_channels, kernel_size, stride)

    def forward(self, x):
        return self.conv2d(self.reflection_pad(x))


class ResidualBlock(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.conv1, self.in1 = ConvLayer(channels, channels, 3, 1), nn.InstanceNorm2d(channels, affine=True)
        self.conv2, self.in2 = ConvLayer(channels, channels, 3, 1), nn.InstanceNorm2d(channels, affine=True)

    def forward(self, x):
        return self.in2(self.conv2(F.relu(self.in1(self.conv1(x))))) + x


class TransformerNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.down, self.norm = ConvLayer(3, 8, 3, 2), nn.InstanceNorm2d(8, affine=True)
        self.res, self.up = ResidualBlock(8), ConvLayer(8, 3, 3, 1)

    def forward(self, x):
        y = self.res(F.relu(self.norm(self.down(x))))
        return self.up(F.interpolate(y, mode="nearest", scale_factor=2))


def gram_matrix(y):
    (b, ch, h, w) = y.size()
    features = y.view(b, ch, w * h)
    return features.bmm(features.transpose(1, 2)) / (ch * h * w)


net, vgg = start(
    TransformerNet(), nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 8, 3), nn.ReLU())
)
for param in vgg.parameters():
    param.requires_grad = False
mean = torch.tensor([0.485, 0.456, 0.406]).view(-1, 1, 1)
std = torch.tensor([0.229, 0.224, 0.225]).view(-1, 1, 1)
content, _ = images(8, channels=3)
style = gram_matrix(vgg((content[:1].flip(-1).sqrt() - mean) / std)).expand(8, -1, -1)
optimizer = torch.optim.Adam(net.parameters(), 1e-2)
losses = []
for step in range(15):
    optimizer.zero_grad()
    y = net((content - mean) / std)
    features = vgg((y - mean) / std)
    content_loss = F.mse_loss(features, vgg((content - mean) / std))
    style_loss = 10 * F.mse_loss(gram_matrix(features), style)
    tv = (y[..., 1:] - y[..., :-1]).abs().mean() + (y[..., 1:, :] - y[..., :-1, :]).abs().mean()
    loss = content_loss + style_loss + 0.1 * tv
    loss.backward()
    optimizer.step()
    losses.append(loss.item())
img = net((content - mean) / std).detach()[0].clone().clamp(0, 1).mul(255).byte().numpy().transpose(1, 2, 0)
assert img.shape == (12, 12, 3) and img.dtype.name == "uint8"
report(losses)
