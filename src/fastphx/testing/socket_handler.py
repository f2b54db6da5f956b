"""What is served at one socket path: which channels, and who may connect."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from fastphx.errors import clip_repr
from fastphx.testing.channel import ServerChannel
from fastphx.testing.handshake import Handshake

MAX_BOUND = 1 << 40


def check_bound(name: str, value: object) -> None:
    """Raises ValueError if the option *name* bounds nothing."""
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MAX_BOUND:
        raise ValueError(f"{name} is {clip_repr(value)}: give 1 to {MAX_BOUND}")


@dataclass(slots=True)
class SocketHandler:
    """A user socket, as Phoenix calls it.

    ``channels`` maps a topic pattern (``room:lobby``, or ``room:*`` for a prefix) to a ServerChannel
    subclass, or to a callable that makes one. The first pattern that matches wins. ``connect`` gets the
    Handshake, and returns the socket's assigns, or False to refuse with 403. ``id`` gets the assigns, and
    returns the socket's name for ``Server.disconnect``. ``idle_timeout_s`` is how long a silent socket is
    kept (``math.inf``: for ever). ``max_channels_per_transport`` is how many topics a socket may join.
    """

    channels: Mapping[str, Callable[[], ServerChannel]]
    connect: Callable[[Handshake], Any] | None = None
    id: Callable[[Any], str | None] | None = None
    idle_timeout_s: float = 60.0
    max_channels_per_transport: int = 100
    max_message_size: int = 8 * 1024 * 1024
    _patterns: list[tuple[str, bool, Callable[[], ServerChannel]]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if not self.idle_timeout_s > 0:
            raise ValueError(f"idle_timeout_s is {self.idle_timeout_s!r}: give seconds, more than 0")
        for name in ("max_channels_per_transport", "max_message_size"):
            check_bound(name, getattr(self, name))
        self._patterns = []
        for pattern, factory in self.channels.items():
            if "*" in pattern[:-1]:
                raise ValueError(f"a topic pattern may have a * only at its end: {pattern!r}")
            wild = pattern.endswith("*")
            self._patterns.append((pattern[:-1] if wild else pattern, wild, factory))

    def route(self, topic: str) -> Callable[[], ServerChannel] | None:
        """The callable that makes the topic's channel; None if no pattern matches."""
        for text, wild, factory in self._patterns:
            if topic.startswith(text) if wild else topic == text:
                return factory
        return None
