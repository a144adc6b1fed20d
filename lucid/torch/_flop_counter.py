"""``torch.utils.flop_counter``: the multiplications, each with its addition, of the forward passes of a block."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any

from lucid.autograd._watching import Observer, watched_by
from lucid.utils._calls import operation_name
from lucid.utils.flops import PRODUCTS, _scores


class FlopCounterMode(Observer):
    """Counts 2 for each multiply-add of products, convolutions, attention and recurrent layers in its block.

    What a backward pass multiplies is not counted, and there is one total, under the name "Global".

    Args:
        mods: accepted.
        depth: accepted.
        display: print the table at the end of the block.
        custom_mapping: accepted.

    Example:
        >>> import lucid
        >>> from lucid.torch._flop_counter import FlopCounterMode
        >>> with FlopCounterMode(display=False) as counter:
        ...     _ = lucid.ones(2, 3) @ lucid.ones(3, 4)
        ...
        >>> counter.get_total_flops()
        48
    """

    def __init__(self, mods: Any = None, depth: int = 2, display: bool = True, custom_mapping: Any = None) -> None:
        self.display = display
        self.flop_counts: dict[str, Counter[str]] = defaultdict(Counter)
        self._watching: Any = None

    def __enter__(self) -> FlopCounterMode:
        self.flop_counts.clear()
        self._watching = watched_by(self)
        self._watching.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self._watching.__exit__(*error)
        if self.display:
            print(self.get_table())

    def after(self, operation: Any, args: tuple[Any, ...], results: tuple[Any, ...], note: Any) -> None:
        module, name = getattr(operation, "__module__", ""), getattr(operation, "__name__", "")
        rule = PRODUCTS.get(f"{module.rpartition('.')[2]}.{name}")
        if rule is None or not module.startswith("lucid."):
            return
        if name == "Attention":  # also the pairs that causality rules out
            (batch, heads, queries, size), keys = args[0]._data.shape, args[1]._data.shape[2]
            macs = _scores(batch * heads, queries, keys, size + args[2]._data.shape[3], None, False)[0]
        else:
            macs = rule(args, results)[0]
        self.flop_counts["Global"][operation_name(operation)] += 2 * macs

    def get_total_flops(self) -> int:
        """All of them."""
        return sum(self.flop_counts["Global"].values())

    def get_flop_counts(self) -> dict[str, dict[Any, int]]:
        """The total by operation, under "Global"."""
        return {name: dict(counts) for name, counts in self.flop_counts.items()}

    def get_table(self, depth: int | None = None) -> str:
        """The total by operation as text."""
        lines = [f"{n:>20,}  {name}" for name, n in self.flop_counts["Global"].most_common()]
        return "\n".join([f"{self.get_total_flops():>20,}  total", *lines])
