"""The report: one HTML file that needs nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fastphx.load.report.page_document import page_document
from fastphx.load.report.page_files import kept_page


def write_html(mapping: Mapping[str, Any], path: Path) -> None:
    """Write the report. Raises OSError; ValueError where a histogram of a kept result cannot be read."""
    path.write_text(kept_page(page_document(mapping)), encoding="utf-8")
