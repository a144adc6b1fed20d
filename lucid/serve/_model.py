"""What a name or a file becomes so that it can be run on arrays."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

import lucid
from lucid._functions._naming import listed
from lucid._tensor import Tensor
from lucid.compiler._tree import _TENSOR as TENSOR
from lucid.nn.modules.module import Module
from lucid.serialization import FileFormatError


class ModelError(ValueError):
    """A model cannot be had; the message is one line that names the file or model, and the reason.

    Example:
        >>> from lucid.serve import ModelError, open_model
        >>> try:
        ...     open_model("resnet19")
        ... except ModelError as error:
        ...     print("resnet18" in str(error))
        True
    """


class Input(NamedTuple):
    """An input of a model.

    Attributes:
        name: its name.
        shape: of one sample; None for a dimension of any length.
        dtype: of NumPy.

    Example:
        >>> import numpy as np
        >>> from lucid.serve import Input
        >>> tokens = Input("tokens", (None,), np.dtype(np.int64))
        >>> print(tokens, tokens.example(2).shape)
        tokens: int64 (n, any) (2, 8)
    """

    name: str
    shape: tuple[int | None, ...]
    dtype: np.dtype[Any]

    def __str__(self) -> str:
        shape = ", ".join(["n", *["any" if d is None else str(d) for d in self.shape]])
        return f"{self.name}: {self.dtype} ({shape})"

    def example(self, rows: int) -> np.ndarray:
        """Zeros of this input; dimensions of any length have 8.

        Args:
            rows: samples in the batch.
        """
        return np.zeros((rows, *[8 if d is None else d for d in self.shape]), self.dtype)


class Model:
    """A network for inference on arrays.

    Args:
        name, kind, module, inputs, output_names, sizes, preprocessing: the attributes.
        call: tensors -> what the network gives.

    Attributes:
        name: as the user gave it.
        kind: "zoo", "onnx", "plan" or "module".
        module: the network; None for a saved plan.
        inputs: what it takes.
        output_names: names of its outputs, which may be empty until it has run.
        sizes: batch sizes it runs, or None for all.
        preprocessing: how images become inputs, of models of the zoo.

    Example:
        >>> import numpy as np
        >>> import lucid
        >>> from lucid.serve import Input, Model
        >>> inputs = [Input("x", (3,), np.dtype(np.float32))]
        >>> model = Model("double", "module", None, lambda x: 2 * x, inputs)
        >>> model([np.ones((1, 3), np.float32)])
        [array([[2., 2., 2.]], dtype=float32)]
    """

    def __init__(
        self, name: str, kind: str, module: Module | None, call: Callable[..., Any], inputs: Sequence[Input], *,
        output_names: Sequence[str] = (), sizes: Sequence[int] | None = None, preprocessing: Any = None,
    ) -> None:  # fmt: skip
        self.name, self.kind, self.module, self.inputs = name, kind, module, tuple(inputs)
        self.output_names, self.sizes, self.preprocessing = list(output_names), sizes, preprocessing
        self._call = call

    def __call__(self, arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
        """The outputs for the inputs, one array each."""
        with lucid.inference_mode():
            result = self._call(*[lucid.from_numpy(np.ascontiguousarray(a)) for a in arrays])
        found = named_tensors(result)
        if not found:
            raise ModelError(f"{self.name}: gives no tensors, but {type(result).__name__}")
        if len(self.output_names) != len(found):
            self.output_names = list(found)
        return [v.numpy() for v in found.values()]

    def examples(self, rows: int) -> list[np.ndarray]:
        """Zeros for every input.

        Args:
            rows: samples in the batch.
        """
        return [each.example(rows) for each in self.inputs]

    @property
    def nbytes(self) -> int:
        """Bytes of the file that the model came from; 0 without one."""
        return os.path.getsize(self.name) if self.kind in ("onnx", "plan") else 0

    def compile(self, precision: str, calibration: str | os.PathLike[str] | None, fallback: bool, plans: int) -> None:
        """Let calls run compiled plans, as `open_model` says.

        Args:
            precision, calibration, fallback, plans: as of `open_model`.

        Raises:
            ModelError: the CPU lacks what the precision needs, or the calibration is of no use.
        """
        assert self.module is not None
        options: dict[str, Any] = {"fallback": fallback, "plans": max(plans, 1)}
        try:
            if precision == "bfloat16":
                options["dtype"] = lucid.bfloat16
            elif precision == "int8":
                options["quantize"] = self._calibrated(os.fspath(calibration))  # type: ignore[arg-type]
            elif precision != "float32":
                raise ModelError(f"{self.name}: precision must be float32, bfloat16 or int8, got {precision!r}")
            self._call = lucid.compile(self.module, **options)
        except RuntimeError as error:
            raise ModelError(f"{self.name}: {one_line(error).removeprefix('compile: ')}") from None

    def _calibrated(self, path: str) -> Any:
        from lucid.quantization import calibrate

        try:
            x = np.load(path, allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            reason = reason_of(error, path).lower() if isinstance(error, OSError) else "is not a .npy file of numbers"
            raise ModelError(f"{path}: {reason}") from None
        assert self.module is not None
        spec = self.inputs[0]
        fits = isinstance(x, np.ndarray) and x.ndim == len(spec.shape) + 1 and len(x) > 0 and x.dtype.kind in "fiub"
        if len(self.inputs) > 1 or not fits or any(d not in (None, n) for d, n in zip(spec.shape, x.shape[1:])):
            raise ModelError(
                f"{path}: cannot calibrate {self.name}, whose inputs are {'; '.join(map(str, self.inputs))}"
            )
        size = self.sizes[0] if self.sizes else 16
        batches = [x[at : at + size].astype(spec.dtype) for at in range(0, len(x) - len(x) % size or len(x), size)]
        try:
            with lucid.inference_mode():
                return calibrate(self.module, map(lucid.from_numpy, batches))
        except (ValueError, TypeError, IndexError) as error:  # whatever the model says of these inputs
            raise ModelError(f"{path}: {one_line(error).removeprefix('calibrate: ')}") from None

    @property
    def plans(self) -> Any:
        """The compiled function, whose plans `save` writes; None for a saved plan."""
        return self._call if self.kind != "plan" else None


@listed
def open_model(
    name: str | os.PathLike[str] | Module, *, weights: str | os.PathLike[str] | None = None,
    shape: Sequence[int] | None = None, dtype: str | None = None, classes: int | None = None,
    precision: str | None = None, calibration: str | os.PathLike[str] | None = None, fallback: bool = True,
    plans: int = 16,
) -> Model:  # fmt: skip
    """A model that runs on arrays, compiled, from a name, an ONNX file, a saved plan or a module.

    Args:
        name: one of `lucid.models.list_models`, a path of an ONNX file or of what ``compiled.save`` wrote, or a module.
        weights: file with the state dict of a model that is named; without it they are random.
        shape: shape of one sample, without the batch; known for models of images, ONNX files and plans.
        dtype: dtype of the inputs where it is not known, by default float32.
        classes: number of classes of a model that is named, when its weights are for another number than usual.
        precision: "float32", "bfloat16" or "int8", what convolutions and linear layers multiply; see `lucid.compile`.
        calibration: a .npy file of inputs like those to come, which "int8" needs.
        fallback: run what cannot be compiled as it is.
        plans: shapes for which compiled plans are kept.

    Raises:
        ModelError: there is no such model or file, or the options do not fit it.

    Example:
        >>> from lucid.serve import open_model
        >>> model = open_model("mobilenet_v3_small", classes=10, shape=(3, 64, 64))
        >>> print(model.inputs[0])
        x: float32 (n, 3, 64, 64)
        >>> [y.shape for y in model(model.examples(2))]
        [(2, 10)]
    """
    options = {"weights": weights, "shape": shape, "dtype": dtype, "classes": classes, "precision": precision,
               "calibration": calibration}  # fmt: skip
    if (precision == "int8") != (calibration is not None):
        raise ModelError(f"{name}: precision int8 and a calibration go together, and no other precision needs one")
    made = _found(name, options)
    if made.module is not None:
        made.compile(precision or "float32", calibration, fallback, plans)
    return made


def _found(name: Any, options: dict[str, Any]) -> Model:
    """The model, not yet compiled."""
    shape, dtype = options["shape"], options["dtype"]
    if isinstance(name, Module):
        _only(type(name).__name__, "a module", options, ("shape", "dtype", "precision", "calibration"))
        return _of_module(type(name).__name__, name, shape, dtype)
    text = os.fspath(name)
    if os.path.isfile(text):
        if text.lower().endswith(".onnx"):
            _only(text, "an ONNX file", options, ("shape", "precision", "calibration"))
            return _of_onnx(text, shape)
        _only(text, "a saved plan", options, ())
        return _of_plan(text)
    if os.path.isdir(text):
        raise ModelError(f"{text}: is a directory, not a model")
    if os.path.basename(text) != text or "." in text:
        raise ModelError(f"{text}: no such file")
    return _of_zoo(text, options["weights"], shape, dtype, options["classes"])


def _only(name: str, kind: str, options: dict[str, Any], allowed: Sequence[str]) -> None:
    for option, value in options.items():
        if value is not None and option not in allowed:
            raise ModelError(f"{name}: is {kind}, for which there is no option {option}")


def _dtype(name: str, dtype: str | None) -> np.dtype[Any]:
    try:
        found = np.dtype(dtype or "float32")
    except TypeError:
        found = np.dtype(object)
    if found.kind not in "fiub":
        raise ModelError(f"{name}: {dtype!r} is no dtype of numbers")
    return found


def _of_module(name: str, module: Module, shape: Sequence[int | None] | None, dtype: str | None) -> Model:
    if shape is None:
        raise ModelError(f"{name}: give the shape of one sample, without the batch")
    return Model(name, "module", module, module.eval(), [Input("x", tuple(shape), _dtype(name, dtype))])


def _of_zoo(
    name: str, weights: Any, shape: Sequence[int | None] | None, dtype: str | None, classes: int | None
) -> Model:
    from lucid import models

    path = None if weights is None else os.fspath(weights)
    options: dict[str, Any] = {} if classes is None else {"num_classes": classes}
    try:
        module = models.create_model(name, weights=path, **options)
    except FileNotFoundError:
        raise ModelError(f"{path}: no such file") from None
    except (FileFormatError, OSError) as error:
        raise ModelError(f"{path}: {reason_of(error, str(path))}") from None
    except (ValueError, TypeError, RuntimeError) as error:
        reason = one_line(error).removeprefix("create_model: ")
        unknown = reason.startswith("no model is called")
        raise ModelError(reason.replace("no model", "no model and no file", 1) if unknown else reason) from None
    try:
        prepare = models.preprocessing(name)
    except ValueError:  # it takes token ids
        prepare, shape, dtype = None, shape or (None,), dtype or "int64"
    if shape is None:
        side = prepare.crop if hasattr(prepare, "crop") else prepare.size
        shape = (len(prepare.mean) if hasattr(prepare, "mean") else 3, side, side)
    made = _of_module(name, module, shape, dtype)
    made.kind, made.preprocessing = "zoo", prepare
    return made


def named_tensors(result: Any) -> dict[str, Tensor]:
    """The tensors of a result by name; what else it holds, such as caches that are not there, is left out."""
    if isinstance(result, Tensor):
        return {"output": result}
    if hasattr(result, "_asdict"):
        result = result._asdict()
    if isinstance(result, (tuple, list)):
        result = {f"output_{i}": part for i, part in enumerate(result)}
    parts = result.items() if isinstance(result, dict) else ()
    return {str(name): part for name, part in parts if isinstance(part, Tensor)}


def one_line(error: BaseException, limit: int = 300) -> str:
    """What an error says, in one line."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= limit else f"{text[: limit - 3]}..."


