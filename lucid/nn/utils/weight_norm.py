"""Weight and spectral normalisation by hooks: the older forms, with ``weight_g`` or ``weight_orig`` in state dicts.

New code has `lucid.nn.utils.parametrizations`.
"""

from __future__ import annotations

from typing import Any

from lucid._functions._precision import guard
from lucid._functions.matmul import dot, mv
from lucid._functions.sampling import randn
from lucid._functions.shape import movedim, reshape, transpose
from lucid._tensor import Tensor
from lucid.autograd._mode import no_grad
from lucid.nn.functional.norm import normalize
from lucid.nn.modules.module import Module
from lucid.nn.parameter import Parameter
from lucid.nn.utils._checks import check_module
from lucid.nn.utils.parametrizations import norm_except_dim

guard(globals())  # parameters may be in half precision


class _Hook:
    """Sets the attribute ``name`` before every forward."""

    def __init__(self, name: str) -> None:
        self.name = name

    def compute(self, module: Module) -> Tensor:
        raise NotImplementedError

    def __call__(self, module: Module, inputs: Any) -> None:
        setattr(module, self.name, self.compute(module))


def _find(function: str, module: Module, name: str, kind: type[_Hook]) -> tuple[int, Any]:
    check_module(function, module)
    hooks: dict[int, Any] = {} if module._hooks is None else module._hooks.forward_pre
    for key, hook in hooks.items():
        if isinstance(hook, kind) and hook.name == name:
            return key, hook
    raise ValueError(f"{function}: {type(module).__name__} has no such hook for {name!r}")


def _weight(function: str, module: Module, name: str) -> Parameter:
    weight = module._parameters.get(name)
    if weight is None:
        raise ValueError(f"{function}: {type(module).__name__} has no parameter {name!r}")
    return weight


class WeightNorm(_Hook):
    def __init__(self, name: str, dim: int | None) -> None:
        super().__init__(name)
        self.dim = -1 if dim is None else dim

    def compute(self, module: Module) -> Tensor:
        g, v = getattr(module, self.name + "_g"), getattr(module, self.name + "_v")
        return v * (g / norm_except_dim(v, self.dim))


def weight_norm(module: Module, name: str = "weight", dim: int | None = 0) -> Module:
    """Give a weight by lengths ``<name>_g`` and directions ``<name>_v``, which become the parameters.

        w = g * v / |v|,    |v| the norm over all dimensions but ``dim``

    Args:
        module: changed in place; the weight itself is computed before every forward.
        name: name of the weight.
        dim: dimension that keeps a length for every index; None for one length.

    Returns:
        ``module``.

    Raises:
        RuntimeError: the weight is normalised already.
        TypeError: ``module`` is not a Module.
        ValueError: there is no such parameter.

    Example:
        >>> import lucid
        >>> linear = lucid.nn.utils.weight_norm(lucid.nn.Linear(4, 3))
        >>> [name for name, _ in linear.named_parameters()]
        ['bias', 'weight_g', 'weight_v']

    Source: Salimans and Kingma, Weight normalization, arXiv:1602.07868.
    """
    check_module("weight_norm", module)
    if name + "_g" in module._parameters:
        raise RuntimeError(f"weight_norm: {name!r} of {type(module).__name__} is normalised already")
    weight, hook = _weight("weight_norm", module, name), WeightNorm(name, dim)
    delattr(module, name)
    with no_grad():
        lengths = norm_except_dim(weight.detach(), hook.dim)
    module.register_parameter(name + "_g", Parameter(lengths.clone()))
    module.register_parameter(name + "_v", Parameter(weight.data))
    setattr(module, name, hook.compute(module))
    module.register_forward_pre_hook(hook)
    return module


def remove_weight_norm(module: Module, name: str = "weight") -> Module:
    """Undo `weight_norm`: the weight is a parameter again.

    Args:
        module: changed in place.
        name: name of the weight.

    Returns:
        ``module``.

    Raises:
        TypeError: ``module`` is not a Module.
        ValueError: the weight is not normalised.

    Example:
        >>> import lucid
        >>> layer = lucid.nn.utils.weight_norm(lucid.nn.Linear(2, 3))
        >>> _ = lucid.nn.utils.remove_weight_norm(layer)
        >>> [name for name, _ in layer.named_parameters()]
        ['bias', 'weight']
    """
    key, hook = _find("remove_weight_norm", module, name, WeightNorm)
    with no_grad():
        weight = hook.compute(module)
    delattr(module, name)
    delattr(module, name + "_g")
    delattr(module, name + "_v")
    setattr(module, name, Parameter(weight))
    del module._hooks.forward_pre[key]  # type: ignore[union-attr]
    return module


