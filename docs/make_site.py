"""Makes the documentation site in docs/site: pages/*.md, the documents beside them, and a page per class and family.

    python docs/make_site.py            write it (make docs)

Everything below "api" is read from the package, so a new class or function has its page once it is public. Sphinx's
warnings are errors.
"""

from __future__ import annotations

import importlib
import inspect
import itertools
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

import plots
from gradients import backward_section, derivative_table, example_section

DOCS = Path(__file__).resolve().parent
ROOT = DOCS.parent
SITE, WORK = DOCS / "site", ROOT / "build" / "site"

NAMESPACES = [
    "lucid", "lucid.nn", "lucid.nn.functional", "lucid.nn.init", "lucid.nn.utils", "lucid.nn.utils.parametrize",
    "lucid.nn.utils.rnn",
    "lucid.nn.utils.prune", "lucid.nn.attention", "lucid.signal.windows", "lucid.testing",
    "lucid.optim", "lucid.optim.lr_scheduler", "lucid.autograd",
    "lucid.autograd.functional", "lucid.linalg", "lucid.special", "lucid.fft", "lucid.random", "lucid.distributions",
    "lucid.data", "lucid.datasets", "lucid.transforms", "lucid.func", "lucid.fx", "lucid.amp", "lucid.compiler",
    "lucid.einops", "lucid.serialization", "lucid.torch", "lucid.backends", "lucid.utils", "lucid.profiler",
    "lucid.visual", "lucid.onnx", "lucid.models", "lucid.serve", "lucid.quantization",
    "lucid.distributions.constraints", "lucid.utils.checkpoint", "lucid.utils.dlpack", "lucid.utils.flops",
    "lucid.utils.summary", "lucid.utils.tensorboard", "lucid.array_api", "lucid.array_api.linalg",
    "lucid.array_api.fft",
]  # fmt: skip
"""Where public names live, and where each is documented: in the first one that has it. Not all need exist."""

HEADINGS = ("Args", "Shape", "Returns", "Raises", "Attributes", "Example", "Examples", "Source", "Yields", "Note")


def heading(text: str, mark: str) -> list[str]:
    return [text, mark * len(text), ""]


def prose(text: str) -> str:
    """A docstring's text as reStructuredText: names in backquotes are code, everything else is as it stands."""
    parts = re.split(r"(``.+?``|`[^`]+`)", text, flags=re.S)
    made = []
    for k, part in enumerate(parts):
        if k % 2:
            code = part.strip("`")
            made.append(f"``{code}``" if code.strip() == code and code else re.sub(r"([\\*`|_])", r"\\\1", part))
            continue
        plain = re.sub(r"([\\*`|_])", r"\\\1", part)
        if k and plain and re.match(r"[\w(]", plain):  # a literal must not touch a word
            plain = "\\ " + plain
        if k < len(parts) - 1 and plain and re.search(r"[\w=^/+)-]$", plain):
            plain += "\\ "
        made.append(plain)
    return "".join(made)


def sections(doc: str) -> tuple[list[str], dict[str, str]]:
    """The paragraphs before the first heading of a docstring, and the text under each heading."""
    found: dict[str, str] = {}
    opening: list[str] = []
    current: str | None = None
    for line in doc.splitlines():
        match = re.match(r"(\w+):(?:\s+(.*))?$", line)
        if match and match[1] in HEADINGS:
            current = match[1]
            found[current] = (found[current] + "\n" if current in found else "") + (match[2] or "")
        elif current is None:
            opening.append(line)
        elif current in ("Shape", "Source") and not line.strip():
            current = None
            opening.append(line)
        else:
            found[current] += "\n" + line
    paragraphs = re.split(r"\n\s*\n", "\n".join(opening).strip())
    return [p for p in paragraphs if p.strip()], {k: inspect.cleandoc(v) for k, v in found.items()}


def literal(text: str, language: str = "text") -> list[str]:
    return [f".. code-block:: {language}", "", *["   " + line for line in text.splitlines()], ""]


def paragraphs(parts: list[str]) -> list[str]:
    """Paragraphs, and formulas where a paragraph is indented."""
    made: list[str] = []
    for part in parts:
        if part.startswith("    "):
            made += literal(inspect.cleandoc(part))
        elif re.match(r"\s*[-*] ", part):
            items = re.split(r"^\s*[-*] ", part, flags=re.M)
            made += [f"* {prose(' '.join(item.split()))}" for item in items if item.strip()] + [""]
        else:
            made += [prose(" ".join(part.split())), ""]
    return made


