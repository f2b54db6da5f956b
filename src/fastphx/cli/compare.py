"""``fastphx compare``: two results of ``fastphx load`` side by side."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from fastphx.cli.load import Command
from fastphx.foreign_text import visible
from fastphx.load.plan.error import PlanError
from fastphx.load.plan.units import tolerance as parse_tolerance
from fastphx.load.report.readable import shown
from fastphx.load.result.comparison import compare as compare_results
from fastphx.load.result.kept import read_result

EXIT_WORSE = 99


@click.command(cls=Command, short_help="Compare two results of `fastphx load`.")
@click.argument("base", type=click.Path(dir_okay=False, path_type=Path))
@click.argument("new", type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "--tolerance", default="5%", show_default=True, metavar="PART", help="How much worse a figure may be."
)
def compare(base: Path, new: Path, tolerance: str) -> None:
    """Compare the results BASE and NEW, which `fastphx load --json` wrote.

    Exit codes: 0 if NEW is no worse; 2 for bad usage; 99 if it is worse.
    """
    compared = compare_results(read_result(base), read_result(new), parse_tolerance(tolerance))
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
