"""A value that each connection has its own of: a parameter's, a header's, or the token's."""

from __future__ import annotations

from fastphx.errors import clip
from fastphx.load.plan.error import PlanError
from fastphx.load.plan.payload import read_file
from fastphx.load.plan.rows import Row, read_rows
from fastphx.load.plan.secret import ENVIRONMENT, FILE, from_environment
from fastphx.load.plan.template import Template


class ConnectionValue:
    """A parameter or header of each connection, *what* in messages: a text with placeholders; ``env:NAME`` or
    ``@FILE``, whose text is taken as it is; or ``@FILE:COLUMN``, whose rows are taken in turn, by connection.

    Raises PlanError, which shows no value that was read.
    """

    def __init__(self, source: str, what: str) -> None:
        self._rows: tuple[Row, ...] = ()
        self._path = ""
        self._column = ""
        self._text: str | None = None
        self._template: Template | None = None
        self.is_constant = True
        if source.startswith(ENVIRONMENT):
            self._text = from_environment(source, what)
        elif not source.startswith(FILE):
            self._template = Template(source, frozenset({"i", "row"}))
            self.is_constant = not self._template.uses
        elif ":" in source:
            self._read_column(source)
        else:
            self._text = _text_of(source, what)

    def _read_column(self, source: str) -> None:
        path, _, column = source[1:].rpartition(":")
        if not path:
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
        if self._text is not None:
            return self._text
        if self._template is not None:
            return self._template.render({"i": i, "row": row})
        try:
            return self._rows[i % len(self._rows)][self._column]
        except KeyError:
            number = 1 + i % len(self._rows)
            raise PlanError(f"row {number} of {clip(self._path)} has no {clip(self._column)}") from None


def _text_of(source: str, what: str) -> str:
    """The whole file, without its last line end."""
    if source == FILE:
        raise PlanError(f"{what}: {FILE} names no file")
    try:
        return read_file(source[1:], what).decode().rstrip("\r\n")
    except UnicodeDecodeError:
        raise PlanError(f"the {what}'s file {clip(source[1:])} is not UTF-8") from None
