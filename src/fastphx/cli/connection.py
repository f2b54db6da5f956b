"""The options with which ``fastphx listen`` and ``fastphx push`` connect."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from typing import Any, TypeVar

import click
import orjson

from fastphx.cli.frame_printer import printing
from fastphx.cli.handshake_options import handshake_options
from fastphx.cli.secrets import named_value, read_text, secret
from fastphx.client import Client, ClientState, connect
from fastphx.client.options import reconnects_by_default
from fastphx.errors import ConnectionClosed, DisconnectReason
from fastphx.load.plan.units import duration_s
from fastphx.protocol import json_value
from fastphx.serializers import JsonV1, JsonV2
from fastphx.transports.tls import client_context

F = TypeVar("F", bound=Callable[..., Any])


def timeout_seconds(context: click.Context, parameter: click.Parameter, value: str) -> float:
    """The seconds of ``--timeout``. Raises click.UsageError."""
    try:
        timeout_s = duration_s(value, "--timeout")
    except ValueError as error:
        raise click.UsageError(f"{error}.") from error
    if not timeout_s:
        raise click.UsageError("--timeout is 0: give a time above, like 500ms or 10s.")
    return timeout_s


def connection_options(command: F) -> F:
    """Give a command ``join_payload``, for :func:`parse_json`, and the parameters of :func:`open_client`."""
    for decorate in reversed(
        (
            click.option(
                "--join-payload",
                default="{}",
                show_default=True,
                metavar="JSON|@FILE",
                help="The payload of a join.",
            ),
            click.option(
                "--param",
                "params",
                multiple=True,
                metavar="NAME=VALUE",
                help="Parameter of the URL. NAME=env:VARIABLE and NAME=@FILE hide a token from ps.",
            ),
            handshake_options,
            click.option(
                "--transport",
                type=click.Choice(["websocket", "longpoll"]),
                default="websocket",
                show_default=True,
                help="How to connect.",
            ),
            click.option(
                "--vsn",
                type=click.Choice(["2.0.0", "1.0.0"]),
                default="2.0.0",
                show_default=True,
                help="The serializer's version.",
            ),
            click.option(
                "--timeout",
                default="10s",
                show_default=True,
                metavar="TIME",
                callback=timeout_seconds,
                help="How long to wait for the connection, a join or a reply.",
            ),
            click.option("-v", "--verbose", is_flag=True, help="Show every frame on stderr."),
        )
    ):
        command = decorate(command)
    return command


def open_client(
    url: str,
    *,
    params: tuple[str, ...],
    auth_token: str | None,
    transport: str,
    header: tuple[str, ...],
    vsn: str,
    insecure: bool | None,
    ca: str | None,
    cert: str | None,
    key: str | None,
    timeout: float,
    verbose: bool,
    warns: bool,
) -> Client:
    """A client that is not open yet; *warns* of lost connections. Raises click.UsageError for what cannot be
    meant."""
    # Before the first connection the sentence that ends the command says it all.
    log = log_to_stderr(logging.INFO if verbose else logging.CRITICAL)
    pairs = [named_value("--param", param) for param in params]
    given_headers = [named_value("--header", each) for each in header]
    token = None if auth_token is None else secret("--auth-token", auth_token, literal=False)
    opened = False

    def may_reconnect(reason: DisconnectReason) -> bool:
        # Who mistypes a URL wants to hear of it at once; a connection that was there is waited for.
        if isinstance(reason, ConnectionClosed) or opened:
            return reconnects_by_default(reason, was_connected=opened)
        return False

    def note_open(state: ClientState) -> None:
        nonlocal opened
        if state is ClientState.OPEN:
            opened = True
            if warns and not verbose:
                log.setLevel(logging.WARNING)

    try:
        tls = client_context(ca=ca, cert=cert, key=key, verify=not insecure)
        client = connect(
            url,
            params=pairs,
            headers=given_headers,
            serializer=JsonV1() if vsn == JsonV1.vsn else JsonV2(),
            auth_token=token,
            transport=printing(transport) if verbose else transport,
            ssl=tls,
            ssl_verify=not insecure or tls is not None,
            timeout=timeout,
            open_timeout=timeout,
            shards="auto",
            reconnect=may_reconnect,
        )
    except ValueError as error:
        raise click.UsageError(f"{error}.") from error
    client.on_state(note_open)
    return client


def parse_json(name: str, text: str) -> Any:
    """*text* (``@FILE`` and ``-``, standard input, too) as JSON. Raises click.UsageError."""
    if text == "-":
        text = _standard_input(name)
    elif text.startswith("@"):
        text = secret(name, text)
    try:
        return json_value.loads(text.encode("utf-8", "surrogateescape"))
    except orjson.JSONDecodeError as error:
        raise click.UsageError(f"{name} is not JSON: {error}.") from error


def _standard_input(name: str) -> str:
    if sys.stdin is None:
        raise click.UsageError(f"{name}: standard input is closed.")
    try:
        return read_text(name, sys.stdin.buffer)
    except OSError as error:
        raise click.UsageError(f"{name}: standard input cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise click.UsageError(f"{name}: standard input is not UTF-8.") from error


def log_to_stderr(level: int) -> logging.Logger:
    """The library's log: from *level* on, each record is a sentence on stderr."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("fastphx: %(message)s"))
    log = logging.getLogger("fastphx")
    log.addHandler(handler)
    log.setLevel(level)
    return log
