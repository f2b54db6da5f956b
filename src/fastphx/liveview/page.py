"""A page as the server has served it: what LiveView's client takes from it before anything is joined."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from selectolax.lexbor import LexborHTMLParser

from fastphx.liveview.addresses import leading_to
from fastphx.liveview.document import VIEW, check_bounds
from fastphx.liveview.errors import ViewError

_UPDATE: Final = "phx-update"
MAX_CONTAINERS: Final = 1000
"""How many views a page may have."""


@dataclass(frozen=True, slots=True)
class Container:
    """The element of one view."""

    id: str
    session: str = field(repr=False)
    static: str = field(repr=False)
    parent_id: str | None = None
    """Of the view that it is nested in; None for one that stands by itself."""
    is_main: bool = False
    """Whether the router serves it: it can be patched, and navigated from."""
    is_sticky: bool = False
    """Whether it stays while its page is navigated away from."""


class Page:
    """One HTML document. ``containers`` are its views, outermost first. Raises ViewError for one that is too
    long or too deep."""

    __slots__ = (
        "_served",
        "_statics",
        "containers",
        "csrf_token",
        "live_path",
        "parts",
        "status",
        "title",
        "track_static",
        "url",
    )

    def __init__(self, url: str, status: int, html: str) -> None:
        self.url = url
        """The one that has answered, after all redirects."""
        self.status = status
        check_bounds(html)
        document = LexborHTMLParser(html)
        self.csrf_token = _attribute(document, "meta[name='csrf-token']", "content")
        self.live_path = _attribute(document, "html[phx-socket]", "phx-socket")
        """The path of the live socket, where the page names one, as LiveDashboard does."""
        self.track_static = [
            _absolute(source, url)
            for node in document.css("[phx-track-static]")
            if (source := node.attributes.get("href") or node.attributes.get("src"))
        ]
        self.title = Title(document.css_first("title"))
        self.containers = list(_containers(document))
        self._statics = {each.id: each.static for each in self.containers if each.parent_id is not None}
        self._served: dict[str, str] = {}
        self.parts = self._split(document)
        """The document in pieces: text, and between two texts the id of the view whose content is there."""

    @property
    def main(self) -> Container | None:
        """The view that the router has served; else the first that stands by itself; None on a dead page."""
        roots = [each for each in self.containers if each.parent_id is None and not each.is_sticky]
        return next((each for each in roots if each.is_main), roots[0] if roots else None)

    def take_static(self, container: Container) -> str:
        """The static token that a nested view is joined with: the served page's, the first time; then its
        container's own. LiveView's client keeps the attribute of an element that is there already."""
        return self._statics.pop(container.id, "") or container.static

    def take_served(self, view_id: str) -> str | None:
        """The content that a view was served with, once, where its first join has to know it: LiveView's
        client keeps what is in ``phx-update="ignore"`` as it first was."""
        return self._served.pop(view_id, None)

    def __repr__(self) -> str:
        return f"<Page {self.status} {self.url} views={len(self.containers)}>"

    def _split(self, document: LexborHTMLParser) -> list[str]:
        """Text and ids in turn. A view inside of another's content is no part: it comes with that content."""
        outermost = [
            node
            for node in document.css(f"[{VIEW}]")[:MAX_CONTAINERS]
            if _view_id(node.attributes) and not _is_inside_of_a_view(node)
        ]
        marks = []
        for number, node in enumerate(outermost):
            view_id = _view_id(node.attributes)
            served = node.inner_html or ""
            if _UPDATE in served:
                self._served[view_id] = served
            for child in list(node.iter(include_text=True)):
                child.decompose()
            # Noncharacters, which no document has.
            mark = f"\ufdd0{number}\ufdd1"
            node.insert_child(mark)
            marks.append((mark, view_id))
        rest = document.html or ""
        parts: list[str] = []
        for mark, view_id in marks:
            before, found, after = rest.partition(mark)
            if found:
                parts += [before, view_id]
                rest = after
        return [*parts, rest]


class Title:
    """The document's title, and how LiveView's client writes a new one."""

    __slots__ = ("_default", "_prefix", "_suffix", "text")

    def __init__(self, node: Any) -> None:
        attributes = {} if node is None else node.attributes
        self._prefix = attributes.get("data-prefix") or ""
        self._suffix = attributes.get("data-suffix") or ""
        self._default = attributes.get("data-default")
        self.text = "" if node is None else _spaced(node.text())

    def put(self, given: object) -> None:
        """The view has said that its title is *given*; one that is empty is replaced by the default."""
        text = given if isinstance(given, str) else ""
        if not text.strip():
            if self._default is None:
                return
            text = self._default
        self.text = _spaced(f"{self._prefix}{text}{self._suffix}")


def _view_id(attributes: dict[str, str | None]) -> str:
    """Of the view of an element with these attributes; empty where it is none."""
    return (attributes.get("id") or "") if VIEW in attributes else ""


def container_of(attributes: dict[str, str | None]) -> Container | None:
    """The view of an element with these attributes; None where it is none."""
    view_id = _view_id(attributes)
    if not view_id:
        return None
    return Container(
        view_id,
        attributes.get(VIEW) or "",
        attributes.get("data-phx-static") or "",
        attributes.get("data-phx-parent-id") or None,
        is_main="data-phx-main" in attributes,
        is_sticky="data-phx-sticky" in attributes,
    )


def _containers(document: LexborHTMLParser) -> Iterator[Container]:
    for node in document.css(f"[{VIEW}]")[:MAX_CONTAINERS]:
        container = container_of(node.attributes)
        if container is not None:
            yield container


def _is_inside_of_a_view(node: Any) -> bool:
    above = node.parent
    while above is not None:
        if _view_id(above.attributes):
            return True
        above = above.parent
    return False


def _attribute(document: LexborHTMLParser, selector: str, name: str) -> str | None:
    node = document.css_first(selector)
    return None if node is None else node.attributes.get(name)


def _absolute(source: str, url: str) -> str:
    """As ``node.src`` of a browser: what is no URL stays as it is written."""
    try:
        return leading_to(source, url)
    except ViewError:
        return source


def _spaced(text: str) -> str:
    """As ``document.title`` says it."""
    return " ".join(text.split())
