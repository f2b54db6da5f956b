"""A session that has joined ``room:a``, without a transport."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from fastphx.protocol.callback_session import CallbackSession
from fastphx.protocol.frame_write import encode_reply
from fastphx.protocol.message import Message
from tests.protocol.collecting_writer import CollectingWriter


def joined_session(
    on_message: Callable[[Message], Any], on_reply: Callable[..., Any] | None = None
) -> CallbackSession:
    """*on_reply* gets what the session gives it; without one, replies are dropped."""
    handler = SimpleNamespace(
        on_message=on_message,
        on_reply=on_reply or (lambda *_: None),
        on_joined=lambda *_: None,
        on_unknown_topic=lambda _: None,
        on_bad_frame=lambda _: None,
    )
    session = CallbackSession(handler, heartbeat_interval_s=0)
    session.opened(CollectingWriter(), 0, 0.0)
    ref = str(session.join("room:a"))
    session.receive(encode_reply(ref, ref, "room:a", "ok", b"{}"), 1, 0)
    return session
