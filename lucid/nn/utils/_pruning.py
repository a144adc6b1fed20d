"""The methods of `lucid.nn.utils.prune`: hooks that compute a parameter from what is kept of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from numbers import Real
from typing import Any

import lucid
from lucid._functions._naming import NamedMethods
from lucid._printing import shown
from lucid._tensor import Tensor
from lucid.nn.modules.module import Module


def _check_amount(amount: Any) -> None:
    if not isinstance(amount, Real):
        raise TypeError(f"prune: amount must be a number of elements or a share of them, got {shown(amount)}")
    if (isinstance(amount, int) and amount < 0) or (not isinstance(amount, int) and not 0.0 <= float(amount) <= 1.0):
        raise ValueError(f"prune: amount must be a share between 0 and 1 or an int of at least 0, got {amount}")


def _number(amount: Any, of: int) -> int:
    """How many of ``of`` elements to prune."""
    number = amount if isinstance(amount, int) else round(amount * of)
    if number > of:
        raise ValueError(f"prune: amount {amount} is more than the {of} there are")
    return number


def check_parameter(module: Any, name: str) -> None:
    """Refuse what is no module, or has no parameter of that name, pruned or not.

    Raises:
        TypeError: ``module`` is something else.
        AttributeError: it has no such parameter.
    """
    if not isinstance(module, Module):
        raise TypeError(f"prune: expected a Module, got {type(module).__name__}")
    own = [n.removesuffix("_orig") for n in module._parameters]
    if name not in own:
        raise AttributeError(
            f"prune: {type(module).__name__} has no parameter {name!r}, only {', '.join(own) or 'none'}"
        )


def methods(module: Module) -> list[tuple[int, BasePruningMethod]]:
    """The pruning methods among the module's hooks, and their keys there."""
    if module._hooks is None:
        return []
    return [(key, h) for key, h in module._hooks.forward_pre.items() if isinstance(h, BasePruningMethod)]


