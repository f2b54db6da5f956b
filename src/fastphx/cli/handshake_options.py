"""The options that say who connects, and whom it trusts: the same for every command that connects."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])

_OPTIONS = (
    click.option(
        "--header",
        multiple=True,
        metavar="NAME=VALUE",
        help="Header of the handshake; env:VARIABLE and @FILE work as for --param.",
    ),
    click.option("--auth-token", metavar="VALUE", help="Phoenix 1.8's authToken, as env:VARIABLE or @FILE."),
    # None where it is not given, so that a plan file may say it.
    click.option("--insecure", is_flag=True, default=None, help="Accept any certificate."),
    click.option("--ca", metavar="FILE", help="Certificates to trust."),
    click.option("--cert", metavar="FILE", help="The client's certificate."),
    click.option("--key", metavar="FILE", help="Its key, if it is in another file."),
)


def handshake_options(command: F) -> F:
    """Give a command ``header``, ``auth_token``, ``insecure``, ``ca``, ``cert`` and ``key``."""
    for decorate in reversed(_OPTIONS):
        command = decorate(command)
    return command
