"""Devices: tensors live on the CPU, the others can only be named."""

from __future__ import annotations

import functools
import threading
from typing import Any

from lucid._printing import shown

TYPES = (
    "cpu", "cuda", "hip", "hpu", "ipu", "lazy", "maia", "meta", "mkldnn", "mps", "mtia", "privateuseone", "vulkan",
    "xla", "xpu",
)  # fmt: skip


class _Contexts(threading.local):
    """The devices of a thread's contexts, the innermost last."""

    def __init__(self) -> None:
        self.entered: list[device] = []


_contexts = _Contexts()


class device:
    """The name of a place for tensors. Only the CPU has any: using another device is refused, naming it is not.

    As a context or a decorator, "meta" is more than a name. PyTorch makes tensors without memory there, for models
    whose weights a file will give. Here they get their memory and their values as without the context, so nothing can
    be computed from weights that were never set; code that asks for a tensor's device inside is told "meta".

    Args:
        type: "cpu", another device's name (``"cuda"``), a name with an index (``"cuda:1"``), or a device.
        index: which one of them.

    Raises:
        RuntimeError: there is no such type of device.

    Example:
        >>> import lucid
        >>> lucid.device("cuda:1").index
        1
        >>> lucid.ones(1).to("cuda")
        Traceback (most recent call last):
        RuntimeError: device: lucid runs on CPUs only, got 'cuda'
        >>> with lucid.device("meta"):
        ...     x = lucid.ones(2)
        ...     print(x.device)
        meta
        >>> x.sum().item(), x.device
        (2.0, device(type='cpu'))
    """

    def __init__(self, type: Any = "cpu", index: int | None = None) -> None:
        name, separator, number = str(type).partition(":")
        if name not in TYPES or (separator and not number.isdecimal()):
            raise RuntimeError(f"device: expected one of {', '.join(TYPES)}, got {shown(str(type))}")
        if separator and index is not None and not isinstance(type, device):
            raise RuntimeError(f"device: {type!r} has an index already, got another one, {index}")
        self.type = name
        self.index = int(number) if number else index

    def __enter__(self) -> device:
        """Make new tensors there: on the CPU, which "meta" is too, under the name that loading code asks for.

        Raises:
            RuntimeError: another device.
        """
        if self.type not in ("cpu", "meta"):
            raise RuntimeError(f"device: lucid runs on CPUs only, got {str(self)!r}")
        _contexts.entered.append(self)
        return self

    def __exit__(self, *error: Any) -> None:
        """Leave the context for the one around it."""
        _contexts.entered.pop()

    def __call__(self, function: Any) -> Any:
        """A function that runs inside the device's context; a decorator."""

        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            with self:
                return function(*args, **kwargs)

        return call

    def __reduce__(self) -> tuple[Any, ...]:
        return device, (self.type, self.index)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, device) or self.type != other.type:
            return False
        return self.type == "cpu" or self.index == other.index

    def __hash__(self) -> int:
        return hash(self.type)

    def __repr__(self) -> str:
        index = "" if self.index is None else f", index={self.index}"
        return f"device(type={self.type!r}{index})"

    def __str__(self) -> str:
        return self.type if self.index is None else f"{self.type}:{self.index}"


cpu = device("cpu")


def current_device() -> device:
    """Where new tensors live by name: the innermost context's device, the CPU outside any."""
    return _contexts.entered[-1] if _contexts.entered else cpu
