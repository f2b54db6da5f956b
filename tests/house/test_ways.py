"""The ways that docs/architecture.md describes: their files are there, and they are few."""

from __future__ import annotations

import re

import pytest

from tests.house.checkout import PACKAGE, ROOT

PAGE = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
STEP = re.compile(r"^\d+\. `([\w/]+\.(?:py|pyx|pxd))`", re.M)
FILE = re.compile(r"`([\w/]+\.(?:py|pyx|pxd))`")


def section(title: str) -> str:
    return PAGE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


@pytest.mark.parametrize(("title", "most"), [("The way of a frame", 8), ("The way of a push", 6)])
def test_few_files_are_passed(title: str, most: int) -> None:
    assert 0 < len(STEP.findall(section(title))) <= most


@pytest.mark.parametrize(
    "title",
    ["The way of a frame", "The way of a push", "The way of a step", "The way of a click on a LiveView page"],
)
def test_each_file_is_there(title: str) -> None:
    named = FILE.findall(section(title))
    assert named
    lacking = [name for name in named if not any(PACKAGE.glob(f"**/{name}"))]
    assert not lacking
