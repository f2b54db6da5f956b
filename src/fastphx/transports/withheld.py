"""Parameters, headers and tokens in a ``repr``: by name and length only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from fastphx.errors import clip

MAX_DEPTH = 4
MAX_SHOWN = 20
"""How deep, and how many of one collection are shown."""


def withheld(value: object, depth: int = 0) -> str:
    """What *value* is made of, without what is in it: ``{'token': <20 characters>}``.

    Pairs are shown as the mapping that they stand for. Nothing is called, and no iterator is used up.
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
    is_named = isinstance(value, Mapping) or (len(value) > 0 and all(_is_pair(each) for each in value))
    items: Iterable[object] = value.items() if isinstance(value, Mapping) else value
    for each in items:
        if len(shown) == MAX_SHOWN:
            shown.append("…")
            break
        if is_named:
            name, inner = each  # type: ignore[misc]
            shown.append(f"{clip(str(name))}: {withheld(inner, depth + 1)}")
        else:
            shown.append(withheld(each, depth + 1))
    opening, closing = "{}" if is_named else "[]"
    return f"{opening}{', '.join(shown)}{closing}"


def _is_pair(value: object) -> bool:
    return isinstance(value, tuple | list) and len(value) == 2 and isinstance(value[0], str)
