"""What a connection may hold, and for how long, unless it is told otherwise. They are security limits."""

from __future__ import annotations

DEFAULT_MAX_MESSAGE_SIZE = 8 * 1024 * 1024
"""Bytes of one message that is received, fragments together."""
DEFAULT_MAX_WRITE_BUFFER = 4 * 1024 * 1024
"""Bytes that wait to be sent."""
DEFAULT_MAX_PAUSE_S = 60.0
"""How long reading may be paused."""
