"""The HTML of a page, parsed: elements by CSS selector, their text and attributes, and what is near to a
selector that finds nothing.

selectolax's Lexbor builds the tree that a browser builds. Three things need care. A bare ``<tr>`` vanishes
when it is parsed as a document, so what is no whole document is parsed inside of what may hold its first
element. The content of a ``<template>`` is no part of the tree, so what a portal teleports is put where the
browser puts it. A tree is quadratic in its depth to build, so depth times tags is bounded.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from functools import cached_property
from itertools import islice

from selectolax.lexbor import LexborHTMLParser, LexborNode, SelectolaxError

from fastphx.foreign_text import clipped, quoted, visible
from fastphx.liveview.errors import ElementError, ViewError

MAX_HTML_CHARS = 32 * 1024 * 1024
MAX_DEPTH_TIMES_TAGS = 10_000_000
"""3,162 tags may be nested in each other, or 100,000 tags be 100 deep."""

MAX_PORTALS = 1000
MAX_SELECTOR_CHARS = 2000

MAX_CANDIDATES = 5
MAX_CANDIDATE_CHARS = 120
MAX_SEARCHED = 2000
"""So many elements are compared with a selector that found nothing."""
MAX_WORDS = 8
NEAR = 0.6
"""How much alike two words are, of 1, to be called near."""

VIEW = "data-phx-session"
COMPONENT = "data-phx-component"
PORTAL = "data-phx-portal"
TELEPORTED_FROM = "data-phx-teleported-src"
TELEPORTED_BY = "data-phx-teleported"

TABLE_PARTS = ("table", "tbody", "thead", "tfoot", "tr")
MAX_SIBLINGS = 1000

_CONTEXT_OF = {
    "tr": "tbody",
    "td": "tr",
    "th": "tr",
    "tbody": "table",
    "thead": "table",
    "tfoot": "table",
    "caption": "table",
    "colgroup": "table",
    "col": "colgroup",
}
_FIRST_TAG = re.compile(r"(?:[^<]|<!--.*?-->)*<(!doctype\b|[a-z][a-z0-9-]*)", re.IGNORECASE | re.DOTALL)
_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9-]*)")
_FLAT = frozenset(
    (
        *(
            "area",
            "base",
            "br",
            "col",
            "embed",
            "hr",
            "img",
            "input",
            "link",
            "meta",
            "source",
            "track",
            "wbr",
        ),
        *("dd", "dt", "li", "optgroup", "option", "p", "tbody", "td", "th", "tr"),
    )
)
"""Elements without an end, and those that end where the next one begins: not deep by themselves."""
_SPACES = re.compile(r"[ \t\n\f\r]+")


class Element:
    """One element of a :class:`Document`. Two are equal if they are the same element of the same document."""

    __slots__ = ("_node", "document")

    def __init__(self, document: Document, node: LexborNode) -> None:
        self.document = document
        self._node = node

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Element) and self._node.mem_id == other._node.mem_id

    def __hash__(self) -> int:
        return hash(self._node.mem_id)

    def __repr__(self) -> str:
        return f"<Element {self.described()}>"

    @property
    def tag(self) -> str:
        """In lower case."""
        return self._node.tag or ""

    @property
    def attributes(self) -> dict[str, str]:
        """In the order of the document; an attribute without a value is the empty string."""
        return {name: value or "" for name, value in self._node.attributes.items()}

    def get(self, name: str) -> str | None:
        """An attribute's value; None if the element has no such attribute."""
        return self._node.attrs.sget(name, None)

    def has(self, name: str) -> bool:
        """Whether the element has the attribute."""
        return name in self._node.attrs

    @property
    def id(self) -> str | None:
        """None for an element without one, or with an empty one."""
        return self.get("id") or None

    @property
    def text(self) -> str:
        """The text of the element and of all in it, each run of spaces and line ends as one space."""
        return _SPACES.sub(" ", self.raw_text).strip()

    @property
    def raw_text(self) -> str:
        """The text as it stands in the document."""
        return self._node.text(deep=True)

    @property
    def html(self) -> str:
        """The element with its own tag."""
        return self._node.html or ""

    @property
    def inner_html(self) -> str:
        return self._node.inner_html or ""

    @property
    def parent(self) -> Element | None:
        """The element around this one."""
        node = self._node.parent
        return Element(self.document, node) if node is not None and _is_element(node) else None

    def siblings_before(self) -> Iterator[Element]:
        """The elements before this one in what is around it, the nearest first; at most 1,000."""
        for node in islice(_before(self._node), MAX_SIBLINGS):
            if _is_element(node):
                yield Element(self.document, node)

    @property
    def children(self) -> list[Element]:
        """The elements right in this one."""
        return [Element(self.document, node) for node in self._node.iter()]

    def lineage(self) -> Iterator[Element]:
        """The element itself, then what is around it, outwards."""
        element: Element | None = self
        while element is not None:
            yield element
            element = element.parent

    def closest(self, attribute: str) -> Element | None:
        """The element itself, or the nearest around it, that has *attribute*."""
        return next((element for element in self.lineage() if element.has(attribute)), None)

    def contains(self, other: Element) -> bool:
        """Whether *other* is this element or stands in it."""
        return self in other.lineage()

    def select(self, selector: str) -> list[Element]:
        """The elements in this one that match a CSS selector. Raises ElementError if it is none."""
        return [
            Element(self.document, node)
            for node in _matches(self._node, selector)
            if node.mem_id != self._node.mem_id
        ]

    @property
    def view_id(self) -> str | None:
        """The id of the view that the element belongs to; None on a page or a piece of one without views."""
        for element in self.lineage():
            if element.has(TELEPORTED_BY):
                return element.get(TELEPORTED_BY)
            if element.has(VIEW):
                return element.id
        return None

    @property
    def path(self) -> tuple[int, ...]:
        """How one gets here from the container of the view: the index of each element among its siblings."""
        indexes: list[int] = []
        for element in self.lineage():
            if element.has(VIEW):
                break
            indexes.append(_index(element._node))
        return tuple(reversed(indexes))

    @property
    def key(self) -> str | tuple[int, ...]:
        """What finds the element again in its view: its id, or its :attr:`path`."""
        return self.id or self.path

    @property
    def is_disabled(self) -> bool:
        """Whether it is a disabled control: its own attribute, or that of a fieldset around it."""
        if self.tag not in ("button", "input", "select", "textarea", "optgroup", "option", "fieldset"):
            return False
        if self.has("disabled"):
            return True
        if not self.document.has_disabled_fieldsets:
            return False
        inner = self
        for element in self.lineage():
            if element.tag == "fieldset" and element.has("disabled") and element != self:
                is_legend = inner.tag == "legend" and not any(
                    each.tag == "legend" for each in _before(inner._node)
                )
                # The controls in a disabled fieldset's first legend stay enabled.
                if not is_legend:
                    return True
            inner = element
        return False

    def described(self) -> str:
        """Its opening tag with what tells it apart, for an error: one printable line, clipped."""
        parts = [visible(self.tag, 40)]
        for name, value in self.attributes.items():
            if name in _TELLING or name.startswith("phx-"):
                parts.append(f"{visible(name, 40)}={quoted(value, 40)}")
        text = clipped(self.text, 30)
        return clipped(f"<{' '.join(parts)}>" + (f" {quoted(text)}" if text else ""), MAX_CANDIDATE_CHARS)


