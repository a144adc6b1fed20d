"""Modules for several devices, on the one there is."""

from __future__ import annotations

from typing import Any

from lucid.nn.modules.module import Module

__all__ = ["DataParallel"]


class DataParallel(Module):
    """Runs the module it holds: lucid has one device, whose cores every operation already shares.

    The parameters' names begin with ``module.``, as in checkpoints of PyTorch's class.

    Args:
        module: what to run.
        device_ids: accepted; None or CPUs.
        output_device: accepted.
        dim: accepted: the batch dimension, which is not split.

    Shape: as for the module.

    Example:
        >>> import lucid
        >>> model = lucid.nn.DataParallel(lucid.nn.Linear(3, 2))
        >>> model(lucid.ones(4, 3)).shape, list(model.state_dict())
        (lucid.Size([4, 2]), ['module.weight', 'module.bias'])
    """

    def __init__(self, module: Module, device_ids: Any = None, output_device: Any = None, dim: int = 0) -> None:
        super().__init__()
        self.module, self.dim = module, dim

    def forward(self, *inputs: Any, **kwargs: Any) -> Any:
        return self.module(*inputs, **kwargs)
