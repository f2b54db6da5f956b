"""How a run is shown while it goes, and what is written when it has ended."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from fastphx.load.report.hgrm import write_hgrm
from fastphx.load.report.html import write_html
from fastphx.load.report.json import write_json
from fastphx.load.report.junit import write_junit
from fastphx.load.report.markdown import write_markdown
from fastphx.load.result import Result

Writer = Callable[[Result, Mapping[str, Any], Path], None]

WRITERS: dict[str, Writer] = {
    "json": write_json,
    "html": write_html,
    "junit": write_junit,
    "markdown": write_markdown,
    "hgrm": write_hgrm,
}


def write_reports(result: Result, mapping: Mapping[str, Any], paths: Mapping[str, Path]) -> list[str]:
    """Write each report to its path; returns a sentence for each that could not be written."""
    problems = []
    for name, path in paths.items():
        try:
            WRITERS[name](result, mapping, path)
        except OSError as error:
            problems.append(f"the {name} report {path} could not be written ({error.strerror})")
    return problems
