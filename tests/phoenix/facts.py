"""What differs between releases of Phoenix, and between its web servers. docs/compatibility.md lists it."""

from __future__ import annotations

from dataclasses import dataclass

from tests.phoenix.phoenix import Phoenix


@dataclass(frozen=True)
class Facts:
    disconnect_code: int
    """What a ``disconnect`` broadcast to a socket's id closes with."""
    idle_code: int
    """What the server closes with after its timeout without a frame."""
    malformed_code: int
    """What the server closes with after a frame that is no message."""
    crash_payload: dict[str, str]
    """What comes with ``phx_error``."""
    drains: bool
    """Whether sockets are closed with 1012 before the server stops."""
    batched_posts: bool
    """Whether long polling takes several messages in a POST."""
    auth_token: bool
    """Whether the token of a sub-protocol reaches the socket."""


def facts_of(phoenix: Phoenix) -> Facts:
    version, cowboy = phoenix.version, phoenix.adapter == "cowboy"
    return Facts(
        disconnect_code=1001 if version >= (1, 8) else 1000,
        idle_code=1000 if cowboy else 1002,
        malformed_code=1011,
        crash_payload={"reason": "channel_crash"} if version >= (1, 8, 10) else {},
        drains=version >= (1, 7, 2),
        batched_posts=version >= (1, 7),
        auth_token=version >= (1, 8),
    )
