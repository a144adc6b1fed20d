"""CIFAR-10 and CIFAR-100, from the binary version of their archives."""

from __future__ import annotations

import tarfile
from pathlib import Path

import numpy as np

from lucid.datasets._images import Images, fetch, missing

PIXELS = 3 * 32 * 32


class CIFAR10(Images):
    """60,000 photographs of 32 x 32 pixels in ten classes: 50,000 for training.

    Item i is (image, class): a uint8 tensor of shape (3, 32, 32) and an int, after the transforms.

    Args:
        root: directory with ``cifar-10-binary.tar.gz``, or with the directory in it.
        train: the training part, or the test part.
        transform, target_transform: functions of the image and of the class.
        download: fetch the archive where it is missing.

    Raises:
        FileNotFoundError: the archive is missing.
        ValueError: it is damaged.

    Example:
        >>> from lucid import datasets, transforms
        >>> photos = datasets.CIFAR10("data", transform=transforms.ToTensor(), download=True)  # doctest: +SKIP

    Source: Krizhevsky, Learning multiple layers of features from tiny images, 2009.
    """

    url = "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz"
    archive, md5, folder = "cifar-10-binary.tar.gz", "c32a1d4ab5d03f1284b67883e8d87530", "cifar-10-batches-bin"
    train_files: tuple[str, ...] = tuple(f"data_batch_{i}.bin" for i in range(1, 6))
    test_files: tuple[str, ...] = ("test_batch.bin",)
    labels = 1  # bytes before the pixels, of which the last is the class
    names = "batches.meta.txt"

    def download(self) -> None:
        if not (self.root / self.folder).is_dir():
            fetch(type(self).__name__, [self.url], self.root / self.archive, self.md5)

    def _contents(self, files: tuple[str, ...]) -> list[bytes]:
        """The contents of files, from the directory or from the archive."""
        folder, archive = self.root / self.folder, self.root / self.archive
        if folder.is_dir():
            for name in files:
                if not (folder / name).exists():
                    raise missing(type(self).__name__, folder / name)
            return [(folder / name).read_bytes() for name in files]
        if not archive.exists():
            raise missing(type(self).__name__, archive)
        return self._from_archive(archive, files)

    def _from_archive(self, path: Path, files: tuple[str, ...]) -> list[bytes]:
        found: dict[str, bytes] = {}
        try:
            with tarfile.open(path, "r:gz") as archive:
                for member in archive:
                    name = member.name.rpartition("/")[2]
                    if name in files and member.isfile():
                        found[name] = archive.extractfile(member).read()  # type: ignore[union-attr]
        except (tarfile.TarError, EOFError, OSError) as error:
            raise ValueError(f"{path}: damaged: {error}") from None
        absent = [name for name in files if name not in found]
        if absent:
            raise ValueError(f"{path}: {absent[0]} is not in it")
        return [found[name] for name in files]

    def _read(self) -> tuple[np.ndarray, np.ndarray]:
        files = self.train_files if self.train else self.test_files
        *parts, names = self._contents((*files, self.names))
        self.classes = tuple(names.decode().split())
        rows = []
        for name, part in zip(files, parts):
            if len(part) % (self.labels + PIXELS):
                raise ValueError(f"{name}: damaged: {len(part)} bytes are no multiple of {self.labels + PIXELS}")
            rows.append(np.frombuffer(part, np.uint8).reshape(-1, self.labels + PIXELS))
        table = np.concatenate(rows)
        return table[:, self.labels :].reshape(-1, 3, 32, 32).copy(), table[:, self.labels - 1]


class CIFAR100(CIFAR10):
    """60,000 photographs of 32 x 32 pixels in a hundred classes: 50,000 for training.

    Args:
        root: directory with ``cifar-100-binary.tar.gz``, or with the directory in it.
        train, transform, target_transform, download: as in `CIFAR10`.

    Example:
        >>> import lucid
        >>> len(lucid.datasets.CIFAR100("data"))  # doctest: +SKIP
        50000

    Source: Krizhevsky, Learning multiple layers of features from tiny images, 2009.
    """

    url = "https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz"
    archive, md5, folder = "cifar-100-binary.tar.gz", "03b5dce01913d631647c71ecec9e9cb8", "cifar-100-binary"
    train_files = ("train.bin",)
    test_files = ("test.bin",)
    labels = 2  # the superclass comes first
    names = "fine_label_names.txt"
