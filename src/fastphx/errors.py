"""One hierarchy of exceptions under :class:`FastphxError`.

Only foreign_text is to the left of it in the import order, so every layer can raise from it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastphx.foreign_text import quoted, visible, visible_repr

EXCERPT_BYTES = 60
"""How many bytes of an offending value an error quotes."""

MAX_BODY_BYTES = 512
"""How much of the HTTP answer that refuses a connection a :class:`ConnectError` keeps."""

MAX_REASON_CHARS = 500
"""How many characters of a reason an error quotes, which may be the message of another error."""


def clip(value: bytes | str, limit: int = EXCERPT_BYTES) -> str:
    """Return *value* as printable text of at most *limit* characters, for an error message."""
    # A character takes at most four bytes, and a value may be megabytes long.
    text = value[: 4 * limit + 4].decode("utf-8", "backslashreplace") if isinstance(value, bytes) else value
    return quoted(text, limit)


def clip_repr(value: object, limit: int = EXCERPT_BYTES, conceal: Callable[[str], str] | None = None) -> str:
    """Return *value* as Python writes it, in at most *limit* characters, for an error message. *conceal*
    takes out of each text in it what is not to be shown."""
    return visible_repr(value, limit, conceal)


def _again(error: type[FastphxError], args: tuple[Any, ...]) -> FastphxError:
    return error.__new__(error, *args)


class FastphxError(Exception):
    """The base of everything that fastphx raises on purpose. Each can be copied and pickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        # Exception's own calls the class with the message, where the classes here take what it is made of.
        return _again, (type(self), self.args), self.__dict__


class EncodingError(FastphxError, ValueError):
    """A message cannot be put on the wire; nothing was sent."""


class DecodeError(FastphxError, ValueError):
    """A frame, or the payload of one, is not what the protocol says.

    ``position`` is the byte offset in the frame (or in the payload) at which reading stopped; -1 if it is not
    known. ``topic`` and ``event`` are set if the header could be read and the payload could not.
    """

    def __init__(
        self,
        reason: str,
        *,
        position: int = -1,
        excerpt: str = "",
        topic: str | None = None,
        event: str | None = None,
    ) -> None:
        self.reason = reason
        self.position = position
        self.excerpt = excerpt
        self.topic = topic
        self.event = event
        where = f" at byte {position}" if position >= 0 else ""
        what = f" of {clip(event or '')} on {clip(topic)}" if topic is not None else ""
        super().__init__(f"{visible(reason)}{where}{what}" + (f": {excerpt}" if excerpt else ""))


class DisconnectedError(FastphxError):
    """The socket is not connected, so nothing can be sent."""


class NotJoinedError(FastphxError):
    """The topic is not joined, so nothing can be pushed to it and it cannot be left."""


class AlreadyJoinedError(FastphxError):
    """The topic is joined, being joined, or being left, so it cannot be joined now."""


class OverloadedError(FastphxError):
    """A bound was reached (waiters, write buffer, mailbox, pause). Slow down, or raise the bound."""


class StartError(FastphxError):
    """The socket did not start. ``reason`` is what ``init`` stopped with, or the exception that it raised."""

    def __init__(self, reason: object) -> None:
        self.reason = reason
        super().__init__(f"the socket did not start: {clip_repr(reason, MAX_REASON_CHARS)}")


class BadReturnError(FastphxError, TypeError):
    """A callback returned something that is not a response of the behaviour."""


class CallTimeoutError(FastphxError, TimeoutError):
    """``call`` got no answer in time."""


class StoppedError(FastphxError):
    """The socket has ended, perhaps before it answered a call."""


class DisconnectReason(FastphxError):
    """Why there is no connection: the base of all that ``handle_disconnected`` is given."""


class ConnectError(DisconnectReason):
    """A connection attempt failed.

    ``status`` is the HTTP status, if the server answered with one; ``body`` is the beginning of its answer.
    ``retry_after`` is how many seconds it asked to wait, or None. ``__cause__`` is the error of the operating
    system or of TLS, if there was one. If ``is_local`` is true, this side ran out of ports, open files or
    memory, and the attempt says nothing about the server.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        body: bytes = b"",
        retry_after: float | None = None,
        is_local: bool = False,
    ) -> None:
        self.status = status
        self.body = body
        self.retry_after = retry_after
        self.is_local = is_local
        super().__init__(message)


class ConnectionClosed(DisconnectReason):
    """An open connection ended, with the ``code`` and ``reason`` of RFC 6455 sections 7.1.5 and 7.1.6."""

    def __init__(self, code: int, reason: str = "") -> None:
        self.code = code
        self.reason = reason
        why = f": {visible(reason)}" if reason else ""
        super().__init__(f"the connection was closed with code {code}{why}")


class HeartbeatTimeout(DisconnectReason):
    """The server did not answer a heartbeat before the next one was due."""

    def __init__(self) -> None:
        super().__init__("the server did not answer the heartbeat")


class TransportDown(DisconnectReason):
    """The transport itself ended (``exc`` is None) or crashed with ``exc``."""

    def __init__(self, exc: BaseException | None = None) -> None:
        self.exc = exc
        shown = "" if exc is None else clip_repr(exc, MAX_REASON_CHARS)
        super().__init__(f"the transport crashed: {shown}" if shown else "the transport ended")


def _shown_reason(response: object, conceal: Callable[[str], str] | None) -> str | None:
    reason = response.get("reason") if isinstance(response, dict) else None
    if not isinstance(reason, str):
        return None
    return (reason if conceal is None else conceal(reason))[:MAX_REASON_CHARS]


class JoinError(FastphxError):
    """The server refused a join. ``response`` is its answer, and ``shown_reason`` the ``reason`` in that, if
    it is a text. *conceal* takes secrets out of ``shown_reason`` and of the message, because a server may
    send back what it was given."""

    def __init__(self, topic: str, response: object, conceal: Callable[[str], str] | None = None) -> None:
        self.topic = topic
        self.response = response
        self.shown_reason = _shown_reason(response, conceal)
        super().__init__(f"the join of {clip(topic)} was refused: {clip_repr(response, conceal=conceal)}")


class JoinTimeoutError(FastphxError, TimeoutError):
    """A join was not answered in time. The topic was left."""


class PushError(FastphxError):
    """The server answered a push with a status other than ok. ``reply`` is the whole answer; ``shown_reason``
    is as for :class:`JoinError`."""

    def __init__(
        self, topic: str, event: str, reply: Any, conceal: Callable[[str], str] | None = None
    ) -> None:
        self.topic = topic
        self.event = event
        self.reply = reply
        self.shown_reason = _shown_reason(reply.response, conceal)
        super().__init__(
            f"the push of {clip(event)} to {clip(topic)} was answered with status "
            f"{clip_repr(str(reply.status), conceal=conceal)}: {clip_repr(reply.response, conceal=conceal)}"
        )


class PushTimeoutError(FastphxError, TimeoutError):
    """A push was not answered in time. The server may have handled it or not."""


class ConnectionLostError(FastphxError, ConnectionError):
    """The connection was lost while a push waited. The server may have handled it or not."""


class ChannelCrashedError(FastphxError):
    """The channel crashed on the server (``phx_error``) while a push waited."""


class ClosedError(FastphxError):
    """The client or the channel is closed for good. ``__cause__`` is the reason, unless it was asked for."""
