"""Convolutions whose kernels obey a constraint."""

from __future__ import annotations

import math
from typing import Any

from lucid._functions.creation import full, ones
from lucid._functions.pointwise import sqrt, square
from lucid._functions.ternary import clamp
from lucid._tensor import Tensor
from lucid.autograd._mode import no_grad
from lucid.nn import functional as F
from lucid.nn.functional._arguments import Sizes
from lucid.nn.modules.conv import Conv1d, Conv2d, Conv3d, _Conv

__all__ = ["ConstrainedConv1d", "ConstrainedConv2d", "ConstrainedConv3d"]

CONSTRAINTS = ("none", "nonneg", "sum_to_one", "zero_mean", "nonneg_sum1", "unit_l2", "max_l2", "fixed_center")


class _ConstrainedConv(_Conv):
    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Sizes,
        stride: Sizes = 1,
        padding: str | Sizes = 0,
        dilation: Sizes = 1,
        groups: int = 1,
        bias: bool = True,
        *,
        constraint: str = "none",
        enforce: str = "forward",
        eps: float = 1e-12,
        max_l2: float | None = None,
        center_value: float = -1.0,
        neighbor_sum: float = 1.0,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        name = type(self).__name__
        if constraint not in CONSTRAINTS:
            raise ValueError(f"{name}: constraint must be one of {CONSTRAINTS}, got {constraint!r}")
        if enforce not in ("forward", "post_step"):
            raise ValueError(f"{name}: enforce must be 'forward' or 'post_step', got {enforce!r}")
        if constraint == "max_l2" and (max_l2 is None or max_l2 <= 0):
            raise ValueError(f"{name}: constraint 'max_l2' needs a positive max_l2, got {max_l2}")
        super().__init__(
            in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias, device=device, dtype=dtype
        )
        if constraint == "fixed_center" and math.prod(self.kernel_size) == 1:
            raise ValueError(f"{name}: constraint 'fixed_center' needs a kernel of more than one element")
        self.constraint, self.enforce, self.eps = constraint, enforce, eps
        self.max_l2, self.center_value, self.neighbor_sum = max_l2, center_value, neighbor_sum

    def constrained_weight(self) -> Tensor:
        """The weight that obeys the constraint, computed from the stored one."""
        w: Tensor = self.weight
        every = tuple(range(2, w.ndim))
        if self.constraint == "nonneg":
            return clamp(w, 0)
        if self.constraint == "sum_to_one":
            return w / (w.sum(every, keepdim=True) + self.eps)
        if self.constraint == "zero_mean":
            return w - w.mean(every, keepdim=True)
        if self.constraint == "nonneg_sum1":
            w = clamp(w, 0)
            return w / (w.sum(every, keepdim=True) + self.eps)
        if self.constraint in ("unit_l2", "max_l2"):
            length = sqrt(square(w).sum(every, keepdim=True) + self.eps)
            if self.constraint == "unit_l2" or self.max_l2 is None:
                return w / length
            return w * clamp(self.max_l2 / length, max=1.0)
        if self.constraint == "fixed_center":
            centre = (..., *[k // 2 for k in self.kernel_size])
            others = ones(*self.kernel_size, dtype=w.dtype)
            others[centre] = 0
            fixed = full(self.kernel_size, 0.0, dtype=w.dtype)
            fixed[centre] = self.center_value
            # what the neighbours lack of their sum is shared among them
            lack = self.neighbor_sum - (w * others).sum(every, keepdim=True)
            return (w + lack / (math.prod(self.kernel_size) - 1)) * others + fixed
        return w

    def project_(self) -> None:
        """Overwrite the weight with the constrained one: after an optimizer's step, with ``enforce="post_step"``."""
        with no_grad():
            self.weight.copy_(self.constrained_weight())

    def forward(self, input: Tensor) -> Tensor:
        convolve = (F.conv1d, F.conv2d, F.conv3d)[self.spatial - 1]
        weight = self.constrained_weight() if self.enforce == "forward" else self.weight
        return convolve(input, weight, self.bias, self.stride, self.padding, self.dilation, self.groups)

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, constraint={self.constraint}, enforce={self.enforce}"


class ConstrainedConv1d(_ConstrainedConv, Conv1d):
    """`Conv1d` whose kernels obey a constraint, each slice (output channel, input channel) w of the weight for itself.

        "nonneg"       max(w, 0)
        "sum_to_one"   w / (sum w + eps)
        "zero_mean"    w - mean w
        "nonneg_sum1"  v / (sum v + eps),  v = max(w, 0)
        "unit_l2"      w / sqrt(sum w^2 + eps)
        "max_l2"       w * min(1, max_l2 / sqrt(sum w^2 + eps))
        "fixed_center" the middle element is ``center_value``; the others are shifted to have the sum ``neighbor_sum``

    Args:
        in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias, device, dtype: as in `Conv1d`.
        constraint: one of the above, or "none".
        enforce: "forward" computes the constrained weight in every call, and gradients flow through it; "post_step"
            uses the weight as it is: call ``project_()`` after the optimizer's step.
        eps: added to sums.
        max_l2: bound of "max_l2", positive.
        center_value: middle element of "fixed_center".
        neighbor_sum: sum of the other elements of "fixed_center".

    Shape: (N, in_channels, L) or (in_channels, L) to (N, out_channels, L') or (out_channels, L'), as for `Conv1d`.

    Raises:
        RuntimeError: the input has another number of dimensions or channels, another dtype than the weight, or is
            smaller than the kernel reaches.
        TypeError: a size is not made of ints.
        ValueError: an option is unknown or out of range.

    Example:
        >>> import lucid
        >>> conv = lucid.nn.ConstrainedConv1d(2, 3, 5, constraint="zero_mean")
        >>> bool(conv.constrained_weight().sum(-1).abs().max() < 1e-6)
        True

    Source: Bayar and Stamm, Constrained convolutional neural networks, IEEE TIFS 2018 ("fixed_center").
    """


class ConstrainedConv2d(_ConstrainedConv, Conv2d):
    """`Conv2d` whose kernels obey a constraint, of the table in `ConstrainedConv1d`.

    Args:
        in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias, device, dtype: as in `Conv2d`.
        constraint: "nonneg", "sum_to_one", "zero_mean", "nonneg_sum1", "unit_l2", "max_l2", "fixed_center" or "none".
        enforce: "forward" computes the constrained weight in every call, and gradients flow through it; "post_step"
            uses the weight as it is: call ``project_()`` after the optimizer's step.
        eps: added to sums.
        max_l2: bound of "max_l2", positive.
        center_value: middle element of "fixed_center".
        neighbor_sum: sum of the other elements of "fixed_center".

    Shape: (N, in_channels, H, W) or (in_channels, H, W) to (N, out_channels, H', W') or (out_channels, H', W'), as for
        `Conv2d`.

    Raises:
        RuntimeError: the input has another number of dimensions or channels, another dtype than the weight, or is
            smaller than the kernel reaches.
        TypeError: a size is not made of ints.
        ValueError: an option is unknown or out of range.

    Example:
        >>> import lucid
        >>> lucid.nn.ConstrainedConv2d(2, 3, 3, padding=1, constraint="unit_l2")(lucid.ones(1, 2, 4, 4)).shape
        lucid.Size([1, 3, 4, 4])

    Source: Bayar and Stamm, Constrained convolutional neural networks, IEEE TIFS 2018 ("fixed_center").
    """


class ConstrainedConv3d(_ConstrainedConv, Conv3d):
    """`Conv3d` whose kernels obey a constraint, of the table in `ConstrainedConv1d`.

    Args:
        in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias, device, dtype: as in `Conv3d`.
        constraint: "nonneg", "sum_to_one", "zero_mean", "nonneg_sum1", "unit_l2", "max_l2", "fixed_center" or "none".
        enforce: "forward" computes the constrained weight in every call, and gradients flow through it; "post_step"
            uses the weight as it is: call ``project_()`` after the optimizer's step.
        eps: added to sums.
        max_l2: bound of "max_l2", positive.
        center_value: middle element of "fixed_center".
        neighbor_sum: sum of the other elements of "fixed_center".

    Shape: (N, in_channels, D, H, W) or (in_channels, D, H, W) to (N, out_channels, D', H', W') or (out_channels, D',
        H', W'), as for `Conv3d`.

    Raises:
        RuntimeError: the input has another number of dimensions or channels, another dtype than the weight, or is
            smaller than the kernel reaches.
        TypeError: a size is not made of ints.
        ValueError: an option is unknown or out of range.

    Example:
        >>> import lucid
        >>> lucid.nn.ConstrainedConv3d(2, 3, 3, padding=1, constraint="nonneg")(lucid.ones(1, 2, 4, 4, 4)).shape
        lucid.Size([1, 3, 4, 4, 4])

    Source: Bayar and Stamm, Constrained convolutional neural networks, IEEE TIFS 2018 ("fixed_center").
    """
