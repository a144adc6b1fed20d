"""RNN, LSTM, GRU, their cells and packed sequences against torch; errors; second derivatives."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from nn.parity import compare, draw, exchange, torch

import lucid
from lucid import nn
from lucid.nn.utils import rnn as sequences

LENGTHS = [4, 6, 2]
CASES = [
    ("RNN", {}), ("RNN", {"nonlinearity": "relu", "num_layers": 2, "bidirectional": True}), ("RNN", {"bias": False, "batch_first": True}),
    ("LSTM", {}), ("LSTM", {"num_layers": 2, "bidirectional": True}), ("LSTM", {"proj_size": 3, "num_layers": 2, "bidirectional": True}),
    ("LSTM", {"bias": False, "proj_size": 2}), ("LSTM", {"batch_first": True}), ("GRU", {}), ("GRU", {"num_layers": 2, "bidirectional": True}),
    ("GRU", {"bias": False}), ("GRU", {"batch_first": True}),
]  # fmt: skip
each_case = pytest.mark.parametrize("name,options", CASES, ids=str)


class Summed:
    """A module whose output and final states are joined into one tensor, so that all of their gradients count."""

    def __init__(self, module: Any, packed: bool = False) -> None:
        self.module, self.packed = module, packed
        self.named_parameters, self.named_buffers = module.named_parameters, module.named_buffers

    def __call__(self, x: Any, *states: Any) -> Any:
        library = sequences if isinstance(x, lucid.Tensor) else torch().nn.utils.rnn
        if self.packed:
            x = library.pack_padded_sequence(x, LENGTHS, self.module.batch_first, enforce_sorted=False)
        y, final = self.module(x, None if not states else states if len(states) > 1 else states[0])
        if self.packed:
            y, lengths = library.pad_packed_sequence(y, self.module.batch_first)
            assert lengths.tolist() == LENGTHS
        final = final if isinstance(final, tuple) else (final,)
        total = (y * y).sum() + y.sum()
        for i, h in enumerate(final):
            total = total + (i + 2) * (h * h * h).sum()
        return total


def pair(name: str, *sizes: int, **options: Any) -> tuple[Any, Any]:
    theirs = getattr(torch().nn, name)(*sizes, **options).double()
    ours = getattr(nn, name)(*sizes, **options).double()
    exchange(ours, theirs)
    return ours, theirs


def initial(name: str, options: dict[str, Any], batch: int) -> list[np.ndarray]:
    layers = options.get("num_layers", 1) * (2 if options.get("bidirectional") else 1)
    shapes = [(layers, batch, options.get("proj_size", 5)), (layers, batch, 5)]
    return [draw(*shape, seed=7 + i) for i, shape in enumerate(shapes[: 2 if name == "LSTM" else 1])]


@each_case
def test_like_torch(name: str, options: dict[str, Any]) -> None:
    ours, theirs = pair(name, 4, 5, **options)
    x = draw(3, 6, 4) if options.get("batch_first") else draw(6, 3, 4)
    states = initial(name, options, 3)
    for packed in (False, True):
        compare(Summed(ours, packed), Summed(theirs, packed), x)
        compare(Summed(ours, packed), Summed(theirs, packed), x, *states)
    compare(Summed(ours), Summed(theirs), draw(6, 4), *[h[:, 0] for h in states])
    compare(Summed(ours), Summed(theirs), draw(6, 4))


@pytest.mark.parametrize("name", ["RNN", "LSTM", "GRU"])
def test_larger_like_torch(name: str) -> None:
    """Units shared among threads."""
    ours, theirs = pair(name, 20, 200)
    for threads in (1, 2):
        lucid.set_num_threads(threads)
        compare(Summed(ours), Summed(theirs), draw(4, 24, 20))


@pytest.mark.parametrize(
    "name,options",
    [("RNNCell", {}), ("RNNCell", {"nonlinearity": "relu", "bias": False}), ("LSTMCell", {}), ("GRUCell", {})],
)
def test_cells_like_torch(name: str, options: dict[str, Any]) -> None:
    ours, theirs = pair(name, 4, 5, **options)

    def joined(module: Any) -> Any:
        def call(x: Any, *states: Any) -> Any:
            out = module(x, None if not states else states if len(states) > 1 else states[0])
            return out[0] * 2 + out[1] * out[1] if isinstance(out, tuple) else out

        call.named_parameters, call.named_buffers = module.named_parameters, module.named_buffers  # type: ignore[attr-defined]
        return call

    states = [draw(3, 5, seed=s) for s in range(1, 3 if name == "LSTMCell" else 2)]
    compare(joined(ours), joined(theirs), draw(3, 4))
    compare(joined(ours), joined(theirs), draw(3, 4), *states)
    compare(joined(ours), joined(theirs), draw(4), *[h[0] for h in states])


def test_cell_is_one_step() -> None:
    layer, cell, x = nn.GRU(3, 4), nn.GRUCell(3, 4), lucid.randn(5, 2, 3)
    cell.load_state_dict({k.removesuffix("_l0"): v for k, v in layer.state_dict().items()})
    y, h = layer(x)[0], None
    for t in range(5):
        h = cell(x[t], h)
        assert np.array_equal(h.detach().numpy(), y[t].detach().numpy())


@pytest.mark.parametrize("mode", ["RNN", "LSTM", "GRU"])
def test_second_derivatives(mode: str) -> None:
    layer = getattr(nn, mode)(2, 2, bidirectional=True).double()
    x = lucid.from_numpy(draw(4, 2)).requires_grad_()
    packed = sequences.PackedSequence(x, [2, 1, 1])
    assert lucid.autograd.gradgradcheck(lambda x: layer(packed._with(x))[0].data, [x])
    plain = lucid.autograd.grad(Summed(layer)(x), [x, *layer.parameters()])
    recorded = lucid.autograd.grad(Summed(layer)(x), [x, *layer.parameters()], create_graph=True)
    for a, b in zip(plain, recorded):
        np.testing.assert_allclose(a.numpy(), b.detach().numpy(), 1e-10, 1e-12)


def test_two_backward_passes_through_one_graph() -> None:
    layer, x = nn.LSTM(3, 4), lucid.randn(5, 2, 3).requires_grad_()
    y = layer(x)[0].sum()
    first, second = lucid.autograd.grad(y, x, retain_graph=True)[0], lucid.autograd.grad(y, x)[0]
    assert np.array_equal(first.numpy(), second.numpy())
    with pytest.raises(RuntimeError, match="backward through the graph a second time"):
        lucid.autograd.grad(y, x)


def test_only_wanted_gradients() -> None:
    layer, x = nn.GRU(3, 4), lucid.randn(5, 2, 3)
    layer.weight_hh_l0.requires_grad_(False)
    layer(x)[1].sum().backward()
    assert layer.weight_hh_l0.grad is None and layer.weight_ih_l0.grad is not None and x.grad is None


def test_initial_values_and_names() -> None:
    layer = nn.LSTM(3, 16, 2, bidirectional=True, proj_size=5)
    assert all(np.abs(p.detach().numpy()).max() <= 0.25 for p in layer.parameters())
    assert np.abs(layer.weight_ih_l1.detach().numpy()).max() > 0.24
    assert [p.shape for p in layer.all_weights[3]] == [(64, 10), (64, 5), (64,), (64,), (5, 16)]
    assert layer.all_weights[1][0] is layer.weight_ih_l0_reverse
    layer.flatten_parameters()
    assert repr(layer) == "LSTM(3, 16, proj_size=5, num_layers=2, bidirectional=True)"
    assert repr(nn.RNNCell(3, 4, False, "relu")) == "RNNCell(3, 4, bias=False, nonlinearity=relu)"


def test_dropout_between_layers_in_training_only() -> None:
    layer, x = nn.GRU(3, 8, 2, dropout=0.5), lucid.randn(5, 2, 3)
    assert not np.array_equal(layer(x)[0].detach().numpy(), layer(x)[0].detach().numpy())
    layer.eval()
    assert np.array_equal(layer(x)[0].detach().numpy(), layer(x)[0].detach().numpy())
    with pytest.warns(UserWarning, match="dropout acts between layers, so it needs num_layers greater than 1"):
        nn.GRU(3, 4, dropout=0.5)


def test_batch_of_none() -> None:
    y, h = nn.GRU(3, 4)(lucid.zeros(5, 0, 3))
    assert y.shape == (5, 0, 4) and h.shape == (1, 0, 4)


def z(*shape: int) -> lucid.Tensor:
    return lucid.zeros(*shape)


@pytest.mark.parametrize(
    "call,kind,message",
    [
        (lambda: nn.LSTM(3, 4)(z(5, 2, 6)), RuntimeError, "LSTM: expected last dimension 3, got 6 (input (5, 2, 6))"),
        (lambda: nn.LSTM(3, 4)(z(3)), ValueError, "LSTM: expected input to be 2-d (unbatched or packed) or 3-d, got shape (3,)"),
        (lambda: nn.LSTM(3, 4)(z(5, 2, 3).double()), ValueError, "LSTM: expected input of dtype lucid.float32 like the weights, got lucid.float64"),
        (lambda: nn.LSTM(3, 4)(z(5, 2, 3), z(1, 2, 4)), RuntimeError, "LSTM: expected hx as a pair (h, c) of tensors"),
        (lambda: nn.LSTM(3, 4)(z(5, 2, 3), (z(1, 2, 4), z(1, 3, 4))), RuntimeError, "LSTM: expected hx[1] of shape (1, 2, 4), got (1, 3, 4)"),
        (lambda: nn.GRU(3, 4)(z(5, 3), z(1, 2, 4)), RuntimeError, "GRU: expected hx of shape (1, 4), got (1, 2, 4)"),
        (lambda: nn.GRU(3, 4)(z(0, 2, 3)), RuntimeError, "GRU: expected a sequence of at least one step"),
        (lambda: nn.LSTM(3, 4, proj_size=4), ValueError, "LSTM: proj_size must be from 0 to hidden_size - 1, got 4 for 4"),
        (lambda: nn.RNNBase("GRU", 3, 4, proj_size=2), ValueError, "proj_size is for LSTM only, got 2"),
        (lambda: nn.GRU(3, 0), ValueError, "GRU: hidden_size and num_layers must be greater than zero, got 0 and 1"),
        (lambda: nn.GRU(3, 4.5), TypeError, "GRU: hidden_size should be of type int, got float"),
        (lambda: nn.GRU(3, 4, dropout=2), ValueError, "GRU: dropout should be a number in range [0, 1], got 2"),
        (lambda: nn.RNN(3, 4, nonlinearity="x"), ValueError, "RNN: nonlinearity must be 'tanh' or 'relu', got 'x'"),
        (lambda: nn.GRUCell(3, 4)(z(2, 5)), RuntimeError, "GRUCell: expected last dimension 3, got 5 (input (2, 5))"),
        (lambda: nn.LSTMCell(3, 4)(z(2, 3), (z(3, 4), z(2, 4))), RuntimeError, "LSTMCell: expected hx[0] of shape (2, 4), got (3, 4)"),
        (lambda: nn.RNNCell(3, 4)(z(1, 2, 3)), ValueError, "RNNCell: expected input to be 1-d or 2-d, got shape (1, 2, 3)"),
    ],
)  # fmt: skip
def test_errors(call: Any, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind) as caught:
        call()
    assert message in str(caught.value)


# Packed and padded sequences


def test_packing_like_torch() -> None:
    t = torch()
    x = draw(6, 3, 2)
    for batch_first, enforce_sorted, lengths in (
        (False, False, [4, 6, 2]),
        (True, False, [1, 3, 2, 3, 3, 1]),
        (False, True, [6, 4, 4]),
    ):
        ours = sequences.pack_padded_sequence(lucid.tensor(x), lengths, batch_first, enforce_sorted)
        theirs = t.nn.utils.rnn.pack_padded_sequence(t.tensor(x), lengths, batch_first, enforce_sorted)
        for a, b in zip(ours, theirs):
            assert (a is None) == (b is None)
            if a is not None:
                np.testing.assert_array_equal(a.numpy(), b.numpy())
        for total in (None, 8):
            padded = sequences.pad_packed_sequence(ours, batch_first, -1.0, total)
            expected = t.nn.utils.rnn.pad_packed_sequence(theirs, batch_first, -1.0, total)
            for a, b in zip(padded, expected):
                np.testing.assert_array_equal(a.numpy(), b.numpy())


def test_padding_like_torch() -> None:
    t = torch()
    items = [draw(n, 2, seed=n) for n in (2, 4, 1)]
    for batch_first in (False, True):
        for side in ("right", "left"):
            ours = sequences.pad_sequence([lucid.tensor(a) for a in items], batch_first, 9.0, side)
            theirs = t.nn.utils.rnn.pad_sequence([t.tensor(a) for a in items], batch_first, 9.0, side)
            np.testing.assert_array_equal(ours.numpy(), theirs.numpy())
        padded = sequences.pad_sequence([lucid.tensor(a) for a in items], batch_first)
        for a, b in zip(sequences.unpad_sequence(padded, lucid.tensor([2, 4, 1]), batch_first), items):
            np.testing.assert_array_equal(a.numpy(), b)


def test_gradients_pass_through_packing() -> None:
    x = lucid.from_numpy(draw(4, 3, 2)).requires_grad_()
    y, _ = sequences.pad_packed_sequence(sequences.pack_padded_sequence(x, [4, 1, 3], enforce_sorted=False))
    y.sum().backward()
    expected = np.arange(4)[:, None] < np.array([4, 1, 3])
    np.testing.assert_array_equal(x.grad.numpy(), np.repeat(expected[..., None], 2, 2))


def test_packed_sequence_object() -> None:
    packed = sequences.pack_sequence([lucid.tensor([1.0]), lucid.tensor([2.0, 3.0])], enforce_sorted=False)
    assert packed.double().data.dtype == lucid.float64 and packed.to(lucid.float32) is packed and packed.cpu() is packed
    assert packed.float().batch_sizes.tolist() == [2, 1] and not packed.is_cuda
    again = sequences.PackedSequence(packed.data, [2, 1], packed.sorted_indices)
    assert again.unsorted_indices.tolist() == packed.unsorted_indices.tolist() == [1, 0]


@pytest.mark.parametrize(
    "call,kind,message",
    [
        (lambda: sequences.pack_padded_sequence(z(5, 2), [3, 5]), RuntimeError, "must be sorted in decreasing order when `enforce_sorted` is True"),
        (lambda: sequences.pack_padded_sequence(z(5, 2), [3, 0]), RuntimeError, "lengths must be greater than 0, got [3, 0]"),
        (lambda: sequences.pack_padded_sequence(z(5, 2), [6, 1]), RuntimeError, "lengths must be at most 5, got [6, 1] (input (5, 2))"),
        (lambda: sequences.pack_padded_sequence(z(5, 2), [3]), RuntimeError, "expected one length per sequence, got 1 for a batch of 2 (input (5, 2))"),
        (lambda: sequences.pack_padded_sequence(z(5, 2), [0.5, 1]), RuntimeError, "expected lengths as a 1-d sequence of integers"),
        (lambda: sequences.pad_packed_sequence(sequences.pack_sequence([z(3)]), total_length=2), ValueError, "got 2 for 3"),
        (lambda: sequences.pad_packed_sequence(z(3)), TypeError, "expected a PackedSequence, got Tensor"),
        (lambda: sequences.pad_sequence([]), RuntimeError, "received an empty list of sequences"),
        (lambda: sequences.pad_sequence([z(2, 3), z(2, 4)]), RuntimeError, "must agree but for the first dimension, got (2, 3), (2, 4)"),
        (lambda: sequences.pad_sequence([z(2)], padding_side="x"), RuntimeError, "expected padding_side 'left' or 'right', got 'x'"),
        (lambda: sequences.unpad_sequence(z(3, 2), [1]), RuntimeError, "expected one length per sequence, got 1 for a batch of 2"),
    ],
)  # fmt: skip
def test_packing_errors(call: Any, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind) as caught:
        call()
    assert message in str(caught.value)


@pytest.mark.parametrize("kind", ["RNN", "GRU", "LSTM"])
def test_weights_that_are_computed_from_others(kind: str) -> None:
    layer = getattr(nn, kind)(3, 4)
    x = lucid.randn(5, 2, 3)
    expected = layer(x)[0]
    w = layer.weight_hh_l0
    del layer.weight_hh_l0
    layer.register_parameter("weight_hh_l0_raw", nn.Parameter(w.detach() / 2))
    layer.weight_hh_l0 = layer.weight_hh_l0_raw * 2
    found = layer(x)[0]
    found.sum().backward()
    assert bool((found == expected).all()) and layer.weight_hh_l0_raw.grad is not None
    normed = nn.utils.weight_norm(getattr(nn, kind)(3, 4), "weight_ih_l0")
    normed(x)[0].sum().backward()
    assert normed.weight_ih_l0_g.grad is not None and normed.weight_ih_l0_v.grad is not None
