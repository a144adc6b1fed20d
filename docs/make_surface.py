"""Makes docs/surface.md: which of the names in surface/names.txt the package has, and which of them are tested.

    python docs/make_surface.py            write it (make surface)
    python docs/make_surface.py --check    fail if it is stale (the tests do the same)

A name is present if it can be looked up in the package. It is tested if

- a record in tests/ops covers the same object: its values, gradients and dtypes are compared with a reference; or
- a file in tests/ refers to the same object: by an import, by an attribute of a package (``nn.Linear``), or by
  ``getattr(nn, name)`` together with the name as a string or an f-string; or
- it is a member of a class, and a file in tests/ uses an attribute of that name on something that is not a package.
"""

from __future__ import annotations

import ast
import importlib
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

DOCS = Path(__file__).resolve().parent
NAMES, TABLE, TESTS = DOCS / "surface" / "names.txt", DOCS / "surface.md", DOCS.parent / "tests"
MISSING = object()

# Special methods are used by what Python calls them for.
PROTOCOL = {
    "__array__": "asarray", "__deepcopy__": "deepcopy", "__format__": "format", "__hash__": "hash", "__iter__": "list",
    "__len__": "len", "__reduce_ex__": "dumps",
}  # fmt: skip


def look_up(path: str) -> Any:
    """The object that the dotted ``path`` names, or MISSING."""
    found: Any = importlib.import_module("lucid")
    parts = path.split(".")[1:]
    for k, name in enumerate(parts):
        try:
            found = getattr(found, name)
        except AttributeError:
            if not isinstance(found, ModuleType):
                return MISSING
            try:
                found = importlib.import_module(".".join(["lucid", *parts[: k + 1]]))
            except ImportError:
                return MISSING
    return found


def template(string: ast.JoinedStr) -> re.Pattern[str]:
    """What an f-string can be: ``f"MaxPool{n}d"`` matches MaxPool3d. Only those with four letters of their own."""
    fixed = [v.value if isinstance(v, ast.Constant) and isinstance(v.value, str) else None for v in string.values]
    enough = sum(len(part or "") for part in fixed) >= 4
    return re.compile("".join(r"\w+" if part is None else re.escape(part) for part in fixed) if enough else r"(?!)")


class Uses(ast.NodeVisitor):
    """What one file of tests refers to: paths in the package, and attributes of other things."""

    def __init__(self, tree: ast.Module) -> None:
        self.aliases: dict[str, str] = {}
        self.paths: set[str] = set()
        self.members: set[str] = set()
        self.owners: set[str] = set()
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                for a in node.names:
                    if a.name.split(".")[0] == "lucid":
                        self.aliases[a.asname or "lucid"] = a.name if a.asname else "lucid"
                        self.paths.add(a.name)
            elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "lucid":
                self.paths.add(str(node.module))
                for a in node.names:
                    self.aliases[a.asname or a.name] = f"{node.module}.{a.name}"
                    self.paths.add(f"{node.module}.{a.name}")
        self.visit(tree)
        strings = [n.value for n in ast.walk(tree) if isinstance(n, ast.Constant) and isinstance(n.value, str)]
        words = {word for text in strings for word in re.findall(r"\w+", text)}
        self.members |= words if "" in self.owners else set()
        self.paths |= {f"{owner}.{word}" for owner in self.owners if owner for word in words}
        shapes = [template(n) for n in ast.walk(tree) if isinstance(n, ast.JoinedStr)]
        for owner in filter(None, self.owners):
            self.paths |= {f"{owner}.{n}" for n in dir(look_up(owner)) for shape in shapes if shape.fullmatch(n)}

    def path_of(self, node: ast.AST) -> str | None:
        """The dotted path of an expression, when it starts at an imported name."""
        if isinstance(node, ast.Name):
            return self.aliases.get(node.id)
        if isinstance(node, ast.Attribute) and (start := self.path_of(node.value)) is not None:
            return f"{start}.{node.attr}"
        return None

    def visit_Attribute(self, node: ast.Attribute) -> None:
        path = self.path_of(node)
        if path is None:
            self.members.add(node.attr)
        else:
            self.paths.add(path)
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        if isinstance(node.func, ast.Name):
            self.members.add(node.func.id)
            if node.func.id == "getattr":
                self.owners.add(self.path_of(node.args[0]) or "")
        self.generic_visit(node)

    def visit_Subscript(self, node: ast.Subscript) -> None:
        self.members.add("__setitem__" if isinstance(node.ctx, ast.Store) else "__getitem__")
        self.generic_visit(node)

    def visit_In(self, node: ast.In) -> None:
        self.members.add("__contains__")


def wrapped(function: Any) -> Iterator[Any]:
    """A function, and those that it wraps."""
    while function is not None:
        yield function
        function = getattr(function, "__wrapped__", None)


def groups() -> Iterator[tuple[str, str, list[str]]]:
    """Owner, title and names of every group."""
    text = NAMES.read_text(encoding="utf-8")
    for owner, title, body in re.findall(r"^\[(.+?)\] ?(.*)\n((?:.+\n)+)", text, re.M):
        yield owner, title, body.split()


def table() -> str:
    """The text of docs/surface.md."""
    sys.path.insert(0, str(TESTS))
    from ops.record import families  # type: ignore[import-not-found]

    uses = [Uses(ast.parse(path.read_text(encoding="utf-8"))) for path in sorted(TESTS.rglob("*.py"))]
    recorded = {id(inner) for record in families() for function in record.covers for inner in wrapped(function)}
    members = set().union(*[u.members for u in uses])
    paths = set().union(*[u.paths for u in uses])
    referred = {id(o) for path in paths if (o := look_up(path)) is not MISSING and callable(o)}

    def tested(owner: str, name: str, value: Any) -> str:
        if any(id(inner) in recorded for inner in wrapped(value)):
            return "record"
        if id(value) in referred or f"{owner}.{name}" in paths:
            return "tests"
        return "tests" if owner_is_class and PROTOCOL.get(name, name) in members else "**no**"

    rows = []
    for owner, title, names in groups():
        rows += ["", f"## {owner}{': ' + title if title else ''}", "", "| name | present | tested |", "|---|---|---|"]
        owner_is_class = isinstance(look_up(owner), type)
        for name in names:
            value = look_up(f"{owner}.{name}")
            how = "**no**" if value is MISSING else tested(owner, name, value)
            rows.append(f"| `{name}` | {'**no**' if value is MISSING else 'yes'} | {how} |")
    head = [
        "# The public surface",
        "",
        "Made by `make surface` from the names in `docs/surface/names.txt`, the package and its tests; do not edit.",
        "`docs/make_surface.py` says what present and tested mean.",
    ]
    return "\n".join([*head, *rows]) + "\n"


if __name__ == "__main__":
    made = table()
    if "--check" not in sys.argv[1:]:
        TABLE.write_text(made, encoding="utf-8")
        rows = [line for line in made.splitlines() if line.startswith("| `")]
        absent, untested = (
            sum(row.endswith(f"| {end} |") for row in rows) for end in ("**no** | **no**", "yes | **no**")
        )
        print(f"{len(rows)} names: {absent} absent, {untested} present without a test")
    elif made != TABLE.read_text(encoding="utf-8"):
        raise SystemExit("docs/surface.md is stale: run 'make surface'")
