"""Which function an error belongs to: the public one that was called, not one that it is made of.

The rule: an error that lucid's own code raised, or NumPy on its behalf, leaves a gate with the name of that gate in
front. The name of another function of lucid in that place gives way. Where Python or NumPy stumbled over an argument,
what they say of the insides becomes a note, and the message lists the arguments; so it does for constructors of the
classes of `Named`. Integers that no machine word holds are a ValueError. Messages stay on one line. Otherwise the type,
the traceback and errors raised by anyone else stay as they are.
"""

from __future__ import annotations

import functools
import re
import types
from collections.abc import Callable, Container
from typing import Any

import numpy as np

from lucid import _dtype
from lucid._later import announced
from lucid.autograd._node import TensorBase

NAMED = (
    "TypeError", "ValueError", "RuntimeError", "IndexError", "NotImplementedError", "LinAlgError", "ShapeError",
    "KindError", "OptionError", "PlaceError",
)  # fmt: skip
"""Types of errors that are given a name; other subclasses of them are left alone."""

STUMBLES = (OverflowError, ZeroDivisionError, UnicodeEncodeError, RecursionError, np.exceptions.AxisError)
"""What only Python and NumPy raise, over an argument that nobody looked at."""

_HELPERS = ("broadcast_all: ",)
"""Functions that constructors call first, and whose name in an error says nothing to their callers."""

LONGEST = 300
"""Characters of a message of several lines that are kept, on one."""

_NUMPYS = re.compile(r"ufunc '|gufunc signature|an ndarray")
_PREFIX = re.compile(r"([a-z_][a-z_0-9]*): ")
_FOREIGN = re.compile(
    r"object is not|object of type|has no len|objects cannot be|object cannot be|an integer is required|"
    r"must be an iterable|not supported between|unsupported operand|is ambiguous|could not be broadcast|shape mismatch|"
    r"cannot reshape array|list index|tuple index|index out of range|slice indices|unpack|argument after|Value after|"
    r"Cannot convert|too large to|\b_\w+\(\)|empty sequence|has incorrect type|must be real|math domain|mapped shapes|"
    r"Python int|buffer|zero-size array|bad operand|not all arguments converted|\(\) argument must be|unhashable|"
    r"truth value of|could not convert|cannot convert float|iteration over a 0-d|is out of bounds for axis|"
    r"invalid index to scalar|indices must be integers|only integers, slices|only integer scalar|only 0-dimensional|"
    r"invalid literal|not inexact|elements of broadcast shape|cannot broadcast|setting an array|can't multiply|"
    r"boolean index did not|can only concatenate|sequence item|must be str, not|expected str,|ufunc '|gufunc signature"
)


def _is_own(error: Exception) -> bool:
    """Whether the last frame that is not NumPy's is lucid's; so it is where a call fails before it begins."""
    trace, last = error.__traceback__, "lucid"
    while trace is not None:
        root = str(trace.tb_frame.f_globals.get("__name__")).partition(".")[0]
        last = last if root in ("numpy", "copy") else root
        trace = trace.tb_next
    return last == "lucid"


def _described(value: Any) -> str:
    if isinstance(value, TensorBase):
        return f"{_dtype.of_array(value._data).name} {value._data.shape}"
    if isinstance(value, int) and value.bit_length() > 64:
        return f"an integer of {value.bit_length()} bits"
    text = repr(value) if isinstance(value, (bool, int, float, str)) else ""
    return text if 0 < len(text) <= 20 else type(value).__name__


def _listed(function: Any, values: tuple[Any, ...], keywords: tuple[str, ...]) -> str:
    code = getattr(function, "__code__", None)
    own = code.co_varnames[: code.co_argcount] if code is not None else ()
    first = len(values) - len(keywords)
    names = [*own[:first], *[f"argument {k + 1}" for k in range(len(own), first)], *keywords]
    return described(dict(zip(names, values)))


def described(values: dict[str, Any]) -> str:
    """Names and values as messages list them."""
    return ", ".join(f"{name}: {_described(value)}" for name, value in values.items())


def _stumbled(error: Exception) -> bool:
    """Whether this is what Python or NumPy raise over an argument that nobody looked at."""
    kind = type(error)
    if kind is KeyError:  # a missing key, not a sentence about it
        return not (isinstance(error.args[0], str) and " " in error.args[0])
    return kind in STUMBLES or "UFunc" in kind.__name__ or (kind is AssertionError and not error.args)


def _replaced(error: Exception, name: str, arguments: str) -> Exception:
    """What to raise instead of an error whose text and type tell of the insides alone."""
    kind = TypeError if isinstance(error, (TypeError, AttributeError)) else ValueError
    made = kind(f"{name}: wrong argument among {arguments}")
    made.add_note(f"raised within {name}: {error!r}")
    return made.with_traceback(error.__traceback__)


def _on_one_line(message: str) -> str:
    if "\n" not in message:
        return message
    message = " ".join(message.split())
    return message if len(message) <= LONGEST else message[: LONGEST - 3] + "..."


def _of_argument(error: AttributeError, values: tuple[Any, ...]) -> bool:
    """Whether what lacks an attribute came from the caller: an argument, a tensor, or Python's or NumPy's."""
    found = error.obj
    if error.name is None:  # raised on purpose, with words of its own
        return False
    foreign = isinstance(found, TensorBase) or type(found).__module__.partition(".")[0] in ("builtins", "numpy")
    return foreign or any(found is v for v in values)


