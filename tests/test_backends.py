"""Switches of how kernels compute."""

from __future__ import annotations

import numpy as np
import pytest

import lucid
import lucid.nn.functional as F


@pytest.mark.parametrize("channels", [16, 64, 200])
def test_winograd_and_direct_sums_stay_within_their_bound(channels: int) -> None:
    draw = np.random.default_rng(channels)
    x = draw.uniform(-1, 1, (1, channels, 20, 20)).astype(np.float32)
    w = draw.uniform(-1, 1, (16, channels, 3, 3)).astype(np.float32)
    exact = F.conv2d(lucid.from_numpy(x.astype(np.float64)), lucid.from_numpy(w.astype(np.float64)), padding=1).numpy()
    fast = F.conv2d(lucid.from_numpy(x), lucid.from_numpy(w), padding=1).numpy()
    with lucid.backends.winograd.flags(enabled=False):
        direct = F.conv2d(lucid.from_numpy(x), lucid.from_numpy(w), padding=1).numpy()
    bound = (32 + channels / 32 + 10) * 2.0**-24 * 81 * channels
    assert not np.array_equal(fast, direct)
    assert np.abs(fast - exact).max() <= bound
    # in practice far below it, and no worse than direct sums by more than a little
    assert np.sqrt(np.mean((fast - exact) ** 2)) <= 1.5 * np.sqrt(np.mean((direct - exact) ** 2))


def test_the_switch_comes_back_after_an_error() -> None:
    with pytest.raises(KeyError), lucid.backends.winograd.flags(enabled=False):
        assert not lucid.backends.winograd.enabled
        raise KeyError
    assert lucid.backends.winograd.enabled
