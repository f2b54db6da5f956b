"""A recording acted again: what our client would send for each step, and what the browser sent.

What is not compared, and why:

* refs, and tokens: they are others in each run;
* what the browser sends by itself (joins, leaves, ``cids_…``, heartbeats, uploads), and the events of hooks:
  their JavaScript is not run;
* the event of a ``phx-click-away``: it is noted, and not sent;
* time: an event held back by ``phx-debounce="blur"`` is compared with the step that blurs, one that
  ``phx-throttle`` drops is left out;
* repeated events of one fill: the driver writes a text with line ends in several pieces.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urljoin

from fastphx.liveview.document import Document, Element
from fastphx.liveview.events import Events
from fastphx.liveview.forms import ChosenFile, Forms, LiveForms
from fastphx.liveview.outgoing import Follow, Outgoing, Push, Request
from fastphx.liveview.version import Version
from tests.liveview.recordings import Recording
from tests.liveview.replayed import Views

LIVEVIEW_VERSIONS = {
    "lv020": Version(0, 20, 17),
    "lv11": Version(1, 1, 33),
    "lv12": Version(1, 2, 10),
}

Sent = tuple[str, str, Any]
"""``event``, topic, payload; ``patch``, ``navigate`` or ``href``, the URL; ``request``, method, fields."""

_LIVE_REDIRECT = re.compile(r'"live_redirect"[:,]\{[^{}]*"to":"([^"]*)"')

_TEXTAREA = re.compile(r"(<textarea[^>]*>)([^<]*)</textarea>")

SIZES = {"a.txt": 20_000, "b.txt": 9_000, "c.txt": 10, "big.txt": 50_000, "bad.pdf": 10}


@dataclass
class Step:
    """One step: what we and the browser sent, and what the forms held after it."""

    name: str
    sent: list[Sent] = field(default_factory=list)
    browser_sent: list[Sent] = field(default_factory=list)
    forms: dict[str, Any] = field(default_factory=dict)
    browser_forms: dict[str, Any] = field(default_factory=dict)


class Acting:
    """One recording, acted step by step on the DOM that the browser had before each."""

    def __init__(self, recording: Recording, version: str) -> None:
        self.recording = recording
        self.version = LIVEVIEW_VERSIONS[version]
        self.live = LiveForms()
        self.document: Document | None = None
        self.url = ""
        self.held_back: list[Outgoing] = []
        self.views = Views(recording)

    def steps(self) -> Iterator[Step]:
        for number, step in enumerate(self.recording["steps"]):
            yield self.step(number, step)

    def step(self, number: int, step: dict[str, Any]) -> Step:
        name = f"{number}: {step['action']} {step.get('selector', '')} {step.get('value', '')}"
        result = Step(name.strip(), browser_forms=step.get("forms", {}))
        if self.document is not None:
            events = Events(self.document, self.live, self.version)
            result.sent += [self.as_sent(each) for each in self.act(events, step)]
            result.sent = [each for each in result.sent if each[0]]
        if step["action"] not in ("goto", "back", "forward"):
            result.browser_sent = list(self.browser_messages(step))
            kinds = {"event", "patch", "navigate", *(each[0] for each in result.sent)}
            # Pages are loaded and forms are sent by what the server answers, too.
            result.browser_sent = [each for each in result.browser_sent if each[0] in kinds]
        before = Forms(self.document, self.live) if self.document is not None else None
        self.views.feed(step["frames_from"], step["frames_to"])
        self.document = Document(self.with_textareas(step.get("dom_after") or self.recording["page_html"]))
        after = Events(self.document, self.live, self.version)
        if before is not None and self.rejoins(step):
            result.sent += [self.as_sent(each) for each in after.recovered(before)]
        if self.is_other_page(step):
            self.live = LiveForms()
            after = Events(self.document, self.live, self.version)
        elif before is not None:
            result.sent += [self.as_sent(each) for each in after.mounted(before)]
        if any(frame["dir"] == "in" for frame in self.frames(step)):
            trees = self.views.trees.values()
            after.forms.patched(own_forms={form_id for tree in trees for form_id in tree.own_forms})
        self.url = urljoin("http://127.0.0.1", step["url"])
        for form_id in result.browser_forms:
            form = self.document.by_id(form_id)
            assert form is not None
            result.forms[form_id] = [
                [key, f"FILE:{value.name}:{value.size_bytes}" if isinstance(value, ChosenFile) else value]
                for key, value in after.forms.entries(form)
            ]
        return result

    def with_textareas(self, dom: str) -> str:
        """The text that the server renders in a textarea is no part of the recorded HTML of a DOM."""
        for html in self.views.html().values():
            for tag, text in _TEXTAREA.findall(html):
                dom = dom.replace(f"{tag}</textarea>", f"{tag}{text}</textarea>")
        return dom

    # -- what we do

    def act(self, events: Events, step: dict[str, Any]) -> list[Outgoing]:
        selector, value = step.get("selector"), step.get("value")
        element = events.document.find(selector) if selector else None
        match step["action"], element:
            case "click" | "clicks" | "dblclick", Element() as clicked:
                if clicked.closest("phx-hook"):
                    return []
                is_throttled = clicked.has("phx-throttle")
                times = value if step["action"] == "clicks" and not is_throttled else 1
                return [each for _ in range(times) for each in events.click(clicked)]
            case "fill" | "select", Element() as field_:
                sent = events.change(field_, value)
                if field_.get("phx-debounce") == "blur":
                    self.held_back = sent
                    return []
                return sent
            case "files", Element() as field_:
                events.forms.choose(field_, [ChosenFile(each, SIZES[each]) for each in value])
                uploads = [each[2]["uploads"] for each in self.browser_messages(step) if each[0] == "event"]
                return events.files_chosen(field_, uploads[0])
            case "key", pressed:
                return events.press(pressed, value)
            case "focus", Element() as focused:
                return events.focus(focused)
            case "blur", _:
                held_back, self.held_back = self.held_back, []
                return [*events.blur(), *held_back]
            case _:
                return []

    def as_sent(self, outgoing: Outgoing) -> Sent:
        match outgoing:
            case Push(view_id, payload):
                return ("event", f"lv:{view_id}", payload)
            case Follow(kind, href):
                return (kind, urljoin(self.url, href), None)
            case Request(method, action, fields):
                return ("request", f"{method} {urljoin(self.url, action)}", fields)
            case _:
                return ("", "", None)

    # -- what the browser did

    def frames(self, step: dict[str, Any]) -> list[dict[str, Any]]:
        frames: list[dict[str, Any]] = self.recording["frames"][step["frames_from"] : step["frames_to"]]
        return frames

    def raw_messages(self, step: dict[str, Any]) -> Iterator[list[Any]]:
        for frame in self.frames(step):
            text = frame.get("text") if frame["dir"] == "out" else frame.get("post")
            if text:
                yield json.loads(text)

    def browser_messages(self, step: dict[str, Any]) -> Iterator[Sent]:
        away = [] if self.document is None else self.document.with_attribute("phx-click-away")
        last: Sent | None = None
        for _, _, topic, event, payload in self.raw_messages(step):
            message: Sent | None = None
            if event == "event" and payload["type"] != "hook":
                message = ("event", topic, payload)
                if any(payload["value"] == {"src": each.get("phx-value-src")} for each in away):
                    continue
            elif event == "live_patch":
                message = ("patch", without_port(payload["url"]), None)
            elif event == "phx_join" and "redirect" in payload:
                message = ("navigate", without_port(payload["redirect"]), None)
                if message[1] in self.redirected(step):
                    continue
            if message is not None and not (step["action"] == "fill" and message == last):
                yield message
            last = message
        for document in self.documents(step):
            if document["method"] == "POST":
                fields = parse_qsl(document["post"], keep_blank_values=True)
                yield ("request", f"post {without_port(document['url'])}", fields)
            elif step["action"] == "click":
                yield ("href", without_port(document["url"]), None)

    def documents(self, step: dict[str, Any]) -> list[dict[str, Any]]:
        """Those that the step has loaded."""
        return [
            each
            for each in self.recording["docs"]
            if step["frames_from"] <= each["at_frame"] <= step["frames_to"]
        ]

    def redirected(self, step: dict[str, Any]) -> list[str]:
        """Where the server had the browser navigate to."""
        received = "".join(frame.get("text", "") for frame in self.frames(step) if frame["dir"] != "out")
        return [urljoin(self.url, each) for each in _LIVE_REDIRECT.findall(received.replace('\\"', '"'))]

    def rejoins(self, step: dict[str, Any]) -> bool:
        return not self.documents(step) and any(
            event == "phx_join" and "url" in payload for _, _, _, event, payload in self.raw_messages(step)
        )

    def is_other_page(self, step: dict[str, Any]) -> bool:
        return step["action"] == "goto" or any(
            event == "phx_join" and "redirect" in payload
            for _, _, _, event, payload in self.raw_messages(step)
        )


def without_port(url: str) -> str:
    """The demo app's URLs, whatever port it had."""
    head, slash, path = url.removeprefix("http://").partition("/")
    return f"http://{head.partition(':')[0]}{slash}{path}"
