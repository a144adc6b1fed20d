"""The convolutional network of the first handwriting readers: LeCun et al. (1998)."""

from __future__ import annotations

from collections import OrderedDict

from lucid import Tensor, nn
from lucid.models._preprocessing import Preprocessing
from lucid.models._registry import About, variant


class LeNet(nn.Module):
    """LeNet-5: two convolutions with averaging between them, and three linear layers.

    Of the paper it keeps the sizes and the hyperbolic tangent. As usual since, the second convolution sees all channels
    instead of a hand-made choice of them, averages have no weights of their own, the hyperbolic tangent is not scaled,
    and the last layer is linear, for a softmax, instead of distances to drawn digits.

    Args:
        num_classes: number of outputs.
        in_channels: channels of the images.

    Shape:
        (N, in_channels, 32, 32) -> (N, num_classes). Digits of 28 x 28 pixels get a frame of 2.

    Raises:
        ValueError: an input has another shape.

    Example:
        >>> import lucid
        >>> model = lucid.models.LeNet().eval()
        >>> model(lucid.zeros(2, 1, 32, 32)).shape
        lucid.Size([2, 10])

    Source: LeCun, Bottou, Bengio, Haffner (1998), Gradient-Based Learning Applied to Document Recognition.
    """

    def __init__(self, num_classes: int = 10, in_channels: int = 1) -> None:
        super().__init__()
        self.in_channels = in_channels
        self.features = nn.Sequential(
            OrderedDict(
                conv1=nn.Conv2d(in_channels, 6, 5), tanh1=nn.Tanh(), pool1=nn.AvgPool2d(2),
                conv2=nn.Conv2d(6, 16, 5), tanh2=nn.Tanh(), pool2=nn.AvgPool2d(2),
            )
        )  # fmt: skip
        self.classifier = nn.Sequential(
            OrderedDict(
                fc1=nn.Linear(16 * 5 * 5, 120), tanh1=nn.Tanh(), fc2=nn.Linear(120, 84), tanh2=nn.Tanh(),
                fc3=nn.Linear(84, num_classes),
            )
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        if tuple(x.shape[1:]) != (self.in_channels, 32, 32):
            raise ValueError(f"expected an input of shape (N, {self.in_channels}, 32, 32), got {tuple(x.shape)}")
        return self.classifier(self.features(x).flatten(1))


_PREPARE = Preprocessing(28, 32, mean=(20 / 255,), std=(200 / 255,))
"""Digits of 28 pixels with a frame of 2; what is 0 becomes -0.1 and what is 1 becomes 1.175, as in the paper."""

lenet5 = variant(
    "lenet5", "LeNet-5", "61 706", _PREPARE,
    About(
        "LeCun, Bottou, Bengio, Haffner (1998), Gradient-Based Learning Applied to Document Recognition",
        "lucid.models.{name}().eval()(lucid.zeros(1, 1, 32, 32)).shape",
    ),
    LeNet,
)  # fmt: skip
