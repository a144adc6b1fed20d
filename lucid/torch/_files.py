"""``torch.save`` and ``torch.load``: lucid's own and, for whole objects, which these refuse, Python's pickle."""

from __future__ import annotations

import io
import os
import pickle
import zipfile
from typing import Any, BinaryIO

from lucid import serialization
from lucid._convert import as_device

ENTRY = "lucid-objects/data.pkl"


def save(
    obj: Any, f: Any, pickle_module: Any = pickle, pickle_protocol: int = 2,
    _use_new_zipfile_serialization: bool = True, _disable_byteorder_record: bool = False,
) -> None:  # fmt: skip
    """Write ``obj``: tensors and containers of them so that PyTorch reads them, other objects so that this module does.

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
    """Read what `save` or PyTorch's ``torch.save`` wrote; whole objects only if ``weights_only=False`` asks for them.

    Args:
        f: a path, or a binary file.
        map_location: where to put tensors: a device, a dict or a function of devices; there is one.
        pickle_module: accepted.
        weights_only: False runs the pickle of a file with whole objects, which may do anything.
        mmap: accepted; files are read whole.
        pickle_load_args: accepted.

    Raises:
        pickle.UnpicklingError: the file holds whole objects and ``weights_only`` is not False.
        lucid.serialization.FileFormatError: it is damaged, or PyTorch wrote whole objects.
    """
    if map_location is not None and not callable(map_location) and not isinstance(map_location, dict):
        as_device(map_location)
    if isinstance(f, (str, bytes, os.PathLike)):
        with open(f, "rb") as file:
            return _load(file, os.fsdecode(f), weights_only)
    return _load(f, str(getattr(f, "name", f"<{type(f).__name__}>")), weights_only)


def _load(file: Any, name: str, weights_only: bool | None) -> Any:
    program = _program(file)
    if program is None:
        return serialization.load(file)
    if weights_only is not False:
        raise pickle.UnpicklingError(
            f"torch.load: {name} holds whole objects; if you trust whoever wrote it, pass weights_only=False"
        )
    return pickle.loads(program)


def _program(file: Any) -> bytes | None:
    """The pickle in a file that `save` wrote with whole objects; None for other files, which are left as they were."""
    if not hasattr(file, "seek") or isinstance(file, io.TextIOBase):
        return None
    start = file.tell()
    try:
        with zipfile.ZipFile(file) as archive:
            return archive.read(ENTRY) if ENTRY in archive.namelist() else None
    except zipfile.BadZipFile:
        return None
    finally:
        file.seek(start)
