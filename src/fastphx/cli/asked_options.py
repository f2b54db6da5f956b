"""The options with which ``fastphx doctor`` and ``fastphx init`` look at a server."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from fastphx.cli.connection import timeout_seconds
from fastphx.cli.handshake_options import handshake_options
from fastphx.cli.secrets import named_value, secret
from fastphx.probe.asked import Asked
from fastphx.transports.tls import client_context

F = TypeVar("F", bound=Callable[..., Any])


def asked_options(command: F) -> F:
    """Give a command the argument and the options of :func:`asked_server`."""
    for decorate in reversed(
        (
            click.argument("url"),
            click.option(
                "--param",
                "params",
                multiple=True,
                metavar="NAME=VALUE",
                help="Parameter of the socket. NAME=env:VARIABLE and NAME=@FILE hide a token from ps.",
            ),
            handshake_options,
            click.option(
                "--timeout",
                default="5s",
                show_default=True,
                metavar="TIME",
                callback=timeout_seconds,
                help="How long each answer is waited for.",
            ),
        )
    ):
        command = decorate(command)
    return command


def asked_server(
    url: str,
    *,
    params: tuple[str, ...],
    header: tuple[str, ...],
    auth_token: str | None,
    insecure: bool | None,
    ca: str | None,
    cert: str | None,
    key: str | None,
    timeout: float,
) -> Asked:
    """What to look at. Raises click.UsageError for what cannot be meant."""
    try:
        return Asked(
            url,
            params=tuple(named_value("--param", each) for each in params),
            headers=tuple(named_value("--header", each) for each in header),
            auth_token=None if auth_token is None else secret("--auth-token", auth_token, literal=False),
            ssl=client_context(ca=ca, cert=cert, key=key, verify=not insecure),
            verify=not insecure,
            timeout_s=timeout,
        )
    except ValueError as error:
        raise click.UsageError(f"{error}.") from error
