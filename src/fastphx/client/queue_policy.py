"""What happens when a channel's queue is full."""

from __future__ import annotations

from typing import Final, Literal

from fastphx.errors import clip, clip_repr

Policy = Literal["block", "drop_oldest", "raise", "latest"]
"""``block``: the socket stops reading until the queue is half empty, and the server feels it. What was
already read (at most one read buffer) waits as it came; over long polling, it is still queued.
``drop_oldest``: the oldest message is dropped. ``raise``: the consumer gets one OverloadedError, and the
queue is emptied. ``latest``: only the newest message of each key is kept, in the place of the one before;
beyond the bound, the oldest key is dropped.

A queue is full with ``max_queue`` messages, or with ``max_queue_bytes`` of their payloads. A message that is
larger than that is still queued, alone.
"""

MAX_QUEUE_BYTES: Final = 16 * 1024 * 1024
"""How many bytes of payloads a queue holds by default. A message may have 8 MiB, so a bound on the number of
messages does not bound memory."""

MAX_BOUND: Final = 1 << 40

POLICIES: Final = ("block", "drop_oldest", "raise", "latest")


def check_queue(max_queue: int, max_queue_bytes: int, policy: str, key: object) -> None:
    """Raise ValueError for an invalid bound, policy or key."""
    for name, bound in (("max_queue", max_queue), ("max_queue_bytes", max_queue_bytes)):
        if not isinstance(bound, int) or not 1 <= bound <= MAX_BOUND:
            raise ValueError(f"{name} is {clip_repr(bound)}: give 1 to {MAX_BOUND}")
    if policy not in POLICIES:
        raise ValueError(f"policy is {clip(str(policy))}: give one of {', '.join(POLICIES)}")
    if (policy == "latest") != (key is not None):
        raise ValueError("policy='latest' and key= belong together: give both, or neither")
