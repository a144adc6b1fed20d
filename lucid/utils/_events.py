"""Values as TensorBoard's protocol buffers: what `lucid.utils.tensorboard.SummaryWriter` writes."""

from __future__ import annotations

import struct
import zlib
from typing import Any

import numpy as np

from lucid._tensor import Tensor


def as_array(x: Any) -> np.ndarray:
    """The values of a tensor, an array or a number."""
    return np.asarray(x.numpy(force=True) if isinstance(x, Tensor) else x)


def scalar(tag: str, value: Any) -> Any:
    """A summary of one number."""
    from tensorboard.compat.proto.summary_pb2 import Summary

    number = as_array(value)
    if number.size != 1:
        raise ValueError(f"add_scalar '{tag}': expected one number, got shape {number.shape}")
    return Summary(value=[Summary.Value(tag=tag, simple_value=float(number.reshape(())))])


def histogram(tag: str, values: Any, bins: int) -> Any:
    """A summary of the distribution of ``values``; NaN and infinities are an error, as they have no place in it."""
    from tensorboard.compat.proto.summary_pb2 import HistogramProto, Summary

    x = as_array(values).astype(np.float64).reshape(-1)
    if x.size == 0:
        raise ValueError(f"add_histogram '{tag}': expected at least one value")
    if not np.isfinite(x).all():
        raise ValueError(
            f"add_histogram '{tag}': {np.count_nonzero(~np.isfinite(x))} of {x.size} values are not finite"
        )
    counts, limits = np.histogram(x, bins=bins)
    proto = HistogramProto(
        min=x.min(), max=x.max(), num=x.size, sum=x.sum(), sum_squares=x @ x, bucket_limit=limits[1:], bucket=counts
    )
    return Summary(value=[Summary.Value(tag=tag, histo=proto)])


def as_pixels(name: str, image: Any, dataformats: str) -> np.ndarray:
    """(H, W, 1, 3 or 4) bytes of an image in [0, 1], or of bytes, whose axes ``dataformats`` names."""
    x = as_array(image)
    if x.ndim != len(dataformats) or sorted(dataformats) not in (sorted("CHW"), sorted("HW")):
        raise ValueError(f"{name}: shape {x.shape} is not {dataformats}")
    if x.dtype.kind == "f":
        x = np.rint(np.clip(np.nan_to_num(x), 0, 1) * 255)
    x = x.astype(np.uint8)
    if "C" not in dataformats:
        x, dataformats = x[..., None], dataformats + "C"
    x = x.transpose([dataformats.index(axis) for axis in "HWC"])
    if x.shape[2] not in (1, 3, 4):
        raise ValueError(f"{name}: expected 1, 3 or 4 channels, got {x.shape[2]}")
    return np.ascontiguousarray(x)


def png(pixels: np.ndarray) -> bytes:
    """The file of an image of (H, W, 1, 3 or 4) bytes (ISO/IEC 15948)."""
    height, width, channels = pixels.shape
    rows = b"".join(b"\0" + row.tobytes() for row in pixels)
    head = struct.pack(">IIBBBBB", width, height, 8, {1: 0, 3: 2, 4: 6}[channels], 0, 0, 0)
    parts = [b"\x89PNG\r\n\x1a\n"]
    for kind, data in ((b"IHDR", head), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")):
        parts.append(struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)))
    return b"".join(parts)


def image(tag: str, pixels: np.ndarray) -> Any:
    """A summary of one image."""
    from tensorboard.compat.proto.summary_pb2 import Summary

    height, width, channels = pixels.shape
    proto = Summary.Image(height=height, width=width, colorspace=channels, encoded_image_string=png(pixels))
    return Summary(value=[Summary.Value(tag=tag, image=proto)])


def text(tag: str, content: str) -> Any:
    """A summary of Markdown."""
    from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata
    from tensorboard.compat.proto.tensor_pb2 import TensorProto
    from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto

    tensor = TensorProto(
        dtype="DT_STRING",
        string_val=[content.encode("utf-8")],
        tensor_shape=TensorShapeProto(dim=[TensorShapeProto.Dim(size=1)]),
    )
    plugin = SummaryMetadata(plugin_data=SummaryMetadata.PluginData(plugin_name="text"))
    return Summary(value=[Summary.Value(tag=f"{tag}/text_summary", metadata=plugin, tensor=tensor)])


def hyperparameters(values: dict[str, Any], metrics: dict[str, Any]) -> list[Any]:
    """The summaries that make a row of the table of runs: its metrics, its settings, its end."""
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.plugins.hparams import api_pb2, metadata, plugin_data_pb2

    experiment, start = api_pb2.Experiment(), plugin_data_pb2.SessionStartInfo()
    for name, value in values.items():
        kind = "DATA_TYPE_FLOAT64"
        if isinstance(value, (bool, np.bool_)):
            start.hparams[name].bool_value, kind = bool(value), "DATA_TYPE_BOOL"
        elif isinstance(value, str):
            start.hparams[name].string_value, kind = value, "DATA_TYPE_STRING"
        else:
            start.hparams[name].number_value = float(as_array(value).reshape(()))
        experiment.hparam_infos.append(api_pb2.HParamInfo(name=name, type=api_pb2.DataType.Value(kind)))
    for name in metrics:
        experiment.metric_infos.append(api_pb2.MetricInfo(name=api_pb2.MetricName(tag=name)))
    end = plugin_data_pb2.SessionEndInfo(status=api_pb2.STATUS_SUCCESS)
    return [
        Summary(value=[Summary.Value(tag=tag, metadata=metadata.create_summary_metadata(data))])
        for tag, data in (
            (metadata.EXPERIMENT_TAG, plugin_data_pb2.HParamsPluginData(experiment=experiment)),
            (metadata.SESSION_START_INFO_TAG, plugin_data_pb2.HParamsPluginData(session_start_info=start)),
            (metadata.SESSION_END_INFO_TAG, plugin_data_pb2.HParamsPluginData(session_end_info=end)),
        )
    ]
