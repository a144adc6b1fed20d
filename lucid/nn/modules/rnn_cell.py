"""Single steps of recurrent networks."""

from __future__ import annotations

from typing import Any

import numpy as np

from lucid._functions.rnn import run_cell
from lucid._functions.shape import reshape, unsqueeze
from lucid._tensor import Tensor
from lucid.autograd._node import wrap
from lucid.nn.modules.module import Module
from lucid.nn.modules.rnn import NONLINEARITIES, check_dtype, reset_parameters
from lucid.nn.parameter import Parameter, empty_parameter

__all__ = ["GRUCell", "LSTMCell", "RNNCell", "RNNCellBase"]


class RNNCellBase(Module):
    """Base of `RNNCell`, `LSTMCell` and `GRUCell`.

    Args:
        input_size: features of the input.
        hidden_size: units.
        bias: whether there are biases.
        num_chunks: gates: the weights have num_chunks * hidden_size rows.
        device: "cpu".
        dtype: type of the parameters; the default type unless given.

    Shape: as for the cells.

    Raises:
        RuntimeError: the input or a state has another size.
        TypeError: the input or a state is not a tensor.
        ValueError: the input has another number of dimensions, or another dtype than the weights.

    Example:
        >>> import lucid
        >>> isinstance(lucid.nn.GRUCell(2, 3), lucid.nn.RNNCellBase)
        True
    """

    weight_ih: Parameter
    weight_hh: Parameter
    bias_ih: Parameter | None
    bias_hh: Parameter | None

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool, num_chunks: int, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__()
        self.input_size, self.hidden_size, self.bias = input_size, hidden_size, bias
        rows = num_chunks * hidden_size
        self.weight_ih = empty_parameter(rows, input_size, device=device, dtype=dtype)
        self.weight_hh = empty_parameter(rows, hidden_size, device=device, dtype=dtype)
        for name in ("bias_ih", "bias_hh"):
            self.register_parameter(name, empty_parameter(rows, device=device, dtype=dtype) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the parameters anew, uniformly within 1 / sqrt(hidden_size)."""
        reset_parameters(self, self.hidden_size)

    def _step(self, mode: str, input: Tensor, *states: Tensor | None) -> list[Tensor]:
        """One step of ``mode``: the new h, and for LSTM c."""
        for x in (input, *[h for h in states if h is not None]):
            if not isinstance(x, Tensor):
                raise TypeError(f"rnn: expected a Tensor, got {type(x).__name__}")
        if input._data.ndim not in (1, 2):
            raise ValueError(f"rnn: expected input to be 1-d or 2-d, got shape {input._data.shape}")
        if input._data.shape[-1] != self.input_size:
            raise RuntimeError(
                f"rnn: expected last dimension {self.input_size}, got {input._data.shape[-1]} "
                f"(input {input._data.shape})"
            )
        check_dtype("rnn", input, self.weight_ih)
        shape = (*input._data.shape[:-1], self.hidden_size)
        given = []
        for i, h in enumerate(states):
            if h is None:
                h = wrap(np.zeros(shape, input._data.dtype))
            if h._data.shape != shape:
                name = f"hx[{i}]" if len(states) > 1 else "hx"
                raise RuntimeError(f"rnn: expected {name} of shape {shape}, got {h._data.shape}")
            check_dtype("rnn", h, self.weight_ih)
            given.append(reshape(h, (1, -1, self.hidden_size)))
        x = input if input._data.ndim == 2 else unsqueeze(input, 0)
        weights = [p for p in (self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh) if p is not None]
        c0 = given[1] if len(given) > 1 else None
        _, *ends = run_cell(mode, (x._data.shape[0],), self.bias, x, given[0], c0, *weights)
        return [reshape(h, shape) for h in ends]

    def extra_repr(self) -> str:
        return f"{self.input_size}, {self.hidden_size}" + ("" if self.bias else ", bias=False")


class RNNCell(RNNCellBase):
    """h' = tanh(w_ih @ x + b_ih + w_hh @ h + b_hh), or relu in the place of tanh.

    Args:
        input_size: features of the input.
        hidden_size: units.
        bias: whether there are biases.
        nonlinearity: "tanh" or "relu".
        device: "cpu".
        dtype: type of the parameters; the default type unless given.

    Attributes:
        weight_ih: (hidden_size, input_size).
        weight_hh: (hidden_size, hidden_size).
        bias_ih, bias_hh: (hidden_size,), or None.

    Shape: input (batch, input_size) or (input_size,) and h (batch, hidden_size) or (hidden_size,), zeros unless given,
        to the same h.

    Raises:
        RuntimeError: the input or a state has another size.
        TypeError: the input or a state is not a tensor.
        ValueError: another nonlinearity; or, when called, the input has another number of dimensions, or another dtype
            than the weights.

    Example:
        >>> import lucid
        >>> lucid.nn.RNNCell(3, 4)(lucid.ones(2, 3)).shape
        lucid.Size([2, 4])

    Source: Elman, "Finding Structure in Time", 1990.
    """

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, nonlinearity: str = "tanh", device: Any = None,
        dtype: Any = None,
    ) -> None:  # fmt: skip
        if nonlinearity not in NONLINEARITIES:
            raise ValueError(f"RNNCell: nonlinearity must be 'tanh' or 'relu', got {nonlinearity!r}")
        super().__init__(input_size, hidden_size, bias, 1, device, dtype)
        self.nonlinearity = nonlinearity

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        return self._step(NONLINEARITIES[self.nonlinearity], input, hx)[0]

    def extra_repr(self) -> str:
        return super().extra_repr() + ("" if self.nonlinearity == "tanh" else f", nonlinearity={self.nonlinearity}")


class LSTMCell(RNNCellBase):
    """One step of `LSTM`: (h', c') from x and (h, c).

    Args:
        input_size: features of the input.
        hidden_size: units.
        bias: whether there are biases.
        device: "cpu".
        dtype: type of the parameters; the default type unless given.

    Attributes:
        weight_ih: (4 * hidden_size, input_size).
        weight_hh: (4 * hidden_size, hidden_size).
        bias_ih, bias_hh: (4 * hidden_size,), or None.

    Shape: input (batch, input_size) or (input_size,) and h, c (batch, hidden_size) or (hidden_size,), zeros unless
        given, to the same h, c.

    Raises:
        RuntimeError: the input or a state has another size, or ``hx`` is not a pair.
        TypeError: the input or a state is not a tensor.
        ValueError: the input has another number of dimensions, or another dtype than the weights.

    Example:
        >>> import lucid
        >>> h, c = lucid.nn.LSTMCell(3, 4)(lucid.ones(2, 3))
        >>> h.shape, c.shape
        (lucid.Size([2, 4]), lucid.Size([2, 4]))

    Source: Hochreiter and Schmidhuber, "Long Short-Term Memory", 1997.
    """

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 4, device, dtype)

    def forward(self, input: Tensor, hx: tuple[Tensor, Tensor] | None = None) -> tuple[Tensor, Tensor]:
        if hx is not None and (not isinstance(hx, (tuple, list)) or len(hx) != 2):
            raise RuntimeError("rnn: expected hx as a pair (h, c) of tensors")
        h, c = self._step("LSTM", input, *((None, None) if hx is None else hx))
        return h, c


class GRUCell(RNNCellBase):
    """One step of `GRU`: h' from x and h.

    Args:
        input_size: features of the input.
        hidden_size: units.
        bias: whether there are biases.
        device: "cpu".
        dtype: type of the parameters; the default type unless given.

    Attributes:
        weight_ih: (3 * hidden_size, input_size).
        weight_hh: (3 * hidden_size, hidden_size).
        bias_ih, bias_hh: (3 * hidden_size,), or None.

    Shape: input (batch, input_size) or (input_size,) and h (batch, hidden_size) or (hidden_size,), zeros unless given,
        to the same h.

    Raises:
        RuntimeError: the input or a state has another size.
        TypeError: the input or a state is not a tensor.
        ValueError: the input has another number of dimensions, or another dtype than the weights.

    Example:
        >>> import lucid
        >>> lucid.nn.GRUCell(3, 4)(lucid.ones(2, 3)).shape
        lucid.Size([2, 4])

    Source: Cho et al., "Learning Phrase Representations using RNN Encoder-Decoder", 2014.
    """

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 3, device, dtype)

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        return self._step("GRU", input, hx)[0]
