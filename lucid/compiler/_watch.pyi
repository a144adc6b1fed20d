from collections.abc import Iterable
from typing import Any

from lucid.autograd._node import TensorBase

class Watch:
    def __init__(self, tensors: Iterable[TensorBase], entries: Iterable[tuple[dict[str, Any], str | None]]) -> None: ...
    def changed(self) -> bool: ...
