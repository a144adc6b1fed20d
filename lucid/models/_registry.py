"""Models by name: how each is built, and how its inputs are prepared."""

from __future__ import annotations

import difflib
import fnmatch
import inspect
import os
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeVar

from lucid.models._preprocessing import Preprocessing
from lucid.models.boxes import Letterbox
from lucid.nn import Module
from lucid.nn.init._common import without_draws
from lucid.serialization import load

M = TypeVar("M", bound=Module)


class About(NamedTuple):
    """What the docstrings of a family's functions say: where it comes from, and an example with {name} in it."""

    source: str
    example: str = "lucid.models.{name}(num_classes=10).eval()(lucid.zeros(1, 3, 64, 64)).shape"
    result: str = "lucid.Size([1, 10])"


class _Entry(NamedTuple):
    build: Callable[..., Module]
    prepare: Preprocessing | Letterbox | None


_MODELS: dict[str, _Entry] = {}

_DOCSTRING = """{title}: {size} parameters.

Args:
    {options}: as of `{model}`.

Example:
    >>> import lucid
    >>> {example}
    {result}

Source: {source}
"""


def variant(
    name: str, title: str, size: str, prepare: Preprocessing | Letterbox | None, about: About,
    model: Callable[..., M], *fixed: Any, **defaults: Any,
) -> Callable[..., M]:  # fmt: skip
    """A function that builds one size of a model; it is entered under ``name`` among the models.

    Args:
        name: of the function.
        title, size, about: what its docstring says, such as "VGG with 11 layers" and "132.9 million".
        prepare: what makes the model's input of an image.
        model: the class, or a function that makes one.
        fixed: its first arguments; the others are those of the function.
        defaults: of these, where the class has others.
    """
    whole = inspect.signature(model)
    rest = list(whole.parameters.values())[len(fixed) :]
    signature = whole.replace(
        parameters=[p.replace(default=defaults.get(p.name, p.default)) for p in rest],
        return_annotation=model if isinstance(model, type) else whole.return_annotation,
    )

    def build(*args: Any, **options: Any) -> M:
        try:
            given = signature.bind(*args, **options)
        except TypeError as error:
            raise TypeError(f"{name}: {error}; the arguments are {', '.join(signature.parameters)}") from None
        given.apply_defaults()
        return model(*fixed, *given.args, **given.kwargs)

    build.__name__ = build.__qualname__ = name
    build.__module__ = __name__
    build.__signature__ = signature  # type: ignore[attr-defined]
    build.__doc__ = _DOCSTRING.format(
        title=title, size=size, options=", ".join(signature.parameters), model=model.__name__,
        example=about.example.format(name=name), result=about.result, source=about.source,
    )  # fmt: skip
    _MODELS[name] = _Entry(build, prepare)
    return build


def __getattr__(name: str) -> Any:
    """The functions are this module's, so that doctest does not look for them beside the classes and build each model;
    tests/models runs their examples. Pickle finds them here."""
    if name in _MODELS:
        return _MODELS[name].build
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def _entry(function: str, name: str) -> _Entry:
    found = _MODELS.get(name) if isinstance(name, str) else None
    if found is None:
        near = difflib.get_close_matches(str(name), _MODELS, 3)
        hint = f"; did you mean {' or '.join(near)}?" if near else "; list_models() names them"
        raise ValueError(f"{function}: no model is called {name!r}{hint}")
    return found


def build_with(function: str, build: Callable[[], M], weights: Any, strict: bool) -> M:
    """A model with the weights of a file or a dict, which may lie in another, as in {"state_dict": ..., "epoch": 3}.

    What ``weights`` has is not drawn first, which would take longer than to read it.
    """
    named = isinstance(weights, (str, bytes, os.PathLike))
    place, state = os.fsdecode(weights) if named else "weights", load(weights) if named else weights
    for key in ("state_dict", "model_state_dict", "model"):
        if isinstance(state, Mapping) and isinstance(state.get(key), Mapping):
            state = state[key]
            break
    if not isinstance(state, Mapping):
        raise TypeError(f"{function}: expected {place} to hold a dict of tensors, got {type(state).__name__}")
    if state and all(isinstance(key, str) and key.startswith("module.") for key in state):
        state = {key.removeprefix("module."): value for key, value in state.items()}  # of DataParallel
    with without_draws():
        model = build()
    try:
        if model.load_state_dict(state, strict=strict).missing_keys:
            model = build()  # what it lacks is random
            model.load_state_dict(state, strict=strict)
    except RuntimeError as error:
        raise RuntimeError(f"{function}: {place} does not fit: {error}") from None
    return model


def create_model(name: str, *, weights: Any = None, strict: bool = True, **options: Any) -> Module:
    """A new model, with random weights or those of a file.

    Args:
        name: one of `list_models`.
        weights: path of a file that `lucid.load` reads (.safetensors, .pt, .pth, .bin), or a dict of tensors; a dict
            under "state_dict", "model_state_dict" or "model" in it counts.
        strict: whether ``weights`` must have exactly the model's entries; otherwise what it lacks stays random, and
            what the model lacks is left aside.
        options: arguments of the model's own function, such as ``num_classes``.

    Raises:
        ValueError: no model has this name.
        TypeError: the model has no such option, or ``weights`` holds no dict.
        RuntimeError: the entries of ``weights`` are not those of the model.

    Example:
        >>> import lucid
        >>> model = lucid.models.create_model("mobilenet_v3_small", num_classes=10).eval()
        >>> model(lucid.zeros(1, 3, 64, 64)).shape
        lucid.Size([1, 10])
    """
    build = _entry("create_model", name).build
    known = inspect.signature(build).parameters
    for option in options:
        if option not in known:
            near = difflib.get_close_matches(option, known, 1)
            hint = f"did you mean {near[0]}?" if near else f"it has {', '.join(known)}"
            raise TypeError(f"create_model: {name} has no argument {option!r}; {hint}")
    if weights is None:
        return build(**options)
    return build_with("create_model", lambda: build(**options), weights, strict)


def list_models(pattern: str = "*") -> list[str]:
    """The names that `create_model` knows, sorted.

    Args:
        pattern: a name, or one with the wildcards ``*``, ``?`` and ``[...]``.

    Raises:
        TypeError: ``pattern`` is no string.

    Example:
        >>> import lucid
        >>> lucid.models.list_models("resnet1*")
        ['resnet101', 'resnet152', 'resnet18']
    """
    if not isinstance(pattern, str):
        raise TypeError(f"list_models: expected a pattern, got {type(pattern).__name__}")
    return sorted(fnmatch.filter(_MODELS, pattern))


def preprocessing(name: str) -> Any:
    """What makes a model's input of an image: a `Preprocessing`, or the `Letterbox` of a detector.

    For those that torchvision publishes weights for, it does what goes with the first of them.

    Args:
        name: one of `list_models`.

    Raises:
        ValueError: no model has this name, or it does not take images.

    Example:
        >>> import lucid
        >>> lucid.models.preprocessing("resnet50")[:3]
        (256, 224, 'bilinear')
        >>> lucid.models.preprocessing("resnet50")(lucid.zeros(3, 300, 400, dtype=lucid.uint8)).shape
        lucid.Size([3, 224, 224])
    """
    prepare = _entry("preprocessing", name).prepare
    if prepare is None:
        raise ValueError(f"preprocessing: {name} takes no images, but token ids; see lucid.models.Tokenizer")
    return prepare
