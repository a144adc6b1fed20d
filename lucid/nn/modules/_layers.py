"""How many layers a model may be asked for: more than any has, so that a wrong number is an error and not an hour."""

from __future__ import annotations

from typing import Any

MOST = 10_000


def check_layers(name: str, argument: str, *counts: Any) -> None:
    """Refuse numbers of layers that nobody means.

    Args:
        name: of what has the layers.
        argument: that the numbers were given as.
        counts: the numbers.

    Raises:
        ValueError: one is above `MOST`.

    Example:
        >>> check_layers("LSTM", "num_layers", 2**31)
        Traceback (most recent call last):
        ValueError: LSTM: expected num_layers of at most 10000, got 2147483648
    """
    for count in counts:
        if isinstance(count, int) and count > MOST:
            raise ValueError(f"{name}: expected {argument} of at most {MOST}, got {count}")