def entries(text: str) -> list[str]:
    """``name: what it is`` lines as a list."""
    made: list[str] = []
    for line in text.splitlines():
        match = re.match(r"([\w*][^:]*): (.*)$", line)
        if match:
            made.append(f"* ``{match[1]}``: {prose(match[2])}")
        elif line.strip() and made and line.startswith(" "):
            made[-1] += " " + prose(line.strip())
        elif line.strip():
            made.append(f"* {prose(line.strip())}")
    return [*made, ""]


def signature(value: Any, bound: bool = False) -> str:
    """The arguments, in what Sphinx can read as Python; without the first one if that is ``bound``."""
    try:
        found = inspect.signature(value)
    except (TypeError, ValueError):
        return "(...)"
    parts = []
    for p in list(found.parameters.values())[bound:]:
        changed = p.replace(annotation=p.empty)
        if p.default is not p.empty and not isinstance(p.default, (int, float, str, bool, tuple, type(None))):
            changed = p.replace(annotation=p.empty, default=Ellipsis)
        parts.append(changed)
    text = str(found.replace(parameters=parts, return_annotation=found.empty)).replace("=Ellipsis", "=...")
    return re.sub(r"=(inf|nan|-inf)\b", r"=float('\1')", text)


def first_line(value: Any) -> str:
    doc = inspect.getdoc(value) if not isinstance(value, type) else value.__dict__.get("__doc__")
    return " ".join(sections(doc)[0][0].split()) if doc and sections(doc)[0] else ""


def body(value: Any, doc: str) -> list[str]:
    """A function's docstring, as it goes below its signature."""
    opening, found = sections(doc)
    made = paragraphs(opening)
    for title in ("Args", "Shape", "Returns", "Yields", "Attributes", "Raises"):
        if title in found:
            made += [f"**{title}**", ""]
            made += entries(found[title]) if title in ("Args", "Attributes", "Raises") else paragraphs([found[title]])
    for title in ("Example", "Examples"):
        if title in found:
            made += literal(found[title], "pycon")
    if "Source" in found:
        made += [f"Source: {prose(' '.join(found['Source'].split()))}", ""]
    return made


def indented(lines: list[str]) -> list[str]:
    return ["   " + line if line else "" for line in lines]


def public_names(namespace: ModuleType) -> list[str]:
    names = getattr(namespace, "__all__", None) or dir(namespace)
    return sorted(n for n in names if not n.startswith("_"))


def documented(namespace: ModuleType) -> Iterator[tuple[str, Any]]:
    """Public classes and functions of the package in a namespace."""
    for name in public_names(namespace):
        value = getattr(namespace, name)
        if isinstance(value, ModuleType) or not callable(value) or not hasattr(value, "__name__"):
            continue
        if (getattr(value, "__module__", "") or "").split(".")[0] == "lucid":
            yield name, value


def methods(cls: type) -> list[str]:
    """The class's own public methods and properties that say what they do; those of its private parts are its own."""
    parts = itertools.takewhile(lambda c: c is cls or c.__module__.rpartition(".")[2].startswith("_"), cls.__mro__)
    own = {
        name: value
        for part in reversed(list(parts))
        for name, value in vars(part).items()
        if not name.startswith("_") and name not in ("forward", "extra_repr")
    }
    made: list[str] = []
    for name, value in sorted(own.items()):
        function = value.fget if isinstance(value, property) else getattr(value, "__func__", value)
        doc = inspect.getdoc(function) if callable(function) else None
        if not doc or isinstance(value, type):
            continue
        kind = "property" if isinstance(value, property) else "method"
        arguments = "" if kind == "property" else signature(function, bound=not isinstance(value, staticmethod))
        made += [f".. py:{kind}:: {name}{arguments}", "   :no-index:", "", *indented(body(value, doc))]
    return [*heading("Methods", "-"), *made] if made else []


