"""Collections read from small files of the right format: contents, transforms, damage, downloads."""

from __future__ import annotations

import gzip
import hashlib
import io
import struct
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lucid
from lucid import datasets, transforms
from lucid.utils.data import DataLoader

RNG = np.random.default_rng(0)
DIGITS, CLASSES = RNG.integers(0, 256, (7, 28, 28), np.uint8), RNG.integers(0, 10, 7).astype(np.uint8)
PHOTOS = RNG.integers(0, 256, (12, 3, 32, 32), np.uint8)


def idx(array: np.ndarray) -> bytes:
    return b"\0\0\x08" + bytes([array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def write_digits(folder: Path, packed: bool) -> dict[str, bytes]:
    folder.mkdir(parents=True, exist_ok=True)
    files = {}
    for part, count in (("train", 7), ("t10k", 3)):
        for kind, array in (("images-idx3", DIGITS[:count]), ("labels-idx1", CLASSES[:count])):
            content = gzip.compress(idx(array), mtime=0) if packed else idx(array)
            files[f"{part}-{kind}-ubyte" + (".gz" if packed else "")] = content
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return files


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("kind", ["MNIST", "FashionMNIST", "KMNIST"])
def test_digits(tmp_path: Path, kind: str, packed: bool) -> None:
    write_digits(tmp_path / kind / "raw", packed)
    train, test = (getattr(datasets, kind)(tmp_path, train=train) for train in (True, False))
    assert (len(train), len(test)) == (7, 3) and len(train.classes) == 10
    assert train.data.shape == (7, 1, 28, 28) and train.data.dtype == lucid.uint8
    pixels, target = train[4]
    np.testing.assert_array_equal(pixels.numpy()[0], DIGITS[4])
    assert target == CLASSES[4] and isinstance(target, int) and train.targets.dtype == lucid.int64
    assert train.class_to_idx[train.classes[3]] == 3
    assert repr(test) == f"{kind}(3 images, test, root={str(tmp_path)!r})"


def test_transforms_and_loaders(tmp_path: Path) -> None:
    write_digits(tmp_path / "MNIST" / "raw", True)
    prepare = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.5,), (0.5,))])
    digits = datasets.MNIST(tmp_path, transform=prepare, target_transform=lambda c: c + 100)
    x, y = next(iter(DataLoader(digits, batch_size=4)))
    np.testing.assert_allclose(x.numpy()[:, 0], (DIGITS[:4] / 255 - 0.5) / 0.5, rtol=1e-5, atol=1e-6)
    assert x.dtype == lucid.float32 and y.tolist() == (CLASSES[:4].astype(int) + 100).tolist()


def write_photos(folder: Path, kind: str) -> bytes:
    """The archive, as bytes; its twelve images count their classes down."""
    labels = 1 if kind == "CIFAR10" else 2
    cls = getattr(datasets, kind)
    names = [f"class{i}" for i in range(10 if labels == 1 else 100)]
    parts = np.array_split(np.arange(10), len(cls.train_files)) + [np.arange(10, 12)]
    files = {cls.names: "\n".join(names).encode() + b"\n"}
    for name, part in zip((*cls.train_files, *cls.test_files), parts):
        rows = [
            bytes([7] * (labels - 1) + [11 - i if labels == 2 else (11 - i) % 10]) + PHOTOS[i].tobytes() for i in part
        ]
        files[name] = b"".join(rows)
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(f"{cls.folder}/{name}")
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / cls.archive).write_bytes(buffer.getvalue())
    return buffer.getvalue()


@pytest.mark.parametrize("extracted", [False, True])
@pytest.mark.parametrize("kind", ["CIFAR10", "CIFAR100"])
def test_photos(tmp_path: Path, kind: str, extracted: bool) -> None:
    write_photos(tmp_path, kind)
    cls = getattr(datasets, kind)
    if extracted:
        with tarfile.open(tmp_path / cls.archive) as archive:
            archive.extractall(tmp_path, filter="data")
        (tmp_path / cls.archive).unlink()
    train, test = (cls(tmp_path, train=train) for train in (True, False))
    assert (len(train), len(test)) == (10, 2)
    np.testing.assert_array_equal(train.data.numpy(), PHOTOS[:10])
    np.testing.assert_array_equal(test[1][0].numpy(), PHOTOS[11])
    assert test.targets.tolist() == [1, 0] and train.classes[3] == "class3"


def test_missing_and_damaged_files(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"MNIST: .*train-images-idx3-ubyte.gz not found; use download=True"):
        datasets.MNIST(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"CIFAR10: .*cifar-10-binary.tar.gz not found"):
        datasets.CIFAR10(tmp_path)
    raw = tmp_path / "MNIST" / "raw"
    files = write_digits(raw, False)
    name = "train-images-idx3-ubyte"
    for content, message in (
        (files[name][:-1], "damaged: expected 5488 bytes of shape"),
        (b"PK" + files[name], "not an IDX file of bytes"),
        (b"", "not an IDX file of bytes"),
        (gzip.compress(files[name])[:-20], "damaged: "),
        (idx(DIGITS[:6]), "MNIST: 6 images, but 7 classes"),
        (idx(CLASSES), "MNIST: expected images and classes"),
    ):
        (raw / name).write_bytes(content)
        with pytest.raises(ValueError, match=message):
            datasets.MNIST(tmp_path)
    archive = write_photos(tmp_path, "CIFAR10")
    (tmp_path / datasets.CIFAR10.archive).write_bytes(archive[: len(archive) // 2])
    with pytest.raises(ValueError, match="damaged: "):
        datasets.CIFAR10(tmp_path)


def test_downloads_are_checked_and_leave_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source, target = tmp_path / "server", tmp_path / "data"
    files = write_digits(source, True)
    checksums = {name: hashlib.md5(content).hexdigest() for name, content in files.items()}
    monkeypatch.setattr(datasets.MNIST, "mirrors", ((tmp_path / "nowhere").as_uri() + "/", source.as_uri() + "/"))
    monkeypatch.setattr(datasets.MNIST, "checksums", checksums)
    assert len(datasets.MNIST(target, download=True)) == 7
    assert sorted(p.name for p in (target / "MNIST" / "raw").iterdir()) == sorted(files)
    (source / "train-images-idx3-ubyte.gz").unlink()  # what is there is not fetched again
    assert len(datasets.MNIST(target, download=True)) == 7
    other = tmp_path / "other"
    monkeypatch.setattr(datasets.MNIST, "checksums", dict.fromkeys(checksums, "0" * 32))
    with pytest.raises(OSError, match=r"MNIST: train-images-idx3-ubyte.gz could not be downloaded: .*"):
        datasets.MNIST(other, download=True)
    (source / "train-images-idx3-ubyte.gz").write_bytes(files["train-images-idx3-ubyte.gz"])
    with pytest.raises(OSError, match=r"is another file \(MD5 [0-9a-f]+, expected 0+\)"):
        datasets.MNIST(other, download=True)
    assert not list((other / "MNIST" / "raw").iterdir())


def test_photos_are_downloaded_in_one_archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content: Any = write_photos(tmp_path / "server", "CIFAR100")
    monkeypatch.setattr(datasets.CIFAR100, "url", (tmp_path / "server" / datasets.CIFAR100.archive).as_uri())
    monkeypatch.setattr(datasets.CIFAR100, "md5", hashlib.md5(content).hexdigest())
    assert len(datasets.CIFAR100(tmp_path / "data", download=True)) == 10
