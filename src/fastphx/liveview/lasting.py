"""What outlives the server's diffs in a browser's DOM.

The first content of an element with ``phx-update="ignore"`` stays, and what JS commands did to an element's
classes and attributes is done again after each patch. Both live until their element goes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from html import unescape
from typing import NamedTuple

from selectolax.lexbor import LexborHTMLParser, LexborNode

from fastphx.liveview.tags import IGNORE, TAG, attributes, closing, name_end

MAX_STICKY = 1024
"""So many elements of a view keep what JS commands did to them; of more, the oldest are given up."""

ElementKey = str | tuple[int, ...]
"""An element's id; where it has none, its number among its siblings, at each level from the view down."""


class Pin(NamedTuple):
    """An element with ``phx-update="ignore"``, as it first was: its start tag, and its content."""

    tag: str
    content: str


def served_pins(html: str) -> dict[str, Pin]:
    """The pins of a page as it was served, by the elements' ids: a join patches them as any diff does."""
    pins: dict[str, Pin] = {}
    if not IGNORE.search(html):
        return pins
    at = 0
    while (tag := TAG.search(html, at)) is not None:
        at = tag.end()
        if tag["name"] and not tag["close"] and IGNORE.search(tag["attributes"]):
            end = closing(html, tag)
            if (element_id := id_of(tag[0])) is not None:
                pins[element_id] = Pin(tag[0], html[tag.end() : end])
            at = end
    return pins


def id_of(tag: str) -> str | None:
    """The id of a start tag, without entities."""
    written = attributes(tag).get("id")
    return unescape(written) if written else None


def pinned_tag(pinned: str, now: str) -> str:
    """The start tag of a pinned element: as it first was, with the ``data-`` attributes that it has now."""
    if pinned == now:
        return pinned
    end = name_end(pinned)
    kept = {name: value for name, value in attributes(pinned).items() if not name.startswith("data-")}
    kept |= {name: value for name, value in attributes(now).items() if name.startswith("data-")}
    return (
        pinned[:end]
        + "".join(f' {name}="{value.replace(chr(34), "&quot;")}"' for name, value in kept.items())
        + ">"
    )


@dataclass(slots=True)
class Sticky:
    """What JS commands did to one element, to be done again after each patch."""

    added: dict[str, None] = field(default_factory=dict)
    removed: dict[str, None] = field(default_factory=dict)
    set: dict[str, str | None] = field(default_factory=dict)

    def add_classes(self, names: Iterable[str]) -> None:
        """As ``JS.add_class``, and a toggle that adds."""
        for name in names:
            self.removed.pop(name, None)
            self.added[name] = None

    def remove_classes(self, names: Iterable[str]) -> None:
        """As ``JS.remove_class``, and a toggle that removes."""
        for name in names:
            self.added.pop(name, None)
            self.removed[name] = None

    def classes(self, now: str) -> str:
        """The attribute ``class`` of an element that the server says is *now*."""
        kept = [name for name in now.split() if name not in self.removed and name not in self.added]
        return " ".join([*kept, *self.added])


class StickyOperations:
    """What JS commands did to the elements of a view."""

    def __init__(self) -> None:
        self._of: dict[ElementKey, Sticky] = {}

    def of(self, element: ElementKey) -> Sticky:
        """What was done to *element*, to be added to."""
        sticky = self._of.pop(element, None) or Sticky()
        self._of[element] = sticky
        if len(self._of) > MAX_STICKY:
            del self._of[next(iter(self._of))]
        return sticky

    def keep(self, html: str) -> None:
        """Forget those whose element is not in *html*."""
        if not self._of:
            return
        root = parsed(html)
        self._of = {key: sticky for key, sticky in self._of.items() if found(root, key) is not None}

    def applied(self, html: str) -> str:
        """The view's *html* after all of it."""
        if not self._of:
            return html
        root = parsed(html)
        for key, sticky in self._of.items():
            node = found(root, key)
            if node is not None:
                apply(node, sticky)
        return root.inner_html or ""


def parsed(html: str) -> LexborNode:
    """The container of a view with *html* in it."""
    root = LexborHTMLParser(f"<div>{html}</div>", is_fragment=True).root
    assert root is not None
    return root


def found(root: LexborNode, key: ElementKey) -> LexborNode | None:
    """The element of *key* in a view."""
    if isinstance(key, str):
        return next((node for node in root.traverse() if node.id == key), None)
    node: LexborNode | None = root
    for number in key:
        node = node.child if node is not None else None
        while node is not None and (not node.is_element_node or number):
            number -= node.is_element_node
            node = node.next
    return node


def apply(node: LexborNode, sticky: Sticky) -> None:
    """Do to *node* what JS commands did."""
    if sticky.added or sticky.removed:
        node.attrs["class"] = sticky.classes(node.attributes.get("class") or "")
    for name, value in sticky.set.items():
        if value is not None:
            node.attrs[name] = value
        elif name in node.attributes:
            del node.attrs[name]
