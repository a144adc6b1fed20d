"""What PyTorch code asks for that is not about tensors: other devices, tracing, scripting, versions.

Each entry is the honest answer for a library that runs eagerly on CPUs: no CUDA, no script, decorators that do nothing.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import multiprocessing
from types import SimpleNamespace
from typing import Any, Final, TypeVar

from lucid.torch._missing import Missing

T = TypeVar("T")

MOVED = {
    "lucid.optim.optimizer": "lucid.optim.optimizer",
    "lucid.utils.data.dataloader": "lucid.utils.data",
    "lucid.utils.data.dataset": "lucid.utils.data",
    "lucid.utils.data.distributed": "lucid.utils.data",
    "lucid.utils.data.sampler": "lucid.utils.data",
    **{f"lucid.nn.modules.{stem}": "lucid.nn.modules" for stem in (
        "activation", "adaptive", "batchnorm", "channelshuffle", "container", "conv", "distance", "dropout", "flatten",
        "fold", "instancenorm", "lazy", "linear", "loss", "normalization", "padding", "pixelshuffle", "pooling", "rnn",
        "sparse", "transformer", "upsampling", "utils",
    )},
}  # fmt: skip
"""lucid modules whose PyTorch counterpart has another name."""

# Submodules that exist for `torch.<name>` without a lucid module behind them.
MODULES = {
    "torch": (
        "_C", "_custom_ops", "_dynamo", "_jit_internal", "ao", "backends", "compiler", "cpu", "cuda", "distributed",
        "fx", "hub", "jit", "library", "mps", "multiprocessing", "onnx", "ops", "overrides", "quantization", "types",
        "version", "xpu",
    ),
    "torch._dynamo": ("utils",),
    "torch.backends": ("cpu", "cuda", "cudnn", "mkldnn", "mps"),
    "torch.cpu": ("amp",),
    "torch.cuda": ("amp",),
    "torch.fx": ("graph_module", "node", "proxy"),
    "torch.jit": ("annotations",),
    "torch.onnx": ("symbolic_helper",),
    "torch.utils": ("_pytree", "model_zoo"),
}  # fmt: skip

DTYPES = (
    "bfloat16", "bits16", "bits1x8", "bits2x4", "bits4x2", "bits8", "cdouble", "cfloat", "chalf", "complex128",
    "complex32", "complex64", "float16", "float4_e2m1fn_x2", "float8_e4m3fn", "float8_e4m3fnuz", "float8_e5m2",
    "float8_e5m2fnuz", "float8_e8m0fnu", "half", "qint32", "qint8", "quint2x4", "quint4x2", "quint8", "uint16",
    "uint32", "uint64",
)  # fmt: skip
"""PyTorch's element types that lucid may lack; tables of other packages list them."""

LACKING = (
    "torch.ao", "torch.fx", "torch.nn.intrinsic", "torch.nn.qat", "torch.nn.quantized", "torch.onnx",
    "torch.quantization",
)  # fmt: skip
"""Packages that lucid has nothing of: any name in them can be looked up, and raises when it is used."""


def identity(function: T = None, *args: Any, **kwargs: Any) -> Any:  # type: ignore[assignment]
    """A decorator that changes nothing, with or without arguments."""
    return function if callable(function) else identity


def false(*args: Any, **kwargs: Any) -> bool:
    return False


def zero(*args: Any, **kwargs: Any) -> int:
    return 0


def nothing(*args: Any, **kwargs: Any) -> None:
    return None


def _no_device(name: str) -> dict[str, Any]:
    """The module of a kind of device there is none of."""

    def refuse(*args: Any, **kwargs: Any) -> Any:
        raise RuntimeError(f"torch.{name}: lucid runs on CPUs only")

    return {
        "is_available": false, "is_initialized": false, "device_count": zero, "empty_cache": nothing,
        "synchronize": nothing, "manual_seed": nothing, "manual_seed_all": nothing, "current_device": refuse,
        "get_device_name": refuse, "get_device_properties": refuse, "set_device": refuse, "max_memory_allocated": zero,
        "memory_allocated": zero, "reset_peak_memory_stats": nothing, "is_bf16_supported": false,
        "Stream": refuse, "Event": refuse,
    }  # fmt: skip


def _assert(condition: Any, message: Any = "") -> None:
    if not condition:
        raise AssertionError(message)


class _Unused:
    """For isinstance checks: nothing is an instance.

    Example:
        >>> import lucid
        >>> isinstance(lucid.strided, lucid.layout)
        False
    """


