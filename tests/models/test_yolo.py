"""The detectors have the published parameters and outputs; boxes are chosen, framed and put back as defined."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from models import detector
from models.layout import digest

import lucid
from lucid import nn
from lucid.models import Letterbox, YOLOv8, box_iou, create_model, detections, list_models, nms, preprocessing

PUBLISHED = json.loads(detector.FILE.read_text())


@pytest.mark.parametrize("name", PUBLISHED)
def test_state_and_outputs(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nn.init, "kaiming_uniform_", lambda x, *args, **kwargs: x)
    model = create_model(name).eval()
    expected = PUBLISHED[name]
    assert [digest(model, dropouts=False), sum(p.numel() for p in model.parameters())] == expected[:2]
    state = detector.weights({k: tuple(v.shape) for k, v in model.state_dict().items()})
    missing, unexpected = model.load_state_dict(state, strict=False)
    assert not unexpected and all("dfl" in key or key.endswith("tracked") for key in missing)
    with lucid.no_grad():
        y = model(lucid.from_numpy(detector.image())).numpy()
    got = y.reshape(-1)[:: detector.EVERY]
    assert np.abs(got - expected[2]).max() < 1e-4 * np.abs(expected[2]).max()
    scores = np.arange(y.size)[:: detector.EVERY] // y.shape[2] >= 4
    assert scores.sum() > 10 and np.abs(got - expected[2])[scores].max() < 1e-4
    assert np.ptp(got[scores]) > 0.1


def test_every_published_size_is_there() -> None:
    assert list_models("yolo*") == sorted(PUBLISHED)


def test_names_of_a_whole_checkpoint() -> None:
    first, second = (YOLOv8(0.25, 0.33, 1024, num_classes=2) for _ in range(2))
    state = {f"model.{key}": value for key, value in first.state_dict().items()}  # of an object around the model
    second.load_state_dict(state)
    assert np.array_equal(
        second.state_dict()["model.0.conv.weight"].numpy(), first.state_dict()["model.0.conv.weight"].numpy()
    )


def test_training_reaches_all_parameters() -> None:
    model = YOLOv8(0.25, 0.33, 1024, num_classes=3).train()
    raw = model(lucid.rand(2, 3, 64, 96))
    assert [tuple(x.shape) for x in raw] == [(2, 67, 8, 12), (2, 67, 4, 6), (2, 67, 2, 3)]
    model.model[-1].decode(raw).square().mean().backward()
    without = [name for name, p in model.named_parameters() if p.grad is None or not p.grad.abs().max().item()]
    assert without == ["model.22.dfl.conv.weight"]


def test_inputs_that_do_not_fit() -> None:
    model = YOLOv8(0.25, 0.33, 1024, num_classes=3)
    with pytest.raises(
        ValueError, match=r"expected an input of shape \(N, 3, H, W\) with H and W multiples of 32, got \("
    ):
        model(lucid.zeros(1, 3, 48, 64))
    with pytest.raises(RuntimeError, match=r"^detect: the model is in training mode; call eval\(\) first$"):
        model.detect(lucid.zeros(1, 3, 64, 64))


# Boxes


def corners(count: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    low = rng.uniform(0, 40, (count, 2))
    return np.concatenate([low, low + rng.uniform(1, 30, (count, 2))], 1)


def overlap(a: np.ndarray, b: np.ndarray) -> float:
    """Of two boxes, by definition."""
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    common = max(width, 0) * max(height, 0)
    return common / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - common)


def slow_nms(boxes: np.ndarray, scores: np.ndarray, threshold: float) -> list[int]:
    kept: list[int] = []
    for i in sorted(range(len(boxes)), key=lambda i: -scores[i]):
        if all(overlap(boxes[i], boxes[j]) <= threshold for j in kept):
            kept.append(i)
    return kept


@pytest.mark.parametrize("threshold", [0.0, 0.3, 0.7, 1.0])
def test_nms(threshold: float) -> None:
    boxes, scores = corners(120, 0), np.random.default_rng(1).uniform(size=120)
    got = nms(lucid.from_numpy(boxes), lucid.from_numpy(scores), threshold)
    assert got.dtype == lucid.int64 and got.tolist() == slow_nms(boxes, scores, threshold)


def test_nms_at_the_edges() -> None:
    boxes = lucid.tensor([[0.0, 0.0, 2.0, 2.0]] * 3)
    assert nms(boxes, lucid.tensor([0.5, 0.5, 0.5]), 0.9).tolist() == [0]
    assert nms(lucid.zeros(0, 4), lucid.zeros(0), 0.5).tolist() == []
    empty = lucid.tensor([[1.0, 1.0, 1.0, 1.0]] * 2)  # nothing overlaps an empty box
    assert nms(empty, lucid.tensor([0.1, 0.2]), 0.5).tolist() == [1, 0]
    iou = box_iou(lucid.from_numpy(corners(5, 2)), lucid.from_numpy(corners(7, 3))).numpy()
    expected = [[overlap(a, b) for b in corners(7, 3)] for a in corners(5, 2)]
    assert iou.shape == (5, 7) and np.allclose(iou, expected, atol=1e-12)


def test_detections_are_chosen_by_class() -> None:
    boxes, rng = corners(200, 4), np.random.default_rng(5)
    scores = rng.uniform(size=(200, 3))
    prediction = np.concatenate([(boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2], scores], 1).T[None]
    (found,) = detections(lucid.from_numpy(prediction), 0.4, 0.5, most=25)
    expected = []
    for label in range(3):
        own = np.flatnonzero((scores.argmax(1) == label) & (scores.max(1) >= 0.4))
        expected += [(scores[own[i], label], label) for i in slow_nms(boxes[own], scores[own, label], 0.5)]
    expected = sorted(expected, reverse=True)[:25]
    assert found.scores.tolist() == [score for score, _ in expected]
    assert found.labels.tolist() == [label for _, label in expected]
    at = [int(np.flatnonzero(scores == score)[0] // 3) for score, _ in expected]
    assert np.allclose(found.boxes.numpy(), boxes[at])


@pytest.mark.parametrize(("height", "width"), [(480, 640), (701, 303), (61, 80), (640, 640)])
def test_letterbox(height: int, width: int) -> None:
    prepare = preprocessing("yolov8n")
    assert prepare == Letterbox(640)
    rng = np.random.default_rng(0)
    image = rng.integers(0, 255, (height, width, 3)).astype(np.uint8)
    framed = prepare(image).numpy()
    high, wide, top, left = prepare.place(height, width)
    assert framed.shape == (3, 640, 640) and framed.dtype == np.float32 and max(high, wide) == 640
    outside = np.ones((640, 640), bool)
    outside[top : top + high, left : left + wide] = False
    assert (framed[:, outside] == np.float32(114 / 255)).all()
    assert abs(framed[:, ~outside].mean() - image.mean() / 255) < 0.01
    if height == width:
        assert np.array_equal(framed, np.float32(image.transpose(2, 0, 1)) / np.float32(255))
    boxes = np.float32([[0, 0, width, height], [width / 4, height / 2, width / 2, height]])
    ratio = np.array([wide / width, high / height] * 2)
    there = lucid.from_numpy((boxes * ratio + [left, top, left, top]).astype(np.float32))
    assert np.abs(prepare.restore(there, (height, width)).numpy() - boxes).max() < 1e-3
    assert prepare.restore(lucid.tensor([[-50.0, -50.0, 900.0, 900.0]]), (height, width)).tolist() == [
        [0, 0, width, height]
    ]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: nms([1], lucid.ones(1), 0.5), TypeError, r"^nms: "),
        (lambda: nms(lucid.ones(2, 3), lucid.ones(2), 0.5), ValueError, r"^nms: expected boxes of shape \(N, 4\), floating"),
        (lambda: nms(lucid.ones(2, 4), lucid.ones(3), 0.5), ValueError, r"^nms: expected scores of shape \(2,\), got \(3,\)$"),
        (lambda: nms(lucid.ones(2, 4), lucid.ones(2), 1.5), ValueError, r"^nms: iou_threshold must be between 0 and 1, got 1.5"),
        (lambda: box_iou(lucid.ones(2, 4), 3), TypeError, r"^box_iou: "),
        (lambda: detections(lucid.ones(2, 4)), ValueError, r"^detections: expected shape \(N, 4 \+ classes, places\), got \(2, 4\)"),
        (lambda: Letterbox()(3), TypeError, r"^Letterbox: expected an array, a Pillow image or a Tensor, got int$"),
    ],
)  # fmt: skip
def test_refusals(call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()
