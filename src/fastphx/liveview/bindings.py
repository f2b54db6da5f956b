"""What the attributes of an element bind: ``phx-click``, ``phx-value-…``, ``phx-target``.

An event goes to a component if its target is one: ``@myself`` (a number), or the component around an element
that a selector names. A selector that names several elements is one event for each.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from fastphx.foreign_text import quoted, visible_repr
from fastphx.liveview.document import COMPONENT, TELEPORTED_FROM, VIEW, Element
from fastphx.liveview.errors import ElementError

PREFIX = "phx-"
_VALUE = f"{PREFIX}value-"
_CID = re.compile(r"(?:0|[1-9][0-9]{0,15})\Z")

MAX_TARGETS = 1000
"""So many elements may be the targets of one event."""


class Target(NamedTuple):
    """Where an event goes."""

    view_id: str | None
    cid: int | None


def values(element: Element) -> dict[str, str]:
    """The ``phx-value-NAME`` attributes by name."""
    return {
        name[len(_VALUE) :]: value for name, value in element.attributes.items() if name.startswith(_VALUE)
    }


def closest(element: Element, attribute: str) -> Element | None:
    """The element itself, or the nearest around it, that has *attribute*: no disabled one, and none outside
    of the view."""
    for index, each in enumerate(element.lineage()):
        if index and each.has(VIEW):
            return None
        if each.has(attribute) and not each.is_disabled:
            return each
    return None


def as_cid(target: object) -> int | None:
    """The component that a ``phx-target`` names by its number; None for a selector."""
    if isinstance(target, bool):
        return None
    if isinstance(target, int):
        return target
    return int(target) if isinstance(target, str) and _CID.match(target) else None


def targets(source: Element, asked: object = None, *, form: Element | None = None) -> list[Target]:
    """Where an event of *source* goes: *asked* (``target`` of ``JS.push``) if there is one, else the
    ``phx-target`` of *source*, else the view that *source* belongs to.

    For an input's change, *source* is what has the ``phx-change``: the input, or its *form*. There the
    ``phx-target`` of the *form* alone says whether a selector leads to a component.

    Raises ElementError if a selector finds nothing: a browser would send nothing.
    """
    attribute = f"{PREFIX}target"
    target = asked or source.get(attribute) or None
    cid = as_cid(target)
    if cid is not None:
        return [Target(source.view_id, cid)]
    if target is None:
        found = [source]
    elif isinstance(target, str):
        found = source.document.select(target)[:MAX_TARGETS]
    else:
        raise ElementError(f"the target of an event is {visible_repr(target)}, no selector and no component")
    if not found:
        raise ElementError(
            f"nothing on the page matches {quoted(str(target))}, the target of {source.described()}"
        )
    named = asked or (form or source).get(attribute)
    cid = as_cid(named)
    if cid is not None:
        return [Target(each.view_id, cid) for each in found]
    return [Target(each.view_id, None if named is None else component_around(each)) for each in found]


def component_around(element: Element) -> int | None:
    """The component that an element of a view stands in. What was teleported stands where its portal is."""
    seen: set[Element] = set()
    at: Element | None = element
    while at is not None and at not in seen:
        seen.add(at)
        around = next(
            (each for each in at.lineage() if each.has(COMPONENT) or each.has(TELEPORTED_FROM)), None
        )
        if around is None:
            return None
        if around.has(COMPONENT):
            return as_cid(around.get(COMPONENT)) if around.view_id == at.view_id else None
        at = at.document.by_id(around.get(TELEPORTED_FROM) or "")
    return None
