"""What a push is answered with."""

from __future__ import annotations

from typing import Any, NamedTuple

from fastphx.errors import ChannelCrashedError, ClosedError, ConnectionLostError, PushTimeoutError, clip


class Reply(NamedTuple):
    """The server's answer to a push. ``rtt`` is the time from sending to reading the answer, in seconds."""

    status: str
    response: Any
    ref: int
    rtt: float


def push_failure(outcome: object, topic: str, event: str, timeout_s: float) -> Exception:
    """The exception of a push that gets no reply: *outcome* is one already, or the session's word for it."""
    if isinstance(outcome, Exception):
        return outcome
    what = f"the push of {clip(event)} to {clip(topic)} was not answered"
    if outcome == "expired":
        return PushTimeoutError(f"{what} within {timeout_s:g} s")
    if outcome == "errored":
        return ChannelCrashedError(f"{what}: the channel crashed on the server")
    if outcome == "closed":
        return ClosedError(f"{what}: the channel was closed")
    return ConnectionLostError(f"{what}: the connection was lost")
