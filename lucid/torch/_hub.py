"""``torch.hub``: where weights are kept. lucid loads them from there and downloads nothing."""

from __future__ import annotations

import os
import re
from typing import Any, NoReturn
from urllib.parse import urlparse as urlparse

HASH_REGEX = re.compile(r"-([a-f0-9]*)\.")
_directory: str | None = None


def _get_torch_home() -> str:
    """Where PyTorch keeps downloads: ``$TORCH_HOME``, ``$XDG_CACHE_HOME/torch`` or ``~/.cache/torch``."""
    cache = os.path.join(os.getenv("XDG_CACHE_HOME", os.path.join("~", ".cache")), "torch")
    return os.path.expanduser(os.getenv("TORCH_HOME", cache))


def get_dir() -> str:
    """The directory of hub downloads."""
    return _directory or os.path.join(_get_torch_home(), "hub")


def set_dir(d: str | os.PathLike[str]) -> None:
    """Use another directory than the one `get_dir` gives by default."""
    global _directory
    _directory = os.path.expanduser(os.fspath(d))


def load_state_dict_from_url(
    url: str,
    model_dir: str | None = None,
    map_location: Any = None,
    progress: bool = True,
    check_hash: bool = False,
    file_name: str | None = None,
    weights_only: bool = True,
) -> Any:
    """The state dict in the file that PyTorch would keep for ``url``.

    Raises:
        FileNotFoundError: it is not there; the message says where to put it.
    """
    from lucid.serialization import load

    directory = model_dir or os.path.join(get_dir(), "checkpoints")
    path = os.path.join(directory, file_name or os.path.basename(urlparse(url).path))
    if not os.path.exists(path):
        raise FileNotFoundError(f"torch.hub: lucid downloads nothing; save {url} as {path}")
    return load(path)


load_url = load_state_dict_from_url


def download_url_to_file(url: str, dst: str, *args: Any, **kwargs: Any) -> NoReturn:
    """Refused.

    Raises:
        NotImplementedError: always.
    """
    raise NotImplementedError(f"torch.hub.download_url_to_file: lucid downloads nothing; save {url} as {dst}")


def load(repo_or_dir: str, model: str, *args: Any, **kwargs: Any) -> NoReturn:
    """Refused: it would run code from the network.

    Raises:
        NotImplementedError: always.
    """
    raise NotImplementedError(f"torch.hub.load: lucid downloads nothing; install {repo_or_dir!r} and import it")
