"""Pixel and channel shuffling: modules and refusals; values are in the records."""

from __future__ import annotations

import pytest

import lucid
import lucid.nn.functional as F
from lucid import nn


def test_modules_call_the_functions() -> None:
    x = lucid.randn(2, 8, 4, 6)
    assert lucid.equal(nn.PixelShuffle(2)(x), F.pixel_shuffle(x, 2))
    assert lucid.equal(nn.PixelUnshuffle(2)(nn.PixelShuffle(2)(x)), x)
    assert lucid.equal(nn.ChannelShuffle(4)(x), F.channel_shuffle(x, 4))
    assert [repr(m) for m in (nn.PixelShuffle(2), nn.PixelUnshuffle(3), nn.ChannelShuffle(4))] == [
        "PixelShuffle(upscale_factor=2)",
        "PixelUnshuffle(downscale_factor=3)",
        "ChannelShuffle(groups=4)",
    ]


def test_empty_batch() -> None:
    x = lucid.ones(0, 4, 2, 6, requires_grad=True)
    y = F.pixel_unshuffle(F.pixel_shuffle(x, 2), 2)
    assert y.shape == (0, 4, 2, 6) and lucid.autograd.grad(y, x, y)[0].shape == (0, 4, 2, 6)


def test_refusals() -> None:
    with pytest.raises(
        RuntimeError, match=r"pixel_shuffle: expected channels divisible by upscale_factor\^2 = 4, got 3"
    ):
        F.pixel_shuffle(lucid.ones(3, 2, 2), 2)
    with pytest.raises(
        RuntimeError, match="pixel_unshuffle: expected height and width divisible by downscale_factor 2"
    ):
        F.pixel_unshuffle(lucid.ones(1, 3, 2), 2)
    with pytest.raises(RuntimeError, match="pixel_shuffle: expected input of at least 3 dimensions"):
        F.pixel_shuffle(lucid.ones(3, 2), 2)
    with pytest.raises(RuntimeError, match="pixel_unshuffle: expected a positive downscale_factor, got 0"):
        F.pixel_unshuffle(lucid.ones(1, 2, 2), 0)
    with pytest.raises(
        RuntimeError, match="channel_shuffle: expected groups to be a positive divisor of 3 channels, got 2"
    ):
        F.channel_shuffle(lucid.ones(1, 3, 2), 2)
    with pytest.raises(RuntimeError, match=r"ChannelShuffle: expected input of at least 3 dimensions"):
        nn.ChannelShuffle(1)(lucid.ones(1, 3))
