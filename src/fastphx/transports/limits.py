"""How much a connection may hold, and for how long, by default. These are security limits."""

from __future__ import annotations

DEFAULT_MAX_MESSAGE_SIZE = 8 * 1024 * 1024
"""Bytes of one received message, all its fragments together."""
DEFAULT_MAX_WRITE_BUFFER = 4 * 1024 * 1024
"""Bytes that wait to be sent."""
DEFAULT_MAX_PAUSE_S = 60.0
"""How long reading may be paused."""
