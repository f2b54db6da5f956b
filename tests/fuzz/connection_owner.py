"""Who is told what becomes of a connection: a target waits for its end."""

from __future__ import annotations

import asyncio

from fastphx.errors import DisconnectReason


class ConnectionOwner:
    """Lets an error that the connection tells of fail the target."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.ended: asyncio.Future[DisconnectReason] = loop.create_future()

    def notify_connected(self, writer: object) -> None:
        pass

    def notify_error(self, exc: BaseException) -> None:
        raise exc

    def notify_disconnected(self, reason: DisconnectReason) -> None:
        self.ended.set_result(reason)
