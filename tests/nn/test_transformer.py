"""Transformer layers and stacks against torch: parameters, outputs, gradients, masks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from nn.parity import compare, draw, exchange, torch

import lucid
import lucid.nn.functional as F
from lucid import nn

OPTIONS = [
    {},
    {"norm_first": True, "batch_first": True},
    {"activation": "gelu", "batch_first": True},
    {"bias": False, "layer_norm_eps": 0.1},
]
each_option = pytest.mark.parametrize("options", OPTIONS, ids=str)
COMMON: dict[str, Any] = {"d_model": 8, "nhead": 2, "dim_feedforward": 12, "dropout": 0.0}


def pair(name: str, **options: Any) -> tuple[Any, Any]:
    theirs = getattr(torch().nn, name)(**COMMON, **options).double()
    ours = getattr(nn, name)(**COMMON, **options).double()
    exchange(ours, theirs)
    return ours, theirs


class Called:
    """A module and how to call it: parameters are the module's."""

    def __init__(self, module: Any, **arrays: Any) -> None:
        self.module, self.arrays = module, arrays
        self.named_parameters, self.named_buffers = module.named_parameters, module.named_buffers

    def __call__(self, *xs: Any) -> Any:
        make = lucid.tensor if isinstance(xs[0], lucid.Tensor) else torch().tensor
        return self.module(*xs, **{k: make(a) if isinstance(a, np.ndarray) else a for k, a in self.arrays.items()})


def both(ours: Any, theirs: Any, *arrays: np.ndarray, **masks: Any) -> None:
    compare(Called(ours, **masks), Called(theirs, **masks), *arrays)


CAUSAL = np.triu(np.ones((5, 5), bool), 1)


@each_option
def test_encoder_layer(options: dict[str, Any]) -> None:
    ours, theirs = pair("TransformerEncoderLayer", **options)
    batch = 5 if not options.get("batch_first") else 3
    x = draw(5, 3, 8) if batch == 5 else draw(3, 5, 8)
    padding = np.arange(5) >= np.array([[5], [2], [4]])
    both(ours, theirs, x)
    both(ours, theirs, x, src_mask=CAUSAL)
    both(ours, theirs, x, src_mask=CAUSAL, is_causal=True)
    both(ours, theirs, x, src_mask=CAUSAL, src_key_padding_mask=padding)
    both(ours, theirs, draw(5, 8))


@each_option
def test_decoder_layer(options: dict[str, Any]) -> None:
    ours, theirs = pair("TransformerDecoderLayer", **options)
    x, memory = (
        (draw(3, 5, 8), draw(3, 7, 8, seed=1)) if options.get("batch_first") else (draw(5, 3, 8), draw(7, 3, 8, seed=1))
    )
    both(ours, theirs, x, memory)
    both(ours, theirs, x, memory, tgt_mask=CAUSAL, memory_key_padding_mask=np.arange(7) >= np.array([[7], [2], [4]]))
    both(
        ours,
        theirs,
        x,
        memory,
        memory_mask=draw(5, 7, seed=2),
        tgt_key_padding_mask=np.arange(5) >= np.array([[5], [2], [4]]),
    )


@each_option
def test_encoder_and_decoder_stacks(options: dict[str, Any]) -> None:
    t = torch()
    for kind in ("Encoder", "Decoder"):
        our_layer, their_layer = pair(f"Transformer{kind}Layer", **options)
        ours = getattr(nn, f"Transformer{kind}")(our_layer, 2, nn.LayerNorm(8).double())
        theirs = getattr(t.nn, f"Transformer{kind}")(their_layer, 2, t.nn.LayerNorm(8).double())
        exchange(ours, theirs)
        xs = [draw(5, 5, 8)] if kind == "Encoder" else [draw(5, 5, 8), draw(5, 5, 8, seed=1)]
        both(ours, theirs, *xs)
        both(ours, theirs, *xs, **{"mask" if kind == "Encoder" else "tgt_mask": np.where(CAUSAL, -np.inf, 0.0)})


@each_option
def test_transformer(options: dict[str, Any]) -> None:
    ours, theirs = pair("Transformer", num_encoder_layers=2, num_decoder_layers=1, **options)
    both(ours, theirs, draw(5, 5, 8), draw(5, 5, 8, seed=1), tgt_mask=CAUSAL)


def test_layers_are_independent_copies() -> None:
    layer = nn.TransformerEncoderLayer(8, 2, 12)
    stack = nn.TransformerEncoder(layer, 2)
    a, b = stack.layers[0].linear1.weight, stack.layers[1].linear1.weight
    assert a is not b and np.array_equal(a.detach().numpy(), b.detach().numpy())
    with lucid.no_grad():
        a.zero_()
    assert b.detach().numpy().any() and layer.linear1.weight.detach().numpy().any()


def test_dropout_in_training_only() -> None:
    model, x = nn.Transformer(8, 2, 1, 1, 12, dropout=0.5), lucid.randn(4, 2, 8)
    assert not np.array_equal(model(x, x).detach().numpy(), model(x, x).detach().numpy())
    model.eval()
    assert np.array_equal(model(x, x).detach().numpy(), model(x, x).detach().numpy())


def test_square_subsequent_mask_and_its_detection() -> None:
    mask = nn.Transformer.generate_square_subsequent_mask(3)
    assert mask.tolist() == [[0, -np.inf, -np.inf], [0, 0, -np.inf], [0, 0, 0]]
    assert nn.Transformer.generate_square_subsequent_mask(2, dtype=lucid.float64).dtype == lucid.float64
    encoder, x = nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 12, 0.0), 1), lucid.randn(3, 2, 8)
    found, told, almost = (
        encoder(x, mask=m, is_causal=c)
        for m, c in ((mask, None), (mask, False), (mask + 1e-3 * mask.isinf().logical_not(), None))
    )
    np.testing.assert_allclose(found.detach().numpy(), told.detach().numpy(), 1e-5, 1e-6)
    np.testing.assert_allclose(found.detach().numpy(), almost.detach().numpy(), 1e-2, 1e-2)


def test_activations() -> None:
    layer = nn.TransformerEncoderLayer(8, 2, 12, activation=F.silu)
    assert layer.activation is F.silu and nn.TransformerEncoderLayer(8, 2, activation="gelu").activation is F.gelu
    with pytest.raises(
        RuntimeError, match="TransformerDecoderLayer: activation should be 'relu', 'gelu' or a callable, got 'tanh'"
    ):
        nn.TransformerDecoderLayer(8, 2, activation="tanh")


def test_errors_name_the_layer() -> None:
    model = nn.Transformer(8, 2, 1, 1, 12)
    with pytest.raises(
        RuntimeError,
        match=r"^Transformer: the batch number of src and tgt must be equal, got shapes \(5, 2, 8\) and \(5, 3, 8\)",
    ):
        model(lucid.zeros(5, 2, 8), lucid.zeros(5, 3, 8))
    with pytest.raises(
        RuntimeError, match=r"^Transformer: expected src and tgt with last dimension 8, got \(5, 2, 6\) and \(5, 2, 8\)"
    ):
        model(lucid.zeros(5, 2, 6), lucid.zeros(5, 2, 8))
    with pytest.raises(
        RuntimeError,
        match=r"MultiheadAttention 'encoder.layers.0.self_attn': expected attn_mask of shape \(5, 5\) or \(4, 5, 5\), got \(4, 4\)",
    ):
        model(lucid.zeros(5, 2, 8), lucid.zeros(5, 2, 8), src_mask=lucid.zeros(4, 4))
