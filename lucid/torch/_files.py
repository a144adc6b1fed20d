"""``torch.save`` and ``torch.load``: lucid's own; whole objects, which these refuse, are written but never read.

Files in PyTorch's own layout may hold objects of classes that the program has named with
``torch.serialization.add_safe_globals``, as for PyTorch's ``weights_only=True``.
"""

from __future__ import annotations

import contextlib
import io
import os
import pickle
import zipfile
from collections.abc import Iterator
from typing import Any, BinaryIO

from lucid import _torch_reader, serialization
from lucid._convert import as_device

ENTRY = "lucid-objects/data.pkl"


def add_safe_globals(safe_globals: list[Any]) -> None:
    """Let `load` make objects of classes, and call functions, that files in PyTorch's layout name.

    Args:
        safe_globals: classes and functions, or pairs of one and the name that files have it by.

    Raises:
        TypeError: one of them is something else.
    """
    _torch_reader.ALLOWED.update(_named(safe_globals))


def clear_safe_globals() -> None:
    """Forget what `add_safe_globals` was given."""
    _torch_reader.ALLOWED.clear()


def get_safe_globals() -> list[Any]:
    """What `add_safe_globals` was given."""
    return list(_torch_reader.ALLOWED.values())


@contextlib.contextmanager
def safe_globals(safe_globals: list[Any]) -> Iterator[None]:
    """`add_safe_globals` within a context.

    Args:
        safe_globals: as there.
    """
    before = dict(_torch_reader.ALLOWED)
    add_safe_globals(safe_globals)
    try:
        yield
    finally:
        clear_safe_globals()
        _torch_reader.ALLOWED.update(before)


def _named(safe_globals: Any) -> dict[str, Any]:
    if not isinstance(safe_globals, (list, tuple, set)):
        raise TypeError(f"add_safe_globals: expected a list, got {type(safe_globals).__name__}")
    named = {}
    for item in safe_globals:
        value, name = item if isinstance(item, tuple) and len(item) == 2 else (item, None)
        if name is None and hasattr(value, "__qualname__"):
            name = f"{value.__module__}.{value.__qualname__}"
        if not callable(value) or not isinstance(name, str):
            raise TypeError(
                f"add_safe_globals: expected classes and functions, or pairs of one and its name, got {item!r}"
            )
        named[name] = value
    return named


def save(
    obj: Any, f: Any, pickle_module: Any = pickle, pickle_protocol: int = 2,
    _use_new_zipfile_serialization: bool = True, _disable_byteorder_record: bool = False,
) -> None:  # fmt: skip
    """Write ``obj``: tensors and containers of them so that PyTorch reads them, other objects as a pickle in a zip.

    Training libraries write their settings so, and read them never; `load` refuses the latter.

    Args:
        obj: what to save; objects are pickled, by the names of their classes.
        f: a path, or a binary file.
        pickle_module: accepted.
        pickle_protocol: accepted.

    Raises:
        pickle.PicklingError: an object cannot be pickled.
        OSError: the file cannot be written.
    """
    name = os.fsdecode(f) if isinstance(f, (str, bytes, os.PathLike)) else ""
    try:
        serialization.save(obj, f, format="safetensors" if name.endswith(".safetensors") else "pytorch")
        return
    except (TypeError, ValueError):  # raised before anything is written
        program = pickle.dumps(obj, protocol=5)

    def put(file: BinaryIO) -> None:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
            archive.writestr(zipfile.ZipInfo(ENTRY), program)

    serialization.write_to(f, put, "torch.save")


def load(
    f: Any, map_location: Any = None, pickle_module: Any = None, *, weights_only: bool | None = None,
    mmap: bool | None = None, **pickle_load_args: Any,
) -> Any:  # fmt: skip
    """Read tensors and containers of them that `save` or PyTorch's ``torch.save`` wrote. No code that a file names ever
    runs, except that of classes the program has named with `add_safe_globals`.

    Args:
        f: a path, or a binary file.
        map_location: where to put tensors: a device, a dict or a function of devices; there is one.
        pickle_module: accepted.
        weights_only: accepted; False loads no more.
        mmap: accepted; files are read whole.
        pickle_load_args: accepted.

    Raises:
        pickle.UnpicklingError: the file holds whole objects that `save` wrote.
        lucid.serialization.FileFormatError: it is damaged, or PyTorch wrote whole objects.
    """
    if map_location is not None and not callable(map_location) and not isinstance(map_location, dict):
        as_device(map_location)
    if isinstance(f, (str, bytes, os.PathLike)):
        with open(f, "rb") as file:
            return _load(file, os.fsdecode(f))
    return _load(f, str(getattr(f, "name", f"<{type(f).__name__}>")))


def _load(file: Any, name: str) -> Any:
    if _has_objects(file):
        raise pickle.UnpicklingError(
            f"torch.load: {name} holds whole objects, which come back only by running code that the file names; lucid "
            f"does not. If you trust the file, unpickle its entry {ENTRY!r}; to exchange models, save state dicts"
        )
    return serialization.load(file)


def _has_objects(file: Any) -> bool:
    """Whether `save` wrote whole objects to a file, which is left where it was."""
    if not hasattr(file, "seek") or isinstance(file, io.TextIOBase):
        return False
    start = file.tell()
    try:
        with zipfile.ZipFile(file) as archive:
            return ENTRY in archive.namelist()
    except zipfile.BadZipFile:
        return False
    finally:
        file.seek(start)
