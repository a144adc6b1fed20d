"""What the pages of modules say about gradients, read from the functions called and the operations recorded."""

from __future__ import annotations

import inspect
import re
import textwrap
import warnings
from collections.abc import Callable, Iterator
from types import CodeType
from typing import Any

import lucid
from lucid.autograd._node import Node

POINTS = (-3.0, -2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0, 3.0)

Lines = list[str]


def source_of(value: Any) -> str:
    try:
        return inspect.getsource(inspect.unwrap(value))
    except (OSError, TypeError):
        return ""


def names_in(code: CodeType) -> set[str]:
    """The global names and attributes that a function's code and the functions within it use."""
    inner = (names_in(c) for c in code.co_consts if isinstance(c, CodeType))
    return {*code.co_names}.union(*inner)


def called(function: Any, pattern: str) -> Iterator[Any]:
    """The objects that the code of ``function`` refers to by dotted names matching ``pattern``."""
    inner = inspect.unwrap(function)
    names = getattr(inner, "__globals__", {})
    used = names_in(inner.__code__) if hasattr(inner, "__code__") else None
    for dotted in dict.fromkeys(re.findall(pattern, source_of(inner))):
        first, *rest = dotted.split(".")
        if used is not None and first not in used:  # in a default argument or a text
            continue
        value = names.get(first)
        for name in rest:
            value = getattr(value, name, None)
        if value is not None:
            yield value


def functionals(cls: type) -> list[Any]:
    """The function of `nn.functional` that a module is named after, or else those that its code calls."""
    words = re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", cls.__name__).lower()
    for name in (cls.__name__.lower(), words, words.removesuffix("_loss"), words.replace("_", "")):
        if callable(found := getattr(lucid.nn.functional, name, None)):
            return [found]
    return [f for f in called_by(cls, r"\bF\.\w+") if callable(f) and not isinstance(f, type)]


def called_by(cls: type, pattern: str) -> list[Any]:
    """What the methods of a module refer to by names matching ``pattern``."""
    bases = cls.__mro__[: cls.__mro__.index(lucid.nn.Module)]
    members = [member for base in bases for member in vars(base).values() if inspect.isfunction(member)]
    return list(dict.fromkeys(value for member in members for value in called(member, pattern)))


def inner_functions(cls: type) -> list[Any]:
    """The functions without a public name that do a module's work: those of recurrent layers and attention."""
    return [f for f in called_by(cls, r"\brun_\w+") if inspect.isfunction(inspect.unwrap(f))]


def operations(function: Any, depth: int = 3) -> list[type]:
    """The recorded operations that ``function`` applies, or, if it applies none, those of the functions it calls."""
    here = list(called(function, r"\b((?:ops\.)?[A-Z]\w+)\b"))
    inner = []
    for value in called(function, r"\b(ops\.\w+|[a-z_]\w*(?=\())"):
        inside = (getattr(value, "__module__", "") or "").startswith(("lucid._functions", "lucid.nn.functional"))
        if inside and inspect.isfunction(inspect.unwrap(value)):
            here += [value.operation] if hasattr(value, "operation") else []
            inner.append(value)
    found = [v for v in here if isinstance(v, type) and issubclass(v, Node)]
    if not found and depth:
        found = [node for value in inner for node in operations(value, depth - 1)]
    return list(dict.fromkeys(found))


def derivatives(function: Any) -> Lines:
    """The formulas of gradients in a function's docstring."""
    doc = inspect.getdoc(function) or ""
    formulas = [line.strip() for line in doc.splitlines() if re.match(r"    \S", line)]
    parts = [part.strip() for line in formulas for part in re.split(r",\s{2,}", line)]
    return [part for part in parts if re.match(r"d\w*/d\w+|d[xywb] =|gradient", part)]


