"""Pieces of pages for tests, and what actions on them send."""

from __future__ import annotations

import json
from typing import Any

from fastphx.liveview.document import Document
from fastphx.liveview.events import Events
from fastphx.liveview.forms import LiveForms
from fastphx.liveview.outgoing import Outgoing, Push
from fastphx.liveview.version import Version

LATEST = Version(1, 2, 10)


def events_of(html: str, version: Version | None = LATEST) -> Events:
    return Events(Document(html), LiveForms(), version)


def payloads(sent: list[Outgoing]) -> list[dict[str, Any]]:
    return [each.payload for each in sent if isinstance(each, Push)]


def clicked(html: str, selector: str = "#x", version: Version | None = LATEST) -> list[Outgoing]:
    events = events_of(html, version)
    return events.click(events.document.find(selector))


def js(*commands: list[Any]) -> str:
    return json.dumps(commands).replace("&", "&amp;").replace('"', "&quot;")


COMPONENTS = (
    '<div id="v" data-phx-session="s"><p id="c1" class="c" data-phx-component="1"><b class="in"></b></p>'
    '<p id="c2" class="c" data-phx-component="2"></p><p id="none"></p>'
    '<div id="w" data-phx-session="s"><p id="c3" data-phx-component="1"><i id="deep"></i></p>'
    '<i id="flat"></i></div>'
)
"""Two views, one in the other, with components; the outer one is open."""
