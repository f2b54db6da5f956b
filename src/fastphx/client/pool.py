"""A client's sockets, and the choice of one for each topic. Phoenix' default is 100 channels a socket."""

from __future__ import annotations

import logging
from collections.abc import Callable

from fastphx.client.context import Context
from fastphx.client.socket import ClientSocket
from fastphx.errors import ClosedError, DisconnectReason, OverloadedError

logger = logging.getLogger("fastphx.client")


class Pool:
    """The sockets of one client. *changed* is called when one was opened or lost. *failed* is called when one
    is lost and will not be connected again, with the reason and the error to raise."""

    __slots__ = ("_cap", "_changed", "_context", "_failed", "_first", "sockets")

    def __init__(
        self,
        context: Context,
        changed: Callable[[], object],
        failed: Callable[[DisconnectReason, BaseException], object],
    ) -> None:
        self.sockets: list[ClientSocket] = []
        self._context = context
        self._changed = changed
        self._failed = failed
        self._cap: int | None = None
        self._first = 0
        """How many sockets were opened at first."""

    def open(self) -> None:
        """Begin to connect as many sockets as the options ask for."""
        shards = self._context.options.shards
        self._first = 1 if shards == "auto" else shards
        for _ in range(self._first):
            self._add_socket()

    @property
    def is_open(self) -> bool:
        """Whether all sockets are open, except for those that are being added."""
        first = self._first
        return all(
            socket.is_open or (socket.number >= first and not socket.was_open) for socket in self.sockets
        )

    def place(self) -> ClientSocket:
        """The socket for another topic. Raises ClosedError, OverloadedError."""
        context = self._context
        if context.closed_because is not None or not self.sockets:
            raise ClosedError("the client is closed, or was not opened yet") from context.closed_because
        if context.options.shards == "auto":
            # One socket after another: connections cost the server, too.
            for socket in self.sockets:
                if _has_room(socket):
                    return socket
            return self._add_shard()
        # If all are full, let the server say so.
        return self._roomiest() or self.sockets[0]

    def socket_of(self, topic: str) -> ClientSocket | None:
        """The socket that has a channel of *topic*."""
        return next((socket for socket in self.sockets if topic in socket.channels), None)

    def place_elsewhere(self, full: ClientSocket) -> ClientSocket | None:
        """The server has refused *full* another channel. Returns the socket to move it to; None if there is
        none."""
        options = self._context.options
        # It already has more channels than its limit: the refusal tells nothing new.
        if full.cap is None or len(full.channels) <= full.cap:
            held = sum(full.session.joined(topic) for topic in full.channels)
            if held == 0:
                return None
            full.cap = held if full.cap is None else min(full.cap, held)
        if options.shards == "auto":
            self._cap = full.cap
        socket = self._roomiest(full)
        if socket is None and options.shards == "auto" and len(self.sockets) < options.max_shards:
            socket = self._add_shard()
        return socket

    def begin_close(self, error: Exception | None) -> None:
        """End every channel, because of *error* unless the user asked for it, and begin to close every socket
        with code 1000."""
        for socket in self.sockets:
            for channel in list(socket.channels.values()):
                channel.end(error)
        for socket in self.sockets:
            socket.begin_close()

    async def wait_closed(self) -> None:
        """Return when every connection is gone, in bounded time."""
        for socket in self.sockets:
            await socket.wait_closed()

    def _roomiest(self, full: ClientSocket | None = None) -> ClientSocket | None:
        """The socket with the fewest channels among those with room; None if all are full."""
        with_room = [socket for socket in self.sockets if socket is not full and _has_room(socket)]
        return min(with_room, key=lambda socket: len(socket.channels), default=None)

    def _add_shard(self) -> ClientSocket:
        if len(self.sockets) >= self._context.options.max_shards:
            raise OverloadedError(f"{len(self.sockets)} sockets are full, which is max_shards: raise it")
        socket = self._add_socket()
        socket.cap = self._cap
        logger.info("opened another socket", extra={"shard": socket.number, "cap": self._cap})
        return socket

    def _add_socket(self) -> ClientSocket:
        socket = ClientSocket(self._context, len(self.sockets), changed=self._changed, failed=self._failed)
        self.sockets.append(socket)
        socket.start()
        return socket


def _has_room(socket: ClientSocket) -> bool:
    return socket.cap is None or len(socket.channels) < socket.cap
