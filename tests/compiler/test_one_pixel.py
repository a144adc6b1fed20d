"""Convolutions of images of one pixel, whose samples lie side by side in memory."""

from __future__ import annotations

from typing import Any

import pytest

import lucid
from lucid import nn


@pytest.mark.parametrize("shape", [(1, 1), (1, 2), (2, 1), (2, 2)])
@pytest.mark.parametrize(
    "kernel, stride, padding",
    [(1, 1, 0), (3, 1, 1), (5, 1, 2), (3, 2, 1), ((3, 1), 1, (1, 0)), ((1, 3), 1, (0, 1)), (1, 3, 1)],
)
@pytest.mark.parametrize("channels", [3, 16, 40])
def test_samples_do_not_reach_each_other(shape: Any, kernel: Any, stride: Any, padding: Any, channels: int) -> None:
    net = nn.Sequential(nn.Conv2d(channels, 16, 1), nn.Conv2d(16, 40, kernel, stride, padding), nn.ReLU()).eval()
    compiled = lucid.compile(net)
    x = lucid.randn(4, channels, *shape)
    with lucid.inference_mode():
        expected = net(x)
        alone = lucid.cat([compiled(x[i : i + 1]) for i in range(4)])
        assert (alone - expected).abs().max() <= 2e-5 * expected.abs().max()
        for rows in (2, 4):
            together = lucid.cat([compiled(x[i : i + rows]) for i in range(0, 4, rows)])
            assert together.numpy().tobytes() == alone.numpy().tobytes()
