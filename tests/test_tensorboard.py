"""Event files, read back by TensorBoard's own reader."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lucid

pytest.importorskip("tensorboard")

from lucid.utils.tensorboard import SummaryWriter


def read(folder: Path) -> Any:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    found = EventAccumulator(str(folder), size_guidance={"tensors": 0, "images": 0, "histograms": 0})
    found.Reload()
    return found


def pixels_of(png: bytes) -> np.ndarray:
    """The pixels of a PNG without filters."""
    width, height, _, color = struct.unpack(">IIBB", png[16:26])
    channels = {0: 1, 2: 3, 6: 4}[color]
    at, data = 8, b""
    while at < len(png):
        size, kind = struct.unpack(">I", png[at : at + 4])[0], png[at + 4 : at + 8]
        body = png[at + 8 : at + 8 + size]
        assert struct.unpack(">I", png[at + 8 + size : at + 12 + size])[0] == zlib.crc32(kind + body)
        data, at = data + (body if kind == b"IDAT" else b""), at + 12 + size
    rows = np.frombuffer(zlib.decompress(data), np.uint8).reshape(height, 1 + width * channels)
    assert not rows[:, 0].any()
    return rows[:, 1:].reshape(height, width, channels)


def test_scalars(tmp_path: Path) -> None:
    with SummaryWriter(tmp_path) as writer:
        for step in range(3):
            writer.add_scalar("loss", lucid.tensor(0.5 * step, requires_grad=True), step, walltime=100.0 + step)
        writer.add_scalars("both", {"train": 1.0, "test": 2.0}, 7)
        assert writer.get_logdir() == str(tmp_path)
    events = read(tmp_path).Scalars("loss")
    assert [(e.step, e.value, e.wall_time) for e in events] == [(0, 0.0, 100.0), (1, 0.5, 101.0), (2, 1.0, 102.0)]
    assert [read(tmp_path / f"both_{n}").Scalars("both")[0].value for n in ("train", "test")] == [1.0, 2.0]


def test_histogram(tmp_path: Path) -> None:
    x = lucid.arange(100.0)
    with SummaryWriter(tmp_path) as writer:
        writer.add_histogram("x", x, 3, bins=10)
        with pytest.raises(ValueError, match=r"add_histogram 'bad': 1 of 2 values are not finite"):
            writer.add_histogram("bad", lucid.tensor([1.0, float("nan")]))
    event = read(tmp_path).Histograms("x")[0]
    h = event.histogram_value
    assert (event.step, h.min, h.max, h.num, h.sum) == (3, 0.0, 99.0, 100.0, 4950.0) and sum(h.bucket) == 100
    assert list(h.bucket) == [10.0] * 10


def test_images(tmp_path: Path) -> None:
    x = lucid.rand(3, 4, 5)
    with SummaryWriter(tmp_path) as writer:
        writer.add_image("one", x, 1)
        writer.add_image("gray", (x[0] * 255).to(lucid.uint8), dataformats="HW")
        writer.add_images("many", lucid.stack([x, 1 - x, x * 2]), 2)
        with pytest.raises(ValueError, match=r"add_image 'bad': shape \(4, 5\) is not CHW"):
            writer.add_image("bad", x[0])
    found = read(tmp_path)
    expected = np.rint(x.numpy() * 255).astype(np.uint8).transpose(1, 2, 0)
    np.testing.assert_array_equal(pixels_of(found.Images("one")[0].encoded_image_string), expected)
    assert pixels_of(found.Images("gray")[0].encoded_image_string).shape == (4, 5, 1)
    grid = pixels_of(found.Images("many")[0].encoded_image_string)
    assert grid.shape == (8, 10, 3) and (grid[:4, :5] == expected).all() and not grid[4:, 5:].any()


def test_figure(tmp_path: Path) -> None:
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure = plt.figure(figsize=(2, 1), dpi=50)
    with SummaryWriter(tmp_path) as writer:
        writer.add_figure("plot", figure, 4)
    image = read(tmp_path).Images("plot")[0]
    assert (image.width, image.height, image.step) == (100, 50, 4) and not plt.fignum_exists(figure.number)


def test_text_and_settings(tmp_path: Path) -> None:
    from tensorboard.plugins.hparams import plugin_data_pb2

    with SummaryWriter(tmp_path) as writer:
        writer.add_text("note", "**bold**", 2)
        writer.add_hparams({"lr": 0.1, "name": "a", "flag": True}, {"accuracy": 0.9}, run_name="run")
    tensor = read(tmp_path).Tensors("note/text_summary")[0]
    assert tensor.tensor_proto.string_val[0] == b"**bold**" and tensor.step == 2
    found = read(tmp_path / "run")
    assert found.Scalars("accuracy")[0].value == pytest.approx(0.9)
    content = found.summary_metadata["_hparams_/session_start_info"].plugin_data.content
    start = plugin_data_pb2.HParamsPluginData.FromString(content).session_start_info
    assert start.hparams["lr"].number_value == 0.1 and start.hparams["flag"].bool_value
    assert start.hparams["name"].string_value == "a"


def test_refusals(tmp_path: Path) -> None:
    writer = SummaryWriter(tmp_path, purge_step=5)
    with pytest.raises(NotImplementedError, match=r"add_graph: not supported; lucid\.visual"):
        writer.add_graph(None)
    with pytest.raises(NotImplementedError, match="add_embedding"):
        writer.add_embedding(None)
    with pytest.raises(ValueError, match=r"add_scalar 'x': expected one number, got shape \(2,\)"):
        writer.add_scalar("x", lucid.ones(2))
    writer.close()
    writer.close()
    with pytest.raises(RuntimeError, match="the writer is closed"):
        writer.add_scalar("x", 1)
