"""``fastphx init``: a plan and a journey to begin with."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from pathlib import Path
from typing import Any

import click

from fastphx.cli.asked_options import asked_options, asked_server
from fastphx.cli.connection import log_to_stderr
from fastphx.cli.failure import EXIT_NOT_CONNECTED, Failure
from fastphx.cli.starter_files import JOURNEY, LOBBY, PLAN, Given, starter_files
from fastphx.probe.server import look_at
from fastphx.transports.endpoint import shown_url


@click.command(short_help="Write a plan and a journey for a Phoenix server.")
@asked_options
@click.option("--force", is_flag=True, help="Write over files that are there.")
def init(url: str, force: bool, **options: Any) -> None:
    """Look at the server at URL (http://HOST:PORT/page, or ws://HOST:PORT/socket) as fastphx doctor does, and
    write plan.toml and journey.py into the current folder: what to run, and what a user does. They run as
    they are, and say in comments how to go on. Whether room:lobby can be joined is tried, once.

    Secrets are not written: the plan names the variables and files that they come from.

    Exit codes: 0 if both were written; 2 for bad usage, or if a file is there already; 3 if the server has no
    socket that can be opened.
    """
    asked = asked_server(url, **options)
    files = {name: Path(name) for name in (PLAN, JOURNEY)}
    for name, path in files.items():
        if not force and (path.exists() or path.is_symlink()):
            raise click.UsageError(f"{name} is there already: go to an empty folder, or give --force.")
    log_to_stderr(logging.CRITICAL + 1)
    seen = asyncio.run(look_at(asked, lobby=LOBBY))
    if seen.channels is None and not seen.has_view:
        first = next((each for each in seen.findings if each.state == "wrong"), None)
        why = f"{first.name}: {first.text}" if first is not None else "there is neither a socket nor a view"
        sentence = f"nothing was written: {why}; fastphx doctor {shown_url(url)} says what to do"
        raise Failure(sentence, EXIT_NOT_CONNECTED)
    names = [name for name in Given.__dataclass_fields__ if name in options]
    made = starter_files(asked, seen, Given(**{name: options[name] for name in names}))
    _write(files[PLAN], made.plan, force)
    try:
        _write(files[JOURNEY], made.journey, force)
    except click.UsageError:
        if not force:
            # One without the other is no beginning.
            with suppress(OSError):
                files[PLAN].unlink()
        raise
    click.echo(f"{PLAN} and {JOURNEY} are written: users {', '.join(made.does)}.")
    for name in dict.fromkeys(made.variables):
        click.echo(f"The plan reads {name} from the environment: export it first.")
    click.echo(f"Next: fastphx load {PLAN}")


def _write(path: Path, text: str, force: bool) -> None:
    try:
        with path.open("w" if force else "x", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise click.UsageError(f"{path} cannot be written: {error.strerror}.") from error
