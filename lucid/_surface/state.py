"""Switches and questions about the library whose answer is fixed where everything runs eagerly on CPUs."""

from __future__ import annotations

import warnings
from typing import Any

from lucid import _dtype
from lucid._convert import as_device
from lucid._device import current_device, device
from lucid._printing import shown
from lucid._threads import get_num_threads

__all__ = [
    "compiled_with_cxx11_abi", "cudnn_is_acceptable", "get_default_device", "get_deterministic_debug_mode",
    "get_float32_matmul_precision", "get_num_interop_threads", "init_num_threads",
    "is_deterministic_algorithms_warn_only_enabled", "is_vulkan_available", "is_warn_always_enabled",
    "set_default_device", "set_default_tensor_type", "set_deterministic_debug_mode", "set_float32_matmul_precision",
    "set_num_interop_threads", "set_warn_always",
]  # fmt: skip

PRECISIONS = ("highest", "high", "medium")


def get_default_device() -> device:
    """Where new tensors live: the CPU; inside a context of the meta device, that.

    Example:
        >>> import lucid
        >>> lucid.get_default_device()
        device(type='cpu')
    """
    return current_device()


def set_default_device(device: Any) -> None:
    """Accept the CPU, or None, as where new tensors live.

    Args:
        device: "cpu", a `lucid.device` or None.

    Raises:
        RuntimeError: another device.

    Example:
        >>> import lucid
        >>> lucid.set_default_device("cpu")
    """
    if device is not None:
        as_device(device)


def set_default_tensor_type(t: Any) -> None:
    """Set the default dtype by the name of PyTorch's former tensor types, such as "torch.DoubleTensor", or by a dtype.

    Args:
        t: "torch.FloatTensor", "torch.DoubleTensor", such a type, or a dtype.

    Raises:
        TypeError: it names no floating-point type of the CPU.

    Example:
        >>> import lucid
        >>> lucid.set_default_tensor_type("torch.DoubleTensor")
        >>> lucid.get_default_dtype()
        lucid.float64
        >>> lucid.set_default_tensor_type("torch.FloatTensor")
    """
    kinds = {"FloatTensor": _dtype.float32, "DoubleTensor": _dtype.float64}
    name = t if isinstance(t, str) else getattr(t, "__name__", "")
    found = t if isinstance(t, _dtype.dtype) else kinds.get(name.rpartition(".")[2])
    if found is None or "cuda" in name:
        raise TypeError(f"set_default_tensor_type: expected a floating-point tensor type of the CPU, got {shown(t)}")
    _dtype.set_default_dtype(found)


def get_float32_matmul_precision() -> str:
    """Always "highest": products of float32 are computed in float32.

    Example:
        >>> import lucid
        >>> lucid.get_float32_matmul_precision()
        'highest'
    """
    return "highest"


def set_float32_matmul_precision(precision: str) -> None:
    """Accept PyTorch's settings; products of float32 are computed in float32 with all of them.

    Args:
        precision: "highest", "high" or "medium".

    Raises:
        RuntimeError: another setting.

    Example:
        >>> import lucid
        >>> lucid.set_float32_matmul_precision("high")
        >>> lucid.get_float32_matmul_precision()
        'highest'
    """
    if precision not in PRECISIONS:
        raise RuntimeError(
            f"set_float32_matmul_precision: precision must be one of {PRECISIONS}, got {shown(precision)}"
        )


def get_num_interop_threads() -> int:
    """1: operations run one after the other, each on `get_num_threads` threads.

    Example:
        >>> import lucid
        >>> lucid.get_num_interop_threads()
        1
    """
    return 1


def set_num_interop_threads(n: int) -> None:
    """Accept a positive number; operations run one after the other.

    Args:
        n: the number.

    Raises:
        RuntimeError: it is not positive.

    Example:
        >>> import lucid
        >>> lucid.set_num_interop_threads(4)
        >>> lucid.get_num_interop_threads()
        1
    """
    if not isinstance(n, int) or n < 1:
        raise RuntimeError(f"set_num_interop_threads: expects a positive integer, got {shown(n)}")


def init_num_threads() -> None:
    """Nothing to do: the number of threads is found when lucid is imported.

    Example:
        >>> import lucid
        >>> lucid.init_num_threads()
    """
    get_num_threads()


def get_deterministic_debug_mode() -> int:
    """0: every operation of lucid is deterministic.

    Example:
        >>> import lucid
        >>> lucid.get_deterministic_debug_mode()
        0
    """
    return 0


def set_deterministic_debug_mode(debug_mode: int | str) -> None:
    """Accept PyTorch's settings: every operation of lucid is deterministic.

    Args:
        debug_mode: 0, 1 or 2, or "default", "warn" or "error".

    Raises:
        RuntimeError: another setting.

    Example:
        >>> import lucid
        >>> lucid.set_deterministic_debug_mode("error")
    """
    if debug_mode not in (0, 1, 2, "default", "warn", "error"):
        raise RuntimeError(f"set_deterministic_debug_mode: expected 0, 1, 2 or their names, got {shown(debug_mode)}")


def is_deterministic_algorithms_warn_only_enabled() -> bool:
    """False: there is nothing to warn of.

    Example:
        >>> import lucid
        >>> lucid.is_deterministic_algorithms_warn_only_enabled()
        False
    """
    return False


def set_warn_always(b: bool) -> None:
    """Whether repeated warnings are all shown.

    Args:
        b: show them all.

    Example:
        >>> import warnings, lucid
        >>> with warnings.catch_warnings():
        ...     lucid.set_warn_always(False)
    """
    warnings.simplefilter("always" if b else "default")


def is_warn_always_enabled() -> bool:
    """Whether repeated warnings are all shown.

    Example:
        >>> import warnings, lucid
        >>> with warnings.catch_warnings():
        ...     lucid.set_warn_always(True)
        ...     print(lucid.is_warn_always_enabled())
        ...
        True
    """
    return bool(warnings.filters) and warnings.filters[0][0] == "always"


def is_vulkan_available() -> bool:
    """False: lucid runs on CPUs.

    Example:
        >>> import lucid
        >>> lucid.is_vulkan_available()
        False
    """
    return False


def cudnn_is_acceptable(tensor: Any) -> bool:
    """False: lucid runs on CPUs.

    Args:
        tensor: not looked at.

    Example:
        >>> import lucid
        >>> lucid.cudnn_is_acceptable(lucid.ones(1))
        False
    """
    return False


def compiled_with_cxx11_abi() -> bool:
    """True, PyTorch's answer on current systems.

    Example:
        >>> import lucid
        >>> lucid.compiled_with_cxx11_abi()
        True
    """
    return True
