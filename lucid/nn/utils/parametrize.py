"""Parameters that are computed from other tensors whenever they are read."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from lucid._tensor import Tensor
from lucid.autograd._mode import no_grad
from lucid.nn.modules.container import ModuleDict, ModuleList
from lucid.nn.modules.module import Module
from lucid.nn.parameter import Parameter
from lucid.nn.utils._checks import check_module

__all__ = [
    "ParametrizationList", "cached", "is_parametrized", "register_parametrization", "remove_parametrizations",
    "type_before_parametrizations",
]  # fmt: skip

_depth = 0
_cache: dict[tuple[int, str], Tensor] = {}


@contextmanager
def cached() -> Iterator[None]:
    """Within this context every parametrized tensor is computed once, at its first use.

    Example:
        >>> import lucid
        >>> from lucid.nn.utils import parametrize, parametrizations
        >>> linear = parametrizations.weight_norm(lucid.nn.Linear(2, 2))
        >>> with parametrize.cached():
        ...     linear.weight is linear.weight
        True
    """
    global _depth
    _depth += 1
    try:
        yield
    finally:
        _depth -= 1
        if not _depth:
            _cache.clear()


class ParametrizationList(ModuleList):
    """The modules that compute a tensor, and the tensors it is computed from: ``original``, or ``original0``, ...

    Args:
        modules: applied in order; the first gets the original tensors, each other the result of the one before.
        original: the tensor as it is now. Where modules have ``right_inverse``, the originals come from there.
        unsafe: do not check that dtype and shape stay the same.

    Shape: the originals' to the parametrized tensor's, the same unless ``unsafe``.

    Raises:
        RuntimeError: the tensor is assigned to, and a module has no ``right_inverse``.
        ValueError: there are no modules; or the result is not a tensor, or has another dtype or shape than the
            original, unless ``unsafe``.

    Example:
        >>> import lucid
        >>> layer = lucid.nn.utils.parametrizations.weight_norm(lucid.nn.Linear(2, 3))
        >>> type(layer.parametrizations.weight).__name__, len(layer.parametrizations.weight)
        ('ParametrizationList', 1)
    """

    original: Tensor

    def __init__(self, modules: Sequence[Module], original: Tensor, unsafe: bool = False) -> None:
        if not modules:
            raise ValueError("ParametrizationList: expected at least one module, got none")
        super().__init__(modules)
        self.unsafe = unsafe
        shape, dtype = tuple(original.shape), original.dtype
        new = self._inverted(original)
        self.is_tensor = isinstance(new, Tensor)
        tensors = [new] if self.is_tensor else list(new)
        if not all(isinstance(t, Tensor) for t in tensors):
            raise ValueError(f"right_inverse of {type(modules[-1]).__name__} must return tensors, got {new!r}")
        self.ntensors = len(tensors)
        if self.is_tensor:
            if not unsafe and new.dtype is not dtype:
                raise ValueError(f"right_inverse changes the dtype from {dtype} to {new.dtype}; pass unsafe=True")
            original.data = new.detach()  # the object stays: optimizers may know it
            self._keep("original", original)
        else:
            for i, t in enumerate(tensors):
                kept = Parameter(t.detach(), original.requires_grad) if isinstance(original, Parameter) else t.detach()
                self._keep(f"original{i}", kept)
        if not unsafe:
            self._check(self(), shape, dtype)

    def _keep(self, name: str, t: Tensor) -> None:
        if isinstance(t, Parameter):
            self.register_parameter(name, t)
        else:
            self.register_buffer(name, t)

    @staticmethod
    def _check(result: Any, shape: tuple[int, ...], dtype: Any) -> None:
        if not isinstance(result, Tensor):
            raise ValueError(f"a parametrization must return a tensor, got {type(result).__name__}")
        if result.dtype is not dtype or tuple(result.shape) != shape:
            raise ValueError(
                f"a parametrization must keep dtype and shape: expected {dtype} {shape}, got {result.dtype} "
                f"{tuple(result.shape)}; pass unsafe=True to allow that"
            )

    def _inverted(self, value: Tensor) -> Any:
        """What the modules would have to be given to return ``value``, as far as they can say."""
        with no_grad():
            new: Any = value
            for module in reversed(list(self)):
                if hasattr(module, "right_inverse"):
                    try:
                        new = module.right_inverse(new)
                    except NotImplementedError:
                        continue
        return new

    def right_inverse(self, value: Tensor) -> None:
        """Set the originals so that the parametrized tensor becomes ``value``.

        Args:
            value: of the parametrized tensor's shape.

        Raises:
            RuntimeError: a module has no ``right_inverse``.
            ValueError: the originals would get another shape or number.
        """
        with no_grad():
            new: Any = value
            for module in reversed(list(self)):
                if not hasattr(module, "right_inverse"):
                    raise RuntimeError(
                        f"{type(module).__name__} has no right_inverse, so the tensor cannot be assigned to"
                    )
                new = module.right_inverse(new)
            tensors = [new] if self.is_tensor else list(new)
            kept = self.originals
            if [tuple(t.shape) for t in tensors] != [tuple(t.shape) for t in kept]:
                raise ValueError(
                    f"expected right_inverse to return shapes {[tuple(t.shape) for t in kept]}, "
                    f"got {[tuple(t.shape) for t in tensors]}"
                )
            for old, t in zip(kept, tensors):
                old.data = t.detach().clone()

    @property
    def originals(self) -> list[Tensor]:
        """The tensors that the result is computed from."""
        return [self.original] if self.is_tensor else [getattr(self, f"original{i}") for i in range(self.ntensors)]

    def forward(self) -> Tensor:
        modules = list(self)
        x = modules[0](*self.originals)
        for module in modules[1:]:
            x = module(x)
        return x


def _injected(cls: type[Module]) -> type[Module]:
    """A class of its own for one module, to carry its properties."""

    def deepcopy(self: Module, memo: dict[int, Any]) -> Module:
        own = type(self)
        made = _injected(own.__bases__[0])
        for name, value in vars(own).items():
            if isinstance(value, property):
                setattr(made, name, value)
        twin = made.__new__(made)
        memo[id(self)] = twin
        twin.__dict__.update(copy.deepcopy(self.__dict__, memo))
        return twin

    def getstate(self: Module) -> Any:
        raise RuntimeError("a parametrized module cannot be pickled: save its state_dict() instead")

    return type(f"Parametrized{cls.__name__}", (cls,), {"__deepcopy__": deepcopy, "__getstate__": getstate})


def _property(name: str) -> property:
    def read(self: Module) -> Tensor:
        if not _depth:
            return self.parametrizations[name]()
        key = (id(self), name)
        if key not in _cache:
            _cache[key] = self.parametrizations[name]()
        return _cache[key]

    def write(self: Module, value: Tensor) -> None:
        self.parametrizations[name].right_inverse(value)

    return property(read, write)


def is_parametrized(module: Module, tensor_name: str | None = None) -> bool:
    """Whether ``module`` has parametrized tensors, or one of that name.

    Args:
        module: the module; those inside it do not count.
        tensor_name: name of a parameter or buffer; None for any.

    Raises:
        TypeError: ``module`` is not a Module.

    Example:
        >>> import lucid
        >>> parametrize = lucid.nn.utils.parametrize
        >>> layer = lucid.nn.Linear(2, 3)
        >>> _ = parametrize.register_parametrization(layer, "weight", lucid.nn.Tanh())
        >>> parametrize.is_parametrized(layer), parametrize.is_parametrized(layer, "bias")
        (True, False)
    """
    check_module("is_parametrized", module)
    lists = module._modules.get("parametrizations")
    if not isinstance(lists, ModuleDict):
        return False
    return len(lists) > 0 if tensor_name is None else tensor_name in lists


def type_before_parametrizations(module: Module) -> type[Module]:
    """The class of ``module`` as its author wrote it.

    Args:
        module: parametrized or not.

    Raises:
        TypeError: ``module`` is not a Module.

    Example:
        >>> import lucid
        >>> parametrize = lucid.nn.utils.parametrize
        >>> layer = parametrize.register_parametrization(lucid.nn.Linear(2, 3), "weight", lucid.nn.Tanh())
        >>> parametrize.type_before_parametrizations(layer).__name__
        'Linear'
    """
    check_module("type_before_parametrizations", module)
    return type(module).__bases__[0] if is_parametrized(module) else type(module)


def register_parametrization(
    module: Module, tensor_name: str, parametrization: Module, *, unsafe: bool = False
) -> Module:
    """Let a parameter or buffer be computed by ``parametrization`` whenever it is read.

    The tensor moves to ``module.parametrizations.<name>.original``. If ``parametrization`` has a method
    ``right_inverse``, the tensor can be assigned to, and keeps its value now; where that returns several tensors,
    they become ``original0``, ``original1``, ... A second parametrization is applied to the result of the first.

    Args:
        module: changed in place: it gets a class of its own.
        tensor_name: name of a parameter or buffer of ``module``.
        parametrization: takes the original and returns the tensor to use.
        unsafe: do not check that dtype and shape stay the same.

    Returns:
        ``module``.

    Raises:
        TypeError: ``module`` or ``parametrization`` is not a Module.
        ValueError: there is no such tensor, or dtype or shape change although ``unsafe`` is false.

    Example:
        >>> import lucid
        >>> from lucid.nn.utils import parametrize
        >>> class Positive(lucid.nn.Module):
        ...     def forward(self, x):
        ...         return x.exp()
        >>> linear = lucid.nn.Linear(2, 2)
        >>> _ = parametrize.register_parametrization(linear, "weight", Positive())
        >>> bool((linear.weight > 0).all())
        True
    """
    check_module("register_parametrization", module, parametrization)
    parametrization.train(module.training)
    if is_parametrized(module, tensor_name):
        present = module.parametrizations[tensor_name]
        if not unsafe:
            now = getattr(module, tensor_name)
            ParametrizationList._check(parametrization(now), tuple(now.shape), now.dtype)
            if hasattr(parametrization, "right_inverse"):
                back = parametrization.right_inverse(now)
                ParametrizationList._check(back, tuple(now.shape), now.dtype)
        present.append(parametrization)
        present.unsafe |= unsafe
        return module
    table = next((t for t in (module._parameters, module._buffers) if t.get(tensor_name) is not None), None)
    if table is None:
        raise ValueError(
            f"register_parametrization: {type(module).__name__} has no parameter or buffer {tensor_name!r}"
        )
    made = ParametrizationList([parametrization], table[tensor_name], unsafe)  # type: ignore[arg-type]
    delattr(module, tensor_name)
    if not is_parametrized(module):
        module.__class__ = _injected(type(module))
        module.parametrizations = ModuleDict()
    setattr(type(module), tensor_name, _property(tensor_name))
    module.parametrizations[tensor_name] = made
    return module


def remove_parametrizations(module: Module, tensor_name: str, leave_parametrized: bool = True) -> Module:
    """Make a parametrized tensor an ordinary parameter or buffer again.

    Args:
        module: changed in place; its class is the old one once no tensor is parametrized.
        tensor_name: name of the tensor.
        leave_parametrized: keep the value that was computed; otherwise the original, of which there must be one.

    Returns:
        ``module``.

    Raises:
        TypeError: ``module`` is not a Module.
        ValueError: the tensor is not parametrized, or there are several originals and ``leave_parametrized`` is false.

    Example:
        >>> import lucid
        >>> parametrize = lucid.nn.utils.parametrize
        >>> layer = lucid.nn.Linear(2, 3)
        >>> _ = parametrize.register_parametrization(layer, "weight", lucid.nn.Tanh())
        >>> _ = parametrize.remove_parametrizations(layer, "weight")
        >>> parametrize.is_parametrized(layer)
        False
    """
    check_module("remove_parametrizations", module)
    if not is_parametrized(module, tensor_name):
        raise ValueError(f"remove_parametrizations: {type(module).__name__} has no parametrization of {tensor_name!r}")
    lists = module.parametrizations
    present = lists[tensor_name]
    if not leave_parametrized and not present.is_tensor:
        raise ValueError(
            f"remove_parametrizations: {tensor_name!r} comes from {present.ntensors} tensors; "
            "pass leave_parametrized=True"
        )
    first = present.originals[0]
    if leave_parametrized:
        with no_grad():
            value = getattr(module, tensor_name).detach().clone()
        if present.is_tensor:
            first.data = value
        else:
            first = Parameter(value, first.requires_grad) if isinstance(first, Parameter) else value
    delattr(type(module), tensor_name)
    del lists[tensor_name]
    if not len(lists):
        module.__class__ = type(module).__bases__[0]
        del module.parametrizations
    if isinstance(first, Parameter):
        module.register_parameter(tensor_name, first)
    else:
        module.register_buffer(tensor_name, first)
    return module
