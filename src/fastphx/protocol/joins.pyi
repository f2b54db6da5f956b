from collections.abc import Callable
from enum import IntEnum
from typing import Any, final

from fastphx.protocol.message import Message

class JoinState(IntEnum):
    """The states of phoenix.js' CHANNEL_STATES, with the same names: ``str(JoinState.JOINED)`` is
    ``"joined"``."""

    CLOSED = 0
    JOINING = 1
    JOINED = 2
    LEAVING = 3
    ERRORED = 4
    def __format__(self, specification: str, /) -> str: ...

@final
class Join:
    """One topic on one socket.

    ``owner`` is any object that the session's user sets. A Join with an owner outlives its close and a
    disconnect. ``handlers`` maps an event to a callable, and ``on_message`` takes every other event. Both are
    called with the Message, instead of the session's handler. To change the handlers, set another dict: a
    change within the dict may not be noticed.
    """

    owner: Any
    handlers: dict[str, Callable[[Message], object]] | None
    on_message: Callable[[Message], object] | None
    @property
    def topic(self) -> str: ...
    @property
    def state(self) -> JoinState: ...
    @property
    def join_ref(self) -> int:
        """That of the current join; 0 if there is none."""

@final
class JoinMap:
    """Topic join map (compiled; the session uses it). Raises ValueError if max_topics is below 1."""

    def __init__(self, max_topics: int = 1_000_000) -> None: ...
    def __len__(self) -> int: ...
    def __contains__(self, topic: str, /) -> bool: ...
    @property
    def capacity(self) -> int: ...
    @property
    def max_topics(self) -> int: ...
