"""Dropout of whole volumes, and dropout that keeps mean and variance."""

from __future__ import annotations

from lucid._tensor import Tensor
from lucid.nn import functional as F
from lucid.nn.modules.dropout import _Dropout

__all__ = ["AlphaDropout", "Dropout3d", "FeatureAlphaDropout"]


class Dropout3d(_Dropout):
    """In training, whole channels of (N, C, D, H, W) zeroed with probability ``p``, the others divided by 1 - p.

    Args:
        p: probability of zeroing a channel, in [0, 1].
        inplace: overwrite the input.

    Shape: (N, C, D, H, W) or (C, D, H, W), and the same for the result; floating point.

    Raises:
        RuntimeError: another number of dimensions.
        TypeError: the input is not floating point.
        ValueError: ``p`` is out of range.

    Example:
        >>> import lucid
        >>> lucid.nn.Dropout3d(0.5).eval()(lucid.ones(1, 2, 1, 1, 1)).flatten().tolist()
        [1.0, 1.0]

    Source: Tompson et al., Efficient object localization using convolutional networks, arXiv:1411.4280.
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.dropout3d(input, self.p, self.training, self.inplace)


class AlphaDropout(_Dropout):
    """In training, elements set to the lower limit of SELU with probability ``p``; mean 0 and variance 1 are kept.

        y = a * (x or, with probability p, -s) + a * s * p,    s = 1.758..., a = 1 / sqrt((1 - p) * (1 + p * s^2))

    Args:
        p: probability of dropping an element, in [0, 1].
        inplace: overwrite the input.

    Shape: any, and the same for the result; floating point.

    Raises:
        TypeError: the input is not floating point.
        ValueError: ``p`` is out of range.

    Example:
        >>> import lucid
        >>> lucid.nn.AlphaDropout(0.5).eval()(lucid.ones(2)).tolist()
        [1.0, 1.0]

    Source: Klambauer et al., Self-normalizing neural networks, arXiv:1706.02515.
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.alpha_dropout(input, self.p, self.training, self.inplace)


class FeatureAlphaDropout(_Dropout):
    """`AlphaDropout` of whole channels of (N, C, ...).

    Args:
        p: probability of dropping a channel, in [0, 1].
        inplace: overwrite the input.

    Shape: (N, C, ...), and the same for the result; floating point.

    Raises:
        RuntimeError: fewer than two dimensions.
        TypeError: the input is not floating point.
        ValueError: ``p`` is out of range.

    Example:
        >>> import lucid
        >>> lucid.nn.FeatureAlphaDropout(0.5).eval()(lucid.ones(1, 2, 3)).shape
        lucid.Size([1, 2, 3])

    Source: Klambauer et al., Self-normalizing neural networks, arXiv:1706.02515.
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.feature_alpha_dropout(input, self.p, self.training, self.inplace)
