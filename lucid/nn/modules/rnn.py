"""Recurrent networks over whole sequences."""

from __future__ import annotations

import math
import numbers
import warnings
from typing import Any

import numpy as np

from lucid._functions import _autocast
from lucid._functions.join import cat
from lucid._functions.rnn import GATES, run_recurrent
from lucid._functions.shape import reshape, squeeze, transpose, unsqueeze
from lucid._tensor import Tensor
from lucid.autograd._node import wrap
from lucid.nn import functional as F
from lucid.nn import init
from lucid.nn.modules._layers import check_layers
from lucid.nn.modules.module import Module
from lucid.nn.parameter import Parameter, empty_parameter
from lucid.nn.utils.rnn import PackedSequence

__all__ = ["GRU", "LSTM", "RNN", "RNNBase"]

NONLINEARITIES = {"tanh": "RNN_TANH", "relu": "RNN_RELU"}


def reset_parameters(module: Module, hidden_size: int) -> None:
    """Everything uniform within 1 / sqrt(hidden_size)."""
    bound = 1 / math.sqrt(hidden_size) if hidden_size > 0 else 0.0
    for p in module.parameters():
        init.uniform_(p, -bound, bound)


def check_dtype(name: str, x: Tensor, weight: Tensor) -> None:
    if x._data.dtype != weight._data.dtype and not _autocast.state.enabled:
        raise ValueError(
            f"{name}: expected input of dtype {weight.dtype} like the weights, got {x.dtype}; convert with input.to() "
            "or model.to()"
        )