class SpectralNorm(_Hook):
    def __init__(self, name: str, n_power_iterations: int, dim: int, eps: float) -> None:
        super().__init__(name)
        self.n_power_iterations, self.dim, self.eps = n_power_iterations, dim, eps

    def matrix(self, weight: Tensor) -> Tensor:
        front = movedim(weight, self.dim, 0) if self.dim else weight
        return reshape(front, (front.shape[0], -1))

    def compute(self, module: Module, iterate: bool | None = None) -> Tensor:
        weight = getattr(module, self.name + "_orig")
        u, v, matrix = getattr(module, self.name + "_u"), getattr(module, self.name + "_v"), self.matrix(weight)
        if module.training if iterate is None else iterate:
            with no_grad():
                for _ in range(self.n_power_iterations):
                    v = normalize(mv(transpose(matrix, 0, 1), u), dim=0, eps=self.eps)
                    u = normalize(mv(matrix, v), dim=0, eps=self.eps)
            setattr(module, self.name + "_u", u)
            setattr(module, self.name + "_v", v)
        return weight / dot(u, mv(matrix, v))


def spectral_norm(
    module: Module, name: str = "weight", n_power_iterations: int = 1, eps: float = 1e-12, dim: int | None = None
) -> Module:
    """Divide a weight, which becomes the parameter ``<name>_orig``, by its largest singular value before every forward.

    Args:
        module: changed in place; buffers ``<name>_u`` and ``<name>_v`` keep the singular vectors.
        name: name of the weight.
        n_power_iterations: steps of power iteration for every forward in training.
        eps: least norm to divide by.
        dim: rows of the matrix; 1 for transposed convolutions and 0 for everything else unless given.

    Returns:
        ``module``.

    Raises:
        RuntimeError: the weight is normalised already.
        TypeError: ``module`` is not a Module.
        ValueError: there is no such parameter, or ``n_power_iterations`` is not positive.

    Example:
        >>> import lucid
        >>> linear = lucid.nn.utils.spectral_norm(lucid.nn.Linear(4, 3))
        >>> list(linear.state_dict())
        ['bias', 'weight_orig', 'weight_u', 'weight_v']

    Source: Miyato et al., Spectral normalization for generative adversarial networks, arXiv:1802.05957.
    """
    if n_power_iterations <= 0:
        raise ValueError(f"spectral_norm: n_power_iterations must be positive, got {n_power_iterations}")
    check_module("spectral_norm", module)
    if name + "_orig" in module._parameters:
        raise RuntimeError(f"spectral_norm: {name!r} of {type(module).__name__} is normalised already")
    weight = _weight("spectral_norm", module, name)
    if dim is None:
        dim = 1 if type(module).__name__.startswith("ConvTranspose") else 0
    hook = SpectralNorm(name, n_power_iterations, dim, eps)
    rows, columns = hook.matrix(weight.detach()).shape
    delattr(module, name)
    module.register_parameter(name + "_orig", weight)
    setattr(module, name, weight.detach())
    module.register_buffer(name + "_u", normalize(randn(rows, dtype=weight.dtype), dim=0, eps=eps))
    module.register_buffer(name + "_v", normalize(randn(columns, dtype=weight.dtype), dim=0, eps=eps))
    module.register_forward_pre_hook(hook)
    return module


def remove_spectral_norm(module: Module, name: str = "weight") -> Module:
    """Undo `spectral_norm`: the normalised weight is a parameter again.

    Args:
        module: changed in place.
        name: name of the weight.

    Returns:
        ``module``.

    Raises:
        TypeError: ``module`` is not a Module.
        ValueError: the weight is not normalised.

    Example:
        >>> import lucid
        >>> layer = lucid.nn.utils.spectral_norm(lucid.nn.Linear(2, 3))
        >>> _ = lucid.nn.utils.remove_spectral_norm(layer)
        >>> [name for name, _ in layer.named_parameters()]
        ['bias', 'weight']
    """
    key, hook = _find("remove_spectral_norm", module, name, SpectralNorm)
    with no_grad():
        weight = hook.compute(module, iterate=False)
    delattr(module, name)
    for suffix in ("_orig", "_u", "_v"):
        delattr(module, name + suffix)
    module.register_parameter(name, Parameter(weight))
    del module._hooks.forward_pre[key]  # type: ignore[union-attr]
    return module
