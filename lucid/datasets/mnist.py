"""MNIST and the collections in its format."""

from __future__ import annotations

import gzip
import math
import struct
from pathlib import Path
from typing import ClassVar

import numpy as np

from lucid.datasets._images import Images, fetch, missing


def read_idx(path: Path) -> np.ndarray:
    """An array of bytes in the IDX format, compressed or not.

    Raises:
        ValueError: the file is damaged.
    """
    content = path.read_bytes()
    try:
        content = gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content
    except (OSError, EOFError) as error:
        raise ValueError(f"{path}: damaged: {error}") from None
    if len(content) < 4 or content[:3] != b"\0\0\x08" or len(content) < 4 + 4 * content[3]:
        raise ValueError(f"{path}: not an IDX file of bytes")
    shape = struct.unpack_from(f">{content[3]}I", content, 4)
    start = 4 + 4 * content[3]
    if len(content) - start != math.prod(shape):
        raise ValueError(
            f"{path}: damaged: expected {math.prod(shape)} bytes of shape {shape}, got {len(content) - start}"
        )
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape).copy()


class MNIST(Images):
    """70,000 handwritten digits of 28 x 28 pixels: 60,000 for training.

    Item i is (image, class): a uint8 tensor of shape (1, 28, 28) and an int, after the transforms.

    Args:
        root: directory; files lie in ``root/MNIST/raw``, compressed or not.
        train: the training part, or the test part.
        transform, target_transform: functions of the image and of the class.
        download: fetch what is missing.

    Raises:
        FileNotFoundError: a file is missing.
        ValueError: a file is damaged.

    Example:
        >>> from lucid import datasets, transforms
        >>> prepare = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.1307,), (0.3081,))])
        >>> digits = datasets.MNIST("data", transform=prepare, download=True)  # doctest: +SKIP

    Source: LeCun et al., Proceedings of the IEEE 86, 2278 (1998).
    """

    mirrors = ("https://ossci-datasets.s3.amazonaws.com/mnist/",)
    checksums: ClassVar[dict[str, str]] = {
        "train-images-idx3-ubyte.gz": "f68b3c2dcbeaaa9fbdd348bbdeb94873",
        "train-labels-idx1-ubyte.gz": "d53e105ee54ea40749a09fcbcd1e9432",
        "t10k-images-idx3-ubyte.gz": "9fb629c4189551a2d022fa330f9573f3",
        "t10k-labels-idx1-ubyte.gz": "ec29112dd5afa0611ce80d1b7f02629c",
    }
    classes = (
        "0 - zero", "1 - one", "2 - two", "3 - three", "4 - four", "5 - five", "6 - six", "7 - seven", "8 - eight",
        "9 - nine",
    )  # fmt: skip

    @property
    def raw_folder(self) -> Path:
        """Where the files lie."""
        return self.root / type(self).__name__ / "raw"

    def download(self) -> None:
        for name, md5 in self.checksums.items():
            if not (self.raw_folder / name).with_suffix("").exists():
                fetch(type(self).__name__, [m + name for m in self.mirrors], self.raw_folder / name, md5)

    def _file(self, kind: str) -> np.ndarray:
        plain = self.raw_folder / f"{'train' if self.train else 't10k'}-{kind}-ubyte"
        packed = plain.with_name(plain.name + ".gz")
        if not plain.exists() and not packed.exists():
            raise missing(type(self).__name__, packed)
        return read_idx(plain if plain.exists() else packed)

    def _read(self) -> tuple[np.ndarray, np.ndarray]:
        images, targets = self._file("images-idx3"), self._file("labels-idx1")
        if images.ndim != 3 or targets.ndim != 1:
            raise ValueError(f"{type(self).__name__}: expected images and classes, got {images.shape}, {targets.shape}")
        return images[:, None], targets


class FashionMNIST(MNIST):
    """70,000 pictures of clothes in the format of `MNIST`.

    Args:
        root, train, transform, target_transform, download: as in `MNIST`.

    Example:
        >>> import lucid
        >>> len(lucid.datasets.FashionMNIST("data", train=False))  # doctest: +SKIP
        10000

    Source: Xiao, Rasul and Vollgraf, arXiv:1708.07747.
    """

    mirrors = ("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",)
    checksums: ClassVar[dict[str, str]] = {
        "train-images-idx3-ubyte.gz": "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
        "train-labels-idx1-ubyte.gz": "25c81989df183df01b3e8a0aad5dffbe",
        "t10k-images-idx3-ubyte.gz": "bef4ecab320f06d8554ea6380940ec79",
        "t10k-labels-idx1-ubyte.gz": "bb300cfdad3c16e7a12a480ee83cd310",
    }
    classes = (
        "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
    )  # fmt: skip


class KMNIST(MNIST):
    """70,000 handwritten Japanese characters in the format of `MNIST`.

    Args:
        root, train, transform, target_transform, download: as in `MNIST`.

    Example:
        >>> import lucid
        >>> len(lucid.datasets.KMNIST("data", train=False))  # doctest: +SKIP
        10000

    Source: Clanuwat et al., arXiv:1812.01718.
    """

    mirrors = ("http://codh.rois.ac.jp/kmnist/dataset/kmnist/",)
    checksums: ClassVar[dict[str, str]] = {
        "train-images-idx3-ubyte.gz": "bdb82020997e1d708af4cf47b453dcf7",
        "train-labels-idx1-ubyte.gz": "e144d726b3acfaa3e44228e80efcd344",
        "t10k-images-idx3-ubyte.gz": "5c965bf0a639b31b8f53240b1b52f4d7",
        "t10k-labels-idx1-ubyte.gz": "7320c461ea6c1c855c0b718fb2a4b134",
    }
    classes = ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo")
