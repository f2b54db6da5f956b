"""An input that is a series of steps: what a peer sends, and what a user does in between."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

BETWEEN = b"\xff\n"
"""Between two steps: a newline behind a byte that no UTF-8 has."""


def steps_of(data: bytes) -> Iterator[tuple[str, bytes]]:
    """The kind of each step, which is its first character, and what follows."""
    for step in data.split(BETWEEN):
        yield step[:1].decode("latin-1"), step[1:]


def joined(options: int, steps: Iterable[bytes]) -> bytes:
    """An input: a byte of options, and steps."""
    return bytes([options]) + BETWEEN.join(steps)


def number(data: bytes, limit: int) -> int:
    """A number below *limit*, out of the first byte."""
    return data[0] % limit if data else 0
