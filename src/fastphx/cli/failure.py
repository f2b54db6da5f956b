"""How ``fastphx listen`` and ``fastphx push`` end if they fail."""

from __future__ import annotations

import click

from fastphx.errors import ConnectError, DisconnectReason, FastphxError
from fastphx.transports.endpoint import shown_url

EXIT_FAILED = 1
EXIT_NOT_CONNECTED = 3


class Failure(click.ClickException):
    """Ends the command with one sentence and *exit_code*."""

    def __init__(self, message: str, exit_code: int = EXIT_FAILED) -> None:
        super().__init__(message)
        vars(self)["exit_code"] = exit_code


def next_step(url: str) -> str:
    """What to do where there is no connection to *url*."""
    return f"`fastphx doctor {shown_url(url)}` says what is in the way"


def failure(error: BaseException, url: str) -> Failure:
    """What an error of the client means for whoever called the command."""
    if isinstance(error, ConnectError):
        return Failure(f"{error}; {next_step(url)}", EXIT_NOT_CONNECTED)
    if isinstance(error, DisconnectReason):
        return Failure(f"the connection to {shown_url(url)} ended: {error}", EXIT_NOT_CONNECTED)
    if isinstance(error, ValueError) and not isinstance(error, FastphxError):
        return Failure(str(error), 2)
    if isinstance(error, ModuleNotFoundError):
        return Failure(str(error), 2)
    return Failure(str(error))
