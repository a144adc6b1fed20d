"""Models in ONNX files; needs the package `onnx` (``pip install lucid[onnx]``)."""

from lucid.onnx._export import export
from lucid.onnx._load import OnnxModel, load

__all__ = ["OnnxModel", "export", "load"]
