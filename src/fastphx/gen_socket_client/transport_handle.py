"""What a callback is given to send with."""

from __future__ import annotations

from threading import get_ident
from typing import Any

from fastphx.gen_socket_client.own_loop import OwnLoop
from fastphx.protocol.callback_session import CallbackSession
from fastphx.protocol.frame_write import NO_PAYLOAD


class TransportHandle:
    """``transport`` in the callbacks. It joins, leaves and pushes; each method returns the message's ref.

    They raise :class:`~fastphx.errors.DisconnectedError`, :class:`~fastphx.errors.NotJoinedError`,
    :class:`~fastphx.errors.AlreadyJoinedError`, :class:`~fastphx.errors.EncodingError` and
    :class:`~fastphx.errors.OverloadedError`; in each case, nothing was sent. From another thread, they run on
    the socket's event loop, and the caller waits for at most ``socket.timeout`` seconds (TimeoutError).
    """

    __slots__ = ("_own_loop", "_session", "_thread_id")

    def __init__(self, own_loop: OwnLoop, session: CallbackSession) -> None:
        self._own_loop = own_loop
        self._session = session
        self._thread_id = own_loop.thread_id

    def join(self, topic: str, payload: Any = NO_PAYLOAD) -> int:
        """Join *topic*; ``handle_joined`` or ``handle_join_error`` follows."""
        return self._own_loop.run(self._session.join, topic, payload)

    def leave(self, topic: str, payload: Any = NO_PAYLOAD) -> int:
        """Leave *topic*; ``handle_reply`` and then ``handle_channel_closed`` follow."""
        return self._own_loop.run(self._session.leave, topic, payload)

    def push(self, topic: str, event: str, payload: Any = NO_PAYLOAD) -> int:
        """Send *event*. A payload of ``bytes`` goes out as a binary frame, and None as JSON's null; the
        default is an empty object. If the server replies, ``handle_reply`` follows, with the ref that is
        returned here."""
        if get_ident() == self._thread_id:
            return self._session.push(topic, event, payload)
        return self._own_loop.run(self._session.push, topic, event, payload)

    def joined(self, topic: str) -> bool:
        """Whether *topic* is joined: from the join's ok reply until the channel is closed."""
        return self._own_loop.run(self._session.joined, topic)


def join(transport: TransportHandle, topic: str, payload: Any = NO_PAYLOAD) -> int:
    """``transport.join(topic, payload)``, for people who come from Elixir."""
    return transport.join(topic, payload)


def leave(transport: TransportHandle, topic: str, payload: Any = NO_PAYLOAD) -> int:
    """``transport.leave(topic, payload)``, for people who come from Elixir."""
    return transport.leave(topic, payload)


def push(transport: TransportHandle, topic: str, event: str, payload: Any = NO_PAYLOAD) -> int:
    """``transport.push(topic, event, payload)``, for people who come from Elixir."""
    return transport.push(topic, event, payload)


def joined(transport: TransportHandle, topic: str) -> bool:
    """``transport.joined(topic)``, for people who come from Elixir."""
    return transport.joined(topic)
