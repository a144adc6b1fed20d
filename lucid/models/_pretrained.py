"""Language models with the names of Hugging Face's: settings, and directories with settings and weights."""

from __future__ import annotations

import dataclasses
import inspect
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar, Self, TypeVar

from lucid.models._registry import build_with
from lucid.nn import Module

M = TypeVar("M", bound=Module)


@dataclasses.dataclass(frozen=True)
class Config:
    """Settings of a model under the names of Hugging Face's ``config.json``."""

    REFUSED: ClassVar[dict[str, Any]] = {}
    """Entries of ``config.json`` that change what the model computes: the one value that is implemented."""

    @classmethod
    def from_file(cls, path: str | os.PathLike[str], **changes: Any) -> Self:
        """The settings of a ``config.json``; entries that are none of the model's are left aside.

        Args:
            path: of the file.
            changes: settings that replace those of the file.

        Raises:
            ValueError: the file holds no settings, or asks for what is not implemented.
        """
        with open(path, encoding="utf-8") as file:
            entries = json.load(file)
        if not isinstance(entries, dict):
            raise ValueError(f"{cls.__name__}: expected {path} to hold a dict, got {type(entries).__name__}")
        for key, only in cls.REFUSED.items():
            if entries.get(key, only) != only:
                raise ValueError(f"{cls.__name__}: {path} has {key} {entries[key]!r}; only {only!r} is implemented")
        if "id2label" in entries:
            entries["num_labels"] = len(entries["id2label"])
        known = {f.name for f in dataclasses.fields(cls)}
        return cls(**{k: v for k, v in entries.items() if k in known} | changes)


def configured(model: Callable[..., M], config: Config) -> Callable[..., M]:
    """A function of the fields of ``config``, which are its defaults, and of the class's further arguments."""
    kind = inspect.Parameter.KEYWORD_ONLY
    fields = [
        inspect.Parameter(f.name, kind, default=getattr(config, f.name), annotation=f.type)
        for f in dataclasses.fields(config)
    ]
    further = [p.replace(kind=kind) for p in list(inspect.signature(model).parameters.values())[1:]]
    names = {f.name for f in fields}

    def make(**options: Any) -> M:
        changes = {k: v for k, v in options.items() if k in names}
        return model(dataclasses.replace(config, **changes), **{k: v for k, v in options.items() if k not in names})

    make.__name__, make.__module__ = model.__name__, model.__module__
    make.__signature__ = inspect.Signature([*fields, *further], return_annotation=model)  # type: ignore[attr-defined]
    return make


class Pretrained(Module):
    """What language models share: they are made from settings, and from a directory with settings and weights."""

    Config: ClassVar[type[Config]]

    def __init__(self, config: Any) -> None:
        super().__init__()
        self.config = config

    @classmethod
    def from_pretrained(cls, directory: str | os.PathLike[str], *, strict: bool = True, **changes: Any) -> Self:
        """The model of a directory with ``config.json`` and ``model.safetensors`` or ``pytorch_model.bin``.

        Args:
            directory: where the files are; nothing is downloaded.
            strict: whether the file must have all of the model's entries; otherwise the others stay random.
            changes: settings that replace those of ``config.json``.

        Raises:
            FileNotFoundError: there are no such files.
            RuntimeError: the entries of the file are not those of the model.
        """
        place = Path(directory)
        names = ("model.safetensors", "pytorch_model.bin")
        weights = next((place / name for name in names if (place / name).is_file()), None)
        if weights is None:
            raise FileNotFoundError(f"{cls.__name__}.from_pretrained: {place} holds neither {names[0]} nor {names[1]}")
        config = cls.Config.from_file(place / "config.json", **changes)
        return build_with(f"{cls.__name__}.from_pretrained", lambda: cls(config), weights, strict)


def rename(state: dict[str, Any], prefix: str, change: Callable[[str], str | None]) -> None:
    """Change the names of the entries below ``prefix``, in place; entries whose new name is None go."""
    for key in [key for key in state if key.startswith(prefix)]:
        new = change(key[len(prefix) :])
        if new is None:
            del state[key]
        elif prefix + new != key:
            state[prefix + new] = state.pop(key)
