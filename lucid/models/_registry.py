"""Models by name, and how images are prepared for each."""

from __future__ import annotations

import difflib
import fnmatch
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

from lucid.nn import Module

Builder = TypeVar("Builder", bound=Callable[..., Module])


class Preprocessing(NamedTuple):
    """How an image becomes the input that published weights were trained for.

    Attributes:
        resize: pixels of the image's shorter side after resizing.
        crop: pixels of each side of the central part that is kept.
        interpolation: "bilinear" or "bicubic", antialiased.
        mean, std: of each channel (red, green, blue), for values from 0 to 1.
    """

    resize: int
    crop: int
    interpolation: str = "bilinear"
    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)
    std: tuple[float, float, float] = (0.229, 0.224, 0.225)


class _Entry(NamedTuple):
    build: Callable[..., Module]
    preprocessing: Preprocessing


_MODELS: dict[str, _Entry] = {}


def register(resize: int, crop: int, interpolation: str = "bilinear", **rest: Any) -> Callable[[Builder], Builder]:
    """Enter the decorated function among the models, under its own name."""

    def enter(build: Builder) -> Builder:
        _MODELS[build.__name__] = _Entry(build, Preprocessing(resize, crop, interpolation, **rest))
        return build

    return enter


def _entry(function: str, name: str) -> _Entry:
    found = _MODELS.get(name) if isinstance(name, str) else None
    if found is None:
        near = difflib.get_close_matches(str(name), _MODELS, 3)
        hint = f"; did you mean {' or '.join(near)}?" if near else "; list_models() names them"
        raise ValueError(f"{function}: no model is called {name!r}{hint}")
    return found


def create_model(name: str, **options: Any) -> Module:
    """A new model with random weights.

    Args:
        name: one of `list_models`.
        options: arguments of the model's own function, such as ``num_classes``.

    Raises:
        ValueError: no model has this name.

    Example:
        >>> import lucid
        >>> model = lucid.models.create_model("mobilenet_v3_small", num_classes=10).eval()
        >>> model(lucid.zeros(1, 3, 64, 64)).shape
        lucid.Size([1, 10])
    """
    return _entry("create_model", name).build(**options)


def list_models(pattern: str = "*") -> list[str]:
    """The names that `create_model` knows, sorted; ``pattern`` may hold the wildcards ``*``, ``?`` and ``[...]``.

    Example:
        >>> import lucid
        >>> lucid.models.list_models("resnet1*")
        ['resnet101', 'resnet152', 'resnet18']
    """
    if not isinstance(pattern, str):
        raise TypeError(f"list_models: expected a pattern, got {type(pattern).__name__}")
    return sorted(fnmatch.filter(_MODELS, pattern))


def preprocessing(name: str) -> Preprocessing:
    """How images are prepared for the weights that torchvision publishes first for a model.

    Args:
        name: one of `list_models`.

    Raises:
        ValueError: no model has this name.

    Example:
        >>> import lucid
        >>> lucid.models.preprocessing("resnet50")[:3]
        (256, 224, 'bilinear')
    """
    return _entry("preprocessing", name).preprocessing
