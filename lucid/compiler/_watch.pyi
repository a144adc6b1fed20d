from collections.abc import Iterable
from typing import Any

from lucid.autograd._node import TensorBase

class Watch:
    def __init__(
        self, tensors: Iterable[TensorBase], dicts: Iterable[dict[Any, Any]], attributes: Iterable[dict[Any, Any]]
    ) -> None: ...
    def changed(self) -> bool: ...
