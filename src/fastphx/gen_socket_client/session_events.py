"""What a session reports, as callbacks."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, Final

from fastphx.errors import DecodeError, DisconnectReason, HeartbeatTimeout
from fastphx.gen_socket_client.behaviour import GenSocketClient
from fastphx.gen_socket_client.callbacks import Callbacks
from fastphx.gen_socket_client.transport_handle import TransportHandle
from fastphx.protocol.codec import Message
from fastphx.protocol.joins import Join
from fastphx.transports.connection import Connection

logger = logging.getLogger("fastphx")

OF_A_JOIN: Final = ("phx_reply", "phx_close", "phx_error")
"""Events that say nothing where their join is not there any more; the session has counted them."""


class SessionEvents:
    """The handler of a CallbackSession (``SessionHandler`` says when each method is called), and of its
    :class:`~fastphx.transports.connection.Connection`."""

    def __init__(self) -> None:
        self.connects = 0

    def attach(
        self,
        client: GenSocketClient,
        callbacks: Callbacks,
        handle: TransportHandle,
        connection: Connection,
        disconnected: Callable[[DisconnectReason], None],
    ) -> None:
        """Say whose callbacks are meant, before the session is opened."""
        self._client = client
        self._callbacks = callbacks
        self._handle = handle
        self._connection = connection
        self._disconnected = disconnected
        self._handle_message = client.handle_message

    def on_connected(self) -> None:
        """The connection is up."""
        self.connects += 1
        self._callbacks.deliver((self._client.handle_connected, (self._handle,), None))

    def on_disconnected(self, reason: DisconnectReason) -> None:
        """The connection is gone."""
        self._disconnected(reason)

    def on_error(self, exc: BaseException) -> None:
        """The transport reports an error."""
        logger.warning("the transport reports an error: %s", exc, exc_info=exc)

    def on_message(self, message: Message) -> None:
        """The hot one: a plain ``handle_message`` is called as directly as can be."""
        callbacks = self._callbacks
        if not callbacks.idle:
            callbacks.deliver(("handle_message", (message,), None))
            return
        try:
            payload = message.payload
        except DecodeError as error:
            callbacks.decode_errors += 1
            self.on_bad_frame(error)
        else:
            callbacks.run(self._handle_message, (message.topic, message.event, payload, self._handle))
            if callbacks.later:
                callbacks.run_later()

    def on_reply(self, message: Message, waiter: Any, rtt_ns: int) -> None:
        """A reply to a push or a leave."""
        self._callbacks.deliver(("handle_reply", (message,), None))

    def on_joined(self, message: Message, join: Join) -> None:
        """The ok reply to a join."""
        self._callbacks.deliver(("handle_joined", (message,), None))

    def on_join_error(self, message: Message, join: Join) -> None:
        """The error reply to a join."""
        self._callbacks.deliver(("handle_join_error", (message,), None))

    def on_join_timeout(self, join: Join) -> None:
        """Never: the behaviour's joins have no deadline; a dead server is the heartbeat's matter."""

    def on_closed(self, message: Message | None, join: Join) -> None:
        """``phx_close``; there is always a message, since the behaviour's leaves have no deadline."""
        self._callbacks.deliver(("handle_channel_closed", (message,), None))

    def on_errored(self, message: Message, join: Join) -> None:
        """``phx_error``: the channel crashed."""
        self._callbacks.deliver(("handle_channel_closed", (message,), None))

    def on_unknown_topic(self, message: Message) -> None:
        """As in the Elixir library, a message of a topic that is not joined is a message all the same."""
        if message.event not in OF_A_JOIN:
            self._callbacks.deliver(("handle_message", (message,), None))

    def on_bad_frame(self, error: DecodeError) -> None:
        """A frame that is none, or a payload that cannot be decoded."""
        self._callbacks.deliver((self._client.handle_decode_error, (error, self._handle), None))

    def on_heartbeat_reply(self, rtt_ns: int) -> None:
        """The connection lives: nothing to do."""

    def on_heartbeat_timeout(self) -> None:
        """The connection is dead."""
        self._connection.abort(HeartbeatTimeout())

    def on_expired(self, ref: int, waiter: Any) -> None:
        """Never: the behaviour's pushes have no deadline."""

    def on_failed(self, ref: int, waiter: Any, reason: str) -> None:
        """Never: nobody waits for the behaviour's pushes."""
