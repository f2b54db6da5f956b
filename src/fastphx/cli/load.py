"""``fastphx load``: load a Phoenix server and report latencies."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import click
import orjson

from fastphx.cli.arguments import METAVAR, complete_files, plan_mapping
from fastphx.cli.failure import next_step
from fastphx.cli.handshake_options import handshake_options
from fastphx.errors import FastphxError
from fastphx.foreign_text import MAX_SENTENCE_CHARS, visible
from fastphx.load.control.coordinator import Coordinator
from fastphx.load.control.first_connection import first_connection
from fastphx.load.control.preflight import preflight
from fastphx.load.control.progress import ManyProgresses, Progress
from fastphx.load.live_page.address import PageAddress
from fastphx.load.plan.error import PlanError
from fastphx.load.plan.plan import Plan
from fastphx.load.report import check_installed, check_report_path, write_reports
from fastphx.load.report.progress import progress_for
from fastphx.load.report.save import check_folder
from fastphx.load.report.save import save as save_result
from fastphx.load.report.unwaiting_stream import UnwaitingStream
from fastphx.load.result.result import EXIT_NO_CONNECTION
from fastphx.operating_system.event_loop import on_interrupt

DEMO: dict[str, object] = {"connections": 200, "rate": 15000.0}
"""The plan of a run that is given nothing at all: real traffic from the first command."""

F = TypeVar("F", bound=Callable[..., Any])
REPORTS = ("json", "html", "junit", "markdown", "hgrm")


class Command(click.Command):
    """Ends what is wrong with a plan as what is wrong with the usage: one sentence, exit 2."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except FastphxError as error:
            raise click.UsageError(str(error)) from error

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """``--ui`` may stand alone: what follows is its value only if it is written as one."""
        for at, argument in enumerate(args):
            if argument == "--ui" and not any(map(PageAddress.is_one, args[at + 1 : at + 2])):
                args[at] = "--ui=0"
        return super().parse_args(ctx, args)


def _file(name: str, help_: str) -> Callable[[F], F]:
    return click.option(
        f"--{name}",
        f"{name}_path",
        type=click.Path(dir_okay=False, path_type=Path),
        metavar="FILE",
        help=help_,
    )


