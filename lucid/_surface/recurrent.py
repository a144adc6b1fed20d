"""Recurrent layers and cells as functions of their weights, under PyTorch's top-level names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lucid._functions._arguments import check_tensors
from lucid._functions._autocast import state
from lucid._functions.join import cat
from lucid._functions.rnn import GATES, run_cell, run_recurrent
from lucid._functions.shape import reshape, transpose, unsqueeze
from lucid._tensor import Tensor
from lucid.nn.functional._common import check_floating
from lucid.nn.functional.dropout import dropout as drop

__all__ = ["gru", "gru_cell", "lstm", "lstm_cell", "rnn_relu", "rnn_relu_cell", "rnn_tanh", "rnn_tanh_cell"]


def _cell(name: str, mode: str, x: Tensor, states: Sequence[Tensor], *weights: Tensor | None) -> list[Tensor]:
    """One step of ``mode``."""
    check_tensors(name, x, *states, *[w for w in weights if w is not None])
    check_floating(name, x)
    w_ih, w_hh, b_ih, b_hh = weights
    if w_ih is None or w_hh is None:
        raise TypeError(f"{name}: expected a Tensor, got NoneType for {'w_ih' if w_ih is None else 'w_hh'}")
    if (b_ih is None) != (b_hh is None):
        raise RuntimeError(f"{name}: expected both biases or none")
    rows, units = GATES[mode], w_hh._data.shape[-1] if w_hh._data.ndim == 2 else 0
    for what, w, shape in (
        ("w_ih", w_ih, (rows * units, x._data.shape[-1] if x._data.ndim else 0)), ("w_hh", w_hh, (rows * units, units)),
        ("b_ih", b_ih, (rows * units,)), ("b_hh", b_hh, (rows * units,)),
    ):  # fmt: skip
        if w is not None and w._data.shape != shape:
            raise RuntimeError(f"{name}: expected {what} of shape {shape}, got {w._data.shape} (input {x._data.shape})")
    if x._data.ndim not in (1, 2):
        raise RuntimeError(f"{name}: expected input of 1 or 2 dimensions, got shape {x._data.shape}")
    shape = (*x._data.shape[:-1], units)
    for h in states:
        if h._data.shape != shape:
            raise RuntimeError(f"{name}: expected hx of shape {shape}, got {h._data.shape}")
    given: list[Any] = [reshape(h, (1, -1, units)) for h in states]
    rows_of = x if x._data.ndim == 2 else unsqueeze(x, 0)
    present = [w for w in weights if w is not None]
    _check_dtypes(name, x, [("hx", h) for h in states] + [("weights", w) for w in present])
    c0 = given[1] if len(given) > 1 else None
    _, *ends = run_cell(mode, (rows_of._data.shape[0],), b_ih is not None, rows_of, given[0], c0, *present)
    return [reshape(h, shape) for h in ends]


def lstm_cell(
    input: Tensor, hx: Sequence[Tensor], w_ih: Tensor, w_hh: Tensor, b_ih: Tensor | None = None,
    b_hh: Tensor | None = None,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """One step of `lucid.nn.LSTMCell` with given weights: the new h and c.

    Args:
        input: shape (batch, features) or (features,).
        hx: h and c, each of shape (batch, units) or (units,).
        w_ih: shape (4 * units, features).
        w_hh: shape (4 * units, units).
        b_ih, b_hh: shape (4 * units,), or None.

    Raises:
        RuntimeError: shapes do not fit, or there is one bias of two.
        TypeError: an argument is no tensor.

    Example:
        >>> import lucid
        >>> h = c = lucid.zeros(1, 2)
        >>> lucid.lstm_cell(lucid.ones(1, 3), (h, c), lucid.ones(8, 3), lucid.ones(8, 2))[0].shape
        lucid.Size([1, 2])

    Source: Hochreiter and Schmidhuber, Long short-term memory, 1997.
    """
    if not isinstance(hx, (tuple, list)) or len(hx) != 2:
        raise TypeError("lstm_cell: expected hx to be a pair (h, c) of tensors")
    h, c = _cell("lstm_cell", "LSTM", input, hx, w_ih, w_hh, b_ih, b_hh)
    return h, c


def _simple_cell(name: str, mode: str, what: str, rows: str) -> Any:
    def cell(
        input: Tensor, hx: Tensor, w_ih: Tensor, w_hh: Tensor, b_ih: Tensor | None = None, b_hh: Tensor | None = None
    ) -> Tensor:
        return _cell(name, mode, input, (hx,), w_ih, w_hh, b_ih, b_hh)[0]

    n = GATES[mode] * 2
    cell.__name__ = cell.__qualname__ = name
    cell.__doc__ = f"""One step of {what} with given weights: the new h.

    Args:
        input: shape (batch, features) or (features,).
        hx: h, shape (batch, units) or (units,).
        w_ih: shape ({rows}, features).
        w_hh: shape ({rows}, units).
        b_ih, b_hh: shape ({rows},), or None.

    Raises:
        RuntimeError: shapes do not fit, or there is one bias of two.
        TypeError: an argument is no tensor.

    Example:
        >>> import lucid
        >>> lucid.{name}(lucid.ones(1, 3), lucid.zeros(1, 2), lucid.ones({n}, 3), lucid.ones({n}, 2)).shape
        lucid.Size([1, 2])
    """
    return cell


gru_cell = _simple_cell("gru_cell", "GRU", "`lucid.nn.GRUCell`", "3 * units")
rnn_tanh_cell = _simple_cell("rnn_tanh_cell", "RNN_TANH", "`lucid.nn.RNNCell`", "units")
rnn_relu_cell = _simple_cell("rnn_relu_cell", "RNN_RELU", '`lucid.nn.RNNCell` with "relu"', "units")


def _layers(
    name: str, mode: str, x: Tensor, sizes: tuple[int, ...], states: Sequence[Tensor], params: Sequence[Tensor],
    has_biases: bool, num_layers: int, dropout: float, train: bool, bidirectional: bool,
) -> tuple[Tensor, list[Tensor]]:  # fmt: skip
    """The rows of the last layer, and the final states of all layers."""
    directions = 2 if bidirectional else 1
    each, rest = divmod(len(params), num_layers * directions)
    if rest or each not in ((4, 5) if has_biases else (2, 3)) or (each % 2 and mode != "LSTM"):
        raise RuntimeError(
            f"{name}: expected weights of {num_layers} layers in {directions} directions, got {len(params)} tensors"
        )
    finals: list[list[Tensor]] = [[] for _ in states]
    for layer in range(num_layers):
        own = slice(layer * directions, (layer + 1) * directions)
        start = [h[own] for h in states]
        weights = params[layer * directions * each : (layer + 1) * directions * each]
        units, size = states[-1]._data.shape[2], states[0]._data.shape[2]
        rows = GATES[mode] * units
        wanted = [(rows, x._data.shape[1]), (rows, size), *[(rows,)] * (2 if has_biases else 0), (size, units)][:each]
        for k, w in enumerate(weights):
            if w._data.shape != wanted[k % each]:
                raise RuntimeError(
                    f"{name}: expected tensor {k} of layer {layer} of shape {wanted[k % each]}, got {w._data.shape}"
                )
        c0 = start[1] if len(start) > 1 else None
        x, *ends = run_recurrent(mode, sizes, has_biases, x, start[0], c0, *weights)
        for final, end in zip(finals, ends):
            final.append(end)
        if dropout and layer < num_layers - 1:
            x = drop(x, dropout, train)
    return x, [cat(final, 0) for final in finals]


def _whole(name: str, mode: str, input: Tensor, *args: Any, **kwargs: Any) -> tuple[Tensor, ...]:
    """Both forms: sequences of equal length, and packed ones."""
    if args and isinstance(args[0], Tensor) and args[0]._data.ndim == 1:
        return _packed(name, mode, input, *args, **kwargs)
    return _padded(name, mode, input, *args, **kwargs)


def _checked(name: str, mode: str, x: Tensor, hx: Any, params: Any, rank: int) -> list[Tensor]:
    """The states, after checking that everything is a tensor."""
    states = list(hx) if mode == "LSTM" and isinstance(hx, (tuple, list)) else [hx]
    if not isinstance(params, (tuple, list)):
        raise TypeError(f"{name}: expected params to be a sequence of tensors, got {type(params).__name__}")
    check_tensors(name, x, *states, *params)
    check_floating(name, x)
    if len(states) != (2 if mode == "LSTM" else 1):
        raise RuntimeError(f"{name}: expected hx to be {'a pair (h, c)' if mode == 'LSTM' else 'a tensor'}")
    if x._data.ndim != rank:
        raise RuntimeError(f"{name}: expected input of {rank} dimensions, got shape {x._data.shape}")
    _check_dtypes(name, x, [("hx", h) for h in states] + [("params", p) for p in params])
    return states


def _check_dtypes(name: str, x: Tensor, others: list[tuple[str, Tensor]]) -> None:
    for what, t in others:
        if t._data.dtype != x._data.dtype and not state.enabled:
            raise RuntimeError(f"{name}: expected {what} of dtype {x.dtype} like the input, got {t.dtype}")


def _padded(
    name: str, mode: str, input: Tensor, hx: Any, params: Any, has_biases: bool, num_layers: int, dropout: float,
    train: bool, bidirectional: bool, batch_first: bool,
) -> tuple[Tensor, ...]:  # fmt: skip
    states = _checked(name, mode, input, hx, params, 3)
    x = transpose(input, 0, 1) if batch_first else input
    steps, batch, features = x._data.shape
    if not steps:
        raise RuntimeError(f"{name}: expected at least one step, got input {input._data.shape}")
    _check_states(name, states, num_layers * (2 if bidirectional else 1), batch)
    y, finals = _layers(
        name, mode, reshape(x, (steps * batch, features)), (batch,) * steps, states, params, has_biases, num_layers,
        dropout, train, bidirectional,
    )  # fmt: skip
    y = reshape(y, (steps, batch, -1))
    return (transpose(y, 0, 1) if batch_first else y, *finals)


def _packed(
    name: str, mode: str, data: Tensor, batch_sizes: Tensor, hx: Any, params: Any, has_biases: bool, num_layers: int,
    dropout: float, train: bool, bidirectional: bool,
) -> tuple[Tensor, ...]:  # fmt: skip
    states = _checked(name, mode, data, hx, params, 2)
    sizes = tuple(batch_sizes._data.tolist())
    if not sizes or sum(sizes) != data._data.shape[0]:
        raise RuntimeError(f"{name}: batch_sizes {sizes} do not add up to the {data._data.shape[0]} rows of data")
    _check_states(name, states, num_layers * (2 if bidirectional else 1), sizes[0])
    y, finals = _layers(
        name, mode, data, sizes, states, params, has_biases, num_layers, dropout, train, bidirectional
    )  # fmt: skip
    return (y, *finals)


def _check_states(name: str, states: Sequence[Tensor], layers: int, batch: int) -> None:
    for h in states:
        if h._data.ndim != 3 or h._data.shape[:2] != (layers, batch):
            raise RuntimeError(f"{name}: expected hx of shape ({layers}, {batch}, units), got {h._data.shape}")


def _layer(name: str, mode: str, module: str) -> Any:
    def layer(input: Tensor, *args: Any, **kwargs: Any) -> Any:
        return _whole(name, mode, input, *args, **kwargs)

    lstm_like = mode == "LSTM"
    given = "(h, c)" if lstm_like else "h"
    hx = "(h, h)" if lstm_like else "h"
    n = GATES[mode] * 2
    layer.__name__ = layer.__qualname__ = name
    layer.__doc__ = f"""`{module}` with given weights: the output, and the final {"h and c" if lstm_like else "h"}.

    Called as ``{name}(input, hx, params, has_biases, num_layers, dropout, train, bidirectional, batch_first)``, or for
    packed sequences ``{name}(data, batch_sizes, hx, params, has_biases, num_layers, dropout, train, bidirectional)``.

    Args:
        input: shape (length, batch, features), or (batch, length, features) with ``batch_first``; or the rows of a
            `PackedSequence`.
        args: the rest: ``hx`` {given}, each of shape (num_layers * directions, batch, units); ``params``, the weights
            of every layer and direction, w_ih, w_hh and, with ``has_biases``, b_ih, b_hh; ``dropout`` between layers
            while ``train`` is true.
        kwargs: the same by name.

    Raises:
        RuntimeError: shapes do not fit.
        TypeError: an argument is no tensor.

    Example:
        >>> import lucid
        >>> x, h, w = lucid.ones(5, 1, 3), lucid.zeros(1, 1, 2), [lucid.ones({n}, 3), lucid.ones({n}, 2)]
        >>> lucid.{name}(x, {hx}, w, False, 1, 0.0, False, False, False)[0].shape
        lucid.Size([5, 1, 2])
    """
    return layer


lstm = _layer("lstm", "LSTM", "lucid.nn.LSTM")
gru = _layer("gru", "GRU", "lucid.nn.GRU")
rnn_tanh = _layer("rnn_tanh", "RNN_TANH", "lucid.nn.RNN")
rnn_relu = _layer("rnn_relu", "RNN_RELU", "lucid.nn.RNN")
