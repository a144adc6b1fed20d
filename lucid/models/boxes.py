"""Boxes of detectors: images framed to a square, overlaps, and the choice among overlapping boxes."""

from __future__ import annotations

import dataclasses
from typing import Any, NamedTuple

import numpy as np

import lucid
from lucid import Tensor, transforms
from lucid._functions._naming import listed
from lucid.models._preprocessing import as_image
from lucid.nn import functional as F
from lucid.nn.functional._common import check_tensors
from lucid.transforms.image import resized


def _corners(name: str, boxes: Any) -> np.ndarray:
    check_tensors(name, boxes)
    found = boxes.numpy() if not boxes.requires_grad else boxes.detach().numpy()
    if found.ndim != 2 or found.shape[1] != 4 or found.dtype.kind != "f":
        raise ValueError(f"{name}: expected boxes of shape (N, 4), floating point, got {found.shape} of {boxes.dtype}")
    return found


def _overlaps(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Intersection over union of each box of ``a`` with each of ``b``; 0 where both are empty."""
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    common = np.maximum(high - low, 0).prod(-1)
    areas = [np.maximum(x[:, 2:] - x[:, :2], 0).prod(-1) for x in (a, b)]
    union = areas[0][:, None] + areas[1] - common
    return np.divide(common, union, out=np.zeros_like(common), where=union > 0)


@listed
def box_iou(boxes1: Tensor, boxes2: Tensor) -> Tensor:
    """Area of the intersection over that of the union, of every pair of boxes.

    Args:
        boxes1: (N, 4), left, top, right and bottom of each.
        boxes2: (M, 4).

    Returns:
        (N, M), from 0 to 1, without gradient.

    Raises:
        TypeError: an argument is no tensor.
        ValueError: one has another shape.

    Example:
        >>> import lucid
        >>> lucid.models.box_iou(lucid.tensor([[0.0, 0.0, 2.0, 2.0]]), lucid.tensor([[1.0, 0.0, 3.0, 2.0]])).item()
        0.3333333432674408
    """
    return lucid.from_numpy(_overlaps(_corners("box_iou", boxes1), _corners("box_iou", boxes2)))


def _choose(boxes: np.ndarray, scores: np.ndarray, threshold: float, most: int | None = None) -> np.ndarray:
    """Indices of the boxes that stay, by falling score; equal scores keep their order."""
    left = np.argsort(-scores, kind="stable")
    kept: list[int] = []
    while left.size and (most is None or len(kept) < most):
        first, left = left[0], left[1:]
        kept.append(int(first))
        left = left[_overlaps(boxes[first : first + 1], boxes[left])[0] <= threshold]
    return np.array(kept, np.int64)


@listed
def nms(boxes: Tensor, scores: Tensor, iou_threshold: float) -> Tensor:
    """Which boxes stay when each removes those of lower score that overlap it by more than ``iou_threshold``.

    Args:
        boxes: (N, 4), left, top, right and bottom of each.
        scores: (N,).
        iou_threshold: largest intersection over union of two that stay.

    Returns:
        int64, the indices of those that stay, by falling score.

    Raises:
        TypeError: an argument is no tensor.
        ValueError: shapes do not fit, or ``iou_threshold`` is not between 0 and 1.

    Example:
        >>> import lucid
        >>> boxes = lucid.tensor([[0.0, 0.0, 4.0, 4.0], [0.0, 0.0, 4.0, 5.0], [9.0, 9.0, 12.0, 12.0]])
        >>> lucid.models.nms(boxes, lucid.tensor([0.8, 0.9, 0.7]), 0.5).tolist()
        [1, 2]
    """
    corners = _corners("nms", boxes)
    check_tensors("nms", scores)
    if tuple(scores.shape) != (len(corners),):
        raise ValueError(f"nms: expected scores of shape {(len(corners),)}, got {tuple(scores.shape)}")
    if not 0 <= iou_threshold <= 1:
        raise ValueError(f"nms: iou_threshold must be between 0 and 1, got {iou_threshold}")
    return lucid.from_numpy(_choose(corners, scores.detach().numpy(), iou_threshold))


@dataclasses.dataclass(frozen=True)
class Letterbox:
    """An image scaled to fit into a square, with grey at two sides; and boxes found there on the image again.

    Called with an image - an array (H, W, 3), a Pillow image, or a tensor (3, H, W), of uint8 from 0 to 255 or of
    floats from 0 to 1 - it returns float32 of shape (3, size, size), from 0 to 1.

    Args:
        size: pixels of each side of the square.
        fill: what is at the sides.

    Raises:
        TypeError: the argument is no image.
        ValueError: it does not have three channels; ``size`` is not a positive integer.

    Example:
        >>> import numpy as np
        >>> import lucid
        >>> prepare = lucid.models.preprocessing("yolov8n")
        >>> prepare(np.zeros((480, 640, 3), np.uint8)).shape
        lucid.Size([3, 640, 640])
        >>> prepare.restore(lucid.tensor([[320.0, 80.0, 640.0, 560.0]]), (240, 320)).tolist()
        [[160.0, 0.0, 320.0, 240.0]]
    """

    size: int = 640
    fill: float = 114 / 255

    def __post_init__(self) -> None:
        if not isinstance(self.size, int) or self.size < 1:
            raise ValueError(f"Letterbox: size must be a positive integer, got {self.size!r}")

    def place(self, height: int, width: int) -> tuple[int, int, int, int]:
        """Height and width after scaling, and the rows above and columns left of it.

        Args:
            height, width: of the image, in pixels.
        """
        ratio = min(self.size / height, self.size / width)
        high, wide = max(round(height * ratio), 1), max(round(width * ratio), 1)
        return high, wide, (self.size - high) // 2, (self.size - wide) // 2

    def __call__(self, image: Any) -> Tensor:
        x = as_image("Letterbox", image, 3)
        high, wide, top, left = self.place(*x.shape[-2:])
        # Without antialiasing, as in the training of published weights.
        x = transforms.ToTensor()(resized(x, (high, wide), antialias=False)).float()
        return F.pad(x, (left, self.size - wide - left, top, self.size - high - top), value=self.fill)

    def restore(self, boxes: Tensor, shape: tuple[int, int]) -> Tensor:
        """Boxes (N, 4) of the square as boxes of the image of ``shape`` (height, width), cut at its borders.

        Args:
            boxes: (N, 4), left, top, right and bottom, in pixels of the square.
            shape: height and width of the image.
        """
        corners = _corners("Letterbox.restore", boxes).copy()
        height, width = shape
        high, wide, top, left = self.place(height, width)
        for at, (before, scaled, whole) in enumerate(((left, wide, width), (top, high, height))):
            corners[:, at::2] = np.clip((corners[:, at::2] - before) * (whole / scaled), 0, whole)
        return lucid.from_numpy(corners)


class Detections(NamedTuple):
    """What was found in one image, by falling score.

    Attributes:
        boxes: (K, 4), left, top, right and bottom, in pixels.
        scores: (K,), from 0 to 1.
        labels: (K,), int64, the classes.

    Example:
        >>> import lucid
        >>> found = lucid.models.Detections(lucid.zeros(1, 4), lucid.ones(1), lucid.tensor([3]))
        >>> found.labels.tolist()
        [3]
    """

    boxes: Tensor
    scores: Tensor
    labels: Tensor


@listed
def detections(
    prediction: Tensor, score_threshold: float = 0.25, iou_threshold: float = 0.7, most: int = 300
) -> list[Detections]:
    """The boxes of a detector's output that are likely, and overlap no likelier one of their class.

    Args:
        prediction: (N, 4 + classes, places), as `YOLOv8` returns it.
        score_threshold: scores below are dropped. Each place has one class, its likeliest.
        iou_threshold: largest intersection over union of two boxes of one class that stay.
        most: most boxes per image.

    Raises:
        TypeError: ``prediction`` is no tensor.
        ValueError: it has another shape.

    Example:
        >>> import lucid
        >>> boxes = lucid.tensor([[5.0, 5.0, 4.0, 2.0], [5.0, 5.0, 4.0, 2.2]])
        >>> scores = lucid.tensor([[0.9, 0.1], [0.8, 0.2]])
        >>> found = lucid.models.detections(lucid.cat([boxes, scores], 1).t()[None])[0]
        >>> found.boxes.tolist(), found.labels.tolist()
        ([[3.0, 4.0, 7.0, 6.0]], [0])
    """
    check_tensors("detections", prediction)
    if prediction.ndim != 3 or prediction.shape[1] < 5:
        raise ValueError(f"detections: expected shape (N, 4 + classes, places), got {tuple(prediction.shape)}")
    found = []
    for image in prediction.detach().numpy():
        scores, labels = image[4:].max(0), image[4:].argmax(0)
        likely = scores >= score_threshold
        middle, extent = image[:2, likely].T, image[2:4, likely].T
        boxes = np.concatenate([middle - extent / 2, middle + extent / 2], 1)
        scores, labels = scores[likely], labels[likely]
        kept = [np.flatnonzero(labels == label) for label in np.unique(labels)]
        kept = [at[_choose(boxes[at], scores[at], iou_threshold, most)] for at in kept]
        at = np.concatenate(kept) if kept else np.zeros(0, np.int64)
        at = at[np.argsort(-scores[at], kind="stable")][:most]
        found.append(Detections(*(lucid.from_numpy(x[at]) for x in (boxes, scores, labels))))
    return found