class _Names:
    """Every attribute is its own name: an enumeration whose members nobody looks into."""

    def __getattr__(self, name: str) -> str:
        if name.startswith("__"):
            raise AttributeError(name)
        return name


def _check(condition: Any, message: Any = None) -> None:
    if not condition:
        raise RuntimeError(message() if callable(message) else message or "torch._check: expected cond to be True")


def _compile(model: T | None = None, **kwargs: Any) -> Any:
    """``torch.compile``: what it is given, which runs as it stands."""
    return identity if model is None else model


def _public(module: str) -> Any:
    """The names of one of this package's modules, when asked for."""

    def names() -> dict[str, Any]:
        return vars(importlib.import_module(f"lucid.torch.{module}"))

    return names


def _later(**places: str) -> Any:
    """Names of lucid's own, ``name="module.name"`` below lucid, when asked for."""

    def names() -> dict[str, Any]:
        found = {}
        for name, place in places.items():
            module, _, own = place.rpartition(".")
            found[name] = getattr(importlib.import_module(f"lucid.{module}"), own)
        return found

    return names


def _init() -> dict[str, Any]:
    from lucid.nn.init._scaled import fans

    return {"_calculate_fan_in_and_fan_out": lambda tensor: fans("_calculate_fan_in_and_fan_out", tensor)}


def _optimizer() -> dict[str, Any]:
    """What optimizers of other packages take from the module of the base class."""
    import math

    from lucid.autograd import set_grad_enabled

    def use_grad(step: Any) -> Any:
        @functools.wraps(step)
        def call(self: Any, *args: Any, **kwargs: Any) -> Any:
            with set_grad_enabled(bool(self.defaults.get("differentiable", False))):
                return step(self, *args, **kwargs)

        return call

    return {
        "_use_grad_for_differentiable": use_grad, "_dispatch_sqrt": math.sqrt, "_stack_if_compiling": identity,
        "_default_to_fused_or_foreach": lambda params, differentiable, use_fused=False: (False, False),
        "_get_capturable_supported_devices": lambda supports_xla=True: [],
        "_get_value": lambda x: x.item() if hasattr(x, "item") else x, "_params_t": Any, "ParamsT": Any,
        "_disable_dynamo_if_unsupported": lambda single_tensor_fn=None: identity, "required": object(),
    }  # fmt: skip


def _types() -> dict[str, Any]:
    from lucid import Size, Tensor, _dtype, device

    return {
        "Number": int | float | bool, "Device": str | device | int | None, "Tensor": Tensor,
        "_device": device, "_dtype": _dtype.dtype, "_size": Size | list[int] | tuple[int, ...],
        "_int": int, "_float": float, "_bool": bool, "_layout": _Unused, "Storage": _Unused,
    }  # fmt: skip


def _torch() -> dict[str, Any]:
    import lucid
    from lucid import _dtype
    from lucid._surface.storage import UntypedStorage
    from lucid.distributions import Dirichlet
    from lucid.torch._foreach import functions
    from lucid.torch._legacy import types
    from lucid.torch._library import ops

    return {
        "__version__": "2.13.0", "_assert": _assert, "_assert_async": _assert, "_check": _check, "compile": _compile,
        "dtype": _dtype.dtype, "layout": _Unused, "memory_format": _Unused, "ops": ops,
        "channels_last": "channels_last", "channels_last_3d": "channels_last_3d",
        "contiguous_format": "contiguous_format", "preserve_format": "preserve_format", "strided": "strided",
        "_sample_dirichlet": lambda alpha: Dirichlet(alpha).sample(), **types(), **functions(),
        "UntypedStorage": UntypedStorage,
        **{name: Missing(f"torch.{name}") for name in DTYPES if not hasattr(lucid, name)},
    }  # fmt: skip


def contents(name: str) -> dict[str, Any]:
    """The names that the module ``name`` has of its own."""
    if name in ("torch.cpu.amp", "torch.cuda.amp"):
        from lucid.torch import _amp

        return _amp.contents(name.split(".")[1])
    if name in ("torch.cuda", "torch.mps", "torch.xpu"):
        return _no_device(name.removeprefix("torch."))
    found = _CONTENTS.get(name, {})
    return dict(found() if callable(found) else found)


