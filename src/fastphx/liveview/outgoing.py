"""What an action of a person makes a browser do: pushes, links, requests, and what stays in the page."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from fastphx.liveview.document import Element


@dataclass(frozen=True, slots=True)
class Push:
    """The event ``event`` on the topic of a view: ``{type, event, value, …}``."""

    view_id: str | None
    """The view that the element belongs to; None if the document has no container of a view."""
    payload: dict[str, Any]
    submitted: Element | None = field(default=None, compare=False, repr=False)
    """The form that it submits: its files go first."""


@dataclass(frozen=True, slots=True)
class Follow:
    """A link: ``patch`` and ``navigate`` on the socket, ``href`` by loading the page."""

    kind: Literal["patch", "navigate", "href"]
    href: str
    """As it stands on the page: it may be relative."""
    replaces: bool = False
    """Whether the entry in the history is replaced."""


@dataclass(frozen=True, slots=True)
class Request:
    """A form sent by HTTP: without ``phx-submit``, by ``phx-trigger-action``, or a link's ``data-method``."""

    method: str
    """``get`` or ``post``."""
    action: str
    """The URL as it stands on the page; empty for the page's own."""
    fields: list[tuple[str, str]]
    enctype: str = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class Lasting:
    """A change of an element's class or attribute that stays over patches."""

    element: Element
    operation: Literal["add_class", "remove_class", "set_attr", "remove_attr"]
    names: tuple[str, ...]
    """The classes, or the attribute with its value."""


@dataclass(frozen=True, slots=True)
class Noted:
    """Something that only a screen shows, or that only JavaScript hears: nothing is done about it."""

    element: Element
    command: str
    arguments: dict[str, Any]


Outgoing = Push | Follow | Request | Lasting | Noted
