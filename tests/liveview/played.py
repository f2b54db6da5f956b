"""A recording, played again: the actions of its steps by our browser, against the frames of its server."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from fastphx.errors import FastphxError
from fastphx.liveview import Browser, File, View, ViewCrashedError, ViewDisconnectedError, browse
from tests.liveview.normalised import normalised
from tests.liveview.recordings import Recording, recording
from tests.liveview.replay_server import Replay, Sent

APPLICATION_PARAMS = (("locale", "en"), ("tz", "UTC"))
"""What the recorded application's page gives its LiveSocket."""


CLICKED_AWAY = {"src": "away"}
"""The value of the recorded application's ``phx-click-away``, which our browser leaves to its user."""


@dataclass
class Played:
    """What came of it."""

    steps: int = 0
    dom_equal: int = 0
    frames: int = 0
    """Frames that the browser and our client have sent."""
    frames_equal: int = 0
    differing: list[str] = field(default_factory=list)


async def play(version: str, page: str) -> Played:
    recorded = recording(version, page)
    played = Played()
    async with (
        Replay(recorded) as server,
        browse(server.url, params=APPLICATION_PARAMS, timeout=10) as browser,
    ):
        person = Person(browser, recorded, server)
        for number, step in enumerate(recorded["steps"]):
            where = f"{version} {page} step {number} ({step['action']} {step.get('selector') or ''})"
            try:
                with suppress(ViewCrashedError, ViewDisconnectedError):
                    await person.do(number, step)
                await server.played(step["frames_to"])
                await person.caught_up()
            except (TimeoutError, FastphxError) as error:
                missing = server.missing(step["frames_to"])
                played.differing.append(f"{where}: {error!r}; not passed: {missing}")
                break
            played.steps += 1
            problems = _differences(person, step)
            played.dom_equal += not problems
            played.differing += [f"{where}: {problem}" for problem in problems]
        played.differing += [f"{version} {page}: {problem}" for problem in server.problems]
        for sent in server.sent:
            played.frames += 1
            difference = _difference(version, sent)
            if difference is None:
                played.frames_equal += 1
            else:
                played.differing.append(f"{version} {page} frame {sent.index}: {difference}")
        for wanted, own in server.posts:
            if wanted != own:
                played.differing.append(f"{version} {page}: posted {own}, the browser {wanted}")
    return played


