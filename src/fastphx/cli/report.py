"""``fastphx report``: reports of results that were kept, and the index of a folder of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from fastphx.cli.load import Command
from fastphx.errors import clip
from fastphx.foreign_text import MAX_SENTENCE_CHARS, quoted, visible
from fastphx.load.plan.error import PlanError
from fastphx.load.plan.threshold import check_figure
from fastphx.load.report import check_report_path, write_reports
from fastphx.load.report.json import read_json
from fastphx.load.result.error import ResultError

SUFFIXES = {"html": ".html", "junit": ".xml", "markdown": ".md", "hgrm": ".hgrm"}
"""The reports that can be made of a kept result, and how their files end in a folder."""
APPENDED = ("markdown",)
"""Those that several results can be written to one file of."""
INDEX = "index.html"

_path = click.Path(path_type=Path)


@click.command(cls=Command, short_help="Make reports of kept results of `fastphx load`.")
@click.argument("kept", nargs=-1, required=True, metavar="FILE.json... | DIR", type=_path)
@click.option(
    "--html", type=_path, metavar="FILE|DIR", help="Write a report that opens offline in a browser."
)
@click.option("--junit", type=_path, metavar="FILE|DIR", help="Write the thresholds as JUnit XML.")
@click.option(
    "--markdown",
    type=_path,
    metavar="FILE|DIR",
    help="Append a summary for a CI step's page; of DIR a table.",
)
@click.option("--hgrm", type=_path, metavar="FILE|DIR", help="Write the percentile distribution.")
@click.option(
    "--figure",
    "figures",
    multiple=True,
    metavar="NAME",
    help="A figure of DIR's index, as thresholds name it (repeatable): rtt.p99.  [default: the usual ones]",
)
def report(kept: tuple[Path, ...], figures: tuple[str, ...], **outputs: Path | None) -> None:
    """Make reports of results that `fastphx load` has kept, with --save or --json.

    Of a FILE they are the reports that the run could have written itself; without an option it is shown
    here. If a folder is given to write to, each FILE's report gets the FILE's name there.

    Of a folder DIR it is an index, DIR/index.html unless --html says where: a table of the runs, and how
    their figures went from run to run. The time of a run leads to its own report, if that lies beside its
    FILE.

    Exit codes: 0 if all was written; 2 if a FILE is no result, DIR has none, or something could not be
    written. What is no result below DIR is named and left out.
    """
    paths = {name: path for name, path in outputs.items() if path is not None}
    folders = [path for path in kept if path.is_dir()]
    if not folders and figures:
        raise PlanError("--figure is of the index of a folder: give a folder of results")
    if not folders:
        problems = _report(kept, paths)
    elif len(kept) == 1:
        problems = _index(kept[0], figures, paths)
    else:
        raise PlanError(f"{quoted(str(folders[0]))} is a folder: give one folder, or files")
    for problem in problems:
        click.echo(f"fastphx: {visible(problem, MAX_SENTENCE_CHARS)}", err=True)
    click.get_current_context().exit(2 if problems else 0)


def _report(files: Sequence[Path], paths: Mapping[str, Path]) -> list[str]:
    """Write the reports of each file, or show it; a sentence for each that there could not be."""
    targets = [_targets(file, paths, len(files)) for file in files]
    taken: set[Path] = {file.absolute() for file in files}
    for name, path in ((name, path) for each in targets for name, path in each.items()):
        check_report_path(name, path)
        if path.absolute() in taken and (path.is_file() or not path.exists()):
            raise PlanError(f"--{name}: something else is, or would be, in {quoted(str(path))}")
        if name not in APPENDED:
            taken.add(path.absolute())
    problems = []
    for file, each in zip(files, targets, strict=True):
        try:
            result = read_json(file)
        except ResultError as error:
            problems.append(str(error))
            continue
        problems += write_reports(result, each) if each else _show(result)
    return problems


def _targets(file: Path, paths: Mapping[str, Path], number: int) -> dict[str, Path]:
    """Where the reports of one of *number* files go."""
    targets = {}
    for name, path in paths.items():
        if path.is_dir():
            path = path / f"{file.stem}{SUFFIXES[name]}"
        elif number > 1 and name not in APPENDED:
            raise PlanError(
                f"--{name}: {number} results cannot be written to one {quoted(str(path))}: give a folder"
            )
        targets[name] = path
    return targets


def _show(result: dict[str, Any]) -> list[str]:
    from rich.console import Console

    from fastphx.load.report.terminal import summary

    began = f", began at {result['started_at']}" if "started_at" in result else ""
    click.echo(f"{visible(result.get('name', result['plan']['scenario']))}{began}: {result['outcome']}")
    try:
        summary(result, Console())
    except Exception as error:
        # A kept result may lack what its schema need not have.
        return [f"the result cannot be shown ({type(error).__name__}: {error})"]
    for sentence in result["sentences"]:
        click.echo(visible(sentence, MAX_SENTENCE_CHARS))
    return []


def _index(folder: Path, figures: Sequence[str], paths: Mapping[str, Path]) -> list[str]:
    """Write the index of a folder, and say which of its files are no results."""
    from fastphx.load.report.index import read_index, write_index

    for name in paths.keys() - {"html", "markdown"}:
        raise PlanError(f"--{name} is of one result, and {quoted(str(folder))} is a folder")
    for figure in figures:
        check_figure(figure, f"--figure {clip(figure)}")
    targets = {
        name: path / INDEX if name == "html" and path.is_dir() else path
        for name, path in (paths or {"html": folder}).items()
    }
    for name, path in targets.items():
        check_report_path(name, path)
    index = read_index(folder, figures, targets.get("html", folder / INDEX))
    for problem in index.problems:
        click.echo(f"fastphx: {visible(problem, MAX_SENTENCE_CHARS)}", err=True)
    problems = write_index(index, targets)
    if "html" in targets and not problems:
        runs = f"{len(index.runs):,} run{'s' if len(index.runs) > 1 else ''}"
        click.echo(f"{runs} in {targets['html']}")
    return problems
