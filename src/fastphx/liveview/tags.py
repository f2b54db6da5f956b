"""Where elements start and end in a template's statics.

HEEx closes each element in the template that opens it, so a template alone says it. Between two parts is a
slot; an attribute's value is always whole, in one part or in one slot.
"""

from __future__ import annotations

import re
from typing import NamedTuple

IGNORE = re.compile(r"""phx-update=["']?ignore\b""")
STREAM = re.compile(r"""phx-update=["']?stream\b""")
TAG = re.compile(
    r"""<!--.*?-->|<(?P<close>/?)(?P<name>[A-Za-z][^\s/>]*)"""
    r"""(?P<attributes>(?:[^>"']|"[^"]*"|'[^']*')*?)(?P<empty>/?)>""",
    re.DOTALL,
)
FIRST_NAME = re.compile(r"(?:\s|<!--.*?-->)*<[A-Za-z][^\s/>]*", re.DOTALL)
ATTRIBUTE = re.compile(r"""([^\s=/>"']+)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s>"']+)))?""")
VOID = frozenset(
    "area base br col command embed hr img input keygen link meta param source track wbr".split()  # noqa: SIM905
)
SLOT = "\x00"
"""Stands for a slot in a template's text; HTML has no such character."""


class Place(NamedTuple):
    """A place in a template: *offset* characters into the part with the number *part*."""

    part: int
    offset: int


class Region(NamedTuple):
    """An element of a template: where its start tag begins, and where its content begins and ends."""

    tag: Place
    start: Place
    end: Place
    ignored: bool
    """Whether it has ``phx-update="ignore"``; else it is a stream's, with more in it than its rows."""


def regions(parts: tuple[str, ...]) -> tuple[Region, ...]:
    """The elements of a template that are not just written, outermost ones, in order."""
    if not any("ignore" in part or "stream" in part for part in parts):
        return ()
    text = SLOT.join(parts)
    found: list[Region] = []
    at = 0
    while (tag := TAG.search(text, at)) is not None:
        at = tag.end()
        if not tag["name"] or tag["close"]:
            continue
        ignored = IGNORE.search(tag["attributes"]) is not None
        if ignored or STREAM.search(tag["attributes"]):
            end = closing(text, tag)
            if ignored or text[at:end].strip() != SLOT:
                found.append(Region(place(parts, tag.start()), place(parts, at), place(parts, end), ignored))
            at = end
    return tuple(found)


def is_one_form(parts: tuple[str, ...]) -> bool:
    """Whether a template is one form, as ``<.form>`` is: a patch leaves it out while it does not change."""
    if not parts or not parts[-1].rstrip().endswith("</form>"):
        return False
    return parts[0][: max(name_end(parts[0]), 0)].lower().endswith("<form")


def closing(text: str, opened: re.Match[str]) -> int:
    """Where the content of the element *opened* ends: at its end tag, or where the text does."""
    name = opened["name"]
    if name.lower() in VOID or opened["empty"]:
        return opened.end()
    depth = 1
    for tag in TAG.finditer(text, opened.end()):
        if tag["name"] == name and not tag["empty"]:
            depth += -1 if tag["close"] else 1
            if depth == 0:
                return tag.start()
    return len(text)


def place(parts: tuple[str, ...], index: int) -> Place:
    """The place of the character *index* of the parts with a slot's character between them."""
    for number, part in enumerate(parts):
        if index <= len(part):
            return Place(number, index)
        index -= len(part) + len(SLOT)
    raise ValueError("there is no such character")


def name_end(html: str) -> int:
    """Where the name of the first start tag ends, after blanks and comments; -1 where none begins."""
    begins = FIRST_NAME.match(html)
    return begins.end() if begins is not None else -1


def attributes(tag: str) -> dict[str, str]:
    """The attributes of a start tag, as written: with their entities."""
    inner = tag[name_end(tag) :].rstrip("/>")
    found: dict[str, str] = {}
    for name, *values in ATTRIBUTE.findall(inner):
        found.setdefault(name, "".join(values))
    return found


def first_tag(html: str) -> str:
    """The first start tag of *html*, or nothing."""
    for tag in TAG.finditer(html):
        if tag["name"] and not tag["close"]:
            return tag[0]
    return ""