@click.command(cls=Command, short_help="Load a Phoenix server and report latencies.")
@click.argument("arguments", nargs=-1, metavar=METAVAR, shell_complete=complete_files)
@click.option(
    "--scenario",
    metavar="NAME",
    help="echo, fanout, idle, churn, listen, storm, or FILE.py.  [default: echo]",
)
@click.option(
    "--name",
    metavar="NAME",
    help="What the run is called where results are kept.  [default: as the plan's file, or the scenario]",
)
@click.option(
    "--connections",
    "-c",
    type=int,
    metavar="N",
    help="Sockets.  [default: 100; without a URL 200; churn 10000]",
)
@click.option(
    "--topic",
    multiple=True,
    metavar="T",
    help="A topic that each socket joins (repeatable); {i} is its number.  [default: room:{i}]",
)
@click.option(
    "--push-topic",
    multiple=True,
    metavar="T",
    help="The topic to push to (repeatable); each in turn.  [default: all in turn]",
)
@click.option(
    "--event",
    multiple=True,
    metavar="E[=WEIGHT]",
    help="The event to push (repeatable), as often as its weight says.  [default: echo]",
)
@click.option(
    "--payload",
    metavar="JSON|@FILE",
    help='Its payload; {i}, {n} and {row.column} are filled in.  [default: {"body":"hello"}]',
)
@click.option(
    "--event-payload",
    multiple=True,
    metavar="E=JSON|@FILE",
    help="The payload of one of several events, if it has its own.",
)
@click.option("--binary", is_flag=True, default=None, help="Send the payload as a binary frame, as it is.")
@click.option("--join-payload", metavar="JSON|@FILE", help="The payload of the join.  [default: {}]")
@click.option(
    "--rate",
    metavar="R",
    help="Pushes a second, over all sockets; or steps: 100/s:30s,500/s:60s.  "
    "[default: echo 1000, without a URL 15000; fanout 10; churn 50; others 0]",
)
@click.option(
    "--poisson", is_flag=True, default=None, help="Arrivals at exponential gaps, drawn from --seed."
)
@click.option("--arrivals", metavar="R", help="journeys: visits that begin a second, or steps as for --rate.")
@click.option(
    "--users",
    type=int,
    metavar="N",
    help="journeys: users at once.  [default: 10; with --arrivals 10000 at most]",
)
@click.option("--iterations", type=int, metavar="N", help="journeys: visits of each user.")
@click.option("--pause", metavar="TIME", help="journeys: between a user's visits.")
@click.option("--pace", metavar="TIME", help="journeys: between the beginnings of a user's visits.")
@click.option(
    "--max-steps", type=int, metavar="N", help="journeys: names of steps.  [default: 100; at most 500]"
)
@click.option("--think-time", metavar="TIME", help="Instead of a rate: wait this long after each reply.")
@click.option("--duration", metavar="TIME", help="How long the schedule runs.  [default: 10s; storm 20s]")
@click.option(
    "--ramp", metavar="TIME", help="Open the connections, or let users or arrivals rise, over this time."
)
@click.option("--connect-rate", metavar="R", help="New connections a second, at most.  [default: 1000]")
@click.option(
    "--in-flight",
    type=int,
    metavar="N",
    help="Unanswered pushes a socket may have; 0: any number.  [default: 0]",
)
@click.option("--warm-up", metavar="TIME", help="Do not time what is due in this time at the start.")
@click.option("--graceful-stop", metavar="TIME", help="Wait for replies at the end.  [default: 5s]")
@click.option("--timeout", metavar="TIME", help="A push without a reply by then is lost.  [default: 10s]")
@click.option("--join-timeout", metavar="TIME", help="How long a join may take.  [default: 10s]")
@click.option("--connect-timeout", metavar="TIME", help="How long a connect may take.  [default: 10s]")
@click.option(
    "--max-backoff", metavar="TIME", help="The longest wait before a renewed connection.  [default: 5s]"
)
@click.option("--heartbeat", metavar="TIME", help="Time between heartbeats.  [default: 30s]")
@click.option("--publishers", type=int, metavar="P", help="fanout: connections that publish.  [default: 1]")
@click.option(
    "--topics", type=int, metavar="T", help="fanout: topics that the sockets are spread over.  [default: 1]"
)
@click.option("--stay", metavar="TIME", help="churn: how long a socket stays.  [default: 5s]")
@click.option(
    "--storm", metavar="HOW", help="storm: kill, drain or roll the embedded server.  [default: kill]"
)
@click.option("--storm-at", metavar="TIME", help="storm: when, from the start.  [default: 2s]")
@click.option(
    "--storm-down", metavar="TIME", help="storm: how long the embedded server is away.  [default: 1s]"
)
@click.option("--storm-command", metavar="COMMAND", help="storm: the command that disturbs your own server.")
@click.option(
    "--param",
    multiple=True,
    metavar="NAME=VALUE",
    help="Parameter of the URL; or NAME=env:VARIABLE, NAME=@FILE, NAME=@FILE:COLUMN.",
)
@handshake_options
@click.option(
    "--show-secrets", is_flag=True, default=None, help="Show parameters, headers and payloads in reports."
)
@click.option("--data", metavar="FILE", help="CSV or NDJSON; connection i takes row i: {row.column}.")
@click.option(
    "--data-unique", is_flag=True, default=None, help="journeys: two visits never have the same row at once."
)
@click.option("--vsn", metavar="V", help="2.0.0 or 1.0.0.  [default: 2.0.0]")
@click.option("--compress", is_flag=True, default=None, help="Offer permessage-deflate.")
@click.option(
    "--source", multiple=True, metavar="A-B", help="Local addresses to spread the connections over."
)
@click.option(
    "--workers", metavar="N", help="Worker processes.  [default: 1, more if the plan would fill it]"
)
@click.option("--threshold", multiple=True, metavar="EXPR", help='Must hold, or exit 99: "rtt.p99<50ms".')
@click.option(
    "--find-limit",
    metavar="FIGURE",
    help="Find how much the server can take: rate, connections, users or arrivals.",
)
@click.option(
    "--limit-precision",
    metavar="PART",
    help="How near what holds and what does not must be.  [default: 10%]",
)
@click.option(
    "--recover", metavar="TIME", help="How long the server may take before each step.  [default: 30s]"
)
@click.option("--step-max", metavar="TIME", help="The longest step of the search.  [default: 30s]")
@click.option(
    "--max-schedule-lag", metavar="TIME", help="Invalid if the schedule's p99 lags more.  [default: 100ms]"
)
@click.option(
    "--max-loop-lag", metavar="TIME", help="Invalid if a worker stood still for longer.  [default: 500ms]"
)
@click.option("--max-cpu", metavar="PART", help="Invalid if a worker used more of its core.  [default: 95%]")
@click.option(
    "--allow-unjoined",
    metavar="PART",
    help="Sockets that need not be joined at the end, else failed.  [default: 50%]",
)
@click.option("--allow-disconnects", metavar="PART", help="Connections that may be lost.  [default: 75%]")
@click.option(
    "--allow-crashes", metavar="PART", help="Joins whose channel may crash or close.  [default: 75%]"
)
@click.option("--allow-lost", metavar="PART", help="Pushes that may have no reply.  [default: 10%]")
@click.option("--allow-error-replies", metavar="PART", help="Replies that may not be ok.  [default: 10%]")
@click.option("--allow-unsent", metavar="PART", help="Pushes that may be due and not sent.  [default: 75%]")
@click.option(
    "--allow-missing", metavar="PART", help="fanout: deliveries that may be missing.  [default: 10%]"
)
@click.option("--allow-failed", metavar="PART", help="Visits of a journey that may fail.  [default: 10%]")
@click.option(
    "--server-pid",
    metavar="PID|NAME@PORT",
    help="Watch the server's process on this machine: CPU, memory, files, threads.",
)
@click.option(
    "--server-metrics",
    metavar="URL",
    help="Read the server's metrics page (Prometheus) once a second; see docs/server.md.",
)
@click.option(
    "--server-metric",
    multiple=True,
    metavar="NAME",
    help='A metric of it to show besides the usual ones; or NAME{label="value"}.',
)
@click.option("--seed", type=int, metavar="N", help="Seed of all that is random.  [default: 0]")
@_file("json", "Write the result as JSON.")
@_file("html", "Write a report that opens offline in a browser.")
@_file("junit", "Write the thresholds as JUnit XML.")
@_file("markdown", "Append a summary for a CI step's page.")
@_file("hgrm", "Write the RTT's (fanout: the delivery's) percentile distribution; of a journey the visit's.")
@click.option(
    "--save",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Keep the result in this folder, as JSON under its time and name.",
)
@click.option(
    "--prometheus",
    type=click.IntRange(0, 65535),
    metavar="PORT",
    help="Serve live figures on this port of 127.0.0.1; 0: a free port.",
)
@click.option(
    "--ui",
    metavar="[[HOST:]PORT]",
    help="Show the report while it grows, on a page that only this command's address opens.  "
    "[default: any free port of 127.0.0.1]",
)
@click.option("--ui-stay", is_flag=True, help="Serve the page after the run, too, until Ctrl-C.")
@click.option(
    "--dry-run", is_flag=True, help="Print the resolved plan, and what connection 0 sends; do nothing."
)
@click.option("--quiet", "-q", is_flag=True, help="Show nothing but errors.")
def load(
    arguments: tuple[str, ...],
    save: Path | None,
    prometheus: int | None,
    ui: str | None,
    ui_stay: bool,
    dry_run: bool,
    quiet: bool,
    **flags: Any,
) -> None:
    """Load a Phoenix server: hold sockets, push on a schedule, and report latencies that can be trusted.

    URL is the socket's, like ws://127.0.0.1:4000/socket. Without one, the embedded server is started in a
    process of its own and loaded. FILE.py is a scenario of your own, as with --scenario. A plan is a TOML
    file with these flags as keys; flags override it, and its files are found beside it. The three may come
    in any order. TIME is like 500ms, 30s, 2m or 1h; a number alone is seconds.

    --find-limit searches for the load that the server can take: the other thresholds are looked at in each
    step, and limit.FIGURE is a threshold on what is found.

    Exit codes: 0 if every goal was met; 2 for bad usage; 3 if no connection succeeded; 4 if this machine was
    the bottleneck (the run is invalid); 5 if the run failed, or more was lost than an --allow option says
    (100% switches each off; a threshold on the same total takes its place); 99 if a threshold was not met;
    130 if it was interrupted.
    """
    paths = {name: path for name in REPORTS if (path := flags.pop(f"{name}_path")) is not None}
    given = plan_mapping(
        arguments, {name: value for name, value in flags.items() if value is not None and value != ()}
    )
    demo = (
        {}
        if "url" in given
        or "find_limit" in given
        or given.get("scenario", "echo") != "echo"
        or "think_time" in given
        else DEMO
    )
    plan = Plan.from_mapping(demo | given)
    if ui_stay and ui is None:
        raise PlanError("--ui-stay is of --ui: give both, or neither")
    address = None if ui is None else PageAddress.parse(ui)
    for sentence in preflight(plan):
        click.echo(f"fastphx: {visible(sentence)}", err=True)
    if dry_run:
        shown = {**plan.public_mapping(), "first_connection": first_connection(plan)}
        click.echo(orjson.dumps(shown, option=orjson.OPT_INDENT_2).decode())
        return
    check_installed("hdrh", *(() if quiet else ("rich",)), *(() if address is None else ("aiohttp",)))
    check_report_paths(paths)
    if save is not None:
        check_folder(save)
    code = asyncio.run(_run(plan, paths, save, prometheus, address, stays=ui_stay, quiet=quiet))
    click.get_current_context().exit(code)