_TELLING = ("id", "name", "type", "href", "class", "disabled")


class Document:
    """A page, a view's container or a piece of HTML. Raises ViewError for what is too long or too deep."""

    def __init__(self, html: str) -> None:
        check_bounds(html)
        found = _FIRST_TAG.match(html[:4096])
        first = found[1].lower() if found is not None else ""
        self.is_whole = first in ("!doctype", "html", "head", "body")
        if self.is_whole:
            self._parser = LexborHTMLParser(html)
        else:
            self._parser = LexborHTMLParser(
                html, is_fragment=True, fragment_tag=_CONTEXT_OF.get(first, "div")
            )
        self._teleport(html)

    def _teleport(self, html: str) -> None:
        """Put what portals hold where their targets are, as the browser does after each patch."""
        if PORTAL not in html:
            return
        portals = self.with_attribute(PORTAL)
        if len(portals) > MAX_PORTALS:
            raise ViewError(f"the HTML of a view has {len(portals)} portals, and may have {MAX_PORTALS}")
        teleported = {each.get(TELEPORTED_FROM) for each in self.with_attribute(TELEPORTED_FROM)}
        for portal in portals:
            fragments = portal._node.template_fragments()
            moved = next(iter(fragments[0].iter()), None) if fragments else None
            if moved is None or portal.id in teleported:
                continue
            try:
                target = self.first(portal.get(PORTAL) or "")
            except ElementError:
                continue
            if target is None:
                continue
            target._node.insert_child(moved)
            put = target._node.last_child
            if put is not None:
                put.attrs[TELEPORTED_FROM] = portal.id or ""
                if portal.view_id:
                    put.attrs[TELEPORTED_BY] = portal.view_id

    @property
    def html(self) -> str:
        """The document as the parser reads it."""
        return self._parser.html or ""

    @property
    def text(self) -> str:
        """What a person could read, each run of spaces and line ends as one space: no scripts, no styles."""
        silent = {node.mem_id for node in self._parser.css("script, style, title, noscript")}
        root = self._parser.body if self.is_whole else self._parser.root
        return _SPACES.sub(" ", "".join(_texts(root, silent))).strip()

    def select(self, selector: str) -> list[Element]:
        """The elements that match a CSS selector, in the order of the document. Raises ElementError if it
        is no selector."""
        return [Element(self, node) for node in _matches(self._parser, selector)]

    def first(self, selector: str) -> Element | None:
        """The first element that matches, or None. Raises ElementError if it is no selector."""
        return next(iter(self.select(selector)), None)

    def find(self, selector: str) -> Element:
        """The first element that matches. Raises ElementError, with what is near to the selector."""
        element = self.first(selector)
        if element is None:
            raise ElementError(f"nothing on the page matches {quoted(selector)}{self.candidates(selector)}")
        return element

    @cached_property
    def has_disabled_fieldsets(self) -> bool:
        """Whether a control may be disabled by what is around it."""
        return self.first("fieldset[disabled]") is not None

    @cached_property
    def has_table_forms(self) -> bool:
        """Whether a form stands right in a table, where it is empty."""
        return any(self.first(f"{part} > form") is not None for part in TABLE_PARTS)

    @cached_property
    def has_datalists(self) -> bool:
        """Whether a control may be a suggestion only."""
        return self.first("datalist") is not None

    def with_attribute(self, name: str, value: str | None = None) -> list[Element]:
        """The elements that have an attribute, or have it with *value*, whatever characters that has."""
        having = self.select(f"[{name}]")
        return having if value is None else [each for each in having if each.get(name) == value]

    def by_id(self, value: str) -> Element | None:
        """The first element with the id, whatever characters that has."""
        node = self._ids.get(value)
        return None if node is None else Element(self, node)

    @cached_property
    def _ids(self) -> dict[str, LexborNode]:
        ids: dict[str, LexborNode] = {}
        for node in _matches(self._parser, "[id]"):
            ids.setdefault(node.attrs.sget("id", ""), node)
        return ids

    def candidates(self, wanted: str, having: str = "*") -> str:
        """``; near it: …`` for an error: the elements that match *having* and are most alike *wanted*, which
        is a selector, a text or an event's name. Empty if none is near."""
        likeness = _Likeness(wanted)
        scored = []
        for index, element in enumerate(self.select(having)[:MAX_SEARCHED]):
            score = likeness.of(element)
            if having != "*" or score[0] >= NEAR:
                scored.append((-score[0], -score[1], index, element))
        near = [each[3].described() for each in sorted(scored, key=lambda each: each[:3])]
        return f"; near it: {', '.join(near[:MAX_CANDIDATES])}" if near else ""


