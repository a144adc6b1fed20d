"""What the collections share: images in memory, transforms, and downloads that are checked."""

from __future__ import annotations

import hashlib
import os
import tempfile
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import lucid
from lucid import Tensor
from lucid.utils.data import Dataset

Transform = Callable[[Any], Any]


class Images(Dataset[Any]):
    """Images and their classes.

    Attributes:
        data: all images, uint8 of shape (n, C, H, W).
        targets: their classes, int64 of shape (n,).
        classes: the names of the classes.
    """

    classes: Sequence[str] = ()

    def __init__(
        self,
        root: str | os.PathLike[str],
        train: bool = True,
        *,
        transform: Transform | None = None,
        target_transform: Transform | None = None,
        download: bool = False,
    ) -> None:
        self.root, self.train = Path(root), train
        self.transform, self.target_transform = transform, target_transform
        if download:
            self.download()
        images, targets = self._read()
        if len(images) != len(targets):
            raise ValueError(f"{type(self).__name__}: {len(images)} images, but {len(targets)} classes")
        self.data, self.targets = lucid.from_numpy(images), lucid.from_numpy(targets.astype(np.int64))

    def _read(self) -> tuple[np.ndarray, np.ndarray]:
        raise NotImplementedError

    def download(self) -> None:
        """Fetch the files that are missing.

        Raises:
            OSError: a file cannot be fetched, or is not the one that was published.
        """
        raise NotImplementedError

    @property
    def class_to_idx(self) -> dict[str, int]:
        """The number of every class."""
        return {name: i for i, name in enumerate(self.classes)}

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        image: Tensor = self.data[index]
        target: Any = int(self.targets[index])
        return (
            image if self.transform is None else self.transform(image),
            target if self.target_transform is None else self.target_transform(target),
        )

    def __len__(self) -> int:
        return len(self.data)

    def __repr__(self) -> str:
        part = "train" if self.train else "test"
        return f"{type(self).__name__}({len(self)} images, {part}, root={str(self.root)!r})"


def missing(name: str, path: Path) -> FileNotFoundError:
    return FileNotFoundError(f"{name}: {path} not found; use download=True, or put it there")


def fetch(name: str, urls: Sequence[str], path: Path, md5: str) -> None:
    """Download the first of ``urls`` that answers to ``path``, unless it is there.

    Until it is checked it has a temporary name.

    Raises:
        OSError: none answers, or the file is another.
    """
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    problems = []
    for url in urls:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name + ".")
        try:
            digest = hashlib.md5(usedforsecurity=False)
            with os.fdopen(handle, "wb") as out, urllib.request.urlopen(url, timeout=60) as source:
                while block := source.read(1 << 20):
                    digest.update(block)
                    out.write(block)
            if digest.hexdigest() == md5:
                os.replace(temporary, path)
                return
            problems.append(f"{url} is another file (MD5 {digest.hexdigest()}, expected {md5})")
        except OSError as error:
            problems.append(f"{url}: {error}")
        finally:
            if os.path.exists(temporary):
                os.unlink(temporary)
    raise OSError(f"{name}: {path.name} could not be downloaded: {'; '.join(problems)}")
