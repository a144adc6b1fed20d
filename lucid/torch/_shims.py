"""What PyTorch code asks for that is not about tensors: other devices, tracing, scripting, versions.

Each entry is the honest answer for a library that runs eagerly on CPUs: no CUDA, no script, decorators that do nothing.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import multiprocessing
from types import SimpleNamespace
from typing import Any, Final, Generic, TypeVar

from lucid._functions._gate import gate
from lucid.torch import _no_device
from lucid.torch._distribution import VERSION
from lucid.torch._missing import Missing
from lucid.torch._no_device import false, nothing, zero

T = TypeVar("T")

MOVED = {
    "lucid.functional": "lucid",
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
        "_C", "__config__", "_custom_ops", "_dynamo", "_inductor", "_jit_internal", "accelerator", "ao", "backends",
        "compiler", "cpu", "cuda", "distributed", "futures", "hub", "jit", "library", "mps", "multiprocessing",
        "onnx", "ops", "overrides", "quantization", "types", "version", "xpu",
    ),
    "torch._C": ("_nn",),
    "torch.distributed": ("rpc",),
    "torch.distributed.rpc": ("api",),
    "torch._dynamo": ("config", "eval_frame", "utils"),
    "torch.autograd": ("forward_ad",),
    "torch.backends": ("cpu", "cuda", "cudnn", "mkldnn", "mps"),
    "torch.cpu": ("amp",),
    "torch.cuda": ("amp",),
    "torch.jit": ("annotations",),
    "torch.nn": ("parallel",),
    "torch.nn.parallel": ("distributed",),
    "torch.onnx": ("symbolic_helper",),
    "torch.utils.data": ("_utils",),
    "torch.utils.data._utils": ("collate", "worker"),
    "torch.utils": ("_pytree", "_python_dispatch", "flop_counter", "hooks", "model_zoo"),
}  # fmt: skip

LACKING = (
    "torch._dynamo", "torch._inductor", "torch.ao", "torch.distributed", "torch.fx", "torch.nn.intrinsic",
    "torch.nn.qat", "torch.nn.quantized", "torch.onnx", "torch.quantization",
)  # fmt: skip
"""Packages that lucid has nothing of: any name in them can be looked up, and raises when it is used."""


LISTED = ("torch.distributions", "torch.nn.init", "torch.optim", "torch.optim.lr_scheduler")
"""Modules whose ``__dict__`` other code looks through, so that it must have all names from the start."""


def identity(function: T = None, *args: Any, **kwargs: Any) -> Any:  # type: ignore[assignment]
    """A decorator that changes nothing, with or without arguments."""
    return function if callable(function) else identity


def _call(function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
    return function(*args, **(kwargs or {}))


@gate
def _assert(condition: Any, message: Any = "") -> None:
    if not condition:
        raise AssertionError(message)


class _Unused(Generic[T]):
    """For annotations and isinstance checks: nothing is an instance.

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


def _flags(**kwargs: Any) -> contextlib.AbstractContextManager[None]:
    """``torch.backends.cudnn.flags``: settings of what is not there."""
    return contextlib.nullcontext()


def _compile(model: T | None = None, **kwargs: Any) -> Any:
    """``torch.compile``: what it is given, which runs as it stands."""
    return identity if model is None else model


def _public(module: str) -> Any:
    """The names of one of this package's modules, when asked for."""

    def names() -> dict[str, Any]:
        found = vars(importlib.import_module(f"lucid.torch.{module}"))
        return {name: value for name, value in found.items() if not name.startswith("__")}

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


def _serialization() -> dict[str, Any]:
    from lucid.torch import _files

    names = ("add_safe_globals", "clear_safe_globals", "get_safe_globals", "safe_globals", "load", "save")
    return {name: getattr(_files, name) for name in names}


def _parse_to(*args: Any, **kwargs: Any) -> tuple[Any, Any, bool, Any]:
    """What `Module.to` was asked for: device, dtype, whether not to wait and the order in memory."""
    import lucid

    place, kind, order = kwargs.get("device"), kwargs.get("dtype"), kwargs.get("memory_format")
    flags = [a for a in args if isinstance(a, bool)]
    for a in args:
        if isinstance(a, lucid.Tensor):
            place, kind = a.device, a.dtype
        elif isinstance(a, lucid.dtype):
            kind = a
        elif isinstance(a, (str, lucid.device)):
            place = a
    return None if place is None else lucid.device(place), kind, bool(flags and flags[0]), order


def _activities() -> set[Any]:
    return {importlib.import_module("lucid.profiler").ProfilerActivity.CPU}


def _init() -> dict[str, Any]:
    from lucid.nn.init._scaled import fans

    return {"_calculate_fan_in_and_fan_out": lambda tensor: fans("_calculate_fan_in_and_fan_out", tensor)}


