"""`lucid/_ops.pyi` declares what the compiled layer has: the same functions, methods, arguments and defaults."""

from __future__ import annotations

import ast
import inspect
from pathlib import Path
from typing import Any

import pytest

import lucid
from lucid import _ops

DECLARED = ast.parse(Path(lucid.__file__).with_name("_ops.pyi").read_text(encoding="utf-8")).body
FUNCTIONS = {node.name: node for node in DECLARED if isinstance(node, ast.FunctionDef)}
CLASSES = {node.name: node for node in DECLARED if isinstance(node, ast.ClassDef)}
CIMPORTED = {"perf_counter"}
"""Functions that kernels import; Cython shows them beside their own."""


def arguments_of(node: ast.FunctionDef) -> list[tuple[str, Any, bool]]:
    """(name, kind, whether it has a default) of each declared argument."""
    given = node.args
    plain = [*given.posonlyargs, *given.args]
    first = len(plain) - len(given.defaults)
    found = [(a.arg, inspect.Parameter.POSITIONAL_OR_KEYWORD, i >= first) for i, a in enumerate(plain)]
    if given.vararg is not None:
        found.append((given.vararg.arg, inspect.Parameter.VAR_POSITIONAL, False))
    kept = zip(given.kwonlyargs, given.kw_defaults)
    return found + [(a.arg, inspect.Parameter.KEYWORD_ONLY, default is not None) for a, default in kept]


def check(compiled: Any, node: ast.FunctionDef) -> None:
    parameters = inspect.signature(compiled).parameters.values()
    assert [(p.name, p.kind, p.default is not p.empty) for p in parameters] == arguments_of(node), node.name


def test_functions() -> None:
    compiled = {name for name in dir(_ops) if inspect.isroutine(getattr(_ops, name)) and not name.startswith("_")}
    assert compiled - CIMPORTED == set(FUNCTIONS)
    for name, node in FUNCTIONS.items():
        check(getattr(_ops, name), node)


@pytest.mark.parametrize("name", sorted(CLASSES))
def test_methods(name: str) -> None:
    own = vars(getattr(_ops, name))
    declared = {node.name: node for node in CLASSES[name].body if isinstance(node, ast.FunctionDef)}
    methods = {key for key, value in own.items() if inspect.isroutine(value) and not key.startswith("_")}
    assert methods <= set(declared)
    for method, node in declared.items():
        if method in methods:
            check(own[method], node)
        elif method != "__init__":  # a property; Cython tells nothing of what __cinit__ takes
            assert inspect.isgetsetdescriptor(own[method]), method
