"""How a run is shown while it goes, and what is written when it has ended."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Mapping
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from fastphx.errors import FastphxError
from fastphx.load.plan.error import PlanError

Writer = Callable[[Mapping[str, Any], Path], None]
"""Writes a report of a result's mapping, whether the run has just ended or the mapping was kept."""

NEEDS: Mapping[str, tuple[str, ...]] = {
    "json": (),
    "html": ("hdrh",),
    "junit": (),
    "markdown": (),
    "hgrm": ("hdrh",),
}
"""The reports, and the modules that each is written with, which are imported when it is: a run itself has
no use for them."""


def check_installed(*modules: str) -> None:
    """Raises ModuleNotFoundError if one of them is not, without importing any."""
    for module in modules:
        if find_spec(module) is None:
            raise ModuleNotFoundError(f"No module named {module!r}", name=module)


def writer_of(name: str) -> Writer:
    """What writes the report of that name."""
    writer: Writer = getattr(import_module(f"{__name__}.{name}"), f"write_{name}")
    return writer


def check_report_path(name: str, path: Path) -> None:
    """Raises PlanError if a report could not be written to *path*, and ModuleNotFoundError where what it
    needs is not installed: better now than after the run."""
    check_installed(*NEEDS[name])
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


def write_reports(mapping: Mapping[str, Any], paths: Mapping[str, Path]) -> list[str]:
    """Write each report to its path; returns a sentence for each that could not be written."""
    problems = []
    for name, path in paths.items():
        try:
            writer_of(name)(mapping, path)
        except OSError as error:
            problems.append(f"the {name} report {path} could not be written ({error.strerror})")
        except FastphxError as error:
            problems.append(f"the {name} report {path} could not be made: {error}")
        except Exception as error:
            # The others are written all the same.
            problems.append(f"the {name} report {path} could not be made ({type(error).__name__}: {error})")
    return problems
