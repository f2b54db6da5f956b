"""The trees of a recording's views, fed with its frames."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from selectolax.lexbor import LexborHTMLParser

from fastphx.liveview.diff import Changed
from fastphx.liveview.rendered import Rendered
from tests.liveview.recordings import Recording


def received(frame: dict[str, Any]) -> Iterator[tuple[str | None, str | None, str, str, Any]]:
    """The messages that the server sent with *frame*."""
    if frame["dir"] == "in" and "text" in frame:
        yield json.loads(frame["text"])
    elif frame["dir"] == "http" and frame.get("text", "").startswith('{"messages"'):
        for text in json.loads(frame["text"])["messages"]:
            yield json.loads(text)


def served_views(page: str) -> dict[str, str]:
    """The HTML of each view in a page as it was served, by the view's id."""
    found = {}
    for node in LexborHTMLParser(page).css("[data-phx-session]"):
        if node.id:
            found[node.id] = node.inner_html or ""
    return found


class Views:
    """The views of one browser, by their topics' ids."""

    def __init__(self, recording: Recording) -> None:
        self.recording = recording
        self.trees: dict[str, Rendered] = {}
        self.served = served_views(recording["page_html"])
        self.documents = [doc for doc in recording["docs"] if "html" in doc]
        self.changes: list[Changed] = []

    def feed(self, start: int, end: int) -> None:
        for number in range(start, end):
            while self.documents and self.documents[0]["at_frame"] <= number:
                self.served = served_views(self.documents.pop(0)["html"])
                self.trees.clear()
            for message in received(self.recording["frames"][number]):
                self.message(*message)

    def message(self, join_ref: str | None, ref: str | None, topic: str, event: str, payload: Any) -> None:
        if not topic.startswith("lv:"):
            return
        view = topic.removeprefix("lv:")
        response = payload.get("response", {}) if event == "phx_reply" else {}
        if "rendered" in response:
            self.trees[view] = Rendered(response["rendered"], served=self.served.get(view))
        elif "diff" in response and view in self.trees:
            self.changes.append(self.trees[view].merge(response["diff"]))
        elif event == "diff" and view in self.trees:
            self.changes.append(self.trees[view].merge(payload))

    def html(self) -> dict[str, str]:
        return {view: tree.html() for view, tree in self.trees.items()}