_CONTENTS: dict[str, Any] = {
    "torch": _torch,
    "torch._C": {
        "_get_tracing_state": nothing, "_log_api_usage_once": nothing, "DispatchKey": _Names(),
        "DispatchKeySet": lambda key: frozenset((key,)), "_ExcludeDispatchKeyGuard": contextlib.nullcontext,
        "DisableTorchFunction": contextlib.nullcontext, "DisableTorchFunctionSubclass": contextlib.nullcontext,
    },
    "torch._dynamo": {"is_compiling": false, "disable": identity, "allow_in_graph": identity},
    "torch._jit_internal": {"_copy_to_script_wrapper": identity, "boolean_dispatch": nothing},
    "torch._dynamo.utils": {"is_compile_supported": lambda device: device == "cpu"},
    "torch.backends": {},
    "torch.backends.cpu": {"get_cpu_capability": lambda: "DEFAULT"},
    "torch.backends.cuda": {"is_built": false, "matmul": SimpleNamespace(allow_tf32=False)},
    "torch.backends.cudnn": {
        "benchmark": False, "deterministic": True, "enabled": False, "is_available": false, "version": nothing,
    },
    "torch.backends.mkldnn": {"is_available": false, "enabled": False},
    "torch.backends.mps": {"is_available": false, "is_built": false},
    "torch.compiler": {
        "is_compiling": false, "is_dynamo_compiling": false, "is_exporting": false, "disable": identity,
        "allow_in_graph": identity, "assume_constant_result": identity, "reset": nothing,
        "cudagraph_mark_step_begin": nothing,
    },
    "torch.distributed": {
        "is_available": false, "is_initialized": false, "get_rank": zero, "get_world_size": lambda *a: 1,
    },
    "torch.fx": {"wrap": identity},
    "torch.fx.node": {"Argument": Any, "Target": Any},
    "torch.hub": _public("_hub"),
    "torch.jit": {
        "script": identity, "script_method": identity, "script_if_tracing": identity, "_script_if_tracing": identity,
        "ignore": identity, "unused": identity, "export": identity, "interface": identity,
        "_overload": identity, "_overload_method": identity, "is_scripting": false, "is_tracing": false,
        "annotate": lambda kind, value: value, "Final": Final, "ScriptModule": _Unused, "ScriptFunction": _Unused,
        "isinstance": isinstance,
    },
    "torch.jit.annotations": {"List": list, **{f"BroadcastingList{n}": list for n in range(1, 6)}},
    "torch.library": _public("_library"),
    "torch.multiprocessing": {
        name: getattr(multiprocessing, name)
        for name in ("Lock", "Manager", "Pool", "Process", "Queue", "cpu_count", "get_context", "set_start_method")
    },
    "torch.nn.init": _init,
    "torch.nn.modules.batchnorm": _later(
        _BatchNorm="nn.modules.batch_norm._BatchNorm", _NormBase="nn.modules.batch_norm._NormBase"
    ),
    "torch.nn.modules.conv": _later(
        _ConvNd="nn.modules.conv.ConvBase", _ConvTransposeNd="nn.modules.conv_transpose._ConvTranspose"
    ),
    "torch.nn.modules.dropout": _later(_DropoutNd="nn.modules.dropout._Dropout"),
    "torch.nn.modules.instancenorm": _later(_InstanceNorm="nn.modules.batch_norm._InstanceNorm"),
    "torch.nn.modules.loss": _later(_Loss="nn.modules.loss.Loss"),
    "torch.nn.modules.transformer": _later(
        _get_activation_fn="nn.modules.transformer._activation", _get_clones="nn.modules.transformer._copies"
    ),
    "torch.optim.optimizer": _optimizer,
    "torch.nn.modules.utils": {
        "_single": lambda x: _repeat(x, 1), "_pair": lambda x: _repeat(x, 2), "_triple": lambda x: _repeat(x, 3),
        "_quadruple": lambda x: _repeat(x, 4), "_ntuple": lambda n, name="": lambda x: _repeat(x, n),
    },
    "torch.onnx": {"is_in_onnx_export": false, "register_custom_op_symbolic": nothing},
    "torch.onnx.symbolic_helper": {"parse_args": lambda *kinds: identity},
    "torch.overrides": {
        "has_torch_function": false, "has_torch_function_unary": false, "has_torch_function_variadic": false,
        "is_tensor_like": lambda x: type(x).__name__ == "Tensor",
    },
    "torch.types": _types,
    "torch.utils._pytree": _public("_tree"),
    "torch.utils.model_zoo": _public("_hub"),
    "torch.version": {"__version__": "2.13.0", "cuda": None, "hip": None, "git_version": "lucid"},
}  # fmt: skip


def _repeat(x: Any, n: int) -> tuple[Any, ...]:
    return tuple(x) if isinstance(x, (tuple, list)) else (x,) * n