def check_report_paths(paths: Mapping[str, Path]) -> None:
    """Raises PlanError where one cannot be written, or two are the same file."""
    taken: dict[Path, str] = {}
    for name, path in paths.items():
        check_report_path(name, path)
        other = taken.setdefault(path.absolute(), name)
        if other != name and (path.is_file() or not path.exists()):
            raise PlanError(f"--{other} and --{name} would both be written to {path}")


async def _run(
    plan: Plan,
    paths: dict[str, Path],
    folder: Path | None,
    prometheus: int | None,
    address: PageAddress | None,
    *,
    stays: bool,
    quiet: bool,
) -> int:
    exporter = None
    if prometheus is not None:
        from fastphx.load.report.prometheus import Exporter

        exporter = await Exporter.listen(prometheus)
    page = None
    if address is not None:
        from fastphx.load.live_page.page import LivePage

        page = await LivePage.listen(address)
        # Without its token nobody sees the page: it is told also to who asked for quiet.
        click.echo(f"live page on {page.url}")
    output = None if quiet else UnwaitingStream.stdout()
    progress: Progress = progress_for(plan, output)
    if page is not None:
        progress = ManyProgresses(progress, page.progress)
    coordinator = Coordinator(plan, progress)
    signalled = asyncio.Event()

    def interrupt() -> None:
        signalled.set()
        coordinator.interrupt()

    on_interrupt(asyncio.get_running_loop(), interrupt)
    if exporter is not None:
        exporter.show(coordinator.result)
        if not quiet:
            click.echo(f"live figures on http://127.0.0.1:{exporter.port}/metrics")
    if page is not None:
        await page.show(coordinator.result, coordinator.interrupt, progress.output)
    try:
        result = await coordinator.run()
    finally:
        if exporter is not None:
            exporter.close()
    mapping = result.to_mapping()
    problems = write_reports(mapping, paths)
    kept = None
    if folder is not None:
        try:
            kept = save_result(mapping, folder)
        except OSError as error:
            problems.append(f"the result could not be kept in {folder} ({error.strerror})")
    if page is not None:
        page.end(mapping)
    if not quiet and result.was_answered:
        # The run itself needs no tables, and the worker processes have ended.
        from rich.console import Console

        from fastphx.load.report.terminal import summary

        summary(mapping, Console())
    if kept is not None and not quiet:
        click.echo(f"kept as {kept}")
    dropped = 0 if output is None else output.dropped_lines
    unread = [f"{dropped:,} lines of the progress were dropped: nobody read this output"] if dropped else []
    sentences = result.sentences
    if plan.url is not None and result.exit_code == EXIT_NO_CONNECTION:
        sentences = [f"{sentence}; {next_step(plan.url)}" for sentence in sentences]
    for sentence in [*sentences, *problems, *unread]:
        click.echo(f"fastphx: {visible(sentence, MAX_SENTENCE_CHARS)}", err=True)
    code = result.exit_code or (2 if problems else 0)
    if page is not None:
        if stays and not signalled.is_set():
            if not quiet:
                click.echo("the live page stays until Ctrl-C")
            await signalled.wait()
        await page.close()
    return code
