from collections import deque
from collections.abc import Callable
from typing import Any, Protocol, final, type_check_only

from fastphx.client.queue_policy import Policy

@type_check_only
class QueueOwner(Protocol):
    """Whom a queue tells."""

    def pause(self, queue: MessageQueue) -> object:
        """A ``block`` queue is full."""
    def resume(self, queue: MessageQueue) -> object:
        """It is half empty again, or gone."""
    def lost(self, count: int) -> object:
        """So many items were dropped."""

@final
class MessageQueue:
    """Holds at most *limit* items with payloads of *limit_bytes*, then does as *policy* says (compiled: each
    message goes through it). One message may be larger than that.

    One consumer; not for several threads. *key* is for the policy ``latest``. While ``paused`` the socket
    does not read because of it.
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
        """Whether `pop` has something to give, be it an error."""
    @property
    def ready(self) -> deque[Any] | None:
        """What the iterator may take with ``popleft`` as it is, and then tell of. None where the policy asks
        for `get`."""
    def put(self, item: Any) -> None:
        """Add *item*, as the policy says where the queue is full."""
    def pop(self) -> Any:
        """The next item. Raises IndexError or KeyError where there is none, OverloadedError after an
        overflow."""
    async def get(self) -> Any:
        """The next item, when there is one. Raises StopAsyncIteration once closed and empty, or the error
        that it was closed with; OverloadedError after an overflow; RuntimeError where another task waits."""
    def unpause(self) -> None:
        """Let the socket read again, as far as this queue is concerned."""
    def close(self, error: Exception | None) -> None:
        """What is queued can still be taken; then comes *error*, or the end."""
    def clear(self) -> None:
        """Drop what is queued, and count it."""