def named(
    error: Any, function: Any, values: tuple[Any, ...], keywords: tuple[str, ...], known: Container[Any]
) -> Exception:
    """``error`` with the name of the gate ``function`` in front, in place of one that is among the names ``known``.

    ``values`` are the arguments of the call, the last of them given by ``keywords``.
    """
    name = function.__name__
    if isinstance(error, AttributeError):  # of what should have been a tensor
        found = error.obj
        if not _of_argument(error, values) or not _is_own(error):
            return error
        if isinstance(found, TensorBase) or not any(found is v for v in values) or "generator" in keywords:
            return _replaced(error, name, _listed(function.__wrapped__, values, keywords))
        return TypeError(f"{name}: expected a Tensor, got {type(found).__name__}").with_traceback(error.__traceback__)
    if _stumbled(error):
        return _replaced(error, name, _listed(function.__wrapped__, values, keywords)) if _is_own(error) else error
    if type(error).__name__ not in NAMED or len(error.args) != 1 or not _is_own(error):
        return error
    message = error.args[0]
    if not isinstance(message, str):
        return error
    if message.startswith((f"{name}: ", f"{name}()")) and not _NUMPYS.search(message):
        error.args = (_on_one_line(message),)
        return error
    first = f"{function.__wrapped__.__name__}()"  # that of which the gate's is a second name
    if message.startswith(first):
        error.args = (f"{name}(){message[len(first) :]}",)
        return error
    found = _PREFIX.match(message)
    if found is not None and (found[1] in known or found[1] in announced):
        message = message[found.end() :]
    if _FOREIGN.search(message):
        error.add_note(f"raised within {name}: {message}")
        message = f"wrong argument among {_listed(function.__wrapped__, values, keywords)}"
    error.args = (f"{name}: {_on_one_line(message)}",)
    return error


class Named:
    """Base of classes whose constructors say of a wrong argument which class it was given to, and list the arguments.

    Only lucid's own classes are treated so; a class that someone derives from them calls its base's constructor.
    """

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if "__init__" in cls.__dict__ and cls.__module__.partition(".")[0] == "lucid":
            cls.__init__ = _constructor(cls.__dict__["__init__"])  # type: ignore[method-assign]


class NamedMethods(Named):
    """Base of classes whose public methods do the same, each under its own name: ``Normal.log_prob: ...``."""

    __slots__ = ()

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if cls.__module__.partition(".")[0] == "lucid":
            for name, value in list(cls.__dict__.items()):
                if isinstance(value, types.FunctionType) and (not name.startswith("_") or name in _SPECIAL):
                    setattr(cls, name, _method(value, name))


_SPECIAL = ("__call__", "__getitem__")
"""Methods that are called by other means than their name, and whose arguments are listed as well."""


def _method(function: Callable[..., Any], name: str) -> Callable[..., Any]:
    part = "" if name in _SPECIAL else f".{name}"

    @functools.wraps(function)
    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            return function(self, *args, **kwargs)
        except (TypeError, ValueError, RuntimeError, LookupError, AttributeError, ArithmeticError) as error:
            better = _of_class(error, f"{type(self).__name__}{part}", function, (self, *args, *kwargs.values()),
                               tuple(kwargs))  # fmt: skip
            if better is error:
                raise
            raise better from None

    return call


def listed(function: Callable[..., Any]) -> Callable[..., Any]:
    """A decorator: where Python or NumPy stumbles over an argument of ``function``, the error lists them."""
    name = function.__name__

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except (TypeError, ValueError, RuntimeError, LookupError, AttributeError, ArithmeticError) as error:
            values, keywords = (*args, *kwargs.values()), tuple(kwargs)
            better: Exception = error
            if not str(error).startswith(f"{name}()"):
                better = of_object(error, name, lambda: _listed(function, values, keywords), values)
            if better is error:
                raise
            raise better from None

    return call


def _constructor(init: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(init)
    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
        try:
            init(self, *args, **kwargs)
        except (TypeError, ValueError, RuntimeError, LookupError, AttributeError, ArithmeticError) as error:
            better = _of_class(error, type(self).__name__, init, (self, *args, *kwargs.values()), tuple(kwargs))
            if better is error:
                raise
            raise better from None

    return __init__


def _of_class(error: Any, name: str, init: Any, values: tuple[Any, ...], keywords: tuple[str, ...]) -> Exception:
    """`of_object` for the constructor ``init``, whose first argument is the object."""
    if f"{init.__name__}() " in str(error):
        return error
    return of_object(error, name, lambda: _listed(init, values, keywords).partition(", ")[2], values[1:])


def readable(message: str, function: Any, values: tuple[Any, ...], keywords: dict[str, Any]) -> str:
    """``message`` on one line, or the arguments of a call of a method if it tells of the insides alone."""
    if _FOREIGN.search(message) and "wrong argument among" not in message:
        listed = _listed(function, (*values, *keywords.values()), tuple(keywords))
        return f"wrong argument among {listed.partition(', ')[2]}"
    return _on_one_line(message)


def of_object(error: Any, name: str, listed: Callable[[], str], values: tuple[Any, ...] = ()) -> Exception:
    """``error``, unless Python or NumPy stumbled in lucid over one of the values that ``listed`` describes."""
    if not _is_own(error):
        return error
    if isinstance(error, AttributeError):
        return _replaced(error, name, listed()) if _of_argument(error, values) else error
    if _stumbled(error):
        return _replaced(error, name, listed())
    if type(error).__name__ not in NAMED or len(error.args) != 1 or not isinstance(error.args[0], str):
        return error
    message = error.args[0]
    if message.startswith(_HELPERS):
        message = message.partition(": ")[2]
        error.args = (f"{name}: {message}",)
    sizes = message.startswith("empty: size must be")  # of a parameter
    if sizes or (_FOREIGN.search(message) and "wrong argument among" not in message):
        return _replaced(error, name, listed())
    if "\n" in message:
        error.args = (_on_one_line(message),)
    return error
