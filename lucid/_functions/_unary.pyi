from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

if TYPE_CHECKING:  # mypy gives up on the import cycle otherwise
    from lucid._tensor import Tensor
from lucid.autograd._node import Node, View

class Unary(Node):
    kernel: ClassVar[Callable[..., np.ndarray]]
    saves: ClassVar[str]
    params: tuple[Any, ...]

class Activation(Unary):
    kernel_backward: ClassVar[Callable[..., np.ndarray]]
    second: ClassVar[Callable[..., Any]]

class ActivationGrad(Node): ...

class Reshape(View):
    shape: tuple[int, ...]

def run(name: str, operation: type[Activation], x: Tensor, inplace: bool, *params: float) -> Tensor: ...
def run_along(name: str, operation: type[Unary], x: Tensor, dim: int) -> Tensor: ...
def reshape(name: str, x: Tensor, shape: tuple[Any, ...], copies: bool) -> Tensor: ...
