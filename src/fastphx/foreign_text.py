"""Text that a peer wrote, made safe for where it goes.

A server, a proxy or a client may send anything as an event name, a topic, a reason, a close reason, an HTTP
body or a header value. Each function here makes such a text safe for one kind of place: a terminal, a log
line or an XML file (:func:`visible`), an HTML page, a Markdown page, a Prometheus label, JSON on a terminal.
Nothing is lost silently: what is not allowed there is written as an escape, and what is too long ends with
``…``. And a log must not grow with each thing that a peer sends: :func:`is_logged`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable

MAX_SHOWN_CHARS = 200
"""How much of one name or reason is shown, unless a place asks for more or less."""

MAX_SENTENCE_CHARS = 2000
"""How much of a whole sentence is shown: it may quote several names."""

LOGGED_FIRST = 10
"""How many of the same thing are logged before it is logged ever more seldom."""

_BACKTICKS = re.compile("`+")


def is_logged(count: int) -> bool:
    """Whether there is a log record of the *count*-th of what a peer may send without end, such as a frame
    that cannot be read: of the first :data:`LOGGED_FIRST`, then each time that their number has doubled."""
    return count <= LOGGED_FIRST or count & (count - 1) == 0


def clipped(text: str, limit: int = MAX_SHOWN_CHARS) -> str:
    """At most *limit* characters of *text*, followed by ``…`` if there are more."""
    return text if len(text) <= limit else f"{text[:limit]}…"


def visible(text: str, limit: int = MAX_SHOWN_CHARS) -> str:
    """One line of printable characters for a terminal, a log record or an exception.

    Characters that move a cursor, end a line, change the direction of writing or are invisible (all that
    ``str.isprintable`` refuses) are written as Python writes them: ``\\x1b``, ``\\u202e``. At most *limit*
    characters of *text* are taken. The result is also safe for an XML writer: it has nothing that XML 1.0
    forbids (section 2.2).
    """
    shown = clipped(text, limit)
    if shown.isprintable():
        return shown
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape", "surrogatepass").decode()
        for char in shown
    )


def quoted(text: str, limit: int = MAX_SHOWN_CHARS) -> str:
    """:func:`visible` between quotes, as Python writes a string. So one sees where the text ends."""
    shown = repr(text[:limit])
    return f"{shown}…" if len(text) > limit else shown


def visible_repr(
    value: object, limit: int = MAX_SHOWN_CHARS, conceal: Callable[[str], str] | None = None
) -> str:
    """:func:`visible`, of *value* as Python writes it. A payload may have any length and depth: no more of it
    is read than is shown. A value whose ``repr`` fails is named by its type. *conceal* gets each whole text
    and number in it, and returns what may be shown.
    """
    return visible(_beginning(value, limit + 1, conceal or str), limit)


def _beginning(value: object, room: int, conceal: Callable[[str], str]) -> str:
    """*value*'s repr, or at least the first *room* characters of it; *room* is at least 1."""
    if isinstance(value, str):
        return repr(conceal(value)[:room])
    if isinstance(value, bytes):
        return repr(conceal(value.decode("latin-1")).encode("latin-1", "replace")[:room])
    if type(value) is list or type(value) is tuple:
        text, closing = "[]" if type(value) is list else "()"
        for index, each in enumerate(value):
            text += ", " if index else ""
            # Each bracket takes a character, so that nothing is deeper than there is room.
            if len(text) >= room:
                return text
            text += _beginning(each, room - len(text), conceal)
        return text + (",)" if closing == ")" and len(value) == 1 else closing)
    if type(value) is dict:
        text = "{"
        for index, (key, each) in enumerate(value.items()):
            text += ", " if index else ""
            if len(text) >= room:
                return text
            text += _beginning(key, room - len(text), conceal) + ": "
            if len(text) >= room:
                return text
            text += _beginning(each, room - len(text), conceal)
        return text + "}"
    try:
        return conceal(repr(value))
    except Exception:
        return f"<{type(value).__name__}>"


def html_text(text: str, limit: int = MAX_SHOWN_CHARS) -> str:
    """:func:`visible`, as HTML's text or as the value of a quoted attribute."""
    # Only a process that writes a page need hold HTML's table of entities.
    from html import escape

    return escape(visible(text, limit))


def markdown_text(text: str, limit: int = MAX_SHOWN_CHARS) -> str:
    """:func:`visible`, as a code span of Markdown. It makes no link, image, mention or HTML, and fits into a
    table's cell (GitHub Flavored Markdown, sections 4.10 and 6.3)."""
    shown = visible(text, limit)
    if not shown:
        return ""
    fence = "`" * (1 + max((len(run) for run in _BACKTICKS.findall(shown)), default=0))
    pad = " " if shown[0] in "` " or shown[-1] in "` " else ""
    # A cell ends at a pipe even within a code span, unless it is escaped.
    inside = shown.replace("|", "\\|")
    return f"{fence}{pad}{inside}{pad}{fence}"


def label_text(text: str, limit: int = MAX_SHOWN_CHARS) -> str:
    """:func:`visible`, as the value of a Prometheus label, without its quotes."""
    return visible(text, limit).replace("\\", "\\\\").replace('"', '\\"')


def terminal_json(line: str) -> str:
    """JSON that is safe on a terminal, and still the same JSON: what :func:`visible` would escape is written
    as JSON's own ``\\uXXXX``. *line* is compact JSON, of any length, on one line.
    """
    if line.isprintable():
        return line
    return "".join(char if char.isprintable() else json.dumps(char)[1:-1] for char in line)
