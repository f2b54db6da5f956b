"""What happens to a channel's queue that is full."""

from __future__ import annotations

from typing import Final, Literal

from fastphx.errors import clip

Policy = Literal["block", "drop_oldest", "raise", "latest"]
"""``block``: the socket stops reading until the queue is half empty, so that the server feels it. What was
read already (at most one read buffer) waits as it came; over long polling it is still queued.
``drop_oldest``: the oldest message goes. ``raise``: the consumer gets an OverloadedError, once, and the queue
is emptied. ``latest``: only the newest message of each key is kept, in the place of the one before; past the
bound the oldest key goes.

A queue is full with ``max_queue`` messages, or with ``max_queue_bytes`` of their payloads. One message that
is larger than that is queued all the same, alone.
"""

MAX_QUEUE_BYTES: Final = 16 * 1024 * 1024
"""How many bytes of payloads a queue holds by default. A message may be of 8 MiB, so that a bound in messages
alone is none in memory."""

POLICIES: Final = ("block", "drop_oldest", "raise", "latest")


def check_queue(max_queue: int, max_queue_bytes: int, policy: str, key: object) -> None:
    """Raises ValueError for a bound, a policy or a key that makes no sense."""
    for name, bound in (("max_queue", max_queue), ("max_queue_bytes", max_queue_bytes)):
        if bound < 1:
            raise ValueError(f"{name} is {bound}: give at least 1")
    if policy not in POLICIES:
        raise ValueError(f"policy is {clip(str(policy))}: give one of {', '.join(POLICIES)}")
    if (policy == "latest") != (key is not None):
        raise ValueError("policy='latest' and key= belong together: give both, or neither")
