"""Every public class and function has a docstring with an example, and the examples run."""

from __future__ import annotations

import doctest
import enum
import importlib
import inspect
import re
import subprocess
import sys
import warnings
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import lucid

NAMESPACES = [
    "lucid", "lucid.nn", "lucid.nn.functional", "lucid.nn.init", "lucid.nn.utils", "lucid.nn.utils.parametrize",
    "lucid.nn.utils.rnn", "lucid.nn.utils.prune", "lucid.nn.attention", "lucid.signal.windows", "lucid.testing",
    "lucid.nn.utils.parametrizations", "lucid.nn.utils.stateless",
    "lucid.optim", "lucid.optim.lr_scheduler", "lucid.optim.swa_utils", "lucid.autograd", "lucid.autograd.functional",
    "lucid.linalg", "lucid.special", "lucid.fft", "lucid.random", "lucid.distributions",
    "lucid.distributions.constraints", "lucid.data", "lucid.datasets",
    "lucid.transforms", "lucid.func", "lucid.fx", "lucid.amp", "lucid.compiler", "lucid.einops", "lucid.serialization", "lucid.torch",
    "lucid.models", "lucid.quantization", "lucid.backends", "lucid.onnx", "lucid.visual", "lucid.profiler", "lucid.serve",
    "lucid.sklearn", "lucid.utils.data", "lucid.utils.checkpoint", "lucid.utils.dlpack", "lucid.utils.flops",
    "lucid.utils.summary", "lucid.utils.tensorboard",
    "lucid.array_api", "lucid.array_api.linalg", "lucid.array_api.fft",
]  # fmt: skip


def public() -> dict[str, Any]:
    """Every public class and function, under the first name that gives it."""
    found: dict[int, tuple[str, Any]] = {}
    for namespace in NAMESPACES:
        module = importlib.import_module(namespace)
        for name in sorted(getattr(module, "__all__", None) or dir(module)):
            value = getattr(module, name)
            named = hasattr(value, "__name__")
            ours = named and (getattr(value, "__module__", None) or "").split(".")[0] == "lucid"
            if (
                not name.startswith("_")
                and ours
                and callable(value)
                and not isinstance(value, (ModuleType, lucid.dtype))
            ):
                found.setdefault(id(value), (f"{namespace}.{name}", value))
    return dict(found.values())


def docstring(value: Any) -> str:
    return (value.__dict__.get("__doc__") if isinstance(value, type) else inspect.getdoc(value)) or ""


def test_every_public_name_has_an_example() -> None:
    assert not {path for path, value in public().items() if ">>>" not in docstring(value)}


def test_formulas_are_plain_text() -> None:
    """Terminals show docstrings as they stand, and the site shows names in backquotes as code, markup or not."""
    assert not {path for path, value in public().items() if re.search(r":[a-z]+:`|^ *\.\. [a-z]+::", docstring(value), re.M)}  # fmt: skip


def described(doc: str) -> set[str]:
    """The names under the headings Args and Attributes."""
    found: set[str] = set()
    for section in re.findall(r"^(?:Args|Attributes):\n((?: .*\n|\n)+)", inspect.cleandoc(doc) + "\n", re.MULTILINE):
        for names in re.findall(r"^(\w[^:\n]*): ", inspect.cleandoc(section), re.MULTILINE):
            found |= set(names.split(", "))
    return found


def parameters(value: Any) -> list[str]:
    """What a function, or the constructor of a class of lucid's own, takes; what starts with "_" is not public."""
    if isinstance(value, type) and issubclass(value, enum.Enum):
        return []
    try:
        found = inspect.signature(value)
    except ValueError:  # exceptions, whose constructor is Python's
        return []
    return [name for name in found.parameters if not name.startswith("_") and name != "self"]


def undescribed(value: Any) -> list[str]:
    found = described(docstring(value))
    return [name for name in parameters(value) if name not in found]


def test_every_argument_is_described() -> None:
    missing = {path: undescribed(value) for path, value in public().items()}
    assert not {path: names for path, names in missing.items() if names}


def methods() -> dict[str, Any]:
    """The methods of Tensor that are not a public function as well."""
    functions = {docstring(value) for value in public().values()}
    found = {name: getattr(lucid.Tensor, name) for name in dir(lucid.Tensor) if not name.startswith("_")}
    return {name: f for name, f in found.items() if callable(f) and docstring(f) not in functions}


def test_every_argument_of_a_method_is_described_with_an_example() -> None:
    missing = {}
    for name, method in methods().items():
        doc, names = docstring(method), [p for p in list(inspect.signature(method).parameters)[1:] if p[0] != "_"]
        elsewhere = doc.startswith("In-place form of `lucid.")  # is the example
        if not described(doc).issuperset(names) or (names and not elsewhere and ">>>" not in doc):
            missing[name] = names
    assert not missing


def made_by_code() -> list[str]:
    """Names whose docstrings are not literals in the source, which pytest's search for doctests does not see."""
    return [
        path for path, value in public().items()
        if not isinstance(value, type) and ">>>" in docstring(value)
        and getattr(sys.modules.get(value.__module__), value.__name__, None) is not value
    ]  # fmt: skip


@pytest.mark.parametrize("path", made_by_code())
def test_examples_of_generated_docstrings_run(path: str) -> None:
    test = doctest.DocTestParser().get_doctest(docstring(public()[path]), {}, path, None, None)
    with warnings.catch_warnings(action="ignore"):
        failed, tried = doctest.DocTestRunner(verbose=False).run(test)
    assert tried and not failed


PAGES = sorted((Path(__file__).parents[1] / "docs" / "pages").glob("*.md"))


@pytest.mark.parametrize("page", [p for p in PAGES if ">>>" in p.read_text(encoding="utf-8")], ids=lambda p: p.stem)
def test_examples_of_pages_run(page: Path, tmp_path: Path) -> None:
    """In a process of its own: a page may install `lucid.torch`, which refuses where PyTorch is imported already."""
    copy = tmp_path / page.name
    copy.write_text(page.read_text(encoding="utf-8").replace("```\n", "\n"), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-P", "-m", "doctest", "-v", "-o", "ELLIPSIS", str(copy)],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^[1-9]\d* tests? in 1 item", done.stdout, re.MULTILINE), done.stdout
