"""What the text of a refusal must not be, and arguments that are likely to be refused."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

KINDS = (TypeError, ValueError, RuntimeError, IndexError, NotImplementedError)

INSIDES = re.compile(
    r"operands could not|list index|out of bounds for axis|unpack|positional|object has no attribute|memoryview|\baxis\b|"
    r"np\.|cannot reshape array|[Bb]uffer|not subscriptable|iterable|object of type|not supported between|zip\(|"
    r"math domain|einstein|shape mismatch|objects cannot be|tuple index|Traceback|assert|__|broadcast together|numpy|"
    r"NumPy|not callable|[Uu]func|dtype\('|<class|<lambda>|arg is an empty|array is \d|indexed array|array of|is ambiguous|"
    r"unhashable|unsupported operand|keyword|codec"
)
"""What NumPy, Python and the compiled kernels say when they fail; in a message it means that nobody looked before."""


def check(error: BaseException, prefix: str, where: str) -> None:
    """The error is one line that begins with ``prefix`` (a pattern), and says nothing of what it found inside."""
    text = str(error)
    assert isinstance(error, KINDS), f"{where}: {error!r}"
    assert "\n" not in text and re.match(prefix, text) and not INSIDES.search(text), f"{where}: {text}"


def shapes(ndim: int) -> Iterator[tuple[str, Callable[[Any, Any], Any]]]:
    """Names of changes of a tensor's shape, and the changes, as functions of the library and the tensor."""
    if ndim:
        yield "one more in the last dimension", lambda library, t: library.cat([t, t[..., :1]], -1)
        yield "one less in the last dimension", lambda library, t: t[..., :-1]
        yield "one in the last dimension", lambda library, t: t[..., :1]
        yield "none in the last dimension", lambda library, t: t[..., :0]
        yield "none in the first dimension", lambda library, t: t[:0]
        yield "one more in the first dimension", lambda library, t: library.cat([t, t[:1]], 0)
        yield "one dimension less", lambda library, t: t[0]
        yield "no dimension", lambda library, t: t.reshape(-1)[0]
        yield "one dimension", lambda library, t: t.reshape(-1)
    if ndim > 1:
        yield "one more in the second dimension", lambda library, t: library.cat([t, t[:, :1]], 1)
        yield "none in the second dimension", lambda library, t: t[:, :0]
    yield "one dimension more", lambda library, t: t[None]
    yield "two dimensions more", lambda library, t: t[None, None]


DTYPES = ("float32", "float64", "float16", "bfloat16", "int64", "uint8", "bool", "complex64")


def dtypes() -> Iterator[tuple[str, Callable[[Any, Any], Any]]]:
    """The same for dtypes."""
    for name in DTYPES:
        yield name, lambda library, t, name=name: t.to(getattr(library, name))


def others() -> Iterator[tuple[str, Callable[[Any, Any], Any]]]:
    """What is no tensor at all."""
    yield "a list", lambda library, t: t.tolist()
    yield "None", lambda library, t: None
    yield "an array", lambda library, t: t.numpy()
    yield "a string", lambda library, t: "x"
    yield "a number", lambda library, t: 2.5


def changes(ndim: int) -> Iterator[tuple[str, Callable[[Any, Any], Any]]]:
    """All of them."""
    yield from shapes(ndim)
    yield from dtypes()
    yield from others()
