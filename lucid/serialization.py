"""Saving and loading: ``save`` and ``load`` read and write files in the safetensors format, and PyTorch's.

A safetensors file is a length (8 bytes, little-endian), a JSON header of that length with the dtype, shape and place
of each tensor, and the tensors' bytes (https://github.com/huggingface/safetensors, "Format"). It holds no code, so
loading a file from a stranger runs nothing; there is no pickle here.

The format is read and written by this module and not by the ``safetensors`` package: with NumPy it takes few lines,
keeps NumPy the only dependency, fills the tensors' own memory straight from the file, and says in one sentence what
is wrong with a bad file. The tests read each side's files with the other.

A dict of names and tensors, such as a ``state_dict``, becomes a file that any safetensors reader opens. For anything
else `save` accepts (``{"model": ..., "optimizer": ..., "epoch": 3}``), the tensors are stored under their path
(``"model.fc.weight"``) and what surrounds them as JSON text in the header's ``__metadata__``, entry ``lucid``:

* None, True, False, numbers and strings are themselves, but ``{"float": "nan"}``, ``"inf"`` and ``"-inf"``;
* a list is a list, a tuple ``{"tuple": [...]}``;
* a dict is ``{"dict": [[key, value], ...]}``, so keys may be strings or integers and may contain anything;
* a tensor is ``{"tensor": "name of its entry"}``.

PyTorch's ``.pt`` files are another matter: see ``lucid._torch_reader``, which runs nothing in them.
"""

from __future__ import annotations

import contextlib
import errno
import io
import json
import math
import os
from collections.abc import Callable, Iterator, Mapping
from typing import Any, BinaryIO

import numpy as np

from lucid._convert import as_device
from lucid._functions.creation import from_numpy
from lucid._safetensors import METADATA, FileFormatError, Reader, brief, write
from lucid._tensor import Tensor

__all__ = ["FileFormatError", "load", "save"]

MAX_DEPTH = 100  # of nested containers
ZIP_MAGIC = b"PK\x03\x04"
_STRUCTURE = "lucid"  # the entry of __metadata__ with what surrounds the tensors

Path = str | bytes | os.PathLike[Any]


# Saving


PYTORCH_SUFFIXES = (".pt", ".pth", ".ckpt", ".bin", ".tar")


def save(obj: Any, f: Path | BinaryIO, *, format: str | None = None) -> None:
    """Save tensors, alone or inside dicts, lists and tuples together with numbers, strings, bools and None.

    Each tensor is stored in full, also when it is a view or shares memory with another; what it shares and whether it
    requires grad is not recorded. NumPy scalars are stored as Python numbers. PyTorch's format also takes sets, bytes,
    complex numbers, deques, paths, `argparse.Namespace` and NumPy's arrays of numbers.

    A file appears whole or not at all: it is written under a temporary name in the same directory, flushed to the
    disk and then renamed. If anything fails, the temporary file is removed and a file that was there is untouched.

    Args:
        obj: what to save.
        f: a path, or a binary file to write to from where it is.
        format: "safetensors" or "pytorch", whose files ``torch.load`` reads, also with ``weights_only=True``. By
            default "pytorch" for names that end in .pt, .pth, .ckpt, .bin or .tar, else "safetensors".

    Raises:
        TypeError: ``obj`` contains something else; the message says where.
        ValueError: a container contains itself or is nested more than 100 deep, a string is not valid Unicode, or
            there is no such format.
        OSError: the file cannot be written.

    Example:
        >>> import io, lucid
        >>> file = io.BytesIO()
        >>> lucid.save({"model": {"weight": lucid.zeros(2, 3)}, "epoch": 3}, file)
        >>> _ = file.seek(0)
        >>> lucid.load(file)["epoch"]
        3
    """
    if format is None:
        name = os.fsdecode(f).lower() if isinstance(f, (str, bytes, os.PathLike)) else ""
        format = "pytorch" if name.endswith(PYTORCH_SUFFIXES) else "safetensors"
    if format not in ("safetensors", "pytorch"):
        raise ValueError(f"save: format must be 'safetensors' or 'pytorch', got {format!r}")
    write_to(f, _pytorch_writer(obj) if format == "pytorch" else _safetensors_writer(obj))


def write_to(f: Path | BinaryIO, put: Callable[[Any], None], name: str = "save") -> None:
    """Let ``put`` write to the binary file ``f``, or to a new file that then takes the place of the path ``f``.

    ``name`` is the function that refusals name.
    """
    if not isinstance(f, (str, bytes, os.PathLike)):
        _check_binary(name, f, "write")
        put(f)
        return
    path = os.path.realpath(os.fsdecode(f))  # a symbolic link is written through, like with open()
    if os.path.isdir(path):
        raise IsADirectoryError(errno.EISDIR, f"{name}: is a directory", path)
    if os.path.exists(path) and not os.path.isfile(path):
        raise ValueError(f"{name}: {path} is neither a file nor a new name; pass an open binary file to write to it")
    if not os.path.isdir(os.path.dirname(path)):
        raise FileNotFoundError(errno.ENOENT, f"{name}: no such directory", os.path.dirname(path))
    with replacing(path) as file:
        put(file)


