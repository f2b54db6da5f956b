"""Rows of data from CSV and NDJSON files, and values that are read from files."""

from __future__ import annotations

import csv
import errno
import os
import stat
from functools import lru_cache
from pathlib import Path

import orjson

from fastphx.errors import clip
from fastphx.load.plan.error import PlanError
from fastphx.load.plan.template import Template

Row = dict[str, str]
MAX_ROWS = 5_000_000
MAX_FILE_BYTES = 64 << 20
"""Of a payload that is read from a file."""


@lru_cache(maxsize=16)
def read_rows(path: str) -> tuple[Row, ...]:
    """The rows of a CSV file with a header line, or of an NDJSON file (``.ndjson``, ``.jsonl``) of objects.

    Raises PlanError where there is no such file, where it has no rows, or where it is neither.
    """
    try:
        _refuse_what_is_no_file(path)
        with open(path, encoding="utf-8-sig", newline="") as file:
            if Path(path).suffix in (".ndjson", ".jsonl"):
                rows = [_json_row(line, path, number) for number, line in enumerate(file, 1) if line.strip()]
            else:
                reader = csv.DictReader(file, restval="")
                rows = [{key: value for key, value in row.items() if key is not None} for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise PlanError(f"the data file {clip(path)} cannot be read ({_why(error)})") from None
    if not 0 < len(rows) <= MAX_ROWS:
        raise PlanError(f"the data file {clip(path)} has {len(rows)} rows: give 1 to {MAX_ROWS}")
    return tuple(rows)


def _json_row(line: str, path: str, number: int) -> Row:
    try:
        value = orjson.loads(line)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise PlanError(f"line {number} of the data file {clip(path)} is not a JSON object")
    return {
        key: item if isinstance(item, str) else orjson.dumps(item).decode() for key, item in value.items()
    }


def _refuse_what_is_no_file(path: str) -> None:
    """A pipe can be read once, and each worker reads it."""
    if not stat.S_ISREG(os.stat(path).st_mode) and not os.path.isdir(path):
        raise OSError(errno.ESPIPE, "it is no regular file, and each worker reads it")


def _why(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or type(error).__name__)


def read_payload(source: str, what: str) -> bytes:
    """The bytes of *source*: those of the file where it is ``@FILE``, else the text's. Raises PlanError."""
    if not source.startswith("@"):
        return source.encode("utf-8", "surrogatepass")
    try:
        _refuse_what_is_no_file(source[1:])
        with open(source[1:], "rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except (OSError, ValueError) as error:
        raise PlanError(f"the {what}'s file {clip(source[1:])} cannot be read ({_why(error)})") from None
    if len(data) > MAX_FILE_BYTES:
        raise PlanError(f"the {what}'s file {clip(source[1:])} has more than {MAX_FILE_BYTES} bytes")
    return data


class Value:
    """A parameter or header of each connection: a text with placeholders, or ``@FILE:COLUMN``, whose rows
    are taken in turn, by connection."""

    def __init__(self, source: str) -> None:
        self._rows: tuple[Row, ...] = ()
        self._path = ""
        self._column = ""
        self._template: Template | None = None
        if not source.startswith("@"):
            self._template = Template(source, frozenset({"i", "row."}))
            self.is_constant = not self._template.uses
            return
        path, colon, column = source[1:].rpartition(":")
        if not colon or not path:
            raise PlanError(f"{clip(source)} is not @FILE:COLUMN")
        self._rows = read_rows(path)
        self._path = path
        self._column = column
        self.is_constant = False
        if column not in self._rows[0]:
            raise PlanError(
                f"{clip(column)} is not a column of {clip(path)}: there are {', '.join(self._rows[0])}"
            )

    @property
    def row_count(self) -> int:
        """After so many connections its rows come again."""
        return len(self._rows) or 1

    def of(self, i: int, row: Row) -> str:
        """Its value for connection *i*."""
        if self._template is not None:
            return self._template.render({"i": i, "row": row})
        try:
            return self._rows[i % len(self._rows)][self._column]
        except KeyError:
            number = 1 + i % len(self._rows)
            raise PlanError(f"row {number} of {clip(self._path)} has no {clip(self._column)}") from None
