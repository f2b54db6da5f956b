"""``fastphx doctor``: what stands between this machine and a Phoenix server."""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import sys
import textwrap
from typing import Any

import click

from fastphx.cli.asked_options import asked_options, asked_server
from fastphx.cli.connection import log_to_stderr
from fastphx.cli.failure import EXIT_FAILED, EXIT_NOT_CONNECTED
from fastphx.probe.asked import Asked
from fastphx.probe.finding import Finding, State
from fastphx.probe.machine import look_at_machine
from fastphx.probe.server import Seen, look_at
from fastphx.transports.endpoint import shown_url

MARKS: dict[State, tuple[str, str]] = {"ok": ("✓", "ok"), "wrong": ("✗", "!!"), "absent": ("–", "--")}  # noqa: RUF001
"""Of each state; the second where the terminal's encoding lacks the first."""
COLOURS: dict[State, str] = {"ok": "green", "wrong": "red"}
NAME_CHARS = 14
MAX_CHARS = 110


@click.command(short_help="See what stands between this machine and a Phoenix server.")
@asked_options
def doctor(url: str, **options: Any) -> int:
    """Look at the server at URL (http://HOST:PORT/page, or ws://HOST:PORT/socket) step by step: proxy, DNS,
    TCP, TLS, HTTP, the socket's handshake, vsn and heartbeat, long polling, LiveView; and at what
    this machine lets a load test do. Each has a tick, or the one thing to do.

    Exit codes: 0 if all is well; 1 if a socket can be opened and something else is wrong; 2 for bad usage; 3
    if no socket can be opened; 130 if it was interrupted.
    """
    asked = asked_server(url, **options)
    has_options = any(value for name, value in options.items() if name != "timeout")
    # The findings say it all.
    log_to_stderr(logging.CRITICAL + 1)
    seen = asyncio.run(look_at(asked, _show))
    for finding in look_at_machine():
        seen.findings.append(finding)
        _show(finding)
    click.echo(f"\n{_conclusion(asked, seen, has_options=has_options)}")
    return 0 if seen.is_well else EXIT_FAILED if seen.is_connected else EXIT_NOT_CONNECTED


def _show(finding: Finding) -> None:
    mark = mark_of(finding.state, getattr(sys.stdout, "encoding", None))
    width = min(shutil.get_terminal_size().columns, MAX_CHARS)
    indent = " " * (len(mark) + NAME_CHARS + 2)
    lines = textwrap.wrap(
        f"{mark} {finding.name:<{NAME_CHARS}} {finding.text}", width, subsequent_indent=indent
    )
    colour = COLOURS.get(finding.state)
    if colour is not None and not os.environ.get("NO_COLOR"):
        lines[0] = click.style(mark, fg=colour) + lines[0].removeprefix(mark)
    if finding.to_do:
        lines += textwrap.wrap(f"Do: {finding.to_do}", width, initial_indent=indent, subsequent_indent=indent)
    click.echo("\n".join(lines))


def mark_of(state: State, encoding: str | None) -> str:
    """How *state* is shown in *encoding*; None: in any."""
    mark, plain = MARKS[state]
    try:
        mark.encode(encoding or "utf-8")
    except UnicodeEncodeError:
        return plain
    return mark


def _conclusion(asked: Asked, seen: Seen, *, has_options: bool) -> str:
    if seen.is_well and seen.is_connected:
        more = ", with the same options" if has_options else ""
        return f"All is well. Next: fastphx init {shown_url(asked.url)}{more}"
    if seen.is_connected:
        return "A socket can be opened; what is marked above is left to do."
    return "No socket can be opened: do what is marked above, and look again."