class _Likeness:
    """How much an element's id, name, text and ``phx-`` attributes say the words of *wanted*."""

    def __init__(self, wanted: str) -> None:
        self._matchers = [difflib.SequenceMatcher(None, "", word) for word in _words(wanted)[:MAX_WORDS]]

    def of(self, element: Element) -> tuple[float, float]:
        """From 0 to 1 for the word that is most alike, and the sum of all."""
        attributes = element.attributes
        said = [
            attributes.get("id", ""),
            attributes.get("name", ""),
            element._node.text(deep=False).strip()[:60],
        ]
        said += [value for name, value in attributes.items() if name.startswith("phx-")]
        words = {word for each in said for word in (*_words(each[:60])[:MAX_WORDS], each[:60].lower())}
        scores = [max((_ratio(matcher, word) for word in words), default=0.0) for matcher in self._matchers]
        return max(scores, default=0.0), sum(scores)


def _words(text: str) -> list[str]:
    return [word for word in re.split(r"[^a-z0-9]+", text.lower()) if word]


def _ratio(matcher: difflib.SequenceMatcher[str], word: str) -> float:
    matcher.set_seq1(word)
    return matcher.ratio() if matcher.real_quick_ratio() >= NEAR and matcher.quick_ratio() >= NEAR else 0.0


def check_bounds(html: str) -> None:
    """Raises ViewError for what would take too long to parse: what is too long, or too deep for its size."""
    if len(html) > MAX_HTML_CHARS:
        raise ViewError(f"the HTML of a view has {len(html)} characters, and may have {MAX_HTML_CHARS}")
    tags = html.count("<") - html.count("</")
    if tags * tags <= MAX_DEPTH_TIMES_TAGS:
        return
    depth = deepest = 0
    for closing, name in _TAG.findall(html):
        if name.lower() not in _FLAT:
            depth = max(depth + (-1 if closing else 1), 0)
            deepest = max(deepest, depth)
    if deepest * tags > MAX_DEPTH_TIMES_TAGS:
        raise ViewError(
            f"the HTML of a view has {tags} tags, {deepest} deep; "
            f"the product of both may be {MAX_DEPTH_TIMES_TAGS}"
        )


def _matches(within: LexborHTMLParser | LexborNode, selector: str) -> list[LexborNode]:
    if len(selector) > MAX_SELECTOR_CHARS:
        raise ElementError(f"a CSS selector may have {MAX_SELECTOR_CHARS} characters: {quoted(selector, 60)}")
    try:
        return within.css(selector)
    except SelectolaxError:
        raise ElementError(f"{quoted(selector)} is no CSS selector") from None


def _is_element(node: LexborNode) -> bool:
    return bool(node.is_element_node)


def _index(node: LexborNode) -> int:
    return sum(_is_element(each) for each in _before(node))


def _before(node: LexborNode) -> Iterator[LexborNode]:
    before = node.prev
    while before is not None:
        yield before
        before = before.prev


def _texts(root: LexborNode | None, silent: set[int]) -> Iterator[str]:
    """The texts of *root*. From the first node of a piece of a page, traversing goes on to the others."""
    if root is not None:
        for node in root.traverse(include_text=True):
            parent = node.parent
            if node.is_text_node and (parent is None or parent.mem_id not in silent):
                yield node.text(deep=False)
