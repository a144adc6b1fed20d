"""The detector's training loss: hand-worked cases, gradients, and learning two images by heart."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import lucid
from lucid import models
from lucid.autograd import gradcheck
from lucid.models.detection_loss import Assigned, _complete, assign, distribution_focal

BINS = 16


def test_complete_iou_by_hand() -> None:
    same = lucid.tensor([[1.0, 2.0, 5.0, 4.0]])
    assert models.complete_iou(same, same).item() == pytest.approx(1)
    # Apart: no overlap, middles 4 apart, a box of 6 x 2 around both.
    far = models.complete_iou(lucid.tensor([[0.0, 0.0, 2.0, 2.0]]), lucid.tensor([[4.0, 0.0, 6.0, 2.0]]))
    assert far.item() == pytest.approx(-16 / 40)
    # The same middle, 2 x 1 in 2 x 2: only the overlap and the shapes differ.
    v = 4 / math.pi**2 * (math.atan(1) - math.atan(2)) ** 2
    flat = models.complete_iou(lucid.tensor([[0.0, 0.5, 2.0, 1.5]]), lucid.tensor([[0.0, 0.0, 2.0, 2.0]]))
    assert flat.item() == pytest.approx(0.5 - v * v / (0.5 + v), rel=1e-5)
    empty = models.complete_iou(lucid.zeros(1, 4), lucid.zeros(1, 4))
    assert np.isfinite(empty.numpy()).all()


def test_gradient_of_complete_iou() -> None:
    a = lucid.tensor([[0.3, 0.1, 2.2, 1.9], [0.0, 0.0, 1.0, 3.0]], dtype=lucid.float64, requires_grad=True)
    b = lucid.tensor([[1.0, 0.2, 3.0, 1.4], [2.1, 1.0, 4.0, 2.2]], dtype=lucid.float64)
    iou = lucid.models.box_iou(a, b).numpy().diagonal()
    w, h = (b[:, 2:] - b[:, :2]).numpy().T, (a[:, 2:] - a[:, :2]).detach().numpy().T
    v = 4 / math.pi**2 * (np.arctan(w[0] / w[1]) - np.arctan(h[0] / h[1])) ** 2
    alpha = lucid.from_numpy(v / (1 - iou + v))
    assert gradcheck(lambda x: _complete(x, b, alpha), (a,))
    (fixed,) = lucid.autograd.grad(_complete(a, b, alpha).sum(), a)
    (own,) = lucid.autograd.grad(models.complete_iou(a, b).sum(), a)
    np.testing.assert_allclose(own.numpy(), fixed.numpy(), rtol=1e-12)


def test_distribution_focal_by_hand() -> None:
    logits = lucid.zeros(2, BINS)
    logits[1, 3] = 2.0
    norm = math.log(math.exp(2) + BINS - 1)
    got = distribution_focal(logits, lucid.tensor([7.3, 3.25]))
    np.testing.assert_allclose(got.numpy(), [math.log(BINS), norm - 0.75 * 2], rtol=1e-6)


def test_gradient_of_distribution_focal() -> None:
    logits = lucid.randn(3, 4, BINS, dtype=lucid.float64, requires_grad=True)
    distances = lucid.rand(3, 4, dtype=lucid.float64) * 14.9
    assert gradcheck(lambda x: distribution_focal(x, distances), (logits,))


def test_assignment_by_hand() -> None:
    points = np.array([[4.0, 4.0], [12.0, 4.0], [20.0, 4.0]])
    boxes = np.array([[0.0, 0.0, 8.0, 8.0], [8.0, 0.0, 16.0, 8.0], [16.0, 0.0, 24.0, 8.0]])
    scores = np.array([[0.25, 0.5], [0.81, 0.5], [0.5, 0.04]])
    wanted, labels = np.array([[0.0, 0.0, 16.0, 8.0], [10.0, 0.0, 24.0, 8.0]]), np.array([0, 1])
    # Box 0 holds places 0 and 1 (overlaps 1/2 each), box 1 places 1 (6/16) and 2 (8/14).
    found = assign(points, boxes, scores, wanted, labels, 10, 0.5, 1.0)
    assert found.places.tolist() == [0, 1, 2] and found.labels.tolist() == [0, 0, 1]
    np.testing.assert_array_equal(found.boxes, wanted[[0, 0, 1]])
    # t of box 0: 0.5 * 0.5 and 0.9 * 0.5, scaled so that the larger is the overlap 0.5; box 1 keeps place 2 alone.
    np.testing.assert_allclose(found.weights, [0.5 * 0.25 / 0.45, 0.5, 8 / 14])
    # One place each: both want place 1 if box 1's fit there, 0.375 * sqrt(0.5), beats sqrt(0.04) * 8 / 14; box 0 keeps it.
    few = assign(points, boxes, scores, wanted, labels, 1, 0.5, 1.0)
    assert few.places.tolist() == [1] and few.labels.tolist() == [0]
    none = assign(points, boxes, scores, np.array([[5.0, 5.0, 6.0, 6.0]]), np.array([0]), 10, 0.5, 6.0)
    assert not len(none.places)


def parts(classes: int, dtype: Any) -> tuple[Any, ...]:
    lucid.manual_seed(0)
    return tuple(lucid.randn(2, 4 * BINS + classes, s, s, dtype=dtype, requires_grad=True) for s in (8, 4, 2))


def test_loss_by_its_formula() -> None:
    """The parts again, written with NumPy for the answers the module itself chose."""
    criterion = models.DetectionLoss(2, topk=3, box=2.0, classification=3.0, distribution=5.0)
    raw = parts(2, lucid.float64)
    boxes, labels = lucid.tensor([[4.0, 6.0, 44.0, 50.0]], dtype=lucid.float64), lucid.tensor([1])
    seen: list[Assigned] = []
    losses = criterion._losses
    criterion._losses = lambda *args: (seen.extend(args[-1]), losses(*args))[1]  # type: ignore[assignment]
    got = criterion(raw, [(boxes, labels), (boxes[:0], labels[:0])])
    first, second = seen
    assert len(first.places) == 3 and not len(second.places)
    flat = np.concatenate([x.detach().numpy().reshape(2, 66, -1) for x in raw], 2).transpose(0, 2, 1)
    truth = np.zeros((2, 84, 2))
    truth[0, first.places, 1] = first.weights
    total = max(truth.sum(), 1)
    z = flat[..., 64:]
    bce = (np.maximum(z, 0) - z * truth + np.log1p(np.exp(-np.abs(z)))).sum() / total
    box = focal = 0.0
    for place, weight in zip(first.places, first.weights):
        stride = 8 if place < 64 else 16 if place < 80 else 32
        at, side = (place, 8) if place < 64 else (place - 64, 4) if place < 80 else (place - 80, 2)
        middle = np.array([at % side + 0.5, at // side + 0.5])
        p = np.exp(flat[0, place, :64].reshape(4, 16))
        p /= p.sum(1, keepdims=True)
        d = p @ np.arange(16)
        own = np.concatenate([middle - d[:2], middle + d[2:]]) * stride
        box += weight * (1 - models.complete_iou(lucid.from_numpy(own[None]), boxes).item())
        w = boxes.numpy()[0] / stride
        true = np.concatenate([middle - w[:2], w[2:] - middle]).clip(0, 14.99)
        low = np.floor(true).astype(int)
        each = [-(1 - t + i) * np.log(q[i]) - (t - i) * np.log(q[i + 1]) for q, t, i in zip(p, true, low)]
        focal += weight * np.mean(each)
    want = [bce, box / total, focal / total]
    np.testing.assert_allclose([got.classification.item(), got.box.item(), got.distribution.item()], want, rtol=1e-9)
    assert got.total.item() == pytest.approx(2 * want[1] + 3 * want[0] + 5 * want[2], rel=1e-9)


def test_gradients_for_fixed_answers() -> None:
    """Assignment and alpha are constants of the gradient, so both are held."""
    criterion = models.DetectionLoss(1, box=0.0)
    raw = tuple(x[:1] for x in parts(1, lucid.float64))
    scale = lucid.tensor(0.5, dtype=lucid.float64, requires_grad=True)
    answers = [Assigned(np.array([3, 70]), np.array([[1.0, 2, 30, 40]] * 2), np.array([0, 0]), np.array([0.4, 0.9]))]

    def loss(s: Any) -> Any:
        flat, points, strides = criterion._places([s * x for x in raw])
        bins, scores = flat[..., :64].reshape(1, -1, 4, BINS), flat[..., 64:]
        steps = bins.softmax(-1) @ lucid.arange(BINS, dtype=flat.dtype)
        boxes = lucid.cat([points - steps[..., :2], points + steps[..., 2:]], -1) * strides
        return criterion._losses(bins, scores, boxes, points, strides, answers).total

    assert gradcheck(loss, (scale,))


def test_images_without_boxes() -> None:
    raw = parts(3, lucid.float32)
    none = (lucid.zeros(0, 4), lucid.zeros(0, dtype=lucid.int64))
    got = models.DetectionLoss(3)(raw, [none, none])
    assert got.box.item() == got.distribution.item() == 0
    got.total.backward()
    assert all(np.isfinite(x.grad.numpy()).all() for x in raw)
    assert not raw[0].grad[:, :64].any() and raw[0].grad[:, 64:].all()


def test_refusals() -> None:
    raw, criterion = parts(2, lucid.float32), models.DetectionLoss(2)
    box, label = lucid.tensor([[0.0, 0.0, 9.0, 9.0]]), lucid.tensor([1])
    for targets, message in (
        ([(box, label)], "expected a list of 2 targets, one for each image, got 1"),
        ([(box, label), (box, label + 1)], "target 1 has labels from 2 to 2, but classes are 0 to 1"),
        ([(box, label), (box[:, [2, 1, 0, 3]], label)], "target 1 has a box that is empty or not finite"),
        ([(box[0], label), (box, label)], r"target 0 of boxes \(K, 4\) and integer labels \(K,\), got \(4,\)"),
    ):
        with pytest.raises(ValueError, match=f"DetectionLoss: .*{message}"):
            criterion(raw, targets)
    with pytest.raises(TypeError, match=r"DetectionLoss: target 0 must be \(boxes, labels\)"):
        criterion(raw, [box, box])
    with pytest.raises(ValueError, match=r"expected three tensors \(N, 67, h, w\), got \(2, 66, 8, 8\)"):
        models.DetectionLoss(3)(raw, [(box, label)] * 2)
    with pytest.raises(ValueError, match="as a YOLOv8 in training mode returns them"):
        criterion(raw[0], [(box, label)] * 2)
    with pytest.raises(ValueError, match=r"complete_iou: expected two tensors of the same shape"):
        models.complete_iou(box, box[0])


def test_learns_two_images_by_heart() -> None:
    lucid.manual_seed(4)
    images = lucid.full((2, 3, 64, 64), 0.2)
    wanted = [((8, 8, 40, 32), 0), ((24, 16, 56, 60), 1)]
    for image, ((left, top, right, bottom), label) in zip(images, wanted):
        image[label, top:bottom, left:right] = 1.0
    targets = [(lucid.tensor([box], dtype=lucid.float32), lucid.tensor([label])) for box, label in wanted]
    model, criterion = models.YOLOv8(0.125, 1 / 3, 512, num_classes=2), models.DetectionLoss(2)
    optimizer = lucid.optim.AdamW(model.parameters(), lr=3e-3)
    schedule = lucid.optim.lr_scheduler.CosineAnnealingLR(optimizer, 200)
    first = last = 0.0
    for step in range(200):
        optimizer.zero_grad()
        loss = criterion(model(images), targets).total
        loss.backward()
        optimizer.step()
        schedule.step()
        first, last = first if step else loss.item(), loss.item()
    assert last < 0.1 * first
    for norm in model.modules():  # the statistics that it was trained with, not those of its beginnings
        if isinstance(norm, lucid.nn.BatchNorm2d):
            norm.momentum = 1.0
    with lucid.no_grad():
        model(images)
    for found, (box, label) in zip(model.eval().detect(images, 0.01), wanted):
        assert found.labels[0].item() == label
        overlap = models.box_iou(found.boxes[:1], lucid.tensor([box], dtype=lucid.float32))
        assert overlap.item() > 0.5
