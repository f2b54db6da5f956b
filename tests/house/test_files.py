"""What a file is named, what it comes with, and what must not stand in it."""

from __future__ import annotations

import re
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
from ci.imports import sources

from tests.conftest import SLOW_FILES
from tests.house.checkout import PACKAGE, ROOT, own_files, own_text

COMPILED = sorted(PACKAGE.rglob("*.pyx"))
MACHINE_PATH = re.compile(r"(?<![\w./:-])/(?:work|root|home/\w+|Users/\w+)/[\w.-]+|\.\./shared\b")
A_DRAWER = re.compile(r"^_?(?:utils?|helpers?|common|misc)$")
LONGEST_LINES = 700


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", COMPILED, ids=name_of)
def test_a_compiled_module_has_its_sheets(path: Path) -> None:
    assert path.with_suffix(".pyi").exists(), "what Python sees of it stands in a .pyi"
    if re.search(r"^cdef class ", path.read_text(encoding="utf-8"), re.M):
        assert path.with_suffix(".pxd").exists(), "the attributes of its cdef classes stand in a .pxd"
    for folder in path.relative_to(PACKAGE).parents:
        assert (PACKAGE / folder / "__init__.pxd").exists(), "other compiled modules cannot cimport it"


@pytest.mark.parametrize("path", COMPILED, ids=name_of)
def test_the_classes_of_a_compiled_module_are_declared_in_its_pxd(path: Path) -> None:
    declares = re.compile(r"^cdef class (\w+)", re.M)
    classes = set(declares.findall(path.read_text(encoding="utf-8")))
    if classes:
        assert classes <= set(declares.findall(path.with_suffix(".pxd").read_text(encoding="utf-8")))


def test_a_file_is_named_after_the_one_thing_in_it() -> None:
    assert [name_of(path) for path in own_files() if A_DRAWER.match(path.name.split(".")[0])] == []


def test_a_source_file_is_not_long() -> None:
    lines = {name_of(path): path.read_text(encoding="utf-8").count("\n") for path in sources()}
    assert {name: n for name, n in lines.items() if n > LONGEST_LINES} == {}


def test_the_slow_files_are_there() -> None:
    assert [name for name in SLOW_FILES if not (ROOT / "tests" / name).is_file()] == []


def test_no_path_of_one_machine() -> None:
    found = [
        f"{name_of(path)}: {match[0]}"
        for path, text in own_text()
        for match in MACHINE_PATH.finditer(text)
        if path != Path(__file__)
    ]
    assert found == []


def test_nothing_is_left_for_later() -> None:
    words = re.compile(r"\b(?:TO" + r"DO|FIX" + r"ME|XX" + r"X)\b")
    assert [name_of(path) for path, text in own_text() if words.search(text)] == []


def test_one_version() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert metadata.version("fastphx") == project["version"]
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    newest = re.search(r"^## (\d\S*)", changes, re.M)
    assert newest is not None
    assert newest[1] == project["version"]


def test_no_compiled_module_knows_the_layout_of_another_library() -> None:
    """A version with another layout would crash it, so all that is used of a library is its Python."""
    for path in (ROOT / "src").rglob("*.p[yx][xd]"):
        text = path.read_text(encoding="utf-8")
        for origin in re.findall(r"^(?:from ([\w.]+) )?cimport ", text, re.M):
            assert origin.split(".")[0] in {"", "cpython", "libc", "fastphx"}, f"{path.name}: {origin}"
