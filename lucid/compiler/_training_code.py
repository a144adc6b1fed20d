"""Writing a plan of a training step: a Python function of kernel calls, one line each, without tensors in between."""

from __future__ import annotations

import keyword
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

TAKEN = {"step", "forward", "backward", "inputs", "state", "saved", "grads", "nan", "k"}
"""Names that plans themselves give."""

PLAIN = (bool, int, float, str, type(None))


class Line(NamedTuple):
    """One statement: the names it makes and those it reads."""

    text: str
    makes: tuple[str, ...]
    uses: tuple[str, ...]


class Writer:
    """Lines of code, and the objects they call and read by name.

    Names are ``x<i>`` for inputs, ``p<i>`` for parameters and buffers, ``v<i>`` for values, ``n<i>`` for nodes, and
    whatever `bind` gave.
    """

    def __init__(self) -> None:
        self.lines: list[Line] = []
        self.globals: dict[str, Any] = {}
        self._names: dict[int, str] = {}
        self._count = 0

    def new(self, letter: str = "v") -> str:
        """An unused name."""
        self._count += 1
        return f"{letter}{self._count}"

    def bind(self, value: Any, hint: str = "") -> str:
        """The name of an object; numbers, strings and None stand for themselves."""
        if type(value) in PLAIN and value == value and value not in (np.inf, -np.inf):
            return repr(value)
        key = id(value)
        if key not in self._names:
            hint = hint or getattr(value, "__name__", "") or "k"
            name = hint if hint.isidentifier() and not keyword.iskeyword(hint) else "k"
            while name in self.globals or name in TAKEN or (name[0] in "xpvngso" and name[1:].isdigit()):
                self._count += 1
                name = f"{hint if hint.isidentifier() else 'k'}_{self._count}"
            self.globals[name] = value
            self._names[key] = name
        return self._names[key]

    def line(self, text: str, makes: Iterable[str], uses: Iterable[str]) -> None:
        """Append a statement."""
        self.lines.append(Line(text, tuple(makes), tuple(uses)))

    def source(self, name: str, head: Sequence[str], lines: Sequence[Line], result: str, keeps: Iterable[str]) -> str:
        """A function ``name`` of ``lines`` that forgets every value after its last use, but for ``keeps``."""
        last: dict[str, int] = {}
        for i, line in enumerate(lines):
            last |= dict.fromkeys((*line.makes, *line.uses), i)
        kept = set(keeps)
        text = [f"def {name}({', '.join(head[:1])}):", *[f"    {each}" for each in head[1:]]]
        for i, line in enumerate(lines):
            text.append("    " + line.text)
            dead = [n for n in dict.fromkeys((*line.makes, *line.uses)) if last[n] == i and n not in kept]
            dead = [n for n in dead if n[0] in "vn"]
            if dead:
                text.append("    del " + ", ".join(dead))
        text.append(f"    return {result}")
        return "\n".join(text) + "\n"

    def compile(self, source: str, name: str) -> Callable[..., Any]:
        """The function that ``source`` defines."""
        scope = dict(self.globals)
        exec(compile(source, f"<compiled {name}>", "exec"), scope)  # of names and numbers made here alone
        return scope[name]
