"""Finding the parameters, buffers and modules below a module."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from lucid._tensor import Tensor
from lucid.nn.parameter import Parameter

if TYPE_CHECKING:
    from lucid.nn.modules.module import Module


def _check_path(method: str, target: Any) -> None:
    if not isinstance(target, str):
        raise TypeError(f"{method}: expected names joined by dots, got {type(target).__name__}")


class Tree:
    """The part of `Module` that looks up and iterates over what it contains."""

    def get_submodule(self: Any, target: str) -> Module:
        """The module at a path.

        Args:
            target: names joined by dots; the empty path is the module itself.

        Raises:
            AttributeError: there is none.
            TypeError: ``target`` is not a string.

        Example:
            >>> import lucid
            >>> net = lucid.nn.Sequential(lucid.nn.Sequential(lucid.nn.Linear(2, 3)))
            >>> net.get_submodule("0.0")
            Linear(in_features=2, out_features=3, bias=True)
        """
        _check_path("get_submodule", target)
        module: Module = self
        for name in target.split(".") if target else ():
            if not hasattr(module, name):
                raise AttributeError(f"{type(module).__name__} has no attribute `{name}`")
            module = getattr(module, name)
            if not isinstance(module, Tree):
                raise AttributeError(f"`{name}` is not an nn.Module")
        return module

    def _get_member(self: Any, target: str, table: str, kind: str) -> Any:
        _check_path("get_parameter" if table == "_parameters" else "get_buffer", target)
        path, _, name = target.rpartition(".")
        module = self.get_submodule(path)
        if not hasattr(module, name):
            raise AttributeError(f"{type(module).__name__} has no attribute `{name}`")
        if name not in getattr(module, table):
            raise AttributeError(f"`{name}` is not {kind}")
        return getattr(module, table)[name]

    def get_parameter(self: Any, target: str) -> Parameter:
        """The parameter at a path.

        Args:
            target: names joined by dots.

        Raises:
            AttributeError: there is none.
            TypeError: ``target`` is not a string.
        """
        return self._get_member(target, "_parameters", "an nn.Parameter")

    def get_buffer(self: Any, target: str) -> Tensor:
        """The buffer at a path.

        Args:
            target: names joined by dots.

        Raises:
            AttributeError: there is none.
            TypeError: ``target`` is not a string.
        """
        return self._get_member(target, "_buffers", "a buffer")

    def _named_members(
        self: Any, table: str, prefix: str, recurse: bool, remove_duplicate: bool
    ) -> Iterator[tuple[str, Any]]:
        seen: set[Any] = set()
        members = self.named_modules(prefix=prefix, remove_duplicate=remove_duplicate) if recurse else [(prefix, self)]
        for path, module in members:
            for name, t in getattr(module, table).items():
                if t is None or t in seen:
                    continue
                if remove_duplicate:
                    seen.add(t)
                yield (f"{path}.{name}" if path else name), t

    def named_parameters(
        self: Any, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Parameter]]:
        """Dotted names and parameters.

        Args:
            prefix: put before every name, with a dot.
            recurse: include those of child modules.
            remove_duplicate: give a shared parameter once, under its first name.

        Example:
            >>> import lucid
            >>> [name for name, _ in lucid.nn.Sequential(lucid.nn.Linear(2, 3)).named_parameters(prefix="net")]
            ['net.0.weight', 'net.0.bias']
        """
        return self._named_members("_parameters", prefix, recurse, remove_duplicate)

    def parameters(self: Any, recurse: bool = True) -> Iterator[Parameter]:
        """All parameters, each once.

        Args:
            recurse: include those of child modules.
        """
        for _, p in self.named_parameters(recurse=recurse):
            yield p

    def named_buffers(
        self: Any, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Tensor]]:
        """Dotted names and buffers.

        Args:
            prefix: put before every name, with a dot.
            recurse: include those of child modules.
            remove_duplicate: give a shared buffer once, under its first name.
        """
        return self._named_members("_buffers", prefix, recurse, remove_duplicate)

    def buffers(self: Any, recurse: bool = True) -> Iterator[Tensor]:
        """All buffers, each once.

        Args:
            recurse: include those of child modules.
        """
        for _, b in self.named_buffers(recurse=recurse):
            yield b

    def named_modules(
        self: Any, memo: set[Module] | None = None, prefix: str = "", remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Module]]:
        """Dotted names and modules, this one first.

        Args:
            memo: modules to leave out; those found are added.
            prefix: name of this module, put before all others with a dot.
            remove_duplicate: give a shared module once, under its first name.

        Example:
            >>> import lucid
            >>> [name for name, _ in lucid.nn.Sequential(lucid.nn.Flatten(), lucid.nn.ReLU()).named_modules()]
            ['', '0', '1']
        """
        memo = set() if memo is None else memo
        if self in memo:
            return
        if remove_duplicate:
            memo.add(self)
        yield prefix, self
        for name, child in self._modules.items():
            if child is not None:
                yield from child.named_modules(memo, f"{prefix}.{name}" if prefix else name, remove_duplicate)

    def modules(self: Any, remove_duplicate: bool = True) -> Iterator[Module]:
        """This module and all below it.

        Args:
            remove_duplicate: give a shared module once.
        """
        for _, module in self.named_modules(remove_duplicate=remove_duplicate):
            yield module

    def named_children(self: Any) -> Iterator[tuple[str, Module]]:
        """Names and modules one level below, each once."""
        seen: set[Module] = set()
        for name, child in self._modules.items():
            if child is not None and child not in seen:
                seen.add(child)
                yield name, child

    def children(self: Any) -> Iterator[Module]:
        """The modules one level below, each once."""
        for _, child in self.named_children():
            yield child