def backward_section(cls: type, prose: Callable[[str], str], literal: Callable[..., Lines]) -> Lines:
    """The section on the gradient: formulas, and the code of the operations that compute it."""
    functions, inner = functionals(cls), inner_functions(cls)
    if not functions and not inner:
        return []
    made: Lines = []
    for function in functions:
        formulas = derivatives(function)
        made += literal("\n".join(formulas)) if formulas else []
    names = ", ".join(
        [f":py:func:`lucid.nn.functional.{f.__name__}`" for f in functions]
        + [f"``{f.__name__}`` in ``{inspect.unwrap(f).__module__.replace('.', '/')}.py``" for f in inner]
    )
    nodes = list(dict.fromkeys(node for f in [*inner, *functions] for node in operations(f)))
    nodes = [node for node in nodes if node.__module__.rpartition(".")[2] not in ("_common", "shape")] or nodes
    made += [f"The module calls {names}{'. Recorded for autograd:' if nodes else '.'}", ""]
    for node in nodes[:6]:
        place = node.__module__.replace(".", "/") + ".py"
        says = " ".join((vars(node).get("__doc__") or "").split("\n\n")[0].split())
        made += [f"* ``{node.__name__}`` in ``{place}``" + (f": {prose(says)}" if says else ""), ""]
        kernel = getattr(node, "kernel_backward", None)
        own = vars(node).get("backward")
        code = textwrap.dedent(source_of(own)) if own is not None else ""
        if kernel is not None and hasattr(kernel, "__name__"):
            made += [f"  The gradient is the compiled kernel ``{kernel.__name__}``.", ""]
        elif code and len(code.splitlines()) <= 24:
            made += ["  " + line if line else "" for line in literal(code, "python")]
    title = "Backward Gradient Calculation"
    return [title, "-" * len(title), "", *made]


def elementwise(cls: type) -> Any:
    """The module without arguments if it maps each element of its input, None otherwise."""
    doc = inspect.getdoc(cls) or ""
    if "Shape: any, and the same" not in " ".join(doc.split()):
        return None
    try:
        module = cls().eval()
        x = lucid.tensor(POINTS, dtype=lucid.float64)
        with warnings.catch_warnings(action="ignore"):
            y, alone = module(x), module(x[:1])
    except (TypeError, ValueError, RuntimeError):
        return None
    return module if y.shape == x.shape and y[0].item() == alone.item() else None  # softmax reads the others


def derivative_table(cls: type) -> Lines:
    """Values and derivatives at a few points, computed while the page is made."""
    module = elementwise(cls)
    if module is None:
        return []
    x = lucid.tensor(POINTS, dtype=lucid.float64, requires_grad=True)
    y = module(x)
    if not y.requires_grad:
        return []
    y.backward(lucid.ones_like(y))
    assert x.grad is not None
    rows = [f"   {a:g}, {b:.8g}, {c:.8g}" for a, b, c in zip(POINTS, y.tolist(), x.grad.tolist())]
    return [".. csv-table:: Values and derivatives, in float64", "   :header: x, y, dy/dx", "", *rows, ""]


def example_section(path: str, cls: type, literal: Callable[..., Lines]) -> Lines:
    """The module on its own with backward, and in a network; the printed numbers are what this build gives."""
    if elementwise(cls) is None:
        return []
    name = path.removeprefix("lucid.")
    lines = [
        "import lucid",
        "from lucid import Tensor, nn",
        "x = Tensor([[-1.0, 2.0, -0.5, 3.0]], requires_grad=True)  # shape (1, 4)",
        f"y = {name}()(x)",
        "print(y)",
        "y.sum().backward()",
        "print(x.grad)",
        "lucid.manual_seed(0)",
        f"model = nn.Sequential(nn.Linear(3, 5), {name}(), nn.Linear(5, 2))",
        "print(model(Tensor([[0.5, -1.2, 3.3]])).shape)",
    ]
    names: dict[str, Any] = {}
    made = []
    for line in lines:
        made.append(f">>> {line}")
        printed = re.fullmatch(r"print\((.*)\)", line)
        try:
            if printed:
                made.append(str(eval(printed[1], names)))
            else:
                exec(line, names)
        except (RuntimeError, NotImplementedError):
            return []
    return ["With gradients, and in a network:", "", *literal("\n".join(made), "pycon")]
