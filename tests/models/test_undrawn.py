"""Weights that are given are loaded, not drawn and then replaced."""

from __future__ import annotations

import numpy as np

import lucid
from lucid import nn
from lucid.models import create_model


def test_weights_that_are_given_are_not_drawn_first() -> None:
    state = create_model("mobilenet_v3_small", num_classes=3).state_dict()
    before = lucid.get_rng_state().numpy().copy()
    model = create_model("mobilenet_v3_small", num_classes=3, weights=state)
    assert np.array_equal(lucid.get_rng_state().numpy(), before)
    for key, value in model.state_dict().items():
        assert np.array_equal(value.numpy(), state[key].numpy()), key
    assert float(nn.Linear(30, 40).weight.detach().std()) > 0.01
    assert not np.array_equal(lucid.get_rng_state().numpy(), before)  # others are drawn as ever


def test_what_given_weights_lack_is_drawn() -> None:
    state = create_model("mobilenet_v3_small", num_classes=3).state_dict()
    drawn = state.pop("classifier.3.weight")
    model = create_model("mobilenet_v3_small", num_classes=3, weights=state, strict=False)
    weight = model.state_dict()["classifier.3.weight"]
    assert 0.8 < float(weight.std() / drawn.std()) < 1.25
    assert abs(float(weight.mean())) < float(drawn.std())
    assert np.array_equal(model.state_dict()["classifier.0.weight"].numpy(), state["classifier.0.weight"].numpy())
