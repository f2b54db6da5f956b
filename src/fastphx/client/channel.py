"""A channel on a topic, as its user sees it. phoenix.js' ``Channel``."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, ClassVar, Literal, TypeVar, overload

from fastphx.client.channel_iterator import ChannelIterator
from fastphx.client.context import Context
from fastphx.client.deadline import checked_timeout
from fastphx.client.delivery import Decoder, Delivery, Handler
from fastphx.client.membership import Membership
from fastphx.client.outage import Outage
from fastphx.client.pool import Pool
from fastphx.client.push import Pusher, PushReply, push_reply
from fastphx.client.push_buffer import PushBuffer
from fastphx.client.queue_policy import Policy, check_queue
from fastphx.errors import clip
from fastphx.protocol.frame_write import NO_PAYLOAD
from fastphx.protocol.joins import JoinState
from fastphx.protocol.message import Message

H = TypeVar("H", bound=Handler)


class Channel:
    """One topic of a client. ``client.channel`` and ``client.join`` make it, and document its arguments.

    ``async for message in channel`` yields the messages that no handler takes, in order, and an
    :class:`~fastphx.client.outage.Outage` after each outage. There is one iterator at a time. It ends when
    the channel is left or closed, and raises ClosedError if the client was closed because of an error. Once
    the loop is left, the iterator is gone, and messages are no longer queued.

    ``cursor`` belongs to the user, and says how far the user has read. If the join payload is a callable with
    a parameter, it is called with ``cursor`` at each join.
    """

    __slots__ = (
        "__weakref__",
        "_context",
        "_delivery",
        "_membership",
        "_pusher",
        "cursor",
        "topic",
        "unsent",
    )

    delivery_class: ClassVar[type[Delivery]] = Delivery

    def __init__(
        self,
        context: Context,
        pool: Pool,
        topic: str,
        payload: Any,
        *,
        decoder: Decoder | Literal["raw"] | None,
        max_queue: int,
        max_queue_bytes: int,
        policy: Policy,
        key: Callable[[Message], Any] | None,
    ) -> None:
        if not isinstance(topic, str):
            raise TypeError(f"the topic is {clip(repr(topic))}: give a str")
        check_queue(max_queue, max_queue_bytes, policy, key)
        if decoder is not None and decoder != "raw" and not callable(decoder):
            raise ValueError(f"decoder is {clip(repr(decoder))}: give a callable of bytes, or 'raw'")
        self.topic = topic
        self.cursor: Any = None
        self.unsent = PushBuffer(context, topic)
        """Pushes and casts that wait for the channel to be joined; ``len()`` of it says how many."""
        self._context = context
        # bytes() of bytes is the same object.
        own_decoder: Decoder | None = bytes if decoder == "raw" else decoder
        self._delivery = self.delivery_class(
            context,
            topic,
            decoder=own_decoder,
            max_queue=max_queue,
            max_queue_bytes=max_queue_bytes,
            policy=policy,
            key=key,
        )
        self._membership = Membership(
            context,
            pool,
            topic,
            channel=self,
            payload=payload,
            delivery=self._delivery,
            unsent=self.unsent,
        )
        self._pusher = Pusher(context, self._membership, self.unsent)

    def __repr__(self) -> str:
        return f"<Channel {self.topic!r} {self.state}>"

    @property
    def state(self) -> JoinState:
        """As phoenix.js' ``channel.state``. It is JOINING, too, while the first connection is opened."""
        return self._membership.state

    @property
    def response(self) -> Any:
        """The server's response to the last join."""
        return self._membership.response

    @property
    def join_ref(self) -> int:
        """That of the current join; 0 if there is none."""
        return self._membership.join_ref

    @property
    def gaps(self) -> int:
        """How many outages there were."""
        return self._membership.gaps

    @property
    def queue_depth(self) -> int:
        """Messages that wait for the iterator or an async handler."""
        return self._delivery.depth

    @property
    def dropped(self) -> int:
        """Messages that were queued and dropped, by the policy or because the iterator was gone."""
        return self._delivery.dropped

    # -- joining and leaving

    async def join(self, *, timeout: float | None = None) -> Any:
        """Join, and return the server's response. *timeout* is in seconds; None: the client's.

        If there is no connection, this waits for it. A topic that is being left may be joined at once: that
        ends the leave. Once joined, the channel is joined again after each disconnect and crash, until it is
        left or the server closes it.

        Raises JoinError if the server refuses, JoinTimeoutError, AlreadyJoinedError if the client already has
        the topic, ClosedError, EncodingError, and what a payload callable raises. The channel is not joined
        then, and may be joined again.
        """
        return await self._membership.join(checked_timeout(timeout, self._context.options.timeout))

    async def leave(self, *, timeout: float | None = None) -> None:
        """Leave. Returns when the server has answered or has closed the channel, when the topic is joined
        again, or after *timeout* seconds. A pending join is cancelled. Raises NotJoinedError if the channel
        is already closed."""
        await self._membership.leave(checked_timeout(timeout, self._context.options.timeout))

    # -- pushing

    async def push(
        self, event: str, payload: Any = NO_PAYLOAD, *, timeout: float | None = None, check: bool = True
    ) -> PushReply:
        """Push, and return the server's reply. *payload* is anything that orjson takes (None is JSON's null),
        or ``bytes`` for a binary frame; the default is an empty object. *timeout* is in seconds; None: the
        client's.

        While the channel is being joined, the push waits for that. While disconnected, it waits if the client
        has a ``buffer``, and otherwise raises DisconnectedError. It is never sent twice.

        Raises PushError for a status other than ok, unless *check* is False; PushTimeoutError;
        ConnectionLostError, ChannelCrashedError or ClosedError if the reply can no longer come; and
        NotJoinedError, EncodingError or OverloadedError, with nothing sent.
        """
        message, rtt_ns = await self._pusher.answer(event, payload, timeout)
        reply = push_reply(message, rtt_ns)
        if check and reply.status != "ok":
            raise self._pusher.refused(event, payload, reply)
        return reply

    def cast(self, event: str, payload: Any = NO_PAYLOAD) -> None:
        """Push without waiting for a reply. If there is one, it is ignored.

        If it cannot be sent now, it waits as a push does, at most for the client's timeout. A cast that is
        not sent by then is counted in ``stats.unsent_dropped``. Raises DisconnectedError, NotJoinedError,
        EncodingError and OverloadedError.
        """
        self._pusher.cast(event, payload)

    # -- messages

    @overload
    def on(self, event: str, handler: H) -> H: ...
    @overload
    def on(self, event: str, handler: None = None) -> Callable[[H], H]: ...
    def on(self, event: str, handler: H | None = None) -> H | Callable[[H], H]:
        """Call *handler(message)* for each message of *event*. Without *handler*, this is a decorator.

        A plain function is called when the message is read. A coroutine function is awaited before the next
        message is handled. If a channel has one, messages wait for all its handlers, in a queue with the
        channel's bound and policy. An exception of a handler is logged and counted, and the connection goes
        on.
        """
        if handler is None:
            return functools.partial(self.on, event)
        self._delivery.on(event, handler)
        if self._membership.is_settled:
            self._delivery.take_backlog()
        return handler

    def off(self, event: str, handler: Handler | None = None) -> None:
        """No longer call *handler* for *event*; without *handler*, call none."""
        self._delivery.off(event, handler)

    def on_outage(self, handler: H) -> H:
        """Call *handler(outage)* after each rejoin, before the first message. See :meth:`on`."""
        return self.on(Outage.EVENT, handler)

    def on_error(self, handler: H) -> H:
        """Call *handler(message)* when the channel has crashed on the server, or was refused a rejoin."""
        return self.on("phx_error", handler)

    def on_close(self, handler: H) -> H:
        """Call *handler(message)* when the server has closed the channel. *message* is None if the channel
        was left, and the leave was over before a close came."""
        return self.on("phx_close", handler)

    def __aiter__(self) -> ChannelIterator:
        self._context.own_loop()
        membership = self._membership
        if not membership.was_joined:
            raise membership.not_joined()
        iterator = self._delivery.iterate(closed=membership.socket is None, error=membership.end_error)
        if membership.is_settled:
            self._delivery.take_backlog()
        return iterator
