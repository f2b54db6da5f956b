"""Parameters, headers and tokens in a ``repr``: only their names and lengths."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastphx.errors import clip
from fastphx.transports.pairs import pairs_of

MAX_DEPTH = 4
MAX_SHOWN = 20
"""How deep, and how many of one collection are shown."""


def withheld(value: object, depth: int = 0) -> str:
    """The shape of *value*, without its content: ``{'token': <20 characters>}``.

    Pairs are shown as a mapping. Nothing is called, and no iterator is used up.
    """
    if value is None or isinstance(value, bool):
        return repr(value)
    if isinstance(value, str):
        return f"<{len(value)} characters>"
    if isinstance(value, bytes):
        return f"<{len(value)} bytes>"
    if callable(value):
        return "<callable>"
    if not isinstance(value, Mapping | list | tuple):
        return f"<{type(value).__name__}>"
    if depth == MAX_DEPTH:
        return "…"
    shown: list[str] = []
    each: Any
    is_named = isinstance(value, Mapping) or (len(value) > 0 and all(_is_pair(each) for each in value))
    for each in pairs_of(value):
        if len(shown) == MAX_SHOWN:
            shown.append("…")
            break
        if is_named:
            shown.append(f"{clip(str(each[0]))}: {withheld(each[1], depth + 1)}")
        else:
            shown.append(withheld(each, depth + 1))
    opening, closing = "{}" if is_named else "[]"
    return f"{opening}{', '.join(shown)}{closing}"


def _is_pair(value: object) -> bool:
    return isinstance(value, tuple | list) and len(value) == 2 and isinstance(value[0], str)
