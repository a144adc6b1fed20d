"""What detectors in the form of YOLOv8 are trained with: which places answer for which box, and how wrong they are."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

import lucid
from lucid import Tensor, nn
from lucid.models.boxes import _overlaps
from lucid.models.yolo import BINS, Detect
from lucid.nn import functional as F
from lucid.nn.functional._common import check_tensors


def complete_iou(boxes1: Tensor, boxes2: Tensor) -> Tensor:
    """Complete intersection over union of boxes, one by one, with gradients.

        CIoU = IoU - d^2 / c^2 - alpha * v,    v = 4 / pi^2 * (atan(w2 / h2) - atan(w1 / h1))^2

    d is the distance of the middles, c the diagonal of the smallest box around both, and alpha = v / (1 - IoU + v)
    counts as a constant in gradients.

    Args:
        boxes1: (..., 4), left, top, right and bottom of each.
        boxes2: of the same shape.

    Returns:
        (...), from -2 to 1; 1 where boxes are the same.

    Raises:
        TypeError: an argument is no tensor.
        ValueError: shapes differ, or the last dimension is not 4.

    Example:
        >>> import lucid
        >>> a, b = lucid.tensor([[0.0, 0.0, 2.0, 2.0]]), lucid.tensor([[1.0, 0.0, 3.0, 2.0]])
        >>> round(lucid.models.complete_iou(a, b).item(), 4)  # 1 / 3 - 1 / 13
        0.2564

    Source: Zheng et al. (2020), Distance-IoU Loss.
    """
    check_tensors("complete_iou", boxes1, boxes2)
    if boxes1.shape != boxes2.shape or boxes1.ndim < 1 or boxes1.shape[-1] != 4:
        raise ValueError(
            f"complete_iou: expected two tensors of the same shape (..., 4), got {tuple(boxes1.shape)} and "
            f"{tuple(boxes2.shape)}"
        )
    return _complete(boxes1, boxes2)


def _complete(a: Tensor, b: Tensor, alpha: Tensor | None = None) -> Tensor:
    tiny = float(np.finfo(np.float32).tiny)  # empty boxes overlap nothing, rather than 0 / 0
    size_a, size_b = a[..., 2:] - a[..., :2], b[..., 2:] - b[..., :2]
    common = (lucid.minimum(a[..., 2:], b[..., 2:]) - lucid.maximum(a[..., :2], b[..., :2])).clamp(min=0).prod(-1)
    iou = common / (size_a.prod(-1) + size_b.prod(-1) - common + tiny)
    around = lucid.maximum(a[..., 2:], b[..., 2:]) - lucid.minimum(a[..., :2], b[..., :2])
    apart = (a[..., :2] + a[..., 2:] - b[..., :2] - b[..., 2:]) / 2
    distance = (apart * apart).sum(-1) / ((around * around).sum(-1) + tiny)
    angle = lucid.atan2(size_b[..., 0], size_b[..., 1]) - lucid.atan2(size_a[..., 0], size_a[..., 1])
    v = angle * angle * (4 / math.pi**2)
    if alpha is None:
        alpha = (v / (1 - iou + v + tiny)).detach()
    return iou - distance - alpha * v


class DetectionLosses(NamedTuple):
    """What `DetectionLoss` returns: scalars, the parts before their weights.

    Attributes:
        total: the weighted sum of the others, to call ``backward`` on.
        box: 1 - complete IoU.
        classification: binary cross-entropy.
        distribution: distribution focal loss.

    Example:
        >>> import lucid
        >>> parts = lucid.models.DetectionLosses(*lucid.arange(4.0))
        >>> parts.box.item()
        1.0
    """

    total: Tensor
    box: Tensor
    classification: Tensor
    distribution: Tensor


class Assigned(NamedTuple):
    """The places of one image that answer for a box: their indices, boxes in pixels, classes, and weights 0 to 1."""

    places: np.ndarray
    boxes: np.ndarray
    labels: np.ndarray
    weights: np.ndarray


def assign(
    points: np.ndarray,
    boxes: np.ndarray,
    scores: np.ndarray,
    wanted: np.ndarray,
    labels: np.ndarray,
    topk: int,
    alpha: float,
    beta: float,
) -> Assigned:
    """Task-aligned assignment in one image.

    How well place a suits the box g is t = s^alpha u^beta, s being its score of g's class and u the overlap of its box
    with g. g takes the ``topk`` best of the places inside of it; a place that several want goes to the one it overlaps
    most. Weights are t, scaled so that the largest of a box is the largest overlap that any of its places has.

    Args:
        points: (places, 2), middles of the places in pixels.
        boxes, scores: (places, 4) in pixels and (places, classes) from 0 to 1: what is predicted.
        wanted, labels: (K, 4) in pixels and (K,): what is there.
    """
    overlap = _overlaps(wanted, boxes)
    inside = (points[None] > wanted[:, None, :2]).all(-1) & (points[None] < wanted[:, None, 2:]).all(-1)
    fit = np.where(inside, scores[:, labels].T ** alpha * overlap**beta, 0)
    order = np.argsort(-np.where(inside, fit, -1), axis=1, kind="stable")[:, :topk]
    chosen = np.zeros(fit.shape, bool)
    np.put_along_axis(chosen, order, True, 1)
    chosen &= inside
    places = np.flatnonzero(chosen.any(0))
    if not len(places):
        return Assigned(places, wanted[:0], labels[:0], fit[:0, 0])
    owner = np.where(chosen[:, places], overlap[:, places], -1).argmax(0)
    own = np.zeros(fit.shape, bool)
    own[owner, places] = True
    best, most = np.where(own, fit, 0).max(1), np.where(own, overlap, 0).max(1)
    scale = np.divide(most, best, out=np.zeros_like(most), where=best > 0)
    return Assigned(places, wanted[owner], labels[owner], fit[owner, places] * scale[owner])


def distribution_focal(logits: Tensor, distances: Tensor) -> Tensor:
    """Cross-entropy of distributions over bins with what shares ``distances`` out between the two bins beside them.

    Args:
        logits: (..., bins).
        distances: (...), from 0 to below bins - 1.
    """
    near = distances.floor().long()
    upper = distances - near.to(distances.dtype)
    log = F.log_softmax(logits, -1)
    low, high = (log.gather(-1, at.unsqueeze(-1)).squeeze(-1) for at in (near, near + 1))
    return -((1 - upper) * low + upper * high)


class DetectionLoss(nn.Module):
    """How wrong a detector in the form of YOLOv8 is, for training it.

    Every box of an image is given to the places that suit it best: the measure is s^alpha * u^beta, s the score of the
    box's class and u the overlap. Scaled to the largest overlap it is t, the score that such a place should have, and
    its weight (task-aligned assignment). With T = max(sum of t, 1) over the batch

        loss = box * sum(t * (1 - CIoU)) / T + classification * sum(BCE(s, t)) / T + distribution * sum(t * DFL) / T

    where BCE is the binary cross-entropy of all classes at all places and DFL the mean over the four sides of the
    cross-entropy with the two bins beside the true distance.

    Args:
        num_classes: number of classes.
        topk: most places that answer for one box.
        alpha, beta: exponents of the assignment.
        box, classification, distribution: weights of the three parts.

    Shape:
        ``raw``: what a `YOLOv8` in training mode returns, three tensors (N, 64 + num_classes, h, w). ``targets``: for
        each image (boxes, labels), (K, 4) left, top, right, bottom in pixels, and int64 (K,); K may be 0. Returns
        `DetectionLosses`, four scalars.

    Raises:
        TypeError: a target is no pair of tensors.
        ValueError: shapes do not fit, a box is empty, or a label is no class.

    Example:
        >>> import lucid
        >>> model = lucid.models.YOLOv8(0.25, 1 / 3, 1024, num_classes=3)
        >>> criterion = lucid.models.DetectionLoss(num_classes=3)
        >>> boxes, labels = lucid.tensor([[8.0, 8.0, 40.0, 56.0]]), lucid.tensor([2])
        >>> loss = criterion(model(lucid.zeros(1, 3, 64, 64)), [(boxes, labels)])
        >>> loss.total.backward()

    Source: Feng et al. (2021), TOOD: Task-aligned One-stage Object Detection; Zheng et al. (2020), Distance-IoU Loss;
    Li et al. (2020), Generalized Focal Loss; the weights and exponents are those documented for YOLOv8.
    """

    def __init__(
        self,
        num_classes: int = 80,
        topk: int = 10,
        alpha: float = 0.5,
        beta: float = 6.0,
        box: float = 7.5,
        classification: float = 0.5,
        distribution: float = 1.5,
    ) -> None:
        super().__init__()
        if num_classes < 1 or topk < 1:
            raise ValueError(f"DetectionLoss: expected num_classes and topk of at least 1, got {num_classes}, {topk}")
        self.num_classes, self.topk, self.alpha, self.beta = num_classes, topk, alpha, beta
        self.box, self.classification, self.distribution = box, classification, distribution

    def extra_repr(self) -> str:
        return f"{self.num_classes}, topk={self.topk}, alpha={self.alpha}, beta={self.beta}"

    def forward(self, raw: Sequence[Tensor], targets: Sequence[tuple[Tensor, Tensor]]) -> DetectionLosses:
        flat, points, strides = self._places(raw)
        n, places = flat.shape[0], flat.shape[1]
        wanted = self._targets(targets, n, points.numpy().dtype)
        bins, scores = flat[..., : 4 * BINS].reshape(n, places, 4, BINS), flat[..., 4 * BINS :]
        steps = bins.softmax(-1) @ lucid.arange(BINS, dtype=flat.dtype)
        boxes = lucid.cat([points - steps[..., :2], points + steps[..., 2:]], -1) * strides
        middles = (points * strides).numpy()
        found = [
            assign(middles, b.numpy(), s.numpy(), *t, self.topk, self.alpha, self.beta)
            for b, s, t in zip(boxes.detach(), scores.detach().sigmoid(), wanted)
        ]
        return self._losses(bins, scores, boxes, points, strides, found)

    def _losses(
        self, bins: Tensor, scores: Tensor, boxes: Tensor, points: Tensor, strides: Tensor, found: list[Assigned]
    ) -> DetectionLosses:
        """The parts for given answers."""
        truth = np.zeros(tuple(scores.shape), points.numpy().dtype)
        for image, each in zip(truth, found):
            image[each.places, each.labels] = each.weights
        total = max(float(truth.sum()), 1.0)
        classification = F.binary_cross_entropy_with_logits(scores, lucid.from_numpy(truth), reduction="sum") / total
        rows = np.concatenate([i * len(points) + each.places for i, each in enumerate(found)])
        if not len(rows):
            nothing = boxes.sum() * 0
            return DetectionLosses(self.classification * classification + nothing, nothing, classification, nothing)
        at, place = lucid.from_numpy(rows), lucid.from_numpy(rows % len(points))
        wanted = lucid.from_numpy(np.concatenate([each.boxes for each in found]))
        weights = lucid.from_numpy(np.concatenate([each.weights for each in found]).astype(truth.dtype))
        own = boxes.reshape(-1, 4)[at]
        box = (weights * (1 - _complete(own, wanted))).sum() / total
        middle, near_far = points[place], wanted / strides[place]
        distances = lucid.cat([middle - near_far[:, :2], near_far[:, 2:] - middle], 1).clamp(0, BINS - 1 - 0.01)
        focal = distribution_focal(bins.reshape(-1, 4, BINS)[at], distances).mean(-1)
        distribution = (weights * focal).sum() / total
        whole = self.box * box + self.classification * classification + self.distribution * distribution
        return DetectionLosses(whole, box, classification, distribution)

    def _places(self, raw: Sequence[Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        """(N, places, 64 + classes); middles (places, 2) in strides; strides (places, 1) in pixels."""
        channels = 4 * BINS + self.num_classes
        if not isinstance(raw, (list, tuple)) or len(raw) != 3:
            raise ValueError("expected three tensors, as a YOLOv8 in training mode returns them")
        check_tensors("DetectionLoss", *raw)
        if any(x.ndim != 4 or x.shape[1] != channels or x.shape[0] != raw[0].shape[0] for x in raw):
            got = ", ".join(str(tuple(x.shape)) for x in raw)
            raise ValueError(f"expected three tensors (N, {channels}, h, w), got {got}")
        flat = lucid.cat([x.flatten(2) for x in raw], 2).transpose(1, 2)
        points, strides = Detect.places([(x.shape[2], x.shape[3]) for x in raw], flat)
        return flat, points.t().contiguous(), strides.unsqueeze(1)

    def _targets(
        self, targets: Sequence[tuple[Tensor, Tensor]], n: int, dtype: np.dtype
    ) -> list[tuple[np.ndarray, np.ndarray]]:
        if not isinstance(targets, (list, tuple)) or len(targets) != n:
            got = len(targets) if isinstance(targets, (list, tuple)) else type(targets).__name__
            raise ValueError(f"expected a list of {n} targets, one for each image, got {got}")
        found = []
        for i, target in enumerate(targets):
            if not isinstance(target, (list, tuple)) or len(target) != 2:
                raise TypeError(f"target {i} must be (boxes, labels)")
            check_tensors("DetectionLoss", *target)
            boxes, labels = target[0].detach().numpy(), target[1].numpy()
            if boxes.shape != (len(labels), 4) or labels.ndim != 1 or labels.dtype.kind not in "iu":
                raise ValueError(
                    f"expected target {i} of boxes (K, 4) and integer labels (K,), got {boxes.shape} "
                    f"and {labels.shape} of {target[1].dtype}"
                )
            if not (boxes[:, 2:] > boxes[:, :2]).all() or not np.isfinite(boxes).all():
                raise ValueError(f"target {i} has a box that is empty or not finite")
            if len(labels) and not 0 <= labels.min() <= labels.max() < self.num_classes:
                raise ValueError(
                    f"target {i} has labels from {labels.min()} to {labels.max()}, but classes are 0 to "
                    f"{self.num_classes - 1}"
                )
            found.append((boxes.astype(dtype), labels.astype(np.int64)))
        return found
