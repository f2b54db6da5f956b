"""Standard output and error as a command needs them: what cannot be shown does not end what runs."""

from __future__ import annotations

import os
import sys
from typing import Any, TextIO


class LastingStream:
    """A text stream that goes on where its file does not: once a write fails (its reader is gone, the disk is
    full), what is written to it is dropped. What its encoding lacks is written as an escape.

    ``failed`` is the OSError of the write that failed; None while all were written.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.failed: OSError | None = None
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write *text*, or drop it; returns its length."""
        if self.failed is None:
            try:
                self._stream.write(text)
                self._stream.flush()
            except OSError as error:
                self.fail(error)
        return len(text)

    def flush(self) -> None:
        """Write out what is buffered, or drop it."""
        if self.failed is None:
            try:
                self._stream.flush()
            except OSError as error:
                self.fail(error)

    def fail(self, error: OSError) -> None:
        """Drop what is buffered, and all that comes."""
        self.failed = error
        # What is left in the buffer must not be tried again when Python ends.
        sink = os.open(os.devnull, os.O_WRONLY)
        os.dup2(sink, self._stream.fileno())
        os.close(sink)


def use_lasting_streams() -> None:
    """Make this process' standard output and error last; one that it was started without stays None."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is not None and not isinstance(stream, LastingStream):
            setattr(sys, name, LastingStream(stream))
