"""``fastphx compare``: two kept results of ``fastphx load`` side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from fastphx.cli.load import Command
from fastphx.errors import clip
from fastphx.foreign_text import MAX_SENTENCE_CHARS, quoted, visible
from fastphx.load.plan.error import PlanError
from fastphx.load.plan.units import tolerance as parse_tolerance
from fastphx.load.report.readable import shown
from fastphx.load.result.comparison import compare as compare_results
from fastphx.load.result.error import ResultError
from fastphx.load.result.kept import Kept, newest_first, read_result

EXIT_WORSE = 99


@click.command(cls=Command, short_help="Compare two results of `fastphx load`.")
@click.argument("base", metavar="BASE", type=click.Path(path_type=Path))
@click.argument("new", metavar="[NEW]", required=False, type=click.Path(path_type=Path))
@click.option("--name", metavar="NAME", help="Of a folder take the runs of this name.")
@click.option(
    "--tolerance", default="5%", show_default=True, metavar="PART", help="How much worse a figure may be."
)
def compare(base: Path, new: Path | None, name: str | None, tolerance: str) -> None:
    """Compare the results BASE and NEW, which `fastphx load` has kept with --save or --json.

    Each is a file, or a folder, which stands for its newest run that has the other's name. A folder alone is
    its newest run against the one of its name before it. In a folder, runs that were invalid or interrupted
    are passed over.

    Exit codes: 0 if NEW is no worse; 2 for bad usage; 99 if it is worse.
    """
    allowed = parse_tolerance(tolerance)
    chosen = _Chosen(name)
    try:
        paths = chosen.paths(base, new)
    finally:
        for problem in chosen.problems:
            click.echo(f"fastphx: {visible(problem, MAX_SENTENCE_CHARS)}", err=True)
    if paths != (base, new):
        for title, path in zip(("base", "new"), paths, strict=True):
            click.echo(f"{title}: {visible(str(path), MAX_SENTENCE_CHARS)}")
    before, after = (chosen.result(path) for path in paths)
    compared = compare_results(before, after, allowed)
    if not compared:
        raise PlanError("the two results have no figure in common that was counted")
    table = Table(box=None, pad_edge=False)
    table.add_column("figure", style="bold", no_wrap=True)
    for title in ("base", "new", "change", ""):
        table.add_column(title, justify="right")
    for each in compared:
        change = f"{100 * (each.ratio - 1):+.1f} %"
        verdict = "[bold red]worse[/]" if each.is_worse else ""
        table.add_row(
            escape(visible(each.figure)),
            shown(each.figure, each.base),
            shown(each.figure, each.new),
            change,
            verdict,
        )
    Console().print(table)
    worse = [each.figure for each in compared if each.is_worse]
    for figure in worse:
        click.echo(f"fastphx: {visible(figure)} is worse by more than {tolerance}", err=True)
    click.get_current_context().exit(EXIT_WORSE if worse else 0)


class _Chosen:
    """Which results are compared. A file that is given is read once: it may be a pipe."""

    def __init__(self, name: str | None) -> None:
        self.problems: list[str] = []
        self._name = name
        self._read: dict[Path, dict[str, Any]] = {}

    def result(self, path: Path) -> dict[str, Any]:
        if path not in self._read:
            self._read[path] = read_result(path)
        return self._read[path]

    def paths(self, base: Path, new: Path | None) -> tuple[Path, Path]:
        """The two files: those that are given, or that stand for a folder."""
        if new is None:
            return self._last_two(base)
        if new.is_dir():
            new = self._newest(new, base)
        if base.is_dir():
            base = self._newest(base, new)
        return base, new

    def _last_two(self, folder: Path) -> tuple[Path, Path]:
        if not folder.is_dir():
            raise PlanError("give two results, or a folder of them")
        newest, *others = newest_first(folder, self._name, self.problems)
        before = [kept.path for kept in others if kept.name == newest.name]
        if not before:
            raise ResultError(
                f"{quoted(str(folder))} has one result of {clip(newest.name)}, and none before it"
            )
        return before[0], newest.path

    def _newest(self, folder: Path, other: Path) -> Path:
        """The newest result of *folder* that has the name of *other*, and is not that itself."""
        name = self._name
        if name is None and not other.is_dir():
            name = Kept.of(other, self.result(other)).name
        kept = (each.path for each in newest_first(folder, name, self.problems))
        newest = next((path for path in kept if path.resolve() != other.resolve()), None)
        if newest is None:
            raise ResultError(f"{quoted(str(folder))} has no other result than {quoted(str(other))}")
        return newest
