"""A page's HTML: its views and forms, and whatever a person may do with its elements."""

from __future__ import annotations

from collections.abc import Iterable

from fastphx.errors import FastphxError
from fastphx.liveview.document import Document
from fastphx.liveview.errors import ViewError
from fastphx.liveview.events import Events
from fastphx.liveview.forms import LiveForms, posted
from fastphx.liveview.page import Page
from fastphx.liveview.version import Version
from tests.fuzz.steps import BETWEEN
from tests.liveview.recordings import VERSIONS, recordings
from tests.liveview.test_hostile_pages import NAMES, TAGS, VALUES

PIECES = (
    *(f"<{tag} ".encode() for tag in TAGS),
    *(f"</{tag}>".encode() for tag in TAGS),
    *(f'{name}="'.encode() for name in NAMES),
    *(value.encode("utf-8", "surrogatepass").replace(b'"', b"&quot;") for value in VALUES),
    *(
        b'data-phx-session="a" data-phx-static="b" id="c"',
        b"data-phx-main",
        b"data-phx-sticky",
        b"data-phx-parent-id=",
    ),
    *(
        b'<meta name="csrf-token" content="',
        b"<!doctype html>",
        b"<template>",
        b"<!--",
        b"-->",
        b"<![CDATA[",
        BETWEEN,
    ),
)
MAX_BYTES = 2000
MAX_ELEMENTS = 12
SELECTORS = ("form", "input,select,textarea", "[phx-click],a,button", "*")


def seeds() -> Iterable[bytes]:
    for version in VERSIONS:
        for recording in recordings(version).values():
            html = recording["page_html"]
            at = html.find("<body")
            yield b"1" + html[max(0, at) :][: MAX_BYTES - 10].encode("utf-8", "surrogatepass")
    controls = b'<input name="a" value="b"><select name="s"><option selected>x'
    yield b'0<form id="f" phx-change="v" phx-submit="s">' + controls
    yield b'2<form phx-change="v">' + controls + BETWEEN + b'<form phx-change="w">' + controls


def check(data: bytes) -> None:
    texts = [each.decode("utf-8", "replace") for each in data[1:].split(BETWEEN)[:3]]
    version = (None, Version(0, 20, 17), Version(1, 1, 0))[sum(data[:1]) % 3]
    live = LiveForms()
    before: Events | None = None
    for html in texts:
        check_page(html)
        try:
            events = Events(Document(html), live, version)
        except ViewError as error:
            assert str(error).isprintable()
            return
        act(events, before)
        before = events


def check_page(html: str) -> None:
    try:
        page = Page("http://host/a/b", 200, html)
    except ViewError as error:
        assert str(error).isprintable()
        return
    for container in page.containers:
        page.take_static(container)
        page.take_served(container.id)
    assert page.main is None or page.main in page.containers
    assert len(page.parts) % 2 == 1
    page.title.put("x")
    assert "\n" not in page.title.text


def act(events: Events, before: Events | None) -> None:
    document, forms = events.document, events.forms
    assert document.text is not None
    if before is not None:
        forms.patched()
    actions = [events.triggered, events.mounted]
    if before is not None:
        last = before.forms
        actions.append(lambda: events.recovered(last))
    for form in document.select("form")[:MAX_ELEMENTS]:
        actions.append(lambda form=form: [forms.encoded(form, None), posted(forms.entries(form))])
        actions.append(lambda form=form: events.submit(form))
    for control in document.select("input,select,textarea")[:MAX_ELEMENTS]:
        actions.append(lambda control=control: events.change(control, "a"))
        actions.append(lambda control=control: events.focus(control))
    for element in document.select("*")[:MAX_ELEMENTS]:
        assert element.described().isprintable()
        actions.append(lambda element=element: events.click(element))
        actions.append(lambda element=element: events.press(element, "Enter"))
    for action in actions:
        try:
            action()
        except FastphxError as error:
            assert "\n" not in str(error)
