"""What a written report shows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson


def document_in(path: Path) -> dict[str, Any]:
    """The document inside a report."""
    page = path.read_text(encoding="utf-8")
    data = page.partition('<script id="document" type="application/json">')[2].partition("</script>")[0]
    document: dict[str, Any] = orjson.loads(data)
    return document


def section_in(document: dict[str, Any], key: str) -> dict[str, Any]:
    found: dict[str, Any] = next(each for each in document["sections"] if each["id"] == key)
    return found


def part_in(document: dict[str, Any], key: str, kind: str) -> dict[str, Any]:
    """The first part of that kind in a section."""
    found: dict[str, Any] = next(part for part in section_in(document, key)["parts"] if part["kind"] == kind)
    return found


def rows_in(document: dict[str, Any], key: str) -> dict[str, list[Any]]:
    """The cells of a section's table, by the first of each row."""
    return {cells[0]: cells[1:] for _, cells in part_in(document, key, "table")["rows"]}


def texts_in(value: Any) -> Iterator[str]:
    """Every text in a document."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | dict):
        for each in value.values() if isinstance(value, dict) else value:
            yield from texts_in(each)