def _safetensors_writer(obj: Any) -> Callable[[Any], None]:
    tensors, structure = _flatten(obj)
    arrays = {name: tensor._data for name, tensor in tensors.items()}
    # "pt" says that names and layouts are PyTorch's; some readers insist on this entry.
    metadata = {"format": "pt"} if structure is None else {"format": "pt", _STRUCTURE: structure}
    return lambda file: write(file, arrays, metadata)


def unsaveable(obj: Any, place: str) -> TypeError:
    """What to raise for something that is no tensor, number, string or container of them."""
    if hasattr(obj, "state_dict"):
        return TypeError(f"save: cannot save a {type(obj).__name__} at {place}; save its state_dict()")
    return TypeError(
        f"save: cannot save a {type(obj).__name__} at {place}; expected tensors, None, bools, numbers, strings, "
        "or dicts, lists and tuples of them"
    )


def _pytorch_writer(obj: Any) -> Callable[[Any], None]:
    from lucid import _torch_writer  # when needed: it brings the zip archives' module

    pickler = _torch_writer.Pickler()
    program = pickler.dump(obj)
    return lambda file: _torch_writer.write(file, program, pickler.arrays)


@contextlib.contextmanager
def replacing(path: str) -> Iterator[BinaryIO]:
    """A new file that takes the place of ``path`` when the block succeeds, and disappears when it does not."""
    directory = os.path.dirname(path)
    temporary = os.path.join(directory, f".lucid-{os.urandom(8).hex()}.tmp")
    try:
        with open(temporary, "xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if os.path.exists(path) and os.stat(path).st_mode != os.stat(temporary).st_mode:
            os.chmod(temporary, os.stat(path).st_mode & 0o7777)
        os.replace(temporary, path)
    except BaseException as error:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        if isinstance(error, OSError) and error.filename == temporary:
            error.filename = path  # what the caller knows
            del error.filename2
        raise
    if os.name == "posix":
        # The rename itself should survive a power cut too; the file is in place, so where the file system cannot
        # promise that it is no failure.
        with contextlib.suppress(OSError):
            handle = os.open(directory, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)


def _flatten(obj: Any) -> tuple[dict[str, Tensor], str | None]:
    """The tensors by the name of their entry, and the JSON text around them (None for a plain dict of tensors)."""
    if (
        isinstance(obj, Mapping)
        and all(isinstance(k, str) and isinstance(v, Tensor) for k, v in obj.items())
        and METADATA not in obj
    ):
        for name in obj:
            _check_text(name, "a name")
        return dict(obj), None
    tensors: dict[str, Tensor] = {}
    return tensors, json.dumps(_encode(obj, (), tensors, []), ensure_ascii=False, allow_nan=False)


def _encode(obj: Any, path: tuple[Any, ...], tensors: dict[str, Tensor], outer: list[int]) -> Any:
    """``obj`` as JSON (see the top of this module); its tensors are added to ``tensors``."""
    if isinstance(obj, Tensor):
        name = base = ".".join(str(key) for key in path) or "tensor"
        count = 1
        while name in tensors or name == METADATA:
            count += 1
            name = f"{base}#{count}"  # {"a": {"b": x}, "a.b": y}
        tensors[name] = obj
        return {"tensor": name}
    if isinstance(obj, (np.bool_, np.integer, np.floating)) and obj.itemsize <= 8:
        obj = obj.item()
    if type(obj) is str:
        return _check_text(obj, f"the string at {_show(path)}")
    if type(obj) is float and not math.isfinite(obj):
        return {"float": repr(obj)}
    if obj is None or type(obj) in (bool, int, float):
        return obj
    is_tuple = isinstance(obj, tuple) and not hasattr(obj, "_fields")
    if not (isinstance(obj, (Mapping, list)) or is_tuple):
        raise unsaveable(obj, _show(path))
    if id(obj) in outer or len(outer) == MAX_DEPTH:
        problem = "contains itself" if id(obj) in outer else f"is nested more than {MAX_DEPTH} deep"
        raise ValueError(f"save: the {type(obj).__name__} at {_show(path)} {problem}")
    outer.append(id(obj))
    if isinstance(obj, Mapping):
        pairs = []
        for key, value in obj.items():
            if type(key) not in (str, int):
                raise TypeError(f"save: cannot save the key {key!r} of the dict at {_show(path)}; expected str or int")
            if type(key) is str:
                _check_text(key, f"a key of the dict at {_show(path)}")
            pairs.append([key, _encode(value, (*path, key), tensors, outer)])
        result: Any = {"dict": pairs}
    else:
        items = [_encode(value, (*path, i), tensors, outer) for i, value in enumerate(obj)]
        result = {"tuple": items} if is_tuple else items
    outer.pop()
    return result


def _show(path: tuple[Any, ...]) -> str:
    return "obj" + "".join(f"[{key!r}]" for key in path)


def _check_text(text: str, what: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError(f"save: {what} is not valid Unicode: {text!r}") from None
    return text


# Loading


def load(f: Path | BinaryIO, map_location: Any = None, *, weights_only: bool = True) -> Any:
    """Load what `save` or ``torch.save`` saved, or a dict of tensors from any other safetensors file.

    The tensors own ordinary, writable memory; the file may be changed or deleted afterwards. Nothing in the file is
    executed, and no memory beyond the size of the file is taken on its word.

    Args:
        f: a path, or a binary file to read from where it is.
        map_location: None or "cpu", the only device.
        weights_only: accepted for PyTorch's sake; there is nothing else to load.

    Returns:
        dict or whatever was saved, with dicts in the order of the file's header.

    Raises:
        FileNotFoundError: there is no such file.
        FileFormatError: the file is damaged, is in neither format, has a dtype lucid does not have, or is a PyTorch
            file that asks for more than tensors, what `save` writes beside them, and containers of them.

    Example:
        >>> import lucid
        >>> import os, tempfile
        >>> path = os.path.join(tempfile.mkdtemp(), "state.safetensors")
        >>> lucid.save({"w": lucid.ones(2)}, path)
        >>> print(lucid.load(path)["w"])
        [1.0, 1.0]
    """
    if map_location is not None:
        as_device(map_location)
    if isinstance(f, (str, bytes, os.PathLike)):
        with open(f, "rb", buffering=0) as file:
            return _load(file, os.fsdecode(f))
    _check_binary("load", f, "read")
    return _load(f, str(getattr(f, "name", f"<{type(f).__name__}>")))


def _load(file: Any, name: str) -> Any:
    if not file.seekable():
        raise ValueError(f"load: {name} cannot seek; read it into io.BytesIO first")
    start = file.tell()
    magic = file.read(len(ZIP_MAGIC))
    file.seek(start)
    if magic == ZIP_MAGIC:
        from lucid import _torch_reader

        return _torch_reader.read(file, name)
    reader = Reader(file, name)
    arrays, metadata = reader.load()
    tensors = {name: from_numpy(array) for name, array in arrays.items()}
    return _rebuild(reader, metadata[_STRUCTURE], tensors) if _STRUCTURE in metadata else tensors


def _check_binary(function: str, f: Any, method: str) -> None:
    if not hasattr(f, method):
        raise TypeError(f"{function}: expected a path or a binary file, got {type(f).__name__}")
    if isinstance(f, io.TextIOBase):
        raise TypeError(f"{function}: expected a file opened in binary mode, got one in text mode")


def _rebuild(reader: Reader, structure: str, tensors: dict[str, Tensor]) -> Any:
    """What was saved, from the JSON text that surrounded the tensors."""
    unused = dict(tensors)

    def tensor(name: Any) -> Tensor:
        if not isinstance(name, str) or name not in unused:
            raise reader.fail(f"the saved structure asks for tensor {brief(name)}, which is missing or already used")
        return unused.pop(name)

    result = _decode(reader, reader.parse_json("the saved structure", structure), tensor, 0)
    if unused:
        raise reader.fail(f"tensor {brief(next(iter(unused)))} is not part of the saved structure")
    return result


def _decode(reader: Reader, node: Any, tensor: Callable[[Any], Tensor], depth: int) -> Any:
    if depth > MAX_DEPTH:
        raise reader.fail(f"the saved structure is nested more than {MAX_DEPTH} deep")
    if isinstance(node, list):
        return [_decode(reader, item, tensor, depth + 1) for item in node]
    if not isinstance(node, dict):
        return node
    kind, value = next(iter(node.items())) if len(node) == 1 else ("", None)
    if kind == "tensor":
        return tensor(value)
    if kind == "float" and value in ("nan", "inf", "-inf"):
        return float(value)
    if kind == "tuple" and isinstance(value, list):
        return tuple(_decode(reader, value, tensor, depth))
    if kind == "dict" and isinstance(value, list) and all(_is_pair(pair) for pair in value):
        table = {key: _decode(reader, item, tensor, depth + 1) for key, item in value}
        if len(table) == len(value):
            return table
    raise reader.fail(f"the saved structure contains {brief(node)}, which means nothing")


def _is_pair(pair: Any) -> bool:
    return isinstance(pair, list) and len(pair) == 2 and type(pair[0]) in (str, int)
