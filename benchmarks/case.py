"""What a cell of the table is, and what the files of cases share."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

Step = Callable[[], Any]


@dataclass(frozen=True)
class Case:
    """One cell of the table.

    Attributes:
        group: cases that share a geometric mean.
        name: unique within the run.
        build: ``build(t, *args)`` makes the timed function; ``t`` is the module ``lucid`` or ``torch``. What it returns
            (a tensor or a tuple of tensors) must agree between the libraries.
        args: parameters of ``build``.
        peers: the libraries it is compared with; the ratio is that of the fastest. None of them: see ``threads``.
        against: lucid's own other way; ``build`` then gives, of lucid, the functions {"lucid": ..., against: ...}, and
            the ratio is the time of the second / that of the first. Peers are timed beside them.
        numpy: the same for NumPy, ``numpy(*args)``, where NumPy is a peer.
        onnx: ``onnx(*args)``: a graph and its inputs (see graphs.py), where ONNX Runtime is a peer.
        needs: names looked up in ``t`` that a library may lack; the case is then left out and says so.
        dtype: "bfloat16" or "int8" if lucid multiplies in it, by instructions that the CPU may lack; as ``needs``.
        flops: floating-point operations per call, 0 where meaningless.
        bytes: memory that must be read and written per call, 0 where meaningless.
        tolerance: largest difference between libraries, relative to the largest magnitude.
        threads: measures lucid alone, with one thread and with all; the ratio is how much faster all are.
        once: "seconds" to the first result or bytes of "memory", each library in processes of its own (see once.py);
            ``build`` gives a model and its input.
        most: the largest figure of lucid that a cell with ``once`` may have, 0 for any.
        required: the smallest ratio this cell must reach, where it is not that of its group.
    """

    group: str
    name: str
    build: Callable[..., Step]
    args: tuple[Any, ...] = ()
    peers: tuple[str, ...] = ("torch",)
    against: str = ""
    numpy: Callable[..., Step] | None = None
    onnx: Callable[..., Any] | None = None
    needs: tuple[str, ...] = ()
    dtype: str = ""
    flops: float = 0.0
    bytes: float = 0.0
    tolerance: float = 1e-4
    threads: bool = False
    once: str = ""
    most: float = 0.0
    required: float = 0.0


def missing(t: Any, names: tuple[str, ...]) -> str:
    """The first of the dotted ``names`` that ``t`` lacks, or an empty string."""
    for name in names:
        found = t
        for part in name.split("."):
            found = getattr(found, part, None)
        if found is None:
            return name
    return ""


def data(*shape: int, seed: int = 0) -> np.ndarray:
    """Reproducible standard normal float32 numbers."""
    return np.random.Generator(np.random.PCG64(seed)).standard_normal(shape, dtype=np.float32)


def tensor(t: Any, *shape: int, seed: int = 0, grad: bool = False) -> Any:
    """The numbers of ``data`` as a tensor of the library ``t``."""
    return t.from_numpy(data(*shape, seed=seed)).requires_grad_(grad)


def set_parameters(t: Any, model: Any, seed: int = 0) -> Any:
    """The same weights in every library: scaled normal numbers for matrices; positive ones near 0.5 for vectors."""
    with t.no_grad():
        for i, p in enumerate(model.parameters()):
            if p.ndim > 1:
                fan = math.prod(p.shape[1:])
                p.copy_(t.from_numpy(data(*p.shape, seed=seed + i) / np.float32(math.sqrt(fan))))
            else:
                p.copy_(t.from_numpy(np.abs(data(*p.shape, seed=seed + i)) * np.float32(0.1) + np.float32(0.5)))
    return model


def gradients(t: Any, function: Callable[..., Any], *inputs: Any) -> Step:
    """Forward, and backward from fixed numbers; the result is the output and every gradient.

    Not from ones: some gradients, softmax's for one, would be nothing but rounding.
    """
    seed = None

    def step() -> Any:
        nonlocal seed
        for x in inputs:
            x.grad = None
        y = function(*inputs)
        if seed is None:
            seed = tensor(t, *y.shape, seed=9)
        y.backward(seed)
        return (y, *[x.grad for x in inputs if x.grad is not None])

    return step
