"""The sections and the parts of a page's document (`page_document`)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from fastphx.foreign_text import MAX_SHOWN_CHARS, visible

Section = dict[str, Any]


def section(key: str, title: str, parts: Sequence[Mapping[str, Any]], width: str = "full") -> Section:
    return {"id": key, "title": title, "width": width, "parts": list(parts)}


def text_part(text: str, limit: int = MAX_SHOWN_CHARS) -> dict[str, Any]:
    return {"kind": "text", "text": visible(text, limit)}


def table_part(columns: Iterable[tuple[str, str]], rows: Sequence[Sequence[Any]]) -> dict[str, Any]:
    return {"kind": "table", "columns": [list(each) for each in columns], "rows": list(rows)}


def chart_section(
    key: str,
    title: str,
    x_axis: Mapping[str, Any],
    y_axis: Mapping[str, Any],
    x: Sequence[float],
    lines: Sequence[Mapping[str, Any]],
    marks: Sequence[float] = (),
) -> Section:
    """A section of one chart, which shares its row."""
    y_axis = {"unit": "", "title": "", "log": False, **y_axis}
    part = {"kind": "chart", "x_axis": dict(x_axis), "y_axis": y_axis, "x": list(x), "lines": list(lines)}
    return section(key, title, [{**part, "marks": list(marks)}], "half")
