"""An exception's traceback for a log, though a client wrote part of its message."""

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
