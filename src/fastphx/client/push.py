"""Pushing on a channel, and the answer to a push. phoenix.js' ``Push``."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from time import monotonic_ns
from typing import Any, NamedTuple

from fastphx.client.context import Context
from fastphx.client.deadline import checked_timeout, deadline_after
from fastphx.client.membership import Membership
from fastphx.client.push_buffer import PushBuffer, UnsentPush
from fastphx.client.waiter import ReplyWaiter
from fastphx.errors import (
    ChannelCrashedError,
    ClosedError,
    ConnectionLostError,
    DisconnectedError,
    NotJoinedError,
    OverloadedError,
    PushError,
    PushTimeoutError,
    clip,
)
from fastphx.protocol.callback_session import CallbackSession
from fastphx.protocol.joins import JoinState
from fastphx.protocol.message import Message

MAX_JOIN_WAITERS = 1024
"""How many pushes may wait for their channel's pending join."""


class PushReply(NamedTuple):
    """The server's answer to a push. ``rtt`` is the time from sending to reading the answer, in seconds."""

    status: str
    response: Any
    ref: int
    rtt: float


def push_reply(message: Message, rtt_ns: int) -> PushReply:
    """The reply that *message* is. Raises DecodeError."""
    return PushReply(message.status, message.response, message.ref_number or 0, rtt_ns / 1e9)


class Pusher:
    """Sends one channel's pushes, or keeps them in *unsent* until the channel is joined."""

    __slots__ = ("_context", "_membership", "_timeout_ns", "_timeout_s", "_topic", "_unsent")

    def __init__(self, context: Context, membership: Membership, unsent: PushBuffer) -> None:
        self._context = context
        self._membership = membership
        self._timeout_s = context.options.timeout
        self._timeout_ns = None if self._timeout_s == math.inf else int(self._timeout_s * 1e9)
        self._topic = membership.topic
        self._unsent = unsent

    async def answer(
        self,
        event: str,
        payload: Any,
        timeout: float | None,
        on_reply: Callable[[Message], object] | None = None,
    ) -> tuple[Message, int]:
        """Push, and return the reply and its round trip in nanoseconds. See
        :meth:`fastphx.client.channel.Channel.push`."""
        if timeout is None:
            timeout_s, timeout_ns = self._timeout_s, self._timeout_ns
            deadline_ns = None if timeout_ns is None else monotonic_ns() + timeout_ns
        else:
            timeout_s = checked_timeout(timeout, self._timeout_s)
            deadline_ns = deadline_after(timeout_s)
        socket = self._membership.socket
        if socket is None:
            raise self._membership.not_joined()
        loop = self._context.own_loop()
        waiter: asyncio.Future[Any] = (
            loop.create_future() if on_reply is None else ReplyWaiter(on_reply, loop)
        )
        session: CallbackSession | None = socket.session
        unsent = timer = None
        ref = 0
        try:
            ref = socket.session.push_awaited(self._topic, event, payload, waiter, deadline_ns=deadline_ns)
        except (NotJoinedError, DisconnectedError):
            unsent = UnsentPush(event, payload, deadline_ns, waiter)
            if not self._keep(unsent):
                raise
            if timeout_s != math.inf:
                timer = loop.call_later(timeout_s, self._unsent.expire, unsent)
        try:
            outcome = await waiter
        except asyncio.CancelledError:
            if unsent is not None:
                self._unsent.discard(unsent)
                ref, session = unsent.ref, unsent.session
            # If the waiter already has its outcome, the ref may belong to another push by now.
            if session is not None and waiter.cancelled():
                session.abandon(ref)
            raise
        finally:
            if timer is not None:
                timer.cancel()
        if type(outcome) is not tuple:
            raise self._failure(outcome, event, timeout_s)
        return outcome

    def refused(self, event: str, payload: Any, reply: PushReply) -> PushError:
        """The error of a push of *payload* that was answered with another status than ok."""
        socket = self._membership.socket
        conceal = None if socket is None else socket.redaction(self._membership.join_payload, payload)
        return PushError(self._topic, event, reply, conceal)

    def cast(self, event: str, payload: Any) -> None:
        """See :meth:`fastphx.client.channel.Channel.cast`."""
        self._context.own_loop()
        socket = self._membership.socket
        if socket is None:
            raise self._membership.not_joined()
        try:
            socket.session.push(self._topic, event, payload)
        except (NotJoinedError, DisconnectedError):
            if not self._keep(UnsentPush(event, payload, deadline_after(self._timeout_s), None)):
                raise

    def _keep(self, unsent: UnsentPush) -> bool:
        """Keep a push until the channel is joined, if the options allow it. Raises OverloadedError."""
        socket = self._membership.socket
        if socket is None or self._membership.leaving:
            return False
        limit = self._context.options.buffer
        if socket.is_open and socket.session.state(self._topic) in (JoinState.JOINING, JoinState.CLOSED):
            if len(self._unsent) >= max(limit, MAX_JOIN_WAITERS):
                raise OverloadedError(
                    f"{len(self._unsent)} pushes wait for {clip(self._topic)} to be joined: slow down"
                )
        elif not limit:
            return False
        elif self._context.unsent >= limit:
            for channel in self._context.channels.values():
                channel.unsent.drop_expired()
            if self._context.unsent >= limit:
                raise OverloadedError(
                    f"{self._context.unsent} pushes are buffered, which is buffer: slow down or raise it"
                )
        self._unsent.add(unsent)
        return True

    def _failure(self, outcome: object, event: str, timeout_s: float) -> Exception:
        """The exception of a push that gets no reply. *outcome* is an exception, or the session's reason."""
        if isinstance(outcome, Exception):
            return outcome
        what = f"the push of {clip(event)} to {clip(self._topic)} was not answered"
        if outcome == "expired":
            return PushTimeoutError(f"{what} within {timeout_s:g} s")
        if outcome == "errored":
            return ChannelCrashedError(f"{what}: the channel crashed on the server")
        if outcome == "closed":
            return ClosedError(f"{what}: the channel was closed")
        return ConnectionLostError(f"{what}: the connection was lost")
