"""What differs between releases of Phoenix, and between its web servers. docs/compatibility.md lists it."""

from __future__ import annotations

from dataclasses import dataclass

from tests.phoenix.phoenix import Phoenix

MALFORMED_CODE = 1011
"""What every release closes with after a frame that is no message."""

CHANNELS_A_SOCKET = 100
"""``max_channels_per_transport`` of the application, and Phoenix' default."""


@dataclass(frozen=True)
class Facts:
    disconnect_code: int
    """What a ``disconnect`` that is broadcast to a socket's id closes with."""
    idle_code: int
    """What the server closes with after its timeout without a frame."""
    drain_code: int
    """What the server closes with when it stops in order; 1006: it says nothing."""
    crash_payload: dict[str, str]
    """What comes with ``phx_error``."""
    bounds_channels: bool
    """Whether a socket may join only so many channels."""
    batched_posts: bool
    """Whether long polling takes several messages in a POST, and binary ones."""
    carries_any_bytes: bool
    """Whether long polling brings binary messages of the server that are no UTF-8."""
    auth_token: bool
    """Whether the token of a sub-protocol reaches the socket."""


def facts_of(phoenix: Phoenix) -> Facts:
    version = phoenix.version
    # The releases that had this backported to them.
    bounding = {(1, 5): (1, 5, 15), (1, 6): (1, 6, 17), (1, 7): (1, 7, 24)}.get(version[:2], (1, 8, 9))
    return Facts(
        disconnect_code=1001 if version >= (1, 8, 8) else 1000,
        idle_code=1002 if phoenix.adapter == "bandit" else 1000,
        drain_code=1012 if version >= (1, 7, 2) else 1006,
        crash_payload={"reason": "channel_crash"} if version >= (1, 8, 10) else {},
        bounds_channels=version >= bounding,
        batched_posts=version >= (1, 7),
        carries_any_bytes=phoenix.is_embedded,
        auth_token=version >= (1, 8),
    )
