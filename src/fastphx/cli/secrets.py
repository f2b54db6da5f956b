"""Values that may be secrets: given as they are, by the environment, or by a file."""

from __future__ import annotations

import os
from typing import BinaryIO

import click

from fastphx.operating_system.read_at_most import read_at_most

MAX_FILE_BYTES = 64 << 20
"""Of a value that is read."""


def secret(name: str, value: str, *, literal: bool = True) -> str:
    """*value*, or what the variable of ``env:VARIABLE`` or the file of ``@FILE`` holds (without its
    last line end). Raises click.UsageError, which does not show the value."""
    if value.startswith("env:"):
        variable = value.removeprefix("env:")
        found = os.environ.get(variable)
        if found is None:
            raise click.UsageError(f"{name}: the environment has no variable {variable}.")
        return found
    if value.startswith("@"):
        try:
            with open(value[1:], "rb") as file:
                return read_text(name, file).rstrip("\r\n")
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or "it is not UTF-8"
            raise click.UsageError(f"{name}: {value[1:]} cannot be read: {reason}.") from error
    if not literal:
        raise click.UsageError(f"{name} is env:VARIABLE or @FILE: a token on the command line shows in ps.")
    return value


def read_text(name: str, file: BinaryIO) -> str:
    """All that *file* holds. Raises UnicodeDecodeError, and click.UsageError for more than MAX_FILE_BYTES."""
    data = read_at_most(file, MAX_FILE_BYTES + 1)
    if len(data) > MAX_FILE_BYTES:
        raise click.UsageError(f"{name}: it has more than {MAX_FILE_BYTES} bytes.")
    return data.decode()


def named_value(option: str, given: str) -> tuple[str, str]:
    """``NAME=VALUE`` of *option* as a pair; the value as :func:`secret` reads it. Raises click.UsageError."""
    name, separator, value = given.partition("=")
    if not separator or not name:
        # Not the value: it may be a token whose name was forgotten.
        raise click.UsageError(f"{option} is NAME=VALUE, NAME=env:VARIABLE or NAME=@FILE.")
    return name, secret(f"{option} {name}", value)