class BasePruningMethod(NamedMethods, ABC):
    """Base of pruning methods: a hook that sets ``name`` to ``name_orig * name_mask`` before every forward pass.

    Subclasses define ``compute_mask(t, default_mask)`` and ``PRUNING_TYPE``: "unstructured" masks of later methods are
    computed over the elements that are still kept, "structured" ones over the slices still kept, "global" ones over
    everything.

    Raises:
        AssertionError: in `apply`, ``importance_scores`` have another shape than the parameter.
        AttributeError: in `apply`, the module has no such parameter.
        TypeError: in `apply`, what is given is not a Module.

    Example:
        >>> import lucid
        >>> from lucid.nn.utils import prune
        >>> class Every(prune.BasePruningMethod):
        ...     PRUNING_TYPE = "unstructured"
        ...     def compute_mask(self, t, default_mask):
        ...         return lucid.zeros_like(default_mask)
        ...
        >>> layer = lucid.nn.Linear(2, 1)
        >>> _ = Every.apply(layer, "weight")
        >>> layer.weight.abs().sum().item()
        0.0
    """

    PRUNING_TYPE = "global"
    _tensor_name: str

    def __call__(self, module: Module, inputs: Any) -> None:
        setattr(module, self._tensor_name, self.apply_mask(module))

    @abstractmethod
    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """The mask of a tensor, given the mask so far.

        Args:
            t: the tensor, or what to rank instead.
            default_mask: ones and zeros of its shape.

        Returns:
            Ones and zeros of the same shape.
        """

    def apply_mask(self, module: Module) -> Tensor:
        """The pruned tensor: the original times the mask.

        Args:
            module: holds the parameter.
        """
        mask, original = getattr(module, self._tensor_name + "_mask"), getattr(module, self._tensor_name + "_orig")
        return mask.to(original.dtype) * original

    @classmethod
    def apply(
        cls, module: Module, name: str, *args: Any, importance_scores: Tensor | None = None, **kwargs: Any
    ) -> BasePruningMethod:
        """Prune the parameter ``name`` of ``module``; a parameter that is pruned already is pruned further.

        Args:
            module: holds the parameter; changed in place.
            name: of the parameter.
            args, kwargs: for the class.
            importance_scores: what to rank instead of the parameter; its shape.

        Returns:
            The method, or the container of it and those before it.

        Raises:
            AssertionError: ``importance_scores`` have another shape than the parameter.
            AttributeError: there is no such parameter.
            TypeError: ``module`` is not a Module.
        """
        check_parameter(module, name)
        earlier = [(key, hook) for key, hook in methods(module) if hook._tensor_name == name]
        method: BasePruningMethod = cls(*args, **kwargs)
        method._tensor_name = name
        original = getattr(module, name + "_orig") if earlier else getattr(module, name)
        if importance_scores is not None and importance_scores.shape != original.shape:
            raise AssertionError(
                f"prune: importance_scores should have the same shape as parameter {name}, got "
                f"{tuple(importance_scores.shape)} and {tuple(original.shape)}"
            )
        scores = original if importance_scores is None else importance_scores
        default = getattr(module, name + "_mask") if earlier else lucid.ones_like(original)
        if earlier:
            container = PruningContainer(earlier[0][1])
            container.add_pruning_method(method)
            mask = container.compute_mask(scores.detach(), default)
            del module._registry().forward_pre[earlier[0][0]]
            method = container
        else:
            mask = method.compute_mask(scores.detach(), default)
            module.register_parameter(name + "_orig", module._parameters.pop(name))
        module.register_buffer(name + "_mask", mask)
        setattr(module, name, method.apply_mask(module))
        module.register_forward_pre_hook(method)
        return method

    def prune(self, t: Tensor, default_mask: Tensor | None = None, importance_scores: Tensor | None = None) -> Tensor:
        """``t`` with this method's mask applied; no module is involved.

        Args:
            t: the tensor.
            default_mask: mask so far, of its shape; ones unless given.
            importance_scores: what to rank instead of ``t``; its shape.
        """
        scores = t if importance_scores is None else importance_scores
        return t * self.compute_mask(scores, lucid.ones_like(t) if default_mask is None else default_mask)

    def remove(self, module: Module) -> None:
        """Make the pruned tensor the parameter again; what was zeroed stays zero.

        Args:
            module: holds the parameter; changed in place. The hook stays: see `remove`.
        """
        name = self._tensor_name
        weight = self.apply_mask(module)
        delattr(module, name)
        original = module._parameters.pop(name + "_orig")
        del module._buffers[name + "_mask"]
        original.data = weight.detach()  # type: ignore[union-attr]
        module.register_parameter(name, original)


