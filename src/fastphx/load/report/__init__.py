"""How a run is shown while it goes, and what is written when it has ended."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from fastphx.load.plan.error import PlanError
from fastphx.load.report.hgrm import write_hgrm
from fastphx.load.report.html import write_html
from fastphx.load.report.json import write_json
from fastphx.load.report.junit import write_junit
from fastphx.load.report.markdown import write_markdown
from fastphx.load.result.result import Result

Writer = Callable[[Result, Mapping[str, Any], Path], None]

WRITERS: dict[str, Writer] = {
    "json": write_json,
    "html": write_html,
    "junit": write_junit,
    "markdown": write_markdown,
    "hgrm": write_hgrm,
}


def check_report_path(name: str, path: Path) -> None:
    """Raises PlanError where a report could not be written to *path*: better now than after the run."""
    if not path.absolute().parent.is_dir():
        raise PlanError(f"--{name}: there is no folder {path.parent}")
    try:
        is_new = not path.exists()
        if is_new or path.is_file():
            # Whether it may be written is known when it has been opened; what it holds stays.
            with path.open("ab"):
                pass
            if is_new:
                path.unlink()
        elif path.is_dir() or not os.access(path, os.W_OK):
            raise OSError(errno.EACCES, "it is a folder" if path.is_dir() else "it is not writable")
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise PlanError(f"--{name}: {path} cannot be written ({why})") from None


def write_reports(result: Result, mapping: Mapping[str, Any], paths: Mapping[str, Path]) -> list[str]:
    """Write each report to its path; returns a sentence for each that could not be written."""
    problems = []
    for name, path in paths.items():
        try:
            WRITERS[name](result, mapping, path)
        except OSError as error:
            problems.append(f"the {name} report {path} could not be written ({error.strerror})")
    return problems