def reason_of(error: BaseException, path: str) -> str:
    """What an error about a file says, without the file's name."""
    text = error.strerror if isinstance(error, OSError) and error.strerror else one_line(error)
    return text.removeprefix(f"{path}: ").removeprefix(f"{path} ")


def _of_onnx(path: str, shape: Sequence[int] | None) -> Model:
    from lucid import onnx as reader

    try:
        module = reader.load(path)
        import onnx

        graph = onnx.load(path, load_external_data=False).graph
    except ImportError:
        raise ModelError(f"{path}: ONNX files need the package onnx: pip install lucid[onnx]") from None
    except Exception as error:  # the onnx package has many kinds
        reason = reason_of(error, path).removeprefix("onnx.load: ").removeprefix(f"{path} ")
        raise ModelError(f"{path}: {reason}") from None
    declared = {x.name: x.type.tensor_type for x in graph.input}
    inputs: list[Input] = []
    sizes: set[int | None] = set()
    for at, name in enumerate(module.input_names):
        dims = [d.dim_value if d.HasField("dim_value") and d.dim_value > 0 else None for d in declared[name].shape.dim]
        if not dims:
            raise ModelError(f"{path}: the input {name} has no batch dimension")
        sizes.add(dims[0])
        sample = tuple(shape) if shape is not None and at == 0 else tuple(dims[1:])
        inputs.append(Input(name, sample, onnx.helper.tensor_dtype_to_np_dtype(declared[name].elem_type)))
    fixed = [size for size in sizes if size is not None]
    if len(fixed) > 1:
        raise ModelError(f"{path}: its inputs have batches of {', '.join(map(str, sorted(fixed)))}, which differ")
    return Model(path, "onnx", module, module.eval(), inputs, output_names=module.output_names,
                 sizes=sorted(fixed) or None)  # fmt: skip


def _of_plan(path: str) -> Model:
    try:
        loaded = lucid.load_compiled(path)
    except (FileFormatError, OSError) as error:
        raise ModelError(f"{path}: is neither an ONNX file nor a saved plan: {reason_of(error, path)}") from None
    samples, sizes = set(), set()
    for ((_, args), kwargs), shapes in loaded._plans:
        if kwargs or any(a != TENSOR for a in args):
            raise ModelError(f"{path}: takes more than tensors by position")
        if not shapes or any(not shape for shape, _ in shapes) or len({shape[0] for shape, _ in shapes}) > 1:
            raise ModelError(f"{path}: its plan for {loaded.signatures[0]} has no batch dimension")
        samples.add(tuple([(shape[1:], char) for shape, char in shapes]))
        sizes.add(shapes[0][0][0])
    if len(samples) > 1:
        raise ModelError(f"{path}: its plans are for samples of different shapes: {'; '.join(loaded.signatures)}")
    (sample,) = samples
    names = ["x"] if len(sample) == 1 else [f"x{i}" for i in range(len(sample))]
    inputs = [Input(name, shape, np.dtype(char)) for name, (shape, char) in zip(names, sample)]
    return Model(path, "plan", None, loaded, inputs, sizes=sorted(sizes))
