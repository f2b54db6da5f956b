"""``fastphx bench``: two servers under the same plan, in turns."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click
import orjson
from rich.console import Console
from rich.table import Table

from fastphx.cli.arguments import METAVAR, complete_files, plan_mapping
from fastphx.cli.compare import EXIT_WORSE
from fastphx.cli.load import Command, check_report_paths
from fastphx.load.control.preflight import preflight
from fastphx.load.control.server_comparison import Ratio, compare_servers
from fastphx.load.plan.error import PlanError
from fastphx.load.plan.plan import Plan
from fastphx.load.plan.units import tolerance as parse_tolerance
from fastphx.load.report.readable import shown


@click.command(cls=Command, short_help="Compare two servers under one plan.")
@click.argument("arguments", nargs=-1, metavar=METAVAR, shell_complete=complete_files)
@click.option("--a", "command_a", required=True, metavar="COMMAND", help="Starts server A.")
@click.option("--b", "command_b", required=True, metavar="COMMAND", help="Starts server B.")
@click.option("--repeat", default=7, show_default=True, metavar="N", help="Rounds; each runs A and B once.")
@click.option("--tolerance", default="0%", show_default=True, metavar="PART", help="How much worse B may be.")
@click.option(
    "--json",
    "json_path",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write the ratios as JSON.",
)
def bench(
    arguments: tuple[str, ...],
    command_a: str,
    command_b: str,
    repeat: int,
    tolerance: str,
    json_path: Path | None,
) -> None:
    """Run a plan against server A and server B in turns, and report the ratio of each figure, B to A, with
    its 95 % interval. The plan, a script and the URL are given as to fastphx load. Each command must serve
    the URL, and stop on SIGTERM.

    Exit codes: 0 if B is no worse; 2 for bad usage, or if a server or one of its runs failed; 99 if a whole
    interval says that B is worse; 130 if it was interrupted.
    """
    plan = Plan.from_mapping(plan_mapping(arguments, {}))
    preflight(plan)
    if plan.find_limit is not None:
        raise PlanError("bench runs a plan at the load that it has: leave find-limit out of it")
    allowed = parse_tolerance(tolerance)
    if json_path is not None:
        check_report_paths({"json": json_path})
    console = Console(stderr=True)
    found = asyncio.run(
        compare_servers(
            command_a,
            command_b,
            plan,
            repeat,
            allowed,
            lambda number, side: console.print(f"round {number} of {repeat}: {side}", highlight=False),
        )
    )
    _print(found)
    if json_path is not None:
        rows = [
            {name: getattr(each, name) for name in ("figure", "a", "b", "ratio", "low", "high", "is_worse")}
            for each in found
        ]
        json_path.write_bytes(orjson.dumps(rows, option=orjson.OPT_INDENT_2))
    worse = [each.figure for each in found if each.is_worse]
    for figure in worse:
        click.echo(f"fastphx: B is worse than A in {figure}, beyond its interval and {tolerance}", err=True)
    click.get_current_context().exit(EXIT_WORSE if worse else 0)


def _print(found: list[Ratio]) -> None:
    table = Table(box=None, pad_edge=False)
    table.add_column("figure", style="bold", no_wrap=True)
    for title in ("A", "B", "B / A", "95 % interval", ""):
        table.add_column(title, justify="right")
    for each in found:
        figure = each.figure
        table.add_row(
            figure,
            shown(figure, each.a),
            shown(figure, each.b),
            f"{each.ratio:.3f}",
            f"{each.low:.3f} to {each.high:.3f}",
            "[bold red]worse[/]" if each.is_worse else "",
        )
    Console().print(table)
