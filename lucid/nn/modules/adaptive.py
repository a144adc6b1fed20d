"""An approximate softmax for many classes of very different frequency."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from lucid._functions.gather import gather
from lucid._functions.index import getitem
from lucid._functions.join import cat
from lucid._functions.shape import reshape, unsqueeze
from lucid._tensor import Tensor
from lucid.autograd._node import wrap
from lucid.nn import functional as F
from lucid.nn.modules.container import ModuleList, Sequential
from lucid.nn.modules.linear import Linear
from lucid.nn.modules.module import Module

__all__ = ["AdaptiveLogSoftmaxWithLoss"]


class ASMoutput(NamedTuple):
    """What `AdaptiveLogSoftmaxWithLoss` gives: the log-probability of each target, and minus their mean."""

    output: Tensor
    loss: Tensor


class AdaptiveLogSoftmaxWithLoss(Module):
    """An approximate softmax: frequent classes by themselves, rare ones in clusters with fewer features.

        log p(c) = log_softmax(head(x))[c] for c below the first cutoff
        log p(c) = log_softmax(head(x))[cluster of c] + log_softmax(tail(x))[c within its cluster] for the others

    Args:
        in_features: size of each input.
        n_classes: number of classes, in the order of falling frequency.
        cutoffs: the first class of each cluster, rising, between 1 and n_classes - 1.
        div_value: cluster i has in_features / div_value^i features.
        head_bias: whether the head has a bias.
        device: "cpu".
        dtype: type of the parameters; the default type unless given.

    Attributes:
        head: the `Linear` map for the frequent classes and the clusters.
        tail: for each cluster, a `Sequential` of two `Linear` maps.

    Shape: input (N, in_features) with classes (N,), or (in_features,) with (); the result (output, loss): the
        log-probability of each class, and minus their mean.

    Raises:
        RuntimeError: when called: shapes or dtypes do not fit, or a class is out of range.
        ValueError: the cutoffs are not as said.

    Example:
        >>> import lucid
        >>> softmax = lucid.nn.AdaptiveLogSoftmaxWithLoss(16, 100, [10, 50])
        >>> output, loss = softmax(lucid.randn(3, 16), lucid.tensor([0, 20, 99]))
        >>> output.shape, loss.shape
        (lucid.Size([3]), lucid.Size([]))

    Source: Grave et al., Efficient softmax approximation for GPUs, arXiv:1609.04309.
    """

    def __init__(
        self,
        in_features: int,
        n_classes: int,
        cutoffs: Sequence[int],
        div_value: float = 4.0,
        head_bias: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        given = list(cutoffs)
        if (
            not given
            or any(int(c) != c for c in given)
            or any(a >= b for a, b in zip([0, *given], [*given, n_classes]))
        ):
            raise ValueError(
                f"AdaptiveLogSoftmaxWithLoss: expected cutoffs to be integers that rise from at least 1 to at most "
                f"n_classes - 1 = {n_classes - 1}, got {given}"
            )
        self.in_features, self.n_classes, self.cutoffs = in_features, n_classes, [*given, n_classes]
        self.div_value, self.head_bias = div_value, head_bias
        self.shortlist_size, self.n_clusters = self.cutoffs[0], len(self.cutoffs) - 1
        self.head_size = self.shortlist_size + self.n_clusters
        self.head = Linear(in_features, self.head_size, head_bias, device, dtype)
        self.tail = ModuleList()
        for i in range(self.n_clusters):
            features = int(in_features // div_value ** (i + 1))
            classes = self.cutoffs[i + 1] - self.cutoffs[i]
            self.tail.append(
                Sequential(
                    Linear(in_features, features, False, device, dtype), Linear(features, classes, False, device, dtype)
                )
            )

    def reset_parameters(self) -> None:
        """Draw all weights anew."""
        self.head.reset_parameters()
        for projection in self.tail:
            for layer in projection:  # type: ignore[attr-defined]
                layer.reset_parameters()

    def forward(self, input_: Tensor, target_: Tensor) -> ASMoutput:
        shape, wanted = input_._data.shape, target_._data.shape
        if len(wanted) > 1 or len(shape) != len(wanted) + 1 or shape[:-1] != wanted:
            raise RuntimeError(
                f"expected input (N, in_features) with target (N,), or (in_features,) with a 0-d target, got {shape} "
                f"and {wanted}"
            )
        if target_._data.dtype.kind not in "iu":
            raise RuntimeError(f"expected integer targets, got {target_.dtype}")
        x = input_ if wanted else unsqueeze(input_, 0)
        classes = target_._data.reshape(-1).astype(np.int64)
        if classes.size and not 0 <= int(classes.min()) <= int(classes.max()) < self.n_classes:
            raise RuntimeError(
                f"expected targets between 0 and {self.n_classes - 1}, got {classes.min()} to {classes.max()}"
            )
        cluster = np.searchsorted(self.cutoffs, classes, side="right")  # 0: in the head itself
        first = np.where(cluster > 0, self.shortlist_size + cluster - 1, classes)
        output = gather(F.log_softmax(self.head(x), 1), 1, wrap(first[:, None]))
        rows, parts = [np.flatnonzero(cluster == 0)], []
        for i in range(1, self.n_clusters + 1):
            own = np.flatnonzero(cluster == i)
            if not len(own):
                continue
            within = wrap((classes[own] - self.cutoffs[i - 1])[:, None])
            scores = F.log_softmax(self.tail[i - 1](getitem(x, wrap(own))), 1)
            rows.append(own)
            parts.append(gather(scores, 1, within))
        if parts:
            zeros = wrap(np.zeros((len(rows[0]), 1), x._data.dtype))
            back = np.argsort(np.concatenate(rows))
            output = output + getitem(cat([zeros, *parts]), wrap(back))
        output = reshape(output, wanted)
        return ASMoutput(output, -output.mean())

    def _all_scores(self, x: Tensor, head: Tensor) -> Tensor:
        logs = F.log_softmax(head, 1)
        parts = [logs[:, : self.shortlist_size]]
        for i, projection in enumerate(self.tail):
            at = self.shortlist_size + i
            parts.append(F.log_softmax(projection(x), 1) + logs[:, at : at + 1])
        return cat(parts, 1)

    def log_prob(self, input: Tensor) -> Tensor:
        """The log-probabilities of all classes.

        Args:
            input: (N, in_features), floating point.

        Returns:
            Shape (N, n_classes).
        """
        return self._all_scores(input, self.head(input))

    def predict(self, input: Tensor) -> Tensor:
        """The most probable class of each input.

        Args:
            input: (N, in_features), floating point.

        Returns:
            Shape (N,), int64.
        """
        head = self.head(input)
        best = head.argmax(1)._data
        rare = np.flatnonzero(best >= self.shortlist_size)
        if len(rare):
            at = wrap(rare)
            scores = self._all_scores(getitem(input, at), getitem(head, at))
            best[rare] = scores.argmax(1)._data
        return wrap(best)
