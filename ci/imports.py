"""Which modules of fastphx import which, read from its sources in Python and in Cython.

What stands under ``TYPE_CHECKING`` or inside a function counts as any other import.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "src" / "fastphx"
SUFFIXES = {".py", ".pyi", ".pyx", ".pxd"}
"""One module may have several of these files: their imports are the module's."""

CYTHON_IMPORT = re.compile(
    r"^[ \t]*(?:from\s+(?P<origin>[\w.]+)\s+c?import\s+(?:\((?P<several>[^)]*)\)|(?P<names>[^#\n]*))"
    r"|c?import\s+(?P<modules>[\w., ]+))",
    re.M,
)


def sources() -> list[Path]:
    return sorted(path for path in PACKAGE.rglob("*") if path.suffix in SUFFIXES)


def module_of(path: Path) -> str:
    """``fastphx.client.channel``; a package's ``__init__`` has its own name, ``fastphx.client.__init__``."""
    return ".".join(("fastphx", *path.relative_to(PACKAGE).with_suffix("").parts))


def _python_imports(text: str, package: tuple[str, ...]) -> Iterator[tuple[str, list[str]]]:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from ((alias.name, []) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            origin = ".".join((*base, *([node.module] if node.module else [])))
            yield origin, [alias.name for alias in node.names]


def _cython_imports(text: str) -> Iterator[tuple[str, list[str]]]:
    for found in CYTHON_IMPORT.finditer(text.replace("\\\n", " ")):
        if found["modules"] is not None:
            yield from ((name.split()[0], []) for name in found["modules"].split(",") if name.split())
        else:
            names = (found["several"] or found["names"] or "").split(",")
            yield found["origin"], [name.split()[0] for name in names if name.split()]


def imported(text: str, suffix: str, package: tuple[str, ...], modules: Iterable[str]) -> set[str]:
    """Which of *modules* the source *text* of a file in *package* asks for by name."""
    known = set(modules)
    read = _python_imports(text, package) if suffix in {".py", ".pyi"} else _cython_imports(text)
    found = set()
    for origin, names in read:
        for name in (f"{origin}.{name}" for name in names) if names else (origin,):
            for asked in (name, f"{name}.__init__", origin, f"{origin}.__init__"):
                if asked in known:
                    found.add(asked)
                    break
    return found


def import_graph() -> dict[str, set[str]]:
    """Each module with those that it imports, itself left out."""
    graph: dict[str, set[str]] = {module_of(path): set() for path in sources()}
    for path in sources():
        package = ("fastphx", *path.relative_to(PACKAGE).parent.parts)
        graph[module_of(path)] |= imported(path.read_text(encoding="utf-8"), path.suffix, package, graph)
    return {module: asked - {module} for module, asked in graph.items()}


def circles(graph: Mapping[str, set[str]]) -> list[list[str]]:
    """The sets of nodes that reach each other, each in alphabetical order."""

    def reached(start: str) -> set[str]:
        seen: set[str] = set()
        ahead = [start]
        while ahead:
            new = graph[ahead.pop()] - seen
            seen |= new
            ahead += new
        return seen

    reach = {node: reached(node) for node in graph}
    knots = {
        tuple(sorted(n for n in reach[node] if node in reach[n])) for node in graph if node in reach[node]
    }
    return sorted(list(knot) for knot in knots)