class RNNBase(Module):
    """Base of `RNN`, `LSTM` and `GRU`; the parameters and the way through the layers.

    Args:
        mode: "RNN_TANH", "RNN_RELU", "LSTM" or "GRU".
        input_size: features of the input.
        hidden_size: units per layer and direction.
        num_layers: layers, each fed with the output of the one before.
        bias: whether there are biases.
        batch_first: input and output are (batch, length, features) instead of (length, batch, features).
        dropout: probability of zeroing an output of all layers but the last, in training.
        bidirectional: a second network reads the sequence backwards; outputs are put side by side.
        proj_size: for LSTM, size the output is projected to; 0 for none.
        device: "cpu".
        dtype: type of the parameters; the default type unless given.

    Shape: as for `RNN` and `LSTM`.

    Raises:
        RuntimeError: the input or ``hx`` has other sizes than said, or no step.
        TypeError: ``hidden_size`` is not an int, or the input is neither a tensor nor a `PackedSequence`.
        ValueError: another mode, sizes that are not positive, or ``dropout`` or ``proj_size`` out of range; or, when
            called, the input has another number of dimensions or another dtype than the weights.

    Example:
        >>> import lucid
        >>> isinstance(lucid.nn.GRU(2, 3), lucid.nn.RNNBase)
        True
    """

    def __init__(
        self, mode: str, input_size: int, hidden_size: int, num_layers: int = 1, bias: bool = True,
        batch_first: bool = False, dropout: float = 0.0, bidirectional: bool = False, proj_size: int = 0,
        device: Any = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__()
        name = type(self).__name__
        if mode not in GATES:
            raise ValueError(f"{name}: expected mode {', '.join(GATES)}, got {mode!r}")
        if isinstance(dropout, bool) or not isinstance(dropout, numbers.Number) or not 0 <= dropout <= 1:
            raise ValueError(f"{name}: dropout should be a number in range [0, 1], got {dropout!r}")
        if not isinstance(hidden_size, int):
            raise TypeError(f"{name}: hidden_size should be of type int, got {type(hidden_size).__name__}")
        if hidden_size <= 0 or num_layers <= 0:
            raise ValueError(
                f"{name}: hidden_size and num_layers must be greater than zero, got {hidden_size} and {num_layers}"
            )
        check_layers(name, "num_layers", num_layers)
        if not 0 <= proj_size < hidden_size:
            raise ValueError(f"{name}: proj_size must be from 0 to hidden_size - 1, got {proj_size} for {hidden_size}")
        if proj_size and mode != "LSTM":
            raise ValueError(f"{name}: proj_size is for LSTM only, got {proj_size}")
        if dropout and num_layers == 1:
            warnings.warn(f"{name}: dropout acts between layers, so it needs num_layers greater than 1", stacklevel=3)
        self.mode, self.input_size, self.hidden_size, self.num_layers = mode, input_size, hidden_size, num_layers
        self.bias, self.batch_first, self.dropout = bias, batch_first, float(dropout)
        self.bidirectional, self.proj_size = bidirectional, proj_size
        rows, size = GATES[mode] * hidden_size, proj_size or hidden_size
        self._names: list[list[str]] = []
        for layer in range(num_layers):
            for direction in ("", "_reverse") if bidirectional else ("",):
                width = input_size if layer == 0 else size * (2 if bidirectional else 1)
                shapes: dict[str, tuple[int, ...]] = {"weight_ih": (rows, width), "weight_hh": (rows, size)}
                if bias:
                    shapes |= {"bias_ih": (rows,), "bias_hh": (rows,)}
                if proj_size:
                    shapes["weight_hr"] = (proj_size, hidden_size)
                self._names.append([f"{kind}_l{layer}{direction}" for kind in shapes])
                for key, shape in zip(self._names[-1], shapes.values()):
                    self.register_parameter(key, empty_parameter(*shape, device=device, dtype=dtype))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the parameters anew, uniformly within 1 / sqrt(hidden_size)."""
        reset_parameters(self, self.hidden_size)

    def flatten_parameters(self) -> None:
        """Nothing: the weights are packed within each call."""

    @property
    def all_weights(self) -> list[list[Parameter]]:
        """The parameters per layer and direction."""
        return [[getattr(self, name) for name in names] for names in self._names]

    def forward(self, input: Any, hx: Any = None) -> tuple[Any, Any]:
        """The outputs of the last layer at every step, and the final states of all layers.

        Args:
            input: shape (length, batch, input_size), (batch, length, input_size) with ``batch_first``,
                (length, input_size), or a `PackedSequence`.
            hx: the initial state, shape (num_layers * directions, batch, size), without the batch for an unbatched
                input; for LSTM a pair (h, c). Zeros unless given.

        Returns:
            The output, shaped like the input with directions * size features (a `PackedSequence` for one), and the
            final state, shaped like ``hx``.

        Raises:
            RuntimeError: shapes do not fit, or there is no step.
            TypeError: the input is neither a tensor nor a `PackedSequence`.
            ValueError: another number of dimensions or dtype.
        """
        packed = input if isinstance(input, PackedSequence) else None
        x = input if packed is None else packed.data
        if not isinstance(x, Tensor):
            raise TypeError(f"rnn: expected a Tensor or a PackedSequence, got {type(input).__name__}")
        dims = x._data.ndim
        if dims not in (2, 3) or (packed is not None and dims != 2):
            raise ValueError(f"rnn: expected input to be 2-d (unbatched or packed) or 3-d, got shape {x._data.shape}")
        if x._data.shape[-1] != self.input_size:
            raise RuntimeError(
                f"rnn: expected last dimension {self.input_size}, got {x._data.shape[-1]} (input {x._data.shape})"
            )
        check_dtype("rnn", x, self._weight(self._names[0][0]))
        batched = dims == 3 or packed is not None
        if packed is not None:
            sizes = tuple(packed.batch_sizes._data.tolist())
            batch = sizes[0] if sizes else 0
        else:
            x = unsqueeze(x, 1) if dims == 2 else transpose(x, 0, 1) if self.batch_first else x
            steps, batch = x._data.shape[:2]
            sizes = (batch,) * steps
            x = reshape(x, (steps * batch, self.input_size))
        if not sizes:
            raise RuntimeError(f"rnn: expected a sequence of at least one step, got input {input.shape}")
        states = self._states(hx, batch, batched, x, packed)
        y, finals = self._layers(x, sizes, states)
        return self._finish(y, finals, sizes, packed, dims == 2 and packed is None)

    def _states(self, hx: Any, batch: int, batched: bool, x: Tensor, packed: PackedSequence | None) -> list[Tensor]:
        """h, and for LSTM c, of shape (layers * directions, batch, size), in the order of the packed sequences."""
        lstm = self.mode == "LSTM"
        wanted = [self.proj_size or self.hidden_size, *([self.hidden_size] if lstm else [])]
        layers = len(self._names)
        if hx is None:
            return [wrap(np.zeros((layers, batch, size), x._data.dtype)) for size in wanted]
        given = list(hx) if lstm and isinstance(hx, (tuple, list)) else [hx]
        if len(given) != len(wanted) or not all(isinstance(h, Tensor) for h in given):
            raise RuntimeError(f"rnn: expected hx as {'a pair (h, c) of tensors' if lstm else 'a tensor'}")
        states = []
        for i, (h, size) in enumerate(zip(given, wanted)):
            shape = (layers, batch, size) if batched else (layers, size)
            name = f"hx[{i}]" if lstm else "hx"
            if h._data.shape != shape:
                raise RuntimeError(f"rnn: expected {name} of shape {shape}, got {h._data.shape}")
            if h._data.dtype != x._data.dtype and not _autocast.state.enabled:
                raise ValueError(f"rnn: expected {name} of dtype {x.dtype} like the input, got {h.dtype}")
            h = h if batched else unsqueeze(h, 1)
            if packed is not None and packed.sorted_indices is not None:
                h = h.index_select(1, packed.sorted_indices)
            states.append(h)
        return states

    def _weight(self, name: str) -> Tensor:
        """A weight, also one that is computed from others, as `weight_norm` and dropout of weights have it."""
        found = self._parameters.get(name)
        return getattr(self, name) if found is None else found

    def _layers(self, x: Tensor, sizes: tuple[int, ...], states: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """The rows of the last layer, and the final h and c of all of them."""
        directions = 2 if self.bidirectional else 1
        finals: list[list[Tensor]] = [[] for _ in states]
        for layer in range(self.num_layers):
            own = slice(layer * directions, (layer + 1) * directions)
            start = [h[own] if self.num_layers > 1 else h for h in states]
            weights = [self._weight(name) for names in self._names[own] for name in names]
            c0 = start[1] if len(start) > 1 else None
            x, *ends = run_recurrent(self.mode, sizes, self.bias, x, start[0], c0, *weights)
            for final, end in zip(finals, ends):
                final.append(end)
            if self.dropout and layer < self.num_layers - 1:
                x = F.dropout(x, self.dropout, self.training)
        return x, [final[0] if len(final) == 1 else cat(final, 0) for final in finals]

    def _finish(
        self, y: Tensor, finals: list[Tensor], sizes: tuple[int, ...], packed: PackedSequence | None, unbatched: bool
    ) -> tuple[Any, Any]:
        """Output and final state as the caller's input was laid out."""
        out: Any = y
        if packed is not None:
            out = packed._with(y)
            if packed.unsorted_indices is not None:
                finals = [h.index_select(1, packed.unsorted_indices) for h in finals]
        elif unbatched:
            finals = [squeeze(h, 1) for h in finals]
        else:
            out = reshape(y, (len(sizes), sizes[0], y._data.shape[1]))
            out = transpose(out, 0, 1) if self.batch_first else out
        return out, tuple(finals) if self.mode == "LSTM" else finals[0]

    def extra_repr(self) -> str:
        parts = [f"{self.input_size}, {self.hidden_size}"]
        if self.proj_size:
            parts.append(f"proj_size={self.proj_size}")
        if self.num_layers != 1:
            parts.append(f"num_layers={self.num_layers}")
        if not self.bias:
            parts.append("bias=False")
        if self.batch_first:
            parts.append("batch_first=True")
        if self.dropout:
            parts.append(f"dropout={self.dropout}")
        if self.bidirectional:
            parts.append("bidirectional=True")
        return ", ".join(parts)


class RNN(RNNBase):
    """h[t] = tanh(w_ih @ x[t] + b_ih + w_hh @ h[t-1] + b_hh), or relu in the place of tanh.

    Args:
        input_size: features of the input.
        hidden_size: units per layer and direction.
        num_layers: layers, each fed with the output of the one before.
        nonlinearity: "tanh" or "relu".
        bias: whether there are biases.
        batch_first: input and output are (batch, length, features) instead of (length, batch, features).
        dropout: probability of zeroing an output of all layers but the last, in training.
        bidirectional: a second network reads the sequence backwards; outputs are put side by side.
        device: "cpu".
        dtype: type of the parameters; the default type unless given.

    Attributes:
        weight_ih_lk: (hidden_size, input_size) for layer k = 0, (hidden_size, directions * hidden_size) for the others;
            ``weight_ih_lk_reverse`` for the second direction, likewise below.
        weight_hh_lk: (hidden_size, hidden_size).
        bias_ih_lk, bias_hh_lk: (hidden_size,), unless ``bias`` is false.

    Shape:
        input: (length, batch, input_size), (batch, length, input_size) with ``batch_first``, (length, input_size), or a
            `PackedSequence`.
        hx: (num_layers * directions, batch, hidden_size), without batch for an unbatched input; zeros unless given.
        result: the output, like the input with directions * hidden_size features, and the final state, like ``hx``.

    Raises:
        RuntimeError: the input or ``hx`` has other sizes than said, or no step.
        TypeError: ``hidden_size`` is not an int, or the input is neither a tensor nor a `PackedSequence`.
        ValueError: another nonlinearity, sizes that are not positive, or ``dropout`` out of range; or, when called, the
            input has another number of dimensions or another dtype than the weights.

    Example:
        >>> import lucid
        >>> y, h = lucid.nn.RNN(3, 4)(lucid.ones(5, 2, 3))
        >>> y.shape, h.shape
        (lucid.Size([5, 2, 4]), lucid.Size([1, 2, 4]))

    Source: Elman, "Finding Structure in Time", 1990.
    """

    def __init__(
        self, input_size: int, hidden_size: int, num_layers: int = 1, nonlinearity: str = "tanh", bias: bool = True,
        batch_first: bool = False, dropout: float = 0.0, bidirectional: bool = False, device: Any = None,
        dtype: Any = None,
    ) -> None:  # fmt: skip
        if nonlinearity not in NONLINEARITIES:
            raise ValueError(f"RNN: nonlinearity must be 'tanh' or 'relu', got {nonlinearity!r}")
        super().__init__(
            NONLINEARITIES[nonlinearity], input_size, hidden_size, num_layers, bias, batch_first, dropout,
            bidirectional, 0, device, dtype,
        )  # fmt: skip
        self.nonlinearity = nonlinearity


class LSTM(RNNBase):
    """Long short-term memory: c[t] = f * c[t-1] + i * g and h[t] = o * tanh(c[t]).

    The gates i, f, o are sigmoids and g a tanh of w_ih @ x[t] + b_ih + w_hh @ h[t-1] + b_hh, whose rows they take in
    the order i, f, g, o. With ``proj_size``, h[t] = w_hr @ (o * tanh(c[t])).

    Args:
        input_size: features of the input.
        hidden_size: units per layer and direction.
        num_layers: layers, each fed with the output of the one before.
        bias: whether there are biases.
        batch_first: input and output are (batch, length, features) instead of (length, batch, features).
        dropout: probability of zeroing an output of all layers but the last, in training.
        bidirectional: a second network reads the sequence backwards; outputs are put side by side.
        proj_size: size the output is projected to; 0 for none.
        device: "cpu".
        dtype: type of the parameters; the default type unless given.

    Attributes:
        weight_ih_lk: (4 * hidden_size, input_size) for layer k = 0, (4 * hidden_size, directions * size) for the
            others; ``weight_ih_lk_reverse`` for the second direction, likewise below.
        weight_hh_lk: (4 * hidden_size, size).
        bias_ih_lk, bias_hh_lk: (4 * hidden_size,), unless ``bias`` is false.
        weight_hr_lk: (proj_size, hidden_size), with ``proj_size``.

    Shape:
        input: (length, batch, input_size), (batch, length, input_size) with ``batch_first``, (length, input_size), or a
            `PackedSequence`.
        hx: h of shape (num_layers * directions, batch, size) and c of (num_layers * directions, batch, hidden_size),
            without batch for an unbatched input; zeros unless given. The size is ``proj_size``, or ``hidden_size``
            without.
        result: the output, like the input with directions * size features, and the final (h, c), like ``hx``.

    Raises:
        RuntimeError: the input or ``hx`` has other sizes than said, or no step.
        TypeError: ``hidden_size`` is not an int, or the input is neither a tensor nor a `PackedSequence`.
        ValueError: sizes that are not positive, or ``dropout`` or ``proj_size`` out of range; or, when called, the
            input has another number of dimensions or another dtype than the weights.

    Example:
        >>> import lucid
        >>> y, (h, c) = lucid.nn.LSTM(3, 4)(lucid.ones(5, 2, 3))
        >>> y.shape, h.shape, c.shape
        (lucid.Size([5, 2, 4]), lucid.Size([1, 2, 4]), lucid.Size([1, 2, 4]))

    Source: Hochreiter and Schmidhuber, "Long Short-Term Memory", 1997; Sak et al., 2014 (projection).
    """

    def __init__(
        self, input_size: int, hidden_size: int, num_layers: int = 1, bias: bool = True, batch_first: bool = False,
        dropout: float = 0.0, bidirectional: bool = False, proj_size: int = 0, device: Any = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__(
            "LSTM", input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, proj_size, device,
            dtype,
        )  # fmt: skip


class GRU(RNNBase):
    """Gated recurrent unit: h[t] = (1 - z) * n + z * h[t-1].

    r and z are sigmoids of w_ih @ x[t] + b_ih + w_hh @ h[t-1] + b_hh, whose rows come in the order r, z, n;
    n = tanh(w_in @ x[t] + b_in + r * (w_hn @ h[t-1] + b_hn)).

    Args:
        input_size: features of the input.
        hidden_size: units per layer and direction.
        num_layers: layers, each fed with the output of the one before.
        bias: whether there are biases.
        batch_first: input and output are (batch, length, features) instead of (length, batch, features).
        dropout: probability of zeroing an output of all layers but the last, in training.
        bidirectional: a second network reads the sequence backwards; outputs are put side by side.
        device: "cpu".
        dtype: type of the parameters; the default type unless given.

    Attributes:
        weight_ih_lk: (3 * hidden_size, input_size) for layer k = 0, (3 * hidden_size, directions * hidden_size) for the
            others; ``weight_ih_lk_reverse`` for the second direction, likewise below.
        weight_hh_lk: (3 * hidden_size, hidden_size).
        bias_ih_lk, bias_hh_lk: (3 * hidden_size,), unless ``bias`` is false.

    Shape:
        input: (length, batch, input_size), (batch, length, input_size) with ``batch_first``, (length, input_size), or a
            `PackedSequence`.
        hx: (num_layers * directions, batch, hidden_size), without batch for an unbatched input; zeros unless given.
        result: the output, like the input with directions * hidden_size features, and the final state, like ``hx``.

    Raises:
        RuntimeError: the input or ``hx`` has other sizes than said, or no step.
        TypeError: ``hidden_size`` is not an int, or the input is neither a tensor nor a `PackedSequence`.
        ValueError: sizes that are not positive, or ``dropout`` out of range; or, when called, the input has another
            number of dimensions or another dtype than the weights.

    Example:
        >>> import lucid
        >>> y, h = lucid.nn.GRU(3, 4, bidirectional=True)(lucid.ones(5, 2, 3))
        >>> y.shape, h.shape
        (lucid.Size([5, 2, 8]), lucid.Size([2, 2, 4]))

    Source: Cho et al., "Learning Phrase Representations using RNN Encoder-Decoder", 2014.
    """

    def __init__(
        self, input_size: int, hidden_size: int, num_layers: int = 1, bias: bool = True, batch_first: bool = False,
        dropout: float = 0.0, bidirectional: bool = False, device: Any = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__(
            "GRU", input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, 0, device, dtype
        )
