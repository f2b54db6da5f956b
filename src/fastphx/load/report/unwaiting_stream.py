"""A stream for what a run tells while it goes: no run waits for who reads that."""

from __future__ import annotations

import io
import os
import select
import sys
import time
from typing import Any, Self, TextIO

MAX_KEPT_BYTES = 256 * 1024
"""What is kept for a reader that is late; what comes beyond it is dropped, a whole text at a time."""
END_S = 1.0
"""How long a late reader is waited for at the end."""
TERMINAL_CHUNK = 256
"""A terminal that is ready takes so many bytes at once. A pipe takes ``select.PIPE_BUF``."""


class UnwaitingStream:
    """A text stream over *stream* whose writes never block: what its reader leaves no room for is kept, and
    dropped when that is too much. Where the system cannot tell whether there is room, it writes as *stream*
    does."""

    def __init__(self, stream: TextIO) -> None:
        self.dropped_lines = 0
        self._stream = stream
        self._kept = bytearray()
        self._chunk = TERMINAL_CHUNK if stream.isatty() else getattr(select, "PIPE_BUF", TERMINAL_CHUNK)
        self._descriptor = _descriptor_of(stream)

    @classmethod
    def stdout(cls) -> Self | None:
        """Over standard output; None where this process has none."""
        return None if sys.stdout is None else cls(sys.stdout)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write *text*, keep it, or drop it; returns its length."""
        if self._descriptor is None:
            self._stream.write(text)
            self._stream.flush()
            return len(text)
        data = text.encode(self._stream.encoding, "backslashreplace")
        self._write_out(0.0)
        if len(self._kept) + len(data) > MAX_KEPT_BYTES:
            self.dropped_lines += max(1, text.count("\n"))
        else:
            self._kept += data
            self._write_out(0.0)
        return len(text)

    def flush(self) -> None:
        """Write out what is kept, as far as there is room."""
        self._write_out(0.0)

    def end(self) -> None:
        """Nothing more will come: wait for a late reader, END_S at most, and drop the rest."""
        self._write_out(END_S)
        if self._kept:
            self.dropped_lines += max(1, self._kept.count(b"\n"))
            self._kept.clear()

    def _write_out(self, timeout_s: float) -> None:
        until_s = time.monotonic() + timeout_s
        while self._kept and self._descriptor is not None:
            poll = select.poll()
            poll.register(self._descriptor, select.POLLOUT)
            if not poll.poll(max(0.0, until_s - time.monotonic()) * 1e3):
                return
            try:
                del self._kept[: os.write(self._descriptor, self._kept[: self._chunk])]
            except OSError:
                # The stream below knows what to do where nobody reads any more, or the disk is full.
                self._descriptor = None
                self._stream.write(self._kept.decode(self._stream.encoding, "replace"))
                self._stream.flush()
                self._kept.clear()


def _descriptor_of(stream: TextIO) -> int | None:
    if not hasattr(select, "poll"):
        return None
    try:
        stream.flush()
        return stream.fileno()
    except (io.UnsupportedOperation, AttributeError):
        return None
