"""``torch.cuda``, ``torch.mps`` and ``torch.xpu``: the modules of devices there are none of."""

from __future__ import annotations

from typing import Any


def false(*args: Any, **kwargs: Any) -> bool:
    return False


def zero(*args: Any, **kwargs: Any) -> int:
    return 0


def nothing(*args: Any, **kwargs: Any) -> None:
    return None


CLASSES = (
    "CUDAGraph", "CUDAPluggableAllocator", "Event", "ExternalStream", "GreenContext", "MemPool", "Stream", "graph",
)  # fmt: skip
FUNCTIONS = (
    "current_blas_handle", "current_device", "current_stream", "default_stream", "get_device_capability",
    "get_device_name", "get_device_properties", "get_rng_state", "make_graphed_callables", "mem_get_info",
    "memory_summary", "set_device", "set_per_process_memory_fraction", "set_rng_state", "utilization",
)  # fmt: skip
ZERO = (
    "device_count", "initial_seed", "max_memory_allocated", "max_memory_cached", "max_memory_reserved",
    "memory_allocated", "memory_cached", "memory_reserved", "recommended_max_memory",
)  # fmt: skip
FALSE = (
    "_is_in_bad_fork", "can_device_access_peer", "is_available", "is_bf16_supported", "is_current_stream_capturing",
    "is_initialized", "is_tf32_supported",
)  # fmt: skip
NOTHING = (
    "_lazy_call", "_lazy_init", "empty_cache", "ipc_collect", "manual_seed", "manual_seed_all",
    "reset_accumulated_memory_stats", "reset_max_memory_allocated", "reset_max_memory_cached",
    "reset_peak_memory_stats", "seed", "seed_all", "set_rng_state_all", "synchronize",
)  # fmt: skip


class OutOfMemoryError(RuntimeError):
    """What scripts catch around steps on other devices; nothing here raises it."""


class Selected:
    """``with torch.cuda.device(0)`` or ``stream(None)``: without such a device, without effect."""

    def __init__(self, device: Any = None) -> None:
        self.idx = device

    def __enter__(self) -> None:
        return None

    def __exit__(self, *args: Any) -> None:
        return None


def contents(name: str) -> dict[str, Any]:
    """The names of ``torch.<name>``: that there is no such device, or an error that says so."""

    def refuse(*args: Any, **kwargs: Any) -> Any:
        raise RuntimeError(f"torch.{name}: lucid runs on CPUs only")

    return {
        **{own: type(own, (), {"__new__": refuse, "__module__": f"torch.{name}"}) for own in CLASSES},
        **dict.fromkeys(FUNCTIONS, refuse), **dict.fromkeys(ZERO, zero), **dict.fromkeys(FALSE, false),
        **dict.fromkeys(NOTHING, nothing), "OutOfMemoryError": OutOfMemoryError, "device": Selected,
        "device_of": Selected, "stream": Selected, "StreamContext": Selected,
        "get_arch_list": list, "get_rng_state_all": list, "memory_stats": dict,
    }  # fmt: skip
