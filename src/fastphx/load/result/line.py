"""A line of the worker protocol, which both sides can read whatever is in it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

MAX_LINE_BYTES = 64 << 20
"""What both sides read: a plan in the one direction, what was counted in the other."""

_TABLES = ("topics", "events", "event_counts", "reasons", "herd")


def encode_line(line: Mapping[str, Any]) -> bytes:
    """*line* as JSON. Its tables have bounds of their own; if it is longer than MAX_LINE_BYTES all the
    same, the longest are left out, and ``left_out`` says how many entries of which."""
    try:
        encoded = orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE)
    except TypeError:
        line = encodable(line)
        encoded = orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE)
    left_out: dict[str, int] = {}
    while len(encoded) > MAX_LINE_BYTES and (tables := [name for name in _TABLES if line.get(name)]):
        longest = max(tables, key=lambda name: len(orjson.dumps(line[name])))
        left_out[longest] = len(line[longest])
        line = {**line, longest: {}, "left_out": left_out}
        encoded = orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE)
    return encoded


def encodable(value: Any) -> Any:
    """*value*, in whose texts the halves of surrogate pairs, which no UTF-8 has, are escapes."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, Mapping):
        return {encodable(key): encodable(each) for key, each in value.items()}
    return [encodable(each) for each in value] if isinstance(value, list | tuple) else value
