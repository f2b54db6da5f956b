"""A port that nobody listens on, and that no connection takes by itself."""

from __future__ import annotations

import random
import socket

# Below the ports of outgoing connections (from 32768 on Linux), of which a load run makes thousands.
FIRST, LAST = 20000, 32000


def free_port() -> int:
    """A free port of 127.0.0.1."""
    while True:
        port = random.SystemRandom().randint(FIRST, LAST)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
