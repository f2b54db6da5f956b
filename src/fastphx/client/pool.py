"""A client's sockets, the state that follows from theirs, and the choice of one for each topic. Phoenix'
default is 100 channels a socket."""

from __future__ import annotations

import logging

from fastphx.client.context import Context
from fastphx.client.endpoint import shown_host
from fastphx.client.socket import ClientSocket
from fastphx.client.state import ClientState, StateFeed
from fastphx.errors import ClosedError, DisconnectReason, OverloadedError

logger = logging.getLogger("fastphx.client")


class Pool:
    """The sockets of one client, and its state."""

    __slots__ = ("_cap", "_context", "_first", "_opened_once", "sockets", "state")

    def __init__(self, context: Context) -> None:
        self.sockets: list[ClientSocket] = []
        self.state = StateFeed(context)
        self._context = context
        self._cap: int | None = None
        self._first = 0
        """How many sockets were opened at first."""
        self._opened_once = False

    def open(self) -> None:
        """Begin to connect as many sockets as the options ask for."""
        self.state.set(ClientState.CONNECTING)
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

    def socket_changed(self) -> None:
        """See :class:`~fastphx.client.socket.SocketOwner`."""
        if self._context.closed_because is not None:
            return
        if self.is_open:
            self._opened_once = True
            self.state.set(ClientState.OPEN)
        elif self._opened_once:
            self.state.set(ClientState.RECONNECTING)

    def socket_failed(self, reason: DisconnectReason, error: BaseException) -> None:
        """See :class:`~fastphx.client.socket.SocketOwner`."""
        context = self._context
        if context.closed_because is not None:
            return
        logger.error("closed: %s", reason, extra={"endpoint": shown_host(context.options.url)})
        closed = ClosedError(f"the client is closed: {reason}")
        closed.__cause__ = error
        self.begin_close(error, closed)

    def begin_close(self, reason: BaseException, error: Exception | None) -> None:
        """The client is closed because of *reason*: end every channel, because of *error* unless the user
        asked for it, and begin to close every socket with code 1000. Closing twice is fine."""
        if self._context.closed_because is not None:
            return
        self._context.closed_because = reason
        for socket in self.sockets:
            for channel in list(socket.channels.values()):
                channel.end(error)
        for socket in self.sockets:
            socket.begin_close()
        self.state.set(ClientState.CLOSED)

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
        socket = ClientSocket(self._context, self, len(self.sockets))
        self.sockets.append(socket)
        socket.start()
        return socket


def _has_room(socket: ClientSocket) -> bool:
    return socket.cap is None or len(socket.channels) < socket.cap
