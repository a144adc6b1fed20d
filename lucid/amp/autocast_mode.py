"""`autocast`, and the functions that ask for and change its settings."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from typing import Any

from lucid import _dtype
from lucid._device import device as Device
from lucid._functions._autocast import state
from lucid._functions._common import cast
from lucid.autograd._node import TensorBase

SUPPORTED = (_dtype.bfloat16, _dtype.float16)
OTHER_DEVICES = ("cuda", "xpu", "mps", "hpu", "mtia", "xla", "maia", "privateuseone")
_other_dtypes: dict[str, _dtype.dtype] = {"cuda": _dtype.float16}


def check_device_type(name: str, device_type: Any) -> str:
    """The type of device meant, without its number.

    Raises:
        ValueError: ``device_type`` is not a string.
        RuntimeError: there is no such type.
    """
    if isinstance(device_type, Device):
        return "cpu"
    if not isinstance(device_type, str):
        raise ValueError(f"{name}: expected device_type of type str, got {type(device_type).__name__}")
    own = device_type.partition(":")[0]
    if own != "cpu" and own not in OTHER_DEVICES:
        raise RuntimeError(f"{name}: unknown device type {device_type!r}; expected 'cpu', or one of PyTorch's others")
    return own


def is_autocast_available(device_type: str) -> bool:
    """Whether autocast does anything on ``device_type``: True for "cpu".

    Args:
        device_type: "cpu", or another that PyTorch knows.

    Raises:
        RuntimeError: ``device_type`` is unknown.
        ValueError: ``device_type`` is not a string.

    Example:
        >>> import lucid
        >>> lucid.amp.is_autocast_available("cpu")
        True
    """
    return check_device_type("is_autocast_available", device_type) == "cpu"


class autocast:
    """Run products and convolutions in a lower precision, and what needs more in float32, inside a ``with`` block.

    Matrix products, linear maps, convolutions and attention cast floating-point arguments to ``dtype``. Losses,
    three-dimensional pooling, `prod`, quantiles and linear algebra cast them to float32. Everything else takes what
    comes and promotes. float64 is left alone. Parameters are cast once per outermost block. The arithmetic itself is
    float32, rounded once: autocast gives the dtypes it gives in PyTorch, and saves no time.

    Args:
        device_type: "cpu"; another type warns and does nothing.
        dtype: `lucid.bfloat16`, the default, or `lucid.float16`; another warns and does nothing.
        enabled: whether the block does anything; False turns autocast off inside it.
        cache_enabled: keep the casts of parameters until the outermost block ends.

    Raises:
        RuntimeError: ``device_type`` is unknown.
        ValueError: ``device_type`` is not a string.

    Example:
        >>> import lucid
        >>> layer, x = lucid.nn.Linear(3, 2), lucid.ones(4, 3)
        >>> with lucid.autocast("cpu"):
        ...     y = layer(x)
        ...     loss = lucid.nn.functional.mse_loss(y, lucid.zeros(4, 2))
        >>> y.dtype, loss.dtype
        (lucid.bfloat16, lucid.float32)

    Source: Micikevicius et al., Mixed precision training, ICLR 2018.
    """

    def __init__(
        self, device_type: str, dtype: Any = None, enabled: bool = True, cache_enabled: bool | None = None
    ) -> None:
        self.device = check_device_type("autocast", device_type)
        self.fast_dtype = get_autocast_dtype(self.device) if dtype is None else _dtype.as_dtype(dtype)
        self._cache_enabled = state.cache_enabled if cache_enabled is None else cache_enabled
        if enabled and self.device != "cpu":
            warnings.warn(f"autocast: {self.device} is not available. Disabling autocast.", stacklevel=2)
            enabled = False
        if enabled and self.fast_dtype not in SUPPORTED:
            warnings.warn(
                f"autocast: the dtype {self.fast_dtype.name} is not supported. Disabling autocast. "
                "It must be bfloat16 or float16.",
                stacklevel=2,
            )
            enabled = False
        self._enabled = enabled
        self._before: list[tuple[bool, _dtype.dtype, bool]] = []

    def __enter__(self) -> autocast:
        self._before.append((state.enabled, state.dtype, state.cache_enabled))
        state.depth += 1
        if self.device == "cpu":
            state.set_enabled(self._enabled)
            if self._enabled:
                state.dtype = self.fast_dtype
        state.cache_enabled = self._cache_enabled
        return self

    def __exit__(self, *exc: object) -> None:
        if autocast_decrement_nesting() == 0:
            clear_autocast_cache()
        enabled, state.dtype, state.cache_enabled = self._before.pop()
        state.set_enabled(enabled)

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            with self:
                return function(*args, **kwargs)

        return wrapped


def is_autocast_enabled(device_type: str = "cuda") -> bool:
    """Whether calls on ``device_type`` are cast in this thread; as in PyTorch, asked without one: False.

    Args:
        device_type: "cpu", or another that PyTorch knows.

    Raises:
        RuntimeError: ``device_type`` is unknown.
        ValueError: ``device_type`` is not a string.

    Example:
        >>> import lucid
        >>> with lucid.autocast("cpu"):
        ...     print(lucid.is_autocast_enabled("cpu"))
        ...
        True
    """
    return check_device_type("is_autocast_enabled", device_type) == "cpu" and state.enabled


def set_autocast_enabled(device_type: Any, enabled: bool | None = None) -> None:
    """Turn autocast on ``device_type`` on or off for this thread; on others than "cpu" nothing happens.

    Args:
        device_type: "cpu", or another that PyTorch knows.
        enabled: on or off; left out, as PyTorch's older form allows, nothing happens.

    Raises:
        RuntimeError: ``device_type`` is unknown.
        ValueError: ``device_type`` is not a string.

    Example:
        >>> import lucid
        >>> lucid.set_autocast_enabled("cpu", True)
        >>> lucid.is_autocast_enabled("cpu")
        True
        >>> lucid.set_autocast_enabled("cpu", False)
    """
    if enabled is not None and check_device_type("set_autocast_enabled", device_type) == "cpu":
        state.set_enabled(bool(enabled))


def get_autocast_dtype(device_type: str) -> _dtype.dtype:
    """The dtype that `autocast` on ``device_type`` casts to unless told otherwise.

    Args:
        device_type: "cpu", or another that PyTorch knows.

    Raises:
        RuntimeError: ``device_type`` is unknown.
        ValueError: ``device_type`` is not a string.

    Example:
        >>> import lucid
        >>> lucid.get_autocast_dtype("cpu")
        lucid.bfloat16
    """
    own = check_device_type("get_autocast_dtype", device_type)
    return state.dtype if own == "cpu" else _other_dtypes.get(own, _dtype.bfloat16)


def set_autocast_dtype(device_type: str, dtype: Any) -> None:
    """Change what `get_autocast_dtype` returns; for "cpu" in this thread.

    Args:
        device_type: "cpu", or another that PyTorch knows.
        dtype: `lucid.bfloat16` or `lucid.float16`; `autocast` refuses others when it is entered.

    Raises:
        RuntimeError: ``device_type`` is unknown.
        ValueError: ``device_type`` is not a string.

    Example:
        >>> import lucid
        >>> lucid.set_autocast_dtype("cpu", lucid.float16)
        >>> lucid.get_autocast_dtype("cpu")
        lucid.float16
        >>> lucid.set_autocast_dtype("cpu", lucid.bfloat16)
    """
    own = check_device_type("set_autocast_dtype", device_type)
    if own == "cpu":
        state.dtype = _dtype.as_dtype(dtype)
    else:
        _other_dtypes[own] = _dtype.as_dtype(dtype)


def is_autocast_cpu_enabled() -> bool:
    """`is_autocast_enabled` of "cpu".

    Example:
        >>> import lucid
        >>> with lucid.autocast("cpu"):
        ...     print(lucid.is_autocast_cpu_enabled())
        ...
        True
    """
    return state.enabled


def set_autocast_cpu_enabled(enabled: bool) -> None:
    """`set_autocast_enabled` of "cpu".

    Args:
        enabled: on or off.

    Example:
        >>> import lucid
        >>> lucid.set_autocast_cpu_enabled(True)
        >>> lucid.is_autocast_cpu_enabled()
        True
        >>> lucid.set_autocast_cpu_enabled(False)
    """
    state.set_enabled(bool(enabled))


def get_autocast_cpu_dtype() -> _dtype.dtype:
    """`get_autocast_dtype` of "cpu".

    Example:
        >>> import lucid
        >>> lucid.get_autocast_cpu_dtype()
        lucid.bfloat16
    """
    return state.dtype


def set_autocast_cpu_dtype(dtype: Any) -> None:
    """`set_autocast_dtype` of "cpu".

    Args:
        dtype: `lucid.bfloat16` or `lucid.float16`.

    Example:
        >>> import lucid
        >>> lucid.set_autocast_cpu_dtype(lucid.float16)
        >>> lucid.get_autocast_cpu_dtype()
        lucid.float16
        >>> lucid.set_autocast_cpu_dtype(lucid.bfloat16)
    """
    state.dtype = _dtype.as_dtype(dtype)


def is_autocast_cache_enabled() -> bool:
    """Whether casts of parameters are kept until the outermost block ends.

    Example:
        >>> import lucid
        >>> lucid.is_autocast_cache_enabled()
        True
    """
    return state.cache_enabled


def set_autocast_cache_enabled(enabled: bool) -> None:
    """Keep casts of parameters, or do not, in this thread.

    Args:
        enabled: keep them or not.

    Example:
        >>> import lucid
        >>> lucid.set_autocast_cache_enabled(False)
        >>> lucid.is_autocast_cache_enabled()
        False
        >>> lucid.set_autocast_cache_enabled(True)
    """
    state.cache_enabled = bool(enabled)


def clear_autocast_cache() -> None:
    """Forget the casts of parameters.

    Example:
        >>> import lucid
        >>> lucid.clear_autocast_cache()
    """
    state.cache.clear()


def autocast_increment_nesting() -> int:
    """Enter a level without a ``with`` block; returns the number of levels.

    Example:
        >>> import lucid
        >>> lucid.autocast_increment_nesting()
        1
        >>> lucid.autocast_decrement_nesting()
        0
    """
    state.depth += 1
    return state.depth


def autocast_decrement_nesting() -> int:
    """Leave a level; returns the number that remain.

    Example:
        >>> import lucid
        >>> lucid.autocast_increment_nesting()
        1
        >>> lucid.autocast_decrement_nesting()
        0
    """
    state.depth -= 1
    return state.depth


def _to(value: Any, dtype: _dtype.dtype) -> Any:
    """``value`` with the floating-point tensors in it cast, float64 apart."""
    if isinstance(value, TensorBase):
        eligible = _dtype.is_floating(value._data.dtype) and value._data.dtype.itemsize < 8
        return cast(value, dtype) if eligible else value  # type: ignore[arg-type]
    if isinstance(value, dict):
        return {_to(k, dtype): _to(v, dtype) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        changed = [_to(v, dtype) for v in value]
        return type(value)(*changed) if hasattr(value, "_fields") else type(value)(changed)
    return value


def custom_fwd(fwd: Any = None, *, device_type: str, cast_inputs: Any = None) -> Any:
    """Decorator of the ``forward`` of a custom `autograd.Function` that is to behave under autocast.

    Args:
        fwd: the method.
        device_type: "cpu".
        cast_inputs: dtype for floating-point tensor arguments; ``forward`` then runs with autocast off.

    Raises:
        RuntimeError: ``device_type`` is unknown.
        ValueError: ``device_type`` is not a string.

    Example:
        >>> import lucid
        >>> class Root(lucid.autograd.Function):
        ...     @staticmethod
        ...     @lucid.amp.custom_fwd(device_type="cpu", cast_inputs=lucid.float32)
        ...     def forward(ctx, x):
        ...         return x.sqrt()
        ...
        >>> with lucid.autocast("cpu"):
        ...     print(Root.apply(lucid.tensor([4.0], dtype=lucid.bfloat16)).dtype)
        ...
        lucid.float32
    """
    own = check_device_type("custom_fwd", device_type)
    if fwd is None:
        return functools.partial(custom_fwd, device_type=device_type, cast_inputs=cast_inputs)

    @functools.wraps(fwd)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        enabled = is_autocast_enabled(own)
        args[0]._dtype, args[0]._fwd_used_autocast = get_autocast_dtype(own), enabled
        if cast_inputs is None or not enabled:
            return fwd(*args, **kwargs)
        args[0]._fwd_used_autocast = False
        with autocast(own, enabled=False):
            d = _dtype.as_dtype(cast_inputs)
            return fwd(*_to(args, d), **_to(kwargs, d))

    return wrapped


def custom_bwd(bwd: Any = None, *, device_type: str) -> Any:
    """Decorator of the ``backward`` that belongs to a `custom_fwd`: runs with the settings that ``forward`` had.

    Args:
        bwd: the method.
        device_type: "cpu".

    Raises:
        RuntimeError: ``device_type`` is unknown.
        ValueError: ``device_type`` is not a string.

    Example:
        >>> import lucid
        >>> class Scale(lucid.autograd.Function):
        ...     @staticmethod
        ...     @lucid.amp.custom_fwd(device_type="cpu")
        ...     def forward(ctx, x):
        ...         return 2 * x
        ...     @staticmethod
        ...     @lucid.amp.custom_bwd(device_type="cpu")
        ...     def backward(ctx, dy):
        ...         return 2 * dy
        ...
        >>> x = lucid.ones(2, requires_grad=True)
        >>> Scale.apply(x).sum().backward()
        >>> print(x.grad)
        [2.0, 2.0]
    """
    own = check_device_type("custom_bwd", device_type)
    if bwd is None:
        return functools.partial(custom_bwd, device_type=device_type)

    @functools.wraps(bwd)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        with autocast(own, enabled=args[0]._fwd_used_autocast, dtype=args[0]._dtype):
            return bwd(*args, **kwargs)

    return wrapped
