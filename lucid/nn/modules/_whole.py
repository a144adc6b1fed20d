"""Changing a module and everything below it at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Self

from lucid import _dtype
from lucid._convert import as_device
from lucid._device import device as device_type
from lucid._functions._common import check_options
from lucid._printing import shown
from lucid._tensor import Tensor
from lucid.autograd._mode import no_grad
from lucid.nn.modules._tree import Tree

if TYPE_CHECKING:
    from lucid.nn.modules.module import Module


class Whole(Tree):
    """The part of `Module` that switches, converts and visits all that it contains."""

    training: bool

    def apply(self, fn: Callable[[Module], Any]) -> Self:
        """Call ``fn`` on every child and then on this module.

        Args:
            fn: called with every module.

        Returns:
            The module itself.

        Raises:
            TypeError: ``fn`` is not a function.
        """
        if not callable(fn):
            raise TypeError(f"apply: expected a function, got {type(fn).__name__}")
        for child in self.children():
            child.apply(fn)
        fn(self)  # type: ignore[arg-type]  # only a Module is a Whole
        return self

    def train(self, mode: bool = True) -> Self:
        """Switch to training or evaluation behaviour, children included.

        Args:
            mode: training, or with False evaluation.

        Returns:
            The module itself.

        Raises:
            ValueError: ``mode`` is not a bool.
        """
        if not isinstance(mode, bool):
            raise ValueError(f"training mode is expected to be boolean, got {shown(mode)}")
        self.training = mode
        for child in self.children():
            child.train(mode)
        return self

    def eval(self) -> Self:
        """Switch to evaluation behaviour: dropout off, batch norm with running statistics."""
        return self.train(False)

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Set ``requires_grad`` of all parameters.

        Args:
            requires_grad: whether gradients are wanted.

        Returns:
            The module itself.
        """
        for p in self.parameters():
            p.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients of all parameters.

        Args:
            set_to_none: make them None; otherwise overwrite them with zeros.
        """
        for p in self.parameters():
            if set_to_none or p.grad is None:
                p.grad = None
            else:
                with no_grad():
                    p.grad = p.grad.detach().zero_()

    def _apply(self, fn: Callable[[Tensor], Tensor]) -> Self:
        """Replace the data of all parameters, gradients and buffers by ``fn`` of it; parameters keep their identity."""
        for module in self.modules():
            for p in module._parameters.values():
                if p is not None:
                    p.data = fn(p.data)
                    p.grad = None if p.grad is None else fn(p.grad.detach())
            for name, b in module._buffers.items():
                module._buffers[name] = None if b is None else fn(b)
        return self

    def to(self, *args: Any, dtype: Any = None, device: Any = None, non_blocking: bool = False, **_: Any) -> Self:
        """Convert floating-point parameters and buffers in place: ``to(dtype)``, ``to(device)`` or ``to(tensor)``.

        Args:
            args: a dtype, a device, both, or a tensor whose dtype to take.
            dtype: floating-point type.
            device: "cpu".
            non_blocking, memory_format: accepted.

        Returns:
            The module itself.

        Raises:
            RuntimeError: the device is not the CPU.
            TypeError: the dtype is not floating point, or a keyword is unknown.
        """
        check_options("to", _, "non_blocking")
        for a in args:
            if isinstance(a, Tensor):
                dtype = a.dtype
            elif isinstance(a, (str, device_type)):
                device = a
            elif a is not None and not isinstance(a, bool):
                dtype = a
        if device is not None:
            as_device(device)
        return self if dtype is None else self.type(dtype)

    def type(self, dst_type: Any) -> Self:
        """Convert floating-point parameters and buffers in place.

        Args:
            dst_type: floating-point type.

        Returns:
            The module itself.

        Raises:
            TypeError: the dtype is not floating point.
        """
        d = _dtype.as_dtype(dst_type)
        if not d.is_floating_point:
            raise TypeError(f"to: only floating-point dtypes are accepted, got {d}")
        return self._apply(lambda t: t.to(d) if t.is_floating_point() else t)

    def float(self) -> Self:
        """Convert to float32."""
        return self.type(_dtype.float32)

    def double(self) -> Self:
        """Convert to float64."""
        return self.type(_dtype.float64)

    def half(self) -> Self:
        """Convert floating-point parameters and buffers to float16, in place."""
        return self.type(_dtype.float16)

    def bfloat16(self) -> Self:
        """Convert floating-point parameters and buffers to bfloat16, in place."""
        return self.type(_dtype.bfloat16)

    def cpu(self) -> Self:
        """The module itself."""
        return self

    def cuda(self, device: Any = None) -> Self:
        """Refused: lucid runs on CPUs.

        Args:
            device: any.

        Raises:
            RuntimeError: always.
        """
        raise RuntimeError("cuda: lucid runs on CPUs only; remove the .cuda() call or use .to('cpu')")

    def share_memory(self) -> Self:
        """The module itself: forked processes already share it, copy on write."""
        return self
