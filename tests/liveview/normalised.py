"""HTML as lines that can be compared with a browser's DOM, and all that is not compared.

What is not compared, and why:

* the order of attributes;
* `CLIENT_ATTRIBUTES`: the browser's client adds them, or keeps the first token where the server sent another;
* classes `phx-...`: whether the client is connected, or waits for an answer;
* ``style``: JS commands of time and place, as show and hide, are not played;
* the text of a ``<textarea>``: what is typed is no part of a DOM's HTML;
* blanks between the rows of a stream: there the browser leaves them where rows were;
* the content of a portal's ``<template>``: its element is compared where the portal shows it.

Both sides are parsed by the same parser, so what parsing adds, as a ``<tbody>``, is on both.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from selectolax.lexbor import LexborHTMLParser, LexborNode

CLIENT_ATTRIBUTES = frozenset(
    f"data-phx-{name}"
    for name in (
        *("id", "root-id", "view", "stream", "skip", "session", "static", "teleported", "teleported-src"),
        *("ref", "ref-src", "ref-loading", "ref-lock", "readonly", "disabled"),
    )
) | {"style"}


@dataclass
class Element:
    tag: str
    attributes: dict[str, str]
    children: list[Element | str] = field(default_factory=list)

    def walk(self) -> Iterator[Element]:
        yield self
        for child in self.children:
            if isinstance(child, Element):
                yield from child.walk()

    def lines(self, indent: int = 0) -> Iterator[str]:
        written = "".join(f" {name}={value!r}" for name, value in sorted(self.attributes.items()))
        yield f"{' ' * indent}<{self.tag}{written}>"
        for child in self.children:
            if isinstance(child, Element):
                yield from child.lines(indent + 1)
            else:
                yield f"{' ' * indent} {child!r}"


def normalised(html: str, children: Mapping[str, str] | None = None) -> list[str]:
    """The lines of a view's *html*; *children* are the HTML of the views in it, by their containers' ids."""
    top = Element("", {})
    for root in parsed(f"<body>{html}</body>"):
        if root.tag == "body":
            top.children = content(root, children or {})
    show_portals(top)
    return list(top.lines())


def parsed(html: str) -> Iterator[LexborNode]:
    root = LexborHTMLParser(html).body
    if root is not None:
        yield root


def content(node: LexborNode, views: Mapping[str, str]) -> list[Element | str]:
    found: list[Element | str] = []
    child = node.child
    while child is not None:
        if child.is_element_node:
            found.append(element(child, views))
        elif child.is_text_node:
            text = child.text(deep=False)
            if found and isinstance(found[-1], str):
                text = str(found.pop()) + text
            found.append(text)
        child = child.next
    if node.attributes.get("phx-update") == "stream":
        found = [one for one in found if not isinstance(one, str) or one.strip()]
    return found


def element(node: LexborNode, views: Mapping[str, str]) -> Element:
    attributes = {
        name: value or "" for name, value in node.attributes.items() if name not in CLIENT_ATTRIBUTES
    }
    if "class" in attributes:
        names = [name for name in attributes["class"].split() if not name.startswith("phx-")]
        attributes["class"] = " ".join(names)
        if not names:
            del attributes["class"]
    assert node.tag is not None
    found = Element(node.tag, attributes)
    inner = views.get(attributes.get("id", "")) if "data-phx-session" in node.attributes else None
    if inner is not None:
        for root in parsed(f"<body>{inner}</body>"):
            found.children = content(root, views)
    elif node.tag == "template":
        for root in parsed(f"<body>{''.join(part.html or '' for part in node.template_fragments())}</body>"):
            found.children = content(root, views)
    elif node.tag != "textarea":
        found.children = content(node, views)
    return found


def show_portals(top: Element) -> None:
    """Put what portals show where they show it, which the browser may have done already."""
    ids = {one.attributes["id"]: one for one in top.walk() if "id" in one.attributes}
    for one in list(top.walk()):
        if one.tag == "template" and "data-phx-portal" in one.attributes:
            shown = next(child for child in one.children if isinstance(child, Element))
            target = ids[one.attributes["data-phx-portal"].removeprefix("#")]
            if not any(child is not shown and same_id(child, shown) for child in target.children):
                target.children.append(shown)
            one.children = []


def same_id(child: Element | str, other: Element) -> bool:
    return isinstance(child, Element) and child.attributes.get("id") == other.attributes.get("id")
