"""The tracebacks that were logged, for a test in which nothing may raise unforeseen."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager


class _Kept(logging.Handler):
    def __init__(self, tracebacks: list[str]) -> None:
        super().__init__()
        self._tracebacks = tracebacks

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info:
            self._tracebacks.append(logging.Formatter().format(record))


@contextmanager
def logged_tracebacks() -> Iterator[list[str]]:
    """A list that grows by each record that has one, as long as the context lasts."""
    tracebacks: list[str] = []
    handler = _Kept(tracebacks)
    logging.getLogger().addHandler(handler)
    try:
        yield tracebacks
    finally:
        logging.getLogger().removeHandler(handler)
