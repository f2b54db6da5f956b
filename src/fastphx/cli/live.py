"""``fastphx live``: a LiveView page as text, after what is done on it."""

from __future__ import annotations

import asyncio
import difflib
import logging
import sys
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

import click

from fastphx.cli.connection import log_to_stderr
from fastphx.cli.failure import EXIT_FAILED, EXIT_NOT_CONNECTED, Failure
from fastphx.cli.handshake_options import handshake_options
from fastphx.cli.secrets import named_value
from fastphx.errors import ConnectError, FastphxError, clip
from fastphx.foreign_text import visible
from fastphx.load.plan.units import duration_s
from fastphx.transports.endpoint import shown_url
from fastphx.transports.tls import client_context

ACTIONS = {
    "--click": "SELECTOR",
    "--follow": "SELECTOR",
    "--change": "SELECTOR NAME=VALUE...",
    "--submit": "SELECTOR [NAME=VALUE...]",
    "--wait-for": "SELECTOR",
}
"""What may be done on a page, in any order, and how it is written."""


class Action(NamedTuple):
    """One thing to do."""

    name: str
    selector: str
    values: list[tuple[str, str]]


@click.command(
    short_help="Print a LiveView page, after clicks and forms.",
    context_settings={"ignore_unknown_options": True},
)
@click.argument("url")
@click.argument("actions", nargs=-1, type=click.UNPROCESSED, metavar="[ACTION...]")
@click.option("--html", "as_html", is_flag=True, help="Print the HTML of the view instead of text.")
@click.option("--watch", is_flag=True, help="Then show what changes, line by line, until interrupted.")
@click.option("--for", "duration", metavar="TIME", help="With --watch: stop after this long, like 10s.")
@click.option("--live-path", default="/live", show_default=True, help="Where the live socket is.")
@click.option(
    "--transport",
    type=click.Choice(["websocket", "longpoll"]),
    default="websocket",
    show_default=True,
    help="How to connect.",
)
@click.option("--timeout", default="10s", show_default=True, metavar="TIME", help="For each action.")
@handshake_options
def live(url: str, actions: tuple[str, ...], **options: Any) -> int:
    """Open the page at URL (http://HOST/path) as a browser does, do each ACTION in turn, and print the page
    as text.

    \b
    --click SELECTOR                     click an element: its phx-click, link or submit button
    --follow SELECTOR                    follow a link
    --change SELECTOR NAME=VALUE...      type into a form
    --submit SELECTOR [NAME=VALUE...]    fill in a form, and submit it
    --wait-for SELECTOR                  wait until an element is there

    Exit codes: 0; 1 where an action has failed, or the view has crashed; 2 for bad usage; 3 where there
    is no connection; 130 where it was interrupted.
    """
    asked = parse_actions(actions)
    if options["duration"] is not None and not options["watch"]:
        raise click.UsageError("--for is how long to --watch: give that, too.")
    # The sentence that ends the command says it all.
    log_to_stderr(logging.CRITICAL)
    try:
        asyncio.run(_live(url, asked, **options))
    except BrokenPipeError:
        return 0
    except ConnectError as error:
        raise Failure(str(error), EXIT_NOT_CONNECTED) from error
    except ModuleNotFoundError as error:
        raise Failure(str(error), 2) from error
    except FastphxError as error:
        raise Failure(str(error), _exit_code(error)) from error
    return 0


def parse_actions(arguments: Sequence[str]) -> list[Action]:
    """What *arguments* say to do. Raises click.UsageError."""
    actions: list[Action] = []
    left = list(arguments)
    while left:
        name = left.pop(0)
        if name not in ACTIONS:
            kind = "option" if name.startswith("-") else "argument"
            raise click.UsageError(f"no such {kind}: {clip(name)}; actions are {', '.join(ACTIONS)}")
        if not left or left[0] in ACTIONS:
            raise click.UsageError(f"{name} needs a selector: {name} {ACTIONS[name]}")
        selector = left.pop(0)
        values: list[tuple[str, str]] = []
        while name in ("--submit", "--change") and left and left[0] not in ACTIONS:
            values.append(named_value(name, left.pop(0)))
        actions.append(Action(name, selector, values))
    return actions


async def _live(
    url: str,
    actions: list[Action],
    *,
    as_html: bool,
    watch: bool,
    duration: str | None,
    live_path: str,
    transport: str,
    timeout: str,
    header: tuple[str, ...],
    auth_token: str | None,
    insecure: bool | None,
    ca: str | None,
    cert: str | None,
    key: str | None,
) -> None:
    from fastphx.liveview import browse

    if auth_token is not None:
        raise click.UsageError("--auth-token is of sockets: a LiveView page has its session.")
    try:
        seconds = None if duration is None else duration_s(duration, "--for")
        timeout_s = duration_s(timeout, "--timeout")
        tls = client_context(ca=ca, cert=cert, key=key, verify=not insecure)
        browser = browse(
            url,
            live_path=live_path,
            transport=transport,
            headers=[named_value("--header", each) for each in header],
            timeout=timeout_s,
            # It ends first: that there is no socket says more than that the page took too long.
            connect_timeout=timeout_s / 2,
            **({"ssl": tls} if tls is not None else {"ssl_verify": False} if insecure else {}),
        )
    except ValueError as error:
        raise click.UsageError(f"{error}.") from error
    async with browser:
        view = await browser.open(url)
        for action in actions:
            match action.name:
                case "--click":
                    view = await view.click(action.selector)
                case "--follow":
                    view = await view.follow(action.selector)
                case "--change":
                    view = await view.change(action.selector, action.values)
                case "--submit":
                    view = await view.submit(action.selector, action.values)
                case _:
                    await view.wait_for(action.selector)
        _print(view.html() if as_html else view.page_text())
        if view.status >= 400:
            sys.stderr.write(f"fastphx: {shown_url(view.url)} was answered with HTTP {view.status}\n")
        if watch:
            logging.getLogger("fastphx").setLevel(logging.WARNING)
            await _watch(browser.wait_changed, lambda: browser.view.page_text(), seconds)


async def _watch(wait: Callable[[], Awaitable[None]], read: Callable[[], str], seconds: float | None) -> None:
    """Print which lines go and come, at each change."""
    before = read().splitlines()
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while True:
                await wait()
                now = read().splitlines()
                for line in list(difflib.unified_diff(before, now, lineterm="", n=0))[2:]:
                    if not line.startswith("@@"):
                        _print(f"{line[0]} {line[1:]}")
                before = now


def _print(text: str) -> None:
    if sys.stdout.isatty():
        text = "\n".join(visible(line, len(line) + 1) for line in text.splitlines())
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _exit_code(error: FastphxError) -> int:
    from fastphx.liveview.errors import PageError

    return EXIT_NOT_CONNECTED if isinstance(error, PageError) else EXIT_FAILED