class PruningContainer(BasePruningMethod):
    """Several pruning methods of one parameter, each applied to what those before it kept.

    Args:
        methods: pruning methods of one parameter, in order; one container is copied.

    Raises:
        TypeError: what is added is not a pruning method.
        ValueError: it is of another parameter, or its ``PRUNING_TYPE`` is unknown.

    Example:
        >>> import lucid
        >>> from lucid.nn.utils import prune
        >>> layer = lucid.nn.Linear(4, 2)
        >>> _ = prune.l1_unstructured(layer, "weight", 2)
        >>> _ = prune.random_unstructured(layer, "weight", 2)
        >>> int(layer.weight_mask.sum())
        4
    """

    PRUNING_TYPE = "container"

    def __init__(self, *methods: Any) -> None:
        self._pruning_methods: tuple[Any, ...] = ()
        first = methods[0] if len(methods) == 1 else None
        if isinstance(first, PruningContainer):
            self._pruning_methods, self._tensor_name = first._pruning_methods, first._tensor_name
        elif isinstance(first, BasePruningMethod):
            self._pruning_methods, self._tensor_name = (first,), first._tensor_name
        else:
            for method in methods:
                self.add_pruning_method(method)

    def add_pruning_method(self, method: Any) -> None:
        """Add a method of the same tensor.

        Args:
            method: the method.

        Raises:
            TypeError: it is not a pruning method.
            ValueError: it is of another parameter.
        """
        if not isinstance(method, BasePruningMethod):
            raise TypeError(f"PruningContainer: expected a pruning method, got {type(method).__name__}")
        if self._pruning_methods and method._tensor_name != self._tensor_name:
            raise ValueError(
                f"PruningContainer: expected a method of {self._tensor_name!r}, got one of {method._tensor_name!r}"
            )
        self._tensor_name = method._tensor_name
        self._pruning_methods += (method,)

    def __len__(self) -> int:
        return len(self._pruning_methods)

    def __iter__(self) -> Any:
        return iter(self._pruning_methods)

    def __getitem__(self, index: int) -> Any:
        return self._pruning_methods[index]

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        method = self._pruning_methods[-1]
        if method.PRUNING_TYPE == "unstructured":
            kept: Any = default_mask == 1
        elif method.PRUNING_TYPE == "structured":
            axis = method.dim % t.dim()
            others = tuple(d for d in range(t.dim()) if d != axis)
            alive = default_mask.sum(others) != 0 if others else default_mask != 0
            kept = tuple(alive if d == axis else slice(None) for d in range(t.dim()))
        elif method.PRUNING_TYPE == "global":
            kept = slice(None)
        else:
            raise ValueError(f"PruningContainer: unknown PRUNING_TYPE {method.PRUNING_TYPE!r}")
        mask = default_mask.clone()
        mask[kept] = method.compute_mask(t[kept], default_mask[kept]).to(mask.dtype)
        return mask


class Identity(BasePruningMethod):
    """Prunes nothing; for the names ``name_orig`` and ``name_mask`` alone.

    Example:
        >>> import lucid
        >>> from lucid.nn.utils import prune
        >>> print(prune.Identity().prune(lucid.tensor([1.0, 2.0])))
        [1.0, 2.0]
    """

    PRUNING_TYPE = "unstructured"

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        return default_mask


class RandomUnstructured(BasePruningMethod):
    """Prunes ``amount`` elements at random: a number of them, or a share in [0, 1].

    Args:
        amount: number of elements, an int, or a share in [0, 1], a float.

    Raises:
        TypeError: ``amount`` is not a number.
        ValueError: ``amount`` is out of range, or larger than the tensor.

    Example:
        >>> import lucid
        >>> from lucid.nn.utils import prune
        >>> prune.RandomUnstructured(3).prune(lucid.ones(8)).sum().item()
        5.0
    """

    PRUNING_TYPE = "unstructured"

    def __init__(self, amount: Any) -> None:
        _check_amount(amount)
        self.amount = amount

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        mask = default_mask.clone().contiguous()
        mask.view(-1)[lucid.randperm(t.numel())[: _number(self.amount, t.numel())]] = 0
        return mask


class L1Unstructured(BasePruningMethod):
    """Prunes the ``amount`` elements of the smallest magnitude: a number of them, or a share in [0, 1].

    Args:
        amount: number of elements, an int, or a share in [0, 1], a float.

    Raises:
        TypeError: ``amount`` is not a number.
        ValueError: ``amount`` is out of range, or larger than the tensor.

    Example:
        >>> import lucid
        >>> from lucid.nn.utils import prune
        >>> print(prune.L1Unstructured(1).prune(lucid.tensor([-1.0, 0.5, 2.0])))
        [-1.0, 0.0, 2.0]

    Source: Han et al., arXiv:1506.02626.
    """

    PRUNING_TYPE = "unstructured"

    def __init__(self, amount: Any) -> None:
        _check_amount(amount)
        self.amount = amount

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        mask, number = default_mask.clone().contiguous(), _number(self.amount, t.numel())
        if number:
            mask.view(-1)[lucid.topk(t.abs().reshape(-1), number, largest=False).indices] = 0
        return mask


