"""What stands in for names that PyTorch has and lucid lacks."""

from __future__ import annotations

from typing import Any


class Missing:
    """Stands for something PyTorch has and lucid lacks; any use of it raises.

    Args:
        path: PyTorch's name of it.

    Raises:
        NotImplementedError: in a call, or when made a base of a class that is called.

    Example:
        >>> import lucid
        >>> from lucid.torch import Missing
        >>> try:
        ...     Missing("torch.nonesuch")()
        ... except NotImplementedError as error:
        ...     print("torch.nonesuch" in str(error))
        ...
        True
    """

    def __init__(self, path: str) -> None:
        self._path = path

    def _fail(self) -> NotImplementedError:
        return NotImplementedError(f"{self._path}: lucid has nothing by this name")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        raise self._fail()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name.endswith("__"):
            raise AttributeError(name)
        return Missing(f"{self._path}.{name}")

    def __getitem__(self, key: Any) -> Any:
        return Missing(f"{self._path}[{key!r}]")

    def __mro_entries__(self, bases: tuple[Any, ...]) -> tuple[type, ...]:
        missing = self

        def refuse(cls: type, *args: Any, **kwargs: Any) -> Any:
            raise missing._fail()

        return (type(self._path.rpartition(".")[2], (), {"__new__": refuse}),)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Missing) and self._path == other._path

    def __hash__(self) -> int:
        return hash(self._path)

    def __instancecheck__(self, instance: Any) -> bool:
        return False

    def __or__(self, other: Any) -> Any:
        return Any

    __ror__ = __or__

    def __repr__(self) -> str:
        return f"<{self._path}, which lucid lacks>"
