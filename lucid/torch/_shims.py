"""What PyTorch code asks for that is not about tensors: other devices, tracing, scripting, versions.

Each entry is the honest answer for a library that runs eagerly on CPUs: no CUDA, no script, decorators that do nothing.
"""

from __future__ import annotations

import contextlib
import multiprocessing
from types import SimpleNamespace
from typing import Any, Final, TypeVar

T = TypeVar("T")

MOVED = {
    "lucid.optim.optimizer": "lucid.optim.optimizer",
    "lucid.utils.data.dataloader": "lucid.utils.data",
    "lucid.utils.data.dataset": "lucid.utils.data",
    "lucid.utils.data.distributed": "lucid.utils.data",
    "lucid.utils.data.sampler": "lucid.utils.data",
    "lucid.nn.modules.utils": "lucid.nn.modules",
}
"""lucid modules whose PyTorch counterpart has another name."""

# Submodules that exist for `torch.<name>` without a lucid module behind them.
MODULES = {
    "torch": ("backends", "cuda", "distributed", "fx", "hub", "jit", "mps", "multiprocessing", "version", "xpu"),
    "torch.backends": ("cuda", "cudnn", "mkldnn", "mps"),
    "torch.utils": ("model_zoo",),
}


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
        "Stream": refuse, "Event": refuse, "amp": SimpleNamespace(autocast=contextlib.nullcontext),
    }  # fmt: skip


def _hub(name: str) -> Any:
    def refuse(*args: Any, **kwargs: Any) -> Any:
        raise RuntimeError(f"torch.hub.{name}: lucid downloads nothing; load the file with lucid.load")

    return refuse


def _assert(condition: Any, message: Any = "") -> None:
    if not condition:
        raise AssertionError(message)


class _Unused:
    """For isinstance checks: nothing is an instance."""


def contents(name: str) -> dict[str, Any]:
    """The names that the module ``name`` has of its own."""
    if name == "torch":
        from lucid import _dtype

        return {
            "__version__": "2.13.0", "_assert": _assert, "dtype": _dtype.dtype, "memory_format": _Unused,
            "channels_last": "channels_last", "channels_last_3d": "channels_last_3d",
            "contiguous_format": "contiguous_format", "preserve_format": "preserve_format", "strided": "strided",
            "layout": _Unused, "set_float32_matmul_precision": nothing,
        }  # fmt: skip
    if name in ("torch.cuda", "torch.mps", "torch.xpu"):
        return _no_device(name.removeprefix("torch."))
    return dict(_CONTENTS.get(name, {}))


_CONTENTS: dict[str, dict[str, Any]] = {
    "torch.jit": {
        "script": identity, "script_method": identity, "script_if_tracing": identity, "ignore": identity,
        "unused": identity, "export": identity, "interface": identity, "_overload_method": identity,
        "is_scripting": false, "is_tracing": false, "annotate": lambda kind, value: value, "Final": Final,
        "ScriptModule": _Unused, "ScriptFunction": _Unused, "isinstance": isinstance,
    },
    "torch.fx": {"wrap": identity, "Proxy": _Unused, "Tracer": _Unused, "GraphModule": _Unused},
    "torch.hub": {
        "load_state_dict_from_url": _hub("load_state_dict_from_url"), "load": _hub("load"),
        "download_url_to_file": _hub("download_url_to_file"), "get_dir": lambda: "",
    },
    "torch.utils.model_zoo": {"load_url": _hub("load_state_dict_from_url")},
    "torch.distributed": {
        "is_available": false, "is_initialized": false, "get_rank": zero, "get_world_size": lambda *a: 1,
    },
    "torch.backends": {},
    "torch.backends.cudnn": {
        "benchmark": False, "deterministic": True, "enabled": False, "is_available": false, "version": nothing,
    },
    "torch.backends.cuda": {"is_built": false, "matmul": SimpleNamespace(allow_tf32=False)},
    "torch.backends.mps": {"is_available": false, "is_built": false},
    "torch.backends.mkldnn": {"is_available": false, "enabled": False},
    "torch.version": {"__version__": "2.13.0", "cuda": None, "hip": None, "git_version": "lucid"},
    "torch.multiprocessing": {
        name: getattr(multiprocessing, name)
        for name in ("Lock", "Manager", "Pool", "Process", "Queue", "cpu_count", "get_context", "set_start_method")
    },
    "torch.nn.modules.utils": {
        "_single": lambda x: _repeat(x, 1), "_pair": lambda x: _repeat(x, 2), "_triple": lambda x: _repeat(x, 3),
        "_ntuple": lambda n, name="": lambda x: _repeat(x, n),
    },
    "torch._jit_internal": {"_copy_to_script_wrapper": identity, "boolean_dispatch": nothing},
}  # fmt: skip


def _repeat(x: Any, n: int) -> tuple[Any, ...]:
    return tuple(x) if isinstance(x, (tuple, list)) else (x,) * n
