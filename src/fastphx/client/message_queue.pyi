from collections import deque
from collections.abc import Callable
from typing import Any, Protocol, final, type_check_only

from fastphx.client.queue_policy import Policy

@type_check_only
class QueueOwner(Protocol):
    """Is told by a queue."""

    def pause(self, queue: MessageQueue) -> object:
        """A ``block`` queue is full."""
    def resume(self, queue: MessageQueue) -> object:
        """It is half empty again, or gone."""
    def lost(self, count: int) -> object:
        """*count* items were dropped."""

@final
class MessageQueue:
    """Holds at most *limit* items, with payloads of *limit_bytes* together. Beyond that, *policy* applies. A
    single message may be larger. Compiled, because each message goes through it.

    For one consumer, in one thread. *key* is for the policy ``latest``. While ``paused``, the socket does not
    read because of this queue.
    """

    paused: bool
    def __init__(
        self,
        topic: str,
        limit: int,
        limit_bytes: int,
        policy: Policy,
        key: Callable[[Any], Any] | None,
        owner: QueueOwner,
    ) -> None: ...
    def __len__(self) -> int: ...
    @property
    def closed(self) -> bool: ...
    @property
    def waiting(self) -> bool:
        """Whether `pop` would return an item or raise an error that is due."""
    @property
    def ready(self) -> deque[Any] | None:
        """A deque from which the iterator may take items directly with ``popleft``, and then say so. None if
        the policy requires `get`."""
    def put(self, item: Any) -> None:
        """Add *item*. If the queue is full, the policy applies."""
    def pop(self) -> Any:
        """The next item. Raises IndexError or KeyError if there is none, and OverloadedError after an
        overflow."""
    async def get(self) -> Any:
        """Wait for the next item. Once the queue is closed and empty, raises StopAsyncIteration, or the error
        that it was closed with. Raises OverloadedError after an overflow, and RuntimeError if another task
        waits."""
    def unpause(self) -> None:
        """Let the socket read again, as far as this queue is concerned."""
    def close(self, error: Exception | None) -> None:
        """Close it. What is queued can still be taken; then comes *error*, or the end."""
    def clear(self) -> None:
        """Drop what is queued, and count it."""
