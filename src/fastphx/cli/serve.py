"""``fastphx serve``: the embedded server with its demo channels."""

from __future__ import annotations

import asyncio
import json
import logging
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import click

from fastphx.operating_system.event_loop import on_interrupt
from fastphx.operating_system.open_files import raise_open_file_limit
from fastphx.testing.demo import demo_server
from fastphx.testing.server import Server

SHOWN = ("connections", "joins", "pushes", "replies", "broadcasts", "deliveries", "crashes", "bad_frames")
STATS_INTERVAL_S = 1.0
CLOSE_TIMEOUT_S = 2.0


@click.command(short_help="Run the embedded server.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=4000, show_default=True, type=click.IntRange(0, 65535), help="0: a free one.")
@click.option(
    "--max-channels",
    default=100,
    show_default=True,
    type=click.IntRange(min=1),
    help="Topics a socket may join.",
)
@click.option(
    "--idle-timeout",
    default=60.0,
    show_default=True,
    type=click.FloatRange(min=0, min_open=True),
    help="Seconds after which a silent socket is closed.",
)
@click.option("--uvloop/--no-uvloop", default=True, help="Which event loop.  [default: uvloop]")
@click.option("--longpoll", is_flag=True, help="Serve /longpoll beside /websocket.")
@click.option("--compress", is_flag=True, help="Agree to permessage-deflate.")
@click.option(
    "--check-origin",
    multiple=True,
    metavar="HOST",
    help="Whose pages may connect: a host, //*.HOST, https://HOST, or `true` for the server's own.",
)
@click.option(
    "--service-time",
    default=0.0,
    type=click.FloatRange(min=0, max=3600),
    metavar="SECONDS",
    help="A fault: replies to pushes leave one after the other, as from a queue that is served by one.",
)
@click.option(
    "--max-connections",
    type=click.IntRange(min=0),
    metavar="N",
    help="A fault: refuse connections (503) while N are open.",
)
@click.option("--reuse-port", is_flag=True, help="Share the port with other server processes.")
@click.option("--stats", is_flag=True, help="Print the counters once a second.")
@click.option(
    "--stats-json",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write the counters here at the end.",
)
@click.option("--verbose", is_flag=True, help="Show the tracebacks of crashing channels.")
def serve(
    host: str,
    port: int,
    max_channels: int,
    idle_timeout: float,
    uvloop: bool,
    longpoll: bool,
    compress: bool,
    check_origin: tuple[str, ...],
    service_time: float,
    max_connections: int | None,
    reuse_port: bool,
    stats: bool,
    stats_json: Path | None,
    verbose: bool,
) -> None:
    """Run the embedded Phoenix-compatible server with the demo channels room:*, fan:* and presence:*.

    The first line of its output is the URL. It stops on SIGINT, SIGTERM or SIGHUP, and prints what it did;
    http://HOST:PORT/stats shows the counters while it runs.

    Exit codes: 0 if it was stopped; 2 for bad usage, or if it cannot listen.
    """
    logging.basicConfig(level=logging.INFO if verbose else logging.CRITICAL)
    if stats_json is not None:
        _write(stats_json, "a", "")  # so that a mistake is known at once
    raise_open_file_limit()
    try:
        server = demo_server(
            host=host,
            port=port,
            idle_timeout_s=idle_timeout,
            max_channels_per_transport=max_channels,
            reuse_port=reuse_port,
            longpoll=longpoll,
            compress=compress,
            check_origin=True if check_origin == ("true",) else check_origin or False,
        )
    except ValueError as error:
        raise click.UsageError(f"{error}.") from error
    with asyncio.Runner(loop_factory=_loop_factory(uvloop)) as runner:
        is_open = not check_origin and not _is_loopback(host)
        faults = {
            "service_s": service_time,
            "max_connections": -1 if max_connections is None else max_connections,
        }
        counters = runner.run(_serve(server, host, port, stats, faults, is_open=is_open))
    if stats_json is not None:
        _write(stats_json, "w", json.dumps(counters) + "\n")
    click.echo(_summary(counters))


def _write(file: Path, mode: str, text: str) -> None:
    try:
        with file.open(mode) as opened:
            opened.write(text)
    except OSError as error:
        raise click.UsageError(f"--stats-json: {file} cannot be written: {error.strerror}.") from error


def _loop_factory(use_uvloop: bool) -> Callable[[], asyncio.AbstractEventLoop]:
    if use_uvloop:
        try:
            import uvloop
        except ModuleNotFoundError as error:
            raise click.UsageError("uvloop is not installed: give --no-uvloop.") from error
        return uvloop.new_event_loop
    return asyncio.new_event_loop


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


async def _serve(
    server: Server, host: str, port: int, show_stats: bool, faults: Mapping[str, float], *, is_open: bool
) -> dict[str, int]:
    stopped = asyncio.Event()
    on_interrupt(asyncio.get_running_loop(), stopped.set)
    try:
        await server.start()
    except OSError as error:
        raise _cannot_listen(error, host, port) from error
    except ModuleNotFoundError as error:
        raise click.UsageError(f"{error}.") from error
    for name, value in faults.items():
        setattr(server.faults, name, value)
    click.echo(server.url)
    if is_open:
        click.echo(
            f"fastphx: {host} is open to other machines, and any web page may connect: see --check-origin.",
            err=True,
        )
    while not stopped.is_set():
        try:
            await asyncio.wait_for(stopped.wait(), STATS_INTERVAL_S if show_stats else None)
        except TimeoutError:
            click.echo(_summary(server.stats))
    # The answers that are on their way still go out with the close frames.
    server.drain()
    with suppress(TimeoutError):
        await server.wait_until(lambda counters: counters["connections_open"] == 0, CLOSE_TIMEOUT_S)
    await server.stop()
    return server.stats


def _cannot_listen(error: OSError, host: str, port: int) -> click.ClickException:
    reason = os.strerror(error.errno) if error.errno and error.errno > 0 else str(error)
    return click.UsageError(f"Cannot listen on {host}:{port}: {reason}.")


def _summary(counters: dict[str, Any]) -> str:
    named = ", ".join(f"{name.replace('_', ' ')} {counters[name]}" for name in SHOWN)
    return f"open {counters['connections_open']}, {named}"