def _device_module(device: Any = None) -> Any:
    """``torch.get_device_module``: the module of a device, the CPU's unless given."""
    import lucid

    return importlib.import_module(f"torch.{lucid.device('cpu' if device is None else device).type}")


def _activation() -> dict[str, Any]:
    """The classes that other code chooses from by going through the module."""
    from lucid.nn import modules

    return {name: getattr(modules, name) for name in (
        "CELU", "ELU", "GELU", "GLU", "Hardshrink", "Hardsigmoid", "Hardswish", "Hardtanh", "LeakyReLU", "LogSigmoid",
        "LogSoftmax", "Mish", "Module", "MultiheadAttention", "PReLU", "RReLU", "ReLU", "ReLU6", "SELU", "SiLU",
        "Sigmoid", "Softmax", "Softmax2d", "Softmin", "Softplus", "Softshrink", "Softsign", "Tanh", "Tanhshrink",
        "Threshold",
    )}  # fmt: skip


def _parallel() -> dict[str, Any]:
    from lucid.nn import DataParallel

    return {
        "DataParallel": DataParallel,
        "DistributedDataParallel": Missing("torch.nn.parallel.DistributedDataParallel"),
    }


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
    from lucid import _dtype
    from lucid._surface.storage import UntypedStorage
    from lucid.distributions import Dirichlet
    from lucid.torch import _files, _lacking_types
    from lucid.torch._foreach import functions
    from lucid.torch._legacy import types
    from lucid.torch._library import ops

    return {
        "__version__": VERSION, "_assert": _assert, "_assert_async": _assert, "_check": _check, "compile": _compile,
        "dtype": _dtype.dtype, "layout": _Unused, "memory_format": _Unused, "ops": ops,
        "channels_last": "channels_last", "channels_last_3d": "channels_last_3d",
        "contiguous_format": "contiguous_format", "preserve_format": "preserve_format", "strided": "strided",
        **{kind: kind for kind in ("sparse_bsc", "sparse_bsr", "sparse_coo", "sparse_csc", "sparse_csr", "_mkldnn")},
        "jagged": "jagged", "OutOfMemoryError": _no_device.OutOfMemoryError, "AcceleratorError": RuntimeError,
        **dict.fromkeys(("Event", "Future", "Stream", "SymBool", "SymFloat", "SymInt"), _Unused),
        "load": _files.load, "save": _files.save, "get_device_module": _device_module,
        "_sample_dirichlet": lambda alpha: Dirichlet(alpha).sample(), **types(), **functions(),
        "UntypedStorage": UntypedStorage,
        "finfo": _lacking_types.finfo, **_lacking_types.types(),
        **{name: Missing(f"torch.{name}") for name in ("PyTorchFileReader", "PyTorchFileWriter")},
    }  # fmt: skip


def contents(name: str) -> dict[str, Any]:
    """The names that the module ``name`` has of its own."""
    if name in ("torch.cpu.amp", "torch.cuda.amp"):
        from lucid.torch import _amp

        return _amp.contents(name.split(".")[1])
    if name in ("torch.cuda", "torch.mps", "torch.xpu"):
        return _no_device.contents(name.removeprefix("torch."))
    found = _CONTENTS.get(name, {})
    return dict(found() if callable(found) else found)