def class_page(path: str, cls: type) -> list[str]:
    """Signature, forward, backward, examples: the page of one class."""
    doc = inspect.cleandoc(cls.__dict__.get("__doc__") or "")
    opening, found = sections(doc)
    short = path.removeprefix("lucid.")
    made = [*heading(short, "="), *paragraphs(opening[:1]), *heading("Class Signature", "-")]
    made += [f".. py:class:: {path}{signature(cls)}", ""]
    if "Args" in found:
        made += indented(entries(found["Args"]))
    is_module = hasattr(cls, "forward") and hasattr(cls, "register_buffer")
    if len(opening) > 1 or "Shape" in found or "Returns" in found:
        made += heading("Forward Calculation" if is_module else "Description", "-")
        made += paragraphs(opening[1:])
        for title in ("Shape", "Returns"):
            if title in found:
                made += [f"**{title}**: {prose(' '.join(found[title].split()))}", ""]
    plot = WORK / "plots" / f"{cls.__name__}.svg"
    if is_module and plot.exists():
        made += [f".. image:: /plots/{plot.name}", f"   :alt: {cls.__name__} and its derivative", ""]
    if is_module:
        made += derivative_table(cls) + backward_section(cls, prose, literal)
    if "Attributes" in found:
        made += [*heading("Attributes", "-"), *entries(found["Attributes"])]
    examples = [t for title in ("Example", "Examples") if title in found for t in literal(found[title], "pycon")]
    examples += example_section(path, cls, literal) if is_module else []
    made += [*heading("Examples", "-"), *examples] if examples else []
    if "Raises" in found:
        made += [*heading("Raises", "-"), *entries(found["Raises"])]
    made += methods(cls)
    if "Source" in found:
        made += [*heading("Source", "-"), prose(" ".join(found["Source"].split())), ""]
    return made


def alias_page(path: str, canonical: str) -> list[str]:
    short = path.removeprefix("lucid.")
    return [*heading(short, "="), f"The same class as :doc:`{canonical}`, under a second name.", ""]


def family_of(value: Any) -> str:
    module = getattr(inspect.unwrap(value), "__module__", None) or value.__module__
    return str(module)


def family_title(module: str) -> str:
    doc = inspect.getdoc(sys.modules[module]) if module in sys.modules else None
    return re.split(r"[.:]\s|[.:]$|\n", doc or module, maxsplit=1)[0].strip()


