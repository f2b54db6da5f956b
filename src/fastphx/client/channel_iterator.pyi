from collections.abc import Callable
from typing import Any, Protocol, Self, final, type_check_only

from fastphx.client.message_queue import MessageQueue
from fastphx.client.outage import Outage
from fastphx.protocol.message import Message

@type_check_only
class IterationOwner(Protocol):
    """Is told by an iterator."""

    def stop_iterating(self, queue: MessageQueue) -> object:
        """The iterator is gone."""

@final
class ChannelIterator:
    """Yields a channel's messages. When it is gone, the channel queues nothing more. Compiled, because each
    message goes through it."""

    def __init__(
        self, delivery: IterationOwner, queue: MessageQueue, decoder: Callable[[bytes], Any] | None
    ) -> None: ...
    def __aiter__(self) -> Self: ...
    async def __anext__(self) -> Message | Outage: ...
    def __del__(self) -> None: ...
