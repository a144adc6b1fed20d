from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # mypy gives up on the import cycle otherwise
    from lucid._tensor import Tensor

def run(
    roots: Sequence[Tensor],
    grads: Sequence[Tensor],
    retain_graph: bool,
    create_graph: bool,
    deliver: Callable[[Tensor, Tensor], None] | None = None,
    targets: Sequence[Tensor] | None = None,
) -> None: ...
def leads_to(roots: Sequence[Tensor], targets: Sequence[Tensor]) -> set[Any]: ...
def set_observer(value: Callable[[Any, list[Any]], Any] | None) -> None: ...
def run_backward(node: Any, grads: list[Any]) -> Any: ...