class Site:
    """The generated part of the sources, and which object is documented where."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.pages: dict[int, str] = {}
        self.about: dict[str, str] = {}
        self.count = {"class": 0, "alias": 0, "function": 0, "family": 0}

    def write(self, name: str, lines: list[str], orphan: bool = True) -> None:
        path = self.folder / f"{name}.rst"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join([*([":orphan:", ""] if orphan else []), *lines]) + "\n", encoding="utf-8")

    def namespace(self, name: str) -> bool:
        """The pages of one namespace; whether there is anything in it that has no page yet."""
        module = importlib.import_module(name)
        classes: dict[str, list[str]] = {}
        functions: dict[str, list[tuple[str, Any]]] = {}
        aliases: list[str] = []
        for own, value in documented(module):
            if isinstance(value, type):
                page = f"{name}.{own}"
                if id(value) in self.pages:
                    canonical = self.pages[id(value)]
                    if canonical.rpartition(".")[0] == name:
                        self.write(page, alias_page(page, canonical))
                        aliases.append(page)
                    continue
                canonical = f"{name}.{value.__name__}"
                if not value.__name__.startswith("_") and getattr(module, value.__name__, None) is value:
                    page = canonical
                self.pages[id(value)] = page
                self.about[page] = first_line(value)
                self.write(page, class_page(page, value))
                classes.setdefault(family_of(value), []).append(page)
                if page != f"{name}.{own}":
                    self.write(f"{name}.{own}", alias_page(f"{name}.{own}", page))
                    aliases.append(f"{name}.{own}")
            elif id(first := value.__wrapped__ if type(value).__name__ == "Gate" else value) not in self.pages:
                self.pages[id(value)] = self.pages[id(first)] = f"{name}.{own}"
                functions.setdefault(family_of(value), []).append((own, value))
        if not classes and not functions:
            return False
        self.count["class"] += sum(map(len, classes.values()))
        self.count["alias"] += len(aliases)
        families = [self.family(name, family, members) for family, members in sorted(functions.items())]
        families.sort(key=lambda entry: entry[1])
        lines = [*heading(name, "="), *paragraphs(sections(inspect.getdoc(module) or "")[0])]
        for title, pages in sorted((family_title(f), pages) for f, pages in classes.items()):
            lines += [*heading(prose(title), "-"), *self.table({p: self.about[p] for p in sorted(pages)})]
        if aliases:
            lines += [*heading("Second names", "-"), *self.table(dict.fromkeys(sorted(set(aliases)), "a second name"))]
        if families:
            lines += [*heading("Functions", "-"), *self.table(dict(families))]
        self.write(name, lines, orphan=False)
        return True

    def toctree(self, pages: list[str]) -> list[str]:
        return [".. toctree::", "   :maxdepth: 1", "", *[f"   {page}" for page in pages], ""]

    def table(self, rows: dict[str, str]) -> list[str]:
        """Pages and what they are about. They are in no tree: the navigation of each page would repeat them all."""
        made = [".. list-table::", "   :widths: 30 70", ""]
        for page, about in rows.items():
            made += [f"   * - :doc:`{page}`", f"     - {prose(about) or ' '}"]
        return [*made, ""]

    def family(self, name: str, family: str, members: list[tuple[str, Any]]) -> tuple[str, str]:
        """The page of the functions of one module."""
        page = f"{name}-{family.removeprefix('lucid.').replace('.', '-').strip('_')}"
        lines = heading(prose(family_title(family)), "=")
        for own, value in members:
            lines += [f".. py:function:: {name}.{own}{signature(value)}", ""]
            lines += indented(body(value, inspect.getdoc(value) or ""))
        self.write(page, lines)
        self.count["function"] += len(members)
        self.count["family"] += 1
        return page, ", ".join(f"`{own}`" for own, _ in members)


def facts(site: Site) -> dict[str, str]:
    """What the written pages leave to be filled in: ``{{version}}`` and so on."""
    rows = re.findall(r"^\| `(\w+)` \| (\S+) \|", (DOCS / "surface.md").read_text(encoding="utf-8"), re.M)
    absent = sorted({name for name, present in rows if present != "yes"})
    return {
        "version": importlib.import_module("lucid").__version__,
        "classes": str(site.count["class"]),
        "functions": str(site.count["function"]),
        "names": str(len(rows)),
        "present": str(sum(present == "yes" for _, present in rows)),
        "absent": ", ".join(f"`{name}`" for name in absent) or "none",
    }


def copy_pages(site: Site) -> None:
    """The written pages and documents, with links that hold in the site."""
    known = facts(site)
    sources = {path.name: path for path in sorted((DOCS / "pages").iterdir()) if path.is_file()}
    sources |= {path.name: path for path in sorted(DOCS.glob("*.md"))}
    sources["compiled.md"] = sources.pop("compile.md")  # compile.html would be taken for the function's page
    for name, path in sources.items():
        text = path.read_text(encoding="utf-8").replace("(../README.md)", "(index.md)")
        text = text.replace("(compile.md)", "(compiled.md)").replace("(pages/", "(")
        (WORK / name).write_text(re.sub(r"{{(\w+)}}", lambda m: known[m[1]], text), encoding="utf-8")
    for path in (*DOCS.glob("*.png"), *DOCS.glob("pages/*.svg")):
        shutil.copy(path, WORK / path.name)
    shutil.copytree(ROOT / "examples", WORK / "examples", ignore=shutil.ignore_patterns("__pycache__"))


def main() -> None:
    for old in (WORK, WORK.parent / "doctrees"):  # Sphinx takes a name that moved to another page for one in both
        shutil.rmtree(old, ignore_errors=True)
    WORK.mkdir(parents=True)
    plots.main(WORK / "plots")
    site = Site(WORK / "api")
    present = []
    for name in NAMESPACES:
        try:
            importlib.import_module(name)
        except ModuleNotFoundError as error:
            if not (error.name or "").startswith("lucid"):
                raise
            continue
        if site.namespace(name):
            present.append(name)
    site.write("index", [*heading("Reference", "="), *site.toctree(present)], orphan=False)
    copy_pages(site)
    shutil.rmtree(SITE, ignore_errors=True)
    doctrees = str(WORK.parent / "doctrees")
    command = [sys.executable, "-P", "-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html", "-d", doctrees]
    if subprocess.run([*command, str(WORK), str(SITE)]).returncode:
        raise SystemExit("docs/site: Sphinx warned; see above")
    print("docs/site/index.html:", *[f"{n} x {what}" for what, n in site.count.items()])


if __name__ == "__main__":
    main()
