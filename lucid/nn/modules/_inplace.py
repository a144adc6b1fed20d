"""What activations with an ``inplace`` option share."""

from __future__ import annotations

from lucid._printing import shown
from lucid.nn.modules.module import Module


class Inplace(Module):
    """Keeps the option and prints it."""

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        if not isinstance(inplace, bool):
            raise TypeError(f"{type(self).__name__}: expected inplace to be a bool, got {shown(inplace)}")
        self.inplace = inplace

    def settings(self, text: str) -> str:
        """``text``, and ``inplace=True`` where that is so."""
        return ", ".join(part for part in (text, "inplace=True" if self.inplace else "") if part)

    def extra_repr(self) -> str:
        return self.settings("")
