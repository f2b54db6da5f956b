"""A value that each connection has its own of: a parameter's, or a header's."""

from __future__ import annotations

from fastphx.errors import clip
from fastphx.load.plan.error import PlanError
from fastphx.load.plan.rows import Row, read_rows
from fastphx.load.plan.template import Template


class ConnectionValue:
    """A parameter or header of each connection: a text with placeholders, or ``@FILE:COLUMN``, whose rows
    are taken in turn, by connection. Raises PlanError."""

    def __init__(self, source: str) -> None:
        self._rows: tuple[Row, ...] = ()
        self._path = ""
        self._column = ""
        self._template: Template | None = None
        if not source.startswith("@"):
            self._template = Template(source, frozenset({"i", "row"}))
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
