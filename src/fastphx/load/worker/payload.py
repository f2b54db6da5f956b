"""The payload of pushes and joins, with its placeholders filled in."""

from __future__ import annotations

from fastphx.load.plan.payload import PAYLOAD_NAMES
from fastphx.load.plan.rows import Row
from fastphx.load.plan.template import Template


class Payload:
    """The same for all, the same for each push of a connection, or different each time."""

    def __init__(self, source: bytes, *, is_verbatim: bool = False) -> None:
        self._template: Template | None = None
        self.constant: bytes | None = source
        """What all have; None where they differ."""
        if not is_verbatim:
            template = Template(source.decode(), PAYLOAD_NAMES, is_json=True)
            if template.uses:
                self._template, self.constant = template, None
            else:
                self.constant = template.render({}).encode()

    def of_connection(self, i: int, row: Row) -> bytes | None:
        """The bytes of a connection's every push; None where they differ, or where all have the same."""
        if self._template is None or "n" in self._template.uses:
            return None
        return self._template.render({"i": i, "row": row}).encode()

    def of_push(self, i: int, n: int, row: Row) -> bytes:
        """The bytes of a connection's push number *n*."""
        if self._template is None:
            assert self.constant is not None
            return self.constant
        return self._template.render({"i": i, "n": n, "row": row}).encode()
