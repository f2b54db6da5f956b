from typing import Any, Protocol, final, type_check_only

from fastphx.errors import DecodeError
from fastphx.protocol.joins import Join, JoinState
from fastphx.protocol.message import Message
from fastphx.protocol.session import Session
from fastphx.protocol.sink import FrameWriter
from fastphx.timing.wheel import TimerWheel

@type_check_only
class SessionHandler(Protocol):
    """Is called by a CallbackSession. Every method must be there, and none may be a coroutine function."""

    def on_joined(self, message: Message, join: Join) -> object: ...
    def on_join_error(self, message: Message, join: Join) -> object: ...
    def on_join_timeout(self, join: Join) -> object: ...
    def on_reply(self, message: Message, waiter: Any, rtt_ns: int) -> object:
        """For a reply to a push that nobody awaits, *waiter* is None, and rtt_ns -1."""
    def on_message(self, message: Message) -> object: ...
    def on_closed(self, message: Message | None, join: Join) -> object: ...
    def on_errored(self, message: Message, join: Join) -> object: ...
    def on_unknown_topic(self, message: Message) -> object: ...
    def on_bad_frame(self, error: DecodeError) -> object: ...
    def on_heartbeat_reply(self, rtt_ns: int) -> object: ...
    def on_heartbeat_timeout(self) -> object: ...
    def on_expired(self, ref: int, waiter: Any) -> object: ...
    def on_failed(self, ref: int, waiter: Any, reason: str) -> object:
        """*reason*: "closed", "errored" or "disconnected"."""

@final
class CallbackSession(Session):
    """The Python-facing session: builds a Message and calls *handler*.

    If the topic's Join has a callable for the event in ``handlers``, or an ``on_message``, the message goes
    there, and not to ``handler.on_message``. An exception of a callable goes to
    ``handler.on_handler_error(error, message)`` if the handler has this method, otherwise through to the
    transport.
    """

    def __init__(
        self,
        handler: SessionHandler,
        *,
        serializer: Any = None,
        heartbeat_interval_s: float = 30.0,
        max_in_flight: int = 65536,
        max_topics: int = 1_000_000,
        join_ends_leave: bool = False,
    ) -> None: ...
    def opened(self, writer: FrameWriter, now_ns: int, phase: float, *, heartbeat: bool = True) -> None:
        """*heartbeat* False: no heartbeats on this connection (long polling has none)."""
    def disconnected(self) -> None: ...
    def use_wheel(self, wheel: TimerWheel) -> None: ...
    def set_reading(self, reading: bool, now_ns: int) -> None: ...
    def tick(self, now_ns: int) -> None: ...
    @property
    def next_deadline_ns(self) -> int | None: ...
    @property
    def is_open(self) -> bool: ...
    def join_entry(self, topic: str) -> Join:
        """The topic's Join, for setting handlers or an owner. It is made if there is none."""
    def forget(self, topic: str) -> None:
        """Drop the topic's Join, whatever its state. Whatever waits for it fails with ``closed``."""
    def topics(self) -> list[str]: ...
    def join(self, topic: str, payload: Any = ..., *, deadline_ns: int | None = None) -> int:
        """Returns the ref. Raises AlreadyJoinedError, DisconnectedError, EncodingError, OverloadedError."""
    def leave(
        self,
        topic: str,
        payload: Any = ...,
        *,
        deadline_ns: int | None = None,
        cancel_join: bool = False,
    ) -> int:
        """Returns the ref. Raises NotJoinedError if the topic is not joined (or, with cancel_join, not being
        joined), DisconnectedError, EncodingError, OverloadedError."""
    def push(self, topic: str, event: str, payload: Any) -> int: ...
    def push_awaited(
        self,
        topic: str,
        event: str,
        payload: Any,
        waiter: Any,
        *,
        now_ns: int | None = None,
        deadline_ns: int | None = ...,
    ) -> int:
        """Times are readings of time.monotonic_ns(). Without now_ns, the clock is read here."""
    def abandon(self, ref: int) -> bool:
        """Stop waiting for *ref*, because its push was cancelled. False if nobody waited."""
    def joined(self, topic: str) -> bool:
        """True from the join's ok reply until the close, as in GenSocketClient."""
    def state(self, topic: str) -> JoinState: ...
    def receive(self, data: bytes, opcode: int, now_ns: int | None = None) -> None:
        """Take one whole message. For transports that are not compiled, and for tests."""
    @property
    def stats(self) -> dict[str, int]: ...
