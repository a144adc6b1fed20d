"""`load_compiled`: plans from a file, run without the model they were made from."""

from __future__ import annotations

from typing import Any

import numpy as np

from lucid.compiler._compiled import Plan, explain, signature
from lucid.compiler._file import check_path, read


class Loaded:
    """Compiled plans from a file: call it with arguments of one of the saved signatures."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._plans = {p.key: Plan(p.program, p.spec, p.fixed) for p in read(path)}

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        tensors: list[Any] = []
        key = signature(args, kwargs, tensors)
        plan = self._plans.get(key)
        if plan is None:
            raise RuntimeError(f"load_compiled: no plan for {_described(key[1])} in {self.path}; it has plans for "
                               f"{'; '.join(self.signatures)}")  # fmt: skip
        return plan.run(tensors)

    @property
    def signatures(self) -> list[str]:
        """The dtypes and shapes of the inputs of each plan."""
        return [_described(key[1]) for key in self._plans]

    def explain(self, *args: Any, **kwargs: Any) -> None:
        """Print the plan for these arguments, or the first: its steps, what they do, and measured times."""
        key = signature(args, kwargs, []) if args or kwargs else next(iter(self._plans))
        if key not in self._plans:
            self(*args, **kwargs)
        print(f"{self!r}")
        explain(key[1], self._plans[key].program, (args, kwargs))

    def __repr__(self) -> str:
        return f"<lucid.load_compiled of {self.path}, {len(self._plans)} plans>"


def _described(shapes: Any) -> str:
    return ", ".join([f"{np.dtype(char)} {shape}" for shape, char in shapes]) or "no tensors"


def load_compiled(path: Any) -> Loaded:
    """What ``compiled.save(path)`` wrote, ready to call; the model's code is not needed.

    The file is mapped: weights are read when they are first used, and shared by all processes that load it. Nothing in
    it is executed. It must not change while it is in use.

    Args:
        path: the file.

    Returns:
        A callable with the saved signatures, thread-safe, with the bits of the compiled function that was saved.

    Raises:
        FileNotFoundError: there is no such file.
        FileFormatError: the file is damaged, or holds no compiled plans.

    Example:
        >>> import lucid, os, tempfile
        >>> compiled = lucid.compile(lucid.nn.Linear(3, 2).eval())
        >>> x = lucid.ones(1, 3)
        >>> y = compiled(x)
        >>> path = os.path.join(tempfile.mkdtemp(), "linear.lucid")
        >>> compiled.save(path)
        >>> bool((lucid.load_compiled(path)(x) == y).all())
        True
    """
    return Loaded(check_path(path))
