"""The connections of one server."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from fastphx.testing.connection import ServerConnection


class Connections:
    """All open ones, also by their socket's id. ``on_empty`` is called when the last one is gone."""

    def __init__(self) -> None:
        self.all: set[ServerConnection] = set()
        self.on_empty: Callable[[], object] | None = None
        self._by_id: dict[str, set[ServerConnection]] = {}

    def of_id(self, id: str) -> Iterable[ServerConnection]:  # noqa: A002 - Phoenix's name for it
        return self._by_id.get(id, ())

    def add(self, connection: ServerConnection) -> None:
        self.all.add(connection)
        if connection.id is not None:
            self._by_id.setdefault(connection.id, set()).add(connection)

    def discard(self, connection: ServerConnection) -> None:
        self.all.discard(connection)
        if connection.id is not None:
            same = self._by_id.get(connection.id, set())
            same.discard(connection)
            if not same:
                self._by_id.pop(connection.id, None)
        if not self.all and self.on_empty is not None:
            self.on_empty()