class RandomStructured(BasePruningMethod):
    """Prunes ``amount`` slices along ``dim`` at random: a number of them, or a share in [0, 1].

    Args:
        amount: number of slices, an int, or a share in [0, 1], a float.
        dim: dimension whose slices they are.

    Raises:
        IndexError: the tensor has no dimension ``dim``.
        TypeError: ``amount`` is not a number.
        ValueError: ``amount`` is out of range or more than there are slices, or the tensor has fewer than two
            dimensions.

    Example:
        >>> import lucid
        >>> from lucid.nn.utils import prune
        >>> prune.RandomStructured(1, dim=0).prune(lucid.ones(3, 2)).sum().item()
        4.0
    """

    PRUNING_TYPE = "structured"

    def __init__(self, amount: Any, dim: int = -1) -> None:
        _check_amount(amount)
        self.amount, self.dim = amount, dim

    def _least(self, t: Tensor, number: int) -> Tensor:
        return lucid.randperm(t.shape[self.dim])[:number]

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        if t.dim() <= 1:
            raise ValueError(f"prune: slices need at least two dimensions, got shape {tuple(t.shape)}")
        if not -t.dim() <= self.dim < t.dim():
            raise IndexError(f"prune: dim {self.dim} is out of range for shape {tuple(t.shape)}")
        number = _number(self.amount, t.shape[self.dim])
        if not number:
            return default_mask
        kept = lucid.ones(t.shape[self.dim], dtype=default_mask.dtype)
        kept[self._least(t, number)] = 0
        return default_mask * kept.reshape(*(-1 if d == self.dim % t.dim() else 1 for d in range(t.dim())))


class LnStructured(RandomStructured):
    """Prunes the ``amount`` slices along ``dim`` of the smallest ``n``-norm: a number of them, or a share in [0, 1].

    Args:
        amount: number of slices, an int, or a share in [0, 1], a float.
        n: order of the norm.
        dim: dimension whose slices they are.

    Raises:
        IndexError: the tensor has no dimension ``dim``.
        TypeError: ``amount`` is not a number.
        ValueError: ``amount`` is out of range or more than there are slices, or the tensor has fewer than two
            dimensions.

    Example:
        >>> import lucid
        >>> from lucid.nn.utils import prune
        >>> print(prune.LnStructured(1, n=2, dim=0).prune(lucid.tensor([[1.0, 1.0], [2.0, 0.0]])))
        [[0.0, 0.0],
         [2.0, 0.0]]

    Source: Li et al., arXiv:1608.08710.
    """

    def __init__(self, amount: Any, n: Any, dim: int = -1) -> None:
        super().__init__(amount, dim)
        self.n = n

    def _least(self, t: Tensor, number: int) -> Tensor:
        others = [d for d in range(t.dim()) if d != self.dim % t.dim()]
        return lucid.topk(lucid.norm(t, self.n, others), number, largest=False).indices


class CustomFromMask(BasePruningMethod):
    """Prunes where a given mask is 0.

    Args:
        mask: ones, and zeros where to prune; the tensor's shape.

    Raises:
        ValueError: the mask has another shape than the tensor.

    Example:
        >>> import lucid
        >>> from lucid.nn.utils import prune
        >>> print(prune.CustomFromMask(lucid.tensor([1.0, 0.0])).prune(lucid.tensor([3.0, 4.0])))
        [3.0, 0.0]
    """

    PRUNING_TYPE = "global"

    def __init__(self, mask: Tensor) -> None:
        self.mask = mask

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        if self.mask.shape != default_mask.shape:
            raise ValueError(
                f"custom_from_mask: expected a mask of shape {tuple(default_mask.shape)}, got {tuple(self.mask.shape)}"
            )
        return default_mask * self.mask.to(default_mask.dtype)
