"""A view: the page that a browser shows, to be read and acted on."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from typing import Any, Protocol
from urllib.parse import urlsplit

from fastphx.client.deadline import checked_timeout
from fastphx.errors import clip
from fastphx.foreign_text import clipped
from fastphx.liveview.addresses import leading_to
from fastphx.liveview.bindings import component_around, targets
from fastphx.liveview.controls import controls_of, owner
from fastphx.liveview.diff import Changed
from fastphx.liveview.document import Document, Element
from fastphx.liveview.errors import ElementError, ViewClosedError, ViewError, ViewTimeoutError
from fastphx.liveview.events import Events, FieldValue
from fastphx.liveview.flash import shown_flash
from fastphx.liveview.forms import ChosenFile, Forms, LiveForms
from fastphx.liveview.http import Fields
from fastphx.liveview.live_page import LivePage
from fastphx.liveview.living import Answer, Living
from fastphx.liveview.outgoing import Follow, Lasting, Outgoing, Push, Request
from fastphx.liveview.page_text import page_text
from fastphx.liveview.uploads import File, FileLike, UploadInput, Uploads
from fastphx.transports.pairs import pairs_of

logger = logging.getLogger("fastphx.liveview")

PushEventHandler = Callable[[Any], object]
Values = Mapping[str, FieldValue] | Sequence[tuple[str, FieldValue]]
Work = Callable[[], Coroutine[Any, Any, object]]


class Shower(Protocol):
    """The browser that shows a view."""

    timeout_s: float

    async def act(
        self, view: View | None, work: Work, timeout: float | None = None, *, is_bounded: bool = False
    ) -> View: ...
    async def done(self, work: Work, what: str, name: str | None) -> None: ...
    async def wait_changed(self) -> None: ...
    async def settled(self) -> None: ...
    async def submit_form(self, method: str, url: str, fields: Fields) -> None: ...
    def load(self, url: str, *, flash: str | None = None, reload_token: str | None = None) -> None: ...
    def navigate(self, url: str, kind: str, flash: str | None) -> None: ...


class View:
    """One page, from the time that the browser shows it until it goes elsewhere.

    An action returns the view that the browser shows when all that the action has started is over: often this
    one, and another one after a navigation. Then this one is over, and raises ViewClosedError.

    An action raises ElementError for an element that is not there, is disabled or has nothing bound to it;
    ViewCrashedError, ViewDisconnectedError and ViewTimeoutError; and what else stands in
    ``fastphx.liveview.errors``. Its *timeout* is in seconds; None: the browser's. *name* is that of its step
    in a load test.
    """

    __slots__ = (
        "_browser",
        "_document",
        "_document_of",
        "_events",
        "_forms",
        "_handlers",
        "_left_at",
        "_live",
        "_uploads",
        "_why_over",
        "living",
    )

    def __init__(self, browser: Shower, live: LivePage, living: Living | None) -> None:
        self.living = living
        """The page's main view on the socket; None for a page without one, and until it is joined."""
        self._browser = browser
        self._live = live
        self._document: Document | None = None
        self._document_of: tuple[object, ...] = ()
        self._events: Events | None = None
        self._forms = LiveForms()
        self._uploads = Uploads()
        self._handlers: dict[str, list[PushEventHandler]] = {}
        self._left_at: str | None = None
        self._why_over: str | None = None

    def __repr__(self) -> str:
        state = "over" if self._why_over is not None else "live" if self.is_live else "dead"
        return f"<View {self.url} {state}>"

    # -- reading

    @property
    def url(self) -> str:
        """Its URL, after all patches."""
        return self._live.url if self._left_at is None else self._left_at

    @property
    def title(self) -> str:
        """As ``document.title`` of a browser."""
        return self._live.page.title.text

    @property
    def status(self) -> int:
        """The HTTP status of its document."""
        return self._live.page.status

    @property
    def flash(self) -> dict[str, str]:
        """The flash messages on the page, by kind: ``{"info": "saved"}``. See
        :func:`fastphx.liveview.flash.shown_flash` for what is taken for one."""
        return shown_flash(self.document)

    @property
    def is_live(self) -> bool:
        """Whether it has a view on the live socket."""
        return self.living is not None

    @property
    def liveview_version(self) -> str | None:
        """The server's; None where it does not tell (before 0.20.15)."""
        version = self._live.version
        return None if version is None else ".".join(str(part) for part in version)

    @property
    def document(self) -> Document:
        """The page as it is now. It is parsed again only after a change, when somebody asks."""
        self.check_current()
        living = self._live.living.values()
        state = tuple((each.id, each.mounts, each.changes) for each in living)
        if self._document is None or self._document_of != state:
            if living and not self._live.renders:
                raise ViewError("the page is not rendered (render=False): send its events by name")
            self._document = Document(self._whole())
            self._document_of = state
            self._events = None
        return self._document

    def html(self, selector: str | None = None) -> str:
        """The HTML of the page's main view with its container, or of its body where it has no view; with
        *selector*, of the first element that matches. Raises ElementError where none does."""
        if selector is not None:
            return self.find(selector).html
        self.check_current()
        living, ids = self._live.main, self._live.page.parts[1::2]
        # A page may say that a view stands by itself which lies in another's element.
        if living is None or living.id not in ids:
            return self.find("body").html
        opening = self._container_tag(2 * ids.index(living.id) + 1)
        tag = opening[1:].split(None, 1)[0]
        return f"{opening}{living.html()}</{tag}>"

    def find(self, selector: str) -> Element:
        """The first element that a CSS selector matches. Raises ElementError, with what is like it."""
        return self.document.find(selector)

    def select(self, selector: str) -> list[Element]:
        """All elements that a CSS selector matches, in their order."""
        return self.document.select(selector)

    def text(self, selector: str = "body") -> str:
        """The text of the first element that matches, each run of white space as one space. Raises
        ElementError."""
        return self.find(selector).text

    def page_text(self) -> str:
        """The text of the page, a block a line."""
        self.check_current()
        return page_text(self._whole())

    async def wait_for(
        self, selector: str, *, text: str | None = None, timeout: float | None = None
    ) -> Element:
        """Return the first element that *selector* matches, and that has *text* in it where that is given, as
        soon as there is one. Raises ViewTimeoutError after *timeout* seconds, and ViewClosedError if the
        browser goes elsewhere."""
        limit_s = checked_timeout(timeout, self._browser.timeout_s)
        try:
            async with asyncio.timeout(limit_s):
                while True:
                    for element in self.select(selector):
                        if text is None or text in element.text:
                            return element
                    await self._browser.wait_changed()
        except TimeoutError:
            what = clip(selector) if text is None else f"{clip(selector)} with {clip(text)}"
            raise ViewTimeoutError(f"{what} has not come within {limit_s:g} s") from None

    def _container_tag(self, index: int) -> str:
        """The start tag of the container whose content stands at *index* of the page's parts."""
        before = self._live.page.parts[index - 1]
        return before[before.rindex("<") :]

    def _whole(self) -> str:
        parts = list(self._live.page.parts)
        for index in range(1, len(parts), 2):
            living = self._live.living.get(parts[index])
            parts[index] = "" if living is None else living.html()
        return "".join(parts)

    # -- its life

    def check_current(self) -> None:
        """Raises ViewClosedError if the browser shows another page."""
        if self._why_over is not None:
            raise ViewClosedError(f"this view is over: {self._why_over}")

    @property
    def is_over(self) -> bool:
        """Whether the browser shows another page."""
        return self._why_over is not None

    def over(self, why: str) -> None:
        """The browser goes elsewhere, or has come there: the last *why* is the truest."""
        if self._left_at is None:
            self._left_at = self._live.url
        self._why_over = why
        self._document = self._events = None

    def take(self, living: Living, changed: Changed) -> None:
        """*living*, a view of the page, has changed: its title, and the events that it has pushed."""
        self._take(living, changed.title, (*changed.events_before, *changed.events))

    def take_join(self, living: Living, rendered: Mapping[str, Any]) -> None:
        """*living* was joined: what else than HTML its answer has."""
        events = rendered.get("e")
        given = events if isinstance(events, list) else []
        pairs = [each for each in given if isinstance(each, list) and len(each) >= 2]
        self._take(living, rendered.get("t"), [(str(each[0]), each[1]) for each in pairs])

    def _take(self, living: Living, title: object, events: Sequence[tuple[str, Any]]) -> None:
        if title is not None and living is self._live.main:
            self._live.page.title.put(title)
        for name, payload in events:
            for handler in self._handlers.get(name, ()):
                try:
                    handler(payload)
                except Exception:
                    logger.exception("a handler of the pushed event %s", clip(name))

    def on_push_event(self, name: str, handler: PushEventHandler) -> None:
        """Call *handler(payload)* for each event *name* that the server pushes (``push_event``)."""
        self._handlers.setdefault(name, []).append(handler)

    # -- acting on elements

    async def click(self, selector: str, *, timeout: float | None = None, name: str | None = None) -> View:
        """Click the first element that matches: what it binds, then what it does by itself. A link is
        followed, a form submitted, a box checked."""
        return await self._act(
            f"click {selector}", name, timeout, lambda: self.events.click(self.find(selector))
        )

    async def follow(self, selector: str, *, timeout: float | None = None, name: str | None = None) -> View:
        """Follow a link: a patch, a live navigation or another document, as it says. Raises ElementError for
        what is no link."""

        def sent() -> list[Outgoing]:
            element = self.find(selector)
            did = self.events.click(element)
            if not any(isinstance(each, Follow | Request) for each in did):
                raise ElementError(f"{element.described()} is no link: click it")
            return did

        # A link is followed to another document while its view is joined again, too.
        return await self._act(f"follow {selector}", name, timeout, sent, awaits_join=False)

    async def change(
        self,
        selector: str,
        values: Values | str | float | None = (),
        *,
        timeout: float | None = None,
        name: str | None = None,
    ) -> View:
        """Fill in fields of a form, as a person who types: by name, one after the other, each with the
        ``phx-change`` of itself or of its form; *selector* may also be of one field, and *values* its value.

        A field takes a text or number, a box a bool, and several boxes of a name, or a select of several, a
        list. Values may also be pairs, so that a name can come twice.
        """
        given = _pairs(values)

        async def work() -> None:
            await self._until_joined()
            for each in given:
                await self._change(selector, each, name)

        return await self._browser.act(self, work, timeout)

    async def submit(
        self,
        selector: str,
        values: Values = (),
        *,
        submitter: str | None = None,
        timeout: float | None = None,
        name: str | None = None,
    ) -> View:
        """Fill in fields of a form as :meth:`change` does, and submit it: with the button that *submitter*
        selects, else with its first. Its files are uploaded first. A form without ``phx-submit`` is sent by
        HTTP."""
        given = _pairs(values)

        def sent() -> list[Outgoing]:
            by = None if submitter is None else self.find(submitter)
            return self.events.submit(self.find(selector), by)

        async def work() -> None:
            await self._until_joined()
            for each in given:
                await self._change(selector, each, None)
            await self._do(sent(), f"submit {selector}", name)

        return await self._browser.act(self, work, timeout)

    async def keydown(
        self, selector: str | None, key: str, *, timeout: float | None = None, name: str | None = None
    ) -> View:
        """``phx-keydown`` of an element, or ``phx-window-keydown`` of the page (None). *key* is a browser's:
        ``a``, ``Enter``, ``Escape``. Nothing is sent where ``phx-key`` is another."""
        return await self._act(
            f"keydown {key}", name, timeout, lambda: self.events.keydown(self._maybe(selector), key)
        )

    async def keyup(
        self, selector: str | None, key: str, *, timeout: float | None = None, name: str | None = None
    ) -> View:
        """``phx-keyup``, as :meth:`keydown`."""
        return await self._act(
            f"keyup {key}", name, timeout, lambda: self.events.keyup(self._maybe(selector), key)
        )

    async def press(
        self, selector: str | None, key: str, *, timeout: float | None = None, name: str | None = None
    ) -> View:
        """A key from down to up: a character is typed at the end of a field, Enter submits its form. None:
        whatever has the focus."""
        return await self._act(
            f"press {key}", name, timeout, lambda: self.events.press(self._maybe(selector), key)
        )

    async def focus(self, selector: str, *, timeout: float | None = None, name: str | None = None) -> View:
        """Give the focus to an element: ``phx-blur`` of what had it, then ``phx-focus``."""
        return await self._act(
            f"focus {selector}", name, timeout, lambda: self.events.focus(self.find(selector))
        )

    async def blur(
        self, selector: str | None = None, *, timeout: float | None = None, name: str | None = None
    ) -> View:
        """Take the focus from an element, or from whatever has it: ``phx-blur``."""
        return await self._act(
            f"blur {selector or 'focus'}",
            name,
            timeout,
            lambda: self.events.blur(self._maybe(selector)),
        )

    async def upload(
        self, selector: str, *files: FileLike, timeout: float | None = None, name: str | None = None
    ) -> View:
        """Choose *files* for an upload input, or for the first of a form: paths, or ``(name, content)`` and
        maybe a media type. They are validated by the form's ``phx-change``, and sent at once for an upload
        with ``auto_upload``, else when the form is submitted.

        Raises UploadError for what the server refuses, and for an external upload; ValueError, OSError.
        """
        chosen = [File.of(each) for each in files]

        async def work() -> None:
            await self._until_joined()
            control = self._file_input(selector)
            source = self._upload_input(control)
            self.events.forms.choose(control, [ChosenFile(each.name, each.size) for each in chosen])
            uploads: dict[str, Any] = {}
            if source is not None:
                self._uploads.choose(source, chosen)
                uploads = self._uploads.announced([source])
            await self._do(self.events.files_chosen(control, uploads), f"upload {selector}", name)
            if source is not None and source.is_auto:
                current = self._upload_input(self._file_input(selector))
                if current is not None:
                    await self._uploads.send(self._living_of(control.view_id), current)

        return await self._browser.act(self, work, timeout)

    # -- acting without elements

    async def event(
        self,
        event: str,
        value: Any = None,
        *,
        target: int | str | None = None,
        type: str = "click",  # noqa: A002 - LiveView's word
        timeout: float | None = None,
        name: str | None = None,
    ) -> View:
        """Send an event as it is, whatever the page has. *target*: a component's cid, or its selector."""

        async def work() -> None:
            await self._browser.done(
                lambda: self._push_raw({"type": type, "event": event, "value": value}, target, timeout),
                f"event {event}",
                name,
            )

        return await self._browser.act(self, work, timeout, is_bounded=True)

    async def hook_event(
        self,
        event: str,
        value: Any = None,
        *,
        target: int | str | None = None,
        timeout: float | None = None,
        name: str | None = None,
    ) -> Any:
        """Send an event as a JavaScript hook's ``pushEvent`` does, and return the reply; None for none."""
        answers: list[Answer] = []

        async def push() -> None:
            payload = {"type": "hook", "event": event, "value": value}
            answers.append(await self._push_raw(payload, target, timeout))

        async def work() -> None:
            await self._browser.done(push, f"hook {event}", name)

        await self._browser.act(self, work, timeout)
        answer = answers[0]
        if answer.changed is not None:
            return answer.changed.reply
        # Where nothing is merged, it stands in the answer as it came.
        diff = answer.response.get("diff")
        return diff.get("r") if isinstance(diff, dict) else None

    async def patch(self, to: str, *, timeout: float | None = None, name: str | None = None) -> View:
        """Go to *to* as ``<.link patch>`` does: the same view, with other parameters."""

        async def work() -> None:
            await self._patch(leading_to(to, self.url), "push", name)

        return await self._browser.act(self, work, timeout)

    async def navigate(self, to: str, *, timeout: float | None = None) -> View:
        """Go to *to* as ``<.link navigate>`` does: another view on the same socket, where the server allows
        it, and else another page."""

        async def work() -> None:
            self._main()
            self._browser.navigate(leading_to(to, self.url), "push", None)

        return await self._browser.act(self, work, timeout)

    async def patch_to(self, url: str) -> None:
        """What the browser's buttons do where this view shows *url*."""
        await self._patch(url, "traverse", None)

    # -- what the page's views tell

    def forms_now(self) -> Forms:
        """What its elements are now, to be held against what they become."""
        return self.events.forms

    async def recover(self, before: Forms) -> None:
        """After a rejoin: send the changes of its forms again."""
        await self._send(self.events.recovered(before))

    async def run_mounted(self, before: Forms | None) -> None:
        """Run ``phx-mounted`` of the elements that are new."""
        await self._send(self.events.mounted(before))

    async def trigger(self) -> None:
        """Send a form by HTTP that has ``phx-trigger-action`` now."""
        await self._send(self.events.triggered())

    # -- how

    @property
    def events(self) -> Events:
        """What an action on the page as it is now would send."""
        document = self.document
        if self._events is None:
            self._events = Events(document, self._forms, self._live.version)
            self._events.forms.patched(_is_ignored, self._own_forms())
        return self._events

    def _own_forms(self) -> set[str]:
        """See ``Rendered.own_forms``: asked for only where something was typed."""
        trees = [each.tree for each in self._live.living.values()] if self._forms.typed else []
        return {form_id for tree in trees if tree is not None for form_id in tree.own_forms}

    def _maybe(self, selector: str | None) -> Element | None:
        return None if selector is None else self.find(selector)

    async def _act(
        self,
        what: str,
        name: str | None,
        timeout: float | None,
        sent: Callable[[], list[Outgoing]],
        *,
        awaits_join: bool = True,
    ) -> View:
        """Send what *sent* returns."""

        async def work() -> None:
            if awaits_join:
                await self._until_joined()
            await self._do(sent(), what, name)

        return await self._browser.act(self, work, timeout)

    async def _until_joined(self) -> None:
        """Wait for a view that has crashed, and for its forms: what an action sends is of the page as it is
        then."""
        main = self._live.main
        if main is not None and main.mounts and not main.is_joined and self._live.keeps_up:
            # Where it cannot be, what needs no connection is done nevertheless; a push raises the reason.
            with suppress(ViewError):
                await main.wait_joined(self._browser.timeout_s)
            await self._browser.settled()
            self.check_current()

    async def _change(self, selector: str, given: tuple[str | None, FieldValue], name: str | None) -> None:
        field, value = given
        element = self.find(selector)
        what = f"change {selector}" if field is None else f"change {field}"
        sent = self.events.change(element, value if field is None else {field: value})
        await self._do(sent, what, name)

    async def _do(self, sent: list[Outgoing], what: str, name: str | None) -> None:
        """Send it. That is a step where the server answers; a navigation has steps of its own."""
        pushes = [each for each in sent if isinstance(each, Push)]
        for form in dict.fromkeys(each.submitted for each in pushes if each.submitted is not None):
            await self._send_files(form)
        if pushes:
            await self._browser.done(lambda: self._send(sent), clipped(what, 100), name)
        else:
            await self._send(sent, name)

    async def _send(self, sent: list[Outgoing], name: str | None = None) -> None:
        pushes = [each for each in sent if isinstance(each, Push)]
        self._keep([each for each in sent if isinstance(each, Lasting)])
        if pushes:
            # All are sent before the first is answered.
            tasks = [asyncio.ensure_future(self._push(each)) for each in pushes]
            try:
                await asyncio.gather(*tasks)
            finally:
                for task in tasks:
                    task.cancel()
        for each in sent:
            if isinstance(each, Follow):
                await self._follow(each, name)
            elif isinstance(each, Request):
                await self._browser.submit_form(
                    each.method, leading_to(each.action, self._live.url), each.fields
                )

    async def _push(self, push: Push) -> Answer:
        living = self._living_of(push.view_id)
        return await living.push("event", push.payload, self._browser.timeout_s)

    async def _push_raw(
        self, payload: dict[str, Any], target: int | str | None, timeout: float | None
    ) -> Answer:
        if payload["value"] is None:
            payload["value"] = {}
        living = self._main()
        if isinstance(target, str):
            element = self.find(target)
            living = self._living_of(element.view_id)
            target = component_around(element)
        if target is not None:
            payload["cid"] = target
        timeout_s = self._browser.timeout_s if timeout is None else timeout
        return await living.push("event", payload, timeout_s)

    async def _follow(self, link: Follow, name: str | None) -> None:
        url = leading_to(link.href, self._live.url)
        kind = "replace" if link.replaces else "push"
        if link.kind == "href" or self._live.main is None:
            self._browser.load(url)
        elif link.kind == "navigate":
            self._browser.navigate(url, kind, None)
        else:
            await self._patch(url, kind, name)

    async def _patch(self, url: str, kind: str, name: str | None) -> None:
        main = self._main()

        async def push() -> None:
            answer = await main.push("live_patch", {"url": url}, self._browser.timeout_s)
            if answer.response.get("link_redirect"):
                self._browser.navigate(url, kind, None)
            elif not {"redirect", "live_redirect"} & answer.response.keys():
                self._live.patched(url, kind)

        await self._browser.done(push, f"patch {urlsplit(url).path or '/'}", name)

    def _keep(self, lasting: list[Lasting]) -> None:
        """What JS commands have done to elements stays over patches."""
        for each in lasting:
            living = self._living_of(each.element.view_id)
            if living.tree is None:
                continue
            sticky = living.tree.sticky(each.element.key)
            match each.operation:
                case "add_class":
                    sticky.add_classes(each.names)
                case "remove_class":
                    sticky.remove_classes(each.names)
                case "set_attr":
                    sticky.set[each.names[0]] = each.names[1]
                case "remove_attr":
                    sticky.set[each.names[0]] = None
                case _:
                    continue
            living.changes += 1

    # -- files

    def _file_input(self, selector: str) -> Element:
        element = self.find(selector)
        if element.tag == "form":
            found = [each for each in controls_of(element) if each.get("type") == "file"]
            if not found:
                raise ElementError(f"{element.described()} has no input for files")
            return found[0]
        if element.get("type") != "file":
            raise ElementError(f"{element.described()} is no input for files")
        return element

    def _upload_input(self, control: Element) -> UploadInput | None:
        form = owner(control)
        cid = None if form is None else targets(form)[0].cid
        return UploadInput.of(control.attributes, cid)

    async def _send_files(self, form: Element) -> None:
        for control in controls_of(form):
            source = self._upload_input(control) if control.get("type") == "file" else None
            if source is not None:
                await self._uploads.send(self._living_of(control.view_id), source)

    def _living_of(self, view_id: str | None) -> Living:
        """The view that an element belongs to."""
        living = None if view_id is None else self._live.living.get(view_id)
        return self._main() if living is None else living

    def _main(self) -> Living:
        living = self._live.main
        if living is None:
            raise ViewError(f"the page at {self.url} has no live view")
        return living


def _is_ignored(control: Element) -> bool:
    """Whether a patch leaves it as it is."""
    return any(each.get("phx-update") == "ignore" for each in control.lineage())


def _pairs(values: Values | str | float | None) -> list[tuple[str | None, FieldValue]]:
    """Field by field; a name of None for the element's own value."""
    if values is None or isinstance(values, str | int | float):
        return [(None, values)]
    fields = pairs_of(values)
    return list(fields)
