"""Reads of many messages with one head, of which a callback reads the payloads, or some of them."""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import Any

from ci.random_streams import ANSWER, MAX_FRAME_SIZE, Handshake
from tests.protocol.joined_session import joined_session
from tests.protocol.random_payloads import Reader, payloads
from tests.transports.raw_server import TEXT, frame

from fastphx.protocol.codec import encode
from fastphx.protocol.decode_ahead import counts


def run(count: int, seed: int, reader: Any, loop: object) -> Counter[str]:
    """*count* reads through *reader*, each by a session of its own; what a payload is, is compared."""
    random = Random(seed)
    seen: Counter[str] = Counter()
    for _ in range(count):
        callback = Reader(random)
        link = reader(joined_session(callback), Handshake(), loop, MAX_FRAME_SIZE)
        link.read(ANSWER)
        # After a streak of payloads that are read, whatever came before is forgotten.
        streak = [b"0"] * random.choice((0, 20, 1500))
        sent = b"".join(
            frame(TEXT, encode(None, None, "room:a", "new_msg", payload))
            for payload in (*streak, *payloads(random, 100))
        )
        longest = random.choice((100, 5000, len(sent)))
        at = 0
        while at < len(sent):
            at += link.read(sent[at : at + random.randrange(1, longest + 1)])
        seen["payload reads"] += callback.messages
    return seen + Counter({f"payloads {name}": number for name, number in counts().items()})