_CONTENTS: dict[str, Any] = {
    "torch": _torch,
    "torch._C": {
        "_get_tracing_state": nothing, "_log_api_usage_once": nothing, "DispatchKey": _Names(),
        "DispatchKeySet": lambda key: frozenset((key,)), "_ExcludeDispatchKeyGuard": contextlib.nullcontext,
        "_disabled_torch_function_impl": _call, "_are_functorch_transforms_active": false,
        "DisableTorchFunction": contextlib.nullcontext, "DisableTorchFunctionSubclass": contextlib.nullcontext,
    },
    "torch._dynamo": {
        "is_compiling": false, "disable": identity, "allow_in_graph": identity, "assume_constant_result": identity,
        "mark_dynamic": nothing, "mark_static": nothing, "mark_static_address": nothing, "maybe_mark_dynamic": nothing,
        "graph_break": nothing, "reset": nothing, "optimize": lambda *args, **kwargs: identity,
    },
    "torch._jit_internal": {"_copy_to_script_wrapper": identity, "boolean_dispatch": nothing},
    "torch._dynamo.config": {"suppress_errors": False, "cache_size_limit": 8, "recompile_limit": 8},
    "torch._dynamo.utils": {"is_compile_supported": lambda device: device == "cpu"},
    "torch.accelerator": {
        "is_available": false, "current_accelerator": nothing, "device_count": zero, "synchronize": nothing,
        "empty_cache": nothing, "memory_allocated": zero, "max_memory_allocated": zero, "memory_reserved": zero,
        "max_memory_reserved": zero, "reset_peak_memory_stats": nothing, "memory_stats": dict,
    },
    "torch.autograd.forward_ad": _public("_forward_ad"),
    "torch.autograd.profiler": {name: Missing(f"torch.autograd.profiler.{name}") for name in ("emit_itt", "emit_nvtx")},
    "torch._C._nn": {"_parse_to": _parse_to},
    "torch.futures": {"Future": _Unused},
    "torch.distributed.rpc": {"is_available": false},
    "torch.distributed.rpc.api": {"_require_initialized": identity},
    "torch.backends": {},
    "torch.backends.cpu": {"get_cpu_capability": lambda: "DEFAULT"},
    "torch.backends.cuda": {"is_built": false, "matmul": SimpleNamespace(allow_tf32=False)},
    "torch.backends.cudnn": {
        "benchmark": False, "deterministic": True, "enabled": False, "is_available": false, "version": nothing,
        "allow_tf32": False, "flags": _flags, "is_acceptable": false,
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
    "torch.__config__": _later(show="_config.config", parallel_info="_config.config"),
    "torch.multiprocessing": {
        **{name: getattr(multiprocessing, name) for name in multiprocessing.__all__},
        "get_all_sharing_strategies": lambda: {"file_system"}, "get_sharing_strategy": lambda: "file_system",
        "set_sharing_strategy": nothing,
    },
    "torch.nn.init": _init,
    "torch.nn.modules.activation": _activation,
    "torch.nn.modules.batchnorm": _later(
        _BatchNorm="nn.modules.batch_norm._BatchNorm", _NormBase="nn.modules.batch_norm._NormBase"
    ),
    "torch.nn.modules.conv": _later(
        _ConvNd="nn.modules.conv.ConvBase", _ConvTransposeNd="nn.modules.conv_transpose._ConvTranspose"
    ),
    "torch.nn.modules.dropout": _later(_DropoutNd="nn.modules.dropout._Dropout"),
    "torch.nn.modules.instancenorm": _later(_InstanceNorm="nn.modules.batch_norm._InstanceNorm"),
    "torch.nn.modules.loss": _later(_Loss="nn.modules.loss.Loss"),
    "torch.nn.modules.module": {"_EXTRA_STATE_KEY_SUFFIX": "_extra_state"},
    "torch.nn.modules.transformer": _later(
        _get_activation_fn="nn.modules.transformer_layer._activation", _get_clones="nn.modules.transformer._copies"
    ),
    "torch.nn.parallel": _parallel,
    "torch.nn.parallel.distributed": _parallel,
    "torch.optim.optimizer": _optimizer,
    "torch.nn.modules.utils": {
        "_single": lambda x: _repeat(x, 1), "_pair": lambda x: _repeat(x, 2), "_triple": lambda x: _repeat(x, 3),
        "_quadruple": lambda x: _repeat(x, 4), "_ntuple": lambda n, name="": lambda x: _repeat(x, n),
    },
    "torch.profiler": {
        "kineto_available": false, "supported_activities": _activities,
        **{name: Missing(f"torch.profiler.{name}") for name in ("ExecutionTraceObserver", "RecordScope", "itt")},
    },
    "torch.onnx": {"is_in_onnx_export": false, "register_custom_op_symbolic": nothing},
    "torch.onnx.symbolic_helper": {"parse_args": lambda *kinds: identity},
    "torch.overrides": {
        "has_torch_function": false, "has_torch_function_unary": false, "has_torch_function_variadic": false,
        "is_tensor_like": lambda x: type(x).__name__ == "Tensor",
        "TorchFunctionMode": Missing("torch.overrides.TorchFunctionMode"),
    },
    "torch.serialization": _serialization,
    "torch.types": _types,
    "torch.utils._pytree": _public("_tree"),
    "torch.utils.data": {"functional_datapipe": lambda name, enable_df_api_tracing=False: identity},
    "torch.utils.data._utils.collate": _later(
        default_collate="utils.data.default_collate", default_convert="utils.data.default_convert"
    ),
    "torch.utils.data._utils.worker": _later(get_worker_info="utils.data.get_worker_info"),
    "torch.utils.data.dataloader": _public("_loader"),
    "torch.utils._python_dispatch": {"is_traceable_wrapper_subclass": false, "_get_current_dispatch_mode": nothing},
    "torch.utils.flop_counter": _public("_flop_counter"),
    "torch.utils.hooks": _later(RemovableHandle="autograd._hooks.RemovableHandle"),
    "torch.utils.model_zoo": _public("_hub"),
    "torch.version": {"__version__": VERSION, "cuda": None, "hip": None, "git_version": "lucid"},
}  # fmt: skip


def _repeat(x: Any, n: int) -> tuple[Any, ...]:
    return tuple(x) if isinstance(x, (tuple, list)) else (x,) * n
