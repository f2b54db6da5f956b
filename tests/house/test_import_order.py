"""Imports point one way: a part may import what stands left of it, in Python and in Cython."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.house.checkout import PACKAGE

ORDER = (
    "errors",
    "timing",
    "protocol",
    "serializers",
    "transports",
    "gen_socket_client",
    "client",
    "testing",
    "load",
    "cli",
    "__main__",
)
ROOMS_OF_LOAD = ("plan", "scenarios", "result", "worker", "control", "report", "locust")
"""In the order of a run."""
ABOVE_ALL = {"__init__"}
"""The public names may come from everywhere, and nothing inside asks for them."""

C_IMPORT = re.compile(
    r"^\s*(?:from\s+(?P<origin>[\w.]+)\s+c?import\s+(?P<names>[^#\n]*)|c?import\s+(?P<modules>[\w., ]+))",
    re.M,
)


def part_of(module: str) -> str | None:
    """Which part of fastphx *module* belongs to; None where it is none of fastphx' own."""
    words = module.split(".")
    if words[0] != "fastphx":
        return None
    return words[1] if len(words) > 1 else "__init__"


def python_imports(path: Path) -> Iterator[str]:
    package = ("fastphx", *path.relative_to(PACKAGE).parent.parts)
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            origin = ".".join((*base, *([node.module] if node.module else [])))
            yield from (f"{origin}.{alias.name}" if origin == "fastphx" else origin for alias in node.names)


def cython_imports(text: str) -> Iterator[str]:
    for found in C_IMPORT.finditer(text):
        if found["modules"] is not None:
            yield from (name.split()[0] for name in found["modules"].split(",") if name.split())
        elif found["origin"] == "fastphx":
            yield from (
                f"fastphx.{name.split()[0]}"
                for name in found["names"].strip("() ").split(",")
                if name.split()
            )
        else:
            yield found["origin"]


def sources() -> list[Path]:
    return sorted(path for path in PACKAGE.rglob("*") if path.suffix in {".py", ".pyi", ".pyx", ".pxd"})


def imports(path: Path) -> Iterator[str]:
    if path.suffix in {".py", ".pyi"}:
        return python_imports(path)
    return cython_imports(path.read_text(encoding="utf-8"))


def imported_parts(path: Path) -> set[str]:
    return {part for part in map(part_of, imports(path)) if part is not None}


def module_of(path: Path) -> str:
    words = ("fastphx", *path.relative_to(PACKAGE).with_suffix("").parts)
    return ".".join(words[:-1] if words[-1] == "__init__" else words)


def circle_in(graph: dict[str, set[str]]) -> list[str]:
    """Modules of which each imports the next, and the last the first; empty where there are none."""
    done: set[str] = set()

    def follow(module: str, way: list[str]) -> list[str]:
        if module in way:
            return way[way.index(module) :]
        if module not in done:
            for imported in sorted(graph[module]):
                if found := follow(imported, [*way, module]):
                    return found
            done.add(module)
        return []

    return next((found for module in sorted(graph) if (found := follow(module, []))), [])


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_part_imports_only_what_stands_left_of_it(path: Path) -> None:
    own = path.relative_to(PACKAGE).parts[0].split(".")[0]
    if own in ABOVE_ALL:
        return
    assert own in ORDER, f"{own} has no place in the order of imports"
    allowed = set(ORDER[: ORDER.index(own) + 1])
    assert not imported_parts(path) - allowed


@pytest.mark.parametrize(
    "path", [path for path in sources() if path.relative_to(PACKAGE).parts[0] == "load"], ids=module_of
)
def test_a_room_of_load_imports_only_what_stands_left_of_it(path: Path) -> None:
    room = path.relative_to(PACKAGE).parts[1]
    imported = {words[2] for name in imports(path) if (words := name.split("."))[:2] == ["fastphx", "load"]}
    if room in ROOMS_OF_LOAD:
        assert not imported - set(ROOMS_OF_LOAD[: ROOMS_OF_LOAD.index(room) + 1])
    else:
        assert path.stem == "__init__"


def test_no_modules_of_load_import_each_other() -> None:
    graph: dict[str, set[str]] = {}
    for path in sources():
        if path.relative_to(PACKAGE).parts[0] == "load":
            graph.setdefault(module_of(path), set()).update(imports(path))
    for module, imported in graph.items():
        imported &= graph.keys() - {module}
    assert not circle_in(graph)


def test_a_circle_is_found() -> None:
    assert circle_in({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == ["b", "c"]
    assert not circle_in({"a": {"b", "c"}, "b": {"c"}, "c": set()})


def test_every_way_of_importing_is_seen() -> None:
    text = """
from fastphx.load.worker.meter cimport Meter, \\
    Other
import fastphx.client.socket as socket
cimport fastphx.transports.websocket
    from fastphx import cli
from libc.stdint cimport int64_t
from fastphx.testing.server import Server
"""
    assert {part for part in map(part_of, cython_imports(text)) if part} == {
        "load",
        "client",
        "transports",
        "cli",
        "testing",
    }
