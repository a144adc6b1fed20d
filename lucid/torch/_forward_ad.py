"""``torch.autograd.forward_ad``: tensors carry no tangents, and code that asks for one is told so."""

from __future__ import annotations

from typing import Any, NamedTuple

from lucid._functions._arguments import check_tensors
from lucid.torch._missing import Missing


class UnpackedDualTensor(NamedTuple):
    """A tensor and the tangent it carries, or None."""

    primal: Any
    tangent: Any


def unpack_dual(tensor: Any, *, level: int | None = None) -> UnpackedDualTensor:
    """A tensor and no tangent, as for every tensor that `make_dual`, which lucid lacks, did not make.

    Args:
        tensor: any.
        level: not looked at: there are none.

    Raises:
        TypeError: it is no tensor.

    Example:
        >>> import lucid
        >>> from lucid.torch._forward_ad import unpack_dual
        >>> unpack_dual(lucid.ones(2)).tangent is None
        True
    """
    check_tensors("unpack_dual", tensor)
    return UnpackedDualTensor(tensor, None)


make_dual = Missing("torch.autograd.forward_ad.make_dual")
dual_level = Missing("torch.autograd.forward_ad.dual_level")
enter_dual_level = Missing("torch.autograd.forward_ad.enter_dual_level")
exit_dual_level = Missing("torch.autograd.forward_ad.exit_dual_level")