class Person:
    """Does what the steps of a recording say."""

    def __init__(self, browser: Browser, recorded: Recording, server: Replay) -> None:
        self.browser = browser
        self.view: View | None = None
        self._steps = recorded["steps"]
        self._frames = server.frames
        self._server = server
        self._put_off: tuple[str, str] | None = None

    async def do(self, number: int, step: dict[str, Any]) -> None:
        view, selector, value = self.view, step.get("selector"), step.get("value")
        sent = [
            frame
            for frame in self._frames[step["frames_from"] : step["frames_to"]]
            if frame.dir == "out" and not frame.is_left_out
        ]
        # What JavaScript sends of itself, a hook's or a click-away's, is sent by its name.
        raw = [frame.index for frame in sent if _is_of_javascript(frame.message)]
        hooks = [self._frames[index].message[4] for index in raw if _type(self._frames[index]) == "hook"]
        match step["action"]:
            case "goto":
                self.view = await self.browser.open(value)
            case "back":
                self.view = await self.browser.back()
            case "forward":
                self.view = await self.browser.forward()
            case "click" | "clicks" | "dblclick" if not hooks:
                # phx-throttle holds some of several back in a browser.
                clicks = [None] if step["action"] == "click" else [f for f in sent if f.index not in raw]
                left = len(clicks)
                for frame in [frame for frame in sent if frame.event == "event"] or [None]:
                    assert self.view is not None
                    if frame is not None and frame.index in raw and not self._server.answers(frame):
                        self._server.leave_out(frame)
                    elif frame is not None and frame.index in raw:
                        payload = frame.message[4]
                        await self.view.event(payload["event"], payload["value"], target=payload.get("cid"))
                    elif left:
                        left -= 1
                        self.view = await self.view.click(selector)
                if left == 1 and step["action"] == "click":
                    assert self.view is not None
                    self.view = await self.view.click(selector)
            case "fill" | "select":
                assert view is not None
                following = self._steps[number + 1 :]
                if not sent and following and following[0]["action"] == "blur":
                    self._put_off = (selector, value)
                else:
                    # Some browsers tell of a text in several pieces.
                    for _ in range(max(1, len(sent))):
                        await self._fill(view, selector, value)
            case "blur":
                assert view is not None
                if self._put_off is not None:
                    await self._fill(view, *self._put_off)
                    self._put_off = None
                self.view = await view.blur(selector)
            case "focus":
                assert view is not None
                self.view = await view.focus(selector)
            case "key":
                assert view is not None
                self.view = await view.press(selector, value)
            case "files":
                assert view is not None
                self.view = await view.upload(selector, *(self._file(name) for name in value))
        for payload in hooks:
            assert self.view is not None
            await self.view.hook_event(payload["event"], payload["value"], target=payload.get("cid"))
        if self.view is not None and self.view.is_over:
            self.view = self.browser.view

    async def _fill(self, view: View, selector: str, value: Any) -> None:
        element = view.find(selector)
        if element.tag == "select" and len(value) == 1:
            value = value[0]
        if isinstance(value, list):
            self.view = await view.change(selector, {element.get("name") or "": value})
        else:
            self.view = await view.change(selector, value)

    def _file(self, name: str) -> File:
        """As the recorded browser had it."""
        for frame in self._frames:
            if frame.event == "event":
                for entries in (frame.message[4].get("uploads") or {}).values():
                    for entry in entries:
                        if entry["name"] == name:
                            size = entry["size"]
                            letter = name[0]
                            text = "".join(f"{letter}{line:07d}\n" for line in range(size // 9 + 1))[:size]
                            return File(name, text.encode(), entry["type"], size, entry["last_modified"])
        raise AssertionError(f"the recording has no file {name}")

    def there(self, text: str) -> str:
        """*text* with the recorded server's address."""
        return self._server.there(text)

    async def caught_up(self) -> None:
        """Return when the client has handled all that the server has sent."""
        await self._server.caught_up(self.browser)


def _type(frame: Any) -> Any:
    return frame.message[4].get("type") if frame.event == "event" else None


def _is_of_javascript(message: list[Any]) -> bool:
    payload = message[4]
    return message[3] == "event" and (payload["type"] == "hook" or payload["value"] == CLICKED_AWAY)


def _differences(person: Person, step: dict[str, Any]) -> list[str]:
    view = person.view
    assert view is not None
    found = []
    parts = urlsplit(view.url)
    url = parts.path + (f"?{parts.query}" if parts.query else "")
    if url != step["url"]:
        found.append(f"the URL is {url}, the browser's {step['url']}")
    if " ".join(view.title.split()) != " ".join(step["title"].split()) and view.status < 400:
        found.append(f"the title is {view.title!r}, the browser's {step['title']!r}")
    if step.get("value") == "liveSocket.disconnect()" or "dom_after" not in step:
        return found
    own = view.html() if step["dom_what"] == "main" else view.html("body")
    own, theirs = normalised(person.there(own)), normalised(step["dom_after"])
    if own != theirs:
        lines = [f"{a} != {b}" for a, b in zip(own, theirs, strict=False) if a != b]
        found.append(f"the DOM differs: {lines[:1]} ({len(own)} lines, {len(theirs)})")
    return found


def _difference(version: str, sent: Sent) -> str | None:
    recorded, own = (_without_what_differs(version, message) for message in (sent.recorded, sent.own))
    if recorded == own:
        return None
    return f"sent {json.dumps(own)[:400]}, the browser {json.dumps(recorded)[:400]}"


def _without_what_differs(version: str, message: list[Any]) -> Any:
    """The frame without its refs; of a join, without what depends on the version, which nobody knows before
    the first join is answered: ``_mount_attempts`` and ``sticky``, and a flash that is null."""
    payload = message[4]
    if message[3] == "phx_join" and isinstance(payload, dict):
        payload = {key: value for key, value in payload.items() if key != "sticky"}
        if payload.get("flash", 0) is None:
            del payload["flash"]
        payload["params"] = {
            key: value for key, value in payload.get("params", {}).items() if key != "_mount_attempts"
        }
    return [message[2], message[3], payload]
