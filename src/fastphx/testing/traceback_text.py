"""An exception's traceback, made safe for a log: a client may have written part of the message."""

from __future__ import annotations

import traceback

from fastphx.foreign_text import visible

MAX_MESSAGE_CHARS = 500


def traceback_text(error: BaseException) -> str:
    """What the interpreter would print, with each exception's message on one printable line, clipped."""
    parts = []
    for part in traceback.format_exception(error):
        is_own = part.startswith(("  File ", "Traceback ", "\n"))
        parts.append(part.rstrip("\n") if is_own else visible(part.rstrip(), MAX_MESSAGE_CHARS))
    return "\n".join(parts)
